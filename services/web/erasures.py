"""The patient's wish that everything be erased: asked for on the case's page, confirmed by the button behind a mailed link. Opening a page changes nothing."""

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from services.web import sessions
from services.web.addresses import require_token
from services.web.context import site
from services.web.forms import Filled
from shared.problems import NotFound, Problem, Unauthorised

# -- rules --------------------------------------------------------------------


def ask_for_erasure(reference: str) -> None:
    """A link that confirms it goes by mail. Raises Unauthorised, NotFound."""
    sessions.ask(sessions.CASE, "POST", f"/v1/enquiries/{reference}/erasure", body={})


def confirm_erasure(token: str) -> dict[str, Any]:
    """It has begun, and cannot be stopped; twice is once. Raises NotFound(link-invalid)."""
    body = {"token": require_token(token)}
    erasure: dict[str, Any] = site().enquiry.ask("POST", "/v1/erasures/confirmations", body=body, caller=sessions.caller())
    return erasure


# -- routes -------------------------------------------------------------------

bp = Blueprint("erasures", __name__)


@bp.route("/case/<reference:reference>/erasure", methods=["POST"])
def ask(reference: str) -> str:
    """Asked for: nothing has happened yet."""
    ask_for_erasure(reference)
    return render_template("erasure_asked.html", reference=reference)


@bp.route("/l/erase/<token>")
def show(token: str) -> str:
    """What it means, and the button."""
    return render_template("erase.html", token=token)


@bp.route("/l/erase/<token>", methods=["POST"])
def confirm(token: str) -> str:
    """It was pressed."""
    return render_template("erasure_begun.html", erasure=confirm_erasure(token))


@bp.errorhandler(NotFound)
@bp.errorhandler(Unauthorised)
def not_open_here(problem: Problem) -> ResponseReturnValue:
    purpose = "case" if problem.slug == "link-invalid" else "closed_case"
    return render_template("link_invalid.html", filled=Filled(), purpose=purpose), problem.status

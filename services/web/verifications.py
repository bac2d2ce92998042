"""The link that proves an address: a button, and what is open after it was pressed. Opening the page changes nothing: mail scanners do that, too."""

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from services.web import sessions
from services.web.addresses import require_token
from services.web.context import site
from services.web.forms import Filled
from shared.problems import NotFound

# -- rules --------------------------------------------------------------------


def prove_address(token: str) -> dict[str, Any]:
    """The enquiry that is open now; twice is once. Raises NotFound(link-invalid), Conflict where it has ended."""
    body = {"token": require_token(token)}
    opened: dict[str, Any] = site().enquiry.ask("POST", "/v1/verifications", body=body, caller=sessions.caller())
    return opened


# -- routes -------------------------------------------------------------------

bp = Blueprint("verifications", __name__, url_prefix="/l/verify")


@bp.route("/<token>")
def show(token: str) -> str:
    """The button."""
    return render_template("verify.html", token=token)


@bp.route("/<token>", methods=["POST"])
def prove(token: str) -> str:
    """It was pressed."""
    return render_template("verified.html", enquiry=prove_address(token))


@bp.errorhandler(NotFound)
def link_invalid(_problem: NotFound) -> ResponseReturnValue:
    return render_template("link_invalid.html", filled=Filled(), purpose="verify"), 404

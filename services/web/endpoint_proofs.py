"""The link that proves a hospital's mail address: a button, and what is so after it was pressed. Opening the page changes nothing: mail scanners do that, too."""

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from services.web import sessions
from services.web.addresses import require_token
from services.web.context import site
from services.web.forms import Filled
from shared.problems import NotFound

# -- rules --------------------------------------------------------------------


def prove_endpoint(token: str) -> dict[str, Any]:
    """The hospital whose alerts go there now; twice is once. Raises NotFound(link-invalid)."""
    body = {"token": require_token(token)}
    proved: dict[str, Any] = site().notification.ask("POST", "/v1/endpoint-proofs", body=body, caller=sessions.caller())
    return proved


# -- routes -------------------------------------------------------------------

bp = Blueprint("endpoint_proofs", __name__, url_prefix="/l/endpoint")


@bp.route("/<token>")
def show(token: str) -> str:
    """The button."""
    return render_template("endpoint.html", token=token)


@bp.route("/<token>", methods=["POST"])
def prove(token: str) -> str:
    """It was pressed."""
    return render_template("endpoint_proved.html", hospital=prove_endpoint(token)["hospital"])


@bp.errorhandler(NotFound)
def link_invalid(_problem: NotFound) -> ResponseReturnValue:
    return render_template("link_invalid.html", filled=Filled(), purpose="endpoint"), 404

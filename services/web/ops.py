"""Operations: where the APIs are. The board comes later."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from shared.problems import Forbidden, Unauthorised

from . import sessions
from .context import site
from .languages import mark

SHOWN = {
    "enquiry": (mark("Enquiries"), mark("Cases and what became of them; who may sign in; keys of hospitals’ systems and web clients.")),
    "notification": (
        mark("Notifications"),
        mark("Mails and webhooks with every attempt, hospitals’ addresses, and whatever waits for a decision."),
    ),
    "catalog": (mark("Catalog"), mark("Procedures, hospitals, doctors and prices, as patients are shown them.")),
}
"""What an API is for: its name and a sentence."""

# -- rules --------------------------------------------------------------------


def api_pages() -> list[dict[str, str]]:
    """The APIs' own pages that the settings name: {name, what, address}."""
    addresses = dict(page.split("=", 1) for page in site().settings.api_pages)
    return [{"name": name, "what": what, "address": addresses[service]} for service, (name, what) in SHOWN.items() if service in addresses]


# -- routes -------------------------------------------------------------------

bp = Blueprint("ops", __name__, url_prefix="/ops")


@bp.route("")
def show() -> str:
    """What operations can use today."""
    if sessions.kind_of(sessions.DESK) != "ops":
        raise Forbidden("not-allowed")
    return render_template("ops.html", pages=api_pages())


@bp.errorhandler(Unauthorised)
def sign_in_first(_problem: Unauthorised) -> ResponseReturnValue:
    return redirect(url_for("sign_ins.show"), 303)

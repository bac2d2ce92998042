"""The first page, and the links that are sent again. Says what exists here and nothing more.

Whether an address is known is never told.
"""

from typing import Any

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from shared.problems import Invalid

from . import forms, sessions
from .context import site
from .forms import EMAIL_FAULT, EmailForm, Filled

# -- rules --------------------------------------------------------------------


def send_links(filled: Filled, *, path: str) -> Filled:
    """Have links mailed to the address of a form: to cases (/v1/links) or to sign in (/v1/sign-ins). An address refused there is an error beside the field."""
    if filled.errors:
        return filled
    try:
        site().enquiry.ask("POST", path, body=filled.values, caller=sessions.caller())
    except Invalid:
        return filled.wrong("email", EMAIL_FAULT)
    return filled


# -- routes -------------------------------------------------------------------

bp = Blueprint("pages", __name__)


@bp.route("/")
def start() -> str:
    """What this is, and where to go."""
    return render_template("start.html")


@bp.route("/favicon.ico")
def favicon() -> ResponseReturnValue:
    """The mark, for those who look for it here."""
    return current_app.send_static_file("mark.svg")


@bp.route("/links")
def links() -> str:
    """Ask for the link to one's case again."""
    return render_template("links.html", filled=Filled())


@bp.route("/links", methods=["POST"])
def send_again() -> ResponseReturnValue:
    """Have it mailed."""
    filled = send_links(forms.filled(EmailForm()), path="/v1/links")
    if filled.errors:
        return render_template("links.html", filled=filled), 422
    return render_template("mailed.html", **_to_cases())


def _to_cases() -> dict[str, Any]:
    return {"purpose": "case"}

"""How people of hospitals and operations come in: an address, a mailed link, a code of their app; and out again.

Where somebody wanted to go before they were asked to sign in is kept for a quarter of an hour in a cookie.
"""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from shared.problems import Forbidden

from . import cookies, forms, mailed_links, sessions
from .addresses import require_token
from .forms import CodeForm, EmailForm, Filled
from .languages import mark
from .pages import send_links

WRONG_CODE = mark("This code is not right, or was used before. Write the one that your app shows now.")
GOING = "going"
GOING_SECONDS = 900

# -- rules --------------------------------------------------------------------


def come_in(link: str, filled: Filled) -> Filled:
    """A session for the link and the code; a wrong code is an error beside the field. Raises NotFound(link-invalid)."""
    if filled.errors:
        return filled
    try:
        sessions.sign_in(require_token(link), filled.values["code"])
    except Forbidden:
        return filled.wrong("code", WRONG_CODE)
    return filled


def remember(path: str) -> None:
    """Where to lead after the sign-in."""
    cookies.put(GOING, {"path": path}, seconds=GOING_SECONDS)


def destination() -> str:
    """Where to lead now: where they wanted to go, else to their own first page."""
    going = cookies.take(GOING)
    cookies.drop(GOING)
    if sessions.kind_of(sessions.DESK) == "ops":
        return url_for("ops.show")
    return str(going["path"]) if going else url_for("desk.index")


# -- routes -------------------------------------------------------------------

bp = Blueprint("sign_ins", __name__)
mailed_links.explain(bp, "sign_in")


@bp.route("/sign-in")
def show() -> str:
    """Which address?"""
    return render_template("sign_in_ask.html", filled=Filled(), wanted=cookies.take(GOING) is not None)


@bp.route("/sign-in", methods=["POST"])
def create() -> ResponseReturnValue:
    """Have the link mailed; the answer is the same for every address."""
    filled = send_links(forms.filled(EmailForm()), path="/v1/sign-ins")
    if filled.errors:
        return render_template("sign_in_ask.html", filled=filled, wanted=False), 422
    return render_template("mailed.html", purpose="sign_in")


@bp.route("/l/sign_in/<token>")
def knock(token: str) -> str:
    """The link in the mail: asks for the code."""
    return render_template("sign_in.html", token=token, filled=Filled())


@bp.route("/l/sign_in/<token>", methods=["POST"])
def enter(token: str) -> ResponseReturnValue:
    """The code."""
    filled = come_in(token, forms.filled(CodeForm()))
    if filled.errors:
        return render_template("sign_in.html", token=token, filled=filled), 422
    return redirect(destination(), 303)


@bp.route("/sign-out", methods=["POST"])
def leave() -> ResponseReturnValue:
    """End the session, here and at enquiry."""
    sessions.close(sessions.DESK)
    return redirect(url_for("pages.start"), 303)

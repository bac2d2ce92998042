"""Operations: where the APIs are. The board comes later."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from services.web import sessions
from services.web.context import site
from shared.problems import Forbidden, Unauthorised

bp = Blueprint("ops", __name__, url_prefix="/ops")


@bp.route("")
def show() -> str:
    """What operations can use today."""
    if sessions.kind_of(sessions.DESK) != "ops":
        raise Forbidden("not-allowed")
    return render_template("ops.html", pages=site().settings.api_pages)


@bp.errorhandler(Unauthorised)
def sign_in_first(_problem: Unauthorised) -> ResponseReturnValue:
    return redirect(url_for("sign_ins.show"), 303)

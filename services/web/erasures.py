"""The patient's wish that everything be erased: asked for on the case's page, confirmed by the button behind a mailed link."""

from typing import Any

from flask import Blueprint, render_template

from . import mailed_links, sessions
from .context import site

# -- rules --------------------------------------------------------------------


def ask_for_erasure(reference: str) -> None:
    """A link that confirms it goes by mail. Raises Unauthorised, NotFound."""
    sessions.ask(sessions.CASE, "POST", f"/v1/enquiries/{reference}/erasure", body={})


def confirm_erasure(token: str) -> dict[str, Any]:
    """It has begun, and cannot be stopped. Raises NotFound(link-invalid)."""
    return mailed_links.use_token(site().enquiry, "/v1/erasures/confirmations", token)


# -- routes -------------------------------------------------------------------

bp = Blueprint("erasures", __name__)


@bp.route("/case/<reference:reference>/erasure", methods=["POST"])
def ask(reference: str) -> str:
    """Asked for: nothing has happened yet."""
    ask_for_erasure(reference)
    return render_template("erasure_asked.html", reference=reference)


mailed_links.add_pages(bp, "/l/erase/<token>", button="erase.html", pressed="erasure_begun.html", act=confirm_erasure)
mailed_links.explain(bp, "case")

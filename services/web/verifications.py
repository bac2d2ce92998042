"""The link that proves a patient's address: a button, and what is open after it was pressed."""

from typing import Any

from flask import Blueprint

from . import mailed_links
from .context import site


def prove_address(token: str) -> dict[str, Any]:
    """The enquiry that is open now. Raises NotFound(link-invalid), Conflict where it has ended."""
    return mailed_links.use_token(site().enquiry, "/v1/verifications", token)


bp = Blueprint("verifications", __name__)
mailed_links.add_pages(bp, "/l/verify/<token>", button="verify.html", pressed="verified.html", act=prove_address)
mailed_links.explain(bp, "verify")

"""The link that proves a hospital's mail address: a button, and what is so after it was pressed."""

from typing import Any

from flask import Blueprint

from . import mailed_links
from .context import site


def prove_endpoint(token: str) -> dict[str, Any]:
    """The hospital whose alerts go there now. Raises NotFound(link-invalid)."""
    return mailed_links.use_token(site().notification, "/v1/endpoint-proofs", token)


bp = Blueprint("endpoint_proofs", __name__)
mailed_links.add_pages(bp, "/l/endpoint/<token>", button="endpoint.html", pressed="endpoint_proved.html", act=prove_endpoint)
mailed_links.explain(bp, "endpoint")

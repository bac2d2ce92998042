"""What may stand in an address of the site: references and tokens of links, by their shape, before anything is asked of another service."""

import re

from flask import Flask
from werkzeug.routing import BaseConverter

from shared.problems import NotFound

_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,200}")


class ReferenceConverter(BaseConverter):
    """`K7QF-2M9X-4TBD`, in either case: anything else is no address of ours."""

    regex = "[0-9A-Za-z]{4}(?:-[0-9A-Za-z]{4}){2}"


def add_to(app: Flask) -> None:
    app.url_map.converters["reference"] = ReferenceConverter


def require_token(text: str) -> str:
    """The same text. Raises NotFound(link-invalid) where it cannot be the token of a link."""
    if not _TOKEN.fullmatch(text):
        raise NotFound("link-invalid")
    return text

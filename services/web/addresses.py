"""What may stand in an address of the site: references and tokens of links, by their shape, before anything is asked of another service."""

import re

from flask import Flask, request
from werkzeug.routing import BaseConverter

from shared.problems import NotFound

_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,200}")


class ReferenceConverter(BaseConverter):
    """`K7QF-2M9X-4TBD`, in either case: anything else is no address of ours."""

    regex = "[0-9A-Za-z]{4}(?:-[0-9A-Za-z]{4}){2}"


def add_to(app: Flask) -> None:
    app.url_map.converters["reference"] = ReferenceConverter
    app.jinja_env.globals["here"] = here


def here() -> str:
    """Where the page at hand can be looked at again: its own address, or the one above where that only takes forms."""
    methods = (request.url_rule.methods if request.url_rule else None) or {"GET"}
    return request.path if "GET" in methods else request.path.rpartition("/")[0]


def require_token(text: str) -> str:
    """The same text. Raises NotFound(link-invalid) where it cannot be the token of a link."""
    if not _TOKEN.fullmatch(text):
        raise NotFound("link-invalid")
    return text

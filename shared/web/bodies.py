"""Reading what was sent: JSON that PostgreSQL and people can live with, or a problem that says where it is not.

Refused: other content types, bad UTF-8, lone surrogates, NUL, depth and number beyond limits, unknown members.
"""

import typing
from typing import Any, NoReturn

import flask
import marshmallow
import orjson
from webargs import core
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType

from shared.problems import BadRequest, Invalid, field_error

MAX_DEPTH = 16
MAX_VALUES = 10_000


class StrictParser(FlaskParser):
    """webargs with our own reading of JSON, and no tolerance of unknown members or parameters."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012
        "json": None,
        "query": marshmallow.RAISE,
        "path": marshmallow.RAISE,
        "headers": marshmallow.EXCLUDE,
    }

    def load_json(self, req: flask.Request, schema: marshmallow.Schema) -> Any:  # noqa: ARG002
        return read_json(req)

    def load_querystring(self, req: flask.Request, schema: marshmallow.Schema) -> Any:
        for name in req.args:
            if any("\x00" in one or "\ufffd" in one for one in (name, *req.args.getlist(name))):
                raise BadRequest("bad-request", errors=[{"parameter": name[:100], "reason": "must be UTF-8 without NUL"}])
        return super().load_querystring(req, schema)

    def handle_error(self, error: marshmallow.ValidationError, req: flask.Request, schema: marshmallow.Schema, **_: Any) -> NoReturn:  # noqa: ARG002
        raise Invalid("invalid", errors=list(_errors(error.messages)))


def read_json(req: flask.Request) -> Any:
    """The body as JSON. Raises BadRequest or UnsupportedMediaType; `missing` where there is no body at all."""
    raw = req.get_data(cache=True)
    if not raw:
        return core.missing
    if not core.is_json(req.mimetype):
        raise UnsupportedMediaType
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise BadRequest(
            "bad-request", errors=[field_error("", f"not JSON: {fault.msg} at line {fault.lineno}, column {fault.colno}")]
        ) from fault
    _check(value)
    return value


def _check(root: Any) -> None:
    """One walk over the document, without recursion."""
    stack, count = [(root, "", 1)], 0
    while stack:
        value, pointer, depth = stack.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            limit = f"at most {MAX_VALUES} values" if count > MAX_VALUES else f"at most {MAX_DEPTH} levels"
            raise BadRequest("bad-request", errors=[field_error(pointer, limit)])
        if isinstance(value, str) and "\x00" in value:
            raise BadRequest("bad-request", errors=[field_error(pointer, "must not contain NUL")])
        if isinstance(value, dict):
            if any("\x00" in name for name in value):
                raise BadRequest("bad-request", errors=[field_error(pointer, "a name contains NUL")])
            stack.extend((inner, _join(pointer, name), depth + 1) for name, inner in value.items())
        elif isinstance(value, list):
            stack.extend((inner, _join(pointer, str(at)), depth + 1) for at, inner in enumerate(value))


def _join(pointer: str, name: str) -> str:
    """RFC 6901: ~ and / are escaped; names are cut, a pointer is not a place to store data in."""
    escaped = name[:60].replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{escaped}" if pointer else escaped


def _errors(messages: Any) -> typing.Iterator[dict[str, str]]:
    """marshmallow's nested messages as a flat list: pointers into the body, names of parameters."""
    for location, held in messages.items():
        for pointer, reason in _flatten(held, ""):
            if location == "json":
                yield field_error(pointer, reason)
            else:
                yield {"parameter": pointer, "reason": reason}


def _flatten(held: Any, pointer: str) -> typing.Iterator[tuple[str, str]]:
    if isinstance(held, dict):
        for name, inner in held.items():
            yield from _flatten(inner, pointer if name == "_schema" else _join(pointer, str(name)))
    elif isinstance(held, list):
        for inner in held:
            yield from _flatten(inner, pointer)
    else:
        yield pointer, str(held)

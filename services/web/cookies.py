"""Cookies: sealed, HttpOnly, SameSite=Lax, `__Host-` with Secure; only plain HTTP on this machine itself goes without these two.

Nothing in a cookie can be read or made by whoever holds it.
"""

import base64
import binascii
from typing import Any

import orjson
from flask import Flask, Response, g, request

from shared.crypto import SealBroken

from .context import site

LONGEST = 4000  # browsers drop what is longer


def put(name: str, value: dict[str, Any], *, seconds: int | None = None) -> None:
    """Set a cookie with the answer; without `seconds` it ends with the browser's session."""
    sealed = base64.urlsafe_b64encode(site().ring.seal(orjson.dumps(value), bound_to=f"cookie:{name}")).decode().rstrip("=")
    _going()[name] = (sealed, seconds)


def drop(name: str) -> None:
    """Remove a cookie with the answer."""
    _going()[name] = None


def take(name: str) -> dict[str, Any] | None:
    """What we once put; None where there is nothing, or nothing of ours."""
    text = request.cookies.get(_full_name(name), "")
    if not text or len(text) > LONGEST:
        return None
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found = orjson.loads(site().ring.open(sealed, bound_to=f"cookie:{name}"))
    except (SealBroken, binascii.Error, ValueError):
        return None
    return found if isinstance(found, dict) else None


def add_hooks(app: Flask) -> None:
    app.after_request(_write)


def _going() -> dict[str, tuple[str, int | None] | None]:
    if "cookies" not in g:
        g.cookies = {}
    going: dict[str, tuple[str, int | None] | None] = g.cookies
    return going


def _write(response: Response) -> Response:
    for name, going in _going().items():
        if going is None:
            response.delete_cookie(_full_name(name), path="/", secure=not on_this_machine(), httponly=True, samesite="Lax")
        else:
            sealed, seconds = going
            response.set_cookie(
                _full_name(name), sealed, max_age=seconds, path="/", secure=not on_this_machine(), httponly=True, samesite="Lax"
            )
    return response


def _full_name(name: str) -> str:
    return name if on_this_machine() else f"__Host-{name}"


def on_this_machine() -> bool:
    """Plain HTTP to a loopback address, where browsers refuse `__Host-`: for trying things out only."""
    host = request.host.rpartition(":")[0] or request.host
    return not request.is_secure and host in {"localhost", "127.0.0.1", "[::1]"}

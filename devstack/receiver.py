"""The demo hospitals' webhook receiver: verifies what arrives as a hospital's own program would, keeps it and shows it.

A stand-in for the outside world: knows nothing of Passage but Standard Webhooks, and forgets everything when it ends.
"""

import json
import sys
from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape

from flask import Flask, Response, abort, jsonify, request
from standardwebhooks import Webhook, WebhookVerificationError

from devstack import launch
from devstack.supervisor import Program

# PUT  /hospitals/NAME   {"secret": "whsec_…"}   what to verify with
# POST /hospitals/NAME                           a webhook: 204, or 401 if its signature is wrong
# GET  /received                                 all of them as JSON, oldest first; /  as a page
HOST = "127.0.0.1"
KEPT = 1000
LARGEST_BODY = 262_144
HOSPITALS = 1000
HEAD = """<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width, initial-scale=1">
<meta name=color-scheme content="light dark"><title>Webhooks received</title><style>
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }
article { margin: 1rem 0; padding: .8rem 1rem; border: 1px solid #8886; border-radius: .6rem }
h2 { margin: 0; font-size: 1.05rem } p { margin: 0; opacity: .8 } strong { color: #c33 }
pre { margin: .6rem 0 0; font-size: .82rem; white-space: pre-wrap; overflow-wrap: anywhere }
</style>"""
SERVING = ("--worker-class=gthread", "--threads=1", "--no-control-socket", "--log-level=warning")  # one of each: what is kept is in memory


@dataclass(frozen=True)
class Received:
    hospital: str
    at: str  # ISO 8601, UTC
    verified: bool
    headers: dict[str, str]
    body: str


def create_app(*, kept: int = KEPT) -> Flask:
    """The app, with the last `kept` webhooks: one process, one thread."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    secrets: dict[str, str] = {}
    received: deque[Received] = deque(maxlen=kept)

    @app.put("/hospitals/<name>")
    def know(name: str) -> tuple[str, int]:
        secret = (request.get_json(silent=True) or {}).get("secret", "")
        if not _is_secret(secret):
            abort(422, "secret: must be whsec_ and base64 of 24 to 64 bytes")
        if name not in secrets and len(secrets) >= HOSPITALS:
            abort(409, f"more than {HOSPITALS} hospitals")
        secrets[name] = secret
        return "", 204

    @app.post("/hospitals/<name>")
    def take(name: str) -> tuple[str, int]:
        body = request.get_data()
        verified = name in secrets and _verifies(secrets[name], body, dict(request.headers))
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        received.append(Received(name, at, verified, dict(request.headers), body.decode(errors="replace")))
        return "", 204 if verified else 401

    @app.get("/received")
    def listing() -> Response:
        return jsonify([asdict(one) for one in received])

    @app.get("/")
    def page() -> str:
        return _page(received)

    return app


def _is_secret(secret: object) -> bool:
    """As Standard Webhooks has it: `whsec_` and the base64 of 24 to 64 bytes."""
    if not isinstance(secret, str) or not secret.startswith("whsec_"):
        return False
    try:
        return 24 <= len(b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64
    except ValueError:
        return False


def _verifies(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # a malformed signature or a body that is not UTF-8
        return False
    return True


def _page(received: deque[Received]) -> str:
    rows = "".join(
        f"<article><h2>{escape(one.hospital)}</h2><p>{escape(one.at)} · {_verdict(one)}</p><pre>{escape(_pretty(one.body))}</pre></article>"
        for one in reversed(received)
    )
    return f"{HEAD}<h1>Webhooks received</h1>{rows or '<p>None yet: they come when a hospital is asked.</p>'}"


def _verdict(one: Received) -> str:
    return "signature verified" if one.verified else "<strong>signature NOT verified</strong>"


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


@dataclass(frozen=True)
class Receiver:
    """Where it listens."""

    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    def webhook_url(self, hospital: str) -> str:
        return f"{self.url}hospitals/{hospital}"

    def program(self) -> Program:
        return Program(
            name="receiver",
            command=[sys.executable, "-m", "gunicorn", *SERVING, "--bind", f"{HOST}:{self.port}", "devstack.receiver:create_app()"],
            ready=lambda: launch.listens(self.port),
        )


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver with a port of its own; its `program` is for a supervisor to start."""
    with closing(launch.reserve_port()) as held:
        yield Receiver(held.getsockname()[1])

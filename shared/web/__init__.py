"""HTTP at the door: one way to make an app, to open a transaction, to answer, to refuse. Flask stops here.

Views hold no try and no status but the happy one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import flask_smorest
import marshmallow
from flask import Flask, current_app, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

from shared import auth, db, log, tracing
from shared.config import HttpSettings, Settings
from shared.crypto import KeyRing
from shared.problems import NotFound, PreconditionRequired, Unauthorised
from shared.web import answers, bodies, cors, health, measures, openapi


class Schema(marshmallow.Schema):
    """A document on the wire: unknown fields are refused."""

    class Meta:
        unknown = marshmallow.RAISE


class Query(Schema):
    """Parameters behind the question mark: unknown ones are refused, too."""


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """Routes of one noun, with strict reading of bodies."""

    ARGUMENTS_PARSER = bodies.StrictParser()


@dataclass
class Door:
    """What the requests of one app share."""

    settings: Settings
    engine: Engine
    verifier: auth.Verifier | None = None  # without one everything is public, and a token that is sent says nothing
    migrations: Path | None = None  # ready means: the database is not behind these
    stranger: Callable[[Any], str] | None = None  # by the JSON of a request, who sends it without a token; without one all are the same
    answers_key: KeyRing | None = None  # seals stored answers; a service without idempotent writes has none
    check_session: Callable[[Session, auth.Principal], bool] | None = None  # whether what the service knows of a principal has not ended
    origin_allowed: Callable[[str], bool] | None = None
    measures: Sequence[Callable[[Session], None]] = ()  # set figures from the database when /metrics is asked for
    owed: Callable[[Session], str | None] | None = None  # what must be done before this service is ready, in a sentence
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def reader(self) -> Engine:
        """The same pool without transactions around single statements: nothing is sent when a connection comes back to the pool, either (psycopg rolls back only what was begun)."""
        return self.engine.execution_options(isolation_level="AUTOCOMMIT")


def door() -> Door:
    """The Door of the app at hand."""
    found: Door = current_app.extensions["passage"]
    return found


def create_app(
    title: str,
    at: Door,
    blueprints: Sequence[Blueprint],
    *,
    description: str,
    words: Mapping[str, Any] | None = None,
    webhooks: Mapping[str, Any] | None = None,
) -> Flask:
    """An app with everything every service has: strict bodies, problems, health, metrics, CORS, OpenAPI and its page.

    The document's examples are made of `words` (see `openapi.example_of`); `webhooks` is what the service sends.
    """
    app = Flask(title, static_folder=None)
    app.extensions["passage"] = at
    app.config["MAX_CONTENT_LENGTH"] = at.settings.max_body_bytes
    app.json = answers.OrjsonProvider(app)
    app.url_map.strict_slashes = app.url_map.merge_slashes = False  # no redirect: its Location would repeat whatever Host was sent
    api = openapi.Api.for_app(app, title=title, description=description, webhooks=webhooks or {}, words=words or {})
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    openapi.add_pages(app, title)
    answers.add_error_handlers(app)
    health.add_routes(app)
    measures.add_hooks(app)
    cors.add_hooks(app)
    app.before_request(_refuse_nul)
    app.before_request(_authenticate)
    app.teardown_request(_leave)
    stand_behind_proxies(app, at.settings)
    return app


def stand_behind_proxies(app: Flask, settings: HttpSettings) -> None:
    """Believe as many proxies as the settings say, and put each request under one span."""
    proxied = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies)
    app.wsgi_app = _traced(proxied)  # type: ignore[method-assign,assignment]


def _traced(inner: WSGIApplication) -> WSGIApplication:
    def traced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with tracing.span("http", environ.get("HTTP_TRACEPARENT")):
            return inner(environ, start_response)

    return traced


def _refuse_nul() -> None:
    """PostgreSQL takes no NUL in a text: an address that holds one names nothing. Raises NotFound."""
    if "\x00" in request.path:
        raise NotFound("not-found")


def _authenticate() -> ResponseReturnValue | None:
    auth.set_current(None)
    verifier = door().verifier
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if verifier is not None and scheme.lower() == "bearer":  # an empty one is refused, too: its sender means to be somebody
        principal = verifier.authenticate(token.strip())
        log.bind(caller=principal.kind)
        auth.set_current(principal)
    return None


def _leave(_error: BaseException | None) -> None:
    auth.set_current(None)


@contextmanager
def transaction() -> Iterator[Session]:
    """The request's transaction. Inside another one of the same request it joins it, so that an idempotent answer commits with its write.

    A bearer is checked here by what the service knows: enquiry its session, notification the end of its account. One that has ended writes nothing (401);
    elsewhere its token ends by itself within 5 minutes.
    """
    outer: Session | None = g.get("session")
    if outer is not None:
        yield outer
        return
    with db.transaction(door().engine) as session:
        _check_live(session)
        g.session = session
        try:
            yield session
        finally:
            g.session = None


def _check_live(session: Session) -> None:
    principal, check = auth.current_or_none(), door().check_session
    if principal is not None and check is not None and not check(session, principal):
        raise Unauthorised("sign-in-required")


@contextmanager
def reading() -> Iterator[Session]:
    """A session for single SELECTs, without BEGIN and COMMIT around them."""
    with Session(door().reader, expire_on_commit=False) as session:
        yield session


@contextmanager
def snapshot() -> Iterator[Session]:
    """A session that only reads, and whose SELECTs all see the database as it was at the first of them."""
    engine = door().engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with Session(engine, expire_on_commit=False) as session:
        yield session


def if_match() -> int:
    """The version the caller last read, from If-Match. Raises PreconditionRequired; an ETag that is none of ours is version -1, which is stale."""
    header = request.headers.get("If-Match")
    if not header:
        raise PreconditionRequired("if-match-missing")
    tag = header.strip().removeprefix("W/").strip('"')
    return int(tag) if tag.isascii() and tag.isdigit() and len(tag) < 18 else -1

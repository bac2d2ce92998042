"""The sign at the door of web: the pages people see, and the one place where they are put together. No database: what is shown comes by HTTP."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, url_for

from shared import cli
from shared.cli.doctor import Finding, Mark, Own, judged
from shared.web import health, measures, stand_behind_proxies

from . import (
    addresses,
    clients,
    cookies,
    desk,
    endpoint_proofs,
    erasures,
    faults,
    headers,
    languages,
    ops,
    pages,
    second_factors,
    shown,
    sign_ins,
    status,
    verifications,
)
from .context import Site
from .settings import Settings

ROUTES = [pages.bp, verifications.bp, endpoint_proofs.bp, erasures.bp, status.bp, second_factors.bp, sign_ins.bp, desk.bp, ops.bp]
STATIC = Path(__file__).parent / "static"
YEAR_SECONDS = 365 * 24 * 3600


def create_app(settings: Settings) -> Flask:
    """The site of one process."""
    app = Flask("services.web", static_folder=STATIC)
    app.extensions["site"] = Site.of(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR_SECONDS  # an asset's address changes with what it holds
    app.url_map.strict_slashes = app.url_map.merge_slashes = False  # no redirect: its Location would repeat whatever Host was sent
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    addresses.add_to(app)
    for room in ROUTES:
        app.register_blueprint(room)
    faults.add_to(app)
    health.add_routes(app, lambda: {"status": "ready"})  # it stands by itself: where another is away, a page says so
    measures.add_hooks(app)
    headers.add_hooks(app)
    cookies.add_hooks(app)
    languages.add_to(app)
    shown.add_to(app)
    stand_behind_proxies(app, settings)
    return app


def others_answer(settings: Settings) -> Finding:
    """For `doctor`: whether each service the site asks is ready."""
    places = {"enquiry": settings.enquiry_url, "catalog": settings.catalog_url, "notification": settings.notification_url}
    away = [f"{name} is not ready at {url}" for name, url in places.items() if not clients.is_ready(url)]
    return judged(away, mark=Mark.WRONG, entry="NotReady", otherwise=f"{', '.join(places)} are ready")


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a file in static/, with its version."""
    return url_for("static", filename=name, v=_version(name))


SERVICE = cli.Service(name="web", settings=Settings, own=Own(beside={"services": others_answer}))


def wsgi() -> Flask:
    """For gunicorn: once in each of its processes, after the fork."""
    return create_app(cli.read_settings(SERVICE))

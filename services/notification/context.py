"""What a view needs besides its session: the settings, what is heard, who acts. The last room that knows of a request."""

from shared import auth, web
from shared.inbox import Hearing

from .settings import Settings


def settings() -> Settings:
    found = web.door().settings
    assert isinstance(found, Settings)  # noqa: S101
    return found


def hearing() -> Hearing:
    """What this service listens to: parked keys and dead letters are asked for by it."""
    found: Hearing = web.door().extra["hearing"]
    return found


def actor() -> str:
    """Who acts, for the audit."""
    return f"{auth.current().kind}:{auth.current().id}"

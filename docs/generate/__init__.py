"""The documents that follow from the code, each as a text: so none of them can say what the code does not.

Reads no environment, speaks to nobody.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from docs.generate import asyncapi, decisions, events, lifecycles, openapi, privacy, problems, settings, webhooks

FOLDER = Path(__file__).parents[1]

DOCUMENTS: Mapping[str, Callable[[], str]] = {
    "asyncapi.yaml": asyncapi.text,
    "decisions/README.md": decisions.text,
    "events.md": events.text,
    "lifecycles.md": lifecycles.text,
    "privacy.md": privacy.text,
    "problems.md": problems.text,
    "settings.md": settings.text,
    "webhooks.md": webhooks.text,
    **{f"openapi/{service}.json": partial(openapi.text, service) for service in openapi.APPS},
}


def written(name: str) -> str | None:
    """What stands in the checkout; None where nothing does."""
    path = FOLDER / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(name: str, text: str) -> None:
    path = FOLDER / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")

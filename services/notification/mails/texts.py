"""The words of every letter in every language, read once from templates/*.toml and made into small Jinja templates.

Never guesses: a name that a text uses and nobody gives is an error.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

TEMPLATES = Path(__file__).parent.parent / "templates"
LANGUAGES = ("en", "tr", "ar")
RIGHT_TO_LEFT = {"ar"}


class _Environment(jinja2.Environment):
    """`said.hello` is looked for in the mapping first: as an attribute, each of them would begin with an error."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        return obj[attribute] if isinstance(obj, dict) and attribute in obj else super().getattr(obj, attribute)


plain = _Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # text/plain: there is nothing to escape
markup = _Environment(undefined=jinja2.StrictUndefined, autoescape=True)


@dataclass(frozen=True)
class Wording:
    """One text, once for people who read text and once for those who read HTML. Where nothing is filled in, it is itself."""

    text: jinja2.Template | str
    html: jinja2.Template | str

    def as_text(self, values: Mapping[str, Any]) -> str:
        return self.text if isinstance(self.text, str) else self.text.render(values)

    def as_html(self, values: Mapping[str, Any]) -> Markup:
        return Markup(self.html if isinstance(self.html, str) else self.html.render(values))  # noqa: S704  # ours, or rendered with autoescape


@dataclass(frozen=True)
class Words:
    """What one letter says in one language."""

    subject: Wording
    preview: Wording
    heading: Wording
    body: Sequence[Wording]
    details: Sequence[tuple[Wording, Wording]]  # label and value
    button: Wording | None
    why: Wording


def closest(languages: Sequence[str]) -> str:
    """The first of these BCP 47 tags that we write in, by its primary language; else English."""
    primary = (tag.partition("-")[0].lower() for tag in languages)
    return next((tag for tag in primary if tag in LANGUAGES), "en")


@cache
def words_of(letter: str, language: str) -> Words:
    """Raises KeyError where a letter or one of its texts is missing."""
    held = _read(language)[letter]
    return Words(
        subject=_wording(held["subject"]),
        preview=_wording(held["preview"]),
        heading=_wording(held["heading"]),
        body=[_wording(one) for one in held["body"]],
        details=[(_wording(label), _wording(value)) for label, value in held.get("details", [])],
        button=_wording(held["button"]) if "button" in held else None,
        why=_wording(held["why"]),
    )


@cache
def phrases(language: str) -> Mapping[str, Any]:
    """Texts that several letters share: greeting, footer, kinds of tasks."""
    shared: Mapping[str, Any] = _read(language)["every"]
    return shared


@cache
def _read(language: str) -> Mapping[str, Any]:
    return tomllib.loads((TEMPLATES / f"{language}.toml").read_text(encoding="utf-8"))


def _wording(source: str) -> Wording:
    made = Wording(plain.from_string(source), markup.from_string(source))
    return made if "{" in source else Wording(made.as_text({}), made.as_html({}))

"""From letters and values to one mail: subject, text, HTML. The layout is compiled once (MJML), then filled in.

Several letters to the same person become one mail. Never sends anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from mjml import mjml2html

from .texts import LANGUAGES, TEMPLATES, Words, markup, phrases, plain, words_of
from .values import Links, Reader, for_html, for_text, values_of


@dataclass(frozen=True)
class Mail:
    """What is read; headers come later."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Part:
    """One letter of a mail, with the opaque params it is made of."""

    letter: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class _Section:
    heading: str | None
    paragraphs: Sequence[str]
    details: Sequence[tuple[str, str]]


def compose(parts: Sequence[Part], reader: Reader, links: Links) -> Mail:
    """One mail of one letter, or of several that were folded into one."""
    leading = parts[-1]
    words = words_of("digest" if len(parts) > 1 else leading.letter, reader.language)
    values = values_of(leading.letter, leading.params, reader)
    link = next((found for part in reversed(parts) if (found := links.button(part.letter, part.params))), None)
    return Mail(
        subject=" ".join(words.subject.as_text(values).split()),
        text=_text(words, parts, reader, values, link),
        html=_html(words, parts, reader, values, link),
    )


def _text(words: Words, parts: Sequence[Part], reader: Reader, values: Mapping[str, Any], link: str | None) -> str:
    shown = for_text(values, right_to_left=reader.right_to_left)
    sections = []
    for part in parts:
        own, its = (
            words_of(part.letter, reader.language),
            for_text(values_of(part.letter, part.params, reader), right_to_left=reader.right_to_left),
        )
        sections.append(
            _Section(
                own.heading.as_text(its) if len(parts) > 1 else None,
                [one.as_text(its) for one in own.body],
                [(label.as_text(its), value.as_text(its)) for label, value in own.details],
            )
        )
    layout = _text_layout()
    return layout.render(
        sections=sections,
        values=shown,
        said=phrases(reader.language),
        heading=words.heading.as_text(shown),
        button=words.button.as_text(shown) if words.button else None,
        why=words.why.as_text(shown),
        link=link,
    )


def _html(words: Words, parts: Sequence[Part], reader: Reader, values: Mapping[str, Any], link: str | None) -> str:
    shown = for_html(values, right_to_left=reader.right_to_left)
    sections = []
    for part in parts:
        own, its = (
            words_of(part.letter, reader.language),
            for_html(values_of(part.letter, part.params, reader), right_to_left=reader.right_to_left),
        )
        sections.append(
            _Section(
                own.heading.as_html(its) if len(parts) > 1 else None,
                [one.as_html(its) for one in own.body],
                [(label.as_html(its), value.as_html(its)) for label, value in own.details],
            )
        )
    return _layout(right_to_left=reader.right_to_left).render(
        sections=sections,
        values=shown,
        said=phrases(reader.language),
        language=reader.language,
        subject=words.subject.as_text(values),
        preview=words.preview.as_html(shown),
        heading=words.heading.as_html(shown),
        button=words.button.as_html(shown) if words.button else None,
        why=words.why.as_html(shown),
        link=link,
    )


def warm_up() -> None:
    """Compile every layout and read every text, so that the first mail is as quick as the others and a broken text ends the start."""
    for language in LANGUAGES:
        phrases(language)
    for right_to_left in (False, True):
        _layout(right_to_left=right_to_left)
    _text_layout()


@cache
def _layout(*, right_to_left: bool) -> jinja2.Template:
    """letter.mjml for one direction, compiled to HTML that is a Jinja template."""
    start, end, direction = ("right", "left", "rtl") if right_to_left else ("left", "right", "ltr")
    source = (TEMPLATES / "letter.mjml").read_text(encoding="utf-8")
    for name, value in (("start", start), ("end", end), ("direction", direction)):
        source = source.replace(f"[[ {name} ]]", value)
    html: str = mjml2html(source, fonts={})  # a font from elsewhere would tell who reads
    return markup.from_string(html)


@cache
def _text_layout() -> jinja2.Template:
    source = (TEMPLATES / "letter.txt").read_text(encoding="utf-8")
    return plain.overlay(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True).from_string(source)

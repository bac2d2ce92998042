"""From letters and values to one mail: subject, text, HTML. The layout is compiled once (MJML), then filled in.

Several letters to the same person become one mail. Never sends anything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jinja2
from mjml import mjml2html

from . import PATIENT
from .texts import LANGUAGES, TEMPLATES, Wording, Words, markup, phrases, plain, words_of
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


@dataclass(frozen=True)
class _Form:
    """How values and wordings become text, or HTML."""

    shown: Callable[[Mapping[str, Any]], dict[str, Any]]
    worded: Callable[[Wording, Mapping[str, Any]], str]


def compose(parts: Sequence[Part], reader: Reader, links: Links) -> Mail:
    """One mail of one letter, or of several that were folded into one."""
    words = words_of("digest" if len(parts) > 1 else parts[-1].letter, reader.language)
    place = next((found for part in reversed(parts) if (found := links.button(part.letter, part.params))), None)
    link = f"{place}?mailed={reader.language}" if place else None  # the site goes on in the letter's language
    values = [values_of(part.letter, part.params, reader) for part in parts]
    text = _Form(partial(for_text, right_to_left=reader.right_to_left), Wording.as_text)
    html = _Form(partial(for_html, right_to_left=reader.right_to_left), Wording.as_html)
    read, seen = _said(words, parts, values, reader, text), _said(words, parts, values, reader, html)
    subject = " ".join(read["subject"].split())
    return Mail(
        subject=subject,
        text=_text_layout().render(read, link=link),
        html=_layout(right_to_left=reader.right_to_left).render(seen | {"subject": subject}, link=link),
    )


def _said(words: Words, parts: Sequence[Part], its_values: Sequence[Mapping[str, Any]], reader: Reader, form: _Form) -> dict[str, Any]:
    """What the layouts show, but for the link. The newest letter gives the values that all share."""
    leading, said = parts[-1], phrases(reader.language)
    own = [(words_of(part.letter, reader.language), form.shown(values)) for part, values in zip(parts, its_values, strict=True)]
    values = own[-1][1]
    return {
        "language": reader.language,
        "said": said,
        "values": values,
        "subject": form.worded(words.subject, values),
        "preview": form.worded(words.preview, values),
        "heading": form.worded(words.heading, values),
        "sections": [
            _Section(form.worded(one.heading, its) if len(parts) > 1 else None, [form.worded(text, its) for text in one.body])
            for one, its in own
        ],
        "facts": list(  # what several letters say is said once
            dict.fromkeys(
                (form.worded(label, its), known) for one, its in own for label, value in one.details if (known := form.worded(value, its))
            )
        ),
        "button": form.worded(words.button, values) if words.button else None,
        "caution": said["emergency"] if leading.letter in PATIENT else None,
        "why": form.worded(words.why, values),
    }


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

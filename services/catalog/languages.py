"""Languages: which we offer, which text a reader gets, and in which language it is.

A text that is not there in the language wanted is given in another one and says so; it is never left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

OFFERED = ("en", "tr", "ar")
DEFAULT = "en"
RIGHT_TO_LEFT = frozenset(["ar", "fa", "he", "ur"])


def fallbacks(language: str) -> tuple[str, ...]:
    """Where a text is looked for: the language, without its script and region, English."""
    return tuple(dict.fromkeys([language, language.split("-", maxsplit=1)[0].lower(), DEFAULT]))


def offered(language: str) -> str:
    """The first of its fallbacks that we offer."""
    return next(tag for tag in fallbacks(language) if tag in OFFERED)


def pick(texts: Mapping[str, str], language: str) -> dict[str, str]:
    """{text, lang}: the text in the language wanted, or in the first of its fallbacks, or in any."""
    found = next((tag for tag in fallbacks(language) if tag in texts), None) or next(iter(texts))
    return {"text": texts[found], "lang": found}


def pick_each(many: Iterable[Mapping[str, str]], language: str) -> list[dict[str, str]]:
    return [pick(texts, language) for texts in many]


def pick_if_any(texts: Mapping[str, str] | None, language: str) -> dict[str, str] | None:
    return pick(texts, language) if texts else None


def direction(language: str) -> str:
    """`dir` of HTML."""
    return "rtl" if language.split("-", maxsplit=1)[0] in RIGHT_TO_LEFT else "ltr"


def languages_in(document: Any) -> set[str]:
    """All languages that texts of this document are in."""
    found, left = set[str](), [document]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if "lang" in each:
                found.add(each["lang"])
            each = each.values()
        left += [inner for inner in each if isinstance(inner, dict | list)]
    return found

"""The catalogues of texts against what templates and code say: extracted, merged, and what is missing named. For those who write pages; not used by the site."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from .languages import NAMES, TRANSLATIONS

HERE = Path(__file__).parent
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS = {"gettext": None, "ngettext": (1, 2), "_": None, "mark": None}


def said() -> Catalog:
    """Every text of the site, in English, without places: they would change with each line."""
    found = Catalog(project="Passage", charset="utf-8")
    for _file, _line, message, comments, context in extract_from_dir(HERE, METHODS, OPTIONS, KEYWORDS):
        found.add(message, auto_comments=comments, context=context)
    return found


def path_of(language: str) -> Path:
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


def catalogue_of(language: str) -> Catalog:
    with path_of(language).open("rb") as source:
        return read_po(source, locale=language)


def renew() -> list[str]:
    """Write every catalogue anew; returns what it lacks, one line each."""
    lacking: list[str] = []
    for language in sorted(set(NAMES) - {"en"}):
        catalogue = catalogue_of(language) if path_of(language).exists() else Catalog(locale=language, charset="utf-8")
        catalogue.update(said(), no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        with path_of(language).open("wb") as target:
            write_po(target, catalogue, width=120, sort_output=True, no_location=True, omit_header=True)
        lacking += [f"{language}: {text}" for text in untranslated(catalogue)]
    return lacking


def untranslated(catalogue: Catalog) -> Iterator[str]:
    """Texts without a translation, or with one plural form missing."""
    for message in catalogue:
        strings: Any = message.string if isinstance(message.string, tuple | list) else [message.string]
        wanted = catalogue.num_plurals if message.pluralizable else 1
        if message.id and (len(strings) < wanted or not all(strings) or message.fuzzy):
            yield str(message.id[0] if isinstance(message.id, tuple | list) else message.id)

"""Countries: their names in the languages we speak, as CLDR has them."""

from collections.abc import Iterator
from functools import cache

from babel import Locale

from .languages import OFFERED

# -- rules --------------------------------------------------------------------


@cache
def country_name(code: str, language: str) -> str:
    """The name of a country (ISO 3166-1 alpha-2) in a language; the code where CLDR has none."""
    return str(Locale.parse(language, sep="-").territories.get(code, code))


def names_of_country(code: str) -> Iterator[str]:
    """All its names in the languages we offer, and the English one that most people still type."""
    for language in OFFERED:
        yield country_name(code, language)
    if code == "TR":
        yield "Turkey"

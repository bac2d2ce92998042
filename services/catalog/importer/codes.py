"""The codes that stand for countries, currencies, languages and time zones, as Babel's CLDR and tzdata know them."""

import re
from functools import cache
from zoneinfo import available_timezones

from babel import Locale
from babel.core import get_global
from babel.numbers import get_currency_precision

ENGLISH = Locale("en")
NOT_ISO_3166_1 = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"])
"""Codes CLDR has beside the 249 of the standard."""
LANGUAGE_TAG = re.compile(r"([a-z]{2,3})(?:-([A-Z][a-z]{3}))?(?:-([A-Z]{2}))?")
"""BCP 47: language, script, region, in their canonical case; the subtags we use."""
ALSO_CALLED = {"TR": ("Turkey",)}
"""English names of countries that CLDR has given up but pages still print."""


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2."""
    return frozenset(code for code in map(str, ENGLISH.territories) if re.fullmatch("[A-Z]{2}", code)) - NOT_ISO_3166_1


@cache
def currencies() -> frozenset[str]:
    """ISO 4217 codes that are legal tender somewhere today."""
    used = (row for rows in get_global("territory_currencies").values() for row in rows)
    return frozenset(str(code) for code, _, until, tender in used if until is None and tender)


@cache
def zones() -> frozenset[str]:
    """IANA names of places, such as Europe/Istanbul; neither offsets nor abbreviations."""
    return frozenset(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix/", "right/")))


def is_language(tag: str) -> bool:
    found = LANGUAGE_TAG.fullmatch(tag)
    if found is None:
        return False
    language, script, region = found.groups()
    return language in ENGLISH.languages and (script is None or script in ENGLISH.scripts) and (region is None or region in countries())


def country_names(code: str) -> tuple[str, ...]:
    """What the country is called in English, today or on older pages."""
    return (ENGLISH.territories.get(code, code), *ALSO_CALLED.get(code, ()))


def minor_units(currency: str) -> int:
    """Digits behind the point: 0 for JPY, 3 for KWD."""
    return get_currency_precision(currency)

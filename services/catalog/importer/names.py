"""Names compared: letters folded, words that any hospital may carry left out."""

import re
import unicodedata
from collections.abc import Iterable

WORD = re.compile(r"\w+")
GENERIC = frozenset(
    WORD.findall(
        """
        hospital hastane hastanesi hospitali universite universitesi university clinic clinica klinik klinigi center centre centro merkezi
        medical medicine tip health saglik international general private ozel group grubu the of and de la el al del y
        مستشفى مركز عيادة جامعة
        """
    )
)
"""Folded words that tell no hospital from another."""


def folded(text: str) -> str:
    """Without accents and case, Turkish dotless i as i: İstinye, Istınye and istinye are one."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("ı", "i"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def words_of(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(folded(text)))


def own_words_of(text: str) -> frozenset[str]:
    """The words that tell this name from others."""
    return words_of(text) - GENERIC


def places_in(text: str, places: Iterable[str]) -> frozenset[str]:
    """The places, folded, that stand in the text as whole words."""
    within = f" {' '.join(WORD.findall(folded(text)))} "
    return frozenset(place for place in map(folded, places) if f" {place} " in within)

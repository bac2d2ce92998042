"""Names compared: letters folded, words that any hospital may carry left out."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Generic, TypeVar

Meant = TypeVar("Meant")

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


class Places(Generic[Meant]):
    """Names of places, each with what it means, to be found in texts as whole words: however many there are, a text is read once."""

    def __init__(self, named: Iterable[tuple[str, Meant]]) -> None:
        self._meant: dict[tuple[str, ...], set[Meant]] = {}
        for name, meant in named:
            self._meant.setdefault(tuple(WORD.findall(folded(name))), set()).add(meant)
        self._longest = max(map(len, self._meant), default=0)
        self.words = frozenset(word for name in self._meant for word in name)

    def within(self, text: str) -> frozenset[Meant]:
        words = WORD.findall(folded(text))
        spans = (tuple(words[at : at + count]) for at in range(len(words)) for count in range(1, self._longest + 1))
        return frozenset(meant for span in spans for meant in self._meant.get(span, ()))

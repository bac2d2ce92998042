"""A catalog as large as one could become: names of procedures, cities and hospitals in three languages, common words common and rare ones rare.

Always the same for the same number. Nothing of it exists.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

CITIES, OWN_NAMES, EPONYMS = 2_000, 30_000, 4_000
COUNTRIES = {"TR": ("Turkey", "Türkiye"), "IN": ("India", "Hindistan"), "ES": ("Spain", "İspanya"), "TH": ("Thailand", "Tayland")}
_SYLLABLES = [
    "an",
    "ba",
    "bel",
    "ce",
    "çi",
    "da",
    "de",
    "dor",
    "el",
    "er",
    "fa",
    "gö",
    "gül",
    "ha",
    "hir",
    "is",
    "ka",
    "kel",
    "kı",
    "la",
    "len",
    "li",
    "ma",
    "mer",
    "mi",
    "na",
    "nil",
    "o",
    "öz",
    "pa",
    "per",
    "ra",
    "ri",
    "sa",
    "sel",
    "şa",
    "şi",
    "ta",
    "tem",
    "tu",
    "u",
    "ü",
    "va",
    "ver",
    "ya",
    "yıl",
    "ze",
    "zor",
]
_HOUSES = (
    {"en": "Hospital", "tr": "Hastanesi", "ar": "مستشفى"},
    {"en": "Medical Centre", "tr": "Tıp Merkezi", "ar": "مركز"},
    {"en": "University Hospital", "tr": "Üniversitesi Hastanesi", "ar": "مستشفى جامعة"},
    {"en": "Clinic", "tr": "Kliniği", "ar": "عيادة"},
    {"en": "Eye Centre", "tr": "Göz Merkezi", "ar": "مركز العيون"},
)
_WORK = (
    ("replacement", "protezi"), ("repair", "onarımı"), ("removal", "çıkarılması"), ("transplantation", "nakli"), ("bypass", "baypası"),
    ("ablation", "ablasyonu"), ("biopsy", "biyopsisi"), ("angioplasty", "anjiyoplasti"), ("arthroscopy", "artroskopisi"), ("embolisation", "embolizasyonu"),
    ("reconstruction", "rekonstrüksiyonu"), ("stimulation", "stimülasyonu"), ("radiotherapy", "radyoterapisi"), ("therapy", "tedavisi"), ("surgery", "ameliyatı"),
)  # fmt: skip
_ORGANS = (
    ("knee", "diz"), ("hip", "kalça"), ("heart valve", "kalp kapağı"), ("kidney", "böbrek"), ("liver", "karaciğer"), ("lens", "göz merceği"),
    ("spinal cord", "omurilik"), ("shoulder", "omuz"), ("stomach", "mide"), ("prostate", "prostat"), ("thyroid", "tiroit"), ("breast", "meme"),
    ("coronary artery", "koroner arter"), ("retina", "retina"), ("jaw", "çene"), ("ankle", "ayak bileği"), ("pancreas", "pankreas"), ("lung", "akciğer"),
    ("bladder", "mesane"), ("brain", "beyin"), ("bone marrow", "kemik iliği"), ("cornea", "kornea"), ("gallbladder", "safra kesesi"), ("nose", "burun"),
)  # fmt: skip
_WAYS = (
    ("total", "total"), ("partial", "kısmi"), ("robotic", "robotik"), ("minimally invasive", "minimal invaziv"), ("laparoscopic", "laparoskopik"),
    ("endoscopic", "endoskopik"), ("percutaneous", "perkütan"), ("open", "açık"), ("revision", "revizyon"), ("paediatric", "pediatrik"),
)  # fmt: skip


class Skewed(Generic[Item]):
    """Draws the nth of them with a chance of 1/n (Zipf's law), as words and sizes of cities are spread."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items, self._weights = items, list(itertools.accumulate(1 / place for place in range(1, len(items) + 1)))

    def draw(self, chance: random.Random) -> Item:
        return chance.choices(self._items, cum_weights=self._weights)[0]


@dataclass(frozen=True)
class City:
    slug: str
    name: str
    country: str


@dataclass(frozen=True)
class Hospital:
    slug: str
    name: dict[str, str]
    city: City
    size: int

    @property
    def found_by(self) -> str:
        return "\n".join([*self.name.values(), *COUNTRIES[self.city.country], self.city.name])


@dataclass(frozen=True)
class Procedure:
    slug: str
    name: dict[str, str]

    @property
    def found_by(self) -> str:
        return "\n".join(self.name.values())


def cities() -> list[City]:
    chance = random.Random("cities")  # noqa: S311  # nobody has to be unable to guess it
    named = _words(chance, CITIES)
    return [City(f"city-{number}", name, chance.choice([*COUNTRIES])) for number, name in enumerate(named)]


def hospitals(count: int) -> Iterator[Hospital]:
    chance = random.Random("hospitals")  # noqa: S311
    where, own, houses = Skewed(cities()), Skewed(_words(chance, OWN_NAMES)), Skewed(_HOUSES)
    for number in range(count):
        house, city = houses.draw(chance), where.draw(chance)
        words = f"{own.draw(chance)} {own.draw(chance)}" + (f" {city.name}" if number % 3 == 0 else "")
        name = {tag: f"{word} {words}" if tag == "ar" else f"{words} {word}" for tag, word in house.items() if tag == "en" or number % 2}
        yield Hospital(f"hospital-{number}", name, city, chance.randrange(5, 900))


def procedures(count: int) -> Iterator[Procedure]:
    chance = random.Random("procedures")  # noqa: S311
    work, organs, ways, eponyms = Skewed(_WORK), Skewed(_ORGANS), Skewed(_WAYS), Skewed(_words(chance, EPONYMS))
    for number in range(count):
        parts, eponym = [ways.draw(chance), organs.draw(chance), work.draw(chance)], eponyms.draw(chance)
        yield Procedure(
            f"procedure-{number}", {tag: " ".join([eponym, *(part[at] for part in parts)]) for at, tag in enumerate(("en", "tr"))}
        )


def questions(count: int) -> Iterator[str]:
    """What people type: one to three words of a name, half of them with a letter wrong, some only begun, some of nothing there is."""
    chance = random.Random("questions")  # noqa: S311
    known: list[Hospital | Procedure] = [*hospitals(2_000), *procedures(2_000)]
    names = [each.found_by.split() for each in known]
    for _ in range(count):
        there = chance.choice(names)
        words = chance.sample(there, min(len(there), chance.choice([1, 1, 2, 2, 3])))
        yield " ".join(_mistyped(word, chance) for word in words)[:100].ljust(2, "a")


def _mistyped(word: str, chance: random.Random) -> str:
    at = chance.randrange(max(1, len(word) - 1))
    return chance.choice(
        [
            *[word] * 5,
            word[:at] + word[at + 1 :],
            word[:at] + word[at : at + 1] * 2 + word[at + 1 :],
            word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
            word[: max(2, at)],
            word[::-1],
        ]
    )


def _words(chance: random.Random, count: int) -> list[str]:
    """So many different ones, the short ones first."""
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(chance.choices(_SYLLABLES, k=chance.choice([2, 3, 3, 4]))).replace("aa", "a").capitalize()] = None
    return sorted(found, key=len)

"""Doubts about hospitals: where they are, how they may be reached, and figures that cannot all be true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from services.catalog.importer import names, references
from services.catalog.importer.names import Places
from services.catalog.importer.records import Import
from services.catalog.importer.records.hospitals import AuthorisationStanding, Hospital
from services.catalog.importer.records.vocabularies import City

from .verdicts import CatalogWarning, Question, warning

MANY_DOCTORS = 20
"""Below, two hospitals may well have the same number of doctors."""
MANY_OF_A_NAME = 20
"""A word that more hospitals of one city carry is a chain's, or one of the city's own: nobody could answer for each two of them."""


def name_of(hospital: Hospital) -> str:
    return " ".join(hospital.name.values())


class Gazetteer:
    """The cities of an import by country: which of them, and which districts, a hospital's name names."""

    def __init__(self, found: Import) -> None:
        by_country: dict[str, list[City]] = {}
        for city in found.cities:
            by_country.setdefault(city.country, []).append(city)
        nowhere: list[City] = []
        countries = by_country.keys() | {hospital.country for hospital in found.hospitals}
        self._cities = {
            code: Places((name, city.slug) for city in by_country.get(code, nowhere) for name in references.names_of(city))
            for code in countries
        }
        self._districts = {
            code: Places((name, name) for city in by_country.get(code, nowhere) for name in city.districts) for code in countries
        }

    def cities_in_name(self, hospital: Hospital) -> frozenset[str]:
        """Slugs of the cities of its country that the hospital's name names."""
        return self._cities[hospital.country].within(name_of(hospital))

    def districts_in_name(self, hospital: Hospital) -> frozenset[str]:
        return self._districts[hospital.country].within(name_of(hospital))

    def own_words_of(self, hospital: Hospital) -> frozenset[str]:
        """The words that tell its name from others in its country."""
        return names.own_words_of(name_of(hospital)) - self._cities[hospital.country].words - self._districts[hospital.country].words

    def city_of(self, hospital: Hospital) -> tuple[str, str]:
        """The city its name names, which tells more than the one it was filed under, or else that one."""
        named = self.cities_in_name(hospital)
        return hospital.country, min(named) if named else hospital.city or names.folded(hospital.city_given or "")


def unknown_city(found: Import) -> Iterator[CatalogWarning]:
    for hospital in found.hospitals:
        if hospital.city is None:
            yield warning("city.unknown", hospital.origin, hospital=hospital.slug, city=hospital.city_given)


def contradicting_city(found: Import) -> Iterator[CatalogWarning]:
    gazetteer = Gazetteer(found)
    for hospital in found.hospitals:
        named = gazetteer.cities_in_name(hospital)
        if named and hospital.city_given and hospital.city not in named:
            yield warning("city.contradicts_name", hospital.origin, hospital=hospital.slug, city=hospital.city_given, named=sorted(named))


def repeated_doctor_count(found: Import) -> Iterator[CatalogWarning]:
    counted: dict[tuple[str, int], list[Hospital]] = {}
    for hospital in found.hospitals:
        if hospital.doctor_count and hospital.doctor_count >= MANY_DOCTORS:
            counted.setdefault((hospital.country, hospital.doctor_count), []).append(hospital)
    for (_, count), same in counted.items():
        if len(same) > 1:
            yield warning("doctor_count.repeated", same[1].origin, count=count, hospitals=[hospital.slug for hospital in same])


def without_authorisation(found: Import) -> Iterator[CatalogWarning]:
    for hospital in found.hospitals:
        if hospital.authorisation.standing is AuthorisationStanding.UNKNOWN:
            yield warning("hospital.no_authorisation", hospital.origin, hospital=hospital.slug)


def without_zone_or_language(found: Import) -> Iterator[CatalogWarning]:
    for hospital in found.hospitals:
        missing = [name for name in ("timezone", "languages") if not getattr(hospital, name)]
        if missing:
            yield warning("hospital.no_zone_or_language", hospital.origin, hospital=hospital.slug, missing=missing)


def rating_without_value(found: Import) -> Iterator[CatalogWarning]:
    """A count of ratings is not an average, and none is made of it."""
    for hospital in found.hospitals:
        if hospital.rating and hospital.rating.average_tenths is None:
            yield warning("rating.no_value", hospital.origin, hospital=hospital.slug, count=hospital.rating.count)


def inexact_rating(found: Import) -> Iterator[CatalogWarning]:
    for hospital in found.hospitals:
        if hospital.rating and hospital.rating.at_least:
            yield warning("rating.inexact", hospital.origin, hospital=hospital.slug, count=f"{hospital.rating.count}+")


@dataclass(frozen=True)
class Name:
    """What a hospital's name tells apart from others."""

    hospital: Hospital
    words: frozenset[str]
    districts: frozenset[str]


def perhaps_the_same(found: Import) -> Iterator[Question]:
    """Two hospitals of one city share the word that tells them from others, and no two different districts part them."""
    for one, other in _pairs_that_share_a_word(found):
        if not (one.districts and other.districts and one.districts != other.districts):
            shared = sorted(one.words & other.words)
            text = f'Are "{_first(one.hospital)}" and "{_first(other.hospital)}" one hospital?'
            yield Question("hospital.perhaps_the_same", (one.hospital.slug, other.hospital.slug), text, {"shared": shared})


def _pairs_that_share_a_word(found: Import) -> Iterator[tuple[Name, Name]]:
    """Each pair once, in the order of the files; hospitals are looked at within their city only."""
    gazetteer, by_city = Gazetteer(found), dict[tuple[str, str], list[Name]]()
    for hospital in found.hospitals:
        name = Name(hospital, gazetteer.own_words_of(hospital), gazetteer.districts_in_name(hospital))
        by_city.setdefault(gazetteer.city_of(hospital), []).append(name)
    for same_city in by_city.values():
        yield from _pairs_in(same_city)


def _pairs_in(same_city: Sequence[Name]) -> Iterator[tuple[Name, Name]]:
    """Without words that many carry: those tell none from another."""
    holders: dict[str, list[int]] = {}
    for place, name in enumerate(same_city):
        for word in name.words:
            holders.setdefault(word, []).append(place)
    shared = [places for places in holders.values() if 1 < len(places) <= MANY_OF_A_NAME]
    for one, other in sorted({pair for places in shared for pair in combinations(places, 2)}):
        yield same_city[one], same_city[other]


def _first(hospital: Hospital) -> str:
    return next(iter(hospital.name.values()))

"""Doubts about hospitals: where they are, how they may be reached, and figures that cannot all be true."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from services.catalog.importer import names, references
from services.catalog.importer.records import Import
from services.catalog.importer.records.hospitals import AuthorisationStanding, Hospital

from .verdicts import CatalogWarning, Question, warning

MANY_DOCTORS = 20
"""Below, two hospitals may well have the same number of doctors."""


def name_of(hospital: Hospital) -> str:
    return " ".join(hospital.name.values())


def cities_in_name(found: Import, hospital: Hospital) -> frozenset[str]:
    """Slugs of the cities of its country that the hospital's name names."""
    return frozenset(
        city.slug
        for city in found.cities
        if city.country == hospital.country and names.places_in(name_of(hospital), references.names_of(city))
    )


def unknown_city(found: Import) -> Iterator[CatalogWarning]:
    for hospital in found.hospitals:
        if hospital.city is None:
            yield warning("city.unknown", hospital.origin, hospital=hospital.slug, city=hospital.city_given)


def contradicting_city(found: Import) -> Iterator[CatalogWarning]:
    for hospital in found.hospitals:
        named = cities_in_name(found, hospital)
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
    by_city: dict[tuple[str, str], list[Name]] = {}
    for hospital in found.hospitals:
        by_city.setdefault(_city_of(found, hospital), []).append(_name_in(found, hospital))
    for same_city in by_city.values():
        yield from ((one, other) for one, other in combinations(same_city, 2) if one.words & other.words)


def _name_in(found: Import, hospital: Hospital) -> Name:
    cities = [city for city in found.cities if city.country == hospital.country]
    districts = [district for city in cities for district in city.districts]
    places = [name for city in cities for name in references.names_of(city)] + districts
    words = names.own_words_of(name_of(hospital)) - frozenset(word for place in places for word in names.words_of(place))
    return Name(hospital, words, names.places_in(name_of(hospital), districts))


def _city_of(found: Import, hospital: Hospital) -> tuple[str, str]:
    """The city its name names, which tells more than the one it was filed under, or else that one."""
    named = cities_in_name(found, hospital)
    return hospital.country, min(named) if named else hospital.city or names.folded(hospital.city_given or "")


def _first(hospital: Hospital) -> str:
    return next(iter(hospital.name.values()))

"""What must hold between records: slugs that exist, keys that stand once, countries that agree."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from . import names
from .faults import ImportFault, pointer, shown
from .records import Import
from .records.hospitals import Hospital
from .records.origin import Record
from .records.prices import Price
from .records.statements import Story
from .records.vocabularies import City

KEYS: Mapping[str, tuple[str, ...]] = {
    "specialties": ("slug",),
    "cities": ("slug",),
    "inclusions": ("slug",),
    "procedures": ("slug",),
    "destination_facts": ("procedure", "country"),
    "prices": ("procedure", "country", "hospital", "basis"),
    "hospitals": ("slug",),
    "offerings": ("hospital", "procedure"),
    "doctors": ("slug",),
    "stories": ("slug",),
    "consent_texts": ("purpose", "version", "language"),
    "ranking_rules": ("slug",),
}
"""What names a record among its kind."""

REFERENCES: tuple[tuple[str, str, str], ...] = (
    ("procedures", "specialty", "specialties"),
    ("procedures", "performed_by", "specialties"),
    ("destination_facts", "procedure", "procedures"),
    ("prices", "procedure", "procedures"),
    ("prices", "hospital", "hospitals"),
    ("prices", "inclusions", "inclusions"),
    ("offerings", "hospital", "hospitals"),
    ("offerings", "procedure", "procedures"),
    ("doctors", "specialty", "specialties"),
    ("doctors", "hospital", "hospitals"),
    ("doctors", "procedures", "procedures"),
    ("stories", "procedure", "procedures"),
    ("stories", "hospital", "hospitals"),
    ("ranking_rules", "procedure", "procedures"),
)
"""Which field of which list names a record of which list."""

INNER_SLUGS = ("stages", "intake")


def faults_of(found: Import, slugs: Mapping[str, set[str]]) -> list[ImportFault]:
    """All faults between records; `slugs` are those the files hold, refused records included."""
    return [fault for check in (unknown_slugs, repeated_keys, repeated_inner_slugs, strange_countries) for fault in check(found, slugs)]


def fault(record: Record, value: object, reason: str, *parts: str | int) -> ImportFault:
    return ImportFault(record.origin.file, record.origin.path + pointer(*parts), shown(value), reason)


def unknown_slugs(found: Import, slugs: Mapping[str, set[str]]) -> Iterator[ImportFault]:
    for kind, field, named in REFERENCES:
        for record in getattr(found, kind):
            value = getattr(record, field)
            places = [(value, (field,))] if not isinstance(value, tuple) else [(each, (field, at)) for at, each in enumerate(value)]
            for slug, place in places:
                if slug is not None and slug not in slugs.get(named, set()):
                    yield fault(record, slug, f"Names none of the {named.replace('_', ' ')} of this import.", *place)


def repeated_keys(found: Import, _: Mapping[str, set[str]]) -> Iterator[ImportFault]:
    for kind, fields in KEYS.items():
        seen: dict[tuple[Any, ...], Record] = {}
        for record in getattr(found, kind):
            key = tuple(getattr(record, field) for field in fields)
            first = seen.setdefault(key, record)
            if first is not record:
                yield fault(record, key, f"{', '.join(fields)}: stands already at {first.origin.file}#{first.origin.path}.")


def repeated_inner_slugs(found: Import, _: Mapping[str, set[str]]) -> Iterator[ImportFault]:
    for procedure in found.procedures:
        lists: list[tuple[tuple[str | int, ...], list[str]]] = [
            ((field,), [item.slug for item in getattr(procedure, field)]) for field in INNER_SLUGS
        ]
        lists += [(("intake", at, "choices"), [choice.slug for choice in asked.choices]) for at, asked in enumerate(procedure.intake)]
        for place, inner in lists:
            for slug in sorted({slug for slug in inner if inner.count(slug) > 1}):
                yield fault(procedure, slug, "Stands twice in this list.", *place)


def strange_countries(found: Import, _: Mapping[str, set[str]]) -> Iterator[ImportFault]:
    hospitals = {hospital.slug: hospital for hospital in found.hospitals}
    cities = {city.slug: city for city in found.cities}
    placed: tuple[Price | Story, ...] = (*found.prices, *found.stories)
    for record in placed:
        hospital = hospitals.get(record.hospital or "")
        if hospital and hospital.country != record.country:
            yield fault(record, record.country, f"Must be {hospital.country}, where the hospital is.", "country")
    for hospital in found.hospitals:
        city = cities.get(hospital.city or "")
        if city and city.country != hospital.country:
            yield fault(hospital, hospital.country, f"Must be {city.country}, where the city is.", "country")


def with_cities(found: Import) -> Import:
    """The import with each hospital's city looked up in the gazetteer, by slug or by any of its names."""
    gazetteer = {(city.country, names.folded(name)): city.slug for city in found.cities for name in names_of(city)}
    by_slug = {city.slug: city.slug for city in found.cities}

    def placed(hospital: Hospital) -> Hospital:
        given = hospital.city_given or ""
        return replace(hospital, city=by_slug.get(given) or gazetteer.get((hospital.country, names.folded(given))))

    return replace(found, hospitals=tuple(placed(hospital) for hospital in found.hospitals))


def names_of(city: City) -> Iterator[str]:
    yield from city.name.values()
    yield from city.other_names

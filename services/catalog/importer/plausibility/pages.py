"""Doubts about a page, that is a procedure in a destination: its facts, its hospitals, their order and what is claimed of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.catalog.importer.records import Import
from services.catalog.importer.records.hospitals import Hospital, Offering
from services.catalog.importer.records.procedures import DestinationFacts

from .verdicts import CatalogWarning, warning


@dataclass(frozen=True)
class Page:
    facts: DestinationFacts
    listed: tuple[tuple[Hospital, Offering], ...]
    """The hospitals of the country that offer the procedure."""

    @property
    def place(self) -> tuple[str, str]:
        return self.facts.procedure, self.facts.country


def pages_of(found: Import) -> Iterator[Page]:
    hospitals = {hospital.slug: hospital for hospital in found.hospitals}
    listed: dict[tuple[str, str], list[tuple[Hospital, Offering]]] = {}
    for offering in found.offerings:
        hospital = hospitals[offering.hospital]
        listed.setdefault((offering.procedure, hospital.country), []).append((hospital, offering))
    for facts in found.destination_facts:
        yield Page(facts, tuple(listed.get((facts.procedure, facts.country), ())))


def _about(code: str, page: Page, **evidence: object) -> CatalogWarning:
    return warning(code, page.facts.origin, procedure=page.facts.procedure, country=page.facts.country, **evidence)


def copied_facts(found: Import) -> Iterator[CatalogWarning]:
    """Stay and recovery are the same in several countries, and nobody vouches for them there."""
    countries: dict[tuple[object, ...], list[DestinationFacts]] = {}
    for facts in found.destination_facts:
        if facts.source is None and facts.stay_days and facts.recovery_weeks:
            same = tuple(sorted((facts.recovery_note or {}).items()))
            countries.setdefault((facts.procedure, facts.stay_days, facts.recovery_weeks, same), []).append(facts)
    for copies in countries.values():
        if len(copies) > 1:
            among = [facts.country for facts in copies]
            yield warning("facts.copied_across_countries", copies[1].origin, procedure=copies[1].procedure, countries=among)


def own_in_others(found: Import) -> Iterator[CatalogWarning]:
    for facts in found.destination_facts:
        if facts.country in (facts.compared_with or ()):
            yield warning("destination.own_in_others", facts.origin, procedure=facts.procedure, country=facts.country)


def without_hospital(found: Import) -> Iterator[CatalogWarning]:
    for page in pages_of(found):
        if not page.listed:
            yield _about("destination.no_hospital", page)


def without_ranking_rule(found: Import) -> Iterator[CatalogWarning]:
    """Several hospitals stand in an order that no written rule gives."""
    for page in pages_of(found):
        ruled = any(rule.procedure in {None, page.place[0]} and rule.country in {None, page.place[1]} for rule in found.ranking_rules)
        if len(page.listed) > 1 and not ruled:
            yield _about("ranking.no_rule", page, hospitals=len(page.listed))


def claimed_without_evidence(found: Import) -> Iterator[CatalogWarning]:
    """Hospitals are listed as experienced in the procedure, and nothing shows it: one warning for the page."""
    for page in pages_of(found):
        bare = [hospital.slug for hospital, offering in page.listed if offering.evidence is None]
        if bare:
            yield _about("claim.no_evidence", page, hospitals=bare)


def without_doctors(found: Import) -> Iterator[CatalogWarning]:
    """Hospitals are listed, and none of their doctors for this procedure."""
    practising = {(doctor.hospital, procedure) for doctor in found.doctors for procedure in doctor.procedures}
    for page in pages_of(found):
        here = {(hospital.slug, page.facts.procedure) for hospital, _ in page.listed}
        if here and not here & practising:
            yield _about("doctors.none", page)

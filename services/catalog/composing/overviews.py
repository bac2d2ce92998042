"""Overviews: the specialties and the countries, with how much there is of each."""

from services.catalog.holdings import Holdings
from services.catalog.languages import pick

from . import parts
from .parts import Value, View


def specialty(view: View, slug: str) -> Value:
    return {
        **parts.specialty(view, slug),
        "practitioner": pick(view.holdings.specialties[slug].practitioner, view.language),
        "procedures": sum(procedure.specialty == slug for procedure in view.holdings.procedures.values()),
    }


def countries_in(holdings: Holdings) -> list[str]:
    """With a page of a procedure, or a hospital."""
    pages = {facts.country for facts_of in holdings.destinations.values() for facts in facts_of}
    return sorted(pages | {hospital.country for hospital in holdings.hospitals.values()})


def country(view: View, code: str) -> Value:
    holdings = view.holdings
    return {
        **parts.country(code, view.language),
        "procedures": sum(facts.country == code for facts_of in holdings.destinations.values() for facts in facts_of),
        "hospitals": sum(hospital.country == code for hospital in holdings.hospitals.values()),
    }

"""Composes every document there is to be, and writes those that differ from what is kept."""

from collections.abc import Iterator
from datetime import date

from sqlalchemy.orm import Session

from services.catalog.documents import Composed, keep
from services.catalog.holdings import Holdings
from services.catalog.languages import OFFERED
from services.catalog.procedures import Procedure

from . import forms, hospitals, overviews, pages, parts, procedures
from .parts import View


def compose_all(session: Session, holdings: Holdings, *, today: date) -> int:
    """Returns how many documents were written or removed: none where no fact has changed."""
    return keep(session, _all(holdings, today))


def _all(holdings: Holdings, today: date) -> Iterator[Composed]:
    views = {language: View(holdings, language, today) for language in OFFERED}
    for procedure in holdings.procedures.values():
        for language in parts.languages_of(procedure.name):
            yield from _of_procedure(views[language], procedure)
    for hospital in holdings.hospitals.values():
        for language in parts.languages_of(hospital.name, hospital.summary):
            yield Composed("hospital", hospital.slug, language, hospitals.hospital(views[language], hospital))
    for view in views.values():
        yield from _cards(view)


def _of_procedure(view: View, procedure: Procedure) -> Iterator[Composed]:
    yield Composed("procedure", procedure.slug, view.language, procedures.overview(view, procedure))
    yield Composed("prices", procedure.slug, view.language, procedures.prices(view, procedure))
    for facts in view.holdings.destinations.get(procedure.slug, []):
        key = f"{procedure.slug}/{facts.country}"
        yield Composed("page", key, view.language, pages.page(view, procedure, facts))
        yield Composed("enquiry-form", key, view.language, forms.form(view, procedure, facts))


def _cards(view: View) -> Iterator[Composed]:
    """Items of lists, each in every language: a list is in one."""
    holdings, language = view.holdings, view.language
    for procedure in holdings.procedures.values():
        yield Composed("procedure-card", procedure.slug, language, parts.procedure_card(view, procedure))
    for hospital in holdings.hospitals.values():
        yield Composed("hospital-card", hospital.slug, language, parts.hospital_card(view, hospital))
    for doctor in (doctor for doctors in holdings.doctors.values() for doctor in doctors):
        yield Composed("doctor-card", doctor.slug, language, parts.doctor_card(view, doctor))
    for slug in holdings.specialties:
        yield Composed("specialty-card", slug, language, overviews.specialty(view, slug))
    for code in overviews.countries_in(holdings):
        yield Composed("country-card", code, language, overviews.country(view, code))

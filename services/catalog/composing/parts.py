"""Parts that several documents show, each in one language of the reader's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.catalog.countries import country_name
from services.catalog.doctors import Doctor
from services.catalog.holdings import Holdings, Offered
from services.catalog.hospitals import Hospital, can_be_asked, standing_of
from services.catalog.importer.codes import minor_units
from services.catalog.languages import DEFAULT, OFFERED, direction, languages_in, pick, pick_if_any
from services.catalog.prices import Price
from services.catalog.procedures import DestinationFacts, Procedure

Value = dict[str, Any]


@dataclass(frozen=True)
class View:
    """What is composed from, for whom, and on which day: authorisations end by themselves."""

    holdings: Holdings
    language: str
    today: date


def languages_of(*texts: Mapping[str, str] | None) -> list[str]:
    """The languages a document is made in: English, and each of ours that one of these texts has."""
    has = {language for each in texts if each for language in each}
    return [language for language in OFFERED if language == DEFAULT or language in has]


def document(view: View, content: Value) -> Value:
    """Its head says the language, and which others single texts had to be given in."""
    others = sorted(languages_in(content) - {view.language})
    return {"language": view.language, "dir": direction(view.language), "other_languages": others, **content}


def country(code: str, language: str) -> Value:
    return {"code": code, "name": country_name(code, language)}


def specialty(view: View, slug: str) -> Value:
    return {"slug": slug, "name": pick(view.holdings.specialties[slug].name, view.language)}


def practitioner(view: View, slug: str) -> Value:
    return {"specialty": slug, "name": pick(view.holdings.specialties[slug].practitioner, view.language)}


def named(record: Procedure | Hospital, language: str) -> Value:
    return {"id": str(record.id), "slug": record.slug, "name": pick(record.name, language)}


def city_of(view: View, hospital: Hospital) -> Value:
    """`slug` is null where the gazetteer does not know the name we were given."""
    known = view.holdings.cities.get(hospital.city or "")
    if known:
        return {"slug": known.slug, "name": pick(known.name, view.language)}
    return {"slug": None, "name": {"text": hospital.city_given, "lang": DEFAULT} if hospital.city_given else None}


def hospital_card(view: View, hospital: Hospital) -> Value:
    return {
        **named(hospital, view.language),
        "summary": pick_if_any(hospital.summary, view.language),
        "country": country(hospital.country, view.language),
        "city": city_of(view, hospital),
        "partner": hospital.partner,
        "can_be_asked": can_be_asked(hospital, on=view.today),
        "authorisation": {"standing": standing_of(hospital, on=view.today), "valid_until": hospital.authorisation["valid_until"]},
        "accreditations": hospital.accreditations,
        "languages": hospital.languages,
        "doctor_count": hospital.doctor_count,
        "rating": hospital.rating,
        "sample": hospital.sample,
    }


def offering_card(view: View, offered: Offered) -> Value:
    """A hospital as one that offers the procedure at hand."""
    offering = offered.offering
    return {
        **hospital_card(view, offered.hospital),
        "department": pick(offering.department, view.language),
        "evidence": pick_if_any(offering.evidence, view.language),
        "evidence_source": offering.source,
    }


def doctor_card(view: View, doctor: Doctor) -> Value:
    return {
        "slug": doctor.slug,
        "name": doctor.name,
        "title": pick(doctor.title, view.language),
        "specialty": specialty(view, doctor.specialty),
        "hospital": named(view.holdings.hospitals[doctor.hospital], view.language),
        "since_year": doctor.since_year,
        "languages": doctor.languages,
        "procedures": doctor.procedures,
        "sample": doctor.sample,
    }


def price_line(view: View, price: Price) -> Value:
    """Amounts in minor units; `digits` of them stand behind the point."""
    hospital = view.holdings.hospitals[price.hospital] if price.hospital else None
    return {
        "hospital": named(hospital, view.language) if hospital else None,
        "min_minor": price.min_minor,
        "max_minor": price.max_minor,
        "currency": price.currency,
        "digits": minor_units(price.currency),
        "basis": price.basis,
        "standing": price.standing,
        "source": price.source,
        "observed_on": price.observed_on,
        "inclusions": [{"slug": slug, "name": pick(view.holdings.inclusions[slug].name, view.language)} for slug in price.inclusions],
        "sample": price.sample,
    }


def cost_lines(view: View, procedure: Procedure) -> list[Value]:
    """Stay, recovery and prices in each destination of the procedure."""
    return [_cost_line(view, procedure, facts) for facts in view.holdings.destinations.get(procedure.slug, [])]


def _cost_line(view: View, procedure: Procedure, facts: DestinationFacts) -> Value:
    prices = [price for price in view.holdings.prices.get(procedure.slug, []) if price.country == facts.country]
    return {
        "country": country(facts.country, view.language),
        **stay_and_recovery(view, procedure, facts),
        "prices": [price_line(view, price) for price in prices],
        "sample": facts.sample,
    }


def stay_and_recovery(view: View, procedure: Procedure, facts: DestinationFacts) -> Value:
    """The destination's own facts; what it does not say is the procedure's, as typical anywhere."""
    return {
        "stay_days": facts.stay_days or procedure.stay_days,
        "recovery_weeks": facts.recovery_weeks or procedure.recovery_weeks,
        "recovery_note": pick_if_any(facts.recovery_note or procedure.recovery_note, view.language),
        "source": facts.source,
    }


def destinations_of(view: View, procedure: Procedure) -> list[Value]:
    """Where there is a page of it."""
    found = view.holdings.destinations.get(procedure.slug, [])
    return [
        {**country(facts.country, view.language), "page": f"/v1/procedures/{procedure.slug}/{facts.country}", "sample": facts.sample}
        for facts in found
    ]


def procedure_card(view: View, procedure: Procedure) -> Value:
    return {
        **named(procedure, view.language),
        "summary": pick(procedure.summary, view.language),
        "specialty": specialty(view, procedure.specialty),
        "destinations": destinations_of(view, procedure),
        "sample": procedure.sample,
    }


def codes(pairs: Iterable[tuple[str, bool]]) -> list[str]:
    """The codes of what holds."""
    return [code for code, holds in pairs if holds]

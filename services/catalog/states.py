"""States: what everybody else is told of a procedure or a hospital, made from what the catalog holds."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from shared.events import catalog as events

from .holdings import Holdings
from .hospitals import Hospital
from .languages import DEFAULT, pick
from .procedures import DestinationFacts, Procedure

UNPUBLISHED = 0
"""The version of a state that is only compared; publishing gives it the true one."""


def procedure_state(holdings: Holdings, procedure: Procedure) -> events.ProcedureState:
    return events.ProcedureState(
        id=procedure.id,
        version=UNPUBLISHED,
        slug=procedure.slug,
        names=procedure.name,
        specialty=procedure.specialty,
        sample=procedure.sample,
        device_implanted=procedure.device_implanted,
        destinations=[_destination(holdings, facts) for facts in holdings.destinations.get(procedure.slug, [])],
        intake=[_question(asked) for asked in procedure.intake],
        records=list(_records(procedure)),
        consents=[
            events.ConsentText(purpose=each.purpose, version=each.version, language=each.language, text=each.text, sha256=each.sha256)
            for each in holdings.consent_texts
        ],
    )


def _destination(holdings: Holdings, facts: DestinationFacts) -> events.Destination:
    prices = [price for price in holdings.prices.get(facts.procedure, []) if price.country == facts.country]
    return events.Destination(
        country=facts.country,
        hospital_ids=[offered.hospital.id for offered in holdings.offered(facts.procedure, facts.country)],
        prices=[
            events.PriceRange(min_minor=price.min_minor, max_minor=price.max_minor, currency=price.currency)
            for price in prices
            if price.standing == "confirmed"
        ],
    )


def _question(asked: dict[str, Any]) -> events.IntakeQuestion:
    return events.IntakeQuestion(
        slug=asked["slug"],
        text=asked["question"],
        kind=events.AnswerKind(asked["kind"]),
        required=asked["required"],
        choices=[events.Choice(slug=choice["slug"], label=choice["label"]) for choice in asked["choices"]],
        minimum=asked["min"],
        maximum=asked["max"],
        unit=asked["unit"],
        hint=asked["hint"],
    )


def _records(procedure: Procedure) -> Iterator[events.RecordWanted]:
    """The documents that its preparation asks for, each once."""
    wanted = {each["document_required"]["slug"]: each["document_required"] for each in procedure.preparation if each["document_required"]}
    for slug, document in wanted.items():
        yield events.RecordWanted(slug=slug, text=document["name"])


def hospital_state(holdings: Holdings, hospital: Hospital) -> events.HospitalState:
    city = holdings.cities.get(hospital.city or "")
    return events.HospitalState(
        id=hospital.id,
        version=UNPUBLISHED,
        slug=hospital.slug,
        name=pick(hospital.name, DEFAULT)["text"],
        country=hospital.country,
        city=pick(city.name, DEFAULT)["text"] if city else hospital.city_given or "",
        timezone=hospital.timezone,
        working_hours=[events.WorkingHours(**span) for span in hospital.working_hours],
        holidays=[date.fromisoformat(holiday["on"]) for holiday in hospital.holidays],
        languages=hospital.languages,
        accreditations=[accreditation["slug"] for accreditation in hospital.accreditations],
        authorisation=events.Standing(hospital.authorisation["standing"]),
        authorised_until=_day(hospital.authorisation["valid_until"]),
        insured_until=_day((hospital.complication_insurance or {}).get("valid_until")),
        partner=hospital.partner,
        sample=hospital.sample,
    )


def _day(written: str | None) -> date | None:
    return date.fromisoformat(written) if written else None

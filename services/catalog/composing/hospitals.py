"""A hospital by itself: what is known of it, what it offers, who works there."""

from services.catalog.hospitals import Hospital, Offering, standing_of
from services.catalog.languages import pick, pick_if_any

from . import parts
from .parts import Value, View


def hospital(view: View, of: Hospital) -> Value:
    return parts.document(
        view,
        {
            **parts.hospital_card(view, of),
            "unconfirmed": parts.codes(
                [
                    ("authorisation", of.authorisation["standing"] == "unknown"),
                    ("languages", not of.languages),
                    ("working_hours", not of.working_hours),
                    ("rating", of.rating is not None and of.rating["average_tenths"] is None),
                ]
            ),
            "authorisation": of.authorisation | {"standing": standing_of(of, on=view.today)},
            "complication_insurance": of.complication_insurance,
            "timezone": of.timezone,
            "working_hours": of.working_hours,
            "holidays": [{"on": each["on"], "name": pick(each["name"], view.language)} for each in of.holidays],
            "procedures": [_offering(view, offering) for offering in view.holdings.offerings_of(of.slug)],
            "doctors": [parts.doctor_card(view, doctor) for doctor in view.holdings.doctors.get(of.slug, [])],
            "provenance": of.provenance,
        },
    )


def _offering(view: View, offering: Offering) -> Value:
    return {
        **parts.named(view.holdings.procedures[offering.procedure], view.language),
        "department": pick(offering.department, view.language),
        "evidence": pick_if_any(offering.evidence, view.language),
        "evidence_source": offering.source,
        "sample": offering.sample,
    }

"""The documents of an appointment on the wire."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from services.enquiry import listings
from services.enquiry.bookings import Appointment
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import AppointmentState, Who
from services.enquiry.slots import resources
from services.enquiry.wording import one_line
from shared import web
from shared.events.appointment import AppointmentDecline, CancelReason
from shared.web import pages

from .changing import acts_on

KINDS = ("video_consultation", "assessment", "screening_trial", "admission", "follow_up")
MODES = ("on_site", "video", "telephone")
OUTCOMES = ("successful", "unsuccessful", "inconclusive")
_OURS = {CancelReason.ENQUIRY_ENDED, CancelReason.ERASURE}  # said by the system
_BECAUSE = fields.String(
    validate=[validate.Length(3, 500), one_line],
    metadata={"description": "required of operations; for the audit, no personal data", "examples": ["asked for by telephone"]},
)


class ListSchema(pages.PageQuery):
    state = fields.String(validate=validate.OneOf([state.value for state in AppointmentState]))


class ChosenSlotSchema(web.Schema):
    """A slot of GET /v1/hospitals/{slug}/slots."""

    resource = fields.UUID(required=True)
    start = fields.AwareDateTime(required=True, metadata={"description": "with offset or Z", "examples": ["2027-01-12T09:00:00+03:00"]})


class HoldSchema(ChosenSlotSchema):
    because = _BECAUSE


class SubmitSchema(web.Schema):
    """The form that makes of a hold an appointment."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS), metadata={"examples": ["assessment"]})
    mode = fields.String(required=True, validate=validate.OneOf(MODES), metadata={"examples": ["on_site"]})
    companions = fields.Integer(strict=True, load_default=0, validate=validate.Range(0, 10), metadata={"description": "who come along"})


class AppointmentWindowSchema(web.Schema):
    """Days that suit, the first and the last, in the hospital's zone."""

    since = fields.Date(required=True, data_key="from", metadata={"examples": ["2027-01-11"]})
    until = fields.Date(required=True, metadata={"examples": ["2027-01-15"]})

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        if data["until"] < data["since"]:
            raise ValidationError("must not be before from", "until")


class AppointmentRequestSchema(SubmitSchema):
    """A time is asked for by the days that suit; the hospital is to offer some."""

    hospital = fields.String(
        required=True, validate=validate.Length(1, 120), metadata={"description": "slug", "examples": ["first-hospital"]}
    )
    windows = fields.List(fields.Nested(AppointmentWindowSchema()), required=True, validate=validate.Length(1, 3))
    because = _BECAUSE


class AppointmentOfferSchema(web.Schema):
    slots = fields.List(fields.Nested(ChosenSlotSchema()), required=True, validate=validate.Length(1, 3))
    because = _BECAUSE

    @validates_schema
    def each_once(self, data: dict[str, Any], **_: Any) -> None:
        if len({(slot["resource"], slot["start"]) for slot in data["slots"]}) < len(data["slots"]):
            raise ValidationError("must each be another one", "slots")


class OfferedSlotSchema(web.Schema):
    resource = fields.UUID()
    resource_name = fields.String(metadata={"examples": ["Dr. Deniz Kaya"]})
    start = fields.AwareDateTime()
    end = fields.AwareDateTime()
    expires_at = fields.AwareDateTime(metadata={"description": "it is kept until then"})


class AppointmentDeclineSchema(web.Schema):
    reason = fields.String(
        required=True,
        validate=validate.OneOf([reason.value for reason in AppointmentDecline]),
        metadata={"description": "a patient's is time_does_not_suit", "examples": ["time_does_not_suit"]},
    )


class CancelSchema(web.Schema):
    reason = fields.String(required=True, validate=validate.OneOf([one.value for one in CancelReason if one not in _OURS]))
    late_is_known = fields.Boolean(
        load_default=False, metadata={"description": "required (409 `late-not-known`) of a patient from `late_from` on: you have shown it"}
    )
    because = _BECAUSE

    @validates_schema
    def known_or_not_asked(self, data: dict[str, Any], **_: Any) -> None:
        if "because" in data and data["late_is_known"]:
            raise ValidationError("is said by patients only", "late_is_known")


class AttendanceSchema(web.Schema):
    because = _BECAUSE


class CompleteSchema(AttendanceSchema):
    """An outcome is for the case: no fact and no mail tells it."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES), metadata={"examples": ["successful"]})


class VoidSchema(web.Schema):
    because = fields.String(
        required=True, validate=[validate.Length(3, 500), one_line], metadata={"description": "for the audit; no personal data"}
    )


class ResolveSchema(VoidSchema):
    state = fields.String(required=True, validate=validate.OneOf(("completed", "cancelled")), metadata={"examples": ["completed"]})


class ChangeSchema(web.Schema):
    """Another slot of the same hospital."""

    resource = fields.UUID(metadata={"description": "who is met; the same as before where it is left out"})
    start = fields.AwareDateTime(required=True, metadata={"description": "with offset or Z", "examples": ["2027-01-13T09:00:00+03:00"]})


class ProposedTimeSchema(web.Schema):
    resource = fields.UUID()
    start = fields.AwareDateTime()
    end = fields.AwareDateTime()
    by = fields.String(metadata={"description": "patient or hospital", "examples": ["hospital"]})


class AppointmentSchema(web.Schema):
    id = fields.UUID()
    revision = fields.Integer(metadata={"description": "goes into If-Match"})
    state = fields.String(metadata={"examples": ["confirmed"]})
    reference = fields.String(metadata={"description": "of the case", "examples": ["K7QF-2M9X-4TBD"]})
    hospital = fields.String(metadata={"description": "slug"})
    hospital_name = fields.String()
    resource = fields.UUID(allow_none=True, metadata={"description": "none while no slot is chosen"})
    resource_name = fields.String(allow_none=True, metadata={"description": "who is met", "examples": ["Dr. Deniz Kaya"]})
    kind = fields.String(allow_none=True, metadata={"description": "known from the form on", "examples": ["assessment"]})
    mode = fields.String(allow_none=True, metadata={"examples": ["on_site"]})
    companions = fields.Integer()
    windows = fields.List(
        fields.Nested(AppointmentWindowSchema()), allow_none=True, metadata={"description": "days that suit, while no slot is chosen"}
    )
    offers = fields.List(
        fields.Nested(OfferedSlotSchema()), allow_none=True, metadata={"description": "what the hospital keeps to choose from"}
    )
    start = fields.AwareDateTime(allow_none=True, metadata={"description": "UTC; none while no slot is chosen"})
    end = fields.AwareDateTime(allow_none=True)
    timezone = fields.String(metadata={"description": "IANA: the hospital's", "examples": ["Europe/Istanbul"]})
    local_start = fields.String(
        allow_none=True, metadata={"description": "wall clock there, as it was agreed", "examples": ["2027-01-12T12:00"]}
    )
    late_from = fields.AwareDateTime(allow_none=True, metadata={"description": "cancelling from then on is late: show it before"})
    expires_at = fields.AwareDateTime(allow_none=True, metadata={"description": "when its present state ends by itself"})
    proposal = fields.Nested(ProposedTimeSchema(), allow_none=True, metadata={"description": "a change that waits for an answer"})
    reason = fields.String(allow_none=True, metadata={"description": "a code: why it ended", "examples": ["changed_mind"]})
    outcome = fields.String(allow_none=True, metadata={"description": "what came of it", "examples": ["successful"]})
    disputed_at = fields.AwareDateTime(allow_none=True, metadata={"description": "when the patient said that they had come"})
    late = fields.Boolean(allow_none=True, metadata={"description": "whether it was cancelled late"})
    created_at = fields.AwareDateTime()
    confirmed_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    possible = fields.List(fields.String(), metadata={"description": "what you can do now", "examples": [["cancel"]]})


class AppointmentsSchema(web.Schema):
    items = fields.List(fields.Nested(AppointmentSchema()))


class AppointmentsPageSchema(pages.PageSchema):
    items = fields.List(fields.Nested(AppointmentSchema()))


_AS_STORED = (
    "id", "revision", "state", "kind", "mode", "companions", "timezone", "expires_at", "reason", "late", "outcome", "disputed_at", "created_at", "confirmed_at", "ended_at",
)  # fmt: skip


def _proposal(one: Appointment) -> dict[str, Any] | None:
    found = one.proposal
    return found and {**found, "start": datetime.fromisoformat(found["start"]), "end": datetime.fromisoformat(found["end"])}


def _windows(one: Appointment) -> list[dict[str, Any]] | None:
    return one.windows and [
        {name: date.fromisoformat(day[key]) for name, key in (("since", "from"), ("until", "until"))} for day in one.windows
    ]


def _offers(session: Session, one: Appointment) -> list[dict[str, Any]] | None:
    return one.offers and [
        {
            "resource": offer["resource"],
            "resource_name": resources.find_resource(session, UUID(offer["resource"])).name,
            **{name: datetime.fromisoformat(offer[name]) for name in ("start", "end", "expires_at")},
        }
        for offer in one.offers
    ]


def _slot(session: Session, one: Appointment) -> dict[str, Any]:
    """Nothing of it while none is chosen."""
    if one.resource_id is None:
        return dict.fromkeys(("resource", "resource_name", "start", "end", "local_start", "late_from"))
    return {
        "resource": one.resource_id,
        "resource_name": resources.find_resource(session, one.resource_id).name,
        "start": one.starts_at,
        "end": one.ends_at,
        "local_start": one.local_start,
        "late_from": one.late_from,
    }


def appointment_document(session: Session, one: Appointment, *, who: Who) -> dict[str, Any]:
    """The values of AppointmentSchema: the same for both sides, but for what each can do."""
    hospital = listings.hospitals_by_id(session, [one.hospital_id]).get(one.hospital_id)
    return {
        **{name: getattr(one, name) for name in _AS_STORED},
        "reference": session.get_one(Enquiry, one.enquiry_id).reference,
        "hospital": hospital.slug if hospital else None,
        "hospital_name": hospital.name if hospital else None,
        **_slot(session, one),
        "windows": _windows(one),
        "offers": _offers(session, one),
        "proposal": _proposal(one),
        "possible": acts_on(one, who),
    }

"""What a hospital's webhook is told: every type and its body, made and documented from one table.

Thin on purpose: ids, a time, a state and a link; nothing of the person or the case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from services.notification.mails.values import Links

from .claims import Claimed


@dataclass(frozen=True)
class Webhook:
    """One type of body. `fields`: those of the fact that are told, of which `absent` may be null; `state`: of what it is about, where the alert says it."""

    type: str
    meaning: str
    fields: tuple[str, ...] = ("reference", "invitation_id")
    state: str | None = None
    absent: tuple[str, ...] = ()


_QUOTE = ("reference", "invitation_id", "quote_id", "number")

# by letter: the same that hospitals are told by mail
WEBHOOKS: Mapping[str, Webhook] = {
    "invitation_sent": Webhook(
        "invitation.sent", "A patient asks your hospital; you are to answer until `answer_due`.", ("reference", "invitation_id", "answer_due"), "sent"
    ),
    "invitation_reminded": Webhook(
        "invitation.reminded", "Half of the time for your answer is over.", ("reference", "invitation_id", "answer_due")
    ),
    "invitation_lapsed": Webhook("invitation.lapsed", "Three business days without your answer: the invitation has ended.", state="lapsed"),
    "invitation_revoked": Webhook("invitation.revoked", "You need not answer any more.", state="revoked"),
    "hospital_appointment_requested": Webhook(
        "appointment.requested", "A patient asks for a time within some days; offer one to three until `answer_due`.", ("reference", "invitation_id", "appointment_id", "answer_due"), "requested"
    ),
    "hospital_quote_declined": Webhook(
        "quote.declined", "The patient does not want it, has accepted another (`another_selected`), or the enquiry has ended.", (*_QUOTE, "reason"), "declined"
    ),
    "hospital_quote_expired": Webhook("quote.expired", "Its validity is over.", _QUOTE, "expired"),
    "hospital_quote_accepted": Webhook(
        "quote.accepted", "You may know who the patient is: look at the case. Without an appointment until `book_until` it lapses.", (*_QUOTE, "book_until"), "accepted"
    ),
    "hospital_quote_unbooked": Webhook(
        "quote.unbooked", "Its appointment is gone: another is to be found.", (*_QUOTE, "book_until"), "accepted"
    ),
    "hospital_quote_extended": Webhook("quote.extended", "The patient takes more time to find an appointment.", (*_QUOTE, "book_until"), "accepted"),
    "hospital_quote_lapsed": Webhook("quote.lapsed", "It was accepted, and no appointment was found in time.", _QUOTE, "lapsed"),
    "hospital_quote_cancelled": Webhook("quote.cancelled", "It was accepted, and one side steps back, or the enquiry has ended.", (*_QUOTE, "by", "reason"), "cancelled"),
    "hospital_quote_voided": Webhook("quote.voided", "It was entered in error.", _QUOTE, "voided"),
    "hospital_appointment_submitted": Webhook(
        "appointment.submitted", "A patient asks for a time; confirm or decline until `answer_due`.", ("reference", "invitation_id", "appointment_id", "start", "end", "answer_due"), "awaiting_confirmation"
    ),
    "hospital_appointment_confirmed": Webhook(
        "appointment.confirmed", "The appointment stands.", ("reference", "invitation_id", "appointment_id", "start", "end"), "confirmed"
    ),
    "hospital_appointment_declined": Webhook(
        "appointment.declined", "None of the times that you offered suits the patient: they are free again.", ("reference", "invitation_id", "appointment_id", "reason"), "declined"
    ),
    "hospital_appointment_expired": Webhook(
        "appointment.expired", "Nobody answered in time: what was kept is free again.", ("reference", "invitation_id", "appointment_id"), "expired"
    ),
    "hospital_appointment_cancelled": Webhook(
        "appointment.cancelled", "It will not take place; the slot is free again.", ("reference", "invitation_id", "appointment_id", "start", "end", "by", "reason", "late"), "cancelled", ("start", "end")
    ),
    "hospital_appointment_change_proposed": Webhook(
        "appointment.change_proposed", "The patient asks for another time; the old one stands until you have answered.", ("reference", "invitation_id", "appointment_id", "start", "end", "answer_due"), "change_proposed"
    ),
    "hospital_appointment_rescheduled": Webhook(
        "appointment.rescheduled", "The appointment has a new time.", ("reference", "invitation_id", "appointment_id", "start", "end"), "confirmed"
    ),
    "hospital_appointment_change_declined": Webhook(
        "appointment.change_declined", "The old time stands.", ("reference", "invitation_id", "appointment_id", "start", "end", "by"), "confirmed"
    ),
    "hospital_appointment_outcome_asked": Webhook(
        "appointment.outcome_asked", "Its time is over and nothing was recorded: say whether it took place.", ("reference", "invitation_id", "appointment_id", "start")
    ),
    "hospital_appointment_no_show_resolved": Webhook(
        "appointment.no_show_resolved", "Operations found for the patient.", ("reference", "invitation_id", "appointment_id", "found")
    ),
    "hospital_appointment_no_show_upheld": Webhook(
        "appointment.no_show_upheld", "It stays recorded that nobody came.", ("reference", "invitation_id", "appointment_id"), "missed"
    ),
    "hospital_appointment_voided": Webhook(
        "appointment.voided", "It was entered in error; the slot is free again.", ("reference", "invitation_id", "appointment_id", "start", "end"), "voided", ("start", "end")
    ),
    "endpoint_test": Webhook("endpoint.test", "You asked for a test.", ("endpoint_id",)),
}  # fmt: skip


def payload(claimed: Claimed, links: Links) -> bytes:
    """`{type, timestamp, data}` as its row of the table says."""
    told = WEBHOOKS[claimed.template]
    known = {**claimed.params, "endpoint_id": str(claimed.endpoint_id)}
    data: dict[str, Any] = {"hospital_id": str(claimed.recipient_id)} | {
        name: known.get(name) if name in told.absent else known[name] for name in told.fields
    }
    if told.state is not None:
        data["state"] = told.state
    if "invitation_id" in told.fields:
        data["link"] = links.desk(known["invitation_id"])
    return orjson.dumps({"type": told.type, "timestamp": claimed.event_at, "data": data}, option=orjson.OPT_UTC_Z)


# -- as the API's document says it --------------------------------------------

_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
_UUID = {"type": "string", "format": "uuid", "examples": [_ID]}
_MOMENT = {"type": "string", "format": "date-time", "examples": ["2027-01-12T09:00:00Z"]}
_FIELDS: Mapping[str, dict[str, Any]] = {
    "hospital_id": _UUID | {"description": "yours"},
    "reference": {"type": "string", "description": "of the case, as people read it aloud", "examples": ["K7QF-2M9X-4TBD"]},
    "invitation_id": _UUID | {"description": "GET /v1/invitations/{id} of the enquiry service has the rest"},
    "appointment_id": _UUID | {"description": "GET /v1/appointments/{id} of the enquiry service has the rest"},
    "quote_id": _UUID | {"description": "GET /v1/quotes/{id} of the enquiry service has the rest"},
    "number": {"type": "integer", "description": "which version of your quote for this case", "examples": [1]},
    "book_until": _MOMENT | {"description": "UTC"},
    "start": _MOMENT | {"description": "UTC"},
    "end": _MOMENT | {"description": "UTC"},
    "by": {"type": "string", "description": "patient, hospital, ops or system", "examples": ["patient"]},
    "reason": {"type": "string", "description": "a code", "examples": ["changed_mind"]},
    "found": {"type": "string", "description": "completed or cancelled", "examples": ["completed"]},
    "late": {"type": "boolean", "description": "by the policy that was shown", "examples": [False]},
    "answer_due": _MOMENT | {"description": "one business day in your working hours and zone"},
    "endpoint_id": _UUID | {"description": "the endpoint that is tested"},
    "link": {
        "type": "string",
        "format": "uri",
        "description": "the case on your desk",
        "examples": [f"https://passage.example/desk/invitations/{_ID}"],
    },
}
_HEADERS = {
    "webhook-id": {"type": "string", "examples": [_ID]},
    "webhook-timestamp": {"type": "string", "pattern": "^[0-9]+$", "examples": ["1799744400"]},
    "webhook-signature": {"type": "string", "pattern": "^v1,", "examples": ["v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="]},
}


def document() -> dict[str, Any]:
    """The `webhooks` of OpenAPI 3.1, by type."""
    return {told.type: {"post": _operation(told)} for told in WEBHOOKS.values()}


def _operation(told: Webhook) -> dict[str, Any]:
    return {
        "operationId": told.type,
        "summary": told.meaning,
        "parameters": [{"in": "header", "name": name, "required": True, "schema": form} for name, form in _HEADERS.items()],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(told)}}},
        "responses": {
            "2XX": {"description": "taken"},
            "410": {"description": "never again: the endpoint is disabled"},
            "default": {"description": "tried again; `Retry-After` is obeyed"},
        },
    }


def schema_of(told: Webhook) -> dict[str, Any]:
    """JSON schema of the body."""
    names = ("hospital_id", *told.fields, *(("link",) if "invitation_id" in told.fields else ()))
    data = {name: _FIELDS[name] for name in names}
    for name in told.absent:
        data[name] = data[name] | {"type": ["string", "null"], "description": "UTC; null where no time was chosen yet"}
    if told.state is not None:
        data["state"] = {"const": told.state, "description": "of what it is about", "examples": [told.state]}
    kind = {"const": told.type, "examples": [told.type]}
    return _object({"type": kind, "timestamp": _MOMENT | {"description": "when it happened, UTC"}, "data": _object(data)})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}

"""The documents of an enquiry on the wire: what is sent in, what is shown, and to whom."""

import re
from typing import Any

import phonenumbers
from babel import Locale
from marshmallow import ValidationError, fields, validate, validates_schema

from services.enquiry.consents import HEALTH_DATA, SHARE_CASE, Given
from services.enquiry.patients import Contact
from services.enquiry.wording import mail_address, one_line, person_name, zone_name
from shared import web
from shared.events.enquiry import RejectReason, Want

from .making import Wish

COUNTRIES = frozenset(code for code in Locale("en").territories if re.fullmatch(r"[A-Z]{2}", str(code))) - {
    "ZZ",
    "EU",
    "UN",
    "EZ",
    "QO",
    "XA",
    "XB",
}
LANGUAGES = ("en", "tr", "ar")
RELATIONS = ("self", "parent", "guardian", "relative", "agent")

_SLUG = validate.Regexp(r"^[a-z0-9]+(-[a-z0-9]+)*$", error="must be a slug: lower-case letters, digits and hyphens")


def _country(text: str) -> None:
    if text not in COUNTRIES:
        raise ValidationError("must be an ISO 3166-1 alpha-2 country")


def _phone(text: str) -> None:
    """E.164."""
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as fault:
        raise ValidationError("must be a phone number with its country code, as +90…") from fault
    if not phonenumbers.is_possible_number(number):
        raise ValidationError("is not a possible phone number")


class RequesterSchema(web.Schema):
    """Who writes: mails go to this address."""

    name = fields.String(required=True, validate=[validate.Length(1, 200), person_name], metadata={"examples": ["Amina Bello"]})
    email = fields.Email(required=True, validate=[validate.Length(max=254), mail_address], metadata={"examples": ["amina@example.org"]})
    phone = fields.String(validate=[validate.Length(max=32), _phone], metadata={"description": "E.164", "examples": ["+2348012345678"]})
    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES), metadata={"examples": ["en"]})
    timezone = fields.String(
        load_default="UTC", validate=[validate.Length(1, 64), zone_name], metadata={"description": "IANA", "examples": ["Africa/Lagos"]}
    )
    country = fields.String(
        required=True, validate=[validate.Length(2, 2), _country], metadata={"description": "ISO 3166-1 alpha-2", "examples": ["NG"]}
    )
    relation = fields.String(load_default="self", validate=validate.OneOf(RELATIONS), metadata={"examples": ["parent"]})


class PersonSchema(web.Schema):
    """Who is to be treated."""

    name = fields.String(
        validate=[validate.Length(1, 200), person_name], metadata={"description": "left out where the requester is the patient"}
    )
    birth_year = fields.Integer(required=True, strict=True, validate=validate.Range(1900, 2100), metadata={"examples": [2014]})
    sex = fields.String(required=True, validate=validate.OneOf(("female", "male", "other")), metadata={"examples": ["female"]})


class PreferredTimeSchema(web.Schema):
    """A span in which an appointment would suit, with offset or Z."""

    start = fields.AwareDateTime(required=True, data_key="from", metadata={"examples": ["2027-01-11T09:00:00+01:00"]})
    end = fields.AwareDateTime(required=True, data_key="until", metadata={"examples": ["2027-01-15T17:00:00+01:00"]})

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        if data["start"] >= data["end"]:
            raise ValidationError("must be later than from", "until")


class ConsentSchema(web.Schema):
    """One consent: the text that was shown, by version, language and hash (GET /v1/enquiry-form of the catalog)."""

    purpose = fields.String(required=True, validate=validate.OneOf((HEALTH_DATA, SHARE_CASE)))
    hospital = fields.String(validate=[validate.Length(1, 120), _SLUG], metadata={"description": "for share_case_with_hospital"})
    version = fields.Integer(required=True, strict=True, validate=validate.Range(1, 1_000_000))
    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    sha256 = fields.String(required=True, validate=validate.Regexp(r"^[0-9a-f]{64}$", error="must be 64 hexadecimal digits"))

    @validates_schema
    def hospital_where_needed(self, data: dict[str, Any], **_: Any) -> None:
        if (data["purpose"] == SHARE_CASE) != ("hospital" in data):
            raise ValidationError(f"goes with {SHARE_CASE}, and only with it", "hospital")


class NewEnquirySchema(web.Schema):
    """What a patient asks for."""

    procedure = fields.String(
        required=True, validate=[validate.Length(1, 120), _SLUG], metadata={"examples": ["intrathecal-baclofen-therapy"]}
    )
    destination = fields.String(
        required=True, validate=[validate.Length(2, 2), _country], metadata={"description": "ISO 3166-1 alpha-2", "examples": ["TR"]}
    )
    wants = fields.List(
        fields.String(validate=validate.OneOf([want.value for want in Want])),
        required=True,
        validate=validate.Length(1, 3),
        metadata={"examples": [["quote"]]},
    )
    hospitals = fields.List(fields.String(validate=[validate.Length(1, 120), _SLUG]), load_default=list, validate=validate.Length(max=5))
    requester = fields.Nested(RequesterSchema(), required=True)
    patient = fields.Nested(PersonSchema(), required=True)
    intake = fields.Dict(
        keys=fields.String(validate=validate.Length(1, 120)), values=fields.Raw(), load_default=dict, validate=validate.Length(max=100)
    )
    send_as_it_is = fields.Boolean(load_default=False, metadata={"description": "send it although required answers are missing"})
    message = fields.String(
        load_default="",
        validate=validate.Length(max=4000),
        metadata={"description": "free text; hospitals see it only when the patient releases it"},
    )
    preferred_times = fields.List(fields.Nested(PreferredTimeSchema()), load_default=list, validate=validate.Length(max=5))
    consents = fields.List(fields.Nested(ConsentSchema()), required=True, validate=validate.Length(1, 6))
    client_reference = fields.String(
        validate=[validate.Length(1, 100), one_line], metadata={"description": "your own; not shown to anybody else"}
    )

    @validates_schema
    def in_itself(self, data: dict[str, Any], **_: Any) -> None:
        if data["requester"]["relation"] != "self" and "name" not in data["patient"]:
            raise ValidationError({"patient": {"name": ["is required where somebody else writes"]}})
        for name in ("wants", "hospitals"):
            if len(set(data[name])) != len(data[name]):
                raise ValidationError("names the same twice", name)


def wish_of(body: dict[str, Any], *, client_id: Any) -> Wish:
    """The checked body as the rule takes it."""
    requester, patient = body["requester"], body["patient"]
    spans = [{"from": span["start"].isoformat(), "until": span["end"].isoformat()} for span in body["preferred_times"]]
    return Wish(
        procedure=body["procedure"],
        destination=body["destination"],
        wants=body["wants"],
        hospitals=body["hospitals"],
        contact=Contact(requester["name"], requester["email"], requester["language"], requester["timezone"]),
        person={
            "relation": requester["relation"],
            "phone": requester.get("phone"),
            "country": requester["country"],
            "name": patient.get("name", requester["name"]),
            "birth_year": patient["birth_year"],
            "sex": patient["sex"],
        },
        request={"intake": body["intake"], "message": body["message"], "preferred_times": spans},
        consents=[Given(**one) for one in body["consents"]],
        send_as_it_is=body["send_as_it_is"],
        client_id=client_id,
        client_reference=body.get("client_reference"),
    )


class CreatedSchema(web.Schema):
    """The answer to a new enquiry."""

    reference = fields.String(metadata={"description": "random; tells neither time nor count", "examples": ["K7QF-2M9X-4TBD"]})
    state = fields.String(metadata={"examples": ["pending_verification"]})
    revision = fields.Integer()
    promised_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "when the last hospital is to have answered; known once it is open"}
    )
    links = fields.Method("links_of")

    def links_of(self, enquiry: Any) -> dict[str, str]:
        reference = enquiry["reference"] if isinstance(enquiry, dict) else enquiry.reference
        here = f"/v1/enquiries/{reference}"
        return {"self": here, "withdraw": f"{here}/withdraw", "verify": "/v1/verifications", "resend": "/v1/links"}


class VerifiedSchema(CreatedSchema):
    """The answer to the button behind the mailed link."""

    timezone = fields.String(metadata={"description": "IANA: the requester's own, to say promised_at in", "examples": ["Africa/Lagos"]})


class RequesterShownSchema(RequesterSchema):
    phone = fields.String(allow_none=True)


class RequestShownSchema(web.Schema):
    """As it was sent."""

    intake = fields.Dict()
    message = fields.String()
    preferred_times = fields.List(fields.Dict())


class InvitationShownSchema(web.Schema):
    hospital = fields.String(metadata={"description": "slug"})
    hospital_name = fields.String()
    state = fields.String(metadata={"examples": ["viewed"]})
    sent_at = fields.AwareDateTime()
    viewed_at = fields.AwareDateTime(allow_none=True)
    answer_due = fields.AwareDateTime(metadata={"description": "one business day in the hospital's hours and zone"})


class ConsentShownSchema(web.Schema):
    purpose = fields.String()
    hospital = fields.String(allow_none=True)
    version = fields.Integer()
    language = fields.String()
    given_at = fields.AwareDateTime()
    withdrawn_at = fields.AwareDateTime(allow_none=True)


class TimelineRowSchema(web.Schema):
    at = fields.AwareDateTime()
    kind = fields.String(metadata={"description": "transition or told"})
    subject = fields.String(metadata={"description": "what changed: enquiry, invitation, appointment, assistance or erasure"})
    state = fields.String()
    by = fields.String(metadata={"description": "patient, hospital, ops, client or system"})
    reason = fields.String(allow_none=True, metadata={"description": "a code", "examples": ["enquiry_ended"]})
    recipient = fields.String()
    hospital = fields.String(allow_none=True)
    channel = fields.String()
    about = fields.String()
    ending = fields.String(metadata={"description": "accepted means by the mail server or endpoint"})


class EnquirySchema(CreatedSchema):
    """The case as its patient (and operations) sees it."""

    procedure = fields.String()
    destination = fields.String()
    wants = fields.List(fields.String())
    reject_reason = fields.String(allow_none=True, validate=validate.OneOf([reason.value for reason in RejectReason]))
    assistance = fields.String(allow_none=True)
    client_reference = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True)
    requester = fields.Nested(RequesterShownSchema())
    patient = fields.Nested(PersonSchema())
    request = fields.Nested(RequestShownSchema())
    invitations = fields.List(fields.Nested(InvitationShownSchema()))
    consents = fields.List(fields.Nested(ConsentShownSchema()))
    timeline = fields.List(fields.Nested(TimelineRowSchema()))
    possible = fields.List(fields.String(), metadata={"description": "what you can do now"})


class StateSchema(web.Schema):
    """The case as a client sees it: its state only, unless the patient grants more."""

    reference = fields.String()
    client_reference = fields.String(allow_none=True)
    state = fields.String()
    revision = fields.Integer()
    created_at = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True)


class BecauseSchema(web.Schema):
    because = fields.String(
        required=True, validate=[validate.Length(3, 500), one_line], metadata={"description": "for the audit; no personal data"}
    )


class RejectSchema(BecauseSchema):
    reason = fields.String(required=True, validate=validate.OneOf([r.value for r in RejectReason if r is not RejectReason.UNVERIFIED]))


class WithdrawSchema(web.Schema):
    because = fields.String(
        validate=[validate.Length(3, 500), one_line],
        metadata={"description": "required of operations; for the audit, no personal data"},
    )


class VerifySchema(web.Schema):
    token = fields.String(required=True, validate=validate.Length(1, 200), metadata={"description": "of the link in the mail"})

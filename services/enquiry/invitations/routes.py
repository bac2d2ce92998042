"""The hospital's side of invitations: list them, look at a case under its pseudonym, decline."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify
from marshmallow import fields, validate
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from services.enquiry import consents, context, invitations, patients, quotations
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import INVITATION, InvitationState, Who, possible_acts
from services.enquiry.listings import zone_of
from services.enquiry.vault import Vault
from shared import auth, web
from shared.events.invitation import DeclineReason
from shared.problems import Invalid
from shared.web import pages

from . import Invitation

# -- schema -------------------------------------------------------------------


class ListSchema(pages.PageQuery):
    state = fields.String(validate=validate.OneOf([state.value for state in InvitationState]))


class InvitationSchema(web.Schema):
    id = fields.UUID()
    revision = fields.Integer(metadata={"description": "goes into If-Match"})
    state = fields.String(metadata={"examples": ["sent"]})
    reference = fields.String()
    sent_at = fields.AwareDateTime()
    viewed_at = fields.AwareDateTime(allow_none=True)
    answer_due = fields.AwareDateTime(metadata={"description": "UTC; counted in the hospital's working hours"})
    timezone = fields.String(metadata={"description": "IANA zone in which they are counted", "examples": ["Europe/Istanbul"]})
    decline_reason = fields.String(allow_none=True)
    possible = fields.List(fields.String())


class InvitationsSchema(pages.PageSchema):
    items = fields.List(fields.Nested(InvitationSchema()))


class PseudonymSchema(web.Schema):
    """The patient as a hospital sees them before the identity is released."""

    birth_year = fields.Integer()
    sex = fields.String()
    country = fields.String()
    language = fields.String()


class IdentitySchema(web.Schema):
    """Who asks: from the acceptance of this hospital's quote on, for as long as that stands."""

    name = fields.String(metadata={"description": "the patient's"})
    relation = fields.String(metadata={"description": "of who writes for the patient", "examples": ["parent"]})
    requester = fields.String(metadata={"description": "the name of who writes", "examples": ["Amina Bello"]})
    email = fields.String(metadata={"examples": ["amina@example.org"]})
    phone = fields.String(allow_none=True, metadata={"examples": ["+2348000000000"]})


class CaseSchema(InvitationSchema):
    """A case under its pseudonym: no name, no contact, no free message; `identity` once the patient has released it."""

    procedure = fields.String()
    destination = fields.String()
    wants = fields.List(fields.String())
    patient = fields.Nested(PseudonymSchema())
    identity = fields.Nested(IdentitySchema(), allow_none=True, metadata={"description": "null before your quote is accepted"})
    intake = fields.Dict()
    preferred_times = fields.List(fields.Dict())


class DeclineSchema(web.Schema):
    reason = fields.String(required=True, validate=validate.OneOf([reason.value for reason in DeclineReason]))


# -- rules --------------------------------------------------------------------


def invitations_page(
    session: Session, hospital_id: UUID, *, state: str | None, limit: int, after: UUID | None
) -> list[tuple[Invitation, str]]:
    """A hospital's invitations with the references of their cases, by the time their answers are due: one more than `limit`, behind `after`.

    Raises Invalid(page-invalid) where `after` is none of its invitations.
    """
    query = (
        select(Invitation, Enquiry.reference)
        .join(Enquiry, Enquiry.id == Invitation.enquiry_id)
        .where(Invitation.hospital_id == hospital_id)
    )
    if state:
        query = query.where(Invitation.state == state)
    if after:
        last = session.get(Invitation, after)
        if last is None or last.hospital_id != hospital_id:
            raise Invalid("page-invalid")
        query = query.where(tuple_(Invitation.answer_due, Invitation.id) > (last.answer_due, last.id))
    return [(row[0], row[1]) for row in session.execute(query.order_by(Invitation.answer_due, Invitation.id).limit(limit + 1))]


def pseudonymous_case(session: Session, vault: Vault, invitation: Invitation, enquiry: Enquiry) -> dict[str, Any]:
    """What a hospital sees until the patient releases more."""
    key = patients.key_of(session, vault, enquiry.patient_id)
    person = patients.person_of(session, vault, enquiry.patient_id)
    assert enquiry.sealed_request is not None  # noqa: S101
    request = key.open(enquiry.sealed_request, what="request")
    return {
        **_shown(invitation, enquiry.reference, zone_of(session, invitation.hospital_id)),
        "procedure": enquiry.procedure_slug,
        "destination": enquiry.destination,
        "wants": enquiry.wants,
        "patient": {**{name: person[name] for name in ("birth_year", "sex", "country")}, "language": enquiry.language},
        "identity": _identity(session, vault, invitation, enquiry),
        "intake": request["intake"],
        "preferred_times": request["preferred_times"],
    }


def _identity(session: Session, vault: Vault, invitation: Invitation, enquiry: Enquiry) -> dict[str, Any] | None:
    """None unless the patient has accepted this hospital's quote, and has agreed that it knows them."""
    taken = quotations.taken_of(session, enquiry.id)
    if taken is None or taken.hospital_id != invitation.hospital_id or not consents.is_released(session, enquiry.id, taken.hospital_id):
        return None
    person, contact = patients.person_of(session, vault, enquiry.patient_id), patients.contact_of(session, vault, enquiry.patient_id)
    shown = {name: person.get(name) for name in ("name", "relation", "phone")}
    return shown | {"requester": contact.name, "email": contact.email}


def _shown(one: Invitation, reference: str, zone: str) -> dict[str, Any]:
    names = ("id", "revision", "state", "sent_at", "viewed_at", "answer_due", "decline_reason")
    possible = possible_acts(INVITATION, InvitationState(one.state), Who.HOSPITAL)
    return {**{name: getattr(one, name) for name in names}, "reference": reference, "timezone": zone, "possible": possible}


# -- routes -------------------------------------------------------------------

bp = web.Blueprint("invitations", __name__, url_prefix="/v1/invitations", description="What a hospital was asked")


@bp.route("", methods=["GET"])
@auth.requires("hospital")
@bp.arguments(ListSchema(), location="query")
@bp.response(200, InvitationsSchema())
def index(query: dict[str, Any]) -> dict[str, Any]:
    """Your invitations, the most urgent first."""
    hospital_id = auth.hospital_id()
    with web.reading() as session:
        rows = invitations_page(session, hospital_id, state=query.get("state"), limit=query["limit"], after=pages.id_place(query["after"]))
        zone = zone_of(session, hospital_id)
    page = pages.page(rows, limit=query["limit"], key=lambda row: row[0].id)
    return page | {"items": [_shown(one, reference, zone) for one, reference in page["items"]]}


@bp.route("/<uuid:invitation_id>", methods=["GET"])
@auth.requires("hospital")
@bp.response(200, InvitationSchema())
def show(invitation_id: UUID) -> Response:
    """Where an invitation stands. Looking at the case itself is an act: POST …/view."""
    with web.reading() as session:
        found = invitations.find_invitation(session, invitation_id, hospital_id=auth.hospital_id())
        shown = _shown(found, session.get_one(Enquiry, found.enquiry_id).reference, zone_of(session, found.hospital_id))
    response = jsonify(InvitationSchema().dump(shown))
    response.set_etag(str(found.revision))
    return response


@bp.route("/<uuid:invitation_id>/view", methods=["POST"])
@auth.requires("hospital")
@bp.response(200, CaseSchema())
def view(invitation_id: UUID) -> Response:
    """Open the case under its pseudonym; the patient sees that you did."""
    with web.transaction() as session:
        one, enquiry = invitations.view_invitation(
            session, invitation_id=invitation_id, hospital_id=auth.hospital_id(), actor=context.actor(), now=context.now()
        )
        session.flush()
        document = CaseSchema().dump(pseudonymous_case(session, context.vault(), one, enquiry))
    response = jsonify(document)
    response.set_etag(str(one.revision))
    return response


@bp.route("/<uuid:invitation_id>/decline", methods=["POST"])
@auth.requires("hospital")
@bp.arguments(DeclineSchema())
@bp.response(200, InvitationSchema())
def decline(body: dict[str, Any], invitation_id: UUID) -> dict[str, Any]:
    """Say that you will not answer; the patient is offered other hospitals. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        declined = invitations.decline_invitation(
            session,
            context.settings(),
            invitation_id=invitation_id,
            hospital_id=auth.hospital_id(),
            reason=body["reason"],
            revision=revision,
            actor=context.actor(),
            now=context.now(),
        )
        return _shown(declined, session.get_one(Enquiry, declined.enquiry_id).reference, zone_of(session, declined.hospital_id))

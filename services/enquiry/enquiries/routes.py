"""Routes of enquiries: make one, prove the address, look at it, end it."""

from typing import Any

from flask import Response, jsonify
from flask.typing import ResponseReturnValue

from services.enquiry import context, enquiries, listings, patients
from services.enquiry.cases import Enquiry, find_enquiry
from services.enquiry.lifecycles import Who
from shared import auth, web
from shared.problems import Invalid, field_error
from shared.web import idempotency
from shared.web.idempotency import idempotent
from shared.web.limits import limited
from shared.web.openapi import leading_to, version_unless

from . import making
from .documents import (
    BecauseSchema,
    CreatedSchema,
    EnquirySchema,
    NewEnquirySchema,
    RejectSchema,
    StateSchema,
    VerifiedSchema,
    VerifySchema,
    WithdrawSchema,
    wish_of,
)
from .examples import NEW_ENQUIRY
from .view import case_document

NEXT = (
    *(f"enquiries.{act}" for act in ("show", "reject", "verify_for_patient", "find_nobody")),
    *(f"erasures.{act}" for act in ("create", "show")),
    *(f"appointments.{act}" for act in ("hold", "of_enquiry")),
)
"""What can be done with a new enquiry: links of the document."""

bp = web.Blueprint("enquiries", __name__, url_prefix="/v1/enquiries", description="What patients ask for")
verifications = web.Blueprint("verifications", __name__, url_prefix="/v1/verifications", description="Proof of an address")


@bp.route("", methods=["POST"])
@limited("enquiries", context.enquiries_allowed, unless=idempotency.is_answered)
@auth.refuses("hospital")
@idempotent
@bp.arguments(NewEnquirySchema(), example=NEW_ENQUIRY)
@bp.response(201, CreatedSchema())
@bp.doc(**leading_to(201, *NEXT, revised=("enquiries.withdraw",), version="/revision", reference="/reference"))
def create(body: dict[str, Any]) -> ResponseReturnValue:
    """Ask hospitals for a quote, an appointment or help. A trusted client's enquiry is open at once, others wait for proof of the address."""
    with web.transaction() as session:
        listings.require_loaded(session)
        client_id = context.client_id()
        acting, trusted = context.actor(for_patient=True), client_id is not None
        wish = wish_of(body, client_id=client_id)
        made = making.create_enquiry(session, context.vault(), context.settings(), wish, actor=acting, trusted=trusted, now=context.now())
        idempotency.about(made.id)
        return made, {"Location": f"/v1/enquiries/{made.reference}", "ETag": f'W/"{made.revision}"'}  # type: ignore[return-value]


@verifications.route("", methods=["POST"])
@limited("tokens", lambda: context.settings().tokens_per_address)
@verifications.arguments(VerifySchema())
@verifications.response(200, VerifiedSchema())
def verify(body: dict[str, Any]) -> dict[str, Any]:
    """The button behind the mailed link: proves the address and opens the case. Pressing it twice is once."""
    with web.transaction() as session:
        vault = context.vault()
        enquiry = enquiries.verify_enquiry(
            session, vault, context.settings(), token=body["token"], actor=context.actor(), now=context.now()
        )
        shown = {name: getattr(enquiry, name) for name in ("reference", "state", "revision", "promised_at")}
        return shown | {"timezone": patients.contact_of(session, vault, enquiry.patient_id).timezone}


@bp.route("/<reference>", methods=["GET"])
@auth.requires("patient", "client", "ops")
@bp.response(200, EnquirySchema())
@bp.doc(**leading_to(200, "appointments.hold", "appointments.of_enquiry", reference="/reference"))
def show(reference: str) -> Response:
    """The case with its timeline: all of it for its patient and operations, its state for a client."""
    with web.snapshot() as session:
        enquiry = context.may_see(find_enquiry(session, reference))
        if auth.current().kind == "client":
            document = StateSchema().dump(enquiry)
        else:
            document = EnquirySchema().dump(case_document(session, context.vault(), enquiry, who=Who(auth.current().kind)))
    response = jsonify(document)
    response.set_etag(str(enquiry.revision), weak=True)  # its timeline grows under the same revision
    return response


@bp.route("/<reference>/withdraw", methods=["POST"])
@auth.requires("patient", "ops")
@version_unless("ops")
@bp.arguments(WithdrawSchema())
@bp.response(200, StateSchema())
def withdraw(body: dict[str, Any], reference: str) -> Enquiry:
    """End the enquiry; hospitals that were asked are told. Needs If-Match; operations give a reason instead."""
    by_ops = auth.current().kind == "ops"
    if by_ops != ("because" in body):  # what a patient would write here is health data, and this column is not sealed
        raise Invalid("invalid", errors=[field_error("because", "operations give a reason, patients must not")])
    revision = None if by_ops else web.if_match()
    with web.transaction() as session:
        context.may_see(find_enquiry(session, reference))
        acting = context.actor(because=body.get("because"), for_patient=True)
        return enquiries.withdraw_enquiry(session, reference=reference, revision=revision, actor=acting, now=context.now())


@bp.route("/<reference>/reject", methods=["POST"])
@auth.requires("ops")
@bp.arguments(RejectSchema())
@bp.response(200, StateSchema())
def reject(body: dict[str, Any], reference: str) -> Enquiry:
    """Operations end an enquiry that is spam, a duplicate or out of scope."""
    with web.transaction() as session:
        acting = context.actor(because=body["because"])
        return enquiries.reject_enquiry(session, reference=reference, reason=body["reason"], actor=acting, now=context.now())


@bp.route("/<reference>/verify", methods=["POST"])
@auth.requires("ops")
@bp.arguments(BecauseSchema())
@bp.response(200, StateSchema())
def verify_for_patient(body: dict[str, Any], reference: str) -> Enquiry:
    """Operations vouch for an address that its owner cannot confirm by the link; hospitals are asked now."""
    with web.transaction() as session:
        acting = context.actor(because=body["because"], for_patient=True)
        return enquiries.verify_for_patient(session, context.settings(), reference=reference, actor=acting, now=context.now())


@bp.route("/<reference>/find-nobody", methods=["POST"])
@auth.requires("ops")
@bp.arguments(BecauseSchema())
@bp.response(200, StateSchema())
def find_nobody(body: dict[str, Any], reference: str) -> Enquiry:
    """Operations end the search where no hospital can be asked or is left to answer; the patient is offered others."""
    with web.transaction() as session:
        acting = context.actor(because=body["because"])
        return enquiries.find_nobody(session, context.settings(), reference=reference, actor=acting, now=context.now())

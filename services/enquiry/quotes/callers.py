"""The caller of a route: whose quote it is, who has to give a reason, what is answered. Moves nothing."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify
from sqlalchemy.orm import Session

from services.enquiry import context, listings, patients, quotes
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import Who
from services.enquiry.patients import PatientKey
from services.enquiry.quotations import Quote
from shared import auth, web
from shared.problems import Invalid, NotFound, field_error

from .documents import QuoteSchema, quote_document


def find_mine(session: Session, quote_id: UUID) -> Quote:
    """A quote of the caller's; a draft is only its hospital's. Raises NotFound also for another's: its existence is not told."""
    one, principal = quotes.find_quote(session, quote_id), auth.current()
    mine = {"patient": principal.subject == one.enquiry_id and one.issued_at is not None, "hospital": principal.subject == one.hospital_id, "ops": True}  # fmt: skip
    if not mine.get(principal.kind, False):
        raise NotFound("not-found")
    return one


def who() -> Who:
    return Who(auth.current().kind)


def _document(session: Session, one: Quote, key: PatientKey, enquiry: Enquiry) -> dict[str, Any]:
    hospital = listings.hospitals_by_id(session, [one.hospital_id]).get(one.hospital_id)
    return quote_document(one, enquiry, quotes.terms_of(key, one), hospital, who=who(), now=context.now())


def documents_of(session: Session, found: list[Quote]) -> list[dict[str, Any]]:
    """Those whose patient was erased have nothing left to show."""
    shown = []
    for one in found:
        enquiry = session.get_one(Enquiry, one.enquiry_id)
        if one.sealed_terms is not None:
            shown.append(_document(session, one, patients.key_of(session, context.vault(), enquiry.patient_id), enquiry))
    return shown


def answer_with(one: Quote, session: Session) -> Response:
    """The document, with its version."""
    session.flush()
    response = jsonify(QuoteSchema().dump(documents_of(session, [one])[0]))
    response.set_etag(str(one.revision))
    return response


def reason_of(body: dict[str, Any]) -> str | None:
    """What operations write for the audit. Raises Invalid where they do not, or where somebody else does."""
    because: str | None = body.get("because")
    if (who() is Who.OPERATIONS) != (because is not None):
        raise Invalid("invalid", errors=[field_error("because", "operations give a reason, others must not")])
    return because


def revision_seen() -> int | None:
    return None if who() is Who.OPERATIONS else web.if_match()

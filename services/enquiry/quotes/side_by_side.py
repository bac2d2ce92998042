"""Routes of looking at several quotes: all that live side by side, and what one version changed of another."""

from typing import Any
from uuid import UUID

from services.enquiry import context, patients, quotations, quotes
from services.enquiry.cases import Enquiry, find_enquiry
from services.enquiry.lifecycles import TAKEN_QUOTES, QuoteState
from shared import auth, web

from . import callers, comparison
from .documents import ComparisonSchema, DifferenceSchema

COMPARED = (QuoteState.ISSUED, *TAKEN_QUOTES)

bp = web.Blueprint("comparisons", __name__, url_prefix="/v1", description="Quotes side by side, and versions of one")


@bp.route("/quotes/<uuid:quote_id>/difference", methods=["GET"])
@auth.requires("patient", "hospital", "ops")
@bp.response(200, DifferenceSchema())
def difference(quote_id: UUID) -> dict[str, Any]:
    """What this version changed of the one before it; empty for the first."""
    with web.reading() as session:
        one = callers.find_mine(session, quote_id)
        issued = [old for old in quotations.quotes_of(session, one.enquiry_id) if old.invitation_id == one.invitation_id and old.issued_at]
        before = [old for old in issued if old.number < one.number]
        if not before:
            return {"changed": []}
        key = patients.key_of(session, context.vault(), session.get_one(Enquiry, one.enquiry_id).patient_id)
        return {"changed": comparison.difference(quotes.terms_of(key, before[-1]), quotes.terms_of(key, one))}


@bp.route("/enquiries/<reference>/comparison", methods=["GET"])
@auth.requires("patient", "ops")
@bp.response(200, ComparisonSchema())
def compare(reference: str) -> dict[str, Any]:
    """All live quotes on the same lines: what each includes, excludes or does not say; ranked by price only where the same things are in them."""
    with web.reading() as session:
        enquiry = context.may_see(find_enquiry(session, reference))
        live = [one for one in quotations.quotes_of(session, enquiry.id) if one.state in COMPARED]
        key = patients.key_of(session, context.vault(), enquiry.patient_id)
        return {"items": callers.documents_of(session, live)} | comparison.compare({one.id: quotes.terms_of(key, one) for one in live})

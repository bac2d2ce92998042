"""Routes of quotes: a hospital writes, revises, withdraws and lists them; operations do so for it with a reason."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.enquiry import context, quotations
from services.enquiry.cases import find_enquiry
from services.enquiry.lifecycles import Who
from services.enquiry.quotations import Quote
from shared import auth, web
from shared.problems import Invalid, NotFound
from shared.web import idempotency, pages
from shared.web.idempotency import idempotent
from shared.web.openapi import version_unless

from . import callers, issuing
from .documents import (
    ListSchema,
    NewQuoteSchema,
    QuoteSchema,
    QuotesPageSchema,
    QuotesSchema,
    TermsSchema,
    VoidQuoteSchema,
    WithdrawQuoteSchema,
)

bp = web.Blueprint("quotes", __name__, url_prefix="/v1", description="What hospitals offer, side by side")


def quotes_page(session: Session, hospital_id: UUID, *, state: str | None, limit: int, after: UUID | None) -> list[Quote]:
    """A hospital's quotes, the newest first: one more than `limit`, behind `after`. Raises Invalid(page-invalid) where `after` is none of them."""
    query = select(Quote).where(Quote.hospital_id == hospital_id)
    if state:
        query = query.where(Quote.state == state)
    if after:
        last = session.get(Quote, after)
        if last is None or last.hospital_id != hospital_id:
            raise Invalid("page-invalid")
        query = query.where(Quote.id < last.id)
    return list(session.scalars(query.order_by(Quote.id.desc()).limit(limit + 1)))


@bp.route("/invitations/<uuid:invitation_id>/quotes", methods=["POST"])
@auth.requires("hospital", "ops")
@idempotent
@bp.arguments(NewQuoteSchema())
@bp.response(201, QuoteSchema())
def create(body: dict[str, Any], invitation_id: UUID) -> ResponseReturnValue:
    """Quote; with one out already this is its next version. A total far from confirmed prices needs `price_reason`. Operations write for a hospital, with a reason."""
    because = callers.reason_of(body)
    with web.transaction() as session:
        written = issuing.write_quote(
            session,
            context.vault(),
            context.settings(),
            invitation_id=invitation_id,
            hospital_id=None if callers.who() is Who.OPERATIONS else auth.hospital_id(),
            terms=TermsSchema().dump(body["terms"]),
            valid_until=body.get("valid_until"),
            price_reason=body.get("price_reason"),
            draft=body["draft"],
            actor=context.actor(because=because),
            now=context.now(),
        )
        idempotency.about(written.enquiry_id)
        session.flush()
        document = callers.documents_of(session, [written])[0]
        return document, {"Location": f"/v1/quotes/{written.id}", "ETag": f'"{written.revision}"'}


@bp.route("/quotes", methods=["GET"])
@auth.requires("hospital")
@bp.arguments(ListSchema(), location="query")
@bp.response(200, QuotesPageSchema())
def index(query: dict[str, Any]) -> dict[str, Any]:
    """Your hospital's quotes, the newest first."""
    after = pages.id_place(query["after"])
    with web.reading() as session:
        rows = quotes_page(session, auth.hospital_id(), state=query.get("state"), limit=query["limit"], after=after)
        page = pages.page(rows, limit=query["limit"], key=lambda row: row.id)
        return page | {"items": callers.documents_of(session, page["items"])}


@bp.route("/quotes/<uuid:quote_id>", methods=["GET"])
@auth.requires("patient", "hospital", "ops")
@bp.response(200, QuoteSchema())
def show(quote_id: UUID) -> Response:
    """What it says, until when, and what you can do."""
    with web.reading() as session:
        one = callers.find_mine(session, quote_id)
        if one.sealed_terms is None:
            raise NotFound("not-found")
        return callers.answer_with(one, session)


@bp.route("/enquiries/<reference>/quotes", methods=["GET"])
@auth.requires("patient", "ops")
@bp.response(200, QuotesSchema())
def of_enquiry(reference: str) -> dict[str, Any]:
    """Every quote of a case, also those that are over."""
    with web.reading() as session:
        enquiry = context.may_see(find_enquiry(session, reference))
        return {"items": callers.documents_of(session, [one for one in quotations.quotes_of(session, enquiry.id) if one.issued_at])}


@bp.route("/quotes/<uuid:quote_id>/withdraw", methods=["POST"])
@auth.requires("hospital", "ops")
@version_unless("ops")
@bp.arguments(WithdrawQuoteSchema())
@bp.response(200, QuoteSchema())
def withdraw(body: dict[str, Any], quote_id: UUID) -> Response:
    """Take it back while nobody has accepted it. Needs If-Match; operations give a reason instead."""
    because, revision = callers.reason_of(body), callers.revision_seen()
    with web.transaction() as session:
        callers.find_mine(session, quote_id)
        withdrawn = issuing.withdraw_quote(
            session,
            context.settings(),
            quote_id=quote_id,
            reason=body["reason"],
            revision=revision,
            actor=context.actor(because=because),
            now=context.now(),
        )
        return callers.answer_with(withdrawn, session)


@bp.route("/quotes/<uuid:quote_id>/reinstate", methods=["POST"])
@auth.requires("hospital")
@bp.response(200, QuoteSchema())
def reinstate(quote_id: UUID) -> Response:
    """Offer again, as it was, what was declined for another quote that came to nothing. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, quote_id)
        offered = issuing.reinstate_quote(
            session, context.settings(), quote_id=quote_id, revision=revision, actor=context.actor(), now=context.now()
        )
        return callers.answer_with(offered, session)


@bp.route("/quotes/<uuid:quote_id>/void", methods=["POST"])
@auth.requires("ops")
@bp.arguments(VoidQuoteSchema())
@bp.response(200, QuoteSchema())
def void(body: dict[str, Any], quote_id: UUID) -> Response:
    """Operations: it was entered in error."""
    with web.transaction() as session:
        acting = context.actor(because=body["because"])
        voided = issuing.void_quote(session, context.settings(), quote_id=quote_id, actor=acting, now=context.now())
        return callers.answer_with(voided, session)

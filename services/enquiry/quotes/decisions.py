"""Routes of deciding: a patient accepts or declines a quote, either side steps back from what was accepted or asks for more time."""

from typing import Any
from uuid import UUID

from flask import Response

from services.enquiry import context
from services.enquiry.consents import RELEASE_IDENTITY, Given
from shared import auth, web
from shared.web.openapi import version_unless

from . import callers, deciding
from .documents import AcceptSchema, CancelQuoteSchema, DeclineQuoteSchema, QuoteSchema

bp = web.Blueprint("decisions", __name__, url_prefix="/v1/quotes", description="What becomes of a quote")


@bp.route("/<uuid:quote_id>/accept", methods=["POST"])
@auth.requires("patient")
@bp.arguments(AcceptSchema())
@bp.response(200, QuoteSchema())
def accept(body: dict[str, Any], quote_id: UUID) -> Response:
    """Take it: risks and price acknowledged, this hospital learns who you are, other quotes are declined. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, quote_id)
        consent = Given(purpose=RELEASE_IDENTITY, **body["consent"])
        accepted = deciding.accept_quote(
            session, context.settings(), quote_id=quote_id, consent=consent, revision=revision, actor=context.actor(), now=context.now()
        )
        return callers.answer_with(accepted, session)


@bp.route("/<uuid:quote_id>/decline", methods=["POST"])
@auth.requires("patient")
@bp.arguments(DeclineQuoteSchema())
@bp.response(200, QuoteSchema())
def decline(body: dict[str, Any], quote_id: UUID) -> Response:
    """You do not want it: the hospital is told the reason only. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, quote_id)
        declined = deciding.decline_quote(
            session,
            context.settings(),
            quote_id=quote_id,
            reason=body["reason"],
            revision=revision,
            actor=context.actor(),
            now=context.now(),
        )
        return callers.answer_with(declined, session)


@bp.route("/<uuid:quote_id>/cancel", methods=["POST"])
@auth.requires("patient", "hospital", "ops")
@version_unless("ops")
@bp.arguments(CancelQuoteSchema())
@bp.response(200, QuoteSchema())
def cancel(body: dict[str, Any], quote_id: UUID) -> Response:
    """Step back from what was accepted; the case is open again. Needs If-Match; operations give a reason instead."""
    because, revision = callers.reason_of(body), callers.revision_seen()
    with web.transaction() as session:
        callers.find_mine(session, quote_id)
        cancelled = deciding.cancel_quote(
            session,
            context.settings(),
            quote_id=quote_id,
            reason=body["reason"],
            revision=revision,
            actor=context.actor(because=because),
            now=context.now(),
        )
        return callers.answer_with(cancelled, session)


@bp.route("/<uuid:quote_id>/extend", methods=["POST"])
@auth.requires("patient", "hospital")
@bp.response(200, QuoteSchema())
def extend(quote_id: UUID) -> Response:
    """Another 30 days to find an appointment, once. Needs If-Match."""
    revision = web.if_match()
    with web.transaction() as session:
        callers.find_mine(session, quote_id)
        extended = deciding.extend_booking(
            session, context.settings(), quote_id=quote_id, revision=revision, actor=context.actor(), now=context.now()
        )
        return callers.answer_with(extended, session)

"""Links sent again: to a case, to sign in. The answer is the same for known and unknown addresses, and takes as long.

The hash of the address is written down; a loop does the rest.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields, validate
from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import crypto, db, outbox, web
from shared.cli.loops import repeat
from shared.clock import Clock
from shared.events.enquiry import RejectReason, Reminder, SignInRequested
from shared.web.limits import caller, limit, limited

from . import context, enquiries, links, patients
from .cases import Enquiry
from .db import Base
from .lifecycles import EnquiryState
from .partners import accounts
from .settings import Settings

POLL_SECONDS = 0.5
SPAN = timedelta(hours=1)  # in which `unused_links` are enough

# -- table --------------------------------------------------------------------


class Resend(Base):
    """Somebody asked for links to an address; `purpose` is case or sign_in."""

    __tablename__ = "resends"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    email_hash: Mapped[bytes]
    created_at: Mapped[datetime]


# -- schema -------------------------------------------------------------------


class AddressSchema(web.Schema):
    email = fields.Email(required=True, validate=validate.Length(max=254), metadata={"examples": ["amina@example.org"]})


# -- rules --------------------------------------------------------------------


def ask(session: Session, *, purpose: str, email_hash: bytes, now: datetime) -> None:
    """Write it down, whether the address is known or not."""
    session.add(Resend(id=crypto.new_id(), purpose=purpose, email_hash=email_hash, created_at=now))


def work_off(session: Session, settings: Settings, *, now: datetime) -> bool:
    """Do the oldest one; False where there is none."""
    asked = session.scalar(select(Resend).order_by(Resend.id).limit(1).with_for_update(skip_locked=True))
    if asked is None:
        return False
    if asked.purpose == "sign_in":
        _send_sign_in(session, settings, asked.email_hash, now)
    else:
        _send_cases(session, settings, asked.email_hash, now)
    session.delete(asked)
    return True


def _send_cases(session: Session, settings: Settings, email_hash: bytes, now: datetime) -> None:
    """Of what was proved the newest few; of what anybody may have sent in this name the newest."""
    of = (
        select(Enquiry.id)
        .join(patients.Patient, patients.Patient.id == Enquiry.patient_id)
        .where(patients.Patient.email_hash == email_hash)
    )
    newest = of.order_by(Enquiry.created_at.desc(), Enquiry.id.desc())
    unproved = or_(Enquiry.state == EnquiryState.PENDING_VERIFICATION, Enquiry.reject_reason == RejectReason.UNVERIFIED)
    for enquiry_id in session.scalars(newest.where(unproved).limit(1)).all():
        if not links.enough_sent(session, purpose="verify", enquiry_id=enquiry_id, enough=settings.unused_links, within=SPAN):
            enquiries.ask_again(session, settings, enquiry_id, why=Reminder.RESEND)
    proved = (Enquiry.verified_at.is_not(None), Enquiry.state != EnquiryState.REJECTED)
    for enquiry_id in session.scalars(newest.where(*proved).limit(settings.cases_sent_again)).all():
        if not links.enough_sent(session, purpose="case", enquiry_id=enquiry_id, enough=settings.unused_links, within=SPAN):
            enquiries.send_case_link(session, settings, enquiry_id, now=now)


def _send_sign_in(session: Session, settings: Settings, email_hash: bytes, now: datetime) -> None:
    for account in accounts.people_with(session, email_hash):
        set_up = account.totp_confirmed_at is not None
        purpose, within = ("sign_in", min(SPAN, settings.sign_in_time)) if set_up else ("account", SPAN)
        if links.enough_sent(session, purpose=purpose, account_id=account.id, enough=settings.unused_links, within=within):
            continue
        if not set_up:
            accounts.invite(session, settings, account, now=now)
        else:
            link = links.issue_link(session, purpose="sign_in", account_id=account.id, expires_at=now + settings.sign_in_time)
            outbox.record(session, SignInRequested(case=accounts.next_case(session, account), link=link))


def run(engine: Engine, settings: Settings, clock: Clock, *, stop: threading.Event, beat: Callable[[], None]) -> None:
    """The loop: work off what was asked for, wait, look again."""

    def turn() -> bool:
        with db.transaction(engine) as session:
            return work_off(session, settings, now=clock())

    repeat(turn, stop=stop, beat=beat, seconds=POLL_SECONDS)


# -- routes -------------------------------------------------------------------

bp = web.Blueprint("resends", __name__, url_prefix="/v1", description="Links sent again")


@bp.route("/links", methods=["POST"])
@limited("resends", lambda: context.settings().resends_per_address)
@bp.arguments(AddressSchema())
@bp.response(202)
def send_my_link(body: dict[str, Any]) -> Response:
    """Send the links to my cases again (or the one that proves my address). Always the same answer."""
    return _accept(body["email"], purpose="case", allowed=context.settings().links_per_address)


@bp.route("/sign-ins", methods=["POST"])
@limited("resends", lambda: context.settings().resends_per_address)
@bp.arguments(AddressSchema())
@bp.response(202)
def sign_in(body: dict[str, Any]) -> Response:
    """Mail a sign-in link to a person of a hospital or of operations. Always the same answer."""
    return _accept(body["email"], purpose="sign_in", allowed=context.settings().sign_ins_per_address)


def _accept(email: str, *, purpose: str, allowed: str) -> Response:
    email_hash = context.vault().hash_of(email)
    limit(f"resend-{purpose}", allowed, by=f"{email_hash.hex()} {caller()}")  # nobody uses up what is another's
    with web.transaction() as session:
        ask(session, purpose=purpose, email_hash=email_hash, now=context.now())
    return Response(b"{}", status=202, mimetype="application/json")

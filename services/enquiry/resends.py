"""Links sent again: to a case, to sign in. The answer is the same for known and unknown addresses, and takes as long.

The hash of the address is written down; a loop does the rest.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields, validate
from sqlalchemy import Engine, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry import context, enquiries, links, patients
from services.enquiry.cases import Enquiry
from services.enquiry.db import Base
from services.enquiry.lifecycles import EnquiryState
from services.enquiry.partners import accounts
from services.enquiry.settings import Settings
from shared import crypto, db, outbox, web
from shared.cli.loops import repeat
from shared.clock import Clock
from shared.events.enquiry import Reminder, SignInRequested
from shared.web.limits import limit, limited

POLL_SECONDS = 0.5
MOST_CASES = 5  # the newest of an address; older ones by writing to us

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
    for patient_id in patients.patients_with(session, email_hash)[:MOST_CASES]:
        enquiry = session.scalar(select(Enquiry).where(Enquiry.patient_id == patient_id))
        if enquiry is None:
            continue
        if enquiry.verified_at is None:
            enquiries.ask_again(session, settings, enquiry.id, why=Reminder.RESEND)
        elif enquiry.state != EnquiryState.REJECTED:
            enquiries.send_case_link(session, settings, enquiry.id, now=now)


def _send_sign_in(session: Session, settings: Settings, email_hash: bytes, now: datetime) -> None:
    for account in accounts.people_with(session, email_hash):
        if account.totp_confirmed_at is None:
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
    limit(f"resend-{purpose}", allowed, by=email_hash.hex())
    with web.transaction() as session:
        ask(session, purpose=purpose, email_hash=email_hash, now=context.now())
    return Response(b"{}", status=202, mimetype="application/json")

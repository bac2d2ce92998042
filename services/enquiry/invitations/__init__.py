"""Invitations: one per hospital asked, its response clock, and the hospital's answer to being asked.

Knows nothing of mails or webhooks: it records facts, others act on them. What a hospital sees of a patient stands in its routes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.enquiry import bookings, lifecycles, links, quotations, timers
from services.enquiry.cases import Enquiry, locked_enquiry, move_enquiry
from services.enquiry.clocks import Calendar, add_business_days, part_of_business_day
from services.enquiry.db import Base
from services.enquiry.lifecycles import (
    ENQUIRY,
    INVITATION,
    LIVE_INVITATIONS,
    Actor,
    AssistanceState,
    EnquiryState,
    InvitationState,
    Who,
    possible_acts,
)
from services.enquiry.settings import Settings
from shared import crypto, writes
from shared.events import Case, Fact
from shared.events.catalog import HospitalState
from shared.events.enquiry import EnquiryAnswered, EnquiryReopened, EnquiryUnfulfilled
from shared.events.invitation import (
    DeclineReason,
    InvitationAnswered,
    InvitationDeclined,
    InvitationRevoked,
    InvitationSent,
    InvitationViewed,
)
from shared.problems import NotFound

# -- table --------------------------------------------------------------------


class Invitation(Base):
    """A hospital was asked. `revision` is its ETag; `answer_due` is what the patient is promised."""

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("enquiry_id", "hospital_id"),
        Index("invitations_hospital_id_answer_due_id_idx", "hospital_id", "answer_due", "id"),
        Index("invitations_hospital_id_state_answer_due_idx", "hospital_id", "state", "answer_due"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    enquiry_id: Mapped[UUID] = mapped_column(ForeignKey("enquiries.id"))
    hospital_id: Mapped[UUID]
    revision: Mapped[int]
    state: Mapped[str]
    decline_reason: Mapped[str | None]
    sent_at: Mapped[datetime]
    viewed_at: Mapped[datetime | None]
    answer_due: Mapped[datetime]
    lapses_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_INVITATIONS

    @property
    def is_open(self) -> bool:
        """Whether the hospital may see the case."""
        return self.is_live or self.state == InvitationState.ANSWERED


# -- rules --------------------------------------------------------------------


def prepare_invitations(
    session: Session, settings: Settings, enquiry: Enquiry, hospitals: Sequence[HospitalState], *, now: datetime
) -> list[Invitation]:
    """One row and one clock for each hospital, nothing told yet: the opening of the case is told first. What is returned are copies of the rows."""
    made, days = [], (settings.invitation_answer, settings.invitation_alternatives, settings.invitation_lapse)
    for hospital in hospitals:
        calendar = Calendar.of(hospital)
        due = [add_business_days(calendar, now, one) for one in days]
        row: dict[str, Any] = {
            "id": crypto.new_id(),
            "enquiry_id": enquiry.id,
            "hospital_id": hospital.id,
            "revision": 1,
            "state": InvitationState.SENT,
            "sent_at": now,
            "answer_due": due[0],
            "lapses_at": due[2],
        }
        writes.add(session, Invitation, [row])
        moments = {
            "invitation_reminder": part_of_business_day(calendar, now, settings.invitation_reminder),
            "invitation_overdue": due[0],
            "invitation_alternatives": due[1],
            "invitation_lapse": due[2],
        }
        timers.schedule(session, enquiry_id=enquiry.id, subject_id=row["id"], moments=moments)
        made.append(Invitation(**row))
    return made


def tell_sent(session: Session, case: Case, enquiry: Enquiry, invitation: Invitation, *, actor: Actor, now: datetime) -> None:
    """The fact that a hospital is asked."""
    fact = InvitationSent(
        case=case,
        reference=enquiry.reference,
        invitation_id=invitation.id,
        hospital_id=invitation.hospital_id,
        answer_due=invitation.answer_due,
    )
    row = lifecycles.check(INVITATION, "send", state=None, who=actor.kind)
    lifecycles.record(session, fact, row=row, subject="invitation", subject_id=invitation.id, actor=actor, at=now)


def find_invitation(session: Session, invitation_id: UUID, *, hospital_id: UUID) -> Invitation:
    """The hospital's own invitation. Raises NotFound also for another hospital's: its existence is not told."""
    query = select(Invitation).where(Invitation.id == invitation_id, Invitation.hospital_id == hospital_id)
    found = session.scalar(query)
    if found is None:
        raise NotFound("not-found")
    return found


def invitations_of(session: Session, enquiry_id: UUID) -> list[Invitation]:
    """All invitations of a case, in the order in which they were sent."""
    return list(session.scalars(select(Invitation).where(Invitation.enquiry_id == enquiry_id).order_by(Invitation.id)))


def locked_invitation(session: Session, invitation: Invitation, *, revision: int | None) -> tuple[Case, Enquiry]:
    """The case's lock, and the invitation as it is under it. Raises PreconditionFailed where the caller saw an older one."""
    case, enquiry = locked_enquiry(session, invitation.enquiry_id)
    session.refresh(invitation)
    lifecycles.check_revision(invitation.revision, revision)
    return case, enquiry


def move(session: Session, invitation: Invitation, fact: Fact, *, act: str, actor: Actor, now: datetime) -> None:
    """One transition with its fact. Raises Conflict(invalid-transition)."""
    row = lifecycles.check(INVITATION, act, state=InvitationState(invitation.state), who=actor.kind)
    invitation.state = row.to
    invitation.revision += 1
    if not invitation.is_live:
        invitation.ended_at = now
    lifecycles.record(session, fact, row=row, subject="invitation", subject_id=invitation.id, actor=actor, at=now)


def view_invitation(session: Session, *, invitation_id: UUID, hospital_id: UUID, actor: Actor, now: datetime) -> tuple[Invitation, Enquiry]:
    """The hospital looks at the case: the first look is told. Raises NotFound; Conflict where it may look no more."""
    invitation = find_invitation(session, invitation_id, hospital_id=hospital_id)
    case, enquiry = locked_invitation(session, invitation, revision=None)
    if invitation.state == InvitationState.SENT:
        move(
            session,
            invitation,
            InvitationViewed(case=case, invitation_id=invitation.id, hospital_id=hospital_id),
            act="view",
            actor=actor,
            now=now,
        )
        invitation.viewed_at = now
    elif not invitation.is_open:
        lifecycles.check(INVITATION, "view", state=InvitationState(invitation.state), who=actor.kind)
    return invitation, enquiry


def answer(session: Session, case: Case, enquiry: Enquiry, invitation: Invitation, *, actor: Actor, now: datetime) -> None:
    """A time is confirmed: the clock has done its work. Nothing where the hospital has answered before, or said no."""
    if "answer" in possible_acts(INVITATION, InvitationState(invitation.state), actor.kind):
        fact = InvitationAnswered(case=case, reference=enquiry.reference, invitation_id=invitation.id, hospital_id=invitation.hospital_id)
        move(session, invitation, fact, act="answer", actor=actor, now=now)


def revoke_open(session: Session, case: Case, enquiry: Enquiry, *, cause: Actor, now: datetime) -> None:
    """The case has ended: whoever was asked need not answer, and sees it no more. Done by the system on behalf of the cause, one fact each."""
    actor = cause.cascade("enquiry_ended")
    for invitation in invitations_of(session, enquiry.id):
        if invitation.is_open:
            fact = InvitationRevoked(
                case=case, reference=enquiry.reference, invitation_id=invitation.id, hospital_id=invitation.hospital_id
            )
            move(session, invitation, fact, act="revoke", actor=actor, now=now)


def decline_invitation(
    session: Session,
    settings: Settings,
    *,
    invitation_id: UUID,
    hospital_id: UUID,
    reason: str,
    revision: int | None,
    actor: Actor,
    now: datetime,
) -> Invitation:
    """The hospital will not answer. Raises NotFound, Conflict, PreconditionFailed."""
    invitation = find_invitation(session, invitation_id, hospital_id=hospital_id)
    case, enquiry = locked_invitation(session, invitation, revision=revision)
    fact = InvitationDeclined(case=case, invitation_id=invitation.id, hospital_id=hospital_id, reason=DeclineReason(reason))
    move(session, invitation, fact, act="decline", actor=actor, now=now)
    invitation.decline_reason = reason
    end_search(session, settings, case, enquiry, now=now)
    return invitation


def enquiry_answered(session: Session, case: Case, enquiry: Enquiry, *, now: datetime) -> None:
    """There is something to decide on, also where the search had been given up. Nothing where there was before."""
    if enquiry.is_in(EnquiryState.OPEN, EnquiryState.UNFULFILLED):
        fact = EnquiryAnswered(case=case, reference=enquiry.reference, late=enquiry.is_in(EnquiryState.UNFULFILLED))
        move_enquiry(session, enquiry, fact, act="answer", actor=lifecycles.SYSTEM, now=now)


def reopen(session: Session, settings: Settings, case: Case, enquiry: Enquiry, *, now: datetime) -> None:
    """The last thing to decide on is gone, or what was chosen has come to nothing. Nothing where something stands."""
    if not enquiry.is_in(EnquiryState.ANSWERED, EnquiryState.ACCEPTED) or _stands(session, enquiry):
        return
    link = links.issue_link(session, purpose="case", enquiry_id=enquiry.id, expires_at=now + settings.case_link_time)
    fact = EnquiryReopened(case=case, reference=enquiry.reference, was_accepted=enquiry.is_in(EnquiryState.ACCEPTED), case_link=link)
    move_enquiry(session, enquiry, fact, act="reopen", actor=lifecycles.SYSTEM, now=now)


def _stands(session: Session, enquiry: Enquiry) -> bool:
    """Whether there is still a quote to decide on, or the one that was accepted."""
    if enquiry.is_in(EnquiryState.ANSWERED):
        return quotations.is_offered(session, enquiry.id)
    return quotations.taken_of(session, enquiry.id) is not None


def end_search(session: Session, settings: Settings, case: Case, enquiry: Enquiry, *, now: datetime) -> None:
    """The case is unfulfilled where every hospital that was asked has said no or nothing, no appointment stands and no help is under way."""
    if enquiry.is_in(EnquiryState.OPEN) and search_is_over(session, enquiry):
        find_nobody(session, settings, case, enquiry, actor=lifecycles.SYSTEM, now=now)


def search_is_over(session: Session, enquiry: Enquiry) -> bool:
    """Nobody is left who could answer."""
    if enquiry.assistance == AssistanceState.ASKED or bookings.stand(session, enquiry.id) or quotations.is_offered(session, enquiry.id):
        return False
    return not any(one.is_live for one in invitations_of(session, enquiry.id))


def find_nobody(session: Session, settings: Settings, case: Case, enquiry: Enquiry, *, actor: Actor, now: datetime) -> None:
    """The search ends; the patient gets a link by which to choose others. Raises Conflict."""
    link = links.issue_link(session, purpose="case", enquiry_id=enquiry.id, expires_at=now + settings.case_link_time)
    fact = EnquiryUnfulfilled(case=case, reference=enquiry.reference, case_link=link)
    move_enquiry(session, enquiry, fact, act="find_nobody", actor=actor, now=now)


def acts_on(session: Session, enquiry: Enquiry, who: Who) -> list[str]:
    """What this kind of actor can do with a case now: nobody ends a search that goes on."""
    acts = possible_acts(ENQUIRY, EnquiryState(enquiry.state), who)
    return acts if search_is_over(session, enquiry) else [act for act in acts if act != "find_nobody"]

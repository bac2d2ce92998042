"""What the response clock does when it strikes: remind, tell operations, offer others, lapse. Each re-reads the state first."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import invitations, lifecycles, links
from services.enquiry.cases import Enquiry, locked_enquiry
from services.enquiry.settings import Settings
from services.enquiry.timers import Firing
from shared import outbox
from shared.events import Case
from shared.events.enquiry import Link as LinkInEvent
from shared.events.invitation import AlternativesOffered, InvitationLapsed, InvitationOverdue, InvitationReminded

from . import Invitation


def firings(settings: Settings) -> dict[str, Firing]:
    """The timers of an invitation, by kind."""
    return {
        "invitation_reminder": lambda session, case_id, invitation_id, _now: _remind(session, case_id, invitation_id),
        "invitation_overdue": lambda session, case_id, invitation_id, _now: _tell_overdue(session, case_id, invitation_id),
        "invitation_alternatives": lambda session, case_id, invitation_id, now: _offer_others(
            session, settings, case_id, invitation_id, now
        ),
        "invitation_lapse": lambda session, case_id, invitation_id, now: _lapse(session, settings, case_id, invitation_id, now),
    }


def _live(session: Session, enquiry_id: UUID, invitation_id: UUID) -> tuple[Case, Enquiry, Invitation] | None:
    """Under the case's lock: the invitation, if it still waits for an answer."""
    case, enquiry = locked_enquiry(session, enquiry_id)
    invitation = session.get_one(Invitation, invitation_id, populate_existing=True)
    return (case, enquiry, invitation) if invitation.is_live else None


def _remind(session: Session, enquiry_id: UUID, invitation_id: UUID) -> bool:
    if not (found := _live(session, enquiry_id, invitation_id)):
        return False
    case, enquiry, one = found
    fact = InvitationReminded(
        case=case, reference=enquiry.reference, invitation_id=one.id, hospital_id=one.hospital_id, answer_due=one.answer_due
    )
    outbox.record(session, fact)
    return True


def _tell_overdue(session: Session, enquiry_id: UUID, invitation_id: UUID) -> bool:
    if not (found := _live(session, enquiry_id, invitation_id)):
        return False
    case, enquiry, one = found
    outbox.record(session, InvitationOverdue(case=case, reference=enquiry.reference, invitation_id=one.id, hospital_id=one.hospital_id))
    return True


def _offer_others(session: Session, settings: Settings, enquiry_id: UUID, invitation_id: UUID, now: datetime) -> bool:
    if not (found := _live(session, enquiry_id, invitation_id)):
        return False
    case, enquiry, one = found
    link = _case_link(session, settings, enquiry, now)
    fact = AlternativesOffered(case=case, reference=enquiry.reference, invitation_id=one.id, hospital_id=one.hospital_id, case_link=link)
    outbox.record(session, fact)
    return True


def _lapse(session: Session, settings: Settings, enquiry_id: UUID, invitation_id: UUID, now: datetime) -> bool:
    if not (found := _live(session, enquiry_id, invitation_id)):
        return False
    case, enquiry, one = found
    link = _case_link(session, settings, enquiry, now)
    fact = InvitationLapsed(case=case, reference=enquiry.reference, invitation_id=one.id, hospital_id=one.hospital_id, case_link=link)
    invitations.move(session, one, fact, act="lapse", actor=lifecycles.SYSTEM, now=now)
    invitations.end_search(session, settings, case, enquiry, now=now)
    return True


def _case_link(session: Session, settings: Settings, enquiry: Enquiry, now: datetime) -> LinkInEvent:
    return links.issue_link(session, purpose="case", enquiry_id=enquiry.id, expires_at=now + settings.case_link_time)

"""What happens to invitations: one per hospital asked, its response clock, its answer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from shared.events import Fact, register
from shared.events.enquiry import EVENTS, Link


class DeclineReason(StrEnum):
    NOT_OFFERED = "not_offered"
    NO_CAPACITY = "no_capacity"
    CLINICALLY_UNSUITABLE = "clinically_unsuitable"
    INSUFFICIENT_INFORMATION = "insufficient_information"
    DUPLICATE = "duplicate"
    SPAM = "spam"


@register("invitation.sent.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class InvitationSent(Fact):
    """One hospital is asked; its response clock runs."""

    reference: str
    invitation_id: UUID
    hospital_id: UUID
    answer_due: Annotated[datetime, "when the hospital is to have answered: one business day"]


@register("invitation.viewed.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class InvitationViewed(Fact):
    """The hospital opened the case."""

    invitation_id: UUID
    hospital_id: UUID


@register("invitation.reminded.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class InvitationReminded(Fact):
    """Half a business day without an answer."""

    reference: str
    invitation_id: UUID
    hospital_id: UUID
    answer_due: datetime


@register("invitation.overdue.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class InvitationOverdue(Fact):
    """One business day without an answer: the promise to the patient is broken."""

    reference: str
    invitation_id: UUID
    hospital_id: UUID


@register("invitation.alternatives_offered.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AlternativesOffered(Fact):
    """Two business days without an answer: the patient may choose other hospitals."""

    reference: str
    invitation_id: UUID
    hospital_id: UUID
    case_link: Link


@register("invitation.lapsed.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class InvitationLapsed(Fact):
    """Three business days without an answer."""

    reference: str
    invitation_id: UUID
    hospital_id: UUID
    case_link: Link


@register("invitation.answered.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class InvitationAnswered(Fact):
    """The hospital has answered: a time was confirmed."""

    reference: str
    invitation_id: UUID
    hospital_id: UUID


@register("invitation.declined.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class InvitationDeclined(Fact):
    """The hospital will not answer."""

    invitation_id: UUID
    hospital_id: UUID
    reason: DeclineReason


@register("invitation.revoked.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class InvitationRevoked(Fact):
    """The hospital need not answer any more."""

    reference: str
    invitation_id: UUID
    hospital_id: UUID

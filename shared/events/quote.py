"""What happens to quotes. Ids, states and reason codes: no amount and no line of a quote travels here."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from shared.events import Fact, register
from shared.events.enquiry import EVENTS, Link


class Side(StrEnum):
    """Who acted."""

    PATIENT = "patient"
    HOSPITAL = "hospital"
    OPERATIONS = "ops"
    SYSTEM = "system"


class QuoteReason(StrEnum):
    """Why a quote was declined, cancelled or withdrawn."""

    ANOTHER_SELECTED = "another_selected"
    TOO_EXPENSIVE = "too_expensive"
    NOT_WHAT_WAS_ASKED = "not_what_was_asked"
    CHANGED_MIND = "changed_mind"
    VISA_REFUSED = "visa_refused"
    HEALTH_CHANGED = "health_changed"
    NO_CAPACITY = "no_capacity"
    MISTAKE = "mistake"
    ENQUIRY_ENDED = "enquiry_ended"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class QuoteFact(Fact):
    """What every fact of a quote names."""

    reference: str
    quote_id: UUID
    invitation_id: UUID
    hospital_id: UUID
    number: Annotated[int, "which version of this hospital's quote for this case: 1, 2, 3 …"]


@register("quote.drafted.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteDrafted(QuoteFact):
    """The hospital began a quote; nobody else sees it."""


@register("quote.issued.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteIssued(QuoteFact):
    """The patient can read it."""

    valid_until: datetime
    implausible: Annotated[bool, "outside of what confirmed prices make likely; the hospital gave a reason"]
    case_link: Link


@register("quote.revised.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteRevised(QuoteFact):
    """A newer version of the same hospital has taken its place."""

    next_quote_id: UUID
    case_link: Link


@register("quote.withdrawn.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteWithdrawn(QuoteFact):
    """The hospital takes it back."""

    reason: QuoteReason
    case_link: Link


@register("quote.declined.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteDeclined(QuoteFact):
    """The patient does not want it, or has accepted another, or the enquiry has ended."""

    reason: QuoteReason


@register("quote.reinstated.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteReinstated(QuoteFact):
    """It was declined for another that came to nothing: the hospital offers it again as it was."""

    valid_until: datetime
    case_link: Link


@register("quote.expiring.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteExpiring(QuoteFact):
    """It ends soon and nobody has decided."""

    valid_until: datetime
    case_link: Link


@register("quote.expired.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteExpired(QuoteFact):
    """Its validity is over."""

    case_link: Link


@register("quote.accepted.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteAccepted(QuoteFact):
    """The patient takes it and lets this hospital know who they are."""

    consent_id: UUID
    book_until: Annotated[datetime, "without an appointment it lapses then"]
    case_link: Link


@register("quote.booked.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteBooked(QuoteFact):
    """The first stage's appointment is confirmed."""

    appointment_id: UUID


@register("quote.unbooked.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteUnbooked(QuoteFact):
    """That appointment is gone: another is to be found."""

    book_until: datetime
    case_link: Link


@register("quote.extended.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteExtended(QuoteFact):
    """There is more time to find an appointment: once."""

    by: Side
    book_until: datetime
    case_link: Link


@register("quote.lapsing.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteLapsing(QuoteFact):
    """It was accepted and still has no appointment."""

    book_until: datetime
    case_link: Link


@register("quote.lapsed.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteLapsed(QuoteFact):
    """It was accepted, and no appointment was found in time."""

    case_link: Link


@register("quote.cancelled.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteCancelled(QuoteFact):
    """It was accepted, and one side steps back."""

    by: Side
    reason: QuoteReason
    case_link: Annotated[Link | None, "none where the case has ended"]


@register("quote.unsettled.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteUnsettled(QuoteFact):
    """60 days after the last appointment nobody has said what it cost in the end."""


@register("quote.voided.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class QuoteVoided(QuoteFact):
    """It was entered in error, or was a draft when the enquiry ended."""

    was_issued: bool
    case_link: Annotated[Link | None, "none where nobody had seen it"]

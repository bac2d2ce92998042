"""What happens to appointments. Names no kind of meeting and nobody who is met: a calendar entry needs times, and ids lead to the rest."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from shared.events import Fact, register
from shared.events.enquiry import EVENTS, Link


class Party(StrEnum):
    """Who did it."""

    PATIENT = "patient"
    HOSPITAL = "hospital"
    OPERATIONS = "ops"
    SYSTEM = "system"


class AppointmentDecline(StrEnum):
    """Why a time that was asked for or offered does not do."""

    NO_CAPACITY = "no_capacity"
    CLINICALLY_UNSUITABLE = "clinically_unsuitable"
    INSUFFICIENT_INFORMATION = "insufficient_information"
    TIME_DOES_NOT_SUIT = "time_does_not_suit"


class CancelReason(StrEnum):
    CHANGED_MIND = "changed_mind"
    CANNOT_TRAVEL = "cannot_travel"
    VISA_REFUSED = "visa_refused"
    UNWELL = "unwell"
    HOSPITAL_UNAVAILABLE = "hospital_unavailable"
    ENQUIRY_ENDED = "enquiry_ended"
    ERASURE = "erasure"


@dataclass(frozen=True, kw_only=True)
class OfAppointment(Fact):
    """What every fact of an appointment names."""

    reference: str
    appointment_id: UUID
    invitation_id: Annotated[UUID, "the invitation of the hospital in this case"]
    hospital_id: UUID


@dataclass(frozen=True, kw_only=True)
class OfferedSlot:
    """One of the times that a hospital offers."""

    start: datetime
    end: datetime


@register("appointment.requested.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentRequested(OfAppointment):
    """The patient asks for a time within the days that suit; the hospital is to offer some."""

    answer_due: Annotated[datetime, "without an offer it ends then"]
    case_link: Link


@register("appointment.slots_offered.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentSlotsOffered(OfAppointment):
    """The hospital keeps one to three times for the patient to choose from."""

    slots: list[OfferedSlot]
    timezone: Annotated[str, "IANA zone of the hospital"]
    answer_due: Annotated[datetime, "without a choice they are given back then"]
    case_link: Link


@register("appointment.offer_reminded.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentOfferReminded(OfAppointment):
    """The times that were offered are kept for not much longer."""

    answer_due: datetime
    case_link: Link


@register("appointment.held.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentHeld(OfAppointment):
    """A slot is kept for a patient who fills in the form."""

    start: datetime
    end: datetime
    expires_at: datetime


@register("appointment.submitted.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentSubmitted(OfAppointment):
    """The patient asks for the slot; the hospital is to confirm it."""

    start: datetime
    end: datetime
    timezone: Annotated[str, "IANA zone of the hospital"]
    answer_due: Annotated[datetime, "without an answer the slot is given back then"]
    case_link: Link


@register("appointment.confirmed.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentConfirmed(OfAppointment):
    """The appointment stands."""

    start: datetime
    end: datetime
    timezone: Annotated[str, "IANA zone of the hospital"]
    sequence: Annotated[int, "of the calendar entry (RFC 5545)"]
    case_link: Link


@register("appointment.declined.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentDeclined(OfAppointment):
    """One side says no before anything was confirmed."""

    by: Party
    reason: AppointmentDecline
    case_link: Link


@register("appointment.expired.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentExpired(OfAppointment):
    """Nobody acted in time: the slot is free again."""

    state: Annotated[str, "in which it waited"]
    case_link: Annotated[Link | None, "none for a hold, of which nobody is told"] = None


@register("appointment.change_proposed.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentChangeProposed(OfAppointment):
    """One side asks for another time; both are kept until the other side has answered."""

    by: Party
    start: Annotated[datetime, "of the time that is proposed"]
    end: datetime
    timezone: str
    answer_due: Annotated[datetime, "without an answer the old time stands"]
    case_link: Link


@register("appointment.rescheduled.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentRescheduled(OfAppointment):
    """The other side agreed: the new time stands, the old one is free."""

    by: Party
    start: datetime
    end: datetime
    timezone: str
    sequence: Annotated[int, "of the calendar entry: one more than before"]
    case_link: Link


@register("appointment.change_declined.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentChangeDeclined(OfAppointment):
    """The old time stands: the change was declined, taken back or not answered."""

    by: Party
    proposed_by: Party
    start: Annotated[datetime, "of the time that stands"]
    end: datetime
    timezone: str
    case_link: Link


@register("appointment.cancelled.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentCancelled(OfAppointment):
    """It will not take place."""

    by: Party
    reason: CancelReason
    state: Annotated[str, "in which it was"]
    late: Annotated[bool, "by the policy that was shown"]
    start: Annotated[datetime | None, "none where no time was chosen yet"] = None
    end: datetime | None = None
    timezone: str
    sequence: Annotated[int | None, "of the calendar entry; none where there was none"] = None
    case_link: Annotated[Link | None, "none where the patient is told by other facts"] = None


# -- the day itself, and after ------------------------------------------------


@register("appointment.reminded.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentReminded(OfAppointment):
    """The appointment comes nearer."""

    start: datetime
    end: datetime
    timezone: str
    case_link: Link


@register("appointment.checked_in.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentCheckedIn(OfAppointment):
    """The patient has come."""


@register("appointment.completed.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentCompleted(OfAppointment):
    """It took place. What came of it is in the case, not here."""

    case_link: Link


@register("appointment.no_show_recorded.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentNoShowRecorded(OfAppointment):
    """The hospital says that nobody came; the patient may say otherwise."""

    start: datetime
    timezone: str
    answer_due: Annotated[datetime, "until then it can be disputed"]
    case_link: Link


@register("appointment.no_show_disputed.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentNoShowDisputed(OfAppointment):
    """The patient says otherwise: operations decide."""


@register("appointment.no_show_resolved.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentNoShowResolved(OfAppointment):
    """Operations found for the patient."""

    found: Annotated[str, "completed or cancelled"]
    case_link: Link


@register("appointment.no_show_upheld.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentNoShowUpheld(OfAppointment):
    """Nobody came: not disputed in time, or operations found so."""

    case_link: Link


@register("appointment.outcome_asked.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentOutcomeAsked(OfAppointment):
    """Its time is over, and the hospital has recorded nothing."""

    start: datetime
    timezone: str


@register("appointment.unrecorded.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentUnrecorded(OfAppointment):
    """The hospital was asked twice and has not said whether it took place: silence is recorded as silence."""


@register("appointment.voided.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class AppointmentVoided(OfAppointment):
    """Operations: it was entered in error."""

    state: Annotated[str, "in which it was"]
    start: Annotated[datetime | None, "none where no time was chosen yet"] = None
    end: datetime | None = None
    timezone: str
    sequence: Annotated[int | None, "of the calendar entry; none where there was none"]
    case_link: Link

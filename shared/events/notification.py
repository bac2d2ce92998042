"""What the notification service answers: who was told what, and which hospitals can be reached."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from shared.events import Fact, State, Topic, register

EVENTS = Topic(
    "notification.events", 12, compacted=False, meaning="for each fact how many deliveries it caused, and how each of them ended"
)
ENDPOINTS = Topic("notification.endpoints", 3, compacted=True, meaning="which hospitals can be reached, and how")


class Recipient(StrEnum):
    PATIENT = "patient"
    HOSPITAL = "hospital"
    OPERATIONS = "operations"
    ACCOUNT = "account"


class Channel(StrEnum):
    EMAIL = "email"
    WEBHOOK = "webhook"


class Ending(StrEnum):
    """How a delivery stands when nothing more is done on its own."""

    ACCEPTED = "accepted"  # by the mail server or the endpoint; never "delivered"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # a crash hid whether it was accepted
    SUPPRESSED = "suppressed"  # the address was refused before
    DISABLED = "disabled"  # the endpoint is
    EXPIRED = "expired"
    FOLDED = "folded"  # into another mail to the same person


@register("outcome.recorded.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class OutcomeRecorded(Fact):
    """A fact was heard and `planned` deliveries came of it, none included. What has no outcome is unaccounted."""

    event_id: UUID
    planned: int


@register("delivery.settled.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class DeliverySettled(Fact):
    """A delivery has come to an end state."""

    delivery_id: UUID
    event_id: Annotated[UUID, "the fact that caused it"]
    recipient: Recipient
    channel: Channel
    template: str
    ending: Ending
    at: datetime
    hospital_id: UUID | None = None


@register("patient.forgotten.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class PatientForgotten(Fact):
    """The answer to patient.erased: this consumer keeps nothing of the patient but the id and the version that was erased."""

    erasure_id: UUID
    consumer: str
    erased_version: int


@register("notification.endpoint.v1", ENDPOINTS)
@dataclass(frozen=True, kw_only=True)
class EndpointState(State):
    """A hospital's ways to be reached; `id` is the hospital's."""

    email: bool
    webhook: bool

"""How a person is forgotten: the steps of an erasure, and the fact that everybody who keeps something must hear. Ids and versions only."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from shared.events import Fact, register
from shared.events.enquiry import EVENTS, Link


@register("erasure.requested.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class ErasureRequested(Fact):
    """The patient, or operations for the patient, ask that everything personal be erased; the link confirms it."""

    reference: str
    erasure_id: UUID
    link: Link


@register("erasure.verified.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class ErasureVerified(Fact):
    """It was confirmed: the enquiry has ended with it."""

    reference: str
    erasure_id: UUID


@register("erasure.started.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class ErasureStarted(Fact):
    """The patient's key and rows are gone here; what was published is being waited out."""

    reference: str
    erasure_id: UUID


@register("patient.erased.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class PatientErased(Fact):
    """Whoever keeps anything of this patient erases it and answers; said again each day until all have. Its case is the patient, not the enquiry."""

    erasure_id: UUID
    enquiry_id: UUID
    erased_version: Annotated[int, "of enquiry.patients: what is older and comes late is refused for ever"]


@register("erasure.overdue.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class ErasureOverdue(Fact):
    """After 7 days a consumer has not answered, or the log still holds the patient: operations must look."""

    reference: str
    erasure_id: UUID
    missing: Annotated[list[str], "consumers that have not answered; empty where it is the log"]


@register("erasure.done.v1", EVENTS)
@dataclass(frozen=True, kw_only=True)
class ErasureDone(Fact):
    """A read of the log from its beginning found nothing, every consumer has answered: the receipt may go."""

    reference: str
    erasure_id: UUID
    contact_id: Annotated[
        UUID | None, "under which enquiry.patients holds the receipt's address until it was sent; none where no address is left"
    ]

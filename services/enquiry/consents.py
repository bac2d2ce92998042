"""The ledger of consents: one row for each hospital that may see a case, with the text that was agreed to. Rows are only ever added or withdrawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import crypto, writes
from shared.events import Case
from shared.events.catalog import ProcedureState
from shared.problems import Fault, field_error

from .db import Base
from .listings import consent_text, newest_consent_version

HEALTH_DATA = "health_data"
SHARE_CASE = "share_case_with_hospital"
RELEASE_IDENTITY = "release_identity"


class Consent(Base):
    """One consent; `hospital_id` is None where it is given to Passage itself."""

    __tablename__ = "consents"
    __table_args__ = (
        Index(
            "consents_live_key",
            "enquiry_id",
            "hospital_id",
            "purpose",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    enquiry_id: Mapped[UUID] = mapped_column(ForeignKey("enquiries.id"), index=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patients.id"), index=True)
    hospital_id: Mapped[UUID | None]
    purpose: Mapped[str]
    text_version: Mapped[int]
    sha256: Mapped[str]
    language: Mapped[str]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


@dataclass(frozen=True)
class Given:
    """A consent as the caller states it: the text it was shown, by version, language and hash."""

    purpose: str
    version: int
    language: str
    sha256: str
    hospital: str | None = None


def faults_of(procedure: ProcedureState, given: list[Given], hospital_slugs: list[str]) -> Iterator[Fault]:
    """One for keeping health data, one for each hospital named, each once and with the newest text."""
    wanted: set[tuple[str, str | None]] = {(HEALTH_DATA, None), *((SHARE_CASE, slug) for slug in hospital_slugs)}
    stated = [(one.purpose, one.hospital) for one in given]
    for purpose, slug in sorted(wanted.difference(stated), key=str):
        yield Fault("consent-missing", field_error("consents", f"{purpose} for {slug or 'Passage'} is missing"))
    for at, one in enumerate(given):
        if stated[at] not in wanted:
            yield Fault("invalid", field_error(f"consents/{at}", "is not asked for"))
        elif stated[at] in stated[:at]:
            yield Fault("invalid", field_error(f"consents/{at}", "is given twice"))
        elif not _is_newest(procedure, one):
            yield Fault("consent-outdated", field_error(f"consents/{at}", "is not the newest text"))


def release_faults(procedure: ProcedureState, one: Given) -> Iterator[Fault]:
    """Of the consent that goes with accepting a quote: the newest text about letting that hospital know who it is."""
    if one.purpose != RELEASE_IDENTITY:
        yield Fault("consent-missing", field_error("consent/purpose", f"must be {RELEASE_IDENTITY}"))
    elif not _is_newest(procedure, one):
        yield Fault("consent-outdated", field_error("consent", "is not the newest text"))


def is_released(session: Session, enquiry_id: UUID, hospital_id: UUID) -> bool:
    """Whether a hospital may know who asks."""
    live = (Consent.enquiry_id == enquiry_id, Consent.hospital_id == hospital_id, Consent.withdrawn_at.is_(None))
    return session.scalar(select(Consent.id).where(*live, Consent.purpose == RELEASE_IDENTITY)) is not None


def _is_newest(procedure: ProcedureState, one: Given) -> bool:
    shown = consent_text(procedure, purpose=one.purpose, version=one.version, language=one.language)
    return shown is not None and shown.sha256 == one.sha256 and one.version == newest_consent_version(procedure, one.purpose)


def add_consent(session: Session, case: Case, given: Given, *, hospital_id: UUID | None, now: datetime) -> Consent:
    """A row of the ledger; what is returned is a copy of it."""
    assert case.patient_id is not None  # noqa: S101
    row = {
        "id": crypto.new_id(),
        "enquiry_id": case.id,
        "patient_id": case.patient_id,
        "hospital_id": hospital_id,
        "purpose": given.purpose,
        "text_version": given.version,
        "sha256": given.sha256,
        "language": given.language,
        "given_at": now,
    }
    writes.add(session, Consent, [row])
    return Consent(**row)


def end_release(session: Session, enquiry_id: UUID, hospital_id: UUID, *, now: datetime) -> None:
    """What a hospital was to know for an accepted quote it is not to know after that one."""
    live = (Consent.enquiry_id == enquiry_id, Consent.hospital_id == hospital_id, Consent.withdrawn_at.is_(None))
    session.execute(update(Consent).where(*live, Consent.purpose == RELEASE_IDENTITY).values(withdrawn_at=now))


def consents_of(session: Session, enquiry_id: UUID) -> list[Consent]:
    """Every consent of an enquiry, in the order in which they were given."""
    return list(session.scalars(select(Consent).where(Consent.enquiry_id == enquiry_id).order_by(Consent.given_at, Consent.id)))

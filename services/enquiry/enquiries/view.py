"""A case as its patient sees it: everything, with the timeline of who was told what. Hospitals never see this document."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from services.enquiry import bookings, consents, invitations, listings, patients, tellings
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import Who
from services.enquiry.vault import Vault
from shared.events.catalog import HospitalState


def case_document(session: Session, vault: Vault, enquiry: Enquiry, *, who: Who) -> dict[str, Any]:
    """The values of EnquirySchema. Raises NotFound where the patient has been erased."""
    sent = invitations.invitations_of(session, enquiry.id)
    ledger = consents.consents_of(session, enquiry.id)
    timeline = tellings.timeline_of(session, enquiry.id)
    key = patients.key_of(session, vault, enquiry.patient_id)
    hospitals = _hospitals(session, sent, ledger, timeline)
    asked = {one.id: one.hospital_id for one in sent} | {one.id: one.hospital_id for one in bookings.bookings_of(session, enquiry.id)}
    contact, person = patients.contact_of(session, vault, enquiry.patient_id), patients.person_of(session, vault, enquiry.patient_id)
    assert enquiry.sealed_request is not None  # noqa: S101
    return {
        **{name: getattr(enquiry, name) for name in _AS_STORED},
        "procedure": enquiry.procedure_slug,
        "requester": {**contact.__dict__, **{name: person[name] for name in ("phone", "country", "relation")}},
        "patient": {name: person[name] for name in ("name", "birth_year", "sex")},
        "request": key.open(enquiry.sealed_request, what="request"),
        "invitations": [_invitation(one, hospitals) for one in sent],
        "consents": [_consent(one, hospitals) for one in ledger],
        "timeline": [_row(one, hospitals, asked) for one in timeline],
        "possible": invitations.acts_on(session, enquiry, who),
    }


_AS_STORED = (
    "reference", "state", "revision", "destination", "wants", "reject_reason", "assistance", "client_reference",
    "promised_at", "created_at", "ended_at",
)  # fmt: skip


def _hospitals(
    session: Session, sent: Iterable[Any], ledger: Iterable[Any], timeline: Iterable[dict[str, Any]]
) -> dict[UUID, HospitalState]:
    ids = {one.hospital_id for one in (*sent, *ledger)} | {row.get("hospital_id") for row in timeline}
    return listings.hospitals_by_id(session, [one for one in ids if one])


def _slug(hospitals: dict[UUID, HospitalState], hospital_id: UUID | None) -> str | None:
    return hospitals[hospital_id].slug if hospital_id in hospitals else None


def _invitation(one: Any, hospitals: dict[UUID, HospitalState]) -> dict[str, Any]:
    hospital = hospitals.get(one.hospital_id)
    return {
        "hospital": hospital.slug if hospital else None,
        "hospital_name": hospital.name if hospital else None,
        **{name: getattr(one, name) for name in ("state", "sent_at", "viewed_at", "answer_due")},
    }


def _consent(one: Any, hospitals: dict[UUID, HospitalState]) -> dict[str, Any]:
    shown = {name: getattr(one, name) for name in ("purpose", "language", "given_at", "withdrawn_at")}
    return {**shown, "version": one.text_version, "hospital": _slug(hospitals, one.hospital_id)}


def _row(row: dict[str, Any], hospitals: dict[UUID, HospitalState], asked: dict[UUID, UUID]) -> dict[str, Any]:
    """A row of the timeline with hospitals by slug; `asked` says which hospital an invitation or appointment is about."""
    hospital_id = row.get("hospital_id") or (asked.get(row["subject_id"]) if "subject_id" in row else None)
    shown = {name: value for name, value in row.items() if name not in {"hospital_id", "subject_id"}}
    return {**shown, "hospital": _slug(hospitals, hospital_id)} if hospital_id else shown

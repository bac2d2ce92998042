"""Quiet hours: what can wait is not told to a patient at night where they live, but looked at again when the night is over.

Knows kinds of timers only; what each of them does, and whether it still has a meaning then, is its own matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from . import patients, timers
from .appointments.reminding import REMINDERS
from .cases import Enquiry
from .quotes.clock import WARNINGS
from .settings import Settings
from .timers import Firing
from .vault import Vault

CAN_WAIT = ("verification_reminder", "verification_last_reminder", "invitation_alternatives", "offer_reminder_24h", *REMINDERS, *WARNINGS)


@dataclass(frozen=True)
class Night:
    """From one local time to another, over midnight or not."""

    begins: time
    ends: time

    @classmethod
    def parse(cls, text: str) -> "Night":
        """Of `21:00-08:00`, as the settings have checked it."""
        begins, ends = text.split("-")
        return cls(time.fromisoformat(begins), time.fromisoformat(ends))

    def end_after(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When the night in which `now` lies is over there, UTC; None where it is day."""
        local = now.astimezone(zone)
        over_midnight = self.begins > self.ends
        at = local.time().replace(tzinfo=None)
        is_night = (at >= self.begins or at < self.ends) if over_midnight else self.begins <= at < self.ends
        if not is_night:
            return None
        day = local.date() + timedelta(days=1) if over_midnight and at >= self.begins else local.date()
        return datetime.combine(day, self.ends, tzinfo=zone).astimezone(UTC)


def holding_back(firings: Mapping[str, Firing], settings: Settings) -> dict[str, Firing]:
    """The same firings, of which those that can wait do so for the patient's morning. Raises KeyError where there is no such kind."""
    if not settings.quiet_hours:
        return dict(firings)
    night, vault = Night.parse(settings.quiet_hours), Vault.of(settings)

    def waiting(kind: str, fire: Firing) -> Firing:
        def fire_by_day(session: Session, enquiry_id: UUID, subject_id: UUID, now: datetime) -> bool:
            zone = _zone_of(session, vault, enquiry_id)
            morning = night.end_after(now, zone) if zone else None
            if morning is None:
                return fire(session, enquiry_id, subject_id, now)
            timers.schedule(session, enquiry_id=enquiry_id, subject_id=subject_id, moments={kind: morning})
            return False

        return fire_by_day

    return {**firings, **{kind: waiting(kind, firings[kind]) for kind in CAN_WAIT}}


def _zone_of(session: Session, vault: Vault, enquiry_id: UUID) -> ZoneInfo | None:
    """The requester's; None where they are erased, or their key cannot be opened: then nothing waits for a morning that nobody knows."""
    patient = session.get_one(patients.Patient, session.get_one(Enquiry, enquiry_id).patient_id)
    key = patients.key_or_alarm(session, vault, patient.id) if patient.wrapped_key else None
    if key is None or patient.sealed_contact is None:
        return None
    return ZoneInfo(key.open(patient.sealed_contact, what="contact")["timezone"])

"""What happens to appointments when nobody does anything. Each re-reads the state first."""

from services.enquiry.settings import Settings
from services.enquiry.timers import Firing

from . import changing, ending


def firings(settings: Settings) -> dict[str, Firing]:
    """The timers of an appointment, by kind."""
    return {
        "change_expiry": lambda session, _case_id, its_id, now: changing.expire_change(session, settings, its_id, now),
        "appointment_expiry": lambda session, case_id, its_id, now: ending.expire_appointment(session, settings, case_id, its_id, now),
    }

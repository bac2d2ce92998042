"""What happens to appointments when nobody does anything. Each re-reads the state first."""

from services.enquiry.settings import Settings
from services.enquiry.timers import Firing

from . import attending, changing, ending, offering, reminding


def firings(settings: Settings) -> dict[str, Firing]:
    """The timers of an appointment, by kind."""
    return {
        "appointment_expiry": lambda session, case_id, its_id, now: ending.expire_appointment(session, settings, case_id, its_id, now),
        "change_expiry": lambda session, _, its_id, now: changing.expire_change(session, settings, its_id, now),
        "no_show_uphold": lambda session, _, its_id, now: attending.uphold_undisputed(session, settings, its_id, now),
        **offering.firings(settings),
        **reminding.firings(settings),
    }

"""What each kind of timer does when it strikes: the one table of all rooms' timers.

Acts on nothing itself.
"""

from shared.events.enquiry import Reminder

from . import enquiries
from .appointments import clock as appointment_clock
from .invitations import clock as invitation_clock
from .quiet_hours import holding_back
from .quotes import clock as quote_clock
from .settings import Settings
from .timers import Firing


def firings(settings: Settings) -> dict[str, Firing]:
    """What each kind of timer does."""
    by_kind = {
        "verification_reminder": lambda session, case_id, _, __: enquiries.ask_again(session, settings, case_id, why=Reminder.FIRST),
        "verification_last_reminder": lambda session, case_id, _, __: enquiries.ask_again(session, settings, case_id, why=Reminder.LAST),
        "verification_expiry": lambda session, case_id, _, now: enquiries.give_up_unverified(session, case_id, now),
        **invitation_clock.firings(settings),
        **appointment_clock.firings(settings),
        **quote_clock.firings(settings),
    }
    return holding_back(by_kind, settings)

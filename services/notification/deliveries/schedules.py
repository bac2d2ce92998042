"""When a delivery is tried again, when it is given up, and how much is in flight at once. How long it waits is in the settings.

Knows no row and no clock.
"""

import random
from dataclasses import dataclass
from datetime import timedelta

from services.notification.channels import Result, Sent
from services.notification.mails import LETTERS
from services.notification.settings import Settings

from . import State

LEASE_SECONDS = 180  # by the database's clock, unless the settings say otherwise: more than any attempt may take
IN_FLIGHT = 2  # of one endpoint
HOSPITAL_IN_FLIGHT = 4  # of all endpoints of one hospital, by one channel: one that never answers holds no more than these
AHEAD = 4  # claimed for each connection beyond the one it sends: what comes next is at hand
AHEAD_SECONDS = 0.1  # but no more than are sent within this at the pace of the last ones: none where servers are slow
LATE_SECONDS = 1.0  # so long it waits for a connection; then another worker may have it


def failing_share(connections: int) -> int:
    """How many of a worker's connections may be at endpoints whose last attempt failed: half, and one at least."""
    return max(1, connections // 2)


@dataclass(frozen=True)
class Verdict:
    """What becomes of a delivery after an attempt. `wait` is in seconds, for those that are tried again."""

    state: State
    wait: float = 0.0
    reason: str | None = None


_ENDS = {
    Result.ACCEPTED: Verdict(State.ACCEPTED),
    Result.FAILED: Verdict(State.FAILED, reason="refused"),
    Result.REFUSED: Verdict(State.FAILED, reason="address-refused"),
    Result.GONE: Verdict(State.DISABLED, reason="endpoint-gone"),
}


def verdict(settings: Settings, *, channel: str, template: str, attempts: int, sent: Sent, doubtful: bool) -> Verdict:
    """What to make of attempt number `attempts`. `doubtful`: an earlier attempt may have been accepted without our knowing, so it never ends as failed."""
    ended = _ENDS.get(sent.result)
    if ended is None:
        if sent.result is Result.UNCERTAIN and not LETTERS[template].repeatable:
            return Verdict(State.UNCERTAIN, reason="may-have-arrived")
        schedule = settings.schedule(channel)
        if attempts <= len(schedule):
            return Verdict(State.RETRYING, max(_wait(settings, schedule[attempts - 1]), sent.retry_after or 0.0))
        ended = Verdict(State.FAILED, reason="schedule-exhausted")
        doubtful = doubtful or sent.result is Result.UNCERTAIN
    if ended.state is State.FAILED and doubtful:
        return Verdict(State.UNCERTAIN, reason="may-have-arrived")
    return ended


def _wait(settings: Settings, wait: timedelta) -> float:
    """Seconds, with some chance in it."""
    jitter = settings.retry_jitter
    return wait.total_seconds() * settings.retry_pace * random.uniform(1 - jitter, 1 + jitter)  # noqa: S311  # spreads load, keeps no secret

"""When a delivery is tried again, and when it is given up. The sums are what docs promise.

Knows no row and no clock.
"""

import random
from dataclasses import dataclass

from services.notification.channels import Result, Sent
from services.notification.mails import LETTERS
from shared.events.notification import Channel

from . import State

SECOND, MINUTE, HOUR, DAY = 1.0, 60.0, 3600.0, 86_400.0

# seconds to wait after the 1st, 2nd, … attempt
WEBHOOK = (
    5 * SECOND,  # a restart of the receiver
    5 * MINUTE,  # a deploy
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,  # a night
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)  # 10 attempts, 75 h 35 min 5 s from the first to the last: a weekend
EMAIL = (
    10 * SECOND,
    1 * MINUTE,
    5 * MINUTE,  # greylisting lets us in about here
    15 * MINUTE,
    1 * HOUR,
    4 * HOUR,
    12 * HOUR,
    24 * HOUR,
)  # 9 attempts, 41 h 21 min 10 s from the first to the last
SCHEDULES = {Channel.WEBHOOK: WEBHOOK, Channel.EMAIL: EMAIL}
JITTER = 0.2  # of each wait, up or down: what failed together does not come back together

FOLD_SECONDS = 120.0  # within these after a mail others to the same person join one
LEASE_SECONDS = 180  # by the database's clock, unless the settings say otherwise: more than any attempt may take
IN_FLIGHT = 2  # of one endpoint
HOSPITAL_IN_FLIGHT = 4  # of all endpoints of one hospital, by one channel: one that never answers holds no more than these

DISABLE_AFTER_FAILURES = 20  # in a row, and
DISABLE_AFTER_SECONDS = 5 * DAY
TELL_AFTER_SECONDS = HOUR  # of failing: operations are told, once


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


def verdict(*, channel: str, template: str, attempts: int, sent: Sent, doubtful: bool, pace: float = 1.0) -> Verdict:
    """What to make of attempt number `attempts`, the waits multiplied by `pace`. `doubtful`: an earlier attempt may have been accepted without our knowing, so it never ends as failed."""
    ended = _ENDS.get(sent.result)
    if ended is None:
        if sent.result is Result.UNCERTAIN and not LETTERS[template].repeatable:
            return Verdict(State.UNCERTAIN, reason="may-have-arrived")
        wait = wait_after(channel, attempts)
        if wait is not None:
            return Verdict(State.RETRYING, max(jittered(wait) * pace, sent.retry_after or 0.0))
        ended = Verdict(State.FAILED, reason="schedule-exhausted")
        doubtful = doubtful or sent.result is Result.UNCERTAIN
    if ended.state is State.FAILED and doubtful:
        return Verdict(State.UNCERTAIN, reason="may-have-arrived")
    return ended


def wait_after(channel: str, attempts: int) -> float | None:
    """Seconds to wait after that many attempts; None: there is no further one."""
    schedule = SCHEDULES[Channel(channel)]
    return schedule[attempts - 1] if attempts <= len(schedule) else None


def jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # spreads load, keeps no secret

"""The threads of one channel and what is in their hands: one delivery for each connection, and some ahead for the next that is free.

What nobody has begun within a second is taken back: nothing waits here behind a server that hangs.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from shared.events.notification import Channel

from .addressing import Outgoing
from .claims import Claimed
from .schedules import AHEAD, AHEAD_SECONDS, LATE_SECONDS, failing_share

_WEIGHT = 1 / 8  # of the newest attempt in the pace


@dataclass(frozen=True)
class _Given:
    claimed: Claimed
    at: float
    sending: Future[None]


class Senders:
    """Of one channel. Used by the loop's thread only; `send` is called in a thread of its own."""

    def __init__(self, channel: Channel, connections: int, send: Callable[[Outgoing, float], None]) -> None:
        self._size, self._send = connections, send
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix=channel)
        self._hands = dict[UUID, _Given]()
        self._pace = LATE_SECONDS  # seconds of an attempt, as the last ones were
        self.dry_at = 0.0  # when there was nothing more to claim; 0: there may be

    @property
    def busy(self) -> int:
        return len(self._hands)

    def room(self) -> int:
        """How many to claim now: what idle connections take, and more where attempts are quick; none while half of it is still in hand, for a claim costs as much for one as for fifty."""
        most = self._size * (1 + min(AHEAD, int(AHEAD_SECONDS / max(self._pace, 0.001))))
        return most - self.busy if self.busy < self._size or self.busy <= most // 2 else 0

    def room_for_failing(self) -> int:
        """How many of them may be to endpoints whose last attempt failed."""
        return failing_share(self._size) - sum(one.claimed.failing for one in self._hands.values())

    def start(self, outgoing: Outgoing) -> None:
        """As soon as a connection is free."""
        now = time.monotonic()
        self._hands[outgoing.claimed.token] = _Given(outgoing.claimed, now, self._threads.submit(self._send, outgoing, now))

    def done(self, claimed: Claimed, seconds: float) -> None:
        """One has come back."""
        self._hands.pop(claimed.token, None)
        self._pace += (seconds - self._pace) * _WEIGHT

    def take_back(self, waited: float = LATE_SECONDS) -> list[Claimed]:
        """Those that nobody has begun within so many seconds, and nobody will now."""
        longest = time.monotonic() - waited
        late = [one.claimed for one in self._hands.values() if one.at <= longest and one.sending.cancel()]
        for claimed in late:
            del self._hands[claimed.token]
            self._pace = LATE_SECONDS
        return late

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

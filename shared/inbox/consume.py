"""The consumer's loop: poll, receive all that came in one transaction, then commit the offsets, without waiting for it.

Commits the database first: a crash between the two means a second delivery, which the inbox recognises.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from shared import db, log
from shared.bus import Batch, BusUnavailable, PositionLost
from shared.bus.consumer import Consumer
from shared.config import Settings
from shared.inbox import Hearing, consumer_targets
from shared.inbox.receive import Progress, begin, begin_together, receive, tell_lost

logger = log.get(__name__)

POLL_SECONDS = 0.5
LOOK_SECONDS = 2.0  # between two looks for topics that are not there yet; facts are heard meanwhile
PAUSE_SECONDS = 0.5  # after a fault that passes
REJOIN_SECONDS = 60.0  # a member without partitions joins anew: if it is one too many, nothing moves; if the group has lost sight of it, this is the way back


def consume(engine: Engine, settings: Settings, hearing: Hearing, *, stop: threading.Event, beat: Callable[[], None]) -> None:
    """Hear until `stop`, then leave the group. Raises PositionLost and TooManyParked: a person must look."""
    while (consumer := _join(engine, settings, hearing, stop, beat)) is not None:
        loop = _Loop(engine, settings, hearing, consumer, stop)
        try:
            while not stop.is_set() and consumer.seconds_without_partitions < REJOIN_SECONDS:
                beat()
                loop.turn()
        except PositionLost as fault:
            tell_lost(engine, hearing, fault.places)
            raise
        finally:
            consumer.close()
        if not stop.is_set():
            logger.warning("this member holds no partitions: it joins anew")


def _join(engine: Engine, settings: Settings, hearing: Hearing, stop: threading.Event, beat: Callable[[], None]) -> Consumer | None:
    """A member of the group, as soon as a broker answers; None where we are stopped before."""
    while not stop.is_set():
        beat()
        try:
            return Consumer(settings, group=hearing.name, topics=hearing.topics, positions=Progress(engine, hearing))
        except BusUnavailable as fault:
            logger.warning("broker away", reason=str(fault))
            stop.wait(PAUSE_SECONDS)
    return None


@dataclass
class _Loop:
    engine: Engine
    settings: Settings
    hearing: Hearing
    consumer: Consumer
    stop: threading.Event
    caught_up: bool = False
    # by partition the offset of a batch that was begun while the database was in trouble: we live, it is not to blame
    survived: dict[tuple[str, int], int] = field(default_factory=dict)
    look_at: float = 0.0  # when to look for the topics again

    def turn(self) -> None:
        """One poll and what came of it. Faults that pass are waited out; nothing is lost by them."""
        try:
            self._take(self.consumer.poll(POLL_SECONDS))
            if not self.caught_up and time.monotonic() >= self.look_at:
                self.caught_up = self._catch_up()
        except BusUnavailable as fault:
            logger.warning("broker away", reason=str(fault))
            self.stop.wait(PAUSE_SECONDS)
        except Exception as fault:
            if not db.is_transient(fault):
                raise
            logger.warning("database away", reason=log.describe(fault))
            self.stop.wait(PAUSE_SECONDS)

    def _take(self, batches: Sequence[Batch]) -> None:
        """All that a poll brought in one transaction, but one by one where an earlier start of any of them did not end."""
        if len(batches) > 1 and not self.survived and self._received(batches, self._begin_together):
            return
        for batch in batches:
            self._received([batch], self._begin)

    def _begin_together(self, batches: Sequence[Batch]) -> tuple[Sequence[Batch], bool]:
        return (batches if begin_together(self.engine, self.hearing, batches) else []), False

    def _begin(self, batches: Sequence[Batch]) -> tuple[Sequence[Batch], bool]:
        (batch,) = batches
        again = self.survived.get((batch.topic, batch.partition)) == batch.records[0].offset
        taken, park_first = begin(self.engine, self.hearing, batch, again=again)
        return [taken], park_first

    def _received(self, batches: Sequence[Batch], begun: Callable[[Sequence[Batch]], tuple[Sequence[Batch], bool]]) -> bool:
        """All of what was begun, or nothing: a fault of the database that passes rolls it back and it is read again. False where nothing was begun."""
        try:
            taken, park_first = begun(batches)
            if not taken:
                return False
            with db.transaction(self.engine) as session:
                receive(session, self.hearing, *taken, park_first=park_first, parked_limit=self.settings.parked_keys_limit)
        except Exception as fault:
            if not db.is_transient(fault):
                raise
            logger.warning("database away", reason=log.describe(fault))
            for batch in batches:
                self.survived[batch.topic, batch.partition] = batch.records[0].offset
                self.consumer.rewind(batch)
            self.stop.wait(PAUSE_SECONDS)
            return True
        self.consumer.commit({(batch.topic, batch.partition): batch.next_offset for batch in taken})
        for batch, done in zip(batches, taken, strict=True):
            self.survived.pop((batch.topic, batch.partition), None)
            if rest := batch.records[len(done.records) :]:
                self.consumer.rewind(Batch(batch.topic, batch.partition, rest))
        return True

    def _catch_up(self) -> bool:
        """On the very first start the ends of the state topics are written down, once each of them is there; True when all have been passed, by whichever member."""
        c = consumer_targets.c
        mine = c.consumer == self.hearing.name
        with db.transaction(self.engine) as session:
            ends = {(t, p): end for t, p, end in session.execute(select(c.topic, c.partition, c.end_offset).where(mine))}
        if not ends and self.hearing.states:
            try:
                ends = self.consumer.end_offsets([topic.name for topic in self.hearing.states])
            except BusUnavailable as fault:
                logger.info("not caught up: a topic is not there yet", reason=str(fault))
                self.look_at = time.monotonic() + LOOK_SECONDS
                return False
        passed = {place for place, end in ends.items() if self.consumer.position(*place) >= end}
        rows = [
            {"consumer": self.hearing.name, "topic": t, "partition": p, "end_offset": -1 if (t, p) in passed else end}
            for (t, p), end in ends.items()
        ]
        with db.transaction(self.engine) as session:
            if rows:
                statement = upsert(consumer_targets)
                least = text("least(consumer_targets.end_offset, excluded.end_offset)")
                session.execute(
                    statement.on_conflict_do_update(index_elements=["consumer", "topic", "partition"], set_={"end_offset": least}), rows
                )
            return not session.scalars(select(c.topic).where(mine, c.end_offset > 0)).first()

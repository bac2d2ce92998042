"""The delivery loop: settle what came back and claim what is due in one transaction, send in threads. Several processes may run it.

No network call happens inside a transaction; of the threads that send none speaks to the database.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from prometheus_client import Gauge
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from services.notification.channels import Result, Sent
from services.notification.channels.deadlines import Watch
from services.notification.channels.smtp import EmailChannel
from services.notification.channels.webhook import WebhookChannel
from services.notification.mails.compose import warm_up
from services.notification.mails.messages import Sender
from services.notification.settings import Settings
from shared import db, log, metrics, tracing
from shared.events.notification import Channel

from . import CHANNEL, State
from .addressing import Desk, Outgoing
from .claims import Claimed, begin_attempts, claim_due, give_back, lost_leases, take_back
from .senders import Senders
from .settling import Outcome, end_claimed, end_erased, end_overdue, lost, settle

logger = log.get(__name__)

POLL_SECONDS = 0.5  # catches what no notification announced
SWEEP_SECONDS = 2.0  # between looks for lost leases and for what is overdue
CONTACT_SECONDS = 5.0  # a contact that is missing is looked for again; its arrival is quicker
CONTACT_ALARM_SECONDS = 60.0
FINISH_SECONDS = 14.0  # at the end: what is under way may take this long, then its connections are shut
SETTLE_MOST = 200
GATHER_SECONDS = 0.02  # after the first of many has come back, others are waited for

waiting_contact = Gauge(
    "deliveries_waiting_contact", "deliveries that have waited for a contact for over a minute", multiprocess_mode="mostrecent"
)
backlog = Gauge("deliveries_backlog", "deliveries that are due and not yet claimed", ["channel"], multiprocess_mode="mostrecent")
backlog_seconds = Gauge(
    "deliveries_backlog_seconds", "how long the oldest of them has been due", ["channel"], multiprocess_mode="mostrecent"
)


def deliver(engine: Engine, settings: Settings, *, stop: threading.Event, beat: Callable[[], None]) -> None:
    """Deliver until `stop`; then finish what is under way within some 15 s and settle it."""
    loop = _Loop(engine, settings)
    with _listening(settings.database_url, loop.wake):
        try:
            while not stop.is_set():
                beat()
                loop.turn()
        finally:
            loop.finish()


class _Loop:
    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._watch = engine, Watch()
        self._settings, self._lease = settings, settings.delivery_lease.total_seconds()
        sender, seconds = Sender.parse(settings.smtp_from).address, settings.attempt_seconds
        self._email = EmailChannel(settings.smtp_url, self._watch, sender=sender, seconds=seconds(Channel.EMAIL))
        self._webhook = WebhookChannel(self._watch, allow_private=settings.webhook_allow_private, seconds=seconds(Channel.WEBHOOK))
        self._desk = Desk(settings, self._email, self._webhook)
        connections = {Channel.EMAIL: settings.smtp_connections, Channel.WEBHOOK: settings.webhook_connections}
        self._senders = {one: Senders(one, size, self._send) for one, size in connections.items()}
        self._arrived: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()  # None: look for what is due
        self._unsettled: list[Outcome] = []
        self._taken_back: list[Claimed] = []
        self._swept_at = 0.0
        warm_up()

    def wake(self) -> None:
        self._arrived.put(None)

    def turn(self) -> None:
        """Settle what has come back and claim what is due, in one transaction, then wait for more. Faults of the database that pass are waited out."""
        try:
            self._sweep()
            self._exchange()
        except Exception as fault:
            if not db.is_transient(fault):
                raise
            logger.warning("database away", reason=log.describe(fault))
            time.sleep(POLL_SECONDS)
            return
        self._wait(POLL_SECONDS)

    def finish(self) -> None:
        """What is under way comes to its end, by itself or by shutting its connections, and is settled; what nobody has begun is due again."""
        self._take_back(0)
        deadline = time.monotonic() + FINISH_SECONDS
        while self._busy() and time.monotonic() < deadline:
            self._keep_one(POLL_SECONDS)
        self._watch.strike_all()
        deadline = time.monotonic() + 2
        while self._busy() and time.monotonic() < deadline:
            self._keep_one(0.1)
        with suppress(Exception):  # else their leases run out, and another worker settles them
            self._exchange(claiming=False)
        for senders in self._senders.values():
            senders.close()
        self._email.close()
        self._webhook.let_go(0)
        self._watch.close()

    def _busy(self) -> int:
        return sum(senders.busy for senders in self._senders.values())

    def _rooms(self) -> dict[Channel, int]:
        """How many to claim, by channel. One that is dry is not asked at every turn of another."""
        wet = {one: senders for one, senders in self._senders.items() if time.monotonic() - senders.dry_at >= POLL_SECONDS}
        return {one: room for one, senders in wet.items() if (room := senders.room()) > 0}

    def _wait(self, seconds: float) -> None:
        """Until there is something to claim, or to settle: a turn costs as much for one as for fifty, so all that is under way may come back meanwhile, but not for long."""
        ends = time.monotonic() + seconds
        while not self._rooms() and (left := ends - time.monotonic()) > 0:
            self._keep_one(left)
            if self._unsettled:
                ends = min(ends, time.monotonic() + GATHER_SECONDS) if self._busy() else 0.0

    def _keep_one(self, seconds: float) -> None:
        with suppress(queue.Empty):
            self._keep(self._arrived.get(timeout=seconds))

    def _keep(self, arrived: Outcome | None) -> None:
        if arrived is None:
            for senders in self._senders.values():
                senders.dry_at = 0.0
            return
        senders = self._senders[Channel(arrived.claimed.channel)]
        senders.done(arrived.claimed, arrived.seconds)
        if arrived.claimed.endpoint_id is not None:
            senders.dry_at = 0.0  # another to this endpoint may have its place
        self._unsettled.append(arrived)

    def _take_back(self, *waited: float) -> None:
        for senders in self._senders.values():
            self._taken_back += senders.take_back(*waited)

    def _exchange(self, *, claiming: bool = True) -> None:
        """One transaction: what came back is settled, what nobody began is given back, as many as there is room for are claimed; then these are started at once."""
        while not self._arrived.empty():
            self._keep(self._arrived.get())
        self._take_back()
        batch, taken_back, rooms = self._unsettled[:SETTLE_MOST], list(self._taken_back), self._rooms() if claiming else {}
        if not (batch or taken_back or rooms):
            return
        with db.transaction(self._engine) as session:
            settled = settle(session, self._settings, batch)
            take_back(session, taken_back)
            claims = {one: self._claim(session, one, room) for one, room in rooms.items()}
        del self._unsettled[: len(batch)], self._taken_back[: len(taken_back)]
        for one in settled:
            logger.info("attempt", delivery_id=str(one.claimed.id), channel=one.claimed.channel, template=one.claimed.template,
                        result=str(one.sent.result), status=one.sent.status)  # fmt: skip
        for channel, (ready, more) in claims.items():
            self._senders[channel].dry_at = 0.0 if more else time.monotonic()
            for outgoing in ready:
                self._senders[channel].start(outgoing)

    def _claim(self, session: Session, channel: Channel, most: int) -> tuple[list[Outgoing], bool]:
        """What is to be sent now, and whether there may be more."""
        claimed = claim_due(session, channel=channel, most=most, failing=self._senders[channel].room_for_failing(), lease=self._lease)
        if not claimed:
            return [], False
        found = self._desk.sort(session, claimed)
        begin_attempts(session, [one.claimed for one in found.ready])
        if found.waiting:
            give_back(session, found.waiting, seconds=CONTACT_SECONDS)
        end_erased(session, found.erased)
        end_claimed(session, found.suppressed, state=State.SUPPRESSED, reason="the address was refused before")
        return found.ready, len(claimed) == most

    def _send(self, outgoing: Outgoing, given_at: float) -> None:
        """In a thread of its own. Whatever happens, an outcome comes back."""
        claimed, began, ours = outgoing.claimed, time.monotonic(), False
        try:
            if began - given_at > self._lease / 3:  # we stood still: with an attempt's time its lease might end
                raise TimeoutError
            with tracing.span(f"deliver {claimed.template}", claimed.traceparent):
                sent = outgoing.send()
        except Exception:
            logger.exception("sending failed", delivery_id=str(claimed.id), template=claimed.template)
            sent, ours = Sent(Result.TEMPORARY, reply="a fault of ours"), True
        seconds = time.monotonic() - began
        metrics.delivery_seconds.labels(claimed.channel).observe(seconds)
        self._arrived.put(Outcome(claimed, sent, outgoing.address_hash, ours, seconds))

    def _sweep(self) -> None:
        """Every now and then: lost leases, what is overdue, and the figures."""
        if time.monotonic() - self._swept_at < SWEEP_SECONDS:
            return
        self._webhook.let_go()
        with db.transaction(self._engine) as session:
            settle(session, self._settings, [lost(claimed) for claimed in lost_leases(session, most=SETTLE_MOST)])
        with db.transaction(self._engine) as session:
            end_overdue(session)
        with db.transaction(self._engine) as session:
            self._measure(session)
        self._swept_at = time.monotonic()

    def _measure(self, session: Session) -> None:
        found = {row.channel: row for row in session.execute(_FIGURES, {"age": CONTACT_ALARM_SECONDS})}
        for channel in Channel:
            backlog.labels(channel).set(found[channel].due if channel in found else 0)
            backlog_seconds.labels(channel).set(float(found[channel].oldest) if channel in found else 0)
        late = sum(row.late for row in found.values())
        waiting_contact.set(late)
        if late:
            logger.warning("deliveries wait for a contact or hospital that has not arrived", count=late)


_FIGURES = text(
    """
    SELECT channel,
        count(*) FILTER (WHERE state = 'waiting_contact' AND created_at < clock_timestamp() - make_interval(secs => :age)) AS late,
        count(*) FILTER (WHERE due_at <= clock_timestamp() AND state <> 'waiting_contact') AS due,
        coalesce(
            extract(epoch FROM clock_timestamp() - min(due_at) FILTER (WHERE due_at <= clock_timestamp() AND state <> 'waiting_contact')), 0
        ) AS oldest
    FROM deliveries WHERE state IN ('pending', 'waiting_contact', 'held', 'retrying') GROUP BY channel
    """
)


@contextmanager
def _listening(url: str, wake: Callable[[], None]) -> Iterator[None]:
    """A thread that hears NOTIFY and wakes the loop. Without it the loop is half a second slower, no more."""
    ended = threading.Event()
    thread = threading.Thread(target=_listen, args=(url, wake, ended), name="deliver-listen", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(3)


def _listen(url: str, wake: Callable[[], None], ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            keepalives: dict[str, Any] = db.keepalives()
            with psycopg.connect(url, autocommit=True, application_name="deliver-listen", connect_timeout=5, **keepalives) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                wake()
                while not ended.is_set():
                    for _ in connection.notifies(timeout=1.0, stop_after=1):
                        wake()
        except psycopg.OperationalError as fault:
            logger.info("not listening", reason=log.describe(fault))
            ended.wait(1.0)

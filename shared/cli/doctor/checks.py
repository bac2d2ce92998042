"""The checks every service has: each a small function that returns a Finding. What raises is found wrong; the others go on."""

import time
from collections.abc import Callable, Iterator
from itertools import chain

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import db, inbox, log, outbox
from shared.bus import BusUnavailable, topics
from shared.events import TOPICS
from shared.inbox import reading

from . import Examined, Finding, Mark, judged, oddities, ok, opened

OLDEST_SECONDS = 30.0  # a record that waits longer is no passing moment
SLOW_SECONDS = 1.0
NEWEST_POSTGRES = 18
BEHIND = 10_000  # records that a consumer has not read yet

OnDatabase = Callable[[Session, Examined], Finding]


def examine(it: Examined) -> Iterator[tuple[str, Finding]]:
    """Every check of this service by name, in order."""
    yield "configuration", oddities(it.settings)
    for name, look in it.own.beside.items():
        yield name, _tried(lambda look=look: look(it.settings))  # type: ignore[misc]
    if it.migrations is None:
        return
    engine = db.engine(it.settings.database_url, name=f"{it.name}-doctor")
    try:
        database = _tried(lambda: database_answers(engine), entry="NotReady")
        yield "database", database
        broker = _tried(lambda: broker_answers(it), entry="BrokerAway")
        yield "broker", broker
        yield "topics", _unless(broker, "the broker", lambda: topics_are_ours(it))
        own = {name: lambda session, it, look=look: look(session, it.settings) for name, look in it.own.checks.items()}
        for name, check in chain(ON_DATABASE.items(), (HEARD if it.hearing else {}).items(), own.items()):
            yield name, _unless(database, "the database", lambda check=check: _in_transaction(engine, it, check))  # type: ignore[misc]
        if it.hearing:
            away = database if database.mark is Mark.WRONG else broker
            both = "the database" if away is database else "the broker"
            yield "positions", _unless(away, both, lambda: _in_transaction(engine, it, positions_are_held))
    finally:
        engine.dispose()


def _tried(check: Callable[[], Finding], *, entry: str = "") -> Finding:
    try:
        return check()
    except Exception as fault:  # noqa: BLE001  # it must hide no other check
        reason = str(fault) if isinstance(fault, BusUnavailable) else log.describe(fault)
        return Finding(Mark.WRONG, f"does not answer: {reason}" if entry else f"could not be looked at: {reason}", entry)


def _unless(needed: Finding, what: str, check: Callable[[], Finding]) -> Finding:
    return Finding(Mark.UNSEEN, f"not looked at: {what} is away") if needed.mark is Mark.WRONG else _tried(check)


def _in_transaction(engine: Engine, it: Examined, check: OnDatabase) -> Finding:
    with db.transaction(engine) as session:
        return check(session, it)


# -- what it stands on --------------------------------------------------------


def database_answers(engine: Engine) -> Finding:
    """Reached with the settings, and how quickly."""
    began = time.perf_counter()
    with db.transaction(engine) as session:
        version = session.scalars(text("SHOW server_version")).one()
        read_only = session.scalars(text("SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean")).one()
    seconds = time.perf_counter() - began
    faults = ["it takes no writes: it is a standby, or default_transaction_read_only is on"] if read_only else []
    if int(version.split(".", maxsplit=1)[0]) < NEWEST_POSTGRES:
        faults.append(f"it is PostgreSQL {version}: version {NEWEST_POSTGRES} is needed")
    if faults:
        return judged(faults, mark=Mark.WRONG, entry="NotReady", otherwise="")
    slow = [f"it took {seconds:.1f} s to answer"] if seconds > SLOW_SECONDS else []
    return judged(slow, mark=Mark.WARNING, entry="NotReady", otherwise=f"PostgreSQL {version} answers")


def broker_answers(it: Examined) -> Finding:
    """As many brokers as each topic has replicas."""
    count, wanted = topics.count_brokers(it.settings), it.settings.kafka_replication
    few = [f"{count} brokers answer, each topic has {wanted} replicas"] if count < wanted else []
    return judged(few, mark=Mark.WARNING, entry="BrokerAway", otherwise=f"{count} broker{'s' if count > 1 else ''}")


def topics_are_ours(it: Examined) -> Finding:
    """Those it writes exist as they are declared; those it hears exist."""
    written = topics.drift_of(it.settings, it.topics)
    heard = [TOPICS[name] for name in it.hearing.topics] if it.hearing else []
    missing = topics.missing(it.settings, heard)
    faults = [*written, *(f"{name} is missing: its writer makes it, by `topics`" for name in missing)]
    return judged(faults, mark=Mark.WRONG, entry="Topics", otherwise=f"{len(it.topics)} written, {len(heard)} heard")


# -- its database -------------------------------------------------------------


def database_is_migrated(session: Session, it: Examined) -> Finding:
    assert it.migrations is not None  # noqa: S101
    behind = [f"the structure is older than this release: run `python -m services.{it.name} migrate`"]
    return judged(
        behind if db.is_behind(session, it.migrations) else [], mark=Mark.WRONG, entry="NotReady", otherwise="the structure is current"
    )


def journal_is_applied(session: Session, it: Examined) -> Finding:
    owed = it.owed(session) if it.owed else None
    return judged([owed] if owed else [], mark=Mark.WRONG, entry="RestoredDatabase", otherwise="no erasure is owed to a backup")


def clock_is_right(session: Session, _: Examined) -> Finding:
    """Against the database's."""
    skew = db.clock_skew(session)
    off = [f"this machine's clock is {skew:+.1f} s off the database's: is NTP running on both?"]
    mark = Mark.WRONG if abs(skew) > db.MAX_SKEW_SECONDS else Mark.WARNING
    return judged(
        off if abs(skew) > db.MAX_SKEW_SECONDS / 2 else [], mark=mark, entry="ClockSkewed", otherwise="within a second of the database's"
    )


def keys_open(session: Session, it: Examined) -> Finding:
    return opened(it.own.sealed(session, it.settings))


def outbox_moves(session: Session, _: Examined) -> Finding:
    """What waits to be published, since when, and what is blocked."""
    waiting, blocked, oldest = outbox.waiting(session)
    if blocked:
        return Finding(
            Mark.WRONG,
            f"records that cannot be published, each of which holds back its key: {blocked}; `outbox blocked` lists them",
            "OutboxBlocked",
        )
    if oldest > OLDEST_SECONDS:
        return Finding(
            Mark.WRONG, f"records not yet published: {waiting}, the oldest for {oldest:.0f} s: is a relay at work?", "OutboxWaits"
        )
    return ok(f"records not yet published: {waiting}")


def relay_leads(session: Session, it: Examined) -> Finding:
    """Somebody holds the lock of the one relay that publishes."""
    nobody = [f"no relay of {it.name} is at work: start `python -m services.{it.name} work`"]
    return judged([] if outbox.leads(session) else nobody, mark=Mark.WRONG, entry="RelayWithoutLeader", otherwise="a relay leads")


def facts_are_accounted(session: Session, _: Examined) -> Finding:
    """Facts that had no outcome for a minute; those that were given up."""
    count, dropped = outbox.unaccounted(session), outbox.count_dropped(session)
    if count:
        return Finding(Mark.WRONG, f"facts without an outcome for over a minute: {count}", "FactsUnaccounted")
    return ok("every fact has its outcome" + (f", but for {dropped} that operations have dropped" if dropped else ""))


ON_DATABASE: dict[str, OnDatabase] = {
    "migrations": database_is_migrated,
    "journal": journal_is_applied,
    "clock": clock_is_right,
    "keys": keys_open,
    "outbox": outbox_moves,
    "relay": relay_leads,
    "facts": facts_are_accounted,
}

# -- what it hears ------------------------------------------------------------


def keys_are_free(session: Session, _: Examined) -> Finding:
    """Parked keys, and what waits behind them."""
    parked, letters, _lost = inbox.unheard(session)
    held = [f"parked keys: {parked}, records that wait behind them: {letters}; `parked` lists them"]
    return judged(held if parked or letters else [], mark=Mark.WRONG, entry="KeysParked", otherwise="no key is parked")


def positions_are_held(session: Session, it: Examined) -> Finding:
    """The broker still has what is read next; how far behind the consumer is."""
    assert it.hearing is not None  # noqa: S101
    found = reading.positions_of(session, it.settings, it.hearing)
    lost = [f"{one.topic} / {one.partition} is to be read from {one.next}, which the broker does not have" for one in found if one.lost]
    if lost:
        return judged(lost, mark=Mark.WRONG, entry="PositionsLost", otherwise="")
    behind = sum(one.newest - (one.oldest if one.next is None else one.next) for one in found)
    far = [f"{behind} records are not read yet: is a consumer at work?"] if behind > BEHIND else []
    return judged(far, mark=Mark.WARNING, entry="LoopsSilent", otherwise=f"{len(found)} partitions, {behind} offsets behind")


HEARD: dict[str, OnDatabase] = {"parked": keys_are_free}

"""A campaign: a load, faults by a seed, rest, and then the count. `run` returns a report; whether it is right the invariants say."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import psutil
import psycopg
import requests

from devstack import robots
from devstack.client import Client, Refused
from tests.faults import invariants, reading
from tests.faults.house import LOOPS, SERVED, House, house, settle_in
from tests.faults.injected import outside, parts, planted, programs
from tests.faults.invariants import Line
from tests.faults.invariants.rows import Explained
from tests.faults.load.actors import Actors
from tests.faults.load.courses import STAFF
from tests.faults.load.enquiries import Load
from tests.faults.load.readers import Readers
from tests.faults.schedule import AGAIN, Happened, Lane, lanes

ANSWERED_SECONDS = 90.0  # after the last fault every request has its answer
STILL_SECONDS = 90.0  # what is under way for so long without any change will not come to its end
REST_SECONDS = 600.0  # and nothing may take longer
TURN_SECONDS = 0.05
AT_REST_SECONDS, BUSY = 4.0, 0.3  # over so long nobody may use more than this share of a processor
TELL_SECONDS = 10.0
PATIENCE_SECONDS = 10.0  # of whoever heals, while another fault may keep a program from answering
LETTERS_SECONDS = 3.0  # between looks of operations at what is parked
WHY = {"because": "after a fault of the campaign"}

_RESTLESS = {
    "unpublished by enquiry": ("enquiry", "SELECT count(*) FROM outbox"),
    "unpublished by notification": ("notification", "SELECT count(*) FROM outbox"),
    "unpublished by catalog": ("catalog", "SELECT count(*) FROM outbox"),
    "slots held": ("enquiry", "SELECT count(*) FROM appointments WHERE state = 'held'"),
    "erasures under way": ("enquiry", "SELECT count(*) FROM erasures WHERE state <> 'requested' AND contact_erased_at IS NULL"),
    "unaccounted": ("enquiry", "SELECT count(*) FROM outbox_awaiting"),
    "parked keys": ("notification", "SELECT count(*) FROM parked_keys"),
    "parked keys of enquiry": ("enquiry", "SELECT count(*) FROM parked_keys"),
    "deliveries under way": (
        "notification",
        "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'waiting_contact', 'held', 'sending', 'retrying')",
    ),
}
_TOLD = "SELECT count(*) FROM tellings"
_ENDED = "SELECT count(*) FROM deliveries WHERE event_id IS NOT NULL AND case_id IS NOT NULL AND settled_at IS NOT NULL"


@dataclass(frozen=True)
class Report:
    """What came of it."""

    seed: int
    lines: list[Line]
    happened: list[Happened]
    absent: list[str]
    load: Load
    restarts: dict[str, int]
    restless: dict[str, int]
    busy: list[str]

    def text(self) -> str:
        """For people: the seed, the load, the faults in their order, the table."""
        answers = Counter(one.status for one in self.load.answers)
        shown = [f"seed {self.seed}"]
        load = self.load
        shown.append(
            f"enquiries: {len(load.answers)} answered for good {dict(answers)}, {load.final_rate:.1f} a second begun of {load.rate:g} asked for"
        )
        shown.append(f"every answer on the way (0: none came): {_counted(load.statuses)}; the slowest took {load.slowest:.1f} s")
        shown.append(
            f"of those who act on them: {_counted(load.actors.statuses)}; of those who read pages: {_counted(load.readers.statuses)}"
        )
        shown.append("what became of some of them, in brackets what did not come to its end:")
        shown += [f"    {count:>6}  {what}" for what, count in sorted(load.actors.book.ended.items())]
        shown += [f"    {left:>6}  (not begun when the load was over)"] if (left := load.actors.left) else []
        shown += ["faults, each with its seconds:"]
        shown += [
            f"    {one.fault.name}{' (not at that moment)' if one.skipped else f': {one.until - one.since:.1f}'}" for one in self.happened
        ]
        shown += [f"    {sentence}" for sentence in self.absent]
        shown.append(f"programs started again: {dict(sorted(self.restarts.items()))}")
        if self.restless:
            shown.append(f"NOT AT REST: {self.restless}")
        shown += self.busy
        return "\n".join([*shown, "", invariants.table(self.lines)])

    @property
    def wrong(self) -> list[str]:
        return invariants.broken(self.lines) + [f"not at rest: {what}" for what in self.restless] + self.busy


def _counted(statuses: Mapping[int, int]) -> dict[int, int]:
    return dict(sorted(statuses.items()))


def run(
    seed: int,
    *,
    seconds: float,
    rate: float = 20.0,
    hours: bool = False,
    only: str = "",
    releases: Mapping[str, str] | None = None,
    still: float = STILL_SECONDS,
    write: Callable[[str], None],
    tell: Callable[[str], None],
) -> Report:
    """`seconds` of faults under load, or until each has had its turn; with `hours` again and again; `only` those whose name contains it.

    `releases` puts bad ones in the place of programs; after `still` seconds without a change nothing more is waited for. `write` takes every log
    line, `tell` what happens.
    """
    with house(write, releases=releases) as made:
        form, hospitals, operations = settle_in(made)
        key = operations.post("enquiry", "/v1/api-keys", {"account": _client_account(operations), "label": "load"})["api_key"]
        records: set[tuple[str, int, int]] = set()
        for hospital in hospitals:
            hospital.client.post("enquiry", "/v1/resources", STAFF)
        for client in (operations, *(hospital.client for hospital in hospitals)):
            client.timeout = PATIENCE_SECONDS
        slugs = {hospital.slug: str(hospital.client.api_key) for hospital in hospitals}
        people = (str(operations.api_key), robots.operations_key(made.place))
        actors = Actors(made.place, made.mail, slugs, people, seed)
        load = Load(made.place.http("enquiry"), key, form, list(slugs), actors, Readers(made.place), rate=rate, seed=seed)
        load.start()
        tell(f"seed {seed}: {rate:.0f} enquiries a second, {seconds:.0f} s of faults")
        happened: list[Happened] = []
        absent: list[str] = []
        ends_at, again = time.monotonic() + seconds, seed
        while time.monotonic() < ends_at:
            dice = random.Random(again)
            groups = [programs.all_of(dice), parts.all_of(made), outside.all_of(hospitals), planted.all_of(dice, records)]
            absent = [sentence for _, sentences in groups for sentence in sentences]
            ways = lanes([fault for faults, _ in groups for fault in faults if only in fault.name], again, hours=hours, tell=tell)
            _drive(made, ways, operations, records, ends_at, load)
            happened += sorted((one for way in ways for one in way.happened), key=lambda one: one.since)
            again += 1
            if not hours:
                break
        load.stop()
        _wait_for_answers(made, load)
        restless = _come_to_rest(made, operations, records, tell, still)
        busy = _busy(made)
        query = reading.by_psycopg(made.direct.url)
        arrivals = [*made.mail.arrivals(), *made.hooks.arrivals()]
        seen = reading.everything(query, made.broker.bootstrap_servers, load.answers, arrivals)
        seen = replace(seen, planted=frozenset(records), acts=list(actors.book.told), private=frozenset(made.private))
        lines = invariants.check(seen, Explained([window for one in happened for window in one.windows()]))
        return Report(seed, lines, happened, absent, load, made.restarts, restless, busy)


def _client_account(operations: Client) -> str:
    return str(operations.post("enquiry", "/v1/accounts", {"kind": "client", "label": "Load"})["id"])


def _drive(made: House, ways: list[Lane], operations: Client, records: set[tuple[str, int, int]], ends_at: float, load: Load) -> None:
    """Until every fault was there and is healed, or the time is over: then the load ends, and what is there is healed."""
    looked_at = 0.0
    while not all(way.done if time.monotonic() < ends_at else way.quiet for way in ways):
        made.tend()
        if time.monotonic() >= ends_at:
            load.stop()
        for way in ways:
            way.turn(made, ending=time.monotonic() >= ends_at)
        if time.monotonic() - looked_at > LETTERS_SECONDS and all(way.quiet for way in ways):
            _settle_letters(operations, records)
            looked_at = time.monotonic()
        time.sleep(TURN_SECONDS)


def _wait_for_answers(made: House, load: Load) -> None:
    deadline = time.monotonic() + ANSWERED_SECONDS
    while load.busy and time.monotonic() < deadline:
        made.tend()
        time.sleep(TURN_SECONDS)
    load.give_up()
    while load.busy:
        time.sleep(TURN_SECONDS)


def _settle_letters(operations: Client, records: set[tuple[str, int, int]]) -> None:
    """As operations do it: what a fault has planted is dropped, what waits is handled now. What cannot be done now is done later."""
    with suppress(*AGAIN):
        for letter in operations.get("notification", "/v1/ops/dead-letters", limit="100")["items"]:
            if (letter["topic"], letter["partition"], letter["offset"]) in records:
                operations.post("notification", f"/v1/ops/dead-letters/{letter['id']}/drop", WHY)
        for one in operations.get("notification", "/v1/ops/parked-keys", limit="100")["items"]:
            with suppress(Refused):  # it fails again: another look, later
                operations.post("notification", "/v1/ops/parked-keys/replay", {"topic": one["topic"], "key": one["key"], **WHY})


def _come_to_rest(
    made: House, operations: Client, records: set[tuple[str, int, int]], tell: Callable[[str], None], still: float
) -> dict[str, int]:
    """What is still under way when the time is over; nothing, as a rule."""
    ends_at, told_at, before = time.monotonic() + REST_SECONDS, 0.0, dict[str, int]()
    still_until = 0.0
    while restless := _restless(made):
        made.tend()
        if restless != before:
            before, still_until = restless, time.monotonic() + still
        if time.monotonic() > min(ends_at, still_until):
            break
        if "parked keys" in restless:
            _settle_letters(operations, records)
        if time.monotonic() - told_at > TELL_SECONDS:
            tell(f"coming to rest: {restless}")
            told_at = time.monotonic()
        time.sleep(10 * TURN_SECONDS)
    return restless


def _busy(made: House) -> list[str]:
    """Programs that use a processor although there is nothing to be done: one that turns without waiting after a fault."""
    began = time.monotonic()
    before = {name: used for name in (*LOOPS, *SERVED) if (used := _processor_seconds(made, name)) is not None}
    while time.monotonic() - began < AT_REST_SECONDS:
        made.tend()
        time.sleep(TURN_SECONDS)
    took = time.monotonic() - began
    after = {name: _processor_seconds(made, name) for name in before}
    shares = {name: ((used or 0.0) - before[name]) / took for name, used in after.items()}
    return [f"busy at rest: {name} uses {share:.0%} of a processor" for name, share in shares.items() if share > BUSY]


def _processor_seconds(made: House, name: str) -> float | None:
    try:
        used = psutil.Process(made.pid(name)).cpu_times() if made.pid(name) else None
    except psutil.NoSuchProcess:
        return None
    return used.user + used.system if used else None


def _is_ready(made: House, name: str) -> bool:
    try:
        return requests.get(f"{made.place.http(name.removesuffix('-serve'))}/health/ready", timeout=5).ok
    except requests.RequestException:
        return False


def _restless(made: House) -> dict[str, int]:
    try:
        counts = {what: made.scalar(*where) for what, where in _RESTLESS.items()}
        counts["endings untold"] = made.scalar("notification", _ENDED) - made.scalar("enquiry", _TOLD)
    except psycopg.Error:
        return {"PostgreSQL is away": 1}
    counts |= {f"{name} is not ready": int(not _is_ready(made, name)) for name in SERVED}
    return {what: count for what, count in counts.items() if count}

"""`memory`: what each process of ours holds (PSS: its own pages and its share of those it has in common), beside an empty gunicorn worker and an empty interpreter."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil  # type: ignore[import-untyped]

from bench import notified, place, servers
from bench.contests import Reading, Size
from devstack.parts import Parts
from shared.bus.topics import ensure_topics
from shared.events import TOPICS

MEGABYTE = 1_000_000


@contextmanager
def contests(parts: Parts, _size: Size) -> Iterator[list[Reading]]:
    """Each service with one HTTP process, and with all its loops."""
    urls = {name: place.fresh(parts, name) for name in ("catalog", "enquiry", "notification")}
    topics = {"KAFKA_TOPIC_PREFIX": "bench.memory."}
    enquiry = place.enquiry_environment(urls["enquiry"], parts.kafka) | topics
    notification = notified.environment(urls["notification"], parts, shared=enquiry) | topics
    catalog = {"DATABASE_URL": urls["catalog"], "KAFKA_BOOTSTRAP_SERVERS": parts.kafka} | topics
    ensure_topics(notified.settings_of(notification), list(TOPICS.values()))
    with ExitStack() as stack:
        for name, environment in (("catalog", catalog), ("enquiry", enquiry), ("notification", notification)):
            stack.enter_context(servers.serving([f"services.{name}", "serve"], environment))
            stack.enter_context(servers.working(name, environment))
        stack.enter_context(servers.serving(servers.other("bench.empty:app"), {}))
        units = dict.fromkeys(_measured(), "MB")
        yield [Reading("memory", "one HTTP process each", _settled, units)]


def _settled() -> dict[str, float]:
    """Once nothing grows any more: a second changes the whole by less than a hundredth."""
    before, now = 0.0, _measured()
    while abs(sum(now.values()) - before) > before / 100:
        before = sum(now.values())
        time.sleep(1)
        now = _measured()
    return now


def _measured() -> dict[str, float]:
    found: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        command = " ".join(process.cmdline()[1:])
        for name in ("services.catalog", "services.enquiry", "services.notification", "bench.empty:app"):
            if name in command:
                what = f"{name.removeprefix('services.').removesuffix(':app')} {'work' if command.endswith(' work') else 'HTTP'}"
                found[what] = found.get(what, 0.0) + _pss(process)
    with subprocess.Popen([sys.executable, "-c", "input(1)"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as idle:
        assert idle.stdout is not None  # noqa: S101
        idle.stdout.read(1)  # it runs
        found["empty interpreter"] = _pss(psutil.Process(idle.pid))
        idle.communicate(b"\n")
    return found


def _pss(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / MEGABYTE

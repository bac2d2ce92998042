"""`memory`: what our programs hold (PSS: own pages and the share of those in common): each `serve` with one HTTP process, each `work` with all its loops.

Beside them an empty gunicorn worker and an empty interpreter.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil  # type: ignore[import-untyped]

from bench import notified, place, servers
from bench.contests import Reading, Size
from devstack.parts import Parts
from services.catalog import app as catalog_app
from services.enquiry import app as enquiry_app
from services.notification import app as notification_app
from shared.bus.topics import ensure_topics
from shared.events import TOPICS

MEGABYTE = 1_000_000
STILL_SECONDS = 3
EMPTY = "bench.empty:app"
PROGRAMS = {
    **{f"services.{name} serve": f"{name} serve (gunicorn, one HTTP process)" for name in ("catalog", "enquiry", "notification", "web")},
    **{
        f"services.{name} work": f"{name} work ({', '.join(role for role in there.SERVICE.connections if role != 'serve')})"
        for name, there in {"catalog": catalog_app, "enquiry": enquiry_app, "notification": notification_app}.items()
    },
    EMPTY: "empty app (gunicorn, one HTTP process)",
}
"""By what stands in a command line."""


@contextmanager
def contests(parts: Parts, _size: Size) -> Iterator[list[Reading]]:
    urls = {name: place.fresh(parts, name) for name in ("catalog", "enquiry", "notification")}
    topics = {"KAFKA_TOPIC_PREFIX": "bench.memory."}
    enquiry = place.enquiry_environment(urls["enquiry"], parts.kafka) | topics
    notification = notified.environment(urls["notification"], parts, shared=enquiry) | topics
    catalog = {"DATABASE_URL": urls["catalog"], "KAFKA_BOOTSTRAP_SERVERS": parts.kafka} | topics
    nobody = "http://127.0.0.1:1"
    site = {"ENQUIRY_URL": nobody, "CATALOG_URL": nobody, "NOTIFICATION_URL": nobody, "COOKIE_KEYS": enquiry["CASE_KEYS"]}
    ensure_topics(notified.settings_of(notification), list(TOPICS.values()))
    with ExitStack() as stack:
        for name, environment in (("catalog", catalog), ("enquiry", enquiry), ("notification", notification)):
            stack.enter_context(servers.serving([f"services.{name}", "serve"], environment))
            stack.enter_context(servers.working(name, environment))
        stack.enter_context(servers.serving(["services.web", "serve"], site))
        stack.enter_context(servers.serving(servers.other(EMPTY), {}))
        units = dict.fromkeys(_measured(), "MB")
        yield [Reading("memory", "PSS at rest", _settled, units)]


def _settled() -> dict[str, float]:
    """Once nothing grows any more: none of three seconds changes the whole by a hundredth."""
    quiet, now = 0, _measured()
    while quiet < STILL_SECONDS:
        time.sleep(1)
        before, now = sum(now.values()), _measured()
        quiet = quiet + 1 if abs(sum(now.values()) - before) <= before / 100 else 0
    return now


def _measured() -> dict[str, float]:
    found: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        command = " ".join(process.cmdline()[1:])
        for what in [said for words, said in PROGRAMS.items() if words in command]:
            found[what] = found.get(what, 0.0) + _pss(process)
    with subprocess.Popen([sys.executable, "-c", "input(1)"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as idle:
        assert idle.stdout is not None  # noqa: S101
        idle.stdout.read(1)  # it runs
        found["empty interpreter"] = _pss(psutil.Process(idle.pid))
        idle.communicate(b"\n")
    return found


def _pss(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / MEGABYTE

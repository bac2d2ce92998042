"""What is counted, for Prometheus. Labels name routes, topics, types and states; never a person, a reference or an address."""

import os
from pathlib import Path

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, values
from prometheus_client.metrics import MetricWrapperBase


def count_across_forks(folder: Path) -> None:
    """Add up what all processes forked from this one count, by way of files in `folder`, which is empty; called before anything is counted.

    prometheus_client chooses at its own import, by the environment; whoever is to serve knows it only later, so what was made anew takes the other kind.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
    for metric in list(REGISTRY._collector_to_names):  # noqa: SLF001  # it has no public list
        if isinstance(metric, MetricWrapperBase) and metric._is_observable():  # type: ignore[no-untyped-call]  # noqa: SLF001  # others wait for labels
            metric._metric_init()  # type: ignore[no-untyped-call]  # noqa: SLF001


requests = Counter("http_requests", "answers by route and status", ["route", "method", "status"])
request_seconds = Histogram("http_request_seconds", "time to answer", ["route"], buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5))

ready = Gauge("ready", "1 where the service can do its work, as /health/ready says; must be 1", multiprocess_mode="mostrecent")
clock_skew_seconds = Gauge(
    "clock_skew_seconds", "by which this machine's clock is ahead of the database's; within 2", multiprocess_mode="mostrecent"
)
database_faults = Counter(
    "database_faults",
    "statements that the server did not do for reasons of its own, by SQLSTATE; `connection` where there was none",
    ["sqlstate"],
)
loop_turned = Gauge("loop_turned_timestamp_seconds", "when each loop of `work` last began a turn", ["loop"])

relay_published = Counter("relay_published", "records acknowledged by the broker")
relay_failures = Counter("relay_failures", "batches the broker did not take, and attempts to begin with it that failed")
relay_blocked = Counter("relay_blocked", "records that can never be published; each blocks its key")
relay_leads = Gauge("relay_leads", "1 where a relay of this service holds the lead; must be 1", multiprocess_mode="mostrecent")
outbox_pending = Gauge("outbox_pending", "records not yet published", multiprocess_mode="mostrecent")
outbox_blocked = Gauge("outbox_blocked", "records that cannot be published; each blocks its key; must be 0", multiprocess_mode="mostrecent")
outbox_dropped = Gauge("outbox_dropped", "records that operations have given up, ever", multiprocess_mode="mostrecent")
outbox_oldest_seconds = Gauge("outbox_oldest_seconds", "age of the oldest unpublished record", multiprocess_mode="mostrecent")
unaccounted = Gauge("unaccounted_facts", "facts without an outcome after 60 s; must be 0", multiprocess_mode="mostrecent")

backup_taken = Gauge(
    "backup_taken_timestamp_seconds",
    "when the last backup of this database was taken; before the first one, when it was made",
    multiprocess_mode="mostrecent",
)

inbox_handled = Counter("inbox_records", "records by what became of them", ["topic", "outcome"])
dead_letters = Gauge("dead_letters_waiting", "records that wait behind parked keys; must be 0", multiprocess_mode="mostrecent")
positions_lost = Gauge("positions_lost", "partitions whose next record the broker no longer has; must be 0", multiprocess_mode="mostrecent")
parked_keys = Gauge("parked_keys", "keys whose records wait in dead_letters; must be 0", multiprocess_mode="mostrecent")
inbox_parked = Counter("inbox_parked_keys", "keys that were parked", ["topic"])

delivery_attempts = Counter("delivery_attempts", "attempts by what came of them", ["channel", "result"])
deliveries = Counter("deliveries", "deliveries by how they ended", ["channel", "ending"])
delivery_seconds = Histogram("delivery_seconds", "time for one attempt", ["channel"], buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60))
commit_to_delivery_seconds = Histogram(
    "commit_to_delivery_seconds",
    "from a fact until who was to hear of it has taken the mail or webhook; of those taken at the first attempt that never fold",
    ["channel"],
    buckets=(0.02, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800),
)
seals_broken = Counter(
    "seals_broken", "keys or columns that could not be opened: damaged, or the ring lacks their key; must be 0", ["what"]
)
retention_rows = Counter("retention_rows", "rows that were deleted or emptied because their time was over", ["rule"])
retention_due = Gauge("retention_due_timestamp_seconds", "when the next pass over what is kept is due")
retention_unfinished = Gauge("retention_unfinished_rules", "rules of which the last pass has left something behind; must be 0")
timers_fired = Counter("timers_fired", "timers by kind and whether they still had a meaning", ["kind", "outcome"])

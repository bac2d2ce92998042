"""Alerts about what everything stands on, and about what is kept and forgotten: on everything running, mended by the runbook's own commands."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient, TopicPartition

from devstack import robots
from devstack.client import Client, Refused
from devstack.postgres import LocalPostgres
from tests.faults.injected.programs import CLOCK_OFF, FAKETIME
from tests.journeys.alarms import all_is_told, case_of, execute, mend, posted, scrape, shell, told, value
from tests.operations import scraping
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

DELIVERIES = 1 + 2 * 2  # the patient's mail, and for each of two hospitals a mail and a webhook
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > %s::interval"  # fmt: skip


def test_a_loop_that_hangs_raises_the_alarm_until_its_worker_is_started_again(stack, tmp_path):
    all_is_told(stack)
    release = {"command": [sys.executable, "-m", "tests.faults.deploys", "hanging"], "module": "tests.faults.deploys"}
    with stack.changed("notification-work", by=signal.SIGKILL, **release):
        reference = posted(stack)
        hangs = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'notification-consume' AND state = 'idle in transaction'"
        until(lambda: stack.sql("notification", hangs) == [(1,)], what="a handler that hangs")
        before = scrape(stack)
        turned = {loop: turn(stack, loop) for loop in ("consume", "relay", "deliver")}
        told(lambda: turn(stack, "relay") > turned["relay"] and turn(stack, "deliver") > turned["deliver"], what="loops that turn")
        assert turn(stack, "consume") == turned["consume"]
        during = scrape(stack)
    told(lambda: turn(stack, "consume"), what="a consumer that turns")
    mend("LoopsSilent")
    stack.nothing_is_missing(reference, deliveries=DELIVERIES)
    scraping.assert_fires(tmp_path, "LoopsSilent", before, during, scrape(stack))


def turn(stack, loop):
    return value(stack, "notification", "loop_turned_timestamp_seconds", "work", loop=loop)


def test_records_that_the_broker_no_longer_has_raise_the_alarm_until_they_were_told_again(stack, tmp_path):
    before, reference = scrape(stack), posted(stack)
    stack.nothing_is_missing(reference, deliveries=DELIVERIES)  # so that it has a position there
    program, _ = stack.them.end("notification-work")
    stack.operations.post("enquiry", f"/v1/enquiries/{reference}/withdraw", {"because": "a drill"})
    until(lambda: stack.sql("enquiry", "SELECT count(*) FROM outbox") == [(0,)], what="facts in the topic")
    places = stack.sql("enquiry", 'SELECT topic, partition, max("offset") + 1 FROM outbox_archive WHERE key = %s GROUP BY 1, 2', case_of(stack, reference))  # fmt: skip
    with closing(KafkaAdminClient(bootstrap_servers=stack.place.parts.kafka)) as admin:
        admin.delete_records({TopicPartition(topic, partition): end for topic, partition, end in places})
    stack.them.start(program)
    _, code = stack.ended("notification-work")
    assert code == 1, "it reads nothing where something is missing"
    assert value(stack, "notification", "positions_lost") == 1
    during = scrape(stack)
    with stack.without("enquiry-work"):
        mend("PositionsLost", "notification")
    stack.them.start(program)
    stack.nothing_is_missing(reference, deliveries=2 * DELIVERIES)  # each of them was told of the end
    scraping.assert_fires(tmp_path, "PositionsLost", before, during, scrape(stack))


def test_a_person_whom_a_consumer_does_not_forget_raises_the_alarm_until_it_answers(stack, tmp_path):
    before, reference = scrape(stack), posted(stack)
    stack.nothing_is_missing(reference, deliveries=DELIVERIES)
    asked = stack.operations.post("enquiry", f"/v1/enquiries/{reference}/erasure", {"because": "asked for on the telephone"})
    colleague = Client(stack.place, api_key=robots.operations_key(stack.place))
    with stack.without("notification-work"), stack.changed("enquiry-work", ERASURE_OVERDUE="1s"):  # a week in production
        colleague.post("enquiry", f"/v1/erasures/{asked['id']}/confirm", {"because": "it is the patient's own wish"})
        told(lambda: value(stack, "enquiry", "erasures_overdue") == 1, what="an erasure that is overdue")
        assert "docs/runbook.md#erasuresoverdue" in shell(".devstack/passage enquiry doctor erasures || true")
        during = scrape(stack)
    mend("ErasuresOverdue")
    told(lambda: value(stack, "enquiry", "erasures_overdue") == 0, what="an answer")
    scraping.assert_fires(tmp_path, "ErasuresOverdue", before, during, scrape(stack))


def test_a_table_that_is_locked_for_hours_raises_the_alarm_of_retention_until_a_pass_reaches_its_end(stack, tmp_path):
    with psycopg.connect(stack.place.parts.postgres.url("catalog")) as connection:
        connection.execute("LOCK TABLE outbox_archive_default IN ACCESS EXCLUSIVE MODE")
        with stack.without("catalog-work"):
            pass
        until(lambda: stack.sql("catalog", WAITS, "catalog", "0") != [(0,)], what="a pass that waits")
        before, passed = scrape(stack), due(stack)
        until(lambda: stack.sql("catalog", WAITS, "catalog", "1 s") != [(0,)], what="a pass that waits still")
        during = scrape(stack)
    mend("RetentionBehind", "catalog")
    told(lambda: (due(stack) or 0) > passed, what="the end of a pass")
    scraping.assert_fires(tmp_path, "RetentionBehind", before, during, scrape(stack), lasts=150)


def due(stack):
    return value(stack, "catalog", "retention_due_timestamp_seconds", "work")


def test_a_full_disk_raises_the_alarm_until_there_is_room(stack, tmp_path):
    all_is_told(stack)
    before, client = scrape(stack), stack.client()
    with small_disk(stack, "enquiry", "outbox") as folder:
        ballast = folder / "ballast"
        with pytest.raises(OSError, match="No space left"):
            fill(ballast)
        with pytest.raises(Refused, match=" 503 "):
            post_many(stack, client)
        during = scrape(stack)
        ballast.unlink()
        mend("DiskFull")
        reference = posted(stack, client)
        after = scrape(stack)
        stack.nothing_is_missing(reference, deliveries=DELIVERIES)
        stack.nothing_is_missing(posted(stack, client), deliveries=DELIVERIES)
        later = scrape(stack)
    scraping.assert_fires(tmp_path, "DiskFull", before, during, after, later=later)


def fill(path):
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(8192))


def post_many(stack, client):
    """More than the last page of a table has room for."""
    for _ in range(100):
        posted(stack, client)


@contextmanager
def small_disk(stack, service, table):
    """A file system of its own for a table."""
    server = next((one for one in stack.place.parts.servers if isinstance(one, LocalPostgres)), None)
    if server is None or os.geteuid() != 0:
        pytest.skip("no disk can be made full: a file system cannot be mounted here (it takes root and a PostgreSQL of our own)")
    folder: Path = server.folder / "small"
    folder.mkdir()
    options = f"size=4m,uid={server.account.pw_uid},gid={server.account.pw_gid},mode=700"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("no disk can be made full: a file system cannot be mounted here")
    try:
        with psycopg.connect(server.address.superuser_url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        execute(stack, service, f"ALTER TABLE {table} SET TABLESPACE small")
        yield folder
        execute(stack, service, f"ALTER TABLE {table} SET TABLESPACE pg_default")
        with psycopg.connect(server.address.superuser_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            connection.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


@pytest.mark.skipif(not FAKETIME, reason="no clock can be off: libfaketime is not here (Debian: libfaketime)")
def test_a_clock_that_is_off_raises_the_alarm_until_it_is_right(stack, tmp_path):
    before = scrape(stack)
    with stack.changed("enquiry-serve", module=None, LD_PRELOAD=str(FAKETIME[0]), FAKETIME=CLOCK_OFF):
        assert "the clock is +40" in shell('curl -sS "$ENQUIRY/health/ready"')
        during = scrape(stack)
    mend("ClockSkewed")
    scraping.assert_fires(tmp_path, "ClockSkewed", before, during, scrape(stack))


def test_a_backup_that_was_not_taken_for_days_raises_the_alarm_until_one_is(stack, tmp_path):
    before = scrape(stack)
    execute(stack, "enquiry", "UPDATE backup_taken SET taken_at = taken_at - interval '2 days'")
    during = scrape(stack)
    mend("BackupOld")
    after = scrape(stack)
    scraping.assert_fires(tmp_path, "BackupOld", before, during, after)


def test_answers_that_take_over_a_second_raise_the_alarm_until_nobody_holds_them_up(stack, tmp_path):
    reference = posted(stack)
    before = scrape(stack)
    asking = threading.Thread(target=stack.operations.get, args=("enquiry", f"/v1/enquiries/{reference}"))
    with psycopg.connect(stack.place.parts.postgres.url("enquiry")) as connection:
        connection.execute("LOCK TABLE enquiries IN ACCESS EXCLUSIVE MODE")
        asking.start()
        until(lambda: stack.sql("catalog", WAITS, "enquiry", "1.1 s") != [(0,)], what="a request that waits")
    asking.join(60)
    during = scrape(stack)
    mend("RequestsSlow")
    after = scrape(stack)
    for _ in range(3):
        stack.operations.get("enquiry", f"/v1/enquiries/{reference}")
    scraping.assert_fires(tmp_path, "RequestsSlow", before, during, after, later=scrape(stack))

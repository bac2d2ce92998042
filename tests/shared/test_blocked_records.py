"""A record that the broker refuses for good: seen, tried again, given up; on a real broker and by the commands of every service."""

import getpass
import importlib

import pytest
from click.testing import CliRunner
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared import cli, crypto, db, log, outbox
from shared.config import Settings
from tests.shared.listener import withdraw
from tests.waiting import running, until


@pytest.fixture
def command(settings, tmp_path):
    """A service's `outbox` command; returns what it printed. `code`: how it is to end."""
    group = cli.commands(cli.Service("listener", Settings, migrations=tmp_path))
    environment = {"DATABASE_URL": settings.database_url, "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers}

    def run(*arguments, code=0):
        done = CliRunner(env=environment).invoke(group, ["outbox", *arguments])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    yield run
    log.configure(service="test", level="info", style="json")


def rows(engine, statement, **values):
    with db.transaction(engine) as session:
        return [tuple(row) for row in session.execute(text(statement), values)]


def change(engine, statement, **values):
    with db.transaction(engine) as session:
        session.execute(text(statement), values)


@pytest.fixture
def blocked(engine, publishing):
    """A case whose first fact is too large for the topic, with a second behind it; ids of the case, of the record, of its event."""
    case = crypto.new_id()
    event_id = withdraw(engine, case, 1)
    change(engine, "UPDATE outbox SET value = convert_to(repeat('x', 600000), 'UTF8')")
    withdraw(engine, case, 2)
    with running(publishing):
        until(lambda: rows(engine, "SELECT 1 FROM outbox WHERE blocked_because IS NOT NULL"))
    ((record_id,),) = rows(engine, "SELECT id FROM outbox WHERE blocked_because IS NOT NULL")
    return case, record_id, event_id


def published(engine):
    return [version for (version,) in rows(engine, 'SELECT version FROM outbox_archive ORDER BY partition, "offset"')]


def test_a_blocked_record_is_listed_with_its_reason_and_what_waits_behind_it(command, blocked):
    case, record_id, _ = blocked
    names, line = command("blocked").splitlines()
    assert names.split() == ["id", "topic", "key", "type", "version", "since", "waiting", "reason"]
    assert line.split()[:5] == [str(record_id), "enquiry.events", str(case), "enquiry.withdrawn.v1", "1"]
    assert line.split()[-2:] == ["2", "MessageSizeTooLargeError"]
    assert command("blocked", "--after", str(record_id)).strip() == "no record is blocked"


def test_blocked_and_dropped_records_are_figures(command, engine, blocked):
    def figures():
        with db.transaction(engine) as session:
            outbox.measure(session)
        return [REGISTRY.get_sample_value(name) for name in ("outbox_pending", "outbox_blocked", "outbox_dropped")]

    assert figures() == [2, 1, 0]
    command("drop", str(blocked[1]), "--because", "x")
    assert figures() == [1, 0, 1]


@pytest.mark.parametrize("which", ["one", "all"])
def test_a_record_that_was_mended_is_tried_again_in_its_place(command, engine, publishing, blocked, which):
    change(engine, "UPDATE outbox SET value = '{}' WHERE id = :id", id=blocked[1])
    assert command("retry", "--all" if which == "all" else str(blocked[1])).strip() == "1 to be tried again"
    assert command("blocked").strip() == "no record is blocked"
    with running(publishing):
        until(lambda: len(published(engine)) == 2)
    assert published(engine) == [1, 2]


def test_a_record_that_is_tried_again_unmended_is_blocked_again(command, engine, publishing, blocked):
    command("retry", "--all")
    with running(publishing):
        until(lambda: str(blocked[1]) in command("blocked"))
    assert published(engine) == []


def test_a_dropped_record_lets_its_key_go_on_and_never_reads_as_accounted_for(command, engine, publishing, blocked):
    case, record_id, event_id = blocked
    command("drop", str(record_id), "--because", "sent twice by an import")
    with running(publishing):
        until(lambda: published(engine) == [2])
    ((found,),) = rows(engine, "SELECT to_jsonb(outbox_dropped) FROM outbox_dropped")
    assert (found["event_id"], found["key"], found["type"], found["version"]) == (str(event_id), str(case), "enquiry.withdrawn.v1", 1)
    assert (found["blocked_because"], found["dropped_because"]) == ("MessageSizeTooLargeError", "sent twice by an import")
    assert found["dropped_by"] == f"cli:{getpass.getuser()}"
    with db.transaction(engine) as session:
        assert (outbox.unaccounted(session, older_than=0), outbox.count_dropped(session)) == (1, 1)
    assert rows(engine, "SELECT 1 FROM outbox_awaiting WHERE event_id = :id", id=event_id) == []


def test_only_what_is_blocked_can_be_tried_again_or_dropped(command, engine):
    withdraw(engine, crypto.new_id(), 1)
    ((record_id,),) = rows(engine, "SELECT id FROM outbox")
    for one in (record_id, 0, 2**80):
        assert "There is nothing here" in command("retry", str(one), code=1)
        assert "There is nothing here" in command("drop", str(one), "--because", "x", code=1)
    assert command("retry", "--all").strip() == "0 to be tried again"
    assert len(rows(engine, "SELECT 1 FROM outbox")) == 1


def test_a_command_that_is_typed_in_part_changes_nothing(command, blocked):
    assert "either" in command("retry", code=2)
    assert "either" in command("retry", str(blocked[1]), "--all", code=2)
    assert "--because" in command("drop", str(blocked[1]), code=2)
    assert str(blocked[1]) in command("blocked")


@pytest.mark.parametrize("service", ["catalog", "enquiry", "notification"])
def test_every_service_with_an_outbox_has_the_commands(service):
    main = importlib.import_module(f"services.{service}.__main__").main
    assert set(main.commands["outbox"].commands) == {"blocked", "retry", "drop"}

"""The drill: a backup, life goes on, somebody is erased, the database is lost. What was restored forgets again before it serves, and goes on above what was published."""

import subprocess
from dataclasses import replace

import pytest
from sqlalchemy import text

from devstack.postgres import client_programs
from services.enquiry import restoring
from services.enquiry.app import SERVICE, create_app
from services.enquiry.erasures import journal
from services.enquiry.restoring import RESTORING
from shared import crypto, db
from shared.bus import Publisher
from shared.bus.topics import ensure_topics
from shared.cli.backups import VERSION_STEP, CannotRestore, back_up, make_fit, restore
from shared.outbox.relay import relay
from tests.enquiry.test_erasures import ask, rows, turn
from tests.journeys import searching
from tests.waiting import running, until


def published(settings, topic):
    """(key, version, value) of a topic, partition by partition in order."""
    return [
        (record.key.decode(), int(dict(record.headers)["ce_version"]), record.value)
        for record in searching.records(settings.kafka_bootstrap_servers, settings.kafka_topic_prefix + topic)
    ]


@pytest.fixture
def settings(house):
    made = replace(house.settings, postgres_programs=str(client_programs()))
    ensure_topics(made, SERVICE.topics)
    return made


@pytest.fixture
def empty(parts, settings):
    """Settings of the same installation on an empty database."""
    name = f"restored_{crypto.new_id().hex}"
    yield replace(settings, database_url=parts.postgres.create_database(name))
    parts.postgres.drop_database(name)


def publish(settings, engine):
    """Until nothing waits."""

    def publishing(stop, beat):
        relay(settings.database_url, Publisher(settings, name="enquiry-relay"), stop=stop, beat=beat)

    def nothing_waits():
        with db.transaction(engine) as session:
            return session.scalar(text("SELECT count(*) FROM outbox")) == 0

    with running(publishing):
        until(nothing_waits, what="an empty outbox")


def erased(house, reference):
    made = ask(house, reference, token=house.issue("ops"), body={"because": "asked for by letter"}).json
    house.post(f"/v1/erasures/{made['id']}/confirm", {"because": "the passport was seen"}, token=house.issue("ops"))
    assert turn(house)


def withdraw(house, reference, client):
    body = {"because": "asked for by phone"}
    answer = client.post(f"/v1/enquiries/{reference}/withdraw", json=body, headers={"Authorization": f"Bearer {house.issue('ops')}"})
    assert answer.status_code == 200, answer.json


def by_itself(empty, file):
    restore(empty, RESTORING, file, consumer="enquiry", new_broker=False)


def elsewhere(empty, file):
    """By pg_restore, as deploy/restore has it done; made fit twice, as where the first time was interrupted before its end was known."""
    url = empty.database_url
    command = [client_programs() / "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    subprocess.run([*command, f"--dbname={url}", file], check=True)
    for _ in range(2):
        make_fit(empty, RESTORING, consumer="enquiry", new_broker=False)


@pytest.mark.parametrize("fill", [by_itself, elsewhere])
def test_a_restored_database_forgets_again_before_it_serves_and_goes_on_above_what_was_published(house, settings, empty, tmp_path, fill):
    gone, stays = house.opened(), house.opened()
    ids = {row["reference"]: (row["id"], row["patient_id"]) for row in rows(house, "enquiries")}
    publish(settings, house.engine)
    back_up(settings, tmp_path / "enquiry.dump")
    erased(house, gone)
    publish(settings, house.engine)
    with db.transaction(house.engine) as session:
        kept_outside = list(journal.lines_of(session))
    assert len(kept_outside) == 1
    highest = max(version for _, version, _ in published(settings, "enquiry.events"))

    fill(empty, tmp_path / "enquiry.dump")
    engine = db.engine(empty.database_url, name="test", pool=2)
    app = create_app(empty, house.clock)
    try:
        refused = app.test_client().get("/health/ready")
        assert refused.status_code == 503
        assert "journal of erasures" in refused.json["reason"]
        apply(house, engine, kept_outside)
        with db.transaction(engine) as session:
            assert journal.owed(session) is None
            patient = session.execute(
                text("SELECT wrapped_key, sealed_contact, email_hash FROM patients WHERE erased_at IS NOT NULL")
            ).one()
        assert tuple(patient) == (None, None, None)
        withdraw(house, stays, app.test_client())
        publish(empty, engine)
    finally:
        engine.dispose()
        app.extensions["passage"].engine.dispose()
    contacts = published(settings, "enquiry.patients")
    last = {key: (version, value) for key, version, value in contacts}
    version, value = last[str(ids[gone][1])]
    assert (version > VERSION_STEP, value) == (True, None)
    assert last[str(ids[stays][1])][1] is not None
    after = [version for key, version, _ in published(settings, "enquiry.events") if key == str(ids[stays][0])]
    assert after == sorted(after)
    assert after[-1] > highest


def apply(house, engine, lines):
    for entry in journal.read(lines):
        with db.transaction(engine) as session:
            assert journal.apply(session, house.vault, entry, now=house.clock())
        with db.transaction(engine) as session:
            assert not journal.apply(session, house.vault, entry, now=house.clock())  # twice is once
    with db.transaction(engine) as session:
        assert journal.owed(session)
        restoring.say_the_rest_again(session, house.vault)
        assert restoring.say_contacts_again(session, house.vault, after=None)
        journal.settle(session, house.clock())


def test_a_damaged_backup_and_a_database_that_is_not_empty_are_refused(house, settings, empty, tmp_path):
    file = tmp_path / "enquiry.dump"
    back_up(settings, file)
    with pytest.raises(CannotRestore, match="not empty"):
        restore(settings, RESTORING, file, consumer="enquiry", new_broker=False)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(CannotRestore, match="SHA-256"):
        restore(empty, RESTORING, file, consumer="enquiry", new_broker=False)
    with pytest.raises(CannotRestore, match="pg_dump is not there"):
        back_up(replace(settings, postgres_programs=str(tmp_path)), file)


@pytest.mark.parametrize("line", ["", "x 1 2026-11-23T00:00:00+00:00", "0198c0de-0000-7000-8000-0000000000a1 x 2026-11-23T00:00:00+00:00"])
def test_a_file_that_is_no_journal_is_refused_by_its_line(line):
    with pytest.raises(journal.NotAJournal, match="line 1 "):
        journal.read([line])


def test_with_a_new_broker_what_nobody_answered_comes_before_what_waits(house, settings, empty, tmp_path):
    reference = house.opened()
    publish(settings, house.engine)
    withdraw(house, reference, house.client)
    back_up(settings, tmp_path / "enquiry.dump")
    restore(empty, RESTORING, tmp_path / "enquiry.dump", consumer="enquiry", new_broker=True)
    engine = db.engine(empty.database_url, name="test")
    with db.transaction(engine) as session:
        query = "SELECT version, sequence FROM outbox WHERE topic = 'enquiry.events' ORDER BY id"
        told = [tuple(row) for row in session.execute(text(query))]
    engine.dispose()
    assert told == sorted(told)
    assert {version for version, _ in told} == {1, 2, 3}

"""The drill: everything is lost but a backup and the newest journal of erasures, and comes back by the commands of the operator's page."""

import subprocess

import psycopg
import pytest
from kafka.admin import KafkaAdminClient

from devstack import folders, mother
from devstack.client import Client, Refused
from devstack.processes import SERVICES
from shared.cli.backups import VERSION_STEP
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

OURS = [f"{service}-{command}" for service in SERVICES for command in ("serve", "work")]
TRUSTED = 1 + 2 * 2  # the patient's mail, and for each of two hospitals a mail and a webhook


def make(*arguments):
    done = subprocess.run(["make", *arguments], cwd=folders.CHECKOUT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def passage(*arguments):
    command = [".devstack/passage", *arguments]
    return subprocess.run(command, cwd=folders.CHECKOUT, capture_output=True, text=True, check=True, timeout=300).stdout


def opened(stack):
    """An enquiry that its hospitals know of, and who follows it by the mailed link."""
    body, address = stack.body()
    reference = stack.client().post("enquiry", "/v1/enquiries", body)["reference"]
    stack.nothing_is_missing(reference, deliveries=TRUSTED)
    patient = Client(stack.place)
    patient.sign_in(case_link=mother.token_in(stack.mail(address, "/l/case/"), "case"))
    return reference, address, patient


def erase(stack, reference, address, patient):
    patient.post("enquiry", f"/v1/enquiries/{reference}/erasure")
    patient.post("enquiry", "/v1/erasures/confirmations", {"token": mother.token_in(stack.mail(address, "/l/erase/"), "erase")})
    until(lambda: stack.operations.get("enquiry", f"/v1/enquiries/{reference}/erasure")["state"] == "done", seconds=300, what="the erasure")


def lose_databases(stack):
    for service in SERVICES:
        with psycopg.connect(stack.place.parts.postgres.superuser_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{service}" WITH (FORCE)')
        stack.place.parts.postgres.create_database(service)


def lose_topics(stack):
    admin = KafkaAdminClient(bootstrap_servers=stack.place.parts.kafka)
    try:
        topics = [name for name in admin.list_topics() if not name.startswith("_")]
        admin.delete_topics(topics)
        until(lambda: not set(topics) & set(admin.list_topics()), what="the end of every topic")
    finally:
        admin.close()
    for service in SERVICES:
        passage(service, "topics")


@pytest.mark.parametrize("topics_too", [False, True], ids=["databases lost", "databases and topics lost"])
def test_what_was_lost_comes_back_and_forgets_again_whom_it_had_forgotten(stack, tmp_path, topics_too):
    kept, erased = opened(stack), opened(stack)
    make("backup", f"TO={tmp_path / 'backup'}")
    lost, _, _ = opened(stack)
    erase(stack, *erased)
    (tmp_path / "newest").write_text(passage("enquiry", "erasure-journal"))
    with stack.without(*OURS):
        lose_databases(stack)
        if topics_too:
            lose_topics(stack)
        journal, how = tmp_path / "newest", ["RESTORE=--new-broker"] if topics_too else []
        make("restore", f"FROM={tmp_path / 'backup'}", f"JOURNAL={journal}", *how)

    reference, _, patient = kept
    until(lambda: Client(stack.place).get("enquiry", "/health/ready")["status"] == "ready", what="readiness")
    assert patient.get("enquiry", f"/v1/enquiries/{reference}")["state"] == "open"
    with pytest.raises(Refused, match="404"):
        stack.operations.get("enquiry", f"/v1/enquiries/{lost}")
    assert stack.sql("enquiry", "SELECT count(*) FROM patients WHERE erased_at IS NULL AND wrapped_key IS NULL") == [(0,)]
    ((erased_key,),) = stack.sql(
        "enquiry", "SELECT p.wrapped_key FROM patients p JOIN enquiries e ON e.patient_id = p.id WHERE e.reference = %s", erased[0]
    )
    assert erased_key is None

    stack.operations.post("enquiry", f"/v1/enquiries/{reference}/withdraw", {"because": "asked for on the telephone"})
    until(lambda: stack.sql("enquiry", "SELECT count(*) FROM outbox_awaiting")[0][0] == 0, what="an outcome for each fact")
    ((version,),) = stack.sql("enquiry", "SELECT version FROM enquiries WHERE reference = %s", reference)
    assert version > VERSION_STEP
    until(
        lambda: all(state == "accepted" for (state,) in of_version(stack, reference, version)),
        seconds=300,
        what="the mails of the withdrawal",
    )
    assert len(of_version(stack, reference, version)) == TRUSTED

    again, _, _ = opened(stack)  # what restored services know of the catalog, of contacts and of endpoints is enough for a new one
    assert stack.webhooks(again) == set(stack.slugs)


def of_version(stack, reference, version):
    """States of the deliveries of one transaction of a case."""
    ((case_id,),) = stack.sql("enquiry", "SELECT id FROM enquiries WHERE reference = %s", reference)
    facts = stack.sql("enquiry", "SELECT event_id FROM outbox_archive WHERE key = %s AND version = %s", case_id, version)
    return stack.sql("notification", "SELECT state FROM deliveries WHERE event_id = ANY(%s)", [one for (one,) in facts])

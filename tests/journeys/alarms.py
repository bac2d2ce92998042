"""What every drill of an alert needs: to look as Prometheus does, and to mend by the runbook's own commands."""

import re
import subprocess

import psycopg
from kafka import KafkaProducer

from devstack import folders
from shared import crypto
from tests.journeys.test_guides import DOCS
from tests.operations import scraping
from tests.waiting import until


def mend(entry, service="enquiry"):
    """The commands to mend of an entry of the runbook, as they stand; what they printed. `service`: the alert's label."""
    text = (DOCS / "runbook.md").read_text(encoding="utf-8")
    section = re.search(rf"^### {entry}$(.*?)(?=^###? |\Z)", text, re.MULTILINE | re.DOTALL).group(1)
    commands = re.findall(r"^```sh\n(.*?)^```$", section.partition("**Mend.**")[2], re.MULTILINE | re.DOTALL)
    return shell("\n".join([f"SERVICE={service}", *commands]))


def shell(script):
    script = f". {folders.CHECKOUT}/.devstack/env\n{script}"
    done = subprocess.run(["bash", "-euo", "pipefail"], input=script, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def value(stack, service, name, role="web", **labels):
    """Of a figure; `web` tells what stands in the database. None where nobody tells it."""
    every = scraping.labels_of(service, role)
    return scraping.figures(scraping.page(stack.place, service, role), every).get(scraping.series(name, every | labels))


def told(condition, *, what):
    """Waits for what is asked of /metrics: that costs the service some statements each time."""
    return until(condition, every=0.25, seconds=120, what=what)


def scrape(stack):
    return scraping.scrape(stack.place)


def execute(stack, service, statement, *values):
    with psycopg.connect(stack.place.parts.postgres.url(service)) as connection:
        connection.execute(statement, values)


def all_is_told(stack):
    until(lambda: stack.sql("enquiry", "SELECT count(*) FROM outbox_awaiting") == [(0,)], seconds=120, what="an outcome for each fact")


def posted(stack, client=None):
    """A new enquiry's reference, by a trusted client: one mail to its patient, a mail and a webhook to each of two hospitals."""
    return (client or stack.client()).post("enquiry", "/v1/enquiries", stack.body()[0])["reference"]


def case_of(stack, reference):
    ((case,),) = stack.sql("enquiry", "SELECT id FROM enquiries WHERE reference = %s", reference)
    return case


def park_a_key(stack, topic="enquiry.events", key=None):
    """By a record that nobody can read."""
    producer = KafkaProducer(bootstrap_servers=stack.place.parts.kafka)
    producer.send(topic, key=str(key or crypto.new_id()).encode(), value=b"poison").get(timeout=30)
    producer.close()


def tasks_are_done(stack):
    """Those that other journeys have left."""
    while value(stack, "notification", "tasks_open"):
        mend("TasksWait", "notification")

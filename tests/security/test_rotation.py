"""Every key is changed while enquiries come: services restarted one after the other, all sealed anew, the old keys taken away. Nobody's mail is lost, everything opens."""

import base64
import os
import secrets
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
import requests

from devstack import folders
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("security")

RINGS = {"enquiry": ("CASE_KEYS", "CONTACT_KEYS"), "notification": ("CONTACT_KEYS", "NOTIFICATION_KEYS")}
IN_TURN = ("enquiry-serve", "enquiry-work", "notification-serve", "notification-work")  # the worse order: notification is the last to know
NOT_YET = "SELECT count(*) FROM {} WHERE {} IS NOT NULL AND convert_from(substring({} FROM 2 FOR 3), 'UTF8') <> 'new'"


@contextmanager
def enquiries(town):
    """A trusted client's enquiries while the block runs, each sent until it is answered: their references by address."""
    made, wrong, stop = {}, [], threading.Event()
    bearer = {"Authorization": f"Bearer {town.client().token}"}

    def send(body, address):
        headers = {**bearer, "Idempotency-Key": f"rotation-{address}"}
        while address not in made and not wrong:
            try:
                answer = requests.post(f"{town.place.http('enquiry')}/v1/enquiries", json=body, headers=headers, timeout=60)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code == 201:
                made[address] = answer.json()["reference"]
            elif answer is None or answer.status_code in {409, 503}:
                stop.wait(0.1)
            else:
                wrong.append(answer.text)

    def run():
        while not stop.wait(0.3):
            send(*town.body())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join(120)
    assert not wrong


def restart_in_turn(town, rings):
    """Each program with these keys, ready before the next is ended."""
    for service, own in rings.items():
        town.place.environments[service].update(own)
    for name in IN_TURN:
        program, code = town.them.end(name)
        assert code == 0
        town.them.start(replace(program, environment=town.place.environments[name.partition("-")[0]]))
        town.them.wait_until_ready()


def rewrap(town, service):
    command = [sys.executable, "-m", f"services.{service}", "rewrap"]
    environment = {**os.environ, **town.place.environments[service]}
    subprocess.run(command, cwd=folders.CHECKOUT, env=environment, check=True, capture_output=True, timeout=120)


def more(made, count=5):
    """Until so many more have been answered."""
    before = len(made)
    until(lambda: len(made) >= before + count, what=f"{count} more enquiries")


def is_sealed_anew(town):
    places = (
        ("enquiry", "patients", "wrapped_key"),
        ("notification", "patients", "wrapped_key"),
        ("notification", "accounts", "wrapped_key"),
        ("notification", "endpoints", "sealed_address"),
    )
    return all(town.sql(service, NOT_YET.format(table, column, column)) == [(0,)] for service, table, column in places)


def broken_seals(town, service):
    figures = requests.get(f"{town.place.http(service)}/metrics", timeout=60).text
    return [line for line in figures.splitlines() if line.startswith("seals_broken_total") and not line.endswith(" 0.0")]


def test_keys_are_changed_under_load_and_nobodys_mail_is_lost(town):
    fresh = {name: f"new:{base64.b64encode(secrets.token_bytes(32)).decode()}" for names in RINGS.values() for name in names}
    old = {service: {name: town.place.environments[service][name] for name in names} for service, names in RINGS.items()}
    with enquiries(town) as made:
        more(made)
        restart_in_turn(town, {service: {name: f"{fresh[name]},{key}" for name, key in held.items()} for service, held in old.items()})
        more(made)
        for service in RINGS:
            rewrap(town, service)
        until(lambda: is_sealed_anew(town), what="everything under the new keys")
        restart_in_turn(town, {service: {name: fresh[name] for name in names} for service, names in RINGS.items()})
        more(made)
    for address, reference in made.items():
        assert town.operations.get("enquiry", f"/v1/enquiries/{reference}")["requester"]["email"] == address
    ids = [one for (one,) in town.sql("enquiry", "SELECT id FROM enquiries WHERE reference = ANY(%s)", list(made.values()))]
    told = "SELECT count(*) FROM deliveries WHERE case_id = ANY(%s) AND state IN ('accepted', 'folded')"
    each = 1 + 2 * len(town.slugs)  # a mail to the patient, a mail and a webhook to each hospital
    until(lambda: town.sql("notification", told, ids) == [(each * len(made),)], what="a mail for everybody")
    assert town.sql("notification", "SELECT count(*) FROM deliveries WHERE state NOT IN ('accepted', 'folded')") == [(0,)]
    assert not broken_seals(town, "enquiry")

"""No secret stands where others look: in the list of processes, in a log, in what a setting prints."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from devstack import processes
from services.catalog.settings import Settings as Catalog
from services.enquiry.settings import Settings as Enquiry
from services.notification.settings import Settings as Notification
from services.web.settings import Settings as Web
from shared.config import fields
from tests.security.town import logged
from tests.security.town import town as whole_town

pytestmark = pytest.mark.xdist_group("security")

KINDS = {"catalog": Catalog, "enquiry": Enquiry, "notification": Notification, "web": Web}


def secrets_of(place):
    """Every value of a setting that is declared as a secret, and what in it is the secret itself."""
    for service, kind in KINDS.items():
        for one in fields(kind):
            said = place.environments[service].get(one.name.upper(), "") if one.metadata["secret"] else ""
            if "://" in said:
                yield from [(one.name, password) for password in [urlsplit(said).password] if password]
            elif said.startswith("{"):
                yield one.name, json.loads(said)["keys"][0]["d"]
            elif said:
                yield one.name, said.partition(":")[2] if one.name.endswith("_keys") else said


@pytest.fixture(scope="module")
def started(parts):
    with logged("security-secrets.log") as write:
        lines = []

        def keep(line):
            lines.append(line)
            write(line)

        with whole_town(parts, keep, {"LOG_LEVEL": "debug", "LOG_FORMAT": "json"}) as made:
            body, address = made.body()
            made.visitor.post("enquiry", "/v1/enquiries", body)
            made.prove(address)
            yield made, lines


def test_settings_that_open_something_are_declared_as_secrets(started):
    town, _ = started
    names = {name for name, _ in secrets_of(town.place)}
    assert names == {
        "database_url",
        "case_keys",
        "contact_keys",
        "notification_keys",
        "lookup_key",
        "link_key",
        "signing_keys",
        "cookie_keys",
    }


def test_no_secret_stands_in_the_list_of_processes(started):
    town, _ = started
    seen = [one.process.pid for one in town.them.running]
    programs = [process for pid in seen for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    lines = [" ".join(process.cmdline()) for process in programs]
    begun = [*processes.programs(town.place, town.place.environments), *processes.preparations(town.place.environments)]
    lines += [" ".join(map(str, program.command)) for program in begun]  # as they are called where nothing is forked
    assert len(lines) >= len(processes.SERVED) + len(processes.SERVICES)
    for name, secret in secrets_of(town.place):
        assert not [line for line in lines if secret in line], name


def test_no_secret_stands_in_a_log_not_even_in_the_most_talkative_one(started):
    town, lines = started
    assert any('"level": "debug"' in line or '"level":"debug"' in line for line in lines)
    for name, secret in secrets_of(town.place):
        assert not [line for line in lines if secret in line], name


@pytest.mark.parametrize("service", KINDS)
def test_no_secret_is_printed_with_the_settings(started, service):
    town, _ = started
    environment = {**os.environ, **town.place.environments[service]}
    command = [sys.executable, "-m", f"services.{service}", "settings"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    for name, secret in secrets_of(town.place):
        assert secret not in printed, name


def test_nothing_of_ours_takes_a_secret_as_an_argument():
    words = ("password", "secret", "api-key", "private")
    for path in Path("services").rglob("__main__.py"):
        options = [line for line in path.read_text(encoding="utf-8").splitlines() if "click.option(" in line or "click.argument(" in line]
        assert not [line for line in options if any(word in line.lower() for word in words)], path

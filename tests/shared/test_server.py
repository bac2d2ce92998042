"""`serve`: one import for all processes of a server, and figures that add up over them."""

import base64
import json
import os
import secrets
import subprocess
import sys
from contextlib import closing

import psutil
import pytest
import requests

from devstack import launch
from tests.enquiry.conftest import secret_settings
from tests.waiting import until


@pytest.fixture
def site(tmp_path):
    """`python -m services.web serve` with two processes; its address and its process."""
    with closing(launch.reserve_port()) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
        settings = {
            "HTTP_BIND": address,
            "HTTP_PROCESSES": "2",
            "TMPDIR": str(tmp_path),
            "ENQUIRY_URL": "http://127.0.0.1:1",
            "CATALOG_URL": "http://127.0.0.1:1",
            "NOTIFICATION_URL": "http://127.0.0.1:1",
            "COOKIE_KEYS": f"k:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        }
        process = subprocess.Popen([sys.executable, "-m", "services.web", "serve"], env=os.environ | settings)
        try:
            until(lambda: launch.listens(held.getsockname()[1]), seconds=300)
            yield f"http://{address}", process
        finally:
            process.terminate()
            process.wait(20)


def test_what_two_processes_of_a_server_count_is_added_up(site, tmp_path):
    address, process = site
    until(lambda: len(psutil.Process(process.pid).children()) == 2, seconds=300)
    asked = 0

    def both_have_answered():
        nonlocal asked
        for _ in range(4):
            requests.get(f"{address}/nowhere", timeout=120)
            asked += 1
        return len(list(tmp_path.glob("web-metrics-*/histogram_*.db"))) >= 2

    until(both_have_answered, seconds=300)
    figures = requests.get(f"{address}/metrics", timeout=120).text.splitlines()
    (answered,) = (line for line in figures if line.startswith("http_requests_total{") and 'status="404"' in line)
    assert float(answered.split()[-1]) == asked


def test_a_process_that_dies_is_replaced_and_sigterm_ends_all(site):
    address, process = site
    first = until(lambda: psutil.Process(process.pid).children(), seconds=300)
    first[0].kill()
    until(lambda: len([one for one in psutil.Process(process.pid).children() if one != first[0]]) == 2, seconds=300)
    assert requests.get(f"{address}/health/live", timeout=120).status_code == 200
    everyone = psutil.Process(process.pid).children()
    process.terminate()
    assert process.wait(20) == 0
    assert not psutil.wait_procs(everyone, timeout=1)[1]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["serve"], {"event": "serve begins", "processes": 3, "connections": 3 * 2}),
        (["work", "timers"], {"event": "work begins", "connections": 1, "useful_workers": 12}),
        (["work"], {"event": "work begins", "connections": 8, "useful_workers": 12}),
    ],
    ids=" ".join,
)
def test_a_start_tells_how_many_connections_it_can_hold_and_how_many_workers_are_of_use(tmp_path, command, told):
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}  # the discard port
    with closing(launch.reserve_port()) as held, (tmp_path / "log").open("w") as log:
        settings = away | {"HTTP_BIND": f"127.0.0.1:{held.getsockname()[1]}", "HTTP_PROCESSES": "3", "TMPDIR": str(tmp_path)}
        given = {name.upper(): value for name, value in secret_settings().items()} | settings
        process = subprocess.Popen([sys.executable, "-m", "services.enquiry", *command], env=os.environ | given, stdout=log, stderr=log)
        try:
            lines = until(lambda: [line for line in (tmp_path / "log").read_text().splitlines() if "begins" in line], what="its start")
        finally:
            process.terminate()
            process.wait(60)
    assert told.items() <= json.loads(lines[0]).items()

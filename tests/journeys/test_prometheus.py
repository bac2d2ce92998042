"""Prometheus itself beside everything running: our configuration, our rules and the dashboard's queries, as its API tells of them."""

import json
import shutil
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests
import yaml

from devstack import launch
from tests.journeys.alarms import mend, park_a_key, posted, tasks_are_done
from tests.operations import promtool
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

DASHBOARD = Path("deploy") / "grafana" / "dashboard.json"


@pytest.fixture
def prometheus(stack, tmp_path):
    """What asks its API; data in a folder of the test's own."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip(
            "prometheus is missing: install Debian's package prometheus, or its program alone as .ci/run does, to try our configuration in it"
        )
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration(stack.place)))
    with running(program, tmp_path) as url:
        yield lambda path, **parameters: answer(url, path, parameters)


def configuration(place):
    """Ours, but for where the targets are, and a second instead of fifteen."""
    ours = yaml.safe_load((promtool.PROMETHEUS / "prometheus.yml").read_text())
    for job in ours["scrape_configs"]:
        service, _, role = job["job_name"].rpartition("-")
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{place.ports[service if role == 'web' else job['job_name']]}"]}]
    ours["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    return ours | {"rule_files": [str(promtool.RULES.absolute())]}


@contextmanager
def running(program, folder):
    with closing(launch.reserve_port()) as held, (folder / "log").open("wb") as log:
        at = f"127.0.0.1:{held.getsockname()[1]}"
        options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={at}"]
        process = subprocess.Popen([program, *options], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        try:
            until(lambda: process.poll() is not None or is_ready(at), what="Prometheus")
            assert process.poll() is None, (folder / "log").read_text()
            yield f"http://{at}"
        finally:
            launch.stop(process)


def is_ready(at):
    try:
        return requests.get(f"http://{at}/-/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def answer(url, path, parameters):
    """`data` of an answer. It must be a good one."""
    told = requests.get(f"{url}/api/v1/{path}", params=parameters, timeout=30).json()
    assert told["status"] == "success", told
    return told["data"]


def test_prometheus_finds_every_process_raises_no_alarm_while_all_is_well_and_one_when_it_is_not(stack, prometheus):
    tasks_are_done(stack)

    def active():
        return {(one["labels"]["alertname"], one["state"]) for one in prometheus("alerts")["alerts"]}

    def targets():
        found = prometheus("targets", state="active")["activeTargets"]
        return {(one["labels"]["service"], one["labels"]["role"]): one["health"] for one in found}

    until(lambda: len(targets()) == 7 and set(targets().values()) == {"up"}, what="every process answering")
    until(lambda: all(one["health"] == "ok" and one["lastEvaluation"] > "1" for one in rules(prometheus)), what="rules that were evaluated")
    assert {one["name"] for one in rules(prometheus)} == set(promtool.alerts())
    until(lambda: active() == set(), what="no alarm")  # those of absent series end with the first scrape

    with stack.without("notification-work"):
        park_a_key(stack)
        until(lambda: {("LoopsMissing", "pending"), ("ServiceDown", "pending")} <= active(), what="alarms that wait for their minute")
    until(lambda: ("KeysParked", "firing") in active(), what="the alarm")
    mend("KeysParked", "notification")
    until(lambda: active() == set(), what="no alarm")


def rules(prometheus):
    return [rule for group in prometheus("rules", type="alert")["groups"] for rule in group["rules"]]


def test_every_query_of_the_dashboard_has_an_answer(stack, prometheus):
    stack.nothing_is_missing(posted(stack), deliveries=5)
    requests.get(stack.place.http("web"), timeout=60)
    requests.get(f"{stack.place.http('catalog')}/v1/procedures", timeout=60)  # a page that the site has kept asks it nothing
    requests.get(f"{stack.place.http('notification')}/v1/endpoints", timeout=60)  # refused: an answer like any other
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    queries = {target["expr"] for panel in panels for target in panel.get("targets", ())}
    assert len(queries) > 30

    for query in sorted(queries):
        until(lambda query=query: prometheus("query", query=query)["result"], what=f"an answer to {query}")

"""docker-compose.production.yml: what the engine makes of both files together, and the gateway behind a certificate."""

import json
import os
import subprocess

import pytest
import requests

from tests.compose.project import CHECKOUT, engine_answers
from tests.shared.test_secure_connections import make_certificate
from tests.waiting import until

pytestmark = pytest.mark.compose

GIVEN = {
    "KAFKA_BOOTSTRAP_SERVERS": "k1:9093,k2:9093,k3:9093",
    "SITE_URL": "https://www.example.org",
    "SMTP_FROM": "Passage <no-reply@example.org>",
    "OPS_ADDRESS": "operations@example.org",
}


def docker(*arguments: str) -> str:
    ended = subprocess.run(
        ["docker", *arguments], cwd=CHECKOUT, env=os.environ | GIVEN, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.fixture(scope="module", autouse=True)
def engine():
    if not engine_answers():
        pytest.skip("no Docker engine with compose answers here: docker-compose.production.yml was not tried")


@pytest.fixture(scope="module")
def services(engine):
    both = ("-f", "docker-compose.yml", "-f", "docker-compose.production.yml")
    return json.loads(docker("compose", *both, "config", "--format", "json"))["services"]


def test_postgresql_kafka_and_the_mailbox_are_elsewhere(services):
    assert not {"postgres", "kafka", "mailbox"} & set(services)


def test_everything_that_speaks_to_kafka_does_so_by_tls_and_sasl_under_the_name_of_its_service(services):
    speaking = {name: one["environment"] for name, one in services.items() if "KAFKA_BOOTSTRAP_SERVERS" in one.get("environment", {})}
    assert {name.partition("-")[0] for name in speaking} == {"catalog", "enquiry", "notification"}
    for name, given in speaking.items():
        asked = (given["KAFKA_SECURITY_PROTOCOL"], given["KAFKA_REPLICATION"], given["KAFKA_USERNAME"])
        assert asked == ("SASL_SSL", "3", f"passage-{name.partition('-')[0]}"), name
        assert {"kafka_ca", "kafka_password", "postgres_ca"} <= {one["target"].rpartition("/")[2] for one in services[name]["secrets"]}, (
            name
        )


def test_only_the_gateway_publishes_ports(services):
    assert {name: {port["published"] for port in one["ports"]} for name, one in services.items() if one.get("ports")} == {
        "gateway": {"80", "443"}
    }


@pytest.fixture
def gateway(services, tmp_path):
    """The gateway alone, with a certificate and nothing behind it: its two ports."""
    make_certificate(tmp_path / "both.pem")
    private, _, _ = (tmp_path / "both.pem").read_text().partition("-----BEGIN CERTIFICATE")
    (tmp_path / "tls_key").write_text(private)
    (tmp_path / "tls_certificate").write_text((tmp_path / "both.ca").read_text())
    tmp_path.chmod(0o755)
    network = docker("network", "create", f"passage-trial-{tmp_path.parent.name}-{os.getpid()}")
    one = services["gateway"]
    mounted = [f"--volume={CHECKOUT / v['source']}:{v['target']}:ro" for v in one["volumes"]] + [f"--volume={tmp_path}:/run/secrets:ro"]
    contained = [
        f"--user={one['user']}",
        "--read-only",
        "--cap-drop=ALL",
        "--tmpfs=/tmp",
        f"--network={network}",
        "--publish=127.0.0.1::8443",
        "--publish=127.0.0.1::8080",
    ]
    container = docker("run", "--detach", *contained, *mounted, one["image"], *one["command"])
    try:
        yield {port: docker("port", container, port).rpartition(":")[2] for port in ("8443", "8080")} | {"ca": str(tmp_path / "both.ca")}
    finally:
        docker("rm", "--force", container)
        docker("network", "rm", network)


def test_the_gateway_speaks_tls_and_says_by_a_problem_that_a_service_is_away(gateway):
    address = f"https://127.0.0.1:{gateway['8443']}"
    (answer,) = until(
        lambda: _answers(f"{address}/v1/procedures", verify=gateway["ca"], headers={"Host": "catalog.example.org"}), what="the gateway"
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
    assert answer.headers["Retry-After"]
    for path in ("/metrics", "/metrics/"):
        figures = requests.get(f"{address}{path}", verify=gateway["ca"], headers={"Host": "catalog.example.org"}, timeout=10)
        assert figures.status_code == 404
    plain = requests.get(f"http://127.0.0.1:{gateway['8080']}/x", headers={"Host": "www.example.org"}, allow_redirects=False, timeout=5)
    assert (plain.status_code, plain.headers["Location"]) == (308, "https://www.example.org/x")


def _answers(address: str, **options) -> list[requests.Response]:
    """One, or none where nobody listens yet (an answer of 503 counts as one; by itself it would be false)."""
    try:
        return [requests.get(address, timeout=10, **options)]
    except requests.ConnectionError:
        return []

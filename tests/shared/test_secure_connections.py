"""What production asks for: TLS and SASL to Kafka, shown on a broker that has both; `sslmode` to PostgreSQL, shown on a door with TLS before one, and at each place that connects."""

import ipaddress
import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from devstack import kafka, launch
from devstack.postgres import client_programs
from shared import db
from shared.bus import Outgoing, Publisher
from shared.bus.consumer import Consumer
from shared.bus.topics import ensure_topics
from shared.cli.backups import CannotRestore, back_up
from shared.config import BadConfiguration, Settings
from shared.events import Topic
from shared.outbox.relay import relay
from tests.faults.world import World
from tests.shared.tls_door import TlsDoor
from tests.waiting import until

TOPIC = Topic("secured.events", partitions=1, compacted=False, meaning="for this test")
USER, PASSWORD = "passage", "open-sesame"


def make_certificate(path):
    """A certificate for 127.0.0.1 that signs itself, and its key, in one PEM file; also alone, as `.ca`."""
    key, name, now = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")]),
        datetime.now(UTC),
    )
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - timedelta(hours=1), now + timedelta(hours=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    path.with_suffix(".ca").write_bytes(public)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + public)


class SecureKafka(kafka.LocalKafka):
    """The broker of every test, with one more door: SASL_SSL, SCRAM-SHA-512. Clients come by that one."""

    def __init__(self, folder, *, certificate):
        super().__init__(folder, tell=lambda _: None)
        self.door = launch.reserve_port()
        self.reserved.append(self.door)
        self.secure = f"127.0.0.1:{self.door.getsockname()[1]}"
        self.certificate = certificate

    def settings(self):
        mechanism = "listener.name.secure.scram-sha-512.sasl.jaas.config"
        own = super().settings()
        return own | {
            "listeners": f"{own['listeners']},SECURE://{self.secure}",
            "advertised.listeners": f"{own['advertised.listeners']},SECURE://{self.secure}",
            "listener.security.protocol.map": f"{own['listener.security.protocol.map']},SECURE:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            mechanism: "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.certificate),
        }

    def format_arguments(self):
        return [*super().format_arguments(), "--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"]


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """Settings of a client that is let in."""
    folder = tmp_path_factory.mktemp("secured")
    make_certificate(folder / "broker.pem")
    broker = SecureKafka(folder, certificate=folder / "broker.pem")
    try:
        broker.prepare()
        broker.start()
        broker.wait_until_ready()
        yield {
            "database_url": "postgresql://nobody@127.0.0.1/none",
            "kafka_bootstrap_servers": broker.secure,
            "kafka_security_protocol": "SASL_SSL",
            "kafka_ca": str(folder / "broker.ca"),
            "kafka_username": USER,
            "kafka_password": PASSWORD,
        }
    finally:
        broker.stop()
        for held in broker.reserved:
            held.close()


class FromTheStart:
    def next_offset(self, topic, partition):
        return 0


def test_topics_are_made_and_records_travel_over_tls_with_sasl(secured):
    settings = Settings(**secured)
    ensure_topics(settings, [TOPIC])
    publisher, consumer = Publisher(settings, name="test"), Consumer(settings, group="test", topics=[TOPIC.name], positions=FromTheStart())
    try:
        publisher.publish([Outgoing(TOPIC.name, b"key", {}, b"value")])
        (batch,) = until(lambda: consumer.poll(0.2), what="a record")
        assert batch.records[0].value == b"value"
    finally:
        publisher.close()
        consumer.close()


REFUSED = """
import json, sys
from shared.bus import BusUnavailable
from shared.bus.topics import ensure_topics
from shared.config import Settings
try:
    ensure_topics(Settings(**json.loads(sys.argv[1])), [])
except BusUnavailable:
    sys.exit(7)
"""


@pytest.mark.parametrize("wrong", [{"kafka_password": "guessed"}, {"kafka_ca": ""}], ids=["password", "signer"])
def test_who_is_not_let_in_or_does_not_know_the_brokers_signer_calls_it_away(secured, wrong):
    """In a program of its own: kafka-python leaves sockets open where it was refused."""
    ended = subprocess.run([sys.executable, "-c", REFUSED, json.dumps(secured | wrong)], timeout=120, check=False)
    assert ended.returncode == 7


def test_a_certificate_that_cannot_be_read_is_said_at_start(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://user@127.0.0.1/name")
    monkeypatch.setenv("KAFKA_CA", "/nowhere/ca.pem")
    with pytest.raises(BadConfiguration, match="KAFKA_CA names a file that cannot be read"):
        Settings.from_env()


@pytest.fixture
def door(database, tmp_path):
    """A database behind TLS, and its address for whoever demands that the server be who it says."""
    at = make_url(database("catalog"))
    make_certificate(tmp_path / "server.pem")
    with World() as world:
        made = TlsDoor(world, at.port, tmp_path / "server.pem")
        inside = at.set(host="127.0.0.1", port=made.port, query={"sslmode": "verify-full", "sslrootcert": str(tmp_path / "server.ca")})
        yield made, inside


def test_postgresql_is_reached_over_tls_and_its_certificate_is_checked(door):
    sealed, address = door
    url = address.render_as_string(hide_password=False)
    engine = db.engine(url, name="test")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()
    assert sealed.sealed == 1


@pytest.mark.parametrize(("wrong", "said"), [("signer", "certificate verify failed"), ("name", "does not match host name")])
def test_a_postgresql_that_may_be_another_is_refused(door, tmp_path, wrong, said):
    _, address = door
    make_certificate(tmp_path / "another.pem")
    other = {"query": {**address.query, "sslrootcert": str(tmp_path / "another.ca")}} if wrong == "signer" else {"host": "localhost"}
    url = address.set(**other).render_as_string(hide_password=False)
    with pytest.raises(OperationalError, match=said):
        db.engine(url, name="test").connect()


def test_sslmode_reaches_postgresql_from_pools_from_the_relay_and_from_pg_dump(database, tmp_path):
    """The tests' server has no TLS, nor has its pg_dump: whoever demands it is refused, and would not be if the demand were lost."""
    url = f"{database('shared')}?sslmode=require"
    with pytest.raises(OperationalError, match="does not support SSL"):
        db.engine(url, name="test").connect()
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        relay(url, Publisher(Settings(database_url=url), name="test"), stop=threading.Event(), beat=lambda: None)
    with pytest.raises(CannotRestore, match="SSL"):
        back_up(Settings(database_url=url, postgres_programs=str(client_programs())), tmp_path / "shared.dump")

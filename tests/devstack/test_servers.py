"""The two servers from wheels: what services and tests rely on."""

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from devstack import folders, postgres
from devstack.kafka import is_ready, local_kafka
from devstack.launch import CannotStart
from devstack.postgres import local_postgres


@pytest.fixture(scope="module")
def server():
    with folders.run_folder() as folder, local_postgres(folder, durable=False) as launcher:
        launcher.prepare()
        launcher.start()
        launcher.wait_until_ready()
        yield launcher


@pytest.fixture(scope="module")
def broker():
    with folders.run_folder() as folder, local_kafka(folder, tell=print) as launcher:
        launcher.prepare()
        launcher.start()
        launcher.wait_until_ready()
        yield launcher


def test_a_copied_database_has_the_tables_and_extensions_of_its_template(server):
    template = server.address.create_database("template")
    with psycopg.connect(template) as connection:
        for extension in ("btree_gist", "pg_trgm", "unaccent"):
            connection.execute(f"CREATE EXTENSION {extension}")
        connection.execute("CREATE TABLE rooms (name text)")
    with psycopg.connect(server.address.create_database("a copy", template="template")) as connection:
        assert connection.execute("SELECT count(*) FROM rooms").fetchone() == (0,)
        assert connection.execute("SELECT unaccent('Çağrı')").fetchone() == ("Cagri",)


def test_a_database_can_be_dropped_while_somebody_is_connected(server):
    url = server.address.create_database("busy")
    with psycopg.connect(url) as connection:
        server.address.drop_database("busy")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_letters_beyond_ascii_have_upper_and_lower_case(server):
    with psycopg.connect(server.address.superuser_url) as connection:
        assert connection.execute("SELECT lower('ÇĞÜÉ'), upper('çğüé')").fetchone() == ("çğüé", "ÇĞÜÉ")


def test_a_wrong_password_is_refused(server):
    wrong = server.address.superuser_url.replace(server.password, "guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_was_committed_is_there_after_postgres_was_ended_and_started_again(server, end):
    with psycopg.connect(server.address.create_database(f"kept after {end}")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    getattr(server, end)()
    assert not server.address.answers()
    server.start()
    server.wait_until_ready()
    with psycopg.connect(server.address.url(f"kept after {end}")) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)


def test_a_server_that_cannot_start_says_why(server):
    with folders.run_folder() as folder, local_postgres(folder, durable=False) as second:
        second.settings = postgres.SETTINGS | {"max_connections": "none"}
        second.prepare()
        second.start()
        with pytest.raises(CannotStart, match=r'(?s)PostgreSQL ended with code 1 .*"max_connections"'):
            second.wait_until_ready()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_was_acknowledged_is_there_after_kafka_was_ended_and_started_again(broker, end):
    topic = f"kept-after-{end}"
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all")
    producer.send(topic, b"first").get(timeout=30)
    producer.close()
    getattr(broker, end)()
    assert not is_ready(broker.bootstrap_servers)
    broker.start()
    broker.wait_until_ready()
    consumer = KafkaConsumer(topic, bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest", consumer_timeout_ms=30_000)
    assert next(consumer).value == b"first"
    consumer.close()


def test_a_topic_nobody_created_does_not_come_into_being(broker):
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, max_block_ms=2000)
    with pytest.raises(Exception, match="KafkaTimeoutError"):
        producer.send("typed-wrongly", b"x").get(timeout=5)
    producer.close()
    assert "typed-wrongly" not in admin.list_topics()
    admin.close()

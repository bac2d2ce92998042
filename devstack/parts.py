"""The two parts everything stands on, PostgreSQL and Kafka, and the three ways to have them.

In this order: addresses given by the environment; containers where asked for; servers of our own from wheels.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from devstack import folders
from devstack.kafka import LocalKafka, local_kafka
from devstack.launch import CannotStart
from devstack.postgres import LocalPostgres, Postgres, local_postgres

POSTGRES_URL = "DEVSTACK_POSTGRES_URL"
KAFKA = "DEVSTACK_KAFKA"


@dataclass(frozen=True)
class Parts:
    """`postgres` makes databases; `kafka` is what clients call bootstrap servers, `host:port`."""

    postgres: Postgres
    kafka: str
    servers: tuple[LocalPostgres | LocalKafka, ...] = ()  # those of our own, which a test may stop, kill and start again


@contextmanager
def running(*, docker: bool = False, durable: bool = True, tell: Callable[[str], None] = print) -> Iterator[Parts]:
    """Both parts, ready; at the end what was started here is stopped and its data removed. Raises CannotStart.

    Start from a thread that lives as long. `durable=False` turns fsync off: for tests. `tell` hears of what takes long.
    """
    postgres_url, kafka = _from_environment()
    with ExitStack() as stack:
        if docker:
            from devstack import docker as containers

            postgres_url = postgres_url or stack.enter_context(containers.postgres(durable=durable, tell=tell)).superuser_url
            kafka = kafka or stack.enter_context(containers.kafka(tell=tell))
        servers: list[LocalPostgres | LocalKafka] = []
        if not (postgres_url and kafka):
            folder = stack.enter_context(folders.run_folder())
        if not kafka:
            broker = stack.enter_context(local_kafka(folder, tell=tell))
            servers.append(broker)
            kafka = broker.bootstrap_servers
        if not postgres_url:
            server = stack.enter_context(local_postgres(folder, durable=durable))
            servers.append(server)
            postgres_url = server.address.superuser_url
        _start_side_by_side(servers)
        yield Parts(postgres=Postgres(postgres_url), kafka=kafka, servers=tuple(servers))


def _start_side_by_side(servers: list[LocalPostgres | LocalKafka]) -> None:
    """Without threads: Linux ends a child with the thread that started it."""
    for server in servers:
        server.prepare()
    for server in reversed(servers):  # initdb is done before Kafka's format
        server.start()
    for server in servers:
        server.wait_until_ready()


def _from_environment() -> tuple[str | None, str | None]:
    url = os.environ.get(POSTGRES_URL) or None
    if url and (urlsplit(url).scheme not in {"postgresql", "postgres"} or not urlsplit(url).hostname):
        raise CannotStart(f"{POSTGRES_URL} must look like postgresql://superuser:password@host:port/postgres")
    return url, os.environ.get(KAFKA) or None

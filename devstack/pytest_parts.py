"""For pytest: the fixture `parts`, one PostgreSQL and one Kafka for a whole run, however many workers it has.

Under pytest-xdist the controller starts them and tells the workers; else they start when the first test asks.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from devstack import parts as devstack_parts
from devstack.launch import CannotStart
from devstack.parts import Parts
from devstack.postgres import Postgres

_held: pytest.StashKey[ExitStack] = pytest.StashKey()
_parts: pytest.StashKey[Parts] = pytest.StashKey()
WORKER_KEY = "devstack_parts"


@pytest.fixture(scope="session")
def parts(request: pytest.FixtureRequest) -> Iterator[Parts]:
    """Real PostgreSQL and Kafka, not durable. Databases and topics are for each worker to name (`worker_id`)."""
    given = getattr(request.config, "workerinput", {}).get(WORKER_KEY)
    if given:
        superuser_url, kafka = given
        yield Parts(postgres=Postgres(superuser_url), kafka=kafka)
        return
    with devstack_parts.running(durable=False) as started:
        yield started


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """In the controller, before its workers are made."""
    held = config.stash[_held] = ExitStack()
    try:
        config.stash[_parts] = held.enter_context(devstack_parts.running(durable=False))
    except CannotStart as error:
        pytest.exit(f"PostgreSQL and Kafka for the tests: {error}", returncode=1)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # xdist's WorkerController, which has no types
    started = node.config.stash[_parts]
    node.workerinput[WORKER_KEY] = (started.postgres.superuser_url, started.kafka)


def pytest_unconfigure(config: pytest.Config) -> None:
    held = config.stash.get(_held, None)
    if held:
        held.close()

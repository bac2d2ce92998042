"""All of Passage on the parts of the test run, apart from every other: databases, topics and ports of its own.

What is done to it may harm it: nobody else stands on it.
"""

import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from devstack import folders, processes
from devstack.mailbox import mailbox
from devstack.parts import Parts
from devstack.postgres import Postgres
from devstack.preloaded import preloaded
from devstack.processes import Place
from devstack.receiver import receiver
from devstack.supervisor import Supervisor
from tests.journeys.conftest import Stack


@dataclass(frozen=True)
class _Named(Postgres):
    """The same server; every database's name begins alike."""

    prefix: str

    def url(self, database: str) -> str:
        return super().url(self.prefix + database)


@contextmanager
def logged(name: str) -> Iterator[Callable[[str], None]]:
    """Takes lines, for a file of `.devstack`."""
    path = folders.CHECKOUT / ".devstack" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", buffering=1) as log:
        yield lambda line: print(line, file=log)


@contextmanager
def town(parts: Parts, write: Callable[[str], None], settings: Mapping[str, str]) -> Iterator[Stack]:
    """Everything ready, hospitals settled; `write` takes every line of every program, `settings` are given to every service."""
    name = f"town_{secrets.token_hex(4)}_"
    with ExitStack() as stack:
        forks = stack.enter_context(preloaded()) if sys.platform == "linux" else None
        folder = stack.enter_context(folders.run_folder())
        mail, hooks = stack.enter_context(mailbox()), stack.enter_context(receiver())
        ports = processes.reserve_ports(stack)
        for service in processes.SERVICES:
            parts.postgres.create_database(name + service)
            stack.callback(parts.postgres.drop_database, name + service)
        them = stack.enter_context(Supervisor(["mailbox", "receiver", *processes.names()], write=write, forks=forks))
        them.start(mail.program(log=folder / "mailbox.log"))
        them.start(hooks.program())
        place = Place(folder, Parts(_Named(parts.postgres.superuser_url, name), parts.kafka), mail, hooks, ports, forks)
        own = {"KAFKA_TOPIC_PREFIX": f"{name}.", "LOG_FORMAT": "json", **settings}
        place.environments.update({service: one | own for service, one in processes.environments(place).items()})
        them.run(processes.preparations(place.environments))
        for program in processes.programs(place, place.environments):
            them.start(program)
        them.run(processes.imports(place.environments))
        them.wait_until_ready()
        yield Stack(place, them)

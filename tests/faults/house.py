"""All of Passage with a process for each loop, behind proxies, in a world that may misbehave; who dies is started again, as an orchestrator would.

Changes nothing of ours but settings and addresses.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from devstack import folders, launch, processes, robots
from devstack.client import Client
from devstack.kafka import LocalKafka, local_kafka
from devstack.mailbox import Mailbox
from devstack.parts import Parts
from devstack.postgres import LocalPostgres, Postgres, local_postgres
from devstack.preloaded import preloaded
from devstack.processes import Place
from devstack.receiver import Receiver
from devstack.supervisor import Program, Supervisor
from tests.faults.reading import by_psycopg
from tests.faults.world import HOST, Hooks, MailServer, Proxy, World
from tests.waiting import until

HOSPITALS = 4
ENDPOINTS = "hospitals' endpoints"  # the proxy in front of them
DISK = "2g"  # of the databases of enquiry and notification
STARTS_WAITED = 3  # of a minute each
AGAIN_SECONDS = 1.0  # before a program that ended is started again
SOON = {"KAFKA_PERSONAL_LAG": "10s", "RETENTION_PAUSE": "5s"}  # what an hour is for in production
OVER = {
    "catalog": SOON,
    "enquiry": SOON
    | {
        "HTTP_PROCESSES": "2",
        "ENQUIRIES_PER_CLIENT": "1000000/minute",
        "TOKENS_PER_ADDRESS": "100000/minute",
        "LINKS_PER_ADDRESS": "1000/hour",
        "HOLD_TIME": "45s",
        "ERASURE_SEARCH_PAUSE": "3s",
    },
    "notification": SOON | {"DELIVERY_LEASE": "15", "RETRY_PACE": "0.005", "SMTP_CONNECTIONS": "4", "SENDS_PER_HOSPITAL": "1000/hour"},
}
LOOPS = {  # program -> service and loops
    "enquiry-relay": ("enquiry", "relay"),
    "enquiry-relay-2": ("enquiry", "relay"),
    "enquiry-consume": ("enquiry", "consume"),
    "enquiry-timers": ("enquiry", "timers", "resends"),
    "enquiry-forgetting": ("enquiry", "erasures", "retention"),
    "notification-relay": ("notification", "relay"),
    "notification-consume": ("notification", "consume"),
    "notification-deliver": ("notification", "deliver"),
    "notification-deliver-2": ("notification", "deliver"),
    "notification-retention": ("notification", "retention"),
    "catalog-work": ("catalog",),
}
SERVED = ("catalog-serve", "enquiry-serve", "notification-serve", "web-serve")


@dataclass
class House:
    """What a campaign holds in its hands. `direct` reaches PostgreSQL past its proxy; `disk` is the databases' own file system, where there is one."""

    place: Place
    them: Supervisor
    direct: Postgres
    postgres: LocalPostgres
    broker: LocalKafka
    proxies: dict[str, Proxy]
    mail: MailServer
    hooks: Hooks
    disk: Path | None
    programs: dict[str, Program] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)  # programs that a fault keeps from being started again
    private: set[str] = field(default_factory=set)  # ids of endpoints that lead to a private address
    restarts: dict[str, int] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)

    def tend(self) -> None:
        """Start again what has ended. From the main thread only: Linux ends a child with the thread that started it."""
        for one in [one for one in self.them.running if one.process.poll() is not None]:
            self.them.running.remove(one)
            self.restarts[one.program.name] = self.restarts.get(one.program.name, 0) + 1
            self._due[one.program.name] = time.monotonic() + AGAIN_SECONDS
        for name, due in list(self._due.items()):
            if time.monotonic() >= due and name not in self.away:
                del self._due[name]
                self.them.start(self.programs[name])

    def pid(self, name: str) -> int | None:
        """Of a program's first process; None while it is not running."""
        return next((one.process.pid for one in self.them.running if one.program.name == name and one.process.poll() is None), None)

    def signal(self, name: str, number: int) -> None:
        """To the program and all it has started; nothing where it is not running."""
        pid = self.pid(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)

    def start(self, program: Program) -> None:
        self.programs[program.name] = program
        self.them.start(program)

    def wait(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Until it is true, with everything tended meanwhile."""

        def tended() -> bool:
            self.tend()
            return condition()

        until(tended, seconds=seconds, what=what)

    def rows(self, service: str, statement: str) -> list[dict[str, Any]]:
        """Past the proxy. Raises psycopg.Error."""
        return by_psycopg(self.direct.url)(service, statement)

    def scalar(self, service: str, statement: str) -> int:
        """The one number of a statement. Raises psycopg.Error."""
        return int(next(iter(self.rows(service, statement)[0].values())))


@contextmanager
def house(write: Callable[[str], None], *, releases: Mapping[str, str] | None = None) -> Iterator[House]:
    """Everything up; `write` takes every line of every program, `releases` names bad ones (tests.faults.deploys) by program."""
    with ExitStack() as stack:
        folder, world = stack.enter_context(folders.run_folder()), stack.enter_context(World())
        forks = stack.enter_context(preloaded()) if sys.platform == "linux" else None
        mail, hooks = MailServer(world), Hooks(world)
        broker = stack.enter_context(local_kafka(folder, tell=write))
        server = stack.enter_context(local_postgres(folder, durable=False))
        ports = processes.reserve_ports(stack)
        behind = {
            "Kafka": broker.port,
            "PostgreSQL": server.port,
            "SMTP": mail.port,
            ENDPOINTS: hooks.port,
            **{f"the HTTP of {one}": ports[one] for one in processes.SERVICES},
        }
        proxies = {name: Proxy(world, port) for name, port in behind.items()}
        broker.advertised_port = proxies["Kafka"].port
        _start([server, broker])
        disk = stack.enter_context(_small_disk(server))
        parts = Parts(postgres=_behind(server.address, proxies["PostgreSQL"]), kafka=f"{HOST}:{proxies['Kafka'].port}")
        place = Place(folder, parts, Mailbox(proxies["SMTP"].port, 0, 0, ""), Receiver(proxies[ENDPOINTS].port), ports, forks)
        among_us = _among_us(proxies)
        place.environments.update(
            {name: one | OVER.get(name, {}) | among_us.get(name, {}) for name, one in processes.environments(place).items()}
        )
        them = stack.enter_context(Supervisor([*processes.names(), *LOOPS], write=write, forks=forks))
        made = House(place, them, server.address, server, broker, proxies, mail, hooks, disk)
        _create_databases(server.address, disk)
        them.run(processes.preparations(place.environments))
        _start_programs(made, releases or {})
        yield made
        for proxy in proxies.values():
            proxy.become("open")


def _among_us(proxies: Mapping[str, Proxy]) -> dict[str, dict[str, str]]:
    """Our services meet through proxies, too: for the keys that prove a token, and behind the site."""
    http = {one: f"http://{HOST}:{proxies[f'the HTTP of {one}'].port}" for one in processes.SERVICES}
    keys = {"JWKS_URL": f"{http['enquiry']}/.well-known/jwks.json"}
    return {"catalog": keys, "notification": keys, "web": {f"{one.upper()}_URL": address for one, address in http.items()}}


def settle_in(made: House) -> tuple[dict, list[robots.Robot], Client]:
    """The catalog's form, hospitals with endpoints, and operations."""
    visitor = Client(made.place)
    form = visitor.get("catalog", "/v1/enquiry-form", procedure=robots.PROCEDURE, country=robots.COUNTRY, language="en")
    slugs = [one["slug"] for one in form["hospitals"]][:HOSPITALS]
    operations = Client(made.place, api_key=robots.operations_key(made.place))
    made.wait(
        lambda: made.scalar("enquiry", "SELECT count(*) FROM listed_hospitals") >= len(form["hospitals"]),
        seconds=120,
        what="the hospitals in enquiry",
    )
    settled = robots.settle_in(made.place, operations, slugs)
    reached = "SELECT count(*) FROM reachable_hospitals WHERE email AND webhook"
    made.wait(lambda: made.scalar("enquiry", reached) >= len(slugs), seconds=120, what="reachable hospitals")
    made.wait(lambda: len(robots.proposals(visitor)) >= len(slugs), seconds=120, what="an enquiry service that takes enquiries")
    return form, settled, operations


def _start(servers: list[LocalPostgres | LocalKafka]) -> None:
    for server in servers:
        server.prepare()
    for server in reversed(servers):
        server.start()
    for server in servers:
        _wait_patiently(server)


def _wait_patiently(server: LocalPostgres | LocalKafka) -> None:
    """Other test runs may have the machine to themselves for minutes."""
    for _ in range(STARTS_WAITED):
        with suppress(launch.CannotStart):
            return server.wait_until_ready()
        if server.process.poll() is not None:
            break
    return server.wait_until_ready()


def _behind(address: Postgres, proxy: Proxy) -> Postgres:
    parts = urlsplit(address.superuser_url)
    return Postgres(parts._replace(netloc=f"{parts.username}:{parts.password}@{HOST}:{proxy.port}").geturl())


@contextmanager
def _small_disk(server: LocalPostgres) -> Iterator[Path | None]:
    """A file system of its own for the databases, that can be made full; None where we may not mount one."""
    folder = server.folder / "disk"
    folder.mkdir()
    owner = f",uid={server.account.pw_uid},gid={server.account.pw_gid},mode=700" if server.account else ""
    mounted = os.geteuid() == 0 and _runs("mount", "-t", "tmpfs", "-o", f"size={DISK}{owner}", "tmpfs", str(folder))
    try:
        yield folder if mounted else None
    finally:
        server.stop()
        if mounted:
            _runs("umount", "-l", str(folder))


def resize(disk: Path, size: str) -> None:
    """Of the databases' file system: what is used stays, nothing can be added beyond."""
    if not _runs("mount", "-o", f"remount,size={size}", str(disk)):
        raise RuntimeError(f"{disk} could not be resized")


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _create_databases(address: Postgres, disk: Path | None) -> None:
    with psycopg.connect(address.superuser_url, autocommit=True) as connection:
        if disk:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        for service in processes.SERVICES:
            place = " TABLESPACE small" if disk and service != "catalog" else ""
            connection.execute(f"CREATE DATABASE {service}{place}")


def _start_programs(made: House, releases: Mapping[str, str]) -> None:
    environments = made.place.environments
    usual = {one.name: one for one in processes.programs(made.place, environments)}
    for name in SERVED:
        made.start(usual[name])
    for name, (service, *loops) in LOOPS.items():
        program = Program(name, _command(f"services.{service}", "work", *loops), environments[service], module=f"services.{service}")
        made.start(another_release(program, releases[name]) if name in releases else program)
    made.them.run(processes.imports(environments))
    made.wait(lambda: all(one.ready() for one in usual.values() if one.ready and one.name in made.programs), seconds=240, what="readiness")


def another_release(program: Program, manner: str) -> Program:
    """A bad one, of tests.faults.deploys."""
    return replace(program, command=_command("tests.faults.deploys", manner), module="tests.faults.deploys")


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def changed(program: Program, **environment: str) -> Program:
    """The same program in another environment, from its very start: no fork of one that runs already."""
    return replace(program, environment={**program.environment, **environment}, module=None)

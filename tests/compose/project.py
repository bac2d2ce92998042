"""One installation of docker-compose.yml of its own: project, ports, secrets, images; and what an operator does to it."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path

import requests

from tests.faults.invariants.rows import Arrival
from tests.waiting import until

CHECKOUT = Path(__file__).parents[2]
PORTS = ("SITE_PORT", "CATALOG_PORT", "ENQUIRY_PORT", "NOTIFICATION_PORT", "MAILBOX_PORT", "TRIAL_KAFKA_PORT", "TRIAL_RECEIVER_PORT")
SERVED = ("catalog", "enquiry", "notification", "web")
WORKING = ("catalog", "enquiry", "notification")
OURS = (*(f"{one}-web" for one in SERVED), *(f"{one}-work" for one in WORKING))


def engine_answers() -> bool:
    """Whether `docker compose` has an engine here."""
    try:
        for command in (["docker", "info"], ["docker", "compose", "version"]):
            subprocess.run(command, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


class Project:
    """The commands are those of docs/operator.md."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        (folder / "env").touch()  # build wants it; write-secrets fills it
        self.gone: Collection[str] = ()  # keys of whom a test had erased
        self.unknown: Sequence[Arrival] = ()  # what had arrived because of transactions that a restored database does not know
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self.environment = os.environ | {
            "COMPOSE_PROJECT_NAME": name,
            "COMPOSE_FILE": "docker-compose.yml:tests/compose/trial.yml",
            "COMPOSE_ENV_FILES": str(folder / "env"),
            "PASSAGE_IMAGES": "passage-trial",
            "PASSAGE_TAG": "dev",
            "HTTP_PROCESSES": "1",
            "WEBHOOK_ALLOW_PRIVATE": "true",  # the trial's hospitals live beside
            **{port: str(number) for port, number in self.ports.items()},
        }

    def compose(self, *arguments: str, seconds: float = 300) -> str:
        """`docker compose …`: its standard output; a failure shows what it said."""
        return self.run("docker", "compose", *arguments, seconds=seconds)

    def run(self, *command: str, seconds: float = 300, within: Path = CHECKOUT) -> str:
        ended = subprocess.run(command, cwd=within, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False)
        assert ended.returncode == 0, f"{' '.join(command)}: exit {ended.returncode}\n{ended.stdout[-2000:]}\n{ended.stderr[-4000:]}"
        return ended.stdout

    def refused(self, *command: str) -> str:
        """What a command says that must end with exit 1."""
        ended = subprocess.run(command, cwd=CHECKOUT, env=self.environment, capture_output=True, text=True, timeout=300, check=False)
        assert ended.returncode == 1, ended.stdout
        return ended.stderr

    def lose_databases(self) -> None:
        """PostgreSQL's volume is gone, and what stands on it has ended; the server begins on an empty one."""
        self.compose("stop", *OURS, "postgres")
        self.compose("rm", "--force", "postgres")
        self.run("docker", "volume", "rm", f"{self.name}_postgres")
        self.compose("up", "--detach", "--no-build", "--wait", "postgres")

    def build(self, tag: str, source: Path = CHECKOUT) -> None:
        self.environment["PASSAGE_TAG"] = tag
        self.run("docker", "compose", "build", "--quiet", seconds=900, within=source)

    def up(self) -> None:
        self.build("dev")
        self.run("deploy/write-secrets", str(self.folder / "env"), str(self.folder / "secrets"))
        self.compose("up", "--detach", "--no-build", seconds=500)
        self.wait_until_healthy()
        self.compose("run", "--rm", "--no-deps", "-T", "catalog-import")

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "5")

    def http(self, service: str) -> str:
        name = {"web": "SITE_PORT", "mailbox": "MAILBOX_PORT", "receiver": "TRIAL_RECEIVER_PORT"}.get(service, f"{service.upper()}_PORT")
        return f"http://127.0.0.1:{self.ports[name]}"

    def containers(self, *services: str) -> list[dict]:
        """Those that are there, with Service, State and Health."""
        lines = self.compose("ps", "--format", "json", *services).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait_until_healthy(self, *services: str) -> None:
        """Whatever runs on answers, as its own health check says."""

        def unhealthy() -> list[str]:
            return [
                f"{one['Name']} {one['State']} {one['Health']}"
                for one in self.containers(*services)
                if one["Health"] not in {"healthy", ""}
            ]

        until(lambda: not unhealthy(), seconds=240, what=f"health of {self.name}")

    def scale(self, **counts: int) -> None:
        """`scale(enquiry_work=3)`; the others stay as they are."""
        pairs = [f"{name.replace('_', '-')}={count}" for name, count in counts.items()]
        self.compose("scale", "--no-deps", *pairs)
        self.wait_until_healthy(*(pair.partition("=")[0] for pair in pairs))

    def crash(self, service: str) -> None:
        """SIGKILL to all of one container but its init, which ends with them; the engine starts it again."""
        before = self._starts(service)
        subprocess.run(
            ["docker", "compose", "exec", "-T", service, "sh", "-c", "kill -9 -1"],
            cwd=CHECKOUT,
            env=self.environment,
            check=False,
            capture_output=True,
        )
        until(lambda: self._starts(service) > before, seconds=300, what=f"a new start of {service}")
        self.wait_until_healthy(service)

    def _starts(self, service: str) -> int:
        ids = self.compose("ps", "--quiet", "--all", service).split()
        return sum(int(one) for one in self.run("docker", "inspect", "--format", "{{.RestartCount}}", *ids).split())

    def next_release(self, tag: str) -> Path:
        """A checkout whose program and whose catalog differ from ours: /health/live says its release, and a hospital's name is a longer one."""
        folder = self.folder / tag
        for name in ("shared", "services", "requirements"):
            shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in (".dockerignore", "docker-compose.yml", "tests/compose/trial.yml"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, folder / name)
        _change(folder / "shared/web/health.py", '{"status": "live"}', f'{{"status": "live", "release": "{tag}"}}')
        _change(folder / "services/catalog/data/sample-turkey.yaml", "{en: Mavi Fener Hospital,", "{en: Mavi Fener International Hospital,")
        return folder

    def releases(self) -> dict[str, int]:
        """How many of our containers hold the program of each release; ours says none."""
        told: dict[str, int] = {}
        for one in self.compose("ps", "--quiet", *OURS).split():
            ask = "import re; print(*re.findall('\"release\": \"(.+)\"', open('shared/web/health.py').read()) or ['ours'])"
            release = self.run("docker", "exec", one, "python", "-c", ask).strip()
            told[release] = told.get(release, 0) + 1
        return told

    def says_release(self, service: str) -> str | None:
        """What the gateway is told at /health/live of a service."""
        told: dict[str, str] = requests.get(f"{self.http(service)}/health/live", timeout=10).json()
        return told.get("release")

    def deploy(self, tag: str) -> None:
        """A new image: structure first, then each service, one after the other."""
        self.build(tag, self.next_release(tag))
        for service in WORKING:
            self.compose("run", "--rm", "--no-deps", "-T", f"{service}-migrate")
        for service in SERVED:
            self.run("deploy/roll", f"{service}-web", seconds=500)
        for service in WORKING:
            self.run("deploy/roll", f"{service}-work", seconds=500)

    def deploy_what_does_not_start(self, service: str) -> str:
        """An image whose program ends at once: what deploy/roll says about it. The settings stay those of before."""
        image = f"{self.environment['PASSAGE_IMAGES']}-{service}"
        recipe = f'FROM {image}:{self.environment["PASSAGE_TAG"]}\nENTRYPOINT ["false"]\n'
        subprocess.run(
            ["docker", "build", "--quiet", "--tag", f"{image}:broken", "-"], input=recipe, text=True, check=True, capture_output=True
        )
        broken = self.environment | {"PASSAGE_TAG": "broken", "PATIENCE": "20"}
        ended = subprocess.run(
            ["deploy/roll", f"{service}-web"], cwd=CHECKOUT, env=broken, capture_output=True, text=True, timeout=200, check=False
        )
        assert ended.returncode == 1, ended.stdout
        return ended.stderr

    def images(self) -> set[str]:
        """Of all our containers that run: name:tag."""
        ids = self.compose("ps", "--quiet", *OURS).split()
        return set(self.run("docker", "inspect", "--format", "{{.Config.Image}}", *ids).split())

    def rows(self, service: str, statement: str) -> list[dict]:
        """What psql answers in the database of a service; the statement gives one JSON array."""
        return json.loads(self.compose("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", service, "-tAc", statement))


def _change(file: Path, there: str, then: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(there) == 1, f"{file} has no {there}"
    file.write_text(text.replace(there, then), encoding="utf-8")


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    numbers = [one.getsockname()[1] for one in held]
    for one in held:
        with closing(one):
            pass
    return numbers

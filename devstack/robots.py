"""Robot hospitals: sample partners with a system's account, a mail address and a signed webhook; one looks, one declines, one is silent.

They use the public API only, as a hospital's own program would.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import requests

from devstack import folders
from devstack.client import Client, Refused
from devstack.launch import CannotStart
from devstack.processes import Place

PROCEDURE, COUNTRY = "intrathecal-baclofen-therapy", "TR"  # the seed's page
POLL_SECONDS = 1.0
SETTLED_SECONDS = 90.0
NOT_HEARD_YET = {"slug-unknown", "catalog-not-loaded", "not-found"}
DOMAIN = "hospitals.example"


@dataclass(frozen=True)
class Robot:
    """A hospital that acts by itself. `manner` is what it does with an invitation."""

    slug: str
    manner: str
    client: Client

    @property
    def address(self) -> str:
        return f"{self.slug}@{DOMAIN}"


@contextmanager
def at_work(place: Place, tell: Callable[[str], None]) -> Iterator[list[Robot]]:
    """One robot of each manner, each with access of its own, answering until the end. Raises CannotStart."""
    visitor = Client(place)
    form = _eventually(lambda: visitor.get("catalog", "/v1/enquiry-form", procedure=PROCEDURE, country=COUNTRY), "the catalog's form")
    slugs = [one["slug"] for one in form["hospitals"]][: len(MANNERS)]
    made = settle_in(place, Client(place, api_key=operations_key(place)), slugs)
    _eventually(lambda: len(proposals(visitor)) >= len(made), "the hospitals to be reachable")
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(made,), kwargs={"stop": stop, "tell": tell}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join(5)


def operations_key(place: Place) -> str:
    """A key of operations, as an operator gets the first one: by the command line."""
    arguments = ["system-add", "Demo operations", "--kind", "ops"]
    environment = {**os.environ, **place.environments["enquiry"]}
    if place.forks:
        printed = place.forks.run("services.enquiry", arguments, env=environment)
    else:
        command = [sys.executable, "-m", "services.enquiry", *arguments]
        printed = subprocess.run(command, cwd=folders.CHECKOUT, env=environment, capture_output=True, text=True, check=True).stdout
    return printed.strip().splitlines()[-1]


def proposals(visitor: Client) -> list[dict[str, Any]]:
    """Hospitals that can be asked now; none while enquiry's copy of the catalog is on its way."""
    try:
        found: list[dict[str, Any]] = visitor.get("enquiry", "/v1/proposals", procedure=PROCEDURE, destination=COUNTRY)
    except Refused:
        return []
    return found


def _once_known(ask: Callable[[], Any], slug: str) -> Any:
    """The answer of a service that may have to hear of the hospital first: the catalog's topics are read after the start."""

    def answered() -> Any:
        try:
            return ask()
        except Refused as refused:
            if refused.problem in NOT_HEARD_YET:
                return None
            raise

    return _eventually(answered, f"word of {slug}")


def _eventually(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + SETTLED_SECONDS
    while not (value := found()):
        if time.monotonic() > deadline:
            raise CannotStart(f"{what} did not come within {SETTLED_SECONDS:.0f} s")
        time.sleep(0.1)
    return value


def settle_in(place: Place, operations: Client, slugs: Sequence[str]) -> list[Robot]:
    """Give each hospital an account with a key, a mail endpoint and a webhook whose secret its receiver knows."""
    return [_settle_one(place, operations, slug, manner) for slug, manner in zip(slugs, cycle(MANNERS), strict=False)]


def _settle_one(place: Place, operations: Client, slug: str, manner: str) -> Robot:
    system = {"kind": "hospital", "hospital": slug, "label": f"{slug} booking system"}
    account = _once_known(lambda: operations.post("enquiry", "/v1/accounts", system), slug)
    key = operations.post("enquiry", "/v1/api-keys", {"account": account["id"], "label": "demo"})
    client = Client(place, api_key=key["api_key"])
    desk = {"kind": "email", "address": f"{slug}@{DOMAIN}", "trusted": True, "because": "a sample hospital of this run"}
    add_desk(operations, account["hospital_id"], desk)
    address = {"kind": "webhook", "url": place.receiver.webhook_url(slug)}
    hook = _once_known(lambda: client.post("notification", "/v1/endpoints", address), slug)
    known = requests.put(place.receiver.webhook_url(slug), json={"secret": hook["secret"]}, timeout=5)
    if not known.ok:
        raise CannotStart(f"the receiver refused the secret of {slug}: {known.text}")
    return Robot(slug, manner, client)


def add_desk(operations: Client, hospital_id: str, desk: Mapping[str, Any]) -> None:
    """Register an endpoint for a hospital as soon as notification has heard of it from the catalog."""
    _once_known(lambda: operations.post("notification", f"/v1/ops/hospitals/{hospital_id}/endpoints", desk), hospital_id)


def run(robots: Sequence[Robot], *, stop: threading.Event, tell: Callable[[str], None]) -> None:
    """Answer new invitations until `stop`, each robot in its manner. A service that is away is asked again."""
    while not stop.wait(POLL_SECONDS):
        for robot in robots:
            try:
                for invitation in robot.client.get("enquiry", "/v1/invitations", state="sent")["items"]:
                    MANNERS[robot.manner](robot, invitation, tell)
            except (requests.RequestException, RuntimeError) as fault:
                tell(f"{robot.slug}: {type(fault).__name__}")


def _look(robot: Robot, invitation: dict[str, str], tell: Callable[[str], None]) -> None:
    case = robot.client.post("enquiry", f"/v1/invitations/{invitation['id']}/view")
    patient = case["patient"]
    tell(
        f"{robot.slug} looks at {invitation['reference']}: born {patient['birth_year']}, {patient['sex']}, from {patient['country']}; no name, no address"
    )


def _decline(robot: Robot, invitation: dict[str, str], tell: Callable[[str], None]) -> None:
    robot.client.post(
        "enquiry", f"/v1/invitations/{invitation['id']}/decline", {"reason": "no_capacity"}, if_match=int(invitation["revision"])
    )
    tell(f"{robot.slug} declines {invitation['reference']}: no capacity")


def _stay_silent(_robot: Robot, _invitation: dict[str, str], _tell: Callable[[str], None]) -> None:
    """Its clock runs; the patient is offered others after two business days."""


MANNERS: Mapping[str, Callable[[Robot, dict[str, str], Callable[[str], None]], None]] = {
    "looks": _look,
    "declines": _decline,
    "stays silent": _stay_silent,
}

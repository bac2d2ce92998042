"""The whole of Passage, as `make up` starts it, with servers of its own: a journey may kill any part of it.

One stack serves all journeys of a worker; each journey leaves every part running.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from devstack import mother, robots, trace, up
from devstack.client import Client
from devstack.kafka import LocalKafka
from devstack.processes import Place
from devstack.supervisor import Supervisor
from tests.waiting import until

LOG = Path(".devstack") / "journeys.log"
SOON = {"KAFKA_PERSONAL_LAG": "2s", "ERASURE_SEARCH_PAUSE": "2s", "FOLD_WINDOW": "5s"}  # what minutes or an hour are for in production


class Stack:
    """What a journey does with the house."""

    def __init__(self, place: Place, them: Supervisor) -> None:
        self.place, self.them = place, them
        self.operations = Client(place, api_key=robots.operations_key(place))
        self.visitor = Client(place)
        self.form = self.visitor.get("catalog", "/v1/enquiry-form", procedure=robots.PROCEDURE, country=robots.COUNTRY, language="en")
        self.slugs = [one["slug"] for one in self.form["hospitals"]][:2]
        self.hospitals = robots.settle_in(place, self.operations, self.slugs)
        until(lambda: len(robots.proposals(self.visitor)) >= len(self.slugs), what="reachable hospitals")
        self._persons = iter(range(1, 10_000))

    def body(self):
        """A new person's enquiry to two hospitals; returns it with the person's address."""
        body = mother.enquiry_of(self.form, self.slugs)
        address = f"person-{next(self._persons)}@example.org"
        body["requester"]["email"] = address
        return body, address

    def client(self) -> Client:
        """A trusted web client, with a key of its own."""
        account = self.operations.post("enquiry", "/v1/accounts", {"kind": "client", "label": "Journey"})
        key = self.operations.post("enquiry", "/v1/api-keys", {"account": account["id"], "label": "journey"})
        made = Client(self.place, api_key=key["api_key"])
        made.sign_in(api_key=key["api_key"])
        return made

    def mail(self, address, containing):
        """The one mail to an address that contains this."""
        return until(
            lambda: next((m for m in self.place.mailbox.messages_to(address) if containing in mother.text_of(m)), None),
            what=f"a mail with {containing}",
        )

    def webhooks(self, reference):
        """Verified webhooks about the invitations of a case, by hospital."""
        import requests

        received = requests.get(f"{self.place.receiver.url.rstrip('/')}/received", timeout=120).json()
        return {one["hospital"] for one in received if one["verified"] and reference in one["body"]}

    def prove(self, address):
        """Press the button behind the mailed link."""
        token = mother.token_in(self.mail(address, "/l/verify/"), "verify")
        return self.visitor.post("enquiry", "/v1/verifications", {"token": token})

    def nothing_is_missing(self, reference, *, deliveries):
        """Every fact of the case was heard and answered, every delivery accepted, exactly so many."""
        until(lambda: trace.waiting_for_outcome(self.place.parts) == 0, what="an outcome for each fact")

        def settled():
            seen = trace.deliveries_of(self.place.parts, trace.facts_of(self.place.parts, reference))
            return seen if len(seen) == deliveries and all(one.state == "accepted" for one in seen) else None

        until(settled, what=f"{deliveries} accepted deliveries of {reference}")

    def sql(self, service, statement, *values):
        with psycopg.connect(self.place.parts.postgres.url(service)) as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def without(self, *names) -> Iterator[None]:
        """While these processes are ended in good order (exit 0), and started again afterwards."""
        ended = [self.them.end(name) for name in names]
        assert [code for _, code in ended] == [0] * len(names)
        try:
            yield
        finally:
            for program, _ in ended:
                self.them.start(program)
            self.them.wait_until_ready()

    @contextmanager
    def changed(self, name, *, by=signal.SIGTERM, **change) -> Iterator[None]:
        """While this process runs otherwise, with `change` in its environment; `command` and `module` replace its program. At the end as it was."""
        usual, _ = self.them.end(name)
        replaced = {part: change.pop(part) for part in ("command", "module") if part in change}
        self.them.start(replace(usual, environment={**usual.environment, **change}, **replaced))
        try:
            self.them.wait_until_ready()
            yield
        finally:
            self.them.end(name, by=by)
            self.them.start(usual)
            self.them.wait_until_ready()

    def ended(self, name):
        """What ends by itself: the program, and how it ended."""
        one = next(one for one in self.them.running if one.program.name == name)
        one.process.wait(60)
        return self.them.end(name)

    def crash(self, name) -> None:
        """kill -9, and a new start."""
        program, code = self.them.end(name, by=signal.SIGKILL)
        assert code == -signal.SIGKILL
        self.them.start(program)

    @property
    def broker(self) -> LocalKafka:
        return next(server for server in self.place.parts.servers if isinstance(server, LocalKafka))


@pytest.fixture(scope="session")
def stack():
    LOG.parent.mkdir(exist_ok=True)
    with (
        LOG.open("w", encoding="utf-8") as log,
        up.running(durable=False, settings=SOON, write=lambda line: log.write(line + "\n") and log.flush()) as (place, them),
    ):
        yield Stack(place, them)

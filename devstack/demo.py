"""The main job, shown: an enquiry from the seed's page travels through PostgreSQL and Kafka into a mailbox and to signed webhooks.

Exits non-zero if anything did not arrive. What it prints of persons was invented for it.
"""

import json
import re
import sys
import textwrap
import time
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import requests
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devstack import mother, robots, trace, up
from devstack.client import Client
from devstack.processes import Place
from devstack.robots import COUNTRY, PROCEDURE, Robot
from devstack.supervisor import Supervisor

WAIT_SECONDS = 30.0
WIDTH = 100
T = TypeVar("T")


def demo(*, docker: bool = False, keep: bool | None = None) -> None:
    """Run it; `keep` leaves everything up until ctrl-C (by default when a person looks on)."""
    seen = Console()
    console = Console(width=seen.width if seen.is_terminal else WIDTH, highlight=False)
    log_path = Path(".devstack") / "demo.log"
    log_path.parent.mkdir(exist_ok=True)
    stays = sys.stdin.isatty() if keep is None else keep
    with (
        log_path.open("w", encoding="utf-8") as log,
        up.running(docker=docker, write=_Progress(console, log.write), stays=stays) as (place, them),
    ):
        _Story(place, them, console, stays=stays).tell()
        if stays:
            up.print_addresses(place)
            them.watch()


class _Progress:
    """Lines of devstack itself are shown, lines of the services go to the log file."""

    def __init__(self, console: Console, keep: Callable[[str], int]) -> None:
        self.console, self.keep = console, keep

    def __call__(self, line: str) -> None:
        self.keep(line + "\n")
        if " | " not in line:
            self.console.print(f"[dim]{line}[/dim]")


class _Story:
    """One enquiry, told step by step."""

    def __init__(self, place: Place, them: Supervisor, console: Console, *, stays: bool) -> None:
        self.place, self.them, self.console, self.stays = place, them, console, stays
        self.patient = Client(place)

    def tell(self) -> None:
        self._heading("Three sample hospitals get a key, a mail address and a signed webhook")
        with robots.at_work(self.place, self._say) as hospitals:
            for robot in hospitals:
                self._say(f"{robot.slug:40} {robot.manner}")
            reference = self._enquire([robot.slug for robot in hospitals])
            self._prove()
            mail = self._mail_to(mother.ADDRESS, "your enquiry", lambda message: "/l/case/" in mother.text_of(message))
            self._show_mail(mail)
            self._alerts(hospitals)
            self._answers(reference, hospitals, mail)
            self._show_way(reference)

    def _say(self, text: str) -> None:
        self.console.print(f"  {text}")

    def _quote(self, text: str) -> None:
        """Somebody else's line, wrapped where it is longer than the page; the mark stands before each part."""
        for part in textwrap.wrap(text, self.console.width - 4, break_on_hyphens=False, drop_whitespace=False) or [""]:
            self.console.print(f"  [dim]| {escape(part)}[/dim]")

    def _heading(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/bold]")

    # -- the story ------------------------------------------------------------

    def _enquire(self, slugs: list[str]) -> str:
        self._heading("A mother asks for her daughter: POST /v1/enquiries")
        form = self.patient.get("catalog", "/v1/enquiry-form", procedure=PROCEDURE, country=COUNTRY, language="en")
        begun = time.perf_counter()
        made = self.patient.post("enquiry", "/v1/enquiries", mother.enquiry_of(form, slugs))
        self._say(
            f"201 in {(time.perf_counter() - begun) * 1000:.0f} ms: {made['reference']}, {made['state']}; no hospital has heard of it yet"
        )
        reference: str = made["reference"]
        return reference

    def _prove(self) -> None:
        mail = self._mail_to(mother.ADDRESS, "the link that proves the address", lambda message: "/l/verify/" in mother.text_of(message))
        self._say(f"mail to {mother.ADDRESS}: “{mail['Subject']}”")
        opened = self.patient.post("enquiry", "/v1/verifications", {"token": mother.token_in(mail, "verify")})
        self._say(
            f"the link's button is pressed: {opened['state']}, an answer is promised by {opened['promised_at'][:16].replace('T', ' ')} UTC"
        )

    def _show_mail(self, mail: EmailMessage) -> None:
        self._heading("The patient's mail")
        for name in ("From", "To", "Subject", "Message-ID"):
            self._say(f"{name}: {mail[name]}")
        for line in mother.text_of(mail).splitlines()[:14]:
            self._quote(_without_token(line))
        if self.stays:
            self._say(f"(the whole mail: .devstack/mails --to {mail['To']})")

    def _alerts(self, hospitals: list[Robot]) -> None:
        self._heading("Each hospital is alerted, by mail and by signed webhook")
        for robot in hospitals:
            mail = self._mail_to(robot.address, f"the alert of {robot.slug}", lambda _: True)
            hook = self._until(lambda slug=robot.slug: self._webhook(slug), f"the webhook of {robot.slug}")  # type: ignore[misc]
            self._say(f"{robot.slug:20} mail     {mail['Subject']}")
            self._say(f"{'':20} webhook  {json.loads(hook['body'])['type']}, its signature verified")
        self._say(f"The webhook as {robot.slug} got it:")
        for name, value in hook["headers"].items():
            if name.lower().startswith(("webhook-", "content-type")):
                self._quote(f"{name}: {value}")
        for line in json.dumps(json.loads(hook["body"]), indent=2).splitlines():
            self._quote(line)

    def _webhook(self, slug: str) -> dict[str, Any] | None:
        received = requests.get(f"{self.place.receiver.url.rstrip('/')}/received", timeout=5).json()
        return next((one for one in received if one["hospital"] == slug and one["verified"]), None)

    def _answers(self, reference: str, hospitals: list[Robot], mail: EmailMessage) -> None:
        self._heading("What the hospitals do with it, as the patient sees it")
        self.patient.sign_in(case_link=mother.token_in(mail, "case"))
        wanted = {"looks": "viewed", "declines": "declined", "stays silent": "sent"}
        due = {robot.slug: wanted[robot.manner] for robot in hospitals}

        def case_when_answered() -> dict[str, Any] | None:
            case: dict[str, Any] = self.patient.get("enquiry", f"/v1/enquiries/{reference}")
            told = [row for row in case["timeline"] if row["kind"] == "told"]
            done = {one["hospital"]: one["state"] for one in case["invitations"]} == due and len(told) >= 2 + 2 * len(hospitals)
            return case if done else None

        case = self._until(case_when_answered, "the hospitals' answers and the receipts in the timeline")
        begun = case["timeline"][0]["at"]
        for row in case["timeline"]:
            what = (
                f"{row['subject']} {row['state']} by {row['by']}"
                if row["kind"] == "transition"
                else f"told {row['recipient']} by {row['channel']}: {row['ending']}"
            )
            self._say(f"{_after(begun, row['at']):>9}  {what:44} {row.get('hospital') or ''}".rstrip())

    def _show_way(self, reference: str) -> None:
        self._heading("The way of it, from what each station wrote down")
        self._until(lambda: trace.waiting_for_outcome(self.place.parts) == 0, "an outcome for each fact")
        facts = trace.facts_of(self.place.parts, reference)
        deliveries = trace.deliveries_of(self.place.parts, facts)
        self.console.print(_fact_table(facts))
        self.console.print(_delivery_table(deliveries, facts))
        if any(one.state != "accepted" for one in deliveries) or any(fact.heard_at is None for fact in facts):
            raise mother.NotArrived("not every delivery was accepted")
        self._say("[dim]version: the case's, and the place in it; gaps between offsets are Kafka's own markers[/dim]")
        self._say(f"{len(facts)} facts, {len(deliveries)} deliveries, all accepted; 0 facts without an outcome")

    # -- waiting --------------------------------------------------------------

    def _mail_to(self, address: str, what: str, fits: Callable[[EmailMessage], bool]) -> EmailMessage:
        return self._until(lambda: next((m for m in self.place.mailbox.messages_to(address) if fits(m)), None), f"{what} in the mailbox")

    def _until(self, found: Callable[[], T | None], what: str) -> T:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            self.them.look()
            if value := found():
                return value
            time.sleep(0.1)
        raise mother.NotArrived(f"{what} did not come within {WAIT_SECONDS:.0f} s; the services' log is .devstack/demo.log")


def _without_token(line: str) -> str:
    return re.sub(r"(/l/\w+/)[\w.-]+", r"\1…", line)


def _after(begun: str, at: str) -> str:
    return f"+{(datetime.fromisoformat(at) - datetime.fromisoformat(begun)).total_seconds():.3f} s"


def _fact_table(facts: list[trace.FactSeen]) -> Table:
    where = ", ".join(sorted({f"topic {one.topic}, partition {one.partition}" for one in facts}))
    table = Table(
        "fact",
        "hospital",
        "version",
        "offset",
        "to Kafka",
        "to inbox",
        title=f"Facts: outbox, {where}, inbox; times since the commit",
        title_justify="left",
    )
    for one in facts:
        heard = _took(one.recorded_at, one.heard_at) if one.heard_at else "not heard"
        table.add_row(one.type, one.hospital, f"{one.version}.{one.sequence}", str(one.offset), _took(one.recorded_at, one.acked_at), heard)
    return table


def _delivery_table(deliveries: list[trace.DeliverySeen], facts: list[trace.FactSeen]) -> Table:
    table = Table("to", "by", "about", "waited", "sending", "state", title="Deliveries", title_justify="left")
    hospitals = {fact.event_id: fact.hospital for fact in facts}
    for one in deliveries:
        to = (hospitals[one.event_id] if one.recipient == "hospital" else None) or one.recipient
        waited, sending = _took(one.created_at, one.started_at), _took(one.started_at, one.finished_at)
        table.add_row(to, one.channel, one.template, waited, sending, one.state)
    return table


def _took(since: datetime | None, until: datetime | None) -> str:
    return f"{(until - since).total_seconds() * 1000:.1f} ms" if since and until else "-"

"""Bad releases of ours, to be deployed by a campaign: `python -m tests.faults.deploys broken` or another of MANNERS.

All of it is as in services/ but what the manner spoils.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from services.enquiry.app import SERVICE as ENQUIRY
from services.notification.app import SERVICE as NOTIFICATION
from services.notification.app import db_engine, hearing
from services.notification.channels import Sent
from services.notification.channels.deadlines import Watch
from services.notification.channels.smtp import EmailChannel
from services.notification.channels.webhook import WebhookChannel
from services.notification.deliveries import sending
from shared import cli, log
from shared.bus import Ack, Outgoing, Publisher
from shared.cli.loops import Loop, run_loops, serve_metrics
from shared.events import Fact
from shared.events.enquiry import EnquiryWithdrawn
from shared.events.invitation import InvitationSent
from shared.inbox import FactHandler
from shared.inbox.consume import consume
from shared.outbox.relay import relay

DEADLY = "DEADLY"  # the reference of the fact that one release does not survive
RECEIVERS = "127.0.0.1"
EVERY = 7  # of so many mails and batches one is spoilt


class Broken(Exception):
    """A bug of this release."""


# -- a consumer that fails, or dies -------------------------------------------


def fails(_right: FactHandler) -> FactHandler:
    def handle(*_: Any) -> None:
        raise Broken

    return handle


def hangs(_right: FactHandler) -> FactHandler:
    return lambda *_: threading.Event().wait()


def dies(right: FactHandler) -> FactHandler:
    def handle(session: Any, fact: EnquiryWithdrawn, envelope: Any) -> None:
        if fact.reference == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        right(session, fact, envelope)

    return handle


def consumer(spoilt: dict[type[Fact], Callable[[FactHandler], FactHandler]]) -> Callable[[], tuple[str, dict[str, Loop]]]:
    def made() -> tuple[str, dict[str, Loop]]:
        settings: Any = cli.read_settings(NOTIFICATION)
        right = hearing(settings)
        wrong = replace(right, facts={**right.facts, **{cls: spoil(right.facts[cls]) for cls, spoil in spoilt.items()}})

        def run(stop: Any, beat: Any) -> None:
            with db_engine(settings, "consume", pool=2) as engine:
                consume(engine, settings, wrong, stop=stop, beat=beat)

        return "notification", {"consume": run}

    return made


def hanging() -> tuple[str, dict[str, Loop]]:
    """Every loop of notification's `work`, and its figures; the consumer hangs."""
    settings: Any = cli.read_settings(NOTIFICATION)
    serve_metrics(settings.metrics_bind)
    _, spoilt = consumer({InvitationSent: hangs})()
    return "notification", {**NOTIFICATION.loops(settings), **spoilt}


# -- a relay that loses, or swaps ---------------------------------------------


class Lossy(Publisher):
    """Takes the last record of some batches for published, and forgets it."""

    batches = 0

    def publish(self, records: Sequence[Outgoing]) -> list[Ack]:
        self.batches += 1
        if self.batches % EVERY or len(records) < 2:
            return super().publish(records)
        return [*super().publish(records[:-1]), Ack(0, 0)]


class Swapping(Publisher):
    """Publishes each batch from its end."""

    def publish(self, records: Sequence[Outgoing]) -> list[Ack]:
        return super().publish(records[::-1])[::-1]


class LossyAndSwapping(Lossy, Swapping):
    pass


def publisher(kind: type[Publisher]) -> Callable[[], tuple[str, dict[str, Loop]]]:
    def made() -> tuple[str, dict[str, Loop]]:
        settings: Any = cli.read_settings(ENQUIRY)
        return "enquiry", {
            "relay": lambda stop, beat: relay(settings.database_url, kind(settings, name="enquiry-relay"), stop=stop, beat=beat)
        }

    return made


# -- a deliverer that sends twice, one that lets nobody but the receivers have a private address ------


class Twice(EmailChannel):
    mails = 0

    def send(self, *, to: str, message: bytes) -> Sent:
        self.mails += 1
        if self.mails % EVERY == 0:
            super().send(to=to, message=message)
        return super().send(to=to, message=message)


class Guarded(WebhookChannel):
    """The hospitals of a campaign live at RECEIVERS; what has any other name is judged as in production."""

    def __init__(self, watch: Watch, *, allow_private: bool, seconds: float) -> None:
        super().__init__(watch, allow_private=allow_private, seconds=seconds)
        self._strict = WebhookChannel(watch, allow_private=False, seconds=seconds)

    def send(self, *, url: str, secrets: Sequence[str], unique: UUID, body: bytes) -> Sent:
        send = super().send if urlsplit(url).hostname == RECEIVERS else self._strict.send
        return send(url=url, secrets=secrets, unique=unique, body=body)


def deliverer(**channels: type) -> Callable[[], tuple[str, dict[str, Loop]]]:
    """`channels`: what this release has in their place."""

    def made() -> tuple[str, dict[str, Loop]]:
        settings: Any = cli.read_settings(NOTIFICATION)
        for name, channel in channels.items():
            setattr(sending, name, channel)
        return "notification", {"deliver": NOTIFICATION.loops(settings)["deliver"]}

    return made


MANNERS = {
    "broken": consumer({InvitationSent: fails}),
    "deadly": consumer({EnquiryWithdrawn: dies}),
    "hanging": hanging,
    "lossy-and-swapping": publisher(LossyAndSwapping),
    "guarded": deliverer(WebhookChannel=Guarded),
    "twice": deliverer(EmailChannel=Twice),
}


def main(manner: str) -> int:
    service, loops = MANNERS[manner]()
    log.configure(service=service, level="info", style="text")
    return run_loops(service, loops)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

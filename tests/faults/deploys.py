"""Bad releases of notification's consumer, to be deployed by a campaign: `python -m tests.faults.deploys broken` or `deadly`.

All of it is as in services.notification but the handlers.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.notification.app import HEARING, SERVICE, db_engine
from shared import cli, log
from shared.cli.loops import run_loops
from shared.events.enquiry import EnquiryWithdrawn, InvitationSent
from shared.inbox.consume import consume

DEADLY = "DEADLY"  # the reference of the fact that this release does not survive


class Broken(Exception):
    """A bug of this release."""


def fails(*_: Any) -> None:
    raise Broken


def dies(handle: Callable[..., None]) -> Callable[..., None]:
    def or_dies(session: Any, fact: EnquiryWithdrawn, envelope: Any) -> None:
        if fact.reference == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        handle(session, fact, envelope)

    return or_dies


MANNERS = {
    "broken": {InvitationSent: fails},
    "deadly": {EnquiryWithdrawn: dies(HEARING.facts[EnquiryWithdrawn])},
}


def main(manner: str) -> int:
    settings: Any = cli.read_settings(SERVICE)
    log.configure(service="notification", level="info", style="text")
    hearing = replace(HEARING, facts={**HEARING.facts, **MANNERS[manner]})

    def consumer(stop: Any, beat: Any) -> None:
        with db_engine(settings, "consume", pool=2) as engine:
            consume(engine, settings, hearing, stop=stop, beat=beat)

    return run_loops("notification", {"consume": consumer})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

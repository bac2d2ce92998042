"""A restored database of notification: what it says of hospitals goes on above all that was published, and is said again.

Contacts come back by themselves: their topics are read from the beginning, tombstones included.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import outbox
from shared.cli.backups import Restoring
from shared.events.notification import EndpointState

from .contacts.endpoints import Reach


def say_again(session: Session, _settings: object) -> int:
    """Which hospitals can be reached; returns how many."""
    reaches = session.scalars(select(Reach)).all()
    for one in reaches:
        outbox.record(session, EndpointState(id=one.hospital_id, version=one.version, email=one.email, webhook=one.webhook))
    return len(reaches)


RESTORING = Restoring(
    statements=(
        "UPDATE reaches SET version = version + :step",
        "SELECT setval('fact_numbers', ((SELECT last_value FROM fact_numbers) + :step) % 2000000000 + 1)",
    ),
    say_again=say_again,
)

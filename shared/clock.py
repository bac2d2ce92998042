"""Business time: injected, so that tests may move it. Leases use the database's own clock instead (shared.db)."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)

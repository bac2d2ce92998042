"""Days: a loop that composes anew when a day begins, as authorisations end by themselves, and when a new release starts.

Nothing is written where nothing differs.
"""

import threading
from collections.abc import Callable
from datetime import date

from shared import db, log
from shared.cli.loops import repeat
from shared.clock import Clock, system_clock

from .apply import TIMEOUTS, bring_up_to_date, lock_imports

logger = log.get(__name__)

LOOK_SECONDS = 5.0


def keep_current(url: str, *, stop: threading.Event, beat: Callable[[], None], clock: Clock = system_clock) -> None:
    """Until `stop`: states and documents as of today (UTC)."""
    engine = db.engine(url, name="catalog-days", timeouts=TIMEOUTS)
    done: list[date] = []

    def turn() -> bool:
        today = clock().date()
        if done != [today]:
            with db.transaction(engine) as session:
                lock_imports(session)
                published, composed = bring_up_to_date(session, today=today)
            logger.info("composed for today", states=published, documents=composed)
            done[:] = [today]
        return False

    try:
        repeat(turn, stop=stop, beat=beat, seconds=LOOK_SECONDS)
    finally:
        engine.dispose()

"""Of the parts we stand on: killed, cut off, slow, mute, full."""

import os
from contextlib import suppress

from tests.faults.house import DISK, House, resize
from tests.faults.injected import UNSURE, Fault, NotNow


def kill_kafka() -> Fault:
    return Fault("kill -9 Kafka", lambda house: house.broker.kill(), lambda house: house.broker.start(), seconds=(2.0, 5.0), slow=True)


def kill_postgres() -> Fault:
    return Fault(
        "kill -9 PostgreSQL", lambda house: house.postgres.kill(), lambda house: house.postgres.start(), seconds=(1.0, 3.0), explains=UNSURE
    )


def proxied(part: str, mood: str, what: str, seconds: tuple[float, float] = (2.0, 4.0)) -> Fault:
    explains = UNSURE if part in {"SMTP", "PostgreSQL"} and mood != "slow" else ()  # the answer was lost, or could not be written down
    return Fault(
        what,
        lambda house: house.proxies[part].become(mood),
        lambda house: house.proxies[part].become("open"),
        seconds=seconds,
        explains=explains,
    )


def full_disk() -> Fault:
    """The databases' file system is given exactly the size that is in use."""

    def inject(house: House) -> None:
        for _ in range(10):  # while we look, more is written: then it does not fit
            found = os.statvfs(house.disk or "/")
            with suppress(RuntimeError):
                return resize(house.disk, str((found.f_blocks - found.f_bfree) * found.f_frsize))
        raise NotNow

    return Fault(
        "PostgreSQL's disk is full", inject, lambda house: resize(house.disk, DISK), seconds=(5.0, 9.0), explains=UNSURE, slow=True
    )


def all_of(house: House) -> tuple[list[Fault], list[str]]:
    """The faults of this kind, and a sentence for each that cannot be here."""
    faults = [kill_kafka(), kill_postgres()]
    for part in house.proxies:
        faults += [
            proxied(part, "cut", f"connections to {part} are cut"),
            proxied(part, "mute", f"connections to {part} say nothing"),
            proxied(part, "slow", f"connections to {part} are slow"),
        ]
    if house.disk is None:
        return faults, ["no disk is full: a file system could not be mounted here (it takes root)"]
    return [*faults, full_disk()], []

"""What is wrong with an import: each fault names its file, its place, the value met and the reason."""

from collections.abc import Iterable
from dataclasses import dataclass

VALUE_SHOWN = 200
FAULTS_SHOWN = 1000


@dataclass(frozen=True)
class ImportFault:
    file: str
    path: str
    """JSON pointer (RFC 6901) inside the file; empty: the file itself."""
    value: str
    """What stands there, shortened to 200 characters."""
    reason: str

    def __str__(self) -> str:
        return f"{self.file}{self.path and '#' + self.path}: {self.reason} (found {self.value})"


class ImportRefused(Exception):
    """Nothing of this import may be used. `errors` holds its faults, the first thousand of them."""

    def __init__(self, errors: Iterable[ImportFault]) -> None:
        self.errors = list(errors)[:FAULTS_SHOWN]
        super().__init__(f"{len(self.errors)} faults, the first: {self.errors[0] if self.errors else ''}")


def shown(value: object) -> str:
    """A value as a fault shows it."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= VALUE_SHOWN else text[: VALUE_SHOWN - 1] + "…"


def pointer(*parts: str | int) -> str:
    """The JSON pointer of a place, its keys escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)

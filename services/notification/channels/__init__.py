"""Channels: the only place from which anything leaves: SMTP and HTTP, each within a time that is enforced.

Knows no table: it is given what to send and says what came of it.
"""

from dataclasses import dataclass
from enum import StrEnum

REPLY_BYTES = 500  # of a reply that are kept


class Result(StrEnum):
    """What came of one attempt."""

    ACCEPTED = "accepted"  # by the server or the endpoint
    TEMPORARY = "temporary"  # may succeed later
    FAILED = "failed"  # refused for good
    REFUSED = "refused"  # the mail server will not take mail for this address
    GONE = "gone"  # the endpoint says that it is not there any more
    UNCERTAIN = "uncertain"  # handed over, but the answer was lost


@dataclass(frozen=True)
class Sent:
    """One attempt: its result, the status (SMTP or HTTP), the beginning of the reply, and when the other side wants to be asked again."""

    result: Result
    status: int | None = None
    reply: str = ""
    retry_after: float | None = None  # seconds


def readable(raw: bytes) -> str:
    """The beginning of a reply as text that a table and a terminal can hold."""
    text = raw[:REPLY_BYTES].decode(errors="replace")
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)

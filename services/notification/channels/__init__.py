"""Channels: the only place from which anything leaves: SMTP and HTTP, each within a time that is enforced.

Knows no table: it is given what to send and says what came of it.
"""

import re
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


_ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@,;:]*")


def readable(raw: bytes, *, to: str = "") -> str:
    """The beginning of a reply as text that a table and a terminal can hold.

    Mail servers like to quote whom they refuse: addresses in it, and the name in front of the at sign of `to`, are left out.
    """
    text = _ADDRESS.sub("<address>", raw[: 2 * REPLY_BYTES].decode(errors="replace"))
    name = to.partition("@")[0]
    if name and name.casefold() in text.casefold():
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "<name>", text, flags=re.IGNORECASE)
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text[:REPLY_BYTES])

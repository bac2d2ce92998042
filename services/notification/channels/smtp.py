"""E-mail by SMTP (RFC 5321): connections kept open, one per thread, and an honest answer about what is not known.

"Accepted" means that the server took it; whether anybody reads it nobody knows.
"""

import re
import smtplib
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from . import Result, Sent, readable
from .deadlines import Deadline, Watch

IDLE_SECONDS = 30.0  # an older connection is opened anew rather than tried
MAILS = 100  # over one connection; many servers end it then anyway
_PORTS = {"smtp": 25, "starttls": 587, "smtps": 465}
# RFC 3463: x.2.* is a mailbox that is full or closed for now, x.7.* is policy: neither says that the address is wrong
_NOT_THE_ADDRESS = re.compile(rb"5\.[27]\.")
_LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(eq=False)
class _Open:
    """A connection of one thread."""

    smtp: smtplib.SMTP
    mails: int
    used_at: float

    @property
    def fresh(self) -> bool:
        return self.mails < MAILS and time.monotonic() - self.used_at < IDLE_SECONDS


class EmailChannel:
    """Sends mails through one server. `send` may be called from several threads."""

    def __init__(self, url: str, watch: Watch, *, sender: str, seconds: float) -> None:
        parts = urlsplit(url)
        self._scheme, self._host, self._port = parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender, self._watch, self._seconds = sender, watch, seconds
        self._own, self._open = threading.local(), set[_Open]()

    def send(self, *, to: str, message: bytes) -> Sent:
        """Hand one mail over, within the time allowed. Never raises for what the other side does."""
        with self._watch.within(self._seconds) as deadline:
            try:
                return self._send(to, message, deadline)
            except smtplib.SMTPResponseException as refused:
                self._drop()
                return _refusal(refused.smtp_code, _bytes(refused.smtp_error), to)
            except (OSError, smtplib.SMTPException) as fault:
                self._drop()
                return Sent(Result.TEMPORARY, reply="took too long" if deadline.over else f"no connection: {type(fault).__name__}")

    def _send(self, to: str, message: bytes, deadline: Deadline) -> Sent:
        """One envelope. A connection that turns out to be closed is opened anew once: nothing was handed over on it."""
        held = self._reuse(deadline)
        answer = self._try_mail(held, to, message) if held else None
        if held is None or answer is None or answer[0] == 421:
            self._drop()
            held = self._connect(deadline)
            answer = held.smtp.mail(self._sender, _options(held.smtp, to, len(message)))
        return self._after_mail(held, *answer, to, message)

    def _try_mail(self, held: _Open, to: str, message: bytes) -> tuple[int, bytes] | None:
        """MAIL on a kept connection; None where it was closed meanwhile."""
        with suppress(OSError, smtplib.SMTPServerDisconnected):
            return held.smtp.mail(self._sender, _options(held.smtp, to, len(message)))
        return None

    def _after_mail(self, held: _Open, code: int, reply: bytes, to: str, message: bytes) -> Sent:
        """RCPT and DATA. Up to the final dot any fault means that nothing was taken; behind it nobody knows."""
        smtp = held.smtp
        held.mails, held.used_at = held.mails + 1, time.monotonic()
        if code != 250:
            return self._reset(smtp, _refusal(code, reply, to))
        code, reply = smtp.rcpt(to)
        if code not in {250, 251}:
            return self._reset(smtp, _refusal(code, reply, to, recipient=True))
        code, reply = smtp.docmd("DATA")
        if code != 354:
            return self._reset(smtp, _refusal(code, reply, to))
        smtp.send(_LEADING_DOT.sub(b"..", message) + b".\r\n")
        try:
            code, reply = smtp.getreply()
        except (OSError, smtplib.SMTPException):
            self._drop()
            return Sent(Result.UNCERTAIN, reply="the connection was lost after the mail had been handed over")
        return Sent(Result.ACCEPTED, code, readable(reply, to=to)) if code == 250 else self._reset(smtp, _refusal(code, reply, to))

    def _reset(self, smtp: smtplib.SMTP, sent: Sent) -> Sent:
        """Ready for the next mail, or gone."""
        try:
            if sent.status == 421 or smtp.rset()[0] != 250:
                self._drop()
        except (OSError, smtplib.SMTPException):
            self._drop()
        return sent

    def _reuse(self, deadline: Deadline) -> _Open | None:
        held: _Open | None = getattr(self._own, "held", None)
        if held is None or not held.fresh or held.smtp.sock is None:
            self._drop()
            return None
        held.smtp.sock.settimeout(deadline.left)
        deadline.watch(held.smtp.sock)
        return held

    def _connect(self, deadline: Deadline) -> _Open:
        """A new connection, greeted, encrypted and signed in as the URL says."""
        smtp = _Watched(deadline) if self._scheme != "smtps" else _WatchedTls(deadline)
        held = self._own.held = _Open(smtp, 0, time.monotonic())
        self._open.add(held)
        code, reply = smtp.connect(self._host, self._port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, reply)
        smtp.ehlo_or_helo_if_needed()
        if self._scheme == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        if self._user:
            smtp.login(self._user, self._password)
        return held

    def _drop(self) -> None:
        held: _Open | None = getattr(self._own, "held", None)
        self._own.held = None
        if held is not None:
            self._open.discard(held)
            held.smtp.close()

    def close(self) -> None:
        """Let every connection go. Nothing may be under way any more."""
        for held in list(self._open):
            with suppress(OSError, smtplib.SMTPException):
                if held.smtp.sock is not None:
                    held.smtp.sock.settimeout(0.5)
                    held.smtp.quit()
            held.smtp.close()


class _Watched(smtplib.SMTP):
    """smtplib, but its socket ends with the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__(timeout=deadline.left)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = self._deadline.bounded(socket.create_connection, (host, port), timeout)
        self._deadline.watch(made)
        return made


class _WatchedTls(_Watched):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = super()._get_socket(host, port, timeout)
        return ssl.create_default_context().wrap_socket(made, server_hostname=host)


def _options(smtp: smtplib.SMTP, to: str, size: int) -> list[str]:
    options = [f"SIZE={size}"] if smtp.has_extn("size") else []
    return options if to.isascii() else [*options, "SMTPUTF8"]


def _refusal(code: int, reply: bytes, to: str, *, recipient: bool = False) -> Sent:
    """4xx may succeed later, 5xx never (RFC 5321, 4.2.1); a recipient refused for good is not written to again."""
    if not 500 <= code <= 599:
        return Sent(Result.TEMPORARY, code, readable(reply, to=to))
    wrong = recipient and code in {550, 551, 553} and not _NOT_THE_ADDRESS.match(reply)
    return Sent(Result.REFUSED if wrong else Result.FAILED, code, readable(reply, to=to))


def _bytes(reply: bytes | str) -> bytes:
    return reply if isinstance(reply, bytes) else reply.encode()

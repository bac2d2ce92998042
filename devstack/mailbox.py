"""A mailbox people can look at: whatever is sent by SMTP appears on a web page, whoever it is for.

Delivers nothing to anybody; what it took is forgotten when it ends.
"""

import email
import email.policy
import imaplib
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from devstack import launch
from devstack.supervisor import Program

ACCOUNT = "mailbox@passage.example"
HOST = "127.0.0.1"
PASSWORD = "MAIL_PASSWORD"  # noqa: S105  # mail-devel's name of the setting


@dataclass(frozen=True)
class Mailbox:
    """mail-devel: no sign-in and no TLS for SMTP, all mail in one inbox; IMAP is how we read it back."""

    smtp_port: int
    web_port: int
    imap_port: int
    password: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.web_port}/"

    def program(self, *, log: Path) -> Program:
        """Its log names senders and recipients, so it goes to a file of the run and not to the terminal."""
        ports = ["--smtp-port", self.smtp_port, "--http-port", self.web_port, "--imap-port", self.imap_port]
        return Program(
            name="mailbox",
            command=[sys.executable, "-m", "mail_devel", "--host", HOST, "--user", ACCOUNT, *map(str, ports)],
            environment={PASSWORD: self.password},
            ready=lambda: all(map(launch.listens, (self.smtp_port, self.web_port, self.imap_port))),
            log=log,
        )

    def shown(self, address: str | None) -> str:
        """The mails to an address, or all, as a person reads them in a terminal; the oldest first."""
        return f"\n{'-' * 72}\n".join(map(_shown, self.messages() if address is None else self.messages_to(address)))

    def messages(self) -> list[EmailMessage]:
        """Everything received so far, oldest first; reading marks nothing."""
        with imaplib.IMAP4(HOST, self.imap_port, timeout=10) as session:
            session.login(ACCOUNT, self.password)
            _, counted = session.select("INBOX", readonly=True)
            if counted == [b"0"]:
                return []
            _, parts = session.fetch("1:*", "(BODY.PEEK[])")
        return [email.message_from_bytes(part[1], policy=email.policy.default) for part in parts if isinstance(part, tuple)]

    def messages_to(self, address: str) -> list[EmailMessage]:
        """By the envelope, which mail-devel keeps in X-RcptTo."""
        return [message for message in self.messages() if address in str(message["X-RcptTo"]).split(", ")]


def _shown(message: EmailMessage) -> str:
    heads = [f"{name}: {message[name]}" for name in ("Date", "From", "To", "Subject") if message[name]]
    text = message.get_body(("plain",))
    return "\n".join([*heads, "", str(text.get_content()) if text else "(no text)"])


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mailbox with ports of its own; its `program` is for a supervisor to start."""
    with ExitStack() as stack:
        smtp, web, imap = (stack.enter_context(closing(launch.reserve_port())).getsockname()[1] for _ in range(3))
        yield Mailbox(smtp_port=smtp, web_port=web, imap_port=imap, password=secrets.token_urlsafe(16))

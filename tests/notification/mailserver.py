"""A real SMTP server, small, that misbehaves on demand: refuses, hangs, or drops the connection after the final dot."""

import contextlib
import email
import email.policy
import socket
import socketserver
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage


@dataclass(frozen=True)
class Received:
    """A message the server took, or had in its hands when it dropped the connection."""

    to: str
    message: EmailMessage
    raw: bytes


@dataclass
class MailServer:
    """`plans[address]` is a list of what to do with the next mails to it; then it is accepted.

    A reply such as `451 4.7.1 later` answers RCPT, behind `data ` it answers the final dot; `hang` says nothing more after RCPT, `hang_at_dot` after the
    final dot; `drop` breaks the connection there.
    """

    port: int = 0
    received: list[Received] = field(default_factory=list)
    dropped: list[Received] = field(default_factory=list)
    plans: dict[str, list[str]] = field(default_factory=dict)
    connections: int = 0
    hanging: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def to(self, address: str) -> list[EmailMessage]:
        return [one.message for one in self.received if one.to == address]

    def plan_of(self, address: str) -> str:
        plans = self.plans.get(address, [])
        return plans.pop(0) if plans else "accept"


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server: MailServer = self.server.mail
        server.connections += 1
        with contextlib.suppress(OSError):
            self._talk(server)

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def _talk(self, server: MailServer) -> None:
        to = plan = ""
        self._say("220 mail.test ready")
        while line := self.rfile.readline().decode():
            verb = line[:4].upper()
            if verb == "EHLO":
                self._say("250-mail.test\r\n250 SIZE 10000000")
            elif verb == "RCPT":
                to = line.split("<")[1].split(">")[0]
                plan = server.plan_of(to)
                if plan == "hang":
                    server.hanging += 1
                    server.ended.wait(60)
                    return
                self._say(plan if plan[0].isdigit() else "250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                raw = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    raw += part[1:] if part.startswith(b".") else part
                one = Received(to, email.message_from_bytes(raw, policy=email.policy.default), raw)
                if not self._after_dot(server, plan, one):
                    return
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _after_dot(self, server: MailServer, plan: str, one: Received) -> bool:
        """Whether the connection goes on."""
        if plan in {"drop", "hang_at_dot"}:
            server.dropped.append(one)
            if plan == "hang_at_dot":
                server.hanging += 1
                server.ended.wait(60)
            self.connection.shutdown(socket.SHUT_RDWR)
        elif plan.startswith("data "):
            self._say(plan.removeprefix("data "))
        else:
            server.received.append(one)
            self._say("250 queued as 1")
        return plan not in {"drop", "hang_at_dot"}


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextlib.contextmanager
def mail_server():
    """One server on a port of its own."""
    mail = MailServer()
    with _Server(("127.0.0.1", 0), _Session) as server:
        server.mail = mail
        mail.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield mail
        mail.ended.set()
        server.shutdown()
        thread.join()

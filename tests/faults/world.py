"""The world outside, which may misbehave: proxies in front of our parts, a mail server, the hospitals' endpoints; all in one thread's event loop.

Knows nothing of Passage: what it does next is a word in `mood`.
"""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError

from tests.faults.invariants.rows import Arrival

HOST = "127.0.0.1"
PIECE = 65_536
_MESSAGE_ID = re.compile(rb"^Message-ID: <([0-9a-f-]{36})@", re.MULTILINE | re.IGNORECASE)
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class World:
    """`with World() as world: world.proxy(port)`: everything made here listens until the end."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self.loop.run_forever, name="world", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def listen(self, serve: Callable[[Reader, Writer], Coroutine[Any, Any, None]], *, port: int = 0) -> int:
        """A server on a port of 127.0.0.1, the one given or any."""

        async def guarded(reader: Reader, writer: Writer) -> None:
            with suppress(OSError, EOFError, ValueError, asyncio.CancelledError):
                await serve(reader, writer)
            writer.close()

        server = self.call(asyncio.start_server(guarded, HOST, port, limit=4 * PIECE, backlog=256))
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])


class Proxy:
    """Hands bytes on to a port. `mood`: open, cut (connections end, new ones too), mute (nothing is handed on, nothing ends), or slow (`delay` seconds)."""

    def __init__(self, world: World, target: int) -> None:
        self.world, self.target, self.mood, self.delay = world, target, "open", 0.05
        self.pairs: set[Writer] = set()
        self.opened = asyncio.Event()
        self.port = world.listen(self._serve)

    def become(self, mood: str) -> None:
        self.world.call(self._become(mood))

    async def _become(self, mood: str) -> None:
        self.mood = mood
        (self.opened.clear if mood == "mute" else self.opened.set)()
        if mood == "cut":
            for writer in list(self.pairs):
                writer.transport.abort()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        if self.mood == "cut":
            return
        there_reader, there = await asyncio.open_connection(HOST, self.target, limit=4 * PIECE)
        self.pairs |= {writer, there}
        try:
            ways = [asyncio.ensure_future(self._carry(reader, there)), asyncio.ensure_future(self._carry(there_reader, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self.pairs -= {writer, there}
            there.close()

    async def _carry(self, reader: Reader, writer: Writer) -> None:
        while piece := await reader.read(PIECE):
            if self.mood == "mute":
                await self.opened.wait()
            if self.mood == "slow":
                await asyncio.sleep(self.delay)
            writer.write(piece)
            await writer.drain()


class Receiving:
    """What a receiver took for good: counted, so that hours of it fit in memory."""

    def __init__(self) -> None:
        self.mood = "well"
        self.taken: Counter[Arrival] = Counter()
        self.misbehaved: Counter[str] = Counter()

    def arrivals(self) -> list[Arrival]:
        return list(self.taken.elements())


class MailServer(Receiving):
    """SMTP (RFC 5321), no more of it than we speak. `mood`: well, hang, 451, 421, 554 (at RCPT), drop or hang_at_dot (after the final dot)."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._kept: dict[str, list[bytes]] = {}
        self.port = world.listen(self._talk)

    def keep_for(self, address: str) -> None:
        """From now on what comes for this address can be read, until `forget`."""
        self._kept[address] = []

    def kept(self, address: str) -> list[bytes]:
        return list(self._kept.get(address, ()))

    def forget(self, address: str) -> None:
        self._kept.pop(address, None)

    async def _talk(self, reader: Reader, writer: Writer) -> None:
        to = ""
        writer.write(b"220 mail.test ready\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-mail.test\r\n250 SIZE 10000000\r\n")
            elif verb == b"RCPT":
                to = line.split(b"<")[1].split(b">")[0].decode()
                await self._answer_recipient(writer)
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await writer.drain()
                await self._take(to, await reader.readuntil(b"\r\n.\r\n"), writer)
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
            await writer.drain()
        await writer.drain()

    async def _answer_recipient(self, writer: Writer) -> None:
        mood = self.mood
        if mood in {"451", "421", "554"}:
            self.misbehaved[mood] += 1
            writer.write(f"{mood} 4.0.0 not now\r\n".encode())
        elif mood == "hang":
            self.misbehaved[mood] += 1
            await asyncio.sleep(600)
        else:
            writer.write(b"250 ok\r\n")

    async def _take(self, to: str, raw: bytes, writer: Writer) -> None:
        found = _MESSAGE_ID.search(raw)
        self.taken[Arrival("email", found.group(1).decode() if found else "", to)] += 1
        if to in self._kept:
            self._kept[to].append(raw)
        mood = self.mood
        if mood in {"drop", "hang_at_dot"}:
            self.misbehaved[mood] += 1
            if mood == "hang_at_dot":
                await asyncio.sleep(600)
            raise EOFError
        writer.write(b"250 queued\r\n")


class Hooks(Receiving):
    """HTTP/1.1 endpoints of hospitals at /hospitals/NAME that verify as Standard Webhooks has it; PUT sets the secret.

    `mood`: well, hang, 500, 429 (Retry-After: 1), 302, huge (1 GB back), break; `gone` are names that answer 410.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.secrets: dict[str, str] = {}
        self.gone: set[str] = set()
        self.port = world.listen(self._answer)

    async def _answer(self, reader: Reader, writer: Writer) -> None:
        method, path, _ = (await reader.readline()).decode().split()
        headers = {}
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body, name = await reader.readexactly(int(headers.get("content-length", 0))), path.rpartition("/")[2]
        if method == "PUT":
            self.secrets[name] = re.findall(rb"whsec_[\w+/=-]+", body)[0].decode()
            await self._say(writer, "204 No Content")
        elif name in self.gone:
            self.misbehaved["410"] += 1
            await self._say(writer, "410 Gone")
        else:
            await self._by_mood(writer, name, headers, body)

    async def _by_mood(self, writer: Writer, name: str, headers: dict[str, str], body: bytes) -> None:
        mood = self.mood
        if mood != "well":
            self.misbehaved[mood] += 1
        match mood:
            case "hang":
                await asyncio.sleep(600)
            case "break":
                return
            case "500":
                await self._say(writer, "500 Oops")
            case "429":
                await self._say(writer, "429 Too Many Requests", "Retry-After: 1")
            case "302":
                await self._say(writer, "302 Found", f"Location: http://{HOST}:{self.port}/hospitals/elsewhere")
            case _:
                verified = self._verifies(name, headers, body)
                self.taken[Arrival("webhook", headers.get("webhook-id", "") if verified else f"not verified: {name}", name)] += 1
                await (self._pour(writer) if mood == "huge" else self._say(writer, "204 No Content" if verified else "401 Unauthorized"))

    def _verifies(self, name: str, headers: dict[str, str], body: bytes) -> bool:
        try:
            Webhook(self.secrets[name]).verify(body, headers, json_parse=False)
        except (KeyError, WebhookVerificationError, ValueError):
            return False
        return True

    @staticmethod
    async def _say(writer: Writer, status: str, *headers: str) -> None:
        writer.write("\r\n".join([f"HTTP/1.1 {status}", "Content-Length: 0", "Connection: close", *headers, "", ""]).encode())
        await writer.drain()
        writer.write_eof()

    @staticmethod
    async def _pour(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1_000_000_000 // PIECE):
            writer.write(bytes(PIECE))
            await writer.drain()

"""A door with TLS to a PostgreSQL that has none: SSLRequest is answered as the protocol has it, and what comes inside is handed on in clear.

https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-SSL
"""

import asyncio
import ssl
import struct

from tests.faults.world import HOST, PIECE, World

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class TlsDoor:
    """`port` of 127.0.0.1; who does not ask for TLS is not let in. `sealed`: how many have come by it."""

    def __init__(self, world: World, target: int, certificate) -> None:
        self.target, self.sealed = target, 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.port = world.listen(self._serve)

    async def _serve(self, reader, writer) -> None:
        if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
            return
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self.context)
        self.sealed += 1
        there_reader, there = await asyncio.open_connection(HOST, self.target)
        ways = [asyncio.ensure_future(self._carry(reader, there)), asyncio.ensure_future(self._carry(there_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            there.close()
            writer.close()

    @staticmethod
    async def _carry(reader, writer) -> None:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()

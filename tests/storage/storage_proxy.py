"""A TCP proxy that cuts: after so many bytes of a channel, by reset, by an orderly close, or by silence.

It knows enough of FTP to stand on the data connections too: it answers EPSV and PASV with ports of its own. It can also
be as far away as a server on the internet: see ``latency_seconds``. ``python storage_proxy.py PORT SECONDS`` runs it
alone, says its port and stays until its input ends, for measurements that it must not slow down.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Self

Channel = Literal["control up", "control down", "data up", "data down"]
How = Literal["reset", "close", "silence"]
_EPSV = re.compile(rb"\(\|\|\|(\d+)\|\)")
_PASV = re.compile(rb"\((\d+,\d+,\d+,\d+),(\d+),(\d+)\)")
_BLOCK = 256 * 1024
_BLOCKS_UNDER_WAY = 1024


@dataclass
class Cut:
    """After ``after`` bytes of ``channel``, counted over all connections, once."""

    channel: Channel
    after: int
    how: How


class Proxy:
    """Stands on an ephemeral port before a server; ``counted`` has the bytes that went through each channel.

    Args:
        server_port: of the server.
        cut: what to cut, if anything.
        latency_seconds: how long each byte is under way in either direction; a connection takes three times as long to
            bring its first byte, as its handshake would. How many bytes are under way is not limited.
        server_host: of the server.
        data_port: of a server that uses only this port for data, which is then the proxy's too, so that nothing needs
            to be read on an encrypted control connection. The server must have another address than the proxy.
    """

    def __init__(
        self,
        server_port: int,
        cut: Cut | None = None,
        *,
        latency_seconds: float = 0.0,
        server_host: str = "127.0.0.1",
        data_port: int = 0,
    ) -> None:
        self.counted: Counter[str] = Counter()
        self.connections = 0
        self.happened = False
        self._server_port = server_port
        self._server_host = server_host
        self._data_port = data_port
        self._cut = cut
        self._latency = latency_seconds
        self._servers: list[asyncio.Server] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._frozen: set[int] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._wait(self._listen(self._server_port, "control"))
        if self._data_port:
            self._wait(self._listen(self._data_port, "data", self._data_port))
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hang_up(self) -> None:
        """Close all connections in good order, as an idle server does."""
        self._wait(self._close_all())

    def freeze(self) -> None:
        """Let nothing more through the connections that there are, as a forgetful router does."""
        self._frozen.update(id(writer) for writer in self._writers)

    def _wait(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self, target_port: int, kind: str, port: int = 0) -> int:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if kind == "control":
                self.connections += 1
            elif not port:
                server.close()
            try:
                await asyncio.sleep(2 * self._latency)
                up_reader, up_writer = await asyncio.open_connection(self._server_host, target_port, limit=_BLOCK)
            except OSError:
                writer.transport.abort()
                return
            self._writers += [writer, up_writer]
            self._start(self._both_ways(reader, writer, up_reader, up_writer, kind))

        server = await asyncio.start_server(accept, "127.0.0.1", port, limit=_BLOCK)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def _start(self, work) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
        kind: str,
    ) -> None:
        await asyncio.gather(
            self._relay(reader, up_writer, writer, f"{kind} up"),
            self._relay(up_reader, writer, up_writer, f"{kind} down"),
        )
        writer.close()
        up_writer.close()

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter, channel: str
    ) -> None:
        with contextlib.suppress(OSError):
            async for received in self._delayed(reader):
                if id(writer) in self._frozen:
                    continue
                data = await self._redirected(received) if channel == "control down" else received
                if self._is_cut_within(channel, len(data)):
                    writer.write(data[: self._cut.after - self.counted[channel]])
                    await writer.drain()
                    self.happened = True
                    if await self._cut_off(writer, back):
                        return
                    continue
                self.counted[channel] += len(data)
                writer.write(data)
                await writer.drain()
            if not back.is_closing() and writer.can_write_eof():
                writer.write_eof()  # the other direction goes on: a close would reset it
                return
        writer.close()

    async def _delayed(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """Give what arrives, each block as much later as it is under way."""
        size = 4096 if self._cut else _BLOCK
        if not self._latency:
            while data := await reader.read(size):
                yield data
            return
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_BLOCKS_UNDER_WAY)

        async def receive() -> None:
            data = b"to begin with"
            while data:
                try:
                    data = await reader.read(size)
                except OSError:
                    data = b""
                await under_way.put((self._loop.time() + self._latency, data))

        self._start(receive())
        while True:
            due, data = await under_way.get()
            if (wait := due - self._loop.time()) > 0:
                await asyncio.sleep(wait)
            if not data:
                return
            yield data

    def _is_cut_within(self, channel: str, size: int) -> bool:
        cut = self._cut
        return (
            not self.happened
            and cut is not None
            and cut.channel == channel
            and (self.counted[channel] + size > cut.after)
        )

    async def _cut_off(self, writer: asyncio.StreamWriter, back: asyncio.StreamWriter) -> bool:
        if self._cut.how == "silence":
            self._frozen |= {id(writer), id(back)}
            return False
        for end in (writer, back):
            if self._cut.how == "reset":
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.transport.abort()
            else:
                end.close()
        return True

    async def _redirected(self, data: bytes) -> bytes:
        if found := _EPSV.search(data):
            port = await self._listen(int(found[1]), "data")
            return data.replace(found[0], b"(|||%d|)" % port)
        if found := _PASV.search(data):
            port = await self._listen(int(found[2]) * 256 + int(found[3]), "data")
            return data.replace(found[0], b"(%s,%d,%d)" % (found[1], port >> 8, port & 255))
        return data

    async def _close_all(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        await self._close_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


if __name__ == "__main__":
    with Proxy(int(sys.argv[1]), latency_seconds=float(sys.argv[2])) as proxy:
        print(proxy.port, flush=True)
        sys.stdin.read()

"""A TCP proxy that cuts: after so many bytes of a channel, by reset, by an orderly close, or by silence.

It knows enough of FTP to stand on the data connections too: it answers EPSV and PASV with ports of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Literal, Self

Channel = Literal["control up", "control down", "data up", "data down"]
How = Literal["reset", "close", "silence"]
_EPSV = re.compile(rb"\(\|\|\|(\d+)\|\)")
_PASV = re.compile(rb"\((\d+,\d+,\d+,\d+),(\d+),(\d+)\)")


@dataclass
class Cut:
    """After ``after`` bytes of ``channel``, counted over all connections, once."""

    channel: Channel
    after: int
    how: How


class Proxy:
    """Stands on an ephemeral port before a server; ``counted`` has the bytes that went through each channel."""

    def __init__(self, server_port: int, cut: Cut | None = None) -> None:
        self.counted: Counter[str] = Counter()
        self.connections = 0
        self.happened = False
        self._server_port = server_port
        self._cut = cut
        self._writers: list[asyncio.StreamWriter] = []
        self._frozen: set[int] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._wait(self._listen(self._server_port, "control"))
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

    async def _listen(self, target_port: int, kind: str) -> int:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if kind == "data":
                server.close()
            else:
                self.connections += 1
            try:
                up_reader, up_writer = await asyncio.open_connection("127.0.0.1", target_port)
            except OSError:
                writer.transport.abort()
                return
            self._writers += [writer, up_writer]
            self._start(self._relay(reader, up_writer, writer, f"{kind} up"))
            self._start(self._relay(up_reader, writer, up_writer, f"{kind} down"))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    def _start(self, work) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter, channel: str
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                if id(writer) in self._frozen:
                    continue
                if channel == "control down":
                    data = await self._redirected(data)
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
        writer.close()

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
        await self._close_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

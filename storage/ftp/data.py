"""Data connections: a socket for each listing and each file, which the server or we open.

TLS on it begins only after the command was sent: servers begin their side when they have read it (RFC 4217 §12.7).
Nothing is copied between buffers: blocks go from the file to the socket.

Source: spec STO-10; RFC 959 §3.2, RFC 2428, RFC 4217.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class DataConnection:
    """One data connection, which is opened by ``open``.

    Args:
        peer: address of the server.
        timeout: for opening, and for each block.
    """

    def __init__(self, peer: tuple[str, int], family: int, timeout: float) -> None:
        self._peer = peer
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(0)
        self._tls: ssl.SSLSocket | None = None
        self.ended_well: bool | None = None
        """Of what was received in TLS: whether the server said that this is the end of it."""

    async def open(self) -> None:
        """Connect to the server."""
        async with asyncio.timeout(self._timeout):
            await self._loop.sock_connect(self._socket, self._peer)

    async def protect(self, context: ssl.SSLContext, session: ssl.SSLSession | None, host: str) -> ssl.SSLSocket:
        """Begin TLS as the client, taking up the session of the control connection, as many servers demand."""
        self._socket = self._tls = context.wrap_socket(
            self._socket,
            server_hostname=host,
            session=session,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        await self._when_ready(self._tls.do_handshake, self._until_readable)
        return self._tls

    async def send(self, data: bytes | memoryview) -> None:
        """Hand a whole block over to the system."""
        view = memoryview(data)
        while view:
            sent = await self._when_ready(lambda rest=view: self._socket.send(rest), self._until_writable)  # type: ignore[misc]
            view = view[sent:]

    async def end(self) -> None:
        """Say that this was all. The socket stays open: what the server still says in TLS must not meet a closed one.

        Such a meeting is a reset, and a reset takes away from the server what it has not read yet.
        """
        if self._tls:
            with contextlib.suppress(ssl.SSLError):  # that there is no answer yet, or other data
                await self._when_ready(self._tls.unwrap, self._until_writable, reading=False)
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:  # "not connected": it was reset meanwhile
            raise ConnectionResetError(error.errno, error.strerror) from error

    async def receive(self, buffer: memoryview) -> int:
        """Fill a part of the buffer; 0 when the server has ended, which then hears that we have too.

        Some wait for that before they say that all went well (ProFTPD).
        """
        got, cut = 0, False
        try:
            got = await self._when_ready(lambda: self._socket.recv_into(buffer), self._until_readable)
        except ssl.SSLEOFError:
            cut = True
        if not got:
            self.ended_well = not cut if self._tls else None
            with contextlib.suppress(ConnectionError):
                await self.end()
        return got

    def abort(self) -> None:
        """Make the server see that the transfer failed: an orderly close would look like the end of the data."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def _when_ready(
        self, step: Callable[[], _T], until_ready: Callable[[], asyncio.Future[None]], *, reading: bool = True
    ) -> _T:
        """Do a step of the socket as soon as it does not have to wait; in TLS, reading may wait to write too."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                if not reading:
                    raise
                ready = self._until_readable()
            except ssl.SSLWantWriteError:
                ready = self._until_writable()
            except BlockingIOError:
                ready = until_ready()
            async with asyncio.timeout(self._timeout):
                await ready

    def _until_readable(self) -> asyncio.Future[None]:
        return _until(self._loop.add_reader, self._loop.remove_reader, self._socket)

    def _until_writable(self) -> asyncio.Future[None]:
        return _until(self._loop.add_writer, self._loop.remove_writer, self._socket)


class AwaitedConnection(DataConnection):
    """A data connection that the server opens: active mode."""

    def __init__(self, peer: tuple[str, int], own: tuple[str, int], family: int, timeout: float) -> None:
        super().__init__(peer, family, timeout)
        self._listening = self._socket
        self._listening.bind((own[0], 0, *own[2:]))
        self._listening.listen(1)

    @property
    def port(self) -> int:
        """Where it is awaited."""
        return int(self._listening.getsockname()[1])

    async def open(self) -> None:
        """Wait for the server; whoever else comes is sent away."""
        async with asyncio.timeout(self._timeout):
            while True:
                connection, address = await self._loop.sock_accept(self._listening)
                if address[0] == self._peer[0]:
                    break
                connection.close()
        self._listening.close()
        self._socket = connection
        self._socket.settimeout(0)

    def close(self) -> None:
        """Close the socket, and await nobody any longer."""
        super().close()
        self._listening.close()


def _until(
    add: Callable[..., object], remove: Callable[[socket.socket], object], waited_for: socket.socket
) -> asyncio.Future[None]:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    add(waited_for, _wake, ready)
    ready.add_done_callback(lambda _: remove(waited_for))
    return ready


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)

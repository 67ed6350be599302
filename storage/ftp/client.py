"""The control connection: aioftp's client, with what it lacks.

It sends several commands at once where the next one does not depend on the reply, notices answers that were cut, opens
data connections in either direction, and begins TLS on them at the right moment.

Source: spec STO-8, STO-9, STO-10; RFC 959, 2428, 4217; facts/seen-against-real-systems.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, TypeVar

import aioftp
from aioftp import Code, StatusCodeError

from passerelle.storage.errors import UntrustedHost
from passerelle.storage.ftp.data import AwaitedConnection, DataConnection
from passerelle.storage.ftp.replies import parts
from passerelle.storage.ftp.tls import Tls, fingerprint_of

DataConnections = Literal["auto", "epsv", "pasv", "active"]
_T = TypeVar("_T")

_COMMANDS: dict[DataConnections, tuple[str, ...]] = {
    "auto": ("EPSV", "PASV"),
    "epsv": ("EPSV",),
    "pasv": ("PASV",),
    "active": ("EPRT", "PORT"),
}
_PARTING_SECONDS = 2.0
_KEEP_ALIVE_SECONDS = 60


@dataclass
class Server:
    """What the connections of a storage have found out about its server.

    Attributes:
        features: as FEAT tells them, in capitals; ``None`` until it was asked.
        login_folder: where a login leads to.
        root: the storage's folder.
        knows_mlsd: until it says that it does not.
        takes_bursts: until a reply to one of several commands did not come: some lose what comes too early.
        latin_names: by folder, the names that are in Latin-1 as it was last listed.
    """

    features: list[str] | None = None
    login_folder: str = "/"
    root: str = "/"
    knows_mlsd: bool = True
    takes_bursts: bool = True
    latin_names: dict[str, frozenset[str]] = field(default_factory=dict)


class Reply(NamedTuple):
    """One reply: its number, and its lines."""

    code: Code
    lines: list[str]

    @property
    def text(self) -> str:
        """The last line."""
        return self.lines[-1].strip(" -")

    def expect(self, mask: str) -> Reply:
        """Give the reply back if it is a good one.

        Raises:
            StatusCodeError: it is another.
        """
        if not self.code.matches(mask):
            raise StatusCodeError(Code(mask), self.code, self.lines)
        return self


class Client(aioftp.Client):
    """A control connection.

    Args:
        name: of the storage, for errors.
        tls: ``None``: plain text.
        server: what is known of it.
        data_connections: who opens them, and by which command they are asked for.
        timeout: for connecting, for every reply and every block of data.
    """

    def __init__(
        self, name: str, server: Server, tls: Tls | None, data_connections: DataConnections, timeout: float
    ) -> None:
        super().__init__(
            socket_timeout=timeout,
            connection_timeout=timeout,
            encoding="latin-1",
            ssl=tls.context if tls and tls.implicit else None,
        )
        self._name = name
        self._server = server
        self._tls = tls
        self._timeout = timeout
        self._data_commands = _COMMANDS[data_connections]
        self._put_off: list[tuple[str, asyncio.Future[Reply]]] = []
        self._owed: list[asyncio.Future[Reply]] = []
        self._unanswered = 0
        self._ends_well = False
        self.closing_words = ""
        """The last reply to a transfer."""

    @property
    def in_step(self) -> bool:
        """Whether every command has had its reply, so that the connection can go on being used."""
        return not (self._unanswered or self._owed or self.stream.reader.at_eof())

    # Connecting -------------------------------------------------------------------------------------------------------

    async def connect(self, host: str, port: int = aioftp.DEFAULT_PORT) -> list[str]:  # type: ignore[override]
        """Connect, hear the greeting, and begin TLS; nothing is told to a server that we do not trust.

        Raises:
            UntrustedHost: its certificate is not trusted, or it does not speak TLS.
        """
        try:
            greeting = await super().connect(host, port)
            self._keep_alive()
            if self._tls:
                await self._begin_tls(self._tls)
        except ssl.SSLCertVerificationError as error:
            seen = await self._shown_certificate()
            raise UntrustedHost(self._name, "", error.verify_message, "storage-certificate-refused", seen) from None
        except ssl.SSLEOFError:
            raise
        except ssl.SSLError as error:
            raise UntrustedHost(self._name, "", error.reason or str(error), "storage-tls-refused") from None
        return greeting

    async def _begin_tls(self, tls: Tls) -> None:
        try:
            if not tls.implicit:
                (await self.ask("AUTH TLS")).expect("234")
                if self.stream.reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001 - no other way to see it
                    raise UntrustedHost(self._name, "", "text after the reply to AUTH TLS", "storage-tls-refused")
                await self.stream.start_tls(tls.context, self.server_host)
            tls.check(self._tls_object, self._name)
            (await self.ask("PBSZ 0")).expect("2xx")
            (await self.ask("PROT P")).expect("2xx")
        except StatusCodeError as refusal:
            number, said = parts(refusal)
            if number[0] != "5":
                raise
            raise UntrustedHost(self._name, "", said, "storage-tls-refused") from None

    async def _shown_certificate(self) -> str:
        """Give the fingerprint of a certificate that was refused: on a connection where nothing else is told."""
        self.close()
        tls = replace(self._tls, fingerprints=(), verify=False) if self._tls else None
        looking = Client(self._name, Server(), tls, "auto", self._timeout)
        try:
            await looking.connect(self.server_host, self.server_port)
            return fingerprint_of(looking._tls_object.getpeercert(binary_form=True) or b"")
        except (OSError, aioftp.AIOFTPException):
            return ""
        finally:
            looking.close()

    def _keep_alive(self) -> None:
        """Let no router forget the control connection, which is idle while a large file is under way."""
        control: socket.socket = self.stream.writer.get_extra_info("socket")
        control.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            control.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_SECONDS)

    @property
    def _tls_object(self) -> ssl.SSLObject:
        found: ssl.SSLObject = self.stream.writer.get_extra_info("ssl_object")
        return found

    def close(self) -> None:
        """Hang up at once: whoever wants to take leave has done so."""
        if self._stream is not None:
            self._stream.writer.transport.abort()

    # Commands and replies ---------------------------------------------------------------------------------------------

    async def ask(self, command: str) -> Reply:
        """Send a command, give its reply."""
        return (await self.ask_all([command]))[0]

    async def ask_all(self, commands: Sequence[str]) -> list[Reply]:
        """Send commands in one go, whatever the replies will be; give the replies."""
        bursts = [commands] if self._server.takes_bursts else [[], *([command] for command in commands)]
        replies = []
        for burst in bursts:
            alone = len(self._put_off) + len(burst) <= 1
            self._send(burst)
            try:
                await self._settle()
                replies += [await self._reply() for _ in burst]
            except TimeoutError:
                self._server.takes_bursts &= alone
                raise
        return replies

    def ask_later(self, command: str) -> asyncio.Future[Reply]:
        """Send a command together with the next ones; its reply is there when theirs are."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._put_off.append((command, future))
        return future

    def _send(self, commands: Sequence[str]) -> None:
        lines = [*(command for command, _ in self._put_off), *commands]
        if any("\r" in line or "\n" in line for line in lines):
            raise aioftp.errors.InvalidCommand("Command must not contain CR/LF")
        self._owed += [future for _, future in self._put_off]
        self._put_off = []
        self._unanswered += len(commands)
        self.stream.writer.write("".join(f"{line}\r\n" for line in lines).encode(self.encoding))

    async def _reply(self) -> Reply:
        await self._settle()
        reply = Reply(*await self.parse_response())
        if reply.code == "421":
            self._unanswered += 1  # it closes the connection
        elif not reply.code.matches("1xx"):
            self._unanswered -= 1
        return reply

    async def _settle(self) -> None:
        """Hear the replies to the commands that were put off."""
        while self._owed:
            self._owed[0].set_result(Reply(*await self.parse_response()))
            del self._owed[0]

    async def parse_line(self) -> tuple[Code, str]:
        """Read one line of a reply; one without an end was cut."""
        async with asyncio.timeout(self._timeout):
            line = await self.stream.reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the control connection was closed")
        text = line.decode(self.encoding).rstrip()
        return Code(text[:3]), text[3:]

    # Transfers --------------------------------------------------------------------------------------------------------

    async def transfer(self, command: str, work: Callable[[DataConnection], Awaitable[_T]], *, begun: int = 0) -> _T:
        """Do some work on a data connection for a command; the server must have said that all of it went well.

        The data connection is opened, and data sent, while the server reads the command; a refusal ends that.

        Args:
            command: STOR, RETR, MLSD…
            work: on the open connection; sending ends with ``end``.
            begun: byte to go on from.
        """
        connection = await self._data_connection()
        working = hearing = None
        try:
            if begun:
                (await self.ask(f"REST {begun}")).expect("350")
            self._send([command])
            working = asyncio.create_task(self._worked(connection, work))
            hearing = asyncio.create_task(self._heard(working))
            await asyncio.wait((working, hearing), return_when=asyncio.FIRST_EXCEPTION)
            if hearing.done():
                hearing.result()
            if failure := working.exception():
                connection.abort()
                await self._explain(failure, hearing)
            self._check_end(connection)
            return working.result()
        except BaseException:
            await _ended(working, hearing)  # nobody may wait for a socket that is closed
            connection.abort()
            raise
        finally:
            connection.close()

    async def _worked(self, connection: DataConnection, work: Callable[[DataConnection], Awaitable[_T]]) -> _T:
        await connection.open()
        if self._tls:
            session = self._tls_object.session
            protected = await connection.protect(self._tls.context, session, self.server_host)
            self._tls.check(protected, self._name)
        return await work(connection)

    async def _heard(self, working: asyncio.Task[_T]) -> None:
        """Hear the replies to a transfer; the last one is awaited when the work is done, however long that takes."""
        reply = await self._reply()
        if reply.code.matches("1xx"):
            await asyncio.wait([working])
            while reply.code.matches("1xx"):
                reply = await self._reply()
        self.closing_words = reply.text
        reply.expect("2xx")

    def _check_end(self, connection: DataConnection) -> None:
        """See that the server said in TLS that this is the end of the data, if it is one that does."""
        if connection.ended_well is False and self._ends_well:
            raise ConnectionResetError("the data connection was cut")
        self._ends_well |= connection.ended_well is True

    async def _explain(self, failure: BaseException, hearing: asyncio.Task[None]) -> None:
        """Raise the failure of some work; of a connection, the server's reason for it, if it has one, says more."""
        await asyncio.wait([hearing], timeout=_PARTING_SECONDS)
        if isinstance(failure, ConnectionError | TimeoutError | ssl.SSLError) and hearing.done():
            hearing.result()
        raise failure

    async def _data_connection(self) -> DataConnection:
        """Give a data connection that can be opened once a command was sent for it."""
        control: socket.socket = self.stream.writer.get_extra_info("socket")
        peer, own = control.getpeername(), control.getsockname()
        awaited = None
        if self._data_commands[0] in _ACTIVE:
            awaited = AwaitedConnection(peer, own, control.family, self._timeout)
        try:
            for command in self._data_commands:
                reply = await self.ask(f"{command} {_ACTIVE[command](own[0], awaited.port)}" if awaited else command)
                if not (reply.code.matches("50x") and command != self._data_commands[-1]):
                    break
                self._data_commands = self._data_commands[1:]  # it will not know it the next time either
            if awaited:
                reply.expect("200")
                return awaited
        except BaseException:
            if awaited:
                awaited.close()
            raise
        read = self.parse_epsv_response if command == "EPSV" else self.parse_pasv_response
        _, port = read(reply.expect("22x").text)
        # The address that PASV tells is often one of an inner network; the server's own is the one we came to.
        return DataConnection((peer[0], port, *peer[2:]), control.family, self._timeout)


def _eprt(host: str, port: int) -> str:
    return f"|{2 if ':' in host else 1}|{host.partition('%')[0]}|{port}|"


def _port(host: str, port: int) -> str:
    return ",".join([*host.split("."), str(port >> 8), str(port & 255)])


_ACTIVE: dict[str, Callable[[str, int], str]] = {"EPRT": _eprt, "PORT": _port}


async def _ended(*tasks: asyncio.Task[Any] | None) -> None:
    """End tasks that are not needed any longer."""
    for task in tasks:
        if task and not task.done():
            task.cancel()
            await asyncio.wait([task])
        if task and not task.cancelled():
            task.exception()  # it was seen

"""An FTP server (RFC 959, 2428, 2640, 3659), by aioftp.

Servers answer a missing folder, a missing file and a missing right alike: 226, 450, 501, 550 or 553, each in its own
way. So no such answer is believed: whether something is there is seen in the listing of the folder above, and whether
a folder is there by going into it (CWD). Seen on vsftpd, ProFTPD, Pure-FTPd and pyftpdlib.

The control connection is handled byte for byte: texts on it have one character per byte (Latin-1), and names are
UTF-8 unless the folder holds that very name in Latin-1.

Source: spec STO-8, STO-10.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import aioftp
from aioftp import StatusCodeError
from pydantic import SecretStr

from passerelle.storage.base import Entry, Features
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    Throttled,
    TooLarge,
    Unexpected,
    Unreachable,
    printable,
)
from passerelle.storage.ftp_listing import Listed, list_lines, mlsd
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, join, parent

Passive = Literal["auto", "epsv", "pasv"]
_T = TypeVar("_T")
_log = logging.getLogger(__name__)

_PASSIVE: dict[Passive, tuple[str, ...]] = {"auto": ("epsv", "pasv"), "epsv": ("epsv",), "pasv": ("pasv",)}
_BLOCK = 64 * 1024
_LARGEST_LISTING = 64 * 1024 * 1024
_IDLE_SECONDS = 5.0
_PARTING_SECONDS = 2.0
_UNCLEAR = frozenset(["450", "451", "501", "550", "551", "553"])
"""Replies that may mean absent as well as denied."""
_IN_STEP = (NotFound, AlreadyThere, Denied, BadPath, NoSpace, TooLarge)
"""After these errors every command has had its reply, the connection goes on being used."""
_MEANINGS: dict[str, type[StorageError]] = {
    "421": Throttled,
    "425": Unreachable,
    "426": Unreachable,
    "450": Throttled,
    "452": NoSpace,
    "552": NoSpace,
    "430": Denied,
    "530": Denied,
    "532": Denied,
    "550": Denied,
    "551": Denied,
    "553": Denied,
}
# Of a full disk ProFTPD says so, with 452; vsftpd and Pure-FTPd say 451 "failure writing", which is unexpected here.
_FULL = ("no space left", "disk full", "quota exceeded", "not enough space")


def _translate(error: Exception, storage: str, path: str) -> StorageError:
    """Say what a reply (RFC 959 §4.2.1) or a broken connection means.

    Whether a reply of ``_UNCLEAR`` means absent must have been looked at before.
    """
    if isinstance(error, StatusCodeError):
        number, said = _reply(error)
        full = number[0] in "45" and any(words in said.lower() for words in _FULL)
        return (NoSpace if full else _MEANINGS.get(number, Unexpected))(storage, path, said)
    if isinstance(error, TimeoutError):
        return Unreachable(storage, path, "no answer in time", "storage-timeout")
    if isinstance(error, OSError | EOFError):
        return Unreachable(storage, path, str(error) or type(error).__name__)
    return Unexpected(storage, path, f"{type(error).__name__}: {error}")


def _reply(error: StatusCodeError) -> tuple[str, str]:
    number = str(error.received_codes[-1])
    lines = [error.info] if isinstance(error.info, str) else error.info
    return number, _decoded(" ".join([number, *(line.strip(" -") for line in lines)]))


def _encoded(name: str) -> str:
    return name.encode().decode("latin-1")


def _decoded(wire: str) -> str:
    try:
        return wire.encode("latin-1").decode()
    except UnicodeDecodeError:
        return wire


class FtpStorage:
    """A folder of an FTP server; keeps the contract of ``base.Storage``.

    One connection serves all calls; when it died of idleness it is opened again without a word.

    Args:
        name: for people, without secret.
        folder: relative to the folder that the login leads to; absolute with a leading ``/``.
        passive: which commands to ask for data connections with; ``pasv`` helps with fire-walls that break EPSV.
            The address that PASV tells is never used: the server's own is.
        timeout_seconds: for the connection and for every single answer or block of data.
    """

    features = Features(partial_uploads=True, exclusive_rename=False, seamless_replace=False)
    idle_seconds = _IDLE_SECONDS

    def __init__(
        self,
        name: str,
        host: str,
        *,
        port: int = 21,
        user: str = "anonymous",
        password: SecretStr | None = None,
        folder: str = "",
        passive: Passive = "auto",
        timeout_seconds: float = 30.0,
    ) -> None:
        self.name = name
        self._host = host
        self._port = port
        self._user = user
        self._password = password or SecretStr("anonymous@" if user == "anonymous" else "")
        self._folder = folder
        self._passive = passive
        self._timeout = timeout_seconds
        self._thread: _LoopThread | None = None
        self._session: _Session | None = None

    def __enter__(self) -> Self:
        self._thread = _LoopThread()
        try:
            self._run("", lambda session: session.enter_root())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._close()

    def list(self, folder: str = "") -> list[Entry]:
        """See ``base.Storage.list``; ``modified_utc`` only where the server knows MLSD."""
        folder = clean_folder(folder, storage=self.name)
        return self._run(folder, lambda session: session.entries(folder))

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        clean_path(path, storage=self.name)
        return self._run(path, lambda session: session.read(path, limit_bytes))

    def put(self, path: str, data: bytes) -> Entry:
        """See ``base.Storage.put``."""
        clean_path(path, storage=self.name)
        return self._run(path, lambda session: session.put(path, data))

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        clean_path(src, storage=self.name)
        clean_path(dst, storage=self.name)
        self._run(src, lambda session: session.rename(src, dst, overwrite=overwrite))

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        clean_path(path, storage=self.name)
        self._run(path, lambda session: session.delete(path))

    def _run(self, path: str, verb: Callable[[_Session], Awaitable[_T]]) -> _T:
        if self._thread is None:
            raise RuntimeError(f"{self.name} is used outside of its with block")
        return self._thread.run(self._with_session(path, verb))

    async def _with_session(self, path: str, verb: Callable[[_Session], Awaitable[_T]]) -> _T:
        try:
            return await verb(await self._live_session())
        except _IN_STEP:
            raise
        except (aioftp.AIOFTPException, OSError, EOFError, ValueError, IndexError) as error:
            self._drop()
            raise _translate(error, self.name, path) from error
        except BaseException:
            self._drop()
            raise

    async def _live_session(self) -> _Session:
        if self._session and not await self._session.is_alive(self.idle_seconds):
            self._drop()
        if not self._session:
            self._session = await self._connected()
        return self._session

    async def _connected(self) -> _Session:
        client = _Client(
            socket_timeout=self._timeout,
            connection_timeout=self._timeout,
            encoding="latin-1",
            passive_commands=_PASSIVE[self._passive],
        )
        try:
            await client.connect(self._host, self._port)
            await self._log_in(client)
            session = _Session(client, self.name, self._timeout)
            await session.start(self._folder)
        except BaseException:
            client.close()
            raise
        return session

    async def _log_in(self, client: aioftp.Client) -> None:
        secret = self._password.get_secret_value()
        try:
            await client.login(_encoded(self._user), _encoded(secret))
        except StatusCodeError as refusal:
            number, said = _reply(refusal)
            if number[0] != "5":
                raise
            said = said.replace(secret, "***") if secret else said
            raise Denied(self.name, "", said, "storage-login-refused") from None

    def _drop(self) -> None:
        if self._session:
            self._session.close()
        self._session = None

    def _close(self) -> None:
        if self._thread and self._session:
            with contextlib.suppress(aioftp.AIOFTPException, OSError, EOFError, ValueError):
                self._thread.run(self._session.quit())
        if self._thread:
            self._thread.stop(self._drop)
        self._thread = None


class _Client(aioftp.Client):
    """aioftp's client, which takes what is left of an answer that was cut for the whole answer."""

    async def parse_line(self) -> tuple[aioftp.Code, str]:
        """Read one line of an answer; one without an end was cut."""
        line = await self.stream.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the control connection was closed")
        text = line.decode(self.encoding).rstrip()
        return aioftp.Code(text[:3]), text[3:]


class _Session:
    """One logged-in control connection. Paths with the word *wire* are absolute, one character per byte."""

    def __init__(self, client: aioftp.Client, name: str, timeout: float) -> None:
        self._client = client
        self._name = name
        self._timeout = timeout
        self._login_folder = "/"
        self._root = "/"
        self._knows_mlsd = True
        self._latin_names: dict[str, frozenset[str]] = {}
        self._last_used = time.monotonic()
        self._closing_words = ""

    async def start(self, folder: str) -> None:
        """Ask for UTF-8 names where the server has them, binary transfers, and see where we are."""
        with contextlib.suppress(StatusCodeError):
            _, features = await self._client.command("FEAT", "2xx")
            if any(line.strip().upper() == "UTF8" for line in features):
                await self._client.command("OPTS UTF8 ON", "2xx")
        await self._client.command("TYPE I", "2xx")
        _, said = await self._client.command("PWD", "257")
        self._login_folder = str(self._client.parse_directory_response(said[-1]))
        base = "/" if folder.startswith("/") else self._login_folder
        self._root = await self._wire(base, folder.strip("/"))

    async def is_alive(self, idle_seconds: float) -> bool:
        """Tell whether the server still answers; asked only after some idleness."""
        try:
            if time.monotonic() - self._last_used >= idle_seconds:
                await self._client.command("NOOP", "2xx")
        except StatusCodeError as refusal:
            return _reply(refusal)[0] != "421"
        except (OSError, EOFError, ValueError):
            return False
        self._last_used = time.monotonic()
        return not self._client.stream.reader.at_eof()

    async def quit(self) -> None:
        """Take leave."""
        async with asyncio.timeout(_PARTING_SECONDS):
            await self._client.quit()

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    async def enter_root(self) -> None:
        """See that the storage's folder is there."""
        await self._enter(self._root)

    async def entries(self, folder: str) -> list[Entry]:
        """See ``base.Storage.list``."""
        wire = await self._wire(self._root, folder)
        entries = []
        for listed in (await self._children(wire)).values():
            name = _decoded(listed.name)
            size = listed.size if listed.kind == "file" else None
            if size is None and listed.kind in {"file", "link"}:
                size = await self._size(f"{wire.rstrip('/')}/{listed.name}")
            if size is None:
                continue
            hidden_by_namesake = name == listed.name and not name.isascii() and name not in self._latin_names[wire]
            if hidden_by_namesake or not is_good_name(name):
                _log.warning(
                    "%s: not listed, its name is not safe or means another file: %s",
                    self._name,
                    printable(join(folder, name)),
                )
                continue
            entries.append(Entry(join(folder, name), size, listed.modified_utc))
        return entries

    async def read(self, path: str, limit_bytes: int | None) -> bytes:
        """See ``base.Storage.read``."""
        wire = await self._wire(self._root, path)
        size = await self._size_of_file(wire)
        if limit_bytes is not None and size > limit_bytes:
            raise TooLarge(self._name, path, f"{size} > {limit_bytes}")
        try:
            data = await self._download(f"RETR {wire}", size)
        except StatusCodeError as refusal:
            raise await self._judged(wire, refusal) from refusal
        if len(data) != size:
            raise Unreachable(self._name, path, f"{len(data)} / {size}")
        return data

    async def put(self, path: str, data: bytes) -> Entry:
        """See ``base.Storage.put``."""
        wire = await self._wire(self._root, path)
        try:
            await self._upload(wire, data)
        except StatusCodeError as refusal:
            if not await self._made_way(wire, refusal):
                raise await self._judged(wire, refusal, absent=Denied, folder=AlreadyThere) from refusal
            await self._upload(wire, data)
        return Entry(path, await self._size_of_file(wire))

    async def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        source, target = await self._wire(self._root, src), await self._wire(self._root, dst)
        await self._size_of_file(source)
        if not overwrite and await self._size(target) is not None:
            raise AlreadyThere(self._name, dst)
        try:
            await self._move(source, target)
        except StatusCodeError as refusal:
            if not await self._made_way(target, refusal):
                there = await self._look(target)
                if there is None:
                    number, said = _reply(refusal)
                    # Pure-FTPd: 451 Rename/move failure: Permission denied
                    raise (Denied(self._name, dst, said) if number == "451" else refusal) from refusal
                if not overwrite or there.kind == "folder":
                    raise AlreadyThere(self._name, dst) from refusal
                await self._client.command(f"DELE {target}", "2xx")  # a server whose rename does not replace
            await self._move(source, target)

    async def _move(self, source: str, target: str) -> None:
        try:
            await self._client.command(f"RNFR {source}", "350")
        except StatusCodeError as refusal:
            raise await self._judged(source, refusal) from refusal
        await self._client.command(f"RNTO {target}", "2xx")

    async def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        wire = await self._wire(self._root, path)
        try:
            await self._client.command(f"DELE {wire}", "2xx")
        except StatusCodeError as refusal:
            raise await self._judged(wire, refusal) from refusal

    async def _wire(self, base: str, path: str) -> str:
        """Give a path below ``base`` in the bytes that the server knows it by."""
        for name in path.split("/") if path else ():
            if not name.isascii() and base not in self._latin_names:
                with contextlib.suppress(NotFound, Denied):
                    await self._children(base)
            known = name if name in self._latin_names.get(base, ()) else _encoded(name)
            base = f"{base.rstrip('/')}/{known}"
        return base

    def _path(self, wire: str) -> str:
        return _decoded(wire.removeprefix(self._root).strip("/"))

    async def _enter(self, folder: str) -> None:
        try:
            await self._client.command(f"CWD {folder}", "2xx")
        except StatusCodeError as refusal:
            if folder in {"/", self._login_folder}:
                raise
            raise await self._judged(folder, refusal, folder=Denied, file=NotFound) from refusal

    async def _children(self, folder: str) -> dict[str, Listed]:
        """Give all that a folder holds, by name on the wire.

        Commands get no path to list, so that none takes part of it for an option or a pattern.
        """
        await self._enter(folder)
        listed = await self._by_mlsd() if self._knows_mlsd else None
        if listed is None:
            listed = await self._by_list(folder)
        if listed is None:
            listed = await self._by_names()
        found = {one.name: one for one in listed}
        self._latin_names[folder] = frozenset(
            name for name in found if not name.isascii() and _decoded(name) == name and _encoded(name) not in found
        )
        return found

    async def _by_mlsd(self) -> list[Listed] | None:
        try:
            lines = await self._lines("MLSD")
        except StatusCodeError as refusal:
            if not _reply(refusal)[0].startswith("50"):
                raise
            self._knows_mlsd = False
            return None
        return [one for line in lines if (one := mlsd(line))]

    async def _by_list(self, folder: str) -> list[Listed] | None:
        """LIST, with hidden files where the server shows them: it then shows at least the folder itself."""
        lines: list[str] = []
        with contextlib.suppress(StatusCodeError):  # a server may look for something named "-a"
            lines = await self._lines("LIST -a")
        lines = lines or await self._lines("LIST")
        if not lines and "failed" in self._closing_words:  # vsftpd: 226 Transfer done (but failed to open directory).
            raise Denied(self._name, self._path(folder), self._closing_words)
        return list_lines(lines)

    async def _by_names(self) -> list[Listed]:
        """NLST, and one SIZE for each name: what has none is no file."""
        try:
            lines = await self._lines("NLST")
        except StatusCodeError as refusal:
            if _reply(refusal)[0] not in {"450", "550"}:  # the answers of some servers to an empty folder
                raise
            lines = []
        listed = []
        for name in {line.rpartition("/")[2] for line in lines} - {"", ".", ".."}:
            try:
                _, said = await self._client.command(f"SIZE {name}", "213")
                listed.append(Listed(name, "file", int(said[-1])))
            except StatusCodeError as refusal:
                if _reply(refusal)[0] != "550":
                    raise
                listed.append(Listed(name, "folder"))
        return listed

    async def _look(self, wire: str) -> Listed | None:
        """Look for something in the folder above it."""
        try:
            return (await self._children(parent(wire) or "/")).get(wire.rpartition("/")[2])
        except NotFound:
            return None

    async def _judged(
        self,
        wire: str,
        refusal: StatusCodeError,
        *,
        absent: type[StorageError] = NotFound,
        folder: type[StorageError] = NotFound,
        file: type[StorageError] | None = None,
    ) -> StorageError:
        """Tell what a refusal about a path means, by looking whether there is such a file, a folder or nothing."""
        number, said = _reply(refusal)
        if number in _UNCLEAR:
            there = await self._look(wire)
            meaning = absent if there is None else folder if there.kind == "folder" else file
            if meaning:
                return meaning(self._name, self._path(wire), said)
        return _translate(refusal, self._name, self._path(wire))

    async def _size(self, wire: str) -> int | None:
        """Give the size of a file; ``None`` when there is none, or something else than a file."""
        try:
            _, said = await self._client.command(f"SIZE {wire}", "213")
            return int(said[-1])
        except StatusCodeError as refusal:
            number, _ = _reply(refusal)
            if number.startswith("50"):
                there = await self._look(wire)
                return there.size if there and there.kind == "file" else None
            if number not in _UNCLEAR:
                raise
            return None

    async def _size_of_file(self, wire: str) -> int:
        size = await self._size(wire)
        if size is None:
            there = await self._look(wire)
            error = Denied if there and there.kind == "file" else NotFound
            raise error(self._name, self._path(wire))
        return size

    async def _made_way(self, wire: str, refusal: StatusCodeError) -> bool:
        """Create the folders on the way to a file if their absence can be the reason of a refusal."""
        folder = parent(wire) or "/"
        if _reply(refusal)[0] not in _UNCLEAR or folder == self._root:
            return False
        try:
            await self._enter(folder)
        except NotFound:
            await self._make_folders(folder)
            return True
        return False

    async def _make_folders(self, folder: str) -> None:
        await self._enter(self._root)
        made, refused = self._root.rstrip("/"), None
        for name in folder.removeprefix(made).strip("/").split("/"):
            made = f"{made}/{name}"
            try:
                await self._client.command(f"MKD {made}", "2xx")
            except StatusCodeError as refusal:  # most often because it is there already
                refused = refusal
        try:
            await self._enter(folder)
        except NotFound:
            if refused:
                raise _translate(refused, self._name, self._path(folder)) from refused
            raise

    async def _lines(self, command: str) -> list[str]:
        data = await self._download(command, _LARGEST_LISTING)
        if not data.endswith(b"\n") and data:
            raise ConnectionResetError("the listing was cut")
        return [line for raw in data.split(b"\n") if (line := raw.removesuffix(b"\r").decode("latin-1"))]

    async def _download(self, command: str, most_bytes: int) -> bytes:
        data = bytearray()
        async with self._data_connection(command) as (reader, _):
            while block := await self._in_time(reader.read(_BLOCK)):
                data += block
                if len(data) > most_bytes:
                    raise Unreachable(self._name, "", f"more than {most_bytes} bytes")
        return bytes(data)

    async def _upload(self, wire: str, data: bytes) -> None:
        view = memoryview(data)
        async with self._data_connection(f"STOR {wire}") as (_, writer):
            for start in range(0, len(view), _BLOCK):
                writer.write(view[start : start + _BLOCK])
                await self._in_time(writer.drain())

    @contextlib.asynccontextmanager
    async def _data_connection(self, command: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a data connection for a command; at the end the server must have said that all of it went well."""
        reader, writer = await self._client.get_passive_connection("I")
        writer.transport.set_write_buffer_limits(0)  # so that drain() waits until everything is handed over
        try:
            await self._client.command(command, "1xx")
            yield reader, writer
        except BaseException as error:
            writer.transport.abort()
            if isinstance(error, ConnectionError):  # the server's reason, if it has one, says more
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PARTING_SECONDS):
                        await self._client.command(None, "2xx", "1xx")
            raise
        writer.close()
        _, said = await self._client.command(None, "2xx", "1xx")
        self._closing_words = _decoded(" ".join(said))

    async def _in_time(self, step: Awaitable[_T]) -> _T:
        async with asyncio.timeout(self._timeout):
            return await step


class _LoopThread:
    """An event loop of its own, so that the caller may be synchronous or run in another loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="passerelle-ftp", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do some work on the loop and wait for it; an interruption of the wait cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self, last: Callable[[], None]) -> None:
        """Do a last thing on the loop and end it."""

        async def end() -> None:
            last()
            await asyncio.sleep(0)  # transports close on the next turn

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

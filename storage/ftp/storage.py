"""A folder of an FTP server as a storage: the verbs, shared out to the connections.

Source: spec STO-1, STO-10, STO-11; style 1 §1.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import aioftp
from aioftp import StatusCodeError
from pydantic import SecretStr

from passerelle.storage.base import Entry, Features, LocalFile, Moved, unwatched
from passerelle.storage.errors import AlreadyThere, Denied, NotFound, StorageError
from passerelle.storage.ftp.client import Client, DataConnections, Reply, Server
from passerelle.storage.ftp.replies import encoded, parts, translate
from passerelle.storage.ftp.session import Session
from passerelle.storage.ftp.tls import Tls
from passerelle.storage.paths import clean_folder, clean_path, parent

_T = TypeVar("_T")
_R = TypeVar("_R")
_log = logging.getLogger(__name__)

_IDLE_SECONDS = 5.0
_WORTH_A_CONNECTION = 4
"""Files, folders or bursts of renames for which a further connection is opened: to log in takes as long as these."""
_RENAMES_AT_ONCE = 50


class FtpStorage:
    """A folder of an FTP server; keeps the contract of ``base.Storage``.

    One connection serves all calls, and more of them the verbs for many files. They stay open for the next calls; one
    that died of idleness is opened again without a word. Where the server lets in fewer than allowed, those do it all.

    Args:
        name: for people, without secret.
        folder: relative to the folder that the login leads to; absolute with a leading ``/``.
        tls: ``None``: all goes in plain text, the password too.
        data_connections: who opens them, and how they are asked for: ``auto``, ``epsv`` and ``pasv`` by us; ``pasv``
            helps with fire-walls that break EPSV. The address that PASV tells is never used: the server's own is.
            ``active``: by the server, which must be able to reach this machine.
        timeout_seconds: for the connection and for every single answer or block of data.
        connections: how many may be open at once.
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
        tls: Tls | None = None,
        data_connections: DataConnections = "auto",
        timeout_seconds: float = 30.0,
        connections: int = 4,
    ) -> None:
        self.name = name
        self._host = host
        self._port = port
        self._user = user
        self._password = password or SecretStr("anonymous@" if user == "anonymous" else "")
        self._folder = folder
        self._tls = tls
        self._data_connections: DataConnections = data_connections
        self._timeout = timeout_seconds
        self._most = connections
        self._thread: _LoopThread | None = None
        self._server = Server()
        self._free: list[Session] = []

    def __enter__(self) -> Self:
        self._thread = _LoopThread()
        self._server = Server()
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

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """See ``base.Storage.list``; ``modified_utc`` only where the server knows MLSD."""
        folder = clean_folder(folder, storage=self.name)
        top = self._run(folder, lambda session: session.folder(folder))
        found, below = top.files, [_Below(path, frozenset([unique])) for path, unique in top.folders]
        while recursive and below:
            listed = list(self._each(below, lambda one: one.path, _listed))
            found += [entry for files, _ in listed for entry in files]
            below = [one for _, folders in listed for one in folders]
        return found

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        clean_path(path, storage=self.name)
        return self._run(path, lambda session: session.read(path, limit_bytes))

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """See ``base.Storage.put``."""
        clean_path(path, storage=self.name)
        return self._run(path, lambda session: session.put(path, data, overwrite=overwrite))

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        clean_path(src, storage=self.name)
        clean_path(dst, storage=self.name)
        self._run(src, lambda session: session.rename(src, dst, overwrite=overwrite))

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        clean_path(path, storage=self.name)
        self._run(path, lambda session: session.delete(path))

    def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``; where the server has HASH, XSHA256, XSHA1 or XMD5."""
        clean_path(path, storage=self.name)
        return self._run(path, lambda session: session.checksum(path))

    def put_files(
        self, files: Sequence[LocalFile], *, overwrite: bool = True, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[Entry]:
        """See ``base.Storage.put_files``; what is there is seen in one listing of each folder beforehand."""
        for file in files:
            clean_path(file.path, storage=self.name)
        there = self._sizes({parent(file.path) for file in files}) if resume or not overwrite else {}

        async def send_each(session: Session, waiting: deque[LocalFile], give: Callable[[Entry], None]) -> None:
            sent: deque[tuple[LocalFile, asyncio.Future[Reply]]] = deque()
            try:
                while waiting:
                    file = waiting.popleft()
                    with self._translated(file.path):
                        if not overwrite and file.path in there:
                            raise AlreadyThere(self.name, file.path)
                        sent.append((file, await session.put_file(file, there.get(file.path, 0), moved)))
                        await self._give_answered(session, sent, give)
            finally:
                if sent and session.in_step:
                    with self._translated(sent[0][0].path):
                        await session.all_answers()
                        await self._give_answered(session, sent, give)

        yield from self._shared_out(files, send_each)

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        """See ``base.Storage.get_files``."""
        for file in files:
            clean_path(file.path, storage=self.name)

        async def fetch(session: Session, file: LocalFile) -> LocalFile | None:
            return file if await session.get_file(file, resume=resume, moved=moved) else None

        yield from (file for file in self._each(files, lambda file: file.path, fetch) if file)

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """See ``base.Storage.rename_files``; what is there is seen in one listing of each folder beforehand."""
        for path in (path for pair in pairs for path in pair):
            clean_path(path, storage=self.name)
        many = len(pairs) >= _WORTH_A_CONNECTION
        there = self._sizes({parent(path) for pair in pairs for path in pair}) if many else {}
        clear = [(src, dst) for src, dst in pairs if src in there and (overwrite or dst not in there)]

        async def rename(session: Session, pair: tuple[str, str]) -> None:
            await session.rename(*pair, overwrite=overwrite)

        async def rename_all(session: Session, some: Sequence[tuple[str, str]]) -> None:
            refused = await session.rename_all(some)
            while refused:  # the first one alone: it says why, or makes the folders that the others need too
                with self._translated(refused[0][0]):
                    await rename(session, refused[0])
                refused = await session.rename_all(refused[1:])

        bursts = [clear[start : start + _RENAMES_AT_ONCE] for start in range(0, len(clear), _RENAMES_AT_ONCE)]
        for _ in self._each(bursts, lambda some: some[0][0], rename_all):
            pass
        for _ in self._each(sorted({*pairs} - {*clear}), lambda pair: pair[0], rename):
            pass

    def _sizes(self, folders: set[str]) -> dict[str, int]:
        """Give the files of some folders, and their sizes; an absent one holds none."""

        async def sizes(session: Session, folder: str) -> dict[str, int]:
            try:
                return {entry.path: entry.size for entry in (await session.folder(folder)).files}
            except NotFound:
                return {}

        found: dict[str, int] = {}
        for some in self._each(sorted(folders), str, sizes):
            found |= some
        return found

    async def _give_answered(
        self, session: Session, sent: deque[tuple[LocalFile, asyncio.Future[Reply]]], give: Callable[[Entry], None]
    ) -> None:
        """Give the files whose size the server has told by now."""
        while sent and sent[0][1].done():
            give(await session.size_after(*sent.popleft()))

    # Work on the connections ------------------------------------------------------------------------------------------

    @property
    def _loop(self) -> _LoopThread:
        if self._thread is None:
            raise RuntimeError(f"{self.name} is used outside of its with block")
        return self._thread

    def _run(self, path: str, verb: Callable[[Session], Awaitable[_T]]) -> _T:
        """Do something on one connection."""

        async def done() -> _T:
            with self._translated(path):
                async with self._kept(await self._live_session()) as session:
                    return await verb(session)

        return self._loop.run(done())

    def _each(
        self, items: Sequence[_T], path_of: Callable[[_T], str], work: Callable[[Session, _T], Awaitable[_R]]
    ) -> Iterator[_R]:
        """Do something for each item, on several connections; give the results as they come."""

        async def work_each(session: Session, waiting: deque[_T], give: Callable[[_R], None]) -> None:
            while waiting:
                item = waiting.popleft()
                with self._translated(path_of(item)):
                    give(await work(session, item))

        return self._shared_out(items, work_each)

    def _shared_out(
        self,
        items: Sequence[_T],
        worker: Callable[[Session, deque[_T], Callable[[_R], None]], Awaitable[None]],
    ) -> Iterator[_R]:
        """Let a worker on each connection take items and give results; these come out here as they are given.

        When a worker fails, or the caller stops asking, no other item is begun; those under way are finished.
        """
        waiting = deque(items)
        given: queue.SimpleQueue[tuple[_R, ...]] = queue.SimpleQueue()
        work = self._loop.start(self._worked(waiting, worker, lambda result: given.put((result,))))
        work.add_done_callback(lambda _: given.put(()))  # nothing more comes
        try:
            while result := given.get():
                yield result[0]
        except GeneratorExit:
            self._loop.soon(waiting.clear)
            wait([work])
            raise
        except BaseException:
            work.cancel()
            raise
        work.result()

    async def _worked(
        self,
        waiting: deque[_T],
        worker: Callable[[Session, deque[_T], Callable[[_R], None]], Awaitable[None]],
        give: Callable[[_R], None],
    ) -> None:
        failures: list[BaseException] = []

        async def work(number: int) -> None:
            try:
                with self._translated(""):
                    session = await self._live_session()
            except StorageError as error:
                if number == 0:
                    waiting.clear()
                    failures.append(error)
                elif number < self._most:
                    _log.info("%s: goes on with %d connections: %s", self.name, number, error)
                    self._most = number
                return
            async with self._kept(session):
                try:
                    await worker(session, waiting, give)
                except BaseException as error:
                    waiting.clear()
                    failures.append(error)
                    raise

        wanted = min(self._most, -(-len(waiting) // _WORTH_A_CONNECTION))
        await asyncio.gather(*(work(number) for number in range(wanted)), return_exceptions=True)
        if failures:
            raise failures[0]

    @contextlib.contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except (aioftp.AIOFTPException, OSError, EOFError, ValueError, IndexError) as error:
            raise translate(error, self.name, path) from error

    @contextlib.asynccontextmanager
    async def _kept(self, session: Session) -> AsyncIterator[Session]:
        """Use a connection, and keep it for others unless it has become useless."""
        try:
            yield session
        finally:
            if session.in_step:
                self._free.append(session)
            else:
                session.close()

    async def _live_session(self) -> Session:
        while self._free:
            session = self._free.pop()
            if await session.is_alive(self.idle_seconds):
                return session
            session.close()
        return await self._connected()

    async def _connected(self) -> Session:
        client = Client(self.name, self._server, self._tls, self._data_connections, self._timeout)
        try:
            await client.connect(self._host, self._port)
            await self._log_in(client)
            session = Session(client, self.name, self._server)
            await session.start(self._folder)
        except BaseException:
            client.close()
            raise
        return session

    async def _log_in(self, client: Client) -> None:
        secret = self._password.get_secret_value()
        try:
            await client.login(encoded(self._user), encoded(secret))
        except StatusCodeError as refusal:
            number, said = parts(refusal)
            if number[0] != "5":
                raise
            said = said.replace(secret, "***") if secret else said
            raise Denied(self.name, "", said, "storage-login-refused") from None

    def _close(self) -> None:
        if self._thread:
            self._thread.run(self._quit())
            self._thread.stop()
        self._thread = None

    async def _quit(self) -> None:
        sessions, self._free = self._free, []
        await asyncio.gather(*(session.quit() for session in sessions), return_exceptions=True)
        for session in sessions:
            session.close()
        await asyncio.sleep(0)  # transports close on the next turn


class _LoopThread:
    """An event loop of its own, so that the caller may be synchronous or run in another loop."""

    def __init__(self) -> None:
        self._loop = asyncio.SelectorEventLoop()  # the only kind that waits for our sockets on every system
        self._thread = threading.Thread(target=self._loop.run_forever, name="passerelle-ftp", daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Begin some work on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do some work on the loop and wait for it; an interruption of the wait cancels it."""
        future = self.start(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def soon(self, step: Callable[[], object]) -> None:
        """Have something done on the loop."""
        self._loop.call_soon_threadsafe(step)

    def stop(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Below(NamedTuple):
    """A folder to be listed too, with what identifies it and those above it."""

    path: str
    unique: frozenset[str]


async def _listed(session: Session, below: _Below) -> tuple[list[Entry], list[_Below]]:
    """List a folder below; a link that leads back up is not followed, and the folder may be gone by now."""
    try:
        folder = await session.folder(below.path)
    except NotFound:
        return [], []
    new = [(path, unique) for path, unique in folder.folders if not unique or unique not in below.unique]
    return folder.files, [_Below(path, below.unique | {unique}) for path, unique in new]

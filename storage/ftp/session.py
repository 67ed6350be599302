"""The verbs on one connection to an FTP server.

Servers answer a missing folder, a missing file and a missing right alike: 226, 450, 501, 550 or 553, each in its own
way. So no such answer is believed: whether something is there is seen in the listing of the folder above, and whether
a folder is there by going into it (CWD). Seen on vsftpd, ProFTPD, Pure-FTPd and pyftpdlib.

Source: spec STO-8, STO-10; RFC 959, 2640, 3659.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import aioftp
from aioftp import StatusCodeError

from passerelle.storage.base import Entry, LocalFile, Moved
from passerelle.storage.errors import (
    AlreadyThere,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    TooLarge,
    Transient,
    Unexpected,
    Unreachable,
    printable,
)
from passerelle.storage.ftp.client import Client, Reply, Server
from passerelle.storage.ftp.data import DataConnection
from passerelle.storage.ftp.listing import Listed, list_lines, mlsd
from passerelle.storage.ftp.replies import UNCLEAR, decoded, encoded, is_unknown_command, parts, translate
from passerelle.storage.local_files import opened_to_fetch, opened_to_send
from passerelle.storage.paths import is_good_name, join, parent

_log = logging.getLogger(__name__)

_BLOCK = 256 * 1024
_COMPARED_BYTES = 1024 * 1024
_LARGEST_LISTING = 64 * 1024 * 1024
_PARTING_SECONDS = 2.0
_CHECKSUMS = {"SHA-256": ("XSHA256", "sha256"), "SHA-1": ("XSHA1", "sha1"), "MD5": ("XMD5", "md5")}
"""Algorithms as HASH names them, the best first: the command for it alone, and its name with us."""
_HEX = re.compile(r"\b[0-9A-Fa-f]{32,64}\b")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder's content: its files, and the folders directly in it with what identifies them (see ``Listed``)."""

    files: list[Entry]
    folders: list[tuple[str, str]]


class Session:
    """One logged-in control connection. Paths with the word *wire* are absolute, one character per byte."""

    def __init__(self, client: Client, name: str, server: Server) -> None:
        self._client = client
        self._name = name
        self._server = server
        self._last_used = time.monotonic()

    @property
    def in_step(self) -> bool:
        """Whether it can go on being used."""
        return self._client.in_step

    # Beginning and end ------------------------------------------------------------------------------------------------

    async def start(self, folder: str) -> None:
        """Ask for UTF-8 names where the server has them, binary transfers, and see where we are."""
        known = self._server
        first = known.features is None
        if known.features is None:
            reply = await self._client.ask("FEAT")
            known.features = [line.strip().upper() for line in reply.lines] if reply.code.matches("2xx") else []
            known.knows_mlsd = not known.features or any(line.startswith("MLST") for line in known.features)
        if "UTF8" in known.features:
            await self._client.ask("OPTS UTF8 ON")
        await self._command("TYPE I")
        if first:
            said = (await self._command("PWD", "257")).lines[-1]
            known.login_folder = str(self._client.parse_directory_response(said))
            base = "/" if folder.startswith("/") else known.login_folder
            known.root = await self._wire(base, folder.strip("/"))

    async def is_alive(self, idle_seconds: float) -> bool:
        """Tell whether the server still answers; asked only after some idleness."""
        try:
            if time.monotonic() - self._last_used >= idle_seconds:
                await self._client.ask("NOOP")
        except (OSError, EOFError, ValueError, aioftp.AIOFTPException):
            return False
        self._last_used = time.monotonic()
        return self._client.in_step

    async def quit(self) -> None:
        """Take leave."""
        async with asyncio.timeout(_PARTING_SECONDS):
            await self._client.ask("QUIT")

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    async def enter_root(self) -> None:
        """See that the storage's folder is there."""
        await self._enter(self._server.root)

    # Verbs ------------------------------------------------------------------------------------------------------------

    async def folder(self, folder: str) -> Folder:
        """Give what a folder holds."""
        wire = await self._path_on_wire(folder)
        found = Folder([], [])
        for listed in (await self._children(wire)).values():
            size = listed.size if listed.kind == "file" else None
            if size is None and listed.kind in {"file", "link"}:
                size = await self._size(_under(wire, listed.name))
            if size is None and listed.kind != "folder":
                continue
            name = decoded(listed.name)
            if not is_good_name(name) or self._has_namesake(wire, listed.name):
                _log.warning(
                    "%s: not listed, its name is not safe or means another file: %s",
                    self._name,
                    printable(join(folder, name)),
                )
            elif size is None:
                found.folders.append((join(folder, name), listed.unique))
            else:
                found.files.append(Entry(join(folder, name), size, listed.modified_utc))
        return found

    async def read(self, path: str, limit_bytes: int | None) -> bytes:
        """See ``base.Storage.read``."""
        wire = await self._path_on_wire(path)
        size = await self._size_of_file(wire)
        if limit_bytes is not None and size > limit_bytes:
            raise TooLarge(self._name, path, f"{size} > {limit_bytes}")
        data = await self._retrieved(wire, 0, size)
        if len(data) != size:
            raise Unreachable(self._name, path, f"{len(data)} / {size}")
        return data

    async def put(self, path: str, data: bytes, *, overwrite: bool) -> Entry:
        """See ``base.Storage.put``."""
        wire = await self._path_on_wire(path)
        if not overwrite and await self._look(wire):
            raise AlreadyThere(self._name, path)

        async def send(connection: DataConnection) -> None:
            await connection.send(data)
            await connection.end()

        await self._stored(wire, send)
        return Entry(path, await self._size_of_file(wire))

    async def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        source, target = await self._path_on_wire(src), await self._path_on_wire(dst)
        await self._size_of_file(source)
        if not overwrite and await self._size(target) is not None:
            raise AlreadyThere(self._name, dst)
        try:
            await self._with_folders(target, lambda: self._move(source, target))
        except StatusCodeError as refusal:
            there = await self._look(target)
            if there is None:
                number, said = parts(refusal)
                # Pure-FTPd: 451 Rename/move failure: Permission denied
                raise (Denied(self._name, dst, said) if number == "451" else refusal) from refusal
            if not overwrite or there.kind == "folder":
                raise AlreadyThere(self._name, dst) from refusal
            await self._command(f"DELE {target}")  # a server whose rename does not replace
            await self._move(source, target)

    async def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        wire = await self._path_on_wire(path)
        try:
            await self._command(f"DELE {wire}")
        except StatusCodeError as refusal:
            raise await self._judged(wire, refusal) from refusal

    async def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``; by HASH, or by the older command for one algorithm."""
        wire = await self._path_on_wire(path)
        await self._size_of_file(wire)
        features = self._server.features or []
        hashes = next((line.partition(" ")[2] for line in features if line.startswith("HASH ")), "")
        offered = {algorithm.rstrip("*") for algorithm in hashes.split(";")}
        for algorithm, (command, ours) in _CHECKSUMS.items():
            if algorithm in offered:
                replies = await self._client.ask_all([f"OPTS HASH {algorithm}", f"HASH {wire}"])
            elif command in features:
                replies = [await self._client.ask(f"{command} {wire}")]
            else:
                continue
            digits = _HEX.search(replies[-1].text)
            if all(reply.code.matches("2xx") for reply in replies) and digits:
                return f"{ours}:{digits[0].lower()}"
        return None

    # Many files -------------------------------------------------------------------------------------------------------

    async def put_file(self, file: LocalFile, begun: int, moved: Moved) -> asyncio.Future[Reply]:
        """Send a file; its size is asked for together with the next command, which spares an answer's way.

        Args:
            file: which.
            begun: how many bytes of it are there already, if they are the same.
            moved: told of the bytes as they move.
        """
        wire = await self._path_on_wire(file.path)
        with opened_to_send(file, self._name) as source:
            begun = begun if await self._is_begun(wire, source, begun) else 0
            if begun < file.size or not begun:
                await self._sent(file, wire, source, begun, moved)
        return self._client.ask_later(f"SIZE {wire}")

    async def size_after(self, file: LocalFile, answer: asyncio.Future[Reply]) -> Entry:
        """Give a file that was sent, with the size that the server told."""
        reply = await answer
        if reply.code.matches("213"):
            return Entry(file.path, int(reply.text))
        return Entry(file.path, await self._size_of_file(await self._path_on_wire(file.path)))

    async def all_answers(self) -> None:
        """Have the answers to what was put off."""
        await self._client.ask_all([])

    async def get_file(self, file: LocalFile, *, resume: bool, moved: Moved) -> bool:
        """Fetch a file; tell whether there is one."""
        wire = await self._path_on_wire(file.path)
        with opened_to_fetch(file, self._name, resume=resume) as (target, begun):
            if begun == file.size and begun:
                size = await self._size(wire)
                if size is not None and size != file.size:
                    raise Unreachable(self._name, file.path, f"{size} / {file.size}")
                return size is not None
            try:
                await self._fetched(file, wire, target, begun, moved)
            except StatusCodeError as refusal:
                if not begun:
                    with contextlib.suppress(NotFound):
                        raise await self._judged(wire, refusal) from refusal
                    return False
                target.truncate(target.seek(0))
                return await self.get_file(file, resume=False, moved=moved)
        return True

    async def rename_all(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Rename files in one go, all known to be files; give the pairs that were refused."""
        wires = [(await self._path_on_wire(src), await self._path_on_wire(dst)) for src, dst in pairs]
        commands = [command for src, dst in wires for command in (f"RNFR {src}", f"RNTO {dst}")]
        replies = await self._client.ask_all(commands)
        return [pair for pair, reply in zip(pairs, replies[1::2], strict=True) if not reply.code.matches("2xx")]

    async def _sent(self, file: LocalFile, wire: str, source: BinaryIO, begun: int, moved: Moved) -> None:
        async def send(connection: DataConnection) -> None:
            over = source.seek(begun)
            while block := source.read(_BLOCK):
                await connection.send(block)
                over += len(block)
                moved(file.path, over)
            if over != file.size:
                detail = f"{file.local.name}: {over} / {file.size}"
                raise Unexpected(self._name, file.path, detail, "storage-local-changed")
            await connection.end()

        try:
            await self._stored(wire, send, begun)
        except StorageError as error:
            if not (begun and self.in_step) or isinstance(error, NoSpace | Transient):
                raise
            await self._sent(file, wire, source, 0, moved)  # to a server that does not go on from where we were

    async def _is_begun(self, wire: str, source: BinaryIO, begun: int) -> bool:
        """Tell whether what is there ends as the beginning of a file does."""
        start = max(0, begun - _COMPARED_BYTES)
        source.seek(start)
        expected = source.read(begun - start)
        if not begun or len(expected) < begun - start:
            return False
        try:
            return await self._retrieved(wire, start, begun - start) == expected
        except (StatusCodeError, NotFound, Denied):
            return False

    async def _fetched(self, file: LocalFile, wire: str, target: BinaryIO, begun: int, moved: Moved) -> None:
        buffer = memoryview(bytearray(min(_BLOCK, file.size - begun) + 1))

        async def receive(connection: DataConnection) -> int:
            over = begun
            while over <= file.size and (got := await connection.receive(buffer)):
                target.write(buffer[:got])
                over += got
                moved(file.path, over)
            if over != file.size:
                raise Unreachable(self._name, file.path, f"{over} / {file.size}")
            return over

        await self._client.transfer(f"RETR {wire}", receive, begun=begun)

    # Transfers --------------------------------------------------------------------------------------------------------

    async def _stored(self, wire: str, send: Callable[[DataConnection], Awaitable[None]], begun: int = 0) -> None:
        """Upload a file, creating the folders on the way to it where they are missing."""
        try:
            await self._with_folders(wire, lambda: self._client.transfer(f"STOR {wire}", send, begun=begun))
        except StatusCodeError as refusal:
            if parts(refusal)[0] == "450":  # of an upload this means what it says: not now
                raise
            raise await self._judged(wire, refusal, absent=Denied, folder=AlreadyThere) from refusal

    async def _retrieved(self, wire: str, start: int, size: int) -> bytes:
        """Download a file from a byte on; one byte more than its size, if there is more."""
        try:
            return await self._downloaded(f"RETR {wire}", size, start)
        except StatusCodeError as refusal:
            raise await self._judged(wire, refusal) from refusal

    async def _downloaded(self, command: str, most_bytes: int, start: int = 0) -> bytes:
        async def receive(connection: DataConnection) -> bytes:
            data, buffer = bytearray(), memoryview(bytearray(min(_BLOCK, most_bytes + 1)))
            while got := await connection.receive(buffer):
                data += buffer[:got]
                if len(data) > most_bytes:
                    raise Unreachable(self._name, "", f"more than {most_bytes} bytes")
            return bytes(data)

        return await self._client.transfer(command, receive, begun=start)

    async def _command(self, command: str, expected: str = "2xx") -> Reply:
        return (await self._client.ask(command)).expect(expected)

    # Looking ----------------------------------------------------------------------------------------------------------

    async def _move(self, source: str, target: str) -> None:
        try:
            await self._command(f"RNFR {source}", "350")
        except StatusCodeError as refusal:
            raise await self._judged(source, refusal) from refusal
        await self._command(f"RNTO {target}")

    async def _wire(self, base: str, path: str) -> str:
        """Give a path below ``base`` in the bytes that the server knows it by."""
        for name in path.split("/") if path else ():
            if not name.isascii() and base not in self._server.latin_names:
                with contextlib.suppress(NotFound, Denied):
                    await self._children(base)
            known = name if name in self._server.latin_names.get(base, ()) else encoded(name)
            base = _under(base, known)
        return base

    def _path(self, wire: str) -> str:
        return decoded(wire.removeprefix(self._server.root).strip("/"))

    async def _enter(self, folder: str) -> None:
        try:
            await self._command(f"CWD {folder}")
        except StatusCodeError as refusal:
            if folder in {"/", self._server.login_folder}:
                raise
            error = await self._judged(folder, refusal, folder=Denied, file=NotFound)
            # It may have been created on another connection in between.
            if not (isinstance(error, Denied) and (await self._client.ask(f"CWD {folder}")).code.matches("2xx")):
                raise error from refusal

    async def _children(self, folder: str) -> dict[str, Listed]:
        """Give all that a folder holds, by name on the wire.

        Commands get no path to list, so that none takes part of it for an option or a pattern.
        """
        await self._enter(folder)
        listed = await self._by_mlsd() if self._server.knows_mlsd else None
        if listed is None:
            listed = await self._by_list(folder)
        if listed is None:
            listed = await self._by_names()
        found = {one.name: one for one in listed}
        self._server.latin_names[folder] = frozenset(
            name for name in found if not name.isascii() and decoded(name) == name and encoded(name) not in found
        )
        return found

    async def _by_mlsd(self) -> list[Listed] | None:
        try:
            lines = await self._lines("MLSD")
        except StatusCodeError as refusal:
            if not is_unknown_command(refusal):
                raise
            self._server.knows_mlsd = False
            return None
        return [one for line in lines if (one := mlsd(line))]

    async def _by_list(self, folder: str) -> list[Listed] | None:
        """LIST, with hidden files where the server shows them: it then shows at least the folder itself."""
        lines: list[str] = []
        with contextlib.suppress(StatusCodeError):  # a server may look for something named "-a"
            lines = await self._lines("LIST -a")
        lines = lines or await self._lines("LIST")
        said = self._client.closing_words
        if not lines and "failed" in said:  # vsftpd: 226 Transfer done (but failed to open directory).
            raise Denied(self._name, self._path(folder), said)
        return list_lines(lines)

    async def _by_names(self) -> list[Listed]:
        """NLST, and one SIZE for each name: what has none is no file."""
        try:
            lines = await self._lines("NLST")
        except StatusCodeError as refusal:
            if parts(refusal)[0] not in {"450", "550"}:  # the answers of some servers to an empty folder
                raise
            lines = []
        listed = []
        for name in {line.rpartition("/")[2] for line in lines} - {"", ".", ".."}:
            try:
                reply = await self._command(f"SIZE {name}", "213")
                listed.append(Listed(name, "file", int(reply.text)))
            except StatusCodeError as refusal:
                if parts(refusal)[0] != "550":
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
        number, said = parts(refusal)
        if number in UNCLEAR:
            there = await self._look(wire)
            meaning = absent if there is None else folder if there.kind == "folder" else file
            if meaning:
                return meaning(self._name, self._path(wire), said)
        return translate(refusal, self._name, self._path(wire))

    async def _size(self, wire: str) -> int | None:
        """Give the size of a file; ``None`` when there is none, or something else than a file."""
        try:
            reply = await self._command(f"SIZE {wire}", "213")
            return int(reply.text)
        except StatusCodeError as refusal:
            number, _ = parts(refusal)
            if number.startswith("50"):
                there = await self._look(wire)
                return there.size if there and there.kind == "file" else None
            if number not in UNCLEAR:
                raise
            return None

    async def _size_of_file(self, wire: str) -> int:
        size = await self._size(wire)
        if size is None:
            there = await self._look(wire)
            error = Denied if there and there.kind == "file" else NotFound
            raise error(self._name, self._path(wire))
        return size

    async def _with_folders(self, wire: str, step: Callable[[], Awaitable[None]]) -> None:
        """Do something with a file; when it is refused, do it again once the folders on the way are there.

        Also when they are there already: another connection may have created them in between.
        """
        folder = parent(wire) or "/"
        try:
            await step()
        except StatusCodeError as refusal:
            if parts(refusal)[0] not in UNCLEAR or folder == self._server.root:
                raise
            try:
                await self._enter(folder)
            except NotFound:
                await self._make_folders(folder)
            await step()

    async def _make_folders(self, folder: str) -> None:
        await self._enter(self._server.root)
        made, refused = self._server.root.rstrip("/"), None
        for name in folder.removeprefix(made).strip("/").split("/"):
            made = f"{made}/{name}"
            try:
                await self._command(f"MKD {made}")
            except StatusCodeError as refusal:  # most often because it is there already
                refused = refusal
        try:
            await self._enter(folder)
        except NotFound:
            if refused:
                raise translate(refused, self._name, self._path(folder)) from refused
            raise

    async def _lines(self, command: str) -> list[str]:
        data = await self._downloaded(command, _LARGEST_LISTING)
        if not data.endswith(b"\n") and data:
            raise ConnectionResetError("the listing was cut")
        return [line for raw in data.split(b"\n") if (line := raw.removesuffix(b"\r").decode("latin-1"))]

    async def _path_on_wire(self, path: str) -> str:
        return await self._wire(self._server.root, path)

    def _has_namesake(self, folder: str, name: str) -> bool:
        """Tell whether a name in Latin-1 reads like one in UTF-8 beside it, which is the one that is meant then."""
        return not name.isascii() and decoded(name) == name and name not in self._server.latin_names[folder]


def _under(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"

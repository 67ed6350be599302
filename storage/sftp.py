"""An SFTP server (SSH file transfer, version 3), by paramiko.

Many files go over each connection at once (``sftp_channel``); here is what is said about one of them. Most failures
come as the one status "Failure": what it means is seen by looking at what is there.

Source: spec STO-1, STO-7, STO-8, STO-11; facts/storage-apis §5.
"""

from __future__ import annotations

import io
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from stat import S_ISDIR, S_ISLNK, S_ISREG
from types import TracebackType
from typing import BinaryIO, ClassVar, Self, TypeVar

import paramiko
from paramiko.sftp import (
    CMD_EXTENDED,
    CMD_MKDIR,
    CMD_REALPATH,
    CMD_REMOVE,
    CMD_RENAME,
    CMD_STAT,
    SFTP_CONNECTION_LOST,
    SFTP_EOF,
    SFTP_FAILURE,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_EXCL,
    SFTP_FLAG_READ,
    SFTP_FLAG_TRUNC,
    SFTP_FLAG_WRITE,
    SFTP_NO_CONNECTION,
    SFTP_NO_SUCH_FILE,
    SFTP_OP_UNSUPPORTED,
    SFTP_PERMISSION_DENIED,
    int64,
)
from pydantic import Field, field_validator

from passerelle.storage.base import Entry, Features, LocalFile, Moved, Storage, unwatched
from passerelle.storage.errors import (
    AlreadyThere,
    BadPlace,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    TooLarge,
    Unexpected,
    Unreachable,
    UntrustedHost,
    printable,
)
from passerelle.storage.local_files import opened_to_fetch, opened_to_send
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, join, parent
from passerelle.storage.place import Place, Secret, SecretName, ServerAddress, server_address
from passerelle.storage.sftp_channel import WINDOW, Attributes, Conversation, Refused, SftpChannel, attributes
from passerelle.storage.ssh import SshLogin

_T = TypeVar("_T")
_Listing = tuple[list[Entry], list[str]]
"""The files of a folder, and the folders in it."""
_log = logging.getLogger(__name__)

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_OPEN_AT_ONCE = 64
"""Files and folders open on one connection: servers limit them."""
_RENAMED_AT_ONCE = 256
_FILES_PER_CONNECTION = 256
_BYTES_PER_CONNECTION = 64 * 1024 * 1024
"""Fewer are not worth another connection: they would be over before it has logged in."""
_POSIX_RENAME = "posix-rename@openssh.com"
_STATVFS = "statvfs@openssh.com"

_ABSENT = frozenset([SFTP_NO_SUCH_FILE, 10, 19])  # NO_SUCH_PATH, NOT_A_DIRECTORY
_ALGORITHMS = ("sha256", "sha1", "md5")
_MAY_BE_THERE = frozenset([SFTP_FAILURE, 11])
"""What servers answer when they refuse to replace."""
_MEANINGS: dict[int, type[StorageError]] = {
    SFTP_EOF: Unreachable,  # of a file that is shorter than it was
    SFTP_PERMISSION_DENIED: Denied,
    SFTP_NO_CONNECTION: Unreachable,
    SFTP_CONNECTION_LOST: Unreachable,
    # of later versions of the protocol; some servers mix them in
    11: AlreadyThere,  # FILE_ALREADY_EXISTS
    12: Denied,  # WRITE_PROTECT
    14: NoSpace,  # NO_SPACE_ON_FILESYSTEM
    15: NoSpace,  # QUOTA_EXCEEDED
}


def _translate(error: Exception, storage: str, path: str) -> StorageError:
    """Say what a status or a broken connection means (draft-ietf-secsh-filexfer-02 §7, -13 §9.1)."""
    detail = str(error) or type(error).__name__
    if isinstance(error, Refused):
        kind = NotFound if _is_absent(error) else _MEANINGS.get(error.status, Unexpected)
        return kind(storage, path, detail)
    if isinstance(error, paramiko.BadHostKeyException):
        return UntrustedHost(storage, "", "", "storage-host-changed", error.key.fingerprint)
    if isinstance(error, paramiko.AuthenticationException):
        return Denied(storage, path, detail, "storage-login-refused")
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer | paramiko.SFTPError):
        return Unexpected(storage, path, detail)
    return Unreachable(storage, path, detail, "storage-timeout" if isinstance(error, TimeoutError) else "")


class SftpPlace(Place):
    """A folder of an SFTP server: relative to the one that the login leads to, or absolute with ``//`` before it."""

    form: ClassVar[str] = "sftp://user@host:22/folder"
    opening: ClassVar[tuple[str, ...]] = (
        "storage-step-connected",
        "storage-step-host-key",
        "storage-step-logged-in",
        "storage-step-folder",
    )

    password: SecretName = Field("", description="Name of the secret that holds the password.")
    key_file: Path | None = Field(None, description="Private key, of any type.")
    key_passphrase: SecretName = Field("", description="Name of the secret that opens the private key.")
    agent: bool = Field(default=False, description="Also try the keys of the SSH agent.")
    known_hosts: Path | None = Field(None, description="Host keys to trust; by default ~/.ssh/known_hosts.")
    host_key_fingerprint: tuple[str, ...] = Field(
        (), description="Host keys to trust, as SHA256:…; one or several. Then known_hosts is not read."
    )

    @classmethod
    def check_url(cls, url: str) -> None:
        """See ``Place.check_url``."""
        server_address(url, port=22)

    @field_validator("host_key_fingerprint", mode="before")
    @classmethod
    def _fingerprints_are_good(cls, given: object) -> object:
        fingerprints = [given] if isinstance(given, str) else given
        if not isinstance(fingerprints, list | tuple):
            return given
        trimmed = tuple(str(one).rstrip("=") for one in fingerprints)
        for one in trimmed:
            if not _FINGERPRINT.fullmatch(one):
                raise BadPlace("", "", one, "storage-bad-fingerprint")
        return trimmed

    @property
    def address(self) -> ServerAddress:
        """The parts of the URL."""
        return server_address(self.url, port=22)

    @property
    def name(self) -> str:
        """The URL in its full form."""
        return self.address.name

    @property
    def server(self) -> tuple[str, int]:
        """See ``Place.server``."""
        return self.address.host, self.address.port

    def storage(self, base_folder: Path, secret: Secret) -> Storage:
        """See ``Place.storage``."""
        login = SshLogin(
            self.name,
            self.address.host,
            self.address.user,
            self.address.port,
            password=secret(self.password),
            key_file=self.key_file and base_folder / self.key_file.expanduser(),
            key_passphrase=secret(self.key_passphrase),
            agent=self.agent,
            known_hosts=self.known_hosts and base_folder / self.known_hosts.expanduser(),
            fingerprints=self.host_key_fingerprint,
            timeout_seconds=self.timeout_seconds,
        )
        return SftpStorage(login, self.address.folder, connections=self.connections)


class SftpStorage:
    """A folder of an SFTP server; keeps the contract of ``base.Storage``.

    One connection serves the verbs for one file; many files use further ones, as far as they pay and the server lets
    them in. A lost one is opened again when it is used the next time. Files are not forced to the server's disk
    (``fsync``): that more than doubles the time of small ones, and what a crash takes away ``publish`` sends again.

    Args:
        login: where and as whom.
        folder: relative to the folder that the login leads to; absolute with a leading ``/``.
        connections: how many may be open at once.
    """

    def __init__(self, login: SshLogin, folder: str = "", *, connections: int = 4) -> None:
        self.name = login.name
        self._login = login
        self._folder = folder
        self._connections = connections
        self._lines: list[_Line] = []
        self._root = ""
        self._extensions: frozenset[str] = frozenset()
        self._computes = True

    @property
    def features(self) -> Features:
        """What the server promises; whether it replaces seamlessly is known once it is open."""
        return Features(
            partial_uploads=True,
            exclusive_rename=False,
            seamless_replace=_POSIX_RENAME in self._extensions,
            exclusive_put=True,
        )

    def __enter__(self) -> Self:
        self._lines = [_Line(self._login) for _ in range(self._connections)]
        try:
            self._run("", self._opened)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        for line in self._lines:
            line.close()
        self._lines = []

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """See ``base.Storage.list``; times have a resolution of one second."""
        folder = clean_folder(folder, storage=self.name)
        waiting = deque([folder])
        entries: list[Entry] = []
        with self._line() as sftp:

            def begun() -> Conversation[_Listing] | None:
                if not waiting:
                    return None
                below = waiting.popleft()
                return self._told(below, self._listed(sftp, below, top=folder))

            for found, folders in sftp.run_all(begun, _OPEN_AT_ONCE):
                entries += found
                waiting.extend(folders if recursive else ())
        return entries

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        clean_path(path, storage=self.name)
        return self._run(path, lambda sftp: self._content(sftp, path, limit_bytes))

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """See ``base.Storage.put``."""
        clean_path(path, storage=self.name)
        source = io.BytesIO(data)
        return self._run(path, lambda sftp: self._sent(sftp, path, source, len(data), overwrite=overwrite))

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        self.rename_files([(src, dst)], overwrite=overwrite)

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        clean_path(path, storage=self.name)
        self._run(path, lambda sftp: self._removed(sftp, path))

    def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``; of the usual servers ProFTPD computes one, OpenSSH does not."""
        clean_path(path, storage=self.name)
        return self._run(path, lambda sftp: self._checked(sftp, path))

    def put_files(
        self, files: Sequence[LocalFile], *, overwrite: bool = True, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[Entry]:
        """See ``base.Storage.put_files``."""

        def put(sftp: SftpChannel, file: LocalFile) -> Conversation[Entry]:
            return self._put(sftp, file, overwrite=overwrite, resume=resume, moved=moved)

        return self._each(files, put)

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        """See ``base.Storage.get_files``."""

        def fetched(sftp: SftpChannel, file: LocalFile) -> Conversation[LocalFile | None]:
            return self._fetched(sftp, file, resume=resume, moved=moved)

        return (file for file in self._each(files, fetched) if file)

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """See ``base.Storage.rename_files``; one connection carries hundreds of them at once."""
        for pair in pairs:
            for path in pair:
                clean_path(path, storage=self.name)
        left = deque(pairs)
        with self._line() as sftp:

            def begun() -> Conversation[None] | None:
                if not left:
                    return None
                src, dst = left.popleft()
                return self._told(src, self._renamed(sftp, src, dst, overwrite=overwrite))

            for _ in sftp.run_all(begun, _RENAMED_AT_ONCE):
                pass

    # Connections

    def _run(self, path: str, verb: Callable[[SftpChannel], Conversation[_T]]) -> _T:
        with self._line() as sftp:
            return sftp.run(self._told(path, verb(sftp)))

    @contextmanager
    def _line(self, number: int = 0) -> Iterator[SftpChannel]:
        """Give a connection, opened anew if it was lost; one that got out of step is closed."""
        if not self._lines:
            raise RuntimeError(f"{self.name} is used outside of its with block")
        line = self._lines[number]
        with line.lock:
            try:
                yield line.open()
            except StorageError:  # every request has its answer, the connection goes on being used
                raise
            except (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError) as error:
                line.close()
                raise _translate(error, self.name, "") from error
            except BaseException:
                line.close()
                raise

    def _each(
        self, files: Sequence[LocalFile], talk: Callable[[SftpChannel, LocalFile], Conversation[_T]]
    ) -> Iterator[_T]:
        """Hold a conversation about each file, over as many connections as they are worth; give what comes of them."""
        for file in files:
            clean_path(file.path, storage=self.name)
        worth = 1 + len(files) // _FILES_PER_CONNECTION + sum(file.size for file in files) // _BYTES_PER_CONNECTION
        return self._over_lines(deque(files), talk, min(self._connections, max(1, len(files)), worth))

    def _over_lines(
        self, left: deque[LocalFile], talk: Callable[[SftpChannel, LocalFile], Conversation[_T]], count: int
    ) -> Iterator[_T]:
        outcomes: SimpleQueue[tuple[_T] | None] = SimpleQueue()

        def work(number: int) -> None:
            try:
                if number and not (left and self._joins(number)):
                    return
                with self._line(number) as sftp:
                    for outcome in sftp.run_all(lambda: self._begun(sftp, left, talk), _OPEN_AT_ONCE):
                        outcomes.put((outcome,))
            except BaseException:
                left.clear()
                raise
            finally:
                outcomes.put(None)

        with ThreadPoolExecutor(count, thread_name_prefix="passerelle-sftp") as pool:
            try:
                working = [pool.submit(work, number) for number in range(count)]
                for _ in working:
                    while outcome := outcomes.get():
                        yield outcome[0]
            finally:
                left.clear()
        for ended in working:
            ended.result()

    def _begun(
        self,
        sftp: SftpChannel,
        left: deque[LocalFile],
        talk: Callable[[SftpChannel, LocalFile], Conversation[_T]],
    ) -> Conversation[_T] | None:
        try:
            file = left.popleft()
        except IndexError:
            return None
        return self._told(file.path, talk(sftp, file))

    def _joins(self, number: int) -> bool:
        """Open a further connection; a server that lets no more in is used with those that there are."""
        line = self._lines[number]
        try:
            if not line.is_refused:
                with self._line(number):
                    return True
        except (Denied, Unreachable) as error:
            line.is_refused = True
            _log.info("%s: connection %d was refused: %s", self.name, number + 1, error.detail)
        return False

    # Conversations

    def _told(self, path: str, conversation: Conversation[_T]) -> Conversation[_T]:
        """Say what a refusal means."""
        try:
            return (yield from conversation)
        except Refused as refused:
            raise _translate(refused, self.name, path) from refused

    def _opened(self, sftp: SftpChannel) -> Conversation[None]:
        """Find the storage's folder."""
        self._extensions, self._computes = sftp.extensions, True
        home = ""
        if not self._folder.startswith("/"):
            answer = yield sftp.ask(CMD_REALPATH, ".")
            answer.get_int()  # one name
            home = answer.get_binary().decode(errors="surrogateescape").rstrip("/") + "/"
        self._root = (home + self._folder).rstrip("/")
        if not S_ISDIR(attributes((yield sftp.ask(CMD_STAT, self._at("")))).mode):
            raise NotFound(self.name)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _known(self, sftp: SftpChannel, path: str) -> Conversation[Attributes | None]:
        """Look what is there; a link is followed."""
        return (yield from _answered(sftp.ask(CMD_STAT, self._at(path))))

    def _file(self, sftp: SftpChannel, path: str) -> Conversation[Attributes]:
        known = yield from self._known(sftp, path)
        if known is None or not S_ISREG(known.mode):
            raise NotFound(self.name, path)
        return known

    def _listed(self, sftp: SftpChannel, folder: str, *, top: str) -> Conversation[_Listing]:
        """Give the files and the folders of a folder; one below the top may be gone by now."""
        try:
            found = yield from sftp.names(self._at(folder))
        except Refused as refused:
            if _is_absent(refused) and folder != top:
                return [], []
            raise
        links = {name: sftp.ask(CMD_STAT, self._at(join(folder, name))) for name, known in found if S_ISLNK(known.mode)}
        entries, folders = [], []
        for name, listed in found:
            known = (yield from _answered(links[name])) if name in links else listed
            path = join(folder, name)
            is_folder = S_ISDIR(listed.mode)
            if not is_folder and not (known and S_ISREG(known.mode)):
                continue
            if not is_good_name(name):
                _log.warning("%s: not listed, its name is not safe: %s", self.name, printable(path))
            elif is_folder:
                folders.append(path)
            elif known:
                entries.append(_entry(path, known))
        return entries, folders

    def _content(self, sftp: SftpChannel, path: str, limit_bytes: int | None) -> Conversation[bytes]:
        size = (yield from self._file(sftp, path)).size
        if limit_bytes is not None and size > limit_bytes:
            raise TooLarge(self.name, path, f"{size} > {limit_bytes}")
        handle = yield from sftp.opened(self._at(path), SFTP_FLAG_READ)
        pieces: list[bytes] = []
        with sftp.closing(handle):
            yield from sftp.fetch(handle, 0, size, pieces.append)
        return b"".join(pieces)

    def _fetched(
        self, sftp: SftpChannel, file: LocalFile, *, resume: bool, moved: Moved
    ) -> Conversation[LocalFile | None]:
        try:
            handle = yield from sftp.opened(self._at(file.path), SFTP_FLAG_READ)
        except Refused:
            known = yield from self._known(sftp, file.path)
            if known is None or not S_ISREG(known.mode):
                return None
            raise
        with sftp.closing(handle), opened_to_fetch(file, self.name, resume=resume) as (target, there):
            over = there if there and (yield from _ends_alike(sftp, handle, target, there)) else 0
            target.seek(over)
            target.truncate()
            moved(file.path, over)

            def take(data: bytes) -> None:
                target.write(data)
                moved(file.path, target.tell())

            size = (yield from sftp.fetch(handle, over, file.size, take)).size
            if size != file.size:
                raise Unreachable(self.name, file.path, f"{size} / {file.size}")
        return file

    def _put(
        self, sftp: SftpChannel, file: LocalFile, *, overwrite: bool, resume: bool, moved: Moved
    ) -> Conversation[Entry]:
        with opened_to_send(file, self.name) as source:
            there = (yield from self._left_before(sftp, file, source)) if resume else None
            begin = there.size if there else 0
            moved(file.path, begin)
            if there and begin == file.size:
                return _entry(file.path, there)
            source.seek(begin)
            over = partial(moved, file.path)
            return (
                yield from self._sent(sftp, file.path, source, file.size, overwrite=overwrite, begin=begin, over=over)
            )

    def _left_before(self, sftp: SftpChannel, file: LocalFile, source: BinaryIO) -> Conversation[Attributes | None]:
        """Look whether the beginning of a file is there, left by an earlier try."""
        there = yield from self._known(sftp, file.path)
        if there is None or not S_ISREG(there.mode) or not 0 < there.size <= file.size:
            return None
        try:
            handle = yield from sftp.opened(self._at(file.path), SFTP_FLAG_READ)
        except Refused:  # it may be written, but not read
            return None
        with sftp.closing(handle):
            return there if (yield from _ends_alike(sftp, handle, source, there.size)) else None

    def _sent(
        self,
        sftp: SftpChannel,
        path: str,
        source: BinaryIO,
        size: int,
        *,
        overwrite: bool,
        begin: int = 0,
        over: Callable[[int], None] = lambda _: None,
    ) -> Conversation[Entry]:
        """Write what ``source`` still has, from ``begin`` on."""
        flags = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE
        flags |= 0 if overwrite else SFTP_FLAG_EXCL
        flags |= 0 if begin else SFTP_FLAG_TRUNC
        try:
            handle = yield from self._on_the_way(sftp, path, lambda: sftp.opened(self._at(path), flags))
        except Refused as refused:
            there = yield from self._known(sftp, path)
            if there and (S_ISDIR(there.mode) or (not overwrite and refused.status == SFTP_FAILURE)):
                raise AlreadyThere(self.name, path) from refused
            yield from self._check_space(sftp, path, size - begin, refused)
            raise
        try:
            block = yield from sftp.block(size - begin)
            known = yield from sftp.store(handle, begin, self._pieces(source, path, size - begin, block), over)
        except Refused as refused:
            yield from self._check_space(sftp, path, size - begin, refused)
            raise
        return _entry(path, known)

    def _pieces(self, source: BinaryIO, path: str, left: int, block: int) -> Iterator[bytes]:
        while left:
            piece = source.read(min(block, left))
            if not piece:
                raise Unexpected(self.name, path, f"- {left}", "storage-local-changed")
            left -= len(piece)
            yield piece

    def _check_space(self, sftp: SftpChannel, path: str, size: int, refused: Refused) -> Conversation[None]:
        """Tell a failure for want of room, where the server says how much there is."""
        if refused.status == SFTP_FAILURE and _STATVFS in self._extensions:
            answer = yield sftp.ask(CMD_EXTENDED, _STATVFS, self._at(""))
            _, block, _, _, available = (answer.get_int64() for _ in range(5))
            if block * available < size:
                raise NoSpace(self.name, path, f"{block * available} < {size}") from refused

    def _renamed(self, sftp: SftpChannel, src: str, dst: str, *, overwrite: bool) -> Conversation[None]:
        source, target = sftp.ask(CMD_STAT, self._at(src)), sftp.ask(CMD_STAT, self._at(dst))
        known = yield from _answered(source)
        if known is None or not S_ISREG(known.mode):
            raise NotFound(self.name, src)
        there = yield from _answered(target)
        if there and not (overwrite and S_ISREG(there.mode)):
            raise AlreadyThere(self.name, dst)
        yield from self._on_the_way(sftp, dst, lambda: self._moved(sftp, src, dst, overwrite=overwrite))

    def _moved(self, sftp: SftpChannel, src: str, dst: str, *, overwrite: bool) -> Conversation[None]:
        names = self._at(src), self._at(dst)
        if overwrite and _POSIX_RENAME in self._extensions:
            yield sftp.ask(CMD_EXTENDED, _POSIX_RENAME, *names)
            return
        try:
            yield sftp.ask(CMD_RENAME, *names)
        except Refused as refused:
            if refused.status not in _MAY_BE_THERE or not (yield from self._known(sftp, dst)):
                raise
            if not overwrite:
                raise AlreadyThere(self.name, dst) from refused
            yield sftp.ask(CMD_REMOVE, self._at(dst))
            yield sftp.ask(CMD_RENAME, *names)

    def _removed(self, sftp: SftpChannel, path: str) -> Conversation[None]:
        yield from self._file(sftp, path)
        yield sftp.ask(CMD_REMOVE, self._at(path))

    def _checked(self, sftp: SftpChannel, path: str) -> Conversation[str | None]:
        """Ask for a checksum (draft-ietf-secsh-filexfer-extensions-00 §3): not every server names what it has."""
        yield from self._file(sftp, path)
        if not self._computes:
            return None
        wanted = (",".join(_ALGORITHMS), int64(0), int64(0), 0)  # of all of it as one block
        try:
            answer = yield sftp.ask(CMD_EXTENDED, "check-file-name", self._at(path), *wanted)
        except Refused as refused:
            if refused.status != SFTP_OP_UNSUPPORTED:
                raise
            self._computes = False
            return None
        algorithm = answer.get_binary()
        if algorithm == b"check-file":  # some leave it out
            algorithm = answer.get_binary()
        return f"{algorithm.decode(errors='replace')}:{answer.get_remainder().hex()}"

    def _on_the_way(self, sftp: SftpChannel, path: str, talk: Callable[[], Conversation[_T]]) -> Conversation[_T]:
        """Hold a conversation about a new path; when something on the way to it is missing, make it and try again."""
        try:
            return (yield from talk())
        except Refused as refused:
            if not _is_absent(refused):
                raise
        yield from self._make_folders(sftp, parent(path))
        return (yield from talk())

    def _make_folders(self, sftp: SftpChannel, folder: str) -> Conversation[None]:
        made = ""
        for name in folder.split("/") if folder else ():
            made = join(made, name)
            try:
                yield sftp.ask(CMD_MKDIR, self._at(made), 0)
            except Refused:  # as when it is there already
                known = yield from self._known(sftp, made)
                if known is None or not S_ISDIR(known.mode):
                    raise


class _Line:
    """One connection, for one thread at a time."""

    def __init__(self, login: SshLogin) -> None:
        self.lock = threading.Lock()
        self.is_refused = False
        self._login = login
        self._ssh: paramiko.SSHClient | None = None
        self._sftp: SftpChannel | None = None

    @property
    def is_alive(self) -> bool:
        transport = self._ssh.get_transport() if self._ssh else None
        return transport is not None and transport.is_active()

    def open(self) -> SftpChannel:
        """Give the connection, opened anew if it was lost."""
        if self._sftp is None or not self.is_alive:
            self.close()
            self._ssh = ssh = self._login.connected()
            watch = threading.Timer(self._login.timeout_seconds, ssh.close)
            watch.start()  # paramiko would wait for ever for a server that does not start SFTP
            try:
                self._sftp = _started(ssh, self._login.timeout_seconds)
            finally:
                watch.cancel()
        return self._sftp

    def close(self) -> None:
        if self._ssh:
            self._ssh.close()
        self._ssh = self._sftp = None


def _started(ssh: paramiko.SSHClient, timeout_seconds: float) -> SftpChannel:
    transport = ssh.get_transport()
    if transport is None:
        raise EOFError("the connection was lost")
    channel = transport.open_session()
    channel.settimeout(timeout_seconds)
    return SftpChannel(channel)


def _is_absent(refused: Refused) -> bool:
    """Tell whether there is nothing: ProFTPD calls a file on the way a failure."""
    return refused.status in _ABSENT or "not a directory" in str(refused).lower()


def _answered(asked: int) -> Conversation[Attributes | None]:
    """Give the attributes that were asked for; ``None``: there is nothing."""
    try:
        return attributes((yield asked))
    except Refused as refused:
        if _is_absent(refused):
            return None
        raise


def _ends_alike(sftp: SftpChannel, handle: bytes, local: BinaryIO, size: int) -> Conversation[bool]:
    """Compare the end of the first ``size`` bytes: as much as may have been under way when a transfer was cut."""
    begin = max(0, size - WINDOW)
    local.seek(begin)
    differ = False

    def compare(data: bytes) -> None:
        nonlocal differ
        differ = differ or local.read(len(data)) != data

    yield from sftp.fetch(handle, begin, size, compare)
    return not differ


def _entry(path: str, known: Attributes) -> Entry:
    modified = None if known.modified is None else datetime.fromtimestamp(known.modified, UTC)
    return Entry(path, known.size, modified)

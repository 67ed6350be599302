"""An SFTP server (SSH file transfer, version 3), by paramiko.

The server must show a host key that we know before anything is told to it. Most failures come as the one status
"Failure", without a number: what they mean is seen by looking (``stat``) at what is there.

Source: spec STO-8, STO-9; facts/storage-apis §5.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from types import TracebackType
from typing import Self, TypeVar

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_EXTENDED, CMD_OPENDIR, CMD_READDIR
from pydantic import SecretStr

from passerelle.storage.base import Entry, Features
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
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
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, join, parent

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
logging.getLogger("paramiko").addHandler(logging.NullHandler())  # it writes whole tracebacks; we say what they mean

_KEEP_ALIVE_SECONDS = 30
_REQUESTS_AT_ONCE = 128
"""Unlimited requests make some servers hang; 64 and fewer are a hundred times slower (paramiko #1788, #2455)."""
_MEANINGS: list[tuple[tuple[type[Exception], ...], type[StorageError]]] = [
    ((paramiko.AuthenticationException, PermissionError), Denied),
    ((paramiko.ssh_exception.IncompatiblePeer,), Unexpected),
    ((FileNotFoundError,), NotFound),
    ((EOFError, ConnectionError, TimeoutError, socket.gaierror, paramiko.SSHException), Unreachable),
]
"""The first that fits; what is not here is unexpected."""
_IN_STEP = (NotFound, AlreadyThere, Denied, BadPath, NoSpace, TooLarge)
"""After these errors every request has had its answer, the connection goes on being used."""


def _translate(error: Exception, storage: str, path: str) -> StorageError:
    """Say what a status or a broken connection means (draft-ietf-secsh-filexfer-02 §7; paramiko tells two of them)."""
    if isinstance(error, paramiko.BadHostKeyException):
        return UntrustedHost(storage, "", "", "storage-host-changed", error.key.fingerprint)
    detail = str(error) or type(error).__name__
    kind = next((meaning for kinds, meaning in _MEANINGS if isinstance(error, kinds)), Unexpected)
    code = "storage-timeout" if isinstance(error, TimeoutError) else ""
    if isinstance(error, paramiko.AuthenticationException):
        code = "storage-login-refused"
    elif kind is Unexpected and isinstance(error, OSError) and error.errno is not None:
        kind = Unreachable  # of the network: a server's answers have no number but the two above
    return kind(storage, path, detail, code)


class SftpStorage:
    """A folder of an SFTP server; keeps the contract of ``base.Storage``.

    One connection serves all calls; when it was lost it is opened again by the next call.

    Args:
        name: for people, without secret.
        folder: relative to the folder that the login leads to; absolute with a leading ``/``.
        password: tried after the keys, also where the server asks for it interactively.
        key_file: private key of any type; ``key_passphrase`` opens it.
        agent: also try the keys of the SSH agent.
        known_hosts: file with the host keys to trust; by default the user's own. Not read when fingerprints are given.
        fingerprints: host keys to trust, as ``SHA256:…``.
        timeout_seconds: for the connection and for every single answer.
    """

    features = Features(partial_uploads=True, exclusive_rename=False, seamless_replace=False)

    def __init__(
        self,
        name: str,
        host: str,
        *,
        user: str,
        port: int = 22,
        folder: str = "",
        password: SecretStr | None = None,
        key_file: Path | None = None,
        key_passphrase: SecretStr | None = None,
        agent: bool = False,
        known_hosts: Path | None = None,
        fingerprints: tuple[str, ...] = (),
        timeout_seconds: float = 30.0,
    ) -> None:
        self.name = name
        self._host = host
        self._port = port
        self._user = user
        self._folder = folder
        self._password = password
        self._key_file = key_file
        self._key_passphrase = key_passphrase
        self._agent = agent
        self._known_hosts = known_hosts
        self._fingerprints = fingerprints
        self._timeout = timeout_seconds
        self._open = False
        self._ssh: paramiko.SSHClient | None = None
        self._sftp: _Client | None = None
        self._root = ""

    def __enter__(self) -> Self:
        self._open = True
        try:
            self._run("", self._check_root)
        except BaseException:
            self._drop()
            self._open = False
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._drop()
        self._open = False

    def list(self, folder: str = "") -> list[Entry]:
        """See ``base.Storage.list``; times have a resolution of one second."""
        folder = clean_folder(folder, storage=self.name)

        def found(sftp: _Client) -> list[Entry]:
            place = self._at(folder)
            return [entry for item in sftp.entries(place) if (entry := self._entry(sftp, folder, item))]

        return self._run(folder, found)

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        clean_path(path, storage=self.name)

        def content(sftp: _Client) -> bytes:
            size = self._file(sftp, path).st_size or 0
            if limit_bytes is not None and size > limit_bytes:
                raise TooLarge(self.name, path, f"{size} > {limit_bytes}")
            with sftp.open(self._at(path), "rb") as file:
                if size > file.MAX_REQUEST_SIZE:
                    file.prefetch(size, _REQUESTS_AT_ONCE)
                data = file.read(size)
            if len(data) != size:
                raise Unreachable(self.name, path, f"{len(data)} / {size}")
            return data

        return self._run(path, content)

    def put(self, path: str, data: bytes) -> Entry:
        """See ``base.Storage.put``."""
        clean_path(path, storage=self.name)

        def sent(sftp: _Client) -> Entry:
            try:
                self._write(sftp, path, data)
            except FileNotFoundError:
                self._make_folders(sftp, parent(path))
                self._write(sftp, path, data)
            return _entry(path, sftp.stat(self._at(path)))

        return self._run(path, sent)

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        clean_path(src, storage=self.name)
        clean_path(dst, storage=self.name)

        def moved(sftp: _Client) -> None:
            self._file(sftp, src)
            there = self._stat(sftp, dst)
            if there and (not overwrite or not S_ISREG(there.st_mode or 0)):
                raise AlreadyThere(self.name, dst)
            try:
                self._move(sftp, src, dst, replacing=there is not None)
            except FileNotFoundError:
                self._make_folders(sftp, parent(dst))
                self._move(sftp, src, dst, replacing=False)

        self._run(src, moved)

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        clean_path(path, storage=self.name)

        def removed(sftp: _Client) -> None:
            self._file(sftp, path)
            sftp.remove(self._at(path))

        self._run(path, removed)

    def _run(self, path: str, verb: Callable[[_Client], _T]) -> _T:
        if not self._open:
            raise RuntimeError(f"{self.name} is used outside of its with block")
        try:
            return verb(self._live())
        except _IN_STEP:
            raise
        except (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError, UnicodeDecodeError) as error:
            alive = self._is_alive()
            meaning = _translate(error, self.name, path)
            if not isinstance(meaning, _IN_STEP):
                self._drop()
            if isinstance(meaning, Unexpected) and not alive:  # "Socket is closed" comes without a number
                meaning = Unreachable(self.name, path, meaning.detail)
            raise meaning from error
        except BaseException:
            self._drop()
            raise

    def _is_alive(self) -> bool:
        transport = self._ssh.get_transport() if self._ssh else None
        return transport is not None and transport.is_active()

    def _live(self) -> _Client:
        if self._sftp is None or not self._is_alive():
            self._drop()
            self._connect()
        assert self._sftp is not None  # noqa: S101 - for the type checker
        return self._sftp

    def _connect(self) -> None:
        key = self._key()
        self._ssh = ssh = paramiko.SSHClient()
        ssh.set_missing_host_key_policy(_Pinned(self.name, self._fingerprints))
        if not self._fingerprints:
            self._load_known_hosts(ssh)
        try:
            ssh.connect(
                self._host,
                self._port,
                self._user,
                password=self._password.get_secret_value() if self._password else None,
                pkey=key,
                allow_agent=self._agent,
                look_for_keys=False,
                timeout=self._timeout,
                banner_timeout=self._timeout,
                auth_timeout=self._timeout,
                channel_timeout=self._timeout,
            )
        except paramiko.SSHException as error:
            raise self._not_let_in(error) from error
        transport = ssh.get_transport()
        assert transport is not None  # noqa: S101 - for the type checker
        transport.set_keepalive(_KEEP_ALIVE_SECONDS)
        sftp = _Client.from_transport(transport)
        if sftp is None:
            raise EOFError("no SFTP channel")
        channel = sftp.get_channel()
        if channel is not None:
            channel.settimeout(self._timeout)
        home = "" if self._folder.startswith("/") else sftp.normalize(".").rstrip("/") + "/"
        self._root = home + self._folder
        self._sftp = sftp

    def _not_let_in(self, error: paramiko.SSHException) -> Exception:
        """Tell a refused login from a connection lost or silent during the login: paramiko calls both the same."""
        if isinstance(error, paramiko.BadHostKeyException | paramiko.ssh_exception.IncompatiblePeer):
            return error
        transport = self._ssh.get_transport() if self._ssh else None
        answered = transport is not None and transport.is_active() and transport.initial_kex_done
        if answered and "timeout" not in str(error).lower():
            return Denied(self.name, "", str(error), "storage-login-refused")
        return Unreachable(self.name, "", str(error))

    def _key(self) -> paramiko.PKey | None:
        if self._key_file is None:
            return None
        passphrase = self._key_passphrase.get_secret_value().encode() if self._key_passphrase else None
        try:
            return paramiko.PKey.from_path(self._key_file, passphrase)  # type: ignore[arg-type]  # it wants bytes
        except (OSError, ValueError, TypeError, paramiko.SSHException) as error:
            detail = f"{self._key_file}: {type(error).__name__}"
            raise BadPlace(self.name, "", detail, "storage-key-unreadable") from error

    def _load_known_hosts(self, ssh: paramiko.SSHClient) -> None:
        if self._known_hosts is None:
            with contextlib.suppress(OSError):
                ssh.load_system_host_keys(str(Path("~/.ssh/known_hosts").expanduser()))
            return
        try:
            ssh.load_system_host_keys(str(self._known_hosts))
        except (OSError, paramiko.SSHException) as error:
            raise BadPlace(self.name, "", str(error), "storage-known-hosts-unreadable") from error

    def _drop(self) -> None:
        if self._ssh:
            self._ssh.close()
        self._ssh = self._sftp = None

    def _check_root(self, sftp: _Client) -> None:
        if not S_ISDIR(sftp.stat(self._root).st_mode or 0):
            raise NotFound(self.name)

    def _at(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}" if path else self._root

    def _stat(self, sftp: _Client, path: str) -> paramiko.SFTPAttributes | None:
        try:
            return sftp.stat(self._at(path))
        except FileNotFoundError:
            return None

    def _file(self, sftp: _Client, path: str) -> paramiko.SFTPAttributes:
        there = self._stat(sftp, path)
        if there is None or not S_ISREG(there.st_mode or 0):
            raise NotFound(self.name, path)
        return there

    def _entry(self, sftp: _Client, folder: str, item: paramiko.SFTPAttributes) -> Entry | None:
        path = join(folder, item.filename)
        known: paramiko.SFTPAttributes | None = item
        if S_ISLNK(item.st_mode or 0):
            known = self._stat(sftp, path)
        if known is None or not S_ISREG(known.st_mode or 0):
            return None
        if not is_good_name(item.filename):
            _log.warning("%s: not listed, its name is not safe: %s", self.name, printable(path))
            return None
        return _entry(path, known)

    def _write(self, sftp: _Client, path: str, data: bytes) -> None:
        place = self._at(path)
        try:
            with sftp.open(place, "wb") as file:
                file.set_pipelined(True)
                file.write(data[:-1])
                file.set_pipelined(False)  # paramiko reads the answers to pipelined writes only before such a one
                file.write(data[-1:])
        except OSError as error:
            if error.errno is None and self._is_alive():
                self._explain_failure(sftp, path, len(data))
            raise

    def _explain_failure(self, sftp: _Client, path: str, size: int) -> None:
        there = self._stat(sftp, path)
        if there and S_ISDIR(there.st_mode or 0):
            raise AlreadyThere(self.name, path)
        free = sftp.free_bytes(self._root)
        if free is not None and free < size:
            raise NoSpace(self.name, path, f"{free} < {size}")

    def _move(self, sftp: _Client, src: str, dst: str, *, replacing: bool) -> None:
        source, target = self._at(src), self._at(dst)
        try:
            (sftp.posix_rename if replacing else sftp.rename)(source, target)
        except OSError as error:
            if error.errno is not None or not self._is_alive():
                raise
            if not replacing and self._stat(sftp, dst):  # it appeared meanwhile
                raise AlreadyThere(self.name, dst) from error
            if not replacing:
                raise
            sftp.remove(target)  # a server without OpenSSH's extension
            sftp.rename(source, target)

    def _make_folders(self, sftp: _Client, folder: str) -> None:
        self._check_root(sftp)
        made = ""
        for name in folder.split("/") if folder else ():
            made = join(made, name)
            if self._stat(sftp, made) is None:
                sftp.mkdir(self._at(made))


class _Client(paramiko.SFTPClient):
    """Two requests that paramiko does not make, or not well enough."""

    def free_bytes(self, folder: str) -> int | None:
        """Ask how much may still be written; ``None`` from a server without OpenSSH's extension."""
        try:
            _, answer = self._ask(CMD_EXTENDED, "statvfs@openssh.com", folder)
        except OSError:
            return None
        _, block, _, _, available = (answer.get_int64() for _ in range(5))
        return int(block * available)

    def entries(self, folder: str) -> list[paramiko.SFTPAttributes]:
        """List a folder as ``listdir_attr`` does, which breaks off at the first name that is not UTF-8."""
        _, opened = self._ask(CMD_OPENDIR, folder)
        handle = opened.get_binary()
        found = []
        with contextlib.suppress(EOFError):  # that is how a listing ends
            while True:
                _, answer = self._ask(CMD_READDIR, handle)
                for _ in range(answer.get_int()):
                    name = answer.get_binary().decode(errors="surrogateescape")
                    answer.get_binary()  # the line for people
                    found.append(paramiko.SFTPAttributes._from_msg(answer, name))  # type: ignore[attr-defined]  # noqa: SLF001
        self._ask(CMD_CLOSE, handle)
        return [item for item in found if item.filename not in {".", ".."}]

    def _ask(self, kind: int, *words: str | bytes) -> tuple[int, paramiko.Message]:
        answer: tuple[int, paramiko.Message] = self._request(kind, *words)  # type: ignore[attr-defined]
        return answer


class _Pinned(paramiko.MissingHostKeyPolicy):
    """Trust the host keys with the given fingerprints, and no others."""

    def __init__(self, storage: str, fingerprints: tuple[str, ...]) -> None:
        self._storage = storage
        self._fingerprints = fingerprints

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        """Refuse a key whose fingerprint is not pinned, before anything is told to the server."""
        if key.fingerprint not in self._fingerprints:
            code = "storage-host-changed" if self._fingerprints else "storage-host-unknown"
            raise UntrustedHost(self._storage, "", "", code, key.fingerprint)


def _entry(path: str, known: paramiko.SFTPAttributes) -> Entry:
    modified = None if known.st_mtime is None else datetime.fromtimestamp(known.st_mtime, UTC)
    return Entry(path, known.st_size or 0, modified)

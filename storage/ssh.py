"""Logging in to an SSH server by paramiko: it must show a host key that we know before anything is told to it.

Source: spec STO-1, STO-9; facts/storage-apis §5.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from pydantic import SecretStr

from passerelle.storage.errors import BadPlace, Denied, Unreachable, UntrustedHost

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # it writes whole tracebacks; we say what they mean

_KEEP_ALIVE_SECONDS = 30
_WINDOW = 8 * 1024 * 1024
"""What the server may have under way to us: more than is ever asked for at once, so that it never has to wait."""
_PACKET = 128 * 1024
"""What it may put into one packet; fewer and larger ones than the usual 32 KiB cost less."""


@dataclass(frozen=True)
class SshLogin:
    """Where and as whom to log in.

    Attributes:
        name: of the storage, for people, without secret.
        host: name or address.
        user: who logs in.
        port: of the SSH server.
        password: tried after the keys, also where the server asks for it interactively.
        key_file: private key of any type.
        key_passphrase: opens the private key.
        agent: also try the keys of the SSH agent.
        known_hosts: file with the host keys to trust; by default the user's own. Not read when fingerprints are given.
        fingerprints: host keys to trust, as ``SHA256:…``.
        timeout_seconds: for the connection and for every single answer.
    """

    name: str
    host: str
    user: str
    port: int = 22
    password: SecretStr | None = None
    key_file: Path | None = None
    key_passphrase: SecretStr | None = None
    agent: bool = False
    known_hosts: Path | None = None
    fingerprints: tuple[str, ...] = ()
    timeout_seconds: float = 30.0

    def connected(self) -> paramiko.SSHClient:
        """Connect and log in.

        Raises:
            BadPlace: the key file or the known hosts cannot be read.
            UntrustedHost: we do not know the host key.
            Denied: (code ``storage-login-refused``) the login was refused.
            Unreachable, OSError, EOFError, paramiko.SSHException: there was no connection, or it was lost.
        """
        key = self._key()
        ssh = paramiko.SSHClient()
        ssh.set_missing_host_key_policy(_Pinned(self.name, self.fingerprints))
        if not self.fingerprints:
            self._load_known_hosts(ssh)
        try:
            ssh.connect(
                self.host,
                self.port,
                self.user,
                password=self.password.get_secret_value() if self.password else None,
                pkey=key,
                allow_agent=self.agent,
                look_for_keys=False,
                sock=self._socket(),
                timeout=self.timeout_seconds,
                banner_timeout=self.timeout_seconds,
                auth_timeout=self.timeout_seconds,
                channel_timeout=self.timeout_seconds,
                transport_factory=_transport,
            )
        except BaseException as error:
            meaning = self._not_let_in(ssh, error) if isinstance(error, paramiko.SSHException) else error
            ssh.close()
            if meaning is error:
                raise
            raise meaning from error
        return ssh

    def _socket(self) -> socket.socket:
        """Connect without waiting to fill packets; what the other side does not take for too long ends it."""
        connection = socket.create_connection((self.host, self.port), self.timeout_seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(AttributeError):  # Linux has it
            milliseconds = int(self.timeout_seconds * 1000)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        return connection

    def _not_let_in(self, ssh: paramiko.SSHClient, error: paramiko.SSHException) -> Exception:
        """Tell a refused login from a connection lost or silent during the login: paramiko calls both the same."""
        if isinstance(error, paramiko.BadHostKeyException | paramiko.ssh_exception.IncompatiblePeer):
            return error
        transport = ssh.get_transport()
        answered = transport is not None and transport.is_active() and transport.initial_kex_done
        if answered and "timeout" not in str(error).lower():
            return Denied(self.name, "", str(error), "storage-login-refused")
        return Unreachable(self.name, "", str(error))

    def _key(self) -> paramiko.PKey | None:
        if self.key_file is None:
            return None
        passphrase = self.key_passphrase.get_secret_value().encode() if self.key_passphrase else None
        try:
            return paramiko.PKey.from_path(self.key_file, passphrase)  # type: ignore[arg-type]  # it wants bytes
        except (OSError, ValueError, TypeError, paramiko.SSHException) as error:
            detail = f"{self.key_file}: {type(error).__name__}"
            raise BadPlace(self.name, "", detail, "storage-key-unreadable") from error

    def _load_known_hosts(self, ssh: paramiko.SSHClient) -> None:
        if self.known_hosts is None:
            with contextlib.suppress(OSError):
                ssh.load_system_host_keys(str(Path("~/.ssh/known_hosts").expanduser()))
            return
        try:
            ssh.load_system_host_keys(str(self.known_hosts))
        except (OSError, paramiko.SSHException) as error:
            raise BadPlace(self.name, "", str(error), "storage-known-hosts-unreadable") from error


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


def _transport(connection: Any, /, **options: Any) -> paramiko.Transport:
    """Prefer AES-GCM, which costs a tenth of paramiko's first choice; both are as good."""
    transport = paramiko.Transport(connection, default_window_size=_WINDOW, default_max_packet_size=_PACKET, **options)
    security = transport.get_security_options()
    security.ciphers = sorted(security.ciphers, key=lambda name: "gcm" not in name)
    transport.set_keepalive(_KEEP_ALIVE_SECONDS)
    return transport

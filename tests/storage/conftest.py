"""Fixtures of the storage tests: servers that live as long as the session, an empty folder of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import storage_servers
from storage_servers import Handler, Server, SftpServer


def _for_the_session(name: str, start: Callable[[], AbstractContextManager[Server]]) -> object:
    @pytest.fixture(scope="session", name=name)
    def server() -> Iterator[Server]:
        with start() as running:
            yield running

    return server


@pytest.fixture(scope="session")
def pyftpdlib() -> Iterator[Server]:
    with storage_servers.shared_folder() as folder, storage_servers.ftp_server(folder) as server:
        yield server


@pytest.fixture(scope="session")
def pyftpdlib_without_mlsd() -> Iterator[Server]:
    commands = {name: command for name, command in Handler.proto_cmds.items() if name not in {"MLSD", "MLST"}}
    with (
        storage_servers.shared_folder() as folder,
        storage_servers.ftp_server(folder, proto_cmds=commands) as server,
    ):
        yield server


vsftpd = _for_the_session("vsftpd", storage_servers.vsftpd)
proftpd = _for_the_session("proftpd", storage_servers.proftpd)
pure_ftpd = _for_the_session("pure_ftpd", storage_servers.pure_ftpd)
vsftpd_tls = _for_the_session("vsftpd_tls", storage_servers.vsftpd_tls)
vsftpd_implicit = _for_the_session("vsftpd_implicit", lambda: storage_servers.vsftpd_tls(implicit=True))
proftpd_tls = _for_the_session("proftpd_tls", storage_servers.proftpd_tls)
pure_ftpd_tls = _for_the_session("pure_ftpd_tls", storage_servers.pure_ftpd_tls)
sshd = _for_the_session("sshd", storage_servers.sshd)


@pytest.fixture(scope="session")
def paramiko_server() -> Iterator[SftpServer]:
    with storage_servers.shared_folder() as folder, SftpServer(folder) as server:
        yield server

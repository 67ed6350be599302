"""Every backend runs the contract; against every kind of server that we have."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from storage_servers import Server, SftpServer, emptied, ftp_storage, openssh_storage, sftp_storage

import passerelle.storage
from passerelle.storage.base import Storage
from passerelle.storage.contract import StorageContract
from passerelle.storage.ftp import FtpStorage
from passerelle.storage.local import LocalStorage
from passerelle.storage.memory import MemoryStorage
from passerelle.storage.places import BACKENDS
from passerelle.storage.retrying import RetryingStorage
from passerelle.storage.sftp import SftpStorage


@pytest.fixture(scope="module")
def opened_proftpd(proftpd: Server) -> Iterator[Storage]:
    with ftp_storage(proftpd) as storage:
        yield storage


@pytest.fixture(scope="module")
def opened_sshd(sshd: Server) -> Iterator[Storage]:
    with openssh_storage(sshd) as storage:
        yield storage


class TestMemory(StorageContract):
    backend = MemoryStorage

    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        with MemoryStorage() as storage:
            yield storage


class TestRetrying(StorageContract):
    backend = RetryingStorage

    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        with RetryingStorage(MemoryStorage()) as storage:
            yield storage


class TestLocal(StorageContract):
    backend = LocalStorage

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[Storage]:
        (tmp_path / "place").mkdir()
        with LocalStorage(tmp_path / "place") as storage:
            yield storage


class TestPyftpdlib(StorageContract):
    backend = FtpStorage

    @pytest.fixture
    def storage(self, pyftpdlib: Server) -> Iterator[Storage]:
        with ftp_storage(pyftpdlib) as storage:
            yield storage


class TestPyftpdlibWithoutMlsd(StorageContract):
    backend = FtpStorage

    @pytest.fixture
    def storage(self, pyftpdlib_without_mlsd: Server) -> Iterator[Storage]:
        with ftp_storage(pyftpdlib_without_mlsd, data_connections="pasv") as storage:
            yield storage


class TestVsftpd(StorageContract):
    backend = FtpStorage

    @pytest.fixture
    def storage(self, vsftpd: Server) -> Iterator[Storage]:
        with ftp_storage(vsftpd) as storage:
            yield storage


class TestProftpd(StorageContract):
    """On one connection: a login takes this server half a second."""

    backend = FtpStorage

    @pytest.fixture
    def storage(self, opened_proftpd: FtpStorage, proftpd: Server) -> Storage:
        emptied(proftpd.folder / opened_proftpd._folder)
        return opened_proftpd


class TestPureFtpd(StorageContract):
    backend = FtpStorage

    @pytest.fixture
    def storage(self, pure_ftpd: Server) -> Iterator[Storage]:
        with ftp_storage(pure_ftpd) as storage:
            yield storage


class TestParamiko(StorageContract):
    backend = SftpStorage

    @pytest.fixture
    def storage(self, paramiko_server: SftpServer) -> Iterator[Storage]:
        with sftp_storage(paramiko_server) as storage:
            yield storage


class TestOpenssh(StorageContract):
    """On one connection, as for ProFTPD."""

    backend = SftpStorage

    @pytest.fixture
    def storage(self, opened_sshd: SftpStorage, sshd: Server) -> Storage:
        emptied(sshd.folder / opened_sshd._folder)
        return opened_sshd


def test_sto_1_every_backend_runs_the_contract() -> None:
    """A class of the package with the verbs of a storage is a backend, and some suite beside here must name it."""
    verbs = {"list", "read", "put", "rename", "delete"}
    backends = set()
    for module in pkgutil.walk_packages(passerelle.storage.__path__, "passerelle.storage."):
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if found.__module__ == module.name and verbs <= vars(found).keys() and found is not Storage:
                backends.add(found)
    beside = {file.stem for file in Path(__file__).parent.glob("test_storage_*.py")}
    for name in beside - {__name__}:
        importlib.import_module(name)
    suites = [suite for suite in StorageContract.__subclasses__() if suite.__module__ in beside]
    assert backends == {suite.backend for suite in suites}
    for module in {path.rpartition(".")[0] for path in BACKENDS.values()}:
        assert any(f"{found.__module__}.".startswith(f"passerelle.storage.{module}.") for found in backends)

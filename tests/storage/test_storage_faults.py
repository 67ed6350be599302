"""Faults made for real, between us and real servers: after each, publishing again completes the delivery, once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import storage_servers
from pydantic import SecretStr
from storage_proxy import Cut, How, Proxy
from storage_servers import PASSWORD, USER, Handler, Server, SftpServer, ftp_storage, openssh_storage, sftp_storage

from passerelle.storage.base import Storage
from passerelle.storage.errors import (
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    Throttled,
    Transient,
    Unexpected,
    Unreachable,
    UntrustedHost,
)
from passerelle.storage.local import LocalStorage
from passerelle.storage.publish import OutFile, publish
from passerelle.storage.retrying import RetryingStorage

CONTENTS = {"a.csv": b"a;b\r\n" * 20, "b été.bin": bytes(range(256)) * 200, "c.txt": b""}


@pytest.fixture
def files() -> Iterator[list[OutFile]]:
    with storage_servers.shared_folder() as folder:
        for name, data in CONTENTS.items():
            (folder / name).write_bytes(data)
        yield [
            OutFile(name, folder / name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENTS.items()
        ]


def deliver(storage: Storage, files: list[OutFile]) -> list[str]:
    """Publish; give the states of the files."""
    with storage:
        return [file.state for file in publish(storage, files, "manifest.json").files]


def stored(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def assert_nothing_half(folder: Path) -> dict[str, bytes]:
    """See that whatever has a final name is whole; give it."""
    visible = {name: data for name, data in stored(folder).items() if not name.startswith(".")}
    manifest = visible.pop("manifest.json", None)
    assert visible == {name: CONTENTS[name] for name in visible}
    if manifest is not None:
        assert [file["name"] for file in json.loads(manifest)["files"]] == list(CONTENTS) == sorted(visible)
    return visible


def assert_complete(folder: Path) -> None:
    assert stored(folder).keys() == {*CONTENTS, "manifest.json"}
    assert_nothing_half(folder)


# Cut connections ------------------------------------------------------------------------------------------------------


def ftp_through(server: Server, folder: str, proxy: Proxy, **options: Any) -> Storage:
    return ftp_storage(replace(server, port=proxy.port), folder, **options)


def sftp_through(server: SftpServer, folder: str, proxy: Proxy, **options: Any) -> Storage:
    return sftp_storage(server, folder, port=proxy.port, **options)


def openssh_through(server: Server, folder: str, proxy: Proxy, **options: Any) -> Storage:
    return openssh_storage(replace(server, port=proxy.port), folder, **options)


SERVERS: dict[str, Callable[..., Storage]] = {
    "pyftpdlib": ftp_through,
    "vsftpd": ftp_through,
    "paramiko_server": sftp_through,
    "sshd": openssh_through,
}
CONTROL = ("control up", "control down")
CUTS = [
    *(("pyftpdlib", channel, how) for channel in CONTROL for how in ("reset", "close", "silence")),
    # no reset here: pyftpdlib sometimes answers nothing then, and an upload that was reset is a success to it
    *(("pyftpdlib", "data up", how) for how in ("close", "silence")),
    *(("vsftpd", channel, how) for channel in (*CONTROL, "data up") for how in ("reset", "close")),
    *(("paramiko_server", channel, how) for channel in CONTROL for how in ("close", "silence")),
    *(("sshd", channel, "reset") for channel in CONTROL),
]


@pytest.mark.parametrize(("name", "channel", "how"), CUTS)
def test_sto_5_a_connection_cut_at_any_byte_is_mended_by_publishing_again(
    request: pytest.FixtureRequest, files: list[OutFile], name: str, channel: str, how: How
) -> None:
    server = request.getfixturevalue(name)
    through = SERVERS[name]
    timeout = 0.15 if how == "silence" else 10.0
    with Proxy(server.port) as proxy:
        deliver(through(server, storage_servers.new_folder(server.folder), proxy), files)
        total = proxy.counted[channel]
    assert total > 50
    points = 3 if how == "silence" or name == "sshd" else 6
    for after in sorted({0, 1, *(total * point // points for point in range(points))}):
        folder = storage_servers.new_folder(server.folder)
        with Proxy(server.port, Cut(channel, after, how)) as proxy:
            with contextlib.suppress(Transient):  # a cut of the farewell is no failure
                deliver(through(server, folder, proxy, timeout_seconds=timeout), files)
            assert proxy.happened
            arrived = assert_nothing_half(server.folder / folder)
            states = deliver(through(server, folder, proxy), files)
        assert [states[list(CONTENTS).index(file)] for file in arrived] == ["skipped"] * len(arrived)
        assert_complete(server.folder / folder)


@pytest.mark.parametrize(
    ("name", "channel"), [("pyftpdlib", "data down"), ("vsftpd", "data down"), ("sshd", "control down")]
)
@pytest.mark.parametrize("how", ["reset", "close"])
def test_sto_5_what_is_read_is_whole_or_an_error(
    request: pytest.FixtureRequest, name: str, channel: str, how: How
) -> None:
    """FTP cannot tell a listing cut between two lines by an orderly close from a shorter one; all else is noticed."""
    server = request.getfixturevalue(name)
    folder = storage_servers.new_folder(server.folder)
    for number in range(50):
        storage_servers.owned(server.folder / folder).joinpath(f"{number:02}.bin").write_bytes(CONTENTS["b été.bin"])
    for after in (*([0] if how == "reset" else []), 1, 700, 20_000, 51_199):
        failed = 0
        for act in ("list", "read"):
            cut = Cut(channel, after, how)
            with Proxy(server.port, cut) as proxy, contextlib.suppress(Unreachable):
                failed += 1
                with SERVERS[name](server, folder, proxy) as storage:
                    if act == "list":
                        assert {entry.path for entry in storage.list()} == {f"{number:02}.bin" for number in range(50)}
                    else:
                        assert storage.read("49.bin") == CONTENTS["b été.bin"]
                    failed -= 1
        assert failed >= 1


@pytest.mark.parametrize("kind", ["local", "pyftpdlib", "vsftpd", "paramiko", "sshd"])
def test_sto_4_whoever_reads_the_folder_never_sees_half_a_file(tmp_path: Path, kind: str) -> None:
    contents = {f"{number}.bin": bytes([number]) * 2_000_000 for number in range(3)}
    files = []
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
        files.append(OutFile(name, tmp_path / name, len(data), hashlib.sha256(data).hexdigest()))
    ended, seen, wrong = threading.Event(), set(), []

    def look(folder: Path) -> None:
        while not ended.is_set():
            manifest_first = (folder / "manifest.json").exists()
            for name, data in contents.items():
                with contextlib.suppress(FileNotFoundError):
                    if (folder / name).read_bytes() != data:
                        wrong.append(name)
                    seen.add(name)
                    continue
                if manifest_first:
                    wrong.append(f"manifest without {name}")

    with storage_servers.shared_folder() as folder, _served(kind, folder) as storage:
        reader = threading.Thread(target=look, args=(folder,))
        reader.start()
        deliver(storage, files)
        while seen != contents.keys():
            storage_servers.pause()
        ended.set()
        reader.join()
    assert seen == contents.keys()
    assert wrong == []


@pytest.mark.parametrize("name", ["pyftpdlib", "sshd"])
def test_sto_8_a_cut_is_mended_within_the_run(request: pytest.FixtureRequest, files: list[OutFile], name: str) -> None:
    server = request.getfixturevalue(name)
    folder = storage_servers.new_folder(server.folder)
    channel = "data up" if name == "pyftpdlib" else "control up"
    with Proxy(server.port, Cut(channel, 20_000, "close")) as proxy:
        storage = SERVERS[name](server, folder, proxy)
        deliver(RetryingStorage(storage, attempts=2, first_delay_seconds=0.001), files)
        assert proxy.happened
    assert_complete(server.folder / folder)


@pytest.mark.parametrize("name", SERVERS)
def test_sto_10_a_connection_closed_while_idle_is_opened_again(request: pytest.FixtureRequest, name: str) -> None:
    server = request.getfixturevalue(name)
    with Proxy(server.port) as proxy:
        storage = SERVERS[name](server, storage_servers.new_folder(server.folder), proxy)
        with storage:
            storage.put("a", b"a")
            storage.put("b", b"b")
            assert proxy.connections == 1
            proxy.hang_up()
            for _ in range(200):  # until the news is here
                if not _has_heard(storage):
                    break
                storage_servers.pause()
            assert storage.read("a") == b"a"
            assert sorted(entry.path for entry in storage.list()) == ["a", "b"]
            assert proxy.connections == 2


def _has_heard(storage: Any) -> bool:
    if hasattr(storage, "_free"):
        return not storage._free[0]._client.stream.reader.at_eof()
    return storage._lines[0].is_alive


def test_sto_10_a_connection_forgotten_while_idle_is_opened_again(pyftpdlib: Server) -> None:
    """As routers do: no close, no answer."""
    with Proxy(pyftpdlib.port) as proxy:
        storage = ftp_through(pyftpdlib, storage_servers.new_folder(pyftpdlib.folder), proxy, timeout_seconds=0.15)
        with storage:
            storage.put("a", b"a")
            proxy.freeze()
            storage.idle_seconds = 0
            assert storage.read("a") == b"a"
            assert proxy.connections == 2


def test_sto_10_a_server_that_says_timeout_and_closes_is_connected_again() -> None:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(storage_servers.shared_folder())
        server = stack.enter_context(storage_servers.ftp_server(folder, timeout=0.3))
        storage = stack.enter_context(ftp_storage(server, ""))
        storage.put("a", b"a")
        for _ in range(300):  # until the news is here
            if b"421" in bytes(storage._free[0]._client.stream.reader._buffer):
                break
            storage_servers.pause()
        storage.idle_seconds = 0
        assert storage.read("a") == b"a"
        assert server.log.count(f"USER {USER}") == 2


# Refusals -------------------------------------------------------------------------------------------------------------


def test_sto_8_no_server_is_said(tmp_path: Path, files: list[OutFile]) -> None:
    port = storage_servers.free_port()
    for storage in (ftp_storage(Server(port, tmp_path), ""), sftp_storage(SftpServer(tmp_path), "", port=port)):
        with pytest.raises(Unreachable) as found:
            deliver(storage, files)
        assert found.value.code == "storage-unreachable"


def test_sto_8_a_server_that_comes_up_is_reached_by_the_next_try(files: list[OutFile]) -> None:
    with storage_servers.shared_folder() as folder, storage_servers.ftp_server(folder) as server:
        server.program.max_cons = 1

        class Opened(RetryingStorage):
            tries = 0

            def _wait(self, state: Any) -> float:
                self.tries += 1
                server.program.max_cons = 512
                return super()._wait(state)

        storage = Opened(ftp_storage(server, ""), attempts=3, first_delay_seconds=0.001)
        deliver(storage, files)
        assert storage.tries == 1
        assert_complete(folder)


def test_sto_8_an_unknown_host_name_is_said(tmp_path: Path) -> None:
    for storage in (
        ftp_storage(Server(21, tmp_path, host="no-such-host.invalid"), ""),
        sftp_storage(SftpServer(tmp_path), "", host="no-such-host.invalid"),
    ):
        with pytest.raises(Unreachable), storage:
            pass


def test_sto_8_a_refused_login_fails_at_once_and_tells_no_password(pyftpdlib: Server) -> None:
    before = pyftpdlib.log.count(f"USER {USER}")
    storage = ftp_storage(pyftpdlib, "", password=SecretStr("wröng-secret"))
    with pytest.raises(Denied) as found, RetryingStorage(storage, attempts=5):
        pass
    assert found.value.code == "storage-login-refused"
    assert pyftpdlib.log.count(f"USER {USER}") == before + 1
    assert "wröng-secret" not in "".join(traceback.format_exception(found.value)) + repr(vars(storage))


def test_sto_8_a_refused_sftp_login_fails_at_once_and_tells_no_password(paramiko_server: SftpServer) -> None:
    before = len(paramiko_server.transports)
    storage = sftp_storage(paramiko_server, "", password=SecretStr("wröng-secret"))
    with pytest.raises(Denied) as found, RetryingStorage(storage, attempts=5):
        pass
    assert found.value.code == "storage-login-refused"
    assert len(paramiko_server.transports) == before + 1
    assert "wröng-secret" not in "".join(traceback.format_exception(found.value)) + repr(vars(storage))


def test_sto_8_a_server_that_is_full_asks_to_come_back_later() -> None:
    with storage_servers.shared_folder() as folder, storage_servers.ftp_server(folder) as server:
        server.program.max_cons = 2  # the listening socket counts
        with ftp_storage(server, ""), pytest.raises(Throttled) as found, ftp_storage(server, ""):
            pass
        assert found.value.code == "storage-busy"
        assert "421" in found.value.detail


@pytest.mark.parametrize(
    "name", ["pyftpdlib", "pyftpdlib_without_mlsd", "vsftpd", "proftpd", "pure_ftpd", "paramiko_server", "sshd"]
)
def test_sto_8_denied_is_not_absent(request: pytest.FixtureRequest, files: list[OutFile], name: str) -> None:
    """What may not be read, listed or written is denied; and all is well once the rights are given."""
    server = request.getfixturevalue(name)
    opened = {"paramiko_server": sftp_storage, "sshd": openssh_storage}.get(name, ftp_storage)
    folder = storage_servers.new_folder(server.folder)
    with storage_servers.unprivileged(), opened(server, folder) as storage:
        storage.put("closed/a.txt", b"a")
        storage.put("secret.txt", b"s")
        at = server.folder / folder
        (at / "secret.txt").chmod(0)
        (at / "closed").chmod(0)
        at.chmod(0o555)
        try:
            for action in (
                lambda: storage.read("secret.txt"),
                lambda: storage.list("closed"),
                lambda: storage.put("new.txt", b"n"),
                lambda: storage.put("new/new.txt", b"n"),
                lambda: storage.delete("secret.txt"),
                lambda: storage.rename("secret.txt", "renamed.txt", overwrite=False),
                lambda: storage.rename("secret.txt", "renamed.txt", overwrite=True),
                lambda: publish(storage, files, "manifest.json"),
            ):
                with pytest.raises(Denied) as found:
                    action()
                assert found.value.code == "storage-denied"
            with pytest.raises(NotFound):
                storage.read("absent.txt")
            assert [entry.path for entry in storage.list()] == ["secret.txt"]
        finally:
            at.chmod(0o755)
            (at / "closed").chmod(0o755)
            (at / "secret.txt").chmod(0o644)
        storage.delete("secret.txt")
        storage.delete("closed/a.txt")
        publish(storage, files, "manifest.json")
        (at / "closed").rmdir()
    assert_complete(at)


def test_sto_8_denied_is_not_absent_on_the_local_disk(files: list[OutFile]) -> None:
    with storage_servers.shared_folder() as at, storage_servers.unprivileged(), LocalStorage(at) as storage:
        storage.put("closed/a.txt", b"a")
        storage.put("secret.txt", b"s")
        (at / "secret.txt").chmod(0)
        (at / "closed").chmod(0)
        at.chmod(0o555)
        for action in (
            lambda: storage.read("secret.txt"),
            lambda: storage.list("closed"),
            lambda: storage.read("closed/a.txt"),
            lambda: storage.put("new.txt", b"n"),
            lambda: storage.delete("secret.txt"),
            lambda: storage.rename("secret.txt", "renamed.txt", overwrite=False),
            lambda: publish(storage, files, "manifest.json"),
        ):
            with pytest.raises(Denied):
                action()
        at.chmod(0o755)
        (at / "closed").chmod(0o755)
        storage.delete("secret.txt")
        storage.delete("closed/a.txt")
        (at / "closed").rmdir()
        publish(storage, files, "manifest.json")
        assert_complete(at)


def test_sto_8_an_upload_refused_by_the_server_is_denied(files: list[OutFile]) -> None:
    class ReadOnly(Handler):
        def ftp_STOR(self, file: str, mode: str = "w") -> None:  # noqa: N802
            self.respond("550 Not today.")

    with storage_servers.shared_folder() as folder:
        with storage_servers.ftp_server(folder, ReadOnly) as server, pytest.raises(Denied, match="550 Not today"):
            deliver(ftp_storage(server, ""), files)
        assert stored(folder) == {}
        with storage_servers.ftp_server(folder) as server:
            deliver(ftp_storage(server, ""), files)
        assert_complete(folder)


# Full disks -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Give a disk of 64 KB, where we may mount one."""
    with storage_servers.shared_folder() as folder:
        options = f"size=64k,mode=755,uid={storage_servers.NOBODY}"
        mounted = os.geteuid() == 0 and (
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False).returncode == 0
        )
        if not mounted:
            pytest.skip("only root may mount a small disk")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def _served(kind: str, folder: Path) -> Iterator[Storage]:
    """Give a storage on a folder, by a server of its own."""
    if kind == "local":
        yield LocalStorage(folder)
    elif kind == "pyftpdlib":
        with storage_servers.ftp_server(folder) as server:
            yield ftp_storage(server, "")
    elif kind == "vsftpd":
        with storage_servers.vsftpd(folder) as server:
            yield ftp_storage(server, "")
    elif kind == "paramiko":
        with SftpServer(folder) as own:
            yield sftp_storage(own, "")
    else:
        with storage_servers.sshd(folder) as server:
            yield openssh_storage(server, "")


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("local", NoSpace),
        ("sshd", NoSpace),
        ("paramiko", Unexpected),  # "Failure"
        ("vsftpd", NoSpace),
        ("pyftpdlib", Transient),  # 426 None; transfer aborted.
    ],
)
def test_sto_8_a_full_disk_is_said(
    small_disk: Path, files: list[OutFile], kind: str, meaning: type[StorageError]
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(40_000))
    with _served(kind, small_disk) as storage:
        with pytest.raises(meaning):
            deliver(storage, files)
        left = {name for name in stored(small_disk) if not name.startswith(".")}
        assert left == {"ballast"}
        ballast.unlink()
        assert deliver(storage, files) == ["sent", "sent", "sent"]
    assert_complete(small_disk)


def test_sto_8_a_limit_on_file_sizes_is_said_and_no_name_is_given(tmp_path: Path, files: list[OutFile]) -> None:
    """What a full disk looks like where no small disk can be made."""
    (tmp_path / "in").mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(NoSpace):
            deliver(LocalStorage(tmp_path / "in"), files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert all(name.startswith(".") for name in stored(tmp_path / "in")), "what arrived waits for the rest"
    deliver(LocalStorage(tmp_path / "in"), files)
    assert_complete(tmp_path / "in")


@pytest.mark.parametrize("name", ["proftpd", "paramiko_server", "sshd"])
def test_sto_8_a_full_disk_of_a_server_is_no_success(request: pytest.FixtureRequest, name: str) -> None:
    """``/dev/full`` answers as a full disk does."""
    server = request.getfixturevalue(name)
    opened = {"paramiko_server": sftp_storage, "sshd": openssh_storage}.get(name, ftp_storage)
    folder = storage_servers.new_folder(server.folder)
    (server.folder / folder / "full").symlink_to("/dev/full")
    with opened(server, folder) as storage:
        with pytest.raises((NoSpace, Unexpected)):
            storage.put("full", bytes(100_000))
        assert storage.put("other", b"x").size == 1


# Host keys ------------------------------------------------------------------------------------------------------------


def test_sto_9_an_unknown_host_is_refused_with_its_fingerprint(sshd: Server, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text("")
    storage = openssh_storage(sshd, "", fingerprints=(), known_hosts=tmp_path / "known_hosts")
    with pytest.raises(UntrustedHost) as found, RetryingStorage(storage, attempts=5):
        pass
    assert found.value.code == "storage-host-unknown"
    assert found.value.fingerprint == sshd.fingerprint
    assert f"-o host_key_fingerprint={sshd.fingerprint}" in found.value.todo("fr")
    assert f'host_key_fingerprint = "{sshd.fingerprint}"' in found.value.todo("en")
    with openssh_storage(sshd, fingerprints=("SHA256:" + "A" * 43, sshd.fingerprint)) as pinned:
        assert pinned.list() == []


@pytest.mark.parametrize("how", ["fingerprint", "known_hosts"])
def test_sto_9_another_host_key_is_refused_before_anything_is_told(tmp_path: Path, how: str) -> None:
    with SftpServer(tmp_path) as server, SftpServer(tmp_path) as impostor:
        known_hosts = tmp_path / "known_hosts"
        known_hosts.write_text(
            f"[127.0.0.1]:{impostor.port} {server.host_key.get_name()} {server.host_key.get_base64()}\n"
        )
        options = (
            {"fingerprints": (), "known_hosts": known_hosts}
            if how == "known_hosts"
            else {"fingerprints": (server.host_key.fingerprint,)}
        )
        with pytest.raises(UntrustedHost) as found, sftp_storage(impostor, "", **options):
            pass
        assert found.value.code == "storage-host-changed"
        assert found.value.fingerprint == impostor.host_key.fingerprint
        assert impostor.logins == []


def test_sto_9_a_host_in_known_hosts_is_trusted(tmp_path: Path) -> None:
    with SftpServer(tmp_path) as server:
        known_hosts = tmp_path / "known_hosts"
        key = f"{server.host_key.get_name()} {server.host_key.get_base64()}"
        known_hosts.write_text(f"# ours\n[127.0.0.1]:{server.port} {key}\n")
        with sftp_storage(server, "", fingerprints=(), known_hosts=known_hosts) as storage:
            assert [entry.path for entry in storage.list()] == ["known_hosts"]
        assert server.logins == [(USER, PASSWORD)]

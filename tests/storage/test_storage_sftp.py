"""What is particular to SFTP: logins, hosts, servers with fewer abilities (STO-1, STO-9)."""

# ruff: noqa: PTH123 - names as bytes, calls as servers make them

from __future__ import annotations

import base64
import logging
import os
import random
import signal
import socket
import subprocess
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG

import paramiko
import pytest
import storage_servers
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pydantic import SecretStr
from storage_proxy import Cut, Proxy
from storage_servers import PASSWORD, Server, SftpServer, openssh_storage, sftp_storage

from passerelle.storage import checksums, sftp
from passerelle.storage.base import LocalFile, Storage
from passerelle.storage.contract import StorageContract
from passerelle.storage.errors import (
    AlreadyThere,
    BadPlace,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    Unexpected,
    Unreachable,
    UntrustedHost,
)
from passerelle.storage.retrying import RetryingStorage
from passerelle.storage.sftp import SftpPlace, SftpStorage
from passerelle.storage.sftp_channel import WINDOW, Refused


@pytest.fixture
def server() -> Iterator[SftpServer]:
    with storage_servers.shared_folder() as folder, SftpServer(folder) as server:
        yield server


KEYS = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
}
FORMS = {"OpenSSH": PrivateFormat.OpenSSH, "PEM": PrivateFormat.TraditionalOpenSSL}


@pytest.mark.parametrize(
    ("kind", "form", "passphrase"),
    [
        ("ed25519", "OpenSSH", ""),
        ("ecdsa", "OpenSSH", ""),
        ("rsa", "OpenSSH", ""),
        ("ecdsa", "PEM", ""),
        ("ed25519", "OpenSSH", "phräse"),
        ("rsa", "PEM", "phräse"),
    ],
)
def test_sto_1_a_key_file_of_any_kind_logs_in(
    server: SftpServer, tmp_path: Path, kind: str, form: str, passphrase: str
) -> None:
    key, file = KEYS[kind](), tmp_path / "key"
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    file.write_bytes(key.private_bytes(Encoding.PEM, FORMS[form], lock))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()
    server.user_key = paramiko.PKey.from_type_string(public[0].decode(), base64.b64decode(public[1]))
    options = {"password": None, "key_file": file}
    with sftp_storage(server, "", key_passphrase=SecretStr(passphrase) if passphrase else None, **options) as storage:
        assert storage.list() == []
    for wrong in (None, SecretStr("wröng")) if passphrase else ():
        with pytest.raises(BadPlace) as found, sftp_storage(server, "", key_passphrase=wrong, **options):
            pass
        assert found.value.code == "storage-key-unreadable"
        assert "wröng" not in "".join(traceback.format_exception(found.value))


@pytest.mark.parametrize("content", [b"no key at all", b""])
def test_sto_1_what_is_no_key_is_said(server: SftpServer, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    for _ in range(2):
        with pytest.raises(BadPlace) as found, sftp_storage(server, "", key_file=file):
            pass
        assert found.value.code == "storage-key-unreadable"
        assert str(file) in found.value.text("fr")
        file.write_bytes(content)
    assert server.logins == []


def test_sto_1_the_keys_of_the_agent_log_in(sshd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "agent"
    agent = subprocess.Popen(
        [storage_servers.program("ssh-agent"), "-D", "-a", socket], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not socket.exists():
            storage_servers.pause()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        with pytest.raises(Denied), openssh_storage(sshd, key_file=None, agent=True):
            pass
        key = tmp_path / "key"
        key.touch(mode=0o600)
        key.write_bytes(sshd.key_file.read_bytes())
        subprocess.run(["ssh-add", key], check=True, capture_output=True)
        with openssh_storage(sshd, key_file=None, agent=True) as storage:
            storage.put("a", b"a")
        with pytest.raises(Denied), openssh_storage(sshd, key_file=None):
            pass
    finally:
        agent.terminate()
        agent.wait()


def test_sto_4_a_server_without_posix_rename_replaces_too() -> None:
    with storage_servers.shared_folder() as folder, SftpServer(folder) as server:
        with sftp_storage(server, "") as storage:
            storage.put("a", b"new")
            storage.put("b", b"old")
            storage.rename("a", "b", overwrite=True)
            assert storage.read("b") == b"new"
            storage.put("in/c", b"c")
            storage.rename("in/c", "d", overwrite=True)
        assert {file.name for file in folder.iterdir()} == {"in", "b", "d"}


def test_sto_10_names_that_are_not_utf_8_are_not_listed_but_named(
    sshd: Server, caplog: pytest.LogCaptureFixture
) -> None:
    at = sshd.folder / storage_servers.new_folder(sshd.folder)
    (at / "good.txt").write_bytes(b"x")
    (at / "..\\evil.txt").write_bytes(b"x")
    with open(os.fsencode(at) + b"/\xe9t\xe9.csv", "wb"):
        pass
    with openssh_storage(sshd, at.name) as storage, caplog.at_level(logging.WARNING, "passerelle"):
        assert [entry.path for entry in storage.list()] == ["good.txt"]
    assert "udce9" in caplog.text
    assert "evil.txt" in caplog.text


def test_sto_10_links_to_files_are_files(sshd: Server) -> None:
    at = sshd.folder / storage_servers.new_folder(sshd.folder)
    (at / "real.txt").write_bytes(b"real")
    (at / "folder").mkdir()
    (at / "link.txt").symlink_to("real.txt")
    (at / "to a folder").symlink_to("folder")
    (at / "to nothing").symlink_to("nothing")
    with openssh_storage(sshd, at.name) as storage:
        assert sorted((entry.path, entry.size) for entry in storage.list()) == [("link.txt", 4), ("real.txt", 4)]


def test_sto_10_a_missing_place_is_said(sshd: Server, server: SftpServer) -> None:
    (server.folder / "file").write_bytes(b"")
    for storage in (openssh_storage(sshd, "no/such folder"), sftp_storage(server, "file")):
        with pytest.raises(NotFound) as found, storage:
            pass
        assert found.value.path == ""
    (server.folder / "file").unlink()
    with sftp_storage(server) as storage:
        next(server.folder.iterdir()).rmdir()
        with pytest.raises(NotFound):
            storage.put("a/b.txt", b"x")
        with pytest.raises(NotFound):
            storage.list()


def test_sto_2_an_absolute_folder_is_not_the_login_folder(sshd: Server) -> None:
    folder = sshd.folder / storage_servers.new_folder(sshd.folder)
    with openssh_storage(sshd, str(folder)) as storage:
        storage.put("sub/a", b"a")
    assert (folder / "sub" / "a").read_bytes() == b"a"


def test_sto_9_a_known_hosts_that_cannot_be_read_is_said(server: SftpServer, tmp_path: Path) -> None:
    with pytest.raises(BadPlace) as found, sftp_storage(server, "", fingerprints=(), known_hosts=tmp_path / "none"):
        pass
    assert found.value.code == "storage-known-hosts-unreadable"


def test_sto_8_what_is_no_ssh_server_is_said(pyftpdlib: Server, server: SftpServer) -> None:
    with pytest.raises(Unreachable), sftp_storage(server, "", port=pyftpdlib.port):
        pass


def test_sto_10_one_connection_serves_all_calls(server: SftpServer) -> None:
    with sftp_storage(server, "") as storage:
        for number in range(5):
            storage.put(f"{number}", b"x")
            storage.read(f"{number}")
        with pytest.raises(NotFound):
            storage.read("absent")
        storage.list()
    assert len(server.transports) == 1
    with pytest.raises(RuntimeError, match="outside of its with block"):
        storage.list()


# Places ---------------------------------------------------------------------------------------------------------------

FINGERPRINT = "SHA256:" + "aB3+/" * 8 + "xyz"


def test_sto_2_a_place_tells_its_server_and_its_secrets() -> None:
    place = SftpPlace(
        url="sftp://me@host//srv/in/", host_key_fingerprint=FINGERPRINT + "=", password="SFTP_PASSWORD", key_file="key"
    )
    assert (place.name, place.server) == ("sftp://me@host:22//srv/in", ("host", 22))
    assert place.host_key_fingerprint == (FINGERPRINT,)
    assert place.secret_names == {"password": "SFTP_PASSWORD"}
    assert place.local_files == {"key_file": Path("key")}
    assert (
        len(SftpPlace(url="sftp://me@host", host_key_fingerprint=[FINGERPRINT, FINGERPRINT]).host_key_fingerprint) == 2
    )
    assert all(option.description for name, option in SftpPlace.model_fields.items() if name != "url")


@pytest.mark.parametrize("wrong", ["", "MD5:aa:bb", "SHA256:short", FINGERPRINT + "A", FINGERPRINT[:-1] + " "])
def test_sto_9_what_is_no_fingerprint_is_refused(wrong: str) -> None:
    for given in (wrong, [FINGERPRINT, wrong]):
        with pytest.raises(BadPlace) as found:
            SftpPlace(url="sftp://me@host", host_key_fingerprint=given)
        assert found.value.code == "storage-bad-fingerprint"


@pytest.mark.parametrize("url", ["sftp://host/in", "sftp://me@/in", "sftp://me@host:x/in", "sftp://me@host/../in"])
def test_sto_2_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadPlace):
        SftpPlace(url=url)


# Meanings -------------------------------------------------------------------------------------------------------------

STATUS = {
    1: Unreachable,
    2: NotFound,
    3: Denied,
    4: Unexpected,
    5: Unexpected,
    6: Unreachable,
    7: Unreachable,
    8: Unexpected,
    10: NotFound,
    11: AlreadyThere,
    12: Denied,
    14: NoSpace,
    15: NoSpace,
    19: NotFound,
    99: Unexpected,
}


@pytest.mark.parametrize(("status", "meaning"), STATUS.items(), ids=str)
def test_sto_8_a_status_is_told_by_its_consequence(status: int, meaning: type[StorageError]) -> None:
    told = sftp._translate(Refused(status, "said so"), "somewhere", "a/b.txt")
    assert (type(told), told.path, told.detail) == (meaning, "a/b.txt", "said so")
    assert sftp._translate(Refused(status, ""), "somewhere", "").detail == f"status {status}"


# Servers with other abilities -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proftpd_sftp() -> Iterator[Server]:
    with storage_servers.proftpd_sftp() as server:
        yield server


@pytest.fixture(scope="module")
def opened_proftpd_sftp(proftpd_sftp: Server) -> Iterator[SftpStorage]:
    with openssh_storage(proftpd_sftp, key_file=None, password=SecretStr(PASSWORD)) as storage:
        yield storage


class TestProftpdSftp(StorageContract):
    backend = SftpStorage

    @pytest.fixture
    def storage(self, opened_proftpd_sftp: SftpStorage, proftpd_sftp: Server) -> Storage:
        storage_servers.emptied(proftpd_sftp.folder / opened_proftpd_sftp._folder)
        return opened_proftpd_sftp


def test_sto_13_a_server_that_computes_checksums_is_asked(opened_proftpd_sftp: SftpStorage, sshd: Server) -> None:
    data = bytes(range(256)) * 1000
    opened_proftpd_sftp.put("sum.bin", data)
    assert opened_proftpd_sftp.checksum("sum.bin") == checksums.of_bytes("sha256", data)
    with openssh_storage(sshd) as storage:
        storage.put("sum.bin", data)
        assert storage.checksum("sum.bin") is None
        assert storage.checksum("sum.bin") is None


def test_sto_4_whether_it_replaces_seamlessly_is_known_once_it_is_open(sshd: Server, server: SftpServer) -> None:
    with openssh_storage(sshd) as able, sftp_storage(server) as unable:
        assert able.features.seamless_replace
        assert not unable.features.seamless_replace


def test_sto_1_links_to_folders_are_not_followed(sshd: Server, caplog: pytest.LogCaptureFixture) -> None:
    at = sshd.folder / storage_servers.new_folder(sshd.folder)
    (at / "in" / "deep").mkdir(parents=True)
    (at / "in" / "deep" / "a.txt").write_bytes(b"a")
    (at / "in" / "up").symlink_to("..")
    (at / "in" / "file").symlink_to("deep/a.txt")
    (at / "..\\evil").mkdir()
    (at / "..\\evil" / "b.txt").write_bytes(b"b")
    with openssh_storage(sshd, at.name) as storage, caplog.at_level(logging.WARNING, "passerelle"):
        assert sorted(entry.path for entry in storage.list(recursive=True)) == ["in/deep/a.txt", "in/file"]
    assert "evil" in caplog.text


# Many files -----------------------------------------------------------------------------------------------------------


def written(folder: Path, count: int, size: int) -> list[LocalFile]:
    """Make files to send, each with another content."""
    source = random.Random(1)
    files = [LocalFile(f"in/{number:03}.bin", folder / f"{number:03}.bin", size) for number in range(count)]
    for file in files:
        file.local.write_bytes(source.randbytes(size))
    return files


def assert_same(folder: Path, files: list[LocalFile]) -> None:
    for file in files:
        assert (folder / file.path).read_bytes() == file.local.read_bytes()


def test_sto_11_many_files_are_under_way_on_one_connection(server: SftpServer, tmp_path: Path) -> None:
    """Before the first answer got through, the server was asked to open as many files as may be open at once."""
    files = written(tmp_path, 100, 10)
    (server.folder / "in").mkdir()
    with Proxy(server.port) as proxy:
        with sftp_storage(server, "", port=proxy.port, timeout_seconds=0.3, connections=1) as storage:
            proxy._cut = Cut("control down", proxy.counted["control down"], "silence")
            with pytest.raises(Unreachable) as found:
                list(storage.put_files(files))
        assert found.value.code == "storage-timeout"
    assert sum(line.startswith("open /in/") for line in server.log) == 64


def test_sto_11_connections_are_opened_as_they_pay(sshd: Server, tmp_path: Path) -> None:
    few, many = written(tmp_path, 20, 10), [LocalFile(f"in/{n}", tmp_path / "000.bin", 10) for n in range(600)]
    folder = storage_servers.new_folder(sshd.folder)
    with (
        Proxy(sshd.port) as proxy,
        openssh_storage(replace(sshd, port=proxy.port), folder, connections=4) as storage,
    ):
        assert len(list(storage.put_files(few))) == 20
        assert proxy.connections == 1
        assert len(list(storage.put_files(many))) == 600
        assert 1 <= proxy.connections <= 3
        assert len(storage.list(recursive=True)) == 620


def test_sto_11_other_verbs_may_be_called_between_the_files(sshd: Server, tmp_path: Path) -> None:
    files = written(tmp_path, 30, 1000)
    with openssh_storage(sshd) as storage:
        for entry in storage.put_files(files):
            assert storage.read(entry.path) == (tmp_path / entry.path[3:]).read_bytes()
            storage.rename(entry.path, entry.path + ".done", overwrite=False)
        assert len(storage.list("in")) == 30


def test_sto_11_a_server_that_lets_no_more_in_is_used_with_what_there_is(tmp_path: Path) -> None:
    local = tmp_path / "x"
    local.write_bytes(b"x")
    files = [LocalFile(f"in/{number}", local, 1) for number in range(600)]
    with storage_servers.shared_folder() as folder, SftpServer(folder, most_connections=1) as server:
        with sftp_storage(server, "", connections=3) as storage:
            for _ in range(2):
                assert len(list(storage.put_files(files))) == 600
        assert len(server.logins) == 1
        assert server.accepted <= 3, "who was refused does not come again"
        assert len(list((folder / "in").iterdir())) == 600


def test_sto_11_a_server_that_lets_in_one_after_the_other_gets_all(tmp_path: Path) -> None:
    local = tmp_path / "x"
    local.write_bytes(b"x")
    files = [LocalFile(f"in/{number}", local, 1) for number in range(1500)]
    with (
        storage_servers.sshd(more="MaxStartups 1") as server,
        RetryingStorage(openssh_storage(server), attempts=20, first_delay_seconds=0.01) as storage,
    ):
        assert {entry.path for entry in storage.put_files(files)} == {file.path for file in files}
        assert len(storage.list("in")) == 1500


def test_sto_5_when_one_file_fails_those_under_way_are_finished_and_no_other_begun(
    sshd: Server, tmp_path: Path
) -> None:
    files = written(tmp_path, 200, 1000)
    folder = storage_servers.new_folder(sshd.folder)
    with openssh_storage(sshd, folder, connections=1) as storage:
        storage.put("in/003.bin/is a folder", b"")
        given: list[str] = []
        with pytest.raises(AlreadyThere) as found:
            _collected(storage.put_files(files), given)
        assert found.value.path == "in/003.bin"
        stored = {path for path in (sshd.folder / folder / "in").iterdir() if S_ISREG(path.stat().st_mode)}
        assert {path.name for path in stored} == {path[3:] for path in given}
        assert 3 <= len(given) < 200
        assert storage.read(given[0]) == (tmp_path / given[0][3:]).read_bytes()


def _collected(entries: Iterator, given: list[str]) -> None:
    given.extend(entry.path for entry in entries)


CUTS = [1, 200_000, 700_000, 1_500_000, 2_900_000]


@pytest.mark.parametrize("after", CUTS)
@pytest.mark.parametrize("verb", ["put", "get"])
def test_sto_5_many_files_cut_at_any_byte_are_completed_by_the_next_try(
    sshd: Server, tmp_path: Path, verb: str, after: int
) -> None:
    files = written(tmp_path, 60, 50_000)
    folder = storage_servers.new_folder(sshd.folder)
    source = [replace(file, local=tmp_path / f"{file.local.name}.back") for file in files]
    with openssh_storage(sshd, folder) as storage:
        if verb == "get":
            assert len(list(storage.put_files(files))) == 60
    given: list[str] = []
    with (
        Proxy(sshd.port) as proxy,
        openssh_storage(replace(sshd, port=proxy.port), folder, connections=1) as storage,
    ):
        channel = "control up" if verb == "put" else "control down"
        proxy._cut = Cut(channel, proxy.counted[channel] + after, "reset")
        with pytest.raises(Unreachable):
            _collected(storage.put_files(files) if verb == "put" else storage.get_files(source), given)
        assert proxy.happened
        at = sshd.folder / folder / "in"
        for path in given:
            whole = at / path[3:] if verb == "put" else tmp_path / f"{path[3:]}.back"
            assert whole.read_bytes() == (tmp_path / path[3:]).read_bytes()
        rest = [file for file in (files if verb == "put" else source) if file.path not in given]
        again = storage.put_files(rest, resume=True) if verb == "put" else storage.get_files(rest, resume=True)
        assert len(list(again)) == len(rest)
    if verb == "put":
        assert_same(sshd.folder / folder, files)
    else:
        assert [file.local.read_bytes() for file in source] == [file.local.read_bytes() for file in files]


LARGE = 24_000_000


@pytest.mark.parametrize("verb", ["put", "get"])
def test_sto_7_only_the_rest_goes_over_the_wire(sshd: Server, tmp_path: Path, verb: str) -> None:
    (file,) = written(tmp_path, 1, LARGE)
    back = replace(file, local=tmp_path / "back")
    folder = storage_servers.new_folder(sshd.folder)
    channel, other = ("control up", "control down") if verb == "put" else ("control down", "control up")
    if verb == "get":
        with openssh_storage(sshd, folder) as storage:
            list(storage.put_files([file]))
    with (
        Proxy(sshd.port, Cut(channel, 16_000_000, "close")) as proxy,
        openssh_storage(replace(sshd, port=proxy.port), folder) as storage,
        pytest.raises(Unreachable),
    ):
        list(storage.put_files([file]) if verb == "put" else storage.get_files([back]))
    begun = []
    for _ in range(2):
        moved: list[int] = []
        with Proxy(sshd.port) as proxy, openssh_storage(replace(sshd, port=proxy.port), folder) as storage:
            before = proxy.counted.copy()
            told = {"resume": True, "moved": lambda _, over, moved=moved: moved.append(over)}
            again = storage.put_files([file], **told) if verb == "put" else storage.get_files([back], **told)
            assert [found.path for found in again] == [file.path]
            rest, compared = LARGE - moved[0], 1.02 * WINDOW + 50_000
            brought, asked = (proxy.counted[one] - before[one] for one in (channel, other))
        assert rest <= brought <= 1.02 * rest + 50_000 + (compared if verb == "get" else 0)
        assert asked <= 50_000 + (compared if verb == "put" else 0)
        assert moved == sorted(moved)
        assert moved[-1] == LARGE
        begun.append(moved[0])
    assert 8_000_000 < begun[0] < 16_000_000
    assert begun[1] == LARGE, "it is whole"
    assert (sshd.folder / folder / file.path).read_bytes() == file.local.read_bytes()
    assert verb == "put" or back.local.read_bytes() == file.local.read_bytes()


def test_sto_8_a_server_that_falls_silent_ends_in_time(sshd: Server, tmp_path: Path) -> None:
    (file,) = written(tmp_path, 1, LARGE)
    with Proxy(sshd.port) as proxy, openssh_storage(replace(sshd, port=proxy.port), timeout_seconds=0.5) as storage:

        def freeze(_: str, over: int) -> None:
            if over > 1_000_000:
                proxy.freeze()

        with pytest.raises(Unreachable) as found:
            list(storage.put_files([file], moved=freeze))
        assert found.value.code == "storage-timeout"
        assert storage.list() == []


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux ends what is not taken in time")
def test_sto_8_a_server_that_takes_nothing_more_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processes stop, the system's buffers are full: paramiko alone would wait for ever."""
    (file,) = written(tmp_path, 1, LARGE)
    connect = socket.create_connection

    def with_small_buffer(*arguments: object) -> socket.socket:
        connection = connect(*arguments)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
        return connection

    stopped: set[int] = set()
    others = storage_servers.sessions(os.getpid())
    with storage_servers.sshd() as server:
        monkeypatch.setattr(socket, "create_connection", with_small_buffer)

        def stop(_: str, over: int) -> None:
            if over > 1_000_000 and not stopped:
                stopped.update(storage_servers.sessions(os.getpid()) - others)
                for process in stopped:
                    os.kill(process, signal.SIGSTOP)

        try:
            with openssh_storage(server, timeout_seconds=1.0) as storage, pytest.raises(Unreachable) as found:
                list(storage.put_files([file], moved=stop))
        finally:
            for process in stopped:
                os.kill(process, signal.SIGKILL)
    assert stopped
    assert found.value.code == "storage-timeout"


def test_sto_8_a_server_that_does_not_start_sftp_ends_in_time(server: SftpServer) -> None:
    server.may_start.clear()
    with pytest.raises(Unreachable), sftp_storage(server, "", timeout_seconds=0.3):
        pass


def test_sto_8_a_server_without_sftp_is_said() -> None:
    with (
        storage_servers.sshd(more="ForceCommand echo Welcome") as server,
        pytest.raises(Unexpected, match="no SFTP server"),
        openssh_storage(server),
    ):
        pass


def test_sto_9_a_host_key_that_changes_between_two_calls_is_refused(server: SftpServer, tmp_path: Path) -> None:
    files = written(tmp_path, 5, 10)
    with sftp_storage(server, "") as storage:
        storage.put("a", b"a")
        server.host_key = paramiko.ECDSAKey.generate()
        storage._lines[0].close()
        with pytest.raises(UntrustedHost) as found:
            list(storage.put_files(files))
    assert found.value.code == "storage-host-changed"
    assert found.value.fingerprint == server.host_key.fingerprint
    assert len(server.logins) == 1

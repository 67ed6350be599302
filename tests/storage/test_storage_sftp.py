"""What is particular to SFTP: logins, hosts, servers with fewer abilities (STO-1, STO-9)."""

# ruff: noqa: PTH123 - names as bytes, calls as servers make them

from __future__ import annotations

import base64
import logging
import os
import subprocess
import traceback
from collections.abc import Iterator
from pathlib import Path

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
from storage_servers import Server, SftpServer, openssh_storage, sftp_storage

from passerelle.storage.errors import BadPlace, Denied, NotFound, Unreachable


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
    with storage_servers.shared_folder() as folder, SftpServer(folder, plain=True) as server:
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

"""FTP in TLS, explicit and implicit, and connections that the server opens: the contract on real servers, and trust."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import storage_servers
from pydantic import ValidationError
from storage_certificates import Authority
from storage_servers import Server, emptied, ftp_storage

from passerelle.storage.base import LocalFile, Storage
from passerelle.storage.contract import StorageContract
from passerelle.storage.errors import BadPlace, Denied, UntrustedHost
from passerelle.storage.ftp import FtpPlace, FtpStorage
from passerelle.storage.ftp.tls import Tls, clean_fingerprint
from passerelle.storage.place import Secret
from passerelle.storage.places import as_place, open_place
from passerelle.storage.retrying import RetryingStorage


class _OnOneLogin(StorageContract):
    """The contract on one login for all tests: TLS and some servers make it slow."""

    backend = FtpStorage

    @pytest.fixture
    def storage(self, opened: FtpStorage, served: Server) -> Storage:
        emptied(served.folder / opened._folder)
        return opened


class TestVsftpdExplicit(_OnOneLogin):
    """It demands that data connections take up the session of the control connection."""

    @pytest.fixture(scope="class")
    def served(self, vsftpd_tls: Server) -> Server:
        return vsftpd_tls

    @pytest.fixture(scope="class")
    def opened(self, served: Server) -> Iterator[Storage]:
        with ftp_storage(served) as storage:
            yield storage


class TestVsftpdImplicit(TestVsftpdExplicit):
    @pytest.fixture(scope="class")
    def served(self, vsftpd_implicit: Server) -> Server:
        return vsftpd_implicit


class TestVsftpdExplicitActive(TestVsftpdExplicit):
    @pytest.fixture(scope="class")
    def opened(self, served: Server) -> Iterator[Storage]:
        with ftp_storage(served, data_connections="active") as storage:
            yield storage


class TestVsftpdActive(TestVsftpdExplicitActive):
    @pytest.fixture(scope="class")
    def served(self, vsftpd: Server) -> Server:
        return vsftpd


class TestPyftpdlibActive(TestVsftpdExplicit):
    """On one connection: with several, this server sometimes never notices that a connection it opened is open."""

    @pytest.fixture(scope="class")
    def served(self, pyftpdlib: Server) -> Server:
        return pyftpdlib

    @pytest.fixture(scope="class")
    def opened(self, served: Server) -> Iterator[Storage]:
        with ftp_storage(served, data_connections="active", connections=1) as storage:
            yield storage


class TestProftpdExplicit(TestVsftpdExplicit):
    """It demands the session too."""

    @pytest.fixture(scope="class")
    def served(self, proftpd_tls: Server) -> Server:
        return proftpd_tls


class TestPureFtpdExplicit(TestVsftpdExplicit):
    @pytest.fixture(scope="class")
    def served(self, pure_ftpd_tls: Server) -> Server:
        return pure_ftpd_tls


# Trust ----------------------------------------------------------------------------------------------------------------

BAD_CERTIFICATES = {
    "expired": ({"expired": True}, "certificate has expired"),
    "of another host": ({"host": "other.invalid", "address": "192.0.2.1"}, "127.0.0.1"),
    "self-signed": ({"self_signed": True}, "self-signed certificate"),
}


@pytest.fixture
def authority() -> Iterator[Authority]:
    with storage_servers.shared_folder() as folder:
        yield Authority(folder)


@contextlib.contextmanager
def served_with(authority: Authority, log: Path, **kind: object) -> Iterator[tuple[Server, str]]:
    """Serve with a certificate of some kind; give the server and the certificate's fingerprint."""
    certificate = authority.certificate(**kind)
    storage_servers.owned(certificate.file).chmod(0o600)
    storage_servers.owned(log.parent)
    options = {"log_ftp_protocol": "YES", "xferlog_enable": "YES", "vsftpd_log_file": log}
    with storage_servers.vsftpd(tls=certificate.file, **options) as server:
        yield replace(server, ca_file=authority.file), certificate.fingerprint


@pytest.fixture
def log() -> Iterator[Path]:
    with storage_servers.shared_folder() as folder:
        yield folder / "vsftpd.log"


@pytest.mark.parametrize(("kind", "reason"), BAD_CERTIFICATES.values(), ids=BAD_CERTIFICATES.keys())
def test_sto_9_a_bad_certificate_is_refused_before_anything_is_told(
    authority: Authority, log: Path, kind: dict[str, object], reason: str
) -> None:
    with served_with(authority, log, **kind) as (server, fingerprint):
        with pytest.raises(UntrustedHost) as found, RetryingStorage(ftp_storage(server), attempts=5):
            pass
        assert found.value.code == "storage-certificate-refused"
        assert found.value.fingerprint == fingerprint
        assert reason in found.value.detail
        assert reason in found.value.text("en")
        assert fingerprint in found.value.text("fr")
        assert "certificate_fingerprint" in found.value.todo("fr")
        assert "AUTH" in log.read_text()
        assert "USER" not in log.read_text()

        pinned = ftp_storage(server, tls=Tls(fingerprints=(fingerprint,)))
        with pinned:
            assert pinned.put("a", b"a").size == 1
        with ftp_storage(server, tls=Tls(verify=False)) as unverified:
            assert unverified.list() == []


def test_sto_9_an_unknown_authority_is_refused(vsftpd_tls: Server, authority: Authority) -> None:
    for tls in (Tls(), Tls(ca_file=authority.file)):
        with pytest.raises(UntrustedHost) as found, ftp_storage(vsftpd_tls, tls=tls):
            pass
        assert found.value.code == "storage-certificate-refused"
        assert "issuer" in found.value.detail


def test_sto_9_another_certificate_than_the_pinned_one_is_refused(authority: Authority, log: Path) -> None:
    other = authority.certificate("other").fingerprint
    with served_with(authority, log) as (server, fingerprint):
        with pytest.raises(UntrustedHost) as found, ftp_storage(server, tls=Tls(fingerprints=(other,))):
            pass
        assert (found.value.code, found.value.fingerprint) == ("storage-certificate-changed", fingerprint)
        assert f'certificate_fingerprint = "{fingerprint}"' in found.value.todo("en")
        assert "USER" not in log.read_text()
        with ftp_storage(server, tls=Tls(fingerprints=(other, fingerprint))) as storage:
            assert storage.list() == []


@pytest.mark.parametrize("implicit", [False, True])
def test_sto_9_a_server_without_tls_gets_nothing_in_plain_text(pyftpdlib: Server, *, implicit: bool) -> None:
    before = len([command for command in pyftpdlib.log if command.startswith("USER")])
    storage = ftp_storage(pyftpdlib, "", tls=Tls(implicit=implicit))
    with pytest.raises(UntrustedHost) as found, RetryingStorage(storage, attempts=5):
        pass
    assert found.value.code == "storage-tls-refused"
    assert "ftpes://" in found.value.todo("fr")
    assert len([command for command in pyftpdlib.log if command.startswith("USER")]) == before


def test_sto_9_text_slipped_in_behind_the_reply_to_auth_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        heard = []

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 ready\r\n")
                heard.append(connection.recv(100))
                connection.sendall(b"234 go on\r\n230 you are in\r\n")
                heard.append(connection.recv(100))

        thread = threading.Thread(target=serve)
        thread.start()
        storage = FtpStorage("ftpes://somewhere", "127.0.0.1", port=listener.getsockname()[1], tls=Tls())
        with pytest.raises(UntrustedHost) as found, storage:
            pass
        thread.join()
    assert found.value.code == "storage-tls-refused"
    assert heard == [b"AUTH TLS\r\n", b""]


def test_sto_9_unencrypted_login_where_tls_is_demanded_says_so(proftpd_tls: Server) -> None:
    with pytest.raises(Denied, match="SSL/TLS required") as found, ftp_storage(replace(proftpd_tls, ca_file=None)):
        pass
    assert found.value.code == "storage-login-refused"


def test_sto_10_the_session_is_taken_up_by_every_data_connection(vsftpd_tls: Server, tmp_path: Path) -> None:
    """The server would say 522 else; for more transfers, on more connections, than it gives out sessions at once."""
    files = []
    for number in range(120):
        local = tmp_path / str(number)
        local.write_bytes(b"x" * number)
        files.append(LocalFile(f"in/{number}", local, number))
    with ftp_storage(vsftpd_tls) as storage:
        assert len(list(storage.put_files(files))) == 120
        assert len(storage._free) == 4
        assert len(list(storage.get_files(files))) == 120


# Places ---------------------------------------------------------------------------------------------------------------


def _no_secret(name: str) -> None:
    assert name == ""


def test_sto_2_a_place_opens_by_its_url(vsftpd_tls: Server, vsftpd_implicit: Server, vsftpd: Server) -> None:
    secret: Secret = _no_secret
    for scheme, server in (("ftpes", vsftpd_tls), ("ftps", vsftpd_implicit), ("ftp", vsftpd)):
        folder = storage_servers.new_folder(server.folder)
        place = as_place(
            {"url": f"{scheme}://127.0.0.1:{server.port}/{folder.replace(' ', '%20')}"}
            | ({"ca_file": server.ca_file.name} if server.ca_file else {})
        )
        base = server.ca_file.parent if server.ca_file else Path()
        with place.storage(base, secret) as storage:
            assert storage.put("a", b"a").size == 1
        assert place.server == ("127.0.0.1", server.port)
        assert ("storage-step-certificate" in place.opening) == (scheme != "ftp")
        assert storage.name == place.name == f"{scheme}://anonymous@127.0.0.1:{server.port}/{folder}"


def test_sto_2_ports_are_the_customary_ones() -> None:
    assert [as_place(f"{scheme}://me@host").server for scheme in ("ftp", "ftpes", "ftps")] == [
        ("host", 21),
        ("host", 21),
        ("host", 990),
    ]


def test_sto_9_switching_verification_off_is_said_at_each_run(
    vsftpd_tls: Server, caplog: pytest.LogCaptureFixture
) -> None:
    place = as_place({"url": f"ftpes://127.0.0.1:{vsftpd_tls.port}", "verify_certificate": False})
    for run in (1, 2):
        with caplog.at_level(logging.WARNING), open_place(place) as storage:
            storage.list()
        assert caplog.text.count("verify_certificate = false") == run
    assert as_place("ftpes://host").warnings == ()


DIGITS = "0123456789abcdef" * 4
SHOWN = ":".join("0123456789ABCDEF"[at : at + 2] for _ in range(4) for at in range(0, 16, 2))


@pytest.mark.parametrize("given", [DIGITS, SHOWN, f"SHA256:{DIGITS}", f"sha256={SHOWN}", f" {DIGITS.upper()} "])
def test_sto_9_a_fingerprint_may_be_written_in_any_usual_way(given: str) -> None:
    assert clean_fingerprint(given) == SHOWN
    place = as_place({"url": "ftps://host", "certificate_fingerprint": given})
    assert isinstance(place, FtpPlace)
    assert place.certificate_fingerprint == (SHOWN,)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"url": "ftps://host", "certificate_fingerprint": "AB:CD"}, "storage-bad-certificate-fingerprint"),
        ({"url": "ftps://host", "certificate_fingerprint": [DIGITS + "00"]}, "storage-bad-certificate-fingerprint"),
        ({"url": "ftp://host", "ca_file": "ca.pem"}, "storage-option-of-other-kind"),
        ({"url": "ftp://host", "verify_certificate": False}, "storage-option-of-other-kind"),
        ({"url": "ftpes://"}, "storage-bad-url"),
        ({"url": "ftps://host:x/in"}, "storage-bad-url"),
    ],
)
def test_sto_2_a_wrong_place_is_refused(options: dict[str, object], code: str) -> None:
    with pytest.raises(BadPlace) as found:
        as_place(options)
    assert found.value.code == code


def test_sto_2_an_unknown_way_to_open_data_connections_is_refused() -> None:
    with pytest.raises(ValidationError):
        as_place({"url": "ftp://host", "data_connections": "port"})


def test_sto_9_a_file_of_authorities_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    for name in ("ca.pem", "absent.pem"):
        place = as_place({"url": "ftps://host", "ca_file": name})
        with pytest.raises(BadPlace) as found:
            place.storage(tmp_path, _no_secret)
        assert found.value.code == "storage-ca-unreadable"
        assert name in found.value.detail

"""``passerelle storage test`` names exactly what is wrong, with every kind of server (STO-3, STO-9)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest
import storage_servers
from storage_certificates import Authority
from storage_servers import PASSWORD, USER, Server, free_port, new_folder
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.messages import code

Start = Callable[[Path | None], AbstractContextManager[Server]]


@dataclass(frozen=True)
class Kind:
    """A server program, and how a place on it is written."""

    scheme: str
    start: Start

    def words(self, server: Server, folder: str, **options: str) -> list[str]:
        """Give the words of a command line that names a folder of it."""
        given: dict[str, str] = {}
        if server.user == USER:
            given["password"] = "PLACE_PASSWORD"
        if self.scheme == "sftp":
            given |= {"key_file": str(server.key_file), "host_key_fingerprint": server.fingerprint}
            folder = f"/{str(server.folder).lstrip('/')}/{folder}"
        elif server.ca_file:
            given["ca_file"] = str(server.ca_file)
        given |= options
        url = f"{self.scheme}://{server.user}@{server.host}:{server.port}/{quote(folder)}"
        return [url, *(word for name, value in given.items() if value for word in ("-o", f"{name}={value}"))]


KINDS = {
    "vsftpd": Kind("ftp", storage_servers.vsftpd),
    "vsftpd-tls": Kind("ftpes", lambda _: storage_servers.vsftpd_tls()),
    "proftpd": Kind("ftp", lambda _: storage_servers.proftpd()),
    "proftpd-tls": Kind("ftpes", lambda _: storage_servers.proftpd_tls()),
    "pure-ftpd": Kind("ftp", lambda _: storage_servers.pure_ftpd()),
    "pure-ftpd-tls": Kind("ftpes", lambda _: storage_servers.pure_ftpd_tls()),
    "sshd": Kind("sftp", storage_servers.sshd),
}


def failing_step(words: list[str]) -> tuple[str, str]:
    """Run the command; give the step that fails, and what is said of it."""
    ended = CliRunner().invoke(app, ["storage", "test", *words], env={"COLUMNS": "300", "PASSERELLE_LANG": "fr"})
    assert ended.exit_code == 1, ended.output
    lines = [line.strip() for line in ended.output.splitlines()]
    failed = [number for number, line in enumerate(lines) if line.startswith("✗")]
    assert len(failed) == 1
    assert len(lines) == failed[0] + 3, "what is wrong, and what to do"
    return lines[failed[0]][2:], lines[failed[0] + 1]


def says(text: str, wanted: str) -> bool:
    """Tell whether a text is that of a code."""
    first, *rest = [part for part in _pieces(code(wanted).fr) if part]
    return first in text and all(part in text for part in rest)


def _pieces(template: str) -> Iterator[str]:
    for part in template.split("{"):
        yield part.partition("}")[2] if "}" in part else part


@pytest.fixture(scope="module", params=KINDS.keys())
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Kind, Server]]:
    kind = KINDS[request.param]
    with kind.start(None) as server:
        yield kind, server


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE_PASSWORD", PASSWORD)
    monkeypatch.setenv("WRONG_PASSWORD", "not this one")


def test_sto_3_nothing_is_wrong(served: tuple[Kind, Server]) -> None:
    kind, server = served
    ended = CliRunner().invoke(app, ["storage", "test", *kind.words(server, new_folder(server.folder))])
    assert ended.exit_code == 0, ended.output


def test_sto_3_a_wrong_port(served: tuple[Kind, Server]) -> None:
    kind, server = served
    step, said = failing_step(kind.words(replace(server, port=free_port()), ""))
    assert step == "Connexion établie"
    assert says(said, "storage-unreachable")


def test_sto_3_a_wrong_login(served: tuple[Kind, Server]) -> None:
    kind, server = served
    wrong = {"password": "WRONG_PASSWORD"} if server.user == USER else {}
    if kind.scheme == "sftp":
        server = replace(server, user="nobody-of-that-name")
    elif server.user != USER:
        server = replace(server, user="somebody")  # this server lets anonymous users in only
    step, said = failing_step(kind.words(server, "", **wrong))
    assert step == "Identification acceptée"
    assert says(said, "storage-login-refused")
    assert "not this one" not in said


def test_sto_9_an_untrusted_certificate(served: tuple[Kind, Server], tmp_path: Path) -> None:
    kind, server = served
    if not server.ca_file:
        return  # without TLS
    step, said = failing_step(kind.words(replace(server, ca_file=Authority(tmp_path).file), ""))
    assert step == "Certificat TLS vérifié"
    assert says(said, "storage-certificate-refused")


def test_sto_9_a_changed_host_key(served: tuple[Kind, Server]) -> None:
    kind, server = served
    if kind.scheme != "sftp":
        return  # without host key
    other = "SHA256:" + "A" * 43
    step, said = failing_step(kind.words(replace(server, fingerprint=other), ""))
    assert step == "Clé d'hôte vérifiée"
    assert says(said, "storage-host-changed")


def test_sto_3_a_missing_folder(served: tuple[Kind, Server]) -> None:
    kind, server = served
    step, said = failing_step(kind.words(server, "no such folder"))
    assert step == "Dossier trouvé"
    assert says(said, "storage-not-found")


def test_sto_3_no_write_permission(served: tuple[Kind, Server]) -> None:
    kind, server = served
    folder = new_folder(server.folder)
    (server.folder / folder).chmod(0o555)
    step, said = failing_step(kind.words(server, folder))
    assert step == "Fichier d'essai écrit"
    assert says(said, "storage-denied")


def test_sto_3_a_full_disk(served: tuple[Kind, Server]) -> None:
    kind, server = served
    folder = server.folder / new_folder(server.folder)
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    options = f"size=4k,mode=755,uid={storage_servers.NOBODY}"
    with ExitStack() as after:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        after.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
        (folder / "ballast").write_bytes(bytes(4096))
        step, said = failing_step(kind.words(server, folder.name))
    assert step == "Fichier d'essai écrit"
    assert says(said, "storage-no-space")

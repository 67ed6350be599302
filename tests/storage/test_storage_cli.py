"""``passerelle storage test`` and ``ls`` (STO-3)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import storage_servers
from storage_servers import PASSWORD, USER, Handler, Server, SftpServer, new_folder
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.storage.check import check_place
from passerelle.storage.errors import StorageError
from passerelle.storage.places import as_place, open_place


@pytest.fixture(autouse=True)
def _language_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSERELLE_LANG", "fr")
    monkeypatch.setenv("FTP_PASSWORD", PASSWORD)
    monkeypatch.setenv("HOME", "/nonexistent")


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["storage", *words], env={"COLUMNS": "200"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def steps(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if line.strip()[:1] in "✓✗"]


def test_sto_3_a_local_folder_is_tested_step_by_step(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")
    code, output = run("test", str(tmp_path))
    assert code == 0
    assert output.splitlines()[0] == str(tmp_path)
    assert steps(output) == [
        "✓ Dossier trouvé",
        "✓ Dossier listé (fichiers : 1)",
        "✓ Fichier d'essai écrit",
        "✓ Fichier d'essai relu à l'identique",
        "✓ Fichier d'essai supprimé",
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_sto_3_an_ftp_server_is_tested_step_by_step(pyftpdlib: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSERELLE_LANG", "en")
    url = f"ftp://{USER}@127.0.0.1:{pyftpdlib.port}/{new_folder(pyftpdlib.folder)}"
    code, output = run("test", url, "-o", "password=FTP_PASSWORD")
    assert code == 0
    assert steps(output) == [
        "✓ Server name found",
        "✓ Connected",
        "✓ Logged in",
        "✓ Folder found",
        "✓ Folder listed (files: 0)",
        "✓ Test file written",
        "✓ Test file read back, identical",
        "✓ Test file removed",
    ]


def test_sto_3_an_sftp_server_is_tested_from_the_unknown_host_to_the_pinned_one(paramiko_server: SftpServer) -> None:
    url = f"sftp://{USER}@127.0.0.1:{paramiko_server.port}/{new_folder(paramiko_server.folder)}"
    code, output = run("test", url, "-o", "password=FTP_PASSWORD")
    assert code == 1
    assert steps(output) == ["✓ Nom du serveur trouvé", "✓ Connexion établie", "✗ Clé d'hôte vérifiée"]
    option = next(line for line in output.splitlines() if "-o host_key_fingerprint=" in line)
    shown = option.partition("-o host_key_fingerprint=")[2].split(")")[0]
    assert shown == paramiko_server.host_key.fingerprint
    code, output = run("test", url, "-o", "password=FTP_PASSWORD", "-o", f"host_key_fingerprint={shown}", "--read-only")
    assert code == 0
    assert steps(output) == [
        "✓ Nom du serveur trouvé",
        "✓ Connexion établie",
        "✓ Clé d'hôte vérifiée",
        "✓ Identification acceptée",
        "✓ Dossier trouvé",
        "✓ Dossier listé (fichiers : 0)",
    ]


def test_sto_3_the_step_that_fails_is_named_with_what_to_do(
    pyftpdlib: Server, paramiko_server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ftp, sftp = f"127.0.0.1:{pyftpdlib.port}", f"127.0.0.1:{paramiko_server.port}"
    pinned = ("-o", f"host_key_fingerprint={paramiko_server.host_key.fingerprint}")
    right, wrong = ("-o", "password=FTP_PASSWORD"), ("-o", "password=WRONG_PASSWORD")
    monkeypatch.setenv("WRONG_PASSWORD", "wröng-secret")
    for words, failed in (
        ((str(tmp_path / "none"),), "✗ Dossier trouvé"),
        (("ftp://no-such-host.invalid",), "✗ Nom du serveur trouvé"),
        ((f"ftp://127.0.0.1:{storage_servers.free_port()}",), "✗ Connexion établie"),
        ((f"ftp://{USER}@{ftp}", *wrong), "✗ Identification acceptée"),
        ((f"ftp://{USER}@{ftp}/none", *right), "✗ Dossier trouvé"),
        ((f"sftp://{USER}@127.0.0.1:{storage_servers.free_port()}", *right), "✗ Connexion établie"),
        ((f"sftp://{USER}@{sftp}", *wrong, *pinned), "✗ Identification acceptée"),
        ((f"sftp://{USER}@{sftp}/none", *right, *pinned), "✗ Dossier trouvé"),
    ):
        code, output = run("test", *words)
        assert code == 1, output
        assert steps(output)[-1] == failed
        assert all(step.startswith("✓") for step in steps(output)[:-1])
        assert len(output.splitlines()) == 1 + len(steps(output)) + 2, "what happened, and what to do"
        assert "wröng-secret" not in output


@pytest.mark.parametrize("command", ["STOR", "RETR", "DELE"])
def test_sto_3_what_may_not_be_done_is_found_and_the_test_file_removed(command: str) -> None:
    known = {name: known for name, known in Handler.proto_cmds.items() if name != command}
    with storage_servers.shared_folder() as folder, storage_servers.ftp_server(folder, proto_cmds=known) as server:
        code, output = run("test", f"ftp://{USER}@127.0.0.1:{server.port}", "-o", "password=FTP_PASSWORD")
        assert code == 1
        failed = {"STOR": "écrit", "RETR": "relu à l'identique", "DELE": "supprimé"}[command]
        assert steps(output)[-1] == f"✗ Fichier d'essai {failed}"
        assert len(list(folder.iterdir())) == (1 if command == "DELE" else 0)


def test_sto_3_a_server_that_changes_line_ends_is_found(tmp_path: Path) -> None:
    place = as_place(str(tmp_path))
    storage = open_place(place)
    real = storage.read
    storage.read = lambda path, **options: real(path, **options).replace(b"\r\n", b"\n")
    *passed, failed = check_place(place, storage)
    assert failed.code == "storage-step-read-back"
    assert isinstance(failed.error, StorageError)
    assert failed.error.code == "storage-damaged"
    assert list(tmp_path.iterdir()) == []
    assert not any(step.error for step in passed)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("test", "ftp://me:s3cret@host"), "L'adresse contient un mot de passe"),
        (("test", "gopher://host"), "Adresse d'emplacement incorrecte"),
        (("test", "ftp://host", "-o", "password=hunter2"), "Ce n'est pas un nom de secret"),
        (("test", "ftp://host", "-o", "password=MISSING_SECRET"), "Secret introuvable : MISSING_SECRET"),
        (("ls", "ftp://host", "-o", "key_file=x"), "Une option ne convient pas"),
        (("ls", "ftp://host", "-o", "colour=red"), "colour"),
        (("ls", "ftp://host", "-o", "passive"), "NOM=VALEUR"),
        (("ls", "ftp://host", "-o", "attempts=many"), "attempts"),
        (("ls",), "Adresse d'emplacement incorrecte"),
        (("login", "ftp://host"), "Aucun emplacement à autoriser par le navigateur"),
    ],
)
def test_run_5_a_wrong_address_or_option_is_exit_code_2(words: tuple[str, ...], said: str) -> None:
    code, output = run(*words)
    assert code == 2
    assert said in output
    assert "s3cret" not in output
    assert "hunter2" not in output


def test_sto_3_files_are_listed(pyftpdlib: Server) -> None:
    folder = new_folder(pyftpdlib.folder)
    (pyftpdlib.folder / folder / "in").mkdir()
    (pyftpdlib.folder / folder / "in" / "b été.csv").write_bytes(b"12345")
    (pyftpdlib.folder / folder / "in" / "a.csv").write_bytes(b"")
    words = (f"ftp://{USER}@127.0.0.1:{pyftpdlib.port}/{folder}", "-o", "password=FTP_PASSWORD")
    assert run("ls", *words) == (0, "")
    code, output = run("ls", words[0], "in", *words[1:])
    assert code == 0
    first, second = output.splitlines()
    assert first.split()[0] == "0"
    assert first.endswith("  in/a.csv")
    assert second.split()[0] == "5"
    assert second.endswith("  in/b été.csv")
    code, output = run("ls", words[0], "absent", *words[1:])
    assert code == 1
    assert "Introuvable" in output


def test_run_5_the_command_starts_without_the_protocols() -> None:
    loaded = "import sys, passerelle.cli.storage; print({'aioftp', 'paramiko', 'pydantic'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"

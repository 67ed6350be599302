"""The guides for a new user, done word by word with the installed program: from an empty folder to a night of its own.

What the guides leave to people (which files, which answers) is given by the test.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from mail_server import mail_server
from openpyxl import load_workbook
from storage_certificates import Authority

GUIDES = {"en": "docs/getting-started.md", "fr": "docs/fr/premiers-pas.md"}
ANSWERS = {
    "statuses": {"processing": ("oui", "commande"), "completed": ("oui", "facture"), "pending": ("non", "")},
    "territories": {"FR": ("FRANCE", "FRANCE")},
    "taxes": {"TVA 20 %": ("TVA20",), "TVA 10 %": ("TVA10",), "TVA 5.5 %": ("TVA55",)},
    "payment_modes": {"Virement bancaire": ("VIR", "VIR")},
    "carriers": {"Colissimo": ("COLISS",)},
    "special_articles": {"Frais": ("FRAIS",), "Fee": ("FRAIS",), "Divers": ("DIVERS",), "Misc": ("DIVERS",)},
}
TITLES = {
    "Statuts": "statuses",
    "Territoires": "territories",
    "Taxes": "taxes",
    "Modes de paiement": "payment_modes",
    "Transporteurs": "carriers",
    "Articles spéciaux": "special_articles",
}
KEYS = {"statuses": 1, "territories": 2, "taxes": 3, "payment_modes": 2, "carriers": 1, "special_articles": 1}


def blocks(root: Path, language: str) -> list[tuple[str, str]]:
    """Give the blocks of a guide in their order: kind and text."""
    text = (root / GUIDES[language]).read_text(encoding="utf-8")
    return re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)


def test_both_guides_have_the_same_commands_and_settings(root):
    english, french = (
        [block for block in blocks(root, language) if block[0] != "console"] for language in ("en", "fr")
    )
    assert english == french
    assert len(english) > 8


@pytest.mark.parametrize("language", ["en", "fr"])
def test_pro_2_the_guides_show_the_questions_that_are_asked(root, installed, tmp_path, language):
    user = User(installed, tmp_path, language)
    user.makes_the_profile(blocks(root, language))
    assert (user.home / "mappings.xlsx").is_file()


def test_run_2_a_new_user_comes_from_an_empty_folder_to_a_scheduled_profile_with_mails_and_console(
    root, installed, tmp_path
):
    authority = Authority(tmp_path)
    with mail_server(authority.certificate().file, ("passerelle@example.com", "the password")) as server:
        user = User(installed, tmp_path, "fr", SSL_CERT_FILE=str(authority.file))
        guide = blocks(root, "fr")
        user.makes_the_profile(guide)
        first, again, plan, send, look, toml, secret, last = (text for _, text in guide[3:])

        user.finds_files(root)
        user.does(first, code=2)  # something is missing still
        user.fills_in_the_mappings()
        user.does(again)
        assert "✗" not in user.said

        user.does(plan)
        assert "web/204" in user.said
        assert not list((user.home / "delivered").iterdir())
        user.does(send)
        [delivered] = (user.home / "delivered").glob("*.zip")
        with zipfile.ZipFile(delivered) as archive:
            assert {"Customers.txt", "Invoices.txt", "Orders.txt", "Batch.txt"} <= {*archive.namelist()}
        runs, rejects = look.splitlines()
        user.does(runs)
        user.does(rejects.replace("RUN", re.search(r"\d{8}T\d{9}-\w{8}", user.said)[0]))

        user.changes_the_profile(toml, server.port)
        user.does(secret)
        assert stat.S_IMODE((user.folder / ".config/passerelle/secrets.toml").stat().st_mode) == 0o600
        trial, schedule, add, up = last.splitlines()
        user.does(trial)
        assert len(server.mails) == 1
        user.does(schedule)
        assert "05:30" in user.said
        user.types(add, ["correct horse battery", "correct horse battery"])
        user.leaves_running(up, until=_is_there)


def _is_there(console: str, api: str) -> bool:
    """Say whether the console asks for a login, and Prefect has the nightly schedule."""
    found = httpx.get(f"{api}/deployments/name/orders/my-shop")
    if httpx.get(f"{console}/login").status_code != 200 or found.status_code != 200:
        return False
    [planned] = found.json()["schedules"]
    return "BYHOUR=5" in planned["schedule"]["rrule"]


class User:
    """Somebody who has read the guide, with a home and a shell of their own."""

    def __init__(self, installed: Path, folder: Path, language: str, **more: str) -> None:
        self.folder = folder / "home"
        self.books = self.folder / "books"
        self.home = self.books / "profiles" / "my-shop"
        self.folder.mkdir()
        self.said = ""
        tools = folder / "bin"
        tools.mkdir()
        (tools / "passerelle").write_text(f'#!/bin/sh\nexec {sys.executable} -S -P -W ignore -m passerelle "$@"\n')
        (tools / "passerelle").chmod(0o755)
        paths = [str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        self.environment = {
            "HOME": str(self.folder),
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(paths),
            "PASSERELLE_LANG": language,
            "LANG": "C.UTF-8",
            **more,
        }

    def makes_the_profile(self, guide: list[tuple[str, str]]) -> None:
        """Make the folder of the books, and answer what is asked as the guide shows it."""
        self.does(guide[1][1].splitlines()[1])
        shown = re.findall(r"^(?!\$)(.*):(?: ([^:\n]*))?$", guide[2][1], re.MULTILINE)
        said = self.types("passerelle profile new", [answer for _, answer in shown])
        assert len(shown) == 9
        assert [prompt for prompt, _ in shown if prompt.partition("…")[0] not in said] == []

    def does(self, commands: str, code: int = 0) -> str:
        """Run the lines of a block; the last one ends with a code, the others with 0, 2 or 3."""
        *before, last = commands.strip().splitlines()
        for line in before:
            self._run(line, {0, 2, 3})
        return self._run(last, {code})

    def types(self, command: str, answers: Iterable[str], code: int = 0) -> str:
        """Run one command and answer what it asks."""
        return self._run(command, {code}, "".join(f"{answer}\n" for answer in answers))

    def finds_files(self, root: Path) -> None:
        """Put the files of the demonstration where the guide says, and take their orders, of whatever day they are."""
        path = self.home / "profile.toml"
        text = path.read_text(encoding="utf-8")
        assert "# period =" in text
        path.write_text(re.sub("# period =.*", 'period = "all"', text, count=1), encoding="utf-8")
        samples = root / "sample_files" / "demo"
        for file in (samples / "shops" / "web").glob("*.json"):
            shutil.copy(file, self.home / "exports")
        for file, name in (("articles.csv", "Articles.txt"), ("customers.csv", "Clients.txt")):
            shutil.copy(samples / "extracts" / file, self.home / "extracts" / name)

    def fills_in_the_mappings(self) -> None:
        """Answer every row that waits."""
        workbook = load_workbook(self.home / "mappings.xlsx")
        for sheet in workbook:
            for row in sheet.iter_rows(min_row=2):
                name = TITLES[sheet.title]
                for cell, value in zip(row[KEYS[name] :], ANSWERS[name][row[0].value], strict=False):
                    cell.value = value
        workbook.save(self.home / "mappings.xlsx")

    def changes_the_profile(self, toml: str, port: int) -> None:
        """Set what the guide shows, with the mail server of this machine."""
        schedules, mail = toml.split("\n\n")
        mail = mail.replace('"smtp.example.com"', f'"127.0.0.1"\nport = {port}')
        path = self.home / "profile.toml"
        text = path.read_text(encoding="utf-8").replace("[schedules]\n", f"{schedules}\n").replace("# [mail]", "#")
        path.write_text(f"{text}\n{mail}", encoding="utf-8")

    def leaves_running(self, command: str, until) -> None:
        """Start what does not end, wait until it works, and press Ctrl-C."""
        ports = []
        for _ in range(2):
            with socket.socket() as one:
                one.bind(("127.0.0.1", 0))
                ports.append(one.getsockname()[1])
        words = [*command.split(), f"--port={ports[0]}", f"--console-port={ports[1]}"]
        log = self.folder / "up.log"
        with log.open("wb") as output:
            running = subprocess.Popen(
                words, cwd=self.books, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        try:
            deadline = time.monotonic() + 240
            while b"Console:" not in log.read_bytes():
                assert running.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.5)
            while not until(f"http://127.0.0.1:{ports[1]}", f"http://127.0.0.1:{ports[0]}/api"):
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.5)
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(90)

    def _run(self, command: str, codes: set[int], answers: str = "") -> str:
        cwd = self.books if self.books.exists() else self.folder
        ended = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=cwd,
            env=self.environment,
            input=answers,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said = ended.stdout + ended.stderr
        assert ended.returncode in codes, f"{command}\n{self.said}"
        return self.said

"""The technical log of a run: what it did and when, without names and secrets."""

from __future__ import annotations

import logging
import re
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import ALL_MAPPED, NOW, installed
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ledger.ledger import Ledger
from passerelle.run import log
from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.journal import kept_files
from passerelle.run.orders import ORDERS, run_orders
from passerelle.run.purge import purge
from passerelle.run.request import Request
from passerelle.storage import secrets
from passerelle.storage.errors import StorageError

TAXES = [("*", "20", "*", "TVA20"), ("*", "5.5", "*", "TVA55")]
SECRET = "hunter2-hunter2"


def made(folder: Path, request, **more: str) -> Installation:
    source = request.config.rootpath / "sample_files/demo/shops/web"
    return installed(folder, ("s", "woocommerce", source, "*.json"), mapped={**ALL_MAPPED, "taxes": TAXES}, **more)


def text_of(at: Installation, run_id: str) -> str:
    return (at.run_folder(run_id) / log.NAME).read_text(encoding="utf-8")


def latest(at: Installation) -> str:
    with Ledger.open(at.ledger_url) as ledger:
        return ledger.runs()[0].run_id


def test_jou_1_a_run_tells_what_it_did_and_when_and_the_commands_show_it(tmp_path, request, monkeypatch):
    at = made(tmp_path, request)
    summary = run_orders(Request("test"), at)
    text = text_of(at, summary.run_id)
    lines = [re.fullmatch(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+]0[12]00) (\w+) +(.+)", one) for one in text.splitlines()]
    assert [one[1] for one in lines] == sorted(one[1] for one in lines)
    told = [one[3] for one in lines]
    assert told[0] == f"Exécution {summary.run_id} : orders profile=test"
    assert told[-1] == f"Exécution {summary.run_id} terminée : delivered."
    assert [one for one in told if one.startswith("Lu : s/orders")]
    assert [one for one in told if one.startswith("Lu : articles.csv, ")]
    assert "5 lu(s) = 4 à transmettre + 1 refusé(s) + 0 ignoré(s)." in told
    assert "unmapped-tax (failed) : 2." in told
    assert any(re.fullmatch(r"Livraison .* vers delivered, essai 1\.", one) for one in told)
    assert any(one.startswith(summary.delivery) and "SHA-256" in one for one in told)
    path = kept_files(at, summary.run_id)[log.NAME]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def passerelle(*words: str) -> str:
        folders = ["--profiles", str(at.profiles), "--state", str(at.state)]
        done = CliRunner(env={"PASSERELLE_LANG": "fr"}).invoke(app, [*folders, *words])
        assert done.exit_code == 0, done.output
        return done.output

    assert passerelle("run-show", summary.run_id, "--log").splitlines() == [
        f"{one[1]} {one[2]:<7} {one[3]}" for one in lines
    ]
    monkeypatch.chdir(tmp_path)
    passerelle("download", summary.run_id, log.NAME)
    assert (tmp_path / log.NAME).read_text(encoding="utf-8") == text


def test_sec_5_nobody_is_named_in_it_and_it_is_purged_with_the_run(tmp_path, request):
    at = made(tmp_path, request)
    summary = run_orders(Request("test"), at)
    text = text_of(at, summary.run_id)
    with Ledger.open(at.ledger_url) as ledger:
        mails = {mail for mail in ledger.accounts("test")["email"] if mail}
    assert len(mails) > 1
    assert not [mail for mail in mails if mail in text]
    assert "@" not in text
    later = replace(at, clock=lambda: NOW + timedelta(days=4000))
    purge(later, "test", by="test")
    assert log.read(at.run_folder(summary.run_id)) == []


def test_jou_1_sec_3_what_stopped_a_run_stands_there_without_its_password(tmp_path, request, monkeypatch):
    monkeypatch.setenv("FTP_SECRET", SECRET)
    place = '{ url = "ftp://boss@127.0.0.1:9/in", password = "FTP_SECRET", attempts = 1 }'
    at = made(tmp_path, request, place=place)
    with pytest.raises(StorageError):
        run_orders(Request("test"), at)
    run_id = latest(at)
    wrong = [line for line in log.read(at.run_folder(run_id), only_wrong=True) if line.level == "ERROR"]
    with Ledger.open(at.ledger_url) as ledger:
        assert [line.text for line in wrong] == [ledger.run(run_id).message]
    assert SECRET not in text_of(at, run_id)
    assert list(kept_files(at, run_id))[-1] == log.NAME


def test_sec_3_secrets_are_masked_whoever_logs_them(tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET", SECRET)
    with log.kept() as kept:
        ours = logging.getLogger("passerelle.storage")
        ours.warning("before the run %s", secrets.resolve("A_SECRET").get_secret_value())
        kept.begin(tmp_path / "run", "fr", "Europe/Paris")
        ours.info("two\nlines with %s", SECRET)
        logging.getLogger("elsewhere").warning("not ours")
    text = (tmp_path / "run" / log.NAME).read_text(encoding="utf-8")
    assert SECRET not in text
    assert [line.text for line in log.read(tmp_path / "run")] == ["before the run ***", "two", "    lines with ***"]
    assert "not ours" not in text
    assert logging.getLogger("passerelle").handlers == []


class Broken:
    """A task with a mistake of ours."""

    name = ORDERS.name

    def make(self, desk):
        raise LookupError("jean.dupont@example.com")


def test_jou_1_sec_5_of_a_mistake_of_ours_it_says_where_but_not_what_was_in_it(tmp_path, request):
    at = made(tmp_path, request)
    with pytest.raises(LookupError):
        run_task(Broken(), Request("test"), at)
    text = text_of(at, latest(at))
    assert "LookupError" in text
    assert re.search(r"test_run_log\.py:\d+ make", text)
    assert "dupont" not in text
    shown = log.read(at.run_folder(latest(at)), only_wrong=True)
    assert len(shown) > 3
    assert all(line.is_wrong for line in shown)


def test_rel_1_a_log_that_cannot_be_written_stops_no_run(tmp_path, request):
    at = made(tmp_path, request)
    (at.run_folder("night") / log.NAME).mkdir(parents=True)
    assert run_orders(Request("test", run_id="night"), at).state == "delivered"
    assert log.NAME not in kept_files(at, "night")


def test_jou_1_run_4_a_run_that_goes_on_writes_on(tmp_path, request):
    at = made(tmp_path, request)
    delivered = at.profiles / "test" / "delivered"
    delivered.rmdir()
    delivered.write_text("in the way")
    with pytest.raises(StorageError):
        run_orders(Request("test", run_id="night"), at)
    delivered.unlink()
    delivered.mkdir()
    run_orders(Request("test", run_id="night"), at)
    text = text_of(at, "night")
    assert text.count("Exécution night : orders") == 2
    assert text.count("ERROR") == 1
    assert "essai 1" in text
    assert "essai 2" in text
    assert text.rstrip().endswith("Exécution night terminée : delivered.")

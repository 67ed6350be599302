"""Mails about runs, to a real SMTP server: told is what is new, once, and never what nobody asked for."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta

import pytest
from mail_server import mail_server
from prefect.testing.utilities import prefect_test_harness
from stock_shops import NOW, articles, home, leave, levels, run, shops
from storage_certificates import Authority
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.flows.stocks import stocks
from passerelle.ledger.errors import NotALedgerError
from passerelle.profile.loader import ProfileError, load
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation

CLEAR = """
server = "127.0.0.1"
port = {port}
security = "none"
sender = "p@example.com"
recipients = "a@example.com; b@example.com"
"""
GOOD, BAD = levels("A1;Nice;4", "A2;Nice;3"), levels("A1;Nice;4", "A2;Nice;x")


def installed(folder, server, more="", base=CLEAR) -> Installation:
    """Make a shop whose profile mails, with a first extract that has nothing wrong."""
    mail = "\n".join(["[mail]", base.format(port=server.port), more])
    at = shops(folder, ("a", "woocommerce", ""), more=mail)
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Tasse;1;0;;"))
    leave(at, "stock.csv", GOOD)
    return at


def test_jou_6_refusals_are_told_once_and_again_when_there_are_others(tmp_path):
    with mail_server() as server:
        at = installed(tmp_path, server)
        run(at)
        assert server.subjects == []  # all went well, and nobody wants to hear of that
        leave(at, "stock.csv", BAD)
        run(at)
        run(at)
        assert server.subjects == ["[Passerelle] test stocks a : terminé, avec des refus"]
        leave(at, "stock.csv", levels("A1;Nice;y", "A2;Nice;x"))
        run(at)
        assert len(server.mails) == 2
    mail = server.mails[0]
    assert mail["To"] == "a@example.com, b@example.com"
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    assert "| 2 | 0 | 1 | 1 |" in text
    assert "<td>refusé</td>" in html
    assert [*mail.iter_attachments()] == []


def test_jou_6_a_poller_that_fails_sends_one_mail_and_one_when_it_works_again(tmp_path):
    with mail_server() as server:
        at = installed(tmp_path, server, "failures = 2")
        shutil.move(home(at) / "stock.csv", home(at) / "away")
        for told in (0, 1, 1, 1):
            with pytest.raises(RunError):
                run(at)
            assert len(server.mails) == told
        shutil.move(home(at) / "away", home(at) / "stock.csv")
        run(at)
        run(at)
    assert server.subjects == [
        "[Passerelle] test stocks a : échec",
        "[Passerelle] test stocks a : fonctionne de nouveau",
    ]
    said = server.mails[0].get_body(("plain",)).get_content()
    assert "stock.csv" in said
    assert "Échecs de suite : 2." in said


def test_jou_6_a_run_with_nothing_to_do_or_a_plan_sends_no_mail(tmp_path):
    with mail_server() as server:
        at = installed(tmp_path, server, "on_success = true\non_orders = true")
        run(at, plan=True)
        assert server.mails == []
        run(at)
        run(at)
        assert server.subjects == ["[Passerelle] test stocks a : terminé"]


def test_jou_6_the_journal_is_attached_when_that_is_asked_for(tmp_path):
    with mail_server() as server:
        at = installed(tmp_path, server, 'attach = true\nsubject = "%T %C"')
        leave(at, "stock.csv", BAD)
        run(at)
    [mail] = server.mails
    assert mail["Subject"] == "stocks a read=2 succeeded=1 failed=1 ignored=0"
    files = {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
    assert set(files) == {"summary.md", "rejects.csv", "rejects.xlsx"}
    assert "A2" in files["rejects.csv"]
    assert files["rejects.xlsx"][:2] == b"PK"


def test_jou_6_a_digest_tells_of_all_runs_once_in_its_time_but_of_failures_at_once(tmp_path):
    with mail_server() as server:
        at = installed(tmp_path, server, "digest_hours = 24\non_success = true")
        clock = {"now": NOW}
        at = Installation(at.profiles, at.state, at.ledger_url, lambda: clock["now"])
        run(at)
        assert server.subjects == ["[Passerelle] test : 1 exécutions"]
        for hour in (1, 2):
            clock["now"] = NOW + timedelta(hours=hour)
            leave(at, "stock.csv", levels(f"A1;Nice;{hour}", "A2;Nice;3"))
            run(at)
        assert len(server.mails) == 1
        (home(at) / "stock.csv").unlink()
        with pytest.raises(RunError):
            run(at)
        clock["now"] = NOW + timedelta(hours=25)
        leave(at, "stock.csv", GOOD, clock["now"])
        leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Tasse;1;0;;"), clock["now"])
        run(at)
    assert server.subjects[1:] == [
        "[Passerelle] test stocks a : échec",
        "[Passerelle] test stocks a : fonctionne de nouveau",
        "[Passerelle] test : 4 exécutions",
    ]
    assert "| stocks a | failed |" in server.mails[-1].get_body(("plain",)).get_content()


def test_jou_6_a_mail_that_cannot_be_sent_fails_no_run_and_is_sent_by_the_next(tmp_path, caplog):
    with mail_server() as server:
        server.refuses = True
        at = installed(tmp_path, server)
        stock = home(at) / "stock.csv"
        stock.rename(home(at) / "away")
        with caplog.at_level(logging.WARNING), pytest.raises(RunError) as error:
            run(at)
        assert error.value.code == "run-extract-missing"
        assert f"127.0.0.1:{server.port}" in caplog.text
        server.refuses = False
        with pytest.raises(RunError):
            run(at)
        assert server.subjects == ["[Passerelle] test stocks a : échec"]
    (home(at) / "away").rename(stock)
    assert run(at).state == "delivered"  # no server is there any more


def test_jou_6_rel_1_a_ledger_that_cannot_be_opened_is_told_once_and_so_is_its_return(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with mail_server() as server:
        at = installed(tmp_path, server, "failures = 3")
        run(at)
        ledger = at.state / "ledger.sqlite"
        whole = ledger.read_bytes()
        ledger.write_bytes(b"no ledger" * 1000)
        server.refuses = True
        with caplog.at_level(logging.WARNING), pytest.raises(NotALedgerError):
            run(at)
        assert "ledger.sqlite" in caplog.text
        assert "mail" in caplog.text
        server.refuses = False
        for state in (at.state, at.state, at.state / "gone", at.state / "gone"):
            with pytest.raises(NotALedgerError):
                run(replace(at, state=state))
        assert server.subjects == ["[Passerelle] test stocks a : échec"] * 2  # another state's folder is told too
        said = server.mails[0].get_body(("plain",)).get_content()
        assert "ledger.sqlite" in said
        assert "aucun autre e-mail" in said
        ledger.write_bytes(whole)
        run(at)
        run(at)
    assert server.subjects[2:] == ["[Passerelle] test stocks a : registre rétabli"]


STARTTLS = """
server = "localhost"
port = {port}
user = "bot"
password = "MAIL_PASSWORD"
sender = "p@example.com"
recipients = "a@example.com"
"""


def test_jou_6_sec_3_a_login_goes_over_verified_tls_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "gehe1m")
    authority = Authority(tmp_path)
    with mail_server(authority.certificate().file, ("bot", "gehe1m")) as server:
        at = installed(tmp_path, server, base=STARTTLS)
        folders = ["--profiles", str(at.profiles), "--state", str(at.state)]
        unknown = CliRunner().invoke(app, [*folders, "profile", "mail", "test"])
        assert (unknown.exit_code, server.mails) == (1, [])
        assert "gehe1m" not in unknown.output
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        sent = CliRunner().invoke(app, [*folders, "profile", "mail", "test"])
        assert (sent.exit_code, len(server.mails)) == (0, 1), sent.output
        monkeypatch.setenv("MAIL_PASSWORD", "wrong")
        refused = CliRunner().invoke(app, [*folders, "profile", "mail", "test"])
        assert (refused.exit_code, len(server.mails)) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ('recipients = "a@example.com, b@example.com"', "profile-bad-address"),
        ('recipients = ""', "profile-bad-address"),
        ('recipients = "a@example.com"\nuser = "bot"', "profile-mail-login"),
        (
            'recipients = "a@example.com"\nuser = "bot"\npassword = "P"\nsecurity = "none"',
            "profile-mail-in-clear",
        ),
    ],
)
def test_jou_6_what_a_profile_says_wrong_of_mails_is_named(tmp_path, wrong, code):
    mail = f'[mail]\nserver = "smtp.example.com"\nsender = "p@example.com"\n{wrong}'
    at = shops(tmp_path, ("a", "woocommerce", ""), more=mail)
    with pytest.raises(ProfileError) as error:
        load("test", profiles_folder=at.profiles)
    assert set(error.value.problems["code"]) == {code}


def test_jou_6_run_1_the_flow_tells_as_the_command_does(tmp_path, monkeypatch):
    with mail_server() as server:
        at = installed(tmp_path, server)
        leave(at, "stock.csv", BAD)
        monkeypatch.setenv("PASSERELLE_PROFILES", str(at.profiles))
        monkeypatch.setenv("PASSERELLE_STATE", str(at.state))
        with prefect_test_harness(server_startup_timeout=120):
            (home(at) / "articles.csv").touch()
            (home(at) / "stock.csv").touch()
            stocks("test", return_state=True)
    assert server.subjects == ["[Passerelle] test stocks a : terminé, avec des refus"]

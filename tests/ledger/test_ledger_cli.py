"""``passerelle ledger``: what the integrator sees and does."""

from __future__ import annotations

import json

import pytest
from ledger_makers import effects, known, parcel, records, send
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ledger.entries import Prepared


@pytest.fixture
def command(url):
    def run(*words, answer=None, language="fr"):
        environment = {"PASSERELLE_LEDGER": url, "PASSERELLE_LANG": language}
        return CliRunner().invoke(app, ["ledger", *words], input=answer, env=environment)

    return run


@pytest.fixture
def used(ledger):
    send(ledger, "d1", records("shop/1", "shop/2"), effects=effects(o1="sent"))
    ledger.delivered("d1")
    run = ledger.start_run("demo", "orders")
    ledger.prepare(run, Prepared(parcel=parcel("d2", "a.txt", "b.txt"), records=records("shop/3")))
    ledger.delivery_failed("d2", "421 too many connections")
    return ledger


def test_status_tells_what_was_exchanged_and_what_is_left(command, used):
    with used.lease("demo", "orders", "run 42"):
        told = command("status")
    assert told.exit_code == 0, told.output
    assert "demo · order: 3" in told.output
    assert "d2 · demo/orders → ftp://erp.example (a.txt, b.txt)" in told.output
    assert "1 essais 421 too many connections" in told.output
    assert "demo/orders · run 42" in told.output
    assert "· demo/orders · delivered ·" in told.output
    assert "Mises à jour de la boutique en attente\n\n- demo: 1" in told.output


def test_status_of_an_unused_ledger_in_english(command, ledger):
    told = command("status", language="en")
    assert told.exit_code == 0
    assert told.output.count("- nothing") == 6
    assert "Deliveries to finish" in told.output


def test_status_as_json(command, used):
    told = json.loads(command("status", "--json").output)
    assert told["exchanged"] == [{"profile": "demo", "record_type": "order", "records": 3}]
    [waiting] = told["unfinished"]
    assert (waiting["delivery"], waiting["files"], waiting["attempts"]) == ("d2", ["a.txt", "b.txt"], 1)
    assert told["effects"] == {"demo": 1}
    assert [run["state"] for run in told["runs"]] == ["prepared", "delivered"]


def test_status_makes_no_ledger(command, tmp_path):
    told = command("status", "--ledger", f"sqlite:///{tmp_path / 'nowhere.db'}")
    assert told.exit_code == 1
    assert "nowhere.db" in told.output
    assert "créé par la première exécution" in told.output
    assert not (tmp_path / "nowhere.db").exists()
    assert command("status", "--ledger", "nowhere.db").exit_code == 2


def test_abandon_asks_first(command, used):
    refused = command("abandon", "d2", answer="n\n")
    assert refused.exit_code == 1
    assert "[o/N]" in refused.output
    assert "Rien n'a été fait." in refused.output
    assert [delivery.delivery_id for delivery in used.unfinished()] == ["d2"]
    told = command("abandon", "d2", answer="oui\n")
    assert told.exit_code == 0, told.output
    assert "1 enregistrement(s)" in told.output
    assert used.unfinished() == []
    assert sorted(known(used)) == ["shop/1", "shop/2"]
    assert used.audit()[0].record == "shop/3"


def test_abandon_refuses_what_arrived(command, used):
    told = command("abandon", "d1", "--yes", language="en")
    assert told.exit_code == 1
    assert "delivered" in told.output
    assert len(known(used)) == 3


def test_ord_9_a_reset_asks_names_what_was_never_exchanged_and_is_in_the_audit(command, used, tmp_path):
    used.delivered("d2")
    assert command("reset", "shop/1", "-p", "demo", answer="\n").exit_code == 1
    assert len(known(used)) == 3
    wrong = command("reset", "1,,shop/9", "-p", "demo", "--yes")
    assert wrong.exit_code == 1
    assert "Jamais transmises par le profil demo : 1, shop/9." in wrong.output
    assert command("reset", "ALL", "-p", "dmeo", "--yes").exit_code == 1
    done = command("reset", "shop/1, shop/9", "-p", "demo", answer="o\n")
    assert done.exit_code == 0, done.output
    assert "Réinitialiser 1 commande(s) du profil demo (shop/1) ?" in done.output
    assert sorted(known(used)) == ["shop/2", "shop/3"]
    assert "2 order(s) reset" in command("reset", "all", "-p", "demo", "--yes", language="en").output
    assert known(used) == {}


def test_jou_4_the_audit_tells_what_was_sent_and_forgotten_by_whom(command, used, tmp_path):
    used.delivered("d2")
    used.forget("demo", "order", ["shop/1"], by="anne")
    [*done, forgotten] = used.actions()
    sent = [entry for entry in done if entry.action == "exchange"]
    arrived = [(entry.record_type, entry.record) for entry in done if entry.action == "deliver"]
    assert arrived == [("file", "orders.txt"), ("file", "a.txt"), ("file", "b.txt")]
    assert [(entry.action, entry.record) for entry in sent] == [("exchange", f"shop/{number}") for number in (1, 2, 3)]
    assert sent[0].actor == used.runs()[-1].run_id
    assert sent[0].detail.endswith("→ ftp://erp.example d1")
    assert (forgotten.actor, forgotten.action, forgotten.record) == ("anne", "forget", "shop/1")
    assert used.actions("another profile") == []
    day = f"{forgotten.at.astimezone():%Y-%m-%d}"
    assert "anne  demo  forget  order  shop/1" in command("audit", "--day", day).output
    assert command("audit", "--day", "1999-12-31").output == "\n"
    file = tmp_path / "audit.csv"
    assert command("audit", "-p", "demo", "-o", str(file)).exit_code == 0
    assert len(file.read_text("utf-8-sig").splitlines()) == 1 + len(done) + 1

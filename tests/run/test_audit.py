"""The audit's files, one per day, and the counts of what was sent."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import timedelta

import pytest
from builders import NOW, delivered, installed
from stock_shops import articles, leave, levels, shops
from stock_shops import run as run_stocks
from test_journal import DEMO_SHOPS, _mapped, passerelle

from passerelle.ledger.ledger import Ledger
from passerelle.run.installation import Installation
from passerelle.run.orders import run_orders
from passerelle.run.purge import purge
from passerelle.run.request import Request


@pytest.fixture
def at(tmp_path, request) -> Installation:
    source = request.config.rootpath / DEMO_SHOPS / "web"
    return installed(tmp_path, ("s", "woocommerce", source, "*.json"), mapped=_mapped())


def later(at: Installation, **span: int) -> Installation:
    return Installation(at.profiles, at.state, at.ledger_url, lambda: NOW + timedelta(**span))


def days(at: Installation) -> list[str]:
    return sorted(path.stem for path in at.audit("test").glob("*.csv"))


def rows(at: Installation, day: str) -> list[dict[str, str]]:
    text = (at.audit("test") / f"{day}.csv").read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def test_jou_4_each_day_that_is_over_has_one_file_and_missed_days_are_caught_up(at):
    summary = run_orders(Request("test"), at)
    assert days(at) == []
    run_orders(Request("test"), later(at, hours=21))  # 00:30 of the next day in Paris: a transaction may still end
    assert days(at) == []
    run_orders(Request("test", plan=True), later(at, days=1))
    assert days(at) == []
    with Ledger.open(at.ledger_url, clock=later(at, days=1).clock) as ledger:
        ledger.forget("test", "order", ["s/201"], by="anne")
    run_orders(Request("test"), later(at, days=3))
    assert days(at) == ["2026-11-21", "2026-11-22", "2026-11-23"]
    first, second = rows(at, "2026-11-21"), rows(at, "2026-11-22")
    exchanged = {row["record"] for row in first if row["action"] == "exchange" and row["record_type"] == "order"}
    assert len(exchanged) == summary.written
    assert {row["actor"] for row in first} == {summary.run_id}
    [file] = [row for row in first if row["action"] == "deliver"]
    assert file["record"] in delivered(at)
    assert file["detail"].split(" ")[1:4] == ["orders", "→", "erp"]
    assert first[0]["at"].startswith("2026-11-21 03:30:00+0100")
    assert [(row["actor"], row["action"], row["record"]) for row in second] == [("anne", "forget", "s/201")]
    assert rows(at, "2026-11-23") == []
    assert b"@example" not in b"".join(path.read_bytes() for path in at.audit("test").iterdir())


def test_jou_4_a_file_is_never_changed_and_kept_longer_than_the_rest(at):
    settings = at.profiles / "test" / "profile.toml"
    settings.write_text("keep_audit_days = 100\n" + settings.read_text("utf-8"), encoding="utf-8")
    run_orders(Request("test"), at)
    run_orders(Request("test"), later(at, days=2))
    path = at.audit("test") / "2026-11-21.csv"
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    assert path.stat().st_mode & 0o222 == 0
    run_orders(Request("test"), later(at, days=3))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert purge(later(at, days=95), "test", by="me").audit == 0
    assert purge(later(at, days=105), "test", by="me").audit == 3
    assert days(at) == []
    run_orders(Request("test"), later(at, days=105))
    assert "2026-11-23" not in days(at)
    assert len(days(at)) == 100


def test_jou_4_a_lost_file_is_made_again_on_a_machine_of_another_time_zone(at, tmp_path, monkeypatch):
    run_orders(Request("test"), at)
    run_orders(Request("test"), later(at, days=2))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        again = str(tmp_path / "again.csv")
        passerelle(at, "ledger", "audit", "-p", "test", "--day", "2026-11-21", "-o", again)
        gone = passerelle(at, "ledger", "audit", "-p", "gone", "--day", "2026-11-21")
    time.tzset()
    assert (tmp_path / "again.csv").read_bytes() == (at.audit("test") / "2026-11-21.csv").read_bytes()
    assert gone == "\n"


def test_jou_4_a_run_goes_on_when_the_file_cannot_be_written(at, caplog):
    run_orders(Request("test"), at)
    (at.state / "audit").write_bytes(b"no folder")
    assert run_orders(Request("test"), later(at, days=2)).state == "nothing-to-do"
    assert "Les fichiers d'audit" in caplog.text
    (at.state / "audit").unlink()
    run_orders(Request("test"), later(at, days=2))
    assert days(at) == ["2026-11-21", "2026-11-22"]


def test_jou_3_what_was_sent_is_counted_by_kind_day_and_month(at, tmp_path):
    summary = run_orders(Request("test"), at)
    counted = json.loads(passerelle(later(at, days=0), "stats", "-p", "test", "--since", "2026-01-01", "--json"))
    of_documents = {row["kind"]: row["records"] for row in counted}
    assert of_documents == dict(summary.documents)
    assert {(row["period"][:4], row["direction"], row["shop"]) for row in counted} == {("2026", "to-erp", "")}
    file = tmp_path / "stats.csv"
    passerelle(at, "stats", "-p", "test", "--by", "day", "--since", "2026-01-01", "-o", str(file))
    head, *lines = file.read_text("utf-8-sig").splitlines()
    assert head == "period;direction;shop;kind;records"
    assert len(lines) == len(of_documents)
    assert "| to-erp |" in passerelle(at, "stats", "-p", "test", "--since", "2026-01-01")
    assert "Rien n'a été transmis" in passerelle(at, "stats", "-p", "test", "--until", "2026-11-20")


def test_jou_3_jou_4_what_a_shop_was_told_counts_by_delivery(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""))
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Vase;1;0;;"))
    leave(at, "stock.csv", levels("A1;Nice;4", "A2;Nice;5"))
    assert run_stocks(at).written == 2
    with Ledger.open(at.ledger_url) as ledger:
        [sent] = ledger.actions("test")
        counts = ledger.sent_counts("test")
    assert (sent.action, sent.record_type) == ("deliver", "file")
    assert sent.detail.startswith("2 stocks → a ")
    assert counts[["shop", "kind", "records"]].to_numpy().tolist() == [["a", "stocks", 2]]

"""What is old is removed, nobody's name stays, and nothing is forgotten that keeps orders from being sent twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOW, installed
from prefect.testing.utilities import prefect_test_harness
from stock_shops import articles, leave, levels, shops
from stock_shops import run as run_stocks
from test_journal import DEMO_SHOPS, _mapped, passerelle

from passerelle.flows.maintenance import purge as purge_flow
from passerelle.ledger.ledger import Ledger
from passerelle.run.installation import Installation
from passerelle.run.orders import run_orders
from passerelle.run.purge import purge
from passerelle.run.request import Request
from passerelle.storage.errors import StorageError


def on(at: Installation, days: int) -> Installation:
    """Give the same installation so many days later."""
    return Installation(at.profiles, at.state, at.ledger_url, lambda: NOW + timedelta(days=days))


def files(at: Installation) -> set[str]:
    return {path.name for path in at.state.rglob("*") if path.is_file() and "ledger" not in path.name}


@pytest.fixture
def at(tmp_path, request) -> Installation:
    source = request.config.rootpath / DEMO_SHOPS / "web"
    given = installed(tmp_path, ("s", "woocommerce", source, "*.json"), mapped=_mapped(), orders='changes = "reverse"')
    run_orders(Request("test", plan=True), given)
    return given


def test_sec_5_what_is_older_than_the_profile_keeps_is_removed_but_never_what_was_exchanged(at):
    first = run_orders(Request("test"), at)
    assert (first.state, first.failed > 0) == ("delivered", True)
    assert purge(on(at, 89), "test", by="me").runs == 0
    planned = purge(on(at, 91), "test", by="me", plan=True)
    assert (planned.runs, planned.deliveries, planned.plans) == (1, 1, 1)
    assert planned.bytes > 1000
    assert "rejects.xlsx" in files(at)
    done = purge(on(at, 91), "test", by="me")
    assert (done.runs, done.deliveries, done.plans, done.bytes) == (1, 1, 1, planned.bytes)
    assert done.outcomes >= first.failed
    assert files(at) == {"documents.parquet", "lines.parquet", "settlements.parquet"}
    with Ledger.open(at.ledger_url) as ledger:
        assert set(ledger.run_outcomes(first.run_id)["code"]) == {"exchanged"}
        assert len(ledger.exchanged("test", "order")) == first.written
        assert [(entry.actor, entry.action) for entry in ledger.audit("test")] == [("me", "purge")]
    again = run_orders(Request("test"), on(at, 91))
    assert (again.state, again.written, again.failed) == ("nothing-to-do", 0, first.failed)
    assert purge(on(at, 91), "test", by="me").runs == 0


def test_sec_5_what_still_has_to_arrive_is_kept_however_old(at):
    place = at.profiles / "test" / "delivered"
    place.rename(at.profiles / "test" / "gone")
    place.write_bytes(b"no folder")
    with pytest.raises(StorageError):
        run_orders(Request("test"), at)
    assert purge(on(at, 1000), "test", by="me").runs == 0
    place.unlink()
    (at.profiles / "test" / "gone").rename(place)
    later = run_orders(Request("test"), on(at, 1000))
    assert len(later.earlier) == 1
    assert purge(on(at, 2000), "test", by="me").deliveries == 1


def test_sec_5_another_profiles_files_stay_and_what_a_shop_was_told_is_remembered(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""))
    leave(at, "articles.csv", articles("A1;Bol;1;0;;"))
    leave(at, "stock.csv", levels("A1;Nice;4"))
    assert run_stocks(at).written == 1
    (at.profiles / "other.toml").write_bytes((at.profiles / "test" / "profile.toml").read_bytes())
    other = (at.profiles / "other.toml").read_text().replace('name = "test"', 'name = "other"')
    (at.profiles / "other.toml").write_text(other)
    before = files(at)
    assert purge(on(at, 400), "other", by="me").runs == 0
    assert files(at) == before
    assert purge(on(at, 400), "test", by="me").runs == 1
    leave(at, "articles.csv", articles("A1;Bol;1;0;;"))
    leave(at, "stock.csv", levels("A1;Nice;4"))
    assert run_stocks(at).state == "nothing-to-do"


def test_sec_5_run_1_the_command_and_the_flow_remove_the_same(at, monkeypatch):
    run_orders(Request("test"), at)
    assert "1 exécution(s)" in passerelle(at, "purge", "-p", "test", "--days", "1", "--plan")
    monkeypatch.setenv("PASSERELLE_PROFILES", str(at.profiles))
    monkeypatch.setenv("PASSERELLE_STATE", str(at.state))
    with prefect_test_harness(server_startup_timeout=120):
        purge_flow("test", days=1)
    assert "rejects.xlsx" not in files(at)
    assert "0 exécution(s)" in passerelle(at, "purge", "-p", "test", "--days", "1")

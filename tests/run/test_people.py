"""A person is found, exported and erased; nothing is sent twice for that, and the same customer orders again."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import pytest
from account_shops import customer, customers, leave, shop, told
from account_shops import run as run_accounts
from builders import ALL_MAPPED, NOW, installed
from test_journal import passerelle

from passerelle.ledger.ledger import Ledger
from passerelle.run.accounts import CUSTOMERS
from passerelle.run.installation import Installation
from passerelle.run.orders import run_orders
from passerelle.run.people import erase, export, find
from passerelle.run.purge import purge
from passerelle.run.request import Request

_MAPPED = {**ALL_MAPPED, "taxes": [("*", "20", "*", "TVA20"), ("*", "5.5", "*", "TVA55")]}
EMAIL = "client31@example.com"


@pytest.fixture
def at(tmp_path, request) -> Installation:
    """The demo's shop, its exports copied: order 201 is the customer's."""
    source = tmp_path / "exports"
    source.mkdir()
    orders = json.loads((request.config.rootpath / "sample_files/demo/shops/web/orders.json").read_text("utf-8"))
    (source / "orders.json").write_text(json.dumps(orders), encoding="utf-8")
    return installed(tmp_path, ("s", "woocommerce", source, "*.json"), mapped=_MAPPED, orders='changes = "reverse"')


def later(at: Installation, days: int) -> Installation:
    return Installation(at.profiles, at.state, at.ledger_url, lambda: NOW + timedelta(days=days))


def order_again(at: Installation, number: int, **changed) -> None:
    """Leave a further order of the customer in the export."""
    path = at.profiles.parent / "exports" / "orders.json"
    orders = json.loads(path.read_text("utf-8"))
    again = {**orders[0], "id": number, "number": str(number), **changed}
    path.write_text(json.dumps([*orders, again]), encoding="utf-8")


def test_sec_5_a_person_is_found_by_mail_code_or_key_with_their_orders_and_files(at):
    run_orders(Request("test", plan=True), at)
    summary = run_orders(Request("test"), at)
    by_mail = find(at, "test", EMAIL.upper())
    assert by_mail.person.keys == ("s/31",)
    assert by_mail.person.emails == (EMAIL,)
    assert ("order", "s/201") in by_mail.records
    assert [key for kind, key in by_mail.records if kind == "order"] == ["s/201"]
    assert by_mail == find(at, "test", by_mail.person.codes[0]) == find(at, "test", "s/31")
    homes = {file.path.split("/")[0] for file in by_mail.files}
    assert homes == {"outbox", "plans"}
    assert {file.goes_on for file in by_mail.files} == {(NOW + timedelta(days=90)).date()}
    told = json.loads(export(at, "test", EMAIL))
    assert [row["email"] for row in told["accounts"]] == [EMAIL]
    [record] = [row for row in told["records"] if row["record_key"] == "s/201"]
    assert (record["run_id"], record["total_incl"]) == (summary.run_id, "76.45")
    assert "client33@example.com" not in json.dumps(told)
    # The delivered file tells whose an order is where nothing is kept to reverse it.
    shutil.rmtree(at.run_folder(summary.run_id) / "sent")
    assert find(at, "test", EMAIL).records == by_mail.records
    assert "ne garde rien" in passerelle(at, "people", "find", "nobody@example.com", "-p", "test", code=1)


def test_sec_5_who_is_erased_is_nowhere_in_the_ledger_and_orders_again_under_the_same_account(at):
    first = run_orders(Request("test"), at)
    with Ledger.open(at.ledger_url) as ledger:
        before = ledger.accounts("test").set_index("customer_key")
        sent = ledger.exchanged("test", "order")
    found, counts = erase(at, "test", EMAIL, by="anne")
    assert counts["accounts"] == 1
    with Ledger.open(at.ledger_url) as ledger:
        after = ledger.accounts("test").set_index("customer_key")
        assert after.loc["s/31", ["email", "siret", "vat_number"]].tolist() == ["", "", ""]
        assert after["customer_code"].equals(before["customer_code"])
        assert after.drop(index="s/31").equals(before.drop(index="s/31"))
        assert ledger.exchanged("test", "order").equals(sent)
        [entry] = ledger.audit("test")
        assert (entry.actor, entry.action, entry.record) == ("anne", "erase", "s/31")
        assert EMAIL not in str(ledger.actions())
        assert EMAIL not in ledger.run_outcomes(first.run_id).to_csv()
    assert found.files
    purge(later(at, 91), "test", by="me")
    # Not in the ledger's own bytes either.
    assert not [path for path in at.state.rglob("*") if path.is_file() and EMAIL.encode() in path.read_bytes()]
    assert run_orders(Request("test"), at).written == 0
    order_again(at, 901)
    assert run_orders(Request("test"), at).written == 1
    with Ledger.open(at.ledger_url) as ledger:
        known = ledger.accounts("test").set_index("customer_key").loc["s/31"]
    assert (known["customer_code"], known["email"]) == (before.loc["s/31", "customer_code"], EMAIL)
    # Somebody new never gets the code of who was erased.
    erase(at, "test", EMAIL, by="anne")
    order_again(at, 902, customer_id=0)
    assert run_orders(Request("test"), at).written == 1
    with Ledger.open(at.ledger_url) as ledger:
        codes = ledger.accounts("test").set_index("customer_key")["customer_code"]
    assert codes["s/order-902"] != codes["s/31"]


def test_sec_5_the_command_asks_and_names_the_files_that_stay(at, tmp_path):
    run_orders(Request("test"), at)
    shown = passerelle(at, "people", "erase", EMAIL, "-p", "test", code=1)
    assert EMAIL in shown
    assert "Rien n'a été fait." in shown
    assert find(at, "test", EMAIL).person.is_known
    passerelle(at, "people", "export", EMAIL, "-p", "test", "-o", str(tmp_path / "who.json"))
    assert json.loads((tmp_path / "who.json").read_text("utf-8"))["person"]["keys"] == ["s/31"]
    done = passerelle(at, "people", "erase", EMAIL, "-p", "test", "--yes")
    assert "1 compte(s)" in done
    assert "à partir du 2027-02-19" in done
    assert "Fichier outbox/" in passerelle(at, "people", "find", EMAIL, "-p", "test")


def test_sec_5_of_what_a_shop_was_told_only_that_it_has_the_login_stays(tmp_path):
    at = shop(tmp_path, "shopify", "[shops.accounts]\n")
    names = ("Zoe", "Max", "Ana", "Leo", "Eva", "Tom")
    zoe, *others = (customer(f"C000{n}", name, f"{name.lower()}@example.com") for n, name in enumerate(names, 1))
    leave(at, "clients.csv", customers(zoe, *others))
    assert run_accounts(at, CUSTOMERS).written == 6
    told(at, "customers")
    exported = json.loads(export(at, "test", "zoe@example.com"))
    assert [(row["key"], row["value"]["email"]) for row in exported["told"]] == [("C0001", "zoe@example.com")]
    found, counts = erase(at, "test", "C0001", by="anne")
    assert (found.person.logins, counts["told"]) == ((("a", "C0001"),), 1)
    with Ledger.open(at.ledger_url) as ledger:
        values = ledger.sent_values("test", "a", "customer").set_index("key")["value"]
    assert "zoe" not in values["C0001"].casefold()
    assert "max@example.com" in values["C0002"]
    # Erased in the ERP too: the shop is told nothing. Still there: it is told again, as somebody it has.
    leave(at, "clients.csv", customers(*others))
    assert run_accounts(at, CUSTOMERS).written == 0
    leave(at, "clients.csv", customers(zoe, *others))
    plan = run_accounts(at, CUSTOMERS, plan=True)
    assert {row.record for row in plan.plan_rows} == {"C0001"}
    assert {row.action for row in plan.planned} == {"update"}

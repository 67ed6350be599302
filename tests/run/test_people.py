"""A person is found, exported and erased; nothing is sent twice for that, and the same customer orders again."""

from __future__ import annotations

import base64
import gzip
import io
import json
import shutil
import zipfile
from datetime import timedelta

import pytest
from account_shops import customer, customers, leave, shop, told
from account_shops import run as run_accounts
from builders import ALL_MAPPED, NOW, installed
from test_journal import passerelle
from test_tables_run import run as run_tables
from test_tables_run import shop as shop_with_staff
from test_tables_run import told as told_staff

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
    assert homes == {"outbox", "plans", "runs"}
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


LOCKED = base64.b64decode(
    "UEsDBAoACQAAAFZPfF36voudJwAAABsAAAALABwAY2xpZW50cy5jc3ZVVAkAA9OlCmvTpQprdXgLAAEEAAAAAAQAAAAA9UpduXpYarE0tEy7"
    "rlkP3hVFD4XR3E+YDkRcEObIZuJSTKQScpoRUEsHCPq+i50nAAAAGwAAAFBLAQIeAwoACQAAAFZPfF36voudJwAAABsAAAALABgAAAAAAAEA"
    "AACkgQAAAABjbGllbnRzLmNzdlVUBQAD06UKa3V4CwABBAAAAAAEAAAAAFBLBQYAAAAAAQABAFEAAAB8AAAAAAA="
)
"""What ``zip -P secret`` makes of a clients.csv with the e-mail."""


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.csv", data)
    return stream.getvalue()


def test_sec_5_archives_that_cannot_be_looked_through_are_named_with_what_to_do(at, tmp_path, monkeypatch):
    run_orders(Request("test"), at)
    inbox = at.inbox("test")
    inbox.mkdir(parents=True, exist_ok=True)
    named = EMAIL.encode()
    damaged = bytearray(zipped(first=bytes(range(256)) * 4, second=named))
    damaged[60] ^= 0xFF
    deep = zipped(a=zipped(b=zipped(c=named)))
    large = zipped(large=bytes(200_000), small=b"nobody")
    files = {
        "locked.zip": LOCKED,
        "damaged.zip": bytes(damaged),
        "cut.zip": zipped(a=named)[:-30],
        "cut.csv.gz": gzip.compress(named * 50)[:-12],
        "deep.zip": deep,
        "large.zip": large,
        "whole.csv.gz": gzip.compress(named),
    }
    for name, data in files.items():
        (inbox / name).write_bytes(data)
    monkeypatch.setattr("passerelle.run.traces._LARGEST", 100_000)
    found = find(at, "test", EMAIL)
    unread = {(row.code, row.record.rpartition("/")[2], row.value) for row in found.outcomes.itertuples()}
    assert unread == {
        ("person-archive-locked", "locked.zip", "clients.csv"),
        ("person-archive-damaged", "damaged.zip", "first.csv"),
        ("person-archive-damaged", "cut.zip", ""),
        ("person-archive-damaged", "cut.csv.gz", ""),
        ("person-archive-nested", "deep.zip", "a.csv/b.csv"),
        ("person-archive-too-large", "large.zip", "large.csv"),
    }
    # What can be opened of them is looked through all the same.
    assert {file.path.rpartition("/")[2] for file in found.files} >= {"damaged.zip", "whole.csv.gz"}
    shown = passerelle(at, "people", "find", EMAIL, "-p", "test")
    assert "locked.zip n'a pas pu être parcouru en entier : clients.csv est protégé par un mot de passe." in shown
    erased = passerelle(at, "people", "erase", EMAIL, "-p", "test", "--yes")
    assert "Ouvrez-le avec son mot de passe et cherchez-y la personne" in erased
    # Of somebody whom nothing names they are told as well: who is in them is not known.
    assert "locked.zip" in passerelle(at, "people", "find", "nobody@example.com", "-p", "test")
    assert len(json.loads(export(at, "test", "nobody@example.com"))["unread"]) == 6


def test_sec_5_oas_1_a_colleague_is_found_and_erased_and_can_still_be_taken_out_of_the_shop(tmp_path):
    at = shop_with_staff(tmp_path)
    run_tables(at)
    found, counts = erase(at, "test", "ZOE@example.com", by="anne")
    assert (found.person.rows, counts["told"]) == ((("a", "oasis/staff: CO00001"),), 1)
    with Ledger.open(at.ledger_url) as ledger:
        values = ledger.sent_values("test", "a", "table-row").set_index("key")["value"]
    assert values["oasis/staff: CO00001"] == '{"code":"CO00001"}'
    assert "luc@example.com" in values["oasis/staff: CO00002"]
    leave(at, "staff.csv", (at.profiles / "test" / "staff.csv").read_bytes().replace(b"CO00001", b"CO00009"))
    assert run_tables(at).written == 2
    [gone] = [row for row in told_staff(at, name="collaborateurs") if row["delete"] == "1"]
    assert (gone["ref"], gone["lastname"], gone["email"]) == ("CO00001", "", "")

"""The task `prospects`: real shops' accounts end to end, each sent once, and still one customer when he orders."""

from __future__ import annotations

import json
import signal
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import delivered, installed
from erp import rows, unzipped
from exports import ARCHIVE, leave, lying
from killed import run_killed
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ebp.check import import_check
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.orders import run_orders
from passerelle.run.prospects import PROSPECTS
from passerelle.run.request import Request
from passerelle.run.summary import Summary

LIVE = "prestashop-8.2-live"
NAMED = {
    "email": "zoe@example.fr",
    "first_name": "Zoé",
    "last_name": "Garçon",
    "is_paying_customer": False,
    "billing": {"address_1": "3 quai", "postcode": "06000", "city": "Nice", "country": "FR"},
    "shipping": {},
}


def set_up(at: Installation, place: Path, *, after: str = "keep", more: str = "") -> None:
    """Say in the profile where the customers of its shop lie."""
    profile = at.profiles / "test" / "profile.toml"
    source = (
        f'customers = {{ place = "{place}", files = ["customers*", "addresses*", "countries*"], after = "{after}" }}'
    )
    profile.write_text(profile.read_text().replace("\n[delivery]", f"{source}\n[delivery]", 1) + more)


def web_shop(folder: Path, *, after: str = "keep", more: str = "") -> tuple[Installation, Path, Path]:
    """Make an installation of a WooCommerce shop; give it, and where the shop leaves its orders and customers."""
    places = folder / "orders", folder / "customers"
    for place in places:
        place.mkdir()
    at = installed(folder, ("s", "woocommerce", places[0], "*.json"))
    set_up(at, places[1], after=after, more=more)
    return at, *places


def people(*ids: int, **changed: Any) -> bytes:
    return json.dumps([{**NAMED, "id": one, "email": f"{one}@example.fr", **changed} for one in ids]).encode()


def sold_to(samples: Path, customer_id: int) -> bytes:
    """Give an order of a real shop as this customer's."""
    order = json.loads((samples / "woocommerce-10.0-live" / "orders.json").read_text())[0]
    return json.dumps([{**order, "customer_id": customer_id, "refunds": []}]).encode()


def run(at: Installation, **asked: Any) -> Summary:
    return run_task(PROSPECTS, Request("test", **asked), at)


def codes(summary: Summary) -> dict[str, int]:
    return {reason.code: reason.count for reason in summary.reasons}


def files(at: Installation) -> list[dict[str, bytes]]:
    """Give what each zip delivered holds."""
    return [unzipped(data) for name, data in delivered(at).items() if name.endswith(".zip")]


def customers(at: Installation) -> list[str]:
    return [row["Code (tiers)"] for one in files(at) for row in rows(one["Customers.txt"])]


class TestRealShops:
    def test_cus_6_every_account_of_the_real_prestashop_has_ordered(self, tmp_path, samples):
        at = installed(tmp_path, ("s", "prestashop", samples / LIVE, "*.xml"))
        set_up(at, samples / LIVE)
        # Both the JSON and the XML of each resource lie there and say the same; 13 of the 60 are guests.
        summary = run(at)
        assert (summary.read, summary.written, summary.state) == (60, 0, "nothing-to-do")
        assert {"prospect-has-ordered": 47, "prospect-is-guest": 13}.items() <= codes(summary).items()

    def test_cus_6_ebp_3_without_half_of_the_orders_the_others_are_prospects(self, tmp_path, samples):
        """30 orders are left: 24 of accounts; of the 23 others, 6 companies share a SIRET: 18 customers."""
        place = tmp_path / "shop"
        place.mkdir()
        orders = json.loads((samples / LIVE / "orders.json").read_text())["orders"][:30]
        (place / "orders.json").write_text(json.dumps({"orders": orders}))
        at = installed(tmp_path, ("s", "prestashop", place, "orders.json"))
        for name in ("order_details", "taxes", "currencies", "customers", "addresses", "countries", "carriers"):
            (place / f"{name}.json").write_bytes((samples / LIVE / f"{name}.json").read_bytes())
        profile = at.profiles / "test" / "profile.toml"
        profile.write_text(profile.read_text().replace('files = ["orders.json"]', 'files = ["*.json"]'))
        set_up(at, place)
        planned = run(at, plan=True)
        assert (planned.written, planned.state, delivered(at)) == (23, "planned", {})
        assert {row.what: row.count for row in planned.planned if row.action == "create"} == {
            "ajouter à l'ERP : client": 18
        }
        summary = run(at, apply=planned.plan)
        assert (summary.read, summary.written, summary.failed, summary.ignored) == (60, 23, 0, 37)
        assert (summary.customers, codes(summary)["prospect-has-ordered"]) == (18, 24)
        [zipped] = [data for name, data in delivered(at).items() if name.endswith(".zip")]
        one = unzipped(zipped)
        assert set(one) == {"Customers.txt", "Adresses.txt", "Batch.txt"}
        assert one["Batch.txt"].decode().splitlines() == [
            '/Import="Customers.txt";Customers;Passerelle Prospects',
            '/Import="Adresses.txt";Customers;Passerelle Customers Addresses',
        ]
        written = rows(one["Customers.txt"])
        assert len(written) == len(rows(one["Adresses.txt"])) == 18
        assert {row["Type de tiers"] for row in written} == {"P"}
        assert import_check(zipped).exit_code == 0
        assert run(at).state == "nothing-to-do"
        assert codes(run(at))["prospect-already-sent"] == 23

    def test_cus_6_the_real_woocommerce_shop_has_no_accounts(self, tmp_path, samples):
        live = samples / "woocommerce-10.0-live"
        at = installed(tmp_path, ("s", "woocommerce", live, "orders.json"))
        set_up(at, live)
        summary = run(at)
        assert (summary.read, summary.state, summary.exit_code) == (0, "nothing-to-do", 0)


def test_cus_2_cus_6_cus_9_a_prospect_who_orders_keeps_his_account(tmp_path, samples):
    at, orders, accounts = web_shop(tmp_path)
    leave(accounts, "customers.json", people(7, 8))
    assert run(at).written == 2
    leave(orders, "orders.json", sold_to(samples, 7))
    assert run_orders(Request("test"), at).documents == {"invoice": 1}
    [made] = [one for one in files(at) if "Invoices.txt" in one]
    account = "WEB00000000007"
    assert {row["Document - Code client"] for row in rows(made["Invoices.txt"])} == {account}
    # Without an extract of the ERP the same customer is written again, which updates him: no second one.
    assert sorted(set(customers(at))) == [account, "WEB00000000008"]
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.accounts("test").set_index("customer_key")["customer_code"]["s/7"] == account
        assert len(ledger.accounts("test")) == 2
    after = run(at)
    assert (after.written, codes(after)) == (0, {"prospect-has-ordered": 1, "prospect-already-sent": 1})


def test_cus_5_cus_6_a_prospect_that_the_erp_has_by_now_is_not_written_with_his_order(tmp_path, samples):
    at, orders, accounts = web_shop(tmp_path)
    leave(accounts, "customers.json", people(7))
    run(at)
    [sent] = files(at)
    [written] = rows(sent["Customers.txt"])
    profile = at.profiles / "test"
    (profile / "customers.csv").write_text(
        f"Code (tiers);Nom;E-mail (facturation)\r\n{written['Code (tiers)']};{written['Nom']};7@example.fr\r\n",
        encoding="cp1252",
        newline="",
    )
    text = (profile / "profile.toml").read_text()
    text = text.replace('articles = "articles.csv"', 'articles = "articles.csv"\ncustomers = "customers.csv"')
    (profile / "profile.toml").write_text(text)
    leave(orders, "orders.json", sold_to(samples, 7))
    assert run_orders(Request("test"), at).documents == {"invoice": 1}
    [made] = [one for one in files(at) if "Invoices.txt" in one]
    assert "Customers.txt" not in made
    assert {row["Document - Code client"] for row in rows(made["Invoices.txt"])} == {written["Code (tiers)"]}


def test_cus_1_cus_6_who_ordered_before_is_a_customer_already(tmp_path, samples):
    at, orders, accounts = web_shop(tmp_path)
    left = leave(orders, "orders.json", sold_to(samples, 7))
    run_orders(Request("test"), at)
    left.unlink()
    leave(accounts, "customers.json", people(7))
    # The order is gone from the exports; the ledger remembers the account.
    assert codes(run(at)) == {"prospect-is-customer": 1}


def test_cus_6_changed_contact_data_are_said_and_a_reset_sends_them(tmp_path):
    at, _, accounts = web_shop(tmp_path)
    leave(accounts, "customers.json", people(7))
    run(at)
    leave(accounts, "customers.json", people(7, last_name="Roux"))
    assert codes(run(at))["prospect-changed"] == 1
    folders = ["--profiles", str(at.profiles), "--state", str(at.state)]
    reset = CliRunner().invoke(
        app, [*folders, "ledger", "reset", "s/7", "-p", "test", "--prospects", "--yes", "--ledger", at.ledger_url]
    )
    assert reset.exit_code == 0, reset.output
    assert run(at).written == 1
    assert customers(at) == ["WEB00000000007"] * 2


def test_cus_6_no_order_since_is_an_option_and_can_be_asked_for(tmp_path, samples):
    at, orders, accounts = web_shop(tmp_path)
    leave(accounts, "customers.json", people(7))
    leave(orders, "orders.json", sold_to(samples, 7))
    day = json.loads(sold_to(samples, 7))[0]["date_created"][:10]
    last = date.fromisoformat(day)
    assert run(at, plan=True, since=last).written == 0
    assert run(at, plan=True, since=last + timedelta(days=1)).written == 1
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(f"{profile.read_text()}\n[prospects]\nno_order_since = {last + timedelta(days=1)}\n")
    assert run(at, plan=True).written == 1


def test_cus_6_run_5_a_profile_that_is_not_set_up_is_wrong_usage(tmp_path, samples):
    at = installed(tmp_path, ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json"))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == ("prospects-not-set-up", True)
    folders = ["--profiles", str(at.profiles), "--state", str(at.state)]
    asked = CliRunner().invoke(app, [*folders, "run", "prospects", "-p", "test", "--plan"])
    assert asked.exit_code == 2, asked.output


def test_cus_6_one_account_for_all_has_no_room_for_prospects(tmp_path):
    at, _, _ = web_shop(tmp_path)
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text() + 'mode = "single"\nsingle = "WEB"\n')
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == ("prospects-single-account", True)


def test_sto_6_cus_6_archived_files_are_read_again_for_what_was_refused(tmp_path, samples):
    at, orders, accounts = web_shop(tmp_path, after="archive")
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace('["*.json"] }', '["*.json"], after = "archive" }'))
    leave(orders, "orders.json", sold_to(samples, 9))
    too_long = 10**13
    leave(accounts, "customers.json", people(7, too_long))
    summary = run(at)
    assert (summary.written, summary.failed, codes(summary)["account-does-not-fit"]) == (1, 1, 1)
    assert list(lying(accounts)) == [f"{ARCHIVE}/customers.json"]
    # The orders are looked at only: they stay where they are for the task that exchanges them.
    assert list(lying(orders)) == ["orders.json"]
    profile.write_text(profile.read_text().replace("length = 14", "length = 17"))
    again = run(at)
    assert (again.read, again.written) == (1, 1)
    assert sorted(customers(at)) == ["WEB00000000007", f"WEB{too_long}"]
    assert run(at).read == 0


@pytest.mark.parametrize(
    "step", ["passerelle.ledger.ledger:Ledger.prepare", "passerelle.storage.local:LocalStorage._renamed"]
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_rel_1_cus_6_a_killed_run_loses_nothing_and_sends_nothing_twice(tmp_path, step, moment):
    at, _, accounts = web_shop(tmp_path, after="archive")
    leave(accounts, "customers.json", people(7, 8))
    assert run_killed(at, step, moment, task=PROSPECTS) == -signal.SIGKILL
    summary = run(at)
    assert summary.written == 2 or summary.earlier
    assert customers(at) == ["WEB00000000007", "WEB00000000008"]
    with Ledger.open(at.ledger_url) as ledger:
        assert len(ledger.exchanged("test", "prospect")) == 2
        assert ledger.unfinished("test") == []
    assert run(at).state == "nothing-to-do"
    assert len(files(at)) == 1

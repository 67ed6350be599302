"""Settlements through the whole job: their file, the ledger, whichever task comes first (ORD-50, ORD-51)."""

from __future__ import annotations

import json
import shutil
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from builders import ALL_MAPPED, delivered, installed
from erp import amount, rows, unzipped
from exports import archiving, leave, orders, real_orders, remap
from killed import run_killed

from passerelle.ebp.check import import_check
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.orders import CREDIT_NOTES, ORDERS, QUOTES, SETTLEMENTS, run_orders
from passerelle.run.request import Request

PAID = 'vat = { unknown_rate = "accept", untaxed_without_number = "accept" }\n'
BOOKED = PAID + 'settlements = { create = true, amount = "payments", label = "%OR" }\n'
FILE = "Settlements.txt"


def prestashop(samples: Path, into: Path, payments: list[dict[str, Any]]) -> Path:
    """Give the files of a real PrestaShop with other payments."""
    if not into.exists():
        shutil.copytree(samples / "prestashop-8.2-live", into)
    for old in into.glob("order_payments.*"):
        old.unlink()
    (into / "order_payments.json").write_text(json.dumps({"order_payments": payments}))
    return into


def real_payments(samples: Path) -> list[dict[str, Any]]:
    found = json.loads((samples / "prestashop-8.2-live" / "order_payments.json").read_text())
    return found["order_payments"]


def instalments(samples: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Part the first of the real payments: the rest is paid eight days later."""
    first, *others = real_payments(samples)
    later = {**first, "id": 9001, "amount": "100.000000", "date_add": "2026-11-29 09:00:00"}
    part = {**first, "amount": f"{Decimal(first['amount']) - 100:.6f}"}
    return [part, *others], later


def booked(at: Installation, before: dict[str, bytes] | None = None) -> list[dict[str, str]]:
    """Give the settlements of the zips that were delivered (since)."""
    zips = [data for name, data in delivered(at).items() if name.endswith(".zip") and name not in (before or {})]
    return [row for data in zips for row in rows(unzipped(data).get(FILE, b"\r\n"))]


def test_ord_50_every_real_payment_is_booked_once_and_a_second_instalment_when_it_comes(tmp_path, samples):
    soon, later = instalments(samples)
    source = prestashop(samples, tmp_path / "shop", soon)
    at = installed(tmp_path, ("s", "prestashop", source, "*.json"), orders=BOOKED)
    first = run_orders(Request("test"), at)
    found = booked(at)
    assert len({row["Clé"] for row in found}) == len(found)
    paid = [row for row in found if "/refund-" not in row["Clé"]]
    total = sum((Decimal(one["amount"]) for one in soon), Decimal(0))
    assert sum((amount(row["Montant"]) for row in paid), Decimal(0)) == total
    back = [amount(row["Montant"]) for row in found if "/refund-" in row["Clé"]]
    assert back
    assert max(back) < 0
    assert first.settlements

    before = delivered(at)
    assert run_task(SETTLEMENTS, Request("test"), at).state == "nothing-to-do"
    prestashop(samples, source, [later, *soon])
    planned = run_task(SETTLEMENTS, Request("test", plan=True), at)
    assert [(one.count, one.amount) for one in planned.planned if one.action == "create"] == [(1, "100.00")]
    second = run_task(SETTLEMENTS, Request("test", apply=planned.plan), at)
    assert (second.state, second.settlements, second.documents) == ("delivered", {"EUR": "100.00"}, {})
    [row] = booked(at, before)
    assert (row["Montant"], row["Date"], row["Libellé"]) == ("100", "29/11/2026", later["order_reference"])
    same = next(one for one in found if one["Libellé"] == later["order_reference"])
    for name in ("Numéro du document", "Commande boutique", "Code client", "Devise"):
        assert row[name] == same[name] != ""
    assert (same["Clé"].rpartition("/")[2], row["Clé"].rpartition("/")[2]) == ("payment-1", "payment-2")
    for task in (ORDERS, SETTLEMENTS, CREDIT_NOTES):
        assert run_task(task, Request("test"), at).state == "nothing-to-do"


def test_ebp_3_the_file_of_settlements_lies_in_the_zip_and_ebp_leaves_it_alone(tmp_path, samples):
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, 0, 1))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), orders=BOOKED)
    run_orders(Request("test"), at)
    [data] = [data for name, data in delivered(at).items() if name.endswith(".zip")]
    files = unzipped(data)
    assert FILE in files
    assert FILE not in files["Batch.txt"].decode()
    said = import_check(data).findings
    assert not said["record"].str.contains(FILE).any()


def order_documents(kind: str) -> dict[str, Any]:
    return {**ALL_MAPPED, "statuses": [("*", "yes", kind, "", "")]}


def test_ord_52_a_deposit_is_in_no_second_file_and_what_is_paid_later_is(tmp_path, samples):
    source = tmp_path / "shop"
    source.mkdir()
    later, soon, *_ = [number for number, one in enumerate(real_orders(samples)) if one["date_paid"]]
    paid = real_orders(samples)[later]
    (source / "orders.json").write_bytes(orders(samples, later, date_paid=None, date_paid_gmt=None))
    (source / "more.json").write_bytes(orders(samples, soon))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), orders=BOOKED, mapped=order_documents("order"))
    run_orders(Request("test"), at)
    [data] = [data for name, data in delivered(at).items() if name.endswith(".zip")]
    deposits = [amount(row["Acompte - Montant"]) for row in rows(unzipped(data)["Orders.txt"])]
    assert sum(deposits, Decimal(0)) == Decimal(real_orders(samples)[soon]["total"])
    assert booked(at) == []
    (source / "orders.json").write_bytes(orders(samples, later))
    run_task(SETTLEMENTS, Request("test"), at)
    assert [row["Montant"] for row in booked(at)] == [f"{Decimal(paid['total']).normalize():f}".replace(".", ",")]


def test_ord_50_a_payment_whose_mode_is_not_mapped_waits_though_its_file_was_put_away(tmp_path, samples):
    known = {**ALL_MAPPED, "payment_modes": [("Chèque", "*", "CHQ", "CHQ", "", "", "", "", "", "")]}
    at, place = archiving(tmp_path, orders=BOOKED, mapped=known)
    leave(place, "one.json", orders(samples, 0, date_paid=None, date_paid_gmt=None, payment_method_title="Chèque"))
    assert run_orders(Request("test"), at).documents == {"invoice": 1}
    leave(place, "two.json", orders(samples, 0, payment_method_title="Carte"), at=1_790_000_100)
    refused = run_orders(Request("test"), at)
    assert (refused.settlements_failed, refused.exit_code) == (1, 3)
    assert {reason.code for reason in refused.reasons} >= {"unmapped-payment-mode"}
    remap(at, ALL_MAPPED)
    again = run_task(SETTLEMENTS, Request("test", only_rejects=refused.run_id), at)
    assert len(again.settlements) == 1
    assert run_orders(Request("test"), at).state == "nothing-to-do"


def test_ord_9_a_reset_order_is_settled_again_with_its_document(tmp_path, samples):
    from typer.testing import CliRunner

    from passerelle.cli.main import app

    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, 0))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), orders=BOOKED)
    run_orders(Request("test"), at)
    key = f"s/{real_orders(samples)[0]['id']}"
    ended = CliRunner().invoke(app, ["ledger", "reset", key, "-p", "test", "--ledger", at.ledger_url, "--yes"])
    assert ended.exit_code == 0, ended.output
    assert run_orders(Request("test"), at).settlements == {"EUR": real_orders(samples)[0]["total"][:-4]}


def test_run_5_settlements_that_the_profile_does_not_make_are_wrong_usage(tmp_path, samples):
    at = installed(tmp_path, ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json"))
    with pytest.raises(RunError) as error:
        run_task(SETTLEMENTS, Request("test"), at)
    assert (error.value.code, error.value.is_usage) == ("run-no-settlements", True)


@pytest.mark.parametrize("task", [ORDERS, QUOTES, CREDIT_NOTES, SETTLEMENTS])
def test_pro_3_tasks_of_orders_that_are_switched_off_are_wrong_usage(tmp_path, samples, task):
    shop = ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json")
    at = installed(tmp_path, shop, orders="enabled = false")
    with pytest.raises(RunError) as error:
        run_task(task, Request("test"), at)
    assert (error.value.code, error.value.is_usage) == ("run-orders-off", True)
    assert not delivered(at)


@pytest.mark.parametrize("step", ["passerelle.ledger.ledger:Ledger.prepare", "passerelle.run.job:publish"])
def test_rel_1_a_killed_run_books_nothing_twice(tmp_path, samples, step):
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, 0, 1, 2))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), orders=BOOKED)
    assert run_killed(at, step, "after") == -signal.SIGKILL
    run_task(SETTLEMENTS, Request("test"), at)
    run_orders(Request("test"), at)
    found = booked(at)
    assert sorted(row["Clé"] for row in found) == sorted({row["Clé"] for row in found})
    with Ledger.open(at.ledger_url) as ledger:
        known = ledger.exchanged("test", "settlement")
    assert sorted(known["record_key"]) == sorted(row["Clé"] for row in found)


def test_ord_61_what_is_reversed_is_taken_back_and_booked_anew_with_what_is_entered_again(tmp_path, samples):
    source = tmp_path / "shop"
    source.mkdir()
    number = next(rank for rank, one in enumerate(real_orders(samples)) if one["date_paid"])
    total = Decimal(real_orders(samples)[number]["total"])
    reverse = BOOKED + 'changes = "reverse"\ncancelled_statuses = ["cancelled"]\n'
    (source / "orders.json").write_bytes(orders(samples, number, status="processing"))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), orders=reverse)
    run_orders(Request("test"), at)
    billing = {**real_orders(samples)[number]["billing"], "last_name": "Autrement"}
    expected = {"processing": (3, total), "cancelled": (4, Decimal(0))}
    for status, (count, left) in expected.items():
        (source / "orders.json").write_bytes(orders(samples, number, status=status, billing=billing))
        run_orders(Request("test"), at)
        found = booked(at)
        assert len(found) == count
        assert sum((amount(row["Montant"]) for row in found), Decimal(0)) == left
        assert run_task(SETTLEMENTS, Request("test"), at).state == "nothing-to-do"
        assert run_orders(Request("test"), at).state == "nothing-to-do"

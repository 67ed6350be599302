"""Refunds, changes and cancellations through the whole job: files, ledger, counts (ORD-61)."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from builders import delivered, installed
from erp import Rows, rows, total, unzipped
from exports import archiving, leave, orders, real_orders
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.run.installation import Installation
from passerelle.run.orders import run_orders
from passerelle.run.request import Request

PRESTASHOP, WOOCOMMERCE = "prestashop-8.2-live", "woocommerce-10.0-live"
NOTES = "Credit Notes.txt"
ANY_RATE = 'vat = { unknown_rate = "accept", untaxed_without_number = "accept" }\n'
"""The real PrestaShop has rates that Italy never had."""
REVERSE = 'changes = "reverse"\ncancelled_statuses = ["cancelled"]\n'


def given_back(samples: Path, shop: str) -> dict[str, Decimal]:
    """Give what a shop gave back, by the number of the credit note, read from its own answer."""
    if shop == WOOCOMMERCE:
        by_order = json.loads((samples / shop / "refunds_by_order.json").read_text())
        return {
            f"AV{one['id']}": Decimal(one["amount"]).quantize(Decimal("0.01"))
            for each in by_order.values()
            for one in each
        }
    slips = json.loads((samples / shop / "order_slip.json").read_text())["order_slips"]
    return {
        f"AV{slip['id']}": Decimal(slip["total_products_tax_incl"]) + Decimal(slip["total_shipping_tax_incl"])
        for slip in slips
    }


def by_number(data: bytes) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(list)
    for row in rows(data):
        found[row["Document - Numéro du document"]].append(row)
    return found


def newest_files(at: Installation, before: dict[str, bytes]) -> dict[str, bytes]:
    """Give the files of the zip that was delivered since."""
    [name] = [name for name in delivered(at) if name.endswith(".zip") and name not in before]
    return unzipped(delivered(at)[name])


@pytest.mark.parametrize(("platform", "shop"), [("prestashop", PRESTASHOP), ("woocommerce", WOOCOMMERCE)])
def test_ord_61_every_real_refund_is_a_credit_note_of_its_amount_and_none_goes_twice(tmp_path, samples, platform, shop):
    at = installed(tmp_path, ("s", platform, samples / shop, "*.json"), orders=ANY_RATE)
    summary = run_orders(Request("test"), at)
    truth = given_back(samples, shop)
    notes = by_number(newest_files(at, {})[NOTES])
    computed = {number: total(note, includes_tax=False) for number, note in notes.items()}
    assert computed.keys() == truth.keys()
    # The slips of this shop have six decimals; what it gave back has two.
    assert all(abs(computed[number] - amount) < Decimal("0.01") for number, amount in truth.items())
    assert all(not row["Ligne - Quantité"].startswith("-") for note in notes.values() for row in note)
    assert summary.documents["credit_note"] == len(truth)
    [balance] = summary.refund_balances if shop == WOOCOMMERCE else summary.refund_balances[:1]
    assert (balance.written, balance.failed, balance.ignored) == (balance.read, 0, 0)
    assert balance.amount_written == balance.amount_read
    before = delivered(at)
    again = run_orders(Request("test"), at)
    assert again.state == "nothing-to-do"
    assert {reason.code for reason in again.reasons} >= {"already-exchanged", "refund-already-exchanged"}
    assert delivered(at) == before


def test_ord_9_ord_61_shipping_given_back_alone_stands_in_the_file_and_again_once_it_is_reset(tmp_path, samples):
    order = next(one for one in real_orders(samples) if one["shipping_lines"] and one["status"] == "completed")
    shipping = order["shipping_lines"][0]
    excl, tax = Decimal(shipping["total"]), Decimal(shipping["total_tax"])
    back = {"id": 9, "total": str(-excl), "total_tax": str(-tax), "taxes": [{"id": order["tax_lines"][0]["rate_id"]}]}
    back["taxes"][0]["total"] = str(-tax)
    amount = (excl + tax).quantize(Decimal("0.01"))
    refund = {"id": 9, "date_created_gmt": order["date_modified_gmt"], "amount": str(amount), "refunded_by": 1}
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_text(json.dumps([order]))
    refunds = {str(order["id"]): [{**refund, "line_items": [], "shipping_lines": [back]}]}
    (source / "refunds.json").write_text(json.dumps(refunds))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), orders=ANY_RATE)
    assert run_orders(Request("test"), at).documents == {"invoice": 1, "credit_note": 1}
    [note] = by_number(newest_files(at, {})[NOTES]).values()
    assert ([row["Ligne - Code article"] for row in note], total(note, includes_tax=False)) == (["PORT"], amount)
    reset = ["ledger", "reset", f"s/{order['id']}/refund-9", "-p", "test", "--yes"]
    assert CliRunner().invoke(app, ["--profiles", str(at.profiles), "--state", str(at.state), *reset]).exit_code == 0
    assert run_orders(Request("test"), at).documents == {"credit_note": 1}


def shop_with(tmp_path: Path, samples: Path, *numbers: int, **changed: Any) -> tuple[Installation, Path, int]:
    """Exchange orders of a real shop, with changes reversed from then on; give the first one's number too."""
    numbers = numbers or (0,)
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, *numbers, **changed))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), orders=REVERSE)
    assert run_orders(Request("test"), at).documents == {"invoice": len(numbers)}
    return at, source, real_orders(samples)[0]["id"]


def test_ord_61_a_changed_order_is_reversed_and_entered_again_once(tmp_path, samples):
    at, source, number = shop_with(tmp_path, samples, status="processing")
    before = delivered(at)
    billing = {**real_orders(samples)[0]["billing"], "last_name": "Autrement"}
    (source / "orders.json").write_bytes(orders(samples, 0, status="processing", billing=billing))
    summary = run_orders(Request("test"), at)
    assert (summary.read, summary.written, summary.documents) == (1, 1, {"invoice": 1, "credit_note": 1})
    files = newest_files(at, before)
    invoice, note = by_number(files["Invoices.txt"]), by_number(files[NOTES])
    assert (list(invoice), list(note)) == ([f"s-{number}-V2"], [f"s-{number}-R"])
    assert total(note[f"s-{number}-R"], includes_tax=False) == Decimal(real_orders(samples)[0]["total"])
    assert run_orders(Request("test"), at).state == "nothing-to-do"

    before = delivered(at)
    (source / "orders.json").write_bytes(orders(samples, 0, status="cancelled", billing=billing))
    assert run_orders(Request("test"), at).documents == {"credit_note": 1}
    assert list(by_number(newest_files(at, before)[NOTES])) == [f"s-{number}-V2-R"]
    again = run_orders(Request("test"), at)
    assert {reason.code for reason in again.reasons} == {"already-exchanged"}

    before = delivered(at)
    (source / "orders.json").write_bytes(orders(samples, 0, status="processing", billing=billing))
    run_orders(Request("test"), at)
    assert list(by_number(newest_files(at, before)["Invoices.txt"])) == [f"s-{number}-V3"]


def test_ord_61_of_several_versions_the_last_one_sent_is_reversed(tmp_path, samples):
    """Another order keeps the folder of the first version in use."""
    numbers = (0, 1)
    at, source, number = shop_with(tmp_path, samples, *numbers, status="processing")
    for name in ("Autrement", "Encore"):
        before = delivered(at)
        billing = {**real_orders(samples)[0]["billing"], "last_name": name}
        changed = json.loads(orders(samples, *numbers, status="processing"))
        changed[0]["billing"] = billing
        (source / "orders.json").write_text(json.dumps(changed))
        assert run_orders(Request("test"), at).documents == {"invoice": 1, "credit_note": 1}
    files = newest_files(at, before)
    assert list(by_number(files["Invoices.txt"])) == [f"s-{number}-V3"]
    assert list(by_number(files[NOTES])) == [f"s-{number}-V2-R"]


def test_sec_5_what_is_kept_to_reverse_names_nobody(tmp_path, samples):
    at, _, _ = shop_with(tmp_path, samples, status="processing")
    billing = real_orders(samples)[0]["billing"]
    kept = b"".join(file.read_bytes() for file in at.state.rglob("*.parquet"))
    assert kept
    assert not [
        text for name, text in billing.items() if name in {"last_name", "email", "address_1"} and text.encode() in kept
    ]


def test_rel_1_the_files_of_a_refused_refund_are_read_again(tmp_path, samples):
    """A refund that lacks a good number is open although its order went out."""
    at, place = archiving(tmp_path, orders=f'credit_note_number = "{"9" * 25}"\n')
    profile = at.profiles / "test" / "profile.toml"
    leave(place, "orders.json", orders(samples, 0, refunds=[{"id": 9, "reason": "", "total": "-1.00"}]))
    first = run_orders(Request("test"), at)
    assert (first.written, first.refunds_failed, first.exit_code) == (1, 1, 3)
    profile.write_text(profile.read_text().replace("9" * 25, "AV%RI"))
    before = delivered(at)
    second = run_orders(Request("test"), at)
    assert second.documents == {"credit_note": 1}
    assert list(by_number(newest_files(at, before)[NOTES])) == ["AV9"]
    assert run_orders(Request("test"), at).state == "nothing-to-do"

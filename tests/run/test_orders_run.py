"""The orders job on the answers of real shops, from their files to the delivered zip."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from builders import delivered, installed
from erp import documents, roundings, rows, total, unzipped
from frictionless import Resource, validate

from passerelle.formats.registry import formats
from passerelle.formats.standard import to_frictionless
from passerelle.run.erp_files import FORMATS
from passerelle.run.orders import run_orders
from passerelle.run.request import Request

PRESTASHOP = "prestashop-8.2-live"
WOOCOMMERCE = "woocommerce-10.0-live"


def charged(samples: Path, shop: str) -> dict[str, Decimal]:
    """Give what the shop charged, by document number, read from its own answer."""
    if shop == PRESTASHOP:
        orders = json.loads((samples / shop / "orders.json").read_text())["orders"]
        return {f"s-{order['id']}": Decimal(order["total_paid_tax_incl"]) for order in orders}
    orders = json.loads((samples / shop / "orders.json").read_text())
    return {f"s-{order['id']}": Decimal(order["total"]) for order in orders}


def zip_of(files: dict[str, bytes]) -> bytes:
    """Give the one zip that was delivered."""
    [name] = [name for name in files if name.endswith(".zip")]
    return files[name]


@pytest.mark.parametrize("includes_tax", [False, True], ids=["excl", "incl"])
@pytest.mark.parametrize(
    ("platform", "shop", "count", "most"),
    [("prestashop", PRESTASHOP, 60, "0.09"), ("woocommerce", WOOCOMMERCE, 51, "0.02")],
)
def test_inv_1_ord_27_every_real_order_becomes_a_document_of_the_same_total(
    tmp_path, samples, platform, shop, count, most, includes_tax
):
    # The PrestaShop sold to Italy at 5.5 %, which Italy does not have.
    orders = f"includes_tax = {str(includes_tax).lower()}\nvat = {{ unknown_rate = 'remark' }}\n"
    at = installed(tmp_path, ("s", platform, samples / shop, "*.json"), orders=orders)
    summary = run_orders(Request("test"), at)
    remarked = sum(reason.count for reason in summary.reasons if reason.code == "vat-rate-to-check")
    assert remarked == (10 if platform == "prestashop" else 0)
    assert (summary.read, summary.written, summary.failed, summary.ignored) == (count, count, 0, 0)
    found = documents(unzipped(zip_of(delivered(at))))
    totals = {number: total(document, includes_tax=includes_tax) for number, document in found.items()}
    assert totals == charged(samples, shop)
    assert max(abs(roundings(document)) for document in found.values()) <= Decimal(most)
    assert summary.roundings == sum(roundings(document) != 0 for document in found.values())


def test_inv_3_xml_and_json_of_a_shop_give_byte_identical_files(tmp_path, samples):
    zips = []
    for ending in ("xml", "json"):
        at = installed(tmp_path / ending, ("s", "prestashop", samples / PRESTASHOP, f"*.{ending}"))
        run_orders(Request("test"), at)
        zips.append(zip_of(delivered(at)))
    assert zips[0] == zips[1]


def test_ebp_1_inv_2_files_stand_on_their_own(tmp_path, samples):
    at = installed(tmp_path, ("s", "prestashop", samples / PRESTASHOP, "*.json"))
    run_orders(Request("test"), at)
    files = unzipped(zip_of(delivered(at)))
    assert list(files) == ["Customers.txt", "Adresses.txt", "Invoices.txt", "Credit Notes.txt", "Batch.txt"]
    accounts = {row["Code (tiers)"] for row in rows(files["Customers.txt"])}
    assert {row["Document - Code client"] for row in rows(files["Invoices.txt"])} == accounts
    for name in FORMATS.values():
        descriptor = formats().get(name)
        if str(descriptor.path) in files:
            (tmp_path / "file.csv").write_bytes(files[str(descriptor.path)])
            resource = Resource.from_descriptor(
                {**to_frictionless(descriptor), "path": "file.csv"}, basepath=str(tmp_path)
            )
            report = validate(resource)
            assert report.valid, report.flatten(["rowNumber", "fieldName", "type", "note"])[:5]


def test_ord_81_a_second_run_sends_nothing_and_says_why(tmp_path, samples):
    at = installed(tmp_path, ("s", "woocommerce", samples / WOOCOMMERCE, "*.json"))
    run_orders(Request("test"), at)
    before = delivered(at)
    again = run_orders(Request("test"), at)
    assert again.state == "nothing-to-do"
    assert (again.written, again.ignored) == (0, 51)
    assert {reason.code for reason in again.reasons} >= {"already-exchanged"}
    assert delivered(at) == before

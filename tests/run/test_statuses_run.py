"""What became of a shop's orders in the ERP: told once, never pulled back, with the invoices' files."""

from __future__ import annotations

import csv
import io
import os
import signal

import account_shops
import pytest
from builders import ALL_MAPPED, NOW, installed
from exports import orders
from killed import STATUS_STEPS, run_killed

from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.job import run_task
from passerelle.run.orders import ORDERS
from passerelle.run.request import Request
from passerelle.run.statuses import STATUSES_TO_SHOP

MAPPING = [
    ("*", "order", "*", "processing"),
    ("*", "preparation", "*", "#ignore"),
    ("*", "delivery_note", "*", "shipped"),
    ("s", "invoice", "*", "completed"),
]
HEADER = "Document - Numéro du document;Type de document;Document - Date;Document - Référence;atoosync_order;"
HEADER += "Numéro du document d'origine;Colis;Document - Date de livraison"
TABLES = """\
delivery = { place = "out" }

[shops.statuses]
tracking_column = "Colis"
send_number = true
send_delivery_date = true
"""


def document(number, kind, *, reference="", order="", origin="", parcel="", delivered="", day="20/11/2026"):
    return f"{number};{kind};{day};{reference};{order};{origin};{parcel};{delivered}"


def leave(at, *rows, made_at=NOW) -> None:
    path = at.profiles / "test" / "documents.csv"
    path.write_bytes("\r\n".join([HEADER, *rows, ""]).encode("cp1252"))
    os.utime(path, (made_at.timestamp(),) * 2)


@pytest.fixture
def at(tmp_path, samples):
    """A shop with three orders (on-hold, processing, completed), two of which were exchanged."""
    place = tmp_path / "shop"
    place.mkdir()
    (place / "orders.json").write_bytes(orders(samples, 1, 2))
    at = installed(tmp_path, ("s", "woocommerce", place, "*.json"), mapped={**ALL_MAPPED, "shop_statuses": MAPPING})
    profile = at.profiles / "test" / "profile.toml"
    text = profile.read_text().replace("[delivery]\n", f"{TABLES}\n[delivery]\n", 1)
    profile.write_text(
        text.replace('articles = "articles.csv"', 'articles = "articles.csv"\ndocuments = "documents.csv"')
    )
    (at.profiles / "test" / "out").mkdir()
    leave(at, document("CM9", "8"))
    assert run_task(ORDERS, Request("test"), at).written == 2
    (place / "orders.json").write_bytes(orders(samples, 0, 1, 2))
    return at


def run(at, **asked):
    return run_task(STATUSES_TO_SHOP, Request("test", shop="s", **asked), at)


def told(at):
    found = []
    for file in sorted((at.profiles / "test" / "out").glob("statuses-*.csv")):
        found += csv.DictReader(io.StringIO(file.read_text("utf-8")))
        file.unlink()
    return {row["order_id"]: {name: text for name, text in row.items() if text and name != "order_id"} for row in found}


def codes(summary):
    return {reason.code: reason.count for reason in summary.reasons}


IMPORTED = "Document importé n° s-37"


def test_sta_1_to_3_documents_tell_status_parcel_number_and_date_and_night_two_only_what_changed(at):
    leave(at, document("CM1", "Commande", reference=IMPORTED), document("CM2", "8", order="38"))
    first = run(at)
    assert first.exit_code == 0
    assert told(at) == {"37": {"status": "processing", "document_number": "CM1"}, "38": {"document_number": "CM2"}}
    assert (first.read, first.written, codes(first)) == (3, 2, {"order-not-in-erp": 1})
    assert run(at).state == "nothing-to-do"
    # The delivery note is made from the order, and has two parcels; the first one is told.
    note = document("BL1", "6", origin="CM1", parcel="6A1, 6A2", delivered="22/11/2026", day="21/11/2026")
    rows = (document("CM1", "Commande", reference=IMPORTED), note, document("CM2", "8", order="38"))
    leave(at, *rows)
    second = run(at)
    assert told(at) == {
        "37": {
            "status": "shipped",
            "tracking_number": "6A1",
            "document_number": "BL1",
            "delivery_date": "2026-11-22",
        }
    }
    assert codes(second) == {"order-not-in-erp": 1, "status-unchanged": 1}
    # A full run tells all, and ends in the same state.
    assert run(at, full=True).written == 2
    assert told(at)["37"]["status"] == "shipped"
    assert run(at).state == "nothing-to-do"


def test_sta_1_an_order_of_the_exports_that_cannot_be_read_is_said_unless_the_ledger_knows_it(at, samples):
    """The first order was never exchanged, the second one was: the exports have both with a total that is none."""
    place = at.profiles.parent / "shop" / "orders.json"
    place.write_bytes(orders(samples, 0, 1, total="x"))
    leave(at, document("CM1", "Commande", reference=IMPORTED))
    made = run(at)
    failed = [reason for reason in made.reasons if reason.state == "failed"]
    assert [(reason.count, reason.example) for reason in failed] == [(1, "s/35")]
    assert list(told(at)) == ["37"]


def test_sta_5_a_status_later_in_life_is_not_pulled_back_unless_asked(at, samples):
    leave(at, document("BL1", "6", reference=IMPORTED), document("BL2", "6", order="35"))
    assert codes(run(at)) == {"order-not-in-erp": 1}
    # Order 35 is completed in the shop, which is later than shipped: its number alone is told.
    assert told(at) == {"37": {"status": "shipped", "document_number": "BL1"}, "35": {"document_number": "BL2"}}
    leave(at, document("CM1", "8", reference=IMPORTED), document("BL2", "6", order="35"))
    assert run(at).written == 1
    assert told(at) == {"37": {"document_number": "CM1"}}
    assert codes(run(at)) == {"order-not-in-erp": 1, "status-later-in-shop": 2}
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace("[shops.statuses]\n", "[shops.statuses]\npull_back = true\n"))
    assert run(at).written == 2
    assert {key: row["status"] for key, row in told(at).items()} == {"37": "processing", "35": "shipped"}


def test_sta_5_stk_8_a_full_run_pulls_no_order_back_that_the_shop_took_further_by_itself(at, samples):
    """Order 37 is completed in the shop after it was told that it is processed, and order 38 too."""
    leave(at, document("CM1", "8", reference=IMPORTED), document("FA1", "2", order="38"))
    run(at)
    assert {key: row["status"] for key, row in told(at).items()} == {"37": "processing", "38": "completed"}
    place = at.profiles.parent / "shop" / "orders.json"
    place.write_bytes(orders(samples, 0, 1, 2, status="completed"))
    run(at, full=True)
    assert {key: row.get("status", "") for key, row in told(at).items()} == {"37": "", "38": ""}


def test_sta_4_all_invoices_of_an_order_are_delivered_with_their_names_and_missing_ones_are_looked_for_again(at):
    profile = at.profiles / "test" / "profile.toml"
    text = profile.read_text().replace("send_number = true\nsend_delivery_date = true\n", "")
    profile.write_text(text.replace("[delivery]\n", '[shops.statuses.invoices]\nplace = "pdf"\n\n[delivery]\n', 1))
    folder, out = at.profiles / "test" / "pdf", at.profiles / "test" / "out"
    folder.mkdir()
    (folder / "fa1.PDF").write_bytes(b"%PDF-1.4 one %%EOF")
    (folder / "FA2.pdf").write_bytes(b"%PDF-1.4 half")
    invoices = [document(f"FA{number}", "2", order="38") for number in (1, 2, 3)]
    leave(at, *invoices)
    first = run(at)
    assert codes(first) == {"order-not-in-erp": 2, "invoice-file-missing": 1, "invoice-file-invalid": 1}
    assert (first.written, first.exit_code) == (1, 3)
    assert told(at)["38"] == {"status": "completed", "invoice_numbers": "FA1", "invoice_files": "FA1-1b424ff8.pdf"}
    assert (out / "FA1-1b424ff8.pdf").read_bytes() == b"%PDF-1.4 one %%EOF"
    [manifest] = out.glob("*.manifest.json")
    assert "FA1-1b424ff8.pdf" in manifest.read_text()
    (folder / "FA2.pdf").write_bytes(b"%PDF-1.4 two! %%EOF")
    (folder / "FA3.pdf").write_bytes(b"%PDF-1.4 three %%EOF")
    assert run(at).written == 1
    [row] = told(at).values()
    assert row["invoice_numbers"] == "FA2,FA3"
    assert {name.partition("-")[0] for name in row["invoice_files"].split(",")} == {"FA2", "FA3"}
    assert all((out / name).is_file() for name in row["invoice_files"].split(","))
    assert run(at).state == "nothing-to-do"


def test_sta_4_a_missing_file_is_named_as_it_should_be_and_one_that_the_shop_has_is_not_missing(at):
    profile = at.profiles / "test" / "profile.toml"
    table = '[shops.statuses.invoices]\nplace = "pdf"\nfile_name = "Facture {number}.pdf"\n\n[delivery]\n'
    profile.write_text(profile.read_text().replace("[delivery]\n", table, 1))
    folder = at.profiles / "test" / "pdf"
    folder.mkdir()
    (folder / "FACTURE FA1.pdf").write_bytes(b"%PDF-1.4 one %%EOF")
    (folder / "facture fa2.pdf").write_bytes(b"none")
    leave(at, *(document(f"FA{number}", "2", order="38") for number in (1, 2, 3)))
    said = {reason.code: reason.message for reason in run(at).reasons}
    assert "Facture FA3.pdf" in said["invoice-file-missing"]
    assert "Facture FA2.pdf" in said["invoice-file-invalid"]
    # The ERP's folder is cleared: what the shop was given it has.
    (folder / "FACTURE FA1.pdf").unlink()
    (folder / "facture fa2.pdf").unlink()
    assert codes(run(at))["invoice-file-missing"] == 2


def test_sta_1_pre_1_a_plan_says_old_and_new_and_is_applied_as_it_is(at):
    leave(at, document("CM1", "8", reference=IMPORTED))
    assert run(at).written == 1
    told(at)
    leave(at, document("CM1", "8", reference=IMPORTED), document("BL1", "6", origin="CM1", parcel="6A1"))
    plan = run(at, plan=True)
    shown = {(row.record, row.field, row.old, row.new) for row in plan.plan_rows}
    assert {("s/37", "status", "processing", "shipped"), ("s/37", "tracking_number", "", "6A1")} <= shown
    assert told(at) == {}
    assert run(at, apply=plan.plan).written == 1
    assert told(at)["37"]["status"] == "shipped"


def test_sta_2_an_unknown_column_and_ebp_10_a_missing_extract_are_said(at):
    leave(at, document("CM1", "8"))
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace('tracking_column = "Colis"', 'tracking_column = "Suivi"'))
    with pytest.raises(RunError) as error:
        run(at)
    assert error.value.code == "run-extract-lacks-column"
    profile.write_text(profile.read_text().replace("documents.csv", "none.csv"))
    with pytest.raises(RunError) as error:
        run(at)
    assert error.value.code == "run-extract-missing"
    profile.write_text(profile.read_text().replace("none.csv", "documents.csv"))


@pytest.mark.parametrize("step", STATUS_STEPS, ids=lambda step: step.rpartition(":")[2])
def test_sta_5_rel_1_killed_anywhere_and_run_again_tells_each_order_once(at, step):
    leave(at, document("CM1", "8", reference=IMPORTED), document("CM2", "8", order="38"))
    assert run_killed(at, step, "after", STATUSES_TO_SHOP, "s") == -signal.SIGKILL
    run(at)
    assert len(list((at.profiles / "test" / "out").glob("statuses-*.csv"))) == 1
    assert told(at) == {"37": {"document_number": "CM1", "status": "processing"}, "38": {"document_number": "CM2"}}
    assert run(at).state == "nothing-to-do"
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.unfinished("test") == []


def test_sta_1_and_4_a_shop_without_exports_or_exchanged_orders_is_told_nothing(tmp_path):
    tables = '[shops.statuses]\n[shops.statuses.invoices]\nplace = "listing"\n'
    at = account_shops.shop(tmp_path, "woocommerce", tables)
    account_shops.leave(at, "documents.csv", "\r\n".join([HEADER, document("CM1", "8"), ""]).encode("cp1252"))
    summary = account_shops.run(at, STATUSES_TO_SHOP)
    assert (summary.state, summary.read, summary.reasons) == ("nothing-to-do", 0, ())

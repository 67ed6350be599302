"""Runs that exchange a part of what lies there: quotes or credit notes alone, what a run refused (ORD-60, JOU-2)."""

from __future__ import annotations

import pytest
from builders import ALL_MAPPED, delivered, installed
from erp import unzipped
from exports import UNMAPPED, archiving, key, leave, orders, remap

from passerelle.run.errors import RunError
from passerelle.run.job import run_task
from passerelle.run.orders import CREDIT_NOTES, QUOTES, run_orders
from passerelle.run.request import Request

QUOTED = {**ALL_MAPPED, "statuses": [("quote-requested", "yes", "quote", "", ""), ("*", "yes", "invoice", "", "")]}


def codes(summary) -> dict[str, int]:
    return {reason.code: reason.count for reason in summary.reasons}


def test_ord_60_quotes_go_alone_and_what_is_left_goes_with_the_orders(tmp_path, samples):
    at, place = archiving(tmp_path, mapped=QUOTED)
    leave(place, "quotes.json", orders(samples, 0, status="quote-requested"))
    leave(place, "orders.json", orders(samples, 1, 2))
    first = run_task(QUOTES, Request("test"), at)
    assert (first.documents, first.read, first.ignored) == ({"quote": 1}, 3, 2)
    assert codes(first) == {"not-asked-for": 2}
    [zipped] = [data for name, data in delivered(at).items() if name.endswith(".zip")]
    assert "Quotes.txt" in unzipped(zipped)
    assert "Invoices.txt" not in unzipped(zipped)
    # The orders are read again of the archived file, although a quotes run took it.
    second = run_orders(Request("test"), at)
    assert second.documents == {"invoice": 2}
    assert run_task(QUOTES, Request("test"), at).state == "nothing-to-do"
    assert run_orders(Request("test"), at).read == 0


def test_ord_61_credit_notes_go_alone_once_their_orders_were_sent(tmp_path, samples):
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, 0, 1))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"))
    assert run_task(CREDIT_NOTES, Request("test"), at).state == "nothing-to-do"
    assert run_orders(Request("test"), at).documents == {"invoice": 2}
    refunds = [[{"id": number, "reason": "", "total": "-1.00"}] for number in (8, 9)]
    (source / "orders.json").write_bytes(orders(samples, 0, refunds=refunds[0]))
    (source / "others.json").write_bytes(orders(samples, 2, refunds=refunds[1]))
    summary = run_task(CREDIT_NOTES, Request("test"), at)
    assert summary.documents == {"credit_note": 1}
    # The third order is not sent yet: its refund waits for the task that sends it.
    assert codes(summary) == {"not-asked-for": 2, "refund-of-order-not-exchanged": 1}
    assert run_orders(Request("test"), at).documents == {"invoice": 1, "credit_note": 1}


def test_jou_2_what_a_run_refused_goes_alone_whatever_its_day(tmp_path, samples):
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, 0, payment_method_title="Comptant"))
    (source / "others.json").write_bytes(orders(samples, 1, payment_method_title="none"))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), mapped=UNMAPPED)
    refused = run_orders(Request("test"), at)
    assert (refused.written, refused.failed) == (1, 1)
    remap(at, ALL_MAPPED)
    (source / "new.json").write_bytes(orders(samples, 2))
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace('period = "all"', 'period = "this-week"'))
    planned = run_orders(Request("test", only_rejects=refused.run_id, plan=True), at)
    assert (planned.state, planned.written) == ("planned", 1)
    again = run_orders(Request("test", only_rejects=refused.run_id), at)
    assert (again.written, again.failed) == (1, 0)
    assert codes(again) == {"not-asked-for": 2}
    once_more = run_orders(Request("test", only_rejects=refused.run_id), at)
    assert codes(once_more) == {"not-asked-for": 2, "already-exchanged": 1}


def test_jou_2_a_reject_that_no_export_has_any_more_is_named(tmp_path, samples):
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, 0, 1))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), mapped=UNMAPPED)
    refused = run_orders(Request("test"), at)
    (source / "orders.json").write_bytes(orders(samples, 0))
    summary = run_orders(Request("test", only_rejects=refused.run_id), at)
    assert codes(summary)["reject-not-read-again"] == 1
    assert summary.failed == 2
    [reason] = [reason for reason in summary.reasons if reason.code == "reject-not-read-again"]
    assert reason.example == key(samples, 1)


def test_run_5_rejects_of_nothing_are_wrong_usage(tmp_path, samples):
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, 0))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"))
    well = run_orders(Request("test"), at)
    with pytest.raises(RunError) as error:
        run_orders(Request("test", only_rejects=well.run_id), at)
    assert (error.value.code, error.value.is_usage) == ("run-no-rejects", True)
    with pytest.raises(RunError) as error:
        Request.asked("test", "all", only_rejects=well.run_id)
    assert error.value.code == "run-rejects-and-days"

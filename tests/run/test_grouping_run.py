"""A till's days through the whole job: grouped the day after, late orders not lost, errors shown and cleared once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import ALL_MAPPED, NOW, delivered
from exports import UNMAPPED, archiving, leave, orders, remap

from passerelle.ledger.ledger import Ledger
from passerelle.run.orders import run_orders
from passerelle.run.request import Request

GROUPED = """\
grouping = { orders = "all", account = "CAISSE" }
afterwards = { mark = { by = "tag" }, send_number = true }
"""


@pytest.fixture
def shop(tmp_path):
    return archiving(tmp_path, orders=GROUPED)


def order(samples, number: int, day: str) -> bytes:
    """Give a real order as of another day."""
    return orders(samples, number, date_created_gmt=f"{day}T10:00:00", date_created=f"{day}T11:00:00")


def later(at, days: int):
    """Give the same installation some days later."""
    return replace(at, clock=lambda: NOW + timedelta(days=days))


def known(at) -> dict[str, str]:
    """Give the document of each order that the ledger knows."""
    with Ledger.open(at.ledger_url) as ledger:
        exchanged = ledger.exchanged("test", "order")
        return dict(zip(exchanged["record_key"], exchanged["document_number"], strict=True))


def done_in_shop(at) -> list[tuple[str, str]]:
    """Give what is to be done in the shop, and forget it."""
    with Ledger.open(at.ledger_url) as ledger:
        pending = ledger.pending_effects("test")
        ledger.effects_done(pending["effect"])
        return list(zip(pending["kind"], pending["value"], strict=True))


def test_ord_70_sto_6_a_day_goes_out_the_day_after_and_what_comes_late_in_a_second_document(shop, samples):
    at, place = shop
    leave(place, "a.json", order(samples, 0, "2026-11-20"))
    leave(place, "b.json", order(samples, 1, "2026-11-20"))
    leave(place, "c.json", order(samples, 2, "2026-11-21"))
    first = run_orders(Request("test"), at)
    assert (first.read, first.written, first.failed, first.ignored) == (3, 2, 0, 1)
    assert sorted(known(at).values()) == ["s-J20261120", "s-J20261120"]

    second = run_orders(Request("test"), later(at, 1))
    assert (second.read, second.written) == (1, 1)
    assert sorted(known(at).values()) == ["s-J20261120", "s-J20261120", "s-J20261121"]

    leave(place, "d.json", order(samples, 3, "2026-11-20"))
    third = run_orders(Request("test"), later(at, 2))
    assert (third.read, third.written) == (1, 1)
    assert sorted(known(at).values())[2:] == ["s-J20261120-2", "s-J20261121"]
    zips = [name for name in delivered(at) if name.endswith(".zip")]
    assert len(zips) == 3
    assert run_orders(Request("test"), later(at, 3)).state == "nothing-to-do"


def test_ord_80_every_order_of_a_group_is_told_once_it_has_arrived(shop, samples):
    at, place = shop
    leave(place, "a.json", order(samples, 0, "2026-11-20"))
    leave(place, "b.json", order(samples, 1, "2026-11-20"))
    run_orders(Request("test"), at)
    assert done_in_shop(at) == [("mark-exported", "tag:Exporté"), ("set-number", "s-J20261120")] * 2


def test_ord_82_a_refused_order_is_marked_once_and_cleared_when_it_goes_out(tmp_path, samples):
    at, place = archiving(tmp_path, orders='afterwards = { mark = { by = "tag" } }\n', mapped=UNMAPPED)
    leave(place, "a.json", order(samples, 0, "2026-11-20"))
    error = "tag:Erreur d'exportation"
    assert run_orders(Request("test"), at).failed == 1
    assert done_in_shop(at) == [("mark-error", error)]
    assert run_orders(Request("test"), later(at, 1)).failed == 1
    assert done_in_shop(at) == []
    remap(at, ALL_MAPPED)
    assert run_orders(Request("test"), later(at, 2)).written == 1
    assert done_in_shop(at) == [("mark-exported", "tag:Exporté"), ("clear-error", error)]

"""What the ERP made of a shop's orders (STA-1 to STA-5)."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange import statuses
from passerelle.exchange.mappings import SHOP_STATUSES
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.shop_options.statuses import StatusOptions
from passerelle.model.statuses import ERP_DOCUMENTS

LIFE = ["paid", "prepared", "sent", "done"]
MAPPING = [("*", "order", "*", "paid"), ("a", "order", "3", "prepared"), ("*", "delivery_note", "*", "sent")]
MAPPING += [("*", "invoice", "*", "done")]


def rows(*cells):
    return pd.DataFrame(cells or MAPPING, columns=SHOP_STATUSES.key_names + SHOP_STATUSES.value_names, dtype="str")


def sent(*records):
    names = ["record_key", "document_kind", "document_number", "delivery_id"]
    return pd.DataFrame([(*record, "d1")[:4] for record in records], columns=names, dtype="str")


def documents(*given_):
    return ERP_DOCUMENTS.of({"document_date": pd.Timestamp("2026-11-20"), **one} for one in given_)


def exported(*orders):
    names = ["order_id", "order_reference", "invoice_number", "first_name", "last_name", "company", "payment_mode"]
    table = pd.DataFrame(
        [{"order_key": f"a/{number}", "order_id": number, "status": status} for number, status in orders]
    )
    table = table.reindex(columns=["order_key", "status", *names]).astype("object")
    return table.fillna("").astype("str").assign(shop="a")


def found(known, *given_):
    table = statuses.documents_of(documents(*given_), known)
    return sorted(zip(table["order_key"], table["document_number"], strict=True))


def orders(*records, exports=(), shop="a", **options):
    return statuses.orders(shop, sent(*records), exported(*exports), OrderOptions(**options))


IMPORTED = "Document importé n° "


def test_sta_1_a_document_is_an_orders_by_reference_custom_field_or_the_document_it_was_made_from():
    known = orders(("a/1", "order", "N1"), ("a/2", "order", "N2"), exports=[("3", "paid")])
    assert found(
        known,
        {"document_number": "CM1", "document_type": "8", "reference": IMPORTED + "N1"},
        {"document_number": "CM2", "document_type": "Commande", "shop_order": "2"},
        {"document_number": "CM3", "document_type": "8", "reference": IMPORTED + "3"},
        {"document_number": "BL1", "document_type": "6", "origin_number": "CM1"},
        {"document_number": "FA1", "document_type": "Facture", "origin_number": "BL1"},
        {"document_number": "AV1", "document_type": "3", "origin_number": "FA1"},
        {"document_number": "CM9", "document_type": "8", "reference": "autre"},
        {"document_number": "N1", "document_type": "8"},
    ) == [("a/1", "BL1"), ("a/1", "CM1"), ("a/1", "FA1"), ("a/2", "CM2"), ("a/3", "CM3")]
    own = orders(("a/1", "order", "N1"), use_own_number=True)
    assert found(own, {"document_number": "N1", "document_type": "8"}) == [("a/1", "N1")]


def test_sta_1_a_text_that_orders_of_two_documents_share_tells_nothing_and_a_grouped_document_all_its_orders():
    day = [("a/1", "invoice", "J1"), ("a/2", "invoice", "J1")]
    document = {"document_number": "FA1", "document_type": "2", "reference": IMPORTED + "J1"}
    assert found(orders(*day), document) == [("a/1", "FA1"), ("a/2", "FA1")]
    assert (
        found(orders(("a/1", "order", "1"), ("b/1", "order", "1", "d2")), {**document, "reference": IMPORTED + "1"})
        == []
    )
    both = orders(("a/1", "order", "X"), ("b/1", "order", "Y"))
    assert found(both, {**document, "shop_order": "1", "reference": ""}) == []
    assert found(
        orders(("a/1", "order", "X"), ("b/1", "order", "Y"), shop_order="%SH-%OI"), {**document, "shop_order": "a-1"}
    ) == [("a/1", "FA1")]


def test_sta_1_an_order_exported_with_the_number_of_another_shops_document_is_not_its():
    known = orders(("b/7", "order", "7"), exports=[("7", "paid")])
    assert found(known, {"document_number": "CM1", "document_type": "8", "reference": IMPORTED + "7"}) == []


def told(*given_, mapping=None, **options):
    chosen = StatusOptions(**options)
    table = mapping if mapping is not None else rows()
    life = statuses.life(table, "a", chosen)
    known = statuses.documents_of(documents(*given_), orders(("a/1", "order", "N1")))
    return statuses.states(known, "a", table, chosen, life).loc["a/1"].to_dict()


CM = {"document_number": "CM1", "document_type": "8", "reference": IMPORTED + "N1"}
BL = {
    "document_number": "BL1",
    "document_type": "6",
    "origin_number": "CM1",
    "document_date": pd.Timestamp("2026-11-21"),
}


def test_sta_1_the_furthest_document_tells_the_status_and_a_state_has_its_own_row():
    assert told(CM)["status"] == "paid"
    assert told({**CM, "state": "3"})["status"] == "prepared"
    assert told(CM, BL)["status"] == "sent"
    left = rows(("*", "order", "*", "paid"), ("*", "delivery_note", "*", "#ignore"))
    assert told(CM, BL, mapping=left)["status"] == "paid"
    assert told(BL | {"reference": IMPORTED + "N1"}, mapping=left)["status"] == ""


@pytest.mark.parametrize("cell", ["6A1", " 6A1 ; 6A2", "6A1,6A2", "6A1|6A2", "6A1\n6A2"])
def test_sta_2_the_first_tracking_number_and_its_status(cell):
    parcel = {**BL, "tracking": cell, "carrier": "Colissimo"}
    options = {"tracking_column": "x", "carrier_column": "y"}
    later = {**parcel, "document_number": "BL2", "tracking": "9Z", "document_date": pd.Timestamp("2026-11-22")}
    shown = told(CM, later, parcel, **options)
    assert (shown["tracking_number"], shown["carrier"], shown["status"]) == ("6A1", "Colissimo", "sent")
    assert told(CM, {**CM, "tracking": cell}, tracking_status="sent", tracking_column="x")["status"] == "sent"
    # A document that is further keeps its own.
    bill = {"document_number": "FA1", "document_type": "2", "origin_number": "BL1"}
    assert told(CM, parcel, bill, tracking_status="sent", tracking_column="x")["status"] == "done"
    assert told(CM, parcel)["tracking_number"] == ""


def test_sta_3_number_and_delivery_date_are_told_when_they_are_wanted():
    note = {**BL, "delivery_date": pd.Timestamp("2026-11-23")}
    assert {told(CM, note)[name] for name in ("document_number", "delivery_date")} == {""}
    shown = told(CM, note, send_number=True, send_delivery_date=True)
    assert (shown["document_number"], shown["delivery_date"]) == ("BL1", "2026-11-23")


def test_sta_4_all_invoices_of_an_order_deposit_invoices_too():
    known = statuses.documents_of(
        documents(
            CM,
            {"document_number": "FA2", "document_type": "2", "origin_number": "CM1"},
            {"document_number": "FA1", "document_type": "Facture d'acompte", "origin_number": "CM1"},
            BL,
        ),
        orders(("a/1", "order", "N1")),
    )
    assert statuses.invoices_of(known)["document_number"].tolist() == ["FA1", "FA2"]


STATUS = st.sampled_from(["", *LIFE, "other"])


@given(STATUS, STATUS, STATUS, st.booleans())
def test_sta_5_a_status_is_never_pulled_back_unless_asked(new, before, there, pull_back):
    wanted = pd.DataFrame(
        {name: [new if name == "status" else ""] for name in statuses.FIELDS}, index=["a/1"], dtype="str"
    )
    told_before = pd.DataFrame({"status": [before]}, index=["a/1"], dtype="str")
    options = StatusOptions(order=tuple(LIFE), pull_back=pull_back)
    life = statuses.life(rows(), "a", options)
    result, _, further = statuses.settled(wanted, told_before, pd.Series({"a/1": there}), life, options)
    place = {status: number for number, status in enumerate(LIFE)}
    set_to = result.loc["a/1", "status"]
    assert set_to in {new, before}
    if set_to != before:
        assert set_to not in {"", there}
        assert pull_back or place.get(set_to, -1) >= max(place.get(before, -1), place.get(there, -1))
    if further[0]:
        assert set_to == before

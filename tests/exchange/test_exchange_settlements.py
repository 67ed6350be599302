"""Settlements of the documents, and the deposits of orders."""

from __future__ import annotations

import pandas as pd
import pytest
from exchange_given import TODAY, at, exchanged, line, mapping, order, payment, row, said, sales, short

from passerelle.exchange import settlements
from passerelle.exchange.mappings import PAYMENT_MODES, find
from passerelle.exchange.options import OrderOptions

SOLD = line("A", excl="10.00")  # 12.00 with tax
ROWS = [
    ("carte", "*", "CB", "CARTE", "BQ", "512000", "", "", "PAYEUR"),
    ("chèque", "*", "CHQ", "CHEQUE", "BQ", "511200", "", "", "", "oui"),
    ("bon cadeau", "*", "BON", "", "", "", "", "", "", "non"),
]
DATES = {"created_at": at("2026-11-18"), "invoiced_at": at("2026-11-19"), "paid_at": at("2026-11-20")}


def settled(*orders, kind="invoice", mappings=None, **options):
    rows = {"payment_modes": ROWS, "statuses": [("*", "oui", kind)], **(mappings or {})}
    return exchanged(*orders, mappings=rows, settlements={"create": True, **options})


def booked(*orders, **options):
    """Give the settlements of orders that go out, by the rule alone."""
    given = sales(*orders)
    names = {"first_name": "John", "last_name": "DOE", "company": ""}
    people = given.orders.assign(**names, record_key=given.orders["order_key"])
    table = mapping("payment_modes", *ROWS)
    of_order = find(PAYMENT_MODES, table, people[["payment_mode", "currency"]]).answers
    of_payment = find(PAYMENT_MODES, table, given.payments[["payment_mode"]].assign(currency="EUR")).answers
    wanted = OrderOptions.model_validate({"settlements": {"create": True, **options}})
    return settlements.settlements(people, given.payments, of_order, of_payment, TODAY, wanted)


def amounts(made):
    return [(row["document_key"][-1], short(row["amount"]), row["settlement_mode"]) for row in made.to_dict("records")]


def test_ord_50_no_settlement_without_the_option():
    made = settled(order("1", SOLD, payment("12.00")), create=False)
    assert len(made.documents) == 1
    assert made.settlements.empty
    assert made.bookings.empty


def test_ord_50_from_the_order_s_total_with_all_that_the_mapping_says():
    made = settled(order("1", SOLD, payment("6.00"), payment("6.00"), total="12.004", **DATES))
    assert made.settlements.drop(columns="currency_rate").to_dict("records") == [
        {
            "document_key": "boutique/1",
            "position": 1,
            "settlement_key": "boutique/1/total",
            "document_kind": "invoice",
            "document_number": "1",
            "shop_order": "1",
            "customer_code": "PREST0652",
            "settled_at": at("2026-11-20"),
            "amount": 12_000_000,
            "currency": "EUR",
            "label": "John DOE - 1",
            "settlement_mode": "CB",
            "payment_means": "CARTE",
            "journal": "BQ",
            "treasury_account": "512000",
            "payer_account": "PAYEUR",
            "transaction_id": "",
            "is_deposit": False,
        }
    ]


def test_ord_50_from_each_of_the_order_s_payments_with_its_own_mode_and_date():
    made = settled(
        order(
            "1",
            SOLD,
            payment("7.00", "carte", "2026-11-19"),
            payment("5.00", "Chèque", "2026-11-20"),
            payment("0.00", "essai"),
        ),
        order("2", SOLD),
        amount="payments",
        label="%PM %OI",
    )
    assert said(made) == []
    assert amounts(made.settlements) == [("1", "7", "CB"), ("1", "5", "CHQ")]
    assert made.settlements["settled_at"].tolist() == [at("2026-11-19"), at("2026-11-20")]
    assert made.settlements["label"].tolist() == ["carte 1", "Chèque 1"]
    assert made.settlements["position"].tolist() == [1, 2]


def test_ord_50_the_mapping_decides_by_payment_mode():
    orders = [order("1", SOLD, payment_mode="carte"), order("2", SOLD, payment_mode="bon cadeau")]
    assert amounts(booked(*orders)) == [("1", "12", "CB")]
    split = order("1", payment("10.00", "chèque"), payment("2.00", "bon cadeau"))
    assert amounts(booked(split, amount="payments")) == [("1", "10", "CHQ")]


def test_ord_50_a_payment_whose_mode_is_not_mapped_refuses_the_order_only_where_payments_are_booked():
    sold = order("1", SOLD, payment("10.00"), payment("2.00", "Scalapay"))
    made = settled(sold, amount="payments")
    assert row(made, "unmapped-payment-mode")["value"] == "Scalapay / EUR"
    assert made.documents.empty
    assert made.settlements.empty
    assert made.new_values["payment_modes"].to_numpy().tolist() == [["Scalapay", "EUR"]]
    one_mode = order("1", SOLD, payment("12.00", "Scalapay"), payment_mode="Scalapay")
    assert said(settled(one_mode, amount="payments")) == ["unmapped-payment-mode"]
    booked_whole = settled(sold)
    assert said(booked_whole) == []
    assert booked_whole.new_values == {}


@pytest.mark.parametrize(
    ("option", "expected"),
    [("order", "2026-11-18"), ("payment", "2026-11-20"), ("invoice", "2026-11-19"), ("today", TODAY)],
)
def test_ord_50_the_date_is_the_order_s_the_payment_s_the_invoice_s_or_today(option, expected):
    made = booked(order("1", SOLD, **DATES), date=option)
    assert made["settled_at"].tolist() == [pd.Timestamp(expected)]


@pytest.mark.parametrize("option", ["payment", "invoice"])
def test_ord_50_a_missing_date_is_the_order_s(option):
    made = booked(order("1", SOLD, created_at=at("2026-11-18")), date=option)
    assert made["settled_at"].tolist() == [at("2026-11-18")]


def test_ord_50_a_refused_order_has_none():
    made = settled(order("1", SOLD, total="99.00"), order("2", line("A", excl="0.00")))
    assert said(made) == ["total-mismatch"]
    assert made.settlements.empty  # and nothing is settled of nothing


DEPOSIT = [
    "deposit_amount",
    "deposit_means",
    "deposit_currency_amount",
    "deposit_currency_rate",
    "deposit_currency",
    "deposit_date",
]


def deposits(made):
    rows = made.documents[DEPOSIT].to_dict("records")
    return [tuple(None if pd.isna(cell) else short(cell) for cell in one.values()) for one in rows]


def test_ord_52_on_an_order_document_a_settlement_is_a_deposit_and_not_on_an_invoice():
    made = settled(
        order("1", SOLD, payment("7.00", "carte", "2026-11-19"), payment("3.00", "chèque", "2026-11-20")),
        order("2", SOLD),
        order("3", SOLD, payment("12.00"), status="facturée"),
        amount="payments",
        mappings={"statuses": [("2", "oui", "order"), ("facturée", "oui", "invoice")]},
    )
    assert deposits(made) == [
        ("10", "CARTE", None, None, "", at("2026-11-19")),
        ("0", "", None, None, "", None),
        ("0", "", None, None, "", None),
    ]
    assert [key for key, *_ in amounts(made.settlements)] == ["1", "1", "3"]


def test_ord_52_in_a_foreign_currency_the_deposit_is_converted_at_the_order_s_rate():
    rates = {"1": 860_000, "2": None, "3": 860_000}
    orders = [order(key, SOLD, currency="GBP", currency_rate=rate, **DATES) for key, rate in rates.items()]
    orders[2].cells["shop_currency"] = "GBP"  # its rate is not one to euros
    made = settled(*orders, kind="order")
    assert deposits(made) == [
        ("13.95", "CARTE", "12", "0.86", "GBP", at("2026-11-20")),
        ("0", "CARTE", "12", None, "GBP", at("2026-11-20")),
        ("0", "CARTE", "12", None, "GBP", at("2026-11-20")),
    ]

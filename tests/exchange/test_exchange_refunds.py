"""Refunds as credit notes: a document of their own that comes to what was given back (ORD-61, ORD-62)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from exchange_given import (
    CENT,
    Part,
    address,
    amount,
    articles,
    at,
    context,
    discount,
    exchanged,
    exchanged_before,
    line,
    order,
    payment,
    refund,
    row,
    said,
    sales,
    shipping,
    told,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle import money, outcome
from passerelle.exchange.orders import Exchange, exchange_orders
from passerelle.exchange.selection import Window
from passerelle.model.documents import CREDIT_NOTE
from passerelle.model.orders import SalesOrders, refund_keys
from passerelle.shops.export import ExportFile, ReadOptions, read_export

ANY_CODE = {"taxes": [("*", "*", "*", "V")]}
ANY_RATE = {"unknown_rate": "accept", "untaxed_without_number": "accept"}
"""The real PrestaShop has rates that Italy never had."""


def given_back(refund_id: str, line_id: str = "", quantity: Any = 1, *, incl: Any = None, **cells: Any) -> Part:
    """Tell a line of a refund; without a line of the order it is an amount."""
    kind = "article" if line_id else "amount"
    row = {"refund_id": refund_id, "line_id": line_id, "kind": kind, "quantity": money.of(str(quantity))}
    return Part("refund_lines", {**row, "amount_incl": amount(incl), **cells})


def of_shipping(refund_id: str, incl: Any) -> Part:
    return given_back(refund_id, incl=incl, kind="shipping")


def credit_notes(made: Exchange) -> pd.DataFrame:
    return made.documents[made.documents["document_kind"] == CREDIT_NOTE]


def written(made: Exchange, key: str) -> list[tuple[Any, ...]]:
    rows = made.lines[made.lines["document_key"] == key]
    return told(rows, "kind", "article", "quantity", "tax_rate", "net_incl")


TWO_RATES = (line("A", 2, incl="120.00"), line("B", incl="52.75", rate="5.5"), shipping(incl="6.00"))


class TestOrd61APartialRefundIsACreditNote:
    MADE = exchanged(
        order(
            "187",
            *TWO_RATES,
            Part("refunds", {"refund_id": "9", "refunded_at": at("2026-11-21 08:00"), "amount_incl": amount("66.00")}),
            given_back("9", "1", 1, incl="60.00"),
            of_shipping("9", "6.00"),
            created_at=at("2026-11-02"),
            carrier="Colissimo",
        ),
        settlements={"create": True},
    )

    def test_it_is_a_document_of_its_own_of_its_own_day(self) -> None:
        note = credit_notes(self.MADE).iloc[0]
        assert (note["document_key"], note["document_number"]) == ("boutique/187/refund-9", "AV9")
        assert note["document_date"] == at("2026-11-21")
        assert money.decimal(note["total_incl"]) == Decimal("66.00")
        assert said(self.MADE) == []

    def test_it_names_its_order_and_the_same_customer(self) -> None:
        assert self.MADE.documents["shop_order"].tolist() == ["187", "187"]
        assert self.MADE.documents["reference"].tolist() == ["Web 187 - John DOE"] * 2
        assert set(self.MADE.documents["customer_code"]) == {"PREST0652"}
        assert self.MADE.parents.to_dict() == {"boutique/187/refund-9": "boutique/187"}

    def test_quantities_and_amounts_are_positive(self) -> None:
        assert written(self.MADE, "boutique/187/refund-9") == [("article", "A", "1", "20", "60")]
        assert money.decimal(credit_notes(self.MADE).iloc[0]["shipping_excl"]) == Decimal("5.00")

    def test_the_money_given_back_is_a_negative_settlement(self) -> None:
        amounts = dict(zip(self.MADE.settlements["document_key"], self.MADE.settlements["amount"], strict=True))
        assert {key: f"{money.decimal(value):.2f}" for key, value in amounts.items()} == {
            "boutique/187": "178.75",
            "boutique/187/refund-9": "-66.00",
        }

    def test_the_totals_by_rate_are_what_the_shop_kept(self) -> None:
        rates = self.MADE.reconciliation.rates
        assert told(rates, "tax_rate", "file_base", "file_tax") == [("20", "50", "10"), ("5.5", "50", "2.75")]
        assert (rates["difference"] == 0).all()
        assert self.MADE.reconciliation.balanced


class TestOrd61ShippingAloneIsGivenBack:
    ORDER = order("187", *TWO_RATES, refund("9", incl="6.00"), of_shipping("9", "6.00"), carrier="Colissimo")

    def test_it_is_a_line_as_a_document_without_lines_is_not_written(self) -> None:
        made = exchanged(self.ORDER, settlements={"create": True})
        assert written(made, "boutique/187/refund-9") == [("shipping", "PORT", "1", "20", "6")]
        note = credit_notes(made).iloc[0]
        assert (note["shipping_excl"], money.decimal(note["total_incl"])) == (0, Decimal("6.00"))
        assert money.decimal(made.documents.iloc[0]["shipping_excl"]) == Decimal("5.00")

    def test_ord_28_it_needs_the_shipping_article(self) -> None:
        made = exchanged(self.ORDER, special_articles={"shipping": ""})
        assert row(made, "missing-special-article")["record"] == "boutique/187/refund-9"
        assert len(credit_notes(made)) == 0


def test_ord_50_what_was_not_given_back_in_money_is_no_settlement():
    owed = Part("refunds", {"refund_id": "9", "amount_incl": amount("60.00"), "paid_total": 0})
    sold = order("187", line("A", 2, incl="120.00"), owed, given_back("9", "1", incl="60.00"), payment("120.00"))
    made = exchanged(sold, settlements={"create": True, "amount": "payments"})
    assert said(made) == []
    assert money.decimal(credit_notes(made).iloc[0]["total_incl"]) == Decimal("60.00")
    assert made.settlements["document_key"].tolist() == ["boutique/187"]


class TestOrd61AnAmountWithoutLine:
    def test_it_is_spread_over_the_rates_of_the_order(self) -> None:
        made = exchanged(order("187", *TWO_RATES, refund("9", incl="17.88"), given_back("9", incl="17.88")))
        # 126.00 of the order are at 20 %, 52.75 at 5.5 %: 12.6037… and 5.2762…
        assert written(made, "boutique/187/refund-9") == [
            ("refund", "DIVERS", "1", "5.5", "5.28"),
            ("refund", "DIVERS", "1", "20", "12.6"),
        ]

    def test_what_was_given_back_before_is_no_longer_left(self) -> None:
        made = exchanged(
            order(
                "187",
                line("A", incl="120.00"),
                line("B", incl="52.75", rate="5.5"),
                refund("1", incl="120.00"),
                given_back("1", "1", 1, incl="120.00"),
                refund("2", incl="10.00"),
                given_back("2", incl="10.00"),
            )
        )
        assert written(made, "boutique/187/refund-2") == [("refund", "DIVERS", "1", "5.5", "10")]

    def test_discounts_of_the_order_count(self) -> None:
        """What was discounted away is not given back: all of 100.00 incl. tax left of the order."""
        made = exchanged(
            order("1", line("A", incl="120.00"), discount(incl="20.00"), refund("9", incl="100.00")),
        )
        assert written(made, "boutique/1/refund-9") == [("refund", "DIVERS", "1", "20", "100")]

    def test_ord_28_it_needs_the_misc_article(self) -> None:
        made = exchanged(order("1", line("A", incl="12.00"), refund("9", incl="1.00")), special_articles={"misc": ""})
        assert made.documents["document_key"].tolist() == ["boutique/1"]
        assert row(made, "missing-special-article") | {"params": ""} == {
            "record_type": "refund",
            "record": "boutique/1/refund-9",
            "stage": "exchange",
            "state": "failed",
            "code": "missing-special-article",
            "field": "special_articles.misc",
            "value": "misc",
            "params": "",
        }

    def test_a_price_reduction_on_a_line_gives_no_article_back(self) -> None:
        made = exchanged(
            order("1", line("A", 2, incl="24.00"), refund("9", incl="3.00"), given_back("9", "1", 0, incl="3.00"))
        )
        assert written(made, "boutique/1/refund-9") == [("refund", "DIVERS", "1", "20", "3")]

    def test_in_a_currency_without_decimals_parts_have_none(self) -> None:
        parts = (line("A", incl="700", rate="20"), line("B", incl="300", rate="10"))
        made = exchanged(order("1", *parts, refund("9", incl="101"), currency="JPY", currency_rate=money.of("160")))
        assert written(made, "boutique/1/refund-9") == [
            ("refund", "DIVERS", "1", "10", "30"),
            ("refund", "DIVERS", "1", "20", "71"),
        ]


class TestOrd62WhatIsKeptIsANegativeDiscount:
    KEPT = given_back("9", incl="-20.00")

    def test_of_a_voucher_instead_of_all_the_money_nothing_is_left(self) -> None:
        made = exchanged(
            order(
                "187",
                line("A", incl="60.00"),
                Part("refunds", {"refund_id": "9", "amount_incl": 0, "reason": "Bon d'achat"}),
                given_back("9", "1", 1, incl="60.00"),
                given_back("9", incl="-60.00"),
            ),
            settlements={"create": True},
        )
        assert written(made, "boutique/187/refund-9") == [
            ("article", "A", "1", "20", "60"),
            ("discount", "REMISE", "1", "20", "-60"),
        ]
        assert made.lines["label"].tolist()[-1] == "Bon d'achat"
        assert credit_notes(made)["total_incl"].tolist() == [0]
        assert made.settlements["document_key"].tolist() == ["boutique/187"]

    def test_a_fee_kept_is_spread_over_the_goods_given_back(self) -> None:
        made = exchanged(
            order(
                "187",
                *TWO_RATES,
                refund("9", incl="92.75"),
                given_back("9", "1", 1, incl="60.00"),
                given_back("9", "2", 1, incl="52.75"),
                self.KEPT,
            )
        )
        discounts = [cells for cells in written(made, "boutique/187/refund-9") if cells[0] == "discount"]
        assert [(rate, total) for _, _, _, rate, total in discounts] == [("20", "-10.64"), ("5.5", "-9.36")]
        assert money.decimal(credit_notes(made).iloc[0]["total_incl"]) == Decimal("92.75")


class TestOrd61WhichRefunds:
    ORDER = order("1", line("A", incl="12.00"), refund("9", incl="6.00"), given_back("9", "1", "0.5", incl="6.00"))
    KEY = "boutique/1/refund-9"

    def test_a_refund_of_an_order_exchanged_before_goes_alone(self) -> None:
        known = exchanged_before(("boutique/1", self.hash(), "1", "old.zip"))
        made = exchanged(self.ORDER, exchanged=known)
        assert made.documents["document_key"].tolist() == [self.KEY]
        assert said(made) == ["already-exchanged"]

    def test_a_second_run_gives_it_back_no_second_time(self) -> None:
        first = exchanged(self.ORDER)
        known = exchanged_before(*[(key, content, "N", "f.zip") for key, content in first.contents.items()])
        again = exchanged(self.ORDER, exchanged=known)
        assert again.documents.empty
        assert said(again) == ["already-exchanged", "refund-already-exchanged"]

    def test_an_other_amount_is_a_conflict(self) -> None:
        known = exchanged_before(("boutique/1", self.hash(), "1", "f.zip"), (self.KEY, "EUR 5.000000", "AV9", "f.zip"))
        made = exchanged(self.ORDER, exchanged=known)
        assert made.documents.empty
        refused = row(made, "refund-changed-since-exchange")
        assert outcome.message(refused, "fr") == (
            "Remboursement de 6.00 dans la boutique : ce n'est plus ce que dit l'avoir AV9 dans f.zip."
        )

    def test_the_option_leaves_refunds_out(self) -> None:
        made = exchanged(self.ORDER, refunds="ignore")
        assert made.documents["document_key"].tolist() == ["boutique/1"]
        assert row(made, "refund-not-selected")["state"] == "ignored"

    def test_it_waits_for_its_order(self) -> None:
        made = exchanged(self.ORDER, articles=articles("B"))
        assert made.documents.empty
        waits = row(made, "refund-of-refused-order")
        assert (waits["record_type"], waits["record"], waits["state"]) == ("refund", self.KEY, "failed")
        assert "boutique/1" in outcome.message(waits, "fr")

    def test_it_waits_too_when_the_order_is_refused_before_the_rules(self) -> None:
        made = exchanged(self.ORDER, mappings={"statuses": [("*", "oui", "facture")]})
        assert said(made, self.KEY) == ["refund-of-refused-order"]

    def test_of_an_order_that_stays_out_it_stays_out(self) -> None:
        made = exchanged(self.ORDER, mappings={"statuses": [("*", "non")]})
        assert row(made, "refund-of-order-not-exchanged")["state"] == "ignored"
        assert said(made, self.KEY) == ["refund-of-order-not-exchanged"]

    def test_ord_1_its_own_day_selects_it(self) -> None:
        late = order(
            "1",
            line("A", incl="12.00"),
            Part("refunds", {"refund_id": "9", "amount_incl": amount("6.00"), "refunded_at": at("2026-12-24")}),
        )
        made = exchanged(late, days=Window(at("2026-11-01").date(), at("2026-11-30").date()))
        assert said(made) == ["refund-outside-period"]
        assert made.documents["document_key"].tolist() == ["boutique/1"]

    def test_nothing_given_back_is_no_credit_note(self) -> None:
        made = exchanged(order("1", line("A", incl="12.00"), refund("9", incl="0.00")))
        assert said(made) == ["refund-of-nothing"]

    def test_an_amount_nobody_tells_is_refused(self) -> None:
        assert said(exchanged(order("1", line("A", incl="12.00"), refund("9", excl="5.00")))) == [
            "refund-without-amount"
        ]

    def test_ord_8_a_number_that_cannot_be_true_is_the_refund_s_too(self) -> None:
        made = exchanged(order("1", line("A", incl="12.00"), refund("9", incl="90000000000")))
        assert said(made, self.KEY) == ["number-out-of-range"]
        assert made.documents.empty

    def test_ord_27_lines_that_do_not_come_to_the_amount_are_refused(self) -> None:
        made = exchanged(
            order("1", line("A", incl="120.00"), refund("9", incl="50.00"), given_back("9", "1", 1, incl="60.00"))
        )
        assert said(made, self.KEY) == ["total-mismatch"]
        assert row(made, "total-mismatch")["record_type"] == "refund"

    def test_two_refunds_of_one_id_in_two_shops_need_the_shop_in_their_number(self) -> None:
        orders = [
            order("1", line("A", incl="12.00"), refund("9", incl="1.00"), shop=shop, buyer=buyer)
            for shop, buyer in (("fr", "1"), ("be", "2"))
        ]
        assert said(exchanged(*orders, number="%SH%OI")) == ["document-number-not-unique"] * 2
        assert said(exchanged(*orders, number="%SH%OI", credit_note_number="AV%SH%RI")) == []

    def test_when_its_order_cannot_be_written_it_waits(self) -> None:
        made = exchanged(self.ORDER).without({"boutique/1"})
        assert made.documents.empty
        assert made.lines.empty
        assert said(made, self.KEY) == ["refund-of-refused-order"]
        alone = exchanged(self.ORDER).without({self.KEY})
        assert alone.documents["document_key"].tolist() == ["boutique/1"]
        assert alone.parents.empty

    def hash(self) -> str:
        return str(exchanged(self.ORDER).contents["boutique/1"])


def test_ord_40_a_credit_note_of_an_untaxed_article_stays_in_the_territory_of_its_order():
    made = exchanged(
        order(
            "1",
            line("A", incl="120.00"),
            line("B", incl="10.00", rate="0"),
            refund("9", incl="10.00"),
            given_back("9", "2", 1, incl="10.00"),
        ),
        mappings={"territories": [("*", "*", "FRANCE", "EXONERE")]},
    )
    assert made.documents["territory"].tolist() == ["FRANCE", "FRANCE"]


def test_ord_16_credit_notes_choose_their_own_addresses():
    parts = (line("A", incl="12.00"), address("billing", city="Lyon"), address("delivery", city="Nice"))
    made = exchanged(
        order("1", *parts, refund("9", incl="1.00")),
        addresses={"credit_note": {"billing": "delivery", "delivery": "erp"}},
    )
    assert made.documents[["billing_city", "delivery_city"]].to_numpy().tolist() == [["Lyon", "Nice"], ["Nice", ""]]


# --- Real shops -------------------------------------------------------------------------------------------------------

LIVE = {"prestashop": "prestashop-8.2-live", "woocommerce": "woocommerce-10.0-live"}


def live(samples: Path, platform: str) -> SalesOrders:
    files = [ExportFile(path.name, path.read_bytes()) for path in sorted((samples / LIVE[platform]).glob("*.json"))]
    return read_export(platform, files, ReadOptions("boutique"))


@pytest.mark.parametrize("includes_tax", [False, True])
@pytest.mark.parametrize(("platform", "orders", "refunds"), [("prestashop", 60, 6), ("woocommerce", 51, 5)])
def test_ord_61_every_order_and_refund_of_a_real_shop_comes_to_what_it_charged_and_gave_back(
    samples, platform, orders, refunds, includes_tax
):
    read = live(samples, platform)
    made = exchange_orders(read, context(mappings=ANY_CODE, includes_tax=includes_tax, vat=ANY_RATE))
    assert len(made.documents) == orders + refunds
    truth = dict(zip(read.orders["order_key"], read.orders["charged_total"], strict=True))
    truth |= dict(zip(refund_keys(read.refunds), read.refunds["amount_incl"], strict=True))
    totals = dict(zip(made.documents["document_key"], made.documents["total_incl"], strict=True))
    assert {key: abs(total - totals[key]) < money.of(CENT) for key, total in truth.items()} == dict.fromkeys(
        truth, True
    )
    assert made.reconciliation.balanced
    assert len(credit_notes(made)) == refunds


# --- Laws -------------------------------------------------------------------------------------------------------------


@st.composite
def refunded_orders(draw) -> SalesOrders:
    """Make an order some of whose lines are given back, then amounts, in all no more than was charged."""
    lines = draw(
        st.lists(
            st.tuples(st.sampled_from(("20", "10", "5.5", "0")), st.integers(1, 9), st.integers(0, 9999)),
            min_size=1,
            max_size=4,
        )
    )
    parts = [
        line(f"A{n}", count, incl=Decimal(cents * count) / 100, rate=rate)
        for n, (rate, count, cents) in enumerate(lines)
    ]
    left = Decimal(sum(cents * count for _, count, cents in lines)) / 100
    number = 0
    for position, (_, count, cents) in enumerate(lines, start=1):
        back = draw(st.integers(0, count))
        if back and cents:
            number += 1
            value = Decimal(cents * back) / 100
            parts += [refund(f"{number:02}", incl=value), given_back(f"{number:02}", str(position), back, incl=value)]
            left -= value
    for share in draw(st.lists(st.integers(1, 100), max_size=3)):
        value = (left * share / 100).quantize(CENT, "ROUND_DOWN")
        if value:
            number += 1
            parts += [refund(f"{number:02}", incl=value), given_back(f"{number:02}", incl=value)]
            left -= value
    return sales(order("1", *parts))


@settings(max_examples=12, deadline=None)
@given(refunded_orders())
def test_ord_61_credit_notes_never_give_back_more_of_a_rate_than_was_charged(read):
    made = exchange_orders(read, context(includes_tax=True))
    assert said(made) == []
    totals = made.documents.set_index("document_key")["total_incl"]
    amounts = dict(zip(refund_keys(read.refunds), read.refunds["amount_incl"], strict=True))
    assert {key: totals[key] for key in amounts} == amounts
    kinds = made.documents.set_index("document_key")["document_kind"]
    lines = made.lines.assign(kind=kinds.reindex(made.lines["document_key"]).to_numpy())
    by_rate = lines.pivot_table(index="tax_rate", columns="kind", values="net_incl", aggfunc="sum", fill_value=0)
    if CREDIT_NOTE in by_rate:
        assert (by_rate[CREDIT_NOTE] <= by_rate["invoice"]).all()

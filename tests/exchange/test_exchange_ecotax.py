"""Eco-tax: in the price of its article, or a line after it, for the same money (ORD-30)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from exchange_given import Part, amount, context, discount, exchanged, line, order, refund, row, said, sales, told
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.orders import exchange_orders

LINES = {"eco_tax": "line", "special_articles": {"eco_tax": "ECO"}}
COLUMNS = ("kind", "article", "quantity", "tax_rate", "net_excl")


def sofa(quantity=2, excl="110.00", eco="10.00", **cells):
    """Tell a line of furniture that holds an eco-tax excluding VAT."""
    return line("A", quantity, excl=excl, ecotax_excl=amount(eco), **cells)


def test_ord_30_it_stays_in_the_price_unless_the_profile_says_otherwise():
    assert told(exchanged(order("1", sofa())), *COLUMNS) == [("article", "A", "2", "20", "110")]


@pytest.mark.parametrize("includes_tax", [False, True])
def test_ord_30_its_line_follows_its_article_for_the_same_money(includes_tax):
    made = exchanged(order("1", sofa(), line("B", excl="5.00")), includes_tax=includes_tax, **LINES)
    assert said(made) == []
    columns = ("article", "quantity", "unit_price_excl", "unit_price_incl", "net_excl", "net_incl", "vat_code")
    assert told(made, *columns) == [
        ("A", "2", "50", "60", "100", "120", "V20"),
        ("ECO", "2", "5", "6", "10", "12", "V20"),
        ("B", "1", "5", "6", "5", "6", "V20"),
    ]
    assert told(made.documents, "total_excl", "total_incl") == [("115", "138")]


@pytest.mark.parametrize(("side", "amounts"), [("excl", ("110.00", "10.00")), ("incl", ("132.00", "12.00"))])
def test_ord_30_the_side_that_the_shop_does_not_give_follows_from_the_rate(side, amounts):
    net, eco = amounts
    sold = line("A", 2, only=True, **{side: net, f"ecotax_{side}": amount(eco)})
    made = exchanged(order("1", sold, total="132.00"), **LINES)
    assert told(made, "article", "net_excl", "net_incl") == [("A", "100", "120"), ("ECO", "10", "12")]


def test_ord_30_ord_23_a_discount_of_the_line_stays_on_the_article():
    made = exchanged(order("1", sofa(gross_excl="130.00")), **LINES)
    columns = ("article", "unit_price_excl", "unit_discount_excl", "net_excl")
    assert told(made, *columns) == [("A", "60", "10", "100"), ("ECO", "5", "0", "10")]


def test_ord_30_one_with_a_vat_rate_of_its_own_comes_to_the_shop_s_total_without_ecart():
    """100.00 at 20 % and an eco-tax of 10.00 at 5.5 %: 120.00 + 10.55."""
    sold = order("1", sofa(incl="130.55", ecotax_rate=amount("5.5")))
    made = exchanged(sold, **LINES)
    assert told(made, *COLUMNS) == [("article", "A", "2", "20", "100"), ("eco_tax", "ECO", "2", "5.5", "10")]
    assert told(made.documents, "total_incl") == [("130.55",)]
    in_price = exchanged(sold, rounding_ceiling="2")
    assert told(in_price, "net_incl", kind="rounding") == [("-1.45",)]


def test_ord_30_a_gift_holds_no_more_than_it_costs_and_a_return_gives_it_back():
    gift, back = sofa(1, excl="0.00", gross_excl="55.00"), sofa(-2, excl="-110.00", eco="-10.00")
    made = exchanged(order("1", gift, back, line("B", excl="200.00")), **LINES)
    assert told(made, *COLUMNS) == [
        ("article", "A", "1", "20", "0"),
        ("article", "A", "-2", "20", "-100"),
        ("eco_tax", "ECO", "-2", "20", "-10"),
        ("article", "B", "1", "20", "200"),
    ]


def test_ord_30_ord_28_without_its_article_the_order_is_refused():
    refused = row(exchanged(order("1", sofa()), eco_tax="line"), "missing-special-article")
    assert refused["field"] == "special_articles.eco_tax"
    assert said(exchanged(order("1", line("A", excl="5.00")), eco_tax="line")) == []


def test_ord_30_ord_26_discounts_are_spread_as_if_it_stood_in_the_price():
    parts = (sofa(excl="100.00"), line("B", excl="50.00", rate="5.5"), discount(excl="15.00"))
    made = exchanged(order("1", *parts, total="155.48"), **LINES)
    assert told(made, "tax_rate", "net_excl", kind="discount") == [("20", "-10"), ("5.5", "-5")]
    assert told(made.documents, "total_incl") == [("155.48",)]


def test_ord_30_ord_61_a_refund_of_a_line_gives_its_eco_tax_back():
    back = {"refund_id": "9", "line_id": "1", "kind": "article", "quantity": money.ONE, "amount_incl": amount("66.00")}
    made = exchanged(order("1", sofa(), refund("9", incl="66.00"), Part("refund_lines", back)), **LINES)
    assert said(made) == []
    note = made.lines[made.lines["document_key"] == "boutique/1/refund-9"]
    assert told(note, *COLUMNS) == [("article", "A", "1", "20", "50"), ("eco_tax", "ECO", "1", "20", "5")]


@pytest.mark.parametrize(("packs", "lines"), [("pack", [("P", "90"), ("ECO", "10")]), ("components", None)])
def test_ord_30_of_packs_it_goes_with_the_money(packs, lines):
    parts = (
        line("P", excl="100.00", ecotax_excl=amount("10.00")),
        line("C1", 1, excl="0.00", parent_line_id="1"),
        line("C2", 3, excl="0.00", parent_line_id="1"),
    )
    made = exchanged(order("1", *parts), packs=packs, **LINES)
    components = [("C1", "22.5"), ("ECO", "2.5"), ("C2", "67.5"), ("ECO", "7.5")]
    assert told(made, "article", "net_excl") == (lines or components)


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_ord_30_inv_1_the_totals_are_those_of_the_price_it_was_in(data):
    """By VAT rate and in all, in both tax modes; a shop rounds its lines as it likes."""
    cents = st.integers(-5000, 50_000).map(lambda n: Decimal(n) / 1000)
    orders = []
    for number in range(1, 6):
        parts = []
        for _ in range(data.draw(st.integers(1, 5))):
            excl, eco = data.draw(cents), data.draw(st.one_of(st.none(), cents))
            quantity = data.draw(st.sampled_from((1, 2, 3, -1))) if excl >= 0 else -1
            gross = excl * data.draw(st.sampled_from((1, 2)))
            rate = data.draw(st.sampled_from(("20", "5.5")))
            parts.append(line("A", quantity, excl=excl, gross_excl=gross, rate=rate, ecotax_excl=amount(eco)))
        total = sum(part.cells["net_incl"] for part in parts)
        orders.append(order(str(number), *parts, discount(excl="1.00"), total=money.shortest(total - 1_200_000)))
    options = {"includes_tax": data.draw(st.booleans()), "rounding_ceiling": "5"}
    apart, within = (exchange_orders(sales(*orders), context(**options, **eco_tax)) for eco_tax in (LINES, {}))
    columns = ["document_key", "total_excl", "total_incl"]
    assert apart.documents[columns].equals(within.documents[columns])
    assert apart.reconciliation.parts.equals(within.reconciliation.parts)
    assert told(apart, "net_excl", kind="rounding") == told(within, "net_excl", kind="rounding")

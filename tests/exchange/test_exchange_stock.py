"""From the ERP's stock by depot to what a shop may sell (STK-1 to STK-7)."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.shop_options.stock import StockOptions
from passerelle.exchange.stock import PARTS, shop_stock, stock_values, store_stock, unknown_depots
from passerelle.model.catalogue import CATALOGUE, DEPOT_STOCK

ONE = Decimal(1)


def articles(*names, **columns):
    rows = [{"article": name, "is_stocked": True, "is_on_web": True, "active_state": "0"} for name in names]
    return CATALOGUE.of(rows).assign(**columns)


def level(article, depot="Nice", real="0", ordered=None, supplier_ordered=None, booked=None):
    quantities = {"real_stock": real, "ordered": ordered, "supplier_ordered": supplier_ordered, "booked": booked}
    numbers = {name: pd.NA if value is None else money.of(value) for name, value in quantities.items()}
    return {"article": article, "depot": depot, **numbers}


def levels(*rows):
    return DEPOT_STOCK.of(rows)


def told(table, stock, **options):
    return stock_values(shop_stock(table, stock, StockOptions(**options), ("0", "A"))).to_dict()


def test_stk_1_several_depots_are_summed_and_others_do_not_count():
    stock = levels(level("A", "Nice", "4"), level("A", "Paris", "3"), level("B", "Lyon", "9"), level("X", "Nice", "5"))
    assert told(articles("A", "B"), stock) == {"A": "7", "B": "9"}
    assert told(articles("A", "B"), stock, depots=("Nice", "Paris")) == {"A": "7", "B": "0"}
    assert unknown_depots(stock, StockOptions(depots=("Nice", "Nancy", "*"))) == ["Nancy"]


@pytest.mark.parametrize(
    ("kind", "quantity"), [("real", "10"), ("real-less-orders", "6"), ("real-less-booked", "9"), ("forward", "13")]
)
def test_stk_2_the_kind_of_stock_is_chosen(kind, quantity):
    stock = levels(level("A", real="10", ordered="4", supplier_ordered="7", booked="1"))
    assert told(articles("A"), stock, kind=kind) == {"A": quantity}


def test_stk_3_an_article_that_is_not_kept_in_stock_has_the_default_quantity():
    table = articles("A", "B", is_stocked=[False, True])
    stock = levels(level("A", real="3"), level("B", real="3"))
    assert told(table, stock) == {"A": "0", "B": "3"}
    assert told(table, stock, untracked_quantity=999, safety_stock=1) == {"A": "999", "B": "2"}


def test_stk_3_and_7_a_store_has_it_too():
    table, stock = articles("A", "B", is_stocked=[False, True]), levels(level("B", real="3"))
    stores = StockOptions(untracked_quantity=999, stores={"nice": {"depots": ("Nice",)}})
    assert store_stock(table, stock, stores)["availability"].tolist() == ["green", "orange"]


def test_stk_4_a_negative_stock_is_zero_or_sent_as_it_is():
    stock = levels(level("A", real="-2"))
    assert told(articles("A"), stock) == {"A": "0"}
    assert told(articles("A"), stock, negative="send", safety_stock=5) == {"A": "-2"}


def test_stk_5_the_safety_stock_is_kept_back_but_never_below_zero():
    stock = levels(level("A", real="4"), level("B", real="1"), level("C", real="8"))
    assert told(articles("A", "B", "C"), stock, safety_stock=1) == {"A": "3", "B": "0", "C": "7"}
    own = articles("A", "B", "C", safety_stock=pd.array([money.of(3), pd.NA, 0], dtype="Int64"))
    assert told(own, stock, safety_stock=1, negative="send") == {"A": "1", "B": "0", "C": "8"}


def test_stk_5_what_lies_between_is_rounded_down():
    stock = levels(level("A", real="2.75"), level("B", real="-0.5"))
    assert told(articles("A", "B"), stock, negative="send") == {"A": "2", "B": "-1"}
    assert told(articles("A", "B"), stock, decimals=2) == {"A": "2.75", "B": "0"}


def test_stk_6_without_stock_an_article_is_kept_hidden_or_deactivated():
    table = articles("A", "B", "C", "D", is_on_web=[True, True, False, True], active_state=["0", "A", "0", "1"])
    stock = levels(level("A", real="0"), *(level(name, real="2") for name in "BCD"))
    assert told(table, stock) == {"A": "0", "B": "2", "C": "2", "D": "2"}
    assert told(table, stock, out_of_stock="hide")["A"] == "0 hidden"
    found = told(table, stock, out_of_stock="deactivate")
    # Back in stock it is active again, unless it is not published or dormant.
    assert found == {"A": "0 inactive", "B": "2 active", "C": "2 inactive", "D": "2 inactive"}


def test_stk_7_each_store_is_green_orange_or_red_by_its_thresholds():
    stock = levels(
        level("A", "Nice", "5"), level("A", "Paris", "4"), level("B", "Nice", "-1"), level("B", "Paris", "3")
    )
    options = StockOptions(
        depots=("Paris",),
        safety_stock=3,
        stores={"nice": {"depots": ("Nice",)}, "paris": {"depots": ("Paris",), "green_from": 4, "orange_from": 3}},
    )
    found = store_stock(articles("A", "B"), stock, options)
    assert list(found[["article", "store", "availability"]].itertuples(index=False, name=None)) == [
        ("A", "nice", "green"),
        ("B", "nice", "red"),
        ("A", "paris", "green"),
        ("B", "paris", "orange"),
    ]
    assert found["quantity"].tolist() == [money.of(5), 0, money.of(4), money.of(3)]


NUMBERS = st.decimals(-50, 50, places=2).map(str)
ROWS = st.lists(
    st.tuples(st.sampled_from("ABCé"), st.sampled_from(["Nice", "Paris"]), NUMBERS, NUMBERS, NUMBERS), max_size=8
)


@given(ROWS, st.sampled_from(sorted(PARTS)), st.integers(0, 5), st.integers(0, 2))
def test_stk_1_to_5_never_more_than_there_is_and_never_below_zero(rows, kind, safety, decimals):
    """Computed again one by one, in decimals."""
    stock = levels(*(level(name, depot, real, ordered, supplied, "1") for name, depot, real, ordered, supplied in rows))
    options = StockOptions(kind=kind, safety_stock=safety, decimals=decimals, depots=("Nice",))
    found = shop_stock(articles(*"ABCé"), stock, options).set_index("article")["quantity"]
    for name in "ABCé":
        there = Decimal(0)
        for article, depot, real, ordered, supplied in rows:
            if (article, depot) == (name, "Nice"):
                parts = {"real_stock": real, "ordered": ordered, "supplier_ordered": supplied, "booked": "1"}
                there += sum((sign * Decimal(parts[column]) for column, sign in PARTS[kind].items()), Decimal(0))
        wanted = max(there - safety, Decimal(0)).quantize(Decimal(1).scaleb(-decimals), "ROUND_DOWN")
        assert money.decimal(found[name]) == wanted

"""Which articles a shop has for sale: published and not dormant (CAT-5), and none that the stock took off (STK-6)."""

from __future__ import annotations

import pandas as pd
import pytest

from passerelle.exchange.activation import activity_values, for_sale, product_rows, sold_out
from passerelle.model.catalogue import CATALOGUE


@pytest.mark.parametrize(
    ("published", "state", "told"),
    [
        (True, "1", "inactive"),
        (False, "0", "inactive"),
        (False, "1", "inactive"),
        (True, "0", "active"),
        (True, "", "active"),
        (True, "En sommeil", "inactive"),
    ],
)
def test_cat_5_an_article_is_for_sale_when_it_is_published_and_not_dormant(published, state, told):
    table = CATALOGUE.of([{"article": "A", "is_on_web": published, "active_state": state}])
    assert activity_values(table["article"], for_sale(table, ("", "0", "Actif"))).to_dict() == {"A": told}


def test_stk_6_an_article_is_sold_out_by_what_the_shop_was_told_of_its_stock():
    values = {"A": "0", "B": "0 inactive", "C": "-2", "D": "0.5", "E": "10 active", "F": "0 hidden", "G": "3"}
    told = pd.DataFrame({"key": [*values], "value": [*values.values()]}, dtype="str")
    assert sold_out(told).tolist() == ["A", "B", "C", "F"]


def rows_of(listed, active, changed):
    table = pd.DataFrame(listed, dtype="str")
    references, flags = pd.Series([*active], dtype="str"), pd.Series([*active.values()], dtype="bool")
    found = product_rows(table, references, flags, changed)
    return list(found[["record", "article", "is_active"]].itertuples(index=False, name=None))


def test_cat_5_shp_1_a_shop_that_switches_products_has_one_for_sale_as_long_as_one_of_its_articles_is():
    listed = {
        "shop_handle": ["bol", "bol", "bol", "pot", "set", "tasse"],
        "article": ["", "B1", "B2", "P1", "S1", "T1"],
        "shop_name": ["Bol", "", "", "Pot", "Set", "Tasse"],
    }
    active = {"B1": True, "B2": False, "P1": False, "S1": True, "X": True}
    # The shop's own product without article of the ERP, and one that has not changed, do not go.
    assert rows_of(listed, active, ["B2", "P1", "X"]) == [
        ("B2", "", True), ("B2", "B1", True), ("B2", "B2", False), ("P1", "P1", False)
    ]  # fmt: skip
    assert rows_of(listed, active | {"B1": False}, ["B1"])[0] == ("B1", "", False)


def test_cat_5_shp_1_a_products_rows_begin_with_its_own_where_it_has_no_handle_and_images_rows_do_not_go():
    listed = {
        "shop_row": ["Product", "Variant", "Variant", "Product"],
        "article": ["", "B1", "N1", "P1"],
        "shop_id": ["1", "2", "3", "4"],
    }
    # A variant that the ERP does not know is as its product is.
    assert rows_of(listed, {"B1": True, "P1": True}, ["B1"]) == [
        ("B1", "", True), ("B1", "B1", True), ("B1", "N1", True)
    ]  # fmt: skip
    assert rows_of(listed, {}, []) == []
    images = {"shop_handle": ["bol", "bol"], "article": ["B1", ""], "shop_name": ["Bol", ""]}
    assert rows_of(images, {"B1": False}, ["B1"]) == [("B1", "B1", False)]

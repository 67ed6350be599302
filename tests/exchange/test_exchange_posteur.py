"""What products belong to, in files of their own (OAS-1)."""

from __future__ import annotations

import pandas as pd

from passerelle.exchange.posteur import association_values, category_refs, no_longer, shop_categories
from passerelle.model.posteur import PRODUCT_ASSOCIATIONS
from passerelle.model.products import BETWEEN


def keys(*paths):
    return pd.Series([BETWEEN.join(path) for path in paths], dtype="str")


def test_oas_1_cat_16_categories_have_all_above_them_once_and_references_by_their_names():
    rows = shop_categories(
        keys(("Vaisselle", "Bols & tasses"), ("Épicerie",), ("Vaisselle", "Thé"), ("Vaisselle",)), "FR"
    )
    assert rows[["ref", "title", "parent_ref"]].to_numpy().tolist() == [
        ["vaisselle", "Vaisselle", ""],
        ["epicerie", "Épicerie", ""],
        ["vaisselle.bols-tasses", "Bols & tasses", "vaisselle"],
        ["vaisselle.the", "Thé", "vaisselle"],
    ]
    assert rows["is_online"].all()
    assert not rows["is_deleted"].any()


def test_oas_1_names_without_letters_and_names_of_one_reference():
    assert category_refs(keys(("***", "Thé"), ("12",), ("***", "Thé"))).tolist() == ["***.the", "12", "***.the"]
    assert shop_categories(keys(("Thé",), ("The",)), "FR")["title"].tolist() == ["Thé"]
    assert shop_categories(keys(), "FR").empty


def test_oas_1_what_holds_no_longer_is_told_of_the_articles_that_go_only():
    rows = PRODUCT_ASSOCIATIONS.of([{"article": article, "ref": "the"} for article in ("A", "B", "C")])
    told = association_values(rows)
    known = pd.DataFrame({"key": [*told.index, "D → the"], "value": [*told, ""]}, dtype="str")
    gone = no_longer(known, pd.Series(["A", "B", "D"], dtype="str"), pd.Series(["A → the"], dtype="str"))
    assert gone[["key", "article", "ref", "value", "is_deleted"]].to_numpy().tolist() == [
        ["B → the", "B", "the", "", True]
    ]
    assert gone["before"].tolist() == [told["B → the"]]

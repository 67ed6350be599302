"""LCV's brands, categories, weights and promotions by the profile's mappings (CAT-19)."""

from __future__ import annotations

import pandas as pd
import pytest

from passerelle import money
from passerelle.exchange.lcv import mapped
from passerelle.exchange.mappings import MAPPINGS
from passerelle.exchange.shop_options.variants import VariantOptions


def ask(columns: dict[str, list[str]], options: dict[str, object], **sheets: list[tuple[str, ...]]):
    tables = {name: mapping.empty() for name, mapping in MAPPINGS.items()}
    for name, rows in sheets.items():
        tables[name] = pd.DataFrame(
            [("*", *row) for row in rows], columns=MAPPINGS[name].key_names + MAPPINGS[name].value_names, dtype="str"
        )
    articles = pd.DataFrame(columns, dtype="str")
    brands = articles["brand"] if "brand" in columns else pd.Series("", articles.index, dtype="str")
    return mapped(articles, brands, VariantOptions(**options), tables, shop="fr")


def codes(found) -> dict[str, str]:
    return dict(zip(found.outcomes["record"], found.outcomes["code"], strict=True))


def categories(found) -> list[tuple[str, str]]:
    return list(found.categories.itertuples(index=False, name=None))


def test_cat_19_brands_are_mapped_by_name_else_by_the_star_and_may_be_ignored():
    columns = {"article": list("ABCD"), "brand": ["ACME", "Zèbre", "Nul", ""]}
    sheet = [("acme", "Acme & Co"), ("*", "Autres"), ("nul", "#ignore")]
    found = ask(columns, {"map_brands": True}, brands=sheet)
    assert found.brands.to_list() == ["Acme & Co", "Autres", "", ""]
    assert codes(found) == {"C": "ignored-by-mapping"}
    lacking = ask(columns, {"map_brands": True}, brands=sheet[:1])
    assert codes(lacking) == {"B": "unmapped-brand", "C": "unmapped-brand"}
    assert lacking.new_values["brands"]["brand"].to_list() == ["Zèbre", "Nul"]
    assert ask(columns, {}).brands.to_list() == columns["brand"]


def test_cat_19_a_category_may_be_several_of_the_shop_and_the_heaviest_default_weight_counts():
    found = ask(
        {"article": list("ABC"), "one": ["Bottes", "Bottes", ""], "r": ["F", "", "H"], "f": ["Cuir", "", ""]},
        {"category_columns": ["one"], "rfs_columns": ["r", "f"]},
        categories=[
            ("bottes", "Chaussures/Bottes, Hiver", "1,2"),
            ("f/cuir", "Hiver, Cuir", "0.9"),
            ("H/", "Homme", ""),
        ],
    )
    boots = "Chaussures/Bottes"
    assert categories(found) == [
        ("A", boots), ("A", "Hiver"), ("A", "Cuir"), ("B", boots), ("B", "Hiver"), ("C", "Homme")
    ]  # fmt: skip
    assert found.default_weights.to_list() == [money.of("1.2"), money.of("1.2"), pd.NA]
    assert found.outcomes.empty


@pytest.mark.parametrize(
    ("row", "code"), [(("Bottes", "#ignore", ""), "ignored-by-mapping"), (("x", "y", ""), "unmapped-category")]
)
def test_cat_19_an_article_whose_category_is_not_mapped_does_not_go(row, code):
    found = ask({"article": ["A"], "one": ["Bottes"]}, {"category_columns": ["one"]}, categories=[row])
    assert (codes(found), categories(found)) == ({"A": code}, [])


def test_cat_19_a_promotion_puts_an_article_in_a_category_and_nothing_else_does():
    columns = {"article": list("ABCD"), "promo": ["BF26", "SOLDES", "", "INTERNE"]}
    sheet = [("*", "Promotions"), ("bf26", "Black Friday, Promotions"), ("interne", "#ignore")]
    found = ask(columns, {"promotion_column": "promo"}, promotions=sheet)
    promoted = [*found.promotions.itertuples(index=False, name=None)]
    assert promoted == [("A", "Black Friday"), ("A", "Promotions"), ("B", "Promotions")]
    assert (categories(found), found.outcomes.empty) == ([], True)
    unmapped = ask(columns, {"promotion_column": "promo"})
    assert (unmapped.promotions.empty, codes(unmapped)) == (True, {})
    assert unmapped.new_values["promotions"]["promotion"].to_list() == ["BF26", "SOLDES", "INTERNE"]

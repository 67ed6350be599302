"""From the ERP's articles to products of a shop: texts, units, tax rules, categories, features, links."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.articles import (
    FIELDS,
    columns_filled,
    columns_named,
    content,
    links,
    locked,
    permitted,
    slug,
)
from passerelle.exchange.categories import product_categories
from passerelle.exchange.product_cells import NOTATIONS, lacking, shop_rows, texts_as_taken
from passerelle.exchange.shop_options.articles import ArticleOptions, CategoryOptions, UpdateFields
from passerelle.exchange.told import shortened
from passerelle.model.catalogue import CATALOGUE
from passerelle.model.products import BETWEEN, LINKED_ARTICLES, PRODUCT_LINKS, PRODUCTS

RULES = pd.DataFrame({"shop": ["*"], "vat_code": ["*"], "tax_rule": ["1"]}, dtype="str")
RTF = r"{\rtf1\ansi\deff0 {\fonttbl {\f0 Arial;}}\f0\fs20 Un \b bol\b0 .\par}"


def articles(*names: str, **columns):
    table = CATALOGUE.of([{"article": name, "label": f"Article {name}", "vat_code": "T20"} for name in names])
    return table.assign(**{"Libellé": table["label"], "Code TVA": table["vat_code"], **columns})


def made(table, rules=RULES, **options):
    return content(table, rules, ArticleOptions(**options), shop="fr")


def linked(article, *others):
    """Give the products that are proposed with one."""
    return PRODUCT_LINKS.of({"article": article, "linked_article": other, "kind": "cross-sell"} for other in others)


def numbers(*texts):
    return pd.array([pd.NA if text is None else money.of(text) for text in texts], dtype="Int64")


def test_cat_10_each_text_takes_its_column_rtf_becomes_html_and_plain_text_is_escaped():
    table = articles(
        "A",
        "B",
        DesCom=[RTF, "Deux\nlignes < trois"],
        Titre=[f"\n{RTF}", " Titre\n de page "],
        Url=["Été à l'œuvre", ""],
    )
    found = made(table, fields={"description": "DesCom", "meta_title": "Titre", "permalink": "Url"})
    products = found.products
    assert products["name"].tolist() == ["Article A", "Article B"]
    assert products["description"].tolist() == ["<p>Un <strong>bol</strong>.</p>", "<p>Deux<br>lignes &lt; trois</p>"]
    assert products["meta_title"].tolist() == ["Un bol.", "Titre de page"]
    assert products["permalink"].tolist() == ["ete-a-l-oeuvre", ""]
    PRODUCTS.check(products)


@pytest.mark.parametrize(
    ("styles", "expected"),
    [(True, ["<p>Un <strong>bol</strong>.</p>", "<p>clair</p>"]), (False, ["<p>clair</p>", "<p>clair</p>"])],
)
def test_cat_10_a_description_that_the_erp_has_twice(styles, expected):
    table = articles("A", "B", DesCom=[RTF, r"{\rtf1\par}"], DesComClear=["clair", "clair"])
    options = {"fields": {"description": "DesCom"}, "twins": {"DesCom": "DesComClear"}, "styles": styles}
    assert made(table, **options).products["description"].tolist() == expected
    assert "DesComClear" in columns_named(ArticleOptions(**options))[0]


def test_cat_10_further_languages_have_rows_of_their_own_where_there_is_a_text():
    table = articles("A", "B", En=["Bowl", ""], De=["", "Tasse"])
    found = made(table, languages={"en": {"name": "En"}, "de": {"name": "De"}}).texts
    assert found[["article", "language", "name"]].to_numpy().tolist() == [["A", "en", "Bowl"], ["B", "de", "Tasse"]]


def test_cat_10_a_number_of_the_extract_can_be_a_text():
    table = articles("A", "B", Taille=numbers("12.50", None))
    assert made(table, features={"Taille": "Taille"}).features["value"].tolist() == ["12.5"]


def test_cat_3_a_product_without_a_name_is_refused():
    found = made(articles("A", "B", Nom=["Bol", " "]), fields={"name": "Nom"})
    assert found.outcomes[["record", "code"]].to_numpy().tolist() == [["B", "article-without-name"]]


def test_cat_3_permissions_are_about_all_that_is_told_and_off_by_default():
    assert permitted(UpdateFields()) == set()
    every = permitted(UpdateFields(**dict.fromkeys(FIELDS, True)))
    options = ArticleOptions(
        fields={name: name for name in type(ArticleOptions().fields).model_fields},
        features={str(number): "x" for number in range(10)},
        categories={"levels": ["x"]},
    )
    # What a new product has and no permission names is for sale: that is the task of activation.
    assert columns_filled(options) - every == {"is_active"}
    assert set(UpdateFields.model_fields) - set(FIELDS) == {"languages"}
    assert permitted(UpdateFields(meta=True)) == {"meta_title", "meta_description", "meta_keywords"}


def test_cat_3_the_options_name_the_columns_that_are_read():
    options = ArticleOptions(
        fields={"price": "PV HT", "weight": "Poids net", "summary": "Résumé"},
        languages={"en": {"name": "En"}},
        features={"Matière": "xx_matiere"},
        categories={"levels": ["Famille"], "supplementary": "xx_cat"},
        locked_column="xx_verrou",
        weight_unit_column="Unité",
    )
    plain = {"Libellé", "Code TVA", "Résumé", "En", "xx_matiere", "Famille", "xx_cat", "xx_verrou", "Unité"}
    assert columns_named(options) == (plain, {"PV HT", "Poids net"})


def test_cat_4_locked_is_what_its_column_says():
    table = articles("A", "B", "C", "D", V=["Oui", "0", "", "TRUE"])
    assert locked(table, ArticleOptions(locked_column="V")).tolist() == [True, False, False, True]
    assert not locked(table, ArticleOptions()).any()


def test_cat_11_a_vat_code_has_the_shops_rule_else_the_default_else_is_refused():
    rules = pd.DataFrame({"shop": ["fr", "*"], "vat_code": ["T20", "T20"], "tax_rule": ["4", "9"]}, dtype="str")
    table = articles("A", "B").assign(**{"Code TVA": ["T20", "T5"]})
    found = made(table, rules)
    assert found.products["tax_rule"].tolist() == ["4", ""]
    assert found.outcomes[["record", "code"]].to_numpy().tolist() == [["B", "unmapped-tax-rule"]]
    assert found.new_values["tax_rules"].to_numpy().tolist() == [["fr", "T5"]]
    assert made(table, rules, default_tax_rule="2").products["tax_rule"].tolist() == ["4", "2"]


GRAMS = {"t": "1000000", "kg": "1000", "g": "1", "mg": "0.001", "lb": "453.59237", "oz": "28.349523125"}
UNITS = st.sampled_from(sorted(GRAMS))


@given(st.decimals(0, 10_000, places=3), UNITS, UNITS)
def test_cat_13_weights_are_converted_exactly_and_rounded_once(weight, own, wanted):
    table = articles("A", P=numbers(weight))
    found = made(table, fields={"weight": "P"}, erp_weight_unit=own, weight_unit=wanted)
    exact = weight * Decimal(GRAMS[own]) / Decimal(GRAMS[wanted])
    expected = exact.quantize(Decimal("0.000001"), ROUND_HALF_UP)
    assert money.decimal(found.products["weight"].iloc[0]) == expected


def test_cat_12_and_13_brand_sizes_and_weight_come_of_their_columns_net_or_gross():
    table = articles(
        "A", "B", Marque=["Kyusu ", ""], Net=numbers("0.5", None), Brut=numbers("0.7", "1"), L=numbers("10", "2.54")
    )
    found = made(
        table, fields={"brand": "Marque", "weight": "Net", "depth": "L"}, weight_unit="g", length_unit="in"
    ).products
    assert found["brand"].tolist() == ["Kyusu", ""]
    assert [money.decimal(found["weight"][0]), found["weight"][1]] == [500, pd.NA]
    assert [*map(money.shortest, found["depth"])] == ["3.937008", "1"]
    assert money.decimal(made(table, fields={"weight": "Brut"}).products["weight"][0]) == Decimal("0.7")


def test_cat_13_each_weight_may_have_its_own_unit_and_an_unknown_one_refuses_its_article():
    table = articles("A", "B", "C", "D", P=numbers("2", "2", "2", None), U=["G", "", "once troy", "palette"])
    found = made(table, fields={"weight": "P"}, weight_unit_column="U", erp_weight_unit="lb", weight_unit="g")
    assert [*map(money.shortest, found.products["weight"][:2])] == ["2", "907.18474"]
    assert found.products["weight"][2:].isna().all()
    assert found.outcomes[["record", "code", "value"]].to_numpy().tolist() == [
        ["C", "article-unknown-unit", "once troy"]
    ]


def categories(table, **options):
    found, said = product_categories(table, CategoryOptions(**options))
    shown = found.assign(category=found["category"].str.replace(BETWEEN, " > "))
    return shown[["article", "category"]].to_numpy().tolist(), found, said


def test_cat_16_a_tree_of_columns_puts_each_article_at_its_deepest_level():
    table = articles(
        "A", "B", "C", "D", F=["Maison", "Maison", "", "Jardin"], S=["Cuisine", "", "Perdu", "Outils, à main"]
    )
    shown, found, said = categories(table, levels=["F", "S"], default="Accueil/Divers")
    assert shown == [
        ["A", "Maison > Cuisine"],
        ["B", "Maison"],
        ["C", "Accueil > Divers"],
        ["D", "Jardin > Outils, à main"],
    ]
    assert found["is_default"].all()
    assert said[["record", "code", "value"]].to_numpy().tolist() == [["C", "article-category-gap", " > Perdu"]]
    shown, found, _ = categories(table, levels=["F", "S"], parents=True)
    assert shown[:3] == [["A", "Maison > Cuisine"], ["A", "Maison"], ["B", "Maison"]]
    assert found["is_default"].tolist() == [True, False, True, True, False]


def test_cat_16_six_levels_and_no_more():
    columns = {f"N{number}": [f"n{number}"] for number in range(1, 7)}
    shown, found, _ = categories(articles("A", **columns), levels=[*columns], parents=True)
    assert shown[0] == ["A", "n1 > n2 > n3 > n4 > n5 > n6"]
    assert len(found) == 6
    with pytest.raises(ValueError, match="at most 6"):
        CategoryOptions(levels=["x"] * 7)


def test_cat_16_supplementary_categories_by_name_or_by_id_with_a_separator():
    table = articles("A", "B", "C", F=["Thés"] * 3, X=["Promo, Thés,Maison / Thé", "", "Promo,,"])
    shown, found, _ = categories(table, levels=["F"], supplementary="X")
    assert shown == [
        ["A", "Thés"],
        ["A", "Promo"],
        ["A", "Maison > Thé"],
        ["B", "Thés"],
        ["C", "Thés"],
        ["C", "Promo"],
    ]
    assert found["is_default"].tolist() == [True, False, False, True, True, False]
    ids = articles("A", "B", X=["12|Promo", "3"])
    shown, found, said = categories(ids, supplementary="X", supplementary_by="id", separator="|", default="2")
    assert shown == [["A", "2"], ["A", "12"], ["B", "2"], ["B", "3"]]
    assert found["by_id"].all()
    assert said[["record", "code", "value"]].to_numpy().tolist() == [["A", "article-category-no-id", "Promo"]]


def test_cat_16_a_sign_that_would_split_a_category_is_escaped_or_replaced_and_remarked():
    table = articles("A", F=["Verre, grès"], S=["Bols/Tasses > 1 l"])
    found = made(table, categories={"levels": ["F", "S"]}, features={"Matière": "F"})
    cells = {}
    codes = {}
    platforms = ("prestashop", "woocommerce", "shopify", "magento", "bigcommerce", "wix")
    for platform, notation in ((name, NOTATIONS[name]) for name in platforms):
        rows, said = shop_rows(found, notation)
        cells[platform] = rows["categories"][0]
        codes[platform] = said["field"].tolist()
    assert cells == {
        "prestashop": "Verre grès/Bols Tasses 1 l",
        "woocommerce": "Verre\\, grès > Bols/Tasses 1 l",
        "shopify": "Bols/Tasses > 1 l",
        "magento": "Default Category/Verre grès/Bols Tasses > 1 l",
        "bigcommerce": "Bols/Tasses > 1 l",
        "wix": "Bols/Tasses > 1 l",
    }
    assert codes["prestashop"] == ["categories", "features", "categories"]
    assert (codes["woocommerce"], codes["wix"]) == (["categories"], [])


def test_cat_16_prestashop_takes_no_number_for_the_name_of_a_category():
    """Its import would put the article in the category of that id."""
    table = articles("A", "B", G=["2026", "2026"], F=["Robes", ""], S=["12", ""])
    found = made(table, categories={"levels": ["G", "F"], "parents": True, "supplementary": "S"})
    rows, said = shop_rows(found, NOTATIONS["prestashop"])
    assert rows["categories"].tolist() == ["2026/Robes", ""]
    assert said[["record", "code", "value"]].to_numpy().tolist() == [
        ["A", "category-not-told", "2026"],
        ["A", "category-not-told", "12"],
        ["B", "category-not-told", "2026"],
    ]
    by_id = made(table, categories={"supplementary": "S", "supplementary_by": "id", "default": "3"})
    rows, said = shop_rows(by_id, NOTATIONS["prestashop"])
    assert (rows["categories"].tolist(), said.empty) == (["3,12", "3"], True)


def test_shp_1_signs_that_prestashop_refuses_are_replaced_before_it_refuses_the_product():
    table = articles("A", "B", Nom=["Bol #3 = {rouge}", "Bol"], En=["a<b", "c"], Mots=["été 100 %", "a, b"])
    found = made(table, fields={"name": "Nom", "tags": "Mots"}, languages={"en": {"name": "En"}})
    rows, said = shop_rows(found, NOTATIONS["prestashop"])
    assert rows["name"].tolist() == ["Bol 3 rouge", "Bol"]
    assert rows["tags"].tolist() == ["été 100", "a, b"]
    assert said[["record", "field", "code"]].to_numpy().tolist() == [
        ["A", "name", "product-mark-replaced"],
        ["A", "tags", "product-mark-replaced"],
    ]
    further, said = texts_as_taken(found.texts, NOTATIONS["prestashop"])
    assert (further["name"].tolist(), len(said)) == (["a b", "c"], 1)
    assert shop_rows(found, NOTATIONS["woocommerce"])[0]["name"][0] == "Bol #3 = {rouge}"


def test_cat_14_columns_become_features_in_the_profiles_order():
    table = articles("A", "B", M=["Fonte", ""], C=["Rouge", "Vert"])
    found = made(table, features={"Couleur": "C", "Matière": "M"})
    assert found.features[["article", "feature", "value", "position"]].to_numpy().tolist() == [
        ["A", "Couleur", "Rouge", 1],
        ["A", "Matière", "Fonte", 2],
        ["B", "Couleur", "Vert", 1],
    ]
    rows, _ = shop_rows(found, NOTATIONS["prestashop"])
    assert rows["features"].tolist() == ["Couleur:Rouge:1,Matière:Fonte:2", "Couleur:Vert:1"]
    rows, _ = shop_rows(found, NOTATIONS["magento"])
    assert rows["features"].tolist() == ["Couleur=Rouge,Matière=Fonte", "Couleur=Vert"]
    rows, _ = shop_rows(found, NOTATIONS["woocommerce"])
    assert rows[["feature_2_name", "feature_2_value"]].to_numpy().tolist() == [["Matière", "Fonte"], ["", ""]]


def test_cat_14_cat_10_a_feature_has_no_rich_text():
    found = made(articles("A", "B", "C", Conseil=[RTF, r"{\rtf1\par}", "À la main"]), features={"Entretien": "Conseil"})
    rows = found.features[["article", "value"]].to_numpy().tolist()
    assert rows == [["A", "Un bol."], ["C", "À la main"]]


def test_cat_15_both_articles_must_be_there_and_what_is_missing_is_said():
    pairs = LINKED_ARTICLES.of(
        {"article": one, "linked_article": other}
        for one, other in [("A", "C"), ("A", "B"), ("A", "B"), ("A", "A"), ("A", "X"), ("N", "A"), ("Z", "A")]
    )
    found, said = links(pairs, pd.Series(["A", "B", "N"]), pd.Series(["A", "B", "C"]), "up-sell")
    assert found[["article", "linked_article", "kind", "position"]].to_numpy().tolist() == [
        ["A", "C", "up-sell", 1],
        ["A", "B", "up-sell", 2],
    ]
    assert said[["record", "value"]].to_numpy().tolist() == [["A", "X"], ["N", "A"]]
    PRODUCT_LINKS.check(found)


def test_shp_1_woocommerces_separator_is_escaped_wherever_it_would_split_a_value():
    table = articles("A", "B,C", M=["Coton, lin", ""], N=["Dupont, Fils", "Lac"])
    chosen = {"features": {"Matière": "M"}, "fields": {"name": "Libellé", "brand": "N", "vat_code": ""}}
    found = replace(made(table, **chosen), links=linked("A", "B,C"))
    rows, said = shop_rows(found, NOTATIONS["woocommerce"])
    assert rows.loc[0, ["feature_1_value", "cross_sells", "brand"]].tolist() == [
        r"Coton\, lin",
        r"B\,C",
        "Dupont Fils",  # the importer splits brands even where the comma is escaped
    ]
    assert said[["record", "code"]].to_numpy().tolist() == [["A", "product-mark-replaced"]]


@pytest.mark.parametrize(("platform", "told"), [("prestashop", "D-1"), ("magento", "0042,D-1")])
def test_cat_15_a_link_that_the_import_would_take_for_another_article_is_left_and_said(platform, told):
    found = replace(made(articles("A", "B,C", "0042", "D-1")), links=linked("A", "B,C", "0042", "D-1"))
    rows, said = shop_rows(found, NOTATIONS[platform])
    assert rows["cross_sells"].iloc[0] == told
    left = {"B,C", "0042", "D-1"} - {*told.split(",")}
    assert {*said.loc[said["code"] == "link-not-told", "value"]} == left


def test_shp_1_what_a_file_has_no_way_of_telling_is_named():
    features = {"features", "feature_1_name", "feature_1_value"}
    assert lacking({"name", "brand", *features}, {"name", "features"}) == ["brand"]
    assert lacking({"name", *features}, {"shop_name", "feature_1_name", "feature_1_value"}) == []
    assert lacking({"name", *features}, {"name", "feature_1_value"}) == []
    assert lacking({"name", *features}, {"name"}) == ["feature_1_name", "feature_1_value", "features"]
    assert lacking({"categories", "category_name"}, {"category_name"}) == []


@given(st.text(max_size=30))
def test_cat_10_a_slug_has_small_letters_digits_and_single_hyphens_only(text):
    [written] = slug(pd.Series([text], dtype="str"))
    assert set(written) <= {*"abcdefghijklmnopqrstuvwxyz0123456789-"}
    assert "--" not in written
    assert written == written.strip("-")


def test_stk_8_a_long_text_is_kept_by_its_beginning_and_its_hash():
    one, other = "a" * 300, "a" * 299 + "b"
    short, kept, differs = shortened(pd.Series(["a" * 200, one, other]))
    assert short == "a" * 200
    assert kept.startswith("a" * 80 + "… #")
    assert len(kept) == 99
    assert kept != differs


def test_cat_10_to_16_no_articles_make_no_products():
    table = articles("A", F=["x"], X=["1"])[:0]
    options = ArticleOptions(
        features={"F": "F"}, categories={"levels": ["F"], "supplementary": "X"}, languages={"en": {"name": "F"}}
    )
    rows, said = shop_rows(content(table, RULES, options, shop="fr"), NOTATIONS["woocommerce"])
    assert rows.empty
    assert said.empty


@pytest.mark.parametrize(("there", "update", "refused"), [(False, False, 2), (True, True, 2), (True, False, 0)])
def test_cat_3_pri_1_an_article_whose_price_is_told_and_is_none_is_not_given_away(there, update, refused):
    table = articles("A", "B", "C", PV=numbers("12", None, "0"))
    options = ArticleOptions(fields={"price": "PV"}, update={"price": update})
    said = content(table, RULES, options, shop="fr", there=np.full(3, there)).outcomes
    assert said["record"].tolist() == ["B", "C"][:refused]
    assert set(said["code"]) <= {"price-missing", "price-not-positive"}

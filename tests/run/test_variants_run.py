"""Products with variants, and packs, told to shops night after night (CAT-17 to CAT-19)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from article_shops import run, shops, told
from stock_shops import NOW, codes, home, leave

from passerelle.ledger.ledger import Ledger
from passerelle.profile.workbook import create_workbook, read_mappings
from passerelle.run import articles
from passerelle.run.activation import ACTIVATE
from passerelle.run.articles import NEW_ARTICLES
from passerelle.run.errors import RunError
from passerelle.run.prices import PRICES
from passerelle.run.stocks import STOCKS

HEADER = (
    "Code article;Libellé;Publié sur le web;PV HT;Poids net;xx_maitre;xx_libelle;xx_couleur;xx_taille;xx_marque;"
    "xx_rayon;xx_promo"
)
ARTICLES = """\
update = {{ {update} }}
{more}
[shops.articles.fields]
price = "PV HT"
weight = "Poids net"
vat_code = ""
{brand}
[shops.variants]
master_column = "xx_maitre"
label_column = "xx_libelle"
attributes = [{{ name = "Couleur", value_column = "xx_couleur" }}, {{ name = "Taille", value_column = "xx_taille" }}]
{variants}
"""
SHIRTS = (
    "R-S;T-shirt rouge S;1;10;0,2;TEE;T-shirt;Rouge;S;;;",
    "R-M;T-shirt rouge M;1;12,5;0,2;TEE;T-shirt;Rouge;M;;;",
    "B-S;T-shirt bleu S;1;10;0,2;TEE;T-shirt;Bleu;S;;;",
    "B-M;T-shirt bleu M;1;12,5;0,25;TEE;T-shirt;Bleu;M;;;",
)
MUG = "MUG;Mug;1;5;0,3;;;;;;;"
ALL = "name = true, price = true, weight = true, brand = true, categories = true"


def options(update: str = ALL, more: str = "", variants: str = "", brand: str = 'brand = "xx_marque"') -> str:
    return ARTICLES.format(update=update, more=more, variants=variants, brand=brand)


def extract(at, *rows: str) -> None:
    leave(at, "articles.csv", "\r\n".join([HEADER, *rows, ""]).encode("cp1252"))


def sheets(at, **rows: list[tuple[str, ...]]) -> None:
    found, _ = read_mappings(home(at) / "mappings.xlsx")
    (home(at) / "mappings.xlsx").unlink()
    filled = {name: pd.DataFrame(own, columns=found[name].columns, dtype="str") for name, own in rows.items()}
    create_workbook(home(at) / "mappings.xlsx", filled)


def test_cat_17_prestashop_gets_the_product_and_then_its_combinations_by_reference(tmp_path):
    at = shops(tmp_path, ("a", "prestashop", options()))
    sheets(at, attributes=[("*", "Couleur", "Couleur", "color")])
    extract(at, *SHIRTS, MUG)
    first = run(at)
    assert (first.read, first.written, first.failed, first.ignored) == (5, 5, 0, 0)
    files = told(at)
    products = [
        (row["Reference #"], row["Name *"], row["Price tax excluded"], row["Weight"]) for row in files["products_new"]
    ]
    assert products == [("TEE", "T-shirt", "10", "0.2"), ("MUG", "Mug", "5", "0.3")]
    assert files["products_new_variants"][3] == {
        "Product Reference": "TEE",
        "Attribute (Name:Type:Position)*": "Couleur:color, Taille:select",
        "Value (Value:Position)*": "Bleu, M",
        "Reference": "B-M",
        "Impact on price": "2.5",
        "Impact on weight": "0.05",
        "Default (0 = No, 1 = Yes)": "0",
    }
    assert [row["Impact on price"] for row in files["products_new_variants"]] == ["0", "2.5", "0", "2.5"]
    assert [row["Default (0 = No, 1 = Yes)"] for row in files["products_new_variants"]] == ["1", "0", "0", "0"]
    assert run(at).state == "nothing-to-do"
    # One price changes: one row. The least of the prices changes: the product's and all impacts.
    extract(at, SHIRTS[0], SHIRTS[1].replace("12,5", "13"), *SHIRTS[2:], MUG)
    assert run(at).written == 1
    assert [(row["Reference"], row["Impact on price"]) for row in told(at)["products_changed_variants"]] == [
        ("R-M", "3")
    ]
    extract(at, SHIRTS[0].replace("10", "9"), SHIRTS[1].replace("12,5", "13"), *SHIRTS[2:], MUG)
    assert run(at).written == 3
    files = told(at)
    assert [(row["Reference #"], row["Price tax excluded"]) for row in files["products_changed"]] == [("TEE", "9")]
    impacts = [(row["Reference"], row["Impact on price"]) for row in files["products_changed_variants"]]
    assert impacts == [("R-M", "4"), ("B-S", "1"), ("B-M", "3.5")]


def test_cat_17_prestashops_listing_knows_products_and_combinations_by_what_was_told(tmp_path):
    text = options().replace("[shops.variants]", LISTED + "[shops.variants]")
    at = shops(tmp_path, ("a", "prestashop", text))
    listed(at, "Product ID;Active (0/1);Name *;Categories (x,y,z...);Reference #", "7;1;Autre;;ZZZ")
    extract(at, *SHIRTS[:2], MUG)
    assert run(at).written == 3
    told(at)
    listed(at, "Product ID;Active (0/1);Name *;Categories (x,y,z...);Reference #", "8;1;T-shirt;;TEE", "9;1;Mug;;MUG")
    extract(at, SHIRTS[0], SHIRTS[1].replace("12,5", "13"), MUG)
    found = run(at)
    assert (found.written, codes(found)) == (1, {"article-unchanged": 2})
    assert [(row["Reference"], row["Impact on price"]) for row in told(at)["products_changed_variants"]] == [
        ("R-M", "3")
    ]


def test_cat_17_other_tasks_leave_what_prestashop_has_as_combinations(tmp_path):
    """Its import of products would make a product of each."""
    more = "\n[shops.stock]\n[shops.activation]\n[shops.prices]\n"
    at = shops(tmp_path, ("a", "prestashop", options(variants=more)))
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("[erp.extracts]", '[erp.extracts]\nstock = "stock.csv"'))
    header = HEADER + ";Statut"
    leave(at, "articles.csv", "\r\n".join([header, *(f"{row};0" for row in (*SHIRTS, MUG)), ""]).encode("cp1252"))
    leave(at, "stock.csv", b"ItemId;Storehouse;RealStock\r\nR-S;Nice;4\r\nMUG;Nice;2\r\n")
    run(at)
    told(at)
    for task in (STOCKS, ACTIVATE, PRICES):
        found = run(at, task=task)
        assert (found.written, codes(found)["article-is-combination"]) == (1, 4)


def test_cat_17_a_combination_is_changed_only_where_all_of_it_may_be(tmp_path):
    """PrestaShop's import would set what a row has not to nothing."""
    at = shops(tmp_path, ("a", "prestashop", options("name = true, price = true")))
    extract(at, *SHIRTS)
    run(at)
    told(at)
    more = [row.replace("12,5", "13") for row in SHIRTS]
    extract(
        at,
        *more,
        "V-S;T-shirt vert S;1;11;0,2;TEE;T-shirt;Vert;S;;;",
        "V-M;T-shirt vert M;1;11;0,2;TEE;T-shirt;Vert;M;;;",
    )
    found = run(at)
    assert (found.written, codes(found)) == (2, {"combination-kept": 4})
    files = told(at)
    assert [(row["Reference"], row["Impact on price"]) for row in files["products_new_variants"]] == [
        ("V-S", "1"),
        ("V-M", "1"),
    ]
    assert set(files) == {"products_new_variants"}


@pytest.mark.parametrize("update", ["", "name = true, price = true"], ids=["nothing", "part"])
def test_cat_17_the_price_that_kept_combinations_are_added_to_stays(tmp_path, update):
    """A combination's price is its product's and an impact: with a new lowest price all others would change."""
    at = shops(tmp_path, ("a", "prestashop", options(update)))
    extract(at, *SHIRTS)
    run(at)
    told(at)
    dearer = [row.replace(";10;", ";20;").replace("T-shirt;", "Tee;") for row in SHIRTS]  # the product's name too
    added = ("V-S;T-shirt vert S;1;8;0,1;TEE;Tee;Vert;S;;;", "V-M;T-shirt vert M;1;11;0,2;TEE;Tee;Vert;M;;;")
    extract(at, *dearer, *added)
    found = run(at)
    files = told(at)
    columns = ("Reference", "Impact on price", "Impact on weight")
    assert [tuple(row[name] for name in columns) for row in files["products_new_variants"]] == [
        ("V-S", "-2", "-0.1"),
        ("V-M", "1", "0"),
    ]
    changed = [(row["Name *"], row["Price tax excluded"]) for row in files.get("products_changed", [])]
    assert (found.written, changed) == (2, [("Tee", "10")] if update else [])
    assert run(at).state == "nothing-to-do"


def test_cat_17_new_articles_adds_variants_to_the_price_that_the_product_has(tmp_path):
    at = shops(tmp_path, ("a", "prestashop", options()))
    extract(at, *SHIRTS)
    run(at)
    told(at)
    extract(at, *SHIRTS, "V-S;T-shirt vert S;1;8;0,2;TEE;;Vert;S;;;", "V-M;T-shirt vert M;1;8;0,2;TEE;;Vert;M;;;")
    run(at, task=NEW_ARTICLES)
    assert [row["Impact on price"] for row in told(at)["products_new_variants"]] == ["-2", "-2"]
    # Then the product gets its new price, and all that is added to it follows.
    run(at)
    files = told(at)
    assert [row["Price tax excluded"] for row in files["products_changed"]] == ["8"]
    impacts = {row["Reference"]: row["Impact on price"] for row in files["products_changed_variants"]}
    assert impacts == {"R-S": "2", "R-M": "4.5", "B-S": "2", "B-M": "4.5", "V-S": "0", "V-M": "0"}


def test_cat_17_prices_are_not_added_to_one_that_nobody_knows(tmp_path):
    listing = '[shops.articles.listing]\nplace = "exports"\n'
    at = shops(tmp_path, ("a", "prestashop", options("name = true", more=listing)))
    (home(at) / "exports" / "products.csv").write_text("Reference #;Name *\nTEE;T-shirt\n", encoding="utf-8")
    extract(at, *SHIRTS, MUG)
    found = run(at)
    assert (found.written, codes(found)) == (1, {"variant-base-unknown": 4})


def test_cat_17_wix_adds_a_variant_to_the_price_that_it_was_told(tmp_path):
    listing = '[shops.articles.listing]\nplace = "exports"\n'
    at = shops(tmp_path, ("a", "wix", options("name = true", more=listing)))
    products = home(at) / "exports" / "products.csv"
    products.write_text("handleId,fieldType,name,sku\n", encoding="utf-8")
    extract(at, *SHIRTS)
    run(at)
    rows = [f"tee,{row['fieldType']},,{row['sku']}" for row in told(at)["products_new_variants"]]
    products.write_text("\n".join(["handleId,fieldType,name,sku", *rows]), encoding="utf-8")
    added = ("V-S;T-shirt vert S;1;8;0,1;TEE;Tee;Vert;S;;;", "V-M;T-shirt vert M;1;11;0,2;TEE;Tee;Vert;M;;;")
    extract(at, *(row.replace(";10;", ";20;") for row in SHIRTS), *added)
    run(at)
    files = told(at)
    assert [(row["sku"], row["surcharge"]) for row in files["products_new_variants"]] == [("V-S", "-2"), ("V-M", "1")]
    assert "price" not in files["products_changed_variants"][0]


def test_cat_17_woocommerce_gets_the_product_with_all_values_and_each_variation_with_its_own(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", options()))
    extract(at, *(row.replace("Bleu", "Bleu, clair") for row in SHIRTS), MUG)
    assert run(at).written == 5
    files = told(at)
    assert [row["SKU"] for row in files["products_new"]] == ["MUG"]
    rows = files["products_new_variants"]
    assert [(row["Type"], row["SKU"], row["Parent"], row["Position"]) for row in rows] == [
        ("variable", "TEE", "", "0"),
        ("variation", "R-S", "TEE", "1"),
        ("variation", "R-M", "TEE", "2"),
        ("variation", "B-S", "TEE", "3"),
        ("variation", "B-M", "TEE", "4"),
    ]
    assert (rows[0]["Attribute 1 name"], rows[0]["Attribute 1 value(s)"]) == ("Couleur", r"Rouge, Bleu\, clair")
    assert (rows[0]["Attribute 2 value(s)"], rows[4]["Attribute 1 value(s)"]) == ("S, M", r"Bleu\, clair")
    assert [row["Regular price"] for row in rows] == ["", "10", "12.5", "10", "12.5"]
    # A further variation is new; the product gets its value.
    green = [row.replace("B-", "V-").replace("bleu", "vert").replace("Bleu", "Vert") for row in SHIRTS[2:]]
    extract(at, *(row.replace("Bleu", "Bleu, clair") for row in SHIRTS), *green, MUG)
    assert run(at).written == 2
    files = told(at)
    assert [row["SKU"] for row in files["products_new_variants"]] == ["V-S", "V-M"]
    assert [(row["SKU"], row["Attribute 1 value(s)"]) for row in files["products_changed_variants"]] == [
        ("TEE", r"Rouge, Bleu\, clair, Vert")
    ]
    assert run(at).state == "nothing-to-do"


def test_cat_17_woocommerce_keeps_features_and_the_kind_of_attributes_when_a_variant_changes(tmp_path):
    # Its import replaces all attributes of a product at once by those of the file.
    settings = 'format_settings = { attribute_2_global = "0", feature_1_global = "1" }'
    features = '[shops.articles.features]\n"Rayon" = "xx_rayon"\n'
    at = shops(tmp_path, ("a", "woocommerce", options("price = true", more=settings, variants=features)))
    rows = [row + "Été;" for row in (one.removesuffix(";;") + ";" for one in SHIRTS)]
    extract(at, *rows, MUG)
    run(at)
    attributes = {
        "Attribute 1 name": "Couleur",
        "Attribute 1 global": "1",
        "Attribute 2 name": "Taille",
        "Attribute 2 global": "0",
        "Attribute 6 name": "Rayon",
        "Attribute 6 value(s)": "Été",
        "Attribute 6 global": "1",
    }
    files = told(at)
    assert attributes.items() <= files["products_new_variants"][0].items()
    assert "Attribute 1 global" not in files["products_new"][0]
    extract(at, *(row.replace(";M;", ";L;") for row in rows), MUG.replace(";5;", ";6;"))
    run(at)
    files = told(at)
    assert attributes.items() <= files["products_changed_variants"][0].items()
    assert files["products_changed"] == [{"SKU": "MUG", "Regular price": "6"}]


def test_cat_17_an_incomplete_or_refused_product_does_not_go_and_is_said(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", options()))
    extract(at, *SHIRTS[:3], MUG)
    found = run(at)
    assert (found.read, found.written, found.failed, codes(found)) == (4, 1, 3, {"combinations-missing": 3})
    # What is not published exists all the same.
    extract(at, *SHIRTS[:3], SHIRTS[3].replace(";1;12,5", ";0;12,5"), MUG)
    found = run(at)
    assert (found.written, codes(found)) == (3, {"article-unchanged": 1, "article-not-on-web": 1})


def test_cat_17_a_combination_that_the_file_cannot_hold_keeps_its_product_back(tmp_path):
    at = shops(tmp_path, ("a", "prestashop", options(brand='barcode = "xx_rayon"')))
    extract(at, *SHIRTS[:3], SHIRTS[3][:-1] + "12345678901234;", MUG)
    found = run(at)
    assert (found.written, codes(found)) == (1, {"cell-too-long": 1, "variant-product-refused": 3})
    assert {name: [row["Reference #"] for row in rows] for name, rows in told(at).items()} == {"products_new": ["MUG"]}


def test_cat_17_new_articles_adds_variants_and_leaves_their_product(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", options(variants='incomplete = "send"')))
    extract(at, *SHIRTS[:3])
    run(at)
    told(at)
    extract(at, *(row.replace("T-shirt;", "Maillot;") for row in SHIRTS))
    found = run(at, task=NEW_ARTICLES)
    assert (found.written, codes(found)) == (1, {"article-in-shop": 3})
    assert {name: [row["SKU"] for row in rows] for name, rows in told(at).items()} == {"products_new_variants": ["B-M"]}


def test_cat_17_articles_that_the_shop_has_may_become_one_product(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", options("name = true", brand='description = "xx_marque"')))
    profile = home(at) / "profile.toml"
    text = profile.read_text()
    profile.write_text(text.replace('master_column = "xx_maitre"', ""))
    extract(at, *(row.replace(";S;", ";S;Coton").replace(";M;", ";M;Coton") for row in SHIRTS[:2]))
    assert run(at).written == 2
    told(at)
    profile.write_text(text)
    assert run(at).written == 2
    files = told(at)
    assert [(row["SKU"], row["Description"]) for row in files["products_new_variants"]] == [("TEE", "<p>Coton</p>")]
    assert [row["Parent"] for row in files["products_changed_variants"]] == ["TEE", "TEE"]


def test_cat_17_ranges_come_of_their_extract_and_each_discriminating_value_is_a_product(tmp_path):
    at = shops(tmp_path, ("a", "prestashop", options(variants='discriminating = ["Couleur"]')))
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("[erp.extracts]", '[erp.extracts]\nranges = "gammes.csv"'))
    plain = [row.replace(";TEE;T-shirt;Rouge;", ";;;;").replace(";TEE;T-shirt;Bleu;", ";;;;") for row in SHIRTS]
    extract(at, *plain, MUG)
    ranges = ["ItemId;ParentRangeItemId;RangeItemCaption;RangeType0;RangeTypeElement0;RangeType1;RangeTypeElement1"]
    ranges += [
        f"{c}-{s};G1;Maillot;Couleur;{name};Taille;{s}" for c, name in (("R", "Rouge"), ("B", "Bleu")) for s in "SM"
    ]
    leave(at, "gammes.csv", "\r\n".join([*ranges, ""]).encode("cp1252"))
    assert run(at).written == 5
    files = told(at)
    names = [(row["Reference #"], row["Name *"]) for row in files["products_new"]]
    assert names == [("G1-Rouge", "Maillot Rouge"), ("G1-Bleu", "Maillot Bleu"), ("MUG", "Mug")]
    combinations = [
        (row["Product Reference"], row["Value (Value:Position)*"]) for row in files["products_new_variants"]
    ]
    assert combinations == [("G1-Rouge", "S"), ("G1-Rouge", "M"), ("G1-Bleu", "S"), ("G1-Bleu", "M")]
    leave(at, "gammes.csv", "\r\n".join([*ranges, ";G1;x", ""]).encode("cp1252"))
    with pytest.raises(RunError) as error:
        run(at)
    assert error.value.code == "run-extract-unreadable-rows"


def test_cat_17_a_discriminating_attribute_that_no_article_has_is_said(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", options(variants='discriminating = ["Coulour"]')))
    extract(at, *SHIRTS)
    found = run(at)
    assert (found.written, codes(found)) == (4, {"attribute-not-met": 1})
    assert codes(run(at)) == {"attribute-not-met": 1, "article-unchanged": 4}


def test_cat_18_packs_go_once_all_their_components_are_there(tmp_path):
    at = shops(
        tmp_path,
        ("a", "magento", options(variants="packs = true", brand="")),
        ("b", "prestashop", options(variants="packs = true")),
    )
    profile = home(at) / "profile.toml"
    profile.write_text(
        profile.read_text().replace("[erp.extracts]", '[erp.extracts]\ncomponents = "nomenclatures.csv"')
    )
    box = "BOX;Coffret;1;15;0,6;;;;;;;"
    rows = ["ParentItemId;ItemId;Quantity;ComponentOrder", "BOX;MUG;2;1", "BOX;TEA;1;2"]
    leave(at, "nomenclatures.csv", "\r\n".join([*rows, ""]).encode("cp1252"))
    extract(at, box, MUG)
    found = run(at)
    assert (found.written, codes(found)) == (1, {"pack-component-missing": 1})
    told(at)
    extract(at, box, MUG, "TEA;Thé;1;4;0,1;;;;;;;")
    assert run(at).written == 2
    [pack] = told(at)["catalog_product_new_variants"]
    assert (pack["sku"], pack["product_type"], pack["associated_skus"]) == ("BOX", "grouped", "MUG=2,TEA=1")
    assert run(at).state == "nothing-to-do"
    # PrestaShop's import knows no packs: said, and the article goes.
    found = run(at, "b")
    assert (found.written, codes(found)) == (3, {"pack-not-told": 1})
    # A mark of the list within a reference would split it.
    leave(at, "nomenclatures.csv", "\r\n".join([*rows, "BOX;T,2;1;3", ""]).encode("cp1252"))
    extract(at, box, MUG, "TEA;Thé;1;4;0,1;;;;;;;", "T,2;Thé 2;1;4;0,1;;;;;;;")
    found = run(at)
    assert (found.written, codes(found)) == (1, {"article-unchanged": 2, "pack-reference-mark": 1})


def test_cat_19_lcvs_brands_categories_weights_colours_and_promotions(tmp_path):
    lcv = 'map_brands = true\nrfs_columns = ["xx_rayon"]\npromotion_column = "xx_promo"\ngeneric_colours = ["Couleur"]'
    at = shops(tmp_path, ("a", "prestashop", options(variants=lcv)))
    # Left by two mappings: each is counted.
    sheets(
        at,
        colours=[("mat", "#ignore")],
        brands=[("a", "acme", "Acme"), ("*", "INTERNE", "#ignore")],
        categories=[("*", "homme", "Homme/Hauts", "0,4"), ("*", "*", "Divers", "")],
        promotions=[("*", "BF26", "Black Friday")],
    )
    extract(
        at,
        "M;Pull;1;30;;PULL;Pull;moutarde;M;ACME;Homme;BF26",
        "N;Pull;1;30;;PULL;Pull;noir/blanc;M;ACME;Homme;",
        "S;Sac;1;9;0,2;;;;;ACME;Femme;",
        "K;Mat;1;9;;MAT;Mat;mat;M;ACME;Homme;",
        "I;Interne;1;9;;;;;;Interne;Homme;",
        "X;Inconnue;1;9;;;;;;Autre;Homme;",
    )
    found = run(at)
    said = {"article-ignored-by-mapping": 2, "unmapped-brand": 1, "mapping-value-added": 1}
    assert (found.written, codes(found)) == (3, said)
    assert not any("{" in reason.message + reason.todo for reason in found.reasons)
    files = told(at)
    columns = ("Reference #", "Manufacturer", "Categories (x,y,z...)", "Weight")
    assert [tuple(row[name] for name in columns) for row in files["products_new"]] == [
        ("PULL", "Acme", "Homme/Hauts,Black Friday", "0.4"),  # one of its variants is promoted
        ("S", "Acme", "Divers", "0.2"),
    ]
    assert [row["Value (Value:Position)*"] for row in files["products_new_variants"]] == ["jaune, M", "multicolore, M"]
    assert read_mappings(home(at) / "mappings.xlsx")[0]["brands"]["brand"].to_list() == ["acme", "INTERNE", "Autre"]


LISTED = '[shops.articles.listing]\nplace = "exports"\n'
PLAIN = """\
update = {{ name = true, price = true }}
[shops.articles.fields]
price = "PV HT"
vat_code = ""
description = "xx_marque"
{listing}
[shops.variants]
master_column = "xx_maitre"
label_column = "xx_libelle"
attributes = [{{ name = "couleur", value_column = "xx_couleur" }}, {{ name = "taille", value_column = "xx_taille" }}]
"""


def listed(at, header: str, *rows: str) -> None:
    (home(at) / "exports" / "products.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")


def test_cat_17_shopify_tells_the_product_on_the_row_of_its_first_variant(tmp_path):
    at = shops(tmp_path, ("a", "shopify", PLAIN.format(listing=LISTED)))
    header = "Title,URL handle,SKU,Option1 name,Option1 value"
    listed(at, header, "Autre,autre,ZZZ,,")
    extract(at, *SHIRTS[:2], MUG)
    assert run(at).written == 3
    files = told(at)
    assert [row["URL handle"] for row in files["products_new"]] == ["mug"]
    rows = files["products_new_variants"]
    assert [(row["Title"], row["URL handle"], row["SKU"], row["Option2 value"], row["Price"]) for row in rows] == [
        ("T-shirt", "tee", "R-S", "S", "10"),
        ("", "tee", "R-M", "M", "12.5"),
    ]
    assert [row["Option1 name"] for row in rows] == ["couleur", "couleur"]
    # The shop has them under its own handle: a change sends all its rows, a further variant its own.
    listed(at, header, "T-shirt,mon-tee,R-S,,", "T-shirt,mon-tee,R-M,,", "Mug,mug,MUG,,")
    extract(at, SHIRTS[0].replace("10", "9"), *SHIRTS[1:], MUG)
    assert run(at).written == 3
    files = told(at)
    assert [(row["URL handle"], row["SKU"], row["Price"]) for row in files["products_changed_variants"]] == [
        ("mon-tee", "R-S", "9"),
        ("mon-tee", "R-M", "12.5"),
    ]
    assert [(row["Title"], row["URL handle"], row["SKU"]) for row in files["products_new_variants"]] == [
        ("T-shirt", "mon-tee", "B-S"),
        ("", "mon-tee", "B-M"),
    ]
    assert {row["Description"] for row in files["products_new_variants"]} == {""}


def test_cat_17_wix_and_bigcommerce_have_the_variants_under_their_product(tmp_path):
    at = shops(tmp_path, ("a", "wix", PLAIN.format(listing=LISTED)), ("b", "bigcommerce", PLAIN.format(listing=LISTED)))
    listed(at, "handleId,fieldType,name,sku", "product_9,Product,Autre,ZZZ")
    extract(at, *SHIRTS)
    assert run(at).written == 4
    rows = told(at)["products_new_variants"]
    assert list(rows[0].items())[:4] == [
        ("handleId", "tee"),
        ("fieldType", "Product"),
        ("name", "T-shirt"),
        ("description", ""),
    ]
    first = [(row["productOptionName1"], row["productOptionType1"], row["productOptionDescription1"]) for row in rows]
    assert first[:2] == [("couleur", "DROP_DOWN", "Rouge;Bleu"), ("couleur", "DROP_DOWN", "Rouge")]
    assert [(row["sku"], row["name"], row["price"], row["surcharge"]) for row in rows] == [
        ("TEE", "T-shirt", "10", ""),
        ("R-S", "", "", "0"),
        ("R-M", "", "", "2.5"),
        ("B-S", "", "", "0"),
        ("B-M", "", "", "2.5"),
    ]
    listed(at, "Item,ID,Name,Type,SKU", "Product,9,Autre,Physical,ZZZ")
    assert run(at, "b").written == 4
    rows = told(at, "b")["products_new_variants"]
    assert [(row["Item"], row["Name"], row["Type"], row["SKU"], row["Price"]) for row in rows[:2]] == [
        ("Product", "T-shirt", "Physical", "TEE", "10"),
        ("Variant", "", "", "R-S", "10"),
    ]
    assert rows[1]["Options"] == "Type=Dropdown|Name=couleur|Value=Rouge|Type=Dropdown|Name=taille|Value=S"
    # BigCommerce's import adds no variant to a product that it has.
    listed(
        at,
        "Item,ID,Name,Type,SKU",
        "Product,20,T-shirt,Physical,TEE",
        *(f"Variant,2{n},,,{row[:3]}" for n, row in enumerate(SHIRTS)),
    )
    green = [row.replace("B-", "V-").replace("Bleu", "Vert") for row in SHIRTS[2:]]
    extract(at, *SHIRTS, *green)
    found = run(at, "b")
    assert (found.written, codes(found)["variant-not-addable"]) == (0, 2)


def test_cat_17_magento_lists_the_variants_on_the_row_behind_them(tmp_path):
    settings = '[shops.articles.format_settings]\nvisibility = "Catalog, Search"\nattribute_set_code = "Default"\n'
    at = shops(tmp_path, ("a", "magento", PLAIN.format(listing=settings)), ("b", "magento", PLAIN.format(listing="")))
    extract(at, *SHIRTS[:2], MUG)
    assert run(at).written == 3
    files = told(at)
    assert [(row["sku"], row["visibility"]) for row in files["catalog_product_new"]] == [("MUG", "Catalog, Search")]
    rows = files["catalog_product_new_variants"]
    assert [(row["sku"], row["product_type"], row["visibility"], row["additional_attributes"]) for row in rows] == [
        ("R-S", "simple", "Not Visible Individually", "couleur=Rouge,taille=S"),
        ("R-M", "simple", "Not Visible Individually", "couleur=Rouge,taille=M"),
        ("TEE", "configurable", "Catalog, Search", ""),
    ]
    assert rows[2]["configurable_variations"] == "sku=R-S,couleur=Rouge,taille=S|sku=R-M,couleur=Rouge,taille=M"
    # A mark of the notation would split the list: within a reference it is refused, within a value replaced.
    extract(at, *(row.replace("R-S", "R,S").replace("Rouge", "Rou=ge") for row in SHIRTS[:2]), MUG)
    found = run(at, "b")
    assert (found.written, codes(found)) == (1, {"variant-reference-mark": 1, "variant-product-refused": 1})
    extract(at, *(row.replace("Rouge", "Rou=ge") for row in SHIRTS[:2]), MUG)
    found = run(at, "b")
    assert (found.written, codes(found)) == (2, {"article-unchanged": 1, "product-mark-replaced": 2})
    assert "couleur=Rou ge,taille=M" in told(at, "b")["catalog_product_new_variants"][2]["configurable_variations"]


def test_cat_20_values_that_no_product_has_any_more_are_listed_and_told_once_a_week(tmp_path):
    at = shops(tmp_path, ("a", "prestashop", options(variants="list_unused_values = true")))
    extract(at, *SHIRTS)
    run(at)
    assert set(told(at)) == {"products_new", "products_new_variants"}
    # The blue ones become green: nobody is blue any more. Not published, they are still the shop's.
    green = [row.replace("Bleu", "Vert") for row in SHIRTS[2:]]
    extract(at, *SHIRTS[:2], *green)
    found = run(at)
    assert told(at)["unused_values"] == [{"Attribut": "Couleur", "Valeur": "Bleu"}]
    report = (at.run_folder(found.run_id) / "unused_values.csv").read_text("utf-8-sig").splitlines()
    assert report == ["attribute;value", "Couleur;Bleu"]
    extract(at, *(row.replace(";1;", ";0;") for row in SHIRTS[:2]), *green)
    assert run(at).state == "nothing-to-do"
    extract(at, *(row.replace("Rouge", "Rose") for row in SHIRTS[:2]), *green)
    run(at)
    assert set(told(at)) == {"products_changed_variants"}
    later = replace(at, clock=lambda: NOW + timedelta(days=7))
    leave(later, "articles.csv", (home(at) / "articles.csv").read_bytes(), NOW + timedelta(days=7))
    run(later)
    assert told(at) == {"unused_values": [{"Attribut": "Couleur", "Valeur": "Rouge"}]}
    assert run(later).state == "nothing-to-do"


def test_cat_2_articles_made_in_blocks_are_told_as_articles_made_at_once(tmp_path, monkeypatch):
    """The four shirts are one product, whose articles would be in three blocks of two."""
    update = f"{ALL}, languages = true"
    languages = '[shops.articles.languages.en]\nname = "xx_promo"\n[shops.articles.fields]'
    own = options(update).replace("[shops.articles.fields]", languages)
    first = [MUG, *SHIRTS, *(f"A{n};Bol <{n}>;1;{n + 1},5;0,3;;;;;;;Bowl {n}" for n in range(8))]
    second = [MUG, *SHIRTS, *(f"A{n};Bol {n};1;{n % 2},5;0,3;;;;;;;Bowl {n}" for n in range(8)), "B;;1;1;1;;;;;;;"]

    def nights(folder, block):
        monkeypatch.setattr(articles, "BLOCK", block)
        at = shops(folder, ("a", "prestashop", own), ("b", "woocommerce", options()))
        found = []
        for shop in ("a", "b"):
            for rows in (first, second):
                extract(at, *rows)
                summary = run(at, shop)
                counts = (summary.written, summary.failed, summary.ignored, codes(summary))
                changes = (at.run_folder(summary.run_id) / "changes.csv").read_bytes()
                said = sorted((at.run_folder(summary.run_id) / "outcomes.csv").read_bytes().splitlines())
                found.append((told(at, shop), counts, changes, said))
            with Ledger.open(at.ledger_url) as ledger:
                found += [ledger.sent_values("test", shop, kind).to_dict() for kind in ("article", "product")]
        return found

    assert nights(tmp_path / "at once", 1000) == nights(tmp_path / "in blocks", 2)

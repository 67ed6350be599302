"""The ERP's articles told to shops: new ones whole, others field by field as the profile lets it, night after night."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from article_shops import HEADER, extract, options, run, shops, told
from image_shops import photo, put_at
from killed import ARTICLE_STEPS as STEPS
from killed import run_killed
from stock_shops import NOW, codes, home, leave
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.formats.registry import formats
from passerelle.ledger.ledger import Ledger
from passerelle.profile.workbook import create_workbook, read_mappings
from passerelle.run.activation import ACTIVATE
from passerelle.run.articles import ARTICLES, NEW_ARTICLES
from passerelle.run.errors import RunError
from passerelle.run.images import DOCUMENTS, IMAGES
from passerelle.run.plans import read as read_plan

UPDATE = "[shops.articles.update]\nname = true\nprice = true\n"
A1 = "A1;Bol;1;T20;12,5;Kyusu;Maison;Fonte;0;Bowl"
A2 = "A2;Tasse;1;T20;3;;Maison;;0;Cup"


def prestashop(folder, more="", tables=UPDATE, fields=""):
    return shops(folder, ("a", "prestashop", options(more, fields, tables)))


def test_cat_3_a_new_product_has_every_field_and_a_change_only_what_the_profile_permits(tmp_path):
    at = prestashop(tmp_path)
    hidden = "A3;Pot;0;T20;3;;;;0;"
    leave(at, "articles.csv", extract(A1, A2, hidden))
    first = run(at)
    assert (first.state, first.read, first.written, first.failed, first.ignored) == ("delivered", 3, 2, 0, 1)
    assert told(at) == {
        "products_new": [
            {
                "Active (0/1)": "1",
                "Name *": "Bol",
                "Categories (x,y,z...)": "Maison",
                "Price tax excluded": "12.5",
                "Tax rules ID": "1",
                "Reference #": "A1",
                "Manufacturer": "Kyusu",
                "Feature(Name:Value:Position)": "Matière:Fonte:1",
            },
            {
                "Active (0/1)": "1",
                "Name *": "Tasse",
                "Categories (x,y,z...)": "Maison",
                "Price tax excluded": "3",
                "Tax rules ID": "1",
                "Reference #": "A2",
                "Manufacturer": "",
                "Feature(Name:Value:Position)": "",
            },
        ]
    }
    # The shop's own: brand, family, feature. The ERP's: name and price.
    leave(at, "articles.csv", extract(A1.replace("Kyusu;Maison;Fonte", "Autre;Jardin;Verre"), A2, hidden))
    assert codes(run(at)) == {"article-unchanged": 2, "article-not-on-web": 1}
    leave(at, "articles.csv", extract(A1.replace("Kyusu", "Autre").replace("Bol", "Bol bleu"), A2, hidden))
    second = run(at)
    assert (second.written, codes(second)) == (1, {"article-unchanged": 1, "article-not-on-web": 1})
    changed = {"Reference #": "A1", "Name *": "Bol bleu", "Price tax excluded": "12.5"}
    assert told(at) == {"products_changed": [changed]}
    report = (at.run_folder(second.run_id) / "changes.csv").read_text("utf-8-sig").splitlines()
    assert report == ["article;label;field;before;after", "A1;Bol bleu;name;Bol;Bol bleu"]


NIGHTS = ({"A1": "Bol", "A2": "Tasse"}, {"A1": "Coupe", "A2": "Tasse"}, {"A1": "Coupe", "A2": "Mug", "A3": "Pot"})


def night(at, names):
    leave(at, "articles.csv", extract(*(f"{article};{name};1;T20;3;;;;0;" for article, name in names.items())))


def names_in(shop, files):
    """Do what the shop's import does: create, and change what is there; nothing is created twice."""
    for row in files.get("products_new", []):
        assert row["Reference #"] not in shop
        shop[row["Reference #"]] = row["Name *"]
    for row in files.get("products_changed", []):
        assert row["Reference #"] in shop
        shop[row["Reference #"]] = row["Name *"]


@pytest.mark.parametrize("lost", [None, 1])
def test_cat_1_a_lost_night_is_caught_up_and_a_full_run_ends_in_the_same_state(tmp_path, lost):
    at = prestashop(tmp_path)
    shop: dict[str, str] = {}
    for number, names in enumerate(NIGHTS):
        if number != lost:
            night(at, names)
            run(at)
            names_in(shop, told(at))
    assert shop == NIGHTS[2]
    assert run(at).state == "nothing-to-do"
    full = run(at, full=True)
    names_in(shop, told(at))
    assert (full.written, shop) == (3, NIGHTS[2])


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rpartition(":")[2])
def test_cat_1_rel_1_killed_anywhere_and_run_again_tells_each_product_once(tmp_path, step, moment):
    at = prestashop(tmp_path)
    shop: dict[str, str] = {}
    night(at, NIGHTS[0])
    run(at)
    names_in(shop, told(at))
    night(at, NIGHTS[2])
    assert run_killed(at, step, moment, ARTICLES, "a") == -signal.SIGKILL
    run(at)
    names_in(shop, told(at))
    assert shop == NIGHTS[2]
    assert run(at).state == "nothing-to-do"
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.unfinished("test") == []


def test_cat_1_new_articles_creates_only_and_create_off_only_changes(tmp_path):
    at = prestashop(tmp_path)
    night(at, NIGHTS[0])
    run(at)
    told(at)
    night(at, NIGHTS[2])
    summary = run(at, task=NEW_ARTICLES)
    assert (summary.written, codes(summary)) == (1, {"article-in-shop": 2})
    assert [row["Reference #"] for row in told(at)["products_new"]] == ["A3"]
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace('default_tax_rule = "1"', 'default_tax_rule = "1"\ncreate = false'))
    night(at, {**NIGHTS[2], "A4": "Plat"})
    assert run(at).written == 3
    # Without a listing the shop is taken to have them all, as nothing may be created.
    assert [row["Reference #"] for row in told(at)["products_changed"]] == ["A1", "A2", "A4"]
    assert codes(run(at, task=NEW_ARTICLES)) == {"article-in-shop": 4}


def test_cat_14_a_feature_that_no_article_has_empties_its_column(tmp_path):
    tables = UPDATE + "features = true\n"
    at = shops(tmp_path, ("a", "woocommerce", options(tables=tables)))
    leave(at, "articles.csv", extract(A1, A2))
    run(at)
    told(at)
    leave(at, "articles.csv", extract(A1.replace("Fonte", ""), A2))
    assert (run(at).written, [row["SKU"] for row in told(at)["products_changed"]]) == (1, ["A1"])


def test_cat_3_without_a_permitted_field_products_of_the_shop_are_left(tmp_path):
    at = prestashop(tmp_path, tables="")
    night(at, NIGHTS[0])
    assert run(at).written == 2
    night(at, NIGHTS[1])
    assert codes(run(at)) == {"article-nothing-to-update": 2}


def test_cat_3_a_field_that_becomes_permitted_is_told_of_every_product(tmp_path):
    at = prestashop(tmp_path, tables="")
    leave(at, "articles.csv", extract(A1, A2))
    run(at)
    told(at)
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text() + "\n", encoding="utf-8")
    profile.write_text(profile.read_text().replace("[shops.articles.features]", UPDATE + "[shops.articles.features]"))
    assert run(at).written == 2
    assert [set(row) for row in told(at)["products_changed"]] == [{"Reference #", "Name *", "Price tax excluded"}] * 2


def test_cat_4_a_locked_article_is_told_nothing_by_this_task(tmp_path):
    at = prestashop(tmp_path, more='locked_column = "xx_verrou"')
    leave(at, "articles.csv", extract(A1, A2.replace(";0;", ";Oui;"), "A3;Pot;1;T20;1;;;;1;"))
    summary = run(at)
    assert (summary.written, codes(summary)) == (1, {"article-locked": 2, "mapping-value-added": 1})


def test_cat_11_each_vat_code_has_its_rule_by_shop_and_new_codes_wait_in_the_workbook(tmp_path):
    at = prestashop(tmp_path)
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace('default_tax_rule = "1"', ""))
    rows = [("*", "T20", "1"), ("b", "T5", "9"), ("a", "T5", "3"), ("*", "T0", "#ignore")]
    table = {name: [row[place] for row in rows] for place, name in enumerate(("shop", "vat_code", "tax_rule"))}
    (home(at) / "mappings.xlsx").unlink()
    create_workbook(home(at) / "mappings.xlsx", {"tax_rules": pd.DataFrame(table, dtype="str")})
    leave(
        at, "articles.csv", extract(*(f"A{n};Bol;1;{code};1;;;;0;" for n, code in enumerate(("T20", "T5", "T0", "T2"))))
    )
    summary = run(at)
    assert [row["Tax rules ID"] for row in told(at)["products_new"]] == ["1", "3"]
    assert codes(summary) == {"article-ignored-by-mapping": 1, "mapping-value-added": 1, "unmapped-tax-rule": 1}
    added = read_mappings(home(at) / "mappings.xlsx")[0]["tax_rules"]
    assert added.iloc[-1].tolist() == ["a", "T2", ""]


def test_cat_15_a_link_waits_until_both_are_in_the_shop_and_then_goes(tmp_path):
    at = prestashop(tmp_path, more='links = "cross-sell"', tables="")
    leave(at, "linked.csv", b"ItemId;LinkedItemId\r\nA1;A2\r\nA1;A9\r\nA1;A1\r\n")
    night(at, NIGHTS[0])
    first = run(at)
    assert codes(first) == {"linked-article-missing": 1, "mapping-value-added": 1}
    assert [row["Acessories  (x,y,z...)"] for row in told(at)["products_new"]] == ["", ""]
    second = run(at)
    assert (second.written, codes(second)) == (1, {"linked-article-missing": 1, "article-unchanged": 1})
    assert told(at) == {"products_changed": [{"Reference #": "A1", "Acessories  (x,y,z...)": "A2"}]}
    assert run(at).written == 0


def test_cat_15_ebp_10_a_link_that_cannot_be_read_is_told_and_its_article_keeps_what_the_shop_has(tmp_path):
    at = prestashop(tmp_path, more='links = "cross-sell"', tables=UPDATE)
    leave(at, "linked.csv", b"ItemId;LinkedItemId\r\nA1;A2\r\n")
    night(at, NIGHTS[0])
    run(at)
    run(at)
    told(at)
    leave(at, "linked.csv", b"ItemId;LinkedItemId\r\nA1;A2\r\nA1;" + b"A" * 41 + b"\r\n")
    night(at, NIGHTS[1])
    summary = run(at)
    assert {"cell-too-long": 1, "link-row-unreadable": 1}.items() <= codes(summary).items()
    assert summary.read == summary.written + summary.failed + summary.ignored
    assert "A1" not in {row["Reference #"] for rows in told(at).values() for row in rows}
    leave(at, "linked.csv", b"ItemId;LinkedItemId\r\nA1;A2\r\n;A2\r\n")
    with pytest.raises(RunError) as error:
        run(at)
    for language, said in (("fr", "« Code article » n'est pas rempli."), ("en", '"Code article" is empty.')):
        assert error.value.text(language).endswith(f"{said} (linked.csv:3)")


def test_cat_14_a_feature_that_no_article_has_yet_is_told_when_one_has_it_and_when_it_has_no_more(tmp_path):
    tables = "[shops.articles.update]\nfeatures = true\n"
    at = shops(tmp_path, ("a", "woocommerce", options(more="", tables=tables)))
    found = []
    for material in ("", "Fonte", ""):
        leave(at, "articles.csv", extract(A1.replace("Fonte", material)))
        assert run(at).written == 1
        [[row]] = told(at).values()
        found.append((row["Attribute 6 name"], row["Attribute 6 value(s)"]))
    assert found == [("", ""), ("Matière", "Fonte"), ("", "")]


def test_cat_10_a_further_language_has_a_file_of_its_own(tmp_path):
    at = prestashop(tmp_path, tables=UPDATE + 'languages = true\n[shops.articles.languages.en]\nname = "Name"\n')
    leave(at, "articles.csv", extract(A1, A2))
    run(at)
    rows = [{"Name *": "Bowl", "Reference #": "A1"}, {"Name *": "Cup", "Reference #": "A2"}]
    assert told(at)["products_en_new"] == rows
    leave(at, "articles.csv", extract(A1.replace("Bowl", "Blue bowl"), A2))
    run(at)
    assert told(at) == {"products_en_changed": [{"Name *": "Blue bowl", "Reference #": "A1"}]}


def test_cat_5_the_shops_own_list_tells_what_is_new_what_is_nearly_there_and_what_has_gone(tmp_path):
    at = prestashop(tmp_path, more='listing = { place = "exports" }')
    listing = home(at) / "exports" / "products.csv"
    listing.write_text("Product ID;Reference #\n7;A1\n8;a2\n", encoding="utf-8")
    night(at, NIGHTS[2])
    summary = run(at)
    assert (summary.written, codes(summary)) == (2, {"article-near-miss": 1, "mapping-value-added": 1})
    files = told(at)
    assert [row["Reference #"] for row in files["products_new"]] == ["A3"]
    assert files["products_changed"] == [{"Reference #": "A1", "Name *": "Coupe", "Price tax excluded": "3"}]
    # The export was made before the import of A3, or A3 was deleted: it is not created a second time unasked.
    assert codes(run(at)) == {"article-near-miss": 1, "article-gone-from-shop": 1, "article-unchanged": 1}
    run(at, full=True)
    assert [row["Reference #"] for row in told(at)["products_new"]] == ["A3"]


def test_cat_5_new_articles_that_only_case_or_blanks_tell_apart_do_not_become_one(tmp_path):
    at = prestashop(tmp_path)
    leave(at, "articles.csv", extract(A1, A2, "bol ;Bol;1;T20;3;;;;0;", "BOL;Bol;1;T20;4;;;;0;"))
    found = run(at)
    assert (found.written, codes(found)["article-references-alike"]) == (2, 2)
    told(at)
    # One that the shop has stays what it is.
    leave(at, "articles.csv", extract(A1.replace("12,5", "13"), A2, "a1;Bol;1;T20;3;;;;0;", "B;Bol;1;T20;4;;;;0;"))
    found = run(at)
    assert (found.written, codes(found)) == (2, {"article-unchanged": 1, "article-references-alike": 1})
    assert {name: [row["Reference #"] for row in rows] for name, rows in told(at).items()} == {
        "products_changed": ["A1"],
        "products_new": ["B"],
    }


@pytest.mark.parametrize(
    ("header", "created"),
    [("ID,Type,UGS,Nom", ["A2"]), ("ID,Type,Artikelnummer,Name", None)],
    ids=["French", "unknown"],
)
def test_cat_5_an_export_in_the_shops_own_language_is_known_or_refused_never_taken_for_an_empty_shop(
    tmp_path, header, created
):
    listing = 'listing = { place = "exports", files = ["listing.csv"] }'
    at = shops(tmp_path, ("a", "woocommerce", options(listing, tables=UPDATE)))
    leave(at, "articles.csv", extract(A1, A2))
    (home(at) / "exports" / "listing.csv").write_text(f"{header}\n7,simple,A1,Bol\n", encoding="utf-8")
    if created is None:
        with pytest.raises(RunError) as error:
            run(at)
        assert (error.value.code, error.value.parameters["columns"]) == ("run-listing-lacks-column", "SKU")
    else:
        run(at)
        assert [row["SKU"] for row in told(at)["products_new"]] == created


def test_cat_5_woocommerces_apostrophe_before_a_reference_is_not_the_shops(tmp_path):
    listing = 'listing = { place = "exports", files = ["listing.csv"] }'
    at = shops(tmp_path, ("a", "woocommerce", options(listing, tables=UPDATE)))
    leave(at, "articles.csv", extract(A1.replace("A1", "-A1"), A2))
    (home(at) / "exports" / "listing.csv").write_text("ID,Type,SKU,Name\n7,simple,'-A1,Bol\n", encoding="utf-8")
    run(at)
    assert {name: [row["SKU"] for row in rows] for name, rows in told(at).items()} == {
        "products_changed": ["-A1"],
        "products_new": ["A2"],
    }


def test_pre_1_a_plan_says_what_would_be_created_and_what_changed_from_what(tmp_path):
    at = prestashop(tmp_path)
    night(at, NIGHTS[0])
    run(at)
    told(at)
    night(at, NIGHTS[2])
    planned = run(at, plan=True)
    assert told(at) == {}
    plan = read_plan(at, planned.plan).rows
    shown = plan[["record", "action", "direction", "field", "old", "new"]].to_numpy().tolist()
    assert shown == [
        ["A3", "create", "add-to-shop", "", "", ""],
        ["A1", "update", "update-shop", "name", "Bol", "Coupe"],
        ["A2", "update", "update-shop", "name", "Tasse", "Mug"],
    ]
    assert run(at, apply=planned.plan).written == 3


@pytest.mark.parametrize(
    ("platform", "more", "code"),
    [
        ("magento", "", "run-products-lack"),  # the brand
        ("shopify", "", "run-products-lack"),  # features, which are metafields
        ("wix", "", "run-listing-not-set"),
        ("woocommerce", '[shops.articles.languages.en]\nname = "Name"\n', "run-products-lack"),
        ("bigcommerce", "", "run-products-lack"),  # categories by name
    ],
)
def test_shp_1_what_a_shop_cannot_be_told_is_said_before_anything_is_read(tmp_path, platform, more, code):
    at = shops(tmp_path, ("a", platform, options(tables=UPDATE + more)))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == (code, True)


def test_cat_14_a_feature_whose_name_would_split_its_cell_is_said_before_anything_is_read(tmp_path):
    at = prestashop(tmp_path, tables='"Matière : tissu" = "xx_matiere"\n' + UPDATE)
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.parameters["value"]) == ("run-products-lack", 'features."Matière : tissu"')


def test_shp_1_shopify_is_told_by_the_handles_of_its_own_export(tmp_path):
    own = 'default_tax_rule = "x"\nlisting = { place = "exports" }\n[shops.articles.fields]\nprice = "PV HT"\n'
    at = shops(tmp_path, ("a", "shopify", own + "[shops.articles.update]\nprice = true\n"))
    labels = [field.title for field in formats().get("shopify/products").fields]
    rows = ["Bol de la boutique,bol,,,A1", ",bol,,,", "Set,te-9,,,Z"]
    (home(at) / "exports" / "products.csv").write_text(
        "\n".join(["Title,URL handle,Vendor,Type,SKU", *rows, ""]), encoding="utf-8"
    )
    leave(at, "articles.csv", extract(A1, A2, "Té 9;Thé;1;T20;1;;;;0;"))
    summary = run(at)
    assert (summary.written, codes(summary)) == (2, {"article-handle-twice": 1, "mapping-value-added": 1})
    files = told(at)
    changed = {"Title": "Bol de la boutique", "URL handle": "bol", "SKU": "A1", "Price": "12.5"}
    assert files["products_changed"] == [changed]
    assert [(row["Title"], row["URL handle"]) for row in files["products_new"]] == [("Tasse", "a2")]
    assert {*files["products_new"][0]} <= {*labels}


def test_cat_2_an_article_that_has_not_changed_is_left_but_not_one_whose_link_waits(tmp_path):
    more = 'links = "cross-sell"\nchanged_only = true\n'
    at = prestashop(tmp_path, more=more, tables="")
    leave(at, "linked.csv", b"ItemId;LinkedItemId\r\nA1;A2\r\n")
    rows = [f"{name};2026-11-01" for name in (A1, A2)]
    profile = home(at) / "profile.toml"
    settings = '[erp.format_settings."ebp/catalogue"]\ndatetime_format = "%Y-%m-%d"\n\n[[shops]]'
    profile.write_text(profile.read_text().replace("[[shops]]", settings, 1))
    leave(at, "articles.csv", extract(*rows, header=HEADER + ";sysModifiedDate"))
    assert run(at).written == 2
    told(at)
    later = replace(at, clock=lambda: NOW + timedelta(hours=1))
    assert codes(run(later)) == {"article-not-changed": 1}
    assert told(at) == {"products_changed": [{"Reference #": "A1", "Acessories  (x,y,z...)": "A2"}]}


def test_cat_1_run_5_the_commands_go_through_all_shops(tmp_path):
    at = shops(tmp_path, *((name, "prestashop", options(tables=UPDATE)) for name in "ab"))
    (home(at) / "articles.csv").write_bytes(extract(A1, A2))  # now: commands look at the real clock
    folders = ["--profiles", str(at.profiles), "--state", str(at.state)]

    def command(*arguments):
        return CliRunner().invoke(app, [*folders, "run", *arguments, "-p", "test"], env={"PASSERELLE_LANG": "en"})

    planned = command("new-articles", "--shop", "a", "--plan", "--json")
    assert (planned.exit_code, json.loads(planned.stdout)["written"]) == (0, 2)
    assert command("articles").exit_code == 0
    assert [[row["Reference #"] for row in told(at, name)["products_new"]] for name in "ab"] == [["A1", "A2"]] * 2
    again = command("articles", "--shop", "b", "--full")
    assert (again.exit_code, "# test → b — livré" in again.output) == (0, True)
    assert [row["Reference #"] for row in told(at, "b")["products_changed"]] == ["A1", "A2"]


PLAIN = 'default_tax_rule = "x"\n{more}\n[shops.articles.fields]\nprice = "PV HT"\n{fields}\n{tables}' + UPDATE
LISTED = 'listing = { place = "exports" }'
OTHERS = {
    "woocommerce": (
        PLAIN.format(
            more="", fields='brand = "Marque"', tables='[shops.articles.features]\n"Matière" = "xx_matiere"\n'
        ),
        "",
        {
            "Type": "simple",
            "SKU": "A1",
            "Name": "Bol",
            "Published": "1",
            "Tax class": "x",
            "Regular price": "12.5",
            "Brands": "Kyusu",
            "Attribute 6 name": "Matière",
            "Attribute 6 value(s)": "Fonte",
        },
        {"SKU": "A2", "Name": "Tasse", "Regular price": "3"},
    ),
    "magento": (
        PLAIN.format(
            more='format_settings = { attribute_set_code = "Default" }',
            fields="",
            tables='[shops.articles.categories]\nlevels = ["Famille"]\n',
        ),
        "",
        {
            "sku": "A1",
            "attribute_set_code": "Default",
            "product_type": "simple",
            "categories": "Default Category/Maison",
            "name": "Bol",
            "product_online": "1",
            "tax_class_name": "x",
            "price": "12.5",
        },
        {"sku": "A2", "name": "Tasse", "price": "3"},
    ),
    "bigcommerce": (
        PLAIN.format(
            more=LISTED,
            fields="",
            tables='[shops.articles.categories]\nsupplementary = "xx_verrou"\nsupplementary_by = "id"\n',
        ),
        "Item,ID,SKU\nProduct,112,A2\n",
        {
            "Item": "Product",
            "ID": "",
            "Name": "Bol",
            "Type": "Physical",
            "SKU": "A1",
            "Price": "12.5",
            "Categories": "0",
            "Is Visible": "TRUE",
            "Tax Class": "x",
        },
        {"Item": "Product", "ID": "112", "Name": "Tasse", "SKU": "A2", "Price": "3"},
    ),
    "wix": (
        PLAIN.format(more=LISTED, fields="", tables='[shops.articles.categories]\nlevels = ["Famille"]\n'),
        "handleId,fieldType,name,sku\nproduct_7,Product,Tasse de Wix,A2\n",
        {
            "handleId": "a1",
            "fieldType": "Product",
            "name": "Bol",
            "collection": "Maison",
            "sku": "A1",
            "price": "12.5",
            "visible": "true",
        },
        {"handleId": "product_7", "fieldType": "Product", "name": "Tasse", "sku": "A2", "price": "3"},
    ),
}


@pytest.mark.parametrize("platform", OTHERS)
def test_shp_1_each_platform_has_its_file_of_new_and_of_changed_products(tmp_path, platform):
    own, listing, new, changed = OTHERS[platform]
    at = shops(tmp_path, ("a", platform, own))
    (home(at) / "exports" / "products.csv").write_text(listing, encoding="utf-8")
    if not listing:  # what was told is what the shop has
        leave(at, "articles.csv", extract(A2.replace("Tasse", "Verre")))
        run(at)
        told(at)
    leave(at, "articles.csv", extract(A1, A2))
    assert run(at).written == 2
    [[name, rows], [other, others]] = sorted(told(at).items())
    assert (name.rpartition("_")[2], rows) == ("changed", [changed])
    assert (other.rpartition("_")[2], others) == ("new", [new])


@pytest.mark.parametrize("task", [ACTIVATE, IMAGES, DOCUMENTS], ids=lambda task: task.name)
def test_cat_4_a_locked_article_keeps_its_images_documents_and_state(tmp_path, task):
    table = '\nplace = "photos"\nbase_url = "https://shop.example"\n' if task is not ACTIVATE else ""
    at = prestashop(tmp_path, 'locked_column = "xx_verrou"', f"[shops.{task.name}]{table}")
    kind, data = ("pdf", b"%PDF-1.4\n%%EOF") if task is DOCUMENTS else ("jpg", photo(1))
    for reference in ("A1", "A2"):
        put_at(at, f"{reference}/1.{kind}", data)
    columns = HEADER + ";Statut"
    leave(at, "articles.csv", extract(f"{A1};0", f"{A2};0".replace(";0;Cup", ";1;Cup"), header=columns))
    found = run(at, task=task)
    assert (found.written, codes(found)["article-locked"]) == (1, 1)

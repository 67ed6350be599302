"""Products with variants against the platforms' own samples, cell by cell (CAT-17, SHP-1)."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pandas as pd
import pytest

from passerelle import money, outcome
from passerelle.exchange.articles import Content
from passerelle.exchange.mappings import MAPPINGS
from passerelle.exchange.product_cells import NOTATIONS, shop_rows
from passerelle.exchange.shop_options.variants import VariantOptions
from passerelle.exchange.variant_cells import LAYOUTS, first_alone, laid_out
from passerelle.exchange.variant_products import with_variants
from passerelle.exchange.variants import grouped
from passerelle.formats.registry import formats
from passerelle.formats.writer import write
from passerelle.model.products import PRODUCT_CATEGORIES, PRODUCT_FEATURES, PRODUCT_LINKS, PRODUCT_TEXTS, PRODUCTS
from passerelle.model.variants import VARIANTS

PRESTASHOP_8 = (
    "Product ID*;Attribute (Name:Type:Position)*;Value (Value:Position)*;Supplier reference;Reference;EAN13;ISBN;"
    "UPC;Wholesale price;Impact on price;Ecotax;Quantity;Minimal quantity;Low stock level;Impact on weight;"
    "Default (0 = No, 1 = Yes);Combination available date;Image position;Image URLs (x,y,z...);"
    "Image alt texts (x,y,z...);ID / Name of shop;Advanced Stock Managment;Depends on stock;Warehouse"
)
"""The header of PrestaShop's sample file since 8, of which there is no copy among the samples."""


def sample(path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    delimiter = ";" if text.splitlines()[0].count(";") > 3 else ","
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def laid(platform: str, articles: list[dict[str, object]], variants: list[dict[str, str]], types=None):
    """Group articles, and lay them out for a platform; give the rows and what was said."""
    products = PRODUCTS.of({"kind": "simple", "is_active": True, **row} for row in articles)
    tables = {name: mapping.empty() for name, mapping in MAPPINGS.items()}
    labels = pd.DataFrame({"article": products["article"], "label": products["name"]})
    made = grouped(VARIANTS.of(variants), labels, VariantOptions(incomplete="send"), tables, shop="x")
    kept = products[products["article"].isin(made.rows["article"])]
    empty = [table.empty() for table in (PRODUCT_TEXTS, PRODUCT_CATEGORIES, PRODUCT_FEATURES, PRODUCT_LINKS)]
    found = with_variants(Content(kept, *empty, outcome.none(), {}), made.rows)
    rows, said = shop_rows(found, NOTATIONS[platform])
    rows, marked = laid_out(rows, found.components, LAYOUTS[platform], types or {})
    assert said.empty
    assert marked.empty
    rows = rows.assign(shop_handle=rows["parent"], shop_name=rows["name"], is_added=False)
    return first_alone(rows, LAYOUTS[platform]), made.outcomes


def written(name: str, rows: pd.DataFrame, titles: list[str]) -> list[dict[str, str]]:
    descriptor = formats().get(name)
    fields = tuple(one for one in descriptor.fields if one.title in titles)
    assert [one.title for one in fields] == titles
    done = write(replace(descriptor, fields=fields), rows)
    assert done.outcomes.empty
    return list(csv.DictReader(io.StringIO(done.data.decode("utf-8-sig")), delimiter=descriptor.delimiter))


def pairs(names: list[str], values: list[str]) -> dict[str, str]:
    found = {}
    for number, (name, value) in enumerate(zip(names, values, strict=True), 1):
        found |= {f"attribute_{number}_name": name, f"attribute_{number}_value": value}
    return found


def header(name: str) -> list[str]:
    return [str(one["title"]) for one in formats().get(name).document["schema"]["fields"]]


def test_shp_1_prestashops_combinations_have_the_columns_of_its_samples_and_the_products_reference(samples):
    sixteen = [*sample(samples / "prestashop" / "ps16_combinations_import.csv")[0]]
    for name, columns in (
        ("prestashop/combinations_1_6", sixteen),
        ("prestashop/combinations", PRESTASHOP_8.split(";")),
    ):
        assert header(name) == [columns[0], "Product Reference", *columns[1:]]


def test_cat_17_prestashops_sample_of_combinations_is_written_cell_by_cell(samples):
    theirs = sample(samples / "prestashop" / "ps16_combinations_import.csv")
    articles, variants, types = [], [], {}
    for row in theirs:
        groups = [group.strip().split(":") for group in row["Attribute (Name:Type:Position)*"].split(",")]
        values = [value.strip().rsplit(":", 1)[0] for value in row["Value (Value:Position)*"].split(",")]
        types |= {name.casefold(): kind for name, kind, _ in groups}
        # The sample repeats references of product 3, and one of its combinations.
        article = row["Reference"] if row["Product ID*"] != "3" else f"{row['Reference']}-{len(articles)}"
        price = money.of(row["Impact on price"]) + money.of(100)
        more = {"cost_price": money.of(row["Wholesale price"]), "weight": money.of(1), "barcode": row["EAN13"]}
        articles.append({"article": article, "price": price, "supplier_reference": row["Supplier reference"], **more})
        variants.append(
            {"article": article, "parent": row["Product ID*"], **pairs([name for name, *_ in groups], values)}
        )
    rows, said = laid("prestashop", articles, variants, types)
    assert set(said["code"]) == {"variant-twice", "variant-product-refused"}
    titles = [
        "Product Reference", "Attribute (Name:Type:Position)*", "Value (Value:Position)*", "Supplier reference",
        "Reference", "EAN13", "Wholesale price", "Impact on price", "Impact on weight", "Default (0 = No, 1 = Yes)",
    ]  # fmt: skip
    ours = written("prestashop/combinations_1_6", rows[rows["kind"] == "variant"], titles)
    expected = [row for row in theirs if row["Product ID*"] != "3"]
    assert len(ours) == len(expected) == 23
    for mine, row in zip(ours, expected, strict=True):
        assert mine["Product Reference"] == row["Product ID*"]
        bare = [part.strip().rsplit(":", 1)[0] for part in row["Attribute (Name:Type:Position)*"].split(",")]
        assert mine["Attribute (Name:Type:Position)*"].split(", ") == bare
        bare = [part.strip().rsplit(":", 1)[0] for part in row["Value (Value:Position)*"].split(",")]
        assert mine["Value (Value:Position)*"].split(", ") == bare
        assert {title: mine[title] for title in titles[3:9]} == {title: row[title] for title in titles[3:9]}
    assert [row["Default (0 = No, 1 = Yes)"] for row in ours].count("1") == 3


def test_cat_17_woocommerces_sample_of_variations_is_written_cell_by_cell(samples):
    theirs = {row["SKU"]: row for row in sample(samples / "woocommerce" / "sample_products_bom_lbs.csv")}
    own = [row for row in theirs.values() if row["Parent"] == "woo-hoodie"]
    articles = [{"article": row["SKU"], "name": row["Name"], "price": money.of(row["Regular price"])} for row in own]
    names = ("Attribute 1 name", "Attribute 2 name"), ("Attribute 1 value(s)", "Attribute 2 value(s)")
    variants = [
        {
            "article": row["SKU"],
            "parent": row["Parent"],
            "label": "Hoodie",
            **pairs(*([row[title] for title in titles] for titles in names)),
        }
        for row in own
    ]
    rows, said = laid("woocommerce", articles, variants)
    assert said["code"].to_list() == ["combinations-missing-sent"]
    titles = ["Type", "SKU", "Name", "Regular price", "Parent", "Attribute 1 name", "Attribute 1 value(s)"]
    titles += ["Attribute 2 name", "Attribute 2 value(s)"]
    ours = written("woocommerce/products", rows, titles)
    assert [row["SKU"] for row in ours] == ["woo-hoodie", *(row["SKU"] for row in own)]
    for mine in ours:
        expected = {title: theirs[mine["SKU"]][title] for title in titles}
        # The order of a product's values is that of its variations; the sample's is by the alphabet.
        values = {title: sorted(cells.pop(title).split(", ")) for cells in (mine, expected) for title in names[1]}
        assert all(len(cell) for cell in values.values())
        assert mine == expected
    first = written("woocommerce/products", rows, titles)[0]
    assert sorted(first["Attribute 1 value(s)"].split(", ")) == ["Blue", "Green", "Red"]
    assert sorted(first["Attribute 2 value(s)"].split(", ")) == ["No", "Yes"]


def test_cat_17_magentos_sample_of_a_configurable_product_has_the_same_list(samples):
    theirs = {row["sku"]: row for row in sample(samples / "magento" / "catalog_product.csv")}
    configurable = next(row for row in theirs.values() if row["product_type"] == "configurable")
    parts = [
        dict(pair.split("=") for pair in one.split(",")) for one in configurable["configurable_variations"].split("|")
    ]
    articles = [{"article": one["sku"], "name": theirs[one["sku"]]["name"], "price": money.of(1)} for one in parts]
    variants = [
        {"article": one["sku"], "parent": configurable["sku"], **pairs(["size_strap"], [one["size_strap"]])}
        for one in parts
    ]
    rows, said = laid("magento", articles, variants)
    assert said.empty
    titles = ["sku", "product_type", "additional_attributes", "configurable_variations"]
    ours = written("magento/products", rows, titles)
    assert ours[-1] == {
        "sku": configurable["sku"],
        "product_type": "configurable",
        "additional_attributes": "",
        "configurable_variations": configurable["configurable_variations"],
    }
    for mine in ours[:-1]:
        assert mine["additional_attributes"] in theirs[mine["sku"]]["additional_attributes"]
        assert mine["product_type"] == theirs[mine["sku"]]["product_type"]


@pytest.mark.parametrize("handle", ["classic-varsity-top"])
def test_cat_17_shopifys_sample_of_variants_is_written_cell_by_cell(samples, handle):
    theirs = [row for row in sample(samples / "shopify" / "apparel.csv") if row["Handle"] == handle]
    head = theirs[0]
    articles = [
        {
            "article": f"A{number}",
            "price": money.of(row["Variant Price"]),
            "description": head["Body (HTML)"],
            "brand": head["Vendor"],
        }
        for number, row in enumerate(theirs)
    ]
    variants = [
        {
            "article": f"A{number}",
            "parent": handle,
            "label": head["Title"],
            **pairs([head["Option1 Name"]], [row["Option1 Value"]]),
        }
        for number, row in enumerate(theirs)
    ]
    rows, said = laid("shopify", articles, variants)
    assert said.empty
    titles = ["Title", "URL handle", "Description", "Vendor", "Option1 name", "Option1 value", "Price"]
    older = ["Title", "Handle", "Body (HTML)", "Vendor", "Option1 Name", "Option1 Value", "Variant Price"]
    ours = written("shopify/products", rows, titles)
    assert len(ours) == 3
    for number, (mine, row) in enumerate(zip(ours, theirs, strict=True)):
        expected = dict(zip(titles, (row[title] for title in older), strict=True))
        if number:  # the name of the option stands on every row of ours
            expected["Option1 name"] = head["Option1 Name"]
        assert mine == expected

"""The files by which shops import products, against the platforms' own samples: header, and cell by cell (SHP-1).

The content of each sample is entered as an extract of the ERP's articles, goes through the rules and the writer, and is
compared with the sample, column by column.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pytest

from passerelle import money
from passerelle.exchange.articles import NUMBERS, content
from passerelle.exchange.product_cells import NOTATIONS, shop_rows
from passerelle.exchange.shop_options.articles import ArticleOptions
from passerelle.formats.registry import formats
from passerelle.formats.writer import write
from passerelle.model.catalogue import CATALOGUE
from passerelle.model.products import PRODUCT_LINKS

SHOPIFY = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,"
    "Option1 name,Option1 value,Option1 Linked To,Option2 name,Option2 value,Option2 Linked To,Option3 name,"
    "Option3 value,Option3 Linked To,Price,Compare-at price,Cost per item,Charge tax,Tax code,Unit price total measure,"
    "Unit price total measure unit,Unit price base measure,Unit price base measure unit,Inventory tracker,"
    "Inventory quantity,Continue selling when out of stock,Weight value (grams),Weight unit for display,"
    "Requires shipping,Fulfillment service,Product image URL,Image position,Image alt text,Variant image URL,Gift card,"
    "SEO title,SEO description"
)
BIGCOMMERCE = (
    "Item,ID,Name,Type,SKU,Options,Inventory Tracking,Current Stock,Low Stock,Price,Cost Price,Retail Price,Sale Price,"
    "Brand ID,Channels,Categories,Description,Custom Fields,Page Title,Product URL,Meta Description,Search Keywords,"
    "Meta Keywords,Bin Picking Number,UPC/EAN,Global Trade Number,Manufacturer Part Number,Free Shipping,"
    "Fixed Shipping Cost,Weight,Width,Height,Depth,Is Visible,Is Featured,Warranty,Tax Class,Product Condition,"
    "Show Product Condition,Sort Order,Variant Image URL,Internal Image URL (Export),Image URL (Import),"
    "Image Description,Image is Thumbnail,Image Sort Order,YouTube ID,Video Title,Video Description,Video Sort Order"
)
WIX = (
    "handleId,fieldType,name,description,productImageUrl,collection,sku,ribbon,price,surcharge,visible,discountMode,"
    "discountValue,inventory,weight,cost,"
    + ",".join(f"productOptionName{n},productOptionType{n},productOptionDescription{n}" for n in range(1, 7))
    + ","
    + ",".join(f"additionalInfoTitle{n},additionalInfoDescription{n}" for n in range(1, 7))
    + ",customTextField1,customTextCharLimit1,customTextMandatory1,customTextField2,customTextCharLimit2,"
    "customTextMandatory2,brand"
)
"""Headers as the vendors' pages and real exports have them, where no sample file has the layout."""


def titles(name: str) -> list[str]:
    """Give the labels of a format, those of columns without a value too."""
    return [str(field["title"]) for field in formats().get(name).document["schema"]["fields"]]


def sample(path) -> pd.DataFrame:
    text = path.read_bytes().decode("utf-8-sig")
    delimiter = ";" if text.splitlines()[0].count(";") > 3 else ","
    first, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    return pd.DataFrame(rows, columns=first, dtype="str")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("prestashop/products", "prestashop/ps8_products_import.csv"),
        ("prestashop/products_1_6", "prestashop/ps16_products_import.csv"),
        ("magento/products", "magento/catalog_product.csv"),
    ],
)
def test_shp_1_the_header_is_that_of_the_platforms_own_sample(samples, name, path):
    header = [*sample(samples / path).columns]
    assert titles(name)[: len(header)] == header


@pytest.mark.parametrize(
    ("name", "columns"), [("shopify/products", SHOPIFY), ("bigcommerce/products", BIGCOMMERCE), ("wix/products", WIX)]
)
def test_shp_1_the_header_is_the_documented_one(name, columns):
    header = columns.split(",")
    assert titles(name)[: len(header)] == header


@pytest.mark.parametrize(("version", "limits"), [("", (64, 64, 255, 512)), ("_1_6", (32, 32, 128, 255))])
def test_shp_1_prestashops_limits_are_those_of_its_version(version, limits):
    """What is longer PrestaShop refuses, when the shop already counts as told of it."""
    products, combinations = (formats().get(f"prestashop/{name}{version}") for name in ("products", "combinations"))
    names = ("article", "supplier_reference", "meta_title", "meta_description")
    assert tuple(products.field(name).max_length for name in names) == limits
    assert [combinations.field(name).max_length for name in ("parent", *names[:2])] == [limits[0]] * 3


@pytest.mark.parametrize("path", ["sample_products_bom_lbs.csv", "importer_sample.csv"])
def test_shp_1_woocommerces_columns_stand_in_the_order_of_its_own_samples(samples, path):
    """Units are the shop's, ``Position`` and what is grouped stood elsewhere in older versions; Meta is not ours."""

    def known(label: str) -> str:
        return re.sub(r" \(\w+\)$", "", label).casefold()

    ours = [known(label) for label in titles("woocommerce/products")]
    theirs = [known(label) for label in sample(samples / "woocommerce" / path).columns]
    common = [label for label in theirs if label in ours and "attribute" not in label]
    moved = {"grouped products"} if path.startswith("importer") else set()
    assert [label for label in common if label not in moved] == [
        label for label in ours if label in common and label not in moved
    ]
    assert {label for label in theirs if label not in ours and not label.startswith(("meta", "download"))} == set()


def articles(rows: pd.DataFrame, columns: dict[str, str], **more: pd.Series) -> pd.DataFrame:
    """Enter a sample as an extract: columns of the sample by what of a product they are."""
    given = {
        columns[name]: money.parse(rows[columns[name]].str.replace(r"^\.", "0.", regex=True))[0]
        for name in NUMBERS
        if name in columns
    }
    given |= {label: rows[label] for name, label in columns.items() if name not in NUMBERS}
    table = CATALOGUE.conform(pd.DataFrame({"article": rows[columns["article"]]}))
    return table.assign(**given, **more)


def written(name: str, found, settings: dict[str, str], kinds: set[str]) -> pd.DataFrame:
    """Write products with the columns of these sources, and read the file as plain cells."""
    rows, said = shop_rows(found, NOTATIONS[name.split("/", maxsplit=1)[0]])
    assert said.empty
    descriptor = formats().get(name, settings)
    fields = tuple(one for one in descriptor.fields if one.constant is not None or one.source in kinds)
    done = write(replace(descriptor, fields=fields), rows)
    assert done.outcomes.empty
    text = done.data.decode("utf-8-sig")
    first, *cells = csv.reader(io.StringIO(text), delimiter=descriptor.delimiter)
    return pd.DataFrame(cells, columns=first, dtype="str")


def plain(cell: str) -> str:
    """Give what counts of a cell: numbers by their value."""
    return f"{Decimal(cell).normalize():f}" if re.fullmatch(r"-?\d*\.?\d+", cell) else cell


def options(columns: dict[str, str], **more) -> ArticleOptions:
    return ArticleOptions(fields={name: label for name, label in columns.items() if name != "article"}, **more)


def same_rule(codes: pd.Series) -> pd.DataFrame:
    """Map each VAT code to the rule of the same name."""
    met = codes.unique()
    return pd.DataFrame({"shop": "*", "vat_code": met, "tax_rule": met}, dtype="str")


PRESTASHOP = {
    "article": "Reference #",
    "name": "Name *",
    "vat_code": "Tax rules ID",
    "cost_price": "Wholesale price",
    "supplier_reference": "Supplier reference #",
    "supplier": "Supplier",
    "brand": "Manufacturer",
    "barcode": "EAN13",
    "width": "Width",
    "height": "Height",
    "depth": "Depth",
    "weight": "Weight",
    "description": "Description",
    "tags": "Tags (x,y,z...)",
    "meta_title": "Meta title",
    "meta_keywords": "Meta keywords",
    "meta_description": "Meta description",
    "permalink": "URL rewritten",
}


@pytest.mark.parametrize(
    ("name", "path", "summary", "price"),
    [
        ("prestashop/products", "ps8_products_import.csv", "Summary", "Price tax excluded"),
        (
            "prestashop/products_1_6",
            "ps16_products_import.csv",
            "Short description",
            "Price tax excluded or Price tax included",
        ),
    ],
)
def test_shp_1_prestashops_sample_is_written_cell_by_cell(samples, name, path, summary, price):
    theirs = sample(samples / "prestashop" / path)
    columns = {**PRESTASHOP, "summary": summary, "price": price}
    chosen = options(columns, categories={"levels": ["Categories (x,y,z...)"]})
    extract = articles(theirs, columns, **{"Categories (x,y,z...)": theirs["Categories (x,y,z...)"]})
    found = content(extract, same_rule(theirs["Tax rules ID"]), chosen, shop="x")
    # HTML stands in the sample's texts already.
    found = replace(found, products=found.products.assign(summary=theirs[summary], description=theirs["Description"]))
    told = {*columns, "tax_rule", "categories", "is_active"}
    constant = {
        field.name: theirs[field.title].iloc[0]
        for field in formats().get(name).offered
        if len({*theirs[field.title]}) == 1 and theirs[field.title].iloc[0]
    }
    ours = written(name, found, constant, told)
    assert len(ours.columns) > 30
    for label in ours:
        expected = theirs[label]
        if label == "URL rewritten":  # small letters, no hyphens side by side
            expected = expected.str.lower().str.replace("-+", "-", regex=True)
        assert [*map(plain, ours[label])] == [*map(plain, expected)], label


WOOCOMMERCE = {
    "article": "SKU",
    "name": "Name",
    "vat_code": "Tax class",
    "price": "Regular price",
    "weight": "Weight (lbs)",
    "depth": "Length (in)",
    "width": "Width (in)",
    "height": "Height (in)",
    "tags": "Tags",
}


def test_shp_1_woocommerces_simple_products_are_written_cell_by_cell(samples):
    theirs = sample(samples / "woocommerce" / "sample_products_bom_lbs.csv")
    theirs = theirs[theirs["Type"] == "simple"].reset_index(drop=True)
    levels = theirs["Categories"].str.split(" > ", expand=True).fillna("")
    chosen = options(
        WOOCOMMERCE,
        features={"Color": "Attribute 1 value(s)"},
        categories={"levels": ["level 0", "level 1"]},
    )
    own = {"level 0": levels[0], "level 1": levels[1], "Attribute 1 value(s)": theirs["Attribute 1 value(s)"]}
    found = content(
        articles(theirs, WOOCOMMERCE, **own), same_rule(pd.Series(["x"])), chosen, shop="x", has_tax_rule=False
    )
    images = theirs["Images"].str.replace(", ", " ", regex=False)
    found = replace(found, products=found.products.assign(description=theirs["Description"], images=images))
    told = {*WOOCOMMERCE, "shop_kind", "categories", "is_active", "description", "images"}
    told |= {"feature_1_name", "feature_1_value"}
    constant = {"tax_status": "taxable", "allow_customer_reviews": "1", "in_stock": "1", "feature_1_visible": "1"}
    constant |= {f"attribute_{number}_global": "" for number in range(1, 6)}  # of variants
    ours = written("woocommerce/products", found, {**constant, "feature_1_global": "1"}, told)
    labels = {"Weight (kg)": "Weight (lbs)"} | {
        f"{size} (cm)": f"{size} (in)" for size in ("Length", "Width", "Height")
    }
    assert len(ours.columns) == 20
    for label in ours:
        own_label = labels.get(label, label.replace("Attribute 6", "Attribute 1"))
        expected = theirs[own_label]
        if own_label.endswith(("visible", "global")):  # ours of products without the attribute too; it is not read then
            expected = expected.mask(expected == "", "1")
        assert [*map(plain, ours[label])] == [*map(plain, expected)], label


MAGENTO = {
    "article": "sku",
    "name": "name",
    "vat_code": "tax_class_name",
    "price": "price",
    "weight": "weight",
    "meta_title": "meta_title",
    "meta_keywords": "meta_keywords",
    "meta_description": "meta_description",
    "permalink": "url_key",
}


def test_shp_1_magentos_simple_products_are_written_cell_by_cell(samples):
    theirs = sample(samples / "magento" / "catalog_product.csv")
    theirs = theirs[theirs["product_type"] == "simple"].reset_index(drop=True)
    paths = theirs["categories"].str.replace("Default Category/", "", regex=False)
    names = ["has_options", "required_options", "size_strap"]
    values = theirs["additional_attributes"].str.extract(r"has_options=(.*),required_options=(.*),size_strap=(.*)")
    chosen = options(
        MAGENTO,
        features={name: name for name in names},
        categories={"supplementary": "paths", "separator": "|"},
    )
    own = {"paths": paths} | {name: values[place] for place, name in enumerate(names)}
    found = content(articles(theirs, MAGENTO, **own), same_rule(theirs["tax_class_name"]), chosen, shop="x")
    links = [
        {"article": row.sku, "linked_article": other, "kind": kind, "position": place}
        for row in theirs.itertuples()
        for kind, cell in (("cross-sell", row.crosssell_skus), ("up-sell", row.upsell_skus))
        for place, other in enumerate(cell.split(","), 1)
    ]
    images = theirs["additional_images"].str.replace(",", " ", regex=False)
    found = replace(
        found,
        products=found.products.assign(description=theirs["description"], images=images),
        links=PRODUCT_LINKS.of(links),
    )
    told = {*MAGENTO, "tax_rule", "shop_kind", "categories", "features", "is_active", "description", "images", "cover"}
    told |= {"cross_sells", "up_sells"}
    constant = {"product_websites": "base", "visibility": "Catalog, Search", "attribute_set_code": "Sprite Yoga Strap"}
    ours = written("magento/products", found, constant, told)
    for label in ours:
        expected = theirs[label]
        if label == "categories":  # the sample is of 2.0, whose categories stand between bars
            expected = expected.str.replace("|", ",", regex=False)
        assert [*map(plain, ours[label])] == [*map(plain, expected)], label


def test_shp_1_a_catalogue_of_bags_goes_into_every_platforms_file(samples):
    """Another real catalogue, in a layout of its own, as an extract: what every file says of it."""
    bags = sample(samples / "magento" / "products_gear_bags.csv")
    columns = {"article": "sku", "name": "name", "price": "price", "tags": "activity", "vat_code": "attribute_set"}
    levels = bags["category"].str.split("\n", expand=True).fillna("")
    chosen = options(columns, categories={"levels": ["0", "1"]})
    extract = articles(bags, columns, **{"0": levels[0], "1": levels[1]})
    found = content(extract, same_rule(bags["attribute_set"]), chosen, shop="x", has_tax_rule=False)
    wanted = {
        "prestashop": "Gear/Bags",
        "woocommerce": "Gear > Bags",
        "magento": "Default Category/Gear/Bags",
        "wix": "Bags",
    }
    for platform, cell in wanted.items():
        rows, said = shop_rows(found, NOTATIONS[platform])
        assert said.empty
        assert set(rows["categories"]) == {cell}
        done = write(
            formats().get(f"{platform}/products"), rows.assign(shop_handle=rows["article"], shop_name=rows["name"])
        )
        assert (done.rows, len(done.outcomes)) == (len(bags), 0)

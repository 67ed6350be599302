"""The files by which shops are told prices, and what is for sale, beside what the platforms themselves give (SHP-1)."""

from __future__ import annotations

import json

import pytest
from test_formats_shop_stock import BIGCOMMERCE, WIX, header, labels

from passerelle import money
from passerelle.formats.descriptor import label_key
from passerelle.formats.reader import read
from passerelle.formats.registry import formats
from passerelle.formats.writer import write
from passerelle.model.prices import SPECIFIC_PRICES

SHOPIFY = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,"
    "Option1 name,Option1 value,Option1 Linked To,Option2 name,Option2 value,Option2 Linked To,Option3 name,"
    "Option3 value,Option3 Linked To,Price,Compare-at price,Cost per item"
)
SHOPIFY_OLD = "shopify/product_template.csv"


@pytest.mark.parametrize("kind", ["prices", "activation"])
@pytest.mark.parametrize(
    ("platform", "sample", "delimiter"),
    [
        ("prestashop", "prestashop/ps8_products_import.csv", ";"),
        ("woocommerce", "woocommerce/importer_sample.csv", ","),
        ("woocommerce", "woocommerce/sample_products_bom_lbs.csv", ","),
        ("magento", "magento/catalog_product.csv", ","),
    ],
)
def test_shp_1_every_column_stands_in_the_platforms_own_import_file_in_its_order(
    samples, platform, sample, delimiter, kind
):
    columns = header((samples / sample).read_bytes(), delimiter)
    ours = [
        label for label in labels(f"{platform}/{kind}") if label != "Price tax included"
    ]  # instead of the other one
    assert [label for label in columns if label in ours] == ours


@pytest.mark.parametrize("kind", ["prices", "activation"])
@pytest.mark.parametrize(("platform", "columns"), [("bigcommerce", BIGCOMMERCE), ("wix", WIX), ("shopify", SHOPIFY)])
def test_shp_1_every_column_stands_in_the_documented_header_in_its_order(platform, columns, kind):
    ours = labels(f"{platform}/{kind}")
    assert [label for label in columns.split(",") if label in ours] == ours


@pytest.mark.parametrize("kind", ["prices", "activation"])
def test_shp_1_shopifys_export_of_the_older_header_is_read_too(samples, kind):
    columns = {label_key(label) for label in header((samples / SHOPIFY_OLD).read_bytes(), ",")}
    lacking = [
        one.title
        for one in formats().get(f"shopify/{kind}").fields
        if not columns & {label_key(label) for label in (one.title, *one.aliases)}
    ]
    assert lacking == (["Status"] if kind == "activation" else [])


def test_shp_1_pri_2_prestashops_specific_prices_have_the_names_of_its_webservice(samples):
    [first, *_] = json.loads((samples / "prestashop-8.2-live/specific_prices.json").read_text())["specific_prices"]
    assert set(labels("prestashop/specific_prices")) - {*first} == {"reference", "deleted"}
    # What ours writes for a discount of 20 percent for everybody is what the shop answers.
    row = {"article": "A", "quantity_from": money.ONE, "is_percent": True, "discount_share": money.of("0.2")}
    table = formats().get("prestashop/specific_prices")
    written = write(table, SPECIFIC_PRICES.of([row])).data.decode().splitlines()
    ours = dict(zip(*(line.split(";") for line in written), strict=True))
    numbers = {"price", "reduction", "from_quantity"}
    assert {name: float(ours[name]) for name in numbers} == {name: float(first[name]) for name in numbers}
    for name in {*first} & {*ours} - numbers:
        assert ours[name] == first[name]


def test_shp_1_pri_4_bigcommerces_price_list_records_have_the_names_of_its_api(samples):
    records = json.loads((samples / "bigcommerce/price_lists__3__records__get_all.json").read_text())["data"]
    named = {name for record in records for name in record}
    named |= {name for record in records for tier in record["bulk_pricing_tiers"] for name in tier}
    assert set(labels("bigcommerce/specific_prices")) - named == {"sku", "deleted"}
    words = {tier["type"] for record in records for tier in record["bulk_pricing_tiers"]}
    assert words <= {*formats().get("bigcommerce/specific_prices").field("is_percent").true_values, "fixed"}


def test_shp_1_pri_2_magentos_own_advanced_pricing_is_read_and_written_back(samples):
    data = (samples / "magento/advanced_pricing.csv").read_bytes()
    descriptor = formats().get("magento/specific_prices")
    columns = header(data, ",")
    assert [label for label in columns if label in labels(descriptor.name)] == labels(descriptor.name)[:-1]
    found = read(descriptor, data, name="advanced_pricing.csv").table
    assert found[["article", "group"]].to_numpy().tolist() == [["sku123", "General"], ["sku124", ""]]
    assert [money.decimal(amount) for amount in found["amount"]] == [10, 15]
    again = write(descriptor, found).data.decode().splitlines()
    assert again[2] == "sku124,All Websites [EUR],ALL GROUPS,3,15.00,"

"""The files by which shops are told their stock, beside what the platforms themselves give (SHP-1)."""

from __future__ import annotations

import csv
import io

import pytest

from passerelle.formats.reader import read
from passerelle.formats.registry import formats
from passerelle.formats.writer import write

SHOPIFY = (
    "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,SKU,HS Code,COO,"
    "Location,Bin name,Incoming (not editable),Unavailable (not editable),Committed (not editable),"
    "Available (not editable),On hand (current),On hand (new)"
)
BIGCOMMERCE = (
    "Item,ID,Name,Type,SKU,Options,Inventory Tracking,Current Stock,Low Stock,Price,Cost Price,Retail Price,Sale Price,"
    "Brand ID,Channels,Categories,Description,Custom Fields,Page Title,Product URL,Meta Description,Search Keywords,"
    "Meta Keywords,Bin Picking Number,UPC/EAN,Global Trade Number,Manufacturer Part Number,Free Shipping,"
    "Fixed Shipping Cost,Weight,Width,Height,Depth,Is Visible,Is Featured"
)
WIX = (
    "handleId,fieldType,name,description,productImageUrl,collection,sku,ribbon,price,surcharge,visible,discountMode,"
    "discountValue,inventory,weight,cost,"
    + ",".join(f"productOptionName{n},productOptionType{n},productOptionDescription{n}" for n in range(1, 7))
)
"""Headers as the vendors' pages and real exports have them."""


def labels(name: str) -> list[str]:
    return [field.title for field in formats().get(name).fields]


def header(data: bytes, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=delimiter))


@pytest.mark.parametrize(
    ("name", "sample", "delimiter"),
    [
        ("prestashop/stock", "prestashop/ps16_products_import.csv", ";"),
        ("prestashop/stock", "prestashop/ps8_products_import.csv", ";"),
        ("woocommerce/stock", "woocommerce/importer_sample.csv", ","),
        ("woocommerce/stock", "woocommerce/sample_products_bom_lbs.csv", ","),
    ],
)
def test_shp_1_every_column_stands_in_the_platforms_own_import_file_in_its_order(samples, name, sample, delimiter):
    columns = header((samples / sample).read_bytes(), delimiter)
    assert [label for label in columns if label in labels(name)] == labels(name)


@pytest.mark.parametrize(("name", "columns"), [("bigcommerce/stock", BIGCOMMERCE), ("wix/stock", WIX)])
def test_shp_1_every_column_stands_in_the_documented_header_in_its_order(name, columns):
    assert [label for label in columns.split(",") if label in labels(name)] == labels(name)


def test_shp_1_shopifys_inventory_has_all_its_columns():
    assert labels("shopify/stock") == SHOPIFY.split(",")


@pytest.mark.parametrize("sample", ["stock_sources.csv", "stock_export_full.csv"])
def test_shp_1_magentos_own_stock_sources_are_read_and_written_back(samples, sample):
    data = (samples / "magento" / sample).read_bytes()
    descriptor = formats().get("magento/stock")
    assert header(data, ",") == labels("magento/stock")
    found = read(descriptor, data, name=sample)
    assert found.outcomes.empty
    written = read(descriptor, write(descriptor, found.table).data, name=sample)
    assert written.table.drop(columns="line").equals(found.table.drop(columns="line"))

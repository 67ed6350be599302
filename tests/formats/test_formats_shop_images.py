"""The files by which shops are told of images, beside what the platforms themselves give (IMG-3)."""

from __future__ import annotations

import csv
import io

import pytest

from passerelle.formats.registry import formats

SHOPIFY = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,"
    "Product image URL,Image position,Image alt text,Variant image URL,Gift card"
)
BIGCOMMERCE = (
    "Item,ID,Name,Type,SKU,Options,Variant Image URL,Internal Image URL (Export),Image URL (Import),Image Description,"
    "Image is Thumbnail,Image Sort Order,YouTube ID"
)
WIX = "handleId,fieldType,name,description,productImageUrl,collection,sku,ribbon,price"
"""Parts of the headers as the vendors' pages and real exports have them."""


def labels(name: str) -> list[str]:
    return [field.title for field in formats().get(name).fields]


@pytest.mark.parametrize(
    ("name", "sample", "delimiter"),
    [
        ("prestashop/images", "prestashop/ps8_products_import.csv", ";"),
        ("woocommerce/images", "woocommerce/importer_sample.csv", ","),
        ("woocommerce/images", "woocommerce/sample_products_bom_lbs.csv", ","),
        ("magento/images", "magento/catalog_product.csv", ","),
    ],
)
def test_img_3_every_column_stands_in_the_platforms_own_import_file_in_its_order(samples, name, sample, delimiter):
    text = (samples / sample).read_bytes().decode("utf-8-sig")
    columns = next(csv.reader(io.StringIO(text), delimiter=delimiter))
    assert [label for label in columns if label in labels(name)] == labels(name)


def test_img_3_the_columns_of_prestashop_1_6_lack_only_the_alt_texts(samples):
    text = (samples / "prestashop" / "ps16_products_import.csv").read_text("utf-8-sig")
    columns = next(csv.reader(io.StringIO(text), delimiter=";"))
    assert set(labels("prestashop/images")) - set(columns) == {"Image alt texts (x,y,z...)"}


@pytest.mark.parametrize(
    ("name", "columns"), [("shopify/images", SHOPIFY), ("bigcommerce/images", BIGCOMMERCE), ("wix/images", WIX)]
)
def test_img_3_every_column_stands_in_the_documented_header_in_its_order(name, columns):
    assert [label for label in columns.split(",") if label in labels(name)] == sorted(
        labels(name), key=columns.split(",").index
    )
    assert set(labels(name)) <= set(columns.split(","))

"""The published query runs on PrestaShop's tables and gives the columns of its format (SHP-1).

The tables are those of PrestaShop 8 (install-dev/data/db_structure.sql), cut to columns that some query could name;
SQLite plays MySQL, with the functions it lacks.
"""

from __future__ import annotations

import csv
import io
import re
import sqlite3

import pandas as pd
import pytest

from passerelle.formats.reader import read

TABLES = {
    "orders": "id_order reference id_shop id_carrier id_lang id_customer id_currency id_address_delivery "
    "id_address_invoice current_state payment conversion_rate module total_discounts_tax_incl "
    "total_discounts_tax_excl total_paid_tax_incl total_paid_tax_excl total_paid_real total_shipping_tax_incl "
    "total_shipping_tax_excl carrier_tax_rate total_wrapping_tax_incl total_wrapping_tax_excl invoice_number "
    "invoice_date date_add date_upd",
    "order_detail": "id_order_detail id_order product_id product_reference product_name product_quantity "
    "total_price_tax_incl total_price_tax_excl unit_price_tax_incl unit_price_tax_excl ecotax ecotax_tax_rate",
    "currency": "id_currency iso_code",
    "configuration": "name value id_shop id_shop_group",
    "carrier": "id_carrier name",
    "order_payment": "id_order_payment order_reference date_add",
    "order_cart_rule": "id_order_cart_rule id_order name free_shipping deleted",
    "customer": "id_customer id_gender id_default_group company siret firstname lastname email is_guest",
    "gender_lang": "id_gender id_lang name",
    "group_lang": "id_group id_lang name",
    "lang": "id_lang iso_code",
    "address": "id_address id_country id_state company lastname firstname address1 address2 postcode city other phone "
    "phone_mobile vat_number",
    "country": "id_country iso_code",
    "state": "id_state name",
    "product": "id_product reference",
    "order_detail_tax": "id_order_detail id_tax",
    "tax": "id_tax rate",
    "tax_lang": "id_tax id_lang name",
}


@pytest.fixture
def shop():
    base = sqlite3.connect(":memory:")
    base.create_function("IF", 3, lambda condition, yes, no: yes if condition else no)
    base.create_function("LEAST", -1, min)
    base.create_function("GREATEST", -1, max)
    for table, columns in TABLES.items():
        base.execute(f"CREATE TABLE ps_{table} ({', '.join(columns.split())})")

    def add(table, **row):
        marks = ", ".join("?" * len(row))
        insert = f"INSERT INTO ps_{table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - the test's own names
        base.execute(insert, list(row.values()))

    amounts = {name: 0 for name in TABLES["orders"].split() if name.startswith("total_")}
    order = {
        "id_shop": 1,
        "id_carrier": 4,
        "id_lang": 1,
        "id_currency": 2,
        "current_state": 2,
        "payment": "Carte",
        "module": "ps_checkout",
        "conversion_rate": "1.100000",
        "id_customer": 7,
        "reference": "XKBKNABJK",
        "id_address_invoice": 1,
        "id_address_delivery": 2,
        "carrier_tax_rate": "20.000",
        "invoice_number": 0,
        "invoice_date": "0000-00-00 00:00:00",
        "date_add": "2026-01-31 10:00:00",
        "date_upd": "2026-01-31 10:05:00",
    }
    paid = {
        "total_paid_tax_incl": 50,
        "total_paid_tax_excl": 41.67,
        "total_shipping_tax_incl": 6,
        "total_shipping_tax_excl": 5,
    }
    add(
        "orders",
        id_order=12,
        **{**amounts, **order, **paid, "total_discounts_tax_incl": 8, "total_discounts_tax_excl": 6.67},
    )
    wrapped = {"total_wrapping_tax_incl": 2, "total_wrapping_tax_excl": 1.666667, "date_upd": "2025-12-31 00:00:00"}
    add("orders", id_order=13, **{**amounts, **order, **wrapped})
    for number in (25, 26):
        add(
            "order_detail",
            id_order_detail=number,
            id_order=12,
            product_id=5,
            product_reference=f"R{number}",
            product_name="Thé; vert",
            product_quantity=2,
            total_price_tax_incl="24.000000",
            total_price_tax_excl="20.000000",
            ecotax="0.250000",
            ecotax_tax_rate="20.000",
        )
    add(
        "order_detail",
        id_order_detail=27,
        id_order=13,
        product_id=5,
        product_name="x",
        product_quantity=1,
        total_price_tax_incl=1,
        total_price_tax_excl=1,
    )
    add("order_detail_tax", id_order_detail=25, id_tax=1)
    add("order_detail_tax", id_order_detail=26, id_tax=2)
    add("order_detail_tax", id_order_detail=26, id_tax=3)
    for number, rate in ((1, 20), (2, 5.5), (3, 8)):
        add("tax", id_tax=number, rate=rate)
        add("tax_lang", id_tax=number, id_lang=1, name=f"TVA {rate}")
    for number in (1, 2):
        add(
            "order_payment",
            id_order_payment=number,
            order_reference="XKBKNABJK",
            date_add=f"2026-01-31 10:0{number}:00",
        )
        add("order_cart_rule", id_order_cart_rule=number, id_order=12, name="Port", free_shipping=1, deleted=0)
        add(
            "order_cart_rule", id_order_cart_rule=3 + number, id_order=12, name=f"B{number}", free_shipping=0, deleted=0
        )
    add("order_cart_rule", id_order_cart_rule=3, id_order=13, free_shipping=1, deleted=1)
    add("currency", id_currency=1, iso_code="EUR")
    add("currency", id_currency=2, iso_code="USD")
    add("configuration", name="PS_CURRENCY_DEFAULT", value=1)
    add("carrier", id_carrier=4, name="Colissimo")
    add("product", id_product=5, reference="R")
    add("lang", id_lang=1, iso_code="fr")
    add("gender_lang", id_gender=2, id_lang=1, name="Mme")
    add("group_lang", id_group=3, id_lang=1, name="Client")
    add(
        "customer",
        id_customer=7,
        id_gender=2,
        id_default_group=3,
        firstname="Zoé",
        lastname="Lefèvre",
        email="zoe@example.com",
        is_guest=0,
    )
    add("country", id_country=8, iso_code="FR")
    add("state", id_state=9, name="Sicile")
    add("address", id_address=1, id_country=8, lastname="Lefèvre", city="Nice", postcode="06000")
    add("address", id_address=2, id_country=8, id_state=9, city="Palerme")
    return base


def exported(shop, query):
    rows = shop.execute(query)
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";")
    writer.writerow([column[0] for column in rows.description])
    writer.writerows(rows)
    return file.getvalue().encode()


def test_shp_1_the_published_query_gives_the_columns_of_its_format(built_in, shop):
    descriptor = built_in.get("prestashop/orders_sql")
    query = re.search(r"```sql\n(.*?)```", descriptor.notes, re.DOTALL)[1]
    result = read(descriptor, exported(shop, query), name="orders.csv")
    assert result.outcomes.empty, result.outcomes.to_string()
    assert (result.absent, result.unused) == ((), ()), "exactly these columns"
    table = result.table
    assert table["id_order_detail"].tolist() == ["25", "26"], "changed since the date asked for only"
    assert table["tax_rate"].tolist() == [20_000_000, 13_500_000], "neither payments nor vouchers multiply the rates"
    assert table["tax_name"].tolist()[0] == "TVA 20"
    first = table.iloc[0]
    assert first["product_name"] == "Thé; vert"
    assert (first["discount_shipping_tax_incl"], first["discount_shipping_tax_excl"]) == (6_000_000, 5_000_000)
    assert (first["discount_shipping_name"], first["discount_name"]) == ("Port", "B1,B2")
    assert (first["ecotax"], first["ecotax_tax_rate"]) == (250_000, 20_000_000)
    assert (first["currency"], first["shop_currency"], first["conversion_rate"]) == ("USD", "EUR", 1_100_000)
    assert first["invoice_number"] == ""
    assert first["invoice_date"] is pd.NaT
    assert first["payment_date"] == pd.Timestamp("2026-01-31 10:01:00")
    assert (first["billing_city"], first["delivery_city"], first["delivery_state"]) == ("Nice", "Palerme", "Sicile")
    assert (first["customer_title"], first["customer_group"], first["customer_language"]) == ("Mme", "Client", "fr")
    assert not first["customer_is_guest"]

    older = read(descriptor, exported(shop, query.replace("2026-01-01", "2025-01-01")), name="orders.csv").table.iloc[
        -1
    ]
    assert (older["wrapping_tax_rate"], older["discount_shipping_tax_incl"]) == (20_000_000, 0), (
        "a deleted voucher is none"
    )


def test_shp_1_the_query_uses_nothing_that_the_sql_manager_refuses(built_in):
    """Its validator knows no sub-query in SELECT, no REPLACE and no INTERVAL (classes/RequestSql.php)."""
    query = re.search(r"```sql\n(.*?)```", built_in.get("prestashop/orders_sql").notes, re.DOTALL)[1]
    assert query.count("SELECT") == 1
    assert not re.search(r"\b(REPLACE|INTERVAL|INTO|UPDATE|DELETE|SET|CASE)\b", query)
    assert set(re.findall(r"\bps_(\w+)", query)) == set(TABLES)

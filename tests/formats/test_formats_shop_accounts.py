"""The files by which shops get customers, beside what the platforms themselves give (CLI-1, SHP-1)."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pandas as pd
import pytest

from passerelle.formats.reader import read
from passerelle.formats.registry import formats
from passerelle.formats.writer import write

PRESTASHOP_17 = (
    "Customer ID;Active (0/1);Titles ID (Mr = 1, Ms = 2, else 0);Email *;Password *;Birthday (yyyy-mm-dd);Last Name *;"
    "First Name *;Newsletter (0/1);Opt-in (0/1);Registration date (yyyy-mm-dd);Groups (x,y,z...);Default group ID"
)
SHOPIFY = (
    "First Name,Last Name,Email,Accepts Email Marketing,Company,Address1,Address2,City,Province,Province Code,Country,"
    "Country Code,Zip,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Tags,Note,Tax Exempt"
)
MAGENTO = (
    "email,_website,_store,confirmation,created_at,created_in,disable_auto_group_change,dob,firstname,gender,group_id,"
    "lastname,middlename,password_hash,prefix,rp_token,rp_token_created_at,store_id,suffix,taxvat,website_id,password"
)
MAGENTO_ADDRESSES = (
    "_website,_email,_entity_id,city,company,country_id,fax,firstname,lastname,middlename,postcode,prefix,region,region_id,"
    "street,suffix,telephone,vat_id,vat_is_valid,vat_request_date,vat_request_id,vat_request_success,"
    "_address_default_billing_,_address_default_shipping_"
)
"""Headers as the vendors' pages have them."""


def listed(columns: str) -> list[str]:
    return columns.split(";" if ";" in columns else ",")


def labels(name: str) -> list[str]:
    return [field.title for field in formats().get(name).fields]


def header(data: bytes) -> list[str]:
    return next(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=";"))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("prestashop/accounts", PRESTASHOP_17),
        ("shopify/accounts", SHOPIFY),
        ("magento/accounts", MAGENTO),
        ("magento/account_addresses", MAGENTO_ADDRESSES),
    ],
)
def test_cli_1_every_column_stands_in_the_documented_header_in_its_order(name, columns):
    assert [label for label in listed(columns) if label in labels(name)] == labels(name)


@pytest.mark.parametrize("kind", ["accounts", "account_addresses"])
def test_cli_1_prestashops_own_samples_have_every_column_in_its_order_and_are_written_back(samples, kind):
    file = {"accounts": "ps16_customers_import.csv", "account_addresses": "ps16_addresses_import.csv"}[kind]
    data = (samples / "prestashop" / file).read_bytes()
    columns = header(data)
    assert [label for label in columns if label in labels(f"prestashop/{kind}")] == labels(f"prestashop/{kind}")
    descriptor = formats().get(f"prestashop/{kind}")
    found = read(descriptor, data, name=file)
    # Manufacturers have addresses too, without a customer: those rows are none of ours.
    assert set(found.outcomes["code"]) <= {"cell-missing"}
    # Column by column: what is written is what PrestaShop's own file has there.
    rows = list(csv.reader(io.StringIO(data.decode("utf-8")), delimiter=";"))[1:]
    kept = [row for row in rows if kind == "accounts" or (row[3] and row[12])]
    written = write(replace(descriptor, line_end="\r\n"), found.table)
    again = list(csv.reader(io.StringIO(written.data.decode("utf-8")), delimiter=";"))
    assert again[0] == labels(f"prestashop/{kind}")
    assert again[1:] == [[row[columns.index(label)] for label in again[0]] for row in kept]


@pytest.mark.parametrize("name", ["4 Saisons", "Dupont & Fils = 1", "a@b", "Pan;"])
def test_cli_1_names_that_prestashop_does_not_take_are_refused(name):
    descriptor = formats().get("prestashop/accounts")
    row = {"email": "a@example.com", "password": "p", "last_name": name, "first_name": "-"}
    written = write(descriptor, pd.DataFrame([row]))
    assert (written.rows, list(written.outcomes["code"])) == (0, ["cell-unlike-pattern"])

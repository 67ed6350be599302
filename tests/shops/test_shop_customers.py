"""Accounts of shops' customers: the real samples of every platform, and what is wrong with some."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.model.customers import ShopCustomers
from passerelle.shops.export import (
    CUSTOMER_PLATFORMS,
    PLATFORMS,
    ExportFile,
    ReadOptions,
    UnknownPlatformError,
    read_customer_export,
)

OPTIONS = ReadOptions("s")
LIVE = "prestashop-8.2-live"


def read(platform: str, *contents: Any) -> ShopCustomers:
    files = [
        ExportFile(f"{number}.json", content if isinstance(content, bytes) else json.dumps(content).encode())
        for number, content in enumerate(contents)
    ]
    return read_customer_export(platform, files, OPTIONS)


def sample(samples: Path, name: str) -> bytes:
    return (samples / name).read_bytes()


def filled(table: pd.DataFrame, row: int = 0) -> dict[str, Any]:
    """Give what a row tells."""
    told = table.drop(columns=["shop"], errors="ignore").iloc[row].dropna()
    return {name: value for name, value in told.items() if value not in ("", False)}


def codes(made: ShopCustomers) -> list[tuple[str, str]]:
    return list(zip(made.outcomes["record"], made.outcomes["code"], strict=True))


class TestContract:
    @pytest.mark.parametrize("platform", CUSTOMER_PLATFORMS)
    def test_no_file_gives_tables_without_rows(self, platform):
        made = read(platform)
        assert len(made.customers) == len(made.addresses) == len(made.outcomes) == 0

    @pytest.mark.parametrize("platform", CUSTOMER_PLATFORMS)
    @settings(max_examples=8, deadline=None)
    @given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
    def test_any_file_is_an_outcome_or_customers(self, platform, data):
        assert len(read(platform, data).customers) == 0

    @pytest.mark.parametrize("platform", CUSTOMER_PLATFORMS)
    def test_an_error_of_the_shop_is_said(self, platform):
        error = {"errors": [{"code": 1, "message": "no key"}]}
        assert codes(read(platform, error)) == [("0.json", "export-webservice-error")]

    def test_platforms_without_a_reader_are_known(self):
        assert set(PLATFORMS) - set(CUSTOMER_PLATFORMS) == {"wix", "oasis"}
        with pytest.raises(UnknownPlatformError, match="no customers of 'wix'"):
            read("wix")


class TestPrestaShop:
    @pytest.mark.parametrize("suffix", ["json", "xml"])
    def test_cus_6_the_accounts_of_a_real_shop(self, samples, suffix):
        names = ("customers", "addresses", "countries", "languages", "groups")
        made = read("prestashop", *(sample(samples, f"{LIVE}/{name}.{suffix}") for name in names))
        assert len(made.customers) == len(made.addresses) == 60
        assert made.customers["is_guest"].sum() == 13
        assert filled(made.customers, 30) == {
            "customer_key": "s/258",
            "customer_id": "258",
            "first_name": "Anaïs",
            "last_name": "Müller",
            "company": 'SARL Dupont & Fils ; "Atelier"',
            "email": "acheteur11.31@example.com",
            "phone": "0102030405",
            "siret": "73282932000074",
            "vat_number": "BE0403019261",
            "language": "fr",
            "customer_group": "Client",
            "created_at": pd.Timestamp("2026-11-21 03:01:42"),
        }
        # Of two addresses it is the one with the lower id.
        assert made.addresses.set_index("customer_key")["city"]["s/258"] == "Bruxelles"
        assert set(made.outcomes["code"]) == {"state-not-given"}

    def test_cus_6_orders_in_the_same_files_tell_who_has_ordered(self, samples):
        resources = json.loads(sample(samples, f"{LIVE}/customers.json")), {"addresses": []}, {"countries": []}
        orders = json.loads(sample(samples, f"{LIVE}/orders.json"))["orders"]
        made = read("prestashop", *resources, {"orders": orders[:1]})
        ordered = made.customers[made.customers["order_count"].notna()]
        assert ordered["customer_id"].tolist() == [orders[0]["id_customer"]]
        assert ordered["last_order_at"].tolist() == [pd.Timestamp(orders[0]["date_add"])]

    def test_deleted_and_switched_off_accounts_and_deleted_addresses(self, samples):
        off = json.loads(sample(samples, "prestashop/ws17_customer.json"))["customer"]
        deleted = {**off, "id": 2, "active": "1", "deleted": "1"}
        well = {**off, "id": 3, "active": "1"}
        address = {"id": 7, "id_customer": "3", "id_country": "8", "lastname": "A", "address1": "rue", "deleted": "0"}
        given_ = [{**address, "id": 6, "deleted": "1"}, address, {**address, "id": 9, "id_customer": "0"}]
        countries = {"countries": [{"id": 8, "iso_code": "FR"}]}
        made = read("prestashop", {"customers": [off, deleted, well]}, {"addresses": given_}, countries)
        assert made.customers["is_closed"].tolist() == [True, True, False]
        assert made.addresses[["customer_key", "country"]].to_numpy().tolist() == [["s/3", "FR"]]

    def test_an_account_that_needs_a_file_or_is_given_differently_is_refused(self, samples):
        well = json.loads(sample(samples, "prestashop/ws17_customer.json"))["customer"]
        made = read("prestashop", {"customers": [well, {**well, "id": 2}]}, {"customer": {**well, "email": "b@c.fr"}})
        assert codes(made) == [("s/1", "duplicate-customer"), ("s/2", "export-file-missing")]
        assert made.customers.empty
        address = {"id": 7, "id_customer": "1", "id_country": "8", "lastname": "A", "address1": "rue"}
        twice = {"addresses": [address, {**address, "city": "Nice"}]}, {"countries": []}
        assert codes(read("prestashop", {"customer": well}, *twice)) == [("s/1", "export-record-conflict")]


class TestWooCommerce:
    def test_cus_6_the_documented_answer(self, samples):
        made = read("woocommerce", sample(samples, "woocommerce/docs_customers_list.json"))
        assert made.keys.tolist() == ["s/25", "s/26"]
        assert filled(made.customers, 1) == {
            "customer_key": "s/26",
            "customer_id": "26",
            "first_name": "João",
            "last_name": "Silva",
            "email": "joao.silva@example.com",
            "phone": "(55) 5555-5555",
            "customer_group": "customer",
            "created_at": pd.Timestamp("2017-03-21 20:11:14"),
        }
        assert made.addresses["kind"].tolist() == ["billing", "delivery"] * 2
        assert made.outcomes.empty

    def test_cus_6_a_shop_without_accounts_has_none(self, samples):
        made = read("woocommerce", sample(samples, "woocommerce-10.0-live/customers.json"))
        assert made.customers.empty
        assert made.outcomes.empty

    def test_who_has_paid_has_ordered_and_the_same_twice_is_one(self, samples):
        [one, other] = json.loads(sample(samples, "woocommerce/docs_customers_list.json"))
        made = read("woocommerce", [{**one, "is_paying_customer": True}], [other], {"data": [other]})
        assert made.customers["order_count"].tolist() == [pd.NA, 1]
        assert codes(made) == [("s/25", "repeated-customer")]

    def test_orders_and_bad_values_are_said(self, samples):
        [one, _] = json.loads(sample(samples, "woocommerce/docs_customers_list.json"))
        wrong = {**one, "date_created_gmt": "yesterday"}
        made = read("woocommerce", [wrong, {"email": "", "billing": {}}], [{"id": 1, "line_items": []}])
        assert codes(made) == [
            ("0.json", "export-record-without-id"),
            ("1.json", "export-unused"),
            ("s/26", "export-value-wrong"),
        ]
        assert made.customers.empty


class TestShopify:
    def test_cus_6_the_recorded_answer(self, samples):
        made = read("shopify", sample(samples, "shopify/rest_customer.json"))
        assert filled(made.customers) == {
            "customer_key": "s/207119551",
            "customer_id": "207119551",
            "first_name": "Bob",
            "last_name": "Norman",
            "email": "bob.norman@hostmail.com",
            "phone": "555-625-1199",
            "created_at": pd.Timestamp("2015-05-28 00:11:24"),
            "order_count": 1,
        }
        assert filled(made.addresses)["city"] == "Louisville"

    def test_cus_6_graphql_says_the_same_under_other_names(self):
        node = {
            "id": "gid://shopify/Customer/7",
            "firstName": "Zoé",
            "lastName": "Garçon",
            "defaultEmailAddress": {"emailAddress": "zoe@example.fr"},
            "numberOfOrders": "2",
            "lastOrder": {"createdAt": "2026-03-01T10:00:00Z"},
            "createdAt": "2026-01-01T10:00:00Z",
            "defaultAddress": {"address1": "3 quai", "city": "Nice", "countryCodeV2": "FR", "company": "Atelier"},
        }
        made = read("shopify", {"data": {"customers": {"nodes": [node]}}})
        assert filled(made.customers) == {
            "customer_key": "s/7",
            "customer_id": "7",
            "first_name": "Zoé",
            "last_name": "Garçon",
            "company": "Atelier",
            "email": "zoe@example.fr",
            "created_at": pd.Timestamp("2026-01-01 11:00:00"),
            "last_order_at": pd.Timestamp("2026-03-01 11:00:00"),
            "order_count": 2,
        }
        assert filled(made.addresses)["country"] == "FR"

    def test_cus_6_the_csv_export_of_both_ages(self):
        old = b"First Name,Last Name,Email,Company,Address1,City,Country Code,Total Orders\nA,B,a@b.fr,,r,N,FR,0\n"
        made = read("shopify", old)
        assert codes(made) == [("0.json:2", "export-value-missing")]
        new = (
            "Customer ID,First Name,Last Name,Email,Default Address Address1,Default Address City,"
            "Default Address Country Code,Default Address Zip,Phone,Total Orders\n"
            "'7,Zoé,Garçon,zoe@example.fr,3 quai,Nice,FR,'06000,'+33600000000,0\n"
            "'8,Léa,Roux,lea@example.fr,,,,,,2\n"
            "'8,Léa,Roux,lea@example.fr,,,,,,3\n"
        ).encode()
        made = read("shopify", new)
        assert made.customers[["customer_id", "phone", "order_count"]].to_numpy().tolist() == [["7", "+33600000000", 0]]
        assert filled(made.addresses)["postcode"] == "06000"
        assert codes(made) == [("s/8", "duplicate-customer")]
        both = read("shopify", new, {"customer": {"id": 7, "email": "", "orders_count": 0}})
        assert both.customers.empty
        assert ("s/7", "duplicate-customer") in codes(both)


class TestBigCommerce:
    def test_cus_6_the_recorded_answer(self, samples):
        made = read("bigcommerce", sample(samples, "bigcommerce/customers__get_all.json"))
        assert filled(made.customers) == {
            "customer_key": "s/1",
            "customer_id": "1",
            "first_name": "John",
            "last_name": "Smith",
            "company": "Aligent",
            "email": "john.smith@spam.me",
            "customer_group": "1",
            "created_at": pd.Timestamp("2020-08-27 08:18:07"),
        }
        assert filled(made.addresses) == {
            "customer_key": "s/1",
            "kind": "billing",
            "first_name": "Ronald",
            "last_name": "Swimmer",
            "company": "History",
            "line_1": "Addr 1",
            "postcode": "33333",
            "city": "San Francisco",
            "state": "California",
            "country": "US",
            "phone": "707070707",
        }


class TestMagento:
    def test_cus_6_the_declared_schema(self):
        address = {
            "id": 1,
            "customer_id": 5,
            "region": {"region_code": "06", "region": "Alpes-Maritimes", "region_id": 1},
            "country_id": "FR",
            "street": ["3 quai", "Bât. B"],
            "telephone": "0493000000",
            "postcode": "06000",
            "city": "Nice",
            "firstname": "Zoé",
            "lastname": "Garçon",
            "default_shipping": True,
        }
        billing = {**address, "id": 2, "city": "Lyon", "default_shipping": False, "default_billing": True}
        customer = {
            "id": 5,
            "group_id": 1,
            "created_at": "2026-01-01 10:00:00",
            "email": "zoe@example.fr",
            "firstname": "Zoé",
            "lastname": "Garçon",
            "taxvat": "FR83404833048",
            "addresses": [address, billing],
        }
        made = read("magento", {"items": [customer], "search_criteria": {"filter_groups": []}, "total_count": 1})
        assert filled(made.customers) == {
            "customer_key": "s/5",
            "customer_id": "5",
            "first_name": "Zoé",
            "last_name": "Garçon",
            "email": "zoe@example.fr",
            "phone": "0493000000",
            "vat_number": "FR83404833048",
            "customer_group": "1",
            "created_at": pd.Timestamp("2026-01-01 11:00:00"),
        }
        assert made.addresses[["kind", "city", "line_2", "state"]].to_numpy().tolist() == [
            ["billing", "Lyon", "Bât. B", "06"],
            ["delivery", "Nice", "Bât. B", "06"],
        ]

"""Magento customers as its REST API gives them (``customers/search``), saved as JSON files.

What each field becomes is in docs/shops/magento.md. Written from the API's declared schema: no answer of a real shop
was at hand.

Source: facts/shops § 4; spec CUS-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from passerelle.model.customers import ShopCustomers
from passerelle.shops.customer_records import Platform, read_documents
from passerelle.shops.export import ExportFile, ReadOptions
from passerelle.shops.json_records import Object, Records
from passerelle.shops.magento import address_of
from passerelle.shops.tables import filled, first_filled, looked_up


def read_customers(files: Sequence[ExportFile], options: ReadOptions) -> ShopCustomers:
    """Read customers; see ``passerelle.shops.export.CustomerReader``."""
    return read_documents(Platform("Magento", _is_customer, lambda given: _tables(given, options)), files, options)


def _is_customer(record: Object) -> bool:
    return {"email", "firstname", "lastname"} <= record.keys() and "parent_id" not in record


def _tables(customers: Records, options: ReadOptions) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    each = customers.each("addresses")
    each = replace(each, rows=[_with_region(row) for row in each.rows])
    address = address_of(each)
    billing, delivery = each.flag("default_billing"), each.flag("default_shipping")
    billed = pd.concat([filled(address, each.keys, "billing")[chosen] for chosen in (billing, ~billing)])
    sent = filled(address, each.keys, "delivery")[delivery]
    first = billed.drop_duplicates("order_key").set_index("order_key")
    people = pd.DataFrame(
        {
            "title": customers.text("prefix"),
            "first_name": customers.text("firstname"),
            "last_name": customers.text("lastname"),
            "company": looked_up(customers.keys, first["company"]),
            "email": customers.text("email"),
            "phone": looked_up(customers.keys, first["phone"]),
            "vat_number": first_filled(customers.text("taxvat"), looked_up(customers.keys, first["vat_number"])),
            "customer_group": customers.text("group_id"),
            "created_at": customers.time("created_at", options.time_zone),
        }
    )
    return people, [billed, sent]


def _with_region(address: Object) -> Object:
    """Give an address its region as orders have it: code and name, not an object of both."""
    region = address.get("region")
    return {**address, **region} if isinstance(region, dict) else address

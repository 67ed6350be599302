"""BigCommerce customers as its API (v3) gives them, saved as JSON files, with their addresses in them.

What each field becomes is in docs/shops/bigcommerce.md.

Source: facts/shops § 5; spec CUS-6.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from passerelle.model.customers import ShopCustomers
from passerelle.shops.buyer_numbers import buyer_numbers
from passerelle.shops.customer_records import Platform, read_documents
from passerelle.shops.export import ExportFile, ReadOptions
from passerelle.shops.json_records import Object, Records
from passerelle.shops.tables import filled


def read_customers(files: Sequence[ExportFile], options: ReadOptions) -> ShopCustomers:
    """Read customers; see ``passerelle.shops.export.CustomerReader``."""
    return read_documents(Platform("BigCommerce", _is_customer, lambda given: _tables(given, options)), files, options)


def _is_customer(record: Object) -> bool:
    return {"email", "customer_group_id"} <= record.keys()


def _tables(customers: Records, options: ReadOptions) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    group = customers.text("customer_group_id")
    addresses = customers.each("addresses")
    people = pd.DataFrame(
        {
            **{name: customers.text(name) for name in ("first_name", "last_name", "company", "email", "phone")},
            **buyer_numbers(customers.each("form_fields"), customers.keys),
            "customer_group": group.mask(group == "0", ""),
            "created_at": customers.time("date_created", options.time_zone),
        }
    )
    return people, [filled(_address(addresses), addresses.keys, "billing")]


def _address(part: Records) -> pd.DataFrame:
    names = {
        "line_1": "address1",
        "line_2": "address2",
        "postcode": "postal_code",
        "state": "state_or_province",
        "country": "country_code",
    }
    same = ("first_name", "last_name", "company", "city", "phone")
    return pd.DataFrame({**{name: part.text(name) for name in same}, **{to: part.text(of) for to, of in names.items()}})

"""WooCommerce customers, as its REST API (v3) gives them, saved as JSON files: those with an account.

What each field becomes is in docs/shops/woocommerce.md.

Source: facts/shops § 2; spec CUS-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from passerelle.model.customers import ShopCustomers
from passerelle.shops.customer_records import Platform, read_documents
from passerelle.shops.export import ExportFile, ReadOptions
from passerelle.shops.json_records import Object, Records
from passerelle.shops.tables import filled, first_filled
from passerelle.shops.woocommerce import address_of, buyer_numbers, time_of


def read_customers(files: Sequence[ExportFile], options: ReadOptions) -> ShopCustomers:
    """Read customers; see ``passerelle.shops.export.CustomerReader``."""
    return read_documents(Platform("WooCommerce", _is_customer, lambda given: _tables(given, options)), files, options)


def _is_customer(record: Object) -> bool:
    return {"email", "billing"} <= record.keys() and not {"line_items", "order_key"} & record.keys()


def _tables(customers: Records, options: ReadOptions) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    customers = replace(customers, entities=True)
    billing, shipping = customers.part("billing"), customers.part("shipping")
    numbers = buyer_numbers(customers)
    paying = customers.flag("is_paying_customer")
    people = pd.DataFrame(
        {
            "first_name": first_filled(customers.text("first_name"), billing.text("first_name")),
            "last_name": first_filled(customers.text("last_name"), billing.text("last_name")),
            "company": billing.text("company"),
            "email": first_filled(customers.text("email"), billing.text("email")),
            "phone": billing.text("phone"),
            **numbers,
            "customer_group": customers.text("role"),
            "created_at": time_of(customers, "date_created", options),
            # Whoever has not paid may have ordered all the same: the orders tell.
            "order_count": pd.Series(1, paying.index, dtype="Int64").where(paying),
        }
    )
    billed = address_of(billing).assign(email=billing.text("email"))
    return people, [filled(billed, customers.keys, "billing"), filled(address_of(shipping), customers.keys, "delivery")]

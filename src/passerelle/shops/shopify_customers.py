"""Shopify customers: the admin's CSV export, and what the REST and GraphQL APIs give, saved as JSON files.

What each field becomes is in docs/shops/shopify.md.

Source: facts/shops § 3, § 13; spec CUS-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pandas as pd

from passerelle.formats.descriptor import Descriptor
from passerelle.formats.errors import FormatError
from passerelle.formats.reader import read as read_table
from passerelle.formats.registry import formats
from passerelle.model.customers import PROSPECT, ShopCustomers
from passerelle.outcome import said, together
from passerelle.shops import customer_records
from passerelle.shops.customer_records import Platform, read_plain
from passerelle.shops.export import ExportFile, ReadOptions, order_key, unpacked
from passerelle.shops.json_records import Object, Records, is_document
from passerelle.shops.shopify_json import PLATFORM, address_of, content_of
from passerelle.shops.tables import filled, first_filled, given_again

_TOLD = {"orders_count", "number_of_orders", "default_address", "addresses"}
"""One of these an account always has, and nothing else that has an e-mail."""
_ADDRESS = [
    "first_name",
    "last_name",
    "company",
    "line_1",
    "line_2",
    "postcode",
    "city",
    "state",
    "country",
    "phone",
]


def read_customers(files: Sequence[ExportFile], options: ReadOptions) -> ShopCustomers:
    """Read customers; see ``passerelle.shops.export.CustomerReader``.

    An account that both kinds of file have is taken of neither.
    """
    plain, packing = unpacked(files)
    documents = read_plain(
        Platform(PLATFORM, _is_customer, lambda given: _tables(given, options), content_of),
        [file for file in plain if is_document(file.data)],
        options,
    )
    rows = _read_tables([file for file in plain if not is_document(file.data)], options)
    people = pd.concat([documents.customers, rows.customers], ignore_index=True)
    twice = set(people.loc[people["customer_key"].duplicated(), "customer_key"])
    people = people[~people["customer_key"].isin(twice)]
    outcomes = [packing, documents.outcomes, rows.outcomes, given_again([], sorted(twice), PROSPECT)]
    return customer_records.tables(people, [documents.addresses, rows.addresses], together(outcomes), twice)


def _is_customer(record: Object) -> bool:
    return bool(_TOLD & record.keys()) and "line_items" not in record


def _tables(customers: Records, options: ReadOptions) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    default, each = customers.part("default_address"), customers.each("addresses")
    addresses = [
        filled(address_of(default), customers.keys, "billing"),
        filled(address_of(each), each.keys, "billing"),
    ]
    company = pd.concat(addresses).drop_duplicates("order_key").set_index("order_key")["company"]
    last_order = customers.part("last_order")
    count = customers.number("orders_count").fillna(customers.number("number_of_orders"))
    people = pd.DataFrame(
        {
            "first_name": customers.text("first_name"),
            "last_name": customers.text("last_name"),
            "company": company.reindex(customers.keys).fillna("").to_numpy(),
            "email": first_filled(
                customers.text("email"), customers.part("default_email_address").text("email_address")
            ),
            "phone": first_filled(customers.text("phone"), default.text("phone")),
            "language": customers.text("locale").str.slice(0, 2).str.lower(),
            "created_at": customers.time("created_at", options.time_zone),
            "last_order_at": last_order.time("created_at", options.time_zone),
            "order_count": _whole(count),
        }
    )
    return people, addresses


def _whole(millionths: pd.Series) -> pd.Series:
    return (millionths // 1_000_000).astype("Int64")


@cache
def _descriptor() -> Descriptor:
    return formats().get("shopify/customers")


def _read_tables(files: Sequence[ExportFile], options: ReadOptions) -> ShopCustomers:
    """Read CSV files or workbooks: one row per account, with its default address."""
    rows, outcomes = _rows(files)
    if rows.empty:
        return ShopCustomers(outcomes=outcomes)
    people = rows.drop(columns="place").drop_duplicates(ignore_index=True)
    is_several = people["customer_id"].duplicated(keep=False)
    several = people.loc[is_several, "customer_id"]
    again = rows.loc[rows["customer_id"].duplicated() & ~rows["customer_id"].isin(several), "customer_id"]
    people = people[~is_several].reset_index(drop=True)
    of_shop = order_key(options.shop, "")
    keys = of_shop + people["customer_id"]
    repeated = given_again(of_shop + again.drop_duplicates(), of_shop + several.drop_duplicates(), PROSPECT)
    has_address = (people[["line_1", "city", "country"]] != "").any(axis=1)
    address = people[_ADDRESS].assign(order_key=keys, kind="billing")[has_address]
    people = people.assign(customer_key=keys, shop=options.shop)
    return customer_records.tables(people, [address], together([outcomes, repeated]), set())


def _rows(files: Sequence[ExportFile]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the rows of all files that tell their account, with their ``place``; and what is said of the others."""
    parts, outcomes = [], []
    for file in files:
        try:
            read = read_table(_descriptor(), file.data, name=file.name)
        except FormatError as error:
            outcomes.append(error.outcomes())
            continue
        parts.append(read.table.assign(place=file.name + ":" + read.table.pop("line").astype("str")))
        outcomes.append(read.outcomes)
    if not parts:
        return pd.DataFrame(), together(outcomes)
    rows = pd.concat(parts, ignore_index=True)
    for name in ("customer_id", "phone", "postcode"):  # an apostrophe keeps them texts in a spreadsheet
        rows[name] = rows[name].str.removeprefix("'")
    untold = rows["customer_id"] == ""
    outcomes.append(
        said("export-value-missing", rows.loc[untold, "place"], record_type=PROSPECT, stage="read", field="Customer ID")
    )
    return rows[~untold], together(outcomes)

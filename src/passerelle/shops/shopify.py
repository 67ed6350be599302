"""Shopify orders: the admin's CSV export, and what the REST and GraphQL APIs give, saved as JSON files.

Source: facts/shops § 3, § 13; spec ORD-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from passerelle.model.orders import TABLES, SalesOrders, join_orders
from passerelle.outcome import together
from passerelle.shops import shopify_csv, shopify_json
from passerelle.shops.export import ExportFile, ReadOptions, unpacked
from passerelle.shops.json_records import is_document
from passerelle.shops.tables import by_order, given_again


def read_orders(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read Shopify orders with their refunds and transactions.

    Returns:
        See ``passerelle.shops.export.OrderReader``.
    """
    plain, packing = unpacked(files)
    documents = [file for file in plain if is_document(file.data)]
    tables = [file for file in plain if not is_document(file.data)]
    sales = _joined(shopify_json.read(documents, options), shopify_csv.read(tables, options))
    return replace(sales, outcomes=together([packing, sales.outcomes]))


def _joined(documents: SalesOrders, tables: SalesOrders) -> SalesOrders:
    """Put both together, sorted by order id; an order that both kinds of file have is taken from neither."""
    joined = join_orders([documents, tables])
    if documents.orders.empty or tables.orders.empty:
        return joined
    keys = joined.orders["order_key"]
    twice = set(keys[keys.duplicated()])
    ids = joined.orders["order_id"].set_axis(keys).drop(labels=twice)
    ranked = pd.Series(ids.str.zfill(20).sort_values().index)
    kept = joined.only(set(ranked))
    parts = {name: by_order(TABLES[name], [getattr(kept, name)], ranked) for name in TABLES if name != "parties"}
    return replace(kept, **parts, outcomes=together([kept.outcomes, given_again([], sorted(twice))]))

"""JSON documents of shops for tests: reading them, sending them through the exchange, spoiling them.

The profile that they meet takes everything.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.customers import ACCOUNT_COLUMNS
from passerelle.exchange.mappings import MAPPINGS
from passerelle.exchange.options import CustomerOptions, OrderOptions
from passerelle.exchange.orders import Context, Exchange, exchange_orders
from passerelle.exchange.selection import Window
from passerelle.model.documents import ARTICLES
from passerelle.model.orders import TABLES, SalesOrders
from passerelle.shops.export import ExportFile, ReadOptions, read_export

ANY_VAT = {"unknown_rate": "accept", "untaxed_without_number": "accept"}
SPECIAL = {name: name.upper() for name in ("misc", "rounding", "wrapping", "shipping", "fee", "discount")}
ROWS = {
    "statuses": [("*", "yes", "invoice")],
    "territories": [("*", "*", "MONDE")],
    "taxes": [("*", "*", "*", "TVA")],
    "payment_modes": [("*", "*", "MODE", "MOYEN")],
    "carriers": [("*", "COLIS")],
    "currencies": [("*", "DEV")],
}


def read(platform: str, *documents: object, **options: Any) -> SalesOrders:
    """Read documents: objects, or the bytes of a file, as files of the shop ``boutique``."""
    files = [
        ExportFile(f"f{rank}.json", one if isinstance(one, bytes) else json.dumps(one).encode())
        for rank, one in enumerate(documents)
    ]
    return read_export(platform, files, ReadOptions("boutique", **options))


def sample(samples: Path, platform: str, *names: str) -> SalesOrders:
    """Read sample files of a platform."""
    return read(platform, *((samples / platform / name).read_bytes() for name in names))


def said(sales: SalesOrders) -> list[tuple[str, ...]]:
    """Give record, code, field and value of what was said."""
    return [tuple(one) for one in sales.outcomes[["record", "code", "field", "value"]].to_numpy().tolist()]


def told(table: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """Give the rows of a table by some columns; numbers as short texts, a missing one as ``None``."""
    return [tuple(_short(row[column]) for column in columns) for row in table.to_dict("records")]


def _short(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, str | bool | pd.Timestamp) else money.shortest(value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["-1", "1e5", "0"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
"""Anything that may stand somewhere in a JSON document."""


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the ways to all values within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [one for key, part in inner for one in [(*path, key), *places(part, (*path, key))]]


def spoiled(document: dict[str, Any], path: Sequence[Any], value: object) -> dict[str, Any]:
    """Give a copy of a document with another value at one place."""
    copied = copy.deepcopy(document)
    target: Any = copied
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return copied


def same_tables(one: SalesOrders, other: SalesOrders) -> bool:
    """Tell whether two readings gave the same orders."""
    return all(getattr(one, name).equals(getattr(other, name)) for name in TABLES)


def exchanged(sales: SalesOrders, *, rates: dict[str, str] | None = None, **options: object) -> Exchange:
    """Send a shop's orders through the rules; ``rates``: VAT rate of ERP articles by reference."""
    mappings = {}
    for name, rows in ROWS.items():
        columns = [*MAPPINGS[name].key_names, *MAPPINGS[name].value_names]
        mappings[name] = pd.DataFrame([[*row, *[""] * (len(columns) - len(row))] for row in rows], columns=columns)
    context = Context(
        orders=OrderOptions.model_validate(
            {"special_articles": SPECIAL, "period": "all", "unknown_article": "misc", "vat": ANY_VAT, **options}
        ),
        customers=CustomerOptions.model_validate({"account": {"prefix": "C", "length": 12}}),
        mappings={name: table.astype("str") for name, table in mappings.items()},
        articles=None if rates is None else _articles(rates),
        erp_customers=None,
        accounts=pd.DataFrame(columns=list(ACCOUNT_COLUMNS), dtype="str"),
        exchanged=pd.DataFrame(
            columns=["record_key", "content_hash", "document_kind", "document_number", "file_name"], dtype="str"
        ),
        days=Window(),
        today=date(2026, 11, 21),
    )
    return exchange_orders(sales, context)


def _articles(rates: dict[str, str]) -> pd.DataFrame:
    return ARTICLES.of([{"article": one, "tax_rate": money.of(rate)} for one, rate in rates.items()])


def totals(made: Exchange) -> dict[str, tuple[str, str]]:
    """Give by order what its document comes to including tax, and what the Écart line had to carry."""
    documents = made.reconciliation.documents.set_index("order_key")
    assert (documents["difference"] == 0).all()
    return {
        key: (money.shortest(row["file_total"]), money.shortest(row["rounding"]))
        for key, row in documents.iterrows()
        if key.count("/") == 1  # not the credit notes
    }


def refusals(made: Exchange) -> list[tuple[str, str]]:
    """Give record and code of what was refused."""
    refused = made.outcomes[made.outcomes["state"] == "failed"]
    return [tuple(one) for one in refused[["record", "code"]].to_numpy().tolist()]

"""Orders out of the back office's SQL manager: one row per line of an order, cut into the records of the webservice.

What a row tells by name or code instead of id gets its name or code as id.

Source: format ``prestashop/orders_sql``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.errors import NotOursError, NotReadableError
from passerelle.formats.reader import read
from passerelle.shops.export import ExportFile, ReadOptions, of_file
from passerelle.shops.prestashop.records import RESOURCES, Found, Record, Sections

FORMAT = "prestashop/orders_sql"
Row = Mapping[str, str]
"""The cells of a row, as texts; one whose column a user's format lacks is empty."""

_TEXT_SUFFIXES = (".csv", ".txt", ".tsv")
_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
_WORKBOOK = b"PK"
_OF_LINE = (
    "id_order_detail",
    "product_reference",
    "parent_reference",
    "product_name",
    "product_quantity",
    "unit_price_tax_incl",
    "unit_price_tax_excl",
    "total_price_tax_incl",
    "total_price_tax_excl",
    "tax_rate",
    "tax_name",
)
_ADDRESS = (
    "lastname",
    "firstname",
    "company",
    "address1",
    "address2",
    "other",
    "postcode",
    "city",
    "phone",
    "phone_mobile",
    "vat_number",
)


def found_in(file: ExportFile, options: ReadOptions) -> Found:
    """Give the records of a table of order lines; a file that is none is an outcome.

    An order of which a row cannot be read is incomplete. A row that does not tell its order is of the one before or
    after it; of any, where the rows do not stand order by order.
    """
    if not _is_table(file):
        return Found(outcomes=(of_file("export-not-recognised", file.name, platform="PrestaShop"),))
    name = file.name
    if file.data.startswith(_WORKBOOK) and not name.lower().endswith(_WORKBOOK_SUFFIXES):
        name += _WORKBOOK_SUFFIXES[0]
    descriptor = options.formats.get(FORMAT, options.format_settings.get(FORMAT))
    try:
        rows = read(descriptor, file.data, name=name)
        lost = _lines_of(rows.outcomes)
        incomplete = _owners(descriptor, file.data, name, lost) if lost else frozenset()
    except NotOursError as error:
        return Found(outcomes=(error.outcomes(),))
    except NotReadableError as error:
        return Found(outcomes=(error.outcomes(),), unreadable=frozenset({""}))
    return Found(_sections(_texts(rows.table.drop(columns="line"))), (rows.outcomes,), incomplete=incomplete)


def _is_table(file: ExportFile) -> bool:
    named = file.name.lower().endswith((*_TEXT_SUFFIXES, *_WORKBOOK_SUFFIXES))
    return named or file.data.startswith(_WORKBOOK) or b"id_order" in file.data[:4096]


def _lines_of(outcomes: pd.DataFrame) -> list[int]:
    """Give the lines of the rows that could not be read."""
    rows = outcomes.loc[outcomes["record_type"] == "row", "record"]
    return sorted({int(record.rpartition(":")[2]) for record in rows})


def _owners(descriptor: Descriptor, data: bytes, name: str, lost: list[int]) -> frozenset[str]:
    """Give the orders that rows may belong to."""
    only_ids = replace(descriptor, fields=tuple(one for one in descriptor.fields if one.source == "id_order"))
    told = read(only_ids, data, name=name).table.set_index("line")["id_order"]
    untold = np.setdiff1d(lost, told.index)
    if len(untold) and (told != told.shift()).sum() > told.nunique():
        return frozenset(told)
    after = np.searchsorted(told.index, untold)
    neighbours = {told.iloc[place] for place in {*after, *(after - 1)} if 0 <= place < len(told)}
    return frozenset({*told[told.index.isin(lost)], *neighbours})


def _texts(table: pd.DataFrame) -> pd.DataFrame:
    """Give the cells as the webservice writes them."""
    return pd.DataFrame({name: _text(column) for name, column in table.items()}).astype("str")


def _text(column: pd.Series) -> pd.Series:
    if column.dtype == "Int64":
        return money.to_text(column, money.SCALE)
    if column.dtype.kind == "M":
        return column.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")
    if column.dtype == "boolean":
        return column.map({True: "1", False: "0"}).fillna("")
    return column.astype("str").str.strip()


def _sections(texts: pd.DataFrame) -> Sections:
    """Cut rows into records; each thing that an order refers to comes once, as its last row has it."""
    of_order = [name for name in texts.columns if name not in _OF_LINE]
    orders, lines = _rows(texts[of_order].drop_duplicates()), _rows(texts)
    referred: dict[str, dict[str, Record]] = {}
    for resource, record in chain(_around_orders(orders), _around_lines(lines)):
        if record["id"]:
            referred.setdefault(resource, {})[record["id"]] = record
    return [
        ("orders", [_order(row) for row in orders]),
        ("order_details", [_detail(row) for row in lines]),
        *((resource, list(records.values())) for resource, records in referred.items()),
    ]


def _rows(texts: pd.DataFrame) -> list[Row]:
    return [defaultdict(str, row) for row in texts.to_dict("records")]


def _order(row: Row) -> Record:
    return _record(
        "orders",
        row["id_order"],
        **_same("orders", row),
        id_currency=row["currency"],
        id_lang=row["customer_language"],
        id_address_invoice=_address_id(row, "billing"),
        id_address_delivery=_address_id(row, "delivery"),
        total_paid=row["total_paid_tax_incl"],
    )


def _detail(row: Row) -> Record:
    is_variant = row["parent_reference"] not in {"", row["product_reference"]}
    return _record(
        "order_details",
        row["id_order_detail"],
        **_same("order_details", row),
        product_id=row["parent_reference"],
        product_attribute_id=row["product_reference"] if is_variant else "",
        taxes=[{"id": _tax_id(row)}] if row["tax_rate"] else [],
    )


def _around_lines(lines: Iterable[Row]) -> Iterator[tuple[str, Record]]:
    for row in lines:
        yield "products", _record("products", row["parent_reference"], reference=row["parent_reference"])
        yield "taxes", _record("taxes", _tax_id(row), rate=row["tax_rate"], name=row["tax_name"])


def _around_orders(orders: Iterable[Row]) -> Iterator[tuple[str, Record]]:
    for row in orders:
        yield from _discounts(row)
        yield from _payment(row)
        for currency in {row["currency"], row["shop_currency"]}:
            rate = "1" if currency == row["shop_currency"] else ""
            yield "currencies", _record("currencies", currency, iso_code=currency, conversion_rate=rate)
        yield "carriers", _record("carriers", row["id_carrier"], name=row["carrier"])
        yield "languages", _record("languages", row["customer_language"], iso_code=row["customer_language"])
        yield "genders", _record("genders", row["customer_title"], name=row["customer_title"])
        yield "groups", _record("groups", row["customer_group"], name=row["customer_group"])
        yield (
            "customers",
            _record(
                "customers",
                row["id_customer"],
                **{
                    name: row[f"customer_{name}"]
                    for name in ("firstname", "lastname", "email", "company", "siret", "is_guest")
                },
                id_gender=row["customer_title"],
                id_default_group=row["customer_group"],
            ),
        )
        for kind in ("billing", "delivery"):
            address = {name: row[f"{kind}_{name}"] for name in _ADDRESS}
            country, state = row[f"{kind}_country"], row[f"{kind}_state"]
            yield (
                "addresses",
                _record("addresses", _address_id(row, kind), **address, id_country=country, id_state=state),
            )
            yield "countries", _record("countries", country, iso_code=country)
            yield "states", _record("states", state, name=state)


def _discounts(row: Row) -> Iterator[tuple[str, Record]]:
    """Give what was deducted as two rules: what offers the shipping, and the rest."""
    whole = {tax: money.of(row[f"total_discounts_tax_{tax}"] or 0) for tax in ("excl", "incl")}
    shipping = {tax: money.of(row[f"discount_shipping_tax_{tax}"] or 0) for tax in ("excl", "incl")}
    for name, free, value in (
        ("shipping", "1", shipping),
        ("lines", "0", {tax: whole[tax] - shipping[tax] for tax in whole}),
    ):
        if any(value.values()):
            yield (
                "order_cart_rules",
                _record(
                    "order_cart_rules",
                    f"{row['id_order']}/{name}",
                    id_order=row["id_order"],
                    free_shipping=free,
                    value=money.shortest(value["incl"]),
                    value_tax_excl=money.shortest(value["excl"]),
                ),
            )


def _payment(row: Row) -> Iterator[tuple[str, Record]]:
    """Give what was paid as one payment: the rows tell the sum and the first date."""
    if money.of(row["total_paid_real"] or 0):
        yield (
            "order_payments",
            _record(
                "order_payments",
                row["id_order"],
                order_reference=row["reference"],
                amount=row["total_paid_real"],
                payment_method=row["payment"],
                date_add=row["payment_date"],
            ),
        )


def _record(resource: str, identifier: str, **filled: Any) -> Record:
    declared = RESOURCES[resource]
    return {"id": identifier, **dict.fromkeys(declared.fields, ""), **{name: [] for name in declared.rows}, **filled}


def _same(resource: str, row: Row) -> dict[str, str]:
    """Give the fields that rows have under the same name."""
    return {name: row[name] for name in RESOURCES[resource].fields if name in row}


def _address_id(row: Row, kind: str) -> str:
    return f"{row['id_order']}/{kind}"


def _tax_id(row: Row) -> str:
    return f"{row['tax_rate']} {row['tax_name']}"

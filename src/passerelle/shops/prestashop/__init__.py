"""Orders of PrestaShop 1.6 to 9 out of the files that its webservice gives (XML, JSON) or an SQL export (CSV).

Source: facts/shops § 1, § 10; spec 10-orders, 60-systems.
"""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.model.orders import SalesOrders
from passerelle.shops.export import ExportFile, ReadOptions, unpacked
from passerelle.shops.prestashop import sql_rows, sql_tables, webservice
from passerelle.shops.prestashop.orders import orders_of
from passerelle.shops.prestashop.reading import Reading
from passerelle.shops.prestashop.records import Found, joined

__all__ = ["read_orders"]


def read_orders(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read orders; see ``passerelle.shops.export.OrderReader``."""
    return orders_of(_reading(files, options))


def _reading(files: Sequence[ExportFile], options: ReadOptions) -> Reading:
    """Begin to read; a table of order lines that comes alone is read in whole columns."""
    plain, refused = unpacked(files)
    archives = Found(outcomes=(refused,), unreadable=frozenset({""} if len(refused) else ()))
    if len(plain) == 1 and not webservice.is_document(plain[0].data):
        table, found = sql_rows.table_in(plain[0], options)
        if table is not None:
            return sql_tables.reading_of(table, [archives, found], options)
        return Reading(joined([archives, found]), options)
    return Reading(joined([archives, *(_found_in(file, options) for file in plain)]), options)


def _found_in(file: ExportFile, options: ReadOptions) -> Found:
    if webservice.is_document(file.data):
        return webservice.found_in(file)
    return sql_rows.found_in(file, options)

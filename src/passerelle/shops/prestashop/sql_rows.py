"""Orders out of the back office's SQL manager: one row per line of an order.

Source: format ``prestashop/orders_sql``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from passerelle.formats.descriptor import Descriptor
from passerelle.formats.errors import NotOursError, NotReadableError
from passerelle.formats.reader import read
from passerelle.shops.export import ExportFile, ReadOptions, of_file
from passerelle.shops.prestashop.records import Found
from passerelle.shops.prestashop.sql_tables import frames_of, records_of

FORMAT = "prestashop/orders_sql"
_TEXT_SUFFIXES = (".csv", ".txt", ".tsv")
_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
_WORKBOOK = b"PK"


def found_in(file: ExportFile, options: ReadOptions) -> Found:
    """Give the records of a table of order lines; see ``table_in``."""
    table, found = table_in(file, options)
    if table is None:
        return found
    return replace(found, sections=[(name, records_of(name, frame)) for name, frame in frames_of(table).items()])


def table_in(file: ExportFile, options: ReadOptions) -> tuple[pd.DataFrame | None, Found]:
    """Give a table of order lines, and what is to be said of it; a file that is none is an outcome.

    An order of which a row cannot be read is incomplete. A row that does not tell its order is of the one before or
    after it; of any, where the rows do not stand order by order.
    """
    if not _is_table(file):
        return None, Found(outcomes=(of_file("export-not-recognised", file.name, platform="PrestaShop"),))
    name = file.name
    if file.data.startswith(_WORKBOOK) and not name.lower().endswith(_WORKBOOK_SUFFIXES):
        name += _WORKBOOK_SUFFIXES[0]
    descriptor = options.formats.get(FORMAT, options.format_settings.get(FORMAT))
    try:
        rows = read(descriptor, file.data, name=name)
        lost = _lines_of(rows.outcomes)
        incomplete = _owners(descriptor, file.data, name, lost) if lost else frozenset()
    except NotOursError as error:
        return None, Found(outcomes=(error.outcomes(),))
    except NotReadableError as error:
        return None, Found(outcomes=(error.outcomes(),), unreadable=frozenset({""}))
    return rows.table, Found(outcomes=(rows.outcomes,), incomplete=incomplete)


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

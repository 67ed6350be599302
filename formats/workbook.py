"""The first sheet of an Excel workbook, as rows of texts.

Source: spec FMT-2.
"""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

from passerelle.formats.container import check_archive
from passerelle.formats.descriptor import Field
from passerelle.formats.errors import NotReadableError

Rows = list[tuple[int, tuple[object, ...]]]


def rows_of(data: bytes, *, name: str, format_name: str) -> Rows:
    """Give the rows that are not empty with their numbers, from 1, each up to its last filled cell.

    Raises:
        NotReadableError: the file is no workbook, or beyond the limits of archives.
    """
    from openpyxl import load_workbook  # noqa: PLC0415 - slow to load, and most extracts are no workbooks

    check_archive(data, name=name, format_name=format_name)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        numbered = enumerate(book.worksheets[0].iter_rows(values_only=True), 1)
        filled = [(number, _trimmed(row)) for number, row in numbered]
    except Exception as error:  # openpyxl lets anything pass that a broken part of the workbook makes it meet
        raise NotReadableError("file-archive-broken", file=name, format_name=format_name, reason=str(error)) from error
    return [(number, row) for number, row in filled if row]


def _trimmed(row: tuple[object, ...]) -> tuple[object, ...]:
    filled = [place for place, value in enumerate(row, 1) if value not in {None, ""}]
    return row[: filled[-1]] if filled else ()


def cell_text(value: object, one: Field | None) -> str:
    """Write a cell as the text that its field reads.

    Spreadsheets hold 15 significant digits; what stands beyond is noise of the binary number.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        texts = (one.false_values[0], one.true_values[0]) if one and one.type == "boolean" else ("false", "true")
        return texts[value]
    if isinstance(value, int | float):
        text = f"{Decimal(f'{value:.15g}'):f}" if isinstance(value, float) else str(value)
        return text.replace(".", one.decimal_mark) if one and one.type == "number" else text
    if isinstance(value, dt.datetime | dt.date):
        return value.strftime(one.date_format) if one and one.date_format else value.isoformat()
    return str(value)

"""The folder of a run: what people download and read afterwards.

Source: spec JOU-2, JOU-5, SEC-4 (cells that a spreadsheet would compute are written as text).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd

from passerelle import outcome
from passerelle.run.summary import Summary, markdown

REJECTS = ("record", "type", "code", "field", "value", "message_fr", "message_en", "todo_fr", "todo_en")
_SHEET_ROWS = 1_048_575
"""Rows that a sheet can hold below its heading."""


def rejects(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Give what a user reads of outcomes: record, code, both languages, what to do (JOU-2)."""
    rows = outcomes.to_dict("records")
    return pd.DataFrame(
        {
            "record": outcomes["record"],
            "type": outcomes["record_type"],
            "code": outcomes["code"],
            "field": outcomes["field"],
            "value": outcomes["value"],
            "message_fr": [outcome.message(row, "fr") for row in rows],
            "message_en": [outcome.message(row, "en") for row in rows],
            "todo_fr": [outcome.todo(row, "fr") for row in rows],
            "todo_en": [outcome.todo(row, "en") for row in rows],
        },
        columns=list(REJECTS),
    )


def write_reports(folder: Path, outcomes: pd.DataFrame, reports: Mapping[str, pd.DataFrame]) -> dict[str, Path]:
    """Write rejects, all outcomes and the task's own reports into the run's folder.

    Args:
        folder: the run's.
        outcomes: all that was said.
        reports: further tables by file name, their amounts as text.

    Returns:
        The files by name: ``rejects.csv`` and ``rejects.xlsx`` (only when something was refused), ``outcomes.csv``,
        and the reports.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = rejects(outcomes)
    failed = said[(outcomes["state"] == "failed").to_numpy()]
    tables = {"outcomes.csv": said.assign(state=outcomes["state"].to_numpy()), **reports}
    if len(failed):
        tables["rejects.csv"] = failed
    paths = {name: write_csv(folder / name, table) for name, table in tables.items()}
    if len(failed):
        paths["rejects.xlsx"] = write_workbook(folder / "rejects.xlsx", "Rejets", failed)
    return paths


def write_summary(folder: Path, summary: Summary) -> None:
    """Write the summary as ``summary.json`` and ``summary.md``.

    The former names files by their way from the folder: the state may be moved, or lie elsewhere on another machine.
    """
    files = {name: Path(os.path.relpath(path, folder)).as_posix() for name, path in summary.files.items()}
    write(folder / "summary.json", replace(summary, files=files).to_json().encode())
    write(folder / "summary.md", markdown(summary).encode())


def read_summary(folder: Path) -> Summary:
    """Read the summary of a run.

    Raises:
        FileNotFoundError: the run left none.
    """
    summary = Summary.from_json((folder / "summary.json").read_text(encoding="utf-8"))
    files = {name: os.path.normpath(folder / path) for name, path in summary.files.items()}
    return replace(summary, files=files)


def write_csv(path: Path, table: pd.DataFrame) -> Path:
    """Write a table as ``csv_bytes``."""
    return write(path, csv_bytes(table))


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Give a table as a French spreadsheet opens it: ``;``, UTF-8 with BOM, CRLF."""
    text: str = table.apply(_inert_column).to_csv(sep=";", index=False, lineterminator="\r\n")
    return text.encode("utf-8-sig")


def _inert_column(column: pd.Series) -> pd.Series:
    """Make the texts of a column inert; only those that may not be are looked at one by one."""
    if column.dtype != "str":
        return column
    suspect = column.str.match(r"[=+\-@\t\r]")
    return column.where(~suspect, column[suspect].map(_inert)) if suspect.any() else column


def _inert(cell: str) -> str:
    """Keep a spreadsheet from computing a cell that came from a shop (SEC-4); numbers stay as they are."""
    if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} and not cell[1:].replace(",", "").isdigit():
        return "'" + cell
    return cell


def write_workbook(path: Path, title: str, table: pd.DataFrame) -> Path:
    """Write a table as a workbook; what no sheet can hold any more goes on in a further one.

    Args:
        path: the file.
        title: the sheet's.
        table: texts; numbers and dates are cells of their kind, ``None`` is an empty one.
    """
    # It takes a tenth of a second to load: a night without refusals does not need it.
    from openpyxl import Workbook  # noqa: PLC0415
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415

    def cell_of(value: object) -> str | Decimal | date | None:
        if value is None or isinstance(value, Decimal | date):
            return value
        # A text that begins like a formula would be one (SEC-4); control characters have no place in XML.
        return ILLEGAL_CHARACTERS_RE.sub("", _inert(str(value)))

    book = Workbook(write_only=True)
    for start in range(0, max(len(table), 1), _SHEET_ROWS):
        sheet = book.create_sheet(f"{title} {start // _SHEET_ROWS + 1}" if start else title)
        sheet.freeze_panes = "A2"
        sheet.append(list(table.columns))
        for row in table.iloc[start : start + _SHEET_ROWS].itertuples(index=False):
            sheet.append([cell_of(value) for value in row])
    part = path.with_name(f".{path.name}.part")
    book.save(part)
    part.replace(path)
    return path


def write(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return path

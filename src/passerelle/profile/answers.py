"""Answering in the mappings what waits for an answer, wherever the bookkeeper's own program is not at hand.

Only cells that are empty are written; what somebody typed is never touched. A file that changed since it was shown is
left alone, and one whose new answers it could not be read with stays as it was.

Source: spec CON-1, PRO-1, ORD-45.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from passerelle.exchange.mappings import IGNORE, MAPPINGS, MappingColumn, MappingTable
from passerelle.messages import Language
from passerelle.outcome import said, together
from passerelle.profile.cells import CHOICES, possible
from passerelle.profile.mapping_files import mapping_files
from passerelle.profile.sheets import NOTHING, Header, Sheet, columns_of, header_of, mapping_rows
from passerelle.profile.splice import Written
from passerelle.profile.workbook import UNREADABLE, edited, replace_file, said_of_file, sheets_of

_one_at_a_time = threading.Lock()
"""Of several people who answer at once; the console is one process, others' writing is seen by the file's state."""
Answers = Mapping[tuple[int, str], str]
"""What is answered, by row of the sheet and column of the mapping."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a mapping as people see it: texts by column."""

    number: int
    texts: Mapping[str, str]
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class Answerable:
    """A mapping as it is shown to be answered.

    Attributes:
        mapping: its declaration.
        place: file, and sheet, as people name it.
        state: of the file when it was read; answers are taken for this state only.
        columns: those that the sheet has, keys first.
        rows: those that wait for an answer first.
    """

    mapping: MappingTable
    place: str
    state: str
    columns: Sequence[MappingColumn]
    rows: Sequence[Row]

    @property
    def waiting(self) -> int:
        """How many rows wait for an answer."""
        return sum(row.is_waiting for row in self.rows)

    def is_key(self, column: MappingColumn) -> bool:
        """Tell whether a column says what the shop has."""
        return column in self.mapping.keys

    def choices(self, column: MappingColumn, language: Language) -> list[str]:
        """Give what may be answered in a column; nothing: any text."""
        return [*possible(column.name, language), IGNORE] if column.name in CHOICES else []

    def given(self, column: MappingColumn) -> list[str]:
        """Give what was answered in other rows of a column."""
        return sorted({row.texts[column.name] for row in self.rows} - {""})


def answerable(path: Path) -> tuple[list[Answerable], pd.DataFrame]:
    """Give the mappings that have a sheet, and what keeps sheets from being used (record type ``mapping``).

    Args:
        path: the workbook, or the folder of CSV files.
    """
    before = {file: _state(file) for file in mapping_files(path)}
    sheets, problems = sheets_of(path)
    found = []
    for name, mapping in MAPPINGS.items():
        header = header_of(mapping, sheets[name]) if name in sheets else None
        if header is not None:
            sheet = sheets[name]
            rows = sorted(_rows(mapping, sheet, header), key=lambda row: not row.is_waiting)
            columns = [column for column in columns_of(mapping) if column.name in header.columns]
            found.append(Answerable(mapping, sheet.place, before[_file(path, sheet)], columns, rows))
    wrong = [mapping_rows(MAPPINGS[name], sheet)[1] for name, sheet in sheets.items()]
    return found, together([problems, *wrong])


def answer(path: Path, name: str, state: str, answers: Answers) -> pd.DataFrame:
    """Write answers into the empty cells of a mapping.

    Args:
        path: the workbook, or the folder of CSV files.
        name: the mapping.
        state: of the file when the answers were asked for.
        answers: the answers; empty ones are passed over.

    Returns:
        Outcomes of record type ``mapping``; none has failed when the answers were written.
    """
    wanted = {cell: text.strip() for cell, text in answers.items() if text.strip()}
    with _one_at_a_time:
        return _answered(path, name, state, wanted)


def _answered(path: Path, name: str, state: str, wanted: Answers) -> pd.DataFrame:
    sheets, problems = sheets_of(path)
    sheet = sheets.get(name)
    header = None if sheet is None else header_of(MAPPINGS[name], sheet)
    if sheet is None or header is None or not wanted:
        return problems
    file = _file(path, sheet)
    try:
        wrong = _written(file, MAPPINGS[name], sheet, header, state, wanted)
    except PermissionError:
        wrong = said_of_file("mapping-not-answered-open", file)
    except OSError as error:
        wrong = said_of_file("mapping-not-answered", file, error)
    except UNREADABLE:
        wrong = said_of_file("mapping-file-not-edited", file)
    done = said("mapping-answered", [sheet.place], record_type="mapping", stage="map", count=len(wanted))
    return wrong if len(wrong) else done


def _written(
    file: Path, mapping: MappingTable, sheet: Sheet, header: Header, state: str, wanted: Answers
) -> pd.DataFrame:
    """Write the answers, unless the file has changed or could not be read with them; say what is wrong."""
    seen, is_same = file.stat(), _state(file) == state
    if not (is_same and all(_is_empty(sheet, header, *cell) for cell in wanted)):
        return said("mapping-changed-meanwhile", [sheet.place], record_type="mapping", stage="map")
    cells = {(row, header.columns[column]): Written(text) for (row, column), text in wanted.items()}
    data = edited(file, {sheet.title: cells})
    wrong = _new_faults(file, data, mapping, sheet)
    if wrong.empty:
        replace_file(file, data, seen)
    return wrong


def _rows(mapping: MappingTable, sheet: Sheet, header: Header) -> Iterator[Row]:
    for number in sorted(sheet.rows):
        texts = {column: _text(sheet, header, number, column) for column in header.columns}
        if number > header.row and any(texts.values()):
            yield Row(number, texts, not any(texts.get(column) for column in mapping.value_names))


def _text(sheet: Sheet, header: Header, number: int, column: str) -> str:
    row, position = sheet.rows.get(number, []), header.columns[column]
    return (row[position - 1] if position <= len(row) else NOTHING).text


def _is_empty(sheet: Sheet, header: Header, number: int, column: str) -> bool:
    return column in header.columns and number in sheet.rows and not _text(sheet, header, number, column)


def _new_faults(file: Path, data: bytes, mapping: MappingTable, sheet: Sheet) -> pd.DataFrame:
    """Say what is wrong with the mapping that was not before the answers."""
    with TemporaryDirectory() as folder:
        trial = Path(folder, file.name)
        trial.write_bytes(data)
        sheets, problems = sheets_of(trial if file.suffix.lower() != ".csv" else trial.parent)
        _, after = mapping_rows(mapping, sheets[mapping.name])
    _, before = mapping_rows(mapping, sheet)
    known = set(zip(before["record"], before["code"], strict=True))
    is_new = [one not in known for one in zip(after["record"], after["code"], strict=True)]
    return together([problems[problems["record"] == sheet.place], after[is_new]])


def _file(path: Path, sheet: Sheet) -> Path:
    return path / sheet.place if path.is_dir() else path


def _state(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()

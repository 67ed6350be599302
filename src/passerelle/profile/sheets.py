"""A sheet of the mappings as people keep it: where its header stands, which columns it has, what its rows say.

Source: spec 00-overview (mapping), ORD-2, ORD-40 to 45; FMT-2 (header labels with other case or accents).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd
from openpyxl.utils import get_column_letter

from passerelle.exchange.mappings import IGNORE, MappingColumn, MappingTable, find
from passerelle.formats.descriptor import label_key
from passerelle.messages import Language
from passerelle.outcome import none, said, together
from passerelle.profile.cells import chosen, fault, possible, rate

NEW_COLUMN = {"fr": "Nouveau", "en": "New"}
"""The column that marks the rows the program added (ORD-45)."""
NEW_MARK = {"fr": "nouveau", "en": "new"}

_HEADER_WITHIN = 20
_MISTYPED = 0.85
"""How alike a title is (``difflib``) that was meant for another one: a letter or two."""
_REMARK = re.compile(r"\(.*?\)")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as plain text; ``fault`` is the code of what keeps it from being used."""

    text: str
    fault: str = ""


NOTHING = Cell("")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook, or a CSV file.

    Attributes:
        title: its title, or the file's name without ending.
        place: how it is named to people: the file, and the sheet.
        rows: by number, from 1, the rows where anything stands.
    """

    title: str
    place: str
    rows: dict[int, list[Cell]]

    @classmethod
    def of(cls, title: str, place: str, rows: Iterable[list[Cell]]) -> Sheet:
        """Make it from all its rows."""
        filled = {number: row for number, row in enumerate(rows, 1) if any(cell.text for cell in row)}
        return cls(title, place, filled)

    @property
    def last_row(self) -> int:
        """Number of the last row where anything stands."""
        return max(self.rows, default=0)

    @property
    def width(self) -> int:
        """Number of the last column where anything stands."""
        filled = (number for row in self.rows.values() for number, cell in enumerate(row, 1) if cell.text)
        return max(filled, default=0)


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a mapping's sheet.

    Attributes:
        row: its number, from 1.
        columns: number, from 1, of each column of the mapping that the sheet has.
        new: number of the column that marks new rows; 0 when there is none.
        language: language of the titles.
    """

    row: int
    columns: dict[str, int]
    new: int
    language: Language


def nearest(title: str, lacking: Iterable[MappingTable]) -> MappingTable | None:
    """Tell which mapping that has no sheet a title was meant for: one that is almost its own."""
    titles = {label_key(text): one for one in lacking for text in (one.fr, one.name)}
    near = difflib.get_close_matches(label_key(title), titles, n=1, cutoff=_MISTYPED)
    return titles[near[0]] if near else None


def header_of(mapping: MappingTable, sheet: Sheet) -> Header | None:
    """Find the header: the first row that has the title of a key column; there may be a heading above it."""
    columns_ = columns_of(mapping)
    titles = {_title(text): column.name for column in columns_ for text in (column.name, column.fr, column.en)}
    for number in sorted(sheet.rows)[:_HEADER_WITHIN]:
        met = {_title(cell.text): position for position, cell in reversed(list(enumerate(sheet.rows[number], 1)))}
        named = {titles[title]: position for title, position in met.items() if title in titles}
        columns = {column.name: named[column.name] for column in columns_ if column.name in named}
        if columns.keys() & set(mapping.key_names):
            new = next((met[label_key(name)] for name in NEW_COLUMN.values() if label_key(name) in met), 0)
            french = any(_title(column.fr) in met for column in mapping.keys)
            return Header(number, columns, new, "fr" if french else "en")
    return None


def mapping_rows(mapping: MappingTable, sheet: Sheet) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a mapping from its sheet.

    Returns:
        Its key and value columns, text, ``cells.CHOICES`` in their canonical words, the index the row in the sheet;
        rows where the mapping's columns are all empty are left out. And outcomes, one per cell that cannot be used:
        while there is one, the mapping must not be used, for a ``*`` row would answer in the place of a wrong row.
    """
    header = header_of(mapping, sheet)
    if header is None:
        wanted = ", ".join(f"« {column.fr} »" for column in mapping.keys)
        return mapping.empty(), _of_sheet(sheet, "mapping-without-header", wanted)
    lacking = [column for column in _needed(mapping) if column.name not in header.columns]
    if lacking:
        columns = ", ".join(f"« {_shown(column, header)} »" for column in lacking)
        return mapping.empty(), _of_sheet(sheet, "mapping-without-column", columns)
    reading = _Reading(mapping, sheet, header)
    rows = {number: reading.row(number) for number in sorted(sheet.rows) if number > header.row}
    filled = {number: texts for number, texts in rows.items() if any(texts.values())}
    if not filled:
        return mapping.empty(), none()
    names = mapping.key_names + mapping.value_names
    cells = [[texts.get(name, "") for name in names] for texts in filled.values()]
    table = pd.DataFrame(cells, index=list(filled), columns=names, dtype="str")
    reading.say_repeated(table)
    return table, together(reading.outcomes)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads the rows of a sheet, and says what is wrong by cells, named as spreadsheets name them."""

    mapping: MappingTable
    sheet: Sheet
    header: Header
    outcomes: list[pd.DataFrame] = field(default_factory=list)

    def row(self, number: int) -> dict[str, str]:
        """Give the texts of a row by column; ``#ignore`` needs no other value beside it, any other does."""
        texts = {name: self._text(number, name) for name in self.header.columns}
        values = [texts.get(name, "") for name in self.mapping.value_names]
        if any(values) and IGNORE not in values:
            for column in _needed(self.mapping):
                is_kind_of_unselected = column.name == "document_kind" and texts["selected"] != "yes"
                if column not in self.mapping.keys and not texts[column.name] and not is_kind_of_unselected:
                    self._say("mapping-value-missing", number, column.name)
        return texts

    def say_repeated(self, table: pd.DataFrame) -> None:
        """Say which rows never answer, a row above having the same keys; rows that wait for values do not count."""
        keys, values = self.mapping.key_names, self.mapping.value_names
        answering = table[(table[values] != "").any(axis=1)]
        if len(answering) < 2:
            return
        numbered = answering.assign(**{values[0]: answering.index.astype("str")})
        first = find(self.mapping, numbered, answering[keys]).answers[values[0]]
        for number, answer in first.items():
            if str(number) != answer:
                self._say("mapping-key-twice", number, keys[0], answering.loc[number, keys[0]], first=answer)

    def _text(self, number: int, column: str) -> str:
        row, position = self.sheet.rows[number], self.header.columns[column]
        cell = row[position - 1] if position <= len(row) else NOTHING
        if cell.fault:
            self._say(cell.fault, number, column, cell.text)
            return cell.text
        text = rate(cell.text) if column == "tax_rate" else cell.text
        value = chosen(column, text)
        if value is None:
            choices = ", ".join(possible(column, self.header.language))
            self._say("mapping-not-possible", number, column, text, possible=choices)
            return text
        if unread := fault(column, value):
            self._say(unread, number, column, text)
        return value

    def _say(self, code: str, number: int, column: str, value: str = "", **params: str) -> None:
        letter = get_column_letter(self.header.columns[column])
        declared = next(one for one in columns_of(self.mapping) if one.name == column)
        self.outcomes.append(
            said(
                code,
                [f"{self.sheet.place}!{letter}{number}"],
                record_type="mapping",
                stage="read",
                field=_shown(declared, self.header),
                value=value,
                **params,
            )
        )


def _of_sheet(sheet: Sheet, code: str, columns: str) -> pd.DataFrame:
    return said(code, [sheet.place], record_type="mapping", stage="read", columns=columns)


def columns_of(mapping: MappingTable) -> tuple[MappingColumn, ...]:
    """Give the columns of a mapping, keys first."""
    return (*mapping.keys, *mapping.values)  # noqa: PD011 - not a table


def _needed(mapping: MappingTable) -> list[MappingColumn]:
    """Give the columns a sheet must have; without a kind no selected status makes a document (ORD-2)."""
    return [one for one in columns_of(mapping) if one.required or one in mapping.keys or one.name == "document_kind"]


def _shown(column: MappingColumn, header: Header) -> str:
    return column.fr if header.language == "fr" else column.en


def _title(text: str) -> str:
    """Give what counts of a title; the remark in brackets does not."""
    return label_key(_REMARK.sub("", text))

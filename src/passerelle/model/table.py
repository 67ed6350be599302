"""How a canonical table is declared, made and checked at the borders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import pandas as pd

Kind = Literal["text", "amount", "quantity", "rate", "integer", "flag", "date"]
_DTYPES: Mapping[str, str] = {
    "text": "str",
    "amount": "int64",
    "quantity": "int64",
    "rate": "int64",
    "integer": "int64",
    "flag": "bool",
    "date": "datetime64[s]",
}
_OPTIONAL_DTYPES: Mapping[str, str] = {**_DTYPES, **dict.fromkeys(("amount", "quantity", "rate", "integer"), "Int64")}
_EMPTY: Mapping[str, Any] = {"text": "", "flag": False}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a canonical table.

    Attributes:
        name: its name, a term of EN 16931 or of the platforms.
        kind: ``text`` (empty when unknown), ``amount``/``quantity``/``rate`` (millionths, see ``money``), ``integer``,
            ``flag``, ``date`` (date or date and time without zone, in the profile's time zone).
        meaning: what it holds, with its unit.
        optional: numbers only: may be missing (``Int64``). Dates may always be missing.
    """

    name: str
    kind: Kind
    meaning: str
    optional: bool = False

    @property
    def dtype(self) -> str:
        """The pandas type of the column."""
        return (_OPTIONAL_DTYPES if self.optional else _DTYPES)[self.kind]


@dataclass(frozen=True, slots=True)
class Table:
    """A canonical table: one row per ``row``."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """Give one column's declaration.

        Raises:
            KeyError: the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}")

    def empty(self) -> pd.DataFrame:
        """Give the table without rows."""
        return _empty(self).copy(deep=False)

    def of(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Make the table from mappings; what a row lacks is empty (text ``""``, flag false, number missing or 0)."""
        records = list(rows)
        data = {
            column.name: pd.Series([self._cell(column, record) for record in records], dtype=column.dtype)
            for column in self.columns
        }
        return pd.DataFrame(data)

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give the declared columns in order and type; undeclared ones are left out, lacking ones added empty."""
        data = {}
        for column, kind in zip(self.columns, _empty(self).dtypes, strict=True):
            if column.name in frame:
                own = frame[column.name]
                data[column.name] = own if own.dtype == kind else own.astype(kind)
            else:
                data[column.name] = pd.array([self._cell(column, {})], dtype=kind).repeat(len(frame))
        return pd.DataFrame(data, index=frame.index, copy=False)  # pandas copies a column when somebody writes to it

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give the frame back if it has exactly the declared columns and types.

        Raises:
            TypeError: a column is lacking, unknown or of another type. That is a programming error, not a user's.
        """
        expected = {column.name: column.dtype for column in self.columns}
        actual = {str(name): str(dtype) for name, dtype in frame.dtypes.items()}
        if actual != expected:
            wrong = sorted(set(expected.items()) ^ set(actual.items()))
            raise TypeError(f"table {self.name} does not have its declared columns and types: {wrong}")
        return frame

    @staticmethod
    def _cell(column: Column, record: Mapping[str, Any]) -> Any:
        value = record.get(column.name)
        if value is not None:
            return value
        if column.kind == "date":
            return pd.NaT
        if column.kind in _EMPTY:
            return _EMPTY[column.kind]
        return pd.NA if column.optional else 0


@cache
def _empty(table: Table) -> pd.DataFrame:
    return pd.DataFrame({column.name: pd.array([], dtype=column.dtype) for column in table.columns})

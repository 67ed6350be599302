"""Whole tables in and out of the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.compiler import SQLCompiler

from passerelle.money import Ints

_ROWS_AT_ONCE = 20_000
"""Rows of one statement: few enough to keep memory low, many enough to keep statements few."""
_MARK = b"\xff"
"""Stands between texts that are joined; none has it, as UTF-8 has no such byte."""


def insert(
    connection: sa.Connection, table: sa.Table, frame: pd.DataFrame, *, by: Sequence[str] = (), **constants: Any
) -> None:
    """Insert the rows of a frame, in the order of some columns: that of the key fills one page after the other.

    Args:
        connection: open.
        table: where.
        frame: the rows; they are ordered as they go, as a large frame would be copied.
        by: the columns.
        constants: what is the same in all rows.
    """
    statement = sa.insert(table).values(constants).inline()
    compiled = statement.compile(dialect=connection.dialect, column_keys=[*frame.columns, *constants])
    order = frame[list(by)].reset_index(drop=True).sort_values(list(by)).index.to_numpy() if by else None
    _execute(connection, compiled, frame, order)


def execute(connection: sa.Connection, statement: sa.Insert | sa.Update | sa.Delete, frame: pd.DataFrame) -> None:
    """Execute a statement once per row of a frame: its columns are the statement's bound parameters."""
    _execute(connection, statement.compile(dialect=connection.dialect), frame)


def _execute(connection: sa.Connection, statement: sa.Compiled, frame: pd.DataFrame, order: Ints | None = None) -> None:
    """Hand the rows to the driver as it takes them: SQLAlchemy's care for each of them would double the time.

    Missing becomes NULL. Text and whole numbers only: nothing is converted on the way.
    """
    compiled = cast("SQLCompiler", statement)
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        part = frame.iloc[start : start + _ROWS_AT_ONCE]
        if order is not None:
            part = _picked(frame, order[start : start + _ROWS_AT_ONCE])
        cells: dict[str, Iterable[Any]] = {name: repeat(value, len(part)) for name, value in compiled.params.items()}
        cells |= {str(name): pa.array(column, from_pandas=True).to_pylist() for name, column in part.items()}
        if compiled.positiontup is not None:
            rows: list[Any] = list(zip(*(cells[name] for name in compiled.positiontup), strict=True))
        else:
            rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
        connection.exec_driver_sql(compiled.string, rows)


def _picked(frame: pd.DataFrame, rows: Ints) -> pd.DataFrame:
    """Give some rows in their order. Arrow itself would put the pieces of a column together first, each time."""
    return pd.DataFrame({name: _picked_of(column, rows) for name, column in frame.items()})


def _picked_of(column: pd.Series, rows: Ints) -> Any:
    texts = pa.array(column) if isinstance(column.dtype, pd.StringDtype) else None
    if not isinstance(texts, pa.ChunkedArray) or texts.num_chunks == 1:
        return column.array.take(rows)
    begins = np.cumsum([0, *map(len, texts.chunks)])
    piece = np.searchsorted(begins, rows, side="right") - 1
    parts = [one.take(pa.array(rows[piece == number] - begins[number])) for number, one in enumerate(texts.chunks)]
    place = np.argsort(np.argsort(piece, kind="stable"))
    return pd.array(pa.concat_arrays(parts).take(pa.array(place)), dtype="str")


def select(connection: sa.Connection, query: sa.Select[Any]) -> pd.DataFrame:
    """Read the rows of a query: text columns as ``str``, whole numbers as ``int64``.

    Rows go from the driver to Arrow columns without becoming SQLAlchemy's: a million of them take seconds as it is.
    The query may select text and whole numbers only, none missing.
    """
    kinds = {column.name: _arrow_kind(column.type) for column in query.selected_columns}
    schema = pa.schema(list(kinds.items()))
    cursor = connection.execute(query).cursor
    parts = [schema.empty_table()]
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        columns = zip(*rows, strict=True)
        parts.append(pa.table(list(map(pa.array, columns, schema.types)), schema=schema))
    return pa.concat_tables(parts).to_pandas().astype({name: _pandas_kind(kind) for name, kind in kinds.items()})


def is_among(connection: sa.Connection, column: sa.Column[str], texts: pd.Series) -> sa.ColumnElement[bool]:
    """Ask whether a column is one of some texts, however many: they are one parameter."""
    if connection.dialect.name == "sqlite":
        given = sa.func.json_each(json.dumps(texts.to_list(), ensure_ascii=False)).table_valued("value")
        return column.in_(sa.select(given.c.value))
    return column == sa.any_(sa.literal(texts.to_list(), postgresql.ARRAY(sa.Text)))


def select_by_key(connection: sa.Connection, query: sa.Select[Any], key: sa.Column[str]) -> pd.DataFrame:
    """Read the rows of a query that selects texts only, none missing; SQLite's in the order of a key, unique in them.

    SQLite itself joins the texts of many rows, of which Python makes one object instead of one each.
    """
    if connection.dialect.name != "sqlite":
        return select(connection, query)
    names = [column.name for column in query.selected_columns]
    parts = [pa.table([pa.array([], pa.large_string())] * len(names), names)]
    parts += (pa.table(columns, names) for columns in _joined_pages(connection, query, key))
    found = pa.concat_tables(parts).combine_chunks()
    return pd.DataFrame({name: pd.array(found[name], dtype="str") for name in names})


def _joined_pages(connection: sa.Connection, query: sa.Select[Any], key: sa.Column[str]) -> Iterator[list[pa.Array]]:
    """Give the columns of some rows after the other; the last key tells where the next ones begin."""
    page = query
    while True:
        rows = page.order_by(key).limit(_ROWS_AT_ONCE).subquery()
        joined = [sa.cast(sa.func.group_concat(column, sa.literal(_MARK)), sa.LargeBinary) for column in rows.c]
        count, *columns = connection.execute(sa.select(sa.func.count(), *joined).select_from(rows)).one()
        if not count:
            return
        found = {name: _apart(column, count) for name, column in zip(rows.c.keys(), columns, strict=True)}
        yield [*found.values()]
        page = query.where(key > pc.max(found[key.name]).as_py())


def _apart(joined: bytes, count: int) -> pa.Array:
    """Take texts apart that are joined by ``_MARK``.

    Raises:
        ValueError: they are not so many, or no UTF-8: the database is damaged.
    """
    data = np.frombuffer(joined, np.uint8)
    marks = data == _MARK[0]
    ends = np.flatnonzero(marks)
    if len(ends) != count - 1:
        raise ValueError(f"{len(ends) + 1} texts are joined, not {count}")
    bounds = np.concatenate([[0], ends - np.arange(count - 1), [len(data) - len(ends)]])
    texts = pa.LargeStringArray.from_buffers(count, pa.py_buffer(bounds), pa.py_buffer(data[~marks]))
    texts.validate(full=True)
    return texts


def _arrow_kind(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    return pa.int64() if isinstance(kind, sa.Integer) else pa.string()


def _pandas_kind(kind: pa.DataType) -> str:
    return "int64" if kind == pa.int64() else "str"

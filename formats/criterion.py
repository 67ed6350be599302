"""A profile's condition on an extract's columns, as SQL has it after ``WHERE``: ``ID LIKE 'EM%' AND PRICE > 10``.

It is read by sqlglot, and only what is named here may stand in it: comparisons of columns and literals, and a few
functions of texts and numbers. What is computed is written anew from what was read, never the user's text. DuckDB
computes it over the one table, without files, network, extensions or settings, within limits of memory and time.

Source: spec CAT-2; design.md decision 10.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import sqlglot
from sqlglot import exp

from passerelle import money
from passerelle.formats.descriptor import Descriptor, Field, Type
from passerelle.formats.errors import CriterionError
from passerelle.formats.values import Mask

LONGEST = 2_000
DEEPEST = 40
SECONDS = 30.0
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg)
_CONDITIONS = (*_COMPARISONS, exp.And, exp.Or, exp.Not, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike)
_FUNCTIONS = (exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Substring, exp.Coalesce, exp.Abs)
_ALLOWED = (*_CONDITIONS, *_ARITHMETIC, *_FUNCTIONS, exp.Paren, exp.Escape, exp.Literal, exp.Boolean, exp.Null)
_NAMES = "LOWER, UPPER, TRIM, LENGTH, SUBSTRING, COALESCE, ABS"
_CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "memory_limit": "1GB",
    "threads": "2",
    "lock_configuration": "true",
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """A condition that was read and has nothing in it but what is allowed.

    Attributes:
        text: as it was written.
        tree: what was read.
    """

    text: str
    tree: exp.Expr

    @classmethod
    def read(cls, text: str) -> Criterion:
        """Read a condition.

        Raises:
            CriterionError: it is not one, or something else stands in it.
        """
        tree = _parsed(text)
        for node in _nodes(tree):
            if type(node) not in _ALLOWED and not isinstance(node, exp.Column):
                raise CriterionError("criterion-not-allowed", text, part=_shown(node), allowed=_NAMES)
        if not isinstance(tree.unnest(), (*_CONDITIONS, exp.Column, exp.Boolean)):
            raise CriterionError("criterion-no-condition", text)
        return cls(text, tree)

    def columns(self) -> dict[str, Type]:
        """Give the names of its columns, and for each whether it is compared or computed with numbers."""
        named: dict[str, Type] = {}
        for column in self.tree.find_all(exp.Column):
            if named.get(_name(column)) != "number":
                named[_name(column)] = "number" if _is_among_numbers(column) else "string"
        return named

    def extended(self, descriptor: Descriptor) -> Descriptor:
        """Give a format with the columns that the condition names beyond the format's fields."""
        return descriptor.also(self.columns())

    def sources(self, descriptor: Descriptor) -> set[str]:
        """Give the sources of the fields that it names, of a format made by ``extended``."""
        return {descriptor.labelled(name).source for name in self.columns()}

    def holds(self, descriptor: Descriptor, table: pd.DataFrame, *, seconds: float = SECONDS) -> Mask:
        """Tell for which rows it is true; where it is unknown, as of nothing compared with something, it is not.

        Args:
            descriptor: the format that the table was read by, made by ``extended``.
            table: as the reader gives it.
            seconds: how long it may take.

        Raises:
            CriterionError: it cannot be computed, or not in time.
        """
        columns: dict[str, pa.Array] = {}
        tree = self.tree.copy()
        for column in list(tree.find_all(exp.Column)):
            one = descriptor.labelled(_name(column))
            columns.setdefault(one.source, _arrow(one, table[one.source]))
            place = exp.column(exp.to_identifier(f"c{list(columns).index(one.source)}"))
            if column is tree:
                tree = place
            else:
                column.replace(place)
        cells = [columns[source] for source in columns]
        values = pa.table([pa.nulls(len(table)), *cells], names=["rows", *(f"c{at}" for at in range(len(cells)))])
        return self._computed(tree.sql(dialect="duckdb", comments=False), values, seconds)

    def _computed(self, sql: str, values: pa.Table, seconds: float) -> Mask:
        with duckdb.connect(":memory:", config=_CONFIGURATION) as connection:
            connection.register("extract", values)
            timer = threading.Timer(seconds, connection.interrupt)
            timer.start()
            try:
                found = connection.sql(f"SELECT ({sql}) AS holds FROM extract").fetchnumpy()["holds"]  # noqa: S608
            except duckdb.InterruptException:
                raise CriterionError("criterion-too-slow", self.text, seconds=f"{seconds:g}") from None
            except duckdb.Error as error:
                reason = str(error).partition("\n")[0].partition(": ")[2].rstrip(".")
                raise CriterionError("criterion-failed", self.text, reason=reason) from None
            finally:
                timer.cancel()
        if found.dtype != np.dtype(bool):
            raise CriterionError("criterion-no-condition", self.text)
        holds: Mask = np.ma.filled(found, fill_value=False)
        return holds


def _parsed(text: str) -> exp.Expr:
    """Read the one expression of a text.

    Raises:
        CriterionError: it is too long, too deep, no SQL, or more than an expression.
    """
    try:
        if len(text) > LONGEST or _depth(text) > DEEPEST:
            raise CriterionError("criterion-syntax", text[:LONGEST], reason=f"> {LONGEST}, (( > {DEEPEST}")
        [tree] = sqlglot.parse(text, dialect="duckdb")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        found = getattr(error, "errors", None) or [{}]
        where = f"{found[0].get('description', error)} ({found[0].get('line', 1)}:{found[0].get('col', 1)})"
        raise CriterionError("criterion-syntax", text, reason=where.partition("\n")[0]) from None
    except ValueError:
        raise CriterionError("criterion-not-allowed", text, part=";", allowed=_NAMES) from None
    if not isinstance(tree, exp.Expr):
        raise CriterionError("criterion-no-condition", text)
    return tree


def _depth(text: str) -> int:
    depth = deepest = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    return deepest


def _nodes(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Give all that stands in a condition; of a column's name, only that it is one."""
    for node in tree.walk(prune=_is_name):
        if not _is_name(node) and isinstance(node, exp.Column):
            yield node.this
        yield node


def _is_name(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and all(isinstance(part, exp.Identifier) for part in node.parts)


def _name(column: exp.Column) -> str:
    return ".".join(part.name for part in column.parts)


def _shown(node: exp.Expr) -> str:
    return node.sql(dialect="duckdb", comments=False)[:100]


def _is_among_numbers(column: exp.Column) -> bool:
    """Tell whether a column is compared or computed with a number."""
    node: exp.Expr = column
    while isinstance(node.parent, exp.Paren):
        node = node.parent
    if isinstance(node.parent, (*_ARITHMETIC, exp.Abs)):
        return True
    if not isinstance(node.parent, (*_COMPARISONS, exp.Between, exp.In)):
        return False
    return any(
        isinstance(beside.unnest(), _ARITHMETIC) or (isinstance(beside, exp.Literal) and not beside.is_string)
        for beside in node.parent.iter_expressions()
        if beside is not node
    )


def _arrow(one: Field, values: pd.Series) -> pa.Array:
    if one.type == "number":
        return money.to_arrow(values)
    if one.type == "string":
        return pa.array(values, pa.string())
    return pa.array(values, from_pandas=True)

"""A profile's condition on an extract's columns, as SQL has it after ``WHERE``: ``ID LIKE 'EM%' AND PRICE > 10``.

It is read by sqlglot, and only what is named here may stand in it: comparisons of columns and literals, and a few
functions of texts and numbers. What is computed is written anew from what was read, never the user's text. DuckDB
computes it over the one table, without files, network, extensions or settings, within limits of memory and time.

Source: spec CAT-2; design.md decision 10.
"""

from __future__ import annotations

import re
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
from passerelle.formats.criterion_kinds import ARITHMETIC, COMPARISONS, Kinds, is_date
from passerelle.formats.descriptor import Descriptor, Field, Type, label_key
from passerelle.formats.errors import CriterionError
from passerelle.formats.values import Mask

LONGEST = 2_000
DEEPEST = 40
SECONDS = 30.0
_CONDITIONS = (*COMPARISONS, exp.And, exp.Or, exp.Not, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike, exp.Escape)
_FUNCTIONS = (
    *(exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Substring, exp.Left, exp.Right),
    *(exp.Coalesce, exp.Nullif, exp.Abs, exp.Round),
)
_CASE = (exp.Case, exp.If)
_ALLOWED = (*_CONDITIONS, *ARITHMETIC, *_FUNCTIONS, *_CASE, exp.Paren, exp.Literal, exp.Boolean, exp.Null)
_NAMES = "LOWER, UPPER, TRIM, LENGTH, SUBSTRING, LEFT, RIGHT, COALESCE, NULLIF, ABS, ROUND"
_NOT_CLOSED = re.compile(r"Missing .+ from [0-9]+:([0-9]+)")
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
        try:
            tree = _parsed(text)
            for node in _nodes(tree):
                if not _is_allowed(node):
                    raise CriterionError("criterion-not-allowed", text, part=_shown(node), allowed=_NAMES)
        except RecursionError:
            raise _too_long(text) from None
        if not isinstance(tree.unnest(), (*_CONDITIONS, exp.Column, exp.Boolean, *_CASE)):
            raise CriterionError("criterion-no-condition", text)
        return cls(text, tree)

    def columns(self) -> list[str]:
        """Give the names of its columns, each once."""
        return list(dict.fromkeys(_name(column) for column in self.tree.find_all(exp.Column)))

    def extended(self, descriptor: Descriptor) -> Descriptor:
        """Give a format with the columns that the condition names beyond the format's fields.

        They are texts; numbers where it compares or computes them with some.
        """
        known = [one for one in descriptor.fields if one.type in {"integer", "number"}]
        numbers = {label_key(label) for one in known for label in (one.title, *one.aliases)}
        kinds: dict[str, Type] = dict.fromkeys(self.columns(), "string")
        for column in self.tree.find_all(exp.Column):
            if _is_among_numbers(column, numbers):
                kinds[_name(column)] = "number"
        return descriptor.also(kinds)

    def sources(self, descriptor: Descriptor) -> set[str]:
        """Give the sources of the fields that it names, of a format made by ``extended``."""
        return {descriptor.labelled(name).source for name in self.columns()}

    def check(self, descriptor: Descriptor) -> None:
        """See that what it compares goes together, of columns as a format made by ``extended`` declares them.

        Raises:
            CriterionError: it does not, or nothing in it is true or false.
        """
        kinds = Kinds(self.text, lambda column: descriptor.labelled(_name(column)).type, _shown)
        try:
            kind = kinds.of(self.tree)
        except RecursionError:
            raise _too_long(self.text) from None
        if kind != "truth":
            raise CriterionError("criterion-no-condition", self.text)

    def holds(self, descriptor: Descriptor, table: pd.DataFrame, *, seconds: float = SECONDS) -> Mask:
        """Tell for which rows it is true; where it is unknown, as of nothing compared with something, it is not.

        Args:
            descriptor: the format that the table was read by, made by ``extended``.
            table: as the reader gives it.
            seconds: how long it may take.

        Raises:
            CriterionError: what it compares does not go together; it cannot be computed, or not in time.
        """
        self.check(descriptor)
        try:
            return self._held(descriptor, table, seconds)
        except RecursionError:
            raise _too_long(self.text) from None

    def _held(self, descriptor: Descriptor, table: pd.DataFrame, seconds: float) -> Mask:
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
        for quotient in list(tree.find_all(exp.Div, exp.Mod)):  # by zero: unknown, not larger than all
            quotient.set("expression", exp.Nullif(this=quotient.expression, expression=exp.Literal.number(0)))
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
                raise CriterionError("criterion-failed", self.text) from error
            finally:
                timer.cancel()
        holds: Mask = np.ma.filled(found, fill_value=False)
        return holds


def _parsed(text: str) -> exp.Expr:
    """Read the one expression of a text.

    Raises:
        CriterionError: it is too long, too deep, no SQL, or more than an expression.
        RecursionError: it is too deep.
    """
    if len(text) > LONGEST or _depth(text) > DEEPEST:
        raise _too_long(text)
    try:
        [tree] = sqlglot.parse(text, dialect="duckdb")
    except sqlglot.errors.TokenError as error:
        found = _NOT_CLOSED.fullmatch(str(error.__cause__))
        at = int(found[1]) if found else max(text.rfind("/*"), 0)
        raise CriterionError("criterion-not-closed", text, **_place(text, at), near=text[at : at + 20]) from None
    except sqlglot.errors.ParseError as error:
        where = (error.errors or [{}])[0]
        near = where.get("highlight") or text
        column = max(1, (where.get("col") or 1) - len(near) + 1)
        place = {"line": where.get("line") or 1, "column": column}
        raise CriterionError("criterion-syntax", text, **place, near=near) from None
    except ValueError:
        raise CriterionError("criterion-not-allowed", text, part=";", allowed=_NAMES) from None
    if not isinstance(tree, exp.Expr):
        raise CriterionError("criterion-no-condition", text)
    return tree


def _place(text: str, at: int) -> dict[str, int]:
    before = text[:at]
    return {"line": before.count("\n") + 1, "column": at - before.rfind("\n")}


def _too_long(text: str) -> CriterionError:
    return CriterionError("criterion-too-long", text[:LONGEST], longest=LONGEST, deepest=DEEPEST)


def _depth(text: str) -> int:
    depth = deepest = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    return deepest


def _is_allowed(node: exp.Expr) -> bool:
    if isinstance(node, exp.In):
        return not node.args.get("field")  # IN without parentheses looks for a part of a text
    if isinstance(node, exp.Is):
        return isinstance(node.expression, exp.Null | exp.Boolean)
    return type(node) in _ALLOWED or isinstance(node, exp.Column)


def _nodes(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Give all that stands in a condition; of a column's name, only that it is one."""
    for node in tree.walk(prune=_is_leaf):
        if not _is_leaf(node) and isinstance(node, exp.Column):
            yield node.this
        if not is_date(node):
            yield node


def _is_leaf(node: exp.Expr) -> bool:
    return _is_name(node) or is_date(node)


def _is_name(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and all(isinstance(part, exp.Identifier) for part in node.parts)


def _name(column: exp.Column) -> str:
    return ".".join(part.name for part in column.parts)


def _shown(node: exp.Expr) -> str:
    return node.sql(dialect="duckdb", comments=False)[:100]


def _is_among_numbers(column: exp.Column, numbers: set[str]) -> bool:
    """Tell whether a column is compared or computed with a number.

    Args:
        column: of a condition.
        numbers: keys of the labels of columns that are numbers.
    """
    node: exp.Expr = column
    while isinstance(node.parent, exp.Paren):
        node = node.parent
    if isinstance(node.parent, (*ARITHMETIC, exp.Abs, exp.Round)):
        return True
    if not isinstance(node.parent, (*COMPARISONS, exp.Between, exp.In, exp.Coalesce, exp.Nullif)):
        return False
    return any(_is_number(beside.unnest(), numbers) for beside in node.parent.iter_expressions() if beside is not node)


def _is_number(node: exp.Expr, numbers: set[str]) -> bool:
    if isinstance(node, exp.Column):
        return label_key(_name(node)) in numbers
    return isinstance(node, (*ARITHMETIC, exp.Length)) or (isinstance(node, exp.Literal) and not node.is_string)


def _arrow(one: Field, values: pd.Series) -> pa.Array:
    if one.type == "number":
        return money.to_arrow(values)
    if one.type == "string":
        return pa.array(values, pa.string())
    return pa.array(values, from_pandas=True)

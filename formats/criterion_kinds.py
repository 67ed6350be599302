"""What the parts of a condition are, and whether they go together: no text is compared with a number.

A database would say so too, but of values, in English, in names of its own, and only of those that it comes across.

Source: spec CAT-2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from sqlglot import exp

from passerelle.formats.descriptor import Type
from passerelle.formats.errors import CriterionError

Kind: TypeAlias = Literal["text", "number", "date", "truth", ""]
"""``truth``: it holds or not; empty: nothing is known, as of ``NULL``."""

COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg)
_JOINED = (exp.And, exp.Or, exp.Not)
_TEXTS = (exp.Lower, exp.Upper, exp.Trim)
_CUTS = (exp.Substring, exp.Left, exp.Right)
_ONE_OF = (exp.Coalesce, exp.Nullif)
_KIND_OF: Mapping[Type, Kind] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "truth",
    "date": "date",
    "datetime": "date",
}
_CODES: Mapping[Kind, str] = {
    "text": "criterion-no-text",
    "number": "criterion-no-number",
    "date": "criterion-no-date",
    "truth": "criterion-no-truth",
}
_WRITTEN: Mapping[Kind, re.Pattern[str]] = {
    "number": re.compile(r"\s*[+-]?[0-9]+(\.[0-9]+)?\s*"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?"),
    "truth": re.compile(r"[01]|true|false", re.IGNORECASE),
}
"""How a literal says what is no text: dates always as texts, others also as such."""


def is_date(node: exp.Expr) -> bool:
    """Tell whether it is a date that is written as one: ``DATE '2026-12-31'``."""
    return (
        type(node) is exp.Cast
        and node.to.this in {exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ}
        and isinstance(node.this, exp.Literal)
        and node.this.is_string
    )


@dataclass(frozen=True, slots=True)
class Kinds:
    """What the parts of one condition are.

    Attributes:
        text: the condition as it was written.
        of_column: what a column is read as.
        shown: how a part is shown to people.
    """

    text: str
    of_column: Callable[[exp.Column], Type]
    shown: Callable[[exp.Expr], str]

    def of(self, node: exp.Expr) -> Kind:
        """Tell what a part is, and see that all in it go together.

        Raises:
            CriterionError: they do not; it names those that do not.
        """
        kind: Kind = ""
        match node:
            case exp.Paren() | exp.Escape():
                kind = self.of(node.this)
            case exp.Literal():
                kind = "text" if node.is_string else "number"
            case exp.Boolean():
                kind = "truth"
            case exp.Column():
                kind = _KIND_OF[self.of_column(node)]
            case exp.Cast():
                kind = self._fits(node, node.this, "date")
            case exp.Case():
                kind = self._case(node)
            case exp.If():
                kind = self._branches(node, [node], node.args.get("false"))
            case exp.Is():
                self._alike(node, node.iter_expressions())
                kind = "truth"
            case exp.Length():
                self._fits(node, node.this, "text")
                kind = "number"
            case _:
                kind = self._by_class(node)
        return kind

    def _by_class(self, node: exp.Expr) -> Kind:
        kind: Kind = ""
        if isinstance(node, _JOINED):
            kind = self._all(node, node.iter_expressions(), "truth")
        elif isinstance(node, (*COMPARISONS, exp.Between, exp.In)):
            self._alike(node, node.iter_expressions())
            kind = "truth"
        elif isinstance(node, exp.Like | exp.ILike):
            self._all(node, node.iter_expressions(), "text")
            kind = "truth"
        elif isinstance(node, (*ARITHMETIC, exp.Abs, exp.Round)):
            kind = self._all(node, node.iter_expressions(), "number")
        elif isinstance(node, _TEXTS):
            kind = self._all(node, node.iter_expressions(), "text")
        elif isinstance(node, _CUTS):
            cut, *where = node.iter_expressions()
            self._all(node, where, "number")
            kind = self._fits(node, cut, "text")
        elif isinstance(node, _ONE_OF):
            kind = self._alike(node, node.iter_expressions())
        return kind

    def _case(self, node: exp.Case) -> Kind:
        branches, default = node.args["ifs"], node.args.get("default")
        if not node.this:
            return self._branches(node, branches, default)
        self._alike(node, [node.this, *(branch.this for branch in branches)])
        return self._results(node, branches, default)

    def _branches(self, node: exp.Expr, branches: list[exp.Expr], default: exp.Expr | None) -> Kind:
        self._all(node, (branch.this for branch in branches), "truth")
        return self._results(node, branches, default)

    def _results(self, node: exp.Expr, branches: list[exp.Expr], default: exp.Expr | None) -> Kind:
        return self._alike(node, [*(branch.args["true"] for branch in branches), *([default] if default else [])])

    def _alike(self, whole: exp.Expr, parts: Iterable[exp.Expr]) -> Kind:
        """See that all are of one kind: dates where one is, else that of the first that is no literal."""
        ordered = sorted(parts, key=lambda part: isinstance(part.unnest(), exp.Literal))
        kinds = [self.of(part) for part in ordered]
        kind: Kind = "date" if "date" in kinds else next(filter(None, kinds), "")
        return self._all(whole, ordered, kind) if kind else ""

    def _all(self, whole: exp.Expr, parts: Iterable[exp.Expr], kind: Kind) -> Kind:
        for part in parts:
            self._fits(whole, part, kind)
        return kind

    def _fits(self, whole: exp.Expr, part: exp.Expr, kind: Kind) -> Kind:
        if self.of(part) in {kind, ""} or _says(part.unnest(), kind):
            return kind
        raise CriterionError(_CODES[kind], self.text, part=self.shown(whole), other=self.shown(part))


def _says(node: exp.Expr, kind: Kind) -> bool:
    """Tell whether a literal says what is of a kind, without being it."""
    written = _WRITTEN.get(kind)
    if not isinstance(node, exp.Literal) or not written or not written.fullmatch(node.name):
        return False
    try:
        return kind != "date" or bool(datetime.fromisoformat(node.name))
    except ValueError:
        return False

"""How the value of a field is read from a text, written as a text, and checked: side by side.

Source: spec FMT-1, FMT-2, FMT-3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle import money
from passerelle.formats.descriptor import Field

Mask = npt.NDArray[np.bool_]
SHOWN = 200
"""Characters of a value that its outcome shows."""

_INTEGER = r"^[+-]?[0-9]{1,18}$"
_AS_SPREADSHEETS_SPOIL = r"^[0-9][.,]?[0-9]*[eE]\+[0-9]{1,3}$"
_FRACTION = r"(:[0-9]{2})[.,][0-9]{1,9}((?:Z|[+-][0-9:]{2,6})?)$"
"""Of a second, as databases write it; nobody here counts so finely."""
_CONTROLS = r"[\x00-\x1f\x7f]"
_PRINTED, _DELETE = 0x20, 0x7F
_PLAIN_NUMBERS = (
    (r"^([+-]?)\.([0-9])", r"\10.\2"),
    (r"^([+-]?)0+([0-9])", r"\1\2"),
    (r"(\.[0-9]{12})[0-9]+$", r"\1"),  # too far behind the point to change the sixth decimal
)
"""How numbers are written otherwise than ``money.parse`` reads them: ``.5``, ``0007``, ``0.333333333333333``."""
_BLANKS = {" ", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with some cells of a field."""

    code: str
    where: Mask
    params: Mapping[str, Any] = field(default_factory=dict)


def present(one: Field, cells: pa.Array) -> pa.Array:
    """Give the cells with those that mean "nothing" made empty."""
    missing = [text for text in one.missing_values if text]
    return pc.if_else(pc.is_in(cells, pa.array(missing, cells.type)), "", cells) if missing else cells


def text_problems(one: Field, cells: pa.Array) -> list[Problem]:
    """Check the texts of a field against its constraints; an empty one need only not be required."""
    empty = mask(pc.equal(cells, "")) if one.required or one.enum or one.pattern else np.zeros(len(cells), bool)
    found = [Problem("cell-missing", empty)] if one.required else []
    if one.limit is not None:
        too_long = mask(pc.greater(pc.utf8_length(cells), one.limit))
        found.append(Problem("cell-too-long", too_long, {"limit": one.limit}))
    if one.enum:
        outside = ~mask(pc.is_in(cells, pa.array(one.enum, cells.type))) & ~empty
        found.append(Problem("cell-not-allowed", outside, {"allowed": ", ".join(one.enum)}))
    if one.pattern:
        matches = re.compile(one.pattern).fullmatch
        found.append(Problem("cell-unlike-pattern", ~empty & ~_each(cells, lambda text: bool(matches(text)))))
    return [problem for problem in found if problem.where.any()]


def range_problems(one: Field, values: pd.Series) -> list[Problem]:
    """Check values against the smallest and largest number allowed."""
    scale = money.ONE if one.type == "number" else 1
    found = []
    if one.minimum is not None:
        least = int((one.minimum * scale).to_integral_value(ROUND_CEILING))
        below = (values < least).fillna(value=False).to_numpy(dtype=bool)
        found.append(Problem("cell-too-small", below, {"limit": _plain(one, one.minimum)}))
    if one.maximum is not None:
        most = int((one.maximum * scale).to_integral_value(ROUND_FLOOR))
        above = (values > most).fillna(value=False).to_numpy(dtype=bool)
        found.append(Problem("cell-too-large", above, {"limit": _plain(one, one.maximum)}))
    return [problem for problem in found if problem.where.any()]


def parse(one: Field, cells: pa.Array) -> tuple[pd.Series, list[Problem]]:
    """Read the values of a field.

    Returns:
        The values (string: ``str``; integer: ``Int64``; number: ``Int64`` millionths; boolean: ``boolean``; date and
        datetime: ``datetime64[s]``, in UTC when the pattern has an offset), and what is no value of the type.
    """
    if one.type == "string":
        values, problems = _parse_string(one, cells)
    else:
        values, problems = _parsed_once(one, cells)
    return values, [problem for problem in problems if problem.where.any()]


def neutral(one: Field) -> Field:
    """Give a field whose texts have the same form whatever its notation: a point, ISO dates, ``true`` and ``false``."""
    offset = "%z" if one.in_utc else ""
    return replace(
        one,
        decimal_mark=".",
        group_mark="",
        true_values=("true",),
        false_values=("false",),
        missing_values=(),
        date_format="%Y-%m-%d" if one.type == "date" else f"%Y-%m-%dT%H:%M:%S{offset}",
    )


def _parsed_once(one: Field, cells: pa.Array) -> tuple[pd.Series, list[Problem]]:
    """Read equal texts once: most columns of an export repeat theirs."""
    coded = pc.dictionary_encode(cells)
    values, problems = _PARSERS[one.type](one, coded.dictionary)
    places = coded.indices.to_numpy()
    told = [replace(problem, where=problem.where[places]) for problem in problems if problem.where.any()]
    return values.take(places).reset_index(drop=True), told


def render(one: Field, values: pd.Series) -> pa.Array:
    """Write the values of a field as texts; missing ones are what the field has for "nothing", else empty.

    Args:
        one: the field.
        values: as ``parse`` gives them, or their plain kinds (``int64``, ``bool``).
    """
    texts = _RENDERERS[one.type](one, values)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = pc.fill_null(texts, "").cast(pa.large_string())
    nothing = one.missing_values[0] if one.missing_values else ""
    return pc.if_else(pc.equal(texts, ""), nothing, texts) if nothing else texts


def _parse_string(one: Field, cells: pa.Array) -> tuple[pd.Series, list[Problem]]:
    problems = []
    if one.overflow == "refuse":
        problems.append(Problem("cell-spoilt", mask(pc.match_substring_regex(cells, _AS_SPREADSHEETS_SPOIL))))
    if one.overflow == "refuse" and one.required and _has_controls(cells):
        # What identifies a record is written as it was read, or not at all.
        problems.append(Problem("cell-with-controls", mask(pc.match_substring_regex(cells, _CONTROLS))))
    return pd.Series(pd.array(cells, dtype="str")), problems


def _has_controls(cells: pa.Array) -> bool:
    """Tell whether any cell, or one beside those of a slice, may have a control character: no search where none has."""
    data = np.frombuffer(cells.buffers()[2] or b"", np.uint8)
    return bool((data < _PRINTED).any() or (data == _DELETE).any())


def _parse_integer(one: Field, cells: pa.Array) -> tuple[pd.Series, list[Problem]]:
    text = _number_text(one, cells)
    fits = pc.match_substring_regex(text, _INTEGER)
    digits = pc.replace_substring_regex(pc.if_else(fits, text, None), r"^\+", "")
    whole = pc.fill_null(pc.cast(digits, pa.int64()), 0).to_numpy()
    values = pd.Series(pd.arrays.IntegerArray(whole.copy(), ~mask(fits)))  # by hand: pandas itself takes a binary float
    return values, [Problem("cell-no-integer", ~mask(fits) & ~mask(pc.equal(text, "")))]


def _parse_number(one: Field, cells: pa.Array) -> tuple[pd.Series, list[Problem]]:
    text = _number_text(one, cells)
    foreign = np.zeros(len(text), bool)
    if one.decimal_mark != ".":
        foreign = mask(pc.match_substring(text, "."))
        text = pc.replace_substring(text, one.decimal_mark, ".")
    for written, plain in _PLAIN_NUMBERS:
        text = pc.replace_substring_regex(text, written, plain)
    values, wrong = money.parse(pd.Series(pd.array(text, dtype="str")))
    return values, [Problem("cell-no-number", wrong.to_numpy(dtype=bool) | foreign, {"mark": one.decimal_mark})]


def _parse_boolean(one: Field, cells: pa.Array) -> tuple[pd.Series, list[Problem]]:
    text = pc.utf8_trim_whitespace(cells)
    true = mask(pc.is_in(text, pa.array(one.true_values, text.type)))
    false = mask(pc.is_in(text, pa.array(one.false_values, text.type)))
    values = pd.Series(pd.arrays.BooleanArray(true, ~true & ~false))
    allowed = ", ".join((*one.false_values, *one.true_values))
    return values, [Problem("cell-no-flag", ~true & ~false & ~mask(pc.equal(text, "")), {"allowed": allowed})]


def _parse_date(one: Field, cells: pa.Array) -> tuple[pd.Series, list[Problem]]:
    text = pc.utf8_trim_whitespace(cells)
    if ":%S" in one.date_format:
        text = pc.replace_substring_regex(text, _FRACTION, r"\1\2")
    # pandas takes "now" and "today" for dates, whatever the pattern.
    dated = pc.if_else(pc.match_substring_regex(text, "[0-9]"), text, None)
    values = pd.to_datetime(
        pd.Series(pd.array(dated, dtype="str")), format=one.date_format, errors="coerce", utc=one.in_utc
    )
    wrong = values.isna().to_numpy(dtype=bool) & ~mask(pc.equal(text, ""))
    form = one.date_format
    return values.dt.as_unit("s"), [Problem("cell-no-date", wrong, {"form": form})]


def _render_string(one: Field, values: pd.Series) -> pa.Array:  # noqa: ARG001 - one signature for all types
    texts = values if values.dtype == "str" else values.astype("str")  # asking pandas for nothing takes its time too
    return pa.array(texts, type=pa.large_string(), from_pandas=True)


def _render_integer(one: Field, values: pd.Series) -> pa.Array:  # noqa: ARG001 - one signature for all types
    return pc.cast(pa.array(values.astype("Int64"), type=pa.int64(), from_pandas=True), pa.large_string())


def _render_number(one: Field, values: pd.Series) -> pa.Array:
    decimals = money.SCALE if one.decimals is None else one.decimals
    text = pa.array(money.to_text(values.astype("Int64"), decimals), type=pa.large_string())
    if one.decimals is None:
        spare = money.SCALE - one.least_decimals
        needless = rf"0{{1,{spare}}}$" if one.least_decimals else r"\.?0+$"
        text = pc.replace_substring_regex(text, needless, "") if spare else text
    return text if one.decimal_mark == "." else pc.replace_substring(text, ".", one.decimal_mark)


def _render_boolean(one: Field, values: pd.Series) -> pa.Array:
    flags = pa.array(values.astype("boolean"), type=pa.bool_(), from_pandas=True)
    return pc.if_else(flags, one.true_values[0], one.false_values[0])


def _render_date(one: Field, values: pd.Series) -> pa.Array:
    zone = "UTC" if one.in_utc else None
    return pc.strftime(pa.array(values, type=pa.timestamp("s", tz=zone), from_pandas=True), format=one.date_format)


_PARSERS: Mapping[str, Callable[[Field, pa.Array], tuple[pd.Series, list[Problem]]]] = {
    "integer": _parse_integer,
    "number": _parse_number,
    "boolean": _parse_boolean,
    "date": _parse_date,
    "datetime": _parse_date,
}
_RENDERERS: Mapping[str, Callable[[Field, pd.Series], pa.Array]] = {
    "string": _render_string,
    "integer": _render_integer,
    "number": _render_number,
    "boolean": _render_boolean,
    "date": _render_date,
    "datetime": _render_date,
}


def _number_text(one: Field, cells: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(cells)
    for mark in _BLANKS if one.group_mark in _BLANKS else {one.group_mark} - {""}:
        text = pc.replace_substring(text, mark, "")
    return text


def _each(cells: pa.Array, holds: Callable[[str], bool]) -> Mask:
    """Ask a question of every text, once for equal ones."""
    coded = pc.dictionary_encode(cells)
    answers = np.array([holds(text) for text in coded.dictionary.to_pylist()], dtype=bool)
    result: Mask = answers[coded.indices.to_numpy()] if len(answers) else np.zeros(0, bool)
    return result


def mask(flags: pa.Array) -> Mask:
    """Give a column of booleans as numpy has it."""
    result: Mask = flags.to_numpy(zero_copy_only=False)
    return result


def _plain(one: Field, number: Decimal) -> str:
    return f"{number:f}".replace(".", one.decimal_mark)

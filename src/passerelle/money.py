"""Exact amounts in tables: scaled integers, one rounding, one allocation.

Every amount, unit price, quantity, exchange rate and tax rate of a table is an ``int64`` number of millionths
(``SCALE`` decimals): 12.34 EUR is 12_340_000, 20 % is 20_000_000, 1.5 pieces is 1_500_000. No binary float is
involved anywhere. Magnitudes below nine million millions (9.2e12) are representable.

What we compute is rounded half up, away from zero (ROUND_HALF_UP): what French practice and EN 16931 expect. The other
modes are there for what a shop computed.

``decimals`` is one number for all, or one per row: an amount has the decimals of its currency.

Source: design.md decision 2; spec INV-1, ORD-11, ORD-26; user-asks A1, A23.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

SCALE = 6
ONE = 10**SCALE
"""One unit (one euro, one piece, one percent) in millionths."""

Ints = npt.NDArray[np.int64]
RoundingMode = Literal["half-up", "half-down", "half-even", "half-odd", "up", "down"]
"""How what lies between two numbers is rounded; up is away from zero, down towards it."""
_NUMBER = r"^[+-]?[0-9]{1,12}(\.[0-9]{0,12})?$"
_READ_SCALE = 12


def of(value: Decimal | int | str) -> int:
    """Give one exact value in millionths; digits beyond are rounded half up.

    Raises:
        decimal.InvalidOperation: ``value`` is no number.
    """
    exact = Decimal(value)
    if exact.is_nan():
        raise InvalidOperation(f"{value} is no number")
    return int(exact.quantize(Decimal(1).scaleb(-SCALE), rounding="ROUND_HALF_UP").scaleb(SCALE))


def decimal(value: int) -> Decimal:
    """Give one value of a table as an exact ``Decimal``."""
    return Decimal(int(value)).scaleb(-SCALE)


def parse(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Read a column of texts with a decimal point: ``12.30``, ``-0.5``, ``+3``.

    Digits beyond the sixth decimal are rounded half up. No thousands separator, no exponent, no blank is accepted:
    a format's reader prepares the text, it knows the declared marks.

    Returns:
        The numbers in millionths (``Int64``, missing where the text is empty, missing or not a number), and a boolean
        column that is true where a text stands that is not a number.
    """
    cells = pa.array(text.astype("str"), type=pa.large_string(), from_pandas=True)
    filled = pc.fill_null(cells, "")
    is_number = pc.match_substring_regex(filled, _NUMBER)
    wrong = pc.and_(pc.invert(is_number), pc.not_equal(filled, ""))
    digits = pc.if_else(is_number, pc.replace_substring_regex(filled, r"^\+|\.$", ""), None)
    exact = pc.cast(digits, pa.decimal128(2 * _READ_SCALE + 2, _READ_SCALE))
    rounded = pc.cast(pc.round(exact, SCALE, "half_towards_infinity"), pa.decimal128(26, SCALE))
    numbers = _unscaled(rounded)
    missing = np.asarray(pc.is_null(digits))
    column = pd.array(numbers, dtype="Int64")
    column[missing] = pd.NA
    return pd.Series(column, index=text.index), pd.Series(np.asarray(wrong), index=text.index)


def to_text(values: pd.Series, decimals: npt.ArrayLike, mark: str = ".") -> pd.Series:
    """Write a column with exactly ``decimals`` decimals, rounded half up; missing becomes the empty text.

    No exponent, no thousands separator; zero has no sign.
    """
    if np.ndim(decimals) == 0:
        return _to_text(values, int(np.asarray(decimals)), mark)
    each = np.asarray(decimals, dtype=np.int64)
    written = pd.Series("", values.index, dtype="str")
    for one in np.unique(each):
        rows = np.flatnonzero(each == one)
        written.iloc[rows] = _to_text(values.iloc[rows], int(one), mark).to_numpy()
    return written


def _to_text(values: pd.Series, decimals: int, mark: str) -> pd.Series:
    missing = values.isna().to_numpy()
    numbers = rounded_half_up(values.fillna(0).to_numpy(dtype=np.int64), decimals) // 10 ** (SCALE - decimals)
    if decimals:
        text = pc.cast(_scaled(numbers, decimals), pa.large_string())
        text = text if mark == "." else pc.replace_substring(text, ".", mark)
    else:
        text = pc.cast(pa.array(numbers), pa.large_string())
    written = pc.if_else(pa.array(missing), "", text).to_pandas().astype("str")
    return written.set_axis(values.index)


def to_shortest_text(values: pd.Series) -> pd.Series:
    """Write a column with a decimal point and no trailing zeros: ``5.5``, ``20``; missing becomes the empty text."""
    if not (values.fillna(0).to_numpy(dtype=np.int64) % ONE).any():  # as most columns of quantities are
        return to_text(values, 0)
    written = pa.array(to_text(values, SCALE), pa.large_string())
    shortened = pc.replace_substring_regex(written, r"\.?0+$", "")
    return pd.Series(shortened.to_pandas(), dtype="str").set_axis(values.index)


def to_arrow(values: pd.Series) -> pa.Array:
    """Give a column as exact decimals of Arrow; missing is null."""
    exact = _scaled(values.fillna(0).to_numpy(dtype=np.int64), SCALE)
    return pc.if_else(pa.array(values.isna().to_numpy()), None, exact)


def shortest(value: int) -> str:
    """Write one value with a decimal point and no trailing zeros: ``5.5``, ``20``, ``-0.01``."""
    text = f"{decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def smallest(decimals: npt.ArrayLike) -> Ints:
    """Give the smallest amount that so many decimals can tell: a cent for two."""
    units: Ints = 10 ** (SCALE - np.asarray(decimals, dtype=np.int64))
    return units


def rounded_half_up(values: npt.ArrayLike, decimals: npt.ArrayLike) -> Ints:
    """Round millionths to ``decimals`` decimals, half away from zero; the result stays in millionths."""
    numbers = np.asarray(values, dtype=np.int64)
    unit = smallest(decimals)
    result: Ints = np.sign(numbers) * ((np.abs(numbers) + unit // 2) // unit * unit)
    return result


def rounded(values: npt.ArrayLike, decimals: npt.ArrayLike, mode: RoundingMode) -> Ints:
    """Round millionths to ``decimals`` decimals in a mode of its own; the result stays in millionths."""
    numbers = np.asarray(values, dtype=np.int64)
    unit = smallest(decimals)
    whole, rest = np.divmod(np.abs(numbers), unit)
    is_half, is_more, is_odd = 2 * rest == unit, 2 * rest > unit, whole % 2 == 1
    away = {
        "half-up": is_more | is_half,
        "half-down": is_more,
        "half-even": is_more | (is_half & is_odd),
        "half-odd": is_more | (is_half & ~is_odd),
        "up": rest > 0,
        "down": np.zeros_like(is_more),
    }[mode]
    result: Ints = np.sign(numbers) * (whole + away) * unit
    return result


def product(left: npt.ArrayLike, right: npt.ArrayLike, decimals: npt.ArrayLike) -> Ints:
    """Multiply two columns (price × quantity), rounded half up to ``decimals`` decimals."""
    return _ratio(left, right, ONE, decimals)


def tax(base: npt.ArrayLike, rate: npt.ArrayLike, decimals: npt.ArrayLike) -> Ints:
    """Give the tax on a base excluding tax; ``rate`` in percent, rounded half up."""
    return _ratio(base, rate, 100 * ONE, decimals)


def net_of_discount(
    price: npt.ArrayLike, discount: npt.ArrayLike, rate: npt.ArrayLike, quantity: npt.ArrayLike, decimals: npt.ArrayLike
) -> Ints:
    """Give quantity × (price including tax − discount excluding tax and the tax on it), rounded half up once."""
    price_, discount_, rate_, quantity_ = (
        np.asarray(column, dtype=np.int64).astype(object) for column in (price, discount, rate, quantity)
    )
    unit = smallest(decimals).astype(object)
    hundred = 100 * ONE
    exact = (price_ * hundred - discount_ * (hundred + rate_)) * quantity_
    divisor = hundred * ONE * unit
    units = (2 * np.abs(exact) + divisor) // (2 * divisor)
    result: Ints = np.asarray(np.where(exact < 0, -units, units) * unit, dtype=np.int64)
    return result


def quotient(value: npt.ArrayLike, divisor: npt.ArrayLike, decimals: npt.ArrayLike) -> Ints:
    """Divide two columns (amount ÷ quantity), rounded half up; a divisor of zero gives zero."""
    return _ratio(value, ONE, np.asarray(divisor, dtype=np.int64), decimals)


def share(value: npt.ArrayLike, part: npt.ArrayLike, whole: npt.ArrayLike, decimals: npt.ArrayLike) -> Ints:
    """Give the part of an amount that a part of a quantity has, rounded half up; of a whole of zero it is zero."""
    return _ratio(value, part, whole, decimals)


def excluding(including: npt.ArrayLike, rate: npt.ArrayLike, decimals: npt.ArrayLike) -> Ints:
    """Take the tax out of an amount including it; ``rate`` in percent, rounded half up."""
    return _ratio(including, 100 * ONE, 100 * ONE + np.asarray(rate, dtype=np.int64), decimals)


def including(excluding: npt.ArrayLike, rate: npt.ArrayLike, decimals: npt.ArrayLike) -> Ints:
    """Add the tax to an amount excluding it; ``rate`` in percent, rounded half up."""
    return _ratio(excluding, 100 * ONE + np.asarray(rate, dtype=np.int64), 100 * ONE, decimals)


def allocate(totals: npt.ArrayLike, weights: npt.ArrayLike, groups: npt.ArrayLike, decimals: npt.ArrayLike) -> Ints:
    """Split one total per group over its rows in proportion to their weights, so that the parts add up exactly.

    Largest remainder: every row gets its share cut to ``decimals``, the units left over go to the rows with the
    largest cut remainder, equal remainders to the larger weight, then to the row that comes first.

    Args:
        totals: of each row, the total of its group, a multiple of the unit; may be negative.
        weights: not negative. A group whose weights are all zero gives everything to its first row.
        groups: of each row, the group it belongs to.
        decimals: decimals of the parts; the same for all rows of a group.

    Returns:
        The part of each row, in millionths.

    Source: spec ORD-26.
    """
    unit = smallest(decimals)
    frame = pd.DataFrame(
        {
            "group": np.asarray(groups),
            "total": rounded_half_up(totals, decimals) // unit,
            "weight": np.asarray(weights, dtype=np.int64),
        }
    )
    if frame.empty:
        return np.zeros(0, dtype=np.int64)
    frame["sign"] = np.sign(frame["total"])
    first = ~frame.duplicated("group")
    weightless = frame.groupby("group", sort=False)["weight"].transform("sum") == 0
    frame.loc[weightless & first, "weight"] = 1
    # Python's integers: total × weight may pass 64 bits, and only orders with a discount come here.
    total = frame["total"].abs().astype(object)
    whole = frame.groupby("group", sort=False)["weight"].transform("sum").astype(object)
    product_ = total * frame["weight"].astype(object)
    frame["part"] = (product_ // whole).astype("int64")
    frame["remainder"] = product_ % whole
    left = frame["total"].abs() - frame.groupby("group", sort=False)["part"].transform("sum")
    order = frame.assign(position=range(len(frame))).sort_values(
        ["group", "remainder", "weight", "position"], ascending=[True, False, False, True]
    )
    rank = order.groupby("group", sort=False).cumcount().reindex(frame.index)
    parts = frame["part"] + (rank < left).astype("int64")
    result: Ints = (parts * frame["sign"] * unit).to_numpy(dtype=np.int64)
    return result


def split(total: int, weights: Sequence[int], decimals: int) -> list[int]:
    """Split one total as ``allocate`` does."""
    count = len(weights)
    return [int(part) for part in allocate([total] * count, list(weights), [0] * count, decimals)]


def _ratio(value: npt.ArrayLike, factor: npt.ArrayLike, divisor: npt.ArrayLike, decimals: npt.ArrayLike) -> Ints:
    """Give value × factor ÷ divisor, rounded half up, without a 64-bit overflow on the way."""
    a, b, c = np.broadcast_arrays(
        np.asarray(value, dtype=np.int64), np.asarray(factor, dtype=np.int64), np.asarray(divisor, dtype=np.int64)
    )
    sign = np.sign(a) * np.sign(b) * np.sign(c)  # a divisor of zero gives zero
    a, b, c = np.abs(a), np.abs(b), np.where(c == 0, 1, np.abs(c))
    unit = smallest(decimals)
    largest = 2 * (int(a.max(initial=0)) * int(b.max(initial=0)) + int(c.max(initial=1)) * int(unit.max(initial=1)))
    if largest > np.iinfo(np.int64).max:
        a, b, c, unit = (numbers.astype(object) for numbers in (a, b, c, unit))
    units = (2 * a * b + c * unit) // (2 * c * unit)
    result: Ints = np.asarray(sign * units * unit, dtype=np.int64)
    return result


def _unscaled(decimals: pa.Array) -> Ints:
    """Give the integers behind a decimal128 column (missing as 0); each fits 64 bits."""
    filled = pc.fill_null(decimals, pa.scalar(Decimal(0), decimals.type))
    if isinstance(filled, pa.ChunkedArray):
        filled = filled.combine_chunks()
    words: Ints = np.frombuffer(filled.buffers()[1], dtype=np.int64)
    return words[2 * filled.offset : 2 * (filled.offset + len(filled)) : 2].copy()


def _scaled(numbers: Ints, decimals: int) -> pa.Array:
    """Give integers as a decimal128 column with ``decimals`` decimals."""
    words = np.empty((len(numbers), 2), dtype=np.int64)
    words[:, 0] = numbers
    words[:, 1] = np.where(numbers < 0, -1, 0)
    return pa.Array.from_buffers(pa.decimal128(38, decimals), len(numbers), [None, pa.py_buffer(words.tobytes())])

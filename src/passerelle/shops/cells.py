"""Texts of a shop's export as numbers, times and rates, and what is said of those that are none.

Source: design.md decisions 2, 3; spec ORD-8.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.outcome import refused, said, together

_TIME = (
    r"(?:19[7-9]\d|20\d\d|21\d\d)-\d\d-\d\d"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?"
)
_MOST_DIGITS = 12
LARGEST = 10_000_000_000
"""The largest amount or quantity that is taken for one, in units; sums of what is below cannot overflow."""
_RATE = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,6})?)\s*%")

LARGEST_RATE = 1000
"""The largest VAT rate that is taken for one, in percent."""


class Problems:
    """What was wrong with records while they were read, in the order it was met.

    Args:
        record_type: what they are.
    """

    def __init__(self, record_type: str = "order") -> None:
        self._record_type = record_type
        self._said: list[pd.DataFrame] = []

    def say(
        self, code: str, records: pd.Series, *, field: str = "", value: str | pd.Series = "", **params: object
    ) -> None:
        """Say a code of some records, by their keys."""
        if len(records):
            self._said.append(
                said(code, records, record_type=self._record_type, stage="read", field=field, value=value, **params)
            )

    def outcomes(self) -> pd.DataFrame:
        """Give the outcomes table; what was said twice stands once."""
        return together(self._said).drop_duplicates(ignore_index=True)

    def refused(self) -> set[str]:
        """Give the keys of the records that cannot be read."""
        return refused(together(self._said))


def numbers(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Read numbers as programs write them: with any count of decimals, also ``1.5e-05``.

    Returns:
        As ``money.parse``: millionths (``Int64``, missing where empty or no number), and what is no number.
    """
    if not (text != "").any():
        return pd.Series(pd.NA, text.index, dtype="Int64"), pd.Series(data=False, index=text.index)
    values, wrong = money.parse(text)
    if not wrong.any():
        return values, wrong
    again, still_wrong = money.parse(text[wrong].map(_plain).astype("str"))
    values[wrong] = again
    wrong[wrong] = still_wrong
    return values, wrong


def _plain(text: str) -> str:
    """Write a number without exponent, cut after twelve decimals: exact, for ``money.parse`` rounds at the sixth."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if not value.is_finite() or abs(value.adjusted()) > 2 * _MOST_DIGITS:
        return text
    whole, point, decimals = f"{value:f}".partition(".")
    return whole + point + decimals[:_MOST_DIGITS]


def local_times(text: pd.Series, zone: str, *, naive: Literal["utc", "local"]) -> tuple[pd.Series, pd.Series]:
    """Read ISO 8601 times into times of a zone, without offset, to the second.

    Args:
        text: dates, times, times with an offset; empty where there is none.
        zone: IANA name of the zone wanted.
        naive: what a time without offset is: UTC, or already local.

    Returns:
        ``datetime64[s]``, missing where the text is empty or no time; and what is no time.
    """
    if not (text != "").any():
        return pd.Series(pd.NaT, text.index, dtype="datetime64[s]"), pd.Series(data=False, index=text.index)
    iso = text.where(text.str.fullmatch(_TIME), "").str.replace(r" ?(UTC|Z)$", "Z", regex=True)
    iso = iso.str.replace(r" ([+-]\d\d):?(\d\d)$", r"\1:\2", regex=True)
    instants = pd.to_datetime(iso, errors="coerce", format="ISO8601", utc=True)
    converted = instants.dt.tz_convert(zone).dt.tz_localize(None)
    if naive == "local":
        has_offset = iso.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
        converted = converted.where(has_offset, instants.dt.tz_localize(None))
    return converted.astype("datetime64[s]"), converted.isna() & (text != "")


def too_large(prices: pd.Series, quantities: pd.Series) -> pd.Series:
    """Tell which products of a price and a quantity, both in millionths, pass ``LARGEST``."""
    pieces = (quantities.abs() + money.ONE - 1) // money.ONE
    return prices.abs() > LARGEST * money.ONE // pieces.clip(lower=1)


def rate_in_name(names: pd.Series) -> pd.Series:
    """Read the VAT rate that a tax has in its name: ``TVA 5,5 %`` is 5.5 percent; missing where there is none.

    Returns:
        Percent in millionths (``Int64``).
    """
    distinct = {name: _RATE.search(name) for name in names.unique()}
    rates = {name: money.of(match[1].replace(",", ".")) for name, match in distinct.items() if match}
    return pd.Series([rates.get(name, pd.NA) for name in names], index=names.index, dtype="Int64")


def combined_rate(rates: pd.Series, priorities: pd.Series) -> Any:
    """Combine the VAT rates that a shop charges on one thing: equal priorities add, the next one is charged on top.

    20 % and 3.2 % are 23.2 % where their priorities are equal, 23.84 % where they differ (ORD-31).

    Args:
        rates: percent in millionths.
        priorities: order in which they are applied; same rows.

    Returns:
        Percent in millionths; ``pd.NA`` where a rate is missing, or where no VAT rate is that high.
    """
    if rates.isna().any():
        return pd.NA
    whole = Decimal(100)
    for _, equal in rates.groupby(priorities.to_numpy()):
        whole *= 1 + sum((money.decimal(rate) for rate in equal), Decimal(0)) / 100
    return money.of(whole - 100) if whole - 100 <= LARGEST_RATE else pd.NA


def rounded(values: pd.Series, decimals: pd.Series) -> pd.Series:
    """Round each value half up to its own number of decimals; missing stays missing."""
    result = values.copy()
    for count in np.unique(decimals):
        rows = (decimals == count) & values.notna()
        if count < money.SCALE:
            result[rows] = money.rounded_half_up(values[rows].to_numpy(dtype=np.int64), int(count))
    return result

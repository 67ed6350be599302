"""How platform modules put canonical tables together.

Source: spec ORD-8; contract of ``passerelle.shops.export``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import pandas as pd

from passerelle import money
from passerelle.model.orders import REFUND_LINES, REFUNDS, SalesOrders
from passerelle.model.table import Table
from passerelle.outcome import said, together


def by_order(table: Table, parts: Iterable[pd.DataFrame], keys: pd.Series) -> pd.DataFrame:
    """Put parts of a canonical table one under the other, sorted as the orders of ``keys`` are."""
    rank = pd.Series(range(len(keys)), index=keys)
    joined = pd.concat([table.empty(), *(table.conform(part) for part in parts if len(part))], ignore_index=True)
    return joined.sort_values("order_key", key=lambda column: column.map(rank), kind="stable", ignore_index=True)


def explained_refunds(
    refunds: pd.DataFrame, parts: Iterable[pd.DataFrame], keys: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complete refunds by their lines, so that the lines come to the amount that was given back.

    What the lines do not explain of the amount stands as one more line of kind ``amount``; it is negative when the
    shop kept a part. Only an amount that its lines explain is also known without VAT.

    Args:
        refunds: refunds; an amount that is missing is what the lines come to.
        parts: their lines.
        keys: the orders, whose order both tables get.

    Returns:
        The ``REFUNDS`` and ``REFUND_LINES`` tables.
    """
    refunds = by_order(REFUNDS, [refunds], keys)
    lines = by_order(REFUND_LINES, parts, keys)
    by_refund = lines.groupby(["order_key", "refund_id"])[["amount_excl", "amount_incl"]].sum(skipna=False)
    places = pd.MultiIndex.from_frame(refunds[["order_key", "refund_id"]])
    summed = by_refund.reindex(places).reset_index(drop=True)
    amount = refunds["amount_incl"].fillna(summed["amount_incl"])
    rest = amount - summed["amount_incl"].mask(~places.isin(by_refund.index), 0)
    unexplained = pd.Series(money.rounded_half_up(rest.fillna(0), 2), refunds.index) != 0
    completed = refunds.assign(amount_incl=amount, amount_excl=summed["amount_excl"].mask(unexplained))
    amounts = refunds.assign(kind="amount", amount_incl=rest)[unexplained]
    return completed, by_order(REFUND_LINES, [lines, amounts], keys)


def first_filled(*texts: pd.Series) -> pd.Series:
    """Give of several text columns the first that is filled, row by row."""
    return reduce(lambda first, other: first.where(first != "", other), texts)


def looked_up(keys: pd.Series, texts: pd.Series) -> pd.Series:
    """Give of each key the text that stands under it; empty where there is none."""
    return texts.reindex(keys).fillna("").astype("str").set_axis(keys.index)


def without(sales: SalesOrders, refused: set[str]) -> SalesOrders:
    """Take out the orders that cannot be read."""
    return sales.only(set(sales.orders["order_key"]) - refused) if refused else sales


def given_again(repeated: Iterable[str], conflicting: Iterable[str]) -> pd.DataFrame:
    """Say which orders were given several times, with the same content and with different ones."""
    return together(
        said(code, keys, record_type="order", stage="read")
        for code, keys in (("repeated-order", repeated), ("duplicate-order", conflicting))
    )

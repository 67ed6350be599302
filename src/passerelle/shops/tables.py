"""How platform modules put canonical tables together.

Source: spec ORD-8; contract of ``passerelle.shops.export``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import pandas as pd

from passerelle import money
from passerelle.model.customers import PROSPECT
from passerelle.model.orders import REFUND_LINES, REFUNDS, SalesOrders
from passerelle.model.table import Table
from passerelle.outcome import said, together

GIVEN_AGAIN = {
    "order": ("repeated-order", "duplicate-order"),
    PROSPECT: ("repeated-customer", "duplicate-customer"),
}
"""By record type, what is said of a record that is given several times: alike, differently."""


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


def share_of_lines(lines: pd.DataFrame, keys: pd.Series, line_id: pd.Series, quantity: pd.Series) -> pd.DataFrame:
    """Give of lines that a refund names the part of their amounts that the quantity given back has, to the cent.

    Args:
        lines: the order lines.
        keys: the order of each line given back.
        line_id: the line.
        quantity: the quantity given back.

    Returns:
        ``amount_excl``, ``amount_incl`` and ``tax_rate``, missing where the line's are or where the order has no such
        line; ``is_sold``: it has. Same rows as ``keys``.
    """
    sold = lines.drop_duplicates(["order_key", "line_id"]).set_index(["order_key", "line_id"])
    found = sold[["quantity", "net_excl", "net_incl", "tax_rate"]].reindex(pd.MultiIndex.from_arrays([keys, line_id]))
    is_sold = found["quantity"].notna().to_numpy()
    found = found.set_axis(keys.index)
    whole = found["quantity"].fillna(0).astype("int64")
    shares = {}
    for side in ("excl", "incl"):
        amount = found[f"net_{side}"]
        unit = money.quotient(amount.fillna(0), whole, money.SCALE)
        part = pd.Series(money.product(unit, quantity, 2), amount.index, dtype="Int64")
        shares[f"amount_{side}"] = part.where(amount.notna()).mask(whole == quantity, amount)
    return pd.DataFrame({**shares, "tax_rate": found["tax_rate"], "is_sold": is_sold})


def shipping_rates(charges: pd.DataFrame, keys: pd.Series) -> pd.Series:
    """Give of each order the VAT rate of its shipping; missing where it has none, or several."""
    rates = charges.loc[charges["kind"] == "shipping", ["order_key", "tax_rate"]].drop_duplicates()
    alone = rates.drop_duplicates("order_key", keep=False).set_index("order_key")["tax_rate"]
    return alone.reindex(keys).set_axis(keys.index).astype("Int64")


def whole_payments(header: pd.DataFrame, payments: pd.DataFrame) -> pd.DataFrame:
    """Give as one payment what was paid of orders of which the export has no payments."""
    amount = header["paid_total"].fillna(0)
    paid = header[["order_key", "payment_mode", "paid_at"]].assign(position=1, amount=amount)
    return paid[(amount != 0) & ~header["order_key"].isin(payments["order_key"])]


def ranked(table: pd.DataFrame) -> pd.DataFrame:
    """Number the rows of each order from 1."""
    return table.assign(position=table.groupby("order_key").cumcount() + 1)


def filled(addresses: pd.DataFrame, keys: pd.Series, kind: str) -> pd.DataFrame:
    """Give the addresses of a kind; one of which every field is empty is none."""
    return addresses.assign(order_key=keys, kind=kind)[(addresses != "").any(axis=1)]


def first_filled(*texts: pd.Series) -> pd.Series:
    """Give of several text columns the first that is filled, row by row."""
    return reduce(lambda first, other: first.where(first != "", other), texts)


def looked_up(keys: pd.Series, texts: pd.Series) -> pd.Series:
    """Give of each key the text that stands under it; empty where there is none."""
    return texts.reindex(keys).fillna("").astype("str").set_axis(keys.index)


def without(sales: SalesOrders, refused: set[str]) -> SalesOrders:
    """Take out the orders that cannot be read."""
    return sales.only(set(sales.orders["order_key"]) - refused) if refused else sales


def given_again(repeated: Iterable[str], conflicting: Iterable[str], record_type: str = "order") -> pd.DataFrame:
    """Say which records were given several times, with the same content and with different ones."""
    codes = GIVEN_AGAIN[record_type]
    return together(
        said(code, keys, record_type=record_type, stage="read")
        for code, keys in zip(codes, (repeated, conflicting), strict=True)
    )

"""What PrestaShop leaves to be worked out of its amounts: rates that it does not tell, allowances as they were charged.

Source: facts/shops § 1; spec ORD-26.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from passerelle import money

DECIMALS = 2
CENT = money.ONE // 10**DECIMALS
_TAXES = ("excl", "incl")


def rate_between(excl: int, incl: int, rates: Iterable[int]) -> int | None:
    """Give the rate that leads from an amount excluding tax to the one including it.

    The shop rounded both in a way of its own: the nearest of the rates that come within a cent is taken.

    Args:
        excl: amount excluding tax, in millionths.
        incl: the same including tax.
        rates: in percent, those that may be.

    Returns:
        The rate; none when no rate comes within a cent.
    """
    percent = 100 * money.ONE
    distance, rate = min(((abs(excl * (percent + rate) - incl * percent), rate) for rate in rates), default=(0, None))
    return rate if distance <= CENT * percent else None


def to_the_cent(values: pd.Series) -> pd.Series:
    """Round half up to two decimals."""
    return pd.Series(money.rounded_half_up(values, DECIMALS), index=values.index)


def lines_to_the_cent(amounts: pd.Series, orders: pd.Series, totals: pd.Series, tolerance: pd.Series) -> pd.Series:
    """Round the amounts of lines so that they add up to the total of their order (largest remainder).

    Where the shop rounds on the total, its lines carry up to six decimals. An order whose lines do not come near the
    total, has none, or has negative lines: each line is rounded half up.

    Args:
        amounts: of each line.
        orders: the order of each line.
        totals: of each line, the total of its order; may be missing.
        tolerance: of each line, how far off the lines of its order may be.
    """
    rounded = to_the_cent(amounts)
    if totals.isna().all():
        return rounded
    by_order = amounts.groupby(orders)
    near = (by_order.transform("sum") - totals).abs().le(tolerance).fillna(value=False).astype(bool)
    adjusted = near & (by_order.transform("min") >= 0)
    rounded[adjusted] = money.allocate(totals[adjusted], amounts[adjusted], orders[adjusted], DECIMALS)
    return rounded


def as_deducted(rules: pd.DataFrame, header: pd.DataFrame) -> pd.DataFrame:
    """Make the allowances of orders from their cart rules, adding up to what was deducted.

    A rule that offers the shipping reduces the shipping up to its amount; what is left of it and all other rules reduce
    the lines. A rule carries its value unrounded, the order carries what was deducted: the shipping is served first,
    the lines' rules share the rest in proportion to their values (largest remainder). A rule of a negative value, by
    which a shop takes a voucher back, is a negative allowance of just that. What no rule explains becomes an allowance
    on the lines without label.

    Args:
        rules: ``order`` (row number in ``header``), ``label``, ``free_shipping``, ``value_excl`` and ``value_incl``.
        header: numbered from 0, of each order ``order_key``, and ``discounts_`` and ``shipping_`` ``excl``, ``incl``.

    Returns:
        Columns of the table of allowances, by order, shipping first.
    """
    pieces = _pieces(rules, header)
    is_negative = (pieces["target"] == "lines") & (pieces[[*_TAXES]] < 0).any(axis="columns")
    negative = pieces[is_negative].assign(
        **{f"amount_{tax}": to_the_cent(pieces.loc[is_negative, tax]) for tax in _TAXES}
    )
    pieces = pieces[~is_negative]
    totals = _totals(pieces, negative, header)
    unexplained = ~totals["has_lines"] & totals[["lines_excl", "lines_incl"]].any(axis="columns")
    rest = pd.DataFrame({"order": totals.index[unexplained], "target": "lines", "label": "", "excl": 0, "incl": 0})
    pieces = pd.concat([pieces, rest], ignore_index=True).sort_values(
        ["order", "target"], ascending=[True, False], kind="stable", ignore_index=True
    )
    on_shipping = (pieces["target"] == "shipping").to_numpy()
    for tax in _TAXES:
        of_order = totals.loc[pieces["order"]]
        total = np.where(on_shipping, of_order[f"shipping_{tax}"], of_order[f"lines_{tax}"])
        weights = pieces[tax].clip(lower=0)
        pieces[f"amount_{tax}"] = money.allocate(total, weights, 2 * pieces["order"] + on_shipping, DECIMALS)
    pieces = pd.concat([pieces[pieces[["amount_excl", "amount_incl"]].any(axis="columns")], negative])
    pieces = pieces.sort_values("order", kind="stable", ignore_index=True)
    return pieces.assign(order_key=header["order_key"].to_numpy()[pieces["order"].to_numpy(dtype=np.int64)])


def _pieces(rules: pd.DataFrame, header: pd.DataFrame) -> pd.DataFrame:
    """Split each rule into what it takes off the shipping and what off the lines, unrounded."""
    free = rules["free_shipping"]
    parts = {}
    for tax in _TAXES:
        value = rules[f"value_{tax}"]
        offered = value.where(free, 0)
        before = offered.groupby(rules["order"]).cumsum() - offered
        room = header[f"shipping_{tax}"].to_numpy()[rules["order"].to_numpy()] - before
        parts["shipping", tax] = offered.clip(upper=room.clip(lower=0))
        parts["lines", tax] = value - parts["shipping", tax]
    pieces = pd.concat(
        pd.DataFrame(
            {
                "order": rules["order"],
                "target": target,
                "label": rules["label"],
                **{tax: parts[target, tax] for tax in _TAXES},
            }
        )[kept]
        for target, kept in (
            ("shipping", free),
            ("lines", ~free | (parts["lines", "excl"] >= CENT) | (parts["lines", "incl"] >= CENT)),
        )
    )
    return pieces.reset_index(drop=True)


def _totals(pieces: pd.DataFrame, negative: pd.DataFrame, header: pd.DataFrame) -> pd.DataFrame:
    """Split what was deducted from each order, but for negative allowances, over its shipping and its lines."""
    orders = header.index
    on_shipping = pieces["target"] == "shipping"
    totals = pd.DataFrame({"has_lines": orders.isin(pieces.loc[~on_shipping, "order"])}, index=orders)
    offered = orders.isin(pieces.loc[on_shipping, "order"]) & ~totals["has_lines"]
    for tax in _TAXES:
        deducted = header[f"discounts_{tax}"] - negative.groupby("order")[f"amount_{tax}"].sum().reindex(orders).fillna(
            0
        )
        deducted = deducted.astype("int64")
        shipping = pieces[on_shipping].groupby("order")[tax].sum().reindex(orders, fill_value=0)
        shipping = to_the_cent(shipping).clip(upper=deducted.clip(lower=0))
        # Nothing but the shipping was offered: a cent between rule and order is rounding.
        shipping = shipping.mask(offered & ((deducted - shipping).abs() <= CENT), deducted)
        totals[f"shipping_{tax}"] = shipping
        totals[f"lines_{tax}"] = deducted - shipping
    return totals

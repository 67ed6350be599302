"""Which VAT rate each part of an order has, where the export tells the order's VAT by rate only.

Source: facts/shops § 13 (a line's rate must be deduced); spec INV-1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.money import Ints

_MOST = 20_000
"""How many ways to give rates to the parts are tried; of an order that has more nothing is deduced."""
_HALF_A_CENT = money.ONE // 200


def rates(lines: pd.DataFrame, totals: pd.DataFrame, taxes: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give the rates of lines and shipping: the order's only one, or what the amounts of several let deduce.

    Args:
        lines: ``order_key``, ``net``, ``taxable``.
        totals: by order key ``includes_tax``, ``net`` of all lines, ``shipping``, ``on_lines`` and ``on_shipping``
            (allowances), ``tax``, ``tax_rate`` of an order with one tax.
        taxes: ``order_key``, ``tax_rate`` (missing: not told), ``tax_amount``.

    Returns:
        Percent in millionths, missing where it is not certain: of each line, and by order key of the shipping.
    """
    of_lines = totals["tax_rate"].reindex(lines["order_key"]).set_axis(lines.index).where(lines["taxable"], 0)
    goods = lines[lines["taxable"]]
    base = goods.groupby("order_key")["net"].sum().reindex(totals.index).fillna(0).astype("int64") - totals["on_lines"]
    of_shipping = _shipping_rates(base, totals)
    by_rate = _several(taxes)
    goods = goods[goods["order_key"].isin(by_rate.keys())]
    places, net = goods.groupby("order_key").indices, goods["net"].to_numpy()
    found = np.full(len(goods), None)
    for key, order in totals[totals.index.isin(by_rate.keys())].to_dict("index").items():
        own = places.get(key, [])
        found[own], of_shipping[key] = deduced(
            [one - one * order["on_lines"] // max(order["net"], 1) for one in net[own].tolist()],
            order["shipping"] - order["on_shipping"],
            by_rate[key],
            includes_tax=order["includes_tax"],
        )
    of_lines[goods.index] = pd.array(found, dtype="Int64")
    return of_lines, of_shipping


def _several(taxes: pd.DataFrame) -> dict[str, dict[int, int]]:
    """Give by order the VAT amounts by rate, of orders that have several taxes, all of which tell their rate."""
    charged = taxes[taxes["tax_amount"] != 0]
    untold = charged.loc[charged["tax_rate"].isna(), "order_key"]
    several = charged[charged["order_key"].duplicated(keep=False) & ~charged["order_key"].isin(untold)]
    amounts: dict[str, dict[int, int]] = {}
    for (key, rate), amount in several.groupby(["order_key", "tax_rate"])["tax_amount"].sum().items():
        amounts.setdefault(key, {})[rate] = amount
    return amounts


def tax_names(keys: pd.Series, of: pd.Series, totals: pd.DataFrame, taxes: pd.DataFrame) -> pd.Series:
    """Give the names that rates have among the taxes of their orders; a rate that is missing has the only one's."""
    known = taxes[taxes["tax_rate"].notna()].drop_duplicates(["order_key", "tax_rate"])
    names = known.set_index(["order_key", "tax_rate"])["tax_name"]
    named = names.reindex(pd.MultiIndex.from_arrays([keys, of.fillna(-1)])).set_axis(keys.index)
    only = totals["tax_name"].reindex(keys).set_axis(keys.index)
    return named.fillna("").mask(of.isna(), only).astype("str")


def _shipping_rates(base: pd.Series, totals: pd.DataFrame) -> pd.Series:
    """Give the shipping's rate in an order of one tax: that one, unless it is nearer to the tax on the lines alone."""
    rate = totals["tax_rate"].fillna(0).astype("int64")

    def missed(taxed: pd.Series) -> pd.Series:
        contained, added = (_tax(taxed.to_numpy(), rate.to_numpy(), includes_tax=mode) for mode in (True, False))
        return (totals["tax"] - np.where(totals["includes_tax"], contained, added)).abs()

    charged = base + totals["shipping"] - totals["on_shipping"]
    return totals["tax_rate"].mask(missed(base) < missed(charged), 0)


def deduced(
    lines: Sequence[int], shipping: int, taxes: Mapping[int, int], *, includes_tax: bool
) -> tuple[list[int | None], int | None]:
    """Find the rates by which lines and shipping come to the VAT amounts of the order.

    Every way to give one of the rates to each part is tried; the shipping may also have none. A part has the rate that
    it has in all the ways that fit; each amount of VAT may be rounded by half a cent per part.

    Args:
        lines: taxable lines after discounts, in millionths, with VAT or without it as ``includes_tax`` says.
        shipping: the shipping, likewise.
        taxes: VAT amount by rate.
        includes_tax: whether the amounts include VAT.

    Returns:
        The rate of each line, and of the shipping; None where it is not certain.
    """
    parts = np.array([*lines, shipping], dtype=np.int64)
    shares = np.column_stack([_tax(parts, rate, includes_tax=includes_tax) for rate in taxes])
    amounts = np.array(list(taxes.values()), dtype=np.int64)
    taxed, untaxed = _fitting(shares, amounts), _fitting(shares[:-1], amounts)
    no_rate = np.full((len(untaxed), 1), len(taxes))
    ways = np.vstack([taxed, np.hstack([untaxed, no_rate])])
    if not len(ways):
        return [None] * len(lines), None
    rates = [*taxes, 0]
    certain = (ways == ways[0]).all(axis=0)
    found = [rates[choice] if sure else None for choice, sure in zip(ways[0], certain, strict=True)]
    return found[:-1], found[-1]


def _tax(parts: Ints, rate: int | Ints, *, includes_tax: bool) -> Ints:
    return parts - money.excluding(parts, rate, money.SCALE) if includes_tax else money.tax(parts, rate, money.SCALE)


def _fitting(shares: Ints, amounts: Ints) -> Ints:
    """Give the ways that come to the amounts: rows of rate numbers, one per part.

    Args:
        shares: VAT of each part (rows) at each rate (columns).
        amounts: VAT of the order at each rate.
    """
    count, rates = shares.shape
    if rates**count > _MOST:
        return np.zeros((0, count), dtype=np.int64)
    ways = _all_ways(count, rates)
    sums = np.column_stack([np.where(ways == rate, shares[:, rate], 0).sum(axis=1) for rate in range(rates)])
    fitting: Ints = ways[(np.abs(sums - amounts) <= _HALF_A_CENT * (count + 1)).all(axis=1)]
    return fitting


@cache
def _all_ways(count: int, rates: int) -> Ints:
    return np.array(list(product(range(rates), repeat=count)), dtype=np.int64).reshape(-1, count)

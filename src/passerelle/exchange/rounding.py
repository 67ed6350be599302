"""The ERP's own total, and the Écart line that carries what it differs from what the shop charged.

Source: spec ORD-27, INV-1; user-asks A1 (the shop's charged total is the truth).
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import currencies
from passerelle.exchange.lines import missing_article
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.vat import GROUP


def breakdown(lines: pd.DataFrame, shipping: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Compute the VAT breakdown of documents as the ERP does: summed by rate, then rounded once per rate.

    Excluding tax: VAT = base × rate. Including tax: base = total ÷ (1 + rate). Both at the currency's decimals,
    half up.

    Args:
        lines: priced lines with ``net_excl`` and ``net_incl``.
        shipping: the footer's shipping by order.
        options: the tax mode.

    Returns:
        ``GROUP``, ``base``, ``tax``, ``total``: one row per order, rate and VAT code.
    """
    side = "incl" if options.includes_tax else "excl"
    footer = shipping.rename_axis("order_key").reset_index()
    amounts = pd.concat(
        [
            lines[[*GROUP, "decimals", f"net_{side}"]].rename(columns={f"net_{side}": "amount"}),
            footer[[*GROUP, "decimals", f"shipping_{side}"]].rename(columns={f"shipping_{side}": "amount"}),
        ],
        ignore_index=True,
    )
    groups = amounts.groupby(GROUP, sort=False)
    summed = groups.agg(amount=("amount", "sum"), decimals=("decimals", "first")).reset_index()
    decimals = summed["decimals"]
    amount = summed["amount"].to_numpy(dtype=np.int64)
    rate = summed["tax_rate"].to_numpy(dtype=np.int64)
    if options.includes_tax:
        total, base = amount, money.excluding(amount, rate, decimals)
        tax = total - base
    else:
        base, tax = amount, money.tax(amount, rate, decimals)
        total = base + tax
    return summed[GROUP].assign(base=base, tax=tax, total=total)


def gaps(charged: pd.Series, computed: pd.DataFrame) -> pd.Series:
    """Give what the shop charged more than the ERP computes, by order key.

    Args:
        charged: what the shop charged, including tax, at the currency's decimals, by order key.
        computed: the ERP's breakdown.
    """
    totals = computed.groupby("order_key")["total"].sum().reindex(charged.index).fillna(0).astype("int64")
    return charged - totals


def rounding_lines(gap: pd.Series, orders: pd.DataFrame, options: OrderOptions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the Écart line of every order whose two totals differ, or refuse the order (ORD-27).

    The line has VAT rate 0, so that it changes the total by exactly the difference.

    Args:
        gap: shop total − ERP total by order key.
        orders: ``charged_total``, ``currency`` and ``decimals`` by order key.
        options: whether the line is written, its article, and up to which difference.
    """
    different = gap[gap != 0]
    ceilings = _ceilings(orders["decimals"].reindex(different.index), options)
    too_large = different.abs() > ceilings
    refused = different[too_large | (not options.rounding_line)]
    written = different.drop(refused.index)
    stopped = orders.reindex(refused.index)
    totals, decimals = stopped["charged_total"].astype("int64"), stopped["decimals"].astype("int64")
    said = outcome.said(
        "total-mismatch",
        refused.index,
        record_type="order",
        stage="exchange",
        field="charged_total",
        value=money.to_text(totals, decimals),
        erp_total=money.to_text(totals - refused, decimals),
        difference=money.to_text(refused, decimals),
        currency=stopped["currency"],
        ceiling=money.to_text(ceilings.reindex(refused.index), decimals),
    )
    article = options.special_articles.rounding
    lines = pd.DataFrame(
        {
            "order_key": written.index,
            "kind": "rounding",
            "article": article,
            "label": "Écart d'arrondi",
            "quantity": money.ONE,
            "tax_rate": 0,
            "vat_code": options.rounding_vat_code,
            "net": written.to_numpy(),
            "gross": written.to_numpy(),
            "decimals": orders["decimals"].reindex(written.index).to_numpy(dtype=np.int64),
            "tracking_number": "",
        }
    )
    if article == "":
        return lines.iloc[:0], outcome.together([said, missing_article(written.index, "rounding")])
    return lines, said


def _ceilings(decimals: pd.Series, options: OrderOptions) -> pd.Series:
    """Give the largest difference that an Écart line carries: so many of the currency's smallest units."""
    units = options.rounding_ceiling.scaleb(currencies.USUAL)
    by_count = {count: money.of(units * Decimal(1).scaleb(-int(count))) for count in decimals.unique()}
    return decimals.map(by_count).astype("int64")

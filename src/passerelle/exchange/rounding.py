"""The ERP's own total, and the Écart line that carries what it differs from what the shop charged.

Source: spec ORD-27, INV-1; user-asks A1 (the shop's charged total is the truth).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange.lines import CENTS, missing_article
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.vat import GROUP


def breakdown(lines: pd.DataFrame, shipping: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Compute the VAT breakdown of documents as the ERP does: summed by rate, then rounded once per rate.

    Excluding tax: VAT = base × rate. Including tax: base = total ÷ (1 + rate). Both to the cent, half up.

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
            lines[[*GROUP, f"net_{side}"]].rename(columns={f"net_{side}": "amount"}),
            footer[[*GROUP, f"shipping_{side}"]].rename(columns={f"shipping_{side}": "amount"}),
        ],
        ignore_index=True,
    )
    summed = amounts.groupby(GROUP, sort=False, as_index=False)["amount"].sum()
    amount = summed["amount"].to_numpy(dtype=np.int64)
    rate = summed["tax_rate"].to_numpy(dtype=np.int64)
    if options.includes_tax:
        total, base = amount, money.excluding(amount, rate, CENTS)
        tax = total - base
    else:
        base, tax = amount, money.tax(amount, rate, CENTS)
        total = base + tax
    return summed[GROUP].assign(base=base, tax=tax, total=total)


def gaps(charged: pd.Series, computed: pd.DataFrame) -> pd.Series:
    """Give what the shop charged more than the ERP computes, by order key, to the cent.

    Args:
        charged: what the shop charged, including tax, by order key.
        computed: the ERP's breakdown.
    """
    totals = computed.groupby("order_key")["total"].sum().reindex(charged.index).fillna(0).astype("int64")
    return pd.Series(money.rounded_half_up(charged, CENTS), charged.index) - totals


def rounding_lines(
    gap: pd.Series, charged: pd.Series, currency: pd.Series, options: OrderOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the Écart line of every order whose two totals differ, or refuse the order (ORD-27).

    The line has VAT rate 0, so that it changes the total by exactly the difference.

    Args:
        gap: shop total − ERP total by order key.
        charged: the shop's total by order key.
        currency: the currency by order key.
        options: whether the line is written, its article, and up to which difference.
    """
    different = gap[gap != 0]
    too_large = different.abs() > money.of(options.rounding_ceiling)
    refused = different[too_large | (not options.rounding_line)]
    written = different.drop(refused.index)
    totals = charged.reindex(refused.index)
    said = outcome.said(
        "total-mismatch",
        refused.index,
        record_type="order",
        stage="exchange",
        field="charged_total",
        value=money.to_text(totals, CENTS),
        erp_total=money.to_text(totals - refused, CENTS),
        difference=money.to_text(refused, CENTS),
        currency=currency.reindex(refused.index),
        ceiling=f"{options.rounding_ceiling:f}",
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
            "tracking_number": "",
        }
    )
    if article == "":
        return lines.iloc[:0], outcome.together([said, missing_article(written.index, "rounding")])
    return lines, said

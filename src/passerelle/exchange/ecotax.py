"""Eco-tax (éco-participation, éco-mobilier): in the price of its article, or a line of its own with its own VAT.

Source: spec ORD-30; Code de l'environnement L541-10 (the buyer sees it); facts/shops.md § 1 (``ecotax``,
``ecotax_tax_rate`` of an order line).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from passerelle import money

_SIDES = {"excl": ("net_excl", "gross_excl"), "incl": ("net_incl", "gross_incl")}


def apart(lines: pd.DataFrame, article: str, label: str = "Éco-participation") -> pd.DataFrame:
    """Take the eco-tax out of its lines and put it on lines of its own.

    It stays in the price where it has the VAT rate of its line and no article is given for it: the ERP then knows it by
    the article. One with another rate has a line in any case, for a line has one rate. What the line and its eco-tax
    come to together is what the line came to before, on each side that the shop gives.

    Args:
        lines: order lines with ``ecotax_excl`` (what the whole quantity holds of it, excluding VAT; part of the line's
            amounts) and ``ecotax_rate`` (percent; missing: the line's).
        article: the ERP's article of the eco-tax; empty: it stays in the price where it can.
        label: of the new lines.

    Returns:
        The lines without these two columns; each new one right after its own, with its quantity, the id ending in
        ``/ecotax`` and no tax name.
    """
    rate = lines["ecotax_rate"].fillna(lines["tax_rate"])
    own_rate = (rate != lines["tax_rate"]).fillna(value=False).astype(bool)
    held = lines["ecotax_excl"].fillna(0).astype("int64")
    moved = (held != 0) & (own_rate | (article != ""))
    left = lines.drop(columns=["ecotax_excl", "ecotax_rate"])
    if not moved.any():
        return left
    excl = held[moved]
    with_tax = money.including(excl, rate[moved].fillna(0).to_numpy(dtype=np.int64), money.SCALE)
    amounts = {"excl": excl, "incl": pd.Series(with_tax, excl.index)}
    added = left[moved].assign(
        line_id=left.loc[moved, "line_id"] + "/ecotax",
        reference=article,
        parent_reference="",
        label=label,
        tax_rate=rate[moved],
        tax_name="",
        tracking_number="",
    )
    left = left.copy()
    for side, columns in _SIDES.items():
        for column in columns:
            told = left.loc[moved, column].notna()
            added[column] = amounts[side].astype("Int64").where(told)
            left.loc[moved, column] -= added[column]
    return pd.concat([left, added]).sort_index(kind="stable", ignore_index=True)

"""Eco-tax (écotaxe, éco-participation, éco-mobilier) of article lines: in their price, or lines of its own.

A line of its own follows its article's, with the same quantity, rather than one per VAT rate in the footer: the buyer
must see what each article costs, the ERP then delivers, invoices and gives it back together with its article, and its
unit price is that of the official tariff.

Source: spec ORD-30; Code de l'environnement L541-10-20 and 21 (shown beside the price of each article).
"""

from __future__ import annotations

import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import vat
from passerelle.exchange.lines import missing_article
from passerelle.exchange.options import OrderOptions

KIND = "eco_tax"
LABEL = "Éco-participation"
_SIDES = {"ecotax_excl": ("net_excl", "gross_excl"), "ecotax_incl": ("net_incl", "gross_incl")}


def apart(lines: pd.DataFrame, options: OrderOptions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the eco-tax of lines on lines of its own, where the profile says so.

    What a line and its eco-tax come to together is what the line came to before, to the currency's last unit and on
    each side that the shop gives; no line holds more eco-tax than it costs. A line's discount stays on the article. The
    eco-tax has the VAT rate that the shop tells, else its article's.

    Args:
        lines: order lines with their ``article``, ``article_tax_rate``, ``kind`` and ``decimals``.
        options: whether it has lines, and its article.

    Returns:
        The lines, each new one of kind ``eco_tax`` right after its own; the outcomes of orders whose special article is
        not set.
    """
    if options.eco_tax == "in-price" or (lines["ecotax_excl"].isna().all() and lines["ecotax_incl"].isna().all()):
        return lines, outcome.none()
    lines = lines.reset_index(drop=True)
    told = lines[lines[[*_SIDES]].notna().any(axis=1)]
    held = _held(told)
    held = held[(held[[*_SIDES]].fillna(0) != 0).any(axis=1)]
    left, own = lines.copy(), lines.loc[held.index]
    added = own.assign(
        line_id=own["line_id"] + "/ecotax",
        kind=KIND,
        article=options.special_articles.eco_tax,
        reference="",
        parent_reference="",
        label=LABEL,
        tax_rate=held["tax_rate"],
        tax_name=own["tax_name"].where(held["tax_rate"] == own["tax_rate"], ""),
        tracking_number="",
    )
    for side, (net, gross) in _SIDES.items():
        added[net] = added[gross] = held[side]
        left.loc[held.index, net] = _rounded(own[net], own) - held[side]
        left.loc[held.index, gross] -= held[side]
    both = pd.concat([left, added]).sort_index(kind="stable", ignore_index=True)
    lacking = added.loc[added["article"] == "", "order_key"]
    return both, missing_article(lacking, KIND)


def _held(lines: pd.DataFrame) -> pd.DataFrame:
    """Give the eco-tax that lines hold: ``tax_rate``, and the amounts on the sides that the shop gives of the line."""
    rate = lines["ecotax_rate"].fillna(lines["tax_rate"]).fillna(lines["article_tax_rate"])
    held = vat.completed(lines[[*_SIDES]].assign(tax_rate=rate), [("ecotax_excl", "ecotax_incl")])
    for side, (net, _) in _SIDES.items():
        amount, most = _rounded(held[side], lines), _rounded(lines[net], lines)
        held[side] = amount.where(amount.abs() <= most.abs(), most)
    return held


def _rounded(amounts: pd.Series, lines: pd.DataFrame) -> pd.Series:
    """Round amounts of lines to the decimals of their currency; missing ones stay missing."""
    rounded = money.rounded_half_up(amounts.fillna(0), lines["decimals"])
    return pd.Series(rounded, amounts.index, dtype="Int64").where(amounts.notna())

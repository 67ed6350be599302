"""Order discounts as Remise lines: one per VAT rate, in proportion to each rate's net base.

Source: spec ORD-26, ORD-62.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.exchange import mappings, texts
from passerelle.exchange.lines import missing_article
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.vat import GROUP

_NOTHING = pd.DataFrame(
    {
        name: pd.Series(dtype="str" if name in {"order_key", "vat_code", "label"} else "int64")
        for name in (*GROUP, "amount_excl", "amount_incl", "decimals", "label")
    }
)


def spread(allowances: pd.DataFrame, lines: pd.DataFrame, charges: pd.DataFrame) -> pd.DataFrame:
    """Spread every order's allowances over its VAT rates.

    A discount on the goods is spread over the rates of the lines; free shipping belongs to the shipping's rate. An
    amount excluding tax is spread by net bases, an amount including tax by gross ones, which is the same proportion;
    the parts add up exactly, each side by itself, because the shop charged both sums. The side that the shop does not
    give is computed from the parts of the other.

    Args:
        allowances: document level allowances.
        lines: article lines with rate, VAT code, ``net_excl``, ``net_incl`` and ``decimals``.
        charges: charges with rate, VAT code, ``amount_excl``, ``amount_incl`` and ``decimals``.

    Returns:
        One row per order, rate and VAT code that a discount falls on: ``GROUP``, ``amount_excl``, ``amount_incl``
        (positive, at the currency's decimals), ``label``, ``decimals``.
    """
    if allowances.empty:
        return _NOTHING.copy(deep=False)
    reduced = lines[texts.among(lines["order_key"], allowances["order_key"])]
    goods = _bases(reduced, "net_excl", "net_incl")
    shipping = _bases(charges[charges["kind"] == "shipping"], "amount_excl", "amount_incl")
    has_shipping = texts.among(allowances["order_key"], shipping["order_key"])
    on_shipping = (allowances["target"] == "shipping") & has_shipping
    parts = pd.concat(
        [_parts(allowances[~on_shipping], goods), _parts(allowances[on_shipping], shipping)], ignore_index=True
    )
    groups = parts.groupby(GROUP, sort=False)
    merged = groups.agg(
        amount_excl=("amount_excl", "sum"), amount_incl=("amount_incl", "sum"), decimals=("decimals", "first")
    ).reset_index()
    named = parts.assign(group=groups.ngroup()).drop_duplicates(["group", "label"])
    merged["label"] = texts.by_group(named["label"], named["group"], " + ")
    return merged[(merged["amount_excl"] != 0) | (merged["amount_incl"] != 0)].reset_index(drop=True)


def discount_lines(
    parts: pd.DataFrame, articles: pd.DataFrame, options: OrderOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the discount parts as lines of quantity 1 and a negative price, with the Remise article of their VAT code.

    Args:
        parts: what ``spread`` gave.
        articles: rows of the mapping from VAT code to Remise article.
        options: tax mode and the default Remise article.

    Returns:
        Priced lines; the outcomes of orders whose Remise article is not set.
    """
    amount = -parts["amount_incl" if options.includes_tax else "amount_excl"]
    default = {"article": options.special_articles.discount}
    found = mappings.find(mappings.DISCOUNT_ARTICLES, articles, parts[["vat_code"]], default)
    written = parts.assign(
        kind="discount",
        article=found.answers["article"],
        quantity=money.ONE,
        net=amount,
        gross=amount,
        tracking_number="",
    ).drop(columns=["amount_excl", "amount_incl"])
    written = written[written["net"] != 0]
    return written, missing_article(written.loc[written["article"] == "", "order_key"], "discount")


def _bases(rows: pd.DataFrame, excl: str, incl: str) -> pd.DataFrame:
    """Sum what is not negative by order, rate and VAT code: the weights of the spreading."""
    bases = rows.groupby(GROUP, sort=False, as_index=False).agg(
        base_excl=(excl, "sum"), base_incl=(incl, "sum"), decimals=("decimals", "first")
    )
    for column in ("base_excl", "base_incl"):
        bases[column] = bases[column].fillna(0).astype("int64").clip(lower=0)
    return bases


def _parts(allowances: pd.DataFrame, bases: pd.DataFrame) -> pd.DataFrame:
    """Split each allowance over the bases of its order."""
    numbered = allowances.assign(allowance=range(len(allowances)))
    rows = numbered.merge(bases, on="order_key")
    rate, decimals = rows["tax_rate"].to_numpy(dtype=np.int64), rows["decimals"]
    given = {}
    for side in ("excl", "incl"):
        total = rows[f"amount_{side}"]
        given[side] = money.allocate(total.fillna(0), rows[f"base_{side}"], rows["allowance"], decimals)
        rows[f"told_{side}"] = total.notna()
    from_incl = money.excluding(given["incl"], rate, decimals)
    from_excl = money.including(given["excl"], rate, decimals)
    return rows.assign(
        amount_excl=np.where(rows["told_excl"], given["excl"], from_incl),
        amount_incl=np.where(rows["told_incl"], given["incl"], from_excl),
    )[[*GROUP, "amount_excl", "amount_incl", "label", "decimals"]]

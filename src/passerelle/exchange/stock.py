"""What a shop may sell: from the ERP's stock by depot to one quantity per article.

Source: spec STK-1 to STK-7; user-asks 16.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.exchange import texts
from passerelle.exchange.activation import for_sale
from passerelle.exchange.shop_options.stock import StockOptions
from passerelle.model.catalogue import STORE_STOCK
from passerelle.money import Ints

ALL = "*"
"""Stands for all depots."""
PARTS: Mapping[str, Mapping[str, int]] = {
    "real": {"real_stock": 1},
    "real-less-orders": {"real_stock": 1, "ordered": -1},
    "real-less-booked": {"real_stock": 1, "booked": -1},
    "forward": {"real_stock": 1, "ordered": -1, "supplier_ordered": 1},
}
"""The columns of the ERP's stock that make each kind, and their signs (STK-2)."""


def shop_stock(
    articles: pd.DataFrame, levels: pd.DataFrame, options: StockOptions, active_states: Collection[str] = ()
) -> pd.DataFrame:
    """Give the quantity of each article that a shop may sell, and what becomes of it without one.

    Args:
        articles: ``model.catalogue.CATALOGUE``, each article once; ``safety_stock`` (``Int64`` millionths) where the
            articles have their own.
        levels: ``model.catalogue.DEPOT_STOCK``; articles that are not among the former are passed over.
        options: the shop's.
        active_states: the ERP's words for articles that are not dormant; where those without stock are deactivated.

    Returns:
        ``article``, ``quantity``, ``in_stock``, and of ``is_visible``, ``is_active`` the one that the shop is told
        (STK-6); in the order of the articles.
    """
    quantity = _kept_back(_summed(articles["article"], levels, options.kind, options.depots), articles, options)
    stocked = articles["is_stocked"].to_numpy()
    quantity = np.where(stocked, quantity, money.of(options.untracked_quantity))
    if options.negative == "zero":
        quantity = np.maximum(quantity, 0)
    unit = 10 ** (money.SCALE - options.decimals)
    quantity = quantity // unit * unit
    in_stock = quantity > 0
    stock = pd.DataFrame({"article": articles["article"], "quantity": quantity, "in_stock": in_stock})
    if options.out_of_stock == "hide":
        stock["is_visible"] = in_stock
    elif options.out_of_stock == "deactivate":
        stock["is_active"] = in_stock & for_sale(articles, active_states).to_numpy()
    return stock


def store_stock(articles: pd.DataFrame, levels: pd.DataFrame, options: StockOptions) -> pd.DataFrame:
    """Give the availability of each article in each store: green, orange or red by thresholds (STK-7).

    Returns:
        ``model.catalogue.STORE_STOCK``, store by store; what a store has is not reduced by the safety stock. It has the
        shop's quantity of articles that the ERP does not keep in stock (STK-3).
    """
    parts = [STORE_STOCK.empty()]
    for store, own in options.stores.items():
        quantity = np.maximum(_tracked(articles, levels, options, own.depots), 0)
        green, orange = quantity >= money.of(own.green_from), quantity >= money.of(own.orange_from)
        colour = np.select([green, orange], ["green", "orange"], "red")
        rows = {"article": articles["article"], "store": store, "quantity": quantity, "availability": colour}
        parts.append(STORE_STOCK.conform(pd.DataFrame(rows)))
    return pd.concat(parts, ignore_index=True)


def stock_values(stock: pd.DataFrame) -> pd.Series:
    """Write what a shop is told of each article as one text, by article: ``12``, ``0 hidden``, ``3 active``."""
    told = money.to_shortest_text(stock["quantity"])
    for column, (yes, no) in {"is_visible": (" visible", " hidden"), "is_active": (" active", " inactive")}.items():
        if column in stock:
            told += pd.Series(np.where(stock[column], yes, no), stock.index, dtype="str")
    return told.set_axis(pd.Index(stock["article"]))


def unknown_depots(levels: pd.DataFrame, options: StockOptions) -> list[str]:
    """Give the depots that the shop names and the ERP's extract has not: their stock would count as nothing."""
    named = [*options.depots, *(depot for store in options.stores.values() for depot in store.depots)]
    return sorted({*named} - {ALL, *levels["depot"].unique()})


def _summed(references: pd.Series, levels: pd.DataFrame, kind: str, depots: Collection[str]) -> Ints:
    """Sum the stock of each article over depots; what no depot has is 0 (STK-1, STK-2)."""
    if ALL not in depots:
        levels = levels[texts.among(levels["depot"], depots)]
    available = np.zeros(len(levels), np.int64)
    for column, sign in PARTS[kind].items():
        available += sign * levels[column].fillna(0).to_numpy(dtype=np.int64)
    places = texts.places(levels["article"], references)
    total = np.zeros(len(references), np.int64)
    np.add.at(total, places[places >= 0], available[places >= 0])
    return total


def _tracked(articles: pd.DataFrame, levels: pd.DataFrame, options: StockOptions, depots: Collection[str]) -> Ints:
    """Sum the stock of articles over depots; of those that the ERP does not keep in stock give the shop's (STK-3)."""
    quantity = _summed(articles["article"], levels, options.kind, depots)
    return np.where(articles["is_stocked"].to_numpy(), quantity, money.of(options.untracked_quantity))


def _kept_back(quantity: Ints, articles: pd.DataFrame, options: StockOptions) -> Ints:
    """Take the safety stock off, never below 0; what is below stays what it is (STK-5)."""
    safety: Ints = np.full(len(quantity), money.of(options.safety_stock))
    if "safety_stock" in articles:
        safety = articles["safety_stock"].fillna(money.of(options.safety_stock)).to_numpy(dtype=np.int64)
    kept: Ints = np.where(quantity > 0, np.maximum(quantity - np.maximum(safety, 0), 0), quantity)
    return kept

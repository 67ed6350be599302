"""How many decimals an amount has: those of its currency.

Source: ISO 4217, list one (minor units); spec ORD-44, INV-1; user-asks A23.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.exchange.options import OrderOptions

USUAL = 2
DECIMALS: Mapping[str, int] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""The currencies that have not the usual two decimals."""


def of(currency: str, options: OrderOptions) -> int:
    """Give the decimals of amounts in a currency: the profile's, else ISO 4217's."""
    return options.currency_decimals.get(currency, DECIMALS.get(currency, USUAL))


def decimals(currencies: pd.Series, options: OrderOptions) -> pd.Series:
    """Give the decimals of amounts in each currency, same index."""
    codes, distinct = pd.factorize(currencies)
    counts = np.array([of(str(currency), options) for currency in distinct], dtype=np.int64)
    return pd.Series(counts[codes], currencies.index, dtype="int64")


def shown(currencies: pd.Series, options: OrderOptions) -> pd.Series:
    """Give the decimals with which reports show amounts: those of the currency, two at least; same index."""
    return decimals(currencies, options).clip(lower=USUAL)


def charged(orders: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Give the orders with their ``decimals``, and what was charged and paid rounded to these as the shop rounds.

    Some shops keep more decimals than they show: what the buyer saw is what was charged.
    """
    counts = decimals(orders["currency"], options)
    paid = orders["paid_total"]
    return orders.assign(
        decimals=counts,
        charged_total=money.rounded(orders["charged_total"], counts, options.shop_rounding),
        paid_total=pd.Series(
            money.rounded(paid.fillna(0), counts, options.shop_rounding), orders.index, dtype="Int64"
        ).mask(paid.isna()),
    )


def own_rate(orders: pd.DataFrame, options: OrderOptions) -> pd.Series:
    """Give the order's own rate (ORD-44): it says something to the ERP where the shop counts in the ERP's currency."""
    foreign = (orders["currency"] != options.currency) & (orders["shop_currency"] == options.currency)
    return orders["currency_rate"].where(foreign & options.own_rate)

"""Numbers that no real order has: such an order is refused by name, before the arithmetic can go wrong on it.

Source: spec ORD-8 (bad data).
"""

from __future__ import annotations

import pandas as pd

from passerelle import money, outcome
from passerelle.model.orders import TABLES, SalesOrders
from passerelle.model.table import Column

LARGEST_AMOUNT = 10**10
LARGEST = {"amount": LARGEST_AMOUNT, "quantity": 10**9, "rate": 100}
"""The greatest number of each kind of column; rates are VAT rates."""
CURRENCY_RATES = (money.of("0.01"), money.of(10**8))
"""The least and the greatest rate between two currencies."""


def out_of_range(sales: SalesOrders) -> pd.DataFrame:
    """Say which orders have an amount, quantity or rate that cannot be true, with the field and the number.

    Amounts and unit prices go up to ten thousand million, quantities up to a thousand million, VAT rates from 0 to
    100 %, and between two currencies there are 0.01 to a hundred million units for one. What has an amount has a
    quantity.
    """
    wrong = [
        (table, column.name, _beyond(table, column))
        for name, declared in TABLES.items()
        for table in [getattr(sales, name)]
        for column in declared.columns
        if column.kind in LARGEST
    ]
    for name in ("net_excl", "net_incl", "gross_excl", "gross_incl"):
        amounts, quantities = sales.lines[name].fillna(0), sales.lines["quantity"]
        prices = amounts.abs() // quantities.abs().clip(lower=1)  # whole units are near enough here
        wrong.append((sales.lines, name, (prices > LARGEST_AMOUNT) & (quantities != 0)))
        wrong.append((sales.lines, "quantity", (amounts != 0) & (quantities == 0)))
    said = [
        outcome.said(
            "number-out-of-range",
            table.loc[rows, "order_key"],
            record_type="order",
            stage="exchange",
            field=name,
            value=[money.shortest(number) for number in table.loc[rows, name]],
        )
        for table, name, rows in wrong
        if rows.any()
    ]
    return outcome.together(said).drop_duplicates(ignore_index=True)


def _beyond(table: pd.DataFrame, column: Column) -> pd.Series:
    """Tell which rows of a column are beyond its limits."""
    numbers = table[column.name].fillna(0)
    if column.name == "currency_rate":
        is_foreign = (table["currency"] != table["shop_currency"]) & table["currency_rate"].notna()
        return is_foreign & ~numbers.between(*CURRENCY_RATES)
    largest = LARGEST[column.kind] * money.ONE
    return ~numbers.between(0 if column.kind == "rate" else -largest, largest)

"""Settlements of the documents; on an order document they are its deposit.

Source: spec ORD-42, ORD-50 to ORD-52; facts ebp.md §1.1: EBP's wizard imports no settlements by themselves.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.exchange import currencies, reference, texts
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.selection import YES
from passerelle.model.documents import SETTLEMENTS

_FROM_MAPPING = ["settlement_mode", "payment_means", "journal", "treasury_account", "payer_account"]


def settlements(
    orders: pd.DataFrame,
    payments: pd.DataFrame,
    of_order: pd.DataFrame,
    of_payment: pd.DataFrame,
    today: date,
    options: OrderOptions,
) -> pd.DataFrame:
    """Give the settlements of the orders (ORD-50).

    Args:
        orders: the orders with the buyer's ``first_name``, ``last_name`` and ``company``.
        payments: their payments.
        of_order: the payment mapping's answers for each order, index as ``orders``.
        of_payment: the same for each payment that makes a settlement, with its index among ``payments``; an empty
            ``create_settlement`` means yes.
        today: the day of the run.
        options: whether, from what, with which date and label.

    Returns:
        The ``SETTLEMENTS`` table. An order without payment date takes its order date.
    """
    if not options.settlements.create:
        return SETTLEMENTS.empty()
    if options.settlements.amount == "order":
        rows = orders.assign(amount=orders["charged_total"], payment_date=orders["paid_at"], position=1)
        answers = of_order
    else:
        by_order = orders.set_index("order_key").drop(columns=["payment_mode", "paid_at"])
        rows = payments.loc[of_payment.index].join(by_order, on="order_key")
        rows = rows.assign(payment_date=rows["paid_at"])
        answers = of_payment
    cell = answers["create_settlement"].str.casefold()
    wanted = ((cell == "") | cell.isin(YES)) & (rows["amount"] != 0)
    rows, answers = rows[wanted], answers[wanted]
    dates = {
        "order": rows["created_at"],
        "payment": rows["payment_date"],
        "invoice": rows["invoiced_at"],
        "today": pd.Series(pd.Timestamp(today), index=rows.index),
    }[options.settlements.date]
    made = pd.DataFrame(
        {
            "document_key": rows["order_key"],
            "position": rows["position"],
            "settled_at": dates.fillna(rows["created_at"]),
            "amount": money.rounded_half_up(rows["amount"], currencies.decimals(rows["currency"], options)),
            "label": reference.fill(options.settlements.label, rows),
            **{name: answers[name] for name in _FROM_MAPPING},
        }
    )
    booked = SETTLEMENTS.conform(made.reset_index(drop=True))
    if not options.settlements.difference:
        return booked
    left_out = payments.loc[of_payment.index[~of_payment.index.isin(rows.index)], "order_key"]
    differences = _differences(booked, orders[~texts.among(orders["order_key"], left_out)], options)
    both = pd.concat([booked, differences], ignore_index=True)
    return both.sort_values("document_key", kind="stable", ignore_index=True)


def _differences(made: pd.DataFrame, orders: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Give a settlement of what the settlements lack or exceed of the total, up to the ceiling (ORD-51).

    An order without any settlement is unpaid: it has no difference.

    Args:
        made: the settlements.
        orders: the orders of which all payments became settlements.
        options: the ceiling in units of a currency with two decimals, and how a difference is booked.
    """
    by_order = made.groupby("document_key")
    paid, last = by_order["amount"].sum(), by_order.tail(1).set_index("document_key")
    settled = orders[texts.among(orders["order_key"], paid.index)].set_index("order_key", drop=False)
    decimals = currencies.decimals(settled["currency"], options)
    rest = pd.Series(money.rounded_half_up(settled["charged_total"], decimals), settled.index)
    rest = rest - paid.reindex(settled.index)
    cents = money.of(options.settlements.difference_ceiling) // 10 ** (money.SCALE - currencies.USUAL)
    ceiling = cents * 10 ** (money.SCALE - decimals)
    rest = rest[(rest != 0) & (rest.abs() <= ceiling)]
    before = last.reindex(rest.index)
    label = reference.fill(options.settlements.difference_label, settled.loc[rest.index])
    difference = before.assign(document_key=rest.index, amount=rest, label=label, position=before["position"] + 1)
    if mode := options.settlements.difference_mode:
        difference = difference.assign(settlement_mode=mode)
    return SETTLEMENTS.conform(difference.reset_index(drop=True))


def deposits(made: pd.DataFrame, documents: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Give the deposit of each order document: the sum of its settlements, with the first one's means (ORD-52).

    Args:
        made: settlements.
        documents: ``document_key``, ``document_kind``, ``currency``, ``currency_rate``.
        options: the ERP's own currency.

    Returns:
        The deposit columns of ``DOCUMENTS`` indexed by document key. In a foreign currency the amount is converted
        at the order's rate; without a rate only the currency amount is written.
    """
    orders = documents.loc[documents["document_kind"] == "order"].set_index("document_key")
    own = made[texts.among(made["document_key"], orders.index)]
    summed = own.groupby("document_key").agg(
        amount=("amount", "sum"), deposit_means=("payment_means", "first"), deposit_date=("settled_at", "first")
    )
    rate = orders["currency_rate"].reindex(summed.index)
    currency = orders["currency"].reindex(summed.index)
    foreign = currency != options.currency
    own_decimals = currencies.of(options.currency, options)
    converted = money.quotient(summed["amount"], rate.fillna(0).to_numpy(dtype=np.int64), own_decimals)
    return summed.assign(
        deposit_amount=np.where(foreign, converted, summed["amount"]),
        deposit_currency_amount=summed["amount"].astype("Int64").where(foreign),
        deposit_currency_rate=rate.where(foreign),
        deposit_currency=currency.where(foreign, ""),
    ).drop(columns="amount")

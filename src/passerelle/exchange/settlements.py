"""Settlements of the documents; on an order document they are its deposit.

Each books one thing, under a key of its own, and the ledger remembers which were booked: so that a payment that comes
later, or is read by another task, is booked once (``passerelle.exchange.later``).

Source: spec ORD-42, ORD-50 to ORD-52; facts ebp.md §1.1: EBP's wizard imports no settlements by themselves.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.exchange import currencies, reference, texts
from passerelle.exchange.changes import CANCELLED
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.selection import YES
from passerelle.model.documents import DOCUMENTS, SETTLEMENTS

TOTAL = "/total"
"""What ends the key of a settlement of an order's total; one of a payment ends with its rank."""
_PAYMENT, _DIFFERENCE = "/payment-", "/difference-"
_ENDING = rf"(?:{_PAYMENT}\d+|{TOTAL}|{_DIFFERENCE}\d+)$"
_FROM_MAPPING = ["settlement_mode", "payment_means", "journal", "treasury_account", "payer_account"]
_OF_DOCUMENT = ["document_kind", "document_number", "shop_order", "customer_code", "currency", "currency_rate"]
BOOKED = ("record_key", "content_hash", "document_number", "total_incl")
"""What the ledger knows of settlements, in an order that ``nothing_booked`` gives without rows."""


def nothing_booked() -> pd.DataFrame:
    """Give what the ledger knows of settlements before the first one."""
    return pd.DataFrame({name: pd.Series(dtype="int64" if name == "total_incl" else "str") for name in BOOKED})


def standing(booked: pd.DataFrame) -> pd.DataFrame:
    """Give the settlements that stand, by their key: those that were reversed are as if they had never been."""
    return booked[booked["content_hash"] != CANCELLED].drop_duplicates("record_key").set_index("record_key")


def whose(keys: pd.Series) -> pd.Series:
    """Give the order or refund of each settlement key, same index."""
    return keys.str.replace(_ENDING, "", regex=True)


def order_of(keys: pd.Series) -> pd.Series:
    """Give the order of each refund or settlement key, same index."""
    return whose(keys).str.replace("/refund-.*$", "", regex=True)


def is_of_payment(keys: pd.Index) -> pd.Series:
    """Tell which settlements book what was paid, rather than a difference; a column as long as the keys."""
    return ~keys.str.contains(rf"{_DIFFERENCE}\d+$")


def by_date(payments: pd.DataFrame) -> pd.DataFrame:
    """Sort and number the payments of each order as they were made: a later one leaves the others their rank."""
    by = ["order_key", "paid_at", "position"]
    made = payments.sort_values(by, kind="stable", na_position="first", ignore_index=True)
    return made.assign(position=made.groupby("order_key").cumcount() + 1)


def contents(orders: pd.DataFrame, payments: pd.DataFrame, options: OrderOptions) -> pd.Series:
    """Give what makes two versions of the same settlement, by its key: currency, amount and payment mode.

    Args:
        orders: orders, and refunds as orders.
        payments: theirs, by date.
        options: from what settlements are made.
    """
    if options.settlements.amount == "order":
        rows = orders.assign(settlement_key=orders["order_key"] + TOTAL, amount=orders["charged_total"])
    else:
        rows = payments.merge(orders[["order_key", "currency"]], on="order_key")
        rows["settlement_key"] = payment_keys(rows["order_key"], rows["position"])
    rows = rows[rows["amount"] != 0].set_index("settlement_key")
    return rows["currency"] + " " + money.to_text(rows["amount"], money.SCALE) + " " + rows["payment_mode"]


def payment_keys(record_keys: pd.Series, positions: pd.Series) -> pd.Series:
    """Give the settlement key of payments, by their order or refund and their rank by date."""
    return record_keys + _PAYMENT + positions.astype("str")


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
        orders: the orders with the buyer's ``first_name``, ``last_name`` and ``company``, and ``record_key``: the
            order that each is, or is a part of.
        payments: their payments, by date.
        of_order: the payment mapping's answers for each order, index as ``orders``.
        of_payment: the same for each payment that makes a settlement, with its index among ``payments``; an empty
            ``create_settlement`` means yes.
        today: the day of the run.
        options: from what, with which date and label.

    Returns:
        The ``SETTLEMENTS`` table, without what it has of the documents. An order without payment date takes its order
        date.
    """
    if options.settlements.amount == "order":
        rows = orders.assign(amount=orders["charged_total"], payment_date=orders["paid_at"], position=1)
        rows = rows.assign(settlement_key=rows["record_key"] + TOTAL, transaction_id="")
        answers = of_order
    else:
        by_order = orders.set_index("order_key").drop(columns=["payment_mode", "paid_at"])
        rows = payments.loc[of_payment.index].join(by_order, on="order_key")
        rows = rows.assign(
            payment_date=rows["paid_at"], settlement_key=payment_keys(rows["record_key"], rows["position"])
        )
        answers = of_payment
    wanted = is_wanted(answers) & (rows["amount"] != 0)
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
            "settlement_key": rows["settlement_key"],
            "settled_at": dates.fillna(rows["created_at"]),
            "amount": money.rounded_half_up(rows["amount"], currencies.decimals(rows["currency"], options)),
            "label": reference.fill(options.settlements.label, rows),
            "transaction_id": rows["transaction_id"],
            **{name: answers[name] for name in _FROM_MAPPING},
        }
    )
    return SETTLEMENTS.conform(made.reset_index(drop=True))


def is_wanted(answers: pd.DataFrame) -> pd.Series:
    """Tell of which payments the mapping wants a settlement; one that does not say is wanted."""
    cell = answers["create_settlement"].str.casefold()
    return (cell == "") | cell.isin(YES)


def with_differences(
    made: pd.DataFrame, orders: pd.DataFrame, undecided: pd.Series, booked: pd.DataFrame, options: OrderOptions
) -> pd.DataFrame:
    """Add a settlement of what the settlements lack or exceed of the total, up to the ceiling (ORD-51).

    An order without any settlement is unpaid: it has no difference.

    Args:
        made: the settlements.
        orders: the orders, as for ``settlements``.
        undecided: keys of the orders of which some payment is not booked.
        booked: what was booked of the orders before and stands.
        options: whether differences are booked, the ceiling in units of a currency with two decimals, and how.
    """
    if not options.settlements.difference or made.empty:
        return made
    by_order = made.groupby("document_key")
    paid, last = by_order["amount"].sum(), by_order.tail(1).set_index("document_key")
    decided = texts.among(orders["order_key"], paid.index) & ~texts.among(orders["record_key"], undecided)
    settled = orders[decided].set_index("order_key", drop=False)
    decimals = currencies.decimals(settled["currency"], options)
    before = booked["total_incl"].groupby(whose(booked.index.to_series()).to_numpy()).sum()
    rest = pd.Series(money.rounded_half_up(settled["charged_total"], decimals), settled.index)
    rest = rest - paid.reindex(settled.index) - before.reindex(settled.index).fillna(0).astype("int64")
    cents = money.of(options.settlements.difference_ceiling) // 10 ** (money.SCALE - currencies.USUAL)
    ceiling = cents * 10 ** (money.SCALE - decimals)
    rest = rest[(rest != 0) & (rest.abs() <= ceiling)]
    first = last.reindex(rest.index)
    label = reference.fill(options.settlements.difference_label, settled.loc[rest.index])
    record = settled.loc[rest.index, "record_key"]
    difference = first.assign(
        document_key=rest.index,
        amount=rest,
        label=label,
        position=first["position"] + 1,
        settlement_key=record + _DIFFERENCE + _next_difference(record, booked.index),
        transaction_id="",
    )
    if mode := options.settlements.difference_mode:
        difference = difference.assign(settlement_mode=mode)
    both = pd.concat([made, SETTLEMENTS.conform(difference.reset_index(drop=True))], ignore_index=True)
    return both.sort_values("document_key", kind="stable", ignore_index=True)


def _next_difference(record_keys: pd.Series, booked: pd.Index) -> pd.Series:
    """Give the rank of each order's next difference, as text."""
    earlier = booked.to_series()[booked.str.contains(rf"{_DIFFERENCE}\d+$")]
    highest = earlier.str.extract(r"(\d+)$", expand=False).astype("int64").groupby(whose(earlier)).max()
    return (highest.reindex(record_keys).fillna(0).astype("int64") + 1).astype("str").set_axis(record_keys.index)


def of_documents(made: pd.DataFrame, documents: pd.DataFrame) -> pd.DataFrame:
    """Give settlements what they have of their documents; on an order document they are deposits (ORD-52).

    Args:
        made: the settlements.
        documents: ``document_key`` and what the settlements have of it.
    """
    told = documents.set_index("document_key")[_OF_DOCUMENT].reindex(made["document_key"]).set_axis(made.index)
    named = made.assign(**{name: told[name].astype(DOCUMENTS.column(name).dtype) for name in _OF_DOCUMENT})
    return SETTLEMENTS.conform(named.assign(is_deposit=named["document_kind"] == "order"))


def bookings(made: pd.DataFrame, contents: pd.Series, numbers: pd.DataFrame, booked: pd.DataFrame) -> pd.DataFrame:
    """Give what settlements book, as the ledger remembers it: of an order in several documents together.

    Args:
        made: the settlements.
        contents: what makes two versions of each the same, by its key; a difference has none but its amount.
        numbers: ``document_kind``, ``document_number`` by order or refund.
        booked: what the ledger knows of settlements.
    """
    amount = made.groupby("settlement_key", sort=False)["amount"].sum()
    keys = amount.index.to_series()
    source = whose(keys)
    of_source = numbers.reindex(source)
    return pd.DataFrame(
        {
            "record_key": keys.to_numpy(),
            "source_key": source.to_numpy(),
            "content_hash": contents.reindex(keys).fillna(money.to_text(amount, money.SCALE)).to_numpy(),
            "replaces": _replaced(keys, booked).to_numpy(),
            "document_kind": of_source["document_kind"].to_numpy(),
            "document_number": of_source["document_number"].to_numpy(),
            "total_incl": amount.to_numpy(),
        }
    ).astype({"record_key": "str", "source_key": "str", "replaces": "str"})


def unbooked(reversals: pd.DataFrame, kept: pd.DataFrame, booked: pd.DataFrame) -> pd.DataFrame:
    """Give what reversals take back and no settlement books again, as ``bookings``."""
    gone = reversals[~texts.among(reversals["settlement_key"], kept["record_key"])].drop_duplicates("settlement_key")
    keys = gone["settlement_key"]
    return pd.DataFrame(
        {
            "record_key": keys,
            "source_key": whose(keys),
            "content_hash": CANCELLED,
            "replaces": _replaced(keys, booked),
            "document_kind": gone["document_kind"],
            "document_number": gone["document_number"],
            "total_incl": 0,
        }
    )


def _replaced(keys: pd.Series, booked: pd.DataFrame) -> pd.Series:
    known = booked.drop_duplicates("record_key").set_index("record_key")["content_hash"]
    return known.reindex(keys).fillna("").set_axis(keys.index)


def deposits(made: pd.DataFrame, documents: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Give the deposit of each order document: the sum of its settlements, with the first one's means (ORD-52).

    Args:
        made: settlements of the documents.
        documents: ``document_key``, ``document_kind``, ``currency``, ``currency_rate``.
        options: the ERP's own currency.

    Returns:
        The deposit columns of ``DOCUMENTS`` indexed by document key. In a foreign currency the amount is converted
        at the order's rate; without a rate only the currency amount is written.
    """
    orders = documents.loc[documents["document_kind"] == "order"].set_index("document_key")
    own = made[made["is_deposit"]]
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

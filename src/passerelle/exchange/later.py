"""Settlements of orders and refunds that were exchanged before: what was paid later, and is not booked yet.

The ledger tells what is booked, by the settlement's key, so that each payment is booked once whichever task reads it
first. A payment that is not what was booked any more is said, and nothing more: a person has to see to it.

Source: spec ORD-50, ORD-51, ORD-60 (a quote is not paid), ORD-81.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from passerelle import outcome
from passerelle.exchange import (
    currencies,
    customers,
    grouping,
    limits,
    mappings,
    reference,
    refunds,
    settlements,
    texts,
)
from passerelle.exchange.changes import CANCELLED
from passerelle.model.documents import CREDIT_NOTE, QUOTE, SETTLEMENT, SETTLEMENTS
from passerelle.model.orders import SalesOrders, join_orders, no_orders

if TYPE_CHECKING:
    from passerelle.exchange.orders import Context

_BOOKED = "settlement-already-booked"


@dataclass(frozen=True, slots=True)
class Later:
    """Settlements of documents that are in the ERP.

    Attributes:
        settlements: ``SETTLEMENTS``; ``document_key`` is the order or refund.
        contents: what makes two versions of each the same, by its key.
        numbers: ``document_kind``, ``document_number`` by order or refund.
        outcomes: of the payments that are not booked (record type ``settlement``).
        unknown: by mapping, values that it has no row for (ORD-45).
    """

    settlements: pd.DataFrame
    contents: pd.Series
    numbers: pd.DataFrame
    outcomes: pd.DataFrame
    unknown: dict[str, pd.DataFrame]


def later_settlements(sales: SalesOrders, of_run: Iterable[str], context: Context) -> Later:
    """Book what was paid of orders, or given back, after these were exchanged; whatever the period.

    Args:
        sales: all that was read, payments by date.
        of_run: keys of the orders that this run exchanges or reverses: their settlements go with the documents.
        context: what the rules know.
    """
    options = context.orders
    documents = _in_erp(context.exchanged, of_run)
    nothing = Later(SETTLEMENTS.empty(), pd.Series(dtype="str"), documents, outcome.none(), {})
    if not options.settlements.create or SETTLEMENT not in context.scope.kinds:
        return nothing
    paid, wild = _as_orders(sales, documents.index)
    contents = settlements.contents(paid.orders, paid.payments, options)
    booked = settlements.standing(context.booked)
    before = compared(contents, booked, paid.orders["order_key"])
    asked = contents.index.difference(pd.Index(before["record"]))
    if context.scope.records is not None:
        asked = asked.intersection(pd.Index(sorted(context.scope.records)))
        before = before[texts.among(before["record"], context.scope.records)]
    still = paid.only({*settlements.whose(asked.to_series())})
    if still.orders.empty:
        return replace(nothing, outcomes=outcome.together([wild, before]))
    orders = currencies.charged(still.orders, options)
    answers = _asked(orders, still.payments, asked, context)
    account = _accounts(orders, still, answers.of_order, context)
    refused = _of_settlements(account.outcomes[account.outcomes["state"] != "succeeded"], asked)
    people = reference.named(orders, account.buyers, still.addresses).assign(
        record_key=orders["order_key"],
        refund_id=orders["order_key"].str.extract("/refund-(.*)", expand=False).fillna(""),
    )
    made = settlements.settlements(people, still.payments, answers.of_order, answers.of_payment, context.today, options)
    made = made[texts.among(made["settlement_key"], asked)]
    said = outcome.together([answers.outcomes, refused])
    unwanted = asked.difference(pd.Index(made["settlement_key"])).difference(pd.Index(said["record"]))
    said = outcome.together([wild, before, said, _said("settlement-not-wanted", unwanted, contents)])
    made = made[~texts.among(made["settlement_key"], said["record"])].reset_index(drop=True)
    left = said.loc[said["code"] != _BOOKED, "record"]
    made = settlements.with_differences(made, people, settlements.whose(left), booked, options)
    is_refund = texts.among(made["document_key"], documents.index[documents["document_kind"] == CREDIT_NOTE])
    made["amount"] = made["amount"].mask(is_refund, -made["amount"])
    header = _headers(people, documents, account.by_order["customer_code"], context)
    return Later(
        settlements.of_documents(made, header).assign(is_deposit=False), contents, documents, said, answers.unknown
    )


def _in_erp(exchanged: pd.DataFrame, of_run: Iterable[str]) -> pd.DataFrame:
    """Give kind and number of the document of each order and refund that stands in the ERP, but for quotes."""
    stands = (exchanged["content_hash"] != CANCELLED) & (exchanged["document_kind"] != QUOTE)
    left = exchanged[stands & ~texts.among(exchanged["record_key"], of_run)].drop_duplicates("record_key")
    return left.set_index("record_key")[["document_kind", "document_number"]]


def _as_orders(sales: SalesOrders, known: pd.Index) -> tuple[SalesOrders, pd.DataFrame]:
    """Give the orders and refunds that are known, refunds as orders; say which have numbers that cannot be true."""
    back = refunds.amounts(sales)
    back = back[texts.among(back["refund_key"], known) & back["amount"].notna()]
    met = sales.only({*known, *back["order_key"]} & {*sales.orders["order_key"]})
    wild = limits.out_of_range(met)
    met = met.only({*met.orders["order_key"]} - {*wild["record"]})
    back = back[texts.among(back["order_key"], met.orders["order_key"])].reset_index(drop=True)
    given_back = [replace(no_orders(), **refunds.headers(back, met))] if len(back) else []
    own = met.only({*known} & {*met.orders["order_key"]})
    return join_orders([own, *given_back]), wild.assign(record_type=SETTLEMENT)


def compared(contents: pd.Series, booked: pd.DataFrame, keys: pd.Series) -> pd.DataFrame:
    """Say which payments are booked already, and which are not what was booked (any more).

    What is booked of an order's total is booked of its payments too, and the other way round.

    Args:
        contents: what makes two versions of the same payment, by the settlement's key.
        booked: what is booked and stands, by the settlement's key.
        keys: the orders and refunds.
    """
    of_read = booked[texts.among(settlements.whose(booked.index.to_series()), keys)]
    of_read = of_read[settlements.is_of_payment(of_read.index)]
    is_total = of_read.index.str.endswith(settlements.TOTAL)
    now_total = contents.index.str.endswith(settlements.TOTAL)
    owner = settlements.whose(contents.index.to_series())
    other = settlements.whose(of_read.index.to_series())
    otherwise = (now_total & texts.among(owner, other[~is_total])) | (~now_total & texts.among(owner, other[is_total]))
    was = of_read["content_hash"].reindex(contents.index)
    same = (was == contents) | otherwise
    changed = was.notna() & ~same
    gone = of_read.index.difference(contents.index)
    gone = gone[~texts.among(settlements.whose(gone.to_series()), owner[otherwise]).to_numpy()]
    return outcome.together(
        [
            _said(_BOOKED, contents.index[same], contents),
            _said("settlement-changed", contents.index[changed], contents, booked=was[changed]),
            _said("settlement-gone", gone, of_read["content_hash"]),
        ]
    )


def _said(code: str, keys: pd.Index, contents: pd.Series, **params: pd.Series) -> pd.DataFrame:
    return outcome.said(code, keys, record_type=SETTLEMENT, stage="select", value=contents.reindex(keys), **params)


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the payment mapping says of orders, and of the payments that are to be booked."""

    of_order: pd.DataFrame
    of_payment: pd.DataFrame
    outcomes: pd.DataFrame
    unknown: dict[str, pd.DataFrame]


def _asked(orders: pd.DataFrame, payments: pd.DataFrame, asked: pd.Index, context: Context) -> _Answers:
    """Ask the payment mapping; who it does not answer is refused alone."""
    options, declared = context.orders, mappings.PAYMENT_MODES
    rows, default = context.mappings[declared.name], options.defaults.get(declared.name)
    of_order = mappings.find(declared, rows, orders[["payment_mode", "currency"]], default)
    currency = orders.set_index("order_key")["currency"]
    keys = settlements.payment_keys(payments["order_key"], payments["position"])
    left = payments[texts.among(keys, asked)]
    modes = left[["payment_mode"]].assign(currency=currency.reindex(left["order_key"]).to_numpy())
    of_payment = mappings.find(declared, rows, modes, default)
    if options.settlements.amount == "order":
        told, found, said = orders, of_order, orders["order_key"] + settlements.TOTAL
    else:
        told, found, said = modes, of_payment, keys[left.index]
    refused = mappings.refusals(declared, found, told, said)
    unknown = {declared.name: found.unknown} if len(found.unknown) else {}
    return _Answers(of_order.answers, of_payment.answers, refused.assign(record_type=SETTLEMENT), unknown)


def _accounts(orders: pd.DataFrame, paid: SalesOrders, of_order: pd.DataFrame, context: Context) -> customers.Accounts:
    """Give the account of each order as its document has it: the ledger knows it, or the profile imposes it."""
    imposed = of_order.set_axis(orders["order_key"])
    imposed = customers.on_marketplace_account(imposed, orders, paid.parties, context.customers)
    imposed = grouping.on_account(imposed, orders, paid.parties, context.orders.grouping)
    return customers.accounts(orders, paid.parties, imposed, context.erp_customers, context.accounts, context.customers)


def _of_settlements(outcomes: pd.DataFrame, asked: pd.Index) -> pd.DataFrame:
    """Say of settlements what was said of their orders."""
    owner = pd.DataFrame({"key": asked, "record": settlements.whose(asked.to_series()).to_numpy()})
    told = outcomes.merge(owner, on="record")
    return told.assign(record=told["key"], record_type=SETTLEMENT)[list(outcome.COLUMNS)]


def _headers(people: pd.DataFrame, documents: pd.DataFrame, codes: pd.Series, context: Context) -> pd.DataFrame:
    """Give what settlements have of the documents, which the ERP has already."""
    keys = people["order_key"]
    known = documents.reindex(keys).set_axis(people.index)
    return people[["currency"]].assign(
        document_key=keys,
        document_kind=known["document_kind"],
        document_number=known["document_number"],
        shop_order=reference.fill(context.orders.shop_order, people),
        customer_code=codes.reindex(keys).to_numpy(),
        currency_rate=currencies.own_rate(people, context.orders),
    )

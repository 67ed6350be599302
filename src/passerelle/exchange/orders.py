"""The road from shop orders to ERP documents: each rule in its turn, every order with one outcome.

Pure: the orders, the mappings, the ERP's extracts and what was exchanged before come in as tables, documents and
outcomes go out. Every rule sees all selected orders, so that an order collects all its problems; who has one stays
behind at the end.

Source: spec 10-orders; design.md, the way of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import (
    changes,
    currencies,
    customers,
    deliveries,
    discounts,
    documents,
    ecotax,
    effects,
    erp_documents,
    grouping,
    later,
    limits,
    lines,
    lookups,
    oss,
    packs,
    reconciliation,
    reference,
    refunds,
    rounding,
    selection,
    settlements,
    territory,
    texts,
    vat,
)
from passerelle.exchange.mappings import MAPPINGS
from passerelle.exchange.options import CustomerOptions, OrderOptions
from passerelle.model.documents import CUSTOMERS, DOCUMENT_LINES, DOCUMENTS, QUOTE, SETTLEMENT, SETTLEMENTS
from passerelle.model.orders import SalesOrders, join_orders

_ORDER_WITHIN_AN_ORDER = {
    "orders": "order_key",
    "lines": "position",
    "charges": "position",
    "allowances": "position",
    "taxes": "tax_name",
    "payments": "position",
    "refunds": "refund_id",
    "refund_lines": "line_id",
    "addresses": "kind",
    "messages": "position",
}
"""By what the rows of one order stand in order."""
_OF_CUSTOMER = [
    "document_key",
    "customer_key",
    "customer_code",
    "customer_title",
    "is_new",
    "accounting_account",
    "territory",
    "includes_tax",
]
"""What a customer takes from his document."""


@dataclass(frozen=True, slots=True)
class Context:
    """All that the rules need to know beside the orders.

    Attributes:
        orders: the profile's order options.
        customers: the profile's customer options.
        mappings: rows of each mapping by its name; one that is lacking is empty.
        articles: the ERP's articles; ``None`` without an extract.
        erp_customers: the ERP's customers; ``None`` without an extract.
        accounts: what the ledger remembers of accounts (``customers.ACCOUNT_COLUMNS``).
        exchanged: what the ledger knows of orders and refunds: ``record_key``, ``content_hash``, ``document_kind``,
            ``document_number``, ``file_name``.
        days: the days whose orders are exchanged.
        today: the day of the run in the profile's time zone.
        scope: the part of them that the run exchanges.
        erp_documents: the ERP's sales documents; ``None`` without an extract.
        sent: what was sent of orders exchanged before, to reverse it (ORD-61); ``None``: nobody knows.
        booked: what the ledger knows of settlements (``settlements.BOOKED``).
    """

    orders: OrderOptions
    customers: CustomerOptions
    mappings: Mapping[str, pd.DataFrame]
    articles: pd.DataFrame | None
    erp_customers: pd.DataFrame | None
    accounts: pd.DataFrame
    exchanged: pd.DataFrame
    days: selection.Window
    today: date
    scope: selection.Scope = selection.EVERYTHING
    erp_documents: pd.DataFrame | None = None
    sent: changes.Sent | None = None
    booked: pd.DataFrame = field(default_factory=settlements.nothing_booked)

    def __post_init__(self) -> None:
        """Make a mapping that the profile lacks an empty one, and take the special articles of theirs."""
        complete = {name: declared.empty() for name, declared in MAPPINGS.items() if name not in self.mappings}
        complete |= self.mappings
        object.__setattr__(self, "mappings", complete)
        orders = lookups.special_articles(complete["special_articles"], self.orders)
        object.__setattr__(self, "orders", orders)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the orders of a run became.

    Attributes:
        documents: ``DOCUMENTS``, sorted by date, shop and order.
        lines: ``DOCUMENT_LINES`` of these.
        customers: ``CUSTOMERS`` that the documents need and the ERP's extract lacks, once per account.
        addresses: the same accounts with every distinct pair of addresses of the run, once each.
        settlements: ``SETTLEMENTS`` of the documents, and of documents exchanged before (``later``).
        bookings: what they book: ``record_key`` (the settlement's), ``source_key`` (its order or refund),
            ``content_hash``, ``replaces``, ``document_kind``, ``document_number``, ``total_incl``.
        accounts: accounts to remember (``customers.ACCOUNT_COLUMNS``).
        outcomes: what was said of orders and refunds; an order of which nothing is said became a document.
        contents: what makes two versions of the same order or refund, by its key; an order that is reversed only has
            the content ``changes.CANCELLED``.
        replaced: by order key, the content that a new one takes the place of (ORD-61).
        sources: ``record_key``, ``document_key``: which orders and refunds each document is made of. An order with
            several delivery addresses has several documents (ORD-73), a grouped document several orders (ORD-70).
        parents: by document key of a credit note, the order it belongs to.
        effects: ``order_key``, ``kind``, ``value``: what is to be done in the shop afterwards (ORD-80).
        new_values: by mapping, keys that were met and that it has no row for (ORD-45).
        reconciliation: shop totals against the documents'.
    """

    documents: pd.DataFrame
    lines: pd.DataFrame
    customers: pd.DataFrame
    addresses: pd.DataFrame
    settlements: pd.DataFrame
    bookings: pd.DataFrame
    accounts: pd.DataFrame
    outcomes: pd.DataFrame
    contents: pd.Series
    replaced: pd.Series
    sources: pd.DataFrame
    parents: pd.Series
    effects: pd.DataFrame
    new_values: dict[str, pd.DataFrame]
    reconciliation: reconciliation.Reconciliation

    def without(self, order_keys: set[str]) -> Exchange:
        """Take some orders out with all that only they need; their credit notes wait, what was said stays.

        Of documents exchanged before a settlement is taken out by its own key.
        """
        held = refunds.waiting(self.parents, order_keys)
        order_keys = order_keys | set(held["record"])
        gone = set(self.sources.loc[self.sources["record_key"].isin(order_keys), "document_key"])
        kept = self.documents[~self.documents["document_key"].isin(gone)].reset_index(drop=True)
        return replace(
            self,
            documents=kept,
            lines=_rows_without(self.lines, "document_key", gone),
            customers=_rows_of(self.customers, kept["customer_code"]),
            addresses=_rows_of(self.addresses, kept["customer_code"]),
            settlements=_rows_without(
                _rows_without(self.settlements, "document_key", gone), "settlement_key", order_keys
            ),
            bookings=_rows_without(_rows_without(self.bookings, "source_key", order_keys), "record_key", order_keys),
            accounts=_rows_of(self.accounts, kept["customer_code"]),
            contents=self.contents.drop(labels=list(order_keys & set(self.contents.index))),
            replaced=self.replaced.drop(labels=list(order_keys & set(self.replaced.index))),
            sources=_rows_without(self.sources, "document_key", gone),
            parents=self.parents.drop(labels=list(order_keys & set(self.parents.index))),
            outcomes=outcome.together([self.outcomes[~self._says_reversed(order_keys)], held]),
            effects=_rows_without(self.effects, "order_key", order_keys),
            reconciliation=self.reconciliation.without(gone),
        )

    def _says_reversed(self, order_keys: set[str]) -> pd.Series:
        return (self.outcomes["code"] == "document-reversed") & self.outcomes["record"].isin(order_keys)

    def of_records(self, outcomes: pd.DataFrame) -> pd.DataFrame:
        """Say of the orders, refunds and settlements what was said of their documents, and of them, once each."""
        met = outcomes.merge(self.sources, left_on="record", right_on="document_key")
        told = met.assign(record=met["record_key"], record_type="order")[list(outcome.COLUMNS)]
        own = outcomes[texts.among(outcomes["record"], self.bookings["record_key"])].assign(record_type=SETTLEMENT)
        named = refunds.named(told.drop_duplicates(ignore_index=True), self.parents.index)
        return outcome.together([named, own])


def _rows_of(accounts: pd.DataFrame, codes: pd.Series) -> pd.DataFrame:
    return accounts[texts.among(accounts["customer_code"], codes)].reset_index(drop=True)


def _rows_without(table: pd.DataFrame, column: str, gone: set[str]) -> pd.DataFrame:
    return table[~table[column].isin(gone)].reset_index(drop=True)


def exchange_orders(sales: SalesOrders, context: Context) -> Exchange:
    """Make ERP documents of shop orders and of their refunds.

    Every order and every refund of ``sales`` ends as a document or with an outcome that says why not.
    """
    sales = replace(sales, payments=settlements.by_date(sales.payments))
    selected = _selected(sales, context)
    of_run, _, changed, *_ = selected
    made = _in_one_batch(_entered(sales, selected, context), context.orders.batch_size)
    made = _with_reversals(made, changed.entered(made.sources["record_key"]), context.booked)
    entered = pd.concat([of_run.orders["order_key"], changed.replaced.index.to_series()])
    paid_later = later.later_settlements(sales, entered, context)
    return _with_later(made, paid_later, context.booked)


def _in_one_batch(made: Exchange, size: int | None) -> Exchange:
    """Leave the newest documents to the next runs where there are too many; a credit note with its order (PRO-4)."""
    if size is None or len(made.documents) <= size:
        return made
    oldest_first = made.documents.sort_values(["document_date", "document_key"])["document_key"]
    beyond = made.sources.loc[texts.among(made.sources["document_key"], oldest_first.iloc[size:]), "record_key"]
    with_order = texts.among(made.parents, beyond)
    keys = {*beyond, *made.parents.index[with_order]}
    said = outcome.said("beyond-batch", sorted(keys), record_type="order", stage="select", value=str(size))
    rest = replace(made, parents=made.parents[~with_order]).without(keys)
    of_refunds = refunds.named(said, made.parents.index.to_series())
    return replace(rest, outcomes=outcome.together([rest.outcomes, of_refunds]))


@dataclass(frozen=True, slots=True)
class _Entering:
    """The orders and refunds that a run enters, as sales of one kind; all tables are in the order of the documents.

    Attributes:
        of_run: the orders, as the shop has them.
        together: keys of those that are grouped.
        credit: the refunds.
        parted: which orders have several documents.
        sales: both, one order per document.
        orders: those of ``sales`` with what they were charged.
        answers: what each one's status makes of it, by document key.
        by_record: the same by order and refund.
        countries: where each is sold to (``territory.of_sale``).
        outcomes: what was said so far.
    """

    of_run: SalesOrders
    together: pd.Series
    credit: refunds.CreditNotes
    parted: deliveries.Parted
    sales: SalesOrders
    orders: pd.DataFrame
    answers: pd.DataFrame
    by_record: pd.DataFrame
    countries: pd.DataFrame
    outcomes: list[pd.DataFrame]


@dataclass(frozen=True, slots=True)
class _Found:
    """What mappings and accounts answer.

    Attributes:
        looked: territory, payment, shipping, currency.
        account: the customer accounts.
        titles: each one's civility.
        unknown: by mapping, keys that were met and that it has no row for (ORD-45).
        outcomes: what was said.
    """

    looked: lookups.Lookups
    account: customers.Accounts
    titles: pd.Series
    unknown: dict[str, pd.DataFrame]
    outcomes: list[pd.DataFrame]


def _entered(sales: SalesOrders, selected: _Selected, context: Context) -> Exchange:
    """Make the documents of the orders and refunds that this run enters."""
    _, contents, changed, status, _ = selected
    entering = _entering(sales, selected, context)
    out, found, sides, settled, said = _documents(entering, changed, context)
    unknown = {
        "statuses": status.unknown,
        "special_articles": lines.lacking_articles(said),
        **found.unknown,
    }
    return _exchange(out, entering, found, sides, settled, contents, changed, said, unknown, context)


def _documents(
    entering: _Entering, changed: changes.Changes, context: Context
) -> tuple[_Documents, _Found, pd.DataFrame, _Settled, pd.DataFrame]:
    """Make the documents that go out.

    What is made on the way is as large as they are, and is gone before they are written out.

    Returns:
        The documents; what was found; both addresses by order; the settlements; what was said.
    """
    coded, uncoded = _coded(entering.sales, entering.countries, context)
    found = _found(entering, coded, context)
    people = _people(entering, found, changed, context)
    priced = _priced(entering.sales, coded, context)
    numbered, dated, of_numbers = _numbered_and_dated(people, entering, context)
    said = [*entering.outcomes, *uncoded, *found.outcomes, *of_numbers, _unpaid(entering.orders, context.orders)]
    said += priced.outcomes
    # Of an order that is refused anyway the totals say nothing.
    computed = _rounded(entering.orders, priced, outcome.refused(outcome.together(said)), context.orders)
    said += [computed.outcomes, lines.ignored(computed.lines)]

    sides = documents.addresses_by_order(entering.orders, entering.sales.addresses, found.account.buyers)
    said = _of_all([*said, _nameless(people, sides, found.account, context)], entering)
    header = _headers(
        people, entering, found, sides, _amounts(priced.shipping, computed.breakdown, people.index), context
    )
    header = header.assign(
        **numbered, document_date=dated, delivery_date=dated if context.orders.delivery_date else pd.NaT
    )
    settled = _settled(people, entering, found.looked, changed, context)
    alone = _Documents(
        header,
        computed.lines,
        computed.breakdown,
        computed.gap,
        people["charged_total"],
        settled.made,
        _shop_amounts(coded, priced.discounts),
        header[["document_key"]].assign(record_key=entering.parted.of_orders(header["document_key"])),
        _articles(coded, entering.parted),
    ).without(outcome.refused(outcome.together(said)))
    out, problems_of_groups = _grouped(alone, people, entering.together, context)
    return out, found, sides, settled, outcome.together([*said, settled.outcomes, problems_of_groups])


def _entering(sales: SalesOrders, selected: _Selected, context: Context) -> _Entering:
    """Make sales of one kind of orders and refunds: one per document (ORD-61, ORD-73)."""
    options = context.orders
    of_run, _, _, status, said = selected
    is_grouped = grouping.wanted(of_run.orders, of_run.parties, options.grouping)
    together = of_run.orders.loc[is_grouped, "order_key"]
    credit, problems = _credit_notes(sales, of_run.orders["order_key"], outcome.together(said), context)
    parted = deliveries.parted(of_run, together, options)
    both = _in_order(parted, credit)
    orders = currencies.charged(both.orders, options)
    by_record = pd.concat([status.answers, credit.answers])
    answers = by_record.loc[parted.of_orders(orders["order_key"])].set_axis(orders["order_key"])
    countries = territory.of_sale(orders, both.addresses, context.mappings["vat_zones"], options.vat.country)
    return _Entering(of_run, together, credit, parted, both, orders, answers, by_record, countries, [*said, *problems])


def _found(entering: _Entering, coded: vat.Coded, context: Context) -> _Found:
    """Ask the mappings, the ERP's extracts and the ledger (ORD-20, ORD-40 to ORD-44, CUS-1, CUS-2, CUS-8)."""
    options, tables = context.orders, context.mappings
    sales, orders, countries = entering.sales, entering.orders, entering.countries
    rates = pd.concat([part[["order_key", "tax_rate"]] for part in (coded.lines, coded.charges)])
    taxed = entering.credit.taxed.combine_first(rates.groupby("order_key")["tax_rate"].max() > 0)
    # What a refund gives back was charged at the rates of its order's day.
    checked = oss.checked(entering.parted.sales, countries, rates, tables["vat_rates"], options.vat)
    looked = lookups.look_up(orders, sales.payments, countries, taxed, tables, options)
    imposed = customers.on_marketplace_account(looked.payment, orders, sales.parties, context.customers)
    imposed = grouping.on_account(imposed, orders, sales.parties, options.grouping)
    account = customers.accounts(
        orders, sales.parties, imposed, context.erp_customers, context.accounts, context.customers
    )
    titles, no_title, new_titles = lookups.titles(orders, account.buyers, tables["titles"], options)
    return _Found(
        looked,
        account,
        titles,
        {"taxes": coded.unknown, "vat_rates": checked.unknown, "titles": new_titles, **looked.unknown},
        [checked.outcomes, looked.outcomes, account.outcomes, no_title],
    )


def _people(entering: _Entering, found: _Found, changed: changes.Changes, context: Context) -> pd.DataFrame:
    """Give the orders with all that the templates fill in, by document key."""
    orders, parted = entering.orders, entering.parted
    people = reference.named(orders, found.account.buyers, entering.sales.addresses)
    people = people.set_index("order_key", drop=False)
    record = parted.of_orders(orders["order_key"])
    version = changed.version.reindex(record).fillna("").to_numpy()
    refund_ids = entering.credit.refunds.set_index("refund_key")["refund_id"]
    return people.assign(
        notes=documents.notes(orders, entering.sales.messages, context.orders).to_numpy(),
        customer_name=documents.display_name(people),
        part=("-" + parted.number.astype("str")).reindex(people.index).fillna("") + version,
        refund_id=refund_ids.reindex(people.index).fillna(""),
        record_key=record.to_numpy(),
    )


def _numbered_and_dated(
    people: pd.DataFrame, entering: _Entering, context: Context
) -> tuple[pd.DataFrame, pd.Series, list[pd.DataFrame]]:
    """Give the documents' numbers, references and dates, and what was said of them (ORD-10, ORD-13 to ORD-15)."""
    numbered, of_numbers = documents.numbers(people, entering.answers["document_kind"], context.orders)
    dated, of_dates = documents.dates(people, context.today, context.orders)
    return numbered, dated, [of_numbers, of_dates]


def _of_all(said: list[pd.DataFrame], entering: _Entering) -> list[pd.DataFrame]:
    """Say of orders what was said of their parts, and of the refunds of refused orders that they wait."""
    told = entering.parted.said(outcome.together(said))
    parents = entering.credit.parents
    of_this_run = parents[texts.among(parents, entering.of_run.orders["order_key"])]
    return [told, refunds.waiting(of_this_run, outcome.refused(told))]


def _headers(
    people: pd.DataFrame,
    entering: _Entering,
    found: _Found,
    sides: pd.DataFrame,
    amounts: pd.DataFrame,
    context: Context,
) -> pd.DataFrame:
    """Give the documents' headers, but for numbers and dates."""
    answers, looked = entering.answers, found.looked
    chosen = documents.chosen_addresses(sides, answers["document_kind"], context.orders)
    return pd.concat(
        [
            _header(people, found.account, context),
            answers[["document_kind", "document_state", "status_after"]],
            amounts,
            chosen[[name for name in chosen if name in DOCUMENTS.names]],
        ],
        axis=1,
    ).assign(
        customer_title=found.titles,
        territory=looked.territory,
        erp_currency=looked.erp_currency,
        shipping_code=looked.shipping_code,
        settlement_mode=looked.payment["settlement_mode"],
    )


def _exchange(
    out: _Documents,
    entering: _Entering,
    found: _Found,
    sides: pd.DataFrame,
    settled: _Settled,
    contents: pd.Series,
    changed: changes.Changes,
    said: pd.DataFrame,
    unknown: Mapping[str, pd.DataFrame],
    context: Context,
) -> Exchange:
    """Give what goes out, as it is written and remembered."""
    credit, header, keys = entering.credit, out.header, out.header["document_key"]
    needed, addresses = _customers(header, found.account, sides, context)
    entered = settlements.of_documents(out.settlements, header)
    created = found.account.created
    return Exchange(
        documents=DOCUMENTS.conform(_with_deposits(header, entered, context.orders)),
        lines=_numbered_lines(out.lines, keys),
        customers=needed,
        addresses=addresses,
        settlements=entered,
        bookings=settled.bookings(_numbers(out.sources, header), context.booked),
        accounts=created[texts.among(created["customer_key"], header["customer_key"])].reset_index(drop=True),
        outcomes=refunds.named(said, credit.parents.index),
        contents=pd.concat([contents, credit.refunds.set_index("refund_key")["content"]]).reindex(
            pd.Index(out.sources["record_key"].unique())
        ),
        sources=out.sources,
        replaced=changed.accepted[texts.among(changed.accepted.index.to_series(), out.sources["record_key"])],
        parents=credit.parents[texts.among(credit.parents.index.to_series(), keys)],
        effects=effects.of_documents(
            header, out.sources, entering.by_record["status_after"], out.articles, context.orders.afterwards
        ),
        new_values={name: values for name, values in unknown.items() if len(values)},
        reconciliation=reconciliation.reconcile(header, out.charged, out.shop_amounts, out.breakdown, out.gap),
    )


@dataclass(frozen=True, slots=True)
class _Settled:
    """Settlements of this run's documents, before they are grouped.

    ``contents`` is what makes two versions of each the same, by its key.
    """

    made: pd.DataFrame
    contents: pd.Series
    outcomes: pd.DataFrame

    def bookings(self, numbers: pd.DataFrame, booked: pd.DataFrame) -> pd.DataFrame:
        """Give what those of the orders and refunds book that go out, which have a number."""
        goes_out = texts.among(settlements.whose(self.made["settlement_key"]), numbers.index)
        return settlements.bookings(self.made[goes_out], self.contents, numbers, booked)


def _settled(
    people: pd.DataFrame, entering: _Entering, looked: lookups.Lookups, changed: changes.Changes, context: Context
) -> _Settled:
    """Make the settlements of the documents, each payment once (ORD-50, ORD-51); a quote is not paid."""
    options = context.orders
    if not options.settlements.create:
        return _Settled(SETTLEMENTS.empty(), pd.Series(dtype="str"), outcome.none())
    booked = settlements.standing(context.booked).drop(changed.settlements["settlement_key"], errors="ignore")
    contents = settlements.contents(
        pd.concat([entering.of_run.orders, entering.credit.sales.orders]),
        pd.concat([entering.of_run.payments, entering.credit.sales.payments]),
        options,
    )
    before = later.compared(contents, booked, people["record_key"])
    orders = people.reset_index(drop=True)
    of_order = looked.payment.reset_index(drop=True)
    payments = entering.sales.payments
    made = settlements.settlements(orders, payments, of_order, looked.of_payment, context.today, options)
    kinds = entering.answers["document_kind"]
    is_quote = texts.among(made["document_key"], kinds.index[kinds == QUOTE])
    made = made[~is_quote & ~texts.among(made["settlement_key"], before["record"])]
    unbooked = contents.index.difference(pd.Index(made["settlement_key"])).difference(booked.index)
    undecided = settlements.whose(unbooked.to_series())
    made = settlements.with_differences(made, orders, undecided, booked, options)
    given_back = texts.among(made["document_key"], entering.credit.parents.index)
    return _Settled(made.assign(amount=made["amount"].mask(given_back, -made["amount"])), contents, before)


def _with_later(made: Exchange, paid: later.Later, booked: pd.DataFrame) -> Exchange:
    """Add the settlements of documents exchanged before."""
    bookings = settlements.bookings(paid.settlements, paid.contents, paid.numbers, booked)
    unknown = {
        name: pd.concat([made.new_values.get(name), values]).drop_duplicates(ignore_index=True)
        for name, values in paid.unknown.items()
    }
    return replace(
        made,
        settlements=pd.concat([made.settlements, paid.settlements], ignore_index=True),
        bookings=pd.concat([made.bookings, bookings], ignore_index=True),
        outcomes=outcome.together([made.outcomes, paid.outcomes]),
        new_values={**made.new_values, **unknown},
    )


def _numbers(sources: pd.DataFrame, header: pd.DataFrame) -> pd.DataFrame:
    """Give ``document_kind`` and ``document_number`` of each order and refund; several numbers with a comma."""
    made = sources.merge(header[["document_key", "document_kind", "document_number"]], on="document_key")
    numbers = texts.by_group(made["document_number"], made["record_key"], ", ")
    return made.groupby("record_key")[["document_kind"]].first().assign(document_number=numbers)


def _with_reversals(made: Exchange, changed: changes.Changes, booked: pd.DataFrame) -> Exchange:
    """Add the credit notes that reverse what was exchanged before (ORD-61), and say what is no longer booked."""
    if changed.replaced.empty:
        return made
    documents = pd.concat([made.documents, DOCUMENTS.conform(changed.documents)])
    sources = changed.documents[["order_key", "document_key"]].rename(columns={"order_key": "record_key"})
    cancelled = changed.replaced.index.difference(made.contents.index)
    theirs = changed.reconciliation
    return replace(
        made,
        documents=documents.sort_values(["document_date", "document_key"], ignore_index=True),
        lines=pd.concat([made.lines, changed.lines], ignore_index=True),
        settlements=pd.concat([made.settlements, changed.settlements], ignore_index=True),
        bookings=pd.concat([made.bookings, settlements.unbooked(changed.settlements, made.bookings, booked)]),
        outcomes=outcome.together([made.outcomes, changed.remarks]),
        contents=pd.concat([made.contents, pd.Series(changes.CANCELLED, cancelled, dtype="str")]),
        replaced=pd.concat([made.replaced, changed.replaced]),
        sources=pd.concat([made.sources, sources], ignore_index=True),
        reconciliation=reconciliation.Reconciliation(
            pd.concat([made.reconciliation.documents, theirs.documents], ignore_index=True),
            pd.concat([made.reconciliation.parts, theirs.parts], ignore_index=True),
        ),
    )


_Selected = tuple[SalesOrders, pd.Series, changes.Changes, selection.ByStatus, list[pd.DataFrame]]
"""The orders of a run, the contents of all of the period, what changed of those sent, statuses, what was said."""


@dataclass(frozen=True, slots=True)
class _Documents:
    """Documents that go out, before they are written; all tables are by document key.

    ``charged`` is what the shop charged, ``gap`` what the Écart lines carry, ``sources`` as in ``Exchange``;
    ``articles`` are those sold, by order (``record_key``).
    """

    header: pd.DataFrame
    lines: pd.DataFrame
    breakdown: pd.DataFrame
    gap: pd.Series
    charged: pd.Series
    settlements: pd.DataFrame
    shop_amounts: pd.DataFrame
    sources: pd.DataFrame
    articles: pd.DataFrame

    def without(self, records: set[str]) -> _Documents:
        """Leave out the documents of some orders and refunds; the others are sorted by date and key."""
        gone = set(self.sources.loc[texts.among(self.sources["record_key"], records), "document_key"])
        header = self.header[~texts.among(self.header["document_key"], gone)]
        header = header.sort_values(["document_date", "document_key"], ignore_index=True)
        keys = header["document_key"]
        return replace(
            self,
            header=header,
            breakdown=self.breakdown[texts.among(self.breakdown["order_key"], keys)],
            settlements=self.settlements[texts.among(self.settlements["document_key"], keys)].reset_index(drop=True),
            sources=self.sources[texts.among(self.sources["document_key"], keys)].reset_index(drop=True),
        )


def _grouped(
    alone: _Documents, people: pd.DataFrame, order_keys: pd.Series, context: Context
) -> tuple[_Documents, pd.DataFrame]:
    """Put the orders together that become one document (ORD-70), and say of them what is wrong with it.

    What each order lost or gained by rounding was within the ceiling; what their sum does is nobody's error.
    """
    options = context.orders
    is_member = texts.among(alone.header["document_key"], order_keys)
    if not is_member.any():
        return alone, outcome.none()
    taken = context.exchanged["document_number"]
    groups = grouping.grouped(alone.header[is_member], people, alone.lines, alone.settlements, taken, options)
    unlimited = options.model_copy(update={"rounding_ceiling": Decimal(limits.LARGEST_AMOUNT)})
    heads = groups.header.rename_axis("order_key").reset_index()
    computed = _rounded(heads, _Priced(groups.lines, groups.shipping, pd.DataFrame(), []), set(), unlimited)
    rest = alone.without(set(groups.document_of.index))
    sources = groups.document_of.rename("document_key").rename_axis("record_key").reset_index()
    said = outcome.together([groups.outcomes, computed.outcomes])
    said = said.merge(sources, left_on="record", right_on="document_key")
    said = said.assign(record=said["record_key"])[list(outcome.COLUMNS)]
    document_of = alone.shop_amounts["order_key"].map(groups.document_of)
    both = _Documents(
        header=pd.concat(
            [
                rest.header,
                groups.header.assign(**_amounts(groups.shipping, computed.breakdown, groups.header.index)),
            ],
            ignore_index=True,
        ),
        lines=pd.concat([rest.lines, computed.lines], ignore_index=True),
        breakdown=pd.concat([rest.breakdown, computed.breakdown], ignore_index=True),
        gap=pd.concat([alone.gap, computed.gap]),
        charged=pd.concat([alone.charged, groups.header["charged_total"]]),
        settlements=pd.concat([rest.settlements, groups.settlements], ignore_index=True),
        shop_amounts=alone.shop_amounts.assign(order_key=document_of.fillna(alone.shop_amounts["order_key"])),
        sources=pd.concat([rest.sources, sources], ignore_index=True),
        articles=alone.articles,
    )
    return both.without(outcome.refused(said)), said


def _selected(sales: SalesOrders, context: Context) -> _Selected:
    """Keep the orders of the period, not exchanged before, with a selected status and numbers that can be true.

    An order whose status is not mapped stays for now: its other problems are wanted too.
    """
    aside = selection.not_asked_for(sales.orders, context.mappings["statuses"], context.scope, context.orders)
    if len(aside):
        sales = sales.only(set(sales.orders["order_key"]) - set(aside["record"]))
    left_out = selection.outside(sales.orders, context.days, context.orders)
    inside = sales.orders[~texts.among(sales.orders["order_key"], left_out["record"])]
    beyond = selection.beyond_limits(inside, context.days, context.today, context.orders)
    left_out = outcome.together([left_out, beyond]).sort_values(["record", "code"], ignore_index=True)
    of_period = _without(sales, left_out["record"])
    contents = selection.content_hashes(of_period)
    was_quote = texts.among(of_period.orders["order_key"], changes.quotes(context.exchanged).index)
    asked = of_period.orders[was_quote | (context.erp_documents is not None)]
    kinds = selection.kinds_by_status(asked, context.mappings["statuses"], context.orders)
    accepted = changes.accepted_quotes(kinds, context.exchanged)
    exchanged_as_is = context.exchanged[~texts.among(context.exchanged["record_key"], accepted.index)]
    changed = changes.found(of_period, contents, exchanged_as_is, context.sent, context.today, context.orders)
    changed = replace(changed, accepted=accepted)
    in_erp = _in_erp(of_period, kinds, context)
    exchanged = pd.concat([changed.left_out.to_series(), in_erp.loc[in_erp["state"] == "ignored", "record"]])
    fresh = of_period.orders[~texts.among(of_period.orders["order_key"], exchanged)].reset_index(drop=True)
    status = selection.by_status(fresh, context.mappings["statuses"], context.orders).as_invoices(changed.again)
    unselected = status.outcomes.loc[status.outcomes["state"] == "ignored", "record"]
    chosen = fresh[~texts.among(fresh["order_key"], unselected)]
    is_grouped = grouping.wanted(chosen, of_period.parties, context.orders.grouping)
    waiting = grouping.of_unfinished_days(chosen, is_grouped, context.today)
    gone = pd.concat([exchanged, unselected, waiting["record"]])
    wild = limits.out_of_range(of_period)
    wild = wild[~texts.among(wild["record"], gone)]
    gone = pd.concat([gone, wild["record"]])
    kept = _without(of_period, gone) if len(gone) else of_period
    answers = status.answers.loc[kept.orders["order_key"]]
    said = [aside, left_out, changed.outcomes, in_erp, status.outcomes, waiting, wild, _undeliverable(kept)]
    return (
        kept,
        contents,
        changed,
        selection.ByStatus(answers, status.outcomes, status.unknown),
        [sales.outcomes, *said],
    )


def _in_erp(sales: SalesOrders, kinds: pd.Series, context: Context) -> pd.DataFrame:
    """Say which orders the ERP has (ORD-63, ORD-81)."""
    if context.erp_documents is None:
        return outcome.none()
    buyers = sales.parties.drop_duplicates("customer_key").set_index("customer_key")
    people = reference.named(sales.orders, buyers, sales.addresses)
    known = pd.Index(context.exchanged["record_key"])
    people = people.assign(document_kind=kinds.reindex(people["order_key"]).to_numpy())
    return erp_documents.linked(people, known, context.erp_documents, context.orders)


def _without(sales: SalesOrders, gone: pd.Series) -> SalesOrders:
    """Leave some orders out with all that belongs to them, and put every table in order.

    Nothing that comes out depends on the order of the rows that came in (INV-3).
    """
    keys = pd.Index(sales.orders.loc[~texts.among(sales.orders["order_key"], gone), "order_key"]).sort_values()
    kept = {
        name: _ranked(getattr(sales, name), "order_key", keys, within)
        for name, within in _ORDER_WITHIN_AN_ORDER.items()
    }
    buyers = pd.Index(kept["orders"]["customer_key"].unique()).sort_values()
    parties = sales.parties.drop_duplicates("customer_key")
    return SalesOrders(
        **kept, parties=_ranked(parties, "customer_key", buyers, "customer_key"), outcomes=sales.outcomes
    )


def in_order(sales: SalesOrders) -> SalesOrders:
    """Put the orders with all that belongs to them in the order of the rules, which then need no copy of them."""
    return _without(sales, pd.Series(dtype="str"))


def _in_order(parted: deliveries.Parted, credit: refunds.CreditNotes) -> SalesOrders:
    """Put orders and refunds together; orders alone are in order already."""
    if parted.order_of.empty and credit.refunds.empty:
        return parted.sales
    return in_order(join_orders([parted.sales, credit.sales]))


def _ranked(table: pd.DataFrame, column: str, keys: pd.Index, within: str) -> pd.DataFrame:
    """Take the rows of the keys, in the order of the keys and within a key by another column."""
    rank = texts.places(table[column], keys)
    second = rank if within == column else pd.factorize(table[within], sort=True)[0]
    order = np.lexsort((second, rank))[np.count_nonzero(rank < 0) :]
    if len(order) == len(table) and (order == np.arange(len(order))).all():
        return table.reset_index(drop=True)  # shares the memory
    return table.take(order).reset_index(drop=True)


def _coded(sales: SalesOrders, countries: pd.DataFrame, context: Context) -> tuple[vat.Coded, list[pd.DataFrame]]:
    """Give lines and charges their article, VAT rate and VAT code (ORD-20, ORD-41)."""
    decimals = currencies.decimals(sales.orders.set_index("order_key")["currency"], context.orders)
    sold, charged = (
        rows.assign(decimals=decimals.reindex(rows["order_key"]).to_numpy(dtype=np.int64))
        for rows in (
            packs.written(lines.deliverable(sales.lines), context.orders),
            lines.charged(sales.charges),
        )
    )
    with_articles, unknown_articles = lines.with_articles(sold, context.articles, context.orders)
    with_ecotax, no_article = ecotax.apart(with_articles, context.orders)
    foreign = oss.ruled_by_nobody(countries, context.mappings["vat_rates"], context.orders.vat)
    coded = vat.coded(with_ecotax, charged, countries, foreign, context.mappings["taxes"], context.orders)
    completed = vat.Coded(
        lines=vat.completed(coded.lines, [("net_excl", "net_incl"), ("gross_excl", "gross_incl")]),
        charges=vat.completed(coded.charges, [("amount_excl", "amount_incl")]),
        outcomes=coded.outcomes,
        unknown=coded.unknown,
    )
    return completed, [unknown_articles, no_article, coded.outcomes]


def _articles(coded: vat.Coded, parted: deliveries.Parted) -> pd.DataFrame:
    """Give the articles sold, by the order as the shop has it: ``record_key``, ``article``."""
    lines_ = coded.lines[coded.lines["kind"] == "article"]
    return lines_[["article"]].assign(record_key=parted.of_orders(lines_["order_key"]))


def _undeliverable(sales: SalesOrders) -> pd.DataFrame:
    """Say which orders have no line to deliver (ORD-8)."""
    sold = lines.deliverable(sales.lines)
    empty = sales.orders.loc[~texts.among(sales.orders["order_key"], sold["order_key"]), "order_key"]
    return outcome.said("no-deliverable-line", empty, record_type="order", stage="exchange")


def _credit_notes(
    sales: SalesOrders, fresh: pd.Series, said: pd.DataFrame, context: Context
) -> tuple[refunds.CreditNotes, list[pd.DataFrame]]:
    """Make sales of the refunds that become credit notes (ORD-61)."""
    if sales.refunds.empty:
        return refunds.no_credit_notes(sales), []
    sales = sales.only(set(sales.refunds["order_key"]))
    sound, wild = refunds.sound(sales)
    chosen, left_out = refunds.selected(
        sound, context.exchanged, fresh, said, context.days, context.scope, context.orders
    )
    parents = sound.only(set(chosen["order_key"]))
    home = context.orders.vat.country
    places = territory.of_sale(parents.orders, parents.addresses, context.mappings["vat_zones"], home)
    coded, _ = _coded(parents, places, context)
    credit = refunds.credit_notes(chosen, parents, coded)
    rateless = coded.outcomes[coded.outcomes["code"] == "unknown-tax-rate"]
    beyond = limits.out_of_range(credit.sales)
    refused = [refunds.of_refunds(rateless, chosen), refunds.named(beyond, beyond["record"])]
    return credit.without(outcome.refused(outcome.together(refused))), [wild, left_out, *refused]


def _unpaid(orders: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Say which orders are not paid in full, where the profile requires it (ORD-8)."""
    if not options.paid_in_full:
        return outcome.none()
    paid = orders["paid_total"].fillna(0).astype("int64")
    wrong = orders[paid != orders["charged_total"]]
    return outcome.said(
        "not-paid-in-full",
        wrong["order_key"],
        record_type="order",
        stage="exchange",
        field="paid_total",
        value=money.to_text(paid[wrong.index], wrong["decimals"]),
        charged=money.to_text(wrong["charged_total"], wrong["decimals"]),
        currency=wrong["currency"],
    )


def _nameless(people: pd.DataFrame, sides: pd.DataFrame, account: customers.Accounts, context: Context) -> pd.DataFrame:
    """Say which orders need a customer whom neither buyer nor address name (ORD-7)."""
    by_order = texts.rows_of(account.by_order, people.index)
    needed = by_order["own"].astype("bool") & ~_in_extract(by_order["customer_code"], context)
    named = people["customer_name"].where(people["customer_name"] != "", sides["billing_name"])
    nameless = people.index[needed.to_numpy() & ((named == "") & (people["customer_key"] != "")).to_numpy()]
    return outcome.said("customer-without-name", nameless, record_type="order", stage="exchange", field="last_name")


def _in_extract(codes: pd.Series, context: Context) -> pd.Series:
    """Tell which customer accounts the ERP's extract has; without an extract, none."""
    if context.erp_customers is None:
        return pd.Series(data=False, index=codes.index)
    return texts.among(codes, context.erp_customers["customer_code"])


@dataclass(frozen=True, slots=True)
class _Priced:
    """Document lines with prices, the footer's shipping, and the discounts they come from."""

    lines: pd.DataFrame
    shipping: pd.DataFrame
    discounts: pd.DataFrame
    outcomes: list[pd.DataFrame]


@dataclass(frozen=True, slots=True)
class _Computed:
    """Document lines with the Écart lines, and the ERP's VAT breakdown of the whole."""

    lines: pd.DataFrame
    gap: pd.Series
    breakdown: pd.DataFrame
    outcomes: pd.DataFrame


def _priced(sales: SalesOrders, coded: vat.Coded, context: Context) -> _Priced:
    """Give the document lines of articles, charges and discounts, and the footer's shipping (ORD-22 to ORD-26)."""
    options = context.orders
    in_footer = lines.in_footer(coded.charges, coded.lines["order_key"], options)
    charges, no_article = lines.charge_lines(coded.charges[~in_footer], options)
    spread = discounts.spread(sales.allowances, coded.lines, coded.charges)
    reductions, no_discount_article = discounts.discount_lines(spread, context.mappings["discount_articles"], options)
    unpriced = pd.concat([lines.article_lines(coded.lines, options), charges, reductions], ignore_index=True)
    return _Priced(
        lines=lines.priced(unpriced, options),
        shipping=lines.footer_shipping(coded.charges[in_footer], options),
        discounts=spread,
        outcomes=[no_article, no_discount_article],
    )


def _rounded(orders: pd.DataFrame, priced: _Priced, refused: set[str], options: OrderOptions) -> _Computed:
    """Add the Écart lines (ORD-27)."""
    computed = rounding.breakdown(priced.lines, priced.shipping, options)
    by_key = orders[~texts.among(orders["order_key"], refused)].set_index("order_key")
    gap = rounding.gaps(by_key["charged_total"], computed)
    added, problems = rounding.rounding_lines(gap, by_key, options)
    if added.empty:
        return _Computed(priced.lines, gap, computed, problems)
    document_lines = pd.concat([priced.lines, lines.priced(added, options)], ignore_index=True)
    own, before = (texts.among(rows["order_key"], added["order_key"]) for rows in (document_lines, computed))
    footers = priced.shipping[texts.among(priced.shipping.index.to_series(), added["order_key"])]
    again = rounding.breakdown(document_lines[own], footers, options)
    return _Computed(document_lines, gap, pd.concat([computed[~before], again], ignore_index=True), problems)


def _header(people: pd.DataFrame, account: customers.Accounts, context: Context) -> pd.DataFrame:
    """Give what a document's header takes from the order, its buyer and the profile, indexed by order key."""
    options = context.orders
    own = texts.rows_of(account.by_order, people.index)
    buyer = texts.rows_of(account.buyers, own["customer_key"]).set_axis(people.index)
    return pd.DataFrame(
        {
            "document_key": people.index,
            "customer_key": own["customer_key"],
            "is_new": own["is_new"],
            "own_account": own["own"],
            "accounting_account": own["accounting_account"],
            "use_own_number": options.use_own_number,
            "number_series": options.number_series,
            "depot": options.depot,
            "customer_code": own["customer_code"],
            "customer_name": people["customer_name"],
            "vat_number": buyer["vat_number"],
            "includes_tax": options.includes_tax,
            "currency": people["currency"],
            "currency_rate": currencies.own_rate(people, options),
            "notes": people["notes"],
            "representative": context.customers.representative,
        },
        index=people.index,
    )


def _amounts(shipping: pd.DataFrame, breakdown: pd.DataFrame, keys: pd.Index) -> pd.DataFrame:
    """Give the footer's shipping and the totals by order key."""
    footer = shipping.reindex(keys)
    totals = breakdown.groupby("order_key")[["base", "total"]].sum().reindex(keys)
    return pd.DataFrame(
        {
            "shipping_excl": footer["shipping_excl"].fillna(0).astype("int64"),
            "shipping_tax_rate": footer["tax_rate"].astype("Int64"),
            "shipping_vat_code": footer["vat_code"].fillna(""),
            "total_excl": totals["base"].fillna(0).astype("int64"),
            "total_incl": totals["total"].fillna(0).astype("int64"),
        }
    )


def _with_deposits(header: pd.DataFrame, made: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Add the deposit columns of order documents (ORD-52)."""
    if not (header["document_kind"] == "order").any():
        return header
    deposits = settlements.deposits(made, header, options).reindex(header["document_key"])
    return header.assign(
        deposit_amount=deposits["deposit_amount"].fillna(0).to_numpy(dtype=np.int64),
        deposit_means=deposits["deposit_means"].fillna("").to_numpy(),
        deposit_currency_amount=deposits["deposit_currency_amount"].array,
        deposit_currency_rate=deposits["deposit_currency_rate"].array,
        deposit_currency=deposits["deposit_currency"].fillna("").to_numpy(),
        deposit_date=deposits["deposit_date"].to_numpy(),
    )


def _customers(
    header: pd.DataFrame, account: customers.Accounts, sides: pd.DataFrame, context: Context
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the customers to write, and their addresses (CUS-5, INV-2).

    Those are the accounts of this run's documents that the ERP's extract does not have; accounts shared by several
    buyers are the profile's own and never written from an order. Of those that the extract has the addresses alone are
    written, if the profile updates them (CUS-4).
    """
    own = header["own_account"].astype("bool")
    known = _in_extract(header["customer_code"], context)
    written = own & (~known | documents.updates_addresses(context.customers))
    # Sorted while it is small: the addresses are the largest part of all documents.
    met = header.loc[written, _OF_CUSTOMER].assign(is_known=known[written]).sort_values("customer_code", kind="stable")
    new = met[~met["is_known"]]
    rows = documents.customer_rows(new, account.buyers, sides, context.customers).reset_index(drop=True)
    places = [name for name in CUSTOMERS.names if name.startswith(("billing_", "delivery_"))]
    again = rows["customer_code"].duplicated()
    several = rows.loc[texts.among(rows["customer_code"], rows.loc[again, "customer_code"]), ["customer_code", *places]]
    addresses = rows.drop(index=several.index[texts.side_by_side(several, "\x1f").duplicated()])
    if met["is_known"].any():
        old = documents.customer_rows(met[met["is_known"]], account.buyers, sides, context.customers)
        addresses = pd.concat([addresses, documents.updated_addresses(old, context.customers)])
        addresses = addresses.sort_values("customer_code", kind="stable")
    return rows[~again].reset_index(drop=True), addresses.reset_index(drop=True)


def _numbered_lines(document_lines: pd.DataFrame, keys: pd.Series) -> pd.DataFrame:
    """Sort the lines by document, articles first, each with its eco-tax, and number them."""
    kinds = ["article", "refund", "wrapping", "fee", "shipping", "discount", "rounding"]
    document = texts.places(document_lines["order_key"], keys)
    rank = texts.places(document_lines["kind"].replace(ecotax.KIND, "article"), pd.Series(kinds))
    order = np.lexsort((rank, document))[np.count_nonzero(document < 0) :]
    kept = document_lines.take(order).reset_index(drop=True)
    position = pd.Series(document[order]).groupby(document[order]).cumcount() + 1
    return DOCUMENT_LINES.conform(kept.assign(document_key=kept["order_key"], position=position))


def _shop_amounts(coded: vat.Coded, spread: pd.DataFrame) -> pd.DataFrame:
    """Give the shop's own figures by order and rate: lines and charges, less discounts."""
    by = ["order_key", "tax_rate", "amount_excl", "amount_incl", "decimals"]
    sold = coded.lines.rename(columns={"net_excl": "amount_excl", "net_incl": "amount_incl"})[by]
    reduced = spread[by].assign(amount_excl=-spread["amount_excl"], amount_incl=-spread["amount_incl"])
    amounts = pd.concat([sold, coded.charges[by], reduced], ignore_index=True)
    for column in ("amount_excl", "amount_incl"):
        amounts[column] = money.rounded_half_up(amounts[column].fillna(0), amounts["decimals"])
    return amounts.groupby(["order_key", "tax_rate"], as_index=False)[["amount_excl", "amount_incl"]].sum()

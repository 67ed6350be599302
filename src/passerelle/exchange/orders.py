"""The road from shop orders to ERP documents: each rule in its turn, every order with one outcome.

Pure: the orders, the mappings, the ERP's extracts and what was exchanged before come in as tables, documents and
outcomes go out. Every rule sees all selected orders, so that an order collects all its problems; who has one stays
behind at the end.

Source: spec 10-orders; design.md, the way of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import (
    customers,
    discounts,
    documents,
    limits,
    lines,
    lookups,
    reconciliation,
    rounding,
    selection,
    settlements,
    texts,
    vat,
)
from passerelle.exchange.mappings import MAPPINGS
from passerelle.exchange.options import CustomerOptions, OrderOptions
from passerelle.model.documents import CUSTOMERS, DOCUMENT_LINES, DOCUMENTS
from passerelle.model.orders import SalesOrders

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
        exchanged: what the ledger knows of orders: ``record_key``, ``content_hash``, ``document_number``,
            ``file_name``.
        days: the days whose orders are exchanged.
        today: the day of the run in the profile's time zone.
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

    def __post_init__(self) -> None:
        """Make a mapping that the profile lacks an empty one."""
        complete = {name: self.mappings.get(name, declared.empty()) for name, declared in MAPPINGS.items()}
        object.__setattr__(self, "mappings", complete)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the orders of a run became.

    Attributes:
        documents: ``DOCUMENTS``, sorted by date, shop and order.
        lines: ``DOCUMENT_LINES`` of these.
        customers: ``CUSTOMERS`` that the documents need and the ERP's extract lacks, once per account.
        addresses: the same accounts with every distinct pair of addresses of the run, once each.
        settlements: ``SETTLEMENTS`` of the documents.
        accounts: accounts to remember (``customers.ACCOUNT_COLUMNS``).
        outcomes: what was said of orders and refunds; an order of which nothing is said became a document.
        contents: content hash of the exchanged orders by order key.
        effects: ``order_key``, ``kind``, ``value``: what is to be done in the shop afterwards (ORD-80).
        new_values: by mapping, keys that were met and that it has no row for (ORD-45).
        reconciliation: shop totals against the documents'.
    """

    documents: pd.DataFrame
    lines: pd.DataFrame
    customers: pd.DataFrame
    addresses: pd.DataFrame
    settlements: pd.DataFrame
    accounts: pd.DataFrame
    outcomes: pd.DataFrame
    contents: pd.Series
    effects: pd.DataFrame
    new_values: dict[str, pd.DataFrame]
    reconciliation: reconciliation.Reconciliation

    def without(self, order_keys: set[str]) -> Exchange:
        """Take some orders out with all that only they need; what was said of them stays."""
        gone = self.documents["document_key"].isin(order_keys)
        kept = self.documents[~gone].reset_index(drop=True)
        return replace(
            self,
            documents=kept,
            lines=_rows_without(self.lines, "document_key", order_keys),
            customers=_rows_of(self.customers, kept["customer_code"]),
            addresses=_rows_of(self.addresses, kept["customer_code"]),
            settlements=_rows_without(self.settlements, "document_key", order_keys),
            accounts=_rows_of(self.accounts, kept["customer_code"]),
            contents=self.contents.drop(labels=list(order_keys & set(self.contents.index))),
            effects=_rows_without(self.effects, "order_key", order_keys),
            reconciliation=self.reconciliation.without(order_keys),
        )


def _rows_of(accounts: pd.DataFrame, codes: pd.Series) -> pd.DataFrame:
    return accounts[texts.among(accounts["customer_code"], codes)].reset_index(drop=True)


def _rows_without(table: pd.DataFrame, column: str, gone: set[str]) -> pd.DataFrame:
    return table[~table[column].isin(gone)].reset_index(drop=True)


def exchange_orders(sales: SalesOrders, context: Context) -> Exchange:
    """Make ERP documents of shop orders.

    Every order of ``sales`` ends as a document or with an outcome that says why not; every refund is said.
    """
    options = context.orders
    refunds = _refunds(sales)
    sales, contents, status, said = _selected(sales, context)
    orders = sales.orders
    countries = vat.country_of_sale(orders, sales.addresses)

    coded, problems = _coded(sales, countries, context)
    said += problems
    rates = pd.concat([part[["order_key", "tax_rate"]] for part in (coded.lines, coded.charges)])
    taxed = rates.groupby("order_key")["tax_rate"].max() > 0
    looked = lookups.look_up(orders, sales.payments, countries, taxed, context.mappings, options)
    account = customers.accounts(
        orders, sales.parties, looked.payment, context.erp_customers, context.accounts, context.customers
    )
    civility, no_civility, new_titles = lookups.titles(orders, account.buyers, context.mappings["titles"], options)
    people = _with_names(orders, account.buyers, sales.addresses).set_index("order_key", drop=False)
    numbered, number_problems = documents.numbers(people, status.answers["document_kind"], options)
    dated, date_problems = documents.dates(people, context.today, options)
    said += [looked.outcomes, account.outcomes, no_civility, number_problems, date_problems, _unpaid(orders, options)]

    priced = _priced(sales, coded, context)
    said += priced.outcomes
    # Of an order that is refused anyway the totals say nothing.
    computed = _rounded(orders, priced, outcome.refused(outcome.together(said)), options)
    said.append(computed.outcomes)

    sides = documents.addresses_by_order(orders, sales.addresses, account.buyers)
    chosen = documents.chosen_addresses(sides, status.answers["document_kind"], options)
    header = pd.concat(
        [
            _header(people, account, context),
            status.answers[["document_kind", "document_state", "status_after"]],
            numbered,
            _amounts(priced.shipping, computed.breakdown, people.index),
            chosen[[name for name in chosen if name in DOCUMENTS.names]],
        ],
        axis=1,
    ).assign(
        document_date=dated,
        delivery_date=dated if options.delivery_date else pd.NaT,
        customer_title=civility,
        territory=looked.territory,
        erp_currency=looked.erp_currency,
        shipping_code=looked.shipping_code,
        settlement_mode=looked.payment["settlement_mode"],
    )
    goes_out = ~texts.among(header["document_key"], outcome.refused(outcome.together(said)))
    sequence = header.loc[goes_out, ["document_date", "document_key"]].sort_values(["document_date", "document_key"])
    header = header.loc[sequence.index].reset_index(drop=True)
    keys = header["document_key"]
    made = settlements.settlements(
        people.reset_index(drop=True),
        sales.payments,
        looked.payment.reset_index(drop=True),
        looked.of_payment,
        context.today,
        options,
    )
    made = made[texts.among(made["document_key"], keys)].reset_index(drop=True)
    needed, addresses = _customers(header, account, sides, context)
    unknown = {"statuses": status.unknown, "taxes": coded.unknown, "titles": new_titles, **looked.unknown}
    return Exchange(
        documents=DOCUMENTS.conform(_with_deposits(header, made, options)),
        lines=_numbered_lines(computed.lines, keys),
        customers=needed,
        addresses=addresses,
        settlements=made,
        accounts=account.created[texts.among(account.created["customer_key"], header["customer_key"])].reset_index(
            drop=True
        ),
        outcomes=outcome.together([*said, refunds]),
        contents=contents.reindex(keys),
        effects=_effects(header),
        new_values={name: values for name, values in unknown.items() if len(values)},
        reconciliation=reconciliation.reconcile(
            header,
            people["charged_total"],
            _shop_amounts(coded, priced.discounts),
            computed.breakdown[texts.among(computed.breakdown["order_key"], keys)],
            computed.gap,
        ),
    )


def _selected(
    sales: SalesOrders, context: Context
) -> tuple[SalesOrders, pd.Series, selection.ByStatus, list[pd.DataFrame]]:
    """Keep the orders of the period, not exchanged before, with a selected status and numbers that can be true.

    An order whose status is not mapped stays for now: its other problems are wanted too.
    """
    left_out = selection.outside(sales.orders, context.days, context.orders).sort_values("record", ignore_index=True)
    of_period = _without(sales, left_out["record"])
    contents = selection.content_hashes(of_period)
    before = selection.exchanged_before(contents, context.exchanged)
    fresh = of_period.orders[~texts.among(of_period.orders["order_key"], before["record"])].reset_index(drop=True)
    status = selection.by_status(fresh, context.mappings["statuses"], context.orders)
    unselected = status.outcomes.loc[status.outcomes["state"] == "ignored", "record"]
    gone = pd.concat([before["record"], unselected])
    wild = limits.out_of_range(of_period)
    wild = wild[~texts.among(wild["record"], gone)]
    gone = pd.concat([gone, wild["record"]])
    kept = _without(of_period, gone) if len(gone) else of_period
    answers = status.answers.loc[kept.orders["order_key"]]
    return (
        kept,
        contents,
        selection.ByStatus(answers, status.outcomes, status.unknown),
        [sales.outcomes, left_out, before, status.outcomes, wild],
    )


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
    return SalesOrders(
        **kept, parties=_ranked(sales.parties, "customer_key", buyers, "customer_key"), outcomes=sales.outcomes
    )


def _ranked(table: pd.DataFrame, column: str, keys: pd.Index, within: str) -> pd.DataFrame:
    """Take the rows of the keys, in the order of the keys and within a key by another column."""
    rank = keys.get_indexer(table[column])
    second = pd.factorize(table[within], sort=True)[0]
    order = np.lexsort((second, rank))
    return table.take(order[np.count_nonzero(rank < 0) :]).reset_index(drop=True)


def _coded(sales: SalesOrders, countries: pd.DataFrame, context: Context) -> tuple[vat.Coded, list[pd.DataFrame]]:
    """Give lines and charges their article, VAT rate and VAT code (ORD-20, ORD-41)."""
    sold = lines.deliverable(sales.lines)
    empty = sales.orders.loc[~texts.among(sales.orders["order_key"], sold["order_key"]), "order_key"]
    nothing = outcome.said("no-deliverable-line", empty, record_type="order", stage="exchange")
    with_articles, unknown_articles = lines.with_articles(sold, context.articles, context.orders)
    charged = lines.charged(sales.charges)
    coded = vat.coded(with_articles, charged, countries, context.mappings["taxes"], context.orders)
    completed = vat.Coded(
        lines=vat.completed(coded.lines, [("net_excl", "net_incl"), ("gross_excl", "gross_incl")]),
        charges=vat.completed(coded.charges, [("amount_excl", "amount_incl")]),
        outcomes=coded.outcomes,
        unknown=coded.unknown,
    )
    return completed, [nothing, unknown_articles, coded.outcomes]


def _unpaid(orders: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Say which orders are not paid in full, where the profile requires it (ORD-8)."""
    if not options.paid_in_full:
        return outcome.none()
    paid = orders["paid_total"].fillna(0).astype("int64")
    cents = (money.rounded_half_up(amounts, lines.CENTS) for amounts in (paid, orders["charged_total"]))
    wrong = orders[np.not_equal(*cents)]
    return outcome.said(
        "not-paid-in-full",
        wrong["order_key"],
        record_type="order",
        stage="exchange",
        field="paid_total",
        value=money.to_text(paid[wrong.index], lines.CENTS),
        charged=money.to_text(wrong["charged_total"], lines.CENTS),
        currency=wrong["currency"],
    )


def _with_names(orders: pd.DataFrame, buyers: pd.DataFrame, addresses: pd.DataFrame) -> pd.DataFrame:
    """Give the orders with the buyer's names for the templates; the billing address's where he has none."""
    names = ["first_name", "last_name", "company"]
    buyer = buyers.reindex(orders["customer_key"])[names].fillna("").set_axis(orders.index)
    billing = addresses[addresses["kind"] == "billing"].drop_duplicates("order_key").set_index("order_key")
    address = billing.reindex(orders["order_key"])[names].fillna("").set_axis(orders.index)
    nameless = (buyer["last_name"] == "") & (buyer["company"] == "")
    return orders.assign(**{name: buyer[name].where(~nameless, address[name]).astype("str") for name in names})


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
    charges, no_article = lines.charge_lines(coded.charges, options)
    spread = discounts.spread(sales.allowances, coded.lines, coded.charges)
    reductions, no_discount_article = discounts.discount_lines(spread, context.mappings["discount_articles"], options)
    unpriced = pd.concat([lines.article_lines(coded.lines, options), charges, reductions], ignore_index=True)
    return _Priced(
        lines=lines.priced(unpriced, options),
        shipping=lines.footer_shipping(coded.charges, options),
        discounts=spread,
        outcomes=[no_article, no_discount_article],
    )


def _rounded(orders: pd.DataFrame, priced: _Priced, refused: set[str], options: OrderOptions) -> _Computed:
    """Add the Écart lines (ORD-27)."""
    computed = rounding.breakdown(priced.lines, priced.shipping, options)
    by_key = orders[~texts.among(orders["order_key"], refused)].set_index("order_key")
    gap = rounding.gaps(by_key["charged_total"], computed)
    added, problems = rounding.rounding_lines(gap, by_key["charged_total"], by_key["currency"], options)
    if added.empty:
        return _Computed(priced.lines, gap, computed, problems)
    document_lines = pd.concat([priced.lines, lines.priced(added, options)], ignore_index=True)
    return _Computed(document_lines, gap, rounding.breakdown(document_lines, priced.shipping, options), problems)


def _header(people: pd.DataFrame, account: customers.Accounts, context: Context) -> pd.DataFrame:
    """Give what a document's header takes from the order, its buyer and the profile, indexed by order key."""
    options = context.orders
    own = account.by_order.loc[people.index]
    buyer = account.buyers.loc[own["customer_key"]].set_axis(people.index)
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
            "customer_name": documents.display_name(people),
            "vat_number": buyer["vat_number"],
            "includes_tax": options.includes_tax,
            "currency": people["currency"],
            "currency_rate": _own_rate(people, options),
            "notes": people["note"],
            "representative": context.customers.representative,
        },
        index=people.index,
    )


def _own_rate(orders: pd.DataFrame, options: OrderOptions) -> pd.Series:
    """Give the order's own rate (ORD-44): it says something to the ERP where the shop counts in the ERP's currency."""
    foreign = (orders["currency"] != options.currency) & (orders["shop_currency"] == options.currency)
    return orders["currency_rate"].where(foreign & options.own_rate)


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
    buyers are the profile's own and never written from an order.
    """
    written = header["own_account"].astype("bool")
    if context.erp_customers is not None:
        written &= ~texts.among(header["customer_code"], context.erp_customers["customer_code"])
    rows = documents.customer_rows(header.loc[written, _OF_CUSTOMER], account.buyers, sides, context.customers)
    rows = rows.sort_values("customer_code", kind="stable", ignore_index=True)
    places = [name for name in CUSTOMERS.names if name.startswith(("billing_", "delivery_"))]
    return (
        rows.drop_duplicates("customer_code", ignore_index=True),
        rows.drop_duplicates(["customer_code", *places], ignore_index=True),
    )


def _numbered_lines(document_lines: pd.DataFrame, keys: pd.Series) -> pd.DataFrame:
    """Sort the lines by document, articles first, and number them."""
    kinds = ["article", "wrapping", "fee", "shipping", "discount", "rounding"]
    document = pd.Index(keys).get_indexer(document_lines["order_key"])
    rank = pd.Index(kinds).get_indexer(document_lines["kind"])
    kept = document_lines.take(np.lexsort((rank, document))[np.count_nonzero(document < 0) :]).reset_index(drop=True)
    position = kept.groupby("order_key", sort=False).cumcount() + 1
    return DOCUMENT_LINES.conform(kept.assign(document_key=kept["order_key"], position=position))


def _shop_amounts(coded: vat.Coded, spread: pd.DataFrame) -> pd.DataFrame:
    """Give the shop's own figures by order and rate: lines and charges, less discounts."""
    by = ["order_key", "tax_rate", "amount_excl", "amount_incl"]
    sold = coded.lines.rename(columns={"net_excl": "amount_excl", "net_incl": "amount_incl"})[by]
    reduced = spread[by].assign(amount_excl=-spread["amount_excl"], amount_incl=-spread["amount_incl"])
    amounts = pd.concat([sold, coded.charges[by], reduced], ignore_index=True)
    for column in ("amount_excl", "amount_incl"):
        amounts[column] = money.rounded_half_up(amounts[column].fillna(0), lines.CENTS)
    return amounts.groupby(["order_key", "tax_rate"], as_index=False)[["amount_excl", "amount_incl"]].sum()


def _refunds(sales: SalesOrders) -> pd.DataFrame:
    """Say of each refund that it is not exchanged: credit notes are another step (ORD-61).

    Also of an order that was exchanged before: that is when most refunds come.
    """
    refunds = sales.refunds.sort_values(["order_key", "refund_id"])
    return outcome.said(
        "refund-not-exchanged",
        refunds["order_key"] + "#" + refunds["refund_id"],
        record_type="refund",
        stage="exchange",
        value=money.to_text(refunds["amount_incl"].fillna(refunds["amount_excl"]), lines.CENTS),
    )


def _effects(header: pd.DataFrame) -> pd.DataFrame:
    """Give what is to be done in the shop: set the status that the status table names (ORD-2, ORD-80)."""
    wanted = header[header["status_after"] != ""]
    return pd.DataFrame(
        {"order_key": wanted["document_key"], "kind": "set-status", "value": wanted["status_after"]}
    ).reset_index(drop=True)

"""Accounts of a shop that have not ordered as prospects of the ERP.

Pure: accounts, orders, the ERP's extract and what the ledger knows come in as tables, customers and outcomes go out.
The rules of customers are those of orders (``passerelle.exchange.customers``): to them, an account is a sale of its own
to which nothing was sold.

Source: spec CUS-6, CUS-7; CUS-1 to CUS-4, CUS-8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from passerelle import outcome
from passerelle.exchange import customers, documents, lookups, texts
from passerelle.exchange.options import CustomerOptions, OrderOptions, ProspectOptions
from passerelle.model.customers import CUSTOMER_ADDRESSES, PROSPECT, ShopCustomers
from passerelle.model.documents import CUSTOMERS
from passerelle.model.orders import SalesOrders

_CONTACT = ["title", "first_name", "last_name", "company", "email", "phone", "siret", "vat_number", "language"]
"""What makes two versions of the same account different; its address does too."""
_PLACE = [name for name in CUSTOMER_ADDRESSES.names if name != "customer_key"]


@dataclass(frozen=True, slots=True)
class Context:
    """All that the rule needs to know beside accounts and orders.

    Attributes:
        prospects: the profile's options for prospects.
        customers: its customer options.
        orders: its order options.
        titles: rows of the mapping of civilities.
        erp_customers: the ERP's customers; ``None`` without an extract.
        accounts: what the ledger remembers of accounts (``customers.ACCOUNT_COLUMNS``).
        sent: prospects that were sent: ``record_key``, ``content_hash``, ``document_number`` (the account),
            ``file_name``.
        since: an account with an order on or after this day is none; ``None``: with any order.
    """

    prospects: ProspectOptions
    customers: CustomerOptions
    orders: OrderOptions
    titles: pd.DataFrame
    erp_customers: pd.DataFrame | None
    accounts: pd.DataFrame
    sent: pd.DataFrame
    since: date | None


@dataclass(frozen=True, slots=True)
class Prospects:
    """What the accounts of a run became.

    Attributes:
        customers: ``CUSTOMERS`` to write, once per account of the ERP.
        accounts: accounts to remember (``customers.ACCOUNT_COLUMNS``), one per account of the shop that goes out.
        contents: what makes two versions of the same account, by its key; those that go out.
        outcomes: what was said; an account of which nothing is said goes out.
        new_values: by mapping, keys that were met and that it has no row for (ORD-45).
    """

    customers: pd.DataFrame
    accounts: pd.DataFrame
    contents: pd.Series
    outcomes: pd.DataFrame
    new_values: Mapping[str, pd.DataFrame]

    def without(self, customer_codes: set[str]) -> Prospects:
        """Take some of the ERP's accounts out; what was said stays."""
        kept = self.accounts[~self.accounts["customer_code"].isin(customer_codes)].reset_index(drop=True)
        rows = self.customers[~self.customers["customer_code"].isin(customer_codes)].reset_index(drop=True)
        return replace(self, customers=rows, accounts=kept, contents=self.contents.reindex(kept["customer_key"]))

    def of_accounts(self, outcomes: pd.DataFrame) -> pd.DataFrame:
        """Say of the shop's accounts what was said of the ERP's."""
        met = outcomes.merge(
            self.accounts[["customer_code", "customer_key"]], left_on="record", right_on="customer_code"
        )
        return met.assign(record=met["customer_key"], record_type=PROSPECT)[list(outcome.COLUMNS)]


def exchange_prospects(given: ShopCustomers, sales: SalesOrders, context: Context) -> Prospects:
    """Make customers of the ERP of the accounts that are prospects.

    Every account of ``given`` goes out, or has an outcome that says why not: of an account that is none, the first
    reason; of one that is refused, every reason.

    Args:
        given: the accounts.
        sales: the orders that the shops' exports have today.
        context: all else.
    """
    contents = _contents(given)
    said = [given.outcomes]
    left = given.customers
    for reason in (
        _no_accounts(left),
        _ordered(left, sales, context),
        _others(left, sales, context),
        _sent(left, contents, context.sent),
        _incomplete(left, given.addresses, context.prospects),
    ):
        reason_left = reason[reason["record"].isin(left["customer_key"])]
        said.append(reason_left)
        left = left[~left["customer_key"].isin(reason_left["record"])]
    made = _made(left, given.addresses, contents, context)
    return replace(made, outcomes=outcome.together([*said, made.outcomes]))


def _contents(given: ShopCustomers) -> pd.Series:
    """Give the SHA-256 of each account's contact data, by its key."""
    own = texts.side_by_side(given.customers[_CONTACT], "\x1f")
    places = given.addresses.sort_values(["customer_key", "kind"])
    placed = texts.by_group(texts.side_by_side(places[_PLACE], "\x1f"), places["customer_key"], "\x1e")
    keys = pd.Index(given.customers["customer_key"])
    whole = own.set_axis(keys) + "\x1e" + placed.reindex(keys).fillna("")
    return pd.Series([hashlib.sha256(text.encode()).hexdigest() for text in whole], keys, dtype="str")


def _said(
    code: str,
    keys: Iterable[str],
    *,
    field: str | Iterable[str] = "",
    value: str | Iterable[str] = "",
    **params: object,
) -> pd.DataFrame:
    return outcome.said(code, keys, record_type=PROSPECT, stage="select", field=field, value=value, **params)


def _no_accounts(people: pd.DataFrame) -> pd.DataFrame:
    """Say who has no account: guests, and those whose account is closed."""
    keys = people["customer_key"]
    guest, closed = people["is_guest"], people["is_closed"]
    return outcome.together(
        [_said("prospect-is-guest", keys[guest]), _said("prospect-account-closed", keys[closed & ~guest])]
    )


def _orders_of(people: pd.DataFrame, sales: SalesOrders, options: CustomerOptions) -> pd.DataFrame:
    """Give the orders that are at hand of the accounts: ``customer_key``, ``created_at``, ``payment_mode``.

    An order is an account's by its key, and by the buyer's e-mail where customers are matched by it.
    """
    orders = sales.orders[["customer_key", "created_at", "payment_mode"]]
    found = [orders[texts.among(orders["customer_key"], people["customer_key"])]]
    if "email" in options.match:
        accounts = pd.DataFrame({"customer_key": people["customer_key"], "email": customers.match_key(people, "email")})
        buyers = pd.DataFrame(
            {"buyer": sales.parties["customer_key"], "email": customers.match_key(sales.parties, "email")}
        )
        pairs = accounts[accounts["email"] != ""].merge(buyers, on="email")
        by_email = pairs.merge(orders.rename(columns={"customer_key": "buyer"}), on="buyer")
        found.append(by_email[["customer_key", "created_at", "payment_mode"]])
    return pd.concat(found, ignore_index=True)


def _ordered(people: pd.DataFrame, sales: SalesOrders, context: Context) -> pd.DataFrame:
    """Say who has ordered since the day asked for: by what the account tells, and by the orders at hand.

    An account that has ordered on nobody knows which day may have ordered since.
    """
    keys = pd.Index(people["customer_key"])
    latest = _orders_of(people, sales, context.customers).groupby("customer_key")["created_at"].max().reindex(keys)
    last = people.set_index(keys)["last_order_at"]
    last = last.where(last.notna() & (latest.isna() | (last >= latest)), latest)
    has_ordered = last.notna() | (people.set_index(keys)["order_count"].fillna(0) > 0)
    if context.since is not None:
        has_ordered &= last.isna() | (last >= pd.Timestamp(context.since))
    day = last.dt.strftime("%Y-%m-%d").fillna("?").astype("str")
    return _said("prospect-has-ordered", keys[has_ordered], value=day[has_ordered])


def _others(people: pd.DataFrame, sales: SalesOrders, context: Context) -> pd.DataFrame:
    """Say whose accounts are not wanted: those outside of the groups asked for, and buyers of marketplaces (CUS-7)."""
    group = people["customer_group"]
    wanted = context.prospects.only_groups
    outside = ~group.isin(wanted) if wanted else pd.Series(data=False, index=people.index)
    orders = _orders_of(people, sales, context.customers)
    there = orders["payment_mode"].str.casefold().isin([mode.casefold() for mode in context.customers.marketplaces])
    theirs = there.groupby(orders["customer_key"]).all()
    modes = orders.drop_duplicates("customer_key").set_index("customer_key")["payment_mode"]
    bought_there = people["customer_key"].isin(theirs.index[theirs.astype(bool)])
    bought_there &= ~group.isin(context.customers.own_groups) & ~outside
    keys = people["customer_key"]
    return outcome.together(
        [
            _said("prospect-not-in-group", keys[outside], field="customer_group", value=group[outside]),
            _said("prospect-of-marketplace", keys[bought_there], value=modes.reindex(keys[bought_there])),
        ]
    )


def _sent(people: pd.DataFrame, contents: pd.Series, sent: pd.DataFrame) -> pd.DataFrame:
    """Say who was sent before, and whether the contact data are still the same."""
    known = sent.set_index("record_key").reindex(people["customer_key"]).dropna(subset=["content_hash"])
    same = known["content_hash"] == contents.reindex(known.index)
    rows = (("prospect-already-sent", known[same]), ("prospect-changed", known[~same]))
    return outcome.together(
        _said(code, of_code.index, value=of_code["document_number"], file=of_code["file_name"])
        for code, of_code in rows
    )


def _incomplete(people: pd.DataFrame, addresses: pd.DataFrame, options: ProspectOptions) -> pd.DataFrame:
    """Say which accounts lack a name, or what the profile asks of a prospect."""
    keys = people["customer_key"]
    lacks = {"name": (people["last_name"] == "") & (people["company"] == "")}
    if "email" in options.required:
        lacks["email"] = people["email"] == ""
    if "phone" in options.required:
        lacks["phone"] = people["phone"] == ""
    if "address" in options.required:
        lacks["address"] = ~texts.among(keys, addresses["customer_key"])
    table = pd.DataFrame(lacks)
    incomplete = table.any(axis=1)
    named = [", ".join(table.columns[row]) for row in table[incomplete].to_numpy()]
    return _said("prospect-incomplete", keys[incomplete], field=named)


def _made(people: pd.DataFrame, addresses: pd.DataFrame, contents: pd.Series, context: Context) -> Prospects:
    """Give the accounts left their customers in the ERP (CUS-1 to CUS-4, CUS-8)."""
    keys = people["customer_key"].rename("order_key")
    sales = people[["customer_key", "shop"]].assign(order_key=keys)
    no_override = pd.DataFrame({"customer_account": "", "accounting_account": ""}, index=pd.Index(keys), dtype="str")
    account = customers.accounts(sales, people, no_override, context.erp_customers, context.accounts, context.customers)
    found = account.by_order[~account.by_order["is_new"]]
    civility, unmapped, new_titles = lookups.titles(sales, account.buyers, context.titles, context.orders)
    said = outcome.together([account.outcomes, unmapped])
    new = said[~said["record"].isin(found.index)].assign(record_type=PROSPECT)
    out = sales[~keys.isin([*found.index, *outcome.refused(new)])]
    sides = documents.addresses_by_order(sales, addresses.rename(columns={"customer_key": "order_key"}), account.buyers)
    header = out.assign(
        document_key=out["order_key"],
        customer_title=civility.reindex(out["order_key"]).to_numpy(),
        territory="",  # there is no sale whose territory it could take
        includes_tax=context.orders.includes_tax,
        **account.by_order.loc[out["order_key"], ["customer_code", "accounting_account", "is_new"]].set_index(
            out.index
        ),
    )
    rows = documents.customer_rows(header, account.buyers, sides, context.customers)
    remembered = account.created[texts.among(account.created["customer_key"], out["customer_key"])]
    return Prospects(
        customers=CUSTOMERS.conform(rows)
        .drop_duplicates("customer_code")
        .sort_values("customer_code", kind="stable", ignore_index=True),
        accounts=remembered.reset_index(drop=True),
        contents=contents.reindex(remembered["customer_key"]),
        outcomes=outcome.together([_said("prospect-is-customer", found.index, value=found["customer_code"]), new]),
        new_values={"titles": new_titles} if len(new_titles) else {},
    )

"""Which orders a run exchanges: period, status, and what was exchanged before.

Source: spec ORD-1 to ORD-5, ORD-8, ORD-81.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle import outcome
from passerelle.exchange import mappings, texts
from passerelle.exchange.options import OrderOptions, Period
from passerelle.model.documents import CREDIT_NOTE, DOCUMENT_KINDS, SETTLEMENT
from passerelle.model.orders import SalesOrders

DATE_COLUMNS = {"created": "created_at", "updated": "updated_at", "invoiced": "invoiced_at"}
DEFAULT_MAX_AGE = 90
"""Days after which an order is too old, where the period does not say how far back it goes (ORD-5)."""
YES = ("oui", "yes", "1", "vrai", "true", "x")

_CONTENT = {
    "orders": ("currency", "charged_total", "customer_key"),
    "lines": ("line_id", "reference", "label", "quantity", "net_excl", "net_incl", "tax_rate"),
    "charges": ("kind", "label", "amount_excl", "amount_incl", "tax_rate"),
    "allowances": ("target", "label", "amount_excl", "amount_incl"),
    "addresses": ("kind", "first_name", "last_name", "company", "line_1", "line_2", "postcode", "city", "country"),
}
"""What makes two versions of an order the same content: what was sold, to whom, for how much; not its status."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of what was read a run exchanges.

    Attributes:
        kinds: the document kinds it makes; the empty one stands for orders whose kind nobody tells, ``SETTLEMENT`` for
            what was paid of documents exchanged before.
        records: keys of the only orders, refunds and settlements it exchanges (JOU-2); ``None``: all.
    """

    kinds: frozenset[str] = frozenset({*DOCUMENT_KINDS, CREDIT_NOTE, SETTLEMENT, ""})
    records: frozenset[str] | None = None

    def leaves_out(self, keys: pd.Series, kinds: pd.Series | str) -> pd.Series:
        """Tell which records are not of this part.

        Args:
            keys: of orders or refunds.
            kinds: of the document each would become.
        """
        outside = ~texts.among(pd.Series(kinds, keys.index, dtype="str"), self.kinds)
        return outside if self.records is None else outside | ~texts.among(keys, self.records)


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Window:
    """The days that select orders, both included; a missing end is open.

    Attributes:
        first: the first day.
        last: the last day.
        is_unbounded: the period does not say how far back it goes (ORD-5).
    """

    first: date | None = None
    last: date | None = None
    is_unbounded: bool = field(default=False, compare=False)

    def holds(self, dates: pd.Series) -> pd.Series:
        """Tell which dates lie on these days; a missing date lies on none, unless both ends are open."""
        inside = dates.notna() | (self == Window())
        if self.first is not None:
            inside &= dates >= pd.Timestamp(self.first)
        if self.last is not None:
            inside &= dates < pd.Timestamp(self.last) + pd.Timedelta(days=1)
        return inside


def window(period: Period, today: date, last_import: date | None = None) -> Window:
    """Give the days of a named period (ORD-1).

    Args:
        period: its name. Months and years are calendar months and years; a week runs Monday to Sunday.
        today: the day of the run in the profile's time zone.
        last_import: the mark of the last import, for ``since-last-import``; without a mark every order is taken.
    """
    monday = today - timedelta(days=today.weekday())
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    windows: dict[Period, Window] = {
        "this-week": Window(monday, monday + timedelta(days=6)),
        "last-15-days": Window(today - timedelta(days=15), today),
        "this-month": Window(month, today),
        "last-month": Window(before.replace(day=1), before),
        "last-3-months": Window(_months_before(today, 3), today),
        "last-6-months": Window(_months_before(today, 6), today),
        "this-year": Window(today.replace(month=1, day=1), today),
        "last-year": Window(date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
        "all": Window(),
        "since-last-import": Window(last_import, None, is_unbounded=True),
    }
    return windows[period]


def _months_before(day: date, months: int) -> date:
    earlier: date = (pd.Timestamp(day) - pd.DateOffset(months=months)).date()
    return earlier


def next_mark(dates: pd.Series, said: pd.DataFrame, days: Window, mark: date | None, today: date) -> date | None:
    """Give the day that ``since-last-import`` starts at next; ``None``: it stays where it is.

    It never passes what was refused, which is to be read again once it is mended, what waits for another run, nor days
    that this run left out.

    Args:
        dates: the date that selects each order and refund that was read, by its key.
        said: what was said of what the shops gave.
        days: the days of this run.
        mark: the day it started at so far.
        today: the day of the run.
    """
    is_gapless = days.first is None or (mark is not None and days.first <= mark)
    is_up_to_date = days.last is None or days.last >= today
    is_open = (said["state"] == "failed") | (said["code"] == "beyond-batch")
    refused = dates.reindex(said.loc[is_open, "record"].unique())
    if not (is_gapless and is_up_to_date) or refused.isna().any():  # a file, or an order that could not be read
        return None
    earliest: date = min([today, *refused.dt.date])
    return earliest


def not_asked_for(orders: pd.DataFrame, statuses: pd.DataFrame, scope: Scope, options: OrderOptions) -> pd.DataFrame:
    """Say which orders are not of the run's part (ORD-60, JOU-2); their status tells the kind of their document."""
    if scope == EVERYTHING:
        return outcome.none()
    kinds = kinds_by_status(orders, statuses, options).set_axis(orders.index)
    left = orders.loc[scope.leaves_out(orders["order_key"], kinds), "order_key"]
    return outcome.said("not-asked-for", left, record_type="order", stage="select")


def kinds_by_status(orders: pd.DataFrame, statuses: pd.DataFrame, options: OrderOptions) -> pd.Series:
    """Give the kind of document that each order becomes by its status, by order key; empty where it becomes none."""
    selected = by_status(orders, statuses, options)
    kinds: pd.Series = selected.answers["document_kind"]
    return kinds.where(~texts.among(kinds.index.to_series(), selected.outcomes["record"]), "")


def outside(orders: pd.DataFrame, days: Window, options: OrderOptions) -> pd.DataFrame:
    """Say which orders the period leaves out (ORD-1, ORD-4); an order without that date is left out too."""
    left = orders[~days.holds(orders[DATE_COLUMNS[options.date]])]
    return outcome.said(
        "outside-period",
        left["order_key"],
        record_type="order",
        stage="select",
        value=left[DATE_COLUMNS[options.date]].dt.strftime("%Y-%m-%d").fillna(""),
        first=str(days.first or "…"),
        last=str(days.last or "…"),
    )


def beyond_limits(orders: pd.DataFrame, days: Window, today: date, options: OrderOptions) -> pd.DataFrame:
    """Say which orders are of another store view (ORD-3), too old, or have too low an id (ORD-5).

    An order of a shop that has one store view only is of all of them; an id that is no number has no minimum.
    """
    shop = orders["shop"]
    stores = texts.among(orders["store"], options.stores) | texts.among(shop + "/" + orders["store"], options.stores)
    other_store = (orders["store"] != "") & ~stores & bool(options.stores)
    age = (DEFAULT_MAX_AGE if days.is_unbounded else 0) if options.max_age_days is None else options.max_age_days
    oldest = pd.Timestamp(today - timedelta(days=age))
    too_old = (orders["created_at"] < oldest) & (age > 0)
    ids = pd.to_numeric(orders["order_id"].where(orders["order_id"].str.fullmatch("[0-9]{1,18}"), "")).astype("Int64")
    minimum = shop.map({name: options.minimum_ids.get(name, options.minimum_id) for name in shop.unique()})
    too_low = (ids < minimum.astype("Int64")).fillna(value=False)
    said = [
        outcome.said(
            code,
            orders.loc[rows, "order_key"],
            record_type="order",
            stage="select",
            field=field_name,
            value=values[rows],
            **params,
        )
        for code, field_name, rows, values, params in (
            ("store-not-selected", "store", other_store, orders["store"], {}),
            ("order-too-old", "created_at", too_old, orders["created_at"].dt.strftime("%Y-%m-%d"), {"days": age}),
            ("order-id-too-low", "order_id", too_low, orders["order_id"], {"minimum": minimum[too_low]}),
        )
    ]
    return outcome.together(said)


def content_hashes(sales: SalesOrders) -> pd.Series:
    """Give the SHA-256 of each order's content, by order key (ORD-81); the order of the rows does not count."""
    keys = sales.orders["order_key"]
    parts = []
    for name, columns in _CONTENT.items():
        table = getattr(sales, name)
        cells = [
            pc.fill_null(pc.cast(pa.array(table[column], from_pandas=True), pa.large_string()), "")
            for column in columns
        ]
        title, separator = (pa.scalar(text, pa.large_string()) for text in (name, "\x1f"))
        owner = texts.places(table["order_key"], keys)
        content = pc.binary_join_element_wise(title, *cells, separator)
        parts.append(pa.table({"owner": owner, "content": content}))
    rows = pa.concat_tables(parts).sort_by([("owner", "ascending"), ("content", "ascending")])
    whole = texts.joined(rows["content"], np.bincount(rows["owner"], minlength=len(keys)), "\x1e")
    encoded = pc.cast(whole, pa.large_binary()).to_pylist()
    return pd.Series([hashlib.sha256(text).hexdigest() for text in encoded], pd.Index(keys), dtype="str")


def exchanged_before(hashes: pd.Series, exchanged: pd.DataFrame) -> pd.DataFrame:
    """Say which orders were exchanged before: the same content is ignored, changed content is a conflict (ORD-81).

    Args:
        hashes: content hash by order key.
        exchanged: what the ledger knows: ``record_key``, ``content_hash``, ``document_number``, ``file_name``.
    """
    known = exchanged.set_index("record_key").reindex(hashes.index).dropna(subset=["content_hash"])
    same = known["content_hash"] == hashes.loc[known.index]
    said = []
    for code, rows in (("already-exchanged", known[same]), ("changed-since-exchange", known[~same])):
        said.append(
            outcome.said(
                code,
                rows.index,
                record_type="order",
                stage="select",
                value=rows["document_number"],
                file=rows["file_name"],
            )
        )
    return outcome.together(said)


@dataclass(frozen=True, slots=True)
class ByStatus:
    """What each order's status makes of it.

    Attributes:
        answers: ``document_kind``, ``document_state``, ``status_after`` by order key.
        outcomes: of the orders that go no further.
        unknown: statuses that the table has no row for.
    """

    answers: pd.DataFrame
    outcomes: pd.DataFrame
    unknown: pd.DataFrame

    def as_invoices(self, order_keys: pd.Index) -> ByStatus:
        """Make invoices of some orders whatever their status: they take the place of invoices (ORD-61)."""
        if order_keys.empty:
            return self
        answers = self.answers.copy()
        answers.loc[order_keys] = ""
        answers.loc[order_keys, "document_kind"] = "invoice"
        return ByStatus(answers, self.outcomes[~texts.among(self.outcomes["record"], order_keys)], self.unknown)


def by_status(orders: pd.DataFrame, table: pd.DataFrame, options: OrderOptions) -> ByStatus:
    """Look up what each order's status makes of it (ORD-2)."""
    asked = orders[["status"]]
    found = mappings.find(mappings.STATUSES, table, asked, options.defaults.get("statuses"))
    taken = found.answered & ~found.ignored
    selected = found.answers["selected"].str.casefold().isin(YES)
    kinds = found.answers["document_kind"]
    unselected = orders[taken & ~selected]
    shapeless = orders[taken & selected & ~kinds.isin(DOCUMENT_KINDS)]
    said = [
        outcome.said(
            code,
            rows["order_key"],
            record_type="order",
            stage="select",
            field="status",
            value=rows["status"],
            kind=kinds[rows.index],
        )
        for code, rows in (("status-not-selected", unselected), ("status-without-document", shapeless))
    ]
    return ByStatus(
        answers=found.answers.set_axis(orders["order_key"]),
        outcomes=outcome.together([mappings.refusals(mappings.STATUSES, found, asked, orders["order_key"]), *said]),
        unknown=found.unknown,
    )

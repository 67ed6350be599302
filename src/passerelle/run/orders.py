"""The tasks that make ERP documents of what shops sold: orders; quotes, credit notes and later settlements alone.

Each reads the same exports and takes its part of them; what one has sent, the ledger keeps from the others.

Source: spec ORD-1, ORD-50, ORD-60, ORD-61, ORD-81; design.md decision 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Self

import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import currencies, texts
from passerelle.exchange.changes import Sent, to_keep
from passerelle.exchange.customers import ACCOUNT_COLUMNS
from passerelle.exchange.effects import CLEAR_ERROR, MARK_ERROR
from passerelle.exchange.effects import of_accounts as effects_of_accounts
from passerelle.exchange.effects import of_refused as effects_of_refused
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.orders import Context, Exchange, exchange_orders, in_order
from passerelle.exchange.plan import Before, of_orders
from passerelle.exchange.reconciliation import Reconciliation
from passerelle.exchange.selection import DATE_COLUMNS, EVERYTHING, Scope, Window, next_mark
from passerelle.exchange.settlements import whose
from passerelle.ledger.entries import ACCOUNTS, EFFECTS, RECORDS, Prepared
from passerelle.ledger.ledger import Ledger
from passerelle.model.documents import CREDIT_NOTE, CUSTOMERS, QUOTE, SETTLEMENT
from passerelle.model.orders import SalesOrders, refund_keys
from passerelle.profile.loader import ProfileError
from passerelle.profile.workbook import add_new_values, read_mappings
from passerelle.run import exports, sent
from passerelle.run.counting import amount_text, summarised
from passerelle.run.erp_files import FORMATS, ZIP_NAME, ErpFiles, write_erp_files
from passerelle.run.errors import RunError
from passerelle.run.extracts import read_extract
from passerelle.run.installation import Installation
from passerelle.run.intake import Intake, open_orders
from passerelle.run.job import Desk, Package, run_task
from passerelle.run.memory import give_back
from passerelle.run.request import Request
from passerelle.run.summary import State, Summary
from passerelle.storage.progress import Progress

LAST_IMPORT = "orders.last-import"
"""The ledger's mark of the last import (ORD-1, since-last-import)."""
_RECORD_TYPES = ("order", "refund")
"""What becomes documents."""


@dataclass(frozen=True, slots=True)
class OrdersTask:
    """Shop orders to ERP documents.

    Attributes:
        name: name of the task.
        scope: which documents it makes.
    """

    name: str
    scope: Scope = EVERYTHING

    def make(self, desk: Desk) -> _Made:
        """Pick up, read, exchange, write.

        Raises:
            StorageError: an export could not be picked up.
            RunError: an extract is missing, a record was lost on the way, or the profile makes no such documents.
            ProfileError: the mappings cannot be used.
        """
        profile, ledger = desk.profile, desk.ledger
        if not profile.orders.enabled:
            raise RunError("run-orders-off", is_usage=True, profile=profile.name)
        if self.scope.kinds == {SETTLEMENT} and not profile.orders.settlements.create:
            raise RunError("run-no-settlements", is_usage=True, profile=profile.name)
        scope = self._asked(desk)
        days = desk.request.days(desk.loaded, desk.today, _last_import(desk))
        extracts = profile.erp.extracts
        articles, wrong_articles = read_extract("ebp/articles", extracts.articles, desk.formats, profile.erp)
        erp_customers, wrong_customers = read_extract(
            "ebp/customers_extract", extracts.customers, desk.formats, profile.erp
        )
        documents, wrong_documents = read_extract("ebp/sales_documents", extracts.documents, desk.formats, profile.erp)
        tables, wrong_mappings = read_mappings(profile.mappings)
        if (wrong_mappings["state"] == "failed").any():
            raise ProfileError(wrong_mappings, profile.language)
        intake = desk.intake(exports.ORDERS)
        sales = in_order(intake.read_shops())
        give_back()  # what the files' cells took
        known = [ledger.exchanged(profile.name, record_type) for record_type in _RECORD_TYPES]
        exchanged = pd.concat(known, ignore_index=True).rename(columns={"files": "file_name"})
        accounts = ledger.accounts(profile.name)[list(ACCOUNT_COLUMNS)]
        exchange = exchange_orders(
            sales,
            Context(
                orders=profile.orders,
                customers=profile.customers,
                mappings=tables,
                articles=articles,
                erp_customers=erp_customers,
                accounts=accounts,
                exchanged=exchanged,
                days=days,
                today=desk.today,
                scope=scope,
                erp_documents=documents,
                sent=_sent(desk, exchanged, sales.orders["order_key"]),
                booked=ledger.exchanged(profile.name, SETTLEMENT),
            ),
        )
        orders, refunds = sales.orders, _refunds(sales)
        del sales  # the larger half of the run's memory
        give_back()
        files = write_erp_files(exchange, desk.formats, profile.erp.format_settings, profile.erp.batch)
        said = [
            wrong_articles,
            wrong_customers,
            wrong_documents,
            wrong_mappings,
            files.exchange.outcomes,
            files.outcomes,
            _not_read_again(
                scope,
                desk.request.only_rejects,
                orders,
                refunds,
                exchange.bookings["record_key"],
                exchange.outcomes,
            ),
        ]
        before = Before(
            statuses=orders.set_index("order_key")["status"],
            accounts=accounts,
            erp_customers=erp_customers,
            address_fields=_address_fields(desk),
        )
        made = _Made(desk, self, intake, orders, refunds, files, outcome.together(said), days, before)
        _check_nothing_is_lost(made)
        return made

    def _asked(self, desk: Desk) -> Scope:
        """Give the part that is exchanged: the task's, and of it the refused records of a run where these are asked."""
        run_id = desk.request.only_rejects
        if not run_id:
            return self.scope
        run = desk.ledger.run(run_id)
        if run.profile != desk.profile.name:
            raise RunError("run-of-other-profile", is_usage=True, value=run_id, profile=run.profile)
        said = desk.ledger.run_outcomes(run_id)
        refused = said[(said["state"] == "failed") & said["record_type"].isin([*_RECORD_TYPES, SETTLEMENT])]
        if refused.empty:
            raise RunError("run-no-rejects", is_usage=True, value=run_id)
        return replace(self.scope, records=frozenset(refused["record"]))


ORDERS = OrdersTask("orders")
QUOTES = OrdersTask("quotes", Scope(frozenset({QUOTE})))
CREDIT_NOTES = OrdersTask("credit-notes", Scope(frozenset({CREDIT_NOTE})))
SETTLEMENTS = OrdersTask("settlements", Scope(frozenset({SETTLEMENT})))


def run_orders(request: Request, installation: Installation, progress: Progress | None = None) -> Summary:
    """Do the whole orders job: see ``job.run_task``."""
    return run_task(ORDERS, request, installation, progress)


@dataclass(frozen=True, slots=True)
class _Made:
    """What a run made of what it read (``job.Made``)."""

    desk: Desk
    task: OrdersTask
    intake: Intake[SalesOrders]
    orders: pd.DataFrame
    refunds: pd.DataFrame
    files: ErpFiles
    outcomes: pd.DataFrame
    days: Window
    before: Before

    @property
    def exchange(self) -> Exchange:
        return self.files.exchange

    @property
    def packages(self) -> tuple[Package, ...]:
        if not self.files.files:
            return ()
        later = ~texts.among(self.exchange.bookings["source_key"], self.exchange.sources["record_key"])
        return (Package(ZIP_NAME, self.files.zipped(), len(self.exchange.documents) + int(later.sum())),)

    @property
    def plan(self) -> pd.DataFrame:
        return of_orders(self.exchange, self.outcomes, self._effects(), self.before)

    @property
    def reports(self) -> dict[str, pd.DataFrame]:
        return _reports(self.exchange.reconciliation, self.desk.profile.orders)

    @property
    def marks(self) -> dict[str, str]:
        if self.task.scope != EVERYTHING or self.desk.request.only_rejects:
            return {}
        by_date = DATE_COLUMNS[self.desk.profile.orders.date]
        dates = [self.orders.set_index("order_key")[by_date], self.refunds.set_index("refund_key")["refunded_at"]]
        said = outcome.together([self.exchange.outcomes, self.files.outcomes])
        day = next_mark(pd.concat(dates), said, self.days, _last_import(self.desk), self.desk.today)
        return {LAST_IMPORT: day.isoformat()} if day else {}

    def summary(self, run_id: str, state: State) -> Summary:
        return summarised(
            run_id,
            self.desk.profile,
            self.orders,
            self.refunds,
            self.exchange,
            self.outcomes,
            state=state,
            days=self.days,
        )

    def keep(self, home: Path) -> Self:
        profile, exchange = self.desk.profile, self.exchange
        if profile.orders.changes == "reverse":
            sent.keep(home, to_keep(exchange.documents, exchange.lines, exchange.settlements, exchange.sources))
        if not exchange.new_values:
            return self
        _, said = add_new_values(profile.mappings, exchange.new_values, language=profile.language)
        return replace(self, outcomes=outcome.together([self.outcomes, said]))

    def entries(self) -> Prepared:
        return Prepared(
            records=pd.concat([_records(self.exchange), _bookings(self.exchange)], ignore_index=True),
            accounts=ACCOUNTS.conform(self.exchange.accounts),
            effects=self._effects(),
            origins=self.intake.origins(
                open_orders(self.outcomes, self.desk.profile, self.desk.ledger, self.desk.today)
            ),
            taken=self.intake.taken,
            released=self.intake.released,
        )

    def _effects(self) -> pd.DataFrame:
        """Give what is to be done in the shops (ORD-80, ORD-82, CUS-9)."""
        options, name = self.desk.profile.orders.afterwards, self.desk.profile.name
        ledger: Ledger = self.desk.ledger
        marks = ledger.latest_effects(name, (MARK_ERROR, CLEAR_ERROR))
        shown = marks.loc[marks["kind"] == MARK_ERROR, "record_key"]
        wanted = [
            self.exchange.effects,
            effects_of_refused(self.outcomes, self.exchange.sources["record_key"], shown, options),
            effects_of_accounts(self.exchange.accounts, ledger.accounts(name), options),
        ]
        return EFFECTS.conform(pd.concat(wanted, ignore_index=True).rename(columns={"order_key": "record_key"}))


def _not_read_again(
    scope: Scope,
    run_id: str,
    orders: pd.DataFrame,
    refunds: pd.DataFrame,
    booked: pd.Series,
    said: pd.DataFrame,
) -> pd.DataFrame:
    """Say which rejects of a run stand in no export any more (JOU-2)."""
    if not scope.records:
        return outcome.none()
    met = {*orders["order_key"], *refunds["refund_key"], *booked, *said["record"]}
    lost = pd.Series(sorted(scope.records - met), dtype="str")
    is_settlement = whose(lost) != lost
    is_refund = lost.str.contains("/refund-", regex=False) & ~is_settlement
    told = {SETTLEMENT: lost[is_settlement], "refund": lost[is_refund], "order": lost[~is_settlement & ~is_refund]}
    return outcome.together(
        outcome.said("reject-not-read-again", keys, record_type=record_type, stage="read", value=run_id)
        for record_type, keys in told.items()
    )


def _last_import(desk: Desk) -> date | None:
    mark = desk.ledger.mark(desk.profile.name, LAST_IMPORT)
    return datetime.fromisoformat(mark).date() if mark else None


def _sent(desk: Desk, exchanged: pd.DataFrame, order_keys: pd.Series) -> Sent | None:
    """Give what was sent of the orders read, if the profile reverses what has changed (ORD-61)."""
    if desk.profile.orders.changes != "reverse":
        return None
    known = exchanged[exchanged["record_key"].isin(order_keys)]
    by_run = known.groupby("run_id")["record_key"]
    return sent.recall({desk.installation.run_folder(str(run_id)): keys for run_id, keys in by_run})


def _address_fields(desk: Desk) -> list[str]:
    """Give what of a customer the ERP's address file has."""
    erp = desk.profile.erp
    descriptor = desk.formats.get(FORMATS["addresses"], erp.format_settings.get(FORMATS["addresses"]))
    sources = [one.source for one in descriptor.fields if one.source in CUSTOMERS.names]
    return [name for name in dict.fromkeys(sources) if name not in {"customer_code", "family"}]


def _reports(compared: Reconciliation, options: OrderOptions) -> dict[str, pd.DataFrame]:
    """Give the reconciliation as tables of text, amounts with the decimals of their currency (JOU-5, ORD-44)."""
    if compared.documents.empty:
        return {}
    rate = money.to_text(compared.rates["tax_rate"], 2, ",")
    of_documents = ["shop_total", "file_total", "rounding", "difference"]
    of_rates = ["shop_base", "shop_tax", "file_base", "file_tax", "difference"]
    return {
        "reconciliation.csv": _with_amounts(compared.documents, of_documents, options),
        "reconciliation_rates.csv": _with_amounts(compared.rates, of_rates, options).assign(tax_rate=rate),
    }


def _with_amounts(table: pd.DataFrame, columns: list[str], options: OrderOptions) -> pd.DataFrame:
    decimals = currencies.shown(table["currency"], options)
    return table.assign(**{column: money.to_text(table[column], decimals, ",") for column in columns})


def _check_nothing_is_lost(made: _Made) -> None:
    """See that every order and refund read became a document or has an outcome (INV-2, JOU-5).

    Raises:
        RunError: one has neither, or a document's total is not the shop's, or a document has no line and would not be
            written. That is our fault, and nothing is sent.
    """
    options = made.desk.profile.orders
    sources = made.exchange.sources["record_key"]
    records = (
        ("order", made.orders, "order_key", "charged_total"),
        ("refund", made.refunds, "refund_key", "amount_incl"),
    )
    for record_type, read_, key, total in records:
        said = outcome.refused(made.outcomes[made.outcomes["record_type"] == record_type])
        lost = read_[~(texts.among(read_[key], sources) | texts.among(read_[key], said))]
        if len(lost):
            raise RunError(
                "run-records-lost",
                read=len(read_),
                told=len(read_) - len(lost),
                amount_read=amount_text(read_[total].sum(), options.currency, options),
                amount_told=amount_text(read_[total].sum() - lost[total].sum(), options.currency, options),
                currency="/".join(sorted(set(read_["currency"]))),
            )
    compared = made.exchange.reconciliation.documents
    written = texts.among(compared["order_key"], made.exchange.lines["document_key"])
    wrong = compared.loc[(compared["difference"] != 0) | ~written, "order_key"]
    if len(wrong):
        raise RunError("run-not-balanced", records=", ".join(wrong[:10]))


def _refunds(sales: SalesOrders) -> pd.DataFrame:
    """Give the refunds read: ``refund_key``, ``refunded_at``, ``currency``, ``amount_incl``."""
    currency = sales.orders.set_index("order_key")["currency"].reindex(sales.refunds["order_key"])
    return pd.DataFrame(
        {
            "refund_key": refund_keys(sales.refunds),
            "refunded_at": sales.refunds["refunded_at"],
            "currency": currency.to_numpy(),
            "amount_incl": sales.refunds["amount_incl"],
        }
    )


def _records(exchange: Exchange) -> pd.DataFrame:
    """Give the exchanged orders and refunds as the ledger remembers them, each with its documents (ORD-81)."""
    columns = ["document_key", "document_kind", "document_number", "total_incl"]
    documents = exchange.sources.merge(exchange.documents[columns], on="document_key")
    # An order that was reversed and entered again is what was entered.
    gives_back = documents["document_kind"] == CREDIT_NOTE
    entered = documents.loc[~gives_back, "record_key"]
    keys = exchange.contents.index
    kept = documents[~(gives_back & texts.among(documents["record_key"], entered))]
    of_record = kept.groupby("record_key", sort=False)
    return RECORDS.conform(
        pd.DataFrame(
            {
                "record_type": pd.Series("order", keys).mask(keys.isin(exchange.parents.index), "refund"),
                "record_key": keys,
                "content_hash": exchange.contents,
                "replaces": exchange.replaced.reindex(keys).fillna(""),
                "document_kind": of_record["document_kind"].first().reindex(keys),
                "document_number": texts.by_group(kept["document_number"], kept["record_key"], ", ").reindex(keys),
                "total_incl": of_record["total_incl"].sum().reindex(keys),
            }
        ).reset_index(drop=True)
    )


def _bookings(exchange: Exchange) -> pd.DataFrame:
    """Give the settlements as the ledger remembers them, so that each payment is booked once."""
    return RECORDS.conform(exchange.bookings.assign(record_type=SETTLEMENT))

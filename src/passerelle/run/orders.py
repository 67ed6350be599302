"""The nightly orders job, step by step: what the command and the flow both call.

    finish what earlier runs prepared → pick exports up → read → exchange → write → prepare (one transaction) →
    publish → record delivered → put the exports away

A crash between any two steps leaves a state from which the next run, or a retry of the same one, goes on: prepared
deliveries are finished with their very bytes before anything new is read.

Source: design.md decisions 5 and 6; spec ORD-1, ORD-81, STO-4, STO-5, STO-6, REL-1, RUN-4.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import cast, get_args

import pandas as pd

from passerelle import outcome
from passerelle.exchange.changes import Sent, to_keep
from passerelle.exchange.customers import ACCOUNT_COLUMNS
from passerelle.exchange.effects import CLEAR_ERROR, MARK_ERROR
from passerelle.exchange.effects import of_accounts as effects_of_accounts
from passerelle.exchange.effects import of_refused as effects_of_refused
from passerelle.exchange.options import Period
from passerelle.exchange.orders import Context, Exchange, exchange_orders
from passerelle.exchange.selection import Window, window
from passerelle.formats.reader import read
from passerelle.formats.registry import Formats, formats
from passerelle.ledger import outbox
from passerelle.ledger.entries import ACCOUNTS, EFFECTS, RECORDS, Delivery, Parcel, Prepared
from passerelle.ledger.ledger import Ledger
from passerelle.model.documents import CREDIT_NOTE
from passerelle.model.orders import SalesOrders, join_orders, refund_keys
from passerelle.profile.loader import LoadedProfile, ProfileError, load
from passerelle.profile.settings import Erp
from passerelle.profile.workbook import add_new_values, read_mappings
from passerelle.run import folder, sent
from passerelle.run.counting import amount_text, summarised
from passerelle.run.erp_files import ZIP_NAME, ErpFiles, write_erp_files
from passerelle.run.errors import RunError
from passerelle.run.inbox import Inbox
from passerelle.run.installation import Installation
from passerelle.run.intake import Intake
from passerelle.run.summary import State, Summary
from passerelle.storage.places import open_place
from passerelle.storage.progress import Progress
from passerelle.storage.publish import OutFile, publish

TASK = "orders"
LAST_IMPORT = "orders.last-import"
"""The ledger's mark of the last import (ORD-1, since-last-import)."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a run of ``orders`` is asked to do.

    Attributes:
        profile: name or path of the profile.
        period: a named period instead of the profile's.
        since: first day of an explicit range.
        until: last day of an explicit range.
        plan: say what would be done; record and send nothing.
        run_id: the run to go on with (a flow's retry); empty: a new one.
    """

    profile: str
    period: Period | None = None
    since: date | None = None
    until: date | None = None
    plan: bool = False
    run_id: str = ""

    @classmethod
    def asked(
        cls,
        profile: str,
        period: str | None = None,
        since: date | None = None,
        until: date | None = None,
        *,
        plan: bool = False,
        run_id: str = "",
    ) -> Request:
        """Check what a person asked for.

        Raises:
            RunError: no such period, or the first day is after the last.
        """
        known = get_args(Period)
        if period is not None and period not in known:
            raise RunError("run-unknown-period", is_usage=True, value=period, known=", ".join(known))
        if since and until and since > until:
            raise RunError("run-bad-dates", is_usage=True, since=since, until=until)
        return cls(profile, cast("Period | None", period), since, until, plan, run_id)

    def days(self, loaded: LoadedProfile, today: date, last_import: date | None) -> Window:
        """Give the days whose orders are exchanged (ORD-1)."""
        if self.since or self.until:
            return Window(self.since, self.until)
        return window(self.period or loaded.profile.orders.period, today, last_import)


def run_orders(request: Request, installation: Installation, progress: Progress | None = None) -> Summary:
    """Do the whole job, as the command does.

    Args:
        request: what is asked.
        installation: where.
        progress: told how far the delivery is.

    Raises:
        ProfileError, RunError, StorageError, LedgerError, FormatError: the run failed; it can be run again.
    """
    with open_job(request, installation, progress) as job:
        earlier = job.deliver_earlier()
        return with_earlier(job.deliver(job.prepare()), earlier)


@contextmanager
def open_job(request: Request, installation: Installation, progress: Progress | None = None) -> Iterator[OrdersJob]:
    """Load the profile, open the ledger, and hold the task of the profile for this process.

    Raises:
        ProfileError: the profile cannot be used.
        BusyError: another process works on it.
    """
    loaded = load(request.profile, profiles_folder=installation.profiles)
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        job = OrdersJob(request, installation, loaded, ledger, progress)
        if not job.works:
            yield job
            return
        with ledger.lease(loaded.profile.name, TASK, request.run_id or "passerelle run orders"):
            yield job


def with_earlier(summary: Summary, earlier: list[str]) -> Summary:
    """Say in the summary which earlier deliveries this run finished."""
    return replace(summary, earlier=tuple(earlier))


class OrdersJob:
    """One run of the orders job; its steps in their order. Use ``open_job``."""

    def __init__(
        self,
        request: Request,
        installation: Installation,
        loaded: LoadedProfile,
        ledger: Ledger,
        progress: Progress | None = None,
    ) -> None:
        self._request = request
        self._progress = progress
        self._installation = installation
        self._loaded = loaded
        self._profile = loaded.profile
        self._ledger = ledger

    @property
    def works(self) -> bool:
        """Whether the run may change anything: no plan, and the profile is not paused (PRO-4)."""
        return not (self._request.plan or self._profile.paused)

    def deliver_earlier(self) -> list[str]:
        """Finish what earlier runs prepared, with the very same bytes, before anything new is read.

        What they read and did not put away is put away then.

        Returns:
            Names of the deliveries finished.

        Raises:
            StorageError: the place does not take them; they stay prepared.
        """
        if not self.works:
            return []
        waiting = [each for each in self._ledger.unfinished(self._profile.name) if each.run_id != self._request.run_id]
        for delivery in waiting:
            self._publish(delivery)
        self._intake().put_away()
        return [delivery.delivery_id for delivery in waiting]

    def prepare(self) -> Summary:
        """Read the shops' exports, make documents of them, write the ERP's files and put them in the outbox.

        All that the run found out and is about to send is written in one transaction of the ledger. A run that
        prepared before (a retry) reads nothing again: it goes on with what it prepared.

        Raises:
            StorageError: an export could not be picked up.
            RunError: an extract is missing, or a record was lost on the way; nothing is sent.
        """
        if self._profile.paused:
            return Summary(self._request.run_id, self._profile.name, self._profile.language, "paused")
        if self._request.plan:
            return self._summary("", self._made(self._intake()), "planned")
        asked = self._request.run_id or None
        run_id = self._ledger.start_run(self._profile.name, TASK, self._parameters(), run_id=asked)
        if self._ledger.run(run_id).state != "running":
            return folder.read_summary(self._installation.run_folder(run_id))
        try:
            return self._prepared(run_id)
        except Exception as error:
            self._ledger.fail_run(run_id, str(error))
            raise

    def deliver(self, summary: Summary) -> Summary:
        """Publish what the run prepared, record that it arrived, and put away what was read.

        Raises:
            StorageError: the place does not take it; it stays prepared and the next run, or a retry, finishes it.
        """
        for delivery in self._ledger.unfinished(self._profile.name):
            if delivery.run_id == summary.run_id:
                self._publish(delivery)
        if self.works:
            self._intake().put_away()
        return summary

    def _publish(self, delivery: Delivery) -> None:
        """Publish a prepared delivery; publishing twice is harmless, its names and bytes are the same."""
        try:
            for file in delivery.files:
                outbox.read(file)
            files = [OutFile(file.name, file.path, file.size, file.sha256) for file in delivery.files]
            with open_place(self._profile.delivery.place, base_folder=self._loaded.folder) as storage:
                publish(
                    storage,
                    files,
                    delivery.manifest_name,
                    folder=delivery.folder,
                    collision=self._profile.delivery.collision,
                    read_back=self._profile.delivery.read_back,
                    done_suffix=self._profile.delivery.done_suffix,
                    progress=self._progress,
                )
        except Exception as error:
            self._ledger.delivery_failed(delivery.delivery_id, str(error))
            self._ledger.fail_run(delivery.run_id, str(error))
            raise
        self._ledger.delivered(delivery.delivery_id)

    def _parameters(self) -> dict[str, str]:
        request = self._request
        given = {"profile": request.profile, "period": request.period, "since": request.since, "until": request.until}
        return {name: str(value) for name, value in given.items() if value is not None}

    def _prepared(self, run_id: str) -> Summary:
        """Put the files and reports on disk, then write the ledger."""
        intake = self._intake(run_id)
        made = self._made(intake)
        home = self._installation.run_folder(run_id)
        reports = folder.write_reports(home, made.outcomes, made.exchange.reconciliation)
        if made.exchange.new_values:
            add_new_values(self._profile.mappings, made.exchange.new_values, language=self._profile.language)
        self._keep_sent(home, made.exchange)
        parcel = self._parcel(run_id, made)
        summary = self._summary(run_id, made, "delivered" if parcel else "nothing-to-do")
        paths = {name: str(path) for name, path in reports.items()}
        if parcel:
            summary = replace(summary, delivery=parcel.files[0].name, place=parcel.place)
            paths[ZIP_NAME] = str(parcel.files[0].path)
        summary = replace(summary, files=paths)
        folder.write_summary(home, summary)
        self._ledger.prepare(
            run_id,
            Prepared(
                outcomes=made.outcomes,
                parcel=parcel,
                records=_records(made.exchange),
                accounts=ACCOUNTS.conform(made.exchange.accounts),
                effects=self._effects(made),
                origins=intake.origins(made.outcomes, made.today),
                taken=intake.taken,
                released=intake.released,
                counts=summary.counts,
            ),
        )
        self._ledger.set_mark(self._profile.name, LAST_IMPORT, made.today.isoformat())
        return summary

    def _effects(self, made: _Made) -> pd.DataFrame:
        """Give what is to be done in the shops (ORD-80, ORD-82, CUS-9)."""
        options, ledger, name = self._profile.orders.afterwards, self._ledger, self._profile.name
        marks = ledger.latest_effects(name, (MARK_ERROR, CLEAR_ERROR))
        shown = marks.loc[marks["kind"] == MARK_ERROR, "record_key"]
        wanted = [
            made.exchange.effects,
            effects_of_refused(made.outcomes, made.exchange.sources["record_key"], shown, options),
            effects_of_accounts(made.exchange.accounts, ledger.accounts(name), options),
        ]
        return EFFECTS.conform(pd.concat(wanted, ignore_index=True).rename(columns={"order_key": "record_key"}))

    def _intake(self, run_id: str = "") -> Intake:
        inbox = Inbox(self._installation.inbox(self._profile.name))
        return Intake(self._loaded, inbox, self._ledger, run_id)

    def _made(self, intake: Intake) -> _Made:
        """Pick up, read, exchange, write: everything before the first effect."""
        profile, ledger = self._profile, self._ledger
        today = self._installation.today(profile.time_zone)
        mark = ledger.mark(profile.name, LAST_IMPORT)
        days = self._request.days(self._loaded, today, date.fromisoformat(mark) if mark else None)
        available = formats(profile.erp.formats_folder)
        articles, wrong_articles = _extract("ebp/articles", profile.erp.extracts.articles, available, profile.erp)
        erp_customers, wrong_customers = _extract(
            "ebp/customers_extract", profile.erp.extracts.customers, available, profile.erp
        )
        documents, wrong_documents = _extract(
            "ebp/sales_documents", profile.erp.extracts.documents, available, profile.erp
        )
        tables, wrong_mappings = read_mappings(profile.mappings)
        if (wrong_mappings["state"] == "failed").any():
            raise ProfileError(wrong_mappings, profile.language)
        sales = join_orders([intake.read(shop) for shop in profile.shops])
        known = [ledger.exchanged(profile.name, record_type) for record_type in ("order", "refund")]
        exchanged = pd.concat(known, ignore_index=True).rename(columns={"files": "file_name"})
        exchange = exchange_orders(
            sales,
            Context(
                orders=profile.orders,
                customers=profile.customers,
                mappings=tables,
                articles=articles,
                erp_customers=erp_customers,
                accounts=ledger.accounts(profile.name)[list(ACCOUNT_COLUMNS)],
                exchanged=exchanged,
                days=days,
                today=today,
                erp_documents=documents,
                sent=self._sent(exchanged, sales.orders["order_key"]),
            ),
        )
        orders, refunds = sales.orders, _refunds(sales)
        del sales  # the larger half of the run's memory
        files = write_erp_files(exchange, available, profile.erp.format_settings, profile.erp.batch)
        said = [
            wrong_articles,
            wrong_customers,
            wrong_documents,
            wrong_mappings,
            files.exchange.outcomes,
            files.outcomes,
        ]
        made = _Made(orders, refunds, files, outcome.together(said), today, days)
        _check_nothing_is_lost(made)
        return made

    def _sent(self, exchanged: pd.DataFrame, order_keys: pd.Series) -> Sent | None:
        """Give what was sent of the orders read, if the profile reverses what has changed (ORD-61)."""
        if self._profile.orders.changes != "reverse":
            return None
        known = exchanged[exchanged["record_key"].isin(order_keys)]
        by_run = known.groupby("run_id")["record_key"]
        return sent.recall({self._installation.run_folder(str(run_id)): keys for run_id, keys in by_run})

    def _keep_sent(self, home: Path, exchange: Exchange) -> None:
        if self._profile.orders.changes == "reverse":
            sent.keep(home, to_keep(exchange.documents, exchange.lines, exchange.settlements, exchange.sources))

    def _parcel(self, run_id: str, made: _Made) -> Parcel | None:
        """Put the zip in the outbox."""
        if not made.files.files:
            return None
        data = made.files.zipped()
        # The name there comes from profile, day and content: publishing twice is harmless. A reset may send the same
        # content again, so that the delivery itself is named after its run.
        name = f"erpFiles-{self._profile.name}-{made.today:%Y%m%d}-{sha256(data).hexdigest()[:8]}"
        delivery_id = outbox.delivery_id(run_id, {f"{name}.zip": data})
        count = len(made.exchange.documents)
        stored = outbox.store(self._installation.outbox, delivery_id, f"{name}.zip", data, record_count=count)
        place = self._profile.delivery.place.name
        return Parcel(delivery_id, place, manifest_name=f"{name}.manifest.json", files=(stored,))

    def _summary(self, run_id: str, made: _Made, state: State) -> Summary:
        return summarised(
            run_id,
            self._profile,
            made.orders,
            made.refunds,
            made.exchange,
            made.outcomes,
            state=state,
            days=made.days,
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """What a run made of what it read."""

    orders: pd.DataFrame
    refunds: pd.DataFrame
    files: ErpFiles
    outcomes: pd.DataFrame
    today: date
    days: Window

    @property
    def exchange(self) -> Exchange:
        return self.files.exchange


def _extract(name: str, path: Path | None, available: Formats, erp: Erp) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    """Read an extract of the ERP; one that the profile does not name switches off what needs it (EBP-10).

    Raises:
        RunError: the file is not there.
        FormatError: it is not of this format.
    """
    if path is None:
        return None, outcome.none()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunError("run-extract-missing", file=path) from None
    table = read(available.get(name, erp.format_settings.get(name)), data, name=path.name)
    return table.table, table.outcomes


def _check_nothing_is_lost(made: _Made) -> None:
    """See that every order and refund read became a document or has an outcome (INV-2, JOU-5).

    Raises:
        RunError: one has neither, or a document's total is not the shop's. That is our fault, and nothing is sent.
    """
    sources = set(made.exchange.sources["record_key"])
    records = (
        ("order", made.orders, "order_key", "charged_total"),
        ("refund", made.refunds, "refund_key", "amount_incl"),
    )
    for record_type, read_, key, total in records:
        told = sources | outcome.refused(made.outcomes[made.outcomes["record_type"] == record_type])
        lost = read_[~read_[key].isin(told)]
        if len(lost):
            raise RunError(
                "run-records-lost",
                read=len(read_),
                told=len(read_) - len(lost),
                amount_read=amount_text(read_[total].sum()),
                amount_told=amount_text(read_[total].sum() - lost[total].sum()),
                currency="/".join(sorted(set(read_["currency"]))),
            )
    compared = made.exchange.reconciliation
    if not compared.balanced:
        wrong = compared.documents.loc[compared.documents["difference"] != 0, "order_key"]
        raise RunError("run-not-balanced", records=", ".join(wrong[:10]))


def _refunds(sales: SalesOrders) -> pd.DataFrame:
    """Give the refunds read: ``refund_key``, ``currency``, ``amount_incl``."""
    currency = sales.orders.set_index("order_key")["currency"].reindex(sales.refunds["order_key"])
    return pd.DataFrame(
        {
            "refund_key": refund_keys(sales.refunds),
            "currency": currency.to_numpy(),
            "amount_incl": sales.refunds["amount_incl"],
        }
    )


def _records(exchange: Exchange) -> pd.DataFrame:
    """Give the exchanged orders and refunds as the ledger remembers them, each with its documents (ORD-81)."""
    documents = exchange.sources.merge(exchange.documents, on="document_key")
    # An order that was reversed and entered again is what was entered.
    gives_back = documents["document_kind"] == CREDIT_NOTE
    entered = documents.loc[~gives_back, "record_key"]
    keys = exchange.contents.index
    of_record = documents[~(gives_back & documents["record_key"].isin(entered))].groupby("record_key")
    of_record = of_record.agg(
        document_kind=("document_kind", "first"),
        document_number=("document_number", ", ".join),
        total_incl=("total_incl", "sum"),
    ).reindex(keys)
    return RECORDS.conform(
        of_record.assign(
            record_type=pd.Series("order", keys).mask(keys.isin(exchange.parents.index), "refund"),
            record_key=keys,
            content_hash=exchange.contents,
            replaces=exchange.replaced.reindex(keys).fillna(""),
        ).reset_index(drop=True)
    )

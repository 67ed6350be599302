"""The task that sends the ERP's quotes to a shop.

A run is of one shop: what stops one does not stop the others.

Source: spec ORD-60, STK-8; design.md decision 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd

from passerelle import outcome
from passerelle.exchange.erp_quotes import QUOTE_RECORD, QuoteOptions, Quotes, quotes_for_shop
from passerelle.exchange.plan import left_out, together
from passerelle.exchange.selection import Window
from passerelle.formats.writer import Written, write
from passerelle.ledger.entries import RECORDS, Prepared
from passerelle.model.documents import QUOTE
from passerelle.profile.shop_settings import ShopQuotes
from passerelle.run.counting import balances, reasons
from passerelle.run.errors import RunError
from passerelle.run.extracts import read_extract
from passerelle.run.job import Desk, Package
from passerelle.run.summary import State, Summary
from passerelle.run.to_shops import shops_with

FORMAT = "shop/quotes"
TABLE = "quotes"
"""The shop's table in the profile."""


@dataclass(frozen=True, slots=True)
class QuotesTask:
    """Quotes of the ERP to a shop."""

    name: str = "quotes-to-shop"

    def make(self, desk: Desk) -> _Made:
        """Read the ERP's quotes, choose those that are new or have changed, write them.

        Raises:
            RunError: the shop gets no quotes, or an extract is missing.
            FormatError: an extract is not of its format.
        """
        profile, ledger, shop = desk.profile, desk.ledger, desk.shop
        shops_with(desk.loaded, TABLE, shop.name)
        settings, extracts = shop.quotes or ShopQuotes(), profile.erp.extracts
        table, wrong = read_extract("ebp/quotes_extract", extracts.quotes, desk.formats, profile.erp)
        if table is None:
            raise RunError("run-extract-not-set", is_usage=True, setting="erp.extracts.quotes")
        name = "ebp/customers_extract"
        customers, wrong_customers = read_extract(name, extracts.customers, desk.formats, profile.erp)
        made = quotes_for_shop(
            table,
            _lost(wrong),
            customers,
            ledger.accounts(profile.name),
            _sent(ledger.exchanged(profile.name, QUOTE_RECORD), shop.name),
            desk.today,
            QuoteOptions(shop.name, settings.states, settings.valid_days),
            profile.orders,
        )
        descriptor = desk.shop_format(FORMAT, settings=profile.erp.format_settings.get(FORMAT))
        written = write(descriptor, made.rows, record_column="quote_number", record_type="quote")
        made = made.without(outcome.refused(written.outcomes))
        said = outcome.together([wrong, wrong_customers, made.outcomes, written.outcomes])
        return _Made(desk, made, Path(descriptor.path).name, written, said)


QUOTES_TO_SHOP = QuotesTask()


def _sent(known: pd.DataFrame, shop: str) -> pd.DataFrame:
    """Give what a shop was sent, by the number of the quote."""
    own = known[known["record_key"].str.startswith(f"{shop}/")]
    return own.assign(record_key=own["record_key"].str.removeprefix(f"{shop}/"))


def _lost(outcomes: pd.DataFrame) -> list[int]:
    """Give the lines of an extract that could not be read: a row is named ``Devis.txt:12``."""
    rows = outcomes[(outcomes["record_type"] == "row") & (outcomes["state"] == "failed")]
    return [int(record.rpartition(":")[2]) for record in rows["record"].unique()]


@dataclass(frozen=True, slots=True)
class _Made:
    """What a run made of the ERP's quotes (``job.Made``)."""

    desk: Desk
    quotes: Quotes
    file: str
    written: Written
    outcomes: pd.DataFrame

    @property
    def packages(self) -> tuple[Package, ...]:
        count = len(self.quotes.contents)
        return (Package(self.file, self.written.data, count),) if count else ()

    @property
    def days(self) -> Window:
        return Window()

    @property
    def plan(self) -> pd.DataFrame:
        rows = self.quotes.rows.drop_duplicates("quote_number")
        columns = {"quote_number": "record", "quote_date": "document_date", "total_incl": "amount"}
        is_new = rows["change"] == "new"
        planned = rows.rename(columns=columns).assign(
            record_type=QUOTE,
            document_kind=QUOTE,
            document_number=rows["quote_number"],
            action=is_new.map({True: "create", False: "update"}),
            direction=is_new.map({True: "add-to-shop", False: "update-shop"}),
            content=self.quotes.contents.reindex(rows["quote_number"]).to_numpy(),
        )
        return together([planned, left_out(self.outcomes)])

    @property
    def reports(self) -> Mapping[str, pd.DataFrame]:
        return {}

    @property
    def marks(self) -> Mapping[str, str]:
        return {}

    def summary(self, run_id: str, state: State) -> Summary:
        profile = self.desk.profile
        own = self.outcomes[self.outcomes["record_type"] == QUOTE]
        final = outcome.final_states(own, self.quotes.read.index)
        count = final.value_counts()
        wrong = self.outcomes[(self.outcomes["record_type"] != QUOTE) & (self.outcomes["state"] == "failed")]
        return Summary(
            run_id=run_id,
            profile=profile.name,
            language=profile.language,
            state=state,
            read=len(final),
            written=int(count.get("succeeded", 0)),
            failed=int(count.get("failed", 0)),
            ignored=int(count.get("ignored", 0)),
            unread_files=int(wrong["record"].nunique()),
            documents={QUOTE: len(self.quotes.contents)} if len(self.quotes.contents) else {},
            balances=balances(self.quotes.read, "total_incl", final, profile.orders),
            reasons=reasons(self.outcomes, profile.language),
            shop=self.desk.shop.name,
        )

    def keep(self, home: Path) -> Self:  # noqa: ARG002 - nothing else is kept
        return self

    def entries(self) -> Prepared:
        rows = self.quotes.rows.drop_duplicates("quote_number").set_index("quote_number")
        keys = self.quotes.contents.index
        records = {
            "record_type": QUOTE_RECORD,
            "record_key": f"{self.desk.shop.name}/" + keys,
            "content_hash": self.quotes.contents.to_numpy(),
            "replaces": self.quotes.replaced.reindex(keys).fillna("").to_numpy(),
            "document_kind": QUOTE,
            "document_number": keys,
            "total_incl": rows["total_incl"].reindex(keys).to_numpy(),
        }
        return Prepared(records=RECORDS.conform(pd.DataFrame(records)))

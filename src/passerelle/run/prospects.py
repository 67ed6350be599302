"""The task ``prospects``: shop accounts that have not ordered, to customers of the ERP.

It reads the exports of the shops' customers, and looks at those of their orders, which stay the other tasks'.

Source: spec CUS-6, CUS-7; design.md decision 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pandas as pd

from passerelle import outcome
from passerelle.exchange.customers import ACCOUNT_COLUMNS
from passerelle.exchange.effects import of_accounts as effects_of_accounts
from passerelle.exchange.mappings import MAPPINGS
from passerelle.exchange.plan import Before, of_prospects
from passerelle.exchange.prospects import Context, Prospects, exchange_prospects
from passerelle.exchange.selection import Window
from passerelle.ledger.entries import ACCOUNTS, EFFECTS, RECORDS, Prepared
from passerelle.model.customers import PROSPECT, ShopCustomers
from passerelle.profile.loader import ProfileError
from passerelle.profile.workbook import add_new_values, read_mappings
from passerelle.run import exports
from passerelle.run.counting import reasons, unread
from passerelle.run.erp_files import ZIP_NAME, write_prospects, zipped
from passerelle.run.errors import RunError
from passerelle.run.extracts import read_extract
from passerelle.run.intake import Intake
from passerelle.run.job import Desk, Package
from passerelle.run.summary import State, Summary


@dataclass(frozen=True, slots=True)
class ProspectsTask:
    """Shop accounts that have not ordered to customers of the ERP.

    Attributes:
        name: name of the task.
    """

    name: str = "prospects"

    def make(self, desk: Desk) -> _Made:
        """Pick up, read, exchange, write.

        Raises:
            StorageError: an export could not be picked up.
            RunError: the profile is not set up for it, an extract is missing, or an account was lost on the way.
            ProfileError: the mappings cannot be used.
        """
        profile, ledger = desk.profile, desk.ledger
        if not any(shop.customers for shop in profile.shops):
            raise RunError("prospects-not-set-up", is_usage=True)
        if profile.customers.account.mode == "single":
            raise RunError("prospects-single-account", is_usage=True)
        erp_customers, wrong_customers = read_extract(
            "ebp/customers_extract", profile.erp.extracts.customers, desk.formats, profile.erp
        )
        mappings, wrong_mappings = read_mappings(profile.mappings)
        if (wrong_mappings["state"] == "failed").any():
            raise ProfileError(wrong_mappings, profile.language)
        intake = desk.intake(exports.CUSTOMERS)
        given = intake.read_shops()
        sales = desk.intake(exports.ORDERS, looks=True).read_shops()
        # A plan that is applied says itself since when.
        window, option = desk.request.window, profile.prospects.no_order_since
        since = window.first if window else desk.request.since or option
        accounts = ledger.accounts(profile.name)
        sent = ledger.exchanged(profile.name, PROSPECT).rename(columns={"files": "file_name"})
        prospects = exchange_prospects(
            given,
            sales,
            Context(
                prospects=profile.prospects,
                customers=profile.customers,
                orders=profile.orders,
                titles=mappings["titles"],
                erp_customers=erp_customers,
                accounts=_remembered(accounts, sent),
                sent=sent,
                since=since,
            ),
        )
        files, prospects, of_writer = write_prospects(
            prospects, desk.formats, profile.erp.format_settings, profile.erp.batch
        )
        said = [wrong_customers, wrong_mappings, _unread_files(sales.outcomes), prospects.outcomes, of_writer]
        made = _Made(desk, intake, given, prospects, files, outcome.together(said), Window(since), accounts)
        _check_nothing_is_lost(made)
        return made


PROSPECTS = ProspectsTask()


@dataclass(frozen=True, slots=True)
class _Made:
    """What a run made of what it read (``job.Made``)."""

    desk: Desk
    intake: Intake[ShopCustomers]
    given: ShopCustomers
    prospects: Prospects
    files: Mapping[str, bytes]
    outcomes: pd.DataFrame
    days: Window
    known: pd.DataFrame
    """What the ledger remembers of accounts."""

    @property
    def packages(self) -> tuple[Package, ...]:
        return (Package(ZIP_NAME, zipped(self.files), len(self.prospects.customers)),) if self.files else ()

    @property
    def plan(self) -> pd.DataFrame:
        no_orders = pd.Series(dtype="str")
        before = Before(statuses=no_orders, accounts=self.known, erp_customers=None, address_fields=())
        return of_prospects(self.prospects, self.outcomes, self._effects(), before)

    @property
    def reports(self) -> dict[str, pd.DataFrame]:
        return {}

    @property
    def marks(self) -> dict[str, str]:
        return {}

    @property
    def of_prospects(self) -> pd.DataFrame:
        """What was said of accounts."""
        return self.outcomes[self.outcomes["record_type"] == PROSPECT]

    def summary(self, run_id: str, state: State) -> Summary:
        profile = self.desk.profile
        keys = list(dict.fromkeys([*self.given.keys, *self.of_prospects["record"]]))
        count = outcome.final_states(self.of_prospects, keys).value_counts()
        return Summary(
            run_id=run_id,
            profile=profile.name,
            language=profile.language,
            state=state,
            read=len(keys),
            written=int(count.get("succeeded", 0)),
            failed=int(count.get("failed", 0)),
            ignored=int(count.get("ignored", 0)),
            unread_files=unread(self.outcomes),
            customers=len(self.prospects.customers),
            reasons=reasons(self.outcomes, profile.language),
            new_values={MAPPINGS[name].fr: len(rows) for name, rows in self.prospects.new_values.items()},
        )

    def keep(self, home: Path) -> Self:  # noqa: ARG002
        profile, new_values = self.desk.profile, dict(self.prospects.new_values)
        if not new_values:
            return self
        _, said = add_new_values(profile.mappings, new_values, language=profile.language)
        return replace(self, outcomes=outcome.together([self.outcomes, said]))

    def entries(self) -> Prepared:
        accounts = self.prospects.accounts
        return Prepared(
            records=RECORDS.conform(
                pd.DataFrame(
                    {
                        "record_type": PROSPECT,
                        "record_key": accounts["customer_key"],
                        "content_hash": self.prospects.contents.to_numpy(),
                        "document_kind": "customer",
                        "document_number": accounts["customer_code"],
                    }
                )
            ),
            accounts=ACCOUNTS.conform(accounts),
            effects=self._effects(),
            origins=self.intake.origins(set(self.of_prospects.loc[self.of_prospects["state"] == "failed", "record"])),
            taken=self.intake.taken,
            released=self.intake.released,
        )

    def _effects(self) -> pd.DataFrame:
        """Give what is to be done in the shops (CUS-9)."""
        wanted = effects_of_accounts(self.prospects.accounts, self.known, self.desk.profile.orders.afterwards)
        return EFFECTS.conform(wanted.rename(columns={"order_key": "record_key"}))


def _remembered(known: pd.DataFrame, sent: pd.DataFrame) -> pd.DataFrame:
    """Give the accounts that the ledger remembers, but for those of prospects that somebody made it forget (ORD-9)."""
    is_forgotten = (known["task"] == PROSPECTS.name) & ~known["customer_key"].isin(sent["record_key"])
    return known.loc[~is_forgotten, list(ACCOUNT_COLUMNS)]


def _unread_files(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Give what was said of order files that could not be read: whose orders they hold is not known."""
    return outcomes[(outcomes["record_type"] == "file") & (outcomes["state"] == "failed")]


def _check_nothing_is_lost(made: _Made) -> None:
    """See that every account read goes out or has an outcome (INV-2).

    Raises:
        RunError: one has neither. That is our fault, and nothing is sent.
    """
    told = {*made.prospects.accounts["customer_key"], *outcome.refused(made.of_prospects)}
    lost = set(made.given.keys) - told
    if lost:
        raise RunError("prospects-lost", read=len(made.given.keys), told=len(made.given.keys) - len(lost))

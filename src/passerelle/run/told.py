"""What a task made that tells a shop something: values of records, only those that differ from what it was told.

Source: spec CAT-2, STK-8, PRE-1, JOU-1; design.md decision 5.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import pandas as pd

from passerelle import outcome
from passerelle.exchange import catalogue, texts
from passerelle.exchange.plan import left_out, together
from passerelle.exchange.selection import Window
from passerelle.exchange.shop_options.accounts import AccountOptions
from passerelle.exchange.shop_options.articles import ArticleChoice
from passerelle.exchange.told import fields_changed
from passerelle.ledger.entries import VALUES, Prepared
from passerelle.ledger.ledger import is_last_transfer
from passerelle.run.counting import reasons
from passerelle.run.errors import RunError
from passerelle.run.fates import Fates
from passerelle.run.job import Desk, Package
from passerelle.run.summary import State, Summary


@dataclass(frozen=True, slots=True)
class Told:
    """What a run made of what it read (``job.Made``).

    Attributes:
        desk: the run's.
        read: how many records were read, those included that could not be understood.
        fates: what becomes of each record that could.
        outcomes: all that was said.
        changed: by kind of value, what the shop is told and what it was told (``key``, ``value``, ``before``); the
            first kind has one value per record that goes.
        labels: names of records for the report, by key.
        packages: the files.
        marks: the ledger's marks that the run moves.
        created: records that the shop does not have yet.
        unread: rows of the shop's own listing that could not be read.
        new_values: by mapping, values that it has no row for.
        more_reports: further tables for the run's folder, by file name.
        learned: what was found out of files (``VALUES``), which the shop is not told.
    """

    desk: Desk
    read: int
    fates: Fates
    outcomes: pd.DataFrame
    changed: Mapping[str, pd.DataFrame]
    labels: pd.Series
    packages: tuple[Package, ...]
    marks: Mapping[str, str]
    created: Collection[str] = ()
    unread: int = 0
    more_reports: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    new_values: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    learned: pd.DataFrame = field(default_factory=VALUES.empty)

    def checked(self) -> Self:
        """Give itself back when every record read goes, was left on purpose, or has an outcome.

        What was refused is looked at again though the ERP does not change it: the mark of the last transfer stays.

        Raises:
            RunError: one has none. That is our fault, and nothing is sent.
        """
        read, written, failed, ignored = self.read, self._written, self._failed, self._ignored
        if read != written + failed + ignored:
            raise RunError("run-articles-lost", read=read, written=written, failed=failed, ignored=ignored)
        if not failed:
            return self
        return replace(self, marks={name: mark for name, mark in self.marks.items() if not is_last_transfer(name)})

    @property
    def reports(self) -> dict[str, pd.DataFrame]:
        """The changes: record, label, field, what the shop was told, what it is told."""
        kind, changed = next(iter(self.changed.items()))
        parts = fields_changed(changed, kind)
        named = self.labels[texts.among(pd.Series(self.labels.index, dtype="str"), parts["record"]).to_numpy()]
        label: pd.Series | str = ""
        if len(named):
            place = texts.places(parts["record"], named.index)
            label = named.astype("str").take(place).set_axis(parts.index).mask(place < 0, "")
        table = pd.DataFrame({self.fates.record_type: parts["record"], "label": label, "field": parts["field"]})
        return {"changes.csv": table.assign(before=parts["old"], after=parts["new"]), **self.more_reports}

    @property
    def _written(self) -> int:
        return len(next(iter(self.changed.values())))

    @property
    def _ignored(self) -> int:
        return sum(count for count, _ in self.fates.left.values())

    @property
    def _failed(self) -> int:
        """Count the records that were refused: not understood, several times there, or told of in the outcomes."""
        said = self.outcomes[self.outcomes["record_type"] == self.fates.record_type]
        refused = texts.among(self.fates.references, outcome.refused(said)).sum()
        return self.read - len(self.fates.references) + int(refused)

    def summary(self, run_id: str, state: State) -> Summary:
        """Count what became of the records."""
        profile = self.desk.profile
        return Summary(
            run_id=run_id,
            profile=profile.name,
            language=profile.language,
            state=state,
            read=self.read,
            written=self._written,
            failed=self._failed,
            ignored=self._ignored,
            unread_files=self.unread,
            reasons=reasons(self.outcomes, profile.language, self.fates.left),
            shop=self.desk.shop.name,
        )

    @property
    def days(self) -> Window:
        """No days: a shop is told what is true now."""
        return Window()

    @property
    def plan(self) -> pd.DataFrame:
        """What the shop would be told, field by field, and what it was told."""
        rows = pd.concat([fields_changed(rows, kind) for kind, rows in self.changed.items()], ignore_index=True)
        is_new = texts.among(rows["record"], self.created)
        rows = rows.assign(
            record_type=self.fates.record_type,
            action=is_new.map({True: "create", False: "update"}),
            direction=is_new.map({True: "add-to-shop", False: "update-shop"}),
        )
        return together([rows, left_out(self.outcomes)])

    def keep(self, home: Path) -> Self:  # noqa: ARG002 - nothing is kept there
        """Add new values to the mappings."""
        if not self.new_values:
            return self
        from passerelle.profile.workbook import add_new_values  # noqa: PLC0415 - openpyxl: slow to load, rarely needed

        profile = self.desk.profile
        _, said = add_new_values(profile.mappings, self.new_values, language=profile.language)
        return replace(self, outcomes=outcome.together([self.outcomes, said]))

    def entries(self) -> Prepared:
        """Give the values that the shop is told."""
        values = pd.concat([rows.assign(kind=kind) for kind, rows in self.changed.items()], ignore_index=True)
        return Prepared(values=VALUES.conform(values), learned=self.learned)


def acknowledged(desk: Desk, kind: str) -> pd.DataFrame:
    """Give what the shop was told of a kind of values: ``key``, ``value``."""
    return desk.ledger.sent_values(desk.profile.name, desk.shop.name, kind)


def ever_told(desk: Desk, options: ArticleChoice | AccountOptions, kind: str) -> pd.Series | None:
    """Give the records that the shop was ever told of, where only changed ones are taken; else ``None`` (CAT-2)."""
    return desk.ledger.sent_keys(desk.profile.name, desk.shop.name, kind) if options.changed_only else None


def differing(desk: Desk, kind: str, values: pd.Series, known: pd.DataFrame | None = None) -> pd.DataFrame:
    """Give the values that differ from what the shop has acknowledged, or all of them when that is asked for (STK-8).

    Args:
        desk: the run's.
        kind: kind of the values: stock, article, price …
        values: by record, what the shop is to be told.
        known: what it was told, where that has been asked already.
    """
    known = acknowledged(desk, kind) if known is None else known
    return catalogue.differing(values, known, full=desk.request.full)

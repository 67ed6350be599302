"""The ERP's articles and stock as a task for a shop reads them: whole and fresh, or not at all.

Source: spec EBP-10, CAT-2; user-asks 16 (a stale or shrunken extract overwrites the shop's stock).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.catalogue import Mask, twice
from passerelle.exchange.shop_options.articles import ArticleChoice
from passerelle.formats.descriptor import Descriptor, label_key
from passerelle.formats.errors import CriterionError
from passerelle.formats.reader import ReadTable, read
from passerelle.ledger.ledger import last_transfer
from passerelle.model.catalogue import CATALOGUE, DEPOT_STOCK
from passerelle.model.prices import ERP_PRICES
from passerelle.model.products import LINKED_ARTICLES, PACK_COMPONENTS
from passerelle.model.table import Table
from passerelle.model.variants import VARIANTS
from passerelle.profile.loader import hint
from passerelle.profile.settings import ExtractLimits
from passerelle.run import debug
from passerelle.run.errors import RunError
from passerelle.run.job import Desk

ARTICLES, STOCK, LINKED, PRICES = "ebp/catalogue", "ebp/stock", "ebp/linked_articles", "ebp/prices"
RANGES, COMPONENTS = "ebp/ranges", "ebp/components"


@dataclass(frozen=True, slots=True)
class Extract:
    """An extract that may be believed.

    Attributes:
        file: its name.
        table: what was read, columns of the model or of the format.
        read: how it was read.
        made_at: when the file was written.
    """

    file: str
    table: pd.DataFrame
    read: ReadTable
    made_at: datetime

    def without_rows(self) -> Self:
        """Give the same without the rows, which may be many."""
        # A slice would keep all of Arrow's buffers.
        return replace(self, table=self.table.take([]), read=replace(self.read, table=self.read.table.take([])))


@dataclass(frozen=True, slots=True)
class Articles:
    """The articles of the ERP, each once.

    Attributes:
        extract: the extract they are of.
        table: ``CATALOGUE``, and the further columns asked for.
        holds: for which of them the shop's criterion is true; ``None``: it has none.
        outcomes: what was refused.
    """

    extract: Extract
    table: pd.DataFrame
    holds: Mask | None
    outcomes: pd.DataFrame


@dataclass(slots=True)
class ErpCatalogue:
    """The ERP's extracts, for one run of a task.

    Attributes:
        desk: the run's.
        task: name of the task.
        marks: what the ledger keeps of the extracts for the next run.
    """

    desk: Desk
    task: str
    marks: dict[str, str] = field(default_factory=dict)

    def articles(
        self,
        options: ArticleChoice,
        needed: Collection[str],
        numbers: Collection[str] = (),
        plain: Collection[str] = (),
        useful: Collection[str] = (),
    ) -> Articles:
        """Read the articles.

        Args:
            options: the shop's filter.
            needed: columns of ``CATALOGUE`` that the task cannot do without.
            numbers: labels of further columns of the extract that are read as numbers.
            plain: labels of further columns that are read as texts, unless they are known as something else.
            useful: columns of ``CATALOGUE`` that are read where they are there.

        Raises:
            RunError: the extract is missing, empty, stale or shrunken, or lacks a column.
            CriterionError: the shop's criterion cannot be used.
            FormatError: the file is not of the format.
        """
        descriptor = self.format(ARTICLES).also(dict.fromkeys(numbers, "number")).also(dict.fromkeys(plain, "string"))
        further = {label: descriptor.labelled(label).source for label in (*numbers, *plain)}
        wanted = {*needed, *further.values()} | ({"is_on_web"} if options.leaves_unpublished else set())
        sources = {"article", "label", "is_on_web", "active_state", "is_stocked", "modified", *wanted, *useful}
        path = self.desk.profile.erp.extracts.articles
        extract, holds = self.filtered("articles", path, descriptor, sources, CATALOGUE, wanted, options.criterion)
        for label, source in further.items():
            extract.table[label] = extract.read.table[source]
        doubled = twice(extract.table["article"])
        once = ~texts.among(extract.table["article"], doubled["record"]).to_numpy()
        outcomes = outcome.together([extract.read.outcomes, doubled])
        # Where each article stands once, as it should, a large table is not copied.
        table = extract.table if once.all() else extract.table[once].reset_index(drop=True)
        return Articles(extract, table, None if holds is None else holds[once], outcomes)

    def filtered(
        self,
        kind: str,
        path: Path,
        descriptor: Descriptor,
        sources: Collection[str],
        model: Table | None,
        wanted: Collection[str],
        condition: str,
        *,
        limits: ExtractLimits | None = None,
    ) -> tuple[Extract, Mask | None]:
        """Read an extract, and tell for which of its rows the shop's criterion is true (CAT-2).

        Args:
            kind: its name among the extracts.
            path: the file.
            descriptor: its format.
            sources: columns of ``model`` that the task needs.
            model: what it is read as; ``None``: what its format says.
            wanted: those of them that the task cannot do without.
            condition: the criterion; empty: there is none, and the mask is ``None``.
            limits: when it is not believed; ``None``: as the profile says of all extracts.

        Raises:
            RunError, CriterionError, FormatError: as ``articles``.
        """
        if not condition:
            return self.extract(kind, path, descriptor.only(sources), model, wanted, limits=limits), None
        # sqlglot and DuckDB take half a second to load: only those pay who have a criterion.
        from passerelle.formats.criterion import Criterion  # noqa: PLC0415

        criterion = Criterion.read(condition)
        descriptor = criterion.extended(descriptor)
        only = descriptor.only({*sources, *criterion.sources(descriptor)})
        extract = self.extract(kind, path, only, model, wanted, limits=limits)
        self._check_columns(condition, criterion.columns(), descriptor, extract)
        return extract, criterion.holds(descriptor, extract.read.table)

    def stock(self, articles: Articles, needed: Collection[str]) -> tuple[Extract, pd.DataFrame]:
        """Read the stock by depot; without such an extract it is the articles' own, in no depot.

        Returns:
            The extract of ``DEPOT_STOCK``, and outcomes of the articles some of whose stock could not be read: it must
            not be sent.

        Raises:
            RunError, FormatError: as ``articles``; or rows have no article, so that nobody knows whose stock is wrong.
        """
        path = self.desk.profile.erp.extracts.stock
        if path is None:
            return replace(articles.extract, table=DEPOT_STOCK.conform(articles.table)), outcome.none()
        descriptor = self.format(STOCK).only({"modified", *needed})
        extract = self.extract("stock", path, descriptor, DEPOT_STOCK, needed)
        return extract, self._doubtful(extract, descriptor, path, "stock-row-unreadable")

    def prices(self) -> tuple[Extract | None, pd.DataFrame]:
        """Read the prices beside those of the articles.

        Returns:
            The extract of ``model.prices.ERP_PRICES``, ``None`` without one; and outcomes of the articles some of whose
            prices could not be read: the shop must not take them for gone.

        Raises:
            RunError, FormatError: as ``stock``.
        """
        path = self.desk.profile.erp.extracts.prices
        if path is None:
            return None, outcome.none()
        descriptor = self.format(PRICES)
        extract = self.extract("prices", path, descriptor, ERP_PRICES, ())
        return extract, self._doubtful(extract, descriptor, path, "price-row-unreadable")

    def linked(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Read the articles that the ERP links to others (CAT-15).

        Returns:
            ``model.products.LINKED_ARTICLES``; and outcomes of the articles some of whose links could not be read: the
            shop must not take them for gone.

        Raises:
            RunError: there is no such extract, or it cannot be believed, or as ``stock``.
            FormatError: the file is not of the format.
        """
        path = self.desk.profile.erp.extracts.linked_articles
        if path is None:
            raise RunError("run-linked-not-set", is_usage=True)
        descriptor = self.format(LINKED)
        extract = self.extract("linked_articles", path, descriptor, LINKED_ARTICLES, ())
        return extract.table, self._doubtful(extract, descriptor, path, "link-row-unreadable")

    def ranges(self) -> pd.DataFrame:
        """Read the articles of ranges (CAT-17): ``model.variants.VARIANTS``; without such an extract there are none.

        Raises:
            RunError, FormatError: as ``articles``; or a row cannot be read: its product would be told without it.
        """
        return self._whole("ranges", self.desk.profile.erp.extracts.ranges, RANGES, VARIANTS)

    def components(self) -> pd.DataFrame:
        """Read the nomenclatures (CAT-18): ``model.products.PACK_COMPONENTS``.

        Raises:
            RunError, FormatError: as ``ranges``; or there is no such extract.
        """
        path = self.desk.profile.erp.extracts.components
        if path is None:
            raise RunError("run-components-not-set", is_usage=True)
        return self._whole("components", path, COMPONENTS, PACK_COMPONENTS)

    def _whole(self, kind: str, path: Path | None, name: str, model: Table) -> pd.DataFrame:
        """Read an extract of which every row must be read."""
        if path is None:
            return model.empty()
        extract = self.extract(kind, path, self.format(name), model, ())
        if len(extract.table) < extract.read.rows:
            first = extract.read.outcomes.iloc[0].to_dict()
            lost = extract.read.rows - len(extract.table)
            raise RunError("run-extract-unreadable-rows", file=path, rows=lost, reason=first)
        return extract.table

    def transferred(self, made_at: datetime) -> None:
        """Have the ledger know how far this task has transferred: to what the extracts knew."""
        local = made_at.astimezone(ZoneInfo(self.desk.profile.time_zone)).replace(tzinfo=None)
        self.marks[last_transfer(self.task, self.desk.request.shop)] = local.isoformat(timespec="seconds")

    def format(self, name: str) -> Descriptor:
        """Give a format of the ERP as the profile sets it."""
        return self.desk.formats.get(name, self.desk.profile.erp.format_settings.get(name))

    def since(self) -> datetime | None:
        """Give when this task last transferred to the shop; ``None``: never, or all is asked for (CAT-2)."""
        name = last_transfer(self.task, self.desk.request.shop)
        mark = None if self.desk.request.full else self.desk.ledger.mark(self.desk.profile.name, name)
        return datetime.fromisoformat(mark) if mark else None

    def extract(
        self,
        kind: str,
        path: Path,
        descriptor: Descriptor,
        model: Table | None,
        wanted: Collection[str],
        *,
        limits: ExtractLimits | None = None,
    ) -> Extract:
        """Read an extract that may be believed.

        Args:
            kind: its name among the extracts.
            path: the file.
            descriptor: its format, with the columns that are read.
            model: what it is read as; ``None``: what its format says.
            wanted: columns of it that the task cannot do without.
            limits: see ``filtered``.

        Raises:
            RunError: it is missing, empty, stale or shrunken, or lacks a column.
            FormatError: it is not of the format.
        """
        try:
            made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            data = path.read_bytes()
        except FileNotFoundError:
            raise RunError("run-extract-missing", file=path) from None
        debug.keep("extract", path.name, data)
        limits = limits or self.desk.profile.erp.limits
        age = (self.desk.installation.clock() - made_at).total_seconds() / 3600
        if limits.max_age_hours is not None and age > limits.max_age_hours:
            raise RunError("run-extract-stale", file=path, hours=int(age), limit=limits.max_age_hours)
        found = read(descriptor, data, name=path.name)
        del data  # it may be large, and what follows takes memory too
        self._check_size(kind, path, found.rows, limits.max_drop_percent)
        lacking = [one.title for one in descriptor.fields if one.source in {*wanted} & {*found.absent}]
        if lacking:
            raise RunError("run-extract-lacks-column", is_usage=True, file=path, columns=", ".join(lacking))
        if model is None:
            return Extract(path.name, found.table, found, made_at)
        # Nothing said of it, an article is kept in stock and not published, a customer is a person, rows stay in order.
        unsaid = {"is_stocked": True, "is_on_web": False, "is_person": True, "position": 0}
        table = found.table.assign(
            **{name: found.table[name].fillna(unsaid[name]) for name in unsaid if name in found.table}
        )
        return Extract(path.name, model.conform(table), found, made_at)

    def _check_size(self, kind: str, path: Path, rows: int, max_drop_percent: int) -> None:
        """See that an extract has not lost rows since the last run.

        Raises:
            RunError: it has, more than is allowed, or all of them.
        """
        mark = f"extract.{kind}.rows"
        before = int(self.desk.ledger.mark(self.desk.profile.name, mark) or 0)
        if not rows:
            raise RunError("run-extract-empty", file=path)
        if rows * 100 < before * (100 - max_drop_percent):
            name = self.desk.profile.name
            raise RunError("run-extract-shrunken", file=path, rows=rows, before=before, mark=mark, profile=name)
        self.marks[mark] = str(rows)

    def _doubtful(self, extract: Extract, descriptor: Descriptor, path: Path, code: str) -> pd.DataFrame:
        """Refuse the articles of which a row could not be read; what the others say would be wrong.

        A row whose reference is too long, or no reference, tells its article: one that the ERP cannot have.
        """
        lost = extract.read.rows - len(extract.table)
        if not lost:
            return outcome.none()
        article = replace(descriptor.field("article"), max_length=None, required=False)
        named = read(replace(descriptor, fields=(article,)), path.read_bytes(), name=path.name).table
        wrong = named[~named["line"].isin(extract.read.table["line"]) & (named["article"] != "")]
        if len(wrong) < lost:
            said = extract.read.outcomes
            nameless = said[~said["record"].isin([f"{path.name}:{line}" for line in wrong["line"]])]
            first = nameless.iloc[0].to_dict()
            raise RunError("run-extract-damaged", file=path, rows=lost - len(wrong), reason=first)
        refused = outcome.said(code, wrong["article"].unique(), record_type="article", stage="read", value=path.name)
        return outcome.together([extract.read.outcomes, refused])

    def _check_columns(self, text: str, columns: Collection[str], descriptor: Descriptor, extract: Extract) -> None:
        """See that the extract has every column that a criterion names.

        Raises:
            CriterionError: it lacks one; with the nearest that it has.
        """
        there = [one for one in descriptor.fields if one.source not in extract.read.absent]
        known = [*(one.title for one in there if one.title not in columns), *extract.read.unused]
        labels = {label_key(label) for one in there for label in (one.title, *one.aliases)}
        for column in columns:
            if label_key(column) not in labels:
                params = {"column": column, "file": extract.file, "known": ", ".join(known)}
                raise CriterionError("criterion-unknown-column", text, **params, **hint(column, known))

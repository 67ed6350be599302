"""The task that brings declared tables to a shop: rows of extracts by formats that are declared, none in the program.

What a shop takes in that no other task tells it: Oasis Commerce's staff, suppliers' prices, eco-taxes, warnings …
The shop's format says by its ``primaryKey`` what tells a row from the others. Of each row the ledger keeps what the
shop was told: only what differs goes, and a row that is gone is taken back where the format has a column for it.

Source: spec OAS-1, STK-8, FMT-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.catalogue import Mask, twice
from passerelle.exchange.told import ROW, as_json, as_table, shortened
from passerelle.formats.descriptor import Descriptor, Field
from passerelle.formats.values import neutral, parse, render
from passerelle.profile.settings import ExtractLimits
from passerelle.profile.shop_settings import ShopTable
from passerelle.run.erp_catalogue import ErpCatalogue, Extract
from passerelle.run.errors import RunError
from passerelle.run.fates import Fates
from passerelle.run.job import Desk, Package
from passerelle.run.shop_file import package, write_told
from passerelle.run.to_shops import shops_with
from passerelle.run.told import Told, differing

TABLES = "tables"
"""The shop's tables in the profile."""
GONE = "is_deleted"
"""The column of a format that takes a row out of the shop."""
OF_ERP: Mapping[str, tuple[str, str]] = {
    "oasis/staff": ("staff", "ebp/staff"),
    "oasis/supplier_prices": ("supplier_articles", "ebp/supplier_articles"),
    "oasis/variant_ecotaxes": ("articles", "ebp/article_ecotaxes"),
    "oasis/variant_furniture_ecotaxes": ("articles", "ebp/article_furniture_ecotaxes"),
}
"""By format of a shop, the ERP's extract that has its rows, and how that is read."""


@dataclass(frozen=True, slots=True)
class TablesTask:
    """Declared tables to a shop."""

    name: str = TABLES

    def make(self, desk: Desk) -> Told:
        """Read the extracts, write the rows that the shop was told otherwise, or not at all.

        Raises:
            RunError: an extract cannot be believed, or does not have what the shop's format needs.
            CriterionError: the criterion of a table cannot be used.
            FormatError: a file is not of its format.
        """
        shops_with(desk.loaded, TABLES, desk.shop.name)
        erp = ErpCatalogue(desk, self.name)
        tables = [_Rows.of(desk, erp, one) for one in desk.shop.tables]
        rows = pd.concat([one.rows[["key", "value", "left"]] for one in tables], ignore_index=True)
        fates = Fates(rows["key"], ROW)
        for code in rows.loc[rows["left"] != "", "left"].unique():
            fates.leave(code, (rows["left"] == code).to_numpy())
        changed = differing(desk, ROW, rows.loc[fates.go].set_index("key")["value"])
        fates.leave("table-row-unchanged", ~texts.among(rows["key"], changed["key"]).to_numpy())
        packages = [one.package(changed["key"], fates) for one in tables]
        changed = changed[texts.among(changed["key"], fates.references[fates.go])].reset_index(drop=True)
        return Told(
            desk,
            read=sum(one.read for one in tables),
            fates=fates,
            outcomes=outcome.together([*(one.outcomes for one in tables), *fates.said]),
            changed={ROW: changed},
            labels=pd.Series(dtype="str"),
            packages=tuple(one for one in packages if one),
            marks=erp.marks,
            created=set(changed.loc[changed["before"] == "", "key"]),
        ).checked()


TABLES_TO_SHOP = TablesTask()


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one table.

    Attributes:
        descriptor: the shop's format.
        rows: each row once, with the columns that the shop is told, ``key``, ``value`` (what it is told as one text;
            empty: it is taken back) and ``left`` (the code of the reason why it stays, or empty).
        read: how many rows were read, with those that are taken back.
        outcomes: what was said of the extract.
    """

    descriptor: Descriptor
    rows: pd.DataFrame
    read: int
    outcomes: pd.DataFrame

    @classmethod
    def of(cls, desk: Desk, erp: ErpCatalogue, options: ShopTable) -> _Rows:
        """Read the extract of a table, and find the rows that the shop was told and that are gone.

        Raises:
            RunError, CriterionError, FormatError: as ``TablesTask.make``.
        """
        descriptor = desk.shop_format(options.format, settings=options.format_settings)
        extract, holds = _read(desk, erp, options, descriptor)
        told = [one for one in _told(descriptor) if one.source in extract.table]
        rows = extract.table[[one.source for one in told]].assign(left="")
        parts = _texts(rows, [descriptor.field(name) for name in descriptor.key])
        bare = (parts == "").any(axis=1)
        line = f"{extract.file}:" + extract.table["line"].astype("str")
        rows["key"] = (_name(descriptor) + texts.side_by_side(parts.apply(shortened), " → ")).mask(bare, line)
        rows["value"] = as_json(_texts(rows, told).assign(key=rows["key"]), "key").to_numpy()
        if holds is not None:
            rows.loc[~holds, "left"] = "table-row-criterion"
        rows.loc[bare, "left"] = "table-row-without-key"
        doubled = twice(rows["key"], "table-row-twice", ROW)
        once = rows[~texts.among(rows["key"], doubled["record"])]
        said = [extract.read.outcomes, doubled]
        read = extract.read.rows
        if GONE in {one.source for one in descriptor.fields}:
            gone = _gone(desk, descriptor, told, rows["key"])
            if len(rows) < read and len(gone):  # one that could not be read may be one that seems to be gone
                said.append(outcome.said("table-rows-kept", [extract.file], record_type="file", stage="read"))
                gone = gone.iloc[:0]
            once = pd.concat([once.assign(**{GONE: False}), gone], ignore_index=True)
            read += len(gone)
        return cls(descriptor, once.reset_index(drop=True), read, outcome.together(said))

    def package(self, keys: pd.Series, fates: Fates) -> Package | None:
        """Write those rows that go, and refuse those that the file cannot take."""
        going = self.rows[texts.among(self.rows["key"], keys)].reset_index(drop=True)
        written = write_told(self.descriptor, going, "key", ROW)
        fates.refuse(written.outcomes)
        return package(self.descriptor, written)


def _read(desk: Desk, erp: ErpCatalogue, options: ShopTable, descriptor: Descriptor) -> tuple[Extract, Mask | None]:
    """Read the columns of an extract that the shop is told.

    Raises:
        RunError: none is named; it cannot be believed; or it cannot give what the shop's format needs.
        CriterionError, FormatError: as ``TablesTask.make``.
    """
    if not descriptor.key or {*descriptor.key} - {one.name for one in _told(descriptor)}:
        raise RunError("run-table-without-key", is_usage=True, format=descriptor.name)
    kind, name = OF_ERP.get(descriptor.name, ("", ""))
    path: Path | None = options.extract or (getattr(desk.profile.erp.extracts, kind) if kind else None)
    if path is None:
        setting = f"erp.extracts.{kind}" if kind else "shops.tables.extract"
        raise RunError("run-extract-not-set", is_usage=True, setting=setting)
    if options.extract:  # what it has lost since last night is its own
        kind = f"{desk.shop.name}.{descriptor.name}"
    name = options.extract_format or name
    # Nothing said of it, a file has the shop's own columns.
    form = erp.format(name) if name else replace(descriptor, fields=_told(descriptor), detect=True)
    needed = _needed(descriptor, form)
    sources = {one.source for one in _told(descriptor)}
    limits = _limits(options, desk.profile.erp.limits)
    found, holds = erp.filtered(kind, path, form, sources, None, needed, options.criterion, limits=limits)
    return replace(found, table=found.table.drop(columns=[*found.read.absent], errors="ignore")), holds


def _limits(options: ShopTable, limits: ExtractLimits) -> ExtractLimits:
    """Give when the extract is not believed."""
    if options.by_hand:
        return ExtractLimits(max_age_hours=None, max_drop_percent=100)
    most = limits.max_drop_percent if options.max_drop_percent is None else options.max_drop_percent
    return limits.model_copy(update={"max_drop_percent": most})


def _told(descriptor: Descriptor) -> tuple[Field, ...]:
    """Give the columns of a shop's format that a row of the extract fills."""
    return tuple(one for one in descriptor.fields if one.constant is None and one.source != GONE)


def _needed(descriptor: Descriptor, form: Descriptor) -> set[str]:
    """Give the columns that an extract must have.

    Raises:
        RunError: its format does not have one of them, or another one as another type.
    """
    types = {one.source: one.type for one in form.fields}
    keys = {descriptor.field(name).source for name in descriptor.key}
    needed = {one.source for one in _told(descriptor) if one.required} | keys
    unfit = [
        f"{one.source} ({one.type})"
        for one in _told(descriptor)
        if (types[one.source] != one.type if one.source in types else one.source in needed)
    ]
    if unfit:
        value = ", ".join(unfit)
        raise RunError("run-table-lacks", is_usage=True, format=descriptor.name, extract_format=form.name, value=value)
    return needed


def _gone(desk: Desk, descriptor: Descriptor, told: list[Field], keys: pd.Series) -> pd.DataFrame:
    """Give the rows that the shop was told and that are there no longer, as it was told them."""
    known = desk.ledger.sent_values(desk.profile.name, desk.shop.name, ROW)
    own = known["key"].str.startswith(_name(descriptor)) & (known["value"] != "")
    lost = known[own & ~texts.among(known["key"], keys)].reset_index(drop=True)
    before = as_table(lost).reindex(columns=[one.source for one in told]).astype("str").fillna("")
    cells = {one.source: parse(neutral(one), pa.array(before[one.source], pa.string()))[0] for one in told}
    return pd.DataFrame(cells).assign(key=lost["key"], value="", left="", **{GONE: True})


def _texts(rows: pd.DataFrame, fields: list[Field]) -> pd.DataFrame:
    """Give the cells of some columns as texts, whatever the notation of the file."""
    cells = {one.source: pd.Series(render(neutral(one), rows[one.source]), dtype="str") for one in fields}
    return pd.DataFrame(cells, index=rows.index)


def _name(descriptor: Descriptor) -> str:
    return f"{descriptor.name}: "

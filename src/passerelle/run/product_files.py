"""The files by which a shop is told products: new ones, changed ones, and apart from them those with variants.

Products with variants, and packs, have a file of their own: its columns would empty what the shop has of a simple
product, the attributes of which are the shop's.

Source: spec CAT-3, CAT-17, SHP-1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.articles import FEATURE_COLUMNS
from passerelle.exchange.variant_cells import Layout, first_alone, variant_columns_of
from passerelle.exchange.variant_products import whole_products
from passerelle.formats.descriptor import Descriptor, Field
from passerelle.formats.writer import Written, write
from passerelle.model.products import PACK, VARIABLE, VARIANT
from passerelle.run.fates import Fates
from passerelle.run.job import Package

NEW, CHANGED = "new", "changed"
"""The files: of new products, of those that the shop has."""
_APART = "variants"
"""Ends the names of the files of products with variants."""


@dataclass(slots=True)
class OpenFiles:
    """The files of one run, which grow on disk block by block: memory never holds a whole one.

    Attributes:
        folder: where they lie.
    """

    folder: Path
    _rows: dict[str, int] = field(default_factory=dict)

    def add(
        self, descriptor: Descriptor, rows: pd.DataFrame, columns: Collection[str], part: str, fates: Fates
    ) -> None:
        """Write some products with some columns into the file of a part; those that it cannot hold are refused."""
        path = PurePath(descriptor.path)
        name = f"{path.stem}_{part}{path.suffix}"
        before = self._rows.setdefault(name, 0)
        if rows.empty:
            return
        written = _written(descriptor, rows, columns, part, begun=before > 0)
        fates.refuse(written.outcomes)
        if written.rows:
            with (self.folder / name).open("ab") as file:
                file.write(written.data)
            self._rows[name] += written.rows

    @property
    def packages(self) -> list[Package]:
        """Those that have rows, in the order in which they were named first."""
        return [Package(name, b"", rows, local=self.folder / name) for name, rows in self._rows.items() if rows]


@dataclass(slots=True)
class ProductFiles:
    """A block of products on its way into the files.

    Attributes:
        files: the files.
        descriptor: format of the products.
        combinations: that of combinations, where they have a file of their own.
        layout: how the platform is told of variants.
        fates: what becomes of the articles.
        products: products with variants that are told.
    """

    files: OpenFiles
    descriptor: Descriptor
    combinations: Descriptor | None
    layout: Layout
    fates: Fates
    products: set[str] = field(default_factory=set)

    def write(self, rows: pd.DataFrame, changed: pd.Series, columns_of: Callable[[str], set[str]]) -> None:
        """Write the rows of the articles that go, and of the products with variants that have changed.

        What a file cannot hold is refused, a product with variants as a whole.

        Args:
            rows: ``SHOP_PRODUCTS`` and ``is_new``.
            changed: these products.
            columns_of: gives the columns of a part, ``new`` or ``changed``.
        """
        rows = rows.assign(is_added=_is_added(rows))
        going = texts.among(rows["article"], [*self.fates.references[self.fates.go], *changed])
        rows = self._without_refused(self._with_all_rows(rows, going), columns_of)
        self.products = set(rows.loc[rows["kind"] == VARIABLE, "article"])
        for part in (NEW, CHANGED):
            mine = rows[rows["is_new"] == (part == NEW)]
            for apart in (False, True):
                own = mine[self._is_apart(mine) == apart]
                self.files.add(*self._file(own, columns_of, part, apart=apart), self.fates)

    def _is_apart(self, rows: pd.DataFrame) -> pd.Series:
        """Tell which rows stand in the file of products with variants: where they have their own, combinations."""
        return rows["kind"].isin([VARIANT] if self.combinations else [VARIABLE, VARIANT, PACK])

    def _with_all_rows(self, rows: pd.DataFrame, going: pd.Series) -> pd.DataFrame:
        """Give the rows that go; where a variant's row means nothing alone, with the others of its product."""
        if not self.layout.whole:
            return rows[going]
        family = rows["parent"].where(rows["parent"] != "", rows["article"])
        key = family + np.where(rows["is_new"], "\x1fnew", "")
        return rows[going | (texts.among(key, key[going]) & self._is_apart(rows))]

    def _without_refused(self, rows: pd.DataFrame, columns_of: Callable[[str], set[str]]) -> pd.DataFrame:
        """Refuse products with variants one of whose rows the file cannot hold."""
        families = rows[rows["kind"].isin([VARIABLE, VARIANT])]
        said = [outcome.none()]
        for part in (NEW, CHANGED):
            mine = families[families["is_new"] == (part == NEW)]
            for apart in (False, True):
                own = mine[self._is_apart(mine) == apart]
                if len(own):
                    descriptor, own, told, _ = self._file(own, columns_of, part, apart=apart)
                    said.append(_written(descriptor, own, told, part).outcomes)
        refused = outcome.together(said)
        refused = refused[refused["state"] == "failed"]
        if refused.empty:
            return rows
        wrong = set(refused["record"])
        beside = whole_products(rows, wrong)
        going = [*self.fates.references[self.fates.go], *rows.loc[rows["kind"] == VARIABLE, "article"]]
        both = outcome.together([refused, beside])
        self.fates.refuse(both[texts.among(both["record"], going)])
        gone = wrong | set(beside["record"]) | set(rows.loc[texts.among(rows["article"], wrong), "parent"])
        return rows[~texts.among(rows["article"], gone)]

    def _file(
        self, rows: pd.DataFrame, columns_of: Callable[[str], set[str]], part: str, *, apart: bool
    ) -> tuple[Descriptor, pd.DataFrame, set[str], str]:
        """Give what a file is written of: format, rows, columns, and the end of its name."""
        columns = columns_of(part)
        if not apart:
            return self.descriptor, rows, columns, part
        if self.layout.attributes_at_once:  # without its features a product would lose them
            columns |= columns_of(NEW) & {*FEATURE_COLUMNS}
        told = {*columns, *variant_columns_of(columns, self.layout, is_new=part == NEW)}
        descriptor = self.combinations or self.descriptor
        fields = []
        for one in descriptor.fields:
            if one.constant is not None and one.name in self.layout.of_variants:
                own = pd.Series(self.layout.of_variants[one.name], rows.index)
                rows = rows.assign(**{one.name: own.where(rows["kind"] == VARIANT, one.constant)})
                told |= {one.name} if part == NEW else set()
                fields.append(replace(one, constant=None, source=one.name))
            else:
                fields.append(one)
        descriptor = replace(descriptor, fields=tuple(fields))
        return descriptor, first_alone(rows, self.layout), told, f"{part}_{_APART}"


def _is_added(rows: pd.DataFrame) -> pd.Series:
    """Tell which rows are further variants of a product that the shop has."""
    old = rows.loc[~rows["is_new"], "parent"]
    return rows["is_new"] & (rows["kind"] == VARIANT) & texts.among(rows["parent"], old)


def _written(
    descriptor: Descriptor, rows: pd.DataFrame, columns: Collection[str], part: str, *, begun: bool = False
) -> Written:
    is_new = part.partition("_")[0] == NEW
    told = tuple(one for one in descriptor.fields if _is_told(one, descriptor, columns, is_new=is_new))
    told_in = replace(descriptor, fields=told)
    return write(told_in, rows, record_column="article", record_type="article", begun=begun)


def _is_told(one: Field, descriptor: Descriptor, columns: Collection[str], *, is_new: bool) -> bool:
    """Tell whether a file has a column."""
    if one.constant is None:
        return one.source in columns
    attribute = one.name.rpartition("_")[0] + "_name"
    if attribute in {other.source for other in descriptor.fields}:
        return attribute in columns  # it says of what kind the attribute is that stands beside it
    # A constant is of new products: of others it would change what is the shop's own.
    return is_new


def kept_apart(rows: pd.DataFrame, layout: Layout, fates: Fates, *, may_change: bool) -> None:
    """Refuse or leave variants of products that the shop has, where its import cannot add or change them.

    Args:
        rows: ``SHOP_PRODUCTS`` and ``is_new``.
        layout: how the platform is told of variants.
        fates: what becomes of the articles.
        may_change: all that a combination's row holds may be changed.
    """
    variants = rows[rows["kind"] == VARIANT]
    if layout.apart and not may_change:
        fates.leave(
            "combination-kept", texts.among(fates.references, variants.loc[~variants["is_new"], "article"]).to_numpy()
        )
    if layout.closed:
        old = rows.loc[~rows["is_new"] & (rows["kind"] == VARIABLE), "article"]
        added = variants[variants["is_new"] & texts.among(variants["parent"], old)]
        fates.refuse(
            outcome.said(
                "variant-not-addable",
                added["article"],
                record_type="article",
                stage="write",
                value=added["parent"],
            )
        )

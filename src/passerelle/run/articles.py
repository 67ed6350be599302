"""The tasks that tell a shop the ERP's articles: all of them, or those alone that the shop does not have.

New products and changed ones go in two files: the first has every column, the second only those that the profile lets
be changed, so that the import cannot touch what is the shop's own.

Source: spec CAT-1 to CAT-4, CAT-10 to CAT-16, SHP-1; design.md decision 5.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import articles as rules
from passerelle.exchange import lcv, texts
from passerelle.exchange.articles import Content
from passerelle.exchange.catalogue import Mask, alike, near_misses
from passerelle.exchange.catalogue import left_out as not_taken
from passerelle.exchange.product_cells import NOTATIONS, Notation, lacking, shop_rows, texts_as_taken
from passerelle.exchange.told import as_json, as_table, shortened
from passerelle.exchange.variant_cells import (
    COMBINATION,
    LAYOUTS,
    Layout,
    base_columns,
    laid_out,
    on_told_base,
    variant_texts,
)
from passerelle.exchange.variant_products import whole_products
from passerelle.exchange.variants import columns as variant_columns
from passerelle.formats.descriptor import Descriptor
from passerelle.ledger.entries import VALUES
from passerelle.model.products import SHOP_PRODUCTS, VARIABLE
from passerelle.profile.loader import ProfileError
from passerelle.profile.shop_settings import ShopArticles, ShopVariants
from passerelle.profile.workbook import read_mappings
from passerelle.run.attribute_values import KIND, AttributeValues
from passerelle.run.beside import Beside, columns_beside, files_beside
from passerelle.run.erp_catalogue import Articles, ErpCatalogue
from passerelle.run.errors import RunError
from passerelle.run.families import ARTICLE, Families
from passerelle.run.fates import Fates
from passerelle.run.job import Desk, Package
from passerelle.run.listing import Listed, read_listing
from passerelle.run.memory import give_back, put_away, taken_out
from passerelle.run.product_files import CHANGED, NEW, OpenFiles, ProductFiles, kept_apart
from passerelle.run.to_shops import shops_with
from passerelle.run.told import Told, differing, ever_told

PRODUCT, TEXTS = "product", "article-text"
"""The kinds of values that the ledger keeps of what a shop was told."""
TABLE = "articles"
BLOCK = 25_000
"""Articles whose products are made at a time: the texts of all would take much memory."""
_IGNORED = "ignored-by-mapping"
_EVERY_NIGHT = ("linked-article-missing", "combinations-missing-sent", "attribute-not-met")
"""Remarks that are said whether or not their article goes."""


@dataclass(frozen=True, slots=True)
class ArticlesTask:
    """The ERP's articles to a shop.

    Attributes:
        name: of the task.
        updates: products that the shop has are changed, as far as the profile lets them be.
    """

    name: str = "articles"
    updates: bool = True

    def make(self, desk: Desk) -> Told:
        """Read the extracts, make products of the articles, write what is new and what differs.

        Raises:
            RunError: an extract cannot be believed, or an option cannot be met.
            CriterionError: the shop's criterion cannot be used.
            StorageError: the shop's listing could not be fetched.
            FormatError: a file is not of its format.
            ProfileError: the mappings cannot be used.
        """
        shops_with(desk.loaded, TABLE, desk.shop.name)
        options = desk.shop.articles or ShopArticles()
        target = _Target.of(desk, options)
        target.check(desk, options, updates=self.updates)
        erp = ErpCatalogue(desk, self.name)
        source = _Source.read(erp, options, target)
        selected = source.select(options, erp.since())
        there = self._there(source, options, target)
        taken = source.families.with_siblings(source.fates.references, source.fates.go, selected)
        blocks = [*source.families.blocks(source.fates.references, taken, target.block)]
        known = source.fates.references[there]
        folder = Path(mkdtemp(dir=desk.workshop))
        apart = put_away(source.articles.table, blocks, folder)
        source = source.without_texts()
        give_back()
        files = OpenFiles(folder)
        made = _Made.together(
            self._made(source, options, target, files, table, block, there[block], known)
            for table, block in zip(taken_out(apart), blocks, strict=True)
        )
        values = _unused_values(desk, target, made.changed[ARTICLE])
        erp.transferred(source.articles.extract.made_at)
        said = _said(source.fates, made.changed[ARTICLE]["key"])
        return Told(
            desk,
            read=source.articles.extract.read.rows,
            fates=source.fates,
            outcomes=outcome.together([source.articles.outcomes, source.said, said, *made.outcomes]),
            changed={**made.changed, KIND: values.changed, **made.beside},
            labels=source.articles.table.set_index("article")["label"],
            packages=(*files.packages, *made.packages, *values.packages),
            marks=erp.marks | values.marks,
            created=made.created,
            unread=len(outcome.refused(source.listed.outcomes)) if source.listed else 0,
            more_reports=values.reports,
            new_values=made.new_values,
        ).checked()

    def _made(
        self,
        source: _Source,
        options: ShopArticles,
        target: _Target,
        files: OpenFiles,
        table: pd.DataFrame,
        block: Mask,
        there: Mask,
        known: pd.Series,
    ) -> _Made:
        """Make the products of a block of articles, and write those that differ.

        Args:
            source: what was read, and the fates of all articles.
            options: the shop's.
            target: the shop's file.
            files: the files of all blocks.
            table: the articles of the block: all of a product or none.
            block: which they are among all.
            there: which of them the shop has.
            known: all articles that the shop has.
        """
        part = source.part(table, block)
        content = _content(part, options, target, there, known)
        rows = self._rows(part, options, target, content, there)
        changes = _Changes.of(part, target, rows, files)
        created = rows.loc[rows["is_new"], "article"]
        further = _languages(part, options, content, target, created, files)
        beside = _beside(part, target, content, rows, changes)
        source.fates.take_back(part.fates, block)
        return _Made(
            {ARTICLE: changes.articles, PRODUCT: changes.products, TEXTS: further},
            created,
            beside.outcomes,
            content.new_values,
            beside.packages,
            beside.changed,
        )

    def _there(self, source: _Source, options: ShopArticles, target: _Target) -> Mask:
        """Tell which articles the shop has; leave those that are not to be created, or not to be changed (CAT-3).

        Combinations that have a file of their own are not in its listing: it has those that it was told.
        """
        desk, fates, listed = source.desk, source.fates, source.listed
        known = desk.ledger.sent_keys(desk.profile.name, desk.shop.name, ARTICLE)
        told: Mask = texts.among(fates.references, known).to_numpy()
        if listed:
            unlisted = source.families.variants_among(fates.references) & target.layout.apart
            there = listed.has(fates.references) | (told & unlisted)
            fates.refuse(listed.outcomes)
            fates.refuse(near_misses(fates.references[fates.go & ~there], listed.rows["article"]))
            if not desk.request.full:
                fates.leave("article-gone-from-shop", told & ~there)
        else:
            there = told if options.create else np.ones(len(told), bool)
        if not options.create:
            fates.leave("article-not-created", ~there)
        fates.refuse(alike(fates.references[fates.go & ~there], fates.references[there]))
        if not self.updates:
            fates.leave("article-in-shop", there)
        elif not rules.permitted(options.update) and options.links == "none":
            fates.leave("article-nothing-to-update", there)
        return there

    def _rows(
        self, source: _Source, options: ShopArticles, target: _Target, content: Content, there: Mask
    ) -> pd.DataFrame:
        """Write products as the platform's rows, those alone that may be told: ``SHOP_PRODUCTS`` and ``is_new``."""
        fates = source.fates
        rows = _laid_out(content, target, source.families, fates)
        has = _in_shop(source, options, fates.references[there], rows)
        rows = _known(rows.assign(is_new=~texts.among(rows["article"], has)), source.listed, target, fates)
        if not (self.updates and target.may_change_bases):
            rows = _on_told_base(source.desk, rows, target, fates)
        rows = rows[self._may_be_told(rows, options)].reset_index(drop=True)
        kept_apart(rows, target.layout, fates, may_change=target.may_change_combinations)
        return rows

    def _may_be_told(self, rows: pd.DataFrame, options: ShopArticles) -> pd.Series:
        """Tell which rows may go: a product with variants is made and changed as articles are."""
        others = rows["kind"] != VARIABLE
        return others | (rows["is_new"] if options.create else others) | (~rows["is_new"] if self.updates else others)


ARTICLES = ArticlesTask()
NEW_ARTICLES = ArticlesTask("new-articles", updates=False)


@dataclass(frozen=True, slots=True)
class _Target:
    """The file of a shop, and what of a product the profile tells by it.

    Attributes:
        descriptor: its format.
        notation: the platform's.
        columns: what new products are told.
        permitted: what of products that the shop has may be changed.
        beside: what is told in files beside this one.
        layout: how the platform is told of variants.
        combinations: format of the file of combinations, where they have one.
    """

    descriptor: Descriptor
    notation: Notation
    columns: set[str]
    permitted: set[str]
    beside: set[str]
    layout: Layout
    combinations: Descriptor | None

    @classmethod
    def of(cls, desk: Desk, options: ShopArticles) -> _Target:
        """Put together what the profile says of it."""
        platform = desk.shop.platform
        descriptor = desk.shop_format("products", options.format, options.format_settings)
        variants = desk.shop.variants or ShopVariants()
        chosen = rules.columns_filled(options) | lcv.columns_filled(variants)
        linked = {"cross-sell": {"cross_sells"}, "up-sell": {"up_sells"}}.get(options.links, set())
        permitted = (rules.permitted(options.update) & chosen) | linked
        layout = LAYOUTS.get(platform, Layout())
        combinations = None
        if layout.apart:
            combinations = desk.shop_format("combinations", variants.format, variants.format_settings)
        beside = columns_beside(desk)
        return cls(descriptor, NOTATIONS[platform], {*chosen, *linked}, permitted, beside, layout, combinations)

    def columns_of(self, part: str) -> set[str]:
        """Give the columns of a file: of new products all, of others what may be changed."""
        return {"shop_kind", *self.row, *self.columns} if part == NEW else self.row | self.permitted

    @property
    def block(self) -> int:
        """How many articles are made at a time: all where what is told of one depends on all others."""
        return sys.maxsize if self.beside or self.notation.key == "shop_handle" else BLOCK

    @property
    def may_change_combinations(self) -> bool:
        """Whether all that a row of a combination holds may be changed: its import empties what the row has not."""
        return (self.columns & COMBINATION) <= self.permitted

    @property
    def bases(self) -> list[str]:
        """What of a product its variants are told to differ from."""
        return base_columns(self.columns, self.layout)

    @property
    def may_change_bases(self) -> bool:
        """Whether a product's price may be changed, with all that its variants differ from it by."""
        return self.may_change_combinations if self.layout.apart else "price" in self.permitted

    @property
    def row(self) -> set[str]:
        """What tells which product a row is of; with the kind of the row where the platform tells rows apart by it."""
        return {"article", "shop_name", *([self.notation.key, "shop_kind"] if self.notation.key else [])}

    @property
    def offered(self) -> set[str]:
        """What the shop can be told."""
        return {one.source for one in self.descriptor.fields if one.constant is None} | self.beside

    @property
    def kept(self) -> set[str]:
        """What of a product the ledger keeps: all that may be changed and that the file holds."""
        named = {"shop_name"} if "name" in self.permitted else set()
        return (self.permitted | named) & self.offered

    def check(self, desk: Desk, options: ShopArticles, *, updates: bool) -> None:
        """See that the file can say what the options want of it.

        Raises:
            RunError: it cannot, or lacks what only the shop knows.
        """
        wrong = lacking(self.columns - {"tax_rule"}, self.offered)
        by_name = bool(options.categories.levels) or options.categories.supplementary_by == "name"
        if options.categories.supplementary and options.categories.supplementary_by == "id" and not self.notation.by_id:
            wrong.append('supplementary_by = "id"')
        if "categories" in self.columns and by_name and self.notation.by_id == "only":
            wrong.append("categories.levels")
        marks = {self.notation.feature, self.notation.between_features} if self.notation.feature else set()
        wrong += [f'features."{name}"' for name in options.features if marks & {*name}]
        if options.languages and not self.notation.languages:
            wrong.append("languages")
        if wrong:
            raise RunError("run-products-lack", is_usage=True, value=", ".join(wrong), format=self.descriptor.name)
        if self.notation.key and updates and self.permitted and not options.listing:
            raise RunError("run-listing-not-set", is_usage=True, format=self.descriptor.name)
        if desk.shop.variants and desk.shop.platform not in LAYOUTS:
            raise RunError("run-products-lack", is_usage=True, value="[shops.variants]", format=self.descriptor.name)


@dataclass(frozen=True, slots=True)
class _Source:
    """What a run has read.

    Attributes:
        desk: the run's.
        articles: the ERP's.
        linked: articles that are linked to others; ``None``: the shop is not told of them.
        doubtful: of the articles some of whose links could not be read.
        families: which articles belong together.
        tables: rows of the mappings.
        listed: what the shop has, by its own export; ``None``: it gives none.
        said: remarks on the mappings.
        fates: what becomes of the articles.
    """

    desk: Desk
    articles: Articles
    linked: pd.DataFrame | None
    doubtful: pd.DataFrame
    families: Families
    tables: Mapping[str, pd.DataFrame]
    listed: Listed | None
    said: pd.DataFrame
    fates: Fates

    @classmethod
    def read(cls, erp: ErpCatalogue, options: ShopArticles, target: _Target) -> _Source:
        """Read the mappings, the extracts and the shop's listing.

        Raises:
            RunError, CriterionError, StorageError, FormatError, ProfileError: as ``ArticlesTask.make``.
        """
        tables, said = _mappings(erp.desk)
        articles, linked, doubtful = _read(erp, options)
        families = Families.read(erp, articles.table, tables)
        listed = _listed(erp.desk, options, target)
        fates = Fates(articles.table["article"])
        return cls(erp.desk, articles, linked, doubtful, families, tables, listed, said, fates)

    def select(self, options: ShopArticles, since: datetime | None) -> Mask:
        """Leave what the shop's filter does not take and what is locked, and tell what is left (CAT-2, CAT-4)."""
        told = ever_told(self.desk, options, ARTICLE)
        filtered = not_taken(self.articles.table, options, since=since, holds=self.articles.holds, told=told)
        for code, mask in filtered.items():
            self.fates.leave(code, mask)
        self.fates.leave("article-locked", rules.locked(self.articles.table, options))
        _refuse(self.fates, self.families.outcomes)
        selected = self.fates.go.copy()
        self.fates.refuse(self.doubtful)  # a variant still belongs to its product, which goes with the others
        return selected

    def without_texts(self) -> _Source:
        """Give the same with no more of the articles than their references and labels."""
        articles = self.articles
        table = articles.table[["article", "label"]]
        return replace(self, articles=replace(articles, table=table, extract=articles.extract.without_rows()))

    def part(self, table: pd.DataFrame, block: Mask) -> _Source:
        """Give the source of some articles: these, with fates of their own."""
        return replace(self, articles=replace(self.articles, table=table), fates=self.fates.part(block))


@dataclass(frozen=True, slots=True)
class _Made:
    """What became of a block of articles, or of all of them.

    Attributes:
        changed: by kind, what the shop is told and what it was told.
        created: articles and products that the shop does not have yet.
        outcomes: what was said beside the fates.
        new_values: by mapping, values that it has no row for.
        packages: the files beside those of products.
        beside: as ``changed``, what is told in these.
    """

    changed: dict[str, pd.DataFrame]
    created: pd.Series
    outcomes: list[pd.DataFrame]
    new_values: dict[str, pd.DataFrame]
    packages: list[Package]
    beside: dict[str, pd.DataFrame]

    @classmethod
    def together(cls, blocks: Iterable[_Made]) -> _Made:
        """Put blocks together, one at least; where files stand beside those of products, there is no more than one."""
        parts = [*blocks]
        first = parts[0]
        if len(parts) == 1:
            return first
        return replace(
            first,
            changed={
                kind: pd.concat([one.changed.pop(kind) for one in parts], ignore_index=True)
                for kind in [*first.changed]
            },
            created=pd.concat([one.created for one in parts], ignore_index=True),
            new_values={
                name: pd.concat([one.new_values[name] for one in parts if name in one.new_values]).drop_duplicates(
                    ignore_index=True
                )
                for name in dict.fromkeys(name for one in parts for name in one.new_values)
            },
        )


def _content(source: _Source, options: ShopArticles, target: _Target, there: Mask, known: pd.Series) -> Content:
    """Make products of the articles: their content, links, variants and packs (CAT-10 to CAT-18).

    Args:
        source: the articles.
        options: the shop's.
        target: the shop's file.
        there: which of the articles the shop has.
        known: all articles that it has.
    """
    fates, families, table = source.fates, source.families, source.articles.table
    content = rules.content(
        table,
        source.tables["tax_rules"],
        options,
        shop=source.desk.shop.name,
        has_tax_rule="tax_rule" in target.columns & target.offered,
        there=there & ~families.variants_among(fates.references),
    )
    _refuse(fates, content.outcomes)
    if source.linked is not None:
        links, waiting = rules.links(source.linked, content.products["article"], known, options.links)
        content = replace(content, links=links)
        fates.refuse(waiting)
    content = families.applied(content, table, pd.concat([known, fates.references[fates.go]]))
    _refuse(fates, content.outcomes)
    return content


@dataclass(frozen=True, slots=True)
class _Changes:
    """What of the products differs from what the shop was told.

    Attributes:
        articles: ``key``, ``value``, ``before`` of articles.
        products: the same of products with variants.
    """

    articles: pd.DataFrame
    products: pd.DataFrame

    @classmethod
    def of(cls, source: _Source, target: _Target, rows: pd.DataFrame, files: OpenFiles) -> _Changes:
        """Compare rows with what the shop was told, and write those that differ (STK-8)."""
        desk, fates = source.desk, source.fates
        is_product = rows["kind"] == VARIABLE
        articles = _differing(desk, ARTICLE, as_json(_told(rows[~is_product], target), "article"))
        products = _differing(desk, PRODUCT, as_json(_told(rows[is_product], target), "article"))
        fates.leave("article-unchanged", ~texts.among(fates.references, articles["key"]).to_numpy())
        writing = ProductFiles(files, target.descriptor, target.combinations, target.layout, fates)
        writing.write(rows, products["key"], target.columns_of)
        articles = articles[texts.among(articles["key"], fates.references[fates.go])].reset_index(drop=True)
        products = products[texts.among(products["key"], writing.products)].reset_index(drop=True)
        return cls(articles, products)


def _beside(source: _Source, target: _Target, content: Content, rows: pd.DataFrame, changes: _Changes) -> Beside:
    """Write what the platform is told in files beside the products, of those that go."""
    goes = texts.among(rows["article"], [*changes.articles["key"], *changes.products["key"]])
    created, others = (rows.loc[goes & (rows["is_new"] == new), "article"] for new in (True, False))
    parents = source.families.variants.set_index("article")["parent"]
    return files_beside(source.desk, content, parents, created, others, {*target.permitted, "components"})


def _unused_values(desk: Desk, target: _Target, changed: pd.DataFrame) -> AttributeValues:
    """List the values of attributes that nothing has any more, where the shop wants it (CAT-20)."""
    lists = (desk.shop.variants or ShopVariants()).list_unused_values and target.layout.shared
    return AttributeValues.after(desk, changed, ARTICLE) if lists else AttributeValues()


def _in_shop(source: _Source, options: ShopArticles, articles: pd.Series, rows: pd.DataFrame) -> pd.Series:
    """Give what the shop has: these articles, and of products with variants those it was told or lists."""
    desk = source.desk
    products = rows.loc[rows["kind"] == VARIABLE, "article"]
    if source.listed:
        products = products[source.listed.has(products)]
    elif options.create:
        told = desk.ledger.sent_keys(desk.profile.name, desk.shop.name, PRODUCT)
        products = products[texts.among(products, told)]
    return pd.concat([articles, products])


def _mappings(desk: Desk) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Read the mappings, and say what was remarked of them."""
    tables, wrong = read_mappings(desk.profile.mappings)
    if (wrong["state"] == "failed").any():
        raise ProfileError(wrong, desk.profile.language)
    return tables, wrong


def _read(erp: ErpCatalogue, options: ShopArticles) -> tuple[Articles, pd.DataFrame | None, pd.DataFrame]:
    """Read the articles, those linked to them, and of which of them that cannot be told."""
    plain, numbers = rules.columns_named(options)
    plain |= variant_columns(erp.desk.shop.variants or ShopVariants()) - numbers
    needed = {"modified"} if options.changed_only else set()
    articles = erp.articles(options, needed, numbers, plain)
    if options.links == "none":
        return articles, None, outcome.none()
    linked, doubtful = erp.linked()
    # A link waits until both are in the shop: that is no change of the article in the ERP.
    waits = texts.among(articles.table["article"], linked["article"])
    articles.table["modified"] = articles.table["modified"].mask(waits)
    return articles, linked, doubtful


def _listed(desk: Desk, options: ShopArticles, target: _Target) -> Listed | None:
    """Read the shop's own products; rows without a reference are of images, or of products that are not the ERP's."""
    if not options.listing:
        return None
    fields = tuple(replace(one, required=False) for one in target.descriptor.fields)
    needed = {"article", target.notation.key}
    listed = read_listing(desk, options.listing, replace(target.descriptor, fields=fields), needed=needed)
    return replace(listed, rows=listed.rows[listed.rows["article"] != ""].reset_index(drop=True))


def _refuse(fates: Fates, outcomes: pd.DataFrame) -> None:
    """Refuse articles that go so far, and leave those that a mapping ignores."""
    remark = outcomes["state"] == "succeeded"
    outcomes = outcomes[remark | texts.among(outcomes["record"], fates.references[fates.go])]
    ignored = outcomes["code"] == _IGNORED
    fates.leave("article-ignored-by-mapping", texts.among(fates.references, outcomes.loc[ignored, "record"]).to_numpy())
    fates.refuse(outcomes[~ignored])


def _said(fates: Fates, going: pd.Series) -> pd.DataFrame:
    """Give what was said of the articles; remarks only of those that go, or they would be said every night."""
    said = outcome.together(fates.said)
    is_remark = (said["state"] == "succeeded") & ~said["code"].isin(_EVERY_NIGHT)
    return said[~is_remark | texts.among(said["record"], going)]


def _laid_out(content: Content, target: _Target, families: Families, fates: Fates) -> pd.DataFrame:
    """Write products as the platform's rows, those that go alone; a product goes whole or not at all."""
    rows, wrong = shop_rows(content, target.notation)
    wrong = wrong[~wrong["field"].isin(target.beside)]  # what has a file of its own is written as it is there
    laid, marked = laid_out(rows, content.components, target.layout, families.types)
    _refuse(fates, outcome.together([wrong, marked]))
    failed = outcome.together(fates.said)
    products = content.products
    _refuse(fates, whole_products(products, set(failed.loc[failed["state"] == "failed", "record"])))
    going = fates.references[fates.go]
    parents = products.loc[texts.among(products["article"], going), "parent"]
    return laid[texts.among(laid["article"], [*going, *parents])].reset_index(drop=True)


def _known(rows: pd.DataFrame, listed: Listed | None, target: _Target, fates: Fates) -> pd.DataFrame:
    """Add what the shop knows products by, and refuse new ones that would have the handle of another one."""
    is_new = rows["is_new"]
    own = {name: pd.Series("", rows.index, dtype="str") for name in ("shop_id", "shop_handle", "shop_name")}
    if listed:
        there = listed.rows[texts.among(listed.rows["article"], rows["article"])]
        there = there.drop_duplicates("article").set_index("article")
        own |= {
            name: there[name].reindex(rows["article"]).fillna("").astype("str").set_axis(rows.index)
            for name in own
            if name in there
        }
    product = rows["parent"].where(rows["parent"] != "", rows["article"])
    handles = rows["permalink"].where(rows["permalink"] != "", rules.slug(product))
    if (rows["parent"] != "").any():
        known = own["shop_handle"].mask(is_new | (own["shop_handle"] == "")).groupby(product, sort=False)
        handles = known.transform("first").fillna(handles.groupby(product, sort=False).transform("first"))
    own["shop_handle"] = own["shop_handle"].mask(is_new, handles)
    renamed = is_new | (own["shop_name"] == "") | ("name" in target.permitted)
    own["shop_name"] = own["shop_name"].mask(renamed, rows["name"])
    rows = rows.assign(**own)
    if target.notation.key != "shop_handle":
        return rows
    others = listed.rows["shop_handle"] if listed and "shop_handle" in listed.rows else pd.Series(dtype="str")
    owners = pd.DataFrame({"handle": own["shop_handle"], "product": product}).drop_duplicates()
    several = owners.loc[owners["handle"].duplicated(keep=False), "handle"]
    taken = texts.among(own["shop_handle"], pd.concat([several, others]))
    has_product = texts.among(product, product[~is_new])
    twice = rows[is_new & ~has_product & (taken | (own["shop_handle"] == "")) & (rows["kind"] != VARIABLE)]
    said = outcome.said(
        "article-handle-twice",
        twice["article"],
        record_type="article",
        stage="write",
        field="permalink",
        value=twice["shop_handle"],
    )
    fates.refuse(said)
    return rows[~texts.among(product, product[twice.index])].reset_index(drop=True)


def _on_told_base(desk: Desk, rows: pd.DataFrame, target: _Target, fates: Fates) -> pd.DataFrame:
    """Let the price of a product whose variants are not all told anew stay what theirs were told to differ from."""
    old = rows.loc[(rows["kind"] == VARIABLE) & ~rows["is_new"], "article"]
    if not target.bases or old.empty:
        return rows
    told = as_table(desk.ledger.sent_values(desk.profile.name, desk.shop.name, PRODUCT, old))
    told = told.reindex(columns=target.bases)
    rows, unknown = on_told_base(rows, told, target.bases)
    fates.refuse(unknown)
    return rows[~texts.among(rows["article"], outcome.refused(unknown))]


def _told(rows: pd.DataFrame, target: _Target) -> pd.DataFrame:
    """Give what the ledger keeps of products as texts; long ones by their beginning and their hash."""
    own = variant_texts(rows, target.permitted, target.layout)
    bases = {*target.bases} if (rows["kind"] == VARIABLE).any() else set()
    return pd.concat([_kept(rows, target.kept | bases), own], axis=1)


def _kept(rows: pd.DataFrame, columns: Collection[str]) -> pd.DataFrame:
    told = {name: _shown(rows[name], SHOP_PRODUCTS.column(name).kind) for name in sorted(columns)}
    return pd.DataFrame({"article": rows["article"], **told})


def _shown(column: pd.Series, kind: str) -> pd.Series:
    if kind in {"amount", "quantity"}:
        return money.to_shortest_text(column)
    return shortened(column) if kind == "text" else column.astype("str")


def _languages(
    source: _Source,
    options: ShopArticles,
    content: Content,
    target: _Target,
    created: pd.Series,
    files: OpenFiles,
) -> pd.DataFrame:
    """Write the texts in further languages that differ, a file for each language, and give them."""
    fates = source.fates
    if not options.languages:
        return VALUES.empty()
    permitted = target.kept & {*rules.TEXTS} if options.update.languages else set()
    rows, wrong = texts_as_taken(content.texts, target.notation)
    fates.refuse(wrong)
    is_new = texts.among(rows["article"], created)
    refused = texts.among(rows["article"], outcome.refused(outcome.together(fates.said)))
    rows = rows[(is_new | bool(permitted)) & ~refused].reset_index(drop=True)
    rows["key"] = texts.side_by_side(rows[["language", "article"]], "/")
    changed = _differing(source.desk, TEXTS, as_json(_kept(rows, permitted).assign(article=rows["key"]), "article"))
    rows = rows[texts.among(rows["key"], changed["key"])]
    is_new = texts.among(rows["article"], created)
    for language, chosen in options.languages.items():
        filled = {name for name in rules.TEXTS if getattr(chosen, name)}
        mine = rows[rows["language"] == language]
        for part, which, columns in ((NEW, is_new, filled), (CHANGED, ~is_new, filled & permitted)):
            told = {"article", "language", *columns}
            files.add(target.descriptor, mine[which[mine.index]], told, f"{language}_{part}", fates)
    return changed


def _differing(desk: Desk, kind: str, values: pd.Series) -> pd.DataFrame:
    """Give the values of a block that differ; what the shop was told is asked of these alone."""
    keys = pd.Series(values.index, dtype="str")
    return differing(desk, kind, values, desk.ledger.sent_values(desk.profile.name, desk.shop.name, kind, keys))

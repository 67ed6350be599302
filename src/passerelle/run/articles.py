"""The tasks that tell a shop the ERP's articles: all of them, or those alone that the shop does not have.

New products and changed ones go in two files: the first has every column, the second only those that the profile lets
be changed, so that the import cannot touch what is the shop's own.

Source: spec CAT-1 to CAT-4, CAT-10 to CAT-16, SHP-1; design.md decision 5.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import articles as rules
from passerelle.exchange import texts
from passerelle.exchange.articles import Content
from passerelle.exchange.catalogue import Mask, near_misses
from passerelle.exchange.catalogue import left_out as not_taken
from passerelle.exchange.product_cells import NOTATIONS, Notation, lacking, shop_rows, texts_as_taken
from passerelle.exchange.told import as_json, shortened
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.writer import write
from passerelle.ledger.entries import VALUES
from passerelle.model.products import SHOP_PRODUCTS
from passerelle.profile.loader import ProfileError
from passerelle.profile.shop_settings import ShopArticles
from passerelle.profile.workbook import read_mappings
from passerelle.run.beside import columns_beside, files_beside
from passerelle.run.erp_catalogue import Articles, ErpCatalogue
from passerelle.run.errors import RunError
from passerelle.run.fates import Fates
from passerelle.run.job import Desk, Package
from passerelle.run.listing import Listed, read_listing
from passerelle.run.to_shops import shops_with
from passerelle.run.told import Told, differing

ARTICLE, TEXTS = "article", "article-text"
"""The kinds of values that the ledger keeps of what a shop was told."""
TABLE = "articles"
NEW, CHANGED = "new", "changed"
"""The files: of new products, of those that the shop has."""
_IGNORED = "ignored-by-mapping"
_WAITS = "linked-article-missing"


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
        target.check(options, updates=self.updates)
        tax_rules, said = _tax_rules(desk)
        erp = ErpCatalogue(desk, self.name)
        articles, linked = _read(erp, options)
        listed = _listed(desk, options, target)
        fates = Fates(articles.table["article"])
        for code, mask in not_taken(articles.table, options, since=erp.since(), holds=articles.holds).items():
            fates.leave(code, mask)
        fates.leave("article-locked", rules.locked(articles.table, options))
        there = self._there(desk, options, fates, listed)
        content = rules.content(
            articles.table[fates.go],
            tax_rules,
            options,
            shop=desk.shop.name,
            has_tax_rule="tax_rule" in target.columns & target.offered,
            there=there[fates.go],
        )
        _refuse(fates, content.outcomes)
        if linked is not None:
            found, waiting = rules.links(linked, content.products["article"], fates.references[there], options.links)
            content = replace(content, links=found)
            fates.refuse(waiting)
        rows, wrong = shop_rows(content, target.notation)
        fates.refuse(wrong)
        rows = rows[texts.among(rows["article"], fates.references[fates.go])].reset_index(drop=True)
        is_new = ~texts.among(rows["article"], fates.references[there]).to_numpy()
        rows, wrong = _known(rows, is_new, listed, target)
        fates.refuse(wrong)
        changed = differing(desk, ARTICLE, as_json(_told(rows, target.kept), "article"))
        fates.leave("article-unchanged", ~texts.among(fates.references, changed["key"]).to_numpy())
        packages = []
        for part, mine, columns in (
            (NEW, is_new, {"shop_kind", *target.row, *target.columns}),
            (CHANGED, ~is_new, target.row | target.permitted),
        ):
            going = mine & texts.among(rows["article"], fates.references[fates.go]).to_numpy()
            packages += _package(target.descriptor, rows[going], columns, part, fates)
        changed = changed[texts.among(changed["key"], fates.references[fates.go])].reset_index(drop=True)
        further, more = _languages(desk, options, content, target, rows.loc[is_new, "article"], fates)
        going = rows.loc[texts.among(rows["article"], changed["key"]), "article"]
        created = texts.among(going, rows.loc[is_new, "article"])
        beside = files_beside(desk, content, going[created], going[~created], target.permitted)
        erp.transferred(articles.extract.made_at)
        return Told(
            desk,
            read=articles.extract.read.rows,
            fates=fates,
            outcomes=outcome.together([articles.outcomes, said, _said(fates, changed["key"]), *beside.outcomes]),
            changed={ARTICLE: changed, TEXTS: further, **beside.changed},
            labels=articles.table.set_index("article")["label"],
            packages=(*packages, *more, *beside.packages),
            marks=erp.marks,
            created=set(rows.loc[is_new, "article"]),
            unread=len(outcome.refused(listed.outcomes)) if listed else 0,
            new_values=content.new_values,
        ).checked()

    def _there(self, desk: Desk, options: ShopArticles, fates: Fates, listed: Listed | None) -> Mask:
        """Tell which articles the shop has; leave those that are not to be created, or not to be changed."""
        known = desk.ledger.sent_values(desk.profile.name, desk.shop.name, ARTICLE)["key"]
        told: Mask = texts.among(fates.references, known).to_numpy()
        if listed:
            there = listed.has(fates.references)
            fates.refuse(listed.outcomes)
            fates.refuse(near_misses(fates.references[fates.go & ~there], listed.rows["article"]))
            if not desk.request.full:
                fates.leave("article-gone-from-shop", told & ~there)
        else:
            there = told if options.create else np.ones(len(told), bool)
        if not options.create:
            fates.leave("article-not-created", ~there)
        if not self.updates:
            fates.leave("article-in-shop", there)
        elif not rules.permitted(options.update) and options.links == "none":
            fates.leave("article-nothing-to-update", there)
        return there


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
    """

    descriptor: Descriptor
    notation: Notation
    columns: set[str]
    permitted: set[str]
    beside: set[str]

    @classmethod
    def of(cls, desk: Desk, options: ShopArticles) -> _Target:
        """Put together what the profile says of it."""
        platform = desk.shop.platform
        descriptor = desk.shop_format("products", options.format, options.format_settings)
        chosen = rules.columns_filled(options)
        linked = {"cross-sell": {"cross_sells"}, "up-sell": {"up_sells"}}.get(options.links, set())
        permitted = (rules.permitted(options.update) & chosen) | linked
        return cls(descriptor, NOTATIONS[platform], {*chosen, *linked}, permitted, columns_beside(desk))

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

    def check(self, options: ShopArticles, *, updates: bool) -> None:
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
        if options.languages and not self.notation.languages:
            wrong.append("languages")
        if wrong:
            raise RunError("run-products-lack", is_usage=True, value=", ".join(wrong), format=self.descriptor.name)
        if self.notation.key and updates and self.permitted and not options.listing:
            raise RunError("run-listing-not-set", is_usage=True, format=self.descriptor.name)


def _tax_rules(desk: Desk) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the mapping of the VAT codes."""
    tables, wrong = read_mappings(desk.profile.mappings)
    if (wrong["state"] == "failed").any():
        raise ProfileError(wrong, desk.profile.language)
    return tables["tax_rules"], wrong


def _read(erp: ErpCatalogue, options: ShopArticles) -> tuple[Articles, pd.DataFrame | None]:
    """Read the articles, and those linked to them."""
    plain, numbers = rules.columns_named(options)
    needed = {"modified"} if options.changed_only else set()
    articles = erp.articles(options, needed, numbers, plain)
    if options.links == "none":
        return articles, None
    linked = erp.linked()
    # A link waits until both are in the shop: that is no change of the article in the ERP.
    waits = texts.among(articles.table["article"], linked["article"])
    articles.table["modified"] = articles.table["modified"].mask(waits)
    return articles, linked


def _listed(desk: Desk, options: ShopArticles, target: _Target) -> Listed | None:
    """Read the shop's own products; rows without a reference are of images, or of products that are not the ERP's."""
    if not options.listing:
        return None
    fields = tuple(replace(one, required=False) for one in target.descriptor.fields)
    listed = read_listing(desk, options.listing, replace(target.descriptor, fields=fields), "")
    return replace(listed, rows=listed.rows[listed.rows["article"] != ""].reset_index(drop=True))


def _refuse(fates: Fates, outcomes: pd.DataFrame) -> None:
    """Refuse articles, and leave those that a mapping ignores."""
    ignored = outcomes["code"] == _IGNORED
    fates.leave(_IGNORED, texts.among(fates.references, outcomes.loc[ignored, "record"]).to_numpy())
    fates.refuse(outcomes[~ignored])


def _said(fates: Fates, going: pd.Series) -> pd.DataFrame:
    """Give what was said of the articles; remarks only of those that go, or they would be said every night."""
    said = outcome.together(fates.said)
    is_remark = (said["state"] == "succeeded") & (said["code"] != _WAITS)
    return said[~is_remark | texts.among(said["record"], going)]


def _known(
    rows: pd.DataFrame, is_new: Mask, listed: Listed | None, target: _Target
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add what the shop knows products by, and refuse new ones that would have the handle of another one."""
    own = {name: pd.Series("", rows.index, dtype="str") for name in ("shop_id", "shop_handle", "shop_name")}
    if listed:
        there = listed.rows.drop_duplicates("article").set_index("article")
        own |= {
            name: there[name].reindex(rows["article"]).fillna("").astype("str").set_axis(rows.index)
            for name in own
            if name in there
        }
    handles = rows["permalink"].where(rows["permalink"] != "", rules.slug(rows["article"]))
    own["shop_handle"] = own["shop_handle"].mask(is_new, handles)
    renamed = is_new | (own["shop_name"] == "") | ("name" in target.permitted)
    own["shop_name"] = own["shop_name"].mask(renamed, rows["name"])
    rows = rows.assign(**own)
    if target.notation.key != "shop_handle":
        return rows, outcome.none()
    others = listed.rows["shop_handle"] if listed and "shop_handle" in listed.rows else pd.Series(dtype="str")
    taken = own["shop_handle"].duplicated(keep=False) | texts.among(own["shop_handle"], others)
    twice = rows[is_new & (taken | (own["shop_handle"] == ""))]
    return rows, outcome.said(
        "article-handle-twice",
        twice["article"],
        record_type="article",
        stage="write",
        field="permalink",
        value=twice["shop_handle"],
    )


def _told(rows: pd.DataFrame, columns: Collection[str]) -> pd.DataFrame:
    """Give some columns of products as texts, as the ledger keeps them; long ones by their beginning and their hash."""
    told = {name: _shown(rows[name], SHOP_PRODUCTS.column(name).kind) for name in sorted(columns)}
    return pd.DataFrame({"article": rows["article"], **told})


def _shown(column: pd.Series, kind: str) -> pd.Series:
    if kind in {"amount", "quantity"}:
        return texts.replaced(money.to_text(column, money.SCALE), r"\.?0+$", "")
    return shortened(column) if kind == "text" else column.astype("str")


def _package(
    descriptor: Descriptor, rows: pd.DataFrame, columns: Collection[str], part: str, fates: Fates
) -> list[Package]:
    """Write a file of some products with some columns; those that it cannot hold are refused."""
    if rows.empty:
        return []
    # A constant is of new products: of others it would change what is the shop's own.
    told = tuple(
        one for one in descriptor.fields if (part == NEW if one.constant is not None else one.source in columns)
    )
    written = write(replace(descriptor, fields=told), rows, record_column="article", record_type="article")
    fates.refuse(written.outcomes)
    path = PurePath(descriptor.path)
    return [Package(f"{path.stem}_{part}{path.suffix}", written.data, written.rows)] if written.rows else []


def _languages(
    desk: Desk, options: ShopArticles, content: Content, target: _Target, created: pd.Series, fates: Fates
) -> tuple[pd.DataFrame, list[Package]]:
    """Give the texts in further languages that differ, and a file for each language."""
    if not options.languages:
        return VALUES.empty(), []
    permitted = target.kept & {*rules.TEXTS} if options.update.languages else set()
    rows, wrong = texts_as_taken(content.texts, target.notation)
    fates.refuse(wrong)
    is_new = texts.among(rows["article"], created)
    refused = texts.among(rows["article"], outcome.refused(outcome.together(fates.said)))
    rows = rows[(is_new | bool(permitted)) & ~refused].reset_index(drop=True)
    rows["key"] = texts.side_by_side(rows[["language", "article"]], "/")
    changed = differing(desk, TEXTS, as_json(_told(rows, permitted).assign(article=rows["key"]), "article"))
    rows = rows[texts.among(rows["key"], changed["key"])]
    is_new = texts.among(rows["article"], created)
    packages = []
    for language, chosen in options.languages.items():
        filled = {name for name in rules.TEXTS if getattr(chosen, name)}
        mine = rows[rows["language"] == language]
        for part, which, columns in ((NEW, is_new, filled), (CHANGED, ~is_new, filled & permitted)):
            own = mine[which[mine.index]]
            packages += _package(target.descriptor, own, {"article", "language", *columns}, f"{language}_{part}", fates)
    return changed, packages

"""The task that tells a shop the ERP's stock: only what differs from what the shop was told.

A run is of one shop: what stops one does not stop the others.

Source: spec CAT-2, CAT-5, STK-1 to STK-8, SHP-1; design.md decision 5.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.activation import activity_values, under_products
from passerelle.exchange.catalogue import in_order_of, last_changed
from passerelle.exchange.catalogue import left_out as not_taken
from passerelle.exchange.stock import PARTS, shop_stock, stock_values, store_stock, unknown_depots
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.writer import write
from passerelle.ledger.entries import VALUES
from passerelle.profile.shop_settings import ShopStock
from passerelle.run.erp_catalogue import Articles, ErpCatalogue
from passerelle.run.errors import RunError
from passerelle.run.families import leave_combinations
from passerelle.run.fates import Fates
from passerelle.run.job import Desk, Package
from passerelle.run.listing import Listed, read_listing
from passerelle.run.shop_file import format_for, package, write_told
from passerelle.run.to_shops import shops_with
from passerelle.run.told import Told, acknowledged, differing

NAME = "stocks"
STOCK, AVAILABILITY, ACTIVATION = "stock", "availability", "activation"
"""The kinds of values that the ledger keeps of what a shop was told."""
_AVAILABILITY_FORMAT = "shop/availability"
_TOLD_BY = {"hide": "is_visible", "deactivate": "is_active"}
"""The column of a shop's file that says what became of an article that is out of stock."""


@dataclass(frozen=True, slots=True)
class StocksTask:
    """The ERP's stock to a shop."""

    name: str = NAME

    def make(self, desk: Desk) -> Told:
        """Read the extracts, compute the shop's stock, write what differs.

        Raises:
            RunError: an extract cannot be believed, or an option cannot be met.
            CriterionError: the shop's criterion cannot be used.
            StorageError: the shop's listing could not be fetched.
            FormatError: a file is not of its format.
        """
        shops_with(desk.loaded, STOCK, desk.shop.name)
        options = desk.shop.stock or ShopStock()
        descriptor = format_for(desk, options, STOCK)
        _check_target(descriptor, options)
        erp = ErpCatalogue(desk, self.name)
        with ThreadPoolExecutor(1) as beside:  # the ledger's database and Arrow work outside of Python's lock
            acknowledges = beside.submit(acknowledged, desk, STOCK)
            articles = _articles(erp, options)
            references = articles.table["article"]
            known = beside.submit(lambda: in_order_of(references, acknowledges.result()))
            levels, doubtful = _levels(erp, articles, options)
        listed = _listed(desk, options, descriptor)
        fates = Fates(articles.table["article"])
        told = acknowledges.result()["key"] if options.changed_only else None
        filtered = not_taken(articles.table, options, since=erp.since(), holds=articles.holds, told=told)
        for code, mask in filtered.items():
            fates.leave(code, mask)
        leave_combinations(desk, fates)
        fates.refuse(doubtful)
        if listed:
            fates.compare(listed)
        if not options.depots:
            fates.leave("stock-no-depot", fates.go)
        table = articles.table[fates.go].reset_index(drop=True)
        stock = shop_stock(table, levels, options, desk.profile.erp.active_states)
        changed = differing(desk, STOCK, stock_values(stock), known.result()[fates.go])
        fates.leave("stock-unchanged", ~texts.among(fates.references, changed["key"]).to_numpy())
        written = write_told(descriptor, *_rows(stock, changed["key"], listed, options.location))
        fates.refuse(written.outcomes)
        stores = _stores(desk, table, levels, options)
        changed = changed[texts.among(changed["key"], fates.references[fates.go])].reset_index(drop=True)
        return Told(
            desk,
            read=articles.extract.read.rows,
            fates=fates,
            outcomes=outcome.together([articles.outcomes, *fates.said]),
            changed={STOCK: changed, AVAILABILITY: stores.changed, ACTIVATION: _activity(desk, stock, changed["key"])},
            labels=articles.table.set_index("article")["label"],
            packages=tuple(one for one in (package(descriptor, written), stores.package) if one),
            marks=erp.marks,
            unread=len(outcome.refused(listed.outcomes)) if listed else 0,
        ).checked()


STOCKS = StocksTask()


def _listed(desk: Desk, options: ShopStock, descriptor: Descriptor) -> Listed | None:
    """Read what the shop has; where its files have rows of products, also which of these are for sale."""
    if options.listing is None:
        return None
    has_products = "shop_row" in {one.source for one in descriptor.fields}
    also = {"is_active"} if has_products and options.out_of_stock == "deactivate" else set()
    return read_listing(desk, options.listing, descriptor, options.location, also)


def _rows(stock: pd.DataFrame, changed: pd.Series, listed: Listed | None, location: str) -> tuple[pd.DataFrame, str]:
    """Give the rows of the file, and their column with the article that each belongs to."""
    if listed and "shop_row" in listed.rows:
        return under_products(listed.rows, stock, changed), "record"
    rows = stock[texts.among(stock["article"], changed)].reset_index(drop=True)
    return listed.joined(rows) if listed else rows.assign(location=location), "article"


@dataclass(frozen=True, slots=True)
class _Stores:
    """What the shop's stores are told (STK-7)."""

    changed: pd.DataFrame
    package: Package | None


def _has_depots(erp: ErpCatalogue) -> bool:
    return erp.desk.profile.erp.extracts.stock is not None


def _articles(erp: ErpCatalogue, options: ShopStock) -> Articles:
    needed = set() if _has_depots(erp) else set(PARTS[options.kind])
    if options.out_of_stock == "deactivate":
        needed |= {"is_on_web", "active_state"}
    safety = [options.safety_column] if options.safety_column else []
    articles = erp.articles(options, needed, safety)
    if safety:
        articles.table["safety_stock"] = articles.table[options.safety_column]
    return articles


def _levels(erp: ErpCatalogue, articles: Articles, options: ShopStock) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the stock by depot, and say of which articles it is not known."""
    levels, doubtful = erp.stock(articles, set(PARTS[options.kind]))
    unknown = unknown_depots(levels.table, options)
    if unknown and not _has_depots(erp):  # the articles' own stock is in no depot: each would have none
        raise RunError("run-extract-not-set", is_usage=True, setting="erp.extracts.stock")
    if unknown:
        known = ", ".join(sorted(levels.table["depot"].unique()))
        raise RunError("run-unknown-depot", is_usage=True, value=", ".join(unknown), known=known)
    if options.changed_only:
        articles.table["modified"] = last_changed(articles.table, levels.table)
    erp.transferred(min(articles.extract.made_at, levels.made_at))
    return levels.table, doubtful


def _check_target(descriptor: Descriptor, options: ShopStock) -> None:
    """See that the shop's file can say what the options want of it.

    Raises:
        RunError: it cannot, or lacks what only the shop knows.
    """
    sources = {one.source: one for one in descriptor.fields}
    column = _TOLD_BY.get(options.out_of_stock)
    if column and column not in sources:
        raise RunError("run-target-lacks", is_usage=True, value=options.out_of_stock, format=descriptor.name)
    if "location" in sources and not options.location:
        raise RunError("run-location-not-set", is_usage=True, format=descriptor.name)


def _activity(desk: Desk, stock: pd.DataFrame, changed: pd.Series) -> pd.DataFrame:
    """Give the articles that are switched on or off with their stock, as the task of activation keeps them (STK-6)."""
    if "is_active" not in stock:
        return VALUES.empty()
    switched = stock[texts.among(stock["article"], changed)]
    return differing(desk, ACTIVATION, activity_values(switched["article"], switched["is_active"]))


def _stores(desk: Desk, articles: pd.DataFrame, levels: pd.DataFrame, options: ShopStock) -> _Stores:
    if not options.stores:
        return _Stores(VALUES.empty(), None)
    stores = store_stock(articles, levels, options)
    keys = texts.side_by_side(stores[["store", "article"]], "/")
    changed = differing(desk, AVAILABILITY, stores["availability"].set_axis(pd.Index(keys)))
    descriptor = desk.shop_format(_AVAILABILITY_FORMAT)
    written = write(descriptor, stores[texts.among(keys, changed["key"])], record_type="article")
    return _Stores(changed, package(descriptor, written))

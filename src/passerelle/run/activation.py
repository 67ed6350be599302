"""The task that switches a shop's articles on and off: only those that are not as the shop was told.

What the task of the stock switched off for want of stock stays off: one value in the ledger tells whether an article is
for sale, whichever of the two told it last, and what the shop knows to be sold out is not switched on.

Source: spec CAT-2, CAT-5, STK-6, SHP-1; design.md decision 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.activation import activity_values, for_sale, product_rows, sold_out
from passerelle.exchange.catalogue import left_out as not_taken
from passerelle.profile.shop_settings import ShopActivation
from passerelle.run.erp_catalogue import ErpCatalogue
from passerelle.run.families import leave_combinations
from passerelle.run.fates import Fates
from passerelle.run.job import Desk
from passerelle.run.listing import Listed, read_listing
from passerelle.run.locks import leave_locked, lock_columns
from passerelle.run.shop_file import format_for, package, write_told
from passerelle.run.stocks import ACTIVATION, STOCK
from passerelle.run.to_shops import shops_with
from passerelle.run.told import Told, differing, ever_told


@dataclass(frozen=True, slots=True)
class ActivationTask:
    """Articles of a shop on and off."""

    name: str = ACTIVATION

    def make(self, desk: Desk) -> Told:
        """Read the extract, tell which articles are for sale, write those that the shop was told otherwise of.

        Raises:
            RunError: an extract cannot be believed, or an option cannot be met.
            CriterionError: the shop's criterion cannot be used.
            StorageError: the shop's listing could not be fetched.
            FormatError: a file is not of its format.
        """
        shops_with(desk.loaded, ACTIVATION, desk.shop.name)
        options = desk.shop.activation or ShopActivation()
        descriptor = format_for(desk, options, ACTIVATION)
        erp = ErpCatalogue(desk, self.name)
        articles = erp.articles(options, {"is_on_web", "active_state"}, plain=lock_columns(desk))
        erp.transferred(articles.extract.made_at)
        listed = read_listing(desk, options.listing, descriptor) if options.listing else None
        table = articles.table
        fates = Fates(table["article"])
        told = ever_told(desk, options, ACTIVATION)
        filtered = not_taken(table, options, since=erp.since(), holds=articles.holds, told=told)
        for code, mask in filtered.items():
            fates.leave(code, mask)
        leave_locked(desk, fates, table)
        leave_combinations(desk, fates)
        if listed:
            fates.compare(listed)
        active = _for_sale(desk, table)
        changed = differing(desk, ACTIVATION, activity_values(table["article"], active)[fates.go])
        fates.leave("activation-unchanged", ~texts.among(fates.references, changed["key"]).to_numpy())
        written = write_told(descriptor, *_rows(table["article"], active, changed["key"], listed))
        fates.refuse(written.outcomes)
        return Told(
            desk,
            read=articles.extract.read.rows,
            fates=fates,
            outcomes=outcome.together([articles.outcomes, *fates.said]),
            changed={ACTIVATION: changed[texts.among(changed["key"], fates.references[fates.go])]},
            labels=table.set_index("article")["label"],
            packages=tuple(one for one in [package(descriptor, written)] if one),
            marks=erp.marks,
            unread=len(outcome.refused(listed.outcomes)) if listed else 0,
        ).checked()


ACTIVATE = ActivationTask()


def _for_sale(desk: Desk, articles: pd.DataFrame) -> pd.Series:
    """Tell which articles are for sale: published, not dormant, and not sold out where such are deactivated."""
    active = for_sale(articles, desk.profile.erp.active_states)
    if desk.shop.stock and desk.shop.stock.out_of_stock == "deactivate":
        told = desk.ledger.sent_values(desk.profile.name, desk.shop.name, STOCK)
        active &= ~texts.among(articles["article"], sold_out(told))
    return active


def _rows(
    references: pd.Series, active: pd.Series, changed: pd.Series, listed: Listed | None
) -> tuple[pd.DataFrame, str]:
    """Give the rows of the file, and their column with the article that each belongs to."""
    if listed and {"shop_handle", "shop_row"} & {*listed.rows}:
        return product_rows(listed.rows, references, active, changed), "record"
    rows = pd.DataFrame({"article": references, "is_active": active})[texts.among(references, changed)]
    return rows.reset_index(drop=True), "article"

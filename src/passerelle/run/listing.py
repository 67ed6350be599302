"""What a shop has, by its own export: the references it knows, and its ids of what the ERP knows by its reference.

Source: spec CAT-5, SHP-1.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.catalogue import Mask
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.reader import read
from passerelle.profile.shop_settings import Listing
from passerelle.run import debug
from passerelle.run.errors import RunError
from passerelle.run.job import Desk
from passerelle.storage.pickup import pick_up
from passerelle.storage.places import open_place

OWN = "shop_"
"""Begins the columns that only the shop knows."""
_KEPT = ("article", "location")
_ROW, _SOLD = "shop_row", ("product", "variant")
"""Where rows of an export tell what they are of, and those that count."""
_FORMULA = r"^'([=+@-])"
"""What WooCommerce's export writes before texts that a spreadsheet would take for a formula."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a shop has.

    Attributes:
        rows: of the table that the shop is told, the columns that come of the shop.
        outcomes: rows that could not be read.
    """

    rows: pd.DataFrame
    outcomes: pd.DataFrame

    def has(self, references: pd.Series) -> Mask:
        """Tell which references the shop has: exactly, case and blanks included (CAT-5)."""
        there: Mask = texts.among(references, self.rows["article"]).to_numpy()
        return there

    def joined(self, told: pd.DataFrame) -> pd.DataFrame:
        """Give the shop's rows of some articles, in the order of these, with what they are told."""
        own = self.rows[["article", *self.rows.columns.difference(told.columns, sort=False)]]
        return told.merge(own, on="article", how="inner", sort=False)


def read_listing(
    desk: Desk,
    listing: Listing,
    descriptor: Descriptor,
    location: str = "",
    also: Collection[str] = (),
    needed: Collection[str] = (),
) -> Listed:
    """Read the export of a shop's own articles.

    Args:
        desk: the run's.
        listing: where it lies.
        descriptor: the format of what is written: the export has the same columns.
        location: the only place of the shop whose rows count; empty: all.
        also: further columns of the file that are read: what the shop has there.
        needed: columns that a file has to have, whose cells may be empty.

    Raises:
        RunError: there is none, or nothing of this location in it, or it lacks a column.
        StorageError: it cannot be fetched.
        FormatError: a file is not of the format.
    """
    kept = tuple(one for one in descriptor.fields if one.source in {*_KEPT, *also} or one.source.startswith(OWN))
    # An export has rows of images, and of products that have no reference of their own: no mistake there.
    form = replace(descriptor, fields=tuple(replace(one, required=False) for one in kept), detect=True)
    with TemporaryDirectory() as folder, open_place(listing.place, base_folder=desk.loaded.folder) as storage:
        files = pick_up(storage, listing.files, Path(folder))
        contents = {file.path: file.local.read_bytes() for file in files}
        where = storage.name
    for path, data in contents.items():
        debug.keep("listing", path, data)
    tables = [read(form, data, name=path) for path, data in contents.items()]
    if not tables:
        raise RunError("run-listing-missing", place=where)
    for path, one in zip(contents, tables, strict=True):
        lacking = [descriptor.field(source).title for source in one.absent if source in needed]
        if lacking:
            raise RunError("run-listing-lacks-column", is_usage=True, file=path, columns=", ".join(lacking))
    rows = pd.concat([one.table for one in tables], ignore_index=True)
    if desk.shop.platform == "woocommerce":
        rows["article"] = texts.replaced(rows["article"], _FORMULA, r"\1")
    if descriptor.field("article").required:
        rows = rows[rows["article"] != ""]
    if _ROW in rows:
        rows = rows[texts.among(rows[_ROW].str.casefold(), _SOLD)]
    if location and "location" in {one.source for one in kept}:
        rows = rows[rows["location"] == location]
        if rows.empty:
            raise RunError("run-location-unknown", is_usage=True, value=location, place=where)
    names = [one.source for one in kept if one.source in rows]
    return Listed(rows[names].reset_index(drop=True), outcome.together(one.outcomes for one in tables))

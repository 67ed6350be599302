"""Picking up and reading what the shops gave.

Source: spec STO-6, STO-12.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from passerelle import outcome
from passerelle.formats.registry import formats
from passerelle.model.orders import SalesOrders
from passerelle.profile.loader import LoadedProfile
from passerelle.profile.settings import Shop
from passerelle.shops.export import ExportFile, ReadOptions, of_file, read_export
from passerelle.storage.archives import unpack
from passerelle.storage.base import Storage
from passerelle.storage.errors import printable
from passerelle.storage.pickup import PickedFile, pick_up
from passerelle.storage.places import open_place


def read_shop(shop: Shop, loaded: LoadedProfile) -> SalesOrders:
    """Read the orders of all export files that lie at a shop's place, and leave everything as it is.

    Raises:
        StorageError: the files cannot be picked up.
    """
    with TemporaryDirectory() as folder:
        with open_place(shop.source.place, base_folder=loaded.folder) as storage:
            picked = picked_files(storage, shop, Path(folder))
            where = storage.name
        return read_files(shop, loaded, picked) if picked else without_files(shop, loaded, where)


def picked_files(storage: Storage, shop: Shop, into: Path) -> list[PickedFile]:
    """Fetch the export files of a shop that lie complete at its place."""
    source = shop.source
    return pick_up(storage, source.files, into, done_suffix=source.done_suffix, settled_seconds=source.settled)


def read_files(shop: Shop, loaded: LoadedProfile, files: Iterable[PickedFile]) -> SalesOrders:
    """Read the orders of export files, those in zip archives too; what cannot be read is in the outcomes."""
    exports, refused = _opened(files)
    profile = loaded.profile
    options = ReadOptions(
        shop=shop.name,
        time_zone=profile.time_zone,
        shop_currency=shop.currency,
        language=shop.language or profile.language,
        wrapping_labels=shop.wrapping_labels,
        formats=formats(profile.erp.formats_folder),
        format_settings=profile.erp.format_settings,
    )
    sales = read_export(shop.platform, exports, options)
    return replace(sales, outcomes=outcome.together([refused, sales.outcomes]))


def without_files(shop: Shop, loaded: LoadedProfile, where: str) -> SalesOrders:
    """Say that a shop has left no file at its place."""
    missing = outcome.said("no-export-file", [shop.name], record_type="file", stage="read", value=where)
    sales = read_files(shop, loaded, ())
    return replace(sales, outcomes=outcome.together([sales.outcomes, missing]))


def _opened(files: Iterable[PickedFile]) -> tuple[list[ExportFile], pd.DataFrame]:
    """Give the content of files; those in an archive are named ``archive.zip/file``."""
    exports: list[ExportFile] = []
    said: list[pd.DataFrame] = []
    for file in files:
        if not file.path.lower().endswith(".zip"):
            exports.append(ExportFile(file.path, file.local.read_bytes()))
            continue
        with TemporaryDirectory() as folder:
            found = unpack(file.local, Path(folder))
            exports += [ExportFile(f"{file.path}/{each.name}", each.local.read_bytes()) for each in found.files]
        for refusal in found.refusals:
            name = f"{file.path}/{printable(refusal.name)}" if refusal.name else file.path
            said.append(of_file(refusal.code, name, detail=printable(refusal.detail)))
        if not (found.files or found.refusals):
            said.append(of_file("zip-empty", file.path))
    return exports, outcome.together(said)

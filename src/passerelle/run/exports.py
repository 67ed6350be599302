"""Picking up and reading what the shops gave.

Source: spec STO-6, STO-12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar

import pandas as pd

from passerelle import outcome
from passerelle.formats.registry import formats
from passerelle.model.customers import PROSPECT, ShopCustomers, join_customers
from passerelle.model.orders import SalesOrders, join_orders
from passerelle.profile.loader import LoadedProfile
from passerelle.profile.settings import Profile
from passerelle.profile.shop_settings import Shop, Source
from passerelle.run import debug
from passerelle.run.inputs import Inputs
from passerelle.run.log import note
from passerelle.shops.export import ExportFile, ReadOptions, of_file, read_customer_export, read_export
from passerelle.storage.archives import unpack
from passerelle.storage.base import Storage
from passerelle.storage.errors import printable
from passerelle.storage.pickup import PickedFile, pick_up
from passerelle.storage.places import open_place

Read = TypeVar("Read", SalesOrders, ShopCustomers)


@dataclass(frozen=True, slots=True)
class Kind(Generic[Read]):
    """What a shop's exports hold, and how it is read.

    Attributes:
        record_type: what outcomes and the ledger call its records.
        suffix: what the ledger puts behind the shop's name where it keeps the files of this kind.
        source: where the shop's exports of it are; ``None``: they are not read.
        reader: reads export files of a platform.
        joined: puts several readings one under the other.
    """

    record_type: str
    suffix: str
    source: Callable[[Shop], Source | None]
    reader: Callable[[str, Sequence[ExportFile], ReadOptions], Read]
    joined: Callable[[list[Read]], Read]

    def read(self, shop: Shop, loaded: LoadedProfile, files: Iterable[PickedFile]) -> Read:
        """Read export files, those in zip archives too; what cannot be read is in the outcomes."""
        files = list(files)
        for file in files:
            note("log-read", file=f"{shop.name}/{file.path}", bytes=file.size)
        exports, refused = _opened(files)
        for export in exports:
            debug.keep("export", export.name, export.data)
        read = self.reader(shop.platform, exports, _options(shop, loaded))
        return replace(read, outcomes=outcome.together([refused, read.outcomes]))

    def read_all(self, shop: Shop, source: Source, loaded: LoadedProfile, inputs: Inputs | None = None) -> Read:
        """Read all export files that lie at a place of a shop, and leave everything as it is.

        Args:
            shop: the shop.
            source: the place.
            loaded: the profile.
            inputs: holds on to the files; ``None``: nobody does.

        Raises:
            StorageError: the files cannot be picked up.
        """
        with TemporaryDirectory() as folder:
            with open_place(source.place, base_folder=loaded.folder) as storage:
                picked = picked_files(storage, source, Path(folder))
                where = storage.name
            if inputs:
                inputs.add(shop.name + self.suffix, picked)
            return self.read(shop, loaded, picked) if picked else self.without_files(shop, loaded, where)

    def without_files(self, shop: Shop, loaded: LoadedProfile, where: str) -> Read:
        """Say that a shop has left no file at a place."""
        missing = outcome.said("no-export-file", [shop.name], record_type="file", stage="read", value=where)
        nothing = self.read(shop, loaded, ())
        return replace(nothing, outcomes=outcome.together([nothing.outcomes, missing]))


ORDERS: Kind[SalesOrders] = Kind("order", "", lambda shop: shop.source, read_export, join_orders)
CUSTOMERS: Kind[ShopCustomers] = Kind(
    PROSPECT, "/customers", lambda shop: shop.customers, read_customer_export, join_customers
)


def sources(profile: Profile) -> Iterator[tuple[str, Source]]:
    """Give every place where a profile's shops leave exports, under the name that the ledger keeps its files by."""
    for shop in profile.shops:
        for kind in (ORDERS, CUSTOMERS):
            if source := kind.source(shop):
                yield shop.name + kind.suffix, source


def picked_files(storage: Storage, source: Source, into: Path) -> list[PickedFile]:
    """Fetch the export files that lie complete at a place."""
    return pick_up(storage, source.files, into, done_suffix=source.done_suffix, settled_seconds=source.settled)


def _options(shop: Shop, loaded: LoadedProfile) -> ReadOptions:
    profile = loaded.profile
    return ReadOptions(
        shop=shop.name,
        time_zone=profile.time_zone,
        shop_currency=shop.currency,
        language=shop.language or profile.language,
        wrapping_labels=shop.wrapping_labels,
        formats=formats(profile.erp.formats_folder),
        format_settings=profile.erp.format_settings,
    )


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

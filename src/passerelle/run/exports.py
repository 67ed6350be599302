"""Picking up and reading what the shops gave."""

from __future__ import annotations

from dataclasses import replace

from passerelle import outcome
from passerelle.formats.registry import formats
from passerelle.model.orders import SalesOrders
from passerelle.profile.loader import LoadedProfile
from passerelle.profile.settings import Shop
from passerelle.shops.export import ExportFile, ReadOptions, read_export
from passerelle.storage.pickup import pick_up
from passerelle.storage.places import open_place


def read_shop(shop: Shop, loaded: LoadedProfile) -> SalesOrders:
    """Pick a shop's export files up and read their orders; a place without files is said in the outcomes.

    Raises:
        StorageError: the files cannot be picked up.
    """
    profile = loaded.profile
    with open_place(shop.source.place, base_folder=loaded.folder) as storage:
        picked = pick_up(storage, shop.source.files)
        where = storage.name
    options = ReadOptions(
        shop=shop.name,
        time_zone=profile.time_zone,
        shop_currency=shop.currency,
        language=shop.language or profile.language,
        wrapping_labels=shop.wrapping_labels,
        formats=formats(profile.erp.formats_folder),
        format_settings=profile.erp.format_settings,
    )
    sales = read_export(shop.platform, [ExportFile(file.path, file.data) for file in picked], options)
    if picked:
        return sales
    missing = outcome.said("no-export-file", [shop.name], record_type="file", stage="read", value=where)
    return replace(sales, outcomes=outcome.together([sales.outcomes, missing]))

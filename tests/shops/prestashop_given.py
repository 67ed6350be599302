"""A PrestaShop export that tests change before it is read: the live sample, resource by resource."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from passerelle.model.orders import SalesOrders
from passerelle.shops.export import ExportFile, ReadOptions, read_export

LIVE = "prestashop-8.2-live"
OPTIONS = ReadOptions(shop="boutique")
NEEDED = (
    "orders",
    "order_details",
    "order_cart_rules",
    "order_payments",
    "order_slips",
    "taxes",
    "currencies",
    "customers",
    "addresses",
    "countries",
    "carriers",
    "languages",
    "groups",
    "shops",
)
_FILES = {"order_slips": "order_slip"}


def live_files(samples: Path, suffix: str) -> list[ExportFile]:
    return [ExportFile(path.name, path.read_bytes()) for path in sorted((samples / LIVE).glob(f"*.{suffix}"))]


def read(files: list[ExportFile], options: ReadOptions = OPTIONS) -> SalesOrders:
    return read_export("prestashop", files, options)


class Given:
    """The live export as records that may be changed; every order but some may be left out."""

    def __init__(self, samples: Path, orders: list[int] | None = None) -> None:
        folder = samples / LIVE
        self.lists: dict[str, list[dict[str, Any]]] = {
            name: json.loads((folder / f"{_FILES.get(name, name)}.json").read_text("utf-8"))[name] for name in NEEDED
        }
        if orders is not None:
            ids = {str(one) for one in orders}
            self.lists["orders"] = [order for order in self.lists["orders"] if str(order["id"]) in ids]
            for name in ("order_details", "order_cart_rules", "order_slips"):
                self.lists[name] = [row for row in self.lists[name] if row["id_order"] in ids]

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        return self.lists[name]

    def order(self, number: int) -> dict[str, Any]:
        return next(order for order in self["orders"] if order["id"] == number)

    def of_order(self, name: str, number: int) -> list[dict[str, Any]]:
        return [row for row in self[name] if row["id_order"] == str(number)]

    def copy_of(self, number: int, **changed: Any) -> dict[str, Any]:
        return {**copy.deepcopy(self.order(number)), **changed}

    def without(self, *names: str) -> Given:
        for name in names:
            del self.lists[name]
        return self

    def files(self) -> list[ExportFile]:
        return [
            ExportFile(f"{name}.json", json.dumps({name: rows} if rows else []).encode())
            for name, rows in self.lists.items()
        ]

    def read(self, *more: ExportFile, options: ReadOptions = OPTIONS) -> SalesOrders:
        return read([*self.files(), *more], options)


def codes(sales: SalesOrders, record: str) -> list[str]:
    """Give the codes said of one record."""
    return sales.outcomes.loc[sales.outcomes["record"] == record, "code"].tolist()


def said(sales: SalesOrders, code: str) -> list[tuple[str, str, str]]:
    """Give record, field and value of what was said under a code."""
    rows = sales.outcomes[sales.outcomes["code"] == code]
    return list(rows[["record", "field", "value"]].itertuples(index=False, name=None))

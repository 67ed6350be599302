"""Shop exports given as files: one contract for every platform.

A platform module (``passerelle.shops.prestashop`` …) has one function::

    read_orders(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders

Files are recognised by what they hold, not by their names; what cannot be read is an outcome, never an exception.
The tables have their declared types and one row order: orders by the shop's id, everything else by order, then rank.

Source: design.md decision 8; spec SEC-4 (sizes), ORD-8.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Protocol, cast
from zoneinfo import ZoneInfo

import pandas as pd

from passerelle.formats.container import FREE_BYTES, MAX_RATIO
from passerelle.formats.registry import Formats, formats
from passerelle.model.customers import ShopCustomers
from passerelle.model.orders import SalesOrders
from passerelle.outcome import said, together
from passerelle.storage.archives import Limits, unpack

UNPACKED_LIMIT = 200 * 1024 * 1024
"""What one archive may hold in all, unpacked, in bytes."""

PLATFORMS: Mapping[str, str] = MappingProxyType(
    {
        "prestashop": "passerelle.shops.prestashop",
        "woocommerce": "passerelle.shops.woocommerce",
        "shopify": "passerelle.shops.shopify",
        "magento": "passerelle.shops.magento",
        "bigcommerce": "passerelle.shops.bigcommerce",
        "wix": "passerelle.shops.wix",
        "oasis": "passerelle.shops.oasis",
    }
)
"""The module of each platform, imported when it is first asked for."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that a shop's user or webservice gave."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a profile says of a shop whose export is read.

    Attributes:
        shop: name of the shop in the profile; order keys begin with it.
        time_zone: IANA name of the profile's time zone; times that carry an offset are turned into it.
        shop_currency: ISO 4217 code of the shop's own currency; empty: as the export says.
        language: ISO 639-1 code (or the shop's id) of the language preferred in translated texts.
        wrapping_labels: labels of fees that are gift wrapping, where the platform has no field of its own for it.
        formats: the formats of exports that are tables, a user's own included.
        format_settings: by format, the profile's values of the settings that its descriptor declares.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: ``time_zone`` is no such name.
    """

    shop: str
    time_zone: str = "Europe/Paris"
    shop_currency: str = ""
    language: str = "fr"
    wrapping_labels: tuple[str, ...] = ()
    formats: Formats = field(default_factory=formats)
    format_settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ZoneInfo(self.time_zone)


CUSTOMER_PLATFORMS: Mapping[str, str] = MappingProxyType(
    {
        "prestashop": "passerelle.shops.prestashop.customers",
        "woocommerce": "passerelle.shops.woocommerce_customers",
        "shopify": "passerelle.shops.shopify_customers",
        "magento": "passerelle.shops.magento_customers",
        "bigcommerce": "passerelle.shops.bigcommerce_customers",
    }
)
"""Likewise the module that reads the accounts of a platform's customers (CUS-6)."""


class UnknownPlatformError(ValueError):
    """No module reads such exports of this platform."""


class OrderReader(Protocol):
    """What a platform module offers."""

    def read_orders(self, files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
        """Read what the files hold of orders into the canonical tables.

        Returns:
            All tables with their declared columns and types; outcomes of stage ``read`` for the files (record type
            ``file``, record: the name) and orders (record type ``order``, record: the order key) that have one. An
            order with a failed outcome is in no table.
        """
        ...


def read_export(platform: str, files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read the orders of a shop's export files.

    Raises:
        UnknownPlatformError: ``platform`` is none of ``PLATFORMS``.
        TypeError: the platform's module broke the contract of the tables; a programming error.
    """
    if platform not in PLATFORMS:
        raise UnknownPlatformError(f"unknown shop platform {platform!r}; known: {', '.join(sorted(PLATFORMS))}")
    reader = cast("OrderReader", import_module(PLATFORMS[platform]))
    return reader.read_orders(files, options).check()


class CustomerReader(Protocol):
    """What a platform's module for customers offers."""

    def read_customers(self, files: Sequence[ExportFile], options: ReadOptions) -> ShopCustomers:
        """Read the accounts that the files hold; as ``OrderReader``, the record being the account's key."""
        ...


def read_customer_export(platform: str, files: Sequence[ExportFile], options: ReadOptions) -> ShopCustomers:
    """Read the customers of a shop's export files.

    Raises:
        UnknownPlatformError: ``platform`` is none of ``CUSTOMER_PLATFORMS``.
        TypeError: the platform's module broke the contract of the tables; a programming error.
    """
    if platform not in CUSTOMER_PLATFORMS:
        raise UnknownPlatformError(f"no customers of {platform!r}; known: {', '.join(sorted(CUSTOMER_PLATFORMS))}")
    reader = cast("CustomerReader", import_module(CUSTOMER_PLATFORMS[platform]))
    return reader.read_customers(files, options).check()


def order_key(shop: str, order_id: str) -> str:
    """Name an order uniquely within a profile."""
    return f"{shop}/{order_id}"


def of_file(code: str, name: str, *, value: str = "", **params: object) -> pd.DataFrame:
    """Say a code of a file."""
    return said(code, [name], record_type="file", stage="read", field="", value=value, **params)


def unpacked(files: Iterable[ExportFile]) -> tuple[list[ExportFile], pd.DataFrame]:
    """Unpack ``.zip`` and ``.gz`` files, recognised by content; other files are given as they are.

    A file out of an archive is named ``archive/member``. Workbooks (``.xlsx``), which are archives too, stay whole.
    Archives in archives are not unpacked.

    Returns:
        The files, and outcomes for the archives that are empty, broken, encrypted, nested or too large (SEC-4).
    """
    plain: list[ExportFile] = []
    outcomes: list[pd.DataFrame] = []
    for file in files:
        try:
            plain += _members(file)
        except _ArchiveError as error:
            outcomes.append(of_file(error.code, file.name, value=error.member))
    return plain, together(outcomes)


class _ArchiveError(Exception):
    def __init__(self, code: str, member: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.member = member


_BROKEN = (zlib.error, OSError, EOFError)
_CODES = {
    "zip-entry-encrypted": "archive-encrypted",
    "zip-entry-nested": "archive-nested",
    "zip-entry-too-large": "archive-too-large",
    "zip-too-large": "archive-too-large",
    "zip-too-many-files": "archive-too-large",
}
"""What a file that holds exports says when the archive's own reader refuses something; else it is broken."""


def _members(file: ExportFile) -> list[ExportFile]:
    if _is_gzip(file.data):
        return [_out_of_gzip(file)]
    return _out_of_zip(file) if _is_zip(file.data) else [file]


def _out_of_gzip(file: ExportFile) -> ExportFile:
    allowed = min(UNPACKED_LIMIT, max(len(file.data) * MAX_RATIO, FREE_BYTES))
    try:
        with gzip.open(io.BytesIO(file.data)) as stream:
            data = stream.read(allowed + 1)
    except _BROKEN as error:
        raise _ArchiveError("archive-broken") from error
    if len(data) > allowed:
        raise _ArchiveError("archive-too-large")
    name = file.name.removesuffix(".gz")
    if _is_gzip(data) or _is_zip(data):
        raise _ArchiveError("archive-nested", name)
    return ExportFile(name, data)


def _out_of_zip(file: ExportFile) -> list[ExportFile]:
    """Give what a zip holds: all of it, or nothing when something of it is refused."""
    limits = Limits(file_bytes=UNPACKED_LIMIT, total_bytes=UNPACKED_LIMIT, ratio=MAX_RATIO, free_bytes=FREE_BYTES)
    with TemporaryDirectory() as folder:
        archive, into = Path(folder, "archive"), Path(folder, "files")
        into.mkdir()
        archive.write_bytes(file.data)
        found = unpack(archive, into, limits)
        for refusal in found.refusals:
            raise _ArchiveError(_CODES.get(refusal.code, "archive-broken"), refusal.name)
        if not found.files:
            raise _ArchiveError("export-empty")
        return [ExportFile(f"{file.name}/{one.name}", one.local.read_bytes()) for one in found.files]


def _is_gzip(data: bytes) -> bool:
    return data.startswith(b"\x1f\x8b")


def _is_zip(data: bytes) -> bool:
    """Tell a zip archive that is not a workbook."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06")) and b"[Content_Types].xml" not in data

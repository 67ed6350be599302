"""The files by which a shop is told of articles: their format, and only the columns that it is told.

Source: spec SHP-1; design.md decision 4.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from passerelle.formats.descriptor import Descriptor, Field
from passerelle.formats.writer import Written, write
from passerelle.profile.shop_settings import ShopFile
from passerelle.run.errors import RunError
from passerelle.run.job import Desk, Package
from passerelle.run.listing import OWN


def format_for(desk: Desk, options: ShopFile, kind: str) -> Descriptor:
    """Give the format in which a shop is told something.

    Args:
        desk: the run's.
        options: what the profile says of the file.
        kind: what is told: the second part of the platform's own format, such as ``stock``.

    Raises:
        RunError: the format wants what only the shop knows, and the profile does not say where it tells.
        FormatError: there is no such format.
    """
    descriptor = desk.shop_format(kind, options.format, options.format_settings)
    if not options.listing and any(one.required and one.source.startswith(OWN) for one in descriptor.fields):
        raise RunError("run-listing-not-set", is_usage=True, format=descriptor.name)
    return descriptor


def write_told(
    descriptor: Descriptor, rows: pd.DataFrame, record: str = "article", record_type: str = "article"
) -> Written:
    """Write rows, in the columns that they have: an empty one would empty what the shop has there.

    Args:
        descriptor: the format.
        rows: what the shop is told.
        record: the column with the record that is refused when a row cannot be written.
        record_type: what that is.
    """
    told = replace(descriptor, fields=tuple(one for one in descriptor.fields if _is_told(one, rows)))
    return write(told, rows, record_column=record, record_type=record_type)


def package(descriptor: Descriptor, written: Written) -> Package | None:
    """Give a file to deliver; ``None``: nothing is in it."""
    return Package(descriptor.path, written.data, written.rows) if written.rows else None


def _is_told(one: Field, rows: pd.DataFrame) -> bool:
    return one.constant is not None or one.source in rows

"""What EBP has, as its extracts tell: the codes that a file may name.

Each extract is optional; a missing one switches off what needs it, and the check says so.

Source: spec EBP-3, EBP-10; facts ebp.md §2.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from passerelle import money, outcome
from passerelle.formats.descriptor import label_key
from passerelle.formats.reader import read
from passerelle.formats.registry import Formats

Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of EBP: the format of its extract, the column with its codes, and what else its file may be called."""

    format: str
    column: str
    names: tuple[str, ...] = ()


LISTS: Mapping[str, Listed] = {
    "articles": Listed("ebp/articles", "article"),
    "customers": Listed("ebp/customers_extract", "customer_code"),
    "vat_codes": Listed("ebp/vat_codes", "code", ("codes tva", "tva")),
    "settlement_modes": Listed("ebp/settlement_modes", "code"),
    "payment_means": Listed("ebp/payment_means", "code"),
    "shipping": Listed("ebp/shipping", "code"),
    "countries": Listed("ebp/countries", "code"),
    "customer_families": Listed("ebp/customer_families", "code", ("familles",)),
    "documents": Listed("ebp/sales_documents", "document_number", ("sales documents", "ventes")),
}
"""The lists whose codes the files name. Their extracts may be called by these names, or as their format's file."""
_UNNEEDED = (
    "ebp/article_families",
    "ebp/components",
    "ebp/contacts",
    "ebp/depots",
    "ebp/linked_articles",
    "ebp/prices",
    "ebp/quotes_extract",
    "ebp/ranges",
    "ebp/staff",
    "ebp/stock",
    "ebp/supplier_articles",
)
"""Extracts for the shops, which may lie beside those that the check reads."""
_SUFFIXES = {".csv", ".txt", ".xlsx", ".xlsm"}


@dataclass(frozen=True, slots=True)
class Extracts:
    """The codes that EBP has.

    Attributes:
        codes: by name of the list; one that is lacking is not known.
        vat_rates: rate in percent by VAT code, where the extract tells.
        outcomes: rows of the extracts that could not be read, files that are none.
    """

    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    vat_rates: Mapping[str, Decimal] = field(default_factory=dict)
    outcomes: pd.DataFrame = field(default_factory=outcome.none)


def read_extracts(files: Mapping[str, Path], formats: Formats, settings: Settings) -> Extracts:
    """Read extracts by the names of their lists.

    Raises:
        FormatError: one of them is not of its format.
        OSError: one of them cannot be read.
    """
    codes: dict[str, frozenset[str]] = {}
    rates: dict[str, Decimal] = {}
    said = []
    for name, path in files.items():
        listed = LISTS[name]
        descriptor = formats.get(listed.format, settings.get(listed.format))
        found = read(descriptor, path.read_bytes(), name=path.name)
        codes[name] = frozenset(found.table[listed.column])
        said.append(found.outcomes)
        if name == "vat_codes":
            told = found.table.dropna(subset=["tax_rate"])
            rates = {code: money.decimal(rate) for code, rate in zip(told["code"], told["tax_rate"], strict=True)}
    return Extracts(codes, rates, outcome.together(said))


def extract_files(folder: Path, formats: Formats) -> tuple[dict[str, Path], pd.DataFrame]:
    """Find the extracts of a folder by the names of the files, and say which are none.

    Raises:
        OSError: there is no such folder.
    """
    known = {label_key(name): list_name for list_name, names in _names(formats) for name in names}
    found: dict[str, Path] = {}
    others: list[str] = []
    for path in sorted(folder.iterdir()):
        name = known.get(label_key(path.stem)) if path.suffix.lower() in _SUFFIXES else None
        if name is None:
            others.append(path.name)
        elif name:
            found[name] = path
    expected = ", ".join(Path(formats.get(listed.format).path).name for listed in LISTS.values())
    said = outcome.said("ebp-extract-unknown", others, record_type="file", stage="read", expected=expected)
    return found, said


def _names(formats: Formats) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give the names by which the extract of a list is known; without list name those that the check has no use for."""
    for name, listed in LISTS.items():
        yield name, (name, Path(formats.get(listed.format).path).stem, *listed.names)
    for unneeded in _UNNEEDED:
        yield "", (unneeded.partition("/")[2], Path(formats.get(unneeded).path).stem)

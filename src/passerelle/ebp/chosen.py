"""What a profile says of EBP: its formats with their settings, the conventions of the wizard, the extracts it names.

Source: spec EBP-3, EBP-5, EBP-10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from passerelle.ebp.conventions import Conventions
from passerelle.ebp.extracts import LISTS, Extracts, Settings, extract_files, read_extracts
from passerelle.ebp.labels import FILES
from passerelle.exchange.currencies import DECIMALS, of
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.registry import Formats, formats
from passerelle.outcome import together
from passerelle.profile.loader import LoadedProfile
from passerelle.profile.settings import Imports
from passerelle.profile.workbook import read_mappings

IMPORTED: Mapping[str, str] = {
    "Customers.txt": "ebp/customers",
    "Adresses.txt": "ebp/addresses",
    "Quotes.txt": "ebp/quotes",
    "Orders.txt": "ebp/orders",
    "Delivery Notes.txt": "ebp/delivery_notes",
    "Invoices.txt": "ebp/invoices",
    "Credit Notes.txt": "ebp/credit_notes",
}
"""The format of each file that EBP imports."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """EBP as a profile has it; without a profile, as documented.

    Attributes:
        formats: the built-in formats and the profile's own.
        settings: the profile's values of their settings.
        imports: the names of the import formats in EBP.
        extracts: the extracts that the profile names.
        decimals: see ``Conventions``.
    """

    formats: Formats = field(default_factory=formats)
    settings: Settings = field(default_factory=dict)
    imports: Imports = field(default_factory=Imports)
    extracts: Mapping[str, Path] = field(default_factory=dict)
    decimals: Mapping[str, int] = field(default_factory=lambda: DECIMALS)

    @classmethod
    def by(cls, loaded: LoadedProfile | None) -> Chosen:
        """Take what a profile says, if there is one."""
        if loaded is None:
            return cls()
        erp = loaded.profile.erp
        named = {name: getattr(erp.extracts, name, None) for name in LISTS}
        return cls(
            formats=formats(erp.formats_folder),
            settings=erp.format_settings,
            imports=erp.batch.imports,
            extracts={name: path for name, path in named.items() if path is not None},
            decimals=_decimals(loaded),
        )

    def descriptor(self, file: str) -> Descriptor:
        """Give the format of a file that EBP imports.

        Raises:
            DescriptorError: the profile's descriptor or settings have mistakes.
        """
        return self.formats.get(IMPORTED[file], self.settings.get(IMPORTED[file]))

    def conventions(self) -> dict[str, Conventions]:
        """Give how each file is written.

        Raises:
            DescriptorError: see ``descriptor``.
        """
        return {file: self.conventions_of(file, self.descriptor(file)) for file in FILES}

    def conventions_of(self, file: str, descriptor: Descriptor) -> Conventions:
        """Give how a file of a format is written."""
        given = {name: str(value) for name, value in self.settings.get(IMPORTED[file], {}).items()}
        return Conventions.of_settings({**descriptor.settings, **given}, self.decimals)

    def read_extracts(self, folder: Path | None = None) -> Extracts:
        """Read the extracts of a folder, and those that the profile names and the folder does not have.

        Raises:
            FormatError: one of them is not of its format.
            OSError: one of them cannot be read.
        """
        files, unknown = extract_files(folder, self.formats) if folder else ({}, Extracts().outcomes)
        read = read_extracts({**self.extracts, **files}, self.formats, self.settings)
        return Extracts(read.codes, read.vat_rates, together([unknown, read.outcomes]))


def _decimals(loaded: LoadedProfile) -> dict[str, int]:
    """Give the decimals of currencies by EBP's codes: those of the profile's own, and of what *Devises* maps."""
    options = loaded.profile.orders
    rows = read_mappings(loaded.profile.mappings)[0]["currencies"]
    mapped = {code: of(currency.strip().upper(), options) for currency, code in rows.itertuples(index=False) if code}
    return {**DECIMALS, **mapped, "": of(options.currency, options)}

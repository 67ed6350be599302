"""EBP's import wizard, played on the files before EBP sees them.

What would not import as it stands, what is worth a look, and what EBP would make of the rest. Written from the facts on
EBP alone, apart from the writer, so that it can catch it.

Source: spec EBP-1, EBP-3, EBP-10, INV-1, INV-2; facts ebp.md §1 to §3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from passerelle.ebp.batch import check_batch
from passerelle.ebp.conventions import DEFAULTS, Conventions
from passerelle.ebp.documents import documents
from passerelle.ebp.extracts import Extracts
from passerelle.ebp.findings import Findings
from passerelle.ebp.labels import (
    BATCH,
    CUSTOMER,
    DOCUMENT_CUSTOMER,
    FILES,
    NUMBER,
    SAFE_NUMBER_LENGTH,
    SETTLEMENTS,
    Label,
)
from passerelle.ebp.made import Made, make
from passerelle.ebp.reading import Grid, read
from passerelle.storage.archives import unpack
from passerelle.storage.errors import printable

CLEAN, WOULD_NOT_IMPORT, REMARKS = 0, 1, 3
_SHOWN = 100
_A_DAY = date(2026, 1, 31)
_DELIVERY = "(livraison)"
_DELIVERY_NAME = "Nom (adresse) (livraison)"


@dataclass(frozen=True, slots=True)
class ImportCheck:
    """What EBP would say and make.

    Attributes:
        findings: outcomes; failed is what would not import as it stands, succeeded what is worth a look.
        rows: number of rows of each file read.
        customers: codes of the customers that it would create or update.
        documents: the documents that it would make.
        unchecked: lists of EBP whose codes were met without an extract to look them up in.
    """

    findings: pd.DataFrame
    rows: Mapping[str, int]
    customers: tuple[str, ...]
    documents: tuple[Made, ...]
    unchecked: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """Give 0 when there is nothing to say, 1 when it would not import as it stands, 3 for remarks only."""
        if (self.findings["state"] == "failed").any():
            return WOULD_NOT_IMPORT
        return REMARKS if len(self.findings) else CLEAN


def import_check(
    data: bytes,
    extracts: Extracts | None = None,
    conventions: Mapping[str, Conventions] = DEFAULTS,
    *,
    name: str = "erpFiles.zip",
) -> ImportCheck:
    """Play the import of a zip.

    Args:
        data: the zip.
        extracts: what EBP has; what is not known of it is not checked.
        conventions: what was chosen in the wizard, by file.
        name: the zip's name, for what is said of it.
    """
    found = Findings([name, *FILES, BATCH])
    files = _unzipped(data, name, found)
    check = _Check(extracts or Extracts(), conventions, found)
    for file in FILES:
        if file in files:
            check.play(file, files[file])
    check_batch(files, found)
    return ImportCheck(
        findings=found.outcomes(),
        rows=check.rows,
        customers=tuple(sorted(check.customers)),
        documents=tuple(check.made),
        unchecked=tuple(sorted(check.unchecked)),
    )


def _unzipped(data: bytes, name: str, found: Findings) -> dict[str, bytes]:
    """Give the files of the zip that EBP imports, and say what else is in it."""
    with TemporaryDirectory() as folder:
        archive, inside = Path(folder, "archive"), Path(folder, "files")
        archive.write_bytes(data)
        inside.mkdir()
        unpacked = unpack(archive, inside)
        files = {one.name: one.local.read_bytes() for one in unpacked.files}
    for refusal in unpacked.refusals:
        place = f"{name}/{printable(refusal.name)}" if refusal.name else name
        found.tell(refusal.code, place, detail=printable(refusal.detail))
    for other in [file for file in files if file not in {*FILES, BATCH, SETTLEMENTS}]:
        found.tell("ebp-file-unknown", f"{name}/{printable(other)}")
    if not unpacked.refusals and not set(files) & {*FILES, SETTLEMENTS}:
        found.tell("ebp-nothing-to-import", name)
    return files


@dataclass(slots=True)
class _Check:
    """The files of one zip, played one after the other as EBP imports them."""

    extracts: Extracts
    conventions: Mapping[str, Conventions]
    found: Findings
    rows: dict[str, int] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)
    made: list[Made] = field(default_factory=list)
    unchecked: set[str] = field(default_factory=set)
    _with_tax: dict[str, bool] = field(default_factory=dict)
    _customers_whole: bool = True

    def play(self, file: str, data: bytes) -> None:
        """Play the import of one file."""
        known = FILES[file]
        is_customers = known.kind == "customers"
        grid = read(file, data, self.found)
        if grid is None:
            self._customers_whole &= not is_customers
            return
        self.rows[file] = len(grid.rows) + len(grid.refused)
        labels = self._associated(grid)
        for label, declared in labels.items():
            self._check_cells(grid, label, declared)
        if is_customers:
            self._take_customers(grid)
        elif known.kind == "addresses":
            self._check_customers(grid, CUSTOMER)
            self._check_addresses(grid)
        elif NUMBER in labels:
            self._check_customers(grid, DOCUMENT_CUSTOMER)
            self._play_documents(grid, known.kind)

    def _associated(self, grid: Grid) -> dict[str, Label]:
        """Give the columns that the wizard associates by their labels, and say which it does not."""
        declared = FILES[grid.file].labels
        missing = [label for label, known in declared.items() if known.column and label not in grid.labels]
        if FILES[grid.file].kind == "addresses":
            missing = [label for label in missing if label == CUSTOMER]
        for label in missing:
            self.found.tell("ebp-column-missing", grid.file, 1, label)
        custom = self._of(grid).custom_field
        for label in dict.fromkeys(grid.labels):
            if label not in declared and label != custom and any(grid.column(label)):
                self.found.tell("ebp-column-not-associated", grid.file, 1, label)
        return {label: declared[label] for label in grid.labels if label in declared}

    def _of(self, grid: Grid) -> Conventions:
        return self.conventions.get(grid.file, DEFAULTS[grid.file])

    def _check_cells(self, grid: Grid, label: str, declared: Label) -> None:
        """Say which cells of a column EBP cannot take; of equal texts one is looked at."""
        cells = grid.column(label)
        problems = {text: self._problem(text, label, declared, self._of(grid)) for text in set(cells)}
        wrong = {text: problem for text, problem in problems.items() if problem}
        if not wrong:
            return
        for line, text in zip(grid.lines, cells, strict=True):
            if text in wrong:
                told = _asked(wrong[text], declared, self._of(grid))
                self.found.tell(wrong[text], grid.file, line, label, text[:_SHOWN], length=len(text), asked=told)

    def _problem(self, text: str, label: str, declared: Label, conventions: Conventions) -> str:
        """Give the code of the first thing wrong with a cell; empty: nothing."""
        if not text:
            return "ebp-cell-empty" if declared.filled else ""
        asked: Mapping[str, Callable[[str], str]] = {
            "number": conventions.number_problem,
            "date": conventions.date_problem,
            "boolean": conventions.boolean_problem,
        }
        if declared.kind in asked:
            return asked[declared.kind](text)
        if declared.length is not None and len(text) > declared.length:
            return "ebp-cell-too-long"
        if declared.codes:
            known = self.extracts.codes.get(declared.codes)
            if known is None:
                self.unchecked.add(declared.codes)
            elif text not in known:
                return "ebp-unknown-code"
        return "ebp-number-long" if label == NUMBER and len(text) > SAFE_NUMBER_LENGTH else ""

    def _take_customers(self, grid: Grid) -> None:
        """Remember the customers that EBP would have from now on."""
        self._customers_whole &= not grid.refused
        true = self._of(grid).booleans[True]
        first: dict[str, int] = {}
        for line, code, with_tax in zip(grid.lines, grid.column(CUSTOMER), grid.column("Facturation TTC"), strict=True):
            if code in first:
                self.found.tell("ebp-duplicate-customer", grid.file, line, CUSTOMER, code, first=first[code])
            first.setdefault(code, line)
            if with_tax:
                self._with_tax[code] = with_tax == true
        self.customers.update(filter(None, first))

    def _check_customers(self, grid: Grid, label: str) -> None:
        """See that every customer named is one of the zip or of EBP (INV-2)."""
        if not self._customers_whole:
            return
        known = self.extracts.codes.get("customers")
        code = "ebp-customer-not-in-zip" if known is None else "ebp-unknown-customer"
        told: set[str] = set()
        for line, customer in zip(grid.lines, grid.column(label), strict=True):
            if customer and customer not in self.customers and customer not in (known or ()) and customer not in told:
                told.add(customer)
                self.found.tell(code, grid.file, line, label, customer)
        if known is None and told:
            self.unchecked.add("customers")

    def _check_addresses(self, grid: Grid) -> None:
        """Say which addresses of a customer stand twice, or are two of one name."""
        places = [place for place, label in enumerate(grid.labels) if label.endswith(_DELIVERY)]
        codes, names = grid.column(CUSTOMER), grid.column(_DELIVERY_NAME)
        whole: dict[tuple[str, ...], int] = {}
        named: dict[tuple[str, str], dict[tuple[str, ...], int]] = defaultdict(dict)
        for line, cells, code, name in zip(grid.lines, grid.rows, codes, names, strict=True):
            if whole.setdefault(tuple(cells), line) != line:
                self.found.tell("ebp-address-twice", grid.file, line, CUSTOMER, code, first=whole[tuple(cells)])
                continue
            same = named[code, name]
            if same.setdefault(tuple(cells[place] for place in places), line) == line and len(same) > 1 and name:
                self.found.tell(
                    "ebp-address-name-twice", grid.file, line, _DELIVERY_NAME, name, first=min(same.values())
                )

    def _play_documents(self, grid: Grid, kind: str) -> None:
        conventions = self._of(grid)
        self._check_rates(grid, conventions)
        taken = self.extracts.codes.get("documents", frozenset())
        for one in documents(grid, kind, conventions.custom_field, self.found):
            own_number = one.cell("Document - Utiliser le numéro du document d'origine") == conventions.booleans[True]
            if own_number and one.number in taken:
                self.found.tell("ebp-number-taken", one.file, one.lines[0], NUMBER, one.number)
            with_tax = self._with_tax.get(one.cell(DOCUMENT_CUSTOMER))
            self.made.append(make(one, conventions, with_tax, self.found))

    def _check_rates(self, grid: Grid, conventions: Conventions) -> None:
        """See that the rate of each line and shipping is that of its VAT code."""
        for code_label, rate_label in (
            ("Ligne - Code TVA", "Ligne - Taux de TVA"),
            ("Document - Code TVA port", "Document - Taux de TVA port"),
        ):
            codes, rates = grid.column(code_label), grid.column(rate_label)
            wrong = {
                (code, rate)
                for code, rate in set(zip(codes, rates, strict=True))
                if code in self.extracts.vat_rates
                and conventions.number(rate) not in {None, self.extracts.vat_rates[code]}
            }
            for line, code, rate in zip(grid.lines, codes, rates, strict=True) if wrong else ():
                if (code, rate) in wrong:
                    expected = conventions.text(self.extracts.vat_rates[code])
                    self.found.tell(
                        "ebp-vat-rate-differs", grid.file, line, rate_label, rate, code=code, expected=expected
                    )


def _asked(problem: str, declared: Label, conventions: Conventions) -> str:
    """Say what a cell should have been."""
    asked = {
        "ebp-cell-too-long": str(declared.length),
        "ebp-number-long": str(SAFE_NUMBER_LENGTH),
        "ebp-decimal-mark": conventions.decimal_mark,
        "ebp-cell-no-number": f"1234{conventions.decimal_mark}56",
        "ebp-cell-no-date": _A_DAY.strftime(conventions.date_format),
        "ebp-cell-no-boolean": "/".join(conventions.booleans),
    }
    return asked.get(problem, "")

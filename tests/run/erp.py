"""The ERP's side, written for the tests from the facts alone: reads the files back and computes their totals.

Source: facts ebp.md §2.3 and §3; spec INV-1.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

Rows = list[dict[str, str]]
CENT = Decimal("0.01")


def unzipped(data: bytes) -> dict[str, bytes]:
    """Give the files of a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows(data: bytes) -> Rows:
    """Read a text file as EBP does: Windows-1252, ``;``, header, CRLF."""
    text = data.decode("cp1252")
    assert text.endswith("\r\n"), "every line ends with CRLF"
    assert "\n" not in text.replace("\r\n", ""), "no other line end"
    header, *lines = text.split("\r\n")[:-1]
    assert '"' not in header, "the header is not quoted"
    assert all(line.startswith('"') and line.endswith('"') for line in lines), "the data are quoted"
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def amount(text: str) -> Decimal:
    """Read a number with a decimal comma."""
    return Decimal(text.replace(",", ".") or "0")


def documents(files: Mapping[str, bytes]) -> dict[str, Rows]:
    """Give the rows of every document by its number; they must stand together."""
    found: dict[str, Rows] = {}
    for name in ("Quotes.txt", "Orders.txt", "Delivery Notes.txt", "Invoices.txt"):
        previous = ""
        for row in rows(files[name]) if name in files else []:
            number = row["Document - Numéro du document"]
            assert number == previous or number not in found, f"the rows of {number} do not stand together"
            found.setdefault(number, []).append(row)
            previous = number
    return found


def total(document: Rows, *, includes_tax: bool) -> Decimal:
    """Compute a document's total including VAT as the ERP does: by rate, rounded once per rate."""
    by_rate: dict[Decimal, Decimal] = defaultdict(Decimal)
    for row in document:
        price = amount(row["Ligne - PV TTC" if includes_tax else "Ligne - PV HT"])
        off = amount(row["Ligne - Montant de remise unitaire HT cumulé"])
        rate = amount(row["Ligne - Taux de TVA"])
        if includes_tax and off:
            net = amount(row["Ligne - Montant Net TTC"])
        else:
            net = ((price - off) * amount(row["Ligne - Quantité"])).quantize(CENT, ROUND_HALF_UP)
        shown = amount(row["Ligne - Montant Net TTC" if includes_tax else "Ligne - Montant Net HT"])
        assert net == shown, f"{row['Ligne - Code article']}: {net} is not the net amount written, {shown}"
        by_rate[rate] += net
    head = document[0]
    shipping, shipping_rate = amount(head["Document - Frais de port HT"]), amount(head["Document - Taux de TVA port"])
    if includes_tax:
        charged = (shipping * (1 + shipping_rate / 100)).quantize(CENT, ROUND_HALF_UP)
        return sum(by_rate.values(), Decimal(0)) + charged
    by_rate[shipping_rate] += shipping
    return sum((base + (base * rate / 100).quantize(CENT, ROUND_HALF_UP) for rate, base in by_rate.items()), Decimal(0))


def roundings(document: Rows, article: str = "ECART") -> Decimal:
    """Give what the Écart lines of a document carry."""
    return sum(
        (amount(row["Ligne - Montant Net HT"]) for row in document if row["Ligne - Code article"] == article),
        Decimal(0),
    )

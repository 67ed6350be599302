"""What a document's totals are when EBP computes them, from its quantities, prices and rates.

Exact decimals, half up to the smallest unit of the document's currency, once per VAT code: apart from the exchange's
own arithmetic, which this checks.

Source: facts ebp.md §2.3; spec EBP-3, INV-1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

from passerelle.ebp.conventions import Conventions
from passerelle.ebp.documents import Document
from passerelle.ebp.labels import CURRENCY

_DIGITS = 80
"""More than any product of two numbers of a file has, so that nothing is rounded but to the currency's unit."""
_ZERO, _ONE = Decimal(0), Decimal(1)
_NET = {False: "Ligne - Montant Net HT", True: "Ligne - Montant Net TTC"}
_PRICE = {False: "Ligne - PV HT", True: "Ligne - PV TTC"}
_DISCOUNT = "Ligne - Montant de remise unitaire HT cumulé"
_DISCOUNT_RATE = "Ligne - % remise unitaire cumulé"
Bases = dict[tuple[Decimal, str], Decimal]
"""Amounts by VAT rate and code, in the document's tax mode."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals of a document, and the lines whose net amount is not what EBP computes.

    Attributes:
        excl: excluding VAT.
        tax: the VAT.
        wrong: of each such line its rank, the label, and what EBP computes.
    """

    excl: Decimal
    tax: Decimal
    wrong: tuple[tuple[int, str, Decimal], ...] = ()

    @property
    def incl(self) -> Decimal:
        """Including VAT."""
        return self.excl + self.tax


def totals(document: Document, conventions: Conventions, *, includes_tax: bool) -> Totals | None:
    """Compute a document's totals; ``None`` when it leaves prices to EBP, or one of its numbers is none.

    Args:
        document: the document.
        conventions: how its numbers are written.
        includes_tax: EBP works with its prices including tax, and takes the VAT out of them.
    """
    with localcontext(prec=_DIGITS):
        return _totals(document, conventions, includes_tax=includes_tax)


def _totals(document: Document, conventions: Conventions, *, includes_tax: bool) -> Totals | None:
    cells = _Cells(document, conventions)
    bases: Bases = defaultdict(Decimal)
    wrong = []
    for row in range(len(document.rows)):
        line = _line(cells, row, includes_tax=includes_tax)
        if line is None:
            return None
        written = cells.number(_NET[includes_tax], row)
        if written not in {None, line.net}:
            wrong.append((row, _NET[includes_tax], line.net))
        bases[line.rate, document.cell("Ligne - Code TVA", row)] += line.net
    _discount(bases, cells, "Document - % remise", "Document - Montant de la remise")
    early_payment = ("Document - % escompte", "Document - Montant de l'escompte")
    if cells.text("Document - Port non soumis à escompte") == conventions.booleans[True]:
        _discount(bases, cells, *early_payment)
        _add_shipping(bases, cells, includes_tax=includes_tax)
    else:
        _add_shipping(bases, cells, includes_tax=includes_tax)
        _discount(bases, cells, *early_payment)
    if cells.has_rubbish:
        return None
    taxes = {key: _tax(cells, amount, key[0], includes_tax=includes_tax) for key, amount in bases.items()}
    tax, amount = sum(taxes.values(), _ZERO), sum(bases.values(), _ZERO)
    return Totals(amount - tax if includes_tax else amount, tax, tuple(wrong))


@dataclass(frozen=True, slots=True)
class _Line:
    """Net amount of a line in the document's tax mode, and its rate."""

    net: Decimal
    rate: Decimal


class _Cells:
    """The numbers of a document."""

    def __init__(self, document: Document, conventions: Conventions) -> None:
        self._document = document
        self._number = conventions.number
        self._unit = _ONE.scaleb(-conventions.decimals_of(document.cell(CURRENCY)))
        self.has_rubbish = False

    def rounded(self, amount: Decimal) -> Decimal:
        """Round to the currency's smallest unit, half up."""
        return amount.quantize(self._unit, ROUND_HALF_UP)

    def number(self, label: str, row: int = 0) -> Decimal | None:
        """Give a number; None where the cell is empty or none."""
        text = self._document.cell(label, row)
        number = self._number(text)
        self.has_rubbish |= number is None and bool(text)
        return number

    def filled(self, label: str, row: int = 0) -> Decimal:
        """Give a number, 0 where there is none."""
        return self.number(label, row) or _ZERO

    def text(self, label: str) -> str:
        return self._document.cell(label)


def _line(cells: _Cells, row: int, *, includes_tax: bool) -> _Line | None:
    """Compute a line: quantity × (price − discount). The discount is written excluding tax, whatever the mode."""
    price, quantity = cells.number(_PRICE[includes_tax], row), cells.number("Ligne - Quantité", row)
    if price is None or quantity is None:
        return None
    rate = cells.filled("Ligne - Taux de TVA", row)
    discount = cells.number(_DISCOUNT, row)
    if discount is None:
        discount = price * cells.filled(_DISCOUNT_RATE, row) / 100
    elif includes_tax:
        discount *= _ONE + rate / 100
    return _Line(cells.rounded((price - discount) * quantity), rate)


def _discount(bases: Bases, cells: _Cells, rate_label: str, amount_label: str) -> None:
    """Take a footer discount off; an amount without percent is spread in proportion, the last rate has the rest."""
    rate, amount = cells.filled(rate_label), cells.filled(amount_label)
    whole = sum(bases.values(), _ZERO)
    if rate:
        for key in bases:
            bases[key] -= cells.rounded(bases[key] * rate / 100)
    elif amount and whole:
        for key, part in _shares(cells, bases, amount, whole):
            bases[key] -= part


def _shares(
    cells: _Cells, bases: Bases, amount: Decimal, whole: Decimal
) -> Iterator[tuple[tuple[Decimal, str], Decimal]]:
    left = amount
    *others, last = list(bases)
    for key in others:
        part = cells.rounded(amount * bases[key] / whole)
        left -= part
        yield key, part
    yield last, left


def _add_shipping(bases: Bases, cells: _Cells, *, includes_tax: bool) -> None:
    shipping = cells.filled("Document - Frais de port HT")
    if not shipping:
        return
    rate = cells.filled("Document - Taux de TVA port")
    charged = cells.rounded(shipping * (_ONE + rate / 100)) if includes_tax else shipping
    bases[rate, cells.text("Document - Code TVA port")] += charged


def _tax(cells: _Cells, amount: Decimal, rate: Decimal, *, includes_tax: bool) -> Decimal:
    if includes_tax:
        return amount - cells.rounded(amount / (_ONE + rate / 100))
    return cells.rounded(amount * rate / 100)

"""A document as EBP would make it, compared with what the file says of it.

Source: spec EBP-3, INV-1; facts ebp.md §2.3, §3 (deposit).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from passerelle.ebp.conventions import Conventions
from passerelle.ebp.documents import Document
from passerelle.ebp.findings import Findings
from passerelle.ebp.labels import DOCUMENT_CUSTOMER
from passerelle.ebp.totals import Totals, totals

_TOTAL = "Document - Total TTC"
_DEPOSIT = "Acompte - Montant"
_DEPOSIT_IN_CURRENCY = "Acompte - Montant en devise"
_OF_DEPOSIT = ("Acompte - Code moyen de paiement", "Acompte - Date du règlement")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Made:
    """A document that EBP would make; its totals are ``None`` where EBP takes prices of its own."""

    kind: str
    file: str
    line: int
    number: str
    date: str
    customer: str
    lines: int
    total_excl: Decimal | None
    total_tax: Decimal | None
    total_incl: Decimal | None
    deposit: Decimal


def make(one: Document, conventions: Conventions, with_tax: bool | None, found: Findings) -> Made:
    """Compute a document as EBP would, and say where the file says otherwise.

    Args:
        one: the document.
        conventions: how its numbers are written.
        with_tax: whether its customer is invoiced including tax; ``None`` when the zip does not tell.
        found: collects what is said.
    """
    computed = None if one.torn else _computed(one, conventions, with_tax)
    if computed is not None:
        _compare(one, computed, conventions, found)
    _check_deposit(one, computed, conventions, found)
    return Made(
        kind=one.kind,
        file=one.file,
        line=one.lines[0],
        number=one.number,
        date=one.cell("Document - Date"),
        customer=one.cell(DOCUMENT_CUSTOMER),
        lines=len(one.lines),
        total_excl=None if computed is None else computed.excl,
        total_tax=None if computed is None else computed.tax,
        total_incl=None if computed is None else computed.incl,
        deposit=conventions.number(one.cell(_DEPOSIT)) or _ZERO,
    )


def _computed(one: Document, conventions: Conventions, with_tax: bool | None) -> Totals | None:
    """Compute the totals in the customer's tax mode; where it is not known, in the one that fits best."""
    modes = (False, True) if with_tax is None else (with_tax,)
    computed = [totals(one, conventions, includes_tax=mode) for mode in modes]
    written = conventions.number(one.cell(_TOTAL))
    possible = [each for each in computed if each is not None]
    return min(possible, key=lambda each: (len(each.wrong), written not in {None, each.incl}), default=None)


def _compare(one: Document, computed: Totals, conventions: Conventions, found: Findings) -> None:
    for row, label, amount in computed.wrong:
        expected = conventions.text(amount)
        found.tell("ebp-line-amount", one.file, one.lines[row], label, one.cell(label, row), expected=expected)
    written = one.cell(_TOTAL)
    if conventions.number(written) not in {None, computed.incl}:
        told = {"number": one.number, "computed": conventions.text(computed.incl)}
        found.tell("ebp-total-differs", one.file, one.lines[0], _TOTAL, written, **told)


def _check_deposit(one: Document, computed: Totals | None, conventions: Conventions, found: Findings) -> None:
    """See that a deposit stands on an order, is complete, and is not above the total; in a currency, above its own."""
    label = _DEPOSIT_IN_CURRENCY if one.cell("Acompte - Code ISO devise") else _DEPOSIT
    line, text = one.lines[0], one.cell(label)
    amount = conventions.number(text) or _ZERO
    if not amount:
        return
    if computed is not None and amount > (most := max(computed.incl, conventions.number(one.cell(_TOTAL)) or _ZERO)):
        told = {"number": one.number, "computed": conventions.text(most)}
        found.tell("ebp-deposit-above-total", one.file, line, label, text, **told)
    if one.kind != "order":
        found.tell("ebp-deposit-not-on-order", one.file, line, label, text)
    for needed in _OF_DEPOSIT:
        if not one.cell(needed):
            found.tell("ebp-deposit-incomplete", one.file, line, needed)

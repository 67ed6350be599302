"""The shops' own books of the month, and what the delivered files hold: the same entries, from two sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from erp import Rows, amount, rows, unzipped
from month import CURRENCIES, INVOICE, LATE_MODES, MODES, ORDER, Order, Shop
from till import ZERO, ByRate, Sale, added, rounded

FILES = {
    "Quotes.txt": "quote",
    "Orders.txt": "order",
    "Delivery Notes.txt": "delivery_note",
    "Invoices.txt": "invoice",
    "Credit Notes.txt": "credit_note",
}
SETTLEMENT_MODES = MODES | LATE_MODES
REVERSAL = "-R"


@dataclass(frozen=True)
class Entry:
    """A document: as the shop's books demand it, or as a file has it; ``day`` is none where the run's day counts.

    ``pieces``: how many roundings may stand between the two. ``rounding``: what its Écart line carries.
    """

    number: str
    kind: str
    day: date | None
    mode: str
    currency: str
    total: Decimal
    by_rate: ByRate
    deposit: Decimal = ZERO
    pieces: Decimal = ZERO
    rounding: Decimal = ZERO

    @property
    def sign(self) -> int:
        return -1 if self.kind == "credit_note" else 1


def expected(shops: Iterable[Shop]) -> dict[str, Entry]:
    """Give the documents that the shops' books demand at the end of the month, by number."""
    entries = [entry for shop in shops for order in shop.orders if order.kind for entry in _of_order(order)]
    return {entry.number: entry for entry in entries}


def _of_order(order: Order) -> Iterator[Entry]:
    deposit = added(paid for _, paid in order.payments) if order.kind == ORDER else ZERO
    first, *changed = [sale for _, sale in order.sales]
    yield _entry(order, order.name, order.kind, order.moment, first, deposit)
    if changed or order.cancelled:
        yield _entry(order, f"{order.name}{REVERSAL}", "credit_note", None, first)
    for sale in changed:
        yield _entry(order, f"{order.name}-V2", INVOICE, order.moment, sale)
    for one in order.refunds:
        number, mode = f"AV-{order.shop}-{one.number}", SETTLEMENT_MODES[order.mode]
        pieces = Decimal(2 + len(one.lines))
        yield Entry(
            number, "credit_note", one.moment.date(), mode, order.currency, one.amount, one.by_rate, pieces=pieces
        )


def _entry(order: Order, number: str, kind: str, moment: datetime | None, sale: Sale, deposit: Decimal = ZERO) -> Entry:
    day = moment.date() if moment else None
    mode = SETTLEMENT_MODES[order.mode]
    return Entry(number, kind, day, mode, order.currency, sale.total, sale.by_rate, deposit, sale.pieces + 2)


def found(data: bytes) -> Iterator[Entry]:
    """Give the documents of a zip, computed as the ERP does."""
    files = unzipped(data)
    for name, kind in FILES.items():
        documents: dict[str, Rows] = defaultdict(list)
        for row in rows(files[name]) if name in files else []:
            documents[row["Document - Numéro du document"]].append(row)
        yield from (_read(number, kind, document) for number, document in documents.items())


def _read(number: str, kind: str, document: Rows) -> Entry:
    head = document[0]
    currency = head["Document - Code ISO devise"] or "EUR"
    bases: ByRate = defaultdict(Decimal)
    rounding = ZERO
    for row in document:
        net = amount(row["Ligne - Montant Net HT"])
        if row["Ligne - Code article"] == "ECART":
            rounding += net
        else:
            bases[amount(row["Ligne - Taux de TVA"])] += net
    bases[amount(head["Document - Taux de TVA port"])] += amount(head["Document - Frais de port HT"])
    by_rate = {rate: base + rounded(base * rate / 100, CURRENCIES[currency][1]) for rate, base in bases.items() if base}
    in_currency = amount(head.get("Acompte - Montant en devise", ""))
    return Entry(
        number,
        kind,
        None if number.endswith(REVERSAL) else date(*map(int, reversed(head["Document - Date"].split("/")))),
        head["Document - Code mode de règlement"],
        currency,
        amount(head["Document - Total TTC"]),
        by_rate,
        in_currency or amount(head.get("Acompte - Montant", "")),
        rounding=rounding,
    )


def compare(ours: Entry, theirs: Entry) -> list[str]:
    """Say what of a document in the files is not what the books demand.

    Total, mode, day, deposit to the cent. By VAT rate, what rounding shifted is what the Écart line gives back, and no
    more than the currency's smallest unit for each piece that was rounded.
    """
    unit = Decimal(1).scaleb(-CURRENCIES[ours.currency][1])
    wrong = [
        f"{ours.number}: {name} {getattr(theirs, name)}, not {getattr(ours, name)}"
        for name in ("kind", "day", "mode", "currency", "total", "deposit")
        if getattr(ours, name) != getattr(theirs, name)
    ]
    shifted = {
        rate: theirs.by_rate.get(rate, ZERO) - ours.by_rate.get(rate, ZERO)
        for rate in ours.by_rate.keys() | theirs.by_rate.keys()
    }
    if sum(theirs.by_rate.values(), theirs.rounding) != theirs.total:
        wrong.append(f"{ours.number}: its rates and its Écart do not come to {theirs.total}")
    if any(abs(one) > unit * ours.pieces for one in shifted.values()):
        wrong.append(f"{ours.number}: shifted by rate {shifted}, Écart {theirs.rounding}")
    return wrong


def summed(entries: Iterable[Entry], *names: str) -> dict[tuple[object, ...], Decimal]:
    """Sum what documents come to, credit notes less, by some of their columns and currency."""
    sums: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    for entry in entries:
        sums[(*(getattr(entry, name) for name in names), entry.currency)] += entry.sign * entry.total
    return {key: total for key, total in sums.items() if total}


def by_rate(entries: Iterable[Entry]) -> dict[tuple[Decimal, str], Decimal]:
    """Sum what documents come to including VAT, credit notes less, by rate and currency; Écart lines left out."""
    sums: dict[tuple[Decimal, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        for rate, part in entry.by_rate.items():
            sums[rate, entry.currency] += entry.sign * part
    return dict(sums)

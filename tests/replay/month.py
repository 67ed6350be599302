"""The month of two shops, invented from a seed: who ordered what, paid, changed, cancelled and sent back, and when.

July and August 2025: Romania's rates change on 1 August. Every moment is local time in Paris. What follows an order
follows after two days at least, so that no single missed run can take away what it became first.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from till import ZERO, Charge, Item, Line, Sale, added, charge, prestashop, rounded, settled, woocommerce

FIRST, DAYS = date(2025, 7, 17), 31
CHANGE = date(2025, 8, 1)
INVOICE, ORDER, QUOTE, NOTE = "invoice", "order", "quote", "delivery_note"
WRAPPING, GESTURE = "Emballage cadeau", "Geste commercial"
Moment = datetime


@dataclass(frozen=True)
class Place:
    """Where goods go: rates standard and reduced, and the currency in which PrestaShop sells there."""

    country: str
    postcode: str
    city: str
    rates: tuple[str, str]
    weight: int
    currency: str = "EUR"
    later_rates: tuple[str, str] | None = None
    is_abroad: bool = False

    def rates_on(self, day: date) -> tuple[Decimal, Decimal]:
        rates = self.later_rates if self.later_rates and day >= CHANGE else self.rates
        return Decimal(rates[0]), Decimal(rates[1])


PLACES = (
    Place("FR", "75011", "Paris", ("20", "5.5"), 60),
    Place("FR", "69003", "Lyon", ("20", "10"), 30),
    Place("FR", "20090", "Ajaccio", ("20", "2.1"), 4),
    Place("MC", "98000", "Monaco", ("20", "5.5"), 3),
    Place("RE", "97400", "Saint-Denis", ("8.5", "2.1"), 4),
    Place("GF", "97300", "Cayenne", ("0", "0"), 2),
    Place("DE", "10115", "Berlin", ("19", "7"), 8, is_abroad=True),
    Place("BE", "1000", "Bruxelles", ("21", "6"), 10, is_abroad=True),
    Place("IT", "00100", "Roma", ("22", "10"), 6, is_abroad=True),
    Place("ES", "28001", "Madrid", ("21", "10"), 6, is_abroad=True),
    Place("RO", "010011", "București", ("19", "9"), 12, later_rates=("21", "11"), is_abroad=True),
    Place("EE", "10111", "Tallinn", ("24", "9"), 3, is_abroad=True),
    Place("PT", "9500-321", "Ponta Delgada", ("16", "4"), 2, is_abroad=True),
    Place("FI", "00100", "Helsinki", ("25.5", "14"), 3, is_abroad=True),
    Place("PL", "00-001", "Łódź", ("23", "8"), 5, "PLN", is_abroad=True),
    Place("CH", "1201", "Genève", ("0", "0"), 4, "CHF"),
    Place("GB", "SW1A 1AA", "London", ("0", "0"), 4, "GBP"),
    Place("US", "10001", "New York", ("0", "0"), 3, "USD"),
    Place("JP", "100-0001", "東京", ("0", "0"), 3, "JPY"),
    Place("TN", "1000", "Tunis", ("0", "0"), 3, "TND"),
)
CURRENCIES = {
    "EUR": ("1.000000", 2),
    "PLN": ("4.250000", 2),
    "CHF": ("0.935000", 2),
    "GBP": ("0.866700", 2),
    "USD": ("1.160000", 2),
    "JPY": ("171.500000", 0),
    # The files have two decimals (docs/rules.md): prices in whole tens of millimes.
    "TND": ("3.380000", 2),
}
VAT_NUMBERS = {
    "BE": "BE0428759497",
    "DE": "DE136695976",
    "IT": "IT00743110157",
    "ES": "ESB58378431",
    "PL": "PL8567346215",
}
SIRETS = ("73282932000074", "35600000000048", "44306184100047", "55208131766522")
MODES = {"Carte bancaire": "CB", "Virement bancaire": "VIR", "PayPal": "PAYPAL", "Chèque": "CHQ"}
LATE_MODES = {"Paiement en 4 fois": "CB4X", "Bitcoin": "BTC", "Mandat administratif": "MANDAT"}
"""Modes that the bookkeeper meets during the month."""
CARRIERS = ("Colissimo", "Chronopost", "Retrait en magasin")
NAMES = (
    ("Zoé", "Lefèvre"), ("Anaïs", "Œuvrard"), ("Jean-François", "Nguyễn"), ("Łukasz", "Müller"), ("José", "D'Almeida"),
    ("María", "Muñoz"), ("Élodie", "Saint-Étienne"), ("Søren", "Straße"), ("Noël", "L'Hôte"), ("Ana", "Ionescu"),
)  # fmt: skip
NOTES = ("", "", "", 'Sonner 2 fois ;\nmerci "beaucoup" 🙂', "Livrer l'après-midi", "=1+1", "Code porte : 12;34")
CATALOGUE = {f"ART-{number:03}": Decimal(price) for number, price in enumerate(
    ("4.90", "9.99", "12.50", "15.59", "19.90", "24.95", "29.00", "33.33", "49.90", "61.37", "89.00", "129.99") * 4, 1
)}  # fmt: skip
NEW_ARTICLES = {f"NEW-{number:02}": day for number, day in enumerate((2, 6, 11, 17, 23, 27), 1)}
"""Articles that the ERP gets the day after the shop began to sell them."""


@dataclass(frozen=True)
class Buyer:
    """A buyer with the place where he lives."""

    number: int
    first_name: str
    last_name: str
    email: str
    place: Place
    is_guest: bool = False
    company: str = ""
    siret: str = ""
    vat_number: str = ""


@dataclass(frozen=True)
class Refund:
    """Money given back: lines by their position with quantity and amounts, shipping, or an amount alone."""

    number: int
    moment: Moment
    lines: tuple[tuple[int, int, Decimal, Decimal], ...] = ()
    shipping: Charge | None = None
    amount: Decimal = ZERO
    by_rate: dict[Decimal, Decimal] = field(default_factory=dict)


@dataclass
class Order:
    """An order and all that became of it: statuses, sales, refunds, each since a moment."""

    shop: str
    number: int
    moment: Moment
    buyer: Buyer
    mode: str
    carrier: str
    currency: str
    decimals: int
    note: str
    payments: tuple[tuple[str, Decimal], ...]
    statuses: list[tuple[Moment, str]]
    sales: list[tuple[Moment, Sale]]
    kind: str = ""
    refunds: list[Refund] = field(default_factory=list)
    cancelled: bool = False

    @property
    def name(self) -> str:
        return f"{self.shop}-{self.number}"

    @property
    def changed_at(self) -> Moment:
        return max(moment for moment, *_ in [*self.statuses, *self.sales, *((one.moment,) for one in self.refunds)])

    def until(self, moment: Moment) -> Order | None:
        """Give the order as the shop has it at a moment."""
        if self.moment > moment:
            return None
        kept = {name: [one for one in getattr(self, name) if one[0] <= moment] for name in ("statuses", "sales")}
        return replace(self, **kept, refunds=[one for one in self.refunds if one.moment <= moment])

    @property
    def status(self) -> str:
        return self.statuses[-1][1]

    @property
    def sale(self) -> Sale:
        return self.sales[-1][1]

    @property
    def is_paid(self) -> bool:
        return bool(self.payments) and added(amount for _, amount in self.payments) == self.sale.total


STATUSES = {
    "bou": {
        "paid": "2", INVOICE: "5", ORDER: "10", QUOTE: "14", NOTE: "4",
        "pending": "1", "cancelled": "6", "refunded": "7",
    },
    "web": {
        "paid": "processing", INVOICE: "completed", ORDER: "on-hold", QUOTE: "quote-sent", NOTE: "shipped-unpaid",
        "pending": "pending", "cancelled": "cancelled", "refunded": "refunded",
    },
}  # fmt: skip


class Shop:
    """A shop that invents its orders.

    Args:
        name: ``bou``, a PrestaShop, or ``web``, a WooCommerce.
        seed: of everything invented.
        count: how many orders it takes in the month.
        first: number of its first order.
        days: of the month, on which it takes them.
    """

    def __init__(self, name: str, seed: int, count: int, first: int, days: Sequence[int] = range(DAYS)) -> None:
        self.name = name
        self._random = random.Random(f"{name} {seed}")
        self._buyers = [self._buyer(number) for number in range(1, 1 + max(20, count // 4))]
        self._refund = 0
        drawn = sorted(self._random.choices(days, k=count))
        self.orders = [self._order(first + place, day) for place, day in enumerate(drawn)]

    def _buyer(self, number: int, *, is_guest: bool = False) -> Buyer:
        draw = self._random
        first, last = draw.choice(NAMES)
        place = draw.choices(PLACES, [one.weight for one in PLACES])[0]
        kind = "guest" if is_guest else "client"
        buyer = Buyer(number, first, last, f"{kind}{number}.{self.name}@example.com", place, is_guest)
        if is_guest or draw.random() > 0.25:
            return buyer
        company = f"SARL {last} & Fils n° {number}"
        if place.country == "FR" and number <= len(SIRETS) * 8:
            return replace(buyer, company=company, siret=draw.choice(SIRETS))
        return replace(buyer, company=company, vat_number=VAT_NUMBERS.get(place.country, ""))

    def _order(self, number: int, day: int) -> Order:
        draw = self._random
        moment = datetime.combine(FIRST + timedelta(days=day), datetime.min.time())
        moment += timedelta(seconds=draw.randrange(24 * 3600))
        buyer = self._buyer(number, is_guest=True) if draw.random() < 0.2 else draw.choice(self._buyers)
        currency = buyer.place.currency if self.name == "bou" else "EUR"
        mode = draw.choice(list(MODES))
        if draw.random() < 0.03:
            mode = list(LATE_MODES)[min(day // 10, len(LATE_MODES) - 1)]
        sale = self._sale(buyer, day, CURRENCIES[currency][1])
        order = Order(
            self.name, number, moment, buyer, mode, draw.choice(CARRIERS), currency, CURRENCIES[currency][1],
            draw.choice(NOTES), (), [], [(moment, sale)],
        )  # fmt: skip
        stories: dict[Callable[[Order], None], int] = {
            self._paid: 60, self._paid_late: 7, self._ordered: 6, self._quoted: 4, self._delivered: 4,
            self._given_up: 3, self._changed: 4, self._cancelled: 3, self._sent_back: 9,
        }  # fmt: skip
        known = [self._paid, self._ordered, self._quoted, self._delivered] if day > DAYS - 8 else list(stories)
        draw.choices(known, [stories[one] for one in known])[0](order)
        return order

    def _sale(self, buyer: Buyer, day: int, decimals: int) -> Sale:
        """Fill a basket: packs, gifts, returned goods, discounts, vouchers, charges."""
        draw = self._random
        rates = (ZERO, ZERO) if buyer.vat_number else buyer.place.rates_on(FIRST + timedelta(days=day))
        new = [reference for reference, since in NEW_ARTICLES.items() if since <= day <= since + 2]
        items = []
        for _ in range(draw.choice((1, 1, 2, 2, 3, 5))):
            reference = draw.choice(new) if new and draw.random() < 0.1 else draw.choice(list(CATALOGUE))
            price = rounded(CATALOGUE.get(reference, Decimal("17.35")) * (100 if not decimals else 1), decimals)
            rate = rates[draw.random() < 0.3]
            off = draw.choice((ZERO,) * 4 + (Decimal(20),)) if self.name == "bou" else ZERO
            items.append(Item(reference, f"Article {reference} é", draw.choice((1, 1, 1, 2, 3, 7)), price, rate, off))
        if draw.random() < 0.08:
            items.append(Item("ART-001", "Cadeau", 1, ZERO, rates[0]))
        if draw.random() < 0.06 and self.name == "web":
            items += [
                Item(f"ART-0{place}", "Pack : composant", 1, ZERO, items[0].rate, is_component=True)
                for place in (11, 12)
            ]
        charges = self._charges(rates, decimals)
        percent, amount = (
            draw.choice((ZERO,) * 5 + (Decimal(10), Decimal(15))),
            draw.choice((ZERO,) * 6 + (Decimal("5.00"),)),
        )
        if self.name == "web":
            return woocommerce(items, charges, percent, amount)
        rounding = ("unit", "line", "total")[day * 3 // DAYS]
        vouchers: list[tuple[str, Decimal]] = [("percent", percent)] if percent else []
        vouchers += [(draw.choice(("incl", "excl")), amount)] if amount and decimals else []
        vouchers += (
            [("shipping", ZERO)] if draw.random() < 0.08 and any(one.kind == "shipping" for one in charges) else []
        )
        if not vouchers and draw.random() < 0.04 and rounding != "total":
            items[0] = replace(items[0], quantity=items[0].quantity + 2)
            items.append(replace(items[0], quantity=-1, label="Retour"))
        return prestashop(items, charges, rounding, decimals, vouchers)

    def _charges(self, rates: tuple[Decimal, Decimal], decimals: int) -> list[Charge]:
        draw = self._random
        price = draw.choice(("0", "4.90", "6.58", "12.00")) if decimals else draw.choice(("0", "900"))
        charges = [charge("shipping", "Port", price, rates[0], decimals)] if Decimal(price) else []
        if self.name == "web" and charges and draw.random() < 0.1:
            charges.append(charge("shipping", "Port (froid)", "3.10", rates[1]))
        if draw.random() < 0.1 and decimals:
            charges.append(charge("wrapping", WRAPPING, "2.50", rates[0]))
        if self.name == "web" and draw.random() < 0.06:
            charges.append(charge("fee", "Frais de dossier", "1.90", rates[0]))
        if self.name == "web" and draw.random() < 0.04:
            charges.append(charge("fee", GESTURE, "-1.50", rates[0]))
        return charges

    def _after(self, moment: Moment, most: int = 6) -> Moment:
        """Give a moment some days later."""
        return moment + timedelta(days=self._random.randint(2, most), seconds=self._random.randrange(3600))

    def _status(self, order: Order, moment: Moment, status: str) -> None:
        order.statuses.append((moment, STATUSES[self.name][status]))

    def _pay(self, order: Order) -> None:
        """Pay at once, now and then with two modes where the shop knows of several payments."""
        total = order.sale.total
        several = self.name == "bou" and self._random.random() < 0.1 and total > 10
        first = rounded(total / 3, order.decimals) if several else total
        order.payments = ((order.mode, first), ("PayPal", total - first)) if several else ((order.mode, total),)

    def _paid(self, order: Order) -> None:
        order.kind = INVOICE
        self._pay(order)
        self._status(order, order.moment, "paid")
        if self._random.random() < 0.5:
            self._status(order, self._after(order.moment), INVOICE)

    def _paid_late(self, order: Order) -> None:
        order.kind = INVOICE
        self._pay(order)
        self._status(order, order.moment, "pending")
        self._status(order, self._after(order.moment, 8), "paid")

    def _ordered(self, order: Order) -> None:
        """Ordered and paid in part; the rest comes later, the order's document stays."""
        order.kind = ORDER
        if self.name == "bou" and order.sale.total > 10:
            order.payments = ((order.mode, rounded(order.sale.total * 3 / 10, order.decimals)),)
        self._status(order, order.moment, ORDER)
        if self._random.random() < 0.5:
            self._status(order, self._after(order.moment), "paid")

    def _quoted(self, order: Order) -> None:
        order.kind = QUOTE
        self._status(order, order.moment, QUOTE)

    def _delivered(self, order: Order) -> None:
        order.kind = NOTE
        self._status(order, order.moment, NOTE)

    def _given_up(self, order: Order) -> None:
        self._status(order, order.moment, "pending")
        if self._random.random() < 0.7:
            self._status(order, self._after(order.moment), "cancelled")

    def _changed(self, order: Order) -> None:
        """Change what was sold after it was invoiced: another basket for the same buyer."""
        self._paid(order)
        changed = self._sale(order.buyer, (order.moment.date() - FIRST).days, order.decimals)
        if changed.lines != order.sale.lines:
            order.sales.append((self._after(order.moment), changed))

    def _cancelled(self, order: Order) -> None:
        self._paid(order)
        del order.statuses[1:]
        self._status(order, self._after(order.moment), "cancelled")
        order.cancelled = True

    def _sent_back(self, order: Order) -> None:
        """Give back all, some, some more, or an amount alone; now and then on the very day."""
        self._paid(order)
        sale = order.sale
        moment = order.moment if self._random.random() < 0.1 else self._after(order.moment)
        goods = [(place, line) for place, line in enumerate(sale.lines) if line.item.quantity > 0 and line.incl > 0]
        if not goods or sale.total <= 20 or len(goods) < len(sale.lines):
            return
        what = self._random.choice(("all", "some", "twice", "amount"))
        if what == "all" and not sale.vouchers:
            self._give_back(order, moment, goods, full=True)
            self._status(order, moment, "refunded")
        elif what == "amount" and self.name == "web":
            amount = min(Decimal("7.35"), sale.total)
            shares = {rate: amount * part / sale.total for rate, part in sale.by_rate.items()}
            order.refunds.append(self._numbered(Refund(0, moment, amount=amount, by_rate=shares)))
        elif sale.reduced_incl < sale.total / 2:
            self._give_back(order, moment, goods[:1])
            if what == "twice" and len(goods) > 1:
                self._give_back(order, self._after(moment), goods[1:2])

    def _give_back(self, order: Order, moment: Moment, goods: list[tuple[int, Line]], *, full: bool = False) -> None:
        lines = []
        by_rate: dict[Decimal, Decimal] = {}
        for place, line in goods:
            quantity = line.item.quantity if full else 1
            kept = 6 if self.name == "web" else order.decimals
            excl, incl = (rounded(side * quantity / line.item.quantity, kept) for side in (line.excl, line.incl))
            lines.append((place, quantity, excl, incl))
            by_rate[line.item.rate] = by_rate.get(line.item.rate, ZERO) + incl
        shipping = [one for one in order.sale.charges if one.kind == "shipping"] if full else []
        back = shipping[0] if len(shipping) == 1 else None
        if back:
            by_rate[back.rate] = by_rate.get(back.rate, ZERO) + back.incl
        amount = rounded(added(by_rate.values()), order.decimals)
        order.refunds.append(self._numbered(Refund(0, moment, tuple(lines), back, amount, settled(by_rate, amount))))

    def _numbered(self, refund: Refund) -> Refund:
        self._refund += 1
        return replace(refund, number=70_000 + self._refund)


def two_shops(seed: int, count: int, days: Sequence[int] = range(DAYS)) -> list[Shop]:
    """Give the two shops with half of the orders each."""
    return [Shop("bou", seed, count // 2, 5001, days), Shop("web", seed, count - count // 2, 20001, days)]

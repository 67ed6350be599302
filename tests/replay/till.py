"""What shops charge, computed as their tills do it, by unit, by line or on the total: apart from the product's rules.

Amounts are decimals. ``by_rate`` is what a sale came to including VAT at each rate, unrounded where the shop does not
round it; the rates add up to the total.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

ByRate = dict[Decimal, Decimal]
ZERO, ONE = Decimal(0), Decimal(1)


def added(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def rounded(amount: Decimal, decimals: int = 2) -> Decimal:
    return amount.quantize(ONE.scaleb(-decimals), ROUND_HALF_UP)


@dataclass(frozen=True)
class Item:
    """What is put into the basket; the price of one is excluding VAT in PrestaShop, including it in WooCommerce."""

    reference: str
    label: str
    quantity: int
    price: Decimal
    rate: Decimal
    off: Decimal = ZERO
    is_component: bool = False


@dataclass(frozen=True)
class Line:
    """A line as it was charged; ``full_`` is before the vouchers of WooCommerce."""

    item: Item
    unit_excl: Decimal
    unit_incl: Decimal
    excl: Decimal
    incl: Decimal
    full_excl: Decimal
    full_incl: Decimal


@dataclass(frozen=True)
class Charge:
    """Shipping, wrapping or a fee; a fee may be negative."""

    kind: str
    label: str
    excl: Decimal
    incl: Decimal
    rate: Decimal


@dataclass(frozen=True)
class Voucher:
    """An order discount of PrestaShop with its unrounded value."""

    name: str
    excl: Decimal
    incl: Decimal
    free_shipping: bool = False


@dataclass(frozen=True)
class Sale:
    """What an order came to."""

    lines: tuple[Line, ...]
    charges: tuple[Charge, ...] = ()
    vouchers: tuple[Voucher, ...] = ()
    reduced_excl: Decimal = ZERO
    reduced_incl: Decimal = ZERO
    rounding: str = "line"
    total: Decimal = ZERO
    total_excl: Decimal = ZERO
    by_rate: ByRate = field(default_factory=dict)

    @property
    def pieces(self) -> Decimal:
        """How many roundings there may have been: those of units and charges."""
        return Decimal(sum(abs(line.item.quantity) for line in self.lines) + len(self.charges) + len(self.vouchers))

    def charged(self, kind: str, side: str) -> Decimal:
        return added(getattr(charge, side) for charge in self.charges if charge.kind == kind)


def settled(by_rate: ByRate, total: Decimal) -> ByRate:
    """Make unrounded rates add up to what was charged: the largest takes what rounding left."""
    largest = max(by_rate, key=lambda rate: abs(by_rate[rate]))
    return {**by_rate, largest: by_rate[largest] + total - added(by_rate.values())}


def charge(kind: str, label: str, excl: str | Decimal, rate: Decimal, decimals: int = 2) -> Charge:
    """Make a charge from its price excluding VAT."""
    price = rounded(Decimal(excl), decimals)
    return Charge(kind, label, price, rounded(price * (1 + rate / 100), decimals), rate)


def prestashop(
    items: Iterable[Item],
    charges: Sequence[Charge],
    rounding: str,
    decimals: int,
    vouchers: Sequence[tuple[str, Decimal]] = (),
) -> Sale:
    """Charge a basket as PrestaShop does with prices excluding VAT.

    Args:
        items: the basket.
        charges: shipping and wrapping.
        rounding: ``unit``, ``line`` or ``total``.
        decimals: of the currency.
        vouchers: kind and value: ``percent``, ``incl``, ``excl`` or ``shipping``.
    """
    lines = tuple(_line(item, rounding, decimals) for item in items)
    products = {side: rounded(added(getattr(line, side) for line in lines), decimals) for side in ("excl", "incl")}
    shipping = {side: added(getattr(one, side) for one in charges if one.kind == "shipping") for side in products}
    made = [_voucher(kind, value, products, shipping) for kind, value in vouchers]
    reduced = {side: rounded(added(getattr(one, side) for one in made), decimals) for side in products}
    totals = {side: products[side] + added(getattr(one, side) for one in charges) - reduced[side] for side in products}
    by_rate: ByRate = defaultdict(Decimal)
    on_shipping = added(one.incl for one in made if one.free_shipping)
    on_lines = reduced["incl"] - on_shipping
    for line in lines:
        by_rate[line.item.rate] += line.incl
    sold = added(amount for amount in by_rate.values() if amount > 0)
    for rate, amount in list(by_rate.items()):
        by_rate[rate] -= on_lines * max(amount, ZERO) / sold if sold else ZERO
    for one in charges:
        by_rate[one.rate] += one.incl - (on_shipping if one.kind == "shipping" else ZERO)
    return Sale(
        lines, tuple(charges), tuple(made), reduced["excl"], reduced["incl"], rounding, totals["incl"], totals["excl"],
        settled(by_rate, totals["incl"]),
    )  # fmt: skip


def _line(item: Item, rounding: str, decimals: int) -> Line:
    unit_excl = rounded(item.price * (1 - item.off / 100), 6)
    unit_incl = rounded(unit_excl * (1 + item.rate / 100), 6)
    if rounding == "unit":
        unit_excl, unit_incl = rounded(unit_excl, decimals), rounded(unit_incl, decimals)
    kept = 6 if rounding == "total" else decimals
    excl, incl = rounded(unit_excl * item.quantity, kept), rounded(unit_incl * item.quantity, kept)
    return Line(item, unit_excl, unit_incl, excl, incl, excl, incl)


def _voucher(kind: str, value: Decimal, products: dict[str, Decimal], shipping: dict[str, Decimal]) -> Voucher:
    if kind == "shipping":
        return Voucher("Port offert", shipping["excl"], shipping["incl"], free_shipping=True)
    if kind == "percent":
        return Voucher(f"Remise {value} %", *(rounded(products[side] * value / 100, 6) for side in ("excl", "incl")))
    value = min(value, products[kind])
    other = "excl" if kind == "incl" else "incl"
    converted = rounded(value * products[other] / products[kind], 6)
    return Voucher("Bon d'achat", *((converted, value) if kind == "incl" else (value, converted)))


def woocommerce(items: Iterable[Item], charges: Sequence[Charge], percent: Decimal, amount: Decimal) -> Sale:
    """Charge a basket as WooCommerce does with prices including VAT; coupons go off the lines, cent by cent.

    Args:
        items: the basket.
        charges: shipping, wrapping, fees.
        percent: a coupon in percent.
        amount: a coupon including VAT, shared by the lines in proportion, the last one takes what is left.
    """
    basket = list(items)
    full = [item.price * item.quantity for item in basket]
    after = [price - rounded(price * percent / 100) for price in full]
    amount = min(amount, added(after))
    left = amount
    for place, price in enumerate(after):
        share = left if place == len(after) - 1 else min(left, rounded(amount * price / (added(after) or ONE)))
        share = min(share, price)
        after[place], left = price - share, left - share
    lines = tuple(
        Line(
            item, _excluding(item.price, item.rate), item.price,
            _excluding(incl, item.rate), incl, _excluding(price, item.rate), price,
        )
        for item, price, incl in zip(basket, full, after, strict=True)
    )  # fmt: skip
    by_rate: ByRate = defaultdict(Decimal)
    for line in lines:
        by_rate[line.item.rate] += line.incl
    for one in charges:
        by_rate[one.rate] += one.incl
    total = added(by_rate.values())
    return Sale(lines, tuple(charges), reduced_incl=added(full) - added(after), total=total, by_rate=dict(by_rate))


def _excluding(incl: Decimal, rate: Decimal) -> Decimal:
    return rounded(incl * 100 / (100 + rate), 6)

"""Whatever way a shop rounds: the document comes to what it charged, or is refused with both totals.

The shops here round by item, by line or in all, in any of PrestaShop's modes, in currencies of 0 to 3 decimals; their
totals, and the ERP's, are computed with ``Decimal`` and none of the program's arithmetic.
"""

from __future__ import annotations

import decimal
import json
import random
from collections import defaultdict
from decimal import Decimal

import pandas as pd
import pytest
from exchange_given import Part, address, context, exchanged, line, order, row, said, sales, short, told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.orders import exchange_orders

TYPES = ("item", "line", "total")
"""PrestaShop's PS_ROUND_TYPE."""
MODES = {
    "half-up": decimal.ROUND_HALF_UP,
    "half-down": decimal.ROUND_HALF_DOWN,
    "half-even": decimal.ROUND_HALF_EVEN,
    "half-odd": None,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
}
"""PrestaShop's PS_PRICE_ROUND_MODE, and the standard library's name of each; it has none for half odd."""
COUNTRIES = {
    "FR": ("20", "10", "5.5", "2.1"),
    "DE": ("19", "7"),
    "FI": ("25.5", "13.5", "10"),
    "SI": ("22", "9.5", "5"),
    "HU": ("27", "18", "5"),
    "CH": ("8.1", "3.8", "2.6"),
    "US": ("0",),
}
DECIMALS = {"EUR": 2, "HUF": 2, "CZK": 2, "JPY": 0, "XPF": 0, "TND": 3, "KWD": 3}
CEILING_UNITS = 100


def rounded(value: Decimal, places: int, mode: str) -> Decimal:
    """Round as a shop does in a mode of PrestaShop's."""
    unit = Decimal(1).scaleb(-places)
    if MODES[mode]:
        return value.quantize(unit, MODES[mode])
    down = value.quantize(unit, decimal.ROUND_DOWN)
    if abs(value - down) * 2 == unit:
        return down if int(down / unit) % 2 else down + unit.copy_sign(value)
    return value.quantize(unit, decimal.ROUND_HALF_UP)


class Shop:
    """A shop that rounds in its own way, in one currency."""

    def __init__(self, chance: random.Random, currency: str, mode: str) -> None:
        self.chance, self.currency, self.mode = chance, currency, mode
        self.places = DECIMALS[currency]
        self.by = chance.choice(TYPES)
        self.includes_tax = chance.random() < 0.5
        self.sides = chance.choice((("excl", "incl"), ("excl", "incl"), ("excl",), ("incl",)))

    def amounts(self, price: Decimal, quantity: Decimal, rate: Decimal) -> tuple[Decimal, Decimal]:
        """Compute what quantity pieces cost without and with tax."""
        share = 1 + rate / 100
        excl, incl = (price / share, price) if self.includes_tax else (price, price * share)
        if self.by == "item":
            excl, incl = (rounded(one, self.places, self.mode) for one in (excl, incl))
        places = 6 if self.by == "total" else self.places
        return rounded(excl * quantity, places, self.mode), rounded(incl * quantity, places, self.mode)

    def cells(self, name: str, both: tuple[Decimal, Decimal], sides: tuple[str, ...] | None = None) -> dict[str, int]:
        """Tell the sides that the shop gives."""
        amounts = dict(zip(("excl", "incl"), both, strict=True))
        return {f"{name}_{side}": money.of(amounts[side]) for side in sides or self.sides}

    def price(self) -> Decimal:
        places = self.places if self.chance.random() < 0.7 else self.places + self.chance.choice((1, 2, 3))
        return Decimal(self.chance.choice((0, 1, 7, self.chance.randint(0, 99_999)))).scaleb(-min(places, 6))

    def order(self, number: int):
        """Make an order: 1 to 30 lines, packs, gifts, returns, charges, eco-tax, discounts."""
        chance = self.chance
        country = chance.choice([*COUNTRIES])
        rates = [Decimal(rate) for rate in COUNTRIES[country]]
        parts, total = [], Decimal(0)
        for _ in range(chance.choice((1, 2, 3, 5, 30))):
            rate = chance.choice(rates)
            quantity = Decimal(chance.choice((1, 1, 2, 3, 12, 1000, chance.randint(1, 9999))))
            quantity = quantity.scaleb(-chance.choice((0, 0, 0, 3))) * chance.choice((1, 1, 1, 1, -1))
            price = self.price()
            kept = 1 - Decimal(chance.choice((0, 0, 0, 10, 33, 100))) / 100
            net = self.amounts(price * kept, quantity, rate)
            total += net[1]
            cells = {"tax_rate": money.of(rate), "quantity": money.of(quantity), "reference": "A", "label": "A"}
            gross = self.cells("gross", self.amounts(price, quantity, rate))
            parts.append(Part("lines", {**cells, **self.cells("net", net), **gross}))
        for kind in chance.sample(("shipping", "shipping", "wrapping", "fee", "fee"), chance.randint(0, 4)):
            rate = chance.choice(rates)
            amounts = self.amounts(self.price(), Decimal(1), rate)
            total += amounts[1]
            cells = {"kind": kind, "label": "Éco-participation" if kind == "fee" else kind, "tax_rate": money.of(rate)}
            parts.append(Part("charges", {**cells, **self.cells("amount", amounts)}))
        for _ in range(chance.choice((0, 0, 1, 2))):
            excl = rounded(abs(self.price()), self.places, self.mode)
            incl = rounded(excl * (1 + chance.choice(rates) / 100), self.places, self.mode)
            total -= incl
            sides = chance.choice((("excl", "incl"), ("excl",), ("incl",)))
            cells = {"target": chance.choice(("lines", "lines", "shipping")), "label": "BON"}
            parts.append(Part("allowances", {**cells, **self.cells("amount", (excl, incl), sides)}))
        parts.append(address(country=country, postcode="1000"))
        # A shop that rounds in all may keep the digits that it does not show.
        charged = total if self.by == "total" and chance.random() < 0.5 else rounded(total, self.places, self.mode)
        return order(str(number), *parts, total=f"{charged:f}", currency=self.currency, currency_rate=money.ONE)


def erp_totals(made) -> dict[str, tuple[Decimal, Decimal]]:
    """Compute the totals without and with tax of documents as the ERP does, from what it is given."""
    by_rate = defaultdict(lambda: defaultdict(Decimal))
    headers = {one["document_key"]: one for one in made.documents.to_dict("records")}

    def at_home(value: Decimal, key: str) -> Decimal:
        return rounded(value, DECIMALS[headers[key]["currency"]], "half-up")

    for one in made.lines.to_dict("records"):
        key = one["document_key"]
        side = "incl" if headers[key]["includes_tax"] else "excl"
        share = 1 + money.decimal(one["tax_rate"]) / 100 if side == "incl" else 1
        price = money.decimal(one[f"unit_price_{side}"]) - money.decimal(one["unit_discount_excl"]) * share
        net = at_home(price * money.decimal(one["quantity"]), key)
        assert net == money.decimal(one[f"net_{side}"])
        by_rate[key][money.decimal(one["tax_rate"]), one["vat_code"]] += net
    totals = {}
    for key, header in headers.items():
        if header["shipping_excl"]:
            amount, rate = money.decimal(header["shipping_excl"]), money.decimal(header["shipping_tax_rate"])
            amount = at_home(amount * (1 + rate / 100), key) if header["includes_tax"] else amount
            by_rate[key][rate, header["shipping_vat_code"]] += amount
        base = total = Decimal(0)
        for (rate, _), amount in by_rate[key].items():
            if header["includes_tax"]:
                base, total = base + at_home(amount / (1 + rate / 100), key), total + amount
            else:
                base, total = base + amount, total + amount + at_home(amount * rate / 100, key)
        totals[key] = base, total
    return totals


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from([*MODES]), st.booleans(), st.sampled_from((2, 3, 4, 6)))
def test_inv_1_ord_26_ord_27_ord_30_ord_44_any_order_of_any_shop_comes_to_what_was_charged(
    seed, mode, includes_tax, price_decimals
):
    chance = random.Random(seed)
    shops = [Shop(chance, currency, mode) for currency in DECIMALS]
    given_ = sales(*[shop.order(number) for number, shop in enumerate([*shops, *shops], 1)])
    profile = context(
        includes_tax=includes_tax,
        price_decimals=price_decimals,
        shop_rounding=mode,
        shipping=chance.choice(("footer", "line")),
        line_discounts=chance.choice(("keep", "fold")),
        mappings={"taxes": [("*", "*", "*", "V")]},
    )
    made = exchange_orders(given_, profile)
    totals = erp_totals(made)
    charged = {
        one["order_key"]: rounded(money.decimal(one["charged_total"]), DECIMALS[one["currency"]], mode)
        for one in given_.orders.to_dict("records")
    }
    assert {key: total for key, (_, total) in totals.items()} == {key: charged[key] for key in totals}
    for one in made.documents.to_dict("records"):
        assert totals[one["document_key"]] == (money.decimal(one["total_excl"]), money.decimal(one["total_incl"]))
    refused = made.outcomes.set_index("record")
    assert set(charged) - set(totals) == set(refused.index)
    assert set(refused["code"]) <= {"total-mismatch"}
    ceilings_are_kept(made, refused)
    vat_adds_up(made)
    discounts_add_up(given_, made, "incl" if includes_tax else "excl")


def ceilings_are_kept(made, refused) -> None:
    """An Écart line carries no more than the ceiling, and nothing within it is refused."""
    places = {one["document_key"]: DECIMALS[one["currency"]] for one in made.documents.to_dict("records")}
    for one in made.lines[made.lines["kind"] == "rounding"].to_dict("records"):
        units = abs(money.decimal(one["net_incl"])).scaleb(places[one["document_key"]])
        assert 0 < units <= CEILING_UNITS
        assert one["tax_rate"] == 0
    for one in refused.to_dict("records"):
        named = json.loads(one["params"])
        difference = Decimal(one["value"]) - Decimal(named["erp_total"])
        assert difference == Decimal(named["difference"])
        assert abs(difference).scaleb(DECIMALS[named["currency"]]) > CEILING_UNITS
        assert Decimal(named["ceiling"]).scaleb(DECIMALS[named["currency"]]) == CEILING_UNITS


def vat_adds_up(made) -> None:
    """Base and VAT by rate make the totals of each document."""
    parts = made.reconciliation.parts.groupby("order_key")[["file_base", "file_tax"]].sum()
    for one in made.documents.to_dict("records"):
        base, tax = parts.loc[one["document_key"]]
        assert (base, base + tax) == (one["total_excl"], one["total_incl"])


def discounts_add_up(given_, made, side) -> None:
    """The Remise lines make the order's discounts to the last unit, on the side that the shop gave."""
    amounts = given_.allowances.set_index("order_key")[f"amount_{side}"]
    for key in set(made.documents["document_key"]) & set(amounts.index):
        if amounts.loc[[key]].isna().any():
            continue
        lines = made.lines[(made.lines["document_key"] == key) & (made.lines["kind"] == "discount")]
        assert -lines[f"net_{side}"].sum() == amounts.loc[[key]].sum()
        assert not lines.duplicated(["tax_rate", "vat_code"]).any()


class TestOrd27:
    @pytest.mark.parametrize(
        ("mode", "total"),
        [
            ("half-up", "12.13"),
            ("half-down", "12.12"),
            ("half-even", "12.12"),
            ("half-odd", "12.13"),
            ("up", "12.13"),
            ("down", "12.12"),
        ],
    )
    def test_a_total_with_more_digits_is_rounded_as_the_shop_does(self, mode, total):
        sold = order("1", line("A", excl="10.10", incl="12.12"), total="12.125")
        made = exchanged(sold, shop_rounding=mode, paid_in_full=False)
        assert short(made.documents["total_incl"].iloc[0]) == total

    def test_paid_and_charged_are_rounded_alike(self):
        sold = order("1", line("A", excl="10.10", incl="12.12"), total="12.125", paid_total=12_124_999)
        assert said(exchanged(sold, paid_in_full=True)) == ["not-paid-in-full"]
        assert said(exchanged(sold, paid_in_full=True, shop_rounding="down")) == []

    @pytest.mark.parametrize(
        ("currency", "total", "last", "beyond"),
        [
            ("EUR", "12.00", "13.00", "13.01"),
            ("JPY", "12", "112", "113"),
            ("TND", "12.000", "12.100", "12.101"),
        ],
    )
    def test_the_ceiling_is_so_many_of_the_currency_s_smallest_units(self, currency, total, last, beyond):
        sold = [order("1", line("A", excl="10"), total=one, currency=currency) for one in (last, beyond)]
        made = exchanged(sold[0])
        assert said(made) == []
        assert told(made, "net_incl", kind="rounding") == [(short(money.of(last) - money.of(total)),)]
        refused = row(exchanged(sold[1]), "total-mismatch")
        assert refused["value"] == beyond
        assert json.loads(refused["params"])["erp_total"] == total

    def test_without_the_option_a_difference_is_refused_in_the_currency_s_own_writing(self):
        sold = order("1", line("A", excl="10"), total="13", currency="JPY")
        refused = row(exchanged(sold, rounding_line=False), "total-mismatch")
        named = {"erp_total": "12", "difference": "1", "currency": "JPY", "ceiling": "100"}
        assert (refused["value"], json.loads(refused["params"])) == ("13", named)


class TestMoney:
    @given(st.lists(st.integers(-(10**15), 10**15), max_size=20), st.integers(0, 6), st.sampled_from([*MODES]))
    def test_every_mode_is_the_standard_library_s(self, values, places, mode):
        expected = [money.of(rounded(money.decimal(value), places, mode)) for value in values]
        assert money.rounded(values, places, mode).tolist() == expected

    @given(st.lists(st.tuples(st.integers(-(10**14), 10**14), st.integers(0, 6)), max_size=20))
    def test_each_row_can_have_decimals_of_its_own(self, rows):
        values, places = [value for value, _ in rows], [count for _, count in rows]
        assert money.rounded_half_up(values, places).tolist() == [
            int(money.rounded_half_up(value, count)) for value, count in rows
        ]
        assert money.tax(values, 5_500_000, places).tolist() == [
            int(money.tax(value, 5_500_000, count)) for value, count in rows
        ]
        texts = money.to_text(pd.Series(values, dtype="Int64"), places)
        exact = [rounded(money.decimal(value), count, "half-up") for value, count in rows]
        assert texts.tolist() == [f"{one or abs(one):f}" for one in exact]

    def test_parts_of_currencies_without_decimals_add_up(self):
        parts = money.allocate([10_000_000] * 3 + [1_000] * 2, [1, 1, 1, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 3, 3])
        assert parts.tolist() == [4_000_000, 3_000_000, 3_000_000, 1_000, 0]

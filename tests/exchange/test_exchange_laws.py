"""What holds for every order, whatever the shop: hypothesis looks for one for which it does not.

The shop of these tests rounds as PrestaShop does (by item, by line or in all, in any of its modes); its totals, and the
ERP's total of a document, are computed here with ``Decimal`` and none of the program's arithmetic.
"""

from __future__ import annotations

import decimal
import json
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
from exchange_given import CENT, Order, Part, address, context, guest, order, payment, refund, sales
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle import money, outcome
from passerelle.exchange.orders import Exchange, exchange_orders
from passerelle.model.orders import TABLES, SalesOrders, refund_keys

RATES = ("20", "10", "5.5", "2.1", "0")
MODES = (
    decimal.ROUND_HALF_UP,
    decimal.ROUND_HALF_DOWN,
    decimal.ROUND_HALF_EVEN,
    decimal.ROUND_UP,
    decimal.ROUND_DOWN,
)
MILLIONTH = Decimal("0.000001")
CEILING = Decimal("1.00")
bounded = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def cents(value: Decimal, mode: str = decimal.ROUND_HALF_UP) -> Decimal:
    return value.quantize(CENT, mode)


# --- The shop ---------------------------------------------------------------------------------------------------------


@st.composite
def shop_orders(draw, number: int) -> Order:
    """Make an order of a shop whose total is the sum of its parts, by the shop's own rounding."""
    by, mode = draw(st.sampled_from(("item", "line", "total"))), draw(st.sampled_from(MODES))
    includes_tax = draw(st.booleans())
    sides = draw(st.sampled_from(("both", "both", "excl", "incl")))
    parts: list[Part] = []
    total = Decimal(0)
    for _ in range(draw(st.integers(1, 4))):
        rate = Decimal(draw(st.sampled_from(RATES)))
        quantity = draw(
            st.one_of(st.integers(1, 50).map(Decimal), st.integers(1, 5000).map(lambda n: Decimal(n) / 1000))
        )
        quantity *= draw(st.sampled_from((1, 1, 1, -1)))
        price = Decimal(draw(st.integers(0, 50_000_000))).scaleb(-draw(st.integers(2, 5)))
        kept = 1 - Decimal(draw(st.sampled_from((0, 0, 10, 33, 100)))) / 100
        gross = amounts(price, quantity, rate, includes_tax, by, mode)
        net = amounts(price * kept, quantity, rate, includes_tax, by, mode)
        total += net[1]
        cells = {
            "tax_rate": money.of(rate),
            "quantity": money.of(quantity),
            "reference": f"A{rate}",
            "label": "Article",
        }
        parts.append(Part("lines", {**cells, **told("net", net, sides), **told("gross", gross, sides)}))
    for kind in draw(st.lists(st.sampled_from(("shipping", "shipping", "wrapping", "fee")), max_size=3)):
        rate = Decimal(draw(st.sampled_from(RATES)))
        charge = amounts(Decimal(draw(st.integers(0, 3000))) / 100, Decimal(1), rate, includes_tax, by, mode)
        total += charge[1]
        cells = {"kind": kind, "label": kind, "tax_rate": money.of(rate)}
        parts.append(Part("charges", {**cells, **told("amount", charge, sides)}))
    for _ in range(draw(st.integers(0, 2))):
        given = draw(st.sampled_from(("both", "excl", "incl")))
        excl = cents(Decimal(draw(st.integers(1, 3000))) / 100)
        incl = cents(excl * Decimal(draw(st.sampled_from(("1.2", "1.055", "1.13")))))
        total -= incl
        target = draw(st.sampled_from(("lines", "lines", "shipping")))
        parts.append(Part("allowances", {"target": target, "label": "BON", **told("amount", (excl, incl), given)}))
    total = cents(total, mode) + Decimal(draw(st.sampled_from((0, 0, 0, 1, -7, 150)))) / 100
    parts += [payment(str(total)), *draw(st.lists(st.just(refund("1", incl="1.00")), max_size=1))]
    parts += [address(kind) for kind in draw(st.sampled_from((("billing",), ("billing", "delivery"), ())))]
    buyer = draw(st.sampled_from(("1", "2", "3", "12345"))) if draw(st.booleans()) else guest(str(number))
    mode_of_payment = draw(st.sampled_from(("carte", "carte", "carte", "inconnu")))
    made = order(str(number), *parts, buyer=buyer, total=str(total), payment_mode=mode_of_payment)
    if not any(part.table == "addresses" for part in parts):
        made.parts = parts
    return made


def amounts(
    price: Decimal, quantity: Decimal, rate: Decimal, includes_tax: bool, by: str, mode: str
) -> tuple[Decimal, Decimal]:
    """Give a line's amounts without and with tax as the shop computes them."""
    share = 1 + rate / 100
    excl, incl = (price / share, price) if includes_tax else (price, price * share)
    if by == "item":
        return cents(cents(excl, mode) * quantity, mode), cents(cents(incl, mode) * quantity, mode)
    if by == "line":
        return cents(excl * quantity, mode), cents(incl * quantity, mode)
    return (excl * quantity).quantize(MILLIONTH), (incl * quantity).quantize(MILLIONTH)


def told(name: str, both: tuple[Decimal, Decimal], sides: str) -> dict[str, int | None]:
    """Tell the sides that the shop gives."""
    given = {"both": ("excl", "incl"), "excl": ("excl",), "incl": ("incl",)}[sides]
    return {
        f"{name}_{side}": money.of(value) for side, value in zip(("excl", "incl"), both, strict=True) if side in given
    }


@st.composite
def shops(draw) -> SalesOrders:
    return sales(*[draw(shop_orders(number)) for number in range(1, draw(st.integers(1, 6)) + 1)])


@st.composite
def profiles(draw):
    return context(
        includes_tax=draw(st.booleans()),
        shipping=draw(st.sampled_from(("footer", "line"))),
        line_discounts=draw(st.sampled_from(("keep", "fold"))),
        price_decimals=draw(st.sampled_from((6, 6, 4, 2))),
        settlements={"create": True, "amount": draw(st.sampled_from(("order", "payments")))},
        mappings={
            "payment_modes": [("carte", "*", "CB", "CARTE")],
            "territories": [("*", "*", "FRANCE")],
            "statuses": [("*", "oui", draw(st.sampled_from(("order", "invoice"))))],
        },
    )


# --- The ERP ----------------------------------------------------------------------------------------------------------


def erp_totals(made: Exchange) -> dict[str, tuple[Decimal, Decimal]]:
    """Compute every document's totals without and with tax as the ERP does, from what it is given."""
    by_rate: dict[str, dict[tuple[Decimal, str], Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    includes_tax = dict(zip(made.documents["document_key"], made.documents["includes_tax"], strict=True))
    for line in made.lines.to_dict("records"):
        side = "incl" if includes_tax[line["document_key"]] else "excl"
        share = 1 + money.decimal(line["tax_rate"]) / 100 if side == "incl" else 1
        price = money.decimal(line[f"unit_price_{side}"]) - money.decimal(line["unit_discount_excl"]) * share
        net = cents(price * money.decimal(line["quantity"]))
        assert net == money.decimal(line[f"net_{side}"])
        by_rate[line["document_key"]][money.decimal(line["tax_rate"]), line["vat_code"]] += net
    totals = {}
    for document in made.documents.to_dict("records"):
        key = document["document_key"]
        if document["shipping_excl"]:
            shipping, rate = money.decimal(document["shipping_excl"]), money.decimal(document["shipping_tax_rate"])
            if includes_tax[key]:
                shipping = cents(shipping * (1 + rate / 100))
            by_rate[key][rate, document["shipping_vat_code"]] += shipping
        base, total = Decimal(0), Decimal(0)
        for (rate, _), amount in by_rate[key].items():
            if includes_tax[key]:
                base, total = base + cents(amount / (1 + rate / 100)), total + amount
            else:
                base, total = base + amount, total + amount + cents(amount * rate / 100)
        totals[key] = base, total
    return totals


def charged(given: SalesOrders) -> dict[str, Decimal]:
    """Give what the shop charged for orders and gave back by refunds, to the cent."""
    told = [*zip(given.orders["order_key"], given.orders["charged_total"], strict=True)]
    told += zip(refund_keys(given.refunds), given.refunds["amount_incl"], strict=True)
    return {key: cents(money.decimal(total)) for key, total in told if pd.notna(total)}


# --- The laws ---------------------------------------------------------------------------------------------------------


@bounded
@given(shops(), profiles())
def test_inv_1_ord_26_ord_27_every_document_s_total_is_what_the_shop_charged(given_, profile):
    made = exchange_orders(given_, profile)
    balanced(given_, made)
    totals, shop = erp_totals(made), charged(given_)
    for document in made.documents.to_dict("records"):
        key = document["document_key"]
        assert totals[key] == (money.decimal(document["total_excl"]), money.decimal(document["total_incl"]))
        assert totals[key][1] == shop[key]
    assert made.reconciliation.balanced
    assert (made.lines.loc[made.lines["kind"] == "rounding", "net_incl"].abs() <= money.of(CEILING)).all()
    discounts_add_up(given_, made, profile)
    mismatches(given_, made)


def balanced(given: SalesOrders, made: Exchange) -> None:
    """Every order is one document or refused, and so is every refund (INV-2)."""
    keys = [*given.orders["order_key"], *refund_keys(given.refunds)]
    final = outcome.final_states(made.outcomes, keys)
    assert set(made.outcomes["record"]) <= set(keys)
    assert sorted(final.index[final == "succeeded"]) == sorted(made.documents["document_key"])
    assert set(made.customers["customer_code"]) == set(made.documents["customer_code"])
    assert set(made.lines["document_key"]) == set(made.documents["document_key"])


def discounts_add_up(given: SalesOrders, made: Exchange, profile) -> None:
    """The Remise lines of an order make the sum of its discounts, on the side that the shop gave (ORD-26)."""
    side = "incl" if profile.orders.includes_tax else "excl"
    amounts = given.allowances.set_index("order_key")[f"amount_{side}"]
    for key in made.documents["document_key"]:
        if key not in amounts.index or amounts.loc[[key]].isna().any():
            continue
        lines = made.lines[(made.lines["document_key"] == key) & (made.lines["kind"] == "discount")]
        assert -lines[f"net_{side}"].sum() == amounts.loc[[key]].sum()
        assert not lines.duplicated(["tax_rate", "vat_code"]).any()


def mismatches(given: SalesOrders, made: Exchange) -> None:
    """An order is refused for its total only beyond the ceiling, and both totals are named."""
    shop = charged(given)
    for refused in made.outcomes[made.outcomes["code"] == "total-mismatch"].to_dict("records"):
        named = json.loads(refused["params"])
        assert Decimal(refused["value"]) == shop[refused["record"]]
        difference = Decimal(refused["value"]) - Decimal(named["erp_total"])
        assert difference == Decimal(named["difference"])
        assert abs(difference) > CEILING


@settings(bounded, max_examples=3)
@given(shops(), st.randoms(use_true_random=False))
def test_inv_3_nothing_depends_on_the_order_of_the_rows(given_, random):
    profile = context(
        settlements={"create": True, "amount": "payments"}, mappings={"payment_modes": [("carte", "*", "CB")]}
    )
    shuffled = replace(given_, **{name: shuffle(getattr(given_, name), random) for name in TABLES})
    first, second = exchange_orders(given_, profile), exchange_orders(shuffled, profile)
    for name in ("documents", "lines", "customers", "addresses", "settlements", "accounts", "outcomes", "effects"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))
    pd.testing.assert_series_equal(first.contents, second.contents)
    pd.testing.assert_frame_equal(first.reconciliation.parts, second.reconciliation.parts)
    assert {name: rows.to_dict() for name, rows in first.new_values.items()} == {
        name: rows.to_dict() for name, rows in second.new_values.items()
    }


def shuffle(table: pd.DataFrame, random) -> pd.DataFrame:
    rows = list(range(len(table)))
    random.shuffle(rows)
    return table.iloc[rows].reset_index(drop=True)


@settings(bounded, max_examples=2)
@given(st.data())
def test_ord_27_prices_including_tax_to_the_cent_need_no_rounding_line(data):
    """A shop that charges each line to the cent including tax is met exactly by documents TTC."""
    orders = []
    for number in range(1, 7):
        parts = []
        for _ in range(data.draw(st.integers(1, 4))):
            rate = Decimal(data.draw(st.sampled_from(RATES)))
            incl = Decimal(data.draw(st.integers(0, 500_000))) / 100
            cells = {
                "reference": "A",
                "tax_rate": money.of(rate),
                "quantity": data.draw(st.integers(1, 50)) * money.ONE,
            }
            parts.append(Part("lines", {**cells, "net_incl": money.of(incl)}))
        shipping = {"kind": "shipping", "tax_rate": money.of(data.draw(st.sampled_from(RATES)))}
        parts.append(Part("charges", {**shipping, "amount_incl": data.draw(st.integers(0, 2000)) * 10_000}))
        parts.append(Part("allowances", {"target": "lines", "amount_incl": data.draw(st.integers(1, 2000)) * 10_000}))
        orders.append(order(str(number), *parts, buyer=str(number)))
    made = exchange_orders(sales(*orders), context(includes_tax=True, rounding_line=False))
    assert made.outcomes.empty
    assert len(made.documents) == len(orders)


TAME = st.one_of(
    st.none(), st.sampled_from((0, 1, -1, 5_000, 10_000, 1_000_000, 12_345_678)), st.integers(-(10**12), 10**12)
)
WILD = st.one_of(
    TAME, st.sampled_from((10**16, 10**18, -(10**18), *(getattr(np.iinfo(np.int64), end) for end in ("min", "max"))))
)
WILD_TEXTS = st.sampled_from(
    ("", "x", "*", "#ignore", "2", "shipping", "billing", "delivery", "FR", "EUR", "GBP", "é\u00a0\n", "🙂")
)
WILD_DATES = st.sampled_from((None, pd.Timestamp("2026-11-20"), pd.Timestamp("1970-01-01"), pd.Timestamp("2262-01-01")))


@st.composite
def wild_sales(draw) -> SalesOrders:
    """Make tables with any content that their types allow, any of them empty."""
    numbers = draw(st.sampled_from((TAME, TAME, WILD)))
    keys = [f"s/{number}" for number in range(draw(st.integers(0, 3)))]
    rows = {}
    for name, declared in TABLES.items():
        if name == "orders":
            owners = keys
        elif name == "parties":
            owners = draw(st.lists(st.sampled_from(("s/1", "s/2", "s/order-3", "")), max_size=3, unique=True))
        else:
            owners = draw(st.lists(st.sampled_from(keys), max_size=5)) if keys else []
        rows[name] = [draw(wild_row(declared, owner, numbers)) for owner in owners]
    return SalesOrders(**{name: declared.of(rows[name]) for name, declared in TABLES.items()}, outcomes=outcome.none())


@st.composite
def wild_row(draw, declared, owner: str, numbers) -> dict:
    cells = {}
    for column in declared.columns:
        if column.kind == "text":
            cells[column.name] = draw(WILD_TEXTS)
        elif column.kind == "flag":
            cells[column.name] = draw(st.booleans())
        elif column.kind == "date":
            cells[column.name] = draw(WILD_DATES)
        elif column.kind == "rate":
            cells[column.name] = draw(st.sampled_from((None, 0, 20_000_000, 5_500_000)) if numbers is TAME else numbers)
        else:
            cells[column.name] = draw(numbers)
    if "kind" in cells and declared.name == "order_charges":
        cells["kind"] = draw(st.sampled_from(("shipping", "wrapping", "fee")))
    key = "customer_key" if declared.name == "parties" else "order_key"
    return {**cells, key: owner}


@settings(bounded, max_examples=10)
@given(wild_sales(), st.data())
def test_ord_8_whatever_the_tables_hold_every_order_is_a_document_or_refused(given_, data):
    any_of = [{}, {"statuses": []}, {"payment_modes": []}]
    profile = context(
        includes_tax=data.draw(st.booleans()),
        unknown_article=data.draw(st.sampled_from(("misc", "refuse"))),
        rounding_ceiling=data.draw(st.sampled_from((1, 10**6))),  # the second lets most totals through
        document_date="today",
        number="%SH%OI",
        settlements={"create": True, "amount": "payments"},
        customers={"account": {"mode": "single", "single": "WEB"}} if data.draw(st.booleans()) else {},
        mappings={
            "taxes": [("*", "*", "*", "V")],
            "territories": [("*", "*", "F")],
            **data.draw(st.sampled_from(any_of)),
        },
    )
    made = exchange_orders(given_, profile)
    keys = [*given_.orders["order_key"], *refund_keys(given_.refunds).drop_duplicates()]
    final = outcome.final_states(made.outcomes, keys)
    assert sorted(final.index[final == "succeeded"]) == sorted(made.documents["document_key"])
    assert made.reconciliation.balanced
    shop = charged(given_)
    assert all(total == shop.get(key, total) for key, (_, total) in erp_totals(made).items())

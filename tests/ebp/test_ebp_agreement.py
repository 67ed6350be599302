"""The rules and the played import come to the same documents: of what the files hold, EBP makes what was charged.

The two do their arithmetic apart: scaled integers there, decimals here.
"""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal

import pytest
from checked import assert_imports
from exchange_given import Part, address, context, order, sales
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.orders import exchange_orders
from passerelle.formats.registry import formats
from passerelle.profile.settings import Batch
from passerelle.run.erp_files import write_erp_files

DECIMALS = {"EUR": 2, "GBP": 2, "JPY": 0, "XPF": 0, "TND": 3, "KWD": 3}
RATES = [Decimal(rate) for rate in ("20", "10", "5.5", "2.1", "8.1", "25.5", "0")]
CURRENCIES = [(currency, currency) for currency in DECIMALS if currency != "EUR"]


def rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def sold(chance: random.Random, number: int, currency: str):
    """Make an order of a shop that rounds by line in a currency: pieces, fractions and returns, reduced or not."""
    places, parts, total = DECIMALS[currency], [], Decimal(0)
    for _ in range(chance.choice((1, 2, 4, 8))):
        rate = chance.choice(RATES)
        quantity = Decimal(chance.choice((1, 2, 3, 7, 12, 250, chance.randint(1, 9999))))
        quantity = quantity.scaleb(-chance.choice((0, 0, 0, 3))) * chance.choice((1, 1, 1, -1))
        gross = Decimal(chance.choice((1, chance.randint(1, 99_999)))).scaleb(-places)
        net = gross * (100 - chance.choice((0, 0, 10, 33, 15, 50, 100))) / 100
        cells = {"tax_rate": money.of(rate), "quantity": money.of(quantity), "reference": f"A{rate}", "label": "A"}
        for name, price in (("gross", gross), ("net", net)):
            amounts = {"excl": price * quantity, "incl": price * quantity * (1 + rate / 100)}
            cells |= {f"{name}_{side}": money.of(rounded(amount, places)) for side, amount in amounts.items()}
        total += money.decimal(cells["net_incl"])
        parts.append(Part("lines", cells))
    for kind in chance.choice(((), ("shipping",), ("shipping", "wrapping"))):
        rate, excl = chance.choice(RATES), Decimal(chance.randint(1, 9999)).scaleb(-places)
        incl = rounded(excl * (1 + rate / 100), places)
        total += incl
        amounts = {"amount_excl": money.of(excl), "amount_incl": money.of(incl), "tax_rate": money.of(rate)}
        parts.append(Part("charges", {"kind": kind, "label": kind, **amounts}))
    return order(str(number), *parts, address(country="FR"), total=f"{total:f}", currency=currency)


def imported(given_, profile):
    """Send orders through rules, files and the played import; give what EBP would make, and what was charged."""
    made = exchange_orders(given_, profile)
    files = write_erp_files(made, formats(), {}, Batch())
    check = assert_imports(files.zipped())
    numbers = dict(zip(made.documents["document_number"], made.documents["document_key"], strict=True))
    charged = given_.orders.set_index("order_key")["charged_total"]
    return {one.number: one for one in check.documents}, {n: money.decimal(charged[k]) for n, k in numbers.items()}


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32),
    st.booleans(),
    st.sampled_from(("keep", "fold")),
    st.integers(2, 6),
    st.sampled_from(("footer", "line")),
)
def test_ebp_3_inv_1_ord_11_ord_22_ord_23_ord_44_ebp_s_total_of_the_files_is_what_was_charged(
    seed, includes_tax, line_discounts, price_decimals, written
):
    chance = random.Random(seed)
    given_ = sales(*[sold(chance, number, currency) for number, currency in enumerate([*DECIMALS] * 2, 1)])
    profile = context(
        includes_tax=includes_tax,
        line_discounts=line_discounts,
        price_decimals=price_decimals,
        shipping=written,
        rounding_ceiling="1000000",  # few price decimals of many pieces may need it
        vat={"unknown_rate": "accept"},
        mappings={"taxes": [("*", "*", "*", "V")], "currencies": CURRENCIES},
    )
    documents, charged = imported(given_, profile)
    assert len(documents) == len(given_.orders)
    assert {number: one.total_incl for number, one in documents.items()} == charged


@pytest.mark.parametrize(
    ("currency", "excl", "incl", "written"),
    [
        ("TND", "8.333", "10.000", ("8,333", "10,00")),
        ("JPY", "833", "1000", ("833,00", "1000,00")),
        ("EUR", "8.33", "10.00", ("8,33", "10,00")),
    ],
)
def test_ord_44_amounts_of_the_files_have_the_decimals_of_their_currency(currency, excl, incl, written):
    cells = {"tax_rate": money.of("20"), "quantity": money.ONE, "reference": "A", "label": "A"}
    amounts = {"net_excl": money.of(excl), "net_incl": money.of(incl)}
    given_ = sales(order("1", Part("lines", {**cells, **amounts}), total=incl, currency=currency))
    made = exchange_orders(given_, context(mappings={"currencies": CURRENCIES}))
    files = write_erp_files(made, formats(), {}, Batch())
    head, *rows = files.files["Invoices.txt"].decode("cp1252").splitlines()
    cells = dict(zip(head.split(";"), rows[0].strip('"').split('";"'), strict=True))
    assert (cells["Ligne - Montant Net HT"], cells["Document - Total TTC"]) == written
    assert len(rows) == 1
    [document] = assert_imports(files.zipped()).documents
    assert (document.total_excl, document.total_incl) == (Decimal(excl), Decimal(incl))

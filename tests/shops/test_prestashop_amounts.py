"""What is worked out of PrestaShop's amounts."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle import money
from passerelle.shops.prestashop.amounts import as_deducted, lines_to_the_cent, rate_between

RATES = [money.of(rate) for rate in ("20", "10", "5.5", "2.1", "0")]
CENT = money.of("0.01")
cents = st.integers(0, 10**7).map(lambda count: count * CENT)
unrounded = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("excl", "incl", "rate"),
    [
        ("2.08", "2.50", "20"),
        ("5.97", "7.16", "20"),
        ("5.97", "7.17", "20"),  # rounded up
        ("7.00", "7.39", "5.5"),
        ("7.00", "7.00", "0"),
        ("10.00", "19.99", None),
        ("10.00", "11.02", None),
    ],
)
def test_rate_between(excl: str, incl: str, rate: str | None) -> None:
    expected = None if rate is None else money.of(rate)
    assert rate_between(money.of(excl), money.of(incl), RATES) == expected


def test_no_rate_of_none() -> None:
    assert rate_between(100, 120, []) is None


@given(excl=st.integers(20, 10**7).map(lambda count: count * CENT), rate=st.sampled_from(RATES))
def test_rate_between_finds_the_rate_that_was_applied(excl: int, rate: int) -> None:
    incl = int(money.including(excl, rate, 2))
    found = rate_between(excl, incl, RATES)
    assert found is not None
    assert abs(int(money.including(excl, found, 2)) - incl) <= CENT
    if excl >= 100 * CENT:
        assert found == rate


def settled(amounts: list[int], total: int | None, tolerance: int) -> list[int]:
    column = pd.Series(amounts, dtype="int64")
    totals = pd.Series([pd.NA if total is None else total] * len(amounts), dtype="Int64")
    owners = pd.Series(["a"] * len(amounts), dtype="str")
    return lines_to_the_cent(column, owners, totals, pd.Series([tolerance] * len(amounts))).tolist()


@given(amounts=st.lists(unrounded, min_size=1, max_size=8))
@settings(deadline=None, max_examples=15)
def test_lines_add_up_to_the_rounded_sum(amounts: list[int]) -> None:
    total = int(money.rounded_half_up(sum(amounts), 2))
    parts = settled(amounts, total, CENT * len(amounts))
    assert sum(parts) == total
    assert all(abs(part - amount) < 2 * CENT for part, amount in zip(parts, amounts, strict=True))


@given(amounts=st.lists(cents, min_size=1, max_size=8))
@settings(deadline=None, max_examples=15)
def test_lines_that_add_up_are_not_touched(amounts: list[int]) -> None:
    assert settled(amounts, sum(amounts), CENT) == amounts


@pytest.mark.parametrize(("amounts", "total"), [([5000, 5000], None), ([5000, 5000], 10**9), ([-5000, 5000], 0)])
def test_lines_far_from_the_total_or_negative_are_rounded_each(amounts: list[int], total: int | None) -> None:
    assert settled(amounts, total, CENT) == [int(money.rounded_half_up(amount, 2)) for amount in amounts]


@given(
    discounts=st.tuples(cents, cents),
    shipping=st.tuples(cents, cents),
    rules=st.lists(st.tuples(st.booleans(), unrounded, unrounded), max_size=4),
)
@settings(deadline=None, max_examples=15)
def test_ord_26_allowances_always_add_up_to_what_was_deducted(
    discounts: tuple[int, int], shipping: tuple[int, int], rules: list[tuple[bool, int, int]]
) -> None:
    header = pd.DataFrame(
        {
            "order_key": ["a", "b"],
            "discounts_excl": [discounts[0], 0],
            "discounts_incl": [discounts[1], 0],
            "shipping_excl": [shipping[0], 0],
            "shipping_incl": [shipping[1], 0],
        }
    )
    table = pd.DataFrame(
        {
            "order": pd.Series([0] * len(rules), dtype="int64"),
            "label": pd.Series(["x"] * len(rules), dtype="str"),
            "free_shipping": pd.Series([free for free, _, _ in rules], dtype="bool"),
            "value_excl": pd.Series([excl for _, excl, _ in rules], dtype="int64"),
            "value_incl": pd.Series([incl for _, _, incl in rules], dtype="int64"),
        }
    )
    allowances = as_deducted(table, header)
    assert allowances["amount_excl"].sum() == discounts[0]
    assert allowances["amount_incl"].sum() == discounts[1]
    assert (allowances[["amount_excl", "amount_incl"]] >= 0).all(axis=None)
    assert (allowances[["amount_excl", "amount_incl"]] % CENT == 0).all(axis=None)
    assert set(allowances["order_key"]) <= {"a"}
    on_shipping = allowances[allowances["target"] == "shipping"]
    only_shipping = len(on_shipping) == len(allowances)
    for tax, limit in zip(("excl", "incl"), shipping, strict=True):
        assert on_shipping[f"amount_{tax}"].sum() <= limit + CENT * only_shipping

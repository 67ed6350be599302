"""Money against the standard library's ``Decimal``, which shares no code with it."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from passerelle import money

LARGEST = 9_000_000_000_000 * money.ONE
amounts = st.integers(-LARGEST, LARGEST)
decimals_ = st.integers(0, 6)
rates = st.integers(0, 100 * money.ONE)
texts = st.decimals(-(10**12) + 1, 10**12 - 1, places=6, allow_nan=False, allow_infinity=False).map(lambda d: f"{d:f}")


def exact(value: int) -> Decimal:
    return Decimal(int(value)) / 10**6


def rounded(value: Decimal, decimals: int) -> int:
    """Round half up with the standard library; the result in millionths."""
    return int(value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP).scaleb(6))


@pytest.fixture(autouse=True, scope="module")
def enough_digits():
    with localcontext(prec=80):
        yield


class TestOneValue:
    @given(st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False))
    @example(Decimal("0.0000004" + "9" * 40))
    @example(Decimal("-0.0000005"))
    def test_of_rounds_half_up_once(self, value):
        assert money.of(value) == rounded(value, 6)

    @pytest.mark.parametrize("text", ["", "abc", "1,5", "nan", "inf", "1 000"])
    def test_of_refuses_what_is_no_number(self, text):
        with pytest.raises(InvalidOperation):
            money.of(text)

    @given(amounts)
    def test_decimal_is_the_inverse_of_of(self, value):
        assert money.of(money.decimal(value)) == value

    @given(amounts)
    def test_shortest_says_the_same_number_without_trailing_zeros_or_exponent(self, value):
        text = money.shortest(value)
        assert money.of(text) == value
        assert not text.endswith(".")
        assert not ("." in text and text.endswith("0"))
        assert "E" not in text

    @pytest.mark.parametrize(("value", "text"), [(5_500_000, "5.5"), (20_000_000, "20"), (0, "0"), (-10_000, "-0.01")])
    def test_shortest(self, value, text):
        assert money.shortest(value) == text


class TestParse:
    @given(st.lists(texts, max_size=20))
    def test_gives_the_exact_number_of_every_text(self, given_texts):
        numbers, wrong = money.parse(pd.Series(given_texts, dtype="str"))
        assert numbers.tolist() == [money.of(text) for text in given_texts]
        assert not wrong.any()

    @given(st.decimals(-(10**11), 10**11, places=12, allow_nan=False, allow_infinity=False))
    @example(Decimal("0.000000500000"))
    @example(Decimal("-0.000000500000"))
    @example(Decimal("-0.000000499999"))
    def test_rounds_digits_beyond_the_sixth_half_up(self, value):
        numbers, _ = money.parse(pd.Series([f"{value:f}"], dtype="str"))
        assert numbers.tolist() == [rounded(value, 6)]

    @given(st.lists(st.text(alphabet="0123456789+-.,eE _\n\t٣２½xNnaif€'", max_size=18)))
    @example(["12\n", "\n12", " 1", "1e3", "１２", "nan", "NaN", "inf", "-", "+", ".", ".5", "--1", "0x1", "1_000"])
    @example(["1" * 13, "1." + "0" * 13, "<NA>", "None", "1 000", "1'000", "1,5", "1.2.3"])
    def test_accepts_no_garbage_and_says_so_of_each(self, garbage):
        numbers, wrong = money.parse(pd.Series(garbage, dtype="str"))
        for text, number, is_wrong in zip(garbage, numbers, wrong, strict=True):
            bare = text.removeprefix("+").removeprefix("-") if text[:2] not in {"+-", "-+"} else text
            whole, _, fraction = bare.partition(".")
            digits = set("0123456789")
            is_number = (
                1 <= len(whole) <= 12 and set(whole) <= digits and len(fraction) <= 12 and set(fraction) <= digits
            )
            assert is_wrong == (text != "" and not is_number), text
            assert pd.isna(number) == (not is_number), text

    def test_empty_and_missing_are_no_number_and_not_wrong(self):
        numbers, wrong = money.parse(pd.Series(["", None, "3"], dtype="str"))
        assert numbers.isna().tolist() == [True, True, False]
        assert not wrong.any()

    @pytest.mark.parametrize("dtype", ["str", "object"])
    def test_keeps_the_index_also_of_a_column_in_pieces(self, dtype):
        column = pd.concat([pd.Series(["1", "x"], [7, 3], dtype=dtype), pd.Series(["", "-0.5"], [9, 1], dtype=dtype)])
        numbers, wrong = money.parse(column)
        assert numbers.dropna().to_dict() == {7: 1_000_000, 1: -500_000}
        assert wrong.to_dict() == {7: False, 3: True, 9: False, 1: False}

    def test_an_empty_column_stays_empty(self):
        numbers, wrong = money.parse(pd.Series([], dtype="str"))
        assert (len(numbers), len(wrong)) == (0, 0)


class TestToText:
    @given(st.lists(amounts), decimals_)
    @example([-5_000, 5_000, -4_999], 2)
    def test_writes_what_decimal_writes(self, values, decimals):
        expected = [f"{Decimal(rounded(exact(value), decimals)).scaleb(-6):.{decimals}f}" for value in values]
        written = money.to_text(pd.Series(values, dtype="int64"), decimals)
        assert written.tolist() == [text.replace("-", "") if not text.strip("-0.") else text for text in expected]

    @given(st.lists(texts, min_size=1))
    def test_is_the_inverse_of_parse(self, given_texts):
        numbers, _ = money.parse(pd.Series(given_texts, dtype="str"))
        again, wrong = money.parse(money.to_text(numbers, 6))
        assert again.tolist() == numbers.tolist()
        assert not wrong.any()

    def test_missing_is_the_empty_text_and_the_index_is_kept(self):
        values = pd.Series([12_340_000, pd.NA, -1_000_000], index=[5, 9, 2], dtype="Int64")
        assert money.to_text(values, 2, ",").to_dict() == {5: "12,34", 9: "", 2: "-1,00"}

    def test_rows_of_a_filtered_table_keep_their_own_amounts(self):
        values = pd.Series([1_000_000, 2_000_000, 3_000_000])
        assert money.to_text(values[values > 1_000_000], 0).to_dict() == {1: "2", 2: "3"}

    def test_an_empty_column_stays_a_text_column(self):
        assert str(money.to_text(pd.Series([], dtype="Int64"), 2).dtype) == "str"


class TestToShortestText:
    @given(st.lists(amounts | st.integers(-1000, 1000).map(lambda whole: whole * money.ONE)))
    @example([10_000_000, -200_000_000, 0])
    @example([10_500_000, 100_000_000])
    def test_writes_each_value_as_shortest_does(self, values):
        written = money.to_shortest_text(pd.Series(values, dtype="int64"))
        assert written.tolist() == [money.shortest(value) for value in values]

    def test_missing_is_the_empty_text_and_the_index_is_kept(self):
        values = pd.Series([12_340_000, pd.NA, -1_000_000], index=[5, 9, 2], dtype="Int64")
        assert money.to_shortest_text(values).to_dict() == {5: "12.34", 9: "", 2: "-1"}
        assert money.to_shortest_text(values[values < 0]).to_dict() == {2: "-1"}


class TestRounding:
    @given(st.lists(amounts), decimals_)
    def test_is_half_up_away_from_zero(self, values, decimals):
        assert money.rounded_half_up(values, decimals).tolist() == [rounded(exact(value), decimals) for value in values]

    @pytest.mark.parametrize(
        ("value", "cents"),
        [(2_675_000, 268), (125_000, 13), (-125_000, -13), (-124_999, -12), (5_000, 1), (-5_000, -1)],
    )
    def test_halves_that_floats_and_half_even_get_wrong(self, value, cents):
        assert money.rounded_half_up([value], 2).tolist() == [cents * 10_000]


# Operands whose result fits in a table, though what is computed on the way passes 64 bits by far.
prices = st.integers(-(10**12), 10**12)
quantities = st.integers(-(10**12), 10**12)


class TestArithmetic:
    @given(st.lists(st.tuples(prices, quantities)), decimals_)
    def test_product(self, pairs, decimals):
        expected = [rounded(exact(price) * exact(quantity), decimals) for price, quantity in pairs]
        assert money.product(*_columns(pairs), decimals).tolist() == expected

    @given(st.lists(st.tuples(amounts, rates)), decimals_)
    def test_tax(self, pairs, decimals):
        expected = [rounded(exact(base) * exact(rate) / 100, decimals) for base, rate in pairs]
        assert money.tax(*_columns(pairs), decimals).tolist() == expected

    @given(st.lists(st.tuples(prices, st.integers(-LARGEST, LARGEST).filter(lambda value: abs(value) > 10))), decimals_)
    @example([(1, 5 * 10**12)], 0)
    @example([(10**12, 3 * 10**6), (-(10**12), 3 * 10**6)], 6)
    def test_quotient(self, pairs, decimals):
        expected = [rounded(exact(value) / exact(divisor), decimals) for value, divisor in pairs]
        assert money.quotient(*_columns(pairs), decimals).tolist() == expected

    @given(amounts, decimals_)
    def test_a_divisor_of_zero_gives_zero(self, value, decimals):
        assert money.quotient([value], [0], decimals).tolist() == [0]

    @given(st.lists(st.tuples(amounts, rates)), decimals_)
    def test_excluding(self, pairs, decimals):
        expected = [rounded(exact(value) * 100 / (100 + exact(rate)), decimals) for value, rate in pairs]
        assert money.excluding(*_columns(pairs), decimals).tolist() == expected

    @given(st.lists(st.tuples(st.integers(-LARGEST // 2, LARGEST // 2), rates)), decimals_)
    def test_including(self, pairs, decimals):
        expected = [rounded(exact(value) * (100 + exact(rate)) / 100, decimals) for value, rate in pairs]
        assert money.including(*_columns(pairs), decimals).tolist() == expected

    @given(st.lists(st.integers(-(10**9), 10**9).map(lambda cents: cents * 10_000)), st.sampled_from([20, 10, 2]))
    def test_tax_out_and_in_again_gives_the_amount_to_the_cent(self, values, rate):
        net = money.excluding(values, rate * money.ONE, 6)
        assert money.including(net, rate * money.ONE, 2).tolist() == values

    def test_one_number_stands_for_a_whole_column(self):
        assert money.tax([100_000_000, -10_000_000], 5_500_000, 2).tolist() == [5_500_000, -550_000]

    def test_columns_without_rows(self):
        for function in (money.product, money.tax, money.quotient, money.excluding, money.including):
            assert function([], [], 2).tolist() == []

    def test_a_result_that_no_table_can_hold_is_an_error_not_another_number(self):
        with pytest.raises(OverflowError):
            money.product([LARGEST], [LARGEST], 2)


weights_ = st.integers(0, 10**14)


@st.composite
def grouped(draw):
    """Rows of some groups in any order, each group with one total."""
    groups = draw(st.lists(st.integers(0, 4), min_size=1, max_size=14))
    decimals = draw(decimals_)
    unit = 10 ** (6 - decimals)
    totals = {group: draw(st.integers(-LARGEST // unit, LARGEST // unit)) * unit for group in sorted(set(groups))}
    weights = draw(st.lists(st.one_of(st.just(0), weights_), min_size=len(groups), max_size=len(groups)))
    return groups, totals, weights, decimals


class TestOrd26Allocation:
    @given(grouped())
    def test_parts_add_up_and_lie_within_one_unit_of_the_exact_share(self, case):
        groups, totals, weights, decimals = case
        unit = 10 ** (6 - decimals)
        parts = money.allocate([totals[group] for group in groups], weights, groups, decimals).tolist()
        sums: dict[int, int] = defaultdict(int)
        whole: dict[int, int] = defaultdict(int)
        for group, part, weight in zip(groups, parts, weights, strict=True):
            sums[group] += part
            whole[group] += weight
        assert sums == totals
        for group, part, weight in zip(groups, parts, weights, strict=True):
            assert part % unit == 0
            if whole[group]:
                share = Decimal(totals[group]) * weight / whole[group]
                assert abs(part - share) < unit
                assert weight or part == 0

    @given(grouped())
    def test_a_credit_is_spread_as_the_debit_was(self, case):
        groups, totals, weights, decimals = case
        given_totals = np.array([totals[group] for group in groups])
        there = money.allocate(given_totals, weights, groups, decimals)
        back = money.allocate(-given_totals, weights, groups, decimals)
        assert (there == -back).all()

    @given(st.integers(-(10**12), 10**12), st.lists(weights_, min_size=1, max_size=8), decimals_)
    def test_left_over_units_go_to_the_largest_remainders(self, units, weights, decimals):
        unit = 10 ** (6 - decimals)
        parts = [abs(part) // unit for part in money.split(units * unit, weights, decimals)]
        whole = sum(weights)
        if not whole:
            assert parts == [abs(units), *[0] * (len(weights) - 1)]
            return
        shares = [Decimal(abs(units)) * weight / whole for weight in weights]
        cut = [int(share.to_integral_value(ROUND_DOWN)) for share in shares]
        rank = sorted(range(len(weights)), key=lambda row: (cut[row] - shares[row], -weights[row], row))
        for row in rank[: abs(units) - sum(cut)]:
            cut[row] += 1
        assert parts == cut

    def test_of_the_spec_excluding_tax(self):
        assert money.split(15_000_000, [100_000_000, 50_000_000], 2) == [10_000_000, 5_000_000]

    def test_of_the_spec_including_tax(self):
        rates_ = [20_000_000, 5_500_000]
        gross = money.including([100_000_000, 50_000_000], rates_, 2)
        parts = money.split(15_000_000, gross.tolist(), 2)
        assert parts == [10_420_000, 4_580_000]
        assert money.excluding(parts, rates_, 2).tolist() == [8_680_000, 4_340_000]

    def test_equal_weights_favour_the_first_row(self):
        assert money.split(10_000_000, [1, 1, 1], 2) == [3_340_000, 3_330_000, 3_330_000]

    def test_equal_remainders_favour_the_larger_weight(self):
        assert money.split(20_000, [1, 3], 2) == [0, 20_000]

    def test_nothing_to_spread_over(self):
        assert money.split(10_000, [0, 0], 2) == [10_000, 0]
        assert money.allocate([], [], [], 2).tolist() == []


def _columns(pairs: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [left for left, _ in pairs], [right for _, right in pairs]

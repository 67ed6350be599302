"""The canonical tables: what is declared, made, checked, cut down and joined."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import passerelle.model
from passerelle import outcome
from passerelle.messages import codes
from passerelle.model.orders import ORDERS, TABLES, join_orders, no_orders
from passerelle.model.table import Column, Table

EVERY_TABLE = {
    f"{module}.{table.name}": table
    for module in sorted(one.name for one in pkgutil.iter_modules(passerelle.model.__path__))
    for table in vars(importlib.import_module(f"passerelle.model.{module}")).values()
    if isinstance(table, Table)
}
each_table = pytest.mark.parametrize("table", EVERY_TABLE.values(), ids=EVERY_TABLE)

PIECE = Table(
    "pieces",
    "piece",
    (
        Column("key", "text", "its key"),
        Column("price", "amount", "its price"),
        Column("weight", "quantity", "its weight, where known", optional=True),
        Column("vat", "rate", "its VAT rate", optional=True),
        Column("rank", "integer", "its rank"),
        Column("sold", "flag", "it is sold"),
        Column("made", "date", "when it was made"),
    ),
)
FULL = {
    "key": "a",
    "price": 12_340_000,
    "weight": 500_000,
    "vat": 5_500_000,
    "rank": 3,
    "sold": True,
    "made": pd.Timestamp("2026-11-21 08:30"),
}
EMPTY = {"key": "", "price": 0, "weight": pd.NA, "vat": pd.NA, "rank": 0, "sold": False, "made": pd.NaT}


class TestDeclarations:
    @each_table
    def test_columns_are_named_once_in_snake_case_with_a_meaning(self, table):
        assert len(set(table.names)) == len(table.names)
        assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in table.names)
        assert all(column.meaning for column in table.columns)
        assert table.row

    @each_table
    def test_only_numbers_are_optional(self, table):
        optional = {column.kind for column in table.columns if column.optional}
        assert optional <= {"amount", "quantity", "rate", "integer"}

    @each_table
    def test_the_empty_table_passes_its_own_check(self, table):
        assert table.check(table.empty()) is not None
        assert len(table.empty()) == 0

    def test_money_is_never_a_float(self):
        for table in EVERY_TABLE.values():
            assert {str(dtype).lower() for dtype in table.empty().dtypes} <= {"str", "int64", "bool", "datetime64[s]"}

    def test_a_column_is_found_by_its_name(self):
        assert PIECE.column("vat").kind == "rate"
        with pytest.raises(KeyError, match="pieces has no column colour"):
            PIECE.column("colour")


class TestRows:
    def test_keeps_what_is_given_and_empties_what_lacks(self):
        table = PIECE.check(PIECE.of([FULL, {"key": "b"}]))
        assert table.iloc[0].to_dict() == FULL
        second = table.iloc[1].to_dict()
        assert {name for name in PIECE.names if pd.isna(second[name])} == {"weight", "vat", "made"}
        assert {name: second[name] for name in ("key", "price", "rank", "sold")} == {
            "key": "b",
            "price": 0,
            "rank": 0,
            "sold": False,
        }

    def test_none_is_what_lacks(self):
        pd.testing.assert_frame_equal(PIECE.of([dict.fromkeys(PIECE.names)]), PIECE.of([{}]))

    def test_of_no_rows_is_the_empty_table(self):
        pd.testing.assert_frame_equal(PIECE.of([]), PIECE.empty())

    def test_a_fraction_of_a_millionth_is_refused(self):
        with pytest.raises(ValueError, match="float"):
            PIECE.of([{"price": 1.5}])

    @given(st.lists(st.fixed_dictionaries({}, optional={
        "key": st.text(max_size=3),
        "price": st.integers(-(2**62), 2**62),
        "weight": st.integers(-(2**62), 2**62),
        "sold": st.booleans(),
    })))  # fmt: skip
    def test_numbers_survive_exactly_beside_missing_ones(self, rows):
        table = PIECE.check(PIECE.of(rows))
        assert table["price"].tolist() == [row.get("price", 0) for row in rows]
        weights = [None if pd.isna(one) else one for one in table["weight"]]
        assert weights == [row.get("weight") for row in rows]
        assert table["key"].tolist() == [row.get("key", "") for row in rows]


class TestConform:
    def test_orders_the_columns_adds_the_lacking_and_leaves_the_others_out(self):
        frame = pd.DataFrame({"colour": ["red"], "price": [5], "key": ["a"]}, index=[7])
        table = PIECE.check(PIECE.conform(frame))
        assert table.index.tolist() == [7]
        pd.testing.assert_frame_equal(table.reset_index(drop=True), PIECE.of([{"key": "a", "price": 5}]))

    def test_is_what_a_right_table_already_is(self):
        table = PIECE.of([FULL])
        pd.testing.assert_frame_equal(PIECE.conform(table), table)

    def test_what_is_written_to_it_is_not_written_to_what_it_was_made_of(self):
        frame = PIECE.of([dict.fromkeys(PIECE.names)] * 2)
        before = frame.copy()
        made = PIECE.conform(frame)
        for name in PIECE.names:
            made.loc[0, name] = {"text": "x", "flag": True, "date": pd.Timestamp(2026, 1, 1)}.get(
                PIECE.column(name).kind, 7
            )
        pd.testing.assert_frame_equal(frame, before)
        assert not made.iloc[0].equals(before.iloc[0])

    @each_table
    def test_makes_any_declared_table_from_rows_without_columns(self, table):
        made = table.check(table.conform(pd.DataFrame(index=range(3))))
        pd.testing.assert_frame_equal(made, table.of([{}] * 3))


class TestCheck:
    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (lambda table: table.drop(columns="vat"), "vat"),
            (lambda table: table.assign(colour="red"), "colour"),
            (lambda table: table.assign(price=table["price"] / 1_000_000), "price"),
            (lambda table: table.assign(price=table["price"].astype("Int64")), "price"),
            (lambda table: table.assign(key=1), "key"),
            (lambda table: table.assign(made=table["made"].dt.tz_localize("UTC")), "made"),
        ],
    )
    def test_names_the_column_that_is_lacking_unknown_or_of_another_type(self, change, named):
        with pytest.raises(TypeError, match=f"pieces.*{named}"):
            PIECE.check(change(PIECE.of([FULL])))


def shop(*numbers: int, guest: str = "") -> object:
    """Make orders 'shop/n', each with a line, and all with the same buyer unless a guest."""
    rows = [{"order_key": f"shop/{number}", "customer_key": guest or "shop/9"} for number in numbers]
    empty = no_orders()
    tables = {name: getattr(empty, name) for name in TABLES}
    tables["orders"] = ORDERS.of(rows)
    tables["lines"] = TABLES["lines"].of([row | {"line_id": "1"} for row in rows])
    tables["parties"] = TABLES["parties"].of([{"customer_key": guest or "shop/9", "first_name": str(numbers)}])
    return type(empty)(**tables, outcomes=empty.outcomes).check()


class TestSalesOrders:
    def test_every_table_of_the_orders_is_checked(self):
        orders = shop(1)
        wrong = type(orders)(
            **{name: getattr(orders, name) for name in TABLES if name != "payments"},
            payments=orders.payments.drop(columns="amount"),
            outcomes=orders.outcomes,
        )
        with pytest.raises(TypeError, match="payments"):
            wrong.check()

    def test_every_table_but_the_buyers_hangs_on_the_order(self):
        assert [name for name, table in TABLES.items() if table.names[0] != "order_key"] == ["parties"]

    def test_only_keeps_some_orders_with_their_lines_and_buyers(self):
        orders = join_orders([shop(1, 2), shop(3, guest="shop/order-3")]).only({"shop/1", "shop/404"}).check()
        assert orders.orders["order_key"].tolist() == ["shop/1"]
        assert orders.lines["order_key"].tolist() == ["shop/1"]
        assert orders.parties["customer_key"].tolist() == ["shop/9"]

    def test_the_outcomes_of_orders_left_out_stay(self):
        failed = next(one.id for one in codes().values() if one.state == "failed")
        said = outcome.said(failed, ["shop/7"], record_type="order", stage="read")
        assert len(join_orders([no_orders(said), shop(1)]).only(set()).outcomes) == 1

    def test_a_buyer_met_in_two_files_stands_once(self):
        joined = join_orders([shop(1), shop(2)]).check()
        assert joined.orders["order_key"].tolist() == ["shop/1", "shop/2"]
        assert joined.orders.index.tolist() == [0, 1]
        assert joined.parties["first_name"].tolist() == ["(1,)"]

    def test_of_no_files_there_are_no_orders(self):
        assert len(join_orders([]).check().orders) == 0
        assert len(no_orders().check().orders) == 0

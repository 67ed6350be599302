from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle import outcome
from passerelle.messages import codes

A_CODE = {state: next(one.id for one in codes().values() if one.state == state) for state in ("failed", "ignored")}


def told(records, code="failed", **params):
    return outcome.said(A_CODE[code], records, record_type="order", stage="map", **params)


def row(states):
    return pd.DataFrame(
        [dict.fromkeys(outcome.COLUMNS, "") | {"record": record, "state": state} for record, state in states],
        columns=list(outcome.COLUMNS),
        dtype="str",
    )


class TestSaid:
    def test_is_one_text_row_per_record_with_the_state_of_its_code(self):
        table = told(["s/1", "s/2"], field="Article", value=["A", "B"])
        assert list(table.columns) == list(outcome.COLUMNS)
        assert set(table.dtypes.astype(str)) == {"str"}
        assert table["record"].tolist() == ["s/1", "s/2"]
        assert table["value"].tolist() == ["A", "B"]
        assert table["field"].tolist() == ["Article", "Article"]
        assert set(table["state"]) == {"failed"}

    def test_of_nothing_is_the_empty_table(self):
        pd.testing.assert_frame_equal(told([]), outcome.none())

    def test_an_undeclared_code_is_an_error(self):
        with pytest.raises(KeyError, match="no-such-code"):
            outcome.said("no-such-code", ["s/1"], record_type="order", stage="map")

    @pytest.mark.parametrize("given_", [["1", "2"], ("1", "2"), pd.Series(["1", "2"], index=[8, 3])])
    def test_a_column_of_parameters_has_one_for_each_record(self, given_):
        table = told(["s/1", "s/2"], total=given_, limit="5")
        assert [json.loads(one) for one in table["params"]] == [
            {"limit": "5", "total": "1"},
            {"limit": "5", "total": "2"},
        ]

    @pytest.mark.parametrize(
        ("given_", "kept"),
        [
            (Decimal("12.30"), "12.30"),
            (dt.date(2026, 11, 21), "2026-11-21"),
            (pd.Timestamp("2026-11-21"), "2026-11-21 00:00:00"),
            (np.int64(3), "3"),
            (3, 3),
            ("é", "é"),
        ],
    )
    def test_parameters_that_json_does_not_have_become_text(self, given_, kept):
        assert json.loads(told(["s/1"], total=given_)["params"].iloc[0]) == {"total": kept}

    def test_ids_come_from_any_column(self):
        assert told(pd.Series([11, 12], index=[4, 2]))["record"].tolist() == ["11", "12"]

    @pytest.mark.parametrize("given_", [{"field": ["a"]}, {"value": ["a", "b", "c"]}])
    def test_fields_and_values_that_do_not_match_the_records_are_an_error(self, given_):
        with pytest.raises(ValueError, match="length"):
            told(["s/1", "s/2"], **given_)


class TestTogether:
    def test_keeps_every_row_in_order(self):
        joined = outcome.together([told(["s/2"]), outcome.none(), told(["s/1"], "ignored")])
        assert joined["record"].tolist() == ["s/2", "s/1"]
        assert joined.index.tolist() == [0, 1]
        assert set(joined.dtypes.astype(str)) == {"str"}

    def test_of_nothing_is_the_empty_table(self):
        pd.testing.assert_frame_equal(outcome.together([]), outcome.none())
        pd.testing.assert_frame_equal(outcome.together([outcome.none()]), outcome.none())


WORST_FIRST = ("failed", "ignored", "succeeded")


class TestInv2FinalStates:
    @given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(WORST_FIRST))))
    def test_each_record_has_its_worst_state_and_none_is_lost(self, said):
        records = ["d", "b", "a", "c", "e"]
        final = outcome.final_states(row(said), records)
        assert final.index.tolist() == records
        for record in records:
            states = [state for one, state in said if one == record]
            assert final[record] == next((state for state in WORST_FIRST if state in states), "succeeded")
        counts = Counter(final)
        assert counts["succeeded"] + counts["failed"] + counts["ignored"] == len(records)

    def test_nothing_said_means_succeeded(self):
        assert outcome.final_states(outcome.none(), ["s/1"]).to_dict() == {"s/1": "succeeded"}
        assert outcome.final_states(outcome.none(), []).tolist() == []

    def test_refused_are_those_failed_or_ignored(self):
        table = row([("a", "failed"), ("b", "ignored"), ("c", "succeeded"), ("a", "succeeded")])
        assert outcome.refused(table) == {"a", "b"}
        assert outcome.refused(outcome.none()) == set()

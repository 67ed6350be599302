"""Records of several fields as one text: what differs is found by the text, and told field by field."""

from __future__ import annotations

import json

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange.catalogue import differing
from passerelle.exchange.told import as_json, fields_changed

FIELDS = st.dictionaries(st.sampled_from(["name", "price", "é"]), st.none() | st.text(), min_size=1)


def of(records: dict[str, dict[str, str | None]]) -> pd.Series:
    table = pd.DataFrame.from_dict(records, orient="index").astype("str").rename_axis("article").reset_index()
    return as_json(table, "article")


@given(st.dictionaries(st.text(max_size=4), FIELDS, min_size=1, max_size=4))
def test_stk_8_any_fields_come_back_from_their_text_and_missing_ones_are_not_told(records):
    told = of(records)
    names = {name for fields in records.values() for name in fields}
    assert {key: json.loads(text) for key, text in told.items()} == {
        key: {name: fields[name] for name in names if fields.get(name) is not None} for key, fields in records.items()
    }


def test_stk_8_texts_with_quotes_come_back_from_tables_that_were_put_together():
    parts = [
        pd.DataFrame({"key": [key], "name": [name]}, dtype="str") for key, name in (("A", 'Le "Zinc"'), ("B", "b"))
    ]
    told = as_json(pd.concat(parts, ignore_index=True), "key")
    assert told.to_dict() == {"A": '{"name":"Le \\"Zinc\\""}', "B": '{"name":"b"}'}


def test_pre_1_only_the_fields_that_differ_are_told_and_a_new_record_is_one_row():
    before = of({"A": {"name": "Bol", "price": "12"}, "B": {"name": "Thé", "price": "3"}})
    now = of(
        {"A": {"name": "Bol", "price": "13"}, "B": {"name": "Thé", "price": "3"}, "C": {"name": "C", "price": "1"}}
    )
    changed = differing(now, before.rename("value").rename_axis("key").reset_index(), full=False)
    assert fields_changed(changed, "article").to_dict("records") == [
        {"record": "C", "field": "", "old": "", "new": ""},
        {"record": "A", "field": "price", "old": "12", "new": "13"},
    ]


def test_pre_1_a_plain_value_is_a_field_of_its_kind():
    changed = pd.DataFrame({"key": ["A", "B"], "value": ["12", "3"], "before": ["", "4"]}, dtype="str")
    assert fields_changed(changed, "stock").to_dict("records") == [
        {"record": "A", "field": "stock", "old": "", "new": "12"},
        {"record": "B", "field": "stock", "old": "4", "new": "3"},
    ]

"""Which articles go to a shop, and what differs from what it was told (CAT-2, CAT-5, STK-8)."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from passerelle import outcome
from passerelle.exchange.catalogue import differing, last_changed, left_out, near_misses, twice
from passerelle.exchange.shop_options.articles import ArticleFilter
from passerelle.model.catalogue import CATALOGUE, DEPOT_STOCK

DAYS = [datetime.fromisoformat(f"2026-11-{day}") for day in ("01", "20", "21")]


def test_cat_2_each_article_is_left_for_one_reason():
    table = CATALOGUE.of(
        {"article": name, "is_on_web": on_web, "modified": day}
        for name, on_web, day in (("A", True, DAYS[2]), ("B", False, DAYS[0]), ("C", True, DAYS[0]), ("D", True, None))
    )
    holds = np.array([True, False, False, True])
    every = ArticleFilter(published_only=True, changed_only=True)
    reasons = left_out(table, every, since=DAYS[1], holds=holds)
    assert {code: mask.tolist() for code, mask in reasons.items()} == {
        "article-not-on-web": [False, True, False, False],
        "article-criterion": [False, False, True, False],
        "article-not-changed": [False, False, False, False],
    }
    assert left_out(table, ArticleFilter(published_only=False), since=DAYS[1], holds=None) == {}
    later = left_out(table, ArticleFilter(changed_only=True), since=DAYS[1], holds=None)["article-not-changed"]
    # What is not known to have changed is taken.
    assert later.tolist() == [False, False, True, False]


def test_cat_2_an_article_has_changed_when_its_stock_has():
    table = CATALOGUE.of({"article": name, "modified": DAYS[0]} for name in "ABCD")
    stock = DEPOT_STOCK.of(
        {"article": name, "modified": day}
        for name, day in (
            ("A", DAYS[2]),
            ("A", DAYS[0]),
            ("B", datetime.fromisoformat("2026-10-01")),
            ("C", DAYS[2]),
            ("C", None),
        )
    )
    assert last_changed(table, stock).tolist()[:2] == [pd.Timestamp(DAYS[2]), pd.Timestamp(DAYS[0])]
    assert last_changed(table, stock).isna().tolist() == [False, False, True, True]


def test_cat_5_references_are_exact_and_near_misses_are_named():
    said = near_misses(
        pd.Series(["été 01", "X1", " B ", "b"], dtype="str"), pd.Series(["ÉTÉ 01 ", "B", "Z"], dtype="str")
    )
    assert list(said[["record", "value"]].itertuples(index=False, name=None)) == [
        ("été 01", "ÉTÉ 01 "),
        (" B ", "B"),
        ("b", "B"),
    ]
    assert said["state"].unique().tolist() == ["failed"]
    row = said.iloc[0].to_dict()
    assert "« ÉTÉ 01  »" in outcome.message(row, "fr")
    assert "“été 01”" in outcome.message(row, "en")


def test_cat_5_a_reference_that_stands_twice_is_refused():
    said = twice(CATALOGUE.of({"article": name} for name in ("A", "B", "A", "a", "A"))["article"])
    assert said["record"].tolist() == ["A"]


VALUES = st.dictionaries(st.text("ab é", max_size=3), st.sampled_from(["0", "1", "2 hidden"]), max_size=6)


@given(VALUES, VALUES)
def test_stk_8_what_differs_brings_the_shop_from_what_it_knows_to_what_is(known, now):
    acknowledged = pd.DataFrame({"key": list(known), "value": list(known.values())}, dtype="str")
    values = pd.Series(list(now.values()), pd.Index(list(now), dtype="str"), dtype="str")
    changed = differing(values, acknowledged, full=False)
    assert {**known, **dict(zip(changed["key"], changed["value"], strict=True))} == {**known, **now}
    assert all(known.get(row.key, "") == row.before != row.value for row in changed.itertuples())
    assert len(differing(values, acknowledged, full=True)) == len(now)

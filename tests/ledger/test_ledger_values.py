"""What a shop was told counts once it has arrived (STK-8)."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_makers import parcel, records

from passerelle.ledger import tables
from passerelle.ledger.entries import VALUES, Parcel, Prepared
from passerelle.ledger.ledger import Ledger, last_transfer


def tell(ledger, delivery_id, shop="a", kind="stock", **values):
    """Prepare a delivery that tells a shop values; what it knows is asked of the ledger, as a run does."""
    known = told(ledger, shop, kind)
    rows = [{"kind": kind, "key": key, "value": value, "before": known.get(key, "")} for key, value in values.items()]
    run = ledger.start_run("demo", "stocks")
    ledger.prepare(run, Prepared(parcel=Parcel(delivery_id, "place", shop=shop), values=VALUES.of(rows)))
    return run


def told(ledger, shop="a", kind="stock") -> dict[str, str]:
    return dict(ledger.sent_values("demo", shop, kind).itertuples(index=False, name=None))


def test_stk_8_a_value_counts_once_its_delivery_has_arrived(ledger):
    tell(ledger, "d1", x="1", y="2")
    assert told(ledger) == {}
    ledger.delivered("d1")
    assert told(ledger) == {"x": "1", "y": "2"}
    tell(ledger, "d2", y="3", z="4")
    assert told(ledger) == {"x": "1", "y": "2"}
    assert sorted(ledger.sent_keys("demo", "a", "stock")) == ["x", "y"]
    asked = ledger.sent_values("demo", "a", "stock", pd.Series(["z", "y", 'no "such'], dtype="str"))
    assert asked.to_dict("records") == [{"key": "y", "value": "2"}]
    ledger.delivered("d2")
    assert told(ledger) == {"x": "1", "y": "3", "z": "4"}
    assert told(ledger, "b") == told(ledger, "a", "availability") == {}


def test_stk_8_cat_2_what_was_abandoned_was_never_told_and_is_looked_at_again(ledger):
    tell(ledger, "d1", x="1")
    ledger.delivered("d1")
    tell(ledger, "d2", x="2", y="2")
    ledger.set_mark("demo", last_transfer("stocks", "a"), "2026-11-20")
    ledger.set_mark("demo", last_transfer("stocks", "b"), "2026-11-20")
    ledger.abandon("d2", by="me")
    assert told(ledger) == {"x": "1"}
    assert ledger.mark("demo", last_transfer("stocks", "a")) is None
    assert ledger.mark("demo", last_transfer("stocks", "b")) == "2026-11-20"
    tell(ledger, "d3", x="2")
    ledger.delivered("d3")
    assert told(ledger) == {"x": "2"}


def test_stk_8_values_go_to_a_shop_only():
    values = VALUES.of([{"kind": "stock", "key": "x", "value": "1"}])
    for prepared in (Prepared(values=values), Prepared(values=values, parcel=parcel("d1"), records=records("shop/1"))):
        with pytest.raises(ValueError, match="to no shop"):
            prepared.check()


STEPS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("xyz"), st.sampled_from("123"), min_size=1),
        st.sampled_from(["arrive", "abandon"]),
    ),
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_stk_8_the_ledger_knows_what_the_shop_knows(tmp_path_factory, steps):
    shop: dict[str, str] = {}
    with Ledger.open(f"sqlite:///{tmp_path_factory.mktemp('values') / 'ledger.db'}") as ledger:
        for number, (values, end) in enumerate(steps):
            tell(ledger, f"d{number}", **values)
            if end == "arrive":
                ledger.delivered(f"d{number}")
                shop |= values
            else:
                ledger.abandon(f"d{number}", by="me")
            assert told(ledger) == shop


@settings(max_examples=10, deadline=None)
@given(
    st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), st.text(), max_size=12),
    st.integers(1, 4),
)
def test_stk_8_values_are_read_as_they_were_written_however_many_at_once(tmp_path_factory, values, at_once):
    with (
        pytest.MonkeyPatch.context() as patch,
        Ledger.open(f"sqlite:///{tmp_path_factory.mktemp('values') / 'ledger.db'}") as ledger,
    ):
        patch.setattr(tables, "_ROWS_AT_ONCE", at_once)
        tell(ledger, "d1", **values)
        ledger.delivered("d1")
        assert [*told(ledger).items()] == sorted(values.items(), key=lambda item: item[0].encode())
        assert set(ledger.sent_keys("demo", "a", "stock")) == {*values}
        asked = pd.Series([*values][::2], dtype="str")
        some = ledger.sent_values("demo", "a", "stock", asked)
        assert dict(some.itertuples(index=False, name=None)) == {key: values[key] for key in asked}


def test_stk_8_a_damaged_value_is_not_read_as_another(path):
    with Ledger.open(f"sqlite:///{path}") as ledger:
        tell(ledger, "d1", x="1", y="2")
        ledger.delivered("d1")
        with ledger._database.writing() as connection:
            connection.exec_driver_sql("UPDATE sent_values SET value = CAST(x'31ff32' AS TEXT) WHERE key = 'x'")
        with pytest.raises(ValueError, match="3 texts are joined, not 2"):
            ledger.sent_values("demo", "a", "stock")

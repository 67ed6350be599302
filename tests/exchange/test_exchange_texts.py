"""Laws of whole columns of texts: what they give is what loops over single texts give."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange import texts

KEYS = st.lists(st.text(max_size=3), unique=True, min_size=1, max_size=8)


@given(KEYS, st.data())
def test_the_rows_of_keys_are_those_of_loc(keys: list[str], data: st.DataObject) -> None:
    table = pd.DataFrame({"number": range(len(keys))}, index=pd.Index(keys, dtype="str"))
    asked = pd.Series(data.draw(st.lists(st.sampled_from(keys), max_size=12)), dtype="str")
    pd.testing.assert_frame_equal(texts.rows_of(table, asked), table.loc[asked], check_names=False)


def test_a_key_that_a_table_lacks_is_an_error_and_no_other_row() -> None:
    table = pd.DataFrame({"number": [1, 2]}, index=pd.Index(["a", "b"], dtype="str"))
    with pytest.raises(KeyError, match="c"):
        texts.rows_of(table, pd.Series(["a", "c"], dtype="str"))


@given(st.lists(st.lists(st.text(max_size=4), max_size=4), max_size=6))
def test_each_group_is_joined_in_its_order(groups: list[list[str]]) -> None:
    whole = pa.array([text for group in groups for text in group], pa.large_string())
    counts = np.array([len(group) for group in groups], dtype=np.int64)
    assert texts.joined(whole, counts, ", ").to_pylist() == [", ".join(group) for group in groups]

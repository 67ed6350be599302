"""Tables that wait on disk until it is their turn (CAT-2)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from passerelle.model.catalogue import CATALOGUE
from passerelle.run.memory import put_away, taken_out


def test_cat_2_what_is_put_away_comes_back_as_it_was(tmp_path):
    table = CATALOGUE.of(
        [
            {
                "article": "É 1",
                "label": "Bol\n",
                "price_excl": 12_340_000,
                "modified": pd.Timestamp("2026-11-28 02:00"),
            },
            {"article": "", "is_on_web": True},
            {"article": "3", "label": '"; 🎁'},
        ]
    ).assign(more=pd.array([True, None, False], dtype="boolean"))
    parts = [np.array(rows) for rows in ([True, False, True], [False, True, False], [False] * 3)]
    taken = list(taken_out(put_away(table, parts, tmp_path)))
    for part, back in zip(parts, taken, strict=True):
        pd.testing.assert_frame_equal(back, table[part].reset_index(drop=True))
    assert list(tmp_path.iterdir()) == []

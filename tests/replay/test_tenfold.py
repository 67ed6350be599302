"""A day with ten times the orders of the others (REL-1): nothing but its size is different."""

from __future__ import annotations

import copy

from books import compare, expected, found
from month import DAYS, two_shops
from replay import Replay

USUAL = 66
LAST = DAYS - 1


def after(folder, shops):
    """Play the day and the one after it, on which nothing is left but what was mended; give its documents by number."""
    replay = Replay(folder, shops)
    replay.play({}, [LAST])
    with replay.ledger() as ledger:
        assert ledger.unfinished("test") == []
    return {entry.number: entry for data in replay.zips().values() for entry in found(data)}


def test_rel_1_a_day_of_ten_times_the_orders_goes_as_any_other(tmp_path):
    large = two_shops(7, 10 * USUAL, days=[LAST])
    small = copy.deepcopy(large)
    for shop in small:
        shop.orders = shop.orders[: USUAL // 2]
    of_large, of_small = after(tmp_path / "large", large), after(tmp_path / "small", small)
    ours = expected(large)
    assert of_large.keys() == ours.keys()
    assert [line for number in ours for line in compare(ours[number], of_large[number])] == []
    assert of_small == {number: of_large[number] for number in expected(small)}

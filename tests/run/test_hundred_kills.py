"""A hundred runs killed at any moment leave one SQLite file whole, and what a run without fault leaves."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections import Counter

from killed import run_killed_after
from stock_shops import articles, leave, levels, run, shops, told

from passerelle.ledger.ledger import Ledger
from passerelle.run.installation import Installation
from passerelle.run.stocks import STOCKS

KILLS, SEED = 100, 20261128


def extract(at: Installation, count: int) -> None:
    """Let the ERP have so many articles, each with a quantity of its own, which never changes."""
    leave(at, "articles.csv", articles(*(f"A{number};Bol;1;0;;" for number in range(count))))
    leave(at, "stock.csv", levels(*(f"A{number};Nice;{number + 1}" for number in range(count))))


def known(at: Installation) -> dict[str, str]:
    """Give what the ledger says the shop was told."""
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.unfinished("test") == []
        values = ledger.sent_values("test", "a", "stock")
    return dict(zip(values["key"], values["value"], strict=True))


def is_whole(at: Installation) -> bool:
    with sqlite3.connect(at.state / "ledger.sqlite") as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_rel_1_a_ledger_outlives_a_hundred_kills_and_nothing_is_lost_or_doubled(tmp_path):
    at, calm = (shops(tmp_path / name, ("a", "woocommerce", "")) for name in ("killed", "calm"))
    count = 0
    for _ in range(2):  # the first starts the server that the others are forked from
        extract(at, count := count + 1)
        begun = time.monotonic()
        assert run_killed_after(at, 240, STOCKS, "a") == 0
    longest = 1.1 * (time.monotonic() - begun)
    chance, killed = random.Random(SEED), 0
    while killed < KILLS:
        assert count < 4 * KILLS, "hardly any run is killed"
        extract(at, count := count + 1)
        ended = run_killed_after(at, chance.uniform(0, longest), STOCKS, "a")
        assert ended in {0, -signal.SIGKILL}
        killed += ended == -signal.SIGKILL
        if killed % 10 == 0:
            assert is_whole(at)
    with Ledger.open(at.ledger_url) as ledger:
        ends = Counter(one.state for one in ledger.runs("test", 4 * KILLS))
    assert ends["failed"] > 1, f"no run was killed at its work: {ends}"
    assert ends["delivered"] > 1, f"no run came to its end: {ends}"

    run(at)
    assert is_whole(at)
    extract(calm, count)
    run(calm)
    assert known(at) == known(calm)
    rows = [(row["SKU"], row["Stock"]) for row in told(at)]
    assert len(rows) == count
    assert sorted(rows) == sorted((row["SKU"], row["Stock"]) for row in told(calm))
    assert run(at).state == "nothing-to-do"

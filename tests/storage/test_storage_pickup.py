"""Taking files: complete ones only, in order, within the limit (STO-6)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from passerelle.storage.base import Entry
from passerelle.storage.errors import BadPath, NotFound, TooLarge
from passerelle.storage.memory import MemoryStorage
from passerelle.storage.pickup import pick_up

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def holding(*paths: str) -> MemoryStorage:
    storage = MemoryStorage(clock=lambda: NOON)
    for path in paths:
        storage.put(path, path.encode())
    return storage


def picked(storage: MemoryStorage, *patterns: str, **options: object) -> list[str]:
    return [file.path for file in pick_up(storage, patterns, **{"limit_bytes": 1000, **options})]


def test_sto_6_files_come_whole_with_their_identity() -> None:
    file = pick_up(holding("in/orders.csv"), ["in/orders.csv"], limit_bytes=1000)[0]
    assert (file.path, file.size, file.modified_utc, file.data) == ("in/orders.csv", 13, NOON, b"in/orders.csv")
    assert file.sha256 == hashlib.sha256(b"in/orders.csv").hexdigest()


def test_sto_6_patterns_choose_and_paths_sort() -> None:
    storage = holding("b.csv", "a.CSV", "a.txt", "in/2.csv", "in/1.csv", "in/sub/3.csv", "in[1].csv")
    assert picked(storage, "*.csv") == ["a.CSV", "b.csv", "in[1].csv"]
    assert picked(storage, "?.Csv", "in/*.csv") == ["a.CSV", "b.csv", "in/1.csv", "in/2.csv"]
    assert picked(storage, "*", "*.csv", "a.*") == ["a.CSV", "a.txt", "b.csv", "in[1].csv"]
    assert picked(storage, "in[[]1].csv") == ["in[1].csv"]
    assert picked(storage, "absent*") == picked(storage) == []


def test_sto_6_unfinished_and_hidden_files_are_left() -> None:
    storage = holding(
        "a.csv", "b.csv.part", "c.csv.filepart", "d.TMP", ".e.csv", ".f.csv.01234567.part", "g.crdownload"
    )
    assert picked(storage, "*") == ["a.csv"]
    assert picked(storage, "*.part", ".*") == []
    assert len(storage.list()) == 7, "nothing is moved"


def test_sto_6_a_done_file_is_waited_for() -> None:
    storage = holding("a.csv", "a.csv.done", "b.csv", "c.csv.done", "in/b.csv.done")
    assert picked(storage, "*", done_suffix=".done") == ["a.csv"]
    assert picked(storage, "*") == ["a.csv", "a.csv.done", "b.csv", "c.csv.done"]


def test_sto_6_a_file_that_is_still_growing_is_left() -> None:
    class Growing(MemoryStorage):
        def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
            data = super().read(path)
            if path == "growing.csv":
                self.put(path, data + b"more")
            return data

    storage = Growing()
    storage.put("growing.csv", b"x")
    storage.put("stable.csv", b"x")
    assert picked(storage, "*") == ["stable.csv"]


def test_sto_6_a_file_replaced_by_one_of_the_same_size_is_left() -> None:
    times = iter([NOON, NOON.replace(minute=1)])

    class Replaced(MemoryStorage):
        def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
            data = super().read(path)
            self.put(path, data[::-1])
            return data

    storage = Replaced(clock=lambda: next(times))
    storage.put("a.csv", b"ab")
    assert picked(storage, "*") == []


def test_sto_6_a_read_shorter_than_listed_is_left() -> None:
    class Lagging(MemoryStorage):
        def _entry(self, path: str) -> Entry:
            return Entry(path, 5)

    storage = Lagging()
    storage.put("a.csv", b"abc")
    assert picked(storage, "*") == []


def test_sto_6_a_file_that_somebody_else_takes_is_left() -> None:
    class Contested(MemoryStorage):
        def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
            self.delete(path)
            return super().read(path)

    storage = Contested()
    storage.put("a.csv", b"a")
    assert picked(storage, "*") == []


def test_sto_6_a_file_over_the_limit_is_refused_by_name_and_nothing_is_read() -> None:
    class Unread(MemoryStorage):
        def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
            raise AssertionError(path)

    storage = Unread()
    storage.put("large.csv", bytes(1001))
    storage.put("small.csv", b"x")
    with pytest.raises(TooLarge) as found:
        picked(storage, "*")
    assert found.value.path == "large.csv"
    assert "1001 > 1000" in found.value.text("fr")


def test_sto_6_a_missing_folder_is_not_an_empty_one() -> None:
    storage = holding("in/a.csv")
    with pytest.raises(NotFound):
        picked(storage, "ni/*.csv")
    storage.delete("in/a.csv")
    assert picked(storage, "in/*.csv") == []


def test_sto_12_a_pattern_cannot_leave_the_place() -> None:
    with pytest.raises(BadPath):
        picked(holding("a.csv"), "../*.csv")

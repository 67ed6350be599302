"""Taking files: complete ones only, in order, within the limit; putting them away, once (STO-6)."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from storage_servers import PASSWORD, USER

from passerelle.storage.base import Entry, LocalFile, Moved, Storage, unwatched
from passerelle.storage.errors import AlreadyThere, BadPath, NotFound, TooLarge, Unreachable
from passerelle.storage.local import LocalStorage
from passerelle.storage.memory import MemoryStorage
from passerelle.storage.pickup import PickedFile, fetch_again, pick_up, put_away, sha256_of
from passerelle.storage.places import as_place, open_place

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
Pick = Callable[..., list[PickedFile]]


def holding(*paths: str, storage: Storage | None = None) -> Any:
    storage = storage or MemoryStorage(clock=lambda: NOON)
    for path in paths:
        storage.put(path, path.encode())
    return storage


@pytest.fixture
def pick(tmp_path: Path) -> Pick:
    def picked(storage: Storage, *patterns: str, **options: object) -> list[PickedFile]:
        return pick_up(storage, patterns, tmp_path, **{"limit_bytes": 1000, **options})

    return picked


def paths(files: list[PickedFile]) -> list[str]:
    return [file.path for file in files]


class Fetching(MemoryStorage):
    """A storage that others change while a file is fetched."""

    def __init__(self, meanwhile: Callable[[Fetching, str], None]) -> None:
        super().__init__(clock=lambda: NOON)
        self._meanwhile = meanwhile

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        for file in files:
            self._meanwhile(self, file.path)
            yield from super().get_files([file], resume=resume, moved=moved)


class Untold(MemoryStorage):
    """A storage that tells neither times nor checksums."""

    def _entry(self, path: str) -> Entry:
        return Entry(path, super()._entry(path).size)


def test_sto_6_files_come_whole_with_their_identity(pick: Pick) -> None:
    [file] = pick(holding("in/orders.csv"), "in/orders.csv")
    assert (file.path, file.size, file.modified_utc) == ("in/orders.csv", 13, NOON)
    assert file.local.read_bytes() == b"in/orders.csv"
    assert file.sha256 == hashlib.sha256(b"in/orders.csv").hexdigest() == sha256_of(file.local)


def test_sto_6_patterns_choose_and_paths_sort(pick: Pick) -> None:
    storage = holding("b.csv", "a.CSV", "a.txt", "in/2.csv", "in/1.csv", "in/sub/3.csv", "in[1].csv")
    assert paths(pick(storage, "*.csv")) == ["a.CSV", "b.csv", "in[1].csv"]
    assert paths(pick(storage, "?.Csv", "in/*.csv")) == ["a.CSV", "b.csv", "in/1.csv", "in/2.csv"]
    assert paths(pick(storage, "*", "*.csv", "a.*")) == ["a.CSV", "a.txt", "b.csv", "in[1].csv"]
    assert paths(pick(storage, "in[[]1].csv")) == ["in[1].csv"]
    assert pick(storage, "absent*") == pick(storage) == []


def test_sto_6_unfinished_and_hidden_files_are_left(pick: Pick) -> None:
    storage = holding(
        "a.csv", "b.csv.part", "c.csv.filepart", "d.TMP", ".e.csv", ".f.csv.01234567.part", "g.crdownload"
    )
    assert paths(pick(storage, "*")) == ["a.csv"]
    assert pick(storage, "*.part", ".*") == []
    assert len(storage.list()) == 7, "nothing is moved"


def test_sto_6_a_done_file_is_waited_for(pick: Pick) -> None:
    storage = holding("a.csv", "a.csv.done", "b.csv", "c.csv.done", "in/b.csv.done")
    assert paths(pick(storage, "*", done_suffix=".done")) == ["a.csv"]
    assert paths(pick(storage, "*")) == ["a.csv", "a.csv.done", "b.csv", "c.csv.done"]


def test_sto_6_a_file_that_is_still_growing_is_left_and_keeps_no_other_back(pick: Pick) -> None:
    def grow(storage: Fetching, path: str) -> None:
        if path == "b-growing.csv":
            storage.put(path, storage.read(path) + b"more")

    storage = holding("a.csv", "b-growing.csv", "c.csv", storage=Fetching(grow))
    assert paths(pick(storage, "*")) == ["a.csv", "c.csv"]


def test_sto_6_a_file_that_grew_right_after_it_was_fetched_is_left(pick: Pick) -> None:
    def grow(storage: Fetching, path: str) -> None:
        if path == "b.csv":
            storage.put("a.csv", b"longer than it was when it was fetched")

    assert paths(pick(holding("a.csv", "b.csv", storage=Fetching(grow)), "*")) == ["b.csv"]


def test_sto_6_a_file_replaced_by_one_of_the_same_size_is_left(pick: Pick) -> None:
    times = iter([NOON, NOON + timedelta(minutes=1)])
    storage = Fetching(lambda own, path: own.put(path, b"ba") and None)
    storage._clock = lambda: next(times)
    storage.put("a.csv", b"ab")
    assert pick(storage, "*") == []


def test_sto_6_a_file_that_somebody_else_takes_is_left(pick: Pick) -> None:
    storage = holding(
        "a.csv", "b.csv", storage=Fetching(lambda own, path: own.delete(path) if path == "a.csv" else None)
    )
    assert paths(pick(storage, "*")) == ["b.csv"]


def test_sto_6_a_cut_connection_is_an_error_not_a_file_being_written(pick: Pick) -> None:
    def cut(storage: Fetching, path: str) -> None:
        raise Unreachable(storage.name, path, "cut")

    with pytest.raises(Unreachable, match="cut"):
        pick(holding("a.csv", storage=Fetching(cut)), "*")


def test_sto_6_a_file_over_the_limit_is_refused_by_name_and_nothing_is_fetched(pick: Pick) -> None:
    storage = Fetching(lambda _, path: pytest.fail(path))
    storage.put("large.csv", bytes(1001))
    storage.put("small.csv", b"x")
    with pytest.raises(TooLarge) as found:
        pick(storage, "*")
    assert found.value.path == "large.csv"
    assert "1001 > 1000" in found.value.text("fr")


def test_sto_6_a_missing_folder_is_not_an_empty_one(pick: Pick) -> None:
    storage = holding("in/a.csv")
    with pytest.raises(NotFound):
        pick(storage, "ni/*.csv")
    storage.delete("in/a.csv")
    assert pick(storage, "in/*.csv") == []


def test_sto_12_a_pattern_cannot_leave_the_place(pick: Pick) -> None:
    with pytest.raises(BadPath):
        pick(holding("a.csv"), "../*.csv")


# How long a file has not changed


@pytest.mark.parametrize(("age", "waited"), [(0, [10]), (4, [6]), (10, []), (60, []), (-60, [10])], ids=str)
def test_sto_6_no_longer_than_needed_is_waited(pick: Pick, age: float, waited: list[float]) -> None:
    sleeps: list[float] = []
    clock = lambda: NOON + timedelta(seconds=age)  # noqa: E731
    assert paths(pick(holding("a.csv"), "*", settled_seconds=10, clock=clock, sleep=sleeps.append)) == ["a.csv"]
    assert sleeps == waited


def test_sto_6_without_times_two_looks_are_as_far_apart_as_asked(pick: Pick) -> None:
    sleeps: list[float] = []
    assert paths(pick(holding("a.csv", storage=Untold()), "*", settled_seconds=10, sleep=sleeps.append)) == ["a.csv"]
    assert sleeps == [10]


def test_sto_6_what_changes_between_the_looks_is_left(pick: Pick) -> None:
    storage = holding("a.csv", "b.csv", storage=Untold())

    def sleep(_: float) -> None:
        storage.put("a.csv", b"longer than before")

    assert paths(pick(storage, "*", settled_seconds=10, sleep=sleep)) == ["b.csv"]


def test_sto_6_what_changed_while_waiting_is_not_even_fetched(pick: Pick) -> None:
    fetched: list[str] = []
    storage = holding("a.csv", "b.csv", storage=Fetching(lambda _, path: fetched.append(path)))

    def sleep(_: float) -> None:
        storage.put("a.csv", b"longer than before")

    assert paths(pick(storage, "*", settled_seconds=10, clock=lambda: NOON, sleep=sleep)) == ["b.csv"]
    assert fetched == ["b.csv"]


def test_sto_6_nothing_there_is_not_waited_for(pick: Pick) -> None:
    assert pick(holding(), "*", settled_seconds=10, sleep=pytest.fail) == []


# Putting away


def contents(storage: Storage) -> dict[str, bytes]:
    return {entry.path: storage.read(entry.path) for entry in storage.list(recursive=True)}


SERVERS = {"ftp": "pyftpdlib", "ftp without MLSD": "pyftpdlib_without_mlsd", "sftp": "paramiko_server"}


@pytest.fixture(params=["memory", "untold", "local", *SERVERS])
def storage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Storage]:
    if request.param in SERVERS:
        server = request.getfixturevalue(SERVERS[request.param])
        folder = Path(tempfile.mkdtemp(dir=server.folder)).name
        monkeypatch.setenv("PICKUP_PASSWORD", PASSWORD)
        options = {"url": f"{request.param[:4].strip()}://{USER}@127.0.0.1:{server.port}/{folder}"}
        if request.param == "sftp":
            options["host_key_fingerprint"] = server.host_key.fingerprint
        with open_place(as_place({**options, "password": "PICKUP_PASSWORD"})) as opened:
            yield opened
    elif request.param == "local":
        yield LocalStorage(tmp_path_factory.mktemp("place"))
    else:
        yield Untold() if request.param == "untold" else MemoryStorage(clock=lambda: NOON)


def test_sto_6_files_are_moved_with_their_done_files(pick: Pick, storage: Storage) -> None:
    holding("a.csv", "a.csv.ok", "in/b.csv", "in/b.csv.ok", "c.csv", storage=storage)
    files = pick(storage, "*", "in/*", done_suffix=".ok")
    for _ in range(2):
        assert put_away(storage, files, "archive/1", done_suffix=".ok") == ["archive/1/a.csv", "archive/1/b.csv"]
        assert sorted(contents(storage)) == [
            "archive/1/a.csv",
            "archive/1/a.csv.ok",
            "archive/1/b.csv",
            "archive/1/b.csv.ok",
            "c.csv",
        ]


def test_sto_6_a_name_taken_by_another_content_gets_a_number(pick: Pick, storage: Storage) -> None:
    storage.put("old/a.b.csv", b"other")
    storage.put("old/a.b-2.csv", b"another")
    storage.put("old/plain", b"other")
    holding("a.b.csv", "plain", storage=storage)
    assert put_away(storage, pick(storage, "*"), "old") == ["old/a.b-3.csv", "old/plain-2"]
    assert contents(storage)["old/a.b.csv"] == b"other"
    assert contents(storage)["old/a.b-3.csv"] == b"a.b.csv"


def test_sto_6_files_of_one_name_from_two_folders_are_both_kept(pick: Pick, storage: Storage) -> None:
    holding("1/a.csv", "2/a.csv", storage=storage)
    assert put_away(storage, pick(storage, "1/*", "2/*"), "old") == ["old/a.csv", "old/a-2.csv"]
    assert contents(storage) == {"old/a.csv": b"1/a.csv", "old/a-2.csv": b"2/a.csv"}


def test_sto_6_the_same_content_there_already_lets_the_file_be_removed(pick: Pick, storage: Storage) -> None:
    holding("a.csv", "a.csv.ok", storage=storage)
    storage.put("old/a.csv", b"a.csv")
    assert put_away(storage, pick(storage, "*", done_suffix=".ok"), "old", done_suffix=".ok") == ["old/a.csv"]
    assert contents(storage) == {"old/a.csv": b"a.csv"}


def test_sto_6_a_file_replaced_since_stays_and_what_was_taken_is_archived(pick: Pick, storage: Storage) -> None:
    holding("a.csv", storage=storage)
    files = pick(storage, "*")
    storage.put("a.csv", b"newer and longer")
    assert put_away(storage, files, "old") == ["old/a.csv"]
    assert contents(storage) == {"a.csv": b"newer and longer", "old/a.csv": b"a.csv"}


def test_sto_6_without_times_one_of_the_same_size_is_told_apart(pick: Pick) -> None:
    storage = holding("a.csv", storage=Untold())
    files = pick(storage, "*")
    storage.put("a.csv", b"AAAAA")
    put_away(storage, files, "old")
    assert contents(storage) == {"a.csv": b"AAAAA", "old/a.csv": b"a.csv"}


def test_sto_6_by_its_time_one_of_the_same_size_is_told_apart(pick: Pick, tmp_path_factory: Any) -> None:
    place = tmp_path_factory.mktemp("place")
    storage = holding("a.csv", storage=LocalStorage(place))
    files = pick(storage, "*")
    storage.put("a.csv", b"AAAAA")
    os.utime(place / "a.csv", (1_790_000_000, 1_790_000_000))
    put_away(storage, files, "old")
    assert contents(storage) == {"a.csv": b"AAAAA", "old/a.csv": b"a.csv"}


def test_sto_6_nothing_is_removed_when_its_content_is_nowhere_else(pick: Pick, storage: Storage) -> None:
    holding("a.csv", "b.csv", storage=storage)
    gone, replaced = pick(storage, "*")
    storage.delete("a.csv")
    storage.put("b.csv", b"newer and longer")
    gone.local.unlink()
    replaced.local.unlink()
    assert put_away(storage, [gone, replaced], "old") == ["", ""]
    assert contents(storage) == {"b.csv": b"newer and longer"}


def test_sto_6_a_move_cut_half_way_is_completed(pick: Pick) -> None:
    class Cut(MemoryStorage):
        cuts = True

        def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
            if self.cuts and len(pairs) > 1 and not overwrite:
                self.rename(*pairs[0], overwrite=overwrite)
                raise Unreachable(self.name, pairs[1][0], "cut")
            super().rename_files(pairs, overwrite=overwrite)

    storage = Cut(clock=lambda: NOON)
    holding("a.csv", "a.csv.ok", "b.csv", "b.csv.ok", storage=storage)
    files = pick(storage, "*", done_suffix=".ok")
    with pytest.raises(Unreachable):
        put_away(storage, files, "old", done_suffix=".ok")
    assert sorted(contents(storage)) == ["b.csv", "old/a.csv", "old/a.csv.ok", "old/b.csv.ok"], (
        "no flag without its file"
    )
    storage.cuts = False
    assert put_away(storage, files, "old", done_suffix=".ok") == ["old/a.csv", "old/b.csv"]
    assert sorted(contents(storage)) == ["old/a.csv", "old/a.csv.ok", "old/b.csv", "old/b.csv.ok"]


def test_sto_6_somebody_who_takes_the_name_meanwhile_loses_nothing(pick: Pick) -> None:
    class Contested(MemoryStorage):
        def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
            if pairs:
                self.put("old/a.csv", b"somebody else's")
            super().rename_files(pairs, overwrite=overwrite)

    storage = holding("a.csv", storage=Contested())
    files = pick(storage, "*")
    with pytest.raises(AlreadyThere):
        put_away(storage, files, "old")
    assert contents(storage) == {"a.csv": b"a.csv", "old/a.csv": b"somebody else's"}
    assert put_away(storage, files, "old") == ["old/a-2.csv"]


def test_sto_6_a_content_is_fetched_again_from_where_it_lies_now(pick: Pick, storage: Storage) -> None:
    holding("a.csv", storage=storage)
    [file] = pick(storage, "*")
    put_away(storage, [file], "old")
    storage.put("a.csv", b"AAAAA")
    file.local.unlink()
    assert not fetch_again(storage, file, ["nowhere/a.csv", "a.csv"])
    assert fetch_again(storage, file, ["a.csv", "old/a.csv"])
    assert file.local.read_bytes() == b"a.csv"

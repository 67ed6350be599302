"""Trying again: transient errors only, a bounded number of times (STO-8)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
import tenacity

from passerelle.storage.base import Entry, LocalFile
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    Damaged,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    Throttled,
    TooLarge,
    Unexpected,
    Unreachable,
    UntrustedHost,
)
from passerelle.storage.memory import MemoryStorage
from passerelle.storage.retrying import RetryingStorage

TRANSIENT = [Unreachable("m"), Throttled("m"), Throttled("m", retry_after=0.001), Damaged("m")]
FINAL = [kind("m") for kind in (AlreadyThere, BadPath, Denied, NoSpace, NotFound, TooLarge, Unexpected, UntrustedHost)]


class Failing(MemoryStorage):
    """Fails the first calls, before or after they had their effect."""

    def __init__(self, error: StorageError, times: int, *, after: bool = False) -> None:
        super().__init__()
        self.put("a", b"a")
        self.calls, self.times, self.error, self.after = 0, times, error, after

    def _meet(self, act: Callable[[], object]) -> object:
        self.calls += 1
        failing = self.calls <= self.times
        if failing and not self.after:
            raise self.error
        result = act()
        if failing:
            raise self.error
        return result

    def __enter__(self) -> Self:
        self._meet(lambda: None)
        return self

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        return self._meet(lambda: super(Failing, self).read(path, limit_bytes=limit_bytes))

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        self._meet(lambda: super(Failing, self).rename(src, dst, overwrite=overwrite))

    def delete(self, path: str) -> None:
        self._meet(lambda: super(Failing, self).delete(path))


def trying(inner: MemoryStorage, attempts: int = 3) -> RetryingStorage:
    return RetryingStorage(inner, attempts=attempts, first_delay_seconds=0.0001)


@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
def test_sto_8_a_transient_error_is_tried_again(error: StorageError) -> None:
    inner = Failing(error, times=2)
    assert trying(inner).read("a") == b"a"
    assert inner.calls == 3
    inner = Failing(error, times=3)
    with pytest.raises(type(error)):
        trying(inner).read("a")
    assert inner.calls == 3


@pytest.mark.parametrize("error", FINAL, ids=repr)
def test_sto_8_a_final_error_is_not_tried_again(error: StorageError) -> None:
    inner = Failing(error, times=1)
    with pytest.raises(type(error)):
        trying(inner).read("a")
    assert inner.calls == 1


def test_sto_8_a_programming_error_is_not_tried_again() -> None:
    class Broken(MemoryStorage):
        calls = 0

        def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
            self.calls += 1
            raise ZeroDivisionError

    inner = Broken()
    with pytest.raises(ZeroDivisionError):
        trying(inner).list()
    assert inner.calls == 1


def test_sto_8_opening_is_tried_again() -> None:
    inner = Failing(Unreachable("m"), times=2)
    with trying(inner) as storage:
        assert storage.read("a") == b"a"
    with pytest.raises(Unreachable), trying(Failing(Unreachable("m"), times=3)):
        pass


@pytest.mark.parametrize("overwrite", [False, True])
def test_sto_8_a_rename_that_was_done_before_the_cut_is_done(overwrite: bool) -> None:
    inner = Failing(Unreachable("m"), times=1, after=True)
    trying(inner).rename("a", "in/b", overwrite=overwrite)
    assert inner.list() == []
    assert inner.read("in/b") == b"a"


def test_sto_8_a_rename_that_was_not_done_before_the_cut_is_made() -> None:
    inner = Failing(Unreachable("m"), times=1)
    inner.put("b", b"old")
    with pytest.raises(AlreadyThere):
        trying(inner).rename("a", "b", overwrite=False)
    inner.calls = 0
    trying(inner).rename("a", "b", overwrite=True)
    assert inner.read("b") == b"a"
    with pytest.raises(NotFound):
        trying(Failing(Unreachable("m"), times=1)).rename("absent", "b", overwrite=True)


@pytest.mark.parametrize("after", [False, True])
def test_sto_8_a_removal_is_done_once(after: bool) -> None:
    inner = Failing(Unreachable("m"), times=1, after=after)
    trying(inner).delete("a")
    assert inner.list() == []


def test_sto_8_an_upload_that_arrived_short_is_made_again() -> None:
    class Short(MemoryStorage):
        calls = 0

        def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
            self.calls += 1
            return super().put(path, data if self.calls > 1 else data[:1], overwrite=overwrite)

    assert trying(Short()).put("a", b"abc").size == 3
    with pytest.raises(Damaged):
        trying(Short(), attempts=1).put("a", b"abc")


class Unsteady(MemoryStorage):
    """Loses its connection at every so many files, in the middle of one or after it."""

    def __init__(self, every: int, error: StorageError, *, after: bool) -> None:
        super().__init__()
        self.every, self.error, self.after = every, error, after
        self.calls = self.met = 0
        self.asked: list[str] = []

    def _meet(self, path: str, act: Callable[[], object]) -> object:
        self.met += 1
        self.asked.append(path)
        failing = self.met % self.every == 0
        if failing and not self.after:
            raise self.error
        result = act()
        if failing:
            raise self.error
        return result

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        return self._meet(path, lambda: super(Unsteady, self).put(path, data, overwrite=overwrite))

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        return self._meet(path, lambda: super(Unsteady, self).read(path, limit_bytes=limit_bytes))

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        self._meet(src, lambda: super(Unsteady, self).rename(src, dst, overwrite=overwrite))


def local_files(folder: Path, count: int = 20) -> list[LocalFile]:
    files = []
    for number in range(count):
        local = folder / f"{number}"
        local.write_bytes(b"x" * number)
        files.append(LocalFile(f"in/{number}", local, number))
    return files


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
def test_sto_8_of_many_files_the_rest_is_tried_again_as_long_as_some_get_there(
    tmp_path: Path, error: StorageError, overwrite: bool, after: bool
) -> None:
    files = local_files(tmp_path)
    inner = Unsteady(3, error, after=after)
    entries = list(trying(inner, attempts=2).put_files(files, overwrite=overwrite))
    assert {entry.path: entry.size for entry in entries} == {file.path: file.size for file in files}
    assert len(entries) == 20
    assert all(inner.asked.count(file.path) <= 2 for file in files)
    inner.every = 1
    inner.after = False
    with pytest.raises(type(error)):
        list(trying(inner, attempts=3).put_files(files))
    assert inner.asked[-3:] == ["in/0"] * 3


@pytest.mark.parametrize("after", [False, True])
def test_sto_8_many_files_are_fetched_and_renamed_through_cuts(tmp_path: Path, after: bool) -> None:
    files = local_files(tmp_path)
    inner = Unsteady(1000, Unreachable("m"), after=after)
    list(inner.put_files(files))
    inner.every = 4
    fetched = [replace(file, local=tmp_path / f"back{number}") for number, file in enumerate(files)]
    gone = LocalFile("in/gone", tmp_path / "gone", 1)
    assert list(trying(inner).get_files([gone, *fetched])) == fetched
    assert all(file.local.read_bytes() == b"x" * file.size for file in fetched)
    inner.asked.clear()
    trying(inner, attempts=10).rename_files([(file.path, f"out/{file.size}") for file in files], overwrite=False)
    assert sorted(entry.size for entry in inner.list("out")) == list(range(20))
    if after:
        assert len(inner.asked) == 20, "what was renamed is not asked for again"


@pytest.mark.parametrize("error", FINAL, ids=repr)
def test_sto_8_of_many_files_a_final_error_is_not_tried_again(tmp_path: Path, error: StorageError) -> None:
    inner = Unsteady(3, error, after=False)
    arrived = []
    with pytest.raises(type(error)):
        arrived.extend(trying(inner).put_files(local_files(tmp_path)))
    assert inner.met == 3


def test_sto_8_an_upload_of_ours_is_told_from_somebody_elses(tmp_path: Path) -> None:
    inner = Unsteady(10, Unreachable("m"), after=True)
    inner.met = 9
    assert trying(inner).put("a", b"ours", overwrite=False).size == 4
    inner.met = 9
    with pytest.raises(AlreadyThere):
        trying(inner).put("a", b"their", overwrite=False)
    files = local_files(tmp_path, 2)
    inner.put("in/1", b"y")
    inner.met = 9
    with pytest.raises(AlreadyThere):
        list(trying(inner).put_files(files, overwrite=False))


def test_sto_8_changes_and_checksums_are_asked_for_again() -> None:
    inner = Failing(Unreachable("m"), times=0)
    storage = trying(inner)
    first = storage.changes()
    assert [entry.path for entry in first.entries] == ["a"]
    assert storage.checksum("a") == first.entries[0].checksum


def _waits(error: StorageError, first_delay_seconds: float) -> list[float]:
    storage = RetryingStorage(MemoryStorage(), first_delay_seconds=first_delay_seconds)
    waits = []
    for attempt in range(1, 9):
        state = tenacity.RetryCallState(storage._attempts, None, (), {})
        state.attempt_number = attempt
        state.set_exception((type(error), error, None))
        waits.append(storage._wait(state))
    return waits


def test_sto_8_waits_double_with_something_at_random_and_are_bounded() -> None:
    for attempt, wait in enumerate(_waits(Unreachable("m"), 1.0)):
        assert min(2**attempt, 60) <= wait <= min(2**attempt, 60) + 1
    assert len({_waits(Unreachable("m"), 1.0)[0] for _ in range(5)}) > 1


def test_sto_8_a_wait_that_is_asked_for_is_kept() -> None:
    assert all(wait >= 42 for wait in _waits(Throttled("m", retry_after=42), 1.0))
    inner = Failing(Throttled("m", retry_after=3600), times=1)
    with pytest.raises(Throttled):
        trying(inner).read("a")
    assert inner.calls == 1, "an hour is not waited for"


def test_sto_8_each_new_try_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "passerelle"):
        trying(Failing(Unreachable("m", "a", "reset by peer"), times=2)).read("a")
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "reset by peer" in caplog.text

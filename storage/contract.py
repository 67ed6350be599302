"""The tests that every storage passes unchanged; ship yours by inheriting them.

    class TestMyStorage(StorageContract):
        backend = MyStorage

        @pytest.fixture
        def storage(self):
            with MyStorage(...) as storage:
                yield storage

The fixture gives an open storage on an empty folder of its own.

Source: spec STO-1, STO-12; style 1 §1.
"""

from __future__ import annotations

import pickle
import re
import threading
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, cast

import pytest

from passerelle.messages import code
from passerelle.storage import checksums
from passerelle.storage.base import LocalFile, Storage, Tracking
from passerelle.storage.errors import AlreadyThere, BadPath, NotFound, StorageError, TooLarge, Transient, Unexpected

CONTENTS = {
    "empty": b"",
    "one byte": b"\n",
    "every byte": bytes(range(256)),
    "line ends": b"a\r\nb\nc\rd\r\n\n\r",
    "mark and zeros": b"\xef\xbb\xbfa\x00\x00\x1a",
    "several blocks": bytes(range(251)) * 1200,
}
NAMES = [
    "Commandes n°12 – été.csv",
    unicodedata.normalize("NFD", "épicé.txt"),
    "with  two blanks and 'quotes'.txt",
    " leading blank.txt",
    "-rf",
    "#50% [a] {b} +~&=;,@!$()^`.txt",
    "%41%2e.txt",
    "日本語😀.txt",
    "no extension",
    ".hidden",
    "UPPER.CSV",
    "x" * 116 + ".csv",
    "total 12",
]
HOSTILE = [
    "..",
    "../outside.txt",
    "in/../../outside.txt",
    "in/..",
    "/etc/passwd",
    "//server/share/x",
    "C:\\x.txt",
    "C:x.txt",
    "in\\x.txt",
    "..\\x.txt",
    ".",
    "./x.txt",
    "in//x.txt",
    "in/",
    "",
    "x\x00.txt",
    "x\r\nDELE y",
    "x\n",
    "x\x7f.txt",
    "x\x85.txt",
    "x\u202etxt.exe",
    "in\u2215x.txt",
    "in\u2044x.txt",
    "in\uff0fx.txt",
    "in\uff3cx.txt",
    "\uff0e\uff0e/x.txt",
    "\u2025/x.txt",
    "x\udc80.txt",
    "CON",
    "nul.txt",
    "in/com1.csv",
    "LPT².txt",
    "x.",
    "x ",
    "x:stream",
    "x?.txt",
    "x*.txt",
    "x|y",
    '"x"',
    "<x>",
    "x" * 256,
    "é" * 128,
    "/".join(["x" * 100] * 11),
]


class StorageContract:
    """What ``base.Storage`` promises, sentence by sentence."""

    backend: ClassVar[type]
    many = 150

    @pytest.fixture
    def storage(self) -> Storage:
        raise NotImplementedError("give an open storage on an empty folder")

    def test_sto_1_a_new_folder_is_empty(self, storage: Storage) -> None:
        assert storage.list() == []

    @pytest.mark.parametrize("data", CONTENTS.values(), ids=CONTENTS.keys())
    def test_sto_1_content_comes_back_byte_for_byte(self, storage: Storage, data: bytes) -> None:
        if not data and not storage.features.empty_files:
            with pytest.raises(Unexpected) as found:
                storage.put("a.bin", data)
            assert found.value.code == "storage-empty-file"
            assert storage.list() == []
            return
        entry = storage.put("a.bin", data)
        assert (entry.path, entry.size) == ("a.bin", len(data))
        assert storage.read("a.bin") == data
        assert [(entry.path, entry.size) for entry in storage.list()] == [("a.bin", len(data))]

    @pytest.mark.parametrize(("old", "new"), [(b"long, long before", b"short"), (b"short", b"longer now"), (b"x", b"")])
    def test_sto_1_put_replaces(self, storage: Storage, old: bytes, new: bytes) -> None:
        if not new and not storage.features.empty_files:
            return  # not promised
        storage.put("in/a.txt", old)
        assert storage.put("in/a.txt", new).size == len(new)
        assert storage.read("in/a.txt") == new
        assert [(entry.path, entry.size) for entry in storage.list("in")] == [("in/a.txt", len(new))]

    def test_sto_1_put_creates_the_folders_on_the_way(self, storage: Storage) -> None:
        assert storage.put("archive/2026/11/a.txt", b"a").path == "archive/2026/11/a.txt"
        assert storage.read("archive/2026/11/a.txt") == b"a"
        assert storage.list("archive/2026") == []

    def test_sto_1_list_gives_the_files_directly_in_a_folder(self, storage: Storage) -> None:
        for path in ("a.txt", "in/b.txt", "in/c.txt", "in/deep/d.txt", "in2/e.txt", "inf.txt"):
            storage.put(path, path.encode())
        assert _paths(storage) == ["a.txt", "inf.txt"]
        assert _paths(storage, "in") == ["in/b.txt", "in/c.txt"] == _paths(storage, "in/")
        assert _paths(storage, "in/deep") == ["in/deep/d.txt"]
        assert {entry.size for entry in storage.list("in")} == {len("in/b.txt")}

    def test_sto_13_a_long_listing_is_whole(self, storage: Storage, tmp_path: Path) -> None:
        expected = [f"in/{number:04}.txt" for number in range(self.many)]
        list(storage.put_files(_local(tmp_path, dict.fromkeys(expected, b"x"))))
        assert _paths(storage, "in") == expected == _all_paths(storage)

    def test_sto_13_a_recursive_listing_gives_all_below(self, storage: Storage) -> None:
        for path in ("a.txt", "in/b.txt", "in/.hidden/c.txt", "in/deep/er/d.txt", "in2/e.txt", "inf.txt"):
            storage.put(path, path.encode())
        below_in = ["in/.hidden/c.txt", "in/b.txt", "in/deep/er/d.txt"]
        assert _all_paths(storage) == ["a.txt", *below_in, "in2/e.txt", "inf.txt"]
        assert _all_paths(storage, "in") == below_in == _all_paths(storage, "in/")
        assert _all_paths(storage, "in/deep") == ["in/deep/er/d.txt"]
        assert {(entry.path, entry.size) for entry in storage.list("in")} == {("in/b.txt", 8)}
        assert {entry.size for entry in storage.list("in/deep", recursive=True)} == {16}
        if storage.features.folders:
            with pytest.raises(NotFound) as found:
                storage.list("absent", recursive=True)
            _says_so(found.value, storage, "absent")

    def test_sto_1_nothing_is_cached(self, storage: Storage) -> None:
        storage.put("in/a.txt", b"one")
        assert _paths(storage, "in") == ["in/a.txt"]
        storage.put("in/b.txt", b"two")
        storage.put("in/a.txt", b"three")
        assert {entry.path: entry.size for entry in storage.list("in")} == {"in/a.txt": 5, "in/b.txt": 3}
        assert storage.read("in/a.txt") == b"three"
        storage.delete("in/a.txt")
        assert _paths(storage, "in") == ["in/b.txt"]
        with pytest.raises(NotFound):
            storage.read("in/a.txt")

    def test_sto_1_times_are_in_utc(self, storage: Storage) -> None:
        storage.put("a.txt", b"a")
        for modified in [entry.modified_utc for entry in storage.list()]:
            if modified is not None:
                assert modified.utcoffset() == timedelta(0)
                assert abs(datetime.now(UTC) - modified) < timedelta(minutes=5)

    def test_sto_1_an_emptied_folder_is_empty_and_an_absent_one_is_absent(self, storage: Storage) -> None:
        storage.put("in/a.txt", b"a")
        storage.delete("in/a.txt")
        assert storage.list("in") == storage.list("in", recursive=True) == []
        if not storage.features.folders:
            assert storage.list("absent") == []
            return
        for folder in ("absent", "in/absent", "absent/in"):
            with pytest.raises(NotFound) as found:
                storage.list(folder)
            _says_so(found.value, storage, folder)

    @pytest.mark.parametrize("path", ["absent.txt", "in/absent.txt", "absent/a.txt", "in", "in/a.txt/b.txt"])
    def test_sto_1_absent_is_said_by_every_verb(self, storage: Storage, path: str) -> None:
        storage.put("in/a.txt", b"a")
        storage.put("in/absent.txt.old", b"b")
        for verb in (
            storage.read,
            storage.delete,
            storage.checksum,
            lambda path: storage.rename(path, "b.txt", overwrite=False),
            lambda path: storage.rename(path, "in/a.txt", overwrite=True),
        ):
            with pytest.raises(NotFound) as found:
                verb(path)
            _says_so(found.value, storage, path)
        assert _paths(storage) == []
        assert storage.read("in/a.txt") == b"a"
        assert storage.read("in/absent.txt.old") == b"b"

    def test_sto_1_delete_removes_that_file_only(self, storage: Storage) -> None:
        for path in ("in/a", "in/a.txt", "in/ab", "a"):
            storage.put(path, b"x")
        storage.delete("in/a")
        assert _paths(storage, "in") == ["in/a.txt", "in/ab"]
        assert _paths(storage) == ["a"]

    def test_sto_1_rename_moves(self, storage: Storage) -> None:
        storage.put("in/a.txt", b"content")
        storage.rename("in/a.txt", "in/b.txt", overwrite=False)
        assert _paths(storage, "in") == ["in/b.txt"]
        storage.rename("in/b.txt", "done/2026/c.txt", overwrite=True)
        assert storage.list("in") == []
        assert storage.read("done/2026/c.txt") == b"content"

    def test_sto_4_rename_keeps_an_existing_target(self, storage: Storage) -> None:
        storage.put("in/a.txt", b"new")
        storage.put("done/a.txt", b"old")
        with pytest.raises(AlreadyThere) as found:
            storage.rename("in/a.txt", "done/a.txt", overwrite=False)
        _says_so(found.value, storage, "done/a.txt")
        assert storage.read("in/a.txt") == b"new"
        assert storage.read("done/a.txt") == b"old"

    def test_sto_4_rename_replaces_when_told(self, storage: Storage) -> None:
        storage.put("in/a.txt", b"new")
        storage.put("done/a.txt", b"older and longer")
        storage.rename("in/a.txt", "done/a.txt", overwrite=True)
        assert storage.list("in") == []
        assert storage.read("done/a.txt") == b"new"

    def test_sto_4_put_keeps_an_existing_file_when_told(self, storage: Storage) -> None:
        assert storage.put("in/a.txt", b"old", overwrite=False).size == 3
        with pytest.raises(AlreadyThere) as found:
            storage.put("in/a.txt", b"newer", overwrite=False)
        _says_so(found.value, storage, "in/a.txt")
        assert storage.read("in/a.txt") == b"old"
        assert _paths(storage, "in") == ["in/a.txt"]

    def test_sto_4_of_two_puts_to_one_name_one_wins(self, storage: Storage) -> None:
        if not storage.features.exclusive_put:
            return  # not promised
        for turn in range(5):
            lost: list[bytes] = []
            barrier = threading.Barrier(2)

            def put(data: bytes, lost: list[bytes], barrier: threading.Barrier, path: str = f"in/{turn}") -> None:
                barrier.wait()
                try:
                    storage.put(path, data, overwrite=False)
                except AlreadyThere:
                    lost.append(data)

            threads = [threading.Thread(target=put, args=(data, lost, barrier)) for data in (b"a", b"b")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(lost) == 1
            assert storage.read(f"in/{turn}") == ({b"a", b"b"} - {lost[0]}).pop()

    def test_sto_4_a_folder_is_never_replaced(self, storage: Storage, tmp_path: Path) -> None:
        if not storage.features.folders:
            return  # there are none
        storage.put("in/sub/a.txt", b"a")
        storage.put("b.txt", b"b")
        with pytest.raises(AlreadyThere):
            storage.put("in/sub", b"x")
        with pytest.raises(AlreadyThere):
            list(storage.put_files(_local(tmp_path, {"in/sub": b"x"})))
        for overwrite in (False, True):
            with pytest.raises(AlreadyThere):
                storage.rename("b.txt", "in/sub", overwrite=overwrite)
        assert storage.read("in/sub/a.txt") == b"a"
        assert storage.read("b.txt") == b"b"

    def test_sto_4_of_two_renames_to_one_name_one_wins(self, storage: Storage) -> None:
        if not storage.features.exclusive_rename:
            return  # not promised
        for turn in range(10):
            storage.put("a", b"a")
            storage.put("b", b"b")
            lost: list[str] = []
            barrier = threading.Barrier(2)

            def move(src: str, dst: str, lost: list[str] = lost, barrier: threading.Barrier = barrier) -> None:
                barrier.wait()
                try:
                    storage.rename(src, dst, overwrite=False)
                except AlreadyThere:
                    lost.append(src)

            threads = [threading.Thread(target=move, args=(name, f"target {turn}")) for name in ("a", "b")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(lost) == 1
            assert storage.read(lost[0]) == lost[0].encode()
            assert storage.read(f"target {turn}") == ({b"a", b"b"} - {lost[0].encode()}).pop()

    @pytest.mark.parametrize("name", NAMES)
    def test_sto_10_names_are_kept(self, storage: Storage, name: str) -> None:
        if storage.features.refused_names and re.search(storage.features.refused_names, name):
            with pytest.raises(BadPath) as found:
                storage.put(f"in/{name}", b"a")
            _says_so(found.value, storage, f"in/{name}")
            return
        storage.put(f"in/{name}", b"a")
        assert _paths(storage, "in") == [f"in/{name}"]
        assert storage.read(f"in/{name}") == b"a"
        storage.rename(f"in/{name}", f"{name}/{name}", overwrite=False)
        assert storage.list("in") == []
        assert _paths(storage, name) == [f"{name}/{name}"]
        storage.put("b", b"bb")
        storage.rename("b", f"{name}/{name}", overwrite=True)
        assert storage.read(f"{name}/{name}") == b"bb"
        storage.delete(f"{name}/{name}")
        assert storage.list(name) == []

    def test_sto_12_twins_are_two_files_or_one(self, storage: Storage) -> None:
        storage.put("in/a.txt", b"small")
        storage.put("in/A.txt", b"large")
        if storage.features.case_sensitive:
            assert _paths(storage, "in") == ["in/A.txt", "in/a.txt"]
            assert (storage.read("in/a.txt"), storage.read("in/A.txt")) == (b"small", b"large")
        else:
            assert len(_paths(storage, "in")) == 1
            assert storage.read("in/a.txt") == storage.read("in/A.txt") == b"large"

    def test_sto_12_hostile_paths_are_refused_by_every_verb(self, storage: Storage, tmp_path: Path) -> None:
        storage.put("in/kept.txt", b"kept")
        local = tmp_path / "local"
        local.write_bytes(b"x")
        for path in HOSTILE:
            for verb in (
                storage.read,
                storage.delete,
                lambda path: storage.put(path, b"x"),
                lambda path: storage.rename("in/kept.txt", path, overwrite=True),
                lambda path: storage.rename(path, "b.txt", overwrite=True),
                storage.checksum,
                lambda path: list(storage.put_files([LocalFile(path, local, 1)])),
                lambda path: list(storage.get_files([LocalFile(path, tmp_path / "fetched", 1)])),
                lambda path: storage.rename_files([("in/kept.txt", path)], overwrite=True),
                lambda path: storage.rename_files([(path, "b.txt")], overwrite=True),
            ):
                with pytest.raises(BadPath) as found:
                    verb(path)
                _says_so(found.value, storage, path)
            if path not in {"", "in/"}:  # of a folder, these two are good paths
                with pytest.raises(BadPath):
                    storage.list(path)
        assert storage.list() == []
        assert storage.read("in/kept.txt") == b"kept"
        assert not (tmp_path / "fetched").exists()

    def test_sto_13_checksums_are_of_the_content(self, storage: Storage) -> None:
        data = bytes(range(256)) * 500
        entries = [storage.put("in/a.bin", data), *storage.list("in")]
        for checksum in [*(entry.checksum for entry in entries), storage.checksum("in/a.bin")]:
            if checksum is not None:
                assert checksum == checksums.of_bytes(checksum.partition(":")[0], data)

    def test_sto_13_versions_change_with_the_content(self, storage: Storage) -> None:
        storage.put("a.txt", b"old")
        before = storage.list()[0].version
        if before is not None:
            assert storage.list()[0].version == before
            storage.put("a.txt", b"new")
            assert storage.list()[0].version != before

    def test_sto_11_many_files_go_and_come(self, storage: Storage, tmp_path: Path) -> None:
        contents = {f"in/{number % 3}/{number:03}.bin": bytes([number]) * (number * 997 + 1) for number in range(40)}
        seen: dict[str, int] = {}

        def moved(path: str, over: int) -> None:
            seen[path] = over

        entries = list(storage.put_files(_local(tmp_path / "out", contents), moved=moved))
        sizes = {path: len(data) for path, data in contents.items()}
        assert {entry.path: entry.size for entry in entries} == sizes == seen
        assert {entry.path: entry.size for entry in storage.list(recursive=True)} == sizes

        seen.clear()
        wanted = [
            LocalFile(path, tmp_path / f"back{number}", size) for number, (path, size) in enumerate(sizes.items())
        ]
        assert sorted(file.path for file in storage.get_files(wanted, moved=moved)) == sorted(contents)
        assert {file.path: file.local.read_bytes() for file in wanted} == contents
        assert seen == sizes

    def test_sto_11_no_files_are_no_trouble(self, storage: Storage) -> None:
        assert list(storage.put_files([])) == []
        assert list(storage.get_files([])) == []
        storage.rename_files([], overwrite=False)

    def test_sto_4_many_files_replace_or_not(self, storage: Storage, tmp_path: Path) -> None:
        storage.put("in/b.txt", b"old and longer")
        files = _local(tmp_path, {"in/b.txt": b"new"})
        with pytest.raises(AlreadyThere) as found:
            list(storage.put_files(files, overwrite=False))
        _says_so(found.value, storage, "in/b.txt")
        assert storage.read("in/b.txt") == b"old and longer"
        assert [entry.size for entry in storage.put_files(files)] == [3]
        assert storage.read("in/b.txt") == b"new"

    @pytest.mark.parametrize("there", [0, 1, 2_500_000, 2_999_999, 3_000_000])
    def test_sto_7_an_upload_goes_on_where_it_was_cut(self, storage: Storage, tmp_path: Path, there: int) -> None:
        data = (bytes(range(251)) * 12_000)[:3_000_000]
        if there or storage.features.empty_files:
            storage.put("in/.large.part", data[:there])
        entries = list(storage.put_files(_local(tmp_path, {"in/.large.part": data}), resume=True))
        assert [(entry.path, entry.size) for entry in entries] == [("in/.large.part", len(data))]
        assert storage.read("in/.large.part") == data

    @pytest.mark.parametrize("there", [b"something else", bytes(3_000_000), bytes(3_000_001)], ids=len)
    def test_sto_7_an_upload_begins_anew_over_what_is_no_part_of_it(
        self, storage: Storage, tmp_path: Path, there: bytes
    ) -> None:
        data = (bytes(range(251)) * 12_000)[:3_000_000]
        storage.put("in/.large.part", there)
        assert len(list(storage.put_files(_local(tmp_path, {"in/.large.part": data}), resume=True))) == 1
        assert storage.read("in/.large.part") == data

    @pytest.mark.parametrize("there", [0, 1, 2_500_000, 3_000_000, 3_000_001])
    def test_sto_7_a_download_goes_on_where_it_was_cut(self, storage: Storage, tmp_path: Path, there: int) -> None:
        data = (bytes(range(251)) * 12_000)[:3_000_000]
        storage.put("large.bin", data)
        file = LocalFile("large.bin", tmp_path / "large.bin", len(data))
        file.local.write_bytes((data + b"x")[:there])
        assert list(storage.get_files([file], resume=True)) == [file]
        assert file.local.read_bytes() == data
        file.local.write_bytes(b"old")
        assert list(storage.get_files([file])) == [file]
        assert file.local.read_bytes() == data

    def test_sto_6_what_is_gone_is_not_fetched_and_what_grew_is_not_whole(
        self, storage: Storage, tmp_path: Path
    ) -> None:
        storage.put("in/a.txt", b"a")
        there = LocalFile("in/a.txt", tmp_path / "a", 1)
        gone = LocalFile("in/gone.txt", tmp_path / "gone", 1)
        nowhere = LocalFile("absent/gone.txt", tmp_path / "nowhere", 1)
        assert list(storage.get_files([gone, there, nowhere])) == [there]
        storage.put("in/a.txt", b"and more")
        with pytest.raises(Transient):
            list(storage.get_files([there]))

    def test_sto_5_a_local_file_that_changed_is_not_sent(self, storage: Storage, tmp_path: Path) -> None:
        [file] = _local(tmp_path, {"in/a.txt": b"as recorded"})
        file.local.write_bytes(b"longer than recorded")
        with pytest.raises(Unexpected) as found:
            list(storage.put_files([file]))
        assert (found.value.code, found.value.path) == ("storage-local-changed", "in/a.txt")
        file.local.unlink()
        with pytest.raises(Unexpected) as found:
            list(storage.put_files([file]))
        assert found.value.code == "storage-local-changed"

    def test_sto_4_many_files_are_renamed(self, storage: Storage, tmp_path: Path) -> None:
        names = [f"{number:02}.txt" for number in range(30)]
        list(storage.put_files(_local(tmp_path, {f"in/.{name}.part": name.encode() for name in names})))
        storage.rename_files([(f"in/.{name}.part", f"in/new/{name}") for name in names], overwrite=False)
        assert _all_paths(storage) == [f"in/new/{name}" for name in names]
        assert all(storage.read(f"in/new/{name}") == name.encode() for name in names[::10])

    def test_sto_4_renaming_many_replaces_or_not_and_names_what_is_absent(self, storage: Storage) -> None:
        storage.put("in/a", b"new")
        storage.put("in/b", b"old")
        with pytest.raises(AlreadyThere) as taken:
            storage.rename_files([("in/a", "in/b")], overwrite=False)
        _says_so(taken.value, storage, "in/b")
        assert (storage.read("in/a"), storage.read("in/b")) == (b"new", b"old")
        storage.rename_files([("in/a", "in/b")], overwrite=True)
        assert _paths(storage, "in") == ["in/b"]
        assert storage.read("in/b") == b"new"
        with pytest.raises(NotFound) as found:
            storage.rename_files([("in/absent", "in/c")], overwrite=True)
        _says_so(found.value, storage, "in/absent")

    def test_sto_13_a_cursor_tells_what_changed(self, storage: Storage) -> None:
        if not storage.features.cursors:
            return  # not promised
        tracking = cast("Tracking", storage)
        for path in ("in/a.txt", "in/b.txt", "in/deep/c.txt", "other.txt"):
            storage.put(path, b"1")
        first = tracking.changes("in")
        assert first.complete
        assert sorted(entry.path for entry in first.entries) == ["in/a.txt", "in/b.txt", "in/deep/c.txt"]
        nothing = tracking.changes("in", first.cursor)
        assert (nothing.entries, nothing.gone, nothing.complete) == ((), (), False)

        storage.put("in/a.txt", b"22")
        storage.delete("in/b.txt")
        storage.put("in/deep/d.txt", b"4")
        storage.put("other.txt", b"55")
        second = tracking.changes("in", first.cursor)
        assert {entry.path: entry.size for entry in second.entries} == {"in/a.txt": 2, "in/deep/d.txt": 1}
        assert (second.gone, second.complete) == (("in/b.txt",), False)
        assert tracking.changes("in", second.cursor).entries == ()
        unknown = tracking.changes("in", "no such cursor")
        assert unknown.complete
        assert len(unknown.entries) == 3

    def test_sto_6_read_has_a_limit(self, storage: Storage) -> None:
        storage.put("a.bin", bytes(100_000))
        assert len(storage.read("a.bin", limit_bytes=100_000)) == 100_000
        with pytest.raises(TooLarge) as found:
            storage.read("a.bin", limit_bytes=99_999)
        _says_so(found.value, storage, "a.bin")
        assert _paths(storage) == ["a.bin"]

    def test_sto_1_it_can_be_opened_again(self, storage: Storage) -> None:
        storage.put("a.txt", b"a")
        storage.__exit__(None, None, None)
        with storage as again:
            assert again.read("a.txt") == b"a"
        storage.__exit__(None, None, None)  # a second time does no harm
        storage.__enter__()  # for the fixture to close


def _paths(storage: Storage, folder: str = "") -> list[str]:
    return sorted(entry.path for entry in storage.list(folder))


def _all_paths(storage: Storage, folder: str = "") -> list[str]:
    return sorted(entry.path for entry in storage.list(folder, recursive=True))


def _local(folder: Path, contents: dict[str, bytes]) -> Sequence[LocalFile]:
    """Write files to send."""
    folder.mkdir(exist_ok=True)
    files = []
    for number, (path, data) in enumerate(contents.items()):
        local = folder / str(number)
        local.write_bytes(data)
        files.append(LocalFile(path, local, len(data)))
    return files


def _says_so(error: StorageError, storage: Storage, path: str) -> None:
    """See that an error says where, what, and what to do, in both languages, and survives a pickle."""
    assert (error.storage, error.path) == (storage.name, path)
    assert code(error.code).area == "storage"
    for text in (error.text("fr"), error.text("en"), error.todo("fr"), error.todo("en")):
        assert text.strip()
        assert "{" not in text.replace(path, "")
        assert text.isprintable()
    error.__cause__ = error.__context__ = None  # a client's own error may not survive, where pickle takes it along
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copy), copy.path, copy.code, str(copy)) == (type(error), path, error.code, str(error))

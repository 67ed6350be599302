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
import threading
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from passerelle.messages import code
from passerelle.storage.base import Storage
from passerelle.storage.errors import AlreadyThere, BadPath, NotFound, StorageError, TooLarge

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
        entry = storage.put("a.bin", data)
        assert (entry.path, entry.size) == ("a.bin", len(data))
        assert storage.read("a.bin") == data
        assert [(entry.path, entry.size) for entry in storage.list()] == [("a.bin", len(data))]

    @pytest.mark.parametrize(("old", "new"), [(b"long, long before", b"short"), (b"short", b"longer now"), (b"x", b"")])
    def test_sto_1_put_replaces(self, storage: Storage, old: bytes, new: bytes) -> None:
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

    def test_sto_13_a_long_listing_is_whole(self, storage: Storage) -> None:
        expected = [f"in/{number:04}.txt" for number in range(self.many)]
        for path in expected:
            storage.put(path, b"x")
        assert _paths(storage, "in") == expected

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
        assert storage.list("in") == []
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

    def test_sto_4_a_folder_is_never_replaced(self, storage: Storage) -> None:
        storage.put("in/sub/a.txt", b"a")
        storage.put("b.txt", b"b")
        with pytest.raises(AlreadyThere):
            storage.put("in/sub", b"x")
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

    def test_sto_12_hostile_paths_are_refused_by_every_verb(self, storage: Storage) -> None:
        storage.put("in/kept.txt", b"kept")
        for path in HOSTILE:
            for verb in (
                storage.read,
                storage.delete,
                lambda path: storage.put(path, b"x"),
                lambda path: storage.rename("in/kept.txt", path, overwrite=True),
                lambda path: storage.rename(path, "b.txt", overwrite=True),
            ):
                with pytest.raises(BadPath) as found:
                    verb(path)
                _says_so(found.value, storage, path)
            if path not in {"", "in/"}:  # of a folder, these two are good paths
                with pytest.raises(BadPath):
                    storage.list(path)
        assert storage.list() == []
        assert storage.read("in/kept.txt") == b"kept"

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


def _says_so(error: StorageError, storage: Storage, path: str) -> None:
    """See that an error says where, what, and what to do, in both languages, and survives a pickle."""
    assert (error.storage, error.path) == (storage.name, path)
    assert code(error.code).area == "storage"
    for text in (error.text("fr"), error.text("en"), error.todo("fr"), error.todo("en")):
        assert text.strip()
        assert "{" not in text.replace(path, "")
        assert text.isprintable()
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copy), copy.path, copy.code, str(copy)) == (type(error), path, error.code, str(error))

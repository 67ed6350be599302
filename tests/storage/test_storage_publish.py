"""Deliveries: whole, once, completed after a cut (STO-4, STO-5)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.storage.base import Entry
from passerelle.storage.errors import AlreadyThere, BadPath, Damaged, NotFound, Unexpected, Unreachable
from passerelle.storage.local import LocalStorage
from passerelle.storage.memory import MemoryStorage
from passerelle.storage.publish import OutFile, Published, publish

CONTENTS = {"CLIENTS.TXT": b"a;b\r\n", "Commandes été.txt": "é\r\n".encode("cp1252") * 300, "vide.txt": b""}


def out_files(folder: Path, contents: dict[str, bytes] = CONTENTS) -> list[OutFile]:
    files = []
    for name, data in contents.items():
        (folder / name).write_bytes(data)
        files.append(OutFile(name, folder / name, len(data), hashlib.sha256(data).hexdigest()))
    return files


def everything(storage: MemoryStorage) -> dict[str, bytes]:
    return {path: data for path, (data, _) in storage._files.items()}


def states(published: Published) -> list[str]:
    return [file.state for file in (*published.files, published.manifest)]


@pytest.fixture
def files(tmp_path: Path) -> list[OutFile]:
    return out_files(tmp_path)


def test_sto_5_a_delivery_arrives_with_its_manifest(files: list[OutFile]) -> None:
    storage = MemoryStorage()
    published = publish(storage, files, "manifest.json", folder="erp/in", delivery_id="demo-1")
    assert states(published) == ["sent"] * 4
    stored = everything(storage)
    manifest = stored.pop("erp/in/manifest.json")
    assert stored == {f"erp/in/{name}": data for name, data in CONTENTS.items()}
    assert json.loads(manifest) == {
        "delivery": "demo-1",
        "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files],
    }
    assert published.manifest.sha256 == hashlib.sha256(manifest).hexdigest()


def test_sto_5_publishing_again_sends_nothing(files: list[OutFile]) -> None:
    storage = _Counting()
    first = publish(storage, files, "manifest.json")
    assert storage.puts == 4
    again = publish(storage, files, "manifest.json")
    assert states(again) == ["skipped"] * 4
    assert storage.puts == 4
    assert (again.delivery_id, again.manifest.sha256) == (first.delivery_id, first.manifest.sha256)


def test_sto_5_files_taken_by_the_reader_are_not_sent_again(files: list[OutFile]) -> None:
    storage = _Counting()
    publish(storage, files, "manifest.json")
    storage.delete("CLIENTS.TXT")
    assert states(publish(storage, files, "manifest.json")) == ["skipped"] * 4
    assert storage.puts == 4


def test_sto_5_what_arrived_before_a_cut_is_not_sent_again(files: list[OutFile]) -> None:
    storage = _Counting()
    publish(storage, files[:2], "other.json")
    assert states(publish(storage, files, "manifest.json")) == ["skipped", "skipped", "sent", "sent"]
    assert storage.puts == 3 + 2


def test_sto_4_an_existing_file_is_a_failure_before_anything_is_sent(files: list[OutFile]) -> None:
    storage = _Counting()
    storage.put("vide.txt", b"not empty")
    storage.puts = 0
    with pytest.raises(AlreadyThere) as found:
        publish(storage, files, "manifest.json")
    assert found.value.path == "vide.txt"
    assert storage.puts == 0
    assert everything(storage) == {"vide.txt": b"not empty"}


def test_sto_4_same_size_is_not_same_content(files: list[OutFile]) -> None:
    storage = _WithoutChecksums()
    storage.put("CLIENTS.TXT", b"a;c\r\n")
    with pytest.raises(AlreadyThere):
        publish(storage, files, "manifest.json")


def test_sto_4_an_existing_file_is_replaced_when_told(files: list[OutFile]) -> None:
    storage = MemoryStorage()
    storage.put("CLIENTS.TXT", b"old")
    storage.put("manifest.json", b"old")
    assert states(publish(storage, files, "manifest.json", collision="replace")) == ["sent"] * 4
    stored = everything(storage)
    assert json.loads(stored.pop("manifest.json"))["files"][0]["size"] == 5
    assert stored == CONTENTS


def test_sto_4_an_existing_file_is_kept_when_told_and_the_manifest_tells_the_truth(files: list[OutFile]) -> None:
    storage = _Counting()
    storage.put("CLIENTS.TXT", b"old")
    published = publish(storage, files, "manifest.json", collision="keep")
    assert states(published) == ["kept", "sent", "sent", "sent"]
    assert storage.read("CLIENTS.TXT") == b"old"
    listed = json.loads(storage.read("manifest.json"))["files"][0]
    assert (listed["size"], listed["sha256"]) == (3, hashlib.sha256(b"old").hexdigest())
    sent = storage.puts
    assert states(publish(storage, files, "manifest.json", collision="keep")) == ["kept"] + ["skipped"] * 3
    assert storage.puts == sent


def test_sto_5_a_manifest_never_stands_beside_what_it_does_not_describe(files: list[OutFile], tmp_path: Path) -> None:
    storage = _Interrupted()
    publish(storage, files, "manifest.json", collision="replace")
    newer = out_files(tmp_path, {name: data + b"new" for name, data in CONTENTS.items()})
    for step in range(1, 100):
        storage.interrupt_at(step)
        try:
            publish(storage, newer, "manifest.json", collision="replace")
        except Unreachable:
            _manifest_is_true(storage)
        else:
            return
    pytest.fail("never finished")


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
@pytest.mark.parametrize("collision", ["fail", "replace"])
def test_sto_5_a_cut_at_any_step_is_mended_by_publishing_again(
    files: list[OutFile], collision: str, *, after: bool
) -> None:
    """Interrupted at its n-th call, for every n; every other time the second try is cut as well."""
    for step in range(1, 100):
        storage = _Interrupted()
        if collision == "replace":
            storage.put("CLIENTS.TXT", b"old")
        storage.interrupt_at(step, after=after)
        try:
            publish(storage, files, "manifest.json", collision=collision)
        except Unreachable:
            assert_whole(everything(storage), CONTENTS, old={"CLIENTS.TXT": b"old"})
            done = {path for path in everything(storage) if everything(storage)[path] == CONTENTS.get(path)}
            if step % 2:
                storage.interrupt_at(step // 2 + 1, after=after)
                try:
                    publish(storage, files, "manifest.json", collision=collision)
                except Unreachable:
                    assert_whole(everything(storage), CONTENTS, old={"CLIENTS.TXT": b"old"})
            storage.interrupt_at(None)
            storage.sent.clear()
            publish(storage, files, "manifest.json", collision=collision)
            assert not done & storage.sent
            stored = everything(storage)
            assert json.loads(stored.pop("manifest.json"))["files"][1]["name"] == "Commandes été.txt"
            assert stored == CONTENTS
        else:
            assert step == 10  # a listing, and of each of the four an upload and a rename
            return
    pytest.fail("never finished")


def test_sto_5_leftovers_of_earlier_tries_are_removed_and_nothing_else(files: list[OutFile]) -> None:
    storage = MemoryStorage()
    foreign = {".other.txt.01234567.part": b"1", ".CLIENTS.TXT.part": b"2", "CLIENTS.TXT.01234567.part": b"3"}
    for path, data in {
        **foreign,
        ".CLIENTS.TXT.01234567.part": b"ours",
        ".manifest.json.89abcdef.part": b"ours",
    }.items():
        storage.put(path, data)
    publish(storage, files, "manifest.json")
    stored = everything(storage)
    del stored["manifest.json"]
    assert stored == {**CONTENTS, **foreign}


def test_sto_4_an_upload_of_another_size_gets_no_name(files: list[OutFile]) -> None:
    storage = _Emptying()
    with pytest.raises(Damaged, match=r"0 / 5"):
        publish(storage, files, "manifest.json")
    assert everything(storage) == {}


def test_sto_4_a_mangled_upload_gets_no_name(files: list[OutFile]) -> None:
    mangling = _Mangling()
    with pytest.raises(Damaged):
        publish(mangling, files, "manifest.json", read_back=True)
    assert everything(mangling) == {}


def test_sto_4_a_checksum_of_the_storage_is_compared(files: list[OutFile]) -> None:
    class Mangling(MemoryStorage):
        def put(self, path: str, data: bytes) -> Entry:
            return super().put(path, data.upper())

    with pytest.raises(Damaged):
        publish(Mangling(), files, "manifest.json")


def test_sto_4_a_target_that_appears_meanwhile_is_not_overwritten(files: list[OutFile]) -> None:
    class Raced(MemoryStorage):
        def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
            if dst not in self._files:
                self.put(dst, b"somebody else's")
            super().rename(src, dst, overwrite=overwrite)

    storage = Raced()
    with pytest.raises(AlreadyThere):
        publish(storage, files, "manifest.json")
    assert everything(storage) == {"CLIENTS.TXT": b"somebody else's"}


def test_sto_5_a_prepared_file_that_changed_is_not_sent(files: list[OutFile]) -> None:
    files[1].local_path.write_bytes(b"changed")
    storage = MemoryStorage()
    with pytest.raises(Unexpected, match="no longer the one on record"):
        publish(storage, files, "manifest.json")
    assert list(everything(storage)) == ["CLIENTS.TXT"]
    files[1].local_path.unlink()
    with pytest.raises(Unexpected, match="no longer the one on record"):
        publish(storage, files, "manifest.json")


@pytest.mark.parametrize("name", ["../x", "a/b", "", "CON", "x\n"])
def test_sto_12_a_name_is_one_good_name(files: list[OutFile], name: str) -> None:
    storage = MemoryStorage()
    with pytest.raises(BadPath):
        publish(storage, [OutFile(name, files[0].local_path, files[0].size, files[0].sha256)], "manifest.json")
    with pytest.raises(BadPath):
        publish(storage, files, name)
    assert everything(storage) == {}


def test_sto_5_two_files_of_one_name_are_refused(files: list[OutFile]) -> None:
    twin = OutFile("clients.txt", files[0].local_path, files[0].size, files[0].sha256)
    with pytest.raises(ValueError, match="same name"):
        publish(MemoryStorage(), [*files, twin], "manifest.json")


def test_sto_5_the_longest_name_can_be_delivered(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "in").mkdir()
    data = b"x"
    name = "é" * 125 + ".txt"
    (tmp_path / "out" / "prepared").write_bytes(data)
    file = OutFile(name, tmp_path / "out" / "prepared", 1, hashlib.sha256(data).hexdigest())
    with LocalStorage(tmp_path / "in") as storage:
        publish(storage, [file], "manifest.json")
        assert storage.read(name) == data


def test_sto_4_a_missing_storage_folder_is_said(files: list[OutFile], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with LocalStorage(tmp_path / "in") as storage:
        (tmp_path / "in").rmdir()
        with pytest.raises(NotFound):
            publish(storage, files, "manifest.json", folder="today")
    assert not (tmp_path / "in").exists()


@given(
    contents=st.dictionaries(st.from_regex(r"x[a-zé]{1,8}\.txt", fullmatch=True), st.binary(max_size=50), max_size=5)
)
def test_sto_5_any_delivery_arrives(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]) -> None:
    contents = {name: contents[name] for name in {name.casefold(): name for name in contents}.values()}
    files = out_files(tmp_path_factory.mktemp("out"), contents)
    storage = MemoryStorage()
    publish(storage, files, "manifest.json")
    stored = everything(storage)
    assert len(json.loads(stored.pop("manifest.json"))["files"]) == len(contents)
    assert stored == contents


def assert_whole(stored: dict[str, bytes], contents: dict[str, bytes], old: dict[str, bytes]) -> None:
    """See that what has a final name is whole, old or new."""
    for path, data in stored.items():
        if not path.startswith(".") and path != "manifest.json":
            assert data in (contents[path], old.get(path))


def _manifest_is_true(storage: MemoryStorage) -> None:
    stored = everything(storage)
    if "manifest.json" in stored:
        for file in json.loads(stored["manifest.json"])["files"]:
            assert hashlib.sha256(stored[file["name"]]).hexdigest() == file["sha256"]


class _Counting(MemoryStorage):
    puts = 0

    def put(self, path: str, data: bytes) -> Entry:
        self.puts += 1
        return super().put(path, data)


class _WithoutChecksums(MemoryStorage):
    def _entry(self, path: str) -> Entry:
        return Entry(path, super()._entry(path).size)


class _Mangling(_WithoutChecksums):
    def put(self, path: str, data: bytes) -> Entry:
        return super().put(path, data.upper())


class _Emptying(_WithoutChecksums):
    def put(self, path: str, data: bytes) -> Entry:
        return super().put(path, data[:0])


class _Interrupted(_WithoutChecksums):
    """Loses its connection at the n-th call, before or after its effect; a put leaves a half, like a real one."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: set[str] = set()
        self.interrupt_at(None)

    def interrupt_at(self, call: int | None, *, after: bool = False) -> None:
        self._call, self._after, self._calls = call, after, 0

    def _cut(self, *, after: bool) -> None:
        if not after:
            self._calls += 1
        if self._call is not None and (self._calls >= self._call and after == self._after):
            raise Unreachable(self.name)

    def list(self, folder: str = "") -> list[Entry]:
        self._cut(after=False)
        result = super().list(folder)
        self._cut(after=True)
        return result

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        self._cut(after=False)
        result = super().read(path, limit_bytes=limit_bytes)
        self._cut(after=True)
        return result

    def put(self, path: str, data: bytes) -> Entry:
        super().put(path, data[: len(data) // 2])
        self._cut(after=False)
        result = super().put(path, data)
        self._cut(after=True)
        return result

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        self._cut(after=False)
        super().rename(src, dst, overwrite=overwrite)
        self.sent.add(dst)
        self._cut(after=True)

    def delete(self, path: str) -> None:
        self._cut(after=False)
        super().delete(path)
        self._cut(after=True)

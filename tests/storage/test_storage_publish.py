"""Deliveries: whole, once, completed after a cut (STO-4, STO-5)."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.storage.base import Entry, LocalFile
from passerelle.storage.errors import AlreadyThere, BadPath, Damaged, NotFound, Unexpected, Unreachable
from passerelle.storage.local import LocalStorage
from passerelle.storage.memory import MemoryStorage
from passerelle.storage.progress import Progress, Snapshot
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
    storage = _Parts()
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
    storage = _Parts()
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
@pytest.mark.parametrize("collision", ["fail", "replace", "rename"])
@pytest.mark.parametrize("road", ["temporary names", "atomic uploads", "done files"])
def test_sto_5_a_cut_at_any_step_is_mended_by_publishing_again(
    files: list[OutFile], road: str, collision: str, *, after: bool
) -> None:
    """Interrupted at its n-th call, for every n; every other time the second try is cut as well."""
    options = {"collision": collision, "done_suffix": ".done" if road == "done files" else ""}
    for step in range(1, 100):
        storage = _Interrupted()
        storage.features = dataclasses.replace(storage.features, partial_uploads=road != "atomic uploads")
        if collision != "fail":
            storage.put("CLIENTS.TXT", b"old")
            storage.put("CLIENTS.TXT.done", b"")
            storage.uploaded.clear()
        storage.interrupt_at(step, after=after)
        try:
            publish(storage, files, "manifest.json", **options)
        except Unreachable:
            assert_whole(everything(storage), options)
            if step % 2:
                storage.interrupt_at(step // 2 + 1, after=after)
                with contextlib.suppress(Unreachable):
                    publish(storage, files, "manifest.json", **options)
                assert_whole(everything(storage), options)
            storage.interrupt_at(None)
            publish(storage, files, "manifest.json", **options)
            assert len(storage.uploaded) == len(set(storage.uploaded)) or road == "done files", "sent twice"
            stored = everything(storage)
            assert json.loads(stored.pop("manifest.json"))["files"][1]["name"] == "Commandes été.txt"
            if collision == "rename":
                assert stored.pop("CLIENTS.TXT") == b"old"
                stored["CLIENTS.TXT"] = stored.pop("CLIENTS-2.TXT")
            assert {name: data for name, data in stored.items() if not name.endswith(".done")} == CONTENTS
        else:
            assert step > 5
            return
    pytest.fail("never finished")


def test_sto_5_files_taken_while_names_are_given_are_not_sent_again(files: list[OutFile]) -> None:
    """Whoever reads the folder may take a file once it has its name: the manifest's part says that all was sent."""
    for step in range(1, 100):
        storage = _Interrupted()
        storage.interrupt_at(step, after=True)
        try:
            publish(storage, files, "manifest.json")
        except Unreachable:
            storage.interrupt_at(None)
            taken = {name for name in CONTENTS if name in everything(storage)}
            for name in taken:
                storage.delete(name)
            publish(storage, files, "manifest.json")
            assert set(everything(storage)) == {*CONTENTS, "manifest.json"} - taken
            assert len(storage.uploaded) == len(set(storage.uploaded))
        else:
            assert step > 6
            return
    pytest.fail("never finished")


def test_sto_5_a_server_that_is_still_renaming_what_an_earlier_try_told_it_is_waited_for(files: list[OutFile]) -> None:
    class Slow(_Parts):
        def rename_files(self, pairs: list[tuple[str, str]], *, overwrite: bool) -> None:
            if len(pairs) > 2:
                for src, dst in pairs[:2]:  # done by the connection that was cut
                    self.rename(src, dst, overwrite=overwrite)
            super().rename_files(pairs, overwrite=overwrite)

    storage = Slow()
    publish(storage, files, "manifest.json")
    assert everything(storage).keys() == {*CONTENTS, "manifest.json"}

    class Losing(_Parts):
        def rename_files(self, pairs: list[tuple[str, str]], *, overwrite: bool) -> None:
            raise NotFound(self.name, pairs[0][0])

    with pytest.raises(NotFound):
        publish(Losing(), files, "manifest.json")


def test_sto_4_where_a_server_cannot_rename_a_done_file_follows_each_file(files: list[OutFile]) -> None:
    class WithoutRename(_Parts):
        def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
            raise AssertionError("never asked")

    storage = WithoutRename()
    publish(storage, files, "manifest.json", done_suffix=".done")
    stored = everything(storage)
    for file in files:
        assert stored[f"{file.name}.done"] == f"{file.sha256}  {file.name}\n".encode()
    assert {name: stored[name] for name in CONTENTS} == CONTENTS
    assert storage.uploaded[-1] == "manifest.json"
    assert states(publish(storage, files, "manifest.json", done_suffix=".done")) == ["skipped"] * 4


def test_sto_4_an_existing_name_is_left_and_a_new_one_given_when_told(files: list[OutFile]) -> None:
    storage = _Parts()
    for name in ("CLIENTS.TXT", "CLIENTS-2.TXT", "manifest.json"):
        storage.put(name, b"somebody else's")
    published = publish(storage, files, "manifest.json", collision="rename")
    assert [file.name for file in published.files] == ["CLIENTS-3.TXT", "Commandes été.txt", "vide.txt"]
    assert published.manifest.name == "manifest-2.json"
    assert storage.read("CLIENTS.TXT") == storage.read("CLIENTS-2.TXT") == b"somebody else's"
    assert json.loads(storage.read("manifest-2.json"))["files"][0]["name"] == "CLIENTS-3.TXT"
    assert states(publish(storage, files, "manifest.json", collision="rename")) == ["skipped"] * 4


def test_sto_14_progress_is_told(files: list[OutFile]) -> None:
    shown: list[Snapshot] = []
    publish(MemoryStorage(), files, "manifest.json", progress=Progress(shown.append, every_seconds=0))
    assert (shown[0].files, shown[0].files_expected, shown[0].bytes_expected) == (0, 3, 905)
    assert (shown[-1].files, shown[-1].bytes) == (4, shown[-1].bytes_expected)
    assert shown[-1].percent == 100
    assert [one.bytes for one in shown] == sorted(one.bytes for one in shown)


def test_sto_5_leftovers_of_earlier_tries_are_removed_and_nothing_else(files: list[OutFile]) -> None:
    storage = _Parts()
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
    assert [data for data in everything(storage).values() if data] == []
    assert not CONTENTS.keys() & everything(storage).keys()


def test_sto_4_a_mangled_upload_gets_no_name(files: list[OutFile]) -> None:
    mangling = _Mangling()
    with pytest.raises(Damaged):
        publish(mangling, files, "manifest.json", read_back=True)
    assert not CONTENTS.keys() & everything(mangling).keys()
    assert b"A;B\r\n" not in everything(mangling).values(), "what is damaged is taken away again"


def test_sto_4_a_checksum_of_the_storage_is_compared(files: list[OutFile]) -> None:
    class Mangling(_Parts):
        def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
            return super().put(path, data.upper(), overwrite=overwrite)

    with pytest.raises(Damaged):
        publish(Mangling(), files, "manifest.json")


def test_sto_4_a_target_that_appears_meanwhile_is_not_overwritten(files: list[OutFile]) -> None:
    class Raced(_Parts):
        def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
            if dst == "CLIENTS.TXT" and dst not in self._files:
                self.put(dst, b"somebody else's")
            super().rename(src, dst, overwrite=overwrite)

    storage = Raced()
    with pytest.raises(AlreadyThere):
        publish(storage, files, "manifest.json")
    stored = everything(storage)
    assert stored.pop("CLIENTS.TXT") == b"somebody else's"
    assert all(name.startswith(".") and name.endswith(".part") for name in stored)
    storage.uploaded.clear()
    publish(storage, files, "manifest.json", collision="rename")
    assert [path[:15] for path in storage.uploaded if "manifest" not in path] == [".CLIENTS-2.TXT."], (
        "the rest is there"
    )


def test_sto_5_a_prepared_file_that_changed_is_not_sent(files: list[OutFile]) -> None:
    files[1].local_path.write_bytes(b"changed")
    storage = _Parts()
    with pytest.raises(Unexpected, match="no longer the one on record"):
        publish(storage, files, "manifest.json")
    assert everything(storage) == {}
    files[1].local_path.unlink()
    with pytest.raises(Unexpected, match="no longer the one on record"):
        publish(storage, files, "manifest.json")


@pytest.mark.parametrize("name", ["../x", "a//b", "/b", "", "CON", "x\n"])
def test_sto_12_a_name_is_a_good_one(files: list[OutFile], name: str) -> None:
    storage = _Parts()
    with pytest.raises(BadPath):
        publish(storage, [OutFile(name, files[0].local_path, files[0].size, files[0].sha256)], "manifest.json")
    with pytest.raises(BadPath):
        publish(storage, files, name)
    assert everything(storage) == {}


@pytest.mark.parametrize("whole", [False, True], ids=["parts are seen", "only whole files are seen"])
def test_img_3_what_others_refer_to_lies_below_and_is_there_before_them(tmp_path: Path, whole: bool) -> None:
    """Whenever the table can be seen, all its images can; a delivery that was cut is completed."""
    storage = _Watched(whole=whole)
    files = out_files(tmp_path, {"table.csv": b"a.jpg,b.jpg", "a.jpg": b"a", "b.jpg": b"bb"})
    files = [files[0], *(dataclasses.replace(file, name=f"images/{file.name}") for file in files[1:])]
    with pytest.raises(BadPath):
        publish(storage, files, "images/manifest.json")
    storage.left = 2
    with pytest.raises(Unreachable):
        publish(storage, files, "manifest.json", folder="in")
    assert "in/table.csv" not in everything(storage)
    storage.left = 99
    assert states(publish(storage, files, "manifest.json", folder="in"))[0] == "sent"
    stored = everything(storage)
    assert json.loads(stored.pop("in/manifest.json"))["files"][1]["name"] == "images/a.jpg"
    assert stored == {"in/table.csv": b"a.jpg,b.jpg", "in/images/a.jpg": b"a", "in/images/b.jpg": b"bb"}
    seen = storage.seen.index("in/table.csv")
    assert {*storage.seen[:seen]} >= {"in/images/a.jpg", "in/images/b.jpg"}
    assert states(publish(storage, files, "manifest.json", folder="in")) == ["skipped"] * 4


def test_sto_5_two_files_of_one_name_are_refused(files: list[OutFile]) -> None:
    twin = OutFile("clients.txt", files[0].local_path, files[0].size, files[0].sha256)
    with pytest.raises(ValueError, match="same name"):
        publish(_Parts(), [*files, twin], "manifest.json")


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
    storage = _Parts()
    publish(storage, files, "manifest.json")
    stored = everything(storage)
    assert len(json.loads(stored.pop("manifest.json"))["files"]) == len(contents)
    assert stored == contents


def assert_whole(stored: dict[str, bytes], options: dict[str, str]) -> None:
    """See that what has a final name, and its done file where that is the sign, is whole: old or new."""
    for path, data in stored.items():
        name = path.replace("-2.", ".")
        if name in CONTENTS and (not options["done_suffix"] or path + options["done_suffix"] in stored):
            assert data in (CONTENTS[name], b"old")


def _manifest_is_true(storage: MemoryStorage) -> None:
    stored = everything(storage)
    if "manifest.json" in stored:
        for file in json.loads(stored["manifest.json"])["files"]:
            assert hashlib.sha256(stored[file["name"]]).hexdigest() == file["sha256"]


class _Parts(MemoryStorage):
    """As most servers are: an upload can be seen before it is whole."""

    features = dataclasses.replace(MemoryStorage.features, partial_uploads=True)

    def __init__(self) -> None:
        super().__init__()
        self.uploaded: list[str] = []

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        entry = super().put(path, data, overwrite=overwrite)
        self.uploaded.append(path)
        return entry

    def put_files(self, files: list[LocalFile], *, resume: bool = False, **options: object) -> Iterator[Entry]:
        """Go on with a part, as FTP does: what is whole is not sent."""
        for file in files:
            if resume and file.path in self._files and self.read(file.path) == file.local.read_bytes():
                yield self._entry(file.path)
            else:
                yield from super().put_files([file], resume=resume, **options)


class _Watched(MemoryStorage):
    """Notes the order in which files get their names; the connection is lost after so many writes."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self.features = dataclasses.replace(MemoryStorage.features, partial_uploads=not whole)
        self.left = 99
        self.seen: list[str] = []

    def _keep(self, path: str, file: object) -> None:
        if not self.left:
            raise Unreachable(self.name, path)
        self.left -= 1
        super()._keep(path, file)
        self.seen.append(path)


class _Counting(_Parts):
    puts = 0

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        self.puts += 1
        return super().put(path, data, overwrite=overwrite)


class _WithoutChecksums(_Parts):
    def _entry(self, path: str) -> Entry:
        return Entry(path, super()._entry(path).size)

    def checksum(self, path: str) -> str | None:
        super().checksum(path)
        return None


class _Mangling(_WithoutChecksums):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        return super().put(path, data.upper(), overwrite=overwrite)


class _Emptying(_WithoutChecksums):
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        return super().put(path, data[:0], overwrite=overwrite)


class _Interrupted(_WithoutChecksums):
    """Loses its connection at the n-th call, before or after its effect; a put leaves a half, like a real one."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupt_at(None)

    def interrupt_at(self, call: int | None, *, after: bool = False) -> None:
        self._call, self._after, self._calls = call, after, 0

    def _cut(self, *, after: bool) -> None:
        if not after:
            self._calls += 1
        if self._call is not None and (self._calls >= self._call and after == self._after):
            raise Unreachable(self.name)

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        self._cut(after=False)
        result = super().list(folder, recursive=recursive)
        self._cut(after=True)
        return result

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        self._cut(after=False)
        result = super().read(path, limit_bytes=limit_bytes)
        self._cut(after=True)
        return result

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        if self.features.partial_uploads:
            MemoryStorage.put(self, path, data[: len(data) // 2], overwrite=overwrite)
        self._cut(after=False)
        result = super().put(path, data)
        self._cut(after=True)
        return result

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        self._cut(after=False)
        super().rename(src, dst, overwrite=overwrite)
        self._cut(after=True)

    def delete(self, path: str) -> None:
        self._cut(after=False)
        super().delete(path)
        self._cut(after=True)

"""Archives that others made: good ones come out whole, hostile ones do no harm and are named (STO-12, SEC-4)."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.messages import code
from passerelle.storage.archives import LIMITS, Limits, Unpacked, unpack

SMALL = Limits(files=5, file_bytes=3000, total_bytes=5000, ratio=10, free_bytes=1000)


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data, compress_type=method)
    return buffer.getvalue()


class Unpacker:
    """Unpacks bytes as an archive of a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.archive, self.into = folder / "a.zip", folder / "into"
        self.into.mkdir(parents=True)

    def __call__(self, data: bytes, limits: Limits = LIMITS) -> Unpacked:
        for left in self.into.iterdir():
            left.unlink()
        self.archive.write_bytes(data)
        return unpack(self.archive, self.into, limits)

    def read(self, data: bytes, limits: Limits = LIMITS) -> dict[str, bytes]:
        return {file.name: file.local.read_bytes() for file in self(data, limits).files}

    def codes(self, data: bytes, limits: Limits = LIMITS) -> list[tuple[str, str]]:
        found = self(data, limits)
        assert {file.local for file in found.files} == set(self.into.iterdir()), "nothing else is left"
        assert all(code(refusal.code).text("fr") for refusal in found.refusals)
        return [(refusal.code, refusal.name) for refusal in found.refusals]


@pytest.fixture
def unpacker(tmp_path: Path) -> Unpacker:
    return Unpacker(tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_sto_12_files_of_an_archive_come_whole_under_their_names(unpacker: Unpacker, method: int) -> None:
    files = {"orders.csv": b"a;b\r\n" * 5000, "in/café.csv": bytes(range(256)), "empty.csv": b""}
    data = zipped(("in/", b""), *files.items(), ("__MACOSX/._orders.csv", b"x"), method=method)
    found = unpacker(data)
    assert not found.refusals
    assert [(file.name, file.size) for file in found.files] == [(name, len(data)) for name, data in files.items()]
    assert unpacker.read(data) == files


def test_sto_12_an_archive_written_as_a_stream_is_read_too(unpacker: Unpacker) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.written += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("orders.csv", b"x" * 1000)
        archive.comment = b"nightly export"
    assert unpacker.read(pipe.written) == {"orders.csv": b"x" * 1000}


HOSTILE = [
    "../up.csv",
    "in/../../up.csv",
    "/etc/passwd",
    "C:/x.csv",
    "..\\up.csv",
    "in\\x.csv",
    "a\0.csv",
    "CON.csv",
    "in//x.csv",
    "./x.csv",
    "x.csv.",
    "a\nb.csv",
    "a\u202egpj.exe",
    "x" * 300,
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_sto_12_a_name_that_could_leave_its_folder_refuses_that_file_only(unpacker: Unpacker, name: str) -> None:
    placeholder = "Q" * len(name.encode())
    data = zipped((placeholder, b"bad"), ("good.csv", b"good")).replace(placeholder.encode(), name.encode())
    if not name.isascii():  # names are UTF-8 only with this flag
        data = flagged(data, 0x800)
    assert unpacker.codes(data) == [("zip-entry-name", name)]
    assert unpacker.read(data) == {"good.csv": b"good"}
    assert sorted(unpacker.archive.parent.iterdir()) == [unpacker.archive, unpacker.into]


def flagged(data: bytes, flag: int, *, first: int = 1) -> bytes:
    """Set a general purpose flag in the first headers, local and central."""
    changed = bytearray(data)
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        for _ in range(first):
            at = data.index(signature, at + 1)
            changed[at + place] |= flag & 0xFF
            changed[at + place + 1] |= flag >> 8
    return bytes(changed)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a.csv", "a.csv"), ("a.csv", "A.CSV"), ("caf\u00e9.csv", "cafe\u0301.csv"), ("stra\u00dfe", "STRASSE")],
    ids=["same", "case", "forms", "sharp"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_sto_12_two_files_of_one_name_are_both_refused(unpacker: Unpacker, one: str, other: str) -> None:
    data = zipped((one, b"1"), (other, b"2"), ("b.csv", b"b"))
    assert unpacker.codes(data) == [("zip-entry-twice", one), ("zip-entry-twice", other)]
    assert unpacker.read(data) == {"b.csv": b"b"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR], ids=["link", "pipe", "device"])
def test_sto_12_a_link_is_not_followed_nor_made(unpacker: Unpacker, kind: int) -> None:
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = (kind | 0o777) << 16
    data = zipped((link, b"/etc/passwd"), ("good.csv", b"good"))
    assert unpacker.codes(data) == [("zip-entry-link", "link.csv")]
    assert unpacker.read(data) == {"good.csv": b"good"}


def test_sto_12_an_archive_in_the_archive_is_not_opened_and_a_workbook_stays_whole(unpacker: Unpacker) -> None:
    workbook = zipped(("[Content_Types].xml", b"<x/>"))
    inner = zipped(("a.csv", b"a"))
    data = zipped(("inner.csv", inner), ("x.gz", b"\x1f\x8b\x08"), ("book.xlsx", workbook))
    assert unpacker.codes(data) == [("zip-entry-nested", "inner.csv"), ("zip-entry-nested", "x.gz")]
    assert unpacker.read(data) == {"book.xlsx": workbook}


def test_sto_12_a_file_with_a_password_is_refused_by_name(unpacker: Unpacker) -> None:
    data = flagged(zipped(("secret.csv", b"x" * 30), ("good.csv", b"good")), 0x1)
    assert unpacker.codes(data) == [("zip-entry-encrypted", "secret.csv")]
    assert unpacker.read(data) == {"good.csv": b"good"}


def test_sto_12_a_method_that_asks_for_memory_is_refused(unpacker: Unpacker) -> None:
    assert unpacker.codes(zipped(("a.csv", b"x"), method=zipfile.ZIP_LZMA)) == [("zip-entry-method", "a.csv")]


def test_sto_12_a_wrong_checksum_refuses_that_file_only(unpacker: Unpacker) -> None:
    data = zipped(("bad.csv", b"BBBBBBBB"), ("good.csv", b"good"), method=zipfile.ZIP_STORED)
    data = data.replace(b"BBBBBBBB", b"BBBBBBBX")
    assert unpacker.codes(data) == [("zip-entry-damaged", "bad.csv")]
    assert unpacker.read(data) == {"good.csv": b"good"}


@pytest.mark.parametrize("declared", [0, 1, 10_000_000], ids=["nothing", "less", "more"])
def test_sto_12_a_size_that_lies_refuses_that_file_only(unpacker: Unpacker, declared: int) -> None:
    data = bytearray(zipped(("bad.csv", b"x" * 1234), ("good.csv", b"good")))
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 24, declared)
    assert unpacker.codes(bytes(data)) == [("zip-entry-damaged", "bad.csv")]
    assert unpacker.read(bytes(data)) == {"good.csv": b"good"}


def test_sto_12_a_file_above_its_limit_is_refused_and_the_rest_is_read(unpacker: Unpacker) -> None:
    data = zipped(("large.csv", b"ab" * 1501), ("good.csv", b"ab" * 500), method=zipfile.ZIP_STORED)
    assert unpacker.codes(data, SMALL) == [("zip-entry-too-large", "large.csv")]
    assert unpacker.read(zipped(("a.csv", b"ab" * 1500), method=zipfile.ZIP_STORED), SMALL)


def test_sto_12_more_than_the_total_refuses_the_whole_archive(unpacker: Unpacker) -> None:
    files = [(f"{number}.csv", bytes(1100)) for number in range(5)]
    assert unpacker.codes(zipped(*files, method=zipfile.ZIP_STORED), SMALL) == [("zip-too-large", "")]
    assert len(unpacker.read(zipped(*files[:4], method=zipfile.ZIP_STORED), SMALL)) == 4


def test_sto_12_a_bomb_is_stopped_by_what_comes_out_not_by_what_it_says(unpacker: Unpacker) -> None:
    data = bytearray(zipped(("bomb.csv", bytes(40_000_000))))
    assert len(data) < 50_000
    assert unpacker.codes(bytes(data)) == [("zip-too-large", "")]
    assert unpacker.codes(zipped(("flat.csv", bytes(1400))), SMALL) == [("zip-too-large", "")]
    assert unpacker.codes(zipped(("free.csv", bytes(900))), SMALL) == []


def test_sto_12_a_large_file_is_unpacked_in_constant_memory(unpacker: Unpacker) -> None:
    data = zipped(("large.csv", bytes(range(256)) * 60_000), method=zipfile.ZIP_STORED)
    unpacker.archive.write_bytes(data)
    tracemalloc.start()
    unpack(unpacker.archive, unpacker.into)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_sto_12_too_many_files_refuse_the_archive_before_it_is_read(unpacker: Unpacker) -> None:
    assert unpacker.codes(zipped(*((str(number), b"") for number in range(6))), SMALL) == [("zip-too-many-files", "")]
    entry = struct.pack("<4s42x", b"PK\1\2")
    directory = entry * 100_000
    for count in (0, 100_000 & 0xFFFF):  # the count may lie, the directory's size counts
        end = struct.pack("<4s4xHHLLH", b"PK\5\6", count, count, len(directory), 0, 0)
        assert unpacker.codes(directory + end, Limits(files=100)) == [("zip-too-many-files", "")]


def test_sto_12_files_that_share_their_bytes_refuse_the_archive(unpacker: Unpacker) -> None:
    """Many entries that point to one compressed content: what makes a bomb out of 42 kB."""
    data = bytearray(zipped(("aaaa.csv", b"x" * 500), ("bbbb.csv", b"x" * 500), method=zipfile.ZIP_STORED))
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    struct.pack_into("<L", data, second + 42, 0)
    data[second + 46 : second + 54] = b"bbbb.csv"
    assert unpacker.codes(bytes(data)) == [("zip-overlapping", "")]
    grown = bytearray(zipped(("aaaa.csv", b"x" * 500), ("bbbb.csv", b"x" * 500), method=zipfile.ZIP_STORED))
    struct.pack_into("<L", grown, grown.index(b"PK\1\2") + 20, 700)
    assert unpacker.codes(bytes(grown)) == [("zip-overlapping", "")]


def test_sto_12_an_archive_cut_anywhere_gives_nothing(unpacker: Unpacker) -> None:
    data = zipped(("a.csv", b"a" * 50), ("b.csv", b"b" * 50), method=zipfile.ZIP_STORED)
    for length in range(len(data)):
        assert unpacker.codes(data[:length]) == [("zip-broken", "")], length


@pytest.mark.parametrize("around", [(b"", b"x"), (b"#!/bin/sh\n", b""), (b"", b"PK\5\6" + bytes(18))])
def test_sto_12_data_before_or_after_the_archive_refuses_it(unpacker: Unpacker, around: tuple[bytes, bytes]) -> None:
    before, after = around
    assert unpacker.codes(before + zipped(("a.csv", b"a")) + after) == [("zip-broken", "")]
    assert unpacker.codes(b"not a zip") == unpacker.codes(b"") == [("zip-broken", "")]


def test_sto_12_an_empty_archive_has_no_files(unpacker: Unpacker) -> None:
    assert unpacker(zipped()) == Unpacked()


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12) | st.sampled_from(
    ["a.csv", "A.csv", "../x"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NAMES, st.binary(max_size=200)), max_size=6))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_sto_12_every_file_of_any_archive_is_unpacked_or_refused(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]
) -> None:
    unpacker = Unpacker(tmp_path_factory.mktemp("any"))
    found = unpacker(zipped(*files))
    if found.refusals and not found.refusals[0].name:
        return
    expected = [name for name, _ in files if not name.endswith("/")]
    assert len(found.files) + len(found.refusals) == len(expected)
    given_ = dict(files)
    assert all(file.local.read_bytes() == given_[file.name] for file in found.files)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_sto_12_no_damage_raises_or_gives_other_content(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    unpacker = Unpacker(tmp_path_factory.mktemp("damaged"))
    files = {"a.csv": b"alpha" * 20, "in/b.csv": bytes(range(100)), "c.csv": b""}
    whole = bytearray(zipped(*files.items()))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = unpacker(bytes(whole), Limits(files=10, file_bytes=1000, total_bytes=2000))
    contents = set(files.values())
    assert all(file.local.read_bytes() in contents for file in found.files)

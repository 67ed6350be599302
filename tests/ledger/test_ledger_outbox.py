"""Files wait in the outbox, whole and unchanged (design decision 5, REL-1, SEC-5)."""

from __future__ import annotations

import os
import resource
import signal
import stat
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_makers import spoken

from passerelle.ledger import outbox
from passerelle.ledger.entries import StoredFile
from passerelle.ledger.errors import NoSpaceError, StoredFileChangedError, StoredFileMissingError

DATA = bytes(range(256)) * 1000


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_design_5_what_is_stored_is_read_back(tmp_path):
    stored = outbox.store(tmp_path / "new" / "outbox", "run-1", "erpFiles.zip", DATA, record_count=3)
    path = tmp_path / "new" / "outbox" / "run-1" / "erpFiles.zip"
    assert stored == StoredFile("erpFiles.zip", path, len(DATA), sha256(DATA).hexdigest(), 3)
    assert outbox.read(stored) == path.read_bytes() == DATA
    assert everything(tmp_path) == ["new/outbox/run-1/erpFiles.zip"]


def test_design_5_a_file_on_disk_is_moved_and_named_as_its_bytes_would_be(tmp_path):
    local = tmp_path / "workshop.csv"
    local.write_bytes(DATA)
    contents = {"a.csv": local}, {"a.csv": DATA}
    assert outbox.delivery_id("run-1", contents[0]) == outbox.delivery_id("run-1", contents[1])
    stored = outbox.store(tmp_path / "outbox", "run-1", "a.csv", local, record_count=3)
    assert stored == StoredFile(
        "a.csv", tmp_path / "outbox" / "run-1" / "a.csv", len(DATA), sha256(DATA).hexdigest(), 3
    )
    assert outbox.read(stored) == DATA
    assert everything(tmp_path) == ["outbox/run-1/a.csv"]
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600


def test_sec_5_only_its_owner_may_read_it(tmp_path):
    stored = outbox.store(tmp_path / "outbox", "run-1", "a.txt", b"x")
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(stored.path.parent.stat().st_mode) == 0o700


def test_rel_1_storing_again_changes_nothing(tmp_path):
    first = outbox.store(tmp_path, "run-1", "a.txt", DATA)
    before = first.path.stat()
    assert outbox.store(tmp_path, "run-1", "a.txt", DATA) == first
    assert (first.path.stat().st_ino, first.path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("found", [b"", DATA[:-1], DATA + b"x", DATA[::-1]])
def test_rel_1_other_bytes_under_the_name_are_an_error_and_stay(tmp_path, found):
    stored = outbox.store(tmp_path, "run-1", "a.txt", DATA)
    stored.path.write_bytes(found)
    for attempt in (lambda: outbox.read(stored), lambda: outbox.store(tmp_path, "run-1", "a.txt", DATA)):
        with pytest.raises(StoredFileChangedError, match=r"a\.txt.*run-1") as caught:
            attempt()
        assert spoken(caught.value)
    assert stored.path.read_bytes() == found


def test_rel_1_a_lost_file_is_named(tmp_path):
    stored = outbox.store(tmp_path, "run-1", "a.txt", DATA)
    stored.path.unlink()
    with pytest.raises(StoredFileMissingError, match=r"a\.txt.*run-1") as caught:
        outbox.read(stored)
    assert spoken(caught.value)


def test_rel_1_what_a_killed_process_left_is_written_over(tmp_path):
    (tmp_path / "run-1").mkdir()
    (tmp_path / "run-1" / ".a.txt.part").write_bytes(b"half of something longer" * 100)
    assert outbox.read(outbox.store(tmp_path, "run-1", "a.txt", b"whole")) == b"whole"
    assert everything(tmp_path) == ["run-1/a.txt"]


def test_rel_1_a_full_disk_leaves_nothing_under_the_name(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "run-1").mkdir()
    (tmp_path / "run-1" / ".a.txt.part").symlink_to("/dev/full")  # the device that is always full
    with pytest.raises(NoSpaceError, match=r"a\.txt") as caught:
        outbox.store(tmp_path, "run-1", "a.txt", DATA)
    assert spoken(caught.value)
    assert everything(tmp_path) == []


def test_rel_1_a_write_cut_half_way_leaves_nothing_under_the_name(tmp_path):
    """The system refuses to let the file grow: some of it is written, then an error."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(DATA) // 2, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            outbox.store(tmp_path, "run-1", "a.txt", DATA)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert everything(tmp_path) == []
    assert outbox.read(outbox.store(tmp_path, "run-1", "a.txt", DATA)) == DATA


def test_design_5_bytes_and_names_are_on_disk_before_they_are_relied_on(tmp_path, monkeypatch):
    """What is made to outlive a power cut, and when: the bytes before they get their name, the name before the end."""
    synced = []

    def fsync(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve().relative_to(tmp_path.resolve()).as_posix())
        real(descriptor)

    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc here")
    real = os.fsync
    monkeypatch.setattr(os, "fsync", fsync)
    outbox.store(tmp_path / "outbox", "run-1", "a.txt", DATA)
    assert synced == ["outbox/run-1/.a.txt.part", "outbox/run-1", "outbox", "."]


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "../a", "/etc/passwd", "a\\b", "a\0b"])
def test_sec_4_names_never_leave_the_outbox(tmp_path, bad):
    for names in ((bad, "a.txt"), ("run-1", bad)):
        with pytest.raises(ValueError, match="plain names"):
            outbox.store(tmp_path / "outbox", *names, b"x")
    assert list(tmp_path.iterdir()) == []


@given(st.dictionaries(st.text(min_size=1), st.binary(), max_size=4), st.randoms())
def test_design_5_a_delivery_is_named_after_its_run_and_content(contents, random):
    shuffled = list(contents.items())
    random.shuffle(shuffled)
    name = outbox.delivery_id("run-1", contents)
    assert outbox.delivery_id("run-1", dict(shuffled)) == name
    assert outbox.delivery_id("run-2", contents) != name
    for key, data in contents.items():
        assert outbox.delivery_id("run-1", {**contents, key: data + b"x"}) != name
    assert outbox.delivery_id("run-1", {**contents, "more": b""}) != name or contents.get("more") == b""


def test_a_stored_file_is_what_its_entry_says(tmp_path):
    stored = outbox.store(tmp_path, "run-1", "a.txt", DATA)
    for wrong in (replace(stored, size=1), replace(stored, sha256="0" * 64)):
        with pytest.raises(StoredFileChangedError):
            outbox.read(wrong)

"""What is particular to a folder of this machine."""

# ruff: noqa: PTH112, PTH115, PTH123 - names as bytes, calls as servers make them

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from passerelle.storage import local
from passerelle.storage.errors import AlreadyThere, BadPath, NotFound
from passerelle.storage.local import LocalStorage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_bytes(b"secret")
    return tmp_path / "in"


def test_sto_12_links_that_lead_outside_are_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "link.txt").symlink_to("../outside/secret.txt")
    (folder / "sub").symlink_to(folder.parent / "outside")
    (folder / "new.txt").symlink_to("../outside/new.txt")
    with LocalStorage(folder) as storage, caplog.at_level(logging.WARNING):
        assert storage.list() == []
        assert "link.txt" in caplog.text
        storage.put("mine.txt", b"mine")
        for act in (
            lambda: storage.read("link.txt"),
            lambda: storage.read("sub/secret.txt"),
            lambda: storage.list("sub"),
            lambda: storage.put("link.txt", b"x"),
            lambda: storage.put("new.txt", b"x"),
            lambda: storage.put("sub/x.txt", b"x"),
            lambda: storage.put("sub/deeper/x.txt", b"x"),
            lambda: storage.delete("sub/secret.txt"),
            lambda: storage.rename("mine.txt", "sub/mine.txt", overwrite=True),
            lambda: storage.rename("sub/secret.txt", "stolen.txt", overwrite=True),
        ):
            with pytest.raises(BadPath):
                act()
    assert [file.name for file in (folder.parent / "outside").iterdir()] == ["secret.txt"]
    assert (folder.parent / "outside" / "secret.txt").read_bytes() == b"secret"


def test_sto_12_a_neighbour_with_the_same_beginning_is_outside(folder: Path) -> None:
    (folder.parent / "in2").mkdir()
    (folder.parent / "in2" / "x.txt").write_bytes(b"x")
    (folder / "link").symlink_to("../in2")
    with LocalStorage(folder) as storage, pytest.raises(BadPath):
        storage.read("link/x.txt")


def test_sto_12_links_that_stay_inside_are_followed(folder: Path) -> None:
    (folder / "real.txt").write_bytes(b"real")
    (folder / "link.txt").symlink_to("real.txt")
    (folder / "dangling").symlink_to("nothing")
    (folder / "loop").symlink_to("loop")
    with LocalStorage(folder) as storage:
        assert storage.read("link.txt") == b"real"
        assert sorted(entry.path for entry in storage.list()) == ["link.txt", "real.txt"]


def test_sto_12_the_folder_itself_may_be_a_link(folder: Path) -> None:
    (folder.parent / "linked").symlink_to(folder)
    with LocalStorage(folder.parent / "linked") as storage:
        storage.put("sub/a.txt", b"a")
    assert (folder / "sub" / "a.txt").read_bytes() == b"a"


def test_sto_1_only_files_are_listed(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "sub").mkdir()
    with open(os.fsencode(folder) + b"/\xe9t\xe9.csv", "wb"):
        pass
    with LocalStorage(folder) as storage:
        assert storage.list() == []
        with pytest.raises(NotFound):
            storage.read("pipe")


def test_sto_1_a_missing_folder_is_said_and_never_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as found, LocalStorage(tmp_path / "missing"):
        pass
    assert found.value.text("fr") == f"Introuvable : {tmp_path}/missing."
    with pytest.raises(NotFound):
        LocalStorage(tmp_path / "missing").put("a/b.txt", b"x")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotFound), LocalStorage(tmp_path / "file"):
        pass


def test_sto_4_files_and_names_are_on_the_disk_before_it_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux tells what is synced")
    monkeypatch.setattr(os, "fsync", fsync)
    with LocalStorage(folder) as storage:
        storage.put("new/a.txt", b"a")
        assert synced == [str(folder), str(folder / "new" / "a.txt"), str(folder / "new")]
        synced.clear()
        storage.rename("new/a.txt", "b.txt", overwrite=False)
        assert set(synced) == {str(folder), str(folder / "new")}
        synced.clear()
        storage.delete("b.txt")
        assert synced == [str(folder)]


@pytest.mark.parametrize("number", sorted(local._NO_HARD_LINKS))
def test_sto_4_a_disk_without_hard_links_does_not_clobber_either(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As FAT and many network mounts; none can be mounted here, so the call answers as they do."""

    def link(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    with LocalStorage(folder) as storage:
        storage.put("a", b"a")
        storage.put("b", b"b")
        with pytest.raises(AlreadyThere):
            storage.rename("a", "b", overwrite=False)
        storage.rename("a", "c", overwrite=False)
        assert sorted(entry.path for entry in storage.list()) == ["b", "c"]


def test_sto_4_a_mount_that_cannot_sync_a_folder_is_served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def fsync(handle: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(errno.EINVAL, "not here")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with LocalStorage(folder) as storage:
        assert storage.put("a", b"a").size == 1

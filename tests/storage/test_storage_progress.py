"""Progress of transfers, and what changed since the last time (STO-13, STO-14)."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standins.dropbox_api import APP_KEY, DropboxApi
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.storage.cursors import changed, listed
from passerelle.storage.dropbox import DropboxPlace, DropboxStorage
from passerelle.storage.errors import NotFound, Unexpected
from passerelle.storage.local import LocalStorage
from passerelle.storage.memory import MemoryStorage
from passerelle.storage.place import cloud_folder
from passerelle.storage.progress import Progress, Snapshot


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_sto_14_files_bytes_rate_and_time_left_are_counted() -> None:
    shown: list[Snapshot] = []
    clock = Clock()
    progress = Progress(shown.append, clock=clock, every_seconds=1)
    progress.expect({"a": 1000, "b": 3000, "empty": 0})
    assert (shown[-1].files, shown[-1].files_expected, shown[-1].bytes_expected) == (0, 3, 4000)
    assert (shown[-1].rate, shown[-1].seconds_left, shown[-1].percent) == (0, None, 0)
    progress.moved("a", 500)
    assert len(shown) == 1, "not more often than asked"
    clock.now = 2.0
    progress.moved("b", 1500)
    assert (shown[-1].bytes, shown[-1].rate, shown[-1].seconds_left, shown[-1].percent) == (2000, 1000, 2, 50)
    progress.moved("a", 1000)
    progress.moved("empty", 0)
    clock.now = 4.0
    progress.moved("b", 1000)
    assert (shown[-1].files, shown[-1].bytes) == (2, 2000), "a file that begins anew counts less"
    progress.moved("b", 3000)
    assert (shown[-1].files, shown[-1].bytes, shown[-1].percent, shown[-1].seconds_left) == (3, 4000, 100, 0)


def test_sto_14_many_threads_may_tell() -> None:
    shown: list[Snapshot] = []
    progress = Progress(shown.append, every_seconds=0)
    progress.expect({str(number): 1000 for number in range(8)})

    def move(name: str) -> None:
        for over in range(100, 1001, 100):
            progress.moved(name, over)

    threads = [threading.Thread(target=move, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (shown[-1].files, shown[-1].bytes) == (8, 8000)
    assert [one.bytes for one in shown] == sorted(one.bytes for one in shown)


def test_sto_14_nothing_expected_is_all_of_it() -> None:
    assert Snapshot(0, 0, 0, 0, 0).percent == 100
    assert Snapshot(1, 2, 0, 0, 1).percent == 50


def test_sto_13_cursors_are_kept(tmp_path: Path) -> None:
    storage = MemoryStorage()
    storage.put("in/a", b"1")
    assert [entry.path for entry in changed(storage, "in", tmp_path / "kept").entries] == ["in/a"]
    storage.put("in/b", b"2")
    storage.delete("in/a")
    second = changed(storage, "in", tmp_path / "kept")
    assert ([entry.path for entry in second.entries], second.gone) == (["in/b"], ("in/a",))
    assert changed(storage, "in", tmp_path / "kept").entries == ()
    assert changed(storage, "", tmp_path / "kept").complete, "another folder has its own"
    with LocalStorage(tmp_path) as local, pytest.raises(Unexpected) as found:
        changed(local, "", tmp_path / "kept")
    assert found.value.code == "storage-no-cursors"


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "delete", "look"]), st.sampled_from(["in/a", "in/b/c", "in/b/d", "x"])),
        max_size=25,
    )
)
def test_img_5_law_what_is_remembered_and_what_changed_are_what_is_there(steps: list[tuple[str, str]]) -> None:
    storage = MemoryStorage()
    storage.put("in/first", b"1")
    with TemporaryDirectory() as folder:
        for number, (step, path) in enumerate([*steps, ("look", "")]):
            if step == "put":
                storage.put(path, str(number).encode())
            elif step == "delete":
                with contextlib.suppress(NotFound):
                    storage.delete(path)
            else:
                found = listed(storage, "in", Path(folder) / "kept")
                assert sorted(found, key=str) == sorted(storage.list("in", recursive=True), key=str)
        assert listed(storage, "in", Path(folder) / "kept", anew=True) == storage.list("in", recursive=True)


def test_sto_13_the_command_lists_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DropboxApi() as api:
        api.make_folders("/Photos")

        def storage(place: DropboxPlace, *_: object) -> DropboxStorage:
            folder = cloud_folder(place.url)
            return DropboxStorage(
                place.name,
                folder,
                app_key=APP_KEY,
                refresh_token=SecretStr(api.new_refresh_token()),
                sessions=api.session,
            )

        monkeypatch.setattr(DropboxPlace, "storage", storage)
        words = ["--state", str(tmp_path), "storage", "ls", "dropbox:/Photos", "--changes"]
        words += ["-o", f"app_key={APP_KEY}", "-o", "refresh_token=DROPBOX_TOKEN"]

        def listed() -> list[str]:
            ended = CliRunner().invoke(app, words)
            assert ended.exit_code == 0, ended.output
            return [f"{line.split()[0]} {line.split()[-1]}" for line in ended.output.splitlines()]

        with storage(DropboxPlace(url="dropbox:/Photos", app_key=APP_KEY, refresh_token="T")) as place:
            place.put("REF1/a.jpg", b"123")
            assert listed() == ["3 REF1/a.jpg"]
            place.put("REF1/b.jpg", b"12345")
            place.delete("REF1/a.jpg")
            assert listed() == ["- REF1/a.jpg", "5 REF1/b.jpg"]
            assert listed() == []

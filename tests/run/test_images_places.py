"""Images are collected from, and delivered to, any kind of place; listing them takes the same calls however many."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_shops import URL, codes, photo, rows, run, shop
from standins.cloudinary_api import CloudinaryApi
from standins.dropbox_api import DropboxApi, error
from standins.pcloud_api import Pcloud
from stock_shops import home
from test_every_place import KINDS, At, Kind

from passerelle.exchange.file_names import escaped
from passerelle.storage.base import LocalFile
from passerelle.storage.errors import Denied
from passerelle.storage.places import as_place, open_place
from passerelle.storage.retrying import RetryingStorage

REFERENCES = ("TH-012", "a/b", "ÉTÉ 01 ")


def lay(at: At, folder: Path, photos: dict[str, bytes]) -> None:
    """Put photos into the place where they are collected."""
    folder.mkdir(exist_ok=True)
    files = []
    for number, (path, data) in enumerate(photos.items()):
        local = folder / str(number)
        local.write_bytes(data)
        files.append(LocalFile(path, local, len(data)))
    with open_place(as_place(at("in"))) as storage:
        list(storage.put_files(files))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_img_1_sto_1_images_are_collected_from_every_kind_of_place_and_only_once(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[int] = []
    real = RetryingStorage.get_files

    def get_files(self, files, **options):
        noted.append(len(files))
        return real(self, files, **options)

    with kind.started(tmp_path, monkeypatch) as at:
        installation = shop(tmp_path / "installation", *REFERENCES, place=at("in"), options='folder = "Photos été"')
        photos = {
            f"Photos été/{escaped(reference)}/{number}.jpg": photo(number + place * 4, size=(24 + number, 16))
            for place, reference in enumerate(REFERENCES)
            for number in (1, 2, 10)
        }
        lay(at, tmp_path / "files", photos)
        monkeypatch.setattr(RetryingStorage, "get_files", get_files)
        assert run(installation).written == 3
        contents = []
        for row in rows(installation):
            names = [url.removeprefix(f"{URL}/") for url in row["Image URLs (x,y,z...)"].split(",")]
            contents.append([(home(installation) / "out-a" / name).read_bytes() for name in names])
        assert contents == [
            [photos[f"Photos été/{escaped(reference)}/{number}.jpg"] for number in (1, 2, 10)]
            for reference in REFERENCES
        ]
        assert noted == [9]
        assert run(installation).state == "nothing-to-do"
        assert noted[1:] in ([], [0])
        lay(at, tmp_path / "files", {f"Photos été/{escaped('a/b')}/2.jpg": photo(99, size=(40, 30))})
        assert run(installation).written == 1
        assert sum(noted) == 9 + 1


@contextlib.contextmanager
def started(name: str, api: type, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[tuple[At, object]]:
    """Start a kind of place, and give its stand-in too."""
    servers: list[object] = []
    enter = api.__enter__
    patch.setattr(api, "__enter__", lambda self: servers.append(self) or enter(self))
    with next(kind for kind in KINDS if kind.name == name).started(folder, patch) as at:
        yield at, servers[0]


COUNTS = {
    "dropbox": (DropboxApi, lambda api: sum(route.startswith("files/list_folder") for route in api.asked)),
    "pcloud": (Pcloud, lambda api: api.calls["listfolder"]),
    "cloudinary": (CloudinaryApi, lambda api: len(api.admin_calls)),
}


@pytest.mark.parametrize("name", COUNTS)
def test_img_5_listing_takes_as_many_calls_for_few_references_as_for_many(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, count = COUNTS[name]
    with started(name, kind, tmp_path, monkeypatch) as (at, api):
        api.page = 2000  # as of Dropbox itself; others have none
        calls = []
        for references in (12, 60):
            names = [f"R{number}" for number in range(references)]
            installation = shop(tmp_path / f"with {references}", *names, place=at("in"))
            photos = {f"{name}/{view}.jpg": photo(place) for place, name in enumerate(names) for view in (1, 2)}
            lay(at, tmp_path / "files", photos)
            for expected in (references, 0):
                before = count(api)
                assert run(installation).written == expected
                calls.append(count(api) - before)
        assert calls[:2] == calls[2:]
        assert max(calls) < 12


def test_img_4_what_cannot_be_fetched_holds_back_its_article_alone_until_the_next_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started("dropbox", DropboxApi, tmp_path, monkeypatch) as (at, api):
        installation = shop(tmp_path / "installation", "A", "B", "C", place=at("in"))
        lay(at, tmp_path / "files", {f"{name}/1.jpg": photo(place) for place, name in enumerate("ABC")})
        api.fail("files/download", error("path/restricted_content"))
        first = run(installation)
        assert (first.written, first.failed, codes(first)) == (2, 1, {"article-file-not-fetched": 1})
        second = run(installation)
        assert (second.written, second.failed) == (1, 0)
        assert len({row["Reference #"] for row in rows(installation)}) == 3
        # When nothing arrives any more it is the place, and nothing is said of single articles.
        lay(at, tmp_path / "files", {f"{name}/2.jpg": photo(place + 8) for place, name in enumerate("ABC")})
        api.fail("files/download", error("path/restricted_content"), times=9)
        with pytest.raises(Denied):
            run(installation)

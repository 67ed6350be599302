"""Cloudinary: the contract in both folder modes, kinds of assets, costs, limits, faults (STO-1, STO-8, STO-13)."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cloudinary
import pytest
from cloudinary import uploader
from cloudinary.exceptions import (
    AlreadyExists,
    AuthorizationRequired,
    BadRequest,
    Error,
    GeneralError,
    NotAllowed,
    RateLimited,
)
from cloudinary.exceptions import NotFound as NoSuchAsset
from cloudinary.search import Search
from pydantic import SecretStr, ValidationError
from standins.cloudinary_api import Answer, CloudinaryApi
from standins.pcloud_api import certificate
from urllib3.exceptions import MaxRetryError, ProtocolError, ReadTimeoutError, SSLError

from passerelle.storage import cloudinary_cloud, places
from passerelle.storage.base import LocalFile, Storage
from passerelle.storage.cloudinary import CloudinaryPlace, CloudinaryStorage
from passerelle.storage.contract import StorageContract
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    BadPlace,
    Damaged,
    Denied,
    NotFound,
    StorageError,
    Throttled,
    TooLarge,
    Unexpected,
    Unreachable,
    UntrustedHost,
)
from passerelle.storage.retrying import RetryingStorage

JPG = base64.b64decode("/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////")
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00"


def fixed() -> CloudinaryApi:
    api = CloudinaryApi("fixed")
    api.make_folder("shop")
    return api


def dynamic() -> CloudinaryApi:
    api = CloudinaryApi("dynamic")
    api.make_folder("shop")
    return api


@pytest.fixture(scope="module", params=[fixed, dynamic], ids=["fixed", "dynamic"])
def shared(request: pytest.FixtureRequest) -> Iterator[CloudinaryApi]:
    with request.param() as api:
        yield api


@pytest.fixture(params=[fixed, dynamic], ids=["fixed", "dynamic"])
def api(request: pytest.FixtureRequest) -> Iterator[CloudinaryApi]:
    with request.param() as api:
        yield api


@pytest.fixture
def storage(api: CloudinaryApi) -> Iterator[CloudinaryStorage]:
    with connect(api) as storage:
        yield storage


@pytest.fixture
def fixed_cloud() -> Iterator[CloudinaryApi]:
    with fixed() as api:
        yield api


@pytest.fixture
def dynamic_cloud() -> Iterator[CloudinaryApi]:
    with dynamic() as api:
        yield api


def connect(api: CloudinaryApi, folder: str = "shop", **options: object) -> CloudinaryStorage:
    given = {"api_key": api.api_key, "api_secret": SecretStr(api.api_secret), "endpoint": api.url, **options}
    return CloudinaryStorage(f"cloudinary://{api.cloud}/{folder}", api.cloud, folder=folder, **given)


def contents(storage: Storage) -> dict[str, bytes]:
    return {entry.path: storage.read(entry.path) for entry in storage.list(recursive=True)}


def kinds(api: CloudinaryApi) -> list[tuple[str, str]]:
    return sorted(api.assets)


class TestCloudinary(StorageContract):
    backend = CloudinaryStorage

    @pytest.fixture
    def storage(self, shared: CloudinaryApi) -> Iterator[Storage]:
        folder = f"t{len(shared.folders)}"
        shared.make_folder(folder)
        with connect(shared, folder) as storage:
            yield storage


# Kinds and names.


def test_sto_1_what_is_an_image_by_name_and_content_is_one_and_every_name_comes_back(
    api: CloudinaryApi, storage: CloudinaryStorage
) -> None:
    files = {
        "in/a.jpg": JPG,
        "in/a.png": PNG,
        "in/a": b"a",
        "in/B.JPEG": JPG + b"2",
        "in/c.jpg": b"an error page of a supplier",
        "in/d.jpg": PNG,
        "in/e.mp4": MP4,
        "in/f.bin": JPG,
        "in/.jpg": JPG,
    }
    for path, data in files.items():
        entry = storage.put(path, data)
        assert (entry.path, entry.size, entry.checksum) == (path, len(data), storage.checksum(path))
    assert contents(storage) == files
    assert {public_id: kind for kind, public_id in api.assets} == {
        "shop/in/a.jpg": "image",
        "shop/in/a.png": "image",
        "shop/in/a": "raw",
        "shop/in/B.JPEG": "image",
        "shop/in/c.jpg": "raw",
        "shop/in/d.jpg": "raw",
        "shop/in/e.mp4": "video",
        "shop/in/f.bin": "raw",
        "shop/in/.jpg": "raw",
    }


def test_sto_1_an_image_that_cloudinary_does_not_know_is_kept_as_a_file(
    api: CloudinaryApi, storage: CloudinaryStorage
) -> None:
    storage.put("a.bmp", b"BM no bitmap")
    assert contents(storage) == {"a.bmp": b"BM no bitmap"}
    assert kinds(api) == [("raw", "shop/a.bmp")]


def test_sto_1_a_file_of_another_kind_replaces_the_one_that_stands_there(
    api: CloudinaryApi, storage: CloudinaryStorage
) -> None:
    for data, kind in ((JPG, "image"), (b"none", "raw"), (JPG, "image")):
        storage.put("a.jpg", data)
        assert contents(storage) == {"a.jpg": data}
        assert kinds(api) == [(kind, "shop/a.jpg")]
    with pytest.raises(AlreadyThere):
        storage.put("a.jpg", b"none", overwrite=False)
    storage.put("b.tmp", b"none")
    storage.rename("b.tmp", "a.jpg", overwrite=True)
    assert contents(storage) == {"a.jpg": b"none"}
    assert [kind for kind, _ in kinds(api)] == ["raw"]


def test_sto_1_an_image_can_get_a_name_that_is_none_of_an_image(api: CloudinaryApi, storage: CloudinaryStorage) -> None:
    storage.put("a.jpg", JPG)
    storage.put("b.txt", b"old")
    storage.rename("a.jpg", "b.txt", overwrite=True)
    assert contents(storage) == {"b.txt": JPG}
    assert [kind for kind, _ in kinds(api)] == ["raw"]
    storage.put("c.jpg", JPG)
    with pytest.raises(AlreadyThere):
        storage.rename("c.jpg", "b.txt", overwrite=False)
    storage.rename("c.jpg", "d.png", overwrite=False)
    assert contents(storage) == {"b.txt": JPG, "d.png": JPG}


def test_sto_1_an_image_of_somebody_else_has_the_name_that_people_see(fixed_cloud: CloudinaryApi) -> None:
    fixed_cloud.add("image", "shop/in/photo", JPG)
    with connect(fixed_cloud) as storage:
        assert contents(storage) == {"in/photo.jpg": JPG}
        storage.put("in/photo.jpg", JPG + b"2")
        assert kinds(fixed_cloud) == [("image", "shop/in/photo")], "its links go on working"
        with pytest.raises(AlreadyThere):
            storage.put("in/photo.jpg", JPG, overwrite=False)
        storage.put("in/photo.png", PNG)
        assert contents(storage) == {"in/photo.jpg": JPG + b"2", "in/photo.png": PNG}
        storage.rename("in/photo.jpg", "done/photo.jpg", overwrite=False)
        storage.delete("in/photo.png")
        assert contents(storage) == {"done/photo.jpg": JPG + b"2"}


def test_sto_1_dynamic_folders_and_names_are_those_that_people_see(dynamic_cloud: CloudinaryApi) -> None:
    dynamic_cloud.add("image", "qx7k2", JPG, folder="shop/in", display_name="photo")
    dynamic_cloud.add("raw", "zz9.csv", b"1;2", folder="shop/in", display_name="orders.csv")
    dynamic_cloud.add("raw", "shop/in/elsewhere.csv", b"3", folder="other", display_name="elsewhere.csv")
    with connect(dynamic_cloud) as storage:
        assert contents(storage) == {"in/photo.jpg": JPG, "in/orders.csv": b"1;2"}
        storage.put("in/photo.jpg", JPG + b"2")
        storage.rename("in/photo.jpg", "done/photo.jpg", overwrite=False)
        assert dynamic_cloud.assets["image", "qx7k2"].data == JPG + b"2", "its links go on working"
        assert contents(storage) == {"done/photo.jpg": JPG + b"2", "in/orders.csv": b"1;2"}
        storage.put("in/photo.jpg", JPG)
        storage.delete("done/photo.jpg")
        assert contents(storage) == {"in/photo.jpg": JPG, "in/orders.csv": b"1;2"}


def test_sto_4_an_asset_that_was_moved_away_is_not_replaced(dynamic_cloud: CloudinaryApi) -> None:
    with connect(dynamic_cloud) as storage:
        storage.put("in/a.csv", b"first")
        storage.rename("in/a.csv", "done/a.csv", overwrite=False)
        storage.put("in/a.csv", b"second")
        storage.put("in/b.csv", b"third", overwrite=False)
        dynamic_cloud.assets["raw", "shop/in/b.csv"].asset_folder = "other"
        storage.put("in/b.csv", b"fourth", overwrite=False)
        assert contents(storage) == {"done/a.csv": b"first", "in/a.csv": b"second", "in/b.csv": b"fourth"}
        storage.put("in/a.csv", b"fifth")
        assert contents(storage) == {"done/a.csv": b"first", "in/a.csv": b"fifth", "in/b.csv": b"fourth"}
    assert dynamic_cloud.assets["raw", "shop/in/b.csv"].data == b"third"


def test_sto_1_of_two_assets_with_one_name_one_is_the_file(
    dynamic_cloud: CloudinaryApi, caplog: pytest.LogCaptureFixture
) -> None:
    dynamic_cloud.add("image", "older", JPG, folder="shop", display_name="photo")
    dynamic_cloud.add("image", "newer", JPG + b"2", folder="shop", display_name="photo").version += 10
    with connect(dynamic_cloud) as storage, caplog.at_level(logging.WARNING):
        assert contents(storage) == {"photo.jpg": JPG + b"2"}
        assert "older" in caplog.text
        storage.delete("photo.jpg")
        assert storage.list() == []


def test_sto_1_the_whole_cloud_can_be_the_folder(api: CloudinaryApi) -> None:
    with connect(api, "") as storage:
        assert storage.list() == []
        storage.put("a.csv", b"a")
        storage.put("in/b.csv", b"b")
        storage.rename("in/b.csv", "b.csv", overwrite=False)
        assert [entry.path for entry in storage.list()] == ["a.csv", "b.csv"]
        with pytest.raises(AlreadyThere):
            storage.put("in", b"x")
        with pytest.raises(AlreadyThere):
            storage.rename("a.csv", "b.csv", overwrite=False)


def test_sto_12_names_that_are_changed_on_the_way_are_refused(api: CloudinaryApi, storage: CloudinaryStorage) -> None:
    api.replaced = "="
    if api.folder_mode == "fixed":
        for before in ({}, {"a_b.csv": b"another file"}):
            for path, data in before.items():
                storage.put(path, data)
            with pytest.raises(BadPath) as found:
                storage.put("a=b.csv", b"x")
            assert found.value.code == "storage-path-refused"
            assert contents(storage) == before
    else:  # the name is the display name there, whatever the id
        assert storage.put("a=b.csv", b"x").path == "a=b.csv"


@pytest.mark.parametrize("path", ["a#b", "x/100%.csv", "a+b/c", "v12/a.csv", " a", "a/" * 100 + "x" * 60])
def test_sto_12_names_that_cloudinary_refuses_are_refused_before_it_is_asked(
    fixed_cloud: CloudinaryApi, path: str
) -> None:
    with connect(fixed_cloud) as storage:
        asked = len(fixed_cloud.calls)
        for verb in (storage.read, storage.delete, storage.list, lambda path: storage.put(path, b"x")):
            with pytest.raises(BadPath):
                verb(path)
        assert len(fixed_cloud.calls) == asked


def test_sto_12_a_name_that_is_not_safe_is_not_listed(
    api: CloudinaryApi, storage: CloudinaryStorage, caplog: pytest.LogCaptureFixture
) -> None:
    api.add("raw", "shop/CON/a.csv", b"x", folder="shop/CON", display_name="a.csv")
    api.add("raw", "shop/a:b.csv", b"x", folder="shop", display_name="a:b.csv")
    storage.put("good.csv", b"x")
    assert [entry.path for entry in storage.list(recursive=True)] == ["good.csv"]
    assert "CON" in caplog.text
    assert "a:b.csv" in caplog.text


def test_sto_1_assets_that_are_not_public_or_were_destroyed_are_no_files(
    api: CloudinaryApi, storage: CloudinaryStorage
) -> None:
    api.backup = True
    api.add("image", "shop/in/x", JPG, folder="shop/in", display_name="x").type = "private"
    storage.put("in/a.csv", b"x")
    storage.delete("in/a.csv")
    assert storage.list("in") == []
    with pytest.raises(NotFound):
        storage.read("in/a.csv")
    storage.put("in/a.csv", b"xx", overwrite=False)
    assert contents(storage) == {"in/a.csv": b"xx"}


# What it costs.


def test_sto_13_a_listing_costs_a_call_for_five_hundred(api: CloudinaryApi, storage: CloudinaryStorage) -> None:
    for number in range(1200):
        folder = f"shop/img/R{number // 20:03}"
        api.add("image", f"{folder}/{number}.jpg", JPG, folder=folder, display_name=f"{number}.jpg")
    api.admin_calls.clear()
    assert len(storage.list("img", recursive=True)) == 1200
    assert len(api.admin_calls) == 3 + 1 + 1  # 1200 images, no video, no raw file
    api.admin_calls.clear()
    assert len(storage.list("img/R007")) == 20
    assert len(api.admin_calls) == {"fixed": 3, "dynamic": 1}[api.folder_mode]


def test_sto_13_many_files_cost_few_calls(api: CloudinaryApi, storage: CloudinaryStorage, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(JPG)
    files = [LocalFile(f"img/R{number}/1.jpg", tmp_path / "photo", len(JPG)) for number in range(30)]
    api.admin_calls.clear()
    assert len(list(storage.put_files(files))) == 30
    assert len(api.admin_calls) <= 1 + 3
    api.admin_calls.clear()
    assert len(list(storage.get_files([LocalFile(f.path, tmp_path / f.path[4:-6], f.size) for f in files]))) == 30
    assert api.admin_calls == []
    storage.rename_files([(file.path, f"done/{file.path}") for file in files], overwrite=False)
    assert len(api.admin_calls) <= 1 + 3
    assert len(storage.list("done", recursive=True)) == 30


def test_sto_13_what_was_just_put_is_seen_whatever_search_knows(api: CloudinaryApi, storage: CloudinaryStorage) -> None:
    api.indexed = False
    storage.put("in/a.csv", b"x")
    login = {"cloud_name": api.cloud, "api_key": api.api_key, "api_secret": api.api_secret, "upload_prefix": api.url}
    search = Search().expression('asset_folder="shop/in"').max_results(500)
    assert search.execute(**login)["resources"] == []
    assert [entry.path for entry in storage.list("in")] == ["in/a.csv"]
    assert [entry.path for entry in storage.list(recursive=True)] == ["in/a.csv"]
    api.indexed = True
    assert len(search.execute(**login)["resources"]) == 1


def test_sto_8_no_call_is_left_is_said_with_the_time_to_come_back(
    api: CloudinaryApi, storage: CloudinaryStorage
) -> None:
    api.calls_left = 0
    with pytest.raises(Throttled) as found:
        storage.list()
    assert found.value.retry_after == pytest.approx(api.reset_at - time.time(), abs=2)
    assert found.value.code == "storage-busy"
    assert "420" not in found.value.detail
    assert "500000" in found.value.detail


def test_sto_8_it_stops_before_the_last_calls_are_used_up(api: CloudinaryApi, storage: CloudinaryStorage) -> None:
    for number in range(1600):
        api.add("raw", f"shop/in/{number}.csv", b"x", folder="shop/in", display_name=f"{number}.csv")
    api.calls_left = 12
    with pytest.raises(Throttled) as found:
        storage.list("in", recursive=True)
    assert api.calls_left == 10
    assert found.value.retry_after == pytest.approx(api.reset_at - time.time(), abs=2)
    storage.read("in/7.csv")  # is not counted
    asked = len(api.admin_calls)
    with pytest.raises(Throttled):
        storage.list("in")
    assert len(api.admin_calls) == asked


def test_sto_8_when_the_hour_is_over_it_goes_on(api: CloudinaryApi) -> None:
    api.calls_left, api.reset_at = 9, int(time.time()) - 1
    with connect(api) as storage:
        assert storage.list() == []


# Uploads and downloads.


def test_img_5_very_many_files_are_looked_for_in_one_listing(
    api: CloudinaryApi, storage: CloudinaryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passerelle.storage.cloudinary._MANY_FILES", 10)
    paths = {f"R{number}/1.jpg": JPG + bytes([number]) for number in range(20)}
    for path, data in paths.items():
        storage.put(path, data)
    asked = [LocalFile(path, tmp_path / str(number), len(data)) for number, (path, data) in enumerate(paths.items())]
    gone = LocalFile("R99/1.jpg", tmp_path / "gone", 1)
    for files, looks in ((asked[:10], 10), ([*asked, gone], 0)):
        api.calls.clear()
        assert len(list(storage.get_files(files))) == len(files) - (gone in files)
        assert sum("/explicit" in call for call in api.calls) >= looks
        assert looks or not any("/explicit" in call for call in api.calls)
    assert {file.path: file.local.read_bytes() for file in asked} == paths


def test_sto_11_a_large_file_goes_in_parts(api: CloudinaryApi, storage: CloudinaryStorage, tmp_path: Path) -> None:
    file = LocalFile("large.bin", tmp_path / "large.bin", 17_000_001)
    file.local.write_bytes(bytes(range(250)) * 68_000 + b"x")
    seen: list[int] = []
    api.calls.clear()
    [entry] = storage.put_files([file], moved=lambda _, over: seen.append(over))
    assert (entry.size, seen) == (file.size, [8_000_000, 16_000_000, file.size])
    assert sum(call.endswith("/raw/upload") for call in api.calls) == 3
    back = LocalFile("large.bin", tmp_path / "back.bin", file.size)
    assert list(storage.get_files([back])) == [back]
    assert back.local.read_bytes() == file.local.read_bytes()


def test_sto_5_a_file_that_shrinks_while_it_is_sent_is_not_there(storage: CloudinaryStorage, tmp_path: Path) -> None:
    file = LocalFile("large.bin", tmp_path / "large.bin", 20_000_000)
    file.local.write_bytes(bytes(file.size))
    with pytest.raises(Unexpected) as found:
        list(storage.put_files([file], moved=lambda *_: os.truncate(file.local, 17_000_000)))
    assert found.value.code == "storage-local-changed"
    assert storage.list() == []


def test_sto_1_a_file_larger_than_the_account_allows_is_said(api: CloudinaryApi, storage: CloudinaryStorage) -> None:
    api.largest = 1000
    with pytest.raises(TooLarge) as found:
        storage.put("a.bin", bytes(1001))
    assert "1000" in found.value.detail
    assert storage.list() == []


def test_sto_4_of_two_writers_at_the_same_moment_one_is_told(api: CloudinaryApi, storage: CloudinaryStorage) -> None:
    def other_writer() -> None:
        api.add("raw", "shop/a.csv", b"theirs", folder="shop", display_name="a.csv")

    api.surprise("/raw/upload", other_writer)
    with pytest.raises(AlreadyThere):
        storage.put("a.csv", b"ours", overwrite=False)
    assert contents(storage) == {"a.csv": b"theirs"}
    storage.delete("a.csv")
    api.surprise("/raw/upload", other_writer)
    storage.put("a.csv", b"ours")
    assert contents(storage) == {"a.csv": b"ours"}


def test_sto_4_a_rename_whose_source_or_target_changed_meanwhile_is_told(fixed_cloud: CloudinaryApi) -> None:
    with connect(fixed_cloud) as storage:
        storage.put("a.csv", b"a")
        fixed_cloud.surprise("/raw/rename", lambda: fixed_cloud.add("raw", "shop/b.csv", b"theirs") and None)
        with pytest.raises(AlreadyThere) as taken:
            storage.rename("a.csv", "b.csv", overwrite=False)
        assert taken.value.path == "b.csv"
        fixed_cloud.surprise("/raw/rename", lambda: fixed_cloud.assets.pop(("raw", "shop/a.csv")) and None)
        with pytest.raises(NotFound) as gone:
            storage.rename("a.csv", "c.csv", overwrite=False)
        assert gone.value.path == "a.csv"


def test_sto_1_what_only_its_owner_may_fetch_is_fetched(api: CloudinaryApi, storage: CloudinaryStorage) -> None:
    api.blocked = frozenset(["pdf", "zip"])
    storage.put("invoice.pdf", b"%PDF-1.7 raw")
    api.add("image", "shop/scan", JPG, folder="shop", display_name="scan")
    api.blocked |= {"jpg"}
    assert contents(storage) == {"invoice.pdf": b"%PDF-1.7 raw", "scan.jpg": JPG}
    assert sum(call.endswith("/download") for call in api.calls) == 2


# Faults.


def test_sto_8_a_content_that_is_cut_or_changed_is_never_given(
    api: CloudinaryApi, storage: CloudinaryStorage, tmp_path: Path
) -> None:
    storage.put("a.csv", b"0123456789" * 1000)
    delivery = f"GET /{api.cloud}/raw"
    for verb in (
        lambda: storage.read("a.csv"),
        lambda: list(storage.get_files([LocalFile("a.csv", tmp_path / "a", 10_000)])),
    ):
        api.cut(delivery, 5000)
        with pytest.raises(Unreachable):
            verb()
        api.surprise(delivery, lambda: Answer(200, b"9123456780" * 1000))
        with pytest.raises(Damaged):
            verb()
        api.surprise(delivery, lambda: Answer(200, b"0123456789" * 999))
        with pytest.raises(Unreachable):
            verb()
        api.surprise(delivery, lambda: Answer(503, b"busy"))
        with pytest.raises(Unreachable):
            verb()
        verb()
    api.surprise(delivery, lambda: Answer(404, b""))
    assert list(storage.get_files([LocalFile("a.csv", tmp_path / "a", 10_000)])) == []


def test_sto_8_an_answer_lost_on_the_way_does_not_repeat_what_was_done(
    api: CloudinaryApi, storage: CloudinaryStorage
) -> None:
    again = RetryingStorage(storage, first_delay_seconds=0)
    api.cut("/raw/upload", 20)
    assert again.put("in/a.csv", b"x").size == 1
    api.cut("/raw/rename" if api.folder_mode == "fixed" else "/raw/explicit", 20)
    again.rename("in/a.csv", "in/b.csv", overwrite=False)
    api.cut("/raw/destroy", 5)
    again.delete("in/b.csv")
    assert again.list("in") == []


def test_sto_8_a_listing_whose_answer_is_cut_is_asked_for_again(api: CloudinaryApi, storage: CloudinaryStorage) -> None:
    storage.put("in/a.csv", b"x")
    api.cut("/resources/", 20)
    assert [entry.path for entry in storage.list("in")] == ["in/a.csv"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(404, b"<!DOCTYPE html><html>not here</html>"), Unexpected),
        (Answer(502, b"<html>Bad Gateway</html>"), Unreachable),
        (Answer(502, b'{"error": {"message": "Bad Gateway"}}'), Unreachable),
        (Answer(500, b'{"error": {"message": "Internal error"}}'), Unreachable),
        (Answer(200, b'{"resources": [{"public'), Unreachable),
        (Answer(403, b'{"error": {"message": "not allowed"}}'), Denied),
        (Answer(418, b'{"error": {"message": "a teapot"}}'), Unexpected),
    ],
    ids=lambda value: f"{value.status} {value.body[:12]!r}" if isinstance(value, Answer) else "",
)
def test_sto_8_what_is_no_listing_is_no_empty_folder(
    api: CloudinaryApi, storage: CloudinaryStorage, answer: Answer, kind: type[StorageError]
) -> None:
    storage.put("in/a.csv", b"x")
    api.surprise("/resources/", lambda: answer)
    with pytest.raises(kind) as found:
        storage.list("in")
    assert type(found.value) is kind
    assert len(storage.list("in")) == 1


def test_sto_8_dynamic_folders_that_are_none_are_no_empty_folder(dynamic_cloud: CloudinaryApi) -> None:
    dynamic_cloud.make_folder("shop/in")
    with connect(dynamic_cloud) as storage:
        dynamic_cloud.folder_mode = "fixed"  # its by_asset_folder answers with a page for people
        with pytest.raises(Unexpected) as found:
            storage.list("in")
        assert "404" in found.value.detail


def test_sto_1_a_folder_that_cannot_be_listed_as_it_is_absent_can_be_put_to(dynamic_cloud: CloudinaryApi) -> None:
    absent = Answer(404, b'{"error": {"message": "Can\'t find folder with path shop/in"}}')
    with connect(dynamic_cloud) as storage:
        dynamic_cloud.surprise("/by_asset_folder", lambda: absent)
        storage.put("in/a.csv", b"x")
        assert contents(storage) == {"in/a.csv": b"x"}


def test_sto_8_a_silent_or_absent_server_is_unreachable(api: CloudinaryApi) -> None:
    woken = threading.Event()
    with connect(api, timeout_seconds=0.2) as storage:
        api.surprise("/raw/upload", lambda: woken.wait(10) and None)
        with pytest.raises(Unreachable) as silent:
            storage.put("a.csv", b"x")
        woken.set()
        assert silent.value.code == "storage-timeout"
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(Unreachable) as absent, connect(api, endpoint=nobody):
            pass
        assert absent.value.code == "storage-unreachable"


def test_sto_8_a_wrong_login_is_refused_by_both_apis_and_never_shown(api: CloudinaryApi) -> None:
    wrong = SecretStr("s3cr3t-of-another")
    for options in ({"api_secret": wrong}, {"api_key": "42"}):
        with pytest.raises(Denied) as found, connect(api, **options):
            pass
        assert found.value.code == "storage-login-refused"
    with connect(api) as storage:
        api.api_secret = "changed-meanwhile"
        with pytest.raises(Denied) as refused:
            storage.read("a.csv")
    assert refused.value.code == "storage-login-refused"
    assert "Invalid Signature" in refused.value.detail
    for error in (found.value, refused.value):
        shown = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)
        assert wrong.get_secret_value() not in shown
        assert CloudinaryApi.api_secret not in shown


def test_sto_1_signatures_are_checked_by_the_stand_in(fixed_cloud: CloudinaryApi) -> None:
    """What is signed is what is sent: in version 2 a value cannot pose as another parameter."""
    login = {"cloud_name": fixed_cloud.cloud, "api_key": fixed_cloud.api_key, "upload_prefix": fixed_cloud.url}
    login |= {"api_secret": fixed_cloud.api_secret, "resource_type": "raw", "context": {"alt": "a&b=c"}}
    for number, options in enumerate([{}, {"signature_version": 1}, {"signature_algorithm": "sha256"}]):
        uploader.upload(("file", b"x"), public_id=f"shop/{number}", **login, **options)
    assert len(fixed_cloud.assets) == 3
    with pytest.raises(AuthorizationRequired, match="Invalid Signature"):
        uploader.upload(("file", b"x"), public_id="shop/3", **{**login, "api_secret": "wrong"})
    with pytest.raises(BadRequest, match="Stale request"):
        uploader.call_api("destroy", {"public_id": "shop/1", "timestamp": str(int(time.time()) - 4000)}, **login)


def test_sto_1_an_absent_folder_is_said_on_opening(api: CloudinaryApi) -> None:
    with pytest.raises(NotFound), connect(api, "absent"):
        pass
    with (
        pytest.raises(Denied),
        CloudinaryStorage(
            "elsewhere", "another-cloud", api_key=api.api_key, api_secret=SecretStr(api.api_secret), endpoint=api.url
        ),
    ):
        pass


def test_sto_1_a_folder_that_is_gone_is_not_made_anew(
    api: CloudinaryApi, storage: CloudinaryStorage, tmp_path: Path
) -> None:
    api.folders.remove("shop")
    for path in ("a.csv", "in/a.csv"):
        with pytest.raises(NotFound):
            storage.put(path, b"x")
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(NotFound):
        list(storage.put_files([LocalFile(f"{number}/a.csv", tmp_path / "x", 1) for number in range(20)]))
    assert api.assets == {}


def test_sto_2_two_clouds_in_one_process_and_the_environment_do_not_meet(
    fixed_cloud: CloudinaryApi, dynamic_cloud: CloudinaryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = {"cloud_name": "other", "api_key": "1", "api_secret": "2", "oauth_token": "3", "upload_preset": "4"}
    for name, value in {**foreign, "upload_prefix": "http://127.0.0.1:9", "signature_algorithm": "sha256"}.items():
        monkeypatch.setitem(cloudinary.config().__dict__, name, value)
    dynamic_cloud.api_key, dynamic_cloud.api_secret, dynamic_cloud.cloud = "77", "another&secret", "second-cloud"
    with connect(fixed_cloud) as one, connect(dynamic_cloud) as two:
        one.put("a.csv", b"one")
        two.put("a.csv", b"two")
        two.put("b.jpg", JPG)
        assert (contents(one), contents(two)) == ({"a.csv": b"one"}, {"a.csv": b"two", "b.jpg": JPG})
    assert cloudinary.config().cloud_name == "other"


def test_sto_1_outside_of_its_block_it_is_not_used(api: CloudinaryApi) -> None:
    with pytest.raises(RuntimeError, match="outside"):
        connect(api).list()


def test_sto_9_a_certificate_that_is_not_trusted_is_refused_by_the_api_and_the_delivery(
    api: CloudinaryApi, storage: CloudinaryStorage
) -> None:
    with CloudinaryApi(certificate=certificate()) as foreign:
        with pytest.raises(UntrustedHost) as found, connect(foreign):
            pass
        assert found.value.code == "storage-certificate-refused"
        storage.put("a.csv", b"x")
        asset = api.assets["raw", "shop/a.csv"]
        told = json.dumps({**api._details(asset), "secure_url": f"{foreign.url}/x"}).encode()
        api.surprise("/raw/explicit", lambda: Answer(200, told))
        with pytest.raises(UntrustedHost):
            storage.read("a.csv")
        assert foreign.calls == []


# The place.


def test_sto_2_a_place_opens_its_storage(fixed_cloud: CloudinaryApi, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(f'SHOP_IMAGES = "{fixed_cloud.api_secret}"\n')
    secrets.chmod(0o600)
    place = places.as_place(
        {
            "url": f"cloudinary://{fixed_cloud.cloud}/shop/",
            "api_key": fixed_cloud.api_key,
            "api_secret": "SHOP_IMAGES",
            "endpoint": f"{fixed_cloud.url}/",
        }
    )
    assert isinstance(place, CloudinaryPlace)
    assert place.secret_names == {"api_secret": "SHOP_IMAGES"}
    assert place.server[0] == "127.0.0.1"
    with places.open_place(place, secrets_file=secrets) as storage:
        storage.put("a.csv", b"x")
    assert kinds(fixed_cloud) == [("raw", "shop/a.csv")]
    assert fixed_cloud.api_secret not in repr(place) + repr(storage)


@pytest.mark.parametrize(
    "url",
    [
        "cloudinary:/shop",
        "cloudinary://",
        "cloudinary://cloud?folder=x",
        "cloudinary://123:secret@cloud",
        "cloudinary://user@cloud/x",
        "cloudinary://cloud:443/x",
        "cloudinary://cloud/../x",
        "cloudinary://cloud/100%25",
        "cloudinary://cloud/a/v1",
    ],
)
def test_sto_2_what_is_no_address_of_a_cloud_is_refused(url: str) -> None:
    with pytest.raises(BadPlace) as found:
        places.as_place({"url": url, "api_key": "1", "api_secret": "SHOP_IMAGES"})
    assert "secret@" not in str(found.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://api.cloudinary.com",
        "https://user@api-eu.cloudinary.com",
        "https://:secret@api-eu.cloudinary.com",
        "https://api-eu.cloudinary.com/v1_1",
        "https://api-eu.cloudinary.com:x",
        "api-eu.cloudinary.com",
        "ftp://x",
    ],
)
def test_sto_9_the_secret_goes_over_tls_only(endpoint: str) -> None:
    given = {"url": "cloudinary://cloud", "api_key": "1", "api_secret": "SHOP_IMAGES"}
    with pytest.raises((BadPlace, ValidationError)) as found:
        places.as_place({**given, "endpoint": endpoint})
    assert "secret@" not in str(found.value)
    place = places.as_place({**given, "endpoint": "https://api-eu.cloudinary.com"})
    assert place.server == ("api-eu.cloudinary.com", 443)
    assert places.as_place(given).server == ("api.cloudinary.com", 443)


def test_sto_2_the_secret_stands_in_no_option() -> None:
    with pytest.raises((BadPlace, ValidationError)) as found:
        places.as_place({"url": "cloudinary://cloud", "api_key": "1", "api_secret": "abcd-EFGH"})
    assert "abcd-EFGH" not in str(found.value)


# What answers mean.

LIMIT = "Rate Limit Exceeded. Limit of 500 api operations reached. Try again on {:%Y-%m-%d %H:%M:%S} UTC"
PAST = datetime(2020, 1, 1, tzinfo=UTC)


def _while_handling(fault: Exception, error: Exception) -> Exception:
    error.__context__ = fault
    return error


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (BadRequest("Empty file"), Unexpected, "storage-empty-file"),
        (BadRequest("File size too large. Got 12. Maximum is 10."), TooLarge, "storage-too-large"),
        (BadRequest("to_public_id (a) already exists"), AlreadyThere, "storage-already-there"),
        (BadRequest("public_id (a#b) is invalid"), BadPath, "storage-path-refused"),
        (BadRequest("Error 400 - Folder name is invalid"), BadPath, "storage-path-refused"),
        (BadRequest("Something else"), Unexpected, "storage-unexpected"),
        (AuthorizationRequired("Invalid Signature abc."), Denied, "storage-login-refused"),
        (AuthorizationRequired("Error 401 - unknown api_key"), Denied, "storage-login-refused"),
        (NotAllowed("Error 403 - not allowed"), Denied, "storage-denied"),
        (NoSuchAsset("Error 404 - Can't find folder with path x"), NotFound, "storage-not-found"),
        (AlreadyExists("Error 409 - exists"), AlreadyThere, "storage-already-there"),
        (RateLimited(f"Error 420 - {LIMIT.format(PAST)}"), Throttled, "storage-busy"),
        (RateLimited("Too many concurrent upload_api operations"), Throttled, "storage-busy"),
        (GeneralError("Error 500 - oops"), Unreachable, "storage-unreachable"),
        (GeneralError("oops"), Unreachable, "storage-unreachable"),
        (Exception("Error 504 - slow"), Unreachable, "storage-unreachable"),
        (Exception("Error 418 - teapot"), Unexpected, "storage-unexpected"),
        (Error("never heard of"), Unexpected, "storage-unexpected"),
        (GeneralError("Error parsing server response (404) - b'<html>'. Got - x"), Unexpected, "storage-unexpected"),
        (Error("Error parsing server response (503) - b'<html>'. Got - x"), Unreachable, "storage-unreachable"),
        (Error("Error parsing server response (200) - b'{'. Got - x"), Unreachable, "storage-unreachable"),
        (Error("Error parsing server response (401) - b''. Got - x"), Denied, "storage-login-refused"),
        (_while_handling(ProtocolError("cut"), Error("Unexpected error")), Unreachable, "storage-unreachable"),
        (
            _while_handling(ReadTimeoutError(None, "", ""), GeneralError("Unexpected error x")),
            Unreachable,
            "storage-timeout",
        ),
        (
            _while_handling(MaxRetryError(None, "", SSLError("bad")), Error("Unexpected error - x")),
            UntrustedHost,
            "storage-certificate-refused",
        ),
        (
            _while_handling(ConnectionResetError(104, "reset"), Error("Socket error")),
            Unreachable,
            "storage-unreachable",
        ),
        (_while_handling(OSError("of the caller"), NoSuchAsset("Resource not found")), NotFound, "storage-not-found"),
        (ProtocolError("cut"), Unreachable, "storage-unreachable"),
    ],
    ids=lambda value: repr(value)[:60] if isinstance(value, Exception) else "",
)
def test_sto_8_answers_are_told_by_their_consequence(error: Exception, kind: type[StorageError], code: str) -> None:
    told = cloudinary_cloud.translate(error, "somewhere", "a/b.txt")
    assert (type(told), told.code, told.storage) == (kind, code, "somewhere")
    assert not told.detail.startswith("Error 4")


def test_sto_8_the_time_to_come_back_is_read() -> None:
    later = datetime.now(UTC) + timedelta(minutes=30)
    told = cloudinary_cloud.translate(RateLimited(f"Error 420 - {LIMIT.format(later)}"), "somewhere", "")
    assert isinstance(told, Throttled)
    assert told.retry_after == pytest.approx(1800, abs=60)
    assert cloudinary_cloud.translate(RateLimited(LIMIT.format(PAST)), "somewhere", "").retry_after == 0

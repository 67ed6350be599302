"""Dropbox by its real SDK, against a server that is as strict as Dropbox is documented to be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from dropbox import auth, exceptions, files
from pydantic import SecretStr, ValidationError
from standins import dropbox_api
from standins.dropbox_api import APP_KEY, DropboxApi
from storage_certificates import Authority

from passerelle.storage import checksums
from passerelle.storage import dropbox as backend
from passerelle.storage.base import Entry, LocalFile
from passerelle.storage.contract import StorageContract
from passerelle.storage.dropbox import DropboxPlace, DropboxStorage
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    BadPlace,
    Damaged,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    Throttled,
    Unexpected,
    Unreachable,
    UntrustedHost,
)
from passerelle.storage.login import BrowserLogin
from passerelle.storage.places import as_place, open_place
from passerelle.storage.retrying import RetryingStorage

MIB = 1024 * 1024
BLOCK = 8 * MIB


def opened(api: DropboxApi, folder: str = "Photos", *, team_root: bool = False, token: str = "") -> DropboxStorage:
    return DropboxStorage(
        f"dropbox:/{folder}",
        folder,
        app_key=APP_KEY,
        refresh_token=SecretStr(token or api.new_refresh_token()),
        team_root=team_root,
        sessions=api.session,
    )


@pytest.fixture
def api() -> Iterator[DropboxApi]:
    with DropboxApi() as api:
        api.make_folders("/Photos")
        yield api


@pytest.fixture
def storage(api: DropboxApi) -> Iterator[DropboxStorage]:
    with opened(api) as storage:
        yield storage


@pytest.fixture
def patient(storage: DropboxStorage) -> RetryingStorage:
    return RetryingStorage(storage, first_delay_seconds=0)


class TestDropbox(StorageContract):
    backend = DropboxStorage

    @pytest.fixture
    def storage(self, api: DropboxApi) -> Iterator[DropboxStorage]:
        with opened(api) as storage:
            yield storage


class TestDropboxRoot(StorageContract):
    backend = DropboxStorage

    @pytest.fixture
    def storage(self) -> Iterator[DropboxStorage]:
        with DropboxApi() as api, opened(api, "") as storage:
            yield storage


def local_file(folder: Path, path: str, data: bytes) -> LocalFile:
    local = folder / path.replace("/", "_")
    local.write_bytes(data)
    return LocalFile(path, local, len(data))


def wanted(folder: Path, path: str, size: int) -> LocalFile:
    return LocalFile(path, folder / "back" / path.replace("/", "_"), size)


def _collect(given: list[str], entries: Iterator[Entry]) -> None:
    for entry in entries:
        given.append(entry.path)  # noqa: PERF401 - what came before an error counts too


def large(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.fixture
def back(tmp_path: Path) -> Path:
    (tmp_path / "back").mkdir()
    return tmp_path


# Opening and tokens


def test_sto_1_an_absent_folder_is_said_and_never_made(api: DropboxApi) -> None:
    with pytest.raises(NotFound), opened(api, "Absent"):
        pass
    api.put("/file", b"x")
    with pytest.raises(NotFound), opened(api, "file"):
        pass
    assert "/absent" not in api.nodes


def test_sto_1_a_folder_that_is_gone_is_not_made_anew(api: DropboxApi, storage: DropboxStorage, tmp_path: Path) -> None:
    api.remove("/Photos")
    with pytest.raises(NotFound):
        storage.put("a.txt", b"a")
    with pytest.raises(NotFound):
        list(storage.put_files([local_file(tmp_path, "a.txt", b"a")]))
    assert not api.nodes


def test_sto_13_an_expired_token_is_renewed_in_the_middle(api: DropboxApi, storage: DropboxStorage) -> None:
    storage.put("a.txt", b"a")
    api.expire_tokens()
    assert storage.read("a.txt") == b"a"
    assert api.asked.count("/oauth2/token") == 2


def test_sto_13_a_token_is_renewed_before_it_expires(api: DropboxApi) -> None:
    api.token_seconds = 299
    with opened(api) as storage:
        storage.put("a.txt", b"a")
        api.asked.clear()
        storage.read("a.txt")
    assert api.asked == ["/oauth2/token", "files/download"]


def test_sto_8_a_revoked_token_is_refused_at_once(api: DropboxApi) -> None:
    token = api.new_refresh_token()
    with opened(api, token=token) as storage:
        api.revoke()
        api.asked.clear()
        for _ in range(2):
            with pytest.raises(Denied) as found:
                RetryingStorage(storage).list()
            assert found.value.code == "storage-login-refused"
            assert token not in str(found.value) + repr(found.value.__cause__)
    assert len(api.asked) <= 2
    with pytest.raises(Denied) as found, opened(api, token=token):
        pass
    assert found.value.code == "storage-login-refused"


def test_sto_8_a_wrong_app_key_is_refused(api: DropboxApi) -> None:
    storage = DropboxStorage(
        "dropbox:/", "", app_key="other", refresh_token=SecretStr(api.new_refresh_token()), sessions=api.session
    )
    with pytest.raises(Denied) as found, storage:
        pass
    assert found.value.code == "storage-login-refused"


def test_sto_1_a_member_may_start_at_the_teams_folders(api: DropboxApi) -> None:
    api.home = "/Ann"
    api.put("/Ann/Photos/mine.jpg", b"1")
    api.put("/Shop/Photos/ours.jpg", b"22")
    with opened(api) as own:
        assert [entry.path for entry in own.list()] == ["mine.jpg"]
    with opened(api, "Shop", team_root=True) as ours:
        assert [entry.path for entry in ours.list(recursive=True)] == ["Photos/ours.jpg"]
        ours.put("Photos/new.jpg", b"333")
    assert api.nodes["/shop/photos/new.jpg"].data == b"333"


def test_sto_1_outside_of_with_it_says_so(storage: DropboxStorage) -> None:
    storage.__exit__(None, None, None)
    with pytest.raises(RuntimeError, match="outside"):
        storage.list()


def test_sto_9_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with DropboxApi(authority.certificate().file) as api:
        with pytest.raises(UntrustedHost) as found, opened(api, ""):
            pass
        assert found.value.code == "storage-certificate-refused"
        assert not api.asked, "no token was sent"

        def trusting(connections: int) -> requests.Session:
            session = api.session(connections)
            session.verify = str(authority.file)
            return session

        token = SecretStr(api.new_refresh_token())
        with DropboxStorage("d", "", app_key=APP_KEY, refresh_token=token, sessions=trusting) as storage:
            assert storage.list() == []


# Listings


def test_sto_13_pages_are_followed_to_the_end_over_empty_ones(api: DropboxApi, storage: DropboxStorage) -> None:
    api.page = 3
    for number in range(10):
        api.put(f"/Photos/{number}.jpg", b"x")
    assert sorted(entry.path for entry in storage.list()) == [f"{number}.jpg" for number in range(10)]
    assert api.asked.count("files/list_folder/continue") == 6  # three of them empty


def test_sto_13_a_listing_is_right_when_files_change_between_its_pages(
    api: DropboxApi, storage: DropboxStorage
) -> None:
    api.page = 2
    for name in "abcde":
        api.put(f"/Photos/in/{name}", b"x")

    def change(_: dropbox_api.Handler) -> None:
        api.remove("/Photos/in/a")
        api.put("/Photos/in/b", b"changed")
        api.put("/Photos/in/new", b"n")
        api.put("/Photos/gone/soon", b"n")
        api.remove("/Photos/gone")

    api.fail("files/list_folder/continue", change)
    told = {entry.path: entry.size for entry in storage.list(recursive=True)}
    assert told == {"in/b": 7, "in/c": 1, "in/d": 1, "in/e": 1, "in/new": 1}


def test_sto_13_a_cursor_that_is_reset_while_listing_is_tried_again(
    api: DropboxApi, storage: DropboxStorage, patient: RetryingStorage
) -> None:
    api.page = 2
    for name in "abc":
        api.put(f"/Photos/{name}", b"x")
    api.fail("files/list_folder/continue", dropbox_api.error("reset"), times=2)
    with pytest.raises(Unreachable):
        storage.list()
    assert len(patient.list()) == 3


def test_sto_13_what_cannot_be_downloaded_is_left_out(
    api: DropboxApi, storage: DropboxStorage, caplog: pytest.LogCaptureFixture
) -> None:
    api.put("/Photos/notes.paper", b"", downloadable=False)
    api.put("/Photos/a.jpg", b"a")
    with caplog.at_level("INFO", "passerelle"):
        assert [entry.path for entry in storage.list()] == ["a.jpg"]
    assert "notes.paper" in caplog.text
    with pytest.raises(Unexpected):
        storage.read("notes.paper")


def test_sto_12_names_that_are_not_good_are_left_out(
    api: DropboxApi, storage: DropboxStorage, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("good.jpg", "a?b.jpg", "in:side/c.jpg", "x/nul.txt"):
        api.put(f"/Photos/{path}", b"x")
    assert [entry.path for entry in storage.list(recursive=True)] == ["good.jpg"]
    assert caplog.text.count("not safe") == 3


def test_sto_12_the_case_of_a_path_is_that_of_its_folders(api: DropboxApi, storage: DropboxStorage) -> None:
    api.put("/photos/In/Deep/a.jpg", b"a")
    api.put("/PHOTOS/IN/deep/B.jpg", b"b")
    assert sorted(entry.path for entry in storage.list(recursive=True)) == ["In/Deep/B.jpg", "In/Deep/a.jpg"]
    assert storage.read("in/deep/A.JPG") == b"a"
    cursor = storage.changes().cursor
    api.put("/photos/In/deep/c.jpg", b"c")
    api.remove("/Photos/In/Deep/a.jpg")
    changes = storage.changes("", cursor)
    assert [entry.path.lower() for entry in changes.entries] == ["in/deep/c.jpg"]
    assert [path.lower() for path in changes.gone] == ["in/deep/a.jpg"]


def test_sto_13_entries_tell_hash_revision_and_time(api: DropboxApi, storage: DropboxStorage) -> None:
    data = large(9 * MIB)
    api.put("/Photos/a.bin", data)
    [entry] = storage.list()
    assert entry.checksum == f"dropbox:{dropbox_api.content_hash(data)}" == checksums.of_bytes("dropbox", data)
    assert entry.version == api.nodes["/photos/a.bin"].rev
    assert entry.modified_utc == api.nodes["/photos/a.bin"].modified
    assert storage.checksum("a.bin") == entry.checksum


# Changes


def test_sto_13_changes_tell_folders_that_went_and_came_again(api: DropboxApi, storage: DropboxStorage) -> None:
    for path in ("in/a", "in/b", "out/c", "d"):
        api.put(f"/Photos/{path}", b"1")
    cursor = storage.changes().cursor
    api.page = 1
    api.remove("/Photos/in")
    api.put("/Photos/in/b", b"2")
    api.move("/Photos/out/c", "/Photos/out/e")
    api.put("/Photos/passing/f", b"3")
    api.remove("/Photos/passing")
    api.remove("/Photos/d")
    api.put("/Photos/d", b"4")
    changes = storage.changes("", cursor)
    assert sorted(entry.path for entry in changes.entries) == ["d", "in/b", "out/e"]
    assert sorted(changes.gone) == ["in", "out/c", "passing"]
    assert not changes.complete


def test_sto_13_a_forgotten_cursor_gives_all_anew(api: DropboxApi, storage: DropboxStorage) -> None:
    api.put("/Photos/a", b"1")
    cursor = storage.changes().cursor
    api.put("/Photos/b", b"1")
    api.remove("/Photos/a")
    api.forget_cursors()
    changes = storage.changes("", cursor)
    assert changes.complete
    assert [entry.path for entry in changes.entries] == ["b"]
    assert changes.gone == ()
    assert storage.changes("", changes.cursor).entries == ()


def test_sto_13_changes_of_a_folder_that_is_gone(api: DropboxApi, storage: DropboxStorage) -> None:
    api.put("/Photos/in/a", b"1")
    cursor = storage.changes("in").cursor
    api.remove("/Photos/in")
    with pytest.raises(NotFound) as found:
        storage.changes("in", cursor)
    assert found.value.path == "in"


# Uploads


def test_sto_11_large_files_go_in_blocks(api: DropboxApi, storage: DropboxStorage, back: Path) -> None:
    sizes = {"exact.bin": 2 * BLOCK, "more.bin": 2 * BLOCK + 1, "less.bin": BLOCK - 1, "one.bin": BLOCK}
    sent = [local_file(back, path, large(size)) for path, size in sizes.items()]
    assert {entry.path: entry.size for entry in storage.put_files(sent)} == sizes
    assert api.asked.count("files/upload_session/start") == 4
    assert api.asked.count("files/upload_session/append_v2") == 3
    assert api.asked.count("files/upload_session/finish_batch_v2") == 1
    fetched = [wanted(back, path, size) for path, size in sizes.items()]
    assert len(list(storage.get_files(fetched))) == 4
    assert all(file.local.read_bytes() == large(file.size) for file in fetched)


def test_sto_11_put_takes_large_content_too(api: DropboxApi, storage: DropboxStorage) -> None:
    data = large(BLOCK + 5)
    assert storage.put("in/a.bin", data).size == len(data)
    assert api.nodes["/photos/in/a.bin"].data == data
    with pytest.raises(AlreadyThere):
        storage.put("in/a.bin", data, overwrite=False)


def test_sto_11_many_files_are_named_together(api: DropboxApi, storage: DropboxStorage, tmp_path: Path) -> None:
    sent = [local_file(tmp_path, f"{number}.txt", str(number).encode()) for number in range(250)]
    assert len(list(storage.put_files(sent))) == 250
    assert api.asked.count("files/upload_session/finish_batch_v2") == 3
    assert api.asked.count("files/upload_session/start") == 250


@pytest.mark.parametrize("after", [0, 1000, BLOCK - 1, BLOCK])
def test_sto_7_an_upload_that_was_cut_goes_on(
    api: DropboxApi, patient: RetryingStorage, tmp_path: Path, after: int
) -> None:
    data = large(4 * BLOCK + 17)
    file = local_file(tmp_path, "a.bin", data)
    api.fail("files/upload_session/append_v2", dropbox_api.cut_upload(after), skip=1)
    over: list[int] = []
    [entry] = patient.put_files([file], moved=lambda _, done: over.append(done))
    assert entry.checksum == checksums.of_bytes("dropbox", data)
    assert api.nodes["/photos/a.bin"].data == data
    assert api.received <= len(data) + BLOCK, "only a block was sent again"
    assert api.asked.count("files/upload_session/start") == 1
    assert over == sorted(over)
    assert over[-1] == len(data)


def test_sto_7_without_more_tries_a_cut_upload_is_an_error_and_leaves_nothing(
    api: DropboxApi, storage: DropboxStorage, tmp_path: Path
) -> None:
    file = local_file(tmp_path, "a.bin", large(2 * BLOCK))
    api.fail("files/upload_session/append_v2", dropbox_api.cut_upload(5))
    with pytest.raises(Unreachable):
        list(storage.put_files([file]))
    assert storage.list() == []


@pytest.mark.parametrize("route", ["start", "append_v2", "finish_batch_v2"])
def test_sto_7_an_answer_that_is_lost_does_no_harm(
    api: DropboxApi, patient: RetryingStorage, tmp_path: Path, route: str
) -> None:
    data = large(2 * BLOCK)
    api.fail(f"files/upload_session/{route}", dropbox_api.lose_answer)
    [entry] = patient.put_files([local_file(tmp_path, "a.bin", data)])
    assert entry.size == len(data)
    assert api.nodes["/photos/a.bin"].data == data
    assert len(patient.list()) == 1


def test_sto_7_a_session_that_is_gone_is_begun_anew(api: DropboxApi, patient: RetryingStorage, tmp_path: Path) -> None:
    def forget(_: dropbox_api.Handler) -> None:
        api.sessions.clear()

    api.fail("files/upload_session/append_v2", forget)
    api.fail("files/upload_session/finish_batch_v2", forget)
    data = large(2 * BLOCK)
    assert len(list(patient.put_files([local_file(tmp_path, "a.bin", data)]))) == 1
    assert api.nodes["/photos/a.bin"].data == data
    assert api.asked.count("files/upload_session/start") == 3


def test_sto_8_a_slow_line_is_no_silence(api: DropboxApi, tmp_path: Path) -> None:
    token = SecretStr(api.new_refresh_token())
    file = local_file(tmp_path, "a.bin", large(BLOCK))
    with DropboxStorage(
        "d", "Photos", app_key=APP_KEY, refresh_token=token, timeout_seconds=0.5, sessions=api.session
    ) as storage:
        api.fail("files/upload_session/start", dropbox_api.slow_line(BLOCK))
        assert len(list(storage.put_files([file]))) == 1, "a block took longer than the time limit"


def test_sto_5_a_whole_file_is_not_sent_again(api: DropboxApi, storage: DropboxStorage, tmp_path: Path) -> None:
    sent = [local_file(tmp_path, "a.bin", b"same"), local_file(tmp_path, "b.bin", b"new")]
    api.put("/Photos/a.bin", b"same")
    api.put("/Photos/b.bin", b"old")
    assert sorted(entry.path for entry in storage.put_files(sent, resume=True)) == ["a.bin", "b.bin"]
    assert api.received == len(b"new")


def test_sto_8_one_file_that_fails_does_not_take_the_others_along(
    api: DropboxApi, storage: DropboxStorage, tmp_path: Path
) -> None:
    api.put("/Photos/b.txt", b"theirs")
    sent = [local_file(tmp_path, f"{name}.txt", name.encode()) for name in "abc"]
    given: list[str] = []
    with pytest.raises(AlreadyThere) as found:
        _collect(given, storage.put_files(sent, overwrite=False))
    assert (found.value.path, sorted(given)) == ("b.txt", ["a.txt", "c.txt"])
    assert {entry.path for entry in storage.list()} == {"a.txt", "b.txt", "c.txt"}
    assert storage.read("b.txt") == b"theirs"


def test_sto_5_a_file_that_changes_while_it_is_sent_is_not_kept(
    api: DropboxApi, storage: DropboxStorage, tmp_path: Path
) -> None:
    sent = [local_file(tmp_path, "a.bin", large(3 * BLOCK)), local_file(tmp_path, "b.txt", b"b")]

    def change(_: dropbox_api.Handler) -> None:
        sent[0].local.write_bytes(bytes(3 * BLOCK))

    api.fail("files/upload_session/append_v2", change)
    given: list[str] = []
    with pytest.raises(Damaged) as found:
        _collect(given, storage.put_files(sent))
    assert (found.value.path, given) == ("a.bin", ["b.txt"])
    assert [entry.path for entry in storage.list()] == ["b.txt"]


def test_sto_4_an_upload_that_is_damaged_on_the_way_is_refused(
    api: DropboxApi, patient: RetryingStorage, tmp_path: Path
) -> None:
    for route in ("files/upload", "files/upload_session/start", "files/upload_session/append_v2"):
        api.fail(route, dropbox_api.error("content_hash_mismatch"))
    assert patient.put("a.txt", b"a").size == 1
    data = large(2 * BLOCK)
    assert len(list(patient.put_files([local_file(tmp_path, "b.bin", data)]))) == 1
    assert patient.read("b.bin") == data


def test_sto_8_a_full_quota_is_said_at_once(api: DropboxApi, patient: RetryingStorage, tmp_path: Path) -> None:
    api.quota = 10
    with pytest.raises(NoSpace):
        patient.put("a.bin", bytes(11))
    with pytest.raises(NoSpace):
        list(patient.put_files([local_file(tmp_path, "a.bin", bytes(11))]))
    assert api.asked.count("files/upload") == 1
    assert patient.put("a.bin", bytes(10)).size == 10


@pytest.mark.parametrize("name", ["Thumbs.db", "desktop.ini", ".DS_Store", ".dropbox", ".dropbox.attr"])
def test_sto_12_names_that_dropbox_refuses(storage: DropboxStorage, name: str) -> None:
    with pytest.raises(BadPath) as found:
        storage.put(f"in/{name}", b"x")
    assert found.value.code == "storage-path-refused"


# Downloads


@pytest.mark.parametrize("after", [0, 1, 3 * MIB, 5 * MIB - 1])
def test_sto_7_a_download_that_was_cut_goes_on(
    api: DropboxApi, patient: RetryingStorage, back: Path, after: int
) -> None:
    data = large(5 * MIB)
    api.put("/Photos/a.bin", data)
    file = wanted(back, "a.bin", len(data))
    ranges: list[str | None] = []

    def note(handler: dropbox_api.Handler) -> None:
        ranges.append(handler.headers["Range"])

    api.fail("files/download", dropbox_api.cut_download(after))
    api.fail("files/download", note)
    assert list(patient.get_files([file])) == [file]
    assert file.local.read_bytes() == data
    assert api.asked.count("files/download") == 2
    begun = int((ranges[0] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    assert after - 256 * 1024 <= begun <= after, "what had come was not fetched again"


def test_sto_7_a_beginning_of_another_file_is_fetched_anew(
    api: DropboxApi, storage: DropboxStorage, back: Path
) -> None:
    api.put("/Photos/a.bin", b"the right one")
    file = wanted(back, "a.bin", 13)
    for begun in (b"wrong", b"the wrong one", b"the right one"):
        file.local.write_bytes(begun)
        over: list[int] = []
        assert list(storage.get_files([file], resume=True, moved=lambda _, done, over=over: over.append(done))) == [
            file
        ]
        assert over[-1] == 13
        assert file.local.read_bytes() == b"the right one"


def test_sto_7_a_file_that_changed_after_a_cut_is_not_mixed(
    api: DropboxApi, patient: RetryingStorage, back: Path
) -> None:
    api.put("/Photos/a.bin", b"a" * MIB)
    file = wanted(back, "a.bin", MIB)

    def change(_: dropbox_api.Handler) -> None:
        api.put("/Photos/a.bin", b"b" * MIB)

    api.fail("files/download", dropbox_api.cut_download(MIB // 2))
    api.fail("files/download", change)
    assert list(patient.get_files([file])) == [file]
    assert file.local.read_bytes() == b"b" * MIB


def test_sto_7_a_damaged_download_is_taken_away(api: DropboxApi, storage: DropboxStorage, back: Path) -> None:
    api.put("/Photos/a.bin", b"right")
    api.fail("files/download", dropbox_api.damage, times=3)
    file = wanted(back, "a.bin", 5)
    with pytest.raises(Damaged):
        list(storage.get_files([file]))
    assert not file.local.exists()
    with pytest.raises(Damaged):
        storage.read("a.bin")
    assert RetryingStorage(storage, first_delay_seconds=0).read("a.bin") == b"right"


def test_sto_8_blocked_content_is_said_at_once(api: DropboxApi, patient: RetryingStorage, back: Path) -> None:
    api.put("/Photos/a.bin", b"x")
    api.restricted.add("/photos/a.bin")
    for verb in (lambda: patient.read("a.bin"), lambda: list(patient.get_files([wanted(back, "a.bin", 1)]))):
        api.asked.clear()
        with pytest.raises(Denied) as found:
            verb()
        assert "restricted_content" in found.value.detail
        assert api.asked == ["files/download"]


def test_sto_8_a_read_that_is_cut_is_no_content(api: DropboxApi, storage: DropboxStorage) -> None:
    api.put("/Photos/a.bin", large(MIB))
    api.fail("files/download", dropbox_api.cut_download(1000))
    with pytest.raises(Unreachable):
        storage.read("a.bin")
    assert storage.read("a.bin") == large(MIB)


# Limits, and others who write


@pytest.mark.parametrize("plain", [False, True], ids=["json", "text"])
def test_sto_8_being_asked_to_come_back_later_is_heard(api: DropboxApi, storage: DropboxStorage, plain: bool) -> None:
    api.fail("files/list_folder", dropbox_api.limit_rate(17, plain=plain))
    with pytest.raises(Throttled) as found:
        storage.list()
    assert found.value.retry_after == 17
    assert api.asked.count("files/list_folder") == 1, "the SDK does not wait by itself"
    assert storage.list() == []


@pytest.mark.parametrize("status", [500, 503])
def test_sto_8_a_fault_of_dropbox_may_go_away(api: DropboxApi, storage: DropboxStorage, status: int) -> None:
    api.fail("files/list_folder", dropbox_api.refuse(status, "<html>oops"))
    with pytest.raises(Unreachable) as found:
        storage.list()
    assert found.value.detail == f"HTTP {status}"
    assert storage.list() == []


def test_sto_8_a_token_server_at_fault_may_go_away_too(api: DropboxApi) -> None:
    api.fail("/oauth2/token", dropbox_api.refuse(503, "oops"))
    with RetryingStorage(opened(api), first_delay_seconds=0) as storage:
        assert storage.list() == []


def test_sto_11_two_writers_to_one_account_wait_for_each_other(api: DropboxApi, tmp_path: Path) -> None:
    api.write_seconds = 0.02
    names = [f"{number}.txt" for number in range(6)]
    refused: list[int] = []

    def write(writer: str) -> None:
        with RetryingStorage(opened(api), attempts=10, first_delay_seconds=0.02) as storage:
            for name in names:
                storage.put(f"{writer}/{name}", name.encode())
            (tmp_path / writer).mkdir()
            entries = storage.put_files([local_file(tmp_path / writer, f"{writer}/more {n}", b"x") for n in names])
            refused.append(len(list(entries)))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [6, 6]
    assert sum(node.data is not None for node in api.nodes.values()) == 24


def test_sto_11_one_storage_never_writes_twice_at_once(
    api: DropboxApi, storage: DropboxStorage, tmp_path: Path
) -> None:
    api.write_seconds = 0.02
    list(storage.put_files([local_file(tmp_path, f"{number}.txt", b"x") for number in range(8)]))
    storage.put("taken", b"x")
    pairs = [(f"{number}.txt", f"new {number}.txt") for number in range(8)]
    storage.rename_files([*pairs[:7], ("7.txt", "taken")], overwrite=True)
    assert len(storage.list()) == 8


# Moves and removals


@pytest.mark.parametrize("polls", [0, 3], ids=["at once", "as a job"])
def test_sto_4_many_files_are_moved_together(api: DropboxApi, storage: DropboxStorage, polls: int) -> None:
    api.batch_polls = polls
    for number in range(20):
        api.put(f"/Photos/{number}.txt", b"x")
    storage.rename_files([(f"{number}.txt", f"done/{number}.txt") for number in range(20)], overwrite=False)
    assert len(storage.list("done")) == 20
    assert api.asked.count("files/move_batch_v2") == 1
    assert "files/move_v2" not in api.asked


def test_sto_4_a_file_that_changes_only_its_case_is_not_lost(storage: DropboxStorage) -> None:
    storage.put("a.txt", b"a")
    storage.rename("a.txt", "A.txt", overwrite=True)
    storage.rename_files([("a.txt", "A.TXT")], overwrite=True)
    assert storage.read("a.txt") == b"a"
    with pytest.raises(AlreadyThere):
        storage.rename("a.txt", "A.txt", overwrite=False)


def test_sto_4_a_replacing_rename_that_was_cut_is_completed(api: DropboxApi, patient: RetryingStorage) -> None:
    patient.put("new", b"new")
    patient.put("there", b"old")
    api.fail("files/delete_v2", dropbox_api.lose_answer)
    api.fail("files/move_v2", dropbox_api.lose_answer)
    patient.rename("new", "there", overwrite=True)
    assert patient.read("there") == b"new"
    assert len(patient.list()) == 1


def test_sto_4_only_what_was_looked_at_is_removed(api: DropboxApi, storage: DropboxStorage) -> None:
    api.put("/Photos/a.txt", b"old")

    def change(_: dropbox_api.Handler) -> None:
        api.put("/Photos/a.txt", b"somebody's new one")

    api.fail("files/delete_v2", change)
    with pytest.raises(Throttled):
        storage.delete("a.txt")
    assert storage.read("a.txt") == b"somebody's new one"


@pytest.mark.parametrize(
    ("route", "verb"),
    [
        ("move_v2", lambda storage: storage.rename("a.txt", "b.txt", overwrite=False)),
        ("move_batch_v2", lambda storage: storage.rename_files([("a.txt", "b.txt")], overwrite=False)),
    ],
    ids=["one", "many"],
)
def test_sto_4_a_source_that_just_went_is_the_one_named(
    api: DropboxApi, storage: DropboxStorage, route: str, verb: Callable[[DropboxStorage], None]
) -> None:
    api.put("/Photos/a.txt", b"a")
    api.fail(f"files/{route}", lambda _: api.remove("/Photos/a.txt"))
    with pytest.raises(NotFound) as found:
        verb(storage)
    assert found.value.path == "a.txt"


def test_sto_1_a_folder_is_never_removed_or_moved(api: DropboxApi, storage: DropboxStorage) -> None:
    api.put("/Photos/in/a.txt", b"a")
    for verb in (
        lambda: storage.delete("in"),
        lambda: storage.rename("in", "out", overwrite=True),
        lambda: storage.rename_files([("in", "out")], overwrite=False),
        lambda: storage.checksum("in"),
    ):
        with pytest.raises(NotFound):
            verb()
    assert storage.read("in/a.txt") == b"a"


# What answers mean


def _api(error: object) -> exceptions.ApiError:
    return exceptions.ApiError("r1", error, None, None)


def _status(status: int, body: str = "said so") -> exceptions.HttpError:
    return exceptions.HttpError("r1", status, body)


WRITE = files.WriteError
LOOKUP = files.LookupError
MOVE = files.RelocationError
ANSWERS = [
    (_api(files.ListFolderError.path(LOOKUP.not_found)), NotFound, "storage-not-found"),
    (_api(files.ListFolderError.path(LOOKUP.not_folder)), NotFound, "storage-not-found"),
    (_api(files.DownloadError.path(LOOKUP.not_file)), NotFound, "storage-not-found"),
    (_api(files.DownloadError.path(LOOKUP.restricted_content)), Denied, "storage-denied"),
    (_api(files.DownloadError.path(LOOKUP.locked)), Denied, "storage-denied"),
    (_api(files.DownloadError.path(LOOKUP.malformed_path(None))), BadPath, "storage-path-refused"),
    (_api(files.DownloadError.unsupported_file), Unexpected, "storage-unexpected"),
    (_api(files.UploadError.path(files.UploadWriteFailed(WRITE.insufficient_space, "s"))), NoSpace, "storage-no-space"),
    (_api(files.UploadError.path(files.UploadWriteFailed(WRITE.disallowed_name))), BadPath, "storage-path-refused"),
    (_api(files.UploadError.content_hash_mismatch), Damaged, "storage-damaged"),
    (_api(files.UploadError.payload_too_large), Unexpected, "storage-unexpected"),
    (_api(files.UploadSessionFinishError.path(WRITE.no_write_permission)), Denied, "storage-denied"),
    (_api(files.UploadSessionFinishError.path(WRITE.team_folder)), Denied, "storage-denied"),
    (_api(files.UploadSessionFinishError.path(WRITE.team_folder_insufficient_space)), NoSpace, "storage-no-space"),
    (_api(files.UploadSessionFinishError.path(WRITE.conflict(files.WriteConflictError.folder))), AlreadyThere,
     "storage-already-there"),
    (_api(files.UploadSessionFinishError.too_many_write_operations), Throttled, "storage-busy"),
    (_api(files.UploadSessionFinishError.lookup_failed(files.UploadSessionLookupError.not_found)), Unreachable,
     "storage-unreachable"),
    (_api(MOVE.from_lookup(LOOKUP.not_found)), NotFound, "storage-not-found"),
    (_api(MOVE.to(WRITE.conflict(files.WriteConflictError.file))), AlreadyThere, "storage-already-there"),
    (_api(MOVE.insufficient_quota), NoSpace, "storage-no-space"),
    (_api(MOVE.internal_error), Unreachable, "storage-unreachable"),
    (_api(MOVE.too_many_files), Unexpected, "storage-unexpected"),
    (_api(files.DeleteError.path_write(WRITE.conflict(files.WriteConflictError.file))), Throttled, "storage-busy"),
    (_api(files.ListFolderContinueError.reset), Unreachable, "storage-unreachable"),
    (_api(files.ListFolderError.other), Unexpected, "storage-unexpected"),
    (exceptions.AuthError("r1", auth.AuthError.invalid_access_token), Denied, "storage-login-refused"),
    (exceptions.AuthError("r1", auth.AuthError.user_suspended), Denied, "storage-login-refused"),
    (exceptions.AuthError("r1", auth.AuthError.missing_scope(auth.TokenScopeError("files.content.write"))), Denied,
     "storage-denied"),
    (exceptions.BadInputError("r1", "invalid_client: no such app"), Denied, "storage-login-refused"),
    (exceptions.BadInputError("r1", "Error in call"), Unexpected, "storage-unexpected"),
    (exceptions.RateLimitError("r1", None, 5), Throttled, "storage-busy"),
    (exceptions.InternalServerError("r1", 502, "<html>"), Unreachable, "storage-unreachable"),
    (exceptions.PathRootError("r1"), Unexpected, "storage-unexpected"),
    (_status(416), Unreachable, "storage-unreachable"),
    (_status(418), Unexpected, "storage-unexpected"),
    (requests.ConnectTimeout(), Unreachable, "storage-timeout"),
    (requests.ReadTimeout(), Unreachable, "storage-timeout"),
    (requests.ConnectionError("reset"), Unreachable, "storage-unreachable"),
    (requests.exceptions.ChunkedEncodingError("cut"), Unreachable, "storage-unreachable"),
    (requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), UntrustedHost,
     "storage-certificate-refused"),
    (requests.exceptions.SSLError("EOF occurred"), Unreachable, "storage-unreachable"),
    (requests.JSONDecodeError("no JSON", "<html>", 0), Unexpected, "storage-unexpected"),
    (AssertionError("Expected content-type to be application/json"), Unexpected, "storage-unexpected"),
    (KeyError("error"), Unexpected, "storage-unexpected"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "kind", "code"), ANSWERS, ids=[str(number) for number in range(len(ANSWERS))])
def test_sto_8_dropbox_answers_are_told_by_their_consequence(
    error: Exception, kind: type[StorageError], code: str
) -> None:
    told = backend._translate(error, "dropbox:/Photos", "a/b.txt")
    assert (type(told), told.code) == (kind, code)
    assert told.detail


def test_sto_8_what_a_scope_lacks_is_named() -> None:
    error = exceptions.AuthError("r1", auth.AuthError.missing_scope(auth.TokenScopeError("files.content.write")))
    assert backend._translate(error, "d", "").detail == "missing_scope/files.content.write"


def test_sto_8_an_answer_that_is_no_answer_is_unexpected(api: DropboxApi, storage: DropboxStorage) -> None:
    api.fail("files/list_folder", dropbox_api.refuse(409, "<html>a proxy's page"))
    with pytest.raises(Unexpected):
        storage.list()
    assert storage.list() == []


# The place


@pytest.mark.parametrize(
    ("url", "name", "folder"),
    [
        ("dropbox:/", "dropbox:/", ""),
        ("dropbox:", "dropbox:/", ""),
        ("dropbox:/Photos/", "dropbox:/Photos", "/Photos"),
        ("DROPBOX:/Mes%20photos/été", "dropbox:/Mes photos/été", "/Mes photos/été"),
    ],
)
def test_sto_2_a_place_has_one_form(url: str, name: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOX_TOKEN", "secret-token")
    place = as_place({"url": url, "app_key": "k", "refresh_token": "BOX_TOKEN"})
    assert isinstance(place, DropboxPlace)
    assert isinstance(place, BrowserLogin)
    assert (place.name, place.server) == (name, ("api.dropboxapi.com", 443))
    storage = open_place(place)
    assert storage.name == name
    assert storage._inner._root == folder
    assert "secret-token" not in repr(place) + repr(vars(storage._inner))
    assert place.secret_names == {"refresh_token": "BOX_TOKEN"}


@pytest.mark.parametrize("url", ["dropbox://host/Photos", "dropbox:/../x", "dropbox:/a?b", "dropbox:/a//b"])
def test_sto_2_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(BadPlace):
        as_place({"url": url, "app_key": "k", "refresh_token": "BOX_TOKEN"})


def test_sto_13_without_a_token_the_place_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOX_TOKEN", raising=False)
    place = as_place({"url": "dropbox:/Photos", "app_key": "k", "refresh_token": "BOX_TOKEN"})
    with pytest.raises(BadPlace) as found:
        open_place(place, secrets_file=tmp_path / "none.toml")
    assert (found.value.code, found.value.detail) == ("storage-login-needed", "BOX_TOKEN")
    with pytest.raises(ValidationError):
        as_place({"url": "dropbox:/Photos", "app_key": "k"})

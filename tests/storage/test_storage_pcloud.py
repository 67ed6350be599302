"""pCloud: the contract against the stand-in, and what is particular to it (STO-1, STO-8, STO-13)."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import tomllib
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr, ValidationError
from standins.pcloud_api import CLIENT, TOKEN, Node, Pcloud, certificate
from storage_servers import program

from passerelle.storage import pcloud as backend
from passerelle.storage.base import LocalFile, Storage
from passerelle.storage.check import check_place
from passerelle.storage.checksums import of_bytes
from passerelle.storage.contract import StorageContract
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
from passerelle.storage.login import Provider, authorise
from passerelle.storage.pcloud import PcloudLogin, PcloudPlace, PcloudStorage
from passerelle.storage.places import as_place

FOLDER = "Échanges"


@pytest.fixture(scope="module")
def running() -> Iterator[Pcloud]:
    with Pcloud() as pcloud:
        yield pcloud


@pytest.fixture
def pcloud(running: Pcloud, monkeypatch: pytest.MonkeyPatch) -> Pcloud:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate()))
    running.empty()
    running.createfolder({"folderid": "0", "name": FOLDER})
    return running


@pytest.fixture
def storage(pcloud: Pcloud) -> Iterator[PcloudStorage]:
    with opened(pcloud) as storage:
        yield storage


def opened(pcloud: Pcloud, *, token: str = TOKEN, folder: str = FOLDER, timeout: float = 5) -> PcloudStorage:
    return PcloudStorage(
        f"pcloud:/{folder}", SecretStr(token), host=pcloud.host, folder=folder, timeout_seconds=timeout
    )


def node(pcloud: Pcloud, path: str) -> Node:
    found = pcloud.root
    for name in path.split("/"):
        found = found.children[name]
    return found


class TestPcloud(StorageContract):
    backend = PcloudStorage

    @pytest.fixture
    def storage(self, storage: PcloudStorage) -> Storage:
        return storage


# The stand-in is a good one: rclone, which works with pCloud, works with it; and sees what we did.


@pytest.fixture
def rclone(pcloud: Pcloud, tmp_path: Path) -> Callable[..., str]:
    pcloud.region = "us"  # rclone believes so of any host but one: it decides which checksums it compares
    environment = {
        "PATH": os.environ["PATH"],
        "RCLONE_CONFIG": str(tmp_path / "rclone.conf"),
        "RCLONE_CA_CERT": str(certificate()),
        "RCLONE_CONFIG_PCLOUD_TYPE": "pcloud",
        "RCLONE_CONFIG_PCLOUD_HOSTNAME": pcloud.host,
        "RCLONE_CONFIG_PCLOUD_TOKEN": json.dumps({"access_token": TOKEN, "token_type": "bearer"}),
    }

    def run(*words: str) -> str:
        command = [program("rclone"), "--retries", "1", "--low-level-retries", "1", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_img_5_files_in_many_folders_are_looked_for_in_one_listing(
    storage: PcloudStorage, pcloud: Pcloud, tmp_path: Path
) -> None:
    paths = {f"R{number}/1.jpg": bytes([number]) for number in range(20)}
    for path, data in paths.items():
        storage.put(path, data)
    files = [LocalFile(path, tmp_path / str(number), 1) for number, path in enumerate(paths)]
    for folders, calls in ((10, 10), (20, 1)):
        pcloud.calls.clear()
        gone = LocalFile("R0/gone.jpg", tmp_path / "gone", 1)
        assert len(list(storage.get_files([*files[:folders], gone]))) == folders
        assert pcloud.calls["listfolder"] == calls
    assert {file.path: file.local.read_bytes() for file in files} == paths


def test_sto_1_what_rclone_sends_is_what_we_read(
    storage: PcloudStorage, rclone: Callable[..., str], tmp_path: Path
) -> None:
    contents = {"a.txt": b"hello", "vide.txt": b"", "été/é l.bin": os.urandom(300_000)}
    for path, data in contents.items():
        (tmp_path / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / path).write_bytes(data)
    rclone("copy", str(tmp_path / "out"), f"pcloud:{FOLDER}/in")
    found = storage.list("in", recursive=True)
    assert {entry.path: storage.read(entry.path) for entry in found} == {
        f"in/{path}": data for path, data in contents.items()
    }
    rclone("moveto", f"pcloud:{FOLDER}/in/a.txt", f"pcloud:{FOLDER}/in/b.txt")
    rclone("delete", f"pcloud:{FOLDER}/in/été")
    assert [entry.path for entry in storage.list("in", recursive=True)] == ["in/vide.txt", "in/b.txt"]


def test_sto_1_what_we_send_is_what_rclone_reads(
    storage: PcloudStorage, rclone: Callable[..., str], tmp_path: Path
) -> None:
    contents = {"a.txt": b"hello", "vidé.txt": b"", "été/é l.bin": os.urandom(300_000)}
    files = []
    for path, data in contents.items():
        (tmp_path / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / path).write_bytes(data)
        files.append(LocalFile(f"in/{path}", tmp_path / "out" / path, len(data)))
    assert len(list(storage.put_files(files))) == 3
    said = rclone("check", str(tmp_path / "out"), f"pcloud:{FOLDER}/in")
    assert "0 differences found" in said
    assert "hashes could not be checked" not in said
    rclone("copy", f"pcloud:{FOLDER}/in", str(tmp_path / "back"))
    assert {path: (tmp_path / "back" / path).read_bytes() for path in contents} == contents


# Listings


def test_sto_13_a_tree_is_one_call_and_the_accounts_root_is_never_asked_for_one(pcloud: Pcloud) -> None:
    paths = ["a.txt", "in/b.txt", "in/deep/c.txt", "out/d.txt"]
    with opened(pcloud) as storage:
        for path in paths:
            storage.put(path, path.encode())
        pcloud.calls.clear()
        assert sorted(entry.path for entry in storage.list(recursive=True)) == paths
        assert pcloud.calls["listfolder"] == 1
    with opened(pcloud, folder="") as root:
        pcloud.calls.clear()
        assert sorted(entry.path for entry in root.list(recursive=True)) == [f"{FOLDER}/{path}" for path in paths]
        assert pcloud.calls["listfolder"] == 2  # the root, and the one folder in it


@pytest.mark.parametrize("refused", ["too many", "too deep"])
def test_sto_13_a_tree_that_pcloud_refuses_is_listed_folder_by_folder(
    pcloud: Pcloud, storage: PcloudStorage, refused: str
) -> None:
    paths = sorted(f"in/{number % 4}/{number:02}.txt" for number in range(20))
    if refused == "too deep":
        paths.append("in/" + "d/" * 45 + "e.txt")
    for path in paths:
        storage.put(path, b"x")
    pcloud.largest_tree = 5 if refused == "too many" else 10_000
    assert sorted(entry.path for entry in storage.list(recursive=True)) == sorted(paths)


def test_sto_8_an_internal_error_is_no_large_tree(pcloud: Pcloud, storage: PcloudStorage) -> None:
    pcloud.failures["listfolder"] = [5000, 5000]
    with pytest.raises(Throttled):
        storage.list(recursive=True)


def test_sto_12_what_must_not_be_used_is_not_listed(
    pcloud: Pcloud, storage: PcloudStorage, caplog: pytest.LogCaptureFixture
) -> None:
    storage.put("in/good.txt", b"x")
    folder = node(pcloud, f"{FOLDER}/in")
    for name in ("..", "a\\b.txt", "x\x1b[2J", "CON"):
        folder.children[name] = Node(1, name, folder, b"hostile")
    below = folder.children["a:b"] = Node(2, "a:b", folder)
    below.children["c.txt"] = Node(3, "c.txt", below, b"below a bad folder")
    folder.children["Crypto Folder"] = Node(4, "Crypto Folder", folder, encrypted=True)
    with caplog.at_level(logging.WARNING):
        for recursive in (False, True):
            assert [entry.path for entry in storage.list("in", recursive=recursive)] == ["in/good.txt"]
    assert caplog.text.count("not listed") == 12
    assert "\x1b" not in caplog.text


def test_sto_13_nothing_is_cached_between_verbs(pcloud: Pcloud, storage: PcloudStorage) -> None:
    storage.put("in/a.txt", b"one")
    pcloud.deletefolderrecursive({"path": f"/{FOLDER}/in"})
    with pytest.raises(NotFound):
        storage.read("in/a.txt")
    storage.put("in/a.txt", b"two")  # in a folder with another id
    assert storage.read("in/a.txt") == b"two"
    pcloud.deletefolderrecursive({"path": f"/{FOLDER}"})
    with pytest.raises(NotFound):
        storage.put("in/a.txt", b"three")
    assert pcloud.root.children == {}


# Uploads


def test_sto_4_an_upload_is_compared_with_what_was_sent(pcloud: Pcloud, storage: PcloudStorage) -> None:
    pcloud.spoil = True
    with pytest.raises(Damaged) as found:
        storage.put("a.txt", b"content")
    assert "SHA-1" in found.value.detail
    assert storage.list() == []


@pytest.mark.parametrize("fault", [5001, 503, 2008])
@pytest.mark.parametrize("before", [None, b"the older one"], ids=["new", "replacing"])
def test_sto_4_half_a_file_is_taken_away(
    pcloud: Pcloud, storage: PcloudStorage, tmp_path: Path, fault: int, before: bytes | None
) -> None:
    if before:
        storage.put("a.bin", before)
    pcloud.keep_half = True
    pcloud.failures["uploadfile"] = [fault]
    (tmp_path / "a").write_bytes(bytes(50_000))
    with pytest.raises(StorageError) as found:
        list(storage.put_files([LocalFile("a.bin", tmp_path / "a", 50_000)]))
    assert type(found.value) is (NoSpace if fault == 2008 else Throttled)
    assert storage.list() == []
    assert pcloud.calls["deletefile"] == 1


def test_sto_4_another_writers_file_is_not_taken_for_half_of_ours(pcloud: Pcloud, storage: PcloudStorage) -> None:
    """Our upload fails and leaves nothing; theirs came after we looked."""

    def meanwhile() -> int:
        folder = node(pcloud, FOLDER)
        folder.children["a.txt"] = Node(7, "a.txt", folder, b"the other's")
        return 5001

    pcloud.failures["uploadfile"] = [meanwhile]
    with pytest.raises(Throttled):
        storage.put("a.txt", b"ours, and longer", overwrite=False)
    assert storage.read("a.txt") == b"the other's"


def test_sto_4_what_was_there_stays_when_an_upload_fails_cleanly(pcloud: Pcloud, storage: PcloudStorage) -> None:
    storage.put("a.txt", b"older")
    pcloud.failures["uploadfile"] = [5001]
    with pytest.raises(Throttled):
        storage.put("a.txt", b"newer")
    assert storage.read("a.txt") == b"older"


def test_sto_5_a_local_file_cut_while_it_is_sent(pcloud: Pcloud, storage: PcloudStorage, tmp_path: Path) -> None:
    local = tmp_path / "a"
    local.write_bytes(bytes(3_000_000))

    def cut(_: str, over: int) -> None:
        os.truncate(local, over)

    with pytest.raises(Unexpected) as found:
        list(storage.put_files([LocalFile("a.bin", local, 3_000_000)], moved=cut))
    assert (found.value.code, found.value.path) == ("storage-local-changed", "a.bin")
    assert storage.list() == []


def test_sto_4_a_writer_at_the_same_moment_is_not_overwritten(pcloud: Pcloud, storage: PcloudStorage) -> None:
    """The other's file comes after we looked: pCloud renames ours, and we take it away."""

    def meanwhile(name: str) -> str:
        node(pcloud, FOLDER).children.setdefault(name, Node(7, name, node(pcloud, FOLDER), b"the other's"))
        return name

    pcloud.rename_uploads = meanwhile
    with pytest.raises(AlreadyThere):
        storage.put("a.txt", b"ours", overwrite=False)
    assert [(entry.path, storage.read(entry.path)) for entry in storage.list()] == [("a.txt", b"the other's")]


def test_sto_12_a_name_that_pcloud_changes_is_refused(pcloud: Pcloud, storage: PcloudStorage) -> None:
    pcloud.rename_uploads = str.upper
    with pytest.raises(BadPath) as found:
        storage.put("a.txt", b"x")
    assert (found.value.code, found.value.detail) == ("storage-path-refused", "A.TXT")
    assert storage.list() == []


def test_sto_13_what_arrived_whole_is_not_sent_again(pcloud: Pcloud, storage: PcloudStorage, tmp_path: Path) -> None:
    storage.put("whole.bin", b"12345")
    storage.put("other.bin", b"54321")
    files = []
    for name in ("whole.bin", "other.bin", "new.bin"):
        (tmp_path / name).write_bytes(b"12345")
        files.append(LocalFile(name, tmp_path / name, 5))
    pcloud.calls.clear()
    assert len(list(storage.put_files(files, resume=True))) == 3
    assert pcloud.calls["uploadfile"] == 2
    assert {storage.read(file.path) for file in files} == {b"12345"}


def test_sto_11_many_files_cost_one_listing_of_each_folder(
    pcloud: Pcloud, storage: PcloudStorage, tmp_path: Path
) -> None:
    storage.put("in/x", b"")
    (tmp_path / "a").write_bytes(b"a")
    files = [LocalFile(f"in/{number}", tmp_path / "a", 1) for number in range(30)]
    pcloud.calls.clear()
    list(storage.put_files(files))
    storage.rename_files([(file.path, f"{file.path}.txt") for file in files], overwrite=False)
    wanted = [LocalFile(f"{file.path}.txt", tmp_path / f"back{number}", 1) for number, file in enumerate(files)]
    assert len(list(storage.get_files(wanted))) == 30
    assert pcloud.calls["listfolder"] == 4  # one to send, two to rename, one to fetch


@pytest.mark.parametrize(("region", "other"), [("us", "md5"), ("eu", "sha256")])
def test_sto_13_checksums_are_the_same_in_both_regions(
    pcloud: Pcloud, storage: PcloudStorage, region: str, other: str
) -> None:
    pcloud.region = region
    entry = storage.put("a.txt", b"content")
    assert entry.checksum == storage.checksum("a.txt") == of_bytes("sha1", b"content")
    assert other in pcloud.checksumfile({"path": f"/{FOLDER}/a.txt"})
    assert entry.version == storage.list()[0].version != storage.put("a.txt", b"other").version


# Downloads


def test_sto_8_the_next_host_is_asked_when_one_is_dead(pcloud: Pcloud, storage: PcloudStorage, tmp_path: Path) -> None:
    storage.put("a.txt", b"content")
    pcloud.dead_hosts = 2
    assert storage.read("a.txt") == b"content"
    file = LocalFile("a.txt", tmp_path / "a", 7)
    assert list(storage.get_files([file])) == [file]
    assert pcloud.calls["getfilelink"] == 2


def test_sto_8_a_link_that_expired_is_renewed(pcloud: Pcloud, storage: PcloudStorage) -> None:
    storage.put("a.txt", b"content")
    lives = iter([-1.0, 60.0])
    ask = pcloud.getfilelink

    def getfilelink(given: dict[str, str]) -> dict[str, object]:
        pcloud.link_seconds = next(lives)
        return ask(given)

    pcloud.getfilelink = getfilelink  # type: ignore[method-assign]
    assert storage.read("a.txt") == b"content"
    del pcloud.getfilelink
    pcloud.link_seconds = -1
    with pytest.raises(Unreachable, match="HTTP 410"):
        storage.read("a.txt")


def test_sto_7_a_download_that_was_cut_goes_on_with_the_rest(
    pcloud: Pcloud, storage: PcloudStorage, tmp_path: Path
) -> None:
    data = bytes(range(251)) * 8000
    storage.put("a.bin", data)
    file = LocalFile("a.bin", tmp_path / "a", len(data))
    pcloud.cut_content = [1_000_000]
    with pytest.raises(Unreachable):
        list(storage.get_files([file]))
    begun = file.local.stat().st_size
    assert 500_000 < begun <= 1_000_000
    assert list(storage.get_files([file], resume=True)) == [file]
    assert file.local.read_bytes() == data
    assert pcloud.seen[-1][2] == f"bytes={begun}-"


def test_sto_7_a_beginning_of_another_file_is_found_out(storage: PcloudStorage, tmp_path: Path) -> None:
    storage.put("a.bin", b"0123456789")
    file = LocalFile("a.bin", tmp_path / "a", 10)
    file.local.write_bytes(b"xxxxx")
    with pytest.raises(Damaged):
        list(storage.get_files([file], resume=True))
    assert list(storage.get_files([file], resume=True)) == [file]
    assert file.local.read_bytes() == b"0123456789"


def test_sto_2_only_the_api_is_told_the_token(pcloud: Pcloud, storage: PcloudStorage, tmp_path: Path) -> None:
    storage.put("a.txt", b"content")
    (tmp_path / "netrc").write_text("default login someone password something\n")
    (tmp_path / "netrc").chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETRC", str(tmp_path / "netrc"))
        assert storage.read("a.txt") == b"content"
    assert [authorization for _, authorization, _ in pcloud.seen] == [None]


# Failures


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (1000, Denied, "storage-login-refused"),
        (2000, Denied, "storage-login-refused"),
        (2001, BadPath, "storage-path-refused"),
        (2008, NoSpace, "storage-no-space"),
        (4000, Throttled, "storage-busy"),
        (5000, Throttled, "storage-busy"),
        (429, Throttled, "storage-busy"),
        (503, Throttled, "storage-busy"),
        (307, Unexpected, "storage-unexpected"),
        (404, Unexpected, "storage-unexpected"),
    ],
)
def test_sto_8_answers_are_told_by_their_consequence(
    pcloud: Pcloud, storage: PcloudStorage, fault: int, kind: type[StorageError], code: str
) -> None:
    storage.put("a.txt", b"x")
    pcloud.failures["listfolder"] = [fault]
    with pytest.raises(StorageError) as found:
        storage.delete("a.txt")
    assert (type(found.value), found.value.code, found.value.path) == (kind, code, "a.txt")
    if isinstance(found.value, Throttled):
        assert found.value.retry_after == {4000: 300, 429: 7}.get(fault)
    storage.delete("a.txt")  # it goes on being used


def _cut_off() -> requests.ConnectionError:
    link = "/a-ticket/secret.csv"
    inner = ConnectionResetError(104, "Connection reset by peer")
    return requests.ConnectionError(f"HTTPSConnectionPool(host='c1', port=443): {link}", inner)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (backend._Refused(2003, "Access denied."), Denied, "storage-denied"),
        (backend._Refused(2004, "File or folder alredy exists."), AlreadyThere, "storage-already-there"),
        (backend._Refused(2002, "A component"), NotFound, "storage-not-found"),
        (backend._Refused(2005, "Directory does not exist."), NotFound, "storage-not-found"),
        (backend._Refused(2009, "File not found."), NotFound, "storage-not-found"),
        (backend._Refused(2010, "Invalid path."), BadPath, "storage-path-refused"),
        (backend._Refused(2041, "Connection broken."), Unreachable, "storage-unreachable"),
        (backend._Refused(2094, "Invalid 'access_token' provided."), Denied, "storage-login-refused"),
        (backend._Refused(5002, "No servers available."), Throttled, "storage-busy"),
        (backend._Refused(7001, "Invalid link"), Unexpected, "storage-unexpected"),
        (backend._Refused(9999, ""), Unexpected, "storage-unexpected"),
        (_cut_off(), Unreachable, "storage-unreachable"),
        (requests.ReadTimeout("Read timed out"), Unreachable, "storage-timeout"),
        (requests.ConnectTimeout("…"), Unreachable, "storage-timeout"),
        (requests.exceptions.ChunkedEncodingError("IncompleteRead"), Unreachable, "storage-unreachable"),
        (requests.exceptions.SSLError("EOF occurred"), Unreachable, "storage-unreachable"),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), UntrustedHost, "storage-certificate-refused"),
        (ValueError("no JSON"), Unexpected, "storage-unexpected"),
    ],
    ids=lambda value: repr(value) if isinstance(value, Exception) else None,
)
def test_sto_8_errors_are_told_by_their_consequence(error: Exception, kind: type[StorageError], code: str) -> None:
    told = backend._translate(error, "pcloud:/in", "a.txt")
    assert (type(told), told.code) == (kind, code)
    assert "ticket" not in told.detail
    assert told.detail


@pytest.mark.parametrize("told", [{}, {"metadata": []}, {"metadata": {"name": "x", "isfolder": True, "modified": "?"}}])
def test_sto_8_an_answer_that_lacks_something_is_unexpected(
    pcloud: Pcloud, storage: PcloudStorage, monkeypatch: pytest.MonkeyPatch, told: dict[str, object]
) -> None:
    monkeypatch.setattr(pcloud, "listfolder", lambda _: told)
    for verb in (storage.list, lambda: storage.list(recursive=True), lambda: storage.read("a.txt")):
        with pytest.raises(Unexpected):
            verb()


def test_sto_6_a_folder_that_is_gone_is_no_empty_one(pcloud: Pcloud, storage: PcloudStorage, tmp_path: Path) -> None:
    pcloud.deletefolderrecursive({"path": f"/{FOLDER}"})
    with pytest.raises(NotFound):
        list(storage.get_files([LocalFile("in/a.txt", tmp_path / "a", 1)]))


def test_sto_8_a_missing_folder_is_never_created(pcloud: Pcloud) -> None:
    with pytest.raises(NotFound), opened(pcloud, folder="absent"):
        pytest.fail("it is not there")
    assert list(pcloud.root.children) == [FOLDER]


def test_sto_8_a_server_that_is_silent_or_gone(pcloud: Pcloud, storage: PcloudStorage) -> None:
    with Pcloud() as other:
        other.createfolder({"folderid": "0", "name": FOLDER})
        with opened(other, timeout=1) as slow:
            with other.lock, pytest.raises(Unreachable) as found:
                slow.list()
            assert found.value.code == "storage-timeout"
            assert slow.list() == []
    with pytest.raises(Unreachable, match="refused"), opened(other):
        pytest.fail("nobody listens")


def test_sto_9_a_certificate_of_nobody_we_know_is_refused(pcloud: Pcloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(UntrustedHost) as found, opened(pcloud):
        pytest.fail("it is not to be trusted")
    assert found.value.code == "storage-certificate-refused"
    assert not pcloud.calls


def test_sto_2_the_token_is_shown_nowhere(
    pcloud: Pcloud, storage: PcloudStorage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    storage.put("a.txt", b"content")
    storage.read("a.txt")
    tickets = list(pcloud.links)
    pcloud.failures["listfolder"] = [2000]
    with pytest.raises(Denied) as refused:
        storage.list()
    pcloud.dead_hosts, pcloud.link_seconds = 1, -1
    with pytest.raises(Unreachable) as cut:
        storage.read("a.txt")
    shown = repr(storage) + "".join(
        "".join(traceback.format_exception(error)) + repr(pickle.dumps(error)) for error in (refused.value, cut.value)
    )
    for secret in (TOKEN, *tickets, *pcloud.links):
        assert secret not in shown
    assert TOKEN not in caplog.text


def test_sto_1_it_is_used_only_while_it_is_open(pcloud: Pcloud) -> None:
    with pytest.raises(RuntimeError, match="with block"):
        opened(pcloud).list()


# The place, and logging in


def secret_of(name: str) -> SecretStr | None:
    known = {"": None, "PCLOUD_TOKEN": SecretStr(TOKEN), "PCLOUD_APP": SecretStr(CLIENT[1])}
    if name not in known:
        raise BadPlace("secrets.toml", "", name, "storage-secret-missing")
    return known[name]


def test_sto_2_a_place_is_its_url_and_a_few_options() -> None:
    place = as_place({"url": "pcloud:/%C3%89changes/in/", "access_token": "PCLOUD_TOKEN"})
    assert isinstance(place, PcloudPlace)
    assert (place.name, place.server, place.secret_names) == (
        "pcloud:/Échanges/in",
        ("eapi.pcloud.com", 443),
        {"access_token": "PCLOUD_TOKEN"},
    )
    assert place.model_copy(update={"region": "us"}).server == ("api.pcloud.com", 443)
    storage = place.storage(Path(), secret_of)
    assert (storage.name, storage._root, storage._host) == ("pcloud:/Échanges/in", "Échanges/in", "eapi.pcloud.com")
    assert TOKEN not in repr(vars(storage)) + repr(place)


@pytest.mark.parametrize("url", ["pcloud://host/in", "pcloud:/in/../..", "pcloud:/a?b", "pcloud:/a\\b"])
def test_sto_2_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(BadPlace):
        as_place({"url": url, "access_token": "PCLOUD_TOKEN"})


@pytest.mark.parametrize("options", [{}, {"access_token": ""}, {"access_token": "PCLOUD_TOKEN", "region": "fr"}])
def test_sto_2_wrong_options_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        as_place({"url": "pcloud:/in", **options})


def test_sto_13_without_its_token_a_place_says_to_log_in() -> None:
    place = as_place({"url": "pcloud:/in", "access_token": "NOT_YET"})
    with pytest.raises(BadPlace) as found:
        place.storage(Path(), secret_of)
    assert (found.value.code, found.value.detail) == ("storage-login-needed", "NOT_YET")


def test_sto_3_every_step_is_told(pcloud: Pcloud, monkeypatch: pytest.MonkeyPatch) -> None:
    place = as_place({"url": f"pcloud:/{FOLDER}", "access_token": "PCLOUD_TOKEN"})
    steps = ["connected", "certificate", "logged-in", "folder"]

    def told(storage: PcloudStorage) -> list[str]:
        place_here = place.model_copy(update={"url": "pcloud:/x"})
        monkeypatch.setattr(PcloudPlace, "server", None)
        found = list(check_place(place_here, storage))
        names = [step.code.removeprefix("storage-step-") for step in found]
        assert all(step.error is None for step in found[:-1])
        return [*names[:-1], f"{names[-1]} failed" if found[-1].error else names[-1]]

    assert told(opened(pcloud)) == [*steps, "listed", "written", "read-back", "removed"]
    assert told(opened(pcloud, token="another")) == [*steps[:2], "logged-in failed"]
    assert told(opened(pcloud, folder="absent")) == [*steps[:3], "folder failed"]
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert told(opened(pcloud)) == [steps[0], "certificate failed"]


@pytest.fixture
def both() -> Iterator[dict[str, Pcloud]]:
    """Both regions; the account is in the European one."""
    with Pcloud("us", token="an American's token") as us, Pcloud("eu") as eu:
        us.codes.clear()
        yield {"us": us, "eu": eu}


def login(both: dict[str, Pcloud], app_secret: str = CLIENT[1]) -> PcloudLogin:
    hosts = {region: pcloud.host for region, pcloud in both.items()}
    return PcloudLogin("pcloud:/in", "PCLOUD_TOKEN", CLIENT[0], SecretStr(app_secret), hosts=hosts)


def test_sto_13_the_code_is_changed_where_the_account_is(both: dict[str, Pcloud], pcloud: Pcloud) -> None:
    provider: Provider = login(both)
    address = urlsplit(provider.authorize_url("http://127.0.0.1:1234/", "the-state", "challenge"))
    assert (address.hostname, address.path) == ("my.pcloud.com", "/oauth2/authorize")
    assert parse_qs(address.query) == {
        "client_id": [CLIENT[0]],
        "response_type": ["code"],
        "redirect_uri": ["http://127.0.0.1:1234/"],
        "state": ["the-state"],
    }
    answer = {"code": "the-code", "locationid": "2", "hostname": both["eu"].host}
    grant = provider.grant(answer, "http://127.0.0.1:1234/", "verifier")
    assert grant.token.get_secret_value() == TOKEN
    assert grant.options == {"region": "eu"}
    assert both["us"].calls == {}
    with pytest.raises(Denied) as again:
        provider.grant(answer, "http://127.0.0.1:1234/", "verifier")
    assert (again.value.code, again.value.detail) == ("storage-login-code", "2012 Invalid 'code' provided.")


@pytest.mark.parametrize(
    "answer",
    [
        {"hostname": "api.example.org", "locationid": "2"},
        {"hostname": "api.example.org"},
        {"locationid": "3"},
        {},
    ],
    ids=str,
)
def test_sto_13_the_apps_secret_goes_to_pcloud_only(both: dict[str, Pcloud], answer: dict[str, str]) -> None:
    with pytest.raises(Denied) as found:
        login(both).grant({"code": "the-code", **answer}, "http://127.0.0.1:1/", "verifier")
    assert found.value.code == "storage-login-code"
    assert not both["us"].calls
    assert not both["eu"].calls


def test_sto_2_no_redirection_takes_the_apps_secret_elsewhere(both: dict[str, Pcloud], pcloud: Pcloud) -> None:
    both["eu"].failures["oauth2_token"] = [307]
    both["eu"].redirect = f"https://{both['us'].host}/oauth2_token"
    with pytest.raises(Unexpected):
        login(both).grant({"code": "the-code", "locationid": "2"}, "http://127.0.0.1:1/", "")
    assert both["us"].calls == {}


def test_sto_13_a_wrong_secret_of_the_app_is_not_shown(both: dict[str, Pcloud], pcloud: Pcloud) -> None:
    wrong, answer = TOKEN[::-1], {"code": CLIENT[1][::-1], "locationid": "2"}  # not as this line shows them
    with pytest.raises(Denied) as found:
        login(both, wrong).grant(answer, "http://127.0.0.1:1/", "")
    shown = "".join(traceback.format_exception(found.value))
    assert wrong not in shown
    assert answer["code"] not in shown


def test_sto_13_logging_in_stores_a_token_that_works(both: dict[str, Pcloud], pcloud: Pcloud, tmp_path: Path) -> None:
    """The browser comes back without the state, as pCloud was seen to send it."""
    answer = {"code": "the-code", "locationid": "2", "hostname": both["eu"].host}

    def browser(address: str) -> None:
        [redirect] = parse_qs(urlsplit(address).query)["redirect_uri"]
        requests.get(redirect, params=answer, timeout=10).raise_for_status()

    file, shown = tmp_path / "secrets.toml", list[str]()
    options = authorise(
        login(both), show=shown.append, open_browser=browser, port=0, timeout_seconds=10, secrets_file=file
    )
    assert options == {"region": "eu"}
    assert TOKEN not in "".join(shown)
    stored = tomllib.loads(file.read_text())["PCLOUD_TOKEN"]
    with opened(both["eu"], token=stored, folder="") as storage:
        assert storage.list() == []


def test_sto_8_a_token_of_the_other_region_says_so(both: dict[str, Pcloud], pcloud: Pcloud) -> None:
    with pytest.raises(Denied) as found, opened(both["us"], folder=""):
        pytest.fail("the account is not there")
    assert found.value.code == "storage-login-refused"
    assert "Region?" in found.value.detail


def test_sto_13_to_log_in_the_app_must_be_named() -> None:
    place = as_place({"url": "pcloud:/in", "access_token": "PCLOUD_TOKEN"})
    assert isinstance(place, PcloudPlace)
    with pytest.raises(BadPlace) as found:
        place.provider(secret_of)
    assert found.value.code == "storage-login-app"
    named = place.model_copy(update={"app_key": CLIENT[0], "app_secret": "PCLOUD_APP"})
    assert named.provider(secret_of).secret_name == "PCLOUD_TOKEN"

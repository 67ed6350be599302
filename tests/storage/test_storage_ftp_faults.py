"""What FTP servers and the way to them do wrong, for real: each fault is named, and what arrives is whole and once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import storage_servers
from pyftpdlib.handlers import DTPHandler
from storage_certificates import Authority, Certificate
from storage_proxy import Cut, How, Proxy
from storage_servers import Handler, Server, ftp_storage

from passerelle.storage import checksums
from passerelle.storage.base import LocalFile
from passerelle.storage.errors import (
    AlreadyThere,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    Throttled,
    Transient,
    Unexpected,
    Unreachable,
)
from passerelle.storage.ftp import FtpStorage
from passerelle.storage.ftp.data import AwaitedConnection
from passerelle.storage.publish import OutFile, publish
from passerelle.storage.retrying import RetryingStorage

CONTENTS = {"a.csv": b"a;b\r\n" * 20, "b \u00e9t\u00e9.bin": bytes(range(256)) * 200, "c.txt": b""}


@pytest.fixture
def folder() -> Iterator[Path]:
    with storage_servers.shared_folder() as folder:
        yield folder


@pytest.fixture
def files(tmp_path: Path) -> list[OutFile]:
    for name, data in CONTENTS.items():
        (tmp_path / name).write_bytes(data)
    return [
        OutFile(name, tmp_path / name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENTS.items()
    ]


def deliver(storage: FtpStorage, files: list[OutFile]) -> list[str]:
    """Publish; give the states of the files."""
    with storage:
        return [file.state for file in publish(storage, files, "manifest.json").files]


def stored(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def assert_whole_and_once(folder: Path) -> None:
    left = stored(folder)
    assert left.pop("manifest.json")
    assert left == CONTENTS


def local_files(folder: Path, number: int, size: int = 100, into: str = "in") -> list[LocalFile]:
    """Write files to send."""
    found = []
    for one in range(number):
        local = folder / f"local {one}"
        local.write_bytes(bytes([one % 256]) * size)
        found.append(LocalFile(f"{into}/{one:03}.bin", local, size))
    return found


def without(*commands: str) -> dict[str, object]:
    return {name: command for name, command in Handler.proto_cmds.items() if name not in commands}


# Cut connections in TLS -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trusted() -> Iterator[tuple[Authority, Certificate]]:
    with storage_servers.certified() as found:
        yield found


@contextlib.contextmanager
def far_storage(
    trusted: tuple[Authority, Certificate], folder: Path, cut: Cut | None = None
) -> Iterator[tuple[Proxy, FtpStorage]]:
    """Give a storage in TLS on a folder, behind a proxy.

    The server has an address of its own, and one port for data, so that the proxy can stand there without reading the
    replies. It serves only once, so that no connection to an earlier session's port comes late.
    """
    authority, certificate = trusted
    data_port = storage_servers.free_port()
    ports = {"pasv_min_port": data_port, "pasv_max_port": data_port}
    with (
        storage_servers.vsftpd(folder, host="127.0.0.2", tls=certificate.file, **ports) as server,
        Proxy(server.port, cut, server_host=server.host, data_port=data_port) as proxy,
    ):
        reached = replace(server, port=proxy.port, host="127.0.0.1", ca_file=authority.file)
        yield proxy, ftp_storage(reached, "", connections=1)


@pytest.mark.parametrize("channel", ["control up", "control down", "data up"])
@pytest.mark.parametrize("how", ["reset", "close"])
def test_sto_5_a_tls_connection_cut_at_any_byte_is_mended_by_publishing_again(
    trusted: tuple[Authority, Certificate], folder: Path, files: list[OutFile], channel: str, how: How
) -> None:
    with far_storage(trusted, folder) as (proxy, storage):
        deliver(storage, files)
        total = proxy.counted[channel]
    for after in sorted({0, 1, *(total * point // 5 for point in range(5))}):
        storage_servers.emptied(folder)
        with far_storage(trusted, folder, Cut(channel, after, how)) as (proxy, storage):
            with contextlib.suppress(Transient):  # a cut of the farewell is no failure
                deliver(storage, files)
            assert proxy.happened
        visible = {name: data for name, data in stored(folder).items() if not name.startswith(".")}
        visible.pop("manifest.json", None)
        assert visible == {name: CONTENTS[name] for name in visible}
        with far_storage(trusted, folder) as (_, storage):
            deliver(storage, files)
        assert_whole_and_once(folder)


def test_sto_10_a_listing_cut_in_tls_is_no_shorter_listing(
    trusted: tuple[Authority, Certificate], folder: Path
) -> None:
    """Even between two lines and in good order: the server did not say in TLS that this is the end."""
    for number in range(600):
        (folder / f"{number:03}").touch()
    with far_storage(trusted, folder) as (proxy, storage), storage:
        assert len(storage.list()) == 600
        once = proxy.counted["data down"]
        storage.list()
        twice = proxy.counted["data down"]
    assert twice > once > 20_000
    for missing in (1, 20, 1000, 20_000):
        with far_storage(trusted, folder, Cut("data down", twice - missing, "close")) as (proxy, storage):
            with storage:
                assert len(storage.list()) == 600
                with pytest.raises(Unreachable):
                    storage.list()
            assert proxy.happened


# Large files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vsftpd", "proftpd", "pure_ftpd"])
@pytest.mark.parametrize("how", ["reset", "close"])
def test_sto_7_only_the_rest_of_a_cut_upload_is_sent(
    request: pytest.FixtureRequest, tmp_path: Path, name: str, how: How
) -> None:
    server = request.getfixturevalue(name)
    folder = storage_servers.new_folder(server.folder)
    data = bytes(range(251)) * 24_000
    (tmp_path / "large").write_bytes(data)
    file = LocalFile(".large.part", tmp_path / "large", len(data))
    with Proxy(server.port, Cut("data up", 4_000_000, how)) as proxy:
        try:
            with ftp_storage(replace(server, port=proxy.port), folder) as storage:
                [entry] = storage.put_files([file])
        except Transient:
            pass
        else:  # an orderly close is the end to a server; the size that it tells is not that of the file
            assert (how, entry.size) == ("close", 4_000_000)
    begun = (server.folder / folder / file.path).stat().st_size
    assert 0 < begun <= 4_000_000
    moves: list[int] = []
    with Proxy(server.port) as proxy, ftp_storage(replace(server, port=proxy.port), folder) as storage:
        entries = list(storage.put_files([file], resume=True, moved=lambda _, over: moves.append(over)))
        assert proxy.counted["data up"] == len(data) - begun
        assert proxy.counted["data down"] < 1_100_000, "the listing, and the block that was compared"
        assert [entry.size for entry in entries] == [len(data)]
        assert moves == sorted(moves)
        assert (moves[0] > begun, moves[-1]) == (True, len(data))
        list(storage.put_files([file], resume=True))
        assert proxy.counted["data up"] == len(data) - begun, "of a whole one nothing is sent"
    assert (server.folder / folder / file.path).read_bytes() == data


@pytest.mark.parametrize("name", ["vsftpd", "proftpd", "pure_ftpd"])
def test_sto_7_only_the_rest_of_a_cut_download_is_fetched(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    server = request.getfixturevalue(name)
    folder = storage_servers.new_folder(server.folder)
    data = bytes(range(251)) * 24_000
    (server.folder / folder / "large").write_bytes(data)
    file = LocalFile("large", tmp_path / "large", len(data))
    with Proxy(server.port, Cut("data down", 4_000_000, "reset")) as proxy:
        storage = ftp_storage(replace(server, port=proxy.port), folder)
        with storage, pytest.raises(Unreachable):
            list(storage.get_files([file]))
    begun = file.local.stat().st_size
    assert begun > 1_000_000
    with Proxy(server.port) as proxy, ftp_storage(replace(server, port=proxy.port), folder) as storage:
        assert list(storage.get_files([file], resume=True)) == [file]
        assert proxy.counted["data down"] == len(data) - begun
    assert file.local.read_bytes() == data


def test_sto_7_all_is_sent_and_fetched_where_there_is_no_rest(folder: Path, tmp_path: Path) -> None:
    data = bytes(range(251)) * 1000
    (tmp_path / "large").write_bytes(data)
    (folder / ".large.part").write_bytes(data[:100_000])
    (tmp_path / "back").write_bytes(data[:70_000])
    with (
        storage_servers.ftp_server(folder, proto_cmds=without("REST")) as server,
        ftp_storage(server, "") as storage,
    ):
        sent = LocalFile(".large.part", tmp_path / "large", len(data))
        assert [entry.size for entry in storage.put_files([sent], resume=True)] == [len(data)]
        assert list(storage.get_files([replace(sent, local=tmp_path / "back")], resume=True))
    assert (folder / ".large.part").read_bytes() == (tmp_path / "back").read_bytes() == data


def test_sto_5_a_local_file_that_shrinks_while_it_is_sent_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(3_000_000))
    file = LocalFile("large", tmp_path / "large", 3_000_000)

    def moved(_: str, over: int) -> None:
        if over < 1_000_000:
            (tmp_path / "large").write_bytes(b"")

    with storage_servers.ftp_server(folder) as server, ftp_storage(server, "") as storage:
        with pytest.raises(Unexpected) as found:
            list(storage.put_files([file], moved=moved))
        assert found.value.code == "storage-local-changed"
        assert storage.put("other", b"x").size == 1


# Refusals -------------------------------------------------------------------------------------------------------------

REPLIES: list[tuple[str, type[StorageError]]] = [
    ("421 Too busy, closing.", Throttled),
    ("425 Can't open data connection.", Unreachable),
    ("426 Connection closed.", Unreachable),
    ("450 File busy.", Throttled),
    ("451 Failure writing.", Denied),
    ("452 No room.", NoSpace),
    ("550 Not today.", Denied),
    ("552 Quota exceeded.", NoSpace),
    ("553 Not this name.", Denied),
    ("599 What?", Unexpected),
]


@pytest.mark.parametrize(("reply", "meaning"), REPLIES, ids=[reply[:3] for reply, _ in REPLIES])
def test_sto_8_a_refused_upload_is_named_and_made_up_for(
    folder: Path, files: list[OutFile], reply: str, meaning: type[StorageError]
) -> None:
    class Refusing(Handler):
        refused: ClassVar[list[str]] = []

        def ftp_STOR(self, file: str, mode: str = "w") -> object:  # noqa: N802
            if "b \u00e9t\u00e9" in file and len(self.refused) < 2:
                self.refused.append(file)
                self.respond(reply)
                if reply.startswith("421"):
                    self.close_when_done()
                return None
            return super().ftp_STOR(file, mode)

    with storage_servers.ftp_server(folder, Refusing, refused=[]) as server:
        with pytest.raises(meaning) as found:
            deliver(ftp_storage(server, ""), files)
        assert reply in found.value.detail
        assert not {name for name in stored(folder) if not name.startswith(".")} - CONTENTS.keys()
        server.program.handler.refused += ["no more"] * 2
        deliver(ftp_storage(server, ""), files)
        sent = [command for command in server.log if command.startswith("STOR") and "a.csv" in command]
    assert_whole_and_once(folder)
    assert len(sent) == 1, "what had arrived was not sent again"


@pytest.mark.parametrize(("reply", "meaning"), [("552 Quota exceeded.", NoSpace), ("426 Aborted.", Unreachable)])
def test_sto_8_an_upload_refused_in_the_middle_is_named(
    folder: Path, tmp_path: Path, reply: str, meaning: type[StorageError]
) -> None:
    class Full(DTPHandler):
        def handle_read(self) -> None:
            super().handle_read()
            if self.tot_bytes_received > 200_000:
                self._resp = (reply, logging.getLogger("pyftpdlib").debug)
                self.close()

        handle_read_event = handle_read

    (tmp_path / "large").write_bytes(bytes(5_000_000))
    file = LocalFile("large", tmp_path / "large", 5_000_000)
    with storage_servers.ftp_server(folder, dtp_handler=Full) as server, ftp_storage(server, "") as storage:
        with pytest.raises(meaning, match=reply):
            list(storage.put_files([file]))
        assert storage.put("small", b"x").size == 1
        assert server.log.count("QUIT") == 0
        assert len([command for command in server.log if command.startswith("USER")]) == 1


def test_sto_4_a_rename_that_is_refused_among_many_is_named(folder: Path, tmp_path: Path) -> None:
    class Picky(Handler):
        def ftp_RNTO(self, path: str) -> object:  # noqa: N802
            if path.endswith("007.bin"):
                self.respond("553 Not this name.")
                return None
            return super().ftp_RNTO(path)

    with storage_servers.ftp_server(folder, Picky) as server, ftp_storage(server, "") as storage:
        files = local_files(tmp_path, 30)
        list(storage.put_files(files))
        with pytest.raises(Denied, match="553") as found:
            storage.rename_files([(file.path, f"done/{file.path[3:]}") for file in files], overwrite=False)
        assert found.value.path == "in/007.bin"
        assert [entry.path for entry in storage.list("in")] == ["in/007.bin"]
        assert len(storage.list("done")) == 29
        storage.put("in/001.bin", b"again")
        storage.put("in/002.bin", b"again")
        pairs = [(f"in/{name}.bin", f"done/{name}.bin") for name in ("001", "002")]
        with pytest.raises(AlreadyThere):
            storage.rename_files(pairs, overwrite=False)
        storage.rename_files(pairs, overwrite=True)
        assert storage.read("done/002.bin") == b"again"


def test_sto_10_sizes_of_many_files_come_from_the_listing_where_there_is_no_size(folder: Path, tmp_path: Path) -> None:
    with (
        storage_servers.ftp_server(folder, proto_cmds=without("SIZE")) as server,
        ftp_storage(server, "") as storage,
    ):
        assert {entry.size for entry in storage.put_files(local_files(tmp_path, 9))} == {100}
        storage.rename_files([(f"in/{number:03}.bin", f"{number}") for number in range(9)], overwrite=False)
        assert len(storage.list()) == 9


# Connections ----------------------------------------------------------------------------------------------------------


class Grudging(Handler):
    """Lets nobody in a third time as long as two are in."""

    inside: ClassVar[list[str]] = []
    words = "530 Sorry, the maximum number of clients is already connected."

    def ftp_PASS(self, line: str) -> None:  # noqa: N802
        if len(self.inside) >= 2:
            self.respond(self.words)
        else:
            self.inside.append("one more")
            super().ftp_PASS(line)


@pytest.mark.parametrize("words", [Grudging.words, "421 Too many connections from your address."])
def test_sto_10_it_goes_on_with_the_connections_that_the_server_allows(
    folder: Path, tmp_path: Path, words: str
) -> None:
    with storage_servers.ftp_server(folder, Grudging, inside=[], words=words) as server:
        with ftp_storage(server, "") as storage:
            files = local_files(tmp_path, 60)
            assert len(list(storage.put_files(files))) == 60
            logins = server.log.count("USER tester")
            assert len(list(storage.get_files(files))) == 60
            assert server.log.count("USER tester") == logins == 4, "it is not asked for more again"
        assert len(stored(folder / "in")) == 60
        assert len([command for command in server.log if command.startswith("STOR")]) >= 60


def test_sto_10_the_first_connection_that_is_refused_is_an_error(folder: Path) -> None:
    with (
        storage_servers.ftp_server(folder, Grudging, inside=["a", "b"]) as server,
        pytest.raises(Denied, match="maximum number of clients"),
        ftp_storage(server, ""),
    ):
        pass


def test_sto_11_connections_are_opened_when_they_are_worth_it_and_no_more_than_allowed(
    folder: Path, tmp_path: Path
) -> None:
    with storage_servers.ftp_server(folder) as server:
        with ftp_storage(server, "", connections=3) as storage:
            list(storage.put_files(local_files(tmp_path, 4)))
            assert server.log.count("USER tester") == 1
            list(storage.put_files(local_files(tmp_path, 40)))
            assert server.log.count("USER tester") == 3
            storage.rename_files([(f"in/{number:03}.bin", f"{number}") for number in range(40)], overwrite=True)
            assert len(storage.list(recursive=True)) == 40
        assert server.log.count("USER tester") == 3 == server.log.count("QUIT")


def test_sto_10_a_server_that_loses_commands_that_come_early_is_asked_one_by_one(
    folder: Path, tmp_path: Path, files: list[OutFile]
) -> None:
    class Hasty(Handler):
        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            self.ac_in_buffer = b""
            super().pre_process_command(line, cmd, arg)

    with storage_servers.ftp_server(folder, Hasty) as server:
        storage = ftp_storage(server, "", timeout_seconds=0.3)
        with RetryingStorage(storage, attempts=3, first_delay_seconds=0.001) as patient:
            assert len(list(patient.put_files(local_files(tmp_path, 30)))) == 30
            patient.rename_files([(f"in/{number:03}.bin", f"in/{number}") for number in range(30)], overwrite=True)
            assert len(patient.list("in")) == 30
            publish(patient, files, "manifest.json", folder="out")
    assert_whole_and_once(folder / "out")


def test_sto_11_when_one_fails_no_other_is_begun_and_those_under_way_are_given(folder: Path, tmp_path: Path) -> None:
    files = local_files(tmp_path, 100)
    files[20].local.unlink()
    given: list[str] = []
    with storage_servers.ftp_server(folder) as server, ftp_storage(server, "") as storage:
        with pytest.raises(Unexpected) as found:
            given.extend(entry.path[3:] for entry in storage.put_files(files))
        assert found.value.path == files[20].path
        assert sorted(given) == sorted(stored(folder / "in"))
        assert {len(data) for data in stored(folder / "in").values()} == {100}
        assert 20 <= len(given) < 30


def test_sto_11_nothing_more_is_sent_when_the_caller_stops_asking(folder: Path, tmp_path: Path) -> None:
    with storage_servers.ftp_server(folder) as server, ftp_storage(server, "") as storage:
        sending = storage.put_files(local_files(tmp_path, 200))
        next(sending)
        sending.close()
        arrived = len(stored(folder / "in"))
        assert arrived < 150
        assert storage.put("after", b"x").size == 1
        assert len(stored(folder / "in")) == arrived


def test_sto_10_whoever_else_comes_to_an_awaited_data_connection_is_sent_away() -> None:
    async def act() -> bytes:
        awaited = AwaitedConnection(("127.0.0.1", 21), ("127.0.0.1", 0), socket.AF_INET, 5.0)
        stranger = socket.create_connection(("127.0.0.1", awaited.port), 5.0, source_address=("127.0.0.2", 0))
        server = socket.create_connection(("127.0.0.1", awaited.port), 5.0)
        stranger.sendall(b"not this")
        server.sendall(b"this")
        await awaited.open()
        buffer = memoryview(bytearray(100))
        got = await awaited.receive(buffer)
        awaited.close()
        stranger.close()
        server.close()
        return bytes(buffer[:got])

    assert asyncio.run(act()) == b"this"


# Names and checksums --------------------------------------------------------------------------------------------------


def test_sto_10_many_files_have_latin_1_names_where_the_server_has(vsftpd: Server, tmp_path: Path) -> None:
    at = vsftpd.folder / storage_servers.new_folder(vsftpd.folder)
    for number in range(9):
        raw = str(at).encode() + f"/\u00e9t\u00e9 {number}".encode("latin-1")
        with open(raw, "wb") as file:  # noqa: PTH123 - a name as bytes
            file.write(b"latin")
    with ftp_storage(vsftpd, at.name) as storage:
        names = sorted(entry.path for entry in storage.list(recursive=True))
        assert names == [f"\u00e9t\u00e9 {number}" for number in range(9)]
        wanted = [LocalFile(name, tmp_path / str(number), 5) for number, name in enumerate(names)]
        assert len(list(storage.get_files(wanted))) == 9
        storage.rename_files([(name, f"done/{name}") for name in names], overwrite=False)
        assert sorted(entry.path for entry in storage.list(recursive=True)) == [f"done/{name}" for name in names]


def test_sto_13_checksums_are_the_best_that_the_server_computes(proftpd: Server, vsftpd: Server, folder: Path) -> None:
    data = bytes(range(256)) * 300
    for server, expected in ((proftpd, checksums.of_bytes("sha256", data)), (vsftpd, None)):
        with ftp_storage(server) as storage:
            storage.put("a b.bin", data)
            assert storage.checksum("a b.bin") == expected
            with pytest.raises(NotFound):
                storage.checksum("absent")

    class Old(Handler):
        proto_cmds: ClassVar[dict[str, object]] = {**Handler.proto_cmds, "XMD5": Handler.proto_cmds["SIZE"]}

        def ftp_FEAT(self, line: str) -> None:  # noqa: N802
            self.push("211-Features:\r\n SIZE\r\n XMD5\r\n211 End.\r\n")

        def ftp_XMD5(self, path: str) -> None:  # noqa: N802
            self.respond(f"250 {hashlib.md5(Path(path).read_bytes()).hexdigest().upper()}")  # noqa: S324 - theirs

    with storage_servers.ftp_server(folder, Old) as server, ftp_storage(server, "") as storage:
        storage.put("a", data)
        assert storage.checksum("a") == checksums.of_bytes("md5", data)


def test_sto_13_a_link_that_leads_back_up_is_not_walked_for_ever(folder: Path) -> None:
    (folder / "in" / "deep").mkdir(parents=True)
    (folder / "in" / "deep" / "a").write_bytes(b"a")
    (folder / "in" / "deep" / "back").symlink_to("..")
    with storage_servers.ftp_server(folder) as server, ftp_storage(server, "") as storage:
        assert [entry.path for entry in storage.list(recursive=True)] == ["in/deep/a"]

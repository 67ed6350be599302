"""The facts of FTP life (STO-10), each on a server that behaves so."""

# ruff: noqa: PTH102, PTH110, PTH123, PTH208 - names as bytes, calls as servers make them

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import storage_servers
from hypothesis import given
from hypothesis import strategies as st
from storage_servers import Handler, Server, ftp_storage

from passerelle.storage.errors import AlreadyThere, Denied, NotFound, Unreachable
from passerelle.storage.ftp import FtpStorage
from passerelle.storage.ftp.listing import Listed, list_lines, mlsd
from passerelle.storage.publish import OutFile, publish


def _without(*commands: str) -> dict[str, object]:
    return {name: command for name, command in Handler.proto_cmds.items() if name not in commands}


@pytest.fixture
def folder() -> Path:
    with storage_servers.shared_folder() as folder:
        yield folder


def test_sto_10_one_connection_serves_all_calls(pyftpdlib: Server) -> None:
    before = pyftpdlib.log.count("USER tester")
    with ftp_storage(pyftpdlib) as storage:
        for number in range(5):
            storage.put(f"{number}", b"x")
            storage.read(f"{number}")
            storage.list()
        with pytest.raises(NotFound):
            storage.read("absent")
        storage.rename("1", "2", overwrite=True)
        storage.delete("2")
    assert pyftpdlib.log.count("USER tester") == before + 1


def test_sto_10_it_works_where_another_event_loop_runs(pyftpdlib: Server) -> None:
    async def within_a_loop() -> bytes:
        with ftp_storage(pyftpdlib) as storage:
            storage.put("a", b"a")
            return storage.read("a")

    assert asyncio.run(within_a_loop()) == b"a"


def test_sto_10_use_outside_of_with_is_a_programming_error(pyftpdlib: Server) -> None:
    with pytest.raises(RuntimeError, match="outside of its with block"):
        ftp_storage(pyftpdlib).list()


def test_sto_10_a_wrong_address_in_pasv_does_no_harm(folder: Path) -> None:
    with storage_servers.ftp_server(folder, masquerade_address="192.0.2.1") as server:
        with ftp_storage(server, "", data_connections="pasv") as storage:
            storage.put("a", b"a")
            assert storage.read("a") == b"a"
        assert "PASV" in server.log
        assert "EPSV" not in server.log


def test_sto_10_pasv_is_used_where_there_is_no_epsv(folder: Path) -> None:
    with storage_servers.ftp_server(folder, proto_cmds=_without("EPSV")) as server:
        with ftp_storage(server, "") as storage:
            storage.put("a", b"a")
        assert "PASV" in server.log


def test_sto_10_transfers_are_binary_and_mlsd_is_preferred(folder: Path) -> None:
    with storage_servers.ftp_server(folder) as server:
        with ftp_storage(server, "") as storage:
            storage.put("a", b"a\r\nb\n")
            assert [entry.size for entry in storage.list()] == [5]
        assert "TYPE A" not in server.log
        assert "MLSD" in server.log
        assert not [command for command in server.log if command.startswith("LIST")]


@pytest.mark.parametrize(("unknown", "asked"), [(("MLSD", "MLST"), 0), (("MLSD",), 1), (("MLSD", "FEAT"), 1)])
def test_sto_10_mlsd_is_asked_for_at_most_once_where_it_is_unknown(
    folder: Path, unknown: tuple[str, ...], asked: int
) -> None:
    with storage_servers.ftp_server(folder, proto_cmds=_without(*unknown)) as server:
        with ftp_storage(server, "") as storage:
            for _ in range(3):
                storage.list()
        assert server.log.count("MLSD") == asked


def test_sto_10_plain_list_is_used_where_options_are_taken_for_names(folder: Path) -> None:
    class Literal(Handler):
        proto_cmds = _without("MLSD", "MLST")

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            if line.upper() == "LIST -A":
                self.respond("550 -a: No such file or directory.")
            else:
                super().pre_process_command(line, cmd, arg)

    (folder / "a.txt").write_bytes(b"abc")
    with storage_servers.ftp_server(folder, Literal) as server, ftp_storage(server, "") as storage:
        assert [(entry.path, entry.size) for entry in storage.list()] == [("a.txt", 3)]


def test_sto_4_a_target_survives_a_source_that_may_not_be_moved(folder: Path) -> None:
    class Jealous(Handler):
        def ftp_RNFR(self, path: str) -> None:  # noqa: N802
            self.respond("550 Not yours.")

    (folder / "a").write_bytes(b"new")
    (folder / "b").write_bytes(b"old")
    with storage_servers.ftp_server(folder, Jealous) as server, ftp_storage(server, "") as storage:
        for overwrite in (False, True):
            with pytest.raises((Denied, AlreadyThere)):
                storage.rename("a", "b", overwrite=overwrite)
        assert storage.read("b") == b"old"


def test_sto_10_names_and_sizes_are_used_where_list_has_a_form_of_its_own(folder: Path) -> None:
    class Strange(Handler):
        proto_cmds = _without("MLSD", "MLST")

        def ftp_LIST(self, path: str) -> None:  # noqa: N802
            lines = "".join(f"{name}   on tape 7\r\n" for name in sorted(os.listdir(folder)))
            self.push_dtp_data(lines.encode(), cmd="LIST")

    with storage_servers.ftp_server(folder, Strange) as server, ftp_storage(server, "") as storage:
        assert storage.list() == []
        storage.put("in/a", b"aaa")
        storage.put("b été", b"b")
        assert [(entry.path, entry.size, entry.modified_utc) for entry in storage.list()] == [("b été", 1, None)]
        with pytest.raises(NotFound):
            storage.read("absent")


def test_sto_10_sizes_come_from_the_listing_where_there_is_no_size(folder: Path) -> None:
    commands = _without("SIZE")
    with storage_servers.ftp_server(folder, proto_cmds=commands) as server, ftp_storage(server, "") as storage:
        assert storage.put("a", b"abc").size == 3
        assert storage.read("a") == b"abc"
        storage.rename("a", "b", overwrite=False)
        storage.put("a", b"x")
        with pytest.raises(AlreadyThere):
            storage.rename("a", "b", overwrite=False)
        with pytest.raises(NotFound):
            storage.read("absent")


def test_sto_4_a_server_whose_rename_does_not_replace_is_helped(folder: Path) -> None:
    class Careful(Handler):
        def ftp_RNTO(self, path: str) -> None:  # noqa: N802
            if os.path.exists(path):
                self.respond("550 File exists.")
            else:
                super().ftp_RNTO(path)

    with storage_servers.ftp_server(folder, Careful) as server, ftp_storage(server, "") as storage:
        storage.put("a", b"new")
        storage.put("b", b"old")
        with pytest.raises(AlreadyThere):
            storage.rename("a", "b", overwrite=False)
        storage.rename("a", "b", overwrite=True)
        assert storage.read("b") == b"new"
        assert [entry.path for entry in storage.list()] == ["b"]


def test_sto_10_times_are_those_of_mlsd(folder: Path) -> None:
    (folder / "a").write_bytes(b"a")
    os.utime(folder / "a", (1_700_000_000, 1_700_000_000))
    with storage_servers.ftp_server(folder) as server, ftp_storage(server, "") as storage:
        assert storage.list()[0].modified_utc == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize("name", ["vsftpd", "proftpd"])
def test_sto_10_latin_1_names_are_read_moved_and_removed(
    request: pytest.FixtureRequest, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Old programs wrote them; the server passes on the bytes."""
    server = request.getfixturevalue(name)
    at = server.folder / storage_servers.new_folder(server.folder)
    raw = os.fsencode(at)
    os.mkdir(raw + b"/d\xe9p\xf4t")
    storage_servers.owned(Path(os.fsdecode(raw + b"/d\xe9p\xf4t")))
    for file in (b"/\xe9t\xe9.csv", b"/d\xe9p\xf4t/\xe0 lire.csv", "/d\xe9p\xf4t/été.csv".encode("latin-1")):
        with open(raw + file, "wb") as opened:
            opened.write(b"latin")
        storage_servers.owned(Path(os.fsdecode(raw + file)))
    with ftp_storage(server, at.name) as storage:
        assert [entry.path for entry in storage.list()] == ["été.csv"]
        assert sorted(entry.path for entry in storage.list("dépôt")) == ["dépôt/à lire.csv", "dépôt/été.csv"]
    with ftp_storage(server, at.name) as storage:
        assert storage.read("dépôt/à lire.csv") == b"latin"
        assert storage.read("été.csv") == b"latin"
        (tmp_path / "x").write_bytes(b"new")
        file = OutFile("été.csv", tmp_path / "x", 3, "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437")
        with pytest.raises(AlreadyThere):
            publish(storage, [file], "manifest.json")
        storage.rename("été.csv", "dépôt/déjà.csv", overwrite=False)
        storage.put("dépôt/été.csv", b"again")
        storage.delete("dépôt/à lire.csv")
        storage.put("naïf.csv", b"utf-8")
    assert set(os.listdir(raw)) == {b"d\xe9p\xf4t", "naïf.csv".encode()}
    assert set(os.listdir(raw + b"/d\xe9p\xf4t")) == {"déjà.csv".encode(), b"\xe9t\xe9.csv"}
    with ftp_storage(server, at.name) as storage:
        storage.put("déjà.csv", b"utf-8")
        with open(raw + "/déjà.csv".encode("latin-1"), "wb") as opened:
            opened.write(b"longer latin")
        with caplog.at_level(logging.WARNING):
            found = [(entry.path, entry.size) for entry in storage.list() if entry.path != "naïf.csv"]
        assert found == [("déjà.csv", 5)], "the one in UTF-8 is meant"
        assert "déjà.csv" in caplog.text


def test_sto_12_unsafe_names_of_a_server_are_not_listed_but_named(
    vsftpd: Server, caplog: pytest.LogCaptureFixture
) -> None:
    at = vsftpd.folder / storage_servers.new_folder(vsftpd.folder)
    for name in ("good.txt", "..\\evil.txt", "x\u202etxt.exe", "con.txt", "a:b"):
        (at / name).write_bytes(b"x")
    with ftp_storage(vsftpd, at.name) as storage, caplog.at_level(logging.WARNING):
        assert [entry.path for entry in storage.list()] == ["good.txt"]
    assert len(caplog.records) == 4
    assert "evil.txt" in caplog.text
    assert "\u202e" not in caplog.text


def test_sto_10_links_to_files_are_files(vsftpd: Server) -> None:
    at = vsftpd.folder / storage_servers.new_folder(vsftpd.folder)
    (at / "real.txt").write_bytes(b"real")
    (at / "folder").mkdir()
    (at / "link.txt").symlink_to("real.txt")
    (at / "to a folder").symlink_to("folder")
    (at / "to nothing").symlink_to("nothing")
    with ftp_storage(vsftpd, at.name) as storage:
        assert sorted((entry.path, entry.size) for entry in storage.list()) == [("link.txt", 4), ("real.txt", 4)]


def test_sto_10_a_missing_place_is_said(pyftpdlib: Server, vsftpd: Server) -> None:
    for server in (pyftpdlib, vsftpd):
        with pytest.raises(NotFound) as found, ftp_storage(server, "no/such folder"):
            pass
        assert found.value.path == ""
        storage = ftp_storage(server)
        with storage:
            next(server.folder.glob(storage._folder)).rmdir()
            with pytest.raises(NotFound):
                storage.put("a/b.txt", b"x")


def test_sto_2_an_absolute_folder_is_not_the_login_folder(vsftpd: Server) -> None:
    folder = vsftpd.folder / storage_servers.new_folder(vsftpd.folder)
    with ftp_storage(vsftpd, str(folder)) as storage:
        storage.put("sub/a", b"a")
    assert (folder / "sub" / "a").read_bytes() == b"a"


def test_sto_8_what_is_no_ftp_server_is_said() -> None:
    async def serve() -> None:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"\x16\x03\x01 not FTP at all\r\n" * 3)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        storage = FtpStorage("ftp://nowhere", "127.0.0.1", port=port, timeout_seconds=5)
        with pytest.raises(Unreachable):
            await asyncio.to_thread(storage.__enter__)
        server.close()

    asyncio.run(serve())


LISTS = [
    ("-rw-r--r--    1 1000     1000         1234 Nov 21 06:54 a.txt", Listed("a.txt", "file", 1234)),
    ("-rw-r--r--+   1 owner    group           0 Feb  3  2019  leading blank", Listed(" leading blank", "file", 0)),
    ("drwxr-xr-x    2 ftp      ftp          4096 Jan 01 2020 in", Listed("in", "folder", 4096)),
    ("-rw-r--r--    1 Domain Users  12345 Dec 31 23:59 no links.csv", Listed("no links.csv", "file", 12345)),
    ("-rw-r--r--   1 u  g  7 21 nov 06:54 jour d'abord.txt", Listed("jour d'abord.txt", "file", 7)),
    ("-rw-r--r--   1 u  g  7 f\xc3\xa9vr. 21 06:54 x", Listed("x", "file", 7)),
    ("-rwSr-sr-T   1 u  g  7 Nov 21 2020 123 Nov 21 2020 x", Listed("123 Nov 21 2020 x", "file", 7)),
    ("lrwxrwxrwx   1 u  g  7 Nov 21 06:54 name -> target", Listed("name", "link", 7)),
    ("crw-rw-rw-   1 root root 1, 3 Nov 21 06:54 null", Listed("null", "other", 3)),
    ("11-21-26  06:54AM       <DIR>          inetpub", Listed("inetpub", "folder")),
    ("11-21-2026  06:54PM              1234 Prix  TTC.txt", Listed("Prix  TTC.txt", "file", 1234)),
    ("2026-11-21  06:54              1234 iso", None),
    ("a.txt", None),
]


@pytest.mark.parametrize(("line", "expected"), LISTS)
def test_sto_10_lines_of_list_are_read(line: str, expected: Listed | None) -> None:
    assert list_lines(["total 12", line, ""]) == (None if expected is None else [expected])


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MLSDS = [
    ("type=file;size=7;modify=20261121120000; a b.txt", Listed("a b.txt", "file", 7, NOON)),
    ("Type=FILE;Size=7;Modify=20261121120000.123; x", Listed("x", "file", 7, NOON)),
    ("size=7;modify=nonsense; x", Listed("x", "file", 7)),
    ("type=file;modify=20261399065400; x", Listed("x", "file")),
    ("type=dir;sizd=4096; in", Listed("in", "folder")),
    ("type=OS.unix=slink:/target; link", Listed("link", "link")),
    ("type=OS.unix=chr-1/3; null", Listed("null", "other")),
    ("type=file;size=1;  leading", Listed(" leading", "file", 1)),
    ("type=cdir; .", None),
    ("type=pdir; ..", None),
    ("type=file; ..", None),
    ("nonsense", None),
]


@pytest.mark.parametrize(("line", "expected"), MLSDS)
def test_sto_10_lines_of_mlsd_are_read(line: str, expected: Listed | None) -> None:
    assert mlsd(line) == expected


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")))
def test_sto_10_no_line_of_a_server_raises(line: str) -> None:
    mlsd(line)
    list_lines([line])

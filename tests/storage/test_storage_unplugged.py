"""Unplugged in the middle of 200 files, and run again: 200 whole files, none of them sent twice (STO-5).

What was sent is told by the servers themselves.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest
import storage_servers
from storage_proxy import Channel, Cut, How, Proxy
from storage_servers import Server, SftpServer, ftp_storage, new_folder, sftp_storage

from passerelle.storage.base import Storage
from passerelle.storage.errors import Transient
from passerelle.storage.publish import OutFile, publish

COUNT = 200
SIZE = 20_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[OutFile]:
    folder = tmp_path_factory.mktemp("out")
    found = []
    for number in range(COUNT):
        data = hashlib.sha256(str(number).encode()).digest() * (SIZE // 32)
        local = folder / f"{number:03}.jpg"
        local.write_bytes(data)
        found.append(OutFile(local.name, local, len(data), hashlib.sha256(data).hexdigest()))
    return found


@dataclass(frozen=True)
class Logged:
    """A server with its log; ``bytes_sent`` counts what came of each file, by its final name."""

    server: Server | SftpServer
    opened: Callable[..., Storage]
    bytes_sent: Callable[[], Counter[str]]

    def finished(self) -> Counter[str]:
        """Count how many times each file was sent whole, in one piece or in several."""
        sent = self.bytes_sent().items()
        return Counter({name: count // SIZE for name, count in sent if name.endswith(".jpg")})


@pytest.fixture(scope="module")
def vsftpd() -> Iterator[Logged]:
    with storage_servers.shared_folder() as folder:
        log = storage_servers.owned(folder) / "log"
        options = {"xferlog_enable": "YES", "xferlog_std_format": "YES", "xferlog_file": log, "file_open_mode": "0644"}
        with storage_servers.vsftpd(**options) as server:
            yield Logged(server, ftp_storage, lambda: _sent(log))


@pytest.fixture(scope="module")
def paramiko_server() -> Iterator[Logged]:
    """An SFTP server in this process, which counts what is written to each file."""
    written: Counter[str] = Counter()
    write = paramiko.SFTPHandle.write

    def counting(handle: paramiko.SFTPHandle, offset: int, data: bytes) -> int:
        written[Path(handle.filename).name[1:8]] += len(data)
        return write(handle, offset, data)

    with (
        pytest.MonkeyPatch.context() as patch,
        storage_servers.shared_folder() as folder,
        SftpServer(folder) as server,
    ):
        patch.setattr(paramiko.SFTPHandle, "write", counting)
        yield Logged(server, sftp_storage, lambda: Counter(written))


def _sent(log: Path) -> Counter[str]:
    """Read a log in the form of wu-ftpd."""
    sent: Counter[str] = Counter()
    for count, name in re.findall(r" (\d+) /\S.*/\.(\d+\.jpg)\.\w+\.part b _ i ", log.read_text()):
        sent[name] += int(count)
    return sent


CUTS: list[tuple[str, Channel, How]] = [
    ("vsftpd", "data up", "reset"),
    ("vsftpd", "data up", "close"),
    ("vsftpd", "control up", "reset"),
    ("vsftpd", "control down", "reset"),
    ("paramiko_server", "control up", "reset"),
    ("paramiko_server", "control down", "close"),
]


@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
@pytest.mark.parametrize(("name", "channel", "how"), CUTS)
def test_sto_5_unplugged_in_the_middle_nothing_finished_is_sent_twice(
    request: pytest.FixtureRequest, files: list[OutFile], name: str, channel: Channel, how: How, part: float
) -> None:
    logged: Logged = request.getfixturevalue(name)
    with Proxy(logged.server.port) as proxy:
        with logged.opened(logged.server, new_folder(logged.server.folder), port=proxy.port) as storage:
            publish(storage, files, "manifest.json")
        total = proxy.counted[channel]
    folder = new_folder(logged.server.folder)
    before = logged.finished()
    with Proxy(logged.server.port, Cut(channel, int(total * part), how)) as proxy:
        with (
            contextlib.suppress(Transient),
            logged.opened(logged.server, folder, port=proxy.port) as storage,
        ):
            publish(storage, files, "manifest.json")
        assert proxy.happened
    _wait_until_idle(logged)
    seen = _visible(logged.server.folder / folder)
    assert seen == {file.name: file.sha256 for file in files if file.name in seen}, "half a file has a final name"
    with logged.opened(logged.server, folder) as storage:
        publish(storage, files, "manifest.json")
    assert _visible(logged.server.folder / folder) == {file.name: file.sha256 for file in files}
    assert len(json.loads((logged.server.folder / folder / "manifest.json").read_text())["files"]) == COUNT
    assert not list((logged.server.folder / folder).glob(".*"))
    sent = logged.finished() - before
    assert sent.keys() == {file.name for file in files}
    assert set(sent.values()) == {1}


def _wait_until_idle(logged: Logged) -> None:
    """Wait until the server has done what it had been told when the connection was cut: that much is finished."""
    before, quiet = logged.bytes_sent(), 0
    while quiet < 20:
        storage_servers.pause()
        now = logged.bytes_sent()
        quiet, before = (quiet + 1 if now == before else 0), now


def _visible(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.jpg")}

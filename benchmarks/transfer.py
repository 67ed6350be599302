"""Sending and fetching files against lftp and rclone, with real servers on this machine.

    python benchmarks/transfer.py [--scale 0.1] [--rounds 1] [--latency 0.01] [--server OpenSSH …]

At scale 1: 2,000 files of 20 KB, one file of 1 GiB, and a tree of 50,000 files in 10,000 folders to list. All content
is made here, seeded. The programs run in turn, each as a process of its own, with the same number of connections; the
best of the rounds counts. Passerelle sends by ``publish`` (temporary name, size compared, renamed, manifest), which the
others do not, and fetches by ``get_files``; it tells its time itself, from before it connects until all is done,
without the start of Python. What arrived is counted after each run.

``--latency``: seconds that each byte is under way, each way, by a proxy in a process of its own; not for TLS, where no
proxy can follow the data connections. The folder for temporary files (``TMPDIR``) holds three times the large file.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from measure import measured

TESTS = Path(__file__).parent.parent / "tests" / "storage"
sys.path.insert(0, str(TESTS))

import storage_servers as servers  # noqa: E402 - from the tests
from storage_servers import PASSWORD, Server  # noqa: E402

CONNECTIONS = 4
FILES_IN_A_FOLDER = 5
SECRET = "BENCH_SECRET"  # noqa: S105 - a name
"""Name of the server's password for our side."""
OURS = """\
import hashlib, json, sys, time
from pathlib import Path
from passerelle.storage.base import LocalFile
from passerelle.storage.places import as_place, open_place
from passerelle.storage.publish import OutFile, publish
todo = json.loads(sys.argv[1])
local = Path(todo["local"])
if todo["act"] == "put":
    def recorded(path):
        with path.open("rb") as file:
            return OutFile(path.name, path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    files = [recorded(path) for path in sorted(local.iterdir())]
requests = 0
def counted(verb, weight):
    def ask(self, *arguments, **options):
        global requests
        requests += weight(*arguments)
        return verb(self, *arguments, **options)
    return ask
if todo["act"] == "list":
    from passerelle.storage.ftp.client import Client
    from passerelle.storage.sftp_channel import SftpChannel
    SftpChannel.ask = counted(SftpChannel.ask, lambda *_: 1)
    Client._send = counted(Client._send, len)
begun = time.perf_counter()
with open_place(as_place(todo["place"])) as storage:
    if todo["act"] == "put":
        publish(storage, files, "manifest.json", folder=todo["folder"])
    else:
        entries = storage.list(todo["folder"], recursive=True)
        if todo["act"] == "get":
            wanted = [LocalFile(one.path, local / one.path.rpartition("/")[2], one.size) for one in entries]
            assert len(list(storage.get_files(wanted))) == len(wanted)
        else:
            assert len(entries) == todo["count"], len(entries)
Path(todo["told"]).write_text(json.dumps([time.perf_counter() - begun, requests]))
"""


@dataclass(frozen=True)
class Kind:
    """A server to measure with.

    Attributes:
        scheme: of our URLs.
        start: starts it.
        through_proxy: whether a proxy may stand before it.
    """

    scheme: str
    start: Callable[[], AbstractContextManager[Server]]
    through_proxy: bool = True


KINDS = {
    "OpenSSH": Kind("sftp", servers.sshd),
    "vsftpd": Kind("ftp", servers.vsftpd),
    "vsftpd TLS": Kind("ftpes", servers.vsftpd_tls, through_proxy=False),
    "ProFTPD": Kind("ftp", servers.proftpd),
    "ProFTPD TLS": Kind("ftpes", servers.proftpd_tls, through_proxy=False),
    "Pure-FTPd": Kind("ftp", servers.pure_ftpd),
    "Pure-FTPd TLS": Kind("ftpes", servers.pure_ftpd_tls, through_proxy=False),
}


@dataclass(frozen=True)
class Run:
    """What one program took: seconds, peak memory in MiB, requests where they are counted."""

    seconds: float
    peak_mib: float
    requests: int = 0


class Bench:
    """Runs the three programs against one server.

    Args:
        kind: of the server.
        server: running; its port may be a proxy's.
        work: an empty folder of ours.
    """

    def __init__(self, kind: Kind, server: Server, work: Path) -> None:
        self._kind = kind
        self._server = server
        self._work = work
        self.secret = PASSWORD if server.user == servers.USER else "none"

    def times(self, source: Path, rounds: int) -> dict[tuple[str, str], Run | str]:
        """Send a folder's files and fetch them; give what each program took for ``put`` and ``get``."""
        found: dict[tuple[str, str], Run | str] = {}
        programs = {"passerelle": self._ours, "lftp": self._lftp, "rclone": self.rclone}
        for _ in range(rounds):
            for name, program in programs.items():
                folder = servers.new_folder(self._server.folder).replace(" ", "-")
                for act in ("put", "get"):
                    local = source if act == "put" else self._emptied("back")
                    try:
                        run = program(act, local, folder)
                        self._check(source, self._server.folder / folder if act == "put" else local)
                    except subprocess.CalledProcessError as error:
                        found[name, act] = error.stderr.decode(errors="replace").strip().splitlines()[-1][:60]
                        continue
                    before = found.get((name, act), run)
                    if isinstance(before, Run):
                        found[name, act] = min(before, run, key=lambda one: one.seconds)
                shutil.rmtree(self._server.folder / folder, ignore_errors=True)
        return found

    def listed(self, folder: str, count: int) -> Run:
        """Measure a recursive listing of ours."""
        return self._ours("list", self._work, folder, count=count)

    def _ours(self, act: str, local: Path, folder: str, *, count: int = 0) -> Run:
        told = self._work / "told"
        todo = {"act": act, "local": str(local), "folder": folder, "told": str(told), "count": count}
        todo["place"] = self.place
        measure = measured([sys.executable, "-c", OURS, json.dumps(todo)], {SECRET: self.secret})
        seconds, requests = json.loads(told.read_text())
        return Run(seconds, measure.peak_mib, requests)

    @property
    def place(self) -> dict[str, object]:
        """The server's place in a profile of ours; its secret is named ``SECRET``."""
        server = self._server
        place: dict[str, object] = {
            "url": f"{self._kind.scheme}://{server.user}@{server.host}:{server.port}",
            "connections": CONNECTIONS,
        }
        if self._kind.scheme == "sftp":
            place |= {"key_file": str(server.key_file), "host_key_fingerprint": server.fingerprint}
        else:
            place |= {"password": SECRET}
        if server.ca_file:
            place |= {"ca_file": str(server.ca_file)}
        return place

    def _lftp(self, act: str, local: Path, folder: str) -> Run:
        server = self._server
        scheme = "sftp" if self._kind.scheme == "sftp" else "ftp"
        ssh = (
            f"ssh -a -x -i {self._key()} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        )
        settings = {
            "cmd:fail-exit": "yes",
            "net:max-retries": "2",
            "net:timeout": "30",
            "sftp:connect-program": f'"{ssh}"',
            "ftp:ssl-force": "yes" if server.ca_file else "no",
            "ftp:ssl-allow": "yes" if server.ca_file else "no",
            "ftp:ssl-protect-data": "yes",
            "ssl:ca-file": str(server.ca_file or ""),
        }
        pair = f"-R {local} {folder}" if act == "put" else f"{folder} {local}"
        script = [
            *(f"set {name} {value}" for name, value in settings.items() if value),
            f"open --env-password -u {server.user} {scheme}://{server.host}:{server.port}",
            f"mirror --no-perms --no-umask --parallel={CONNECTIONS} {pair}",
        ]
        measure = measured(["lftp", "--norc", "-c", "; ".join(script)], {"LFTP_PASSWORD": self.secret})
        return Run(measure.seconds, measure.peak_mib)

    def rclone(self, act: str, local: Path, folder: str) -> Run:
        """Copy a folder to or from the server by rclone."""
        server = self._server
        transfers = ["--transfers", str(CONNECTIONS), "--checkers", str(CONNECTIONS), "--retries", "1"]
        if self._kind.scheme == "sftp":
            remote = f":sftp:{folder}"
            options = ["--sftp-key-file", self._key(), "--sftp-shell-type", "none", "--sftp-disable-hashcheck"]
        else:
            remote = f":ftp:{folder}"
            obscured = subprocess.check_output(["rclone", "obscure", "-"], input=self.secret.encode())
            # several streams for one file are refused by vsftpd (426)
            options = ["--ftp-pass", obscured.decode().strip(), "--multi-thread-streams", "0"]
            if server.ca_file:  # without the last one most transfers of this version fail
                options += ["--ftp-explicit-tls", "--ftp-disable-tls13"]
        where = "sftp" if self._kind.scheme == "sftp" else "ftp"
        address = [f"--{where}-host", server.host, f"--{where}-port", str(server.port), f"--{where}-user", server.user]
        pair = [local, remote] if act == "put" else [remote, local]
        own = {"RCLONE_CONFIG": "/dev/null", "SSL_CERT_FILE": str(server.ca_file or "")}
        measure = measured(["rclone", "copy", *transfers, *address, *options, *pair], own)
        return Run(measure.seconds, measure.peak_mib)

    def _key(self) -> Path:
        """Give the user's key as a file that OpenSSH's client accepts."""
        key = self._work / "key"
        if self._server.key_file and not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(self._server.key_file.read_bytes())
        return key

    def _emptied(self, name: str) -> Path:
        folder = self._work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _check(self, source: Path, arrived: Path) -> None:
        expected = {file.name: file.stat().st_size for file in source.iterdir()}
        found = {file.name: file.stat().st_size for file in arrived.iterdir() if file.name != "manifest.json"}
        if found != expected:
            raise RuntimeError(f"{arrived} has not what was sent")


def make_files(folder: Path, count: int, size: int) -> Path:
    """Write so many files of so many bytes that no compression makes smaller."""
    folder.mkdir()
    source = random.Random(20261121)
    for number in range(count):
        with (folder / f"file{number:05}.bin").open("wb") as file:
            for begin in range(0, size, 1 << 20):
                file.write(source.randbytes(min(1 << 20, size - begin)))
    return folder


def make_tree(folder: Path, folders: int) -> None:
    """Write a tree of so many folders, a hundred of them in a folder, each with a few files."""
    for number in range(folders):
        inner = folder / f"{number // 100:03}" / f"{number % 100:02}"
        inner.mkdir(parents=True)
        for file in range(FILES_IN_A_FOLDER):
            (inner / f"{file}.txt").write_bytes(b"x")


def latencies(kind: Kind, asked: argparse.Namespace) -> list[float]:
    """Give the latencies to measure a server with."""
    return [0.0, asked.latency] if asked.latency and kind.through_proxy else [0.0]


@contextmanager
def far_away(server: Server, latency: float) -> Iterator[Server]:
    """Put a server behind a proxy that takes its time, if it is to take any."""
    if not latency:
        yield server
        return
    command = [sys.executable, TESTS / "storage_proxy.py", str(server.port), str(latency)]
    proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert proxy.stdin
    assert proxy.stdout
    try:
        yield replace(server, port=int(proxy.stdout.readline()))
    finally:
        proxy.stdin.close()
        proxy.wait()


def shown(found: Mapping[tuple[str, str], Run | str], act: str) -> str:
    """Write the cells of a row: time and memory of each program, and our time to the best other's."""
    cells = []
    for name in ("passerelle", "lftp", "rclone"):
        run = found[name, act]
        cells += [f"{run.seconds:.2f}", f"{run.peak_mib:.0f}"] if isinstance(run, Run) else [run, ""]
    ours = found["passerelle", act]
    others = [run.seconds for name in ("lftp", "rclone") if isinstance(run := found[name, act], Run)]
    ratio = f"{min(others) / ours.seconds:.2f}" if isinstance(ours, Run) and others else ""
    return " | ".join([*cells, ratio])


def compare(asked: argparse.Namespace, work: Path) -> None:
    """Print the table of transfers."""
    sets = {
        "small": make_files(work / "small", max(1, int(2000 * asked.scale)), 20_000),
        "large": make_files(work / "large", 1, int((1 << 30) * asked.scale)),
    }
    print("| server | latency | files | | passerelle s | MiB | lftp s | MiB | rclone s | MiB | speed to the best |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in asked.server:
        kind = KINDS[name]
        for latency in latencies(kind, asked):
            with (
                kind.start() as server,
                far_away(server, latency) as reached,
                tempfile.TemporaryDirectory(dir=work) as own,
            ):
                for files, source in sets.items():
                    found = Bench(kind, reached, Path(own)).times(source, asked.rounds)
                    for act in ("put", "get"):
                        far = f"{latency * 1000:g} ms"
                        print(f"| {name} | {far} | {files} | {act} | {shown(found, act)} |", flush=True)


def list_trees(asked: argparse.Namespace, work: Path) -> None:
    """Print the table of listings."""
    folders = max(1, int(10_000 * asked.scale))
    print(f"\nA tree of {folders * FILES_IN_A_FOLDER:,} files in {folders:,} folders, listed by passerelle:\n")
    print("| server | latency | requests | s | peak MiB |\n|---|---|---|---|---|")
    for name in asked.server:
        kind = KINDS[name]
        for latency in latencies(kind, asked):
            with (
                kind.start() as server,
                far_away(server, latency) as reached,
                tempfile.TemporaryDirectory(dir=work) as own,
            ):
                make_tree(server.folder / "tree", folders)
                run = Bench(kind, reached, Path(own)).listed("tree", folders * FILES_IN_A_FOLDER)
            cells = f"{run.requests:,} | {run.seconds:.2f} | {run.peak_mib:.0f}"
            print(f"| {name} | {latency * 1000:g} ms | {cells} |", flush=True)


def main() -> None:
    """Print tables of figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--latency", type=float, default=0.01)
    parser.add_argument("--server", nargs="+", choices=KINDS, default=list(KINDS))
    asked = parser.parse_args()
    with servers.shared_folder() as folder:
        compare(asked, folder)
        list_trees(asked, folder)


if __name__ == "__main__":
    main()

"""Many who download at once: all get the whole file, and nobody else waits for them (JOU-2)."""

from __future__ import annotations

import hashlib
import random
from contextlib import ExitStack
from pathlib import Path

from consoles import command, shop_installation

from passerelle.ledger.ledger import Ledger
from passerelle.run import folder
from passerelle.run.summary import Summary

MIB = 2**20
SIZE, AT_ONCE = 24 * MIB, 20


def peak(pid: int) -> int:
    """Give the most memory that a process has had, in bytes."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_jou_2_twenty_downloads_at_once_are_whole_bounded_and_in_nobodys_way(tmp_path, request):
    made = shop_installation(tmp_path, request.config.rootpath)
    data = random.Random(7).randbytes(SIZE)
    with Ledger.open(made.ledger_url) as ledger:
        run = ledger.start_run("test", "orders")
    home = made.run_folder(run)
    home.mkdir(parents=True)
    (home / "erpFiles.zip").write_bytes(data)
    summary = Summary(run, "test", "fr", "delivered", files={"erpFiles.zip": str(home / "erpFiles.zip")})
    folder.write_summary(home, summary)

    with command(made) as served, ExitStack() as opened:
        member = served.member()
        member.page(f"/runs/{run}")
        before = peak(served.pid)
        cookies = dict(member.cookies)
        clients = [opened.enter_context(served.browser()) for _ in range(AT_ONCE)]
        path = f"/runs/{run}/files/erpFiles.zip"
        answers = [opened.enter_context(client.stream("GET", path, cookies=cookies)) for client in clients]
        parts = [answer.iter_bytes(MIB) for answer in answers]
        hashes = [hashlib.sha256(next(part)) for part in parts]

        # All twenty hang in the middle of the file; the pages are for the others.
        for page in ("/", "/runs", f"/runs/{run}", "/profiles/test"):
            assert member.get(page).elapsed.total_seconds() < 30
        assert member.get("/health").text == "ok\n"

        for part, sha in zip(parts, hashes, strict=True):
            for more in part:
                sha.update(more)
        assert {sha.hexdigest() for sha in hashes} == {hashlib.sha256(data).hexdigest()}
        assert {answer.headers["content-length"] for answer in answers} == {str(SIZE)}
        assert peak(served.pid) - before < 4 * SIZE

"""The console with a long journal: milliseconds per page, against its own page for a name that is not there.

    python benchmarks/console.py [--runs 100000] [--outcomes 1000000] [--rounds 7]

The ledger is made here, seeded: runs of three profiles over a year, their outcomes, one run with a tenth of them all.
The console is served by its own server in this process and asked over HTTP, page after page, by one who is logged in;
the best of the rounds counts. The page that is not there is what any page costs: the session, the template, the way.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import sqlalchemy as sa

from passerelle.cli.console import commands, tasks
from passerelle.console.app import Doors, opened, server
from passerelle.ledger.journal import Wanted
from passerelle.ledger.ledger import Ledger
from passerelle.ledger.schema import outcomes, runs
from passerelle.run.installation import Installation

NAME, PASSWORD = "bench", "a password for the bench"
LIMIT = 300.0
"""Milliseconds that a page of the journal may take."""
EMPTY = "/nothing-there"


def fill(ledger: Ledger, count: int, said: int) -> None:
    """Write runs and their outcomes; every twentieth run failed, every tenth outcome is a refusal."""
    random = np.random.default_rng(20261128)
    start = datetime.now(UTC) - timedelta(days=365)
    step = timedelta(days=365) / count
    names = ("orders", "stocks", "prices", "articles")
    rows = [
        {
            "number": number + 1,
            "run_id": f"{start + number * step:%Y%m%dT%H%M%S}-{number:08x}",
            "profile": f"shop-{number % 3}",
            "task": names[number % 4],
            "state": "failed" if number % 20 == 0 else "delivered" if number % 3 else "nothing_to_do",
            "started_at": start + number * step,
            "finished_at": start + number * step + timedelta(seconds=4),
            "parameters": {"profile": f"shop-{number % 3}"} | ({"shop": "web"} if number % 4 else {}),
            "counts": {"read": 20, "succeeded": int(good), "failed": 20 - int(good), "ignored": 0},
            "succeeded": int(good),
            "failed": 20 - int(good),
            "message": "The server did not answer." if number % 20 == 0 else "",
        }
        for number, good in enumerate(random.integers(15, 21, count))
    ]
    large, small = count, said * 9 // 10
    with ledger._database.writing() as connection:  # noqa: SLF001 - no run is played a hundred thousand times
        connection.execute(sa.insert(runs), rows)
        for first in range(0, said, 50_000):
            part = range(first, min(first + 50_000, said))
            connection.execute(sa.insert(outcomes), [_said(n, large if n >= small else n % count + 1) for n in part])


def _said(number: int, run: int) -> dict[str, object]:
    told = {"run_number": run, "position": number, "record_type": "order", "record": f"web/{number}", "field": ""}
    if number % 10 == 0:
        return {**told, "stage": "map", "state": "failed", "code": "unknown-article", "value": "VASE", "params": "{}"}
    return {**told, "stage": "write", "state": "succeeded", "code": "exchanged", "value": f"F{number}", "params": "{}"}


def pages(last: str) -> dict[str, str]:
    """Give the pages that are asked."""
    return {
        "dashboard": "/",
        "runs": "/runs",
        "runs, far back": "/runs?after=MIDDLE",
        "runs, failed": "/runs?state=failed",
        "runs, with refusals": "/runs?state=refusals&profile=shop-1",
        "runs, by task": "/runs?order=task&up=1",
        "runs, searched in vain": "/runs?text=no+such+message",
        "runs, days of last winter": "/runs?first=2025-12-20&last=2025-12-24",
        "run, 100,000 outcomes": f"/runs/{last}",
        "run, all its outcomes": f"/runs/{last}?said=all",
    }


def asked(client: httpx.Client, path: str, rounds: int) -> float:
    """Give the best of the milliseconds that a page took."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        answer = client.get(path)
        best = min(best, (time.perf_counter() - begun) * 1000)
        assert answer.status_code == (404 if path == EMPTY else 200), (path, answer.status_code)
    return best


def served(installation: Installation) -> Iterator[httpx.Client]:
    """Serve the console and give a browser that is logged in."""
    with opened(installation, tasks(), commands()) as site:
        serving = server(site, Doors(), "127.0.0.1", 0)
        thread = threading.Thread(target=serving.run, daemon=True)
        thread.start()
        while not serving.started:
            time.sleep(0.01)
        port = serving.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            csrf = re.search(r'name="csrf" value="(\w+)"', client.get("/login").text)
            assert csrf
            client.post("/login", data={"csrf": csrf[1], "name": NAME, "password": PASSWORD})
            yield client
        serving.should_exit = True
        thread.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--outcomes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "profiles").mkdir()
        installation = Installation(home / "profiles", home, f"sqlite:///{home / 'ledger.sqlite'}")
        with Ledger.open(installation.ledger_url) as ledger:
            ledger.access.add_user(NAME, PASSWORD, by="bench")
            fill(ledger, options.runs, options.outcomes)
            last = ledger.journal.page(Wanted(), limit=1).runs[0].run_id
            half = ledger.runs(limit=options.runs // 2)[-1].run_id
        for client in served(installation):
            empty = asked(client, EMPTY, options.rounds)
            print(f"{options.runs} runs, {options.outcomes} outcomes; an empty page takes {empty:.1f} ms")
            slow = []
            first = asked(client, "/", 1)  # later ones do not count months again that are over
            for name, path in {"dashboard, first time": "", **pages(last)}.items():
                taken = asked(client, path.replace("MIDDLE", half), options.rounds) if path else first
                print(f"  {name:<28} {taken:8.1f} ms  {taken / empty:6.1f}x")
                slow += [name] if taken > LIMIT else []
    print(f"over {LIMIT:.0f} ms: {', '.join(slow) or 'none'}")


if __name__ == "__main__":
    main()

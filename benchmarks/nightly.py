"""A nightly run with nothing to do: what it costs beyond Prefect's own start.

    python benchmarks/nightly.py [--orders 1000] [--rounds 5]

A server of Prefect is started once, as ``passerelle up`` does. Then, in turn, each in a process of its own: a flow that
does nothing; the flow ``orders`` over exports whose orders are all exchanged. The command without Prefect is measured
too. The best of the rounds counts; processor time beside it says what a loaded machine hides.
"""

from __future__ import annotations

import argparse
import resource
import socket
import sys
import tempfile
from pathlib import Path

from measure import Measure, measured
from orders import make_export, make_profile

from passerelle.flows.server import environment, server
from passerelle.run.installation import Installation

EMPTY = """\
from prefect import flow
@flow(name="empty")
def empty(): pass
empty()
"""
NIGHTLY = """\
from passerelle.flows.orders import orders
assert orders("bench", return_state=True).message == "nothing-to-do"
"""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def timed(job: list[str | Path], variables: dict[str, str]) -> tuple[float, float, float]:
    """Run a program; give seconds of the wall clock, of the processors, and its peak memory in MiB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended: Measure = measured(job, variables)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ended.seconds, worked, ended.peak_mib


def compared(orders: int, rounds: int, folder: Path) -> dict[str, tuple[float, float, float]]:
    """Give the best of each figure of ``empty flow``, ``flow`` and ``command``; see ``timed``."""
    home = folder / "profiles" / "bench"
    make_profile(home)
    make_export(home / "in" / "orders.csv", orders)
    state = folder / "var"
    installation = Installation(home.parent, state, f"sqlite:///{state / 'ledger.sqlite'}")
    passerelle = Path(sys.executable).with_name("passerelle")
    command = [passerelle, "--profiles", home.parent, "--state", state, "run", "orders", "-p", "bench"]
    measured(command)  # all orders are exchanged
    (state / "prefect").mkdir()
    variables = environment(installation, _free_port(), _free_port())
    jobs = {"empty flow": [sys.executable, "-c", EMPTY], "flow": [sys.executable, "-c", NIGHTLY], "command": command}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in jobs}
    with server(variables):
        for _ in range(rounds):
            for name, job in jobs.items():
                found[name].append(timed(job, variables))
    return {name: tuple(map(min, zip(*rows, strict=True))) for name, rows in found.items()}


def main() -> None:
    """Print a table of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, nargs="+", default=[1_000])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print("| orders known | job | wall s | processor s | peak MiB |")
    print("|---|---|---|---|---|")
    for orders in asked.orders:
        with tempfile.TemporaryDirectory() as folder:
            best = compared(orders, asked.rounds, Path(folder))
        empty, flow = best["empty flow"], best["flow"]
        best["flow beyond the empty one"] = (flow[0] - empty[0], flow[1] - empty[1], flow[2] - empty[2])
        for name, (wall, worked, peak) in best.items():
            print(f"| {orders:,} | {name} | {wall:.2f} | {worked:.2f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()

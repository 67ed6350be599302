"""Two machines, played by two workers: one server, one work pool, one ledger, both databases in PostgreSQL (RUN-6)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import postgresql
import pytest
from builders import installed
from ftp_server import FtpServer
from prefect_server import END, ENDED, PROGRAM, START, Prefect, free_port, until

from passerelle.flows.server import DATABASE
from passerelle.ledger.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]
PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]


@pytest.fixture
def ftp(tmp_path) -> Iterator[FtpServer]:
    with FtpServer(tmp_path / "ftp") as server:
        yield server
        server.let_go()


@contextmanager
def running(command: list[Any], folder: Path, variables: dict[str, str]) -> Iterator[Path]:
    """Run a program in a folder of its own, with a place for temporary files of its own; gives what it says."""
    (folder / "tmp").mkdir(parents=True)
    own = {**os.environ, **variables, "PREFECT_HOME": str(folder / "prefect"), "TMPDIR": str(folder / "tmp")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=own, stdout=log, stderr=log, start_new_session=True)
    try:
        yield folder / "log"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def call(command: list[Any], variables: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    ended = {**os.environ, **variables}
    return subprocess.run(command, cwd=folder, env=ended, capture_output=True, text=True, check=False)


def test_run_6_two_workers_share_the_runs_and_deliver_each_record_once(tmp_path, samples, ftp):
    place = f'{{ url = "ftp://boss@127.0.0.1:{ftp.port}/in", password = "TEST_FTP", attempts = 1 }}'
    at = installed(tmp_path, ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json"), place=place)
    second = shutil.copytree(at.profiles / "test", at.profiles / "demo") / "profile.toml"
    second.write_text(second.read_text("utf-8").replace('name = "test"', 'name = "demo"', 1), "utf-8")
    port = free_port()
    with ExitStack() as stack:
        server = stack.enter_context(postgresql.started())
        ledger = server.database()
        at_server = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        common = {
            **at_server,
            "PASSERELLE_PROFILES": str(at.profiles),
            "PASSERELLE_STATE": str(at.state),
            "PASSERELLE_LEDGER": ledger,
            "PASSERELLE_LANG": "en",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "TEST_FTP": ftp.password,
        }
        kept = {DATABASE: server.database("postgresql+asyncpg")}
        served = [*PREFECT, "server", "start", f"--port={port}"]
        stack.enter_context(running(served, tmp_path / "server", {**at_server, **kept}))
        api = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=20))
        prefect = Prefect(api)

        def answers() -> bool:
            try:
                return api.get("/health").is_success
            except httpx.TransportError:
                return False

        until(answers, START, "the server did not start")
        deployed = call([PROGRAM, "deploy", "--pool=passerelle"], common, tmp_path)
        assert deployed.returncode == 0, deployed.stderr
        assert {"orders/demo", "orders/test", "quotes/test"} < set(deployed.stdout.split())
        assert prefect.deployment()["work_pool_name"] == "passerelle"
        # The project's own file says the same of its one profile, and from no folder of this machine.
        by_file = call([*PREFECT, "deploy", "--all"], common, ROOT)
        assert by_file.returncode == 0, by_file.stdout + by_file.stderr
        assert prefect.deployment("articles", "demo")["pull_steps"] == []

        work = [*PREFECT, "worker", "start", "--pool=passerelle", "--limit=1"]
        logs = [stack.enter_context(running([*work, f"--name={name}"], tmp_path / name, common)) for name in "ab"]

        def state(run_id: str) -> str:
            return str(prefect.call("GET", f"/flow_runs/{run_id}")["state_type"])

        ftp.hold()
        first = prefect.start("orders", "test")
        assert ftp.wait_for_login(START.total_seconds())
        refused = prefect.start("quotes", "test")  # of the same ERP, on the other machine
        told = prefect.ended(refused, 1)
        assert told["state_type"] == "FAILED"
        for part in ("to-erp", "profile test", first, socket.gethostname()):
            assert part in told["state"]["message"]
        queued = prefect.start("orders", "test")  # the very same deployment: it waits for its turn
        other = prefect.start("orders", "demo")
        until(lambda: state(other) == "RUNNING", END, "the other profile does not run meanwhile")
        assert (state(first), state(queued)) == ("RUNNING", "SCHEDULED")
        by_hand = call([PROGRAM, "run", "orders", "-p", "test"], common, tmp_path)
        assert by_hand.returncode == 1
        assert first in by_hand.stderr
        assert ftp.files() == []
        ftp.let_go()
        ended = [prefect.ended(one, 1) for one in (first, other)]
        assert [run["state_type"] for run in ended] == ["COMPLETED"] * 2
        begun = [[run["name"] for run in ended if f"'{run['name']}' submitted to" in log.read_text()] for log in logs]
        assert sorted(map(len, begun)) == [1, 1], begun

        until(lambda: state(queued) in ENDED, END + timedelta(seconds=60), "the run that waited did not end")
        assert state(queued) == "COMPLETED"
    assert ftp.stored("zip") == 2
    with Ledger.open(ledger) as opened:
        states = {run.run_id: run.state for profile in ("test", "demo") for run in opened.runs(profile)}
    assert states == {first: "delivered", other: "delivered", queued: "nothing_to_do"}

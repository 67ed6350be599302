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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import postgresql
import pytest
from builders import installed
from ftp_server import FtpServer
from prefect_server import END, ENDED, PROGRAM, START, Prefect, free_port, until

from passerelle.console import starting
from passerelle.flows.server import DATABASE
from passerelle.ledger.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]
LOGIN = ("admin", "of the server")
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
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


@dataclass(frozen=True)
class Machines:
    """Two workers of one pool, the server they ask, and what they have in common."""

    prefect: Prefect
    variables: dict[str, str]
    logs: list[Path]

    def state(self, run_id: str) -> str:
        return str(self.prefect.call("GET", f"/flow_runs/{run_id}")["state_type"])


@pytest.fixture
def machines(tmp_path, samples, ftp) -> Iterator[Machines]:
    """Two profiles, ``test`` and ``demo``, deployed as the guide says, and two workers that take one run each."""
    place = f'{{ url = "ftp://boss@127.0.0.1:{ftp.port}/in", password = "TEST_FTP", attempts = 1 }}'
    at = installed(tmp_path, ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json"), place=place)
    second = shutil.copytree(at.profiles / "test", at.profiles / "demo") / "profile.toml"
    second.write_text(second.read_text("utf-8").replace('name = "test"', 'name = "demo"', 1), "utf-8")
    port = free_port()
    named = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_API_AUTH_STRING": ":".join(LOGIN)}
    with ExitStack() as stack:
        databases = stack.enter_context(postgresql.started())
        variables = {
            **named,
            "PASSERELLE_PROFILES": str(at.profiles),
            "PASSERELLE_STATE": str(at.state),
            "PASSERELLE_LEDGER": databases.database(),
            "PASSERELLE_LANG": "en",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "TEST_FTP": ftp.password,
        }
        kept = {
            DATABASE: databases.database("postgresql+asyncpg"),
            "PREFECT_SERVER_API_AUTH_STRING": ":".join(LOGIN),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        served = [*PREFECT, "server", "start", f"--port={port}"]
        stack.enter_context(running(served, tmp_path / "server", {**named, **kept}))
        api = stack.enter_context(httpx.Client(base_url=named["PREFECT_API_URL"], timeout=20, auth=LOGIN))

        def answers() -> bool:
            try:
                return api.get("/health").is_success
            except httpx.TransportError:
                return False

        until(answers, START, "the server did not start")
        deployed = call([PROGRAM, "deploy", "--pool=passerelle"], variables, tmp_path)
        assert deployed.returncode == 0, deployed.stderr
        assert {"orders/demo", "orders/test", "quotes/test"} < set(deployed.stdout.split())
        # The project's own file says the same of one profile, whatever the folder it was in.
        by_file = call([*PREFECT, "deploy", "--all"], variables, ROOT)
        assert by_file.returncode == 0, by_file.stdout + by_file.stderr
        work = [*PREFECT, "worker", "start", "--pool=passerelle", "--limit=1"]
        logs = [stack.enter_context(running([*work, f"--name={name}"], tmp_path / name, variables)) for name in "ab"]
        yield Machines(Prefect(api), variables, logs)


def test_run_6_two_workers_share_the_runs_and_deliver_each_record_once(machines, ftp, tmp_path, monkeypatch):
    prefect, state = machines.prefect, machines.state
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", ":".join(LOGIN))
    console = starting.Prefect(machines.variables["PREFECT_API_URL"])
    assert console.deployment("orders", "test") == prefect.deployment()["id"]
    ftp.hold()
    first = prefect.start("orders", "test")
    assert ftp.wait_for_login(START.total_seconds())
    refused = prefect.ended(prefect.start("quotes", "test"), 1)  # for the same ERP, on the other machine
    assert refused["state_type"] == "FAILED"
    for part in ("to-erp", "profile test", first, socket.gethostname()):
        assert part in refused["state"]["message"]
    queued = prefect.start("orders", "test")  # the very same deployment: it waits for its turn
    other = prefect.start("orders", "demo")
    until(lambda: state(other) == "RUNNING", END, "the other profile does not run meanwhile")
    assert (state(first), state(queued)) == ("RUNNING", "SCHEDULED")
    by_hand = call([PROGRAM, "run", "orders", "-p", "test"], machines.variables, tmp_path)
    assert (by_hand.returncode, first in by_hand.stderr) == (1, True)
    assert ftp.files() == []

    ftp.let_go()
    ended = [prefect.ended(one, 1) for one in (first, other)]
    assert [run["state_type"] for run in ended] == ["COMPLETED"] * 2
    said = [log.read_text() for log in machines.logs]
    assert sorted(sum(f"'{run['name']}' submitted to" in text for run in ended) for text in said) == [1, 1]
    until(lambda: state(queued) in ENDED, END, "the run that waited did not end")
    assert ftp.stored("zip") == 2
    with Ledger.open(machines.variables["PASSERELLE_LEDGER"]) as ledger:
        states = {run.run_id: run.state for profile in ("test", "demo") for run in ledger.runs(profile)}
    assert states == {first: "delivered", other: "delivered", queued: "nothing_to_do"}

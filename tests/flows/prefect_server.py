"""``passerelle up`` as users start it, on a port of its own, and its server's API."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from passerelle.run.installation import Installation

PROGRAM = Path(sys.executable).with_name("passerelle")
START = timedelta(seconds=300)
END = timedelta(seconds=300)
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(tell: Callable[[], Any], limit: timedelta, what: str) -> Any:
    """Ask again until the answer is true."""
    deadline = time.monotonic() + limit.total_seconds()
    while time.monotonic() < deadline:
        if answer := tell():
            return answer
        time.sleep(0.3)
    pytest.fail(f"{what} within {limit}")


class Prefect:
    """A running server of Prefect, by its API."""

    def __init__(self, api: httpx.Client, console: str = "") -> None:
        self._api, self.console = api, console
        self.pages = str(api.base_url).rstrip("/").removesuffix("/api")

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Ask the server, which says 503 as long as its database is busy."""

        def answered() -> httpx.Response | None:
            answer = self._api.request(method, path, json=body or None)
            return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

        answer: httpx.Response = until(answered, START, f"{method} {path} was not answered")
        return answer.raise_for_status().json()

    def deployment(self, task: str = "orders", profile: str = "test") -> Any:
        answer = self._api.get(f"/deployments/name/{task}/{profile}")
        return answer.json() if answer.is_success else None

    def start(self, task: str = "orders", profile: str = "test", **more: Any) -> str:
        path = f"/deployments/{self.deployment(task, profile)['id']}/create_flow_run"
        return str(self.call("POST", path, parameters={"profile": profile, **more})["id"])

    def keep_secret(self, name: str, value: str) -> None:
        """Do what the UI does for a new Secret block."""
        kind = self._api.get("/block_types/slug/secret").raise_for_status().json()["id"]
        wanted = {"block_type_id": {"any_": [kind]}}
        schema = self.call("POST", "/block_schemas/filter", block_schemas=wanted)[0]["id"]
        document = {"block_type_id": kind, "block_schema_id": schema, "name": name, "data": {"value": value}}
        self.call("POST", "/block_documents/", **document)

    def retry(self, run_id: str) -> None:
        """Do what the button Retry of the UI does."""
        state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
        self.call("POST", f"/flow_runs/{run_id}/set_state", state=state, force=True)

    def ended(self, run_id: str, count: int) -> Any:
        """Give the run once it has ended for the given time."""

        def run() -> Any:
            found = self.call("GET", f"/flow_runs/{run_id}")
            return found if found["run_count"] == count and found["state_type"] in ENDED else None

        return until(run, END, f"run {run_id} did not end its start no. {count}")


@contextmanager
def started_up(at: Installation, log: Path, more: Mapping[str, str] | None = None) -> Iterator[Prefect]:
    """Run ``passerelle up``, with more environment, until the end of the ``with``; what it says goes into a file."""
    port, console = free_port(), free_port()
    folders = ["--profiles", at.profiles, "--state", at.state]
    with log.open("ab") as said:
        process = subprocess.Popen(
            [PROGRAM, *folders, "up", f"--port={port}", f"--console-port={console}"],
            env={**os.environ, "PREFECT_RUNNER_POLL_FREQUENCY": "1", **(more or {})},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=20) as api:
            running = Prefect(api, f"http://127.0.0.1:{console}")

            def deployed() -> bool:
                assert process.poll() is None, log.read_text()
                try:
                    return bool(running.deployment())
                except httpx.TransportError:
                    return False

            until(deployed, START, "passerelle up did not deploy the profile")
            yield running
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()

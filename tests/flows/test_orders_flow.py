"""The flow on a real Prefect server, started as users start it: a failed run is retried and sends once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders import installed
from ftp_server import FtpServer

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


class Up:
    """A running ``passerelle up`` and its server's API."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Ask the server, which says 503 as long as its database is busy."""

        def answered() -> httpx.Response | None:
            answer = self._api.request(method, path, json=body or None)
            return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

        answer: httpx.Response = until(answered, START, f"{method} {path} was not answered")
        return answer.raise_for_status().json()

    def deployment(self, task: str = "orders") -> Any:
        answer = self._api.get(f"/deployments/name/{task}/test")
        return answer.json() if answer.is_success else None

    def start(self, task: str = "orders", **more: Any) -> str:
        path = f"/deployments/{self.deployment(task)['id']}/create_flow_run"
        return str(self.call("POST", path, parameters={"profile": "test", **more})["id"])

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


@pytest.fixture
def ftp(tmp_path) -> Iterator[FtpServer]:
    with FtpServer(tmp_path / "ftp") as server:
        yield server


@pytest.fixture
def up(tmp_path, samples, ftp) -> Iterator[Up]:
    port = free_port()
    place = f'{{ url = "ftp://boss@127.0.0.1:{ftp.port}/in", password = "TEST_FTP", attempts = 1 }}'
    shop = ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json")
    at = installed(tmp_path, shop, place=place)
    profile = at.profiles / "test" / "profile.toml"
    often = 'quotes = { every_days = 1, start = 2079-01-01, at = "08:00", repeat = "5m", during = "12h" }'
    profile.write_text(profile.read_text(encoding="utf-8").replace("[schedules]", f"[schedules]\n{often}"), "utf-8")
    log = (tmp_path / "up.log").open("wb")
    process = subprocess.Popen(
        [
            Path(sys.executable).with_name("passerelle"),
            "--profiles",
            at.profiles,
            "--state",
            at.state,
            "up",
            "--port",
            str(port),
        ],
        env={**os.environ, "PREFECT_RUNNER_POLL_FREQUENCY": "1"},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=20) as api:
            running = Up(api)

            def deployed() -> bool:
                assert process.poll() is None, (tmp_path / "up.log").read_text()
                try:
                    return bool(running.deployment())
                except httpx.TransportError:
                    return False

            until(deployed, START, "passerelle up did not deploy the profile")
            running.keep_secret("test-ftp", ftp.password)
            yield running
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


def test_run_4_sto_5_a_run_that_could_not_deliver_is_retried_and_sends_once(up, ftp, tmp_path):
    deployment = up.deployment()
    [schedule] = [each["schedule"] for each in deployment["schedules"]]
    assert schedule["timezone"] == "Europe/Paris"
    assert schedule["rrule"].endswith("\nRRULE:FREQ=DAILY;BYHOUR=3;BYMINUTE=30;BYSECOND=0")
    assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"

    ftp.refuse()
    run_id = up.start()
    failed = up.ended(run_id, 1)
    assert failed["state_type"] == "FAILED"
    assert ftp.files() == []

    ftp.accept()
    up.retry(run_id)
    completed = up.ended(run_id, 2)
    assert completed["state_type"] == "COMPLETED", completed["state"]
    sent = ftp.files()
    assert [Path(name).suffix for name in sent] == [".json", ".zip"]
    assert ftp.stored("zip") == 1

    up.retry(run_id)
    assert up.ended(run_id, 3)["state_type"] == "COMPLETED"
    assert ftp.files() == sent
    assert ftp.stored("zip") == 1

    artifacts = up.call("POST", "/artifacts/filter", limit=50)
    keys = {artifact["key"] for artifact in artifacts}
    assert {"orders-test", "orders-test-counts", "orders-test-zip", "orders-test-transfer"} <= keys
    table = next(artifact for artifact in artifacts if artifact["key"] == "orders-test-counts")
    assert json.loads(table["data"])[0]["written"] == 51


def test_run_3_a_run_that_meets_another_one_of_a_frequent_task_is_cancelled_and_says_why(up):
    until(lambda: up.deployment("quotes"), START, "quotes was not deployed")
    ids = [up.start("quotes"), up.start("quotes")]

    def both() -> Any:
        found = [up.call("GET", f"/flow_runs/{one}") for one in ids]
        return found if all(one["state_type"] in ENDED for one in found) else None

    runs = until(both, END, "the runs did not end")
    [cancelled, completed] = sorted(runs, key=lambda one: one["state_type"])
    assert (cancelled["state_type"], completed["state_type"]) == ("CANCELLED", "COMPLETED")
    assert (cancelled["run_count"], completed["run_count"]) == (0, 1)
    assert cancelled["state"]["message"] == "Deployment concurrency limit reached."


def test_pre_1_sec_5_a_plan_is_applied_by_a_flow_and_shown_without_names(up, ftp, tmp_path):
    assert up.ended(up.start(plan=True), 1)["state_type"] == "COMPLETED"
    assert ftp.files() == []
    [plan] = (tmp_path / "var" / "plans").iterdir()
    shown = {one["key"]: one["data"] for one in up.call("POST", "/artifacts/filter", limit=50)}
    counts = {row["what"]: row["count"] for row in json.loads(shown["orders-test-plan"])}
    assert counts["ajouter à l'ERP : facture"] == 51
    names = {row[12] for row in json.loads((plan / "plan.json").read_text())["rows"] if row[0] == "customer"}
    assert len(names) > 10
    assert not [name for name in names for text in shown.values() if name in str(text)]
    applied = up.start(apply=plan.name)
    assert up.ended(applied, 1)["state_type"] == "COMPLETED"
    assert ftp.stored("zip") == 1
    up.retry(applied)
    assert up.ended(applied, 2)["state_type"] == "COMPLETED"
    again = up.ended(up.start(apply=plan.name), 1)
    assert (again["state_type"], "applied already" in again["state"]["message"]) == ("FAILED", True)
    assert ftp.stored("zip") == 1

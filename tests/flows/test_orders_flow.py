"""The flow on a real Prefect server, started as users start it: a failed run is retried and sends once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import installed
from ftp_server import FtpServer
from prefect_server import END, ENDED, START, Prefect, started_up, until


@pytest.fixture
def ftp(tmp_path) -> Iterator[FtpServer]:
    with FtpServer(tmp_path / "ftp") as server:
        yield server


@pytest.fixture
def up(tmp_path, samples, ftp) -> Iterator[Prefect]:
    place = f'{{ url = "ftp://boss@127.0.0.1:{ftp.port}/in", password = "TEST_FTP", attempts = 1 }}'
    shop = ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json")
    at = installed(tmp_path, shop, place=place)
    profile = at.profiles / "test" / "profile.toml"
    often = 'quotes = { every_days = 1, start = 2079-01-01, at = "08:00", repeat = "5m", during = "12h" }'
    profile.write_text(profile.read_text(encoding="utf-8").replace("[schedules]", f"[schedules]\n{often}"), "utf-8")
    with started_up(at, tmp_path / "up.log") as running:
        running.keep_secret("test-ftp", ftp.password)
        yield running


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

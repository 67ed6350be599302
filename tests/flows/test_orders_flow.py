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

from passerelle.ledger.ledger import Ledger


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


def test_run_4_con_1_a_failed_run_is_retried_in_prefects_page_and_sends_once(up, ftp, chromium, tmp_path):
    """The night's run fails, as the server refuses; in the morning somebody presses Retry."""
    url = f"sqlite:///{tmp_path / 'var' / 'ledger.sqlite'}"
    with Ledger.open(url) as ledger:
        ledger.access.add_user("anne", "correct horse battery", by="test")
    ftp.refuse()
    run_id = up.start()
    assert up.ended(run_id, 1)["state_type"] == "FAILED"
    assert ftp.files() == []

    context = chromium.new_context(viewport={"width": 1300, "height": 900}, locale="en-GB")
    ours = (up.pages, up.console)
    context.route(lambda url: not url.startswith(ours), lambda route: route.abort())  # it calls elsewhere
    page = context.new_page()
    page.goto(f"{up.pages}/runs/flow-run/{run_id}")
    page.get_by_text("Artifacts", exact=True).click()
    page.get_by_role("link", name="orders-test-console").click()
    address = page.get_by_role("link", name=run_id).get_attribute("href")
    assert address == f"{up.console}/runs/{run_id}"
    page.goto(address)
    page.get_by_label("User").fill("anne")
    page.locator("[name=password]").fill("correct horse battery")
    page.keyboard.press("Enter")
    page.locator(".state.failed").first.wait_for()
    assert "530" in page.locator(".log .wrong").first.inner_text()

    ftp.accept()
    page.get_by_role("link", name="See in Prefect").click()
    page.wait_for_url(f"{up.pages}/**/{run_id}*")
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    assert up.ended(run_id, 2)["state_type"] == "COMPLETED"
    page.get_by_text("Completed").first.wait_for(timeout=60_000)

    assert [Path(name).suffix for name in ftp.files()] == [".json", ".zip"]
    assert ftp.stored("zip") == 1
    with Ledger.open(url) as ledger:
        (run,) = ledger.runs()
        sent = ledger.exchanged("test", "order")
        delivery = ledger.run_delivery(run_id)
        actions = [(one.action, one.record_type) for one in ledger.actions("test")]
    assert (run.run_id, run.state) == (run_id, "delivered")
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    assert len(sent) == sent["record_key"].nunique() == 51
    assert actions.count(("exchange", "order")) == 51
    assert actions.count(("deliver", "file")) == 1
    page.goto(address)
    assert page.locator(".facts .state.delivered").is_visible()


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

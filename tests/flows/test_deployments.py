"""What is deployed: module entrypoints that load, schedules that Prefect reads as we do, no overlap."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from builders import installed
from prefect.flows import load_flow_from_entrypoint
from prefect.server.schemas.schedules import CronSchedule, RRuleSchedule
from prefect_server import PROGRAM
from stock_shops import shops

from passerelle.flows.deployments import TASKS, deployments
from passerelle.profile.features import TABLES
from passerelle.profile.loader import load
from passerelle.profile.moments import moments

ROOT = Path(__file__).resolve().parents[2]


def test_run_2_every_entrypoint_of_prefect_yaml_is_the_flow_of_the_package():
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert declared
    flows = [load_flow_from_entrypoint(deployment["entrypoint"]) for deployment in declared]
    assert flows == list(TASKS)
    for deployment in declared:
        assert all(each["timezone"] == "Europe/Paris" for each in deployment["schedules"])
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


def today(zone: str) -> date:
    return {"Europe/Paris": date(2026, 11, 28)}[zone]


def deployed(tmp_path, schedules: str = "", day: Callable[[str], date] = today):
    at = installed(tmp_path, ("s", "woocommerce", tmp_path, "*.json"))
    path = at.profiles / "test" / "profile.toml"
    text = path.read_text(encoding="utf-8").replace("[schedules]\n", f"[schedules]\n{schedules}\n")
    path.write_text(text, encoding="utf-8")
    loaded = load("test", profiles_folder=at.profiles)
    return loaded.profile, deployments([loaded], day)


def test_run_3_a_profile_is_deployed_with_its_schedule(tmp_path):
    _, found = deployed(tmp_path)
    assert [each.flow_name for each in found] == ["orders", "quotes", "credit-notes", "settlements", "purge"]
    assert {each.name for each in found} == {"test"}
    assert all(each.parameters == {"profile": "test"} for each in found)
    scheduled = {each.flow_name: each.schedules for each in found if each.schedules}
    [schedule] = scheduled.pop("orders")
    assert (schedule.schedule.rrule, schedule.schedule.timezone) == (
        "DTSTART:20261128T000000\nRRULE:FREQ=DAILY;BYHOUR=3;BYMINUTE=30;BYSECOND=0",
        "Europe/Paris",
    )
    assert not scheduled


def test_pro_3_a_task_is_offered_when_a_shop_has_its_table(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""), ("b", "magento", "\n[shops.prices]\n\n[shops.groups]"))
    offered = {each.flow_name for each in deployments([load("test", profiles_folder=at.profiles)], today)}
    assert {"stocks", "prices", "customer-groups"} < offered
    assert not {"articles", "images", "prospects", "statuses", "quotes-to-shop"} & offered
    assert {task.name for task in TASKS} >= {*TABLES} | offered


def test_pro_3_a_profile_of_a_catalogue_alone_offers_nothing_of_orders(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""), more="\n[orders]\nenabled = false\n")
    offered = {each.flow_name for each in deployments([load("test", profiles_folder=at.profiles)], today)}
    assert offered == {"stocks", "purge"}


def test_run_3_what_runs_several_times_a_day_is_left_out_while_it_works_what_runs_nightly_waits(tmp_path):
    _, found = deployed(tmp_path, 'quotes = { every_days = 1, at = "08:00", repeat = "5m", during = "12h" }')
    strategies = {each.flow_name: each.concurrency_options.collision_strategy.value for each in found}
    assert strategies.pop("quotes") == "CANCEL_NEW"
    assert set(strategies.values()) == {"ENQUEUE"}
    assert {each.concurrency_limit for each in found} == {1}


@pytest.mark.parametrize(
    "schedule",
    [
        '"*/30 0-4 * * *"',
        '"30 2 1,29 * sun"',
        '{ every_days = 3, at = "02:30", start = 2026-01-01 }',
        '{ every_days = 1, at = "22:50", repeat = "15m", during = "5h" }',
        '{ every_weeks = 2, on = ["mon", "sun"], at = "23:00", repeat = "30m", during = "4h", start = 2026-03-18 }',
        '{ every_months = 1, days = [29, "last"], at = "02:00", repeat = "1h", during = "3h" }',
        '{ every_months = 3, on = ["sun"], nth = ["fourth", "last"], at = "02:30", start = 2026-01-20 }',
    ],
)
def test_run_3_prefect_has_the_same_moments(tmp_path, schedule):
    """Around both clock changes and the ends of short months; the deployment is some days old."""
    for around in (date(2026, 3, 29), date(2026, 10, 25), date(2027, 2, 28), date(2028, 2, 29)):
        old = around - timedelta(days=9)
        profile, found = deployed(tmp_path / f"{around}", f"quotes = {schedule}", lambda _, day=old: day)
        start = datetime(around.year, around.month, around.day, tzinfo=ZoneInfo("Europe/Paris")) - timedelta(days=7)
        end = start + timedelta(days=14)
        [quotes] = [each for each in found if each.flow_name == "quotes"]
        rules = [RRuleSchedule(rrule=one.schedule.rrule, timezone=one.schedule.timezone) for one in quotes.schedules]
        dates = {*chain.from_iterable(asyncio.run(rule.get_dates(start=start, end=end)) for rule in rules)}
        assert moments(profile.schedules.quotes, "Europe/Paris", start, end) == sorted(
            one for one in dates if one < end
        )


@pytest.mark.parametrize(
    "cron", ["30 5 * * *", "*/15 8-20 * * mon-fri", "0 22-2/2 1,15 jan-jun/2 6-1", "5/20 4 31 * *"]
)
def test_run_3_prefect_reads_cron_expressions_alike(cron):
    start = datetime(2026, 5, 1, tzinfo=ZoneInfo("Europe/Paris"))
    end = start + timedelta(days=20 if cron.startswith("*") else 60)
    dates = asyncio.run(CronSchedule(cron=cron, timezone="Europe/Paris").get_dates(start=start, end=end))
    assert dates
    assert moments(cron, "Europe/Paris", start, end) == [one for one in dates if one < end]


@pytest.mark.parametrize(
    ("server", "exit_code", "said"),
    [("", 2, "No Prefect server is named"), ("http://127.0.0.1:1/api", 1, "http://127.0.0.1:1/api does not answer")],
)
def test_run_6_a_server_that_cannot_be_deployed_to_is_named(tmp_path, server, exit_code, said):
    at = installed(tmp_path, ("s", "woocommerce", tmp_path, "*.json"))
    own = {"PREFECT_API_URL": server, "PREFECT_HOME": str(tmp_path), "PASSERELLE_LANG": "en"}
    command = [PROGRAM, "--profiles", at.profiles, "deploy"]
    ended = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    assert (ended.returncode, said in ended.stderr, "Traceback" in ended.stderr) == (exit_code, True, False)

"""What is deployed: module entrypoints that load, a nightly schedule, no overlap."""

from __future__ import annotations

from pathlib import Path

import yaml
from builders import installed
from prefect.flows import load_flow_from_entrypoint
from stock_shops import shops

from passerelle.flows.deployments import TASKS, deployments
from passerelle.profile.features import TABLES
from passerelle.profile.loader import load

ROOT = Path(__file__).resolve().parents[2]


def test_run_2_every_entrypoint_of_prefect_yaml_is_the_flow_of_the_package():
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert declared
    flows = [load_flow_from_entrypoint(deployment["entrypoint"]) for deployment in declared]
    assert flows == list(TASKS)
    for deployment in declared:
        assert all(each["timezone"] == "Europe/Paris" for each in deployment["schedules"])
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


def test_run_3_a_profile_is_deployed_with_its_schedule(tmp_path):
    at = installed(tmp_path, ("s", "woocommerce", tmp_path, "*.json"))
    loaded = load("test", profiles_folder=at.profiles)
    deployed = deployments([loaded])
    to_erp = ["orders", "quotes", "credit-notes", "settlements", "purge"]
    assert [each.flow_name for each in deployed] == to_erp
    assert {each.name for each in deployed} == {"test"}
    assert all(each.parameters == {"profile": "test"} for each in deployed)
    scheduled = {each.flow_name: each.schedules for each in deployed if each.schedules}
    [schedule] = scheduled.pop("orders")
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("30 3 * * *", "Europe/Paris")
    assert not scheduled


def test_pro_3_a_task_is_offered_when_a_shop_has_its_table(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""), ("b", "magento", "\n[shops.prices]\n\n[shops.groups]"))
    offered = {each.flow_name for each in deployments([load("test", profiles_folder=at.profiles)])}
    assert {"stocks", "prices", "customer-groups"} < offered
    assert not {"articles", "images", "prospects", "statuses", "quotes-to-shop"} & offered
    assert {task.name for task in TASKS} >= {*TABLES} | offered

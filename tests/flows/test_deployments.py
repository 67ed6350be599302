"""What is deployed: module entrypoints that load, a nightly schedule, no overlap."""

from __future__ import annotations

from pathlib import Path

import yaml
from builders import installed
from prefect.flows import load_flow_from_entrypoint

from passerelle.flows.deployments import deployments
from passerelle.flows.orders import orders
from passerelle.profile.loader import load

ROOT = Path(__file__).resolve().parents[2]


def test_run_2_every_entrypoint_of_prefect_yaml_is_the_flow_of_the_package():
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert declared
    for deployment in declared:
        flow = load_flow_from_entrypoint(deployment["entrypoint"])
        assert flow is orders
        assert flow.name == "orders"
        assert deployment["schedules"][0]["timezone"] == "Europe/Paris"
        assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


def test_run_3_a_profile_is_deployed_with_its_schedule(tmp_path):
    at = installed(tmp_path, ("s", "woocommerce", tmp_path, "*.json"))
    loaded = load("test", profiles_folder=at.profiles)
    [deployment] = deployments([loaded])
    assert deployment.name == "test"
    assert deployment.entrypoint == "passerelle.flows.orders.orders"
    [schedule] = deployment.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("30 3 * * *", "Europe/Paris")
    assert deployment.parameters == {"profile": "test"}

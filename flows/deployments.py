"""The deployments of this installation: every task of every profile, with its schedule.

Source: spec RUN-2, RUN-3, RUN-6; facts prefect.md §2, §3.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import httpx
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.schedules import RRule
from prefect.settings import PREFECT_API_URL
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from passerelle.flows.accounts import customer_groups, customers
from passerelle.flows.activation import activation
from passerelle.flows.articles import articles, new_articles
from passerelle.flows.images import documents, images
from passerelle.flows.maintenance import purge
from passerelle.flows.orders import credit_notes, orders, quotes, settlements
from passerelle.flows.prices import prices
from passerelle.flows.prospects import prospects
from passerelle.flows.quotes import quotes_to_shop
from passerelle.flows.statuses import statuses
from passerelle.flows.stocks import stocks
from passerelle.flows.tables import tables
from passerelle.profile.features import offers
from passerelle.profile.loader import LoadedProfile
from passerelle.profile.schedules import Schedule, is_frequent, rules
from passerelle.run.errors import RunError

TASKS: tuple[Flow[..., Any], ...] = (
    orders,
    quotes,
    credit_notes,
    settlements,
    prospects,
    articles,
    new_articles,
    stocks,
    prices,
    activation,
    customer_groups,
    customers,
    statuses,
    images,
    documents,
    tables,
    quotes_to_shop,
    purge,
)
"""The flows of all tasks; each has its schedule in the profile's table of its name."""
ZOMBIE_AUTOMATION = "passerelle: crash zombie runs"
HEARTBEAT_SILENCE = dt.timedelta(minutes=9)
"""Three missed heartbeats of Prefect's 180 seconds."""


def deployments(profiles: list[LoadedProfile], today: Callable[[str], dt.date]) -> list[RunnerDeployment]:
    """Give one deployment per profile and task that it offers (PRO-3), named after the profile.

    ``today`` gives the day in a time zone.

    A run of a task that comes while another one of it works waits for it. Of a task that runs several times a day it
    is left out instead: Prefect shows it as cancelled, and the next one does its work.
    """
    offered = ((task, loaded) for loaded in profiles for task in TASKS if offers(loaded.profile, task.name))
    return [_deployed(task, loaded, today) for task, loaded in offered]


def _deployed(task: Flow[..., Any], loaded: LoadedProfile, today: Callable[[str], dt.date]) -> RunnerDeployment:
    profile = loaded.profile
    zone = profile.time_zone
    schedule: Schedule = getattr(profile.schedules, task.name.replace("-", "_"))
    meeting = ConcurrencyLimitStrategy.CANCEL_NEW if is_frequent(schedule) else ConcurrencyLimitStrategy.ENQUEUE
    deployment = task.to_deployment(
        name=profile.name,
        description=profile.label or None,
        parameters={"profile": profile.name},
        # Cron expressions too are rules: of clock changes Prefect reads those one way, but these by Python's version.
        schedules=[RRule(str(rule), timezone=zone) for rule in rules(schedule, today(zone))],
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=meeting),
        tags=["passerelle", profile.name],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    if not isinstance(deployment, RunnerDeployment):
        raise TypeError("deployments are made outside of an event loop")
    return deployment


def deploy(profiles: list[LoadedProfile], today: Callable[[str], dt.date], pool: str) -> list[str]:
    """Deploy all tasks of profiles to a work pool of the Prefect server that the environment names (RUN-6).

    The pool is made when it is not there: its workers run each flow in a process of its own. A worker needs this
    package, no copy of the code.

    Returns:
        Their names.

    Raises:
        RunError: the environment names no server, or it does not answer.
    """
    server = PREFECT_API_URL.value()
    if not server:
        raise RunError("deploy-no-server", is_usage=True)
    try:
        with get_client(sync_client=True) as client:
            try:
                client.read_work_pool(pool)
            except ObjectNotFound:
                template = ProcessWorker.get_default_base_job_template()
                client.create_work_pool(WorkPoolCreate(name=pool, type=ProcessWorker.type, base_job_template=template))
        found = deployments(profiles, today)
        for each in found:
            each.apply(work_pool_name=pool)
        install_automations()
    except httpx.TransportError as error:
        raise RunError("deploy-unreachable", server=server, reason=str(error) or type(error).__name__) from error
    return [f"{each.flow_name}/{each.name}" for each in found]


def install_automations() -> None:
    """Make runs whose process was killed crash, so that they do not hold their slot for ever."""
    with get_client(sync_client=True) as client:
        if not client.read_automations_by_name(ZOMBIE_AUTOMATION):
            client.create_automation(_zombies())


def _zombies() -> AutomationCore:
    ends = ("Completed", "CompletedWithRejects", "Failed", "Cancelled", "Crashed")
    return AutomationCore(
        name=ZOMBIE_AUTOMATION,
        description="A run that sends no heartbeat any more is crashed: its process was killed.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{end}" for end in ends)},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=HEARTBEAT_SILENCE,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="No heartbeat: the process was killed.")],
    )

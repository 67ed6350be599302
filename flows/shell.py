"""How every flow runs its task: the steps of ``passerelle.run.job``, each a Prefect task, the result as artifacts.

It only orchestrates: each step gives small values on; what was sent is known by the ledger, not by Prefect's results,
so that Retry goes on where the run stopped and sends nothing twice.

Source: design.md decision 6; spec RUN-1, RUN-4, RUN-5; facts prefect.md §1.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

from prefect import Task, get_run_logger, runtime, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed

from passerelle.flows.places import secret_of_block, shown_as_artifact
from passerelle.run import job
from passerelle.run.installation import Installation
from passerelle.run.journal import is_known
from passerelle.run.mail import telling
from passerelle.run.request import Request
from passerelle.run.summary import Summary, markdown
from passerelle.run.to_shops import requests
from passerelle.storage import secrets
from passerelle.storage.errors import Transient

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 3
RETRY_SECONDS = (30.0, 120.0, 300.0)
ARTIFACT_ROWS = 200


async def _is_transient(_task: object, _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether trying again can help: never after a refused login or a full disk (STO-8)."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, Transient)


def _step(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a task of a step: never skipped by a cached result, the ledger knows what was done."""
    return task(
        name=name,
        cache_policy=NO_CACHE,
        retries=RETRIES,
        retry_delay_seconds=list(RETRY_SECONDS),
        retry_jitter_factor=0.3,
        retry_condition_fn=_is_transient,
    )


@_step("deliver what earlier runs prepared")
def deliver_earlier(running: job.Job) -> list[str]:
    """Finish prepared deliveries before anything new is read."""
    return running.deliver_earlier()


@_step("read, exchange and prepare")
def prepare(running: job.Job) -> Summary:
    """Read, make the files, put them in the outbox."""
    return running.prepare()


@_step("deliver")
def deliver(running: job.Job, summary: Summary) -> Summary:
    """Publish the files of this run."""
    return running.deliver(summary)


def run(done: job.Task, asked: Request) -> State[Any]:
    """Run a task of a profile inside its flow.

    Args:
        done: the task.
        asked: what is asked, with the flow run's id.
    """
    key = _key(done.name, asked.profile, asked.shop)
    installation = Installation.of_environment()
    try:
        with (
            secrets.also_from(secret_of_block),
            telling(done.name, asked, installation) as told,
            shown_as_artifact(f"{key}-transfer") as progress,
            job.open_job(done, asked, installation, progress) as running,
        ):
            earlier = deliver_earlier(running)
            summary = told.of(job.with_earlier(deliver(running, prepare(running)), earlier))
    finally:
        _link_to_console(key, asked.run_id, installation)
    return _reported(summary, done.name)


def run_to_shops(
    done: job.Task, table: str, profile: str, shop: str, *, full: bool, plan: bool, apply: str
) -> State[Any]:
    """Run a task for each shop that has a table in the profile, inside its flow; see ``to_shops.requests``."""
    asked = requests(Installation.of_environment(), profile, table, shop, full=full, plan=plan, apply=apply)
    return run_each(done, asked)


def run_each(done: job.Task, asked: list[Request]) -> State[Any]:
    """Run a task for each shop inside its flow: what stops one shop does not stop the others.

    Raises:
        Exception: what stopped the first shop that was stopped, once the others are done.
    """
    states: list[State[Any]] = []
    failed: list[Exception] = []
    for one in asked:
        try:
            states.append(run(done, replace(one, run_id=f"{runtime.flow_run.id}-{one.shop}")))
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
    if failed:
        raise failed[0]
    return next((state for state in states if state.name != "Completed"), Completed(message=done.name))


def _reported(summary: Summary, name: str) -> State[Any]:
    """Leave the artifacts, without personal data, and say whether records were refused (spec 00: outcome; SEC-5)."""
    get_run_logger().info(
        "%s: %d read, %d written, %d refused, %d ignored",
        summary.state,
        summary.read,
        summary.written,
        summary.failed,
        summary.ignored,
    )
    key = _key(name, summary.profile, summary.shop)
    create_markdown_artifact(markdown(summary, values=False), key=key, description=f"{name} {summary.profile}")
    create_table_artifact(
        [
            {"read": summary.read, "written": summary.written, "refused": summary.failed, "ignored": summary.ignored},
        ],
        key=f"{key}-counts",
    )
    if summary.planned:
        counts = [{"what": row.what, "count": row.count} for row in summary.planned]
        create_table_artifact(counts, key=f"{key}-plan", description=summary.plan)
    if summary.reasons:
        rows = [
            {"state": row.state, "code": row.code, "count": row.count, "example": row.example, "todo": row.todo}
            for row in summary.reasons[:ARTIFACT_ROWS]
        ]
        create_table_artifact(rows, key=f"{key}-rejects")
    if zip_path := summary.files.get("erpFiles.zip"):
        create_markdown_artifact(f"[erpFiles.zip]({Path(zip_path).as_uri()}) — `{zip_path}`", key=f"{key}-zip")
    if summary.has_refusals:
        return Completed(name="CompletedWithRejects", message=f"{summary.failed + summary.unread_files} refused")
    return Completed(message=summary.state)


def _link_to_console(key: str, run_id: str, installation: Installation) -> None:
    """Lead from Prefect to the run's page in the console, also of a run that failed (CON-1)."""
    console = os.environ.get("PASSERELLE_CONSOLE")
    if console and is_known(installation, run_id):
        address = f"{console.rstrip('/')}/runs/{quote(run_id)}"
        create_link_artifact(address, link_text=run_id, key=f"{key}-console", description="console")


def _key(task: str, profile: str, shop: str) -> str:
    """Name the artifacts of a task, a profile and a shop."""
    return "-".join(filter(None, (task, profile, shop))).lower()

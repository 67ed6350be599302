"""How every flow runs its task: the steps of ``passerelle.run.job``, each a Prefect task, the result as artifacts.

It only orchestrates: each step gives small values on; what was sent is known by the ledger, not by Prefect's results,
so that Retry goes on where the run stopped and sends nothing twice. Workers of Dask do parts of it where the
environment names some (``passerelle.flows.dask``).

Source: design.md decision 6; spec RUN-1, RUN-4, RUN-5, RUN-6; facts prefect.md §1.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

from prefect import Task, get_run_logger, runtime, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed

from passerelle.flows.dask import Workers, workers
from passerelle.flows.places import secret_of_block, shown_as_artifact
from passerelle.run import job
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.journal import is_known
from passerelle.run.mail import telling
from passerelle.run.request import Request
from passerelle.run.spread import Spread
from passerelle.run.summary import Summary, markdown
from passerelle.run.to_shops import requests
from passerelle.storage import secrets
from passerelle.storage.errors import Transient

P = ParamSpec("P")
Part = TypeVar("Part")
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


@task(name="a part", task_run_name="{what}", cache_policy=NO_CACHE, persist_result=False)
def part(what: str, do: Callable[[Part], R], part: Part) -> R:  # noqa: ARG001 - its name in Prefect
    """Do a part of a run's work on a worker of Dask."""
    with secrets.also_from(secret_of_block), _alone():
        return do(part)


@task(name="a shop", task_run_name="{what}", cache_policy=NO_CACHE, persist_result=False)
def shop_run(what: str, done: job.Task, asked: Request, at: str) -> tuple[str, str]:  # noqa: ARG001 - its name in Prefect
    """Run a task for a shop on a worker of Dask; gives name and message of the state it ends in.

    Raises:
        RunError: this machine's environment names another installation: what it sent would not be known there.
    """
    if _address(Installation.of_environment()) != at:
        raise RunError("dask-other-installation", host=socket.gethostname())
    with _alone():
        state = run(done, asked)
    return state.name or "", state.message or ""


@contextmanager
def _alone() -> Iterator[None]:
    """Let an error go to another process without those behind it: clients' own errors do not survive the way."""
    try:
        yield
    except Exception as error:
        error.__cause__ = error.__context__ = None
        raise


def run(done: job.Task, asked: Request, spread: Spread | None = None) -> State[Any]:
    """Run a task of a profile inside its flow.

    Args:
        done: the task.
        asked: what is asked, with the flow run's id.
        spread: others who do parts of it.
    """
    key = _key(done.name, asked.profile, asked.shop)
    installation = Installation.of_environment()
    try:
        with (
            secrets.also_from(secret_of_block),
            telling(done.name, asked, installation) as told,
            shown_as_artifact(f"{key}-transfer") as progress,
            job.open_job(done, asked, installation, progress, spread) as running,
        ):
            earlier = deliver_earlier(running)
            summary = told.of(job.with_earlier(deliver(running, prepare(running)), earlier))
    finally:
        _link_to_console(key, asked.run_id, installation)
    return _reported(summary, done.name)


def run_to_shops(
    done: job.Task,
    table: str,
    profile: str,
    shop: str,
    *,
    full: bool = False,
    plan: bool,
    apply: str,
    in_parts: bool = False,
) -> State[Any]:
    """Run a task for each shop that has a table in the profile, inside its flow; see ``to_shops.requests``.

    Args:
        done: the task.
        table: as in ``to_shops.requests``, as are the next ones.
        profile: the profile.
        shop: one shop, or all.
        full: tell it everything.
        plan: only say it.
        apply: the plan to apply.
        in_parts: workers of Dask do parts of each shop's run, not the runs of several shops.
    """
    each_shop = requests(Installation.of_environment(), profile, table, shop, full=full, plan=plan, apply=apply)
    asked = [replace(one, run_id=f"{runtime.flow_run.id}-{one.shop}") for one in each_shop]
    with workers(part) as helping:
        if helping and not in_parts and len(asked) > 1:
            return _ended(done, [_elsewhere(helping, done, one) for one in asked])
        return _ended(done, [partial(run, done, one, helping) for one in asked])


def _ended(done: job.Task, runs: list[Callable[[], State[Any]]]) -> State[Any]:
    """Run a task for each shop, or wait for its end: what stops one shop does not stop the others.

    Raises:
        Exception: what stopped the first shop that was stopped, once the others are done.
    """
    states: list[State[Any]] = []
    failed: list[Exception] = []
    for one in runs:
        try:
            states.append(one())
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
    if failed:
        raise failed[0]
    return next((state for state in states if state.name != "Completed"), Completed(message=done.name))


def _elsewhere(helping: Workers, done: job.Task, asked: Request) -> Callable[[], State[Any]]:
    """Begin a shop's task on a worker; gives what waits for its end."""
    at = _address(Installation.of_environment())
    begun = helping.submit(shop_run, what=f"{done.name} {asked.shop}", done=done, asked=asked, at=at)

    def ended() -> State[Any]:
        name, message = begun.result()
        return Completed(name=name, message=message)

    return ended


def _address(installation: Installation) -> str:
    """Give what tells installations apart, without the secrets in it."""
    named = (installation.profiles, installation.state, installation.ledger_url)
    return sha256("\n".join(map(str, named)).encode()).hexdigest()


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

"""The flow ``orders``: shop orders to ERP documents, every night.

It only orchestrates: each task calls one step of ``passerelle.run.orders`` and gives small values on; what was sent is
known by the ledger, not by Prefect's results, so that Retry goes on where the run stopped and sends nothing twice.

Source: design.md decision 6; spec RUN-1, RUN-4, RUN-5; facts prefect.md §1.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task, flow, get_run_logger, runtime, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed

from passerelle.exchange.options import Period
from passerelle.flows.places import secret_of_block, shown_as_artifact
from passerelle.run.installation import Installation
from passerelle.run.orders import OrdersJob, Request, open_job, with_earlier
from passerelle.run.summary import Summary, markdown
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
def deliver_earlier(job: OrdersJob) -> list[str]:
    """Finish prepared deliveries before anything new is read."""
    return job.deliver_earlier()


@_step("read, exchange and prepare")
def prepare(job: OrdersJob) -> Summary:
    """Read the shops' exports, make the ERP's files, put them in the outbox."""
    return job.prepare()


@_step("deliver")
def deliver(job: OrdersJob, summary: Summary) -> Summary:
    """Publish the files of this run."""
    return job.deliver(summary)


@flow(name="orders", description=__doc__)
def orders(
    profile: str,
    period: Period | None = None,
    since: date | None = None,
    until: date | None = None,
    plan: bool = False,
) -> State[Any]:
    """Commandes des boutiques vers l'ERP.

    Args:
        profile: nom du profil.
        period: période à la place de celle du profil.
        since: premier jour, pour des dates au choix.
        until: dernier jour.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
    """
    asked = Request.asked(profile, period, since, until, plan=plan, run_id=str(runtime.flow_run.id))
    with (
        secrets.also_from(secret_of_block),
        shown_as_artifact(f"orders-{profile.lower()}-transfer") as progress,
        open_job(asked, Installation.of_environment(), progress) as job,
    ):
        earlier = deliver_earlier(job)
        summary = deliver(job, prepare(job))
    return _reported(with_earlier(summary, earlier))


def _reported(summary: Summary) -> State[Any]:
    """Leave the artifacts, without personal data, and say whether records were refused (spec 00: outcome; SEC-5)."""
    get_run_logger().info(
        "%s: %d read, %d written, %d refused, %d ignored",
        summary.state,
        summary.read,
        summary.written,
        summary.failed,
        summary.ignored,
    )
    key = f"orders-{summary.profile.lower()}"
    create_markdown_artifact(markdown(summary, values=False), key=key, description=f"orders {summary.profile}")
    create_table_artifact(
        [
            {"read": summary.read, "written": summary.written, "refused": summary.failed, "ignored": summary.ignored},
        ],
        key=f"{key}-counts",
    )
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

"""Kills a job, the orders by default, at a step: in a process of its own, really."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from multiprocessing.process import BaseProcess
from typing import Any

from passerelle.run.installation import Installation
from passerelle.run.job import Task, run_task
from passerelle.run.orders import ORDERS
from passerelle.run.request import Request

STEPS = (
    "passerelle.ledger.ledger:Ledger.start_run",
    "passerelle.run.exports:pick_up",
    "passerelle.run.exports:Kind.read",
    "passerelle.run.orders:exchange_orders",
    "passerelle.run.orders:write_erp_files",
    "passerelle.run.folder:write_reports",
    "passerelle.ledger.outbox:store",
    "passerelle.run.folder:write_summary",
    "passerelle.ledger.ledger:Ledger.prepare",
    "passerelle.ledger.ledger:Ledger.set_mark",
    "passerelle.run.job:publish",
    "passerelle.storage.local:LocalStorage._put_file",
    "passerelle.storage.local:LocalStorage._renamed",
    "passerelle.ledger.ledger:Ledger.delivered",
)
"""The steps of the job in their order, each as module:name."""
STOCK_STEPS = (
    "passerelle.ledger.ledger:Ledger.start_run",
    "passerelle.run.erp_catalogue:read",
    "passerelle.run.shop_file:write",
    "passerelle.run.folder:write_reports",
    "passerelle.ledger.outbox:store",
    "passerelle.ledger.ledger:Ledger.prepare",
    "passerelle.ledger.ledger:Ledger.set_mark",
    "passerelle.run.job:publish",
    "passerelle.storage.local:LocalStorage._renamed",
    "passerelle.ledger.ledger:Ledger.delivered",
)
ARTICLE_STEPS = tuple(step.replace("run.shop_file:write", "run.product_files:write") for step in STOCK_STEPS)
_TO_SHOP = (
    "passerelle.ledger.outbox:store",
    "passerelle.ledger.ledger:Ledger.prepare",
    "passerelle.run.job:publish",
    "passerelle.ledger.ledger:Ledger.delivered",
)
STATUS_STEPS = ("passerelle.run.statuses:write", *_TO_SHOP)
TABLE_STEPS = ("passerelle.run.erp_catalogue:read", "passerelle.run.shop_file:write", *_TO_SHOP)
ACCOUNT_STEPS = ("passerelle.run.accounts:write", *_TO_SHOP)
IMAGE_STEPS = (
    "passerelle.run.erp_catalogue:read",
    "passerelle.run.images:listed",
    "passerelle.run.images:collect",
    "passerelle.run.images:write",
    "passerelle.ledger.outbox:take",
    "passerelle.ledger.outbox:bring_to_disk",
    "passerelle.ledger.ledger:Ledger.prepare",
    "passerelle.run.job:publish",
    "passerelle.storage.local:LocalStorage._renamed",
    "passerelle.ledger.ledger:Ledger.delivered",
)
_CONTEXT = multiprocessing.get_context("forkserver")
# Of installed modules alone: the server that processes are forked from does not know the tests' folders.
_CONTEXT.set_forkserver_preload([f"passerelle.run.{name}" for name in ("orders", "stocks", "images")])


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _plant(step: str, moment: str) -> None:
    module, _, path = step.partition(":")
    owner: Any = import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    real: Callable[..., Any] = getattr(owner, name)

    def killed(*args: Any, **kwargs: Any) -> Any:
        if moment == "after":
            real(*args, **kwargs)
        _die()

    setattr(owner, name, killed)


def _run(installation: tuple[Any, ...], now: datetime, step: str, moment: str, task: Task, shop: str) -> None:
    if step:
        _plant(step, moment)
    run_task(task, Request("test", shop=shop), Installation(*installation, clock=lambda: now))


def _started(at: Installation, step: str = "", moment: str = "", task: Task = ORDERS, shop: str = "") -> BaseProcess:
    given = ((at.profiles, at.state, at.ledger_url), at.clock(), step, moment, task, shop)
    process = _CONTEXT.Process(target=_run, args=given)
    process.start()
    return process


def _ended(process: BaseProcess) -> int:
    process.join(240)
    assert process.exitcode is not None
    return process.exitcode


def run_killed(at: Installation, step: str, moment: str, task: Task = ORDERS, shop: str = "") -> int:
    """Run a job in a process that is killed before or after a step; give the exit code: -9 when it was."""
    return _ended(_started(at, step, moment, task, shop))


def run_killed_after(at: Installation, seconds: float, task: Task = ORDERS, shop: str = "") -> int:
    """Run a job in a process that is killed after a time, wherever it is; give the exit code: -9 when it was."""
    process = _started(at, task=task, shop=shop)
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
    return _ended(process)


def run_at_once(at: Installation, count: int = 2) -> list[int]:
    """Run the job in several processes at the same time; give their exit codes: 1 of one that found another at work."""
    return [_ended(process) for process in [_started(at) for _ in range(count)]]

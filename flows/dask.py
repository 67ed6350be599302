"""Parts of a run's work as Prefect tasks on workers of Dask, where the environment names some.

``PASSERELLE_DASK`` is the address of a scheduler (``tcp://…:8786``), whose workers may be on several machines, or a
number of workers to start on this one for as long as the flow lasts. Batches of images and documents are fetched and
made there, and of other tasks to shops each shop's run as a whole; files and ledger are the same as without.

Source: spec RUN-6; docs/decisions/0015-dask.md; facts prefect.md §6.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import Task
from prefect.futures import PrefectFuture

from passerelle.run.errors import RunError

if TYPE_CHECKING:
    from prefect_dask.task_runners import DaskTaskRunner

P = TypeVar("P")
R = TypeVar("R")

VARIABLE = "PASSERELLE_DASK"
_CONNECT_SECONDS = 30
_ALIKE = ("passerelle", "prefect", "pandas", "pillow")
"""What must be of the same version everywhere, for the same result everywhere."""


class Workers:
    """Workers of Dask; they are reached once there is something for them to do.

    Args:
        named: what the environment says.
        part: the Prefect task that does a part of ``passerelle.run.spread``.
        stack: what is left when the flow ends.
    """

    def __init__(self, named: str, part: Task[..., Any], stack: ExitStack) -> None:
        self._named, self._part, self._stack = named, part, stack
        self._flow = copy_context()
        self._started: DaskTaskRunner | None = None

    def __call__(self, do: Callable[[P], R], parts: Sequence[P]) -> Iterator[R]:
        """Do the same with each part, some more at a time than there are workers; see ``Spread``.

        Raises:
            RunError: the workers cannot be used.
        """
        threads: dict[str, int] = self._runner.client.nthreads()  # type: ignore[no-untyped-call]
        at_once = 2 * sum(threads.values())
        under_way: deque[PrefectFuture[R]] = deque()
        for number, part in enumerate(parts, start=1):
            named = f"{do.__name__.replace('_', ' ')} {number} of {len(parts)}"
            under_way.append(self.submit(self._part, what=named, do=do, part=part))
            if len(under_way) >= at_once:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def submit(self, task: Task[..., R], **parameters: object) -> PrefectFuture[R]:
        """Have a Prefect task done by a worker, as a task of the flow itself.

        A step's own context could not be handed on: it has the ledger's connections.

        Raises:
            RunError: the workers cannot be used.
        """
        return self._flow.copy().run(self._runner.submit, task, parameters)

    @property
    def _runner(self) -> DaskTaskRunner:
        if self._started is None:
            self._started = self._stack.enter_context(_runner(self._named))
            _check(self._started)
        return self._started


@contextmanager
def workers(part: Task[..., Any]) -> Iterator[Workers | None]:
    """Give the workers that the environment names until the end of the ``with``; ``None``: it names none.

    Raises:
        RunError: what it takes is not installed.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if not named:
        yield None
        return
    if find_spec("prefect_dask") is None:
        raise RunError("dask-not-installed", is_usage=True)
    with ExitStack() as stack:
        yield Workers(named, part, stack)


def _runner(named: str) -> DaskTaskRunner:
    from prefect_dask.task_runners import DaskTaskRunner  # noqa: PLC0415 - an extra of the installation

    if named.isdecimal() and int(named):
        alone = {"n_workers": int(named), "threads_per_worker": 1, "dashboard_address": None}
        return DaskTaskRunner(cluster_kwargs=alone)
    return DaskTaskRunner(address=named, client_kwargs={"timeout": _CONNECT_SECONDS})


def _check(runner: DaskTaskRunner) -> None:
    """See that there are workers, and that they have what we have.

    Raises:
        RunError: there is none, or not so.
    """
    named = os.environ[VARIABLE]
    try:
        client = runner.client
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise RunError("dask-unreachable", address=named, reason=reason) from error
    ours = _versions(_ALIKE)
    for worker, theirs in client.run(_versions, _ALIKE, on_error="return").items():
        if theirs != ours:
            raise RunError("dask-versions-differ", worker=worker, found=theirs, here=ours)


def _versions(names: Sequence[str]) -> str:
    """Say which versions of distributions are installed."""
    return ", ".join(f"{name} {version(name)}" for name in names)

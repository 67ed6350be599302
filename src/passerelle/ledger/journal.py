"""The journal's questions to the ledger: pages of runs and of outcomes, the latest of each task, counts.

Pages go on from their last row, not by a number of rows to skip, so that the thousandth takes no longer than the first.

Source: spec JOU-1, JOU-3.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa

from passerelle import outcome
from passerelle.ledger import history
from passerelle.ledger.database import Database
from passerelle.ledger.entries import Run
from passerelle.ledger.errors import UnknownError
from passerelle.ledger.history import Counts, Stretch
from passerelle.ledger.leases import Clock, lives
from passerelle.ledger.schema import leases, outcomes, runs

Order = Literal["started", "profile", "task", "state"]
_SORTED_BY = {"profile": runs.c.profile, "task": runs.c.task, "state": runs.c.state}
ORDERS = get_args(Order)
STATES = ("running", "prepared", "delivered", "nothing_to_do", "failed", "refusals")
"""What ``Wanted.state`` may be."""
_LATEST = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are wanted; what is empty is not asked.

    Attributes:
        profile: of which profile.
        task: of which task.
        state: in which state; ``refusals``: those that refused something.
        first: started at that moment or later.
        last: started before that moment.
        text: what the run's id begins with, or its message holds.
    """

    profile: str = ""
    task: str = ""
    state: str = ""
    first: datetime | None = None
    last: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some of the runs wanted, and whether there are others before and after them."""

    runs: Sequence[Run]
    has_earlier: bool
    has_later: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a task of a profile now."""

    profile: str
    task: str
    holder: str
    host: str
    pid: int


class Journal:
    """See ``Ledger.journal``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def page(
        self,
        wanted: Wanted,
        *,
        order: Order = "started",
        ascending: bool = False,
        after: str = "",
        before: str = "",
        limit: int = 50,
    ) -> RunPage:
        """Give a page of the runs wanted.

        Args:
            wanted: which.
            order: by what they stand in order; runs of the same value by their start.
            ascending: the oldest, or the first of the alphabet, come first.
            after: the run after which the page begins; empty: the first page.
            before: the run before which the page ends, instead.
            limit: how many.

        Raises:
            UnknownError: there is no run ``after`` or ``before``.
        """
        backwards = bool(before)
        upwards = ascending != backwards
        by = [_SORTED_BY[order], runs.c.number] if order in _SORTED_BY else [runs.c.number]
        query = sa.select(runs).where(*_conditions(wanted))
        with self._database.reading() as connection:
            if edge := before or after:
                here = connection.execute(sa.select(*by).where(runs.c.run_id == edge)).one_or_none()
                if here is None:
                    raise UnknownError(name=edge)
                place = sa.tuple_(*map(sa.literal, here))
                query = query.where(sa.tuple_(*by) > place if upwards else sa.tuple_(*by) < place)
            query = query.order_by(*(column.asc() if upwards else column.desc() for column in by)).limit(limit + 1)
            found = [_run(row) for row in connection.execute(query)]
        has_more, found = len(found) > limit, found[:limit]
        if backwards:
            return RunPage(found[::-1], has_earlier=has_more, has_later=True)
        return RunPage(found, has_earlier=bool(after), has_later=has_more)

    def tasks(self) -> list[tuple[str, str]]:
        """Give the profiles and tasks that have run."""
        query = sa.select(runs.c.profile, runs.c.task).distinct().order_by(runs.c.profile, runs.c.task)
        with self._database.reading() as connection:
            return [(row.profile, row.task) for row in connection.execute(query)]

    def latest(self) -> list[Run]:
        """Give the latest run of each profile, task and shop, by profile and task.

        Of a task that tells several shops something only so many runs are looked at that all its shops are among them.
        """
        found = []
        for profile, task in self.tasks():
            of_task = runs.c.profile == profile, runs.c.task == task
            query = sa.select(runs).where(*of_task).order_by(runs.c.number.desc()).limit(_LATEST)
            with self._database.reading() as connection:
                newest = [_run(row) for row in connection.execute(query)]
            by_shop = {run.parameters.get("shop", ""): run for run in reversed(newest)}
            found += [by_shop[shop] for shop in sorted(by_shop)]
        return found

    def of_start(self, start: str) -> list[Run]:
        """Give the runs that one start has made: the run of that id, or one per shop, their ids beginning with it."""
        query = sa.select(runs).where((runs.c.run_id == start) | runs.c.run_id.startswith(f"{start}-", autoescape=True))
        with self._database.reading() as connection:
            return [_run(row) for row in connection.execute(query.order_by(runs.c.number))]

    def counts(
        self, stretches: Sequence[Stretch], tasks: Collection[str], profile: str | None = None
    ) -> list[tuple[Counts, Counts]]:
        """Count what the runs did that started in stretches of time (JOU-3).

        Returns:
            Of each stretch the counts of the runs of some tasks, and those of all others.
        """
        with self._database.reading() as connection:
            return history.run_counts(connection, stretches, tasks, profile)

    def outcomes(
        self, run_id: str, *, only_failed: bool = False, after: int = -1, limit: int = 100
    ) -> list[dict[str, Any]]:
        """Give outcomes of a run in the order said: the columns of ``passerelle.outcome`` and their ``position``.

        Raises:
            UnknownError: no such run.
        """
        columns = (outcomes.c.position, *(outcomes.c[name] for name in outcome.COLUMNS))
        with self._database.reading() as connection:
            number = connection.scalar(sa.select(runs.c.number).where(runs.c.run_id == run_id))
            if number is None:
                raise UnknownError(name=run_id)
            query = sa.select(*columns).where(outcomes.c.run_number == number, outcomes.c.position > after)
            if only_failed:
                query = query.where(sa.text("outcomes.state = 'failed'"))  # as the index says it
            rows = connection.execute(query.order_by(outcomes.c.position).limit(limit))
            return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented name

    def holders(self, profile: str | None = None) -> list[Holder]:
        """Tell which tasks living processes do now, of one profile or of all."""
        query = sa.select(leases) if profile is None else sa.select(leases).where(leases.c.profile == profile)
        with self._database.reading() as connection:
            held = connection.execute(query.order_by(leases.c.profile, leases.c.task)).all()
        now = self._clock()
        return [Holder(one.profile, one.task, one.holder, one.host, one.pid) for one in held if lives(one, now)]


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions = [
        column == value for column, value in ((runs.c.profile, wanted.profile), (runs.c.task, wanted.task)) if value
    ]
    if wanted.state == "refusals":
        conditions.append(runs.c.failed > 0)
    elif wanted.state:
        conditions.append(runs.c.state == wanted.state)
    if wanted.first is not None:
        conditions.append(runs.c.started_at >= wanted.first)
    if wanted.last is not None:
        conditions.append(runs.c.started_at < wanted.last)
    if wanted.text:
        holds = runs.c.message.icontains(wanted.text, autoescape=True)
        conditions.append(runs.c.run_id.startswith(wanted.text, autoescape=True) | holds)
    return conditions


def _run(row: sa.Row[Any]) -> Run:
    return Run(*(getattr(row, field.name) for field in fields(Run)))

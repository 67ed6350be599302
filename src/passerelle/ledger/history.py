"""What was done with data: the actions of the audit, and how much was sent.

Source: spec JOU-3, JOU-4.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from passerelle.ledger.entries import AuditEntry
from passerelle.ledger.purging import KEPT
from passerelle.ledger.schema import Moment, audit, deliveries, files, outcomes, records, runs


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time of a profile, or of all; both ends may be open.

    Attributes:
        first: from that moment on.
        last: before that moment.
    """

    profile: str | None = None
    first: datetime | None = None
    last: datetime | None = None

    def of(self, profile: sa.Column[str], at: sa.Column[datetime]) -> sa.ColumnElement[bool]:
        """Give the condition for it."""
        conditions = [
            *([profile == self.profile] if self.profile is not None else []),
            *([at >= self.first] if self.first is not None else []),
            *([at < self.last] if self.last is not None else []),
        ]
        return sa.and_(sa.true(), *conditions)


Stretch = tuple[datetime, datetime]
"""From one moment until before another."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records runs exchanged, and refused."""

    succeeded: int
    failed: int


def forgotten(connection: sa.Connection, span: Span) -> list[AuditEntry]:
    """Give what was forgotten and closed, oldest first."""
    columns = (audit.c[field.name] for field in fields(AuditEntry))
    query = sa.select(*columns).where(span.of(audit.c.profile, audit.c.at)).order_by(audit.c.number)
    return [AuditEntry(*row) for row in connection.execute(query)]


def actions(connection: sa.Connection, span: Span) -> list[AuditEntry]:
    """Give all that was done with data, oldest first; see ``Ledger.actions``."""
    of_run = (runs.c.run_id, runs.c.profile)
    carried = outcomes.join(runs).join(deliveries, deliveries.c.run_number == runs.c.number)
    place = deliveries.c.place + " " + deliveries.c.delivery_id
    record = (outcomes.c.record_type, outcomes.c.record, outcomes.c.value + " → " + place)
    exchanged = (
        sa.select(deliveries.c.prepared_at, *of_run, sa.literal("exchange"), *record)
        .select_from(carried)
        .where(outcomes.c.code == KEPT, span.of(runs.c.profile, deliveries.c.prepared_at))
        .order_by(outcomes.c.run_number, outcomes.c.position)
    )
    # What a file refers to, such as an image, carries no records of its own.
    count = sa.cast(files.c.record_count, sa.Text) + " " + runs.c.task
    where = sa.func.coalesce(sa.func.nullif(deliveries.c.shop, ""), "erp")
    file = (sa.literal("file"), files.c.name, count + " → " + where + " " + place)
    delivered = (
        sa.select(deliveries.c.delivered_at, *of_run, sa.literal("deliver"), *file)
        .select_from(files.join(deliveries).join(runs))
        .where(deliveries.c.state == "delivered", files.c.record_count > 0)
        .where(span.of(runs.c.profile, deliveries.c.delivered_at))
        .order_by(deliveries.c.number, files.c.position)
    )
    found = [AuditEntry(*row) for query in (exchanged, delivered) for row in connection.execute(query)]
    return sorted([*found, *forgotten(connection, span)], key=lambda entry: entry.at)


def first_action(connection: sa.Connection, profile: str) -> datetime | None:
    """Give when anything was first done with data of a profile."""
    sent = sa.select(sa.func.min(deliveries.c.prepared_at, type_=Moment)).select_from(deliveries.join(runs))
    noted = sa.select(sa.func.min(audit.c.at, type_=Moment)).where(audit.c.profile == profile)
    found = [connection.scalar(query) for query in (sent.where(runs.c.profile == profile), noted)]
    return min(filter(None, found), default=None)


def run_counts(
    connection: sa.Connection, stretches: Sequence[Stretch], tasks: Collection[str], profile: str | None
) -> list[tuple[Counts, Counts]]:
    """Count what the runs did that started in stretches of time: those of some tasks, and all others.

    Refusals count too. The index alone answers, and nothing is sorted: a year has a hundred thousand runs. What has
    arrived, and of what kind it was, is told by ``sent_counts``.
    """
    both = (runs.c.succeeded, runs.c.failed)
    of_tasks = [sa.case((runs.c.task.in_(tasks), column), else_=0) for column in both]
    sums = [sa.func.coalesce(sa.func.sum(column), 0) for column in (*of_tasks, *both)]
    started = (runs.c.started_at >= sa.bindparam("first")) & (runs.c.started_at < sa.bindparam("last"))
    query = sa.select(*sums).where(started, Span(profile).of(runs.c.profile, runs.c.started_at))
    found = []
    for first, last in stretches:
        good, bad, all_good, all_bad = map(int, connection.execute(query, {"first": first, "last": last}).one())
        found.append((Counts(good, bad), Counts(all_good - good, all_bad - bad)))
    return found


def sent_counts(connection: sa.Connection, span: Span) -> pd.DataFrame:
    """Count what was delivered, delivery by delivery; see ``Ledger.sent_counts``."""
    wanted = (deliveries.c.state == "delivered") & span.of(runs.c.profile, deliveries.c.delivered_at)
    same = sa.and_(
        records.c.profile == runs.c.profile,
        records.c.record_type == outcomes.c.record_type,
        records.c.record_key == outcomes.c.record,
        records.c.delivery_number == deliveries.c.number,
    )
    nothing: sa.ColumnElement[str] = sa.literal_column(
        "''"
    )  # bound, PostgreSQL would not see that what is grouped by is what is selected
    kind = sa.func.coalesce(sa.func.nullif(records.c.document_kind, nothing), outcomes.c.record_type)
    carried = deliveries.join(runs).join(outcomes, outcomes.c.run_number == runs.c.number).outerjoin(records, same)
    of_delivery = (deliveries.c.number, deliveries.c.delivered_at, deliveries.c.shop)
    exchanged = (
        sa.select(*of_delivery, kind, sa.func.count())
        .select_from(carried)
        .where(wanted, outcomes.c.code == KEPT)
        .group_by(*of_delivery, kind)
    )
    has_records = sa.exists().where(outcomes.c.run_number == runs.c.number, outcomes.c.code == KEPT)
    told = (
        sa.select(*of_delivery, runs.c.task, runs.c.succeeded)
        .select_from(deliveries.join(runs))
        .where(wanted, ~has_records)
    )
    rows = [(*row[1:],) for query in (exchanged, told) for row in connection.execute(query)]
    table = pd.DataFrame(rows, columns=["delivered_at", "shop", "kind", "records"])
    return table.astype({"shop": "str", "kind": "str", "records": "int64"})

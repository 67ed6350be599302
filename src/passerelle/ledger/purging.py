"""What the ledger forgets of old runs: what was said of their records, but that they were exchanged.

Source: spec SEC-5, JOU-1, JOU-4.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from passerelle.ledger.entries import OldRun
from passerelle.ledger.schema import deliveries, outcomes, runs

KEPT = "exchanged"
"""The outcome that the audit is made of: a record, its document, its delivery, and nobody's name (JOU-4)."""


def old_runs(connection: sa.Connection, profile: str, before: datetime) -> list[OldRun]:
    """Give the runs of a profile that ended before a moment and have nothing left to deliver."""
    query = (
        sa.select(runs.c.number, runs.c.run_id, deliveries.c.delivery_id)
        .select_from(runs.outerjoin(deliveries))
        .where(runs.c.profile == profile, runs.c.finished_at < before)
        .where(runs.c.state.not_in(["running", "prepared"]))
        .where(sa.func.coalesce(deliveries.c.state, "") != "prepared")
        .order_by(runs.c.number)
    )
    return [OldRun(*row) for row in connection.execute(query)]


def forget_said(connection: sa.Connection, of_runs: list[OldRun]) -> int:
    """Forget what runs said of their records; count it."""
    numbers = [run.number for run in of_runs]
    which = outcomes.c.run_number.in_(numbers) & (outcomes.c.code != KEPT)
    return connection.execute(sa.delete(outcomes).where(which)).rowcount

"""What charts sum of runs stands beside their other counts, and in an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    names = ("succeeded", "failed")
    for name in names:
        op.add_column("runs", sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0")))
    runs = sa.table("runs", sa.column("counts", sa.JSON), *(sa.column(name, sa.Integer) for name in names))
    counted = {name: sa.func.coalesce(runs.c.counts[name].as_integer(), 0) for name in names}
    op.execute(sa.update(runs).values(counted))
    op.drop_index(op.f("ix_runs_started_at"), "runs")
    columns = ["started_at", "profile", "task", *names]
    op.create_index(op.f(f"ix_runs_{'_'.join(columns)}"), "runs", columns)

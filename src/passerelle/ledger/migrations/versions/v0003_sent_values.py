"""Deliveries to a shop, and the values that were sent to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("shop", sa.Text, nullable=False, server_default=sa.text("''")))
    op.create_table(
        "sent_values",
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("delivery_number", sa.Integer),
        sa.ForeignKeyConstraint(
            ["delivery_number"], ["deliveries.number"], name=op.f("fk_sent_values_delivery_number")
        ),
        sa.PrimaryKeyConstraint("profile", "shop", "kind", "key", name=op.f("pk_sent_values")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_sent_values_delivery_number"), "sent_values", ["delivery_number"])

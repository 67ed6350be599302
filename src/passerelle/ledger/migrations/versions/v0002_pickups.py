"""Files that are picked up and put away, and which records came in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "pickups",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("run_number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("is_unreadable", sa.Boolean, nullable=False),
        sa.Column("picked_at", moment, nullable=False),
        sa.Column("moved_to", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('claimed', 'taken', 'moved')", name=op.f("ck_pickups_state")),
        sa.ForeignKeyConstraint(["run_number"], ["runs.number"], name=op.f("fk_pickups_run_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_pickups")),
        sa.UniqueConstraint(
            "place", "path", "size", "modified", "sha256", name=op.f("uq_pickups_place_path_size_modified_sha256")
        ),
    )
    op.create_index(op.f("ix_pickups_profile_state"), "pickups", ["profile", "state"])
    op.create_index(op.f("ix_pickups_run_number"), "pickups", ["run_number"])
    op.create_table(
        "origins",
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("record_type", sa.Text, nullable=False),
        sa.Column("record_key", sa.Text, nullable=False),
        sa.Column("run_number", sa.Integer, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["run_number"], ["runs.number"], name=op.f("fk_origins_run_number")),
        sa.PrimaryKeyConstraint("profile", "record_type", "record_key", name=op.f("pk_origins")),
    )
    op.create_index(op.f("ix_origins_profile_is_open"), "origins", ["profile", "is_open"])

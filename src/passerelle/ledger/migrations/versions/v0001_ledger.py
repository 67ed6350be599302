"""The first ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("finished_at", moment),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'prepared', 'delivered', 'nothing_to_do', 'failed')", name=op.f("ck_runs_state")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_runs")),
        sa.UniqueConstraint("run_id", name=op.f("uq_runs_run_id")),
    )
    op.create_index(op.f("ix_runs_profile_task_state"), "runs", ["profile", "task", "state"])
    op.create_table(
        "outcomes",
        sa.Column("run_number", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("record_type", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["run_number"], ["runs.number"], name=op.f("fk_outcomes_run_number")),
        sa.PrimaryKeyConstraint("run_number", "position", name=op.f("pk_outcomes")),
    )
    op.create_table(
        "deliveries",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("run_number", sa.Integer, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("manifest_name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("prepared_at", moment, nullable=False),
        sa.Column("delivered_at", moment),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('prepared', 'delivered', 'abandoned')", name=op.f("ck_deliveries_state")),
        sa.ForeignKeyConstraint(["run_number"], ["runs.number"], name=op.f("fk_deliveries_run_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("delivery_id", name=op.f("uq_deliveries_delivery_id")),
        sa.UniqueConstraint("run_number", name=op.f("uq_deliveries_run_number")),
    )
    op.create_index(op.f("ix_deliveries_state"), "deliveries", ["state"])
    op.create_table(
        "files",
        sa.Column("delivery_number", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("record_count", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["delivery_number"], ["deliveries.number"], name=op.f("fk_files_delivery_number")),
        sa.PrimaryKeyConstraint("delivery_number", "position", name=op.f("pk_files")),
        sa.UniqueConstraint("delivery_number", "name", name=op.f("uq_files_delivery_number_name")),
    )
    op.create_table(
        "records",
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("record_type", sa.Text, nullable=False),
        sa.Column("record_key", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("document_kind", sa.Text, nullable=False),
        sa.Column("document_number", sa.Text, nullable=False),
        sa.Column("total_incl", sa.BigInteger),
        sa.Column("delivery_number", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["delivery_number"], ["deliveries.number"], name=op.f("fk_records_delivery_number")),
        sa.PrimaryKeyConstraint("profile", "record_type", "record_key", name=op.f("pk_records")),
    )
    op.create_index(op.f("ix_records_delivery_number"), "records", ["delivery_number"])
    op.create_table(
        "replaced",
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("record_type", sa.Text, nullable=False),
        sa.Column("record_key", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("document_kind", sa.Text, nullable=False),
        sa.Column("document_number", sa.Text, nullable=False),
        sa.Column("total_incl", sa.BigInteger),
        sa.Column("delivery_number", sa.Integer, nullable=False),
        sa.Column("replaced_by", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["delivery_number"], ["deliveries.number"], name=op.f("fk_replaced_delivery_number")),
        sa.ForeignKeyConstraint(["replaced_by"], ["deliveries.number"], name=op.f("fk_replaced_replaced_by")),
    )
    op.create_index(op.f("ix_replaced_replaced_by"), "replaced", ["replaced_by"])
    op.create_table(
        "accounts",
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("customer_key", sa.Text, nullable=False),
        sa.Column("customer_code", sa.Text, nullable=False),
        sa.Column("accounting_account", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("siret", sa.Text, nullable=False),
        sa.Column("vat_number", sa.Text, nullable=False),
        sa.Column("run_number", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["run_number"], ["runs.number"], name=op.f("fk_accounts_run_number")),
        sa.PrimaryKeyConstraint("profile", "customer_key", name=op.f("pk_accounts")),
    )
    op.create_table(
        "effects",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("run_number", sa.Integer, nullable=False),
        sa.Column("delivery_number", sa.Integer),
        sa.Column("record_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.CheckConstraint("state IN ('recorded', 'done')", name=op.f("ck_effects_state")),
        sa.ForeignKeyConstraint(["run_number"], ["runs.number"], name=op.f("fk_effects_run_number")),
        sa.ForeignKeyConstraint(["delivery_number"], ["deliveries.number"], name=op.f("fk_effects_delivery_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_effects")),
    )
    op.create_index(op.f("ix_effects_state"), "effects", ["state"])
    op.create_table(
        "marks",
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("profile", "name", name=op.f("pk_marks")),
    )
    op.create_table(
        "leases",
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("acquired_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("profile", "task", name=op.f("pk_leases")),
        sa.UniqueConstraint("token", name=op.f("uq_leases_token")),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("record_type", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
    )

"""The ledger's tables, as the newest migration leaves them.

Runs and deliveries are numbered in the order they came, so that this order holds when a clock goes back; users and
other tables of the program know them by their ids.

Source: design.md decision 5.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


class Moment(sa.TypeDecorator[datetime]):
    """A point in time: an aware ``datetime``, kept in UTC also by databases that know no zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Give the moment in UTC.

        Raises:
            ValueError: it has no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment of the ledger needs a time zone: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Give the moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _text(name: str, *, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, unique=unique)


def _state(*states: str) -> tuple[sa.Column[str], sa.CheckConstraint]:
    listed = ", ".join(f"'{state}'" for state in states)
    return _text("state"), sa.CheckConstraint(f"state IN ({listed})", name="state")


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    _text("run_id", unique=True),
    _text("profile"),
    _text("task"),
    *_state("running", "prepared", "delivered", "nothing_to_do", "failed"),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("counts", sa.JSON, nullable=False),
    _text("message"),
    sa.Column("succeeded", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("failed", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Index(None, "profile", "task", "state"),
    sa.Index(None, "profile"),
    sa.Index(None, "profile", "task"),
    sa.Index(None, "task"),
    sa.Index(None, "state"),
    sa.Index(None, "started_at", "profile", "task", "succeeded", "failed"),
)
"""A run of a task, as the journal shows it (JOU-1).

``succeeded`` and ``failed`` are those of ``counts``: charts sum a hundred thousand runs, by the index alone (JOU-3).
"""

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("run_number", sa.ForeignKey(runs.c.number), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    _text("record_type"),
    _text("record"),
    _text("stage"),
    _text("state"),
    _text("code"),
    _text("field"),
    _text("value"),
    _text("params"),
    sa.Index(
        "ix_outcomes_failed",
        "run_number",
        "position",
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    ),
)
"""What a run said of its records: the columns of passerelle.outcome, in the order said."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    _text("delivery_id", unique=True),
    sa.Column("run_number", sa.ForeignKey(runs.c.number), nullable=False, unique=True),
    _text("place"),
    _text("folder"),
    _text("manifest_name"),
    *_state("prepared", "delivered", "abandoned"),
    sa.Column("prepared_at", Moment, nullable=False),
    sa.Column("delivered_at", Moment),
    sa.Column("attempts", sa.Integer, nullable=False),
    _text("last_error"),
    sa.Column("shop", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Index(None, "state"),
)
"""Files sent as one unit to one place, the ERP's or a shop's; a run prepares one at most."""

files = sa.Table(
    "files",
    metadata,
    sa.Column("delivery_number", sa.ForeignKey(deliveries.c.number), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    _text("name"),
    sa.Column("size", sa.BigInteger, nullable=False),
    _text("sha256"),
    _text("path"),
    sa.Column("record_count", sa.Integer, nullable=False),
    sa.UniqueConstraint("delivery_number", "name"),
)
"""A file of a delivery, and where its bytes wait in the outbox."""

records = sa.Table(
    "records",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("record_type", sa.Text, primary_key=True),
    sa.Column("record_key", sa.Text, primary_key=True),
    _text("content_hash"),
    _text("document_kind"),
    _text("document_number"),
    sa.Column("total_incl", sa.BigInteger),
    sa.Column("delivery_number", sa.ForeignKey(deliveries.c.number), nullable=False, index=True),
)
"""What was exchanged, once per record: it is never sent twice (ORD-81); ``total_incl`` in millionths."""

replaced = sa.Table(
    "replaced",
    metadata,
    _text("profile"),
    _text("record_type"),
    _text("record_key"),
    _text("content_hash"),
    _text("document_kind"),
    _text("document_number"),
    sa.Column("total_incl", sa.BigInteger),
    sa.Column("delivery_number", sa.ForeignKey(deliveries.c.number), nullable=False),
    sa.Column("replaced_by", sa.ForeignKey(deliveries.c.number), nullable=False, index=True),
)
"""What a record was when a delivery replaced it (ORD-61); it comes back when that delivery is abandoned."""

sent_values = sa.Table(
    "sent_values",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("shop", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    _text("value"),
    sa.Column("before", sa.Text),
    sa.Column("delivery_number", sa.ForeignKey(deliveries.c.number), index=True),
    sqlite_with_rowid=False,
)
"""What a shop was last sent of an article: only what differs goes again (STK-8).

``value`` counts once its delivery has arrived; until then, and when it is abandoned, ``before`` does.
"""

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("customer_key", sa.Text, primary_key=True),
    _text("customer_code"),
    _text("accounting_account"),
    _text("email"),
    _text("siret"),
    _text("vat_number"),
    sa.Column("run_number", sa.ForeignKey(runs.c.number), nullable=False),
)
"""The ERP account given to a customer of the shop, and by which run (CUS-2, CUS-9)."""

effects = sa.Table(
    "effects",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("run_number", sa.ForeignKey(runs.c.number), nullable=False),
    sa.Column("delivery_number", sa.ForeignKey(deliveries.c.number)),
    _text("record_key"),
    _text("kind"),
    _text("value"),
    *_state("recorded", "done"),
    sa.Index(None, "state"),
)
"""What is to be done in the shop once the delivery has arrived (ORD-80)."""

marks = sa.Table(
    "marks",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("value"),
)
"""How far a profile has read: since the last import (ORD-1)."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, primary_key=True),
    _text("token", unique=True),
    _text("holder"),
    _text("host"),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("acquired_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)
"""Which process does a task of a profile now (RUN-6)."""

pickups = sa.Table(
    "pickups",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    _text("place"),
    _text("path"),
    sa.Column("size", sa.BigInteger, nullable=False),
    _text("modified"),
    _text("sha256"),
    _text("profile"),
    _text("shop"),
    sa.Column("run_number", sa.ForeignKey(runs.c.number), nullable=False, index=True),
    *_state("claimed", "taken", "moved"),
    sa.Column("is_unreadable", sa.Boolean, nullable=False),
    sa.Column("picked_at", Moment, nullable=False),
    _text("moved_to"),
    sa.UniqueConstraint("place", "path", "size", "modified", "sha256"),
    sa.Index(None, "profile", "state"),
)
"""A file picked up where it is put away afterwards: by which run; it is read once (STO-6)."""

origins = sa.Table(
    "origins",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("record_type", sa.Text, primary_key=True),
    sa.Column("record_key", sa.Text, primary_key=True),
    sa.Column("run_number", sa.ForeignKey(runs.c.number), nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Index(None, "profile", "is_open"),
)
"""Which run picked up the files with the newest content of a record, and whether they are to be read for it again."""

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    _text("actor"),
    _text("profile"),
    _text("action"),
    _text("record_type"),
    _text("record"),
    _text("detail"),
)
"""Who made the ledger forget what; rows are only ever added (ORD-9)."""

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("password_hash"),
    sa.Column("created_at", Moment, nullable=False),
)
"""Who may use the console (SEC-1)."""

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("user_name", sa.ForeignKey(users.c.name), nullable=False, index=True),
    sa.Column("expires_at", Moment, nullable=False),
)
"""Who is logged in to the console; the token itself is with the browser alone."""

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    _text("label"),
    _text("profile"),
    _text("token_hash", unique=True),
    _text("created_by"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
)
"""What lets a program start tasks of a profile, or of all (empty), by the trigger URL (SEC-2)."""

"""Run by alembic: migrates the connection it is given, in that connection's transaction."""

from __future__ import annotations

from alembic import context

from passerelle.ledger.database import VERSION_TABLE
from passerelle.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters tables by making them anew
)
context.run_migrations()

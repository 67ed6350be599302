"""A ledger for each test, on a real database, and a clock that stands still until told."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from passerelle.ledger.ledger import Ledger
from passerelle.ledger.schema import metadata

sys.path.append(str(Path(__file__).parents[1] / "flows"))


class StandingClock:
    """Tells the time it was set to."""

    def __init__(self):
        self.now = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)

    def __call__(self):
        return self.now

    def advance(self, **span):
        self.now += timedelta(**span)


@pytest.fixture
def clock():
    return StandingClock()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """A new ledger's file: copying it is quicker than migrating."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    Ledger.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def path(migrated, tmp_path):
    return shutil.copy(migrated, tmp_path / "ledger.db")


@pytest.fixture
def url(path):
    """The ledger's address; PASSERELLE_TEST_POSTGRESQL names an empty PostgreSQL database to try instead."""
    server = os.environ.get("PASSERELLE_TEST_POSTGRESQL")
    if server is None:
        yield f"sqlite:///{path}"
        return
    yield server
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE IF EXISTS ledger_version"))
    engine.dispose()


@pytest.fixture
def ledger(url, clock):
    with Ledger.open(url, clock=clock) as opened:
        yield opened

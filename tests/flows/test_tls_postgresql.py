"""The databases of ledger and Prefect in a PostgreSQL that speaks TLS only (STO-9, RUN-6)."""

from __future__ import annotations

from collections.abc import Iterator

import postgresql
import pytest
from builders import installed
from prefect_server import started_up
from storage_certificates import Authority

from passerelle.flows.server import DATABASE, database
from passerelle.ledger.errors import UnreachableError
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority) -> Iterator[postgresql.PostgreSql]:
    with postgresql.started(authority.certificate().file) as running:
        yield running


def test_sto_9_run_6_both_databases_are_reached_by_tls_with_a_verified_certificate(
    tmp_path, server, authority, monkeypatch
):
    monkeypatch.setenv("PGSSLROOTCERT", str(authority.file))
    ledger = server.database() + "?sslmode=verify-full"
    more = {DATABASE: server.database("postgresql+asyncpg") + "?ssl=verify-full", "PASSERELLE_LEDGER": ledger}
    at = installed(tmp_path, ("s", "woocommerce", tmp_path, "*.json"))
    with started_up(at, tmp_path / "up.log", more) as up:
        run_id = up.start()
        assert up.ended(run_id, 1)["state_type"] == "COMPLETED"
    with Ledger.open(ledger) as opened:
        assert opened.run(run_id).state == "nothing_to_do"


def test_sto_9_a_database_whose_certificate_another_authority_vouches_for_is_refused(tmp_path, server, monkeypatch):
    ledger, prefect = server.database(), server.database("postgresql+asyncpg")
    monkeypatch.setenv("PGSSLROOTCERT", str(Authority(tmp_path).file))
    with pytest.raises(UnreachableError, match="certificate verify failed"):
        Ledger.open(ledger + "?sslmode=verify-full")
    monkeypatch.setenv(DATABASE, prefect + "?ssl=verify-full")
    with pytest.raises(RunError, match="certificate verify failed"):
        database()


def test_sto_9_without_tls_the_server_answers_nobody_and_it_is_said(server, monkeypatch):
    with pytest.raises(UnreachableError, match="no encryption"):
        Ledger.open(server.database() + "?sslmode=disable")
    monkeypatch.setenv(DATABASE, server.database("postgresql+asyncpg") + "?ssl=disable")
    with pytest.raises(RunError, match="no encryption"):
        database()

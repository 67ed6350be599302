"""``passerelle up`` with Prefect's database and the ledger in PostgreSQL (RUN-2, RUN-6, SEC-3)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from urllib.parse import quote

import postgresql
import pytest
from builders import delivered, installed
from prefect_server import PROGRAM, started_up

from passerelle.flows.server import DATABASE
from passerelle.ledger.ledger import Ledger


@pytest.fixture(scope="module")
def server() -> Iterator[postgresql.PostgreSql]:
    with postgresql.started() as running:
        yield running


def test_run_2_run_6_up_keeps_its_runs_in_postgresql_and_finds_them_after_a_restart(tmp_path, samples, server):
    at = installed(tmp_path, ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json"))
    log = tmp_path / "up.log"
    ledger = server.database()
    more = {DATABASE: server.database("postgresql+asyncpg"), "PASSERELLE_LEDGER": ledger}
    with started_up(at, log, more) as up:
        run_id = up.start()
        assert up.ended(run_id, 1)["state_type"] == "COMPLETED"
    with started_up(at, log, more) as up:
        assert up.ended(run_id, 1)["state_name"] == "Completed"
        assert {one["key"] for one in up.call("POST", "/artifacts/filter", limit=50)} > {"orders-test-counts"}
        again = up.start()
        assert up.ended(again, 1)["state_type"] == "COMPLETED"
    with Ledger.open(ledger) as opened:
        assert [opened.run(one).state for one in (run_id, again)] == ["delivered", "nothing_to_do"]
    assert len([name for name in delivered(at) if name.endswith(".zip")]) == 1
    assert not list(at.state.rglob("*.db"))
    assert not list(at.state.rglob("*.sqlite"))
    said = log.read_text(encoding="utf-8") + (at.state / "prefect" / "server.log").read_text(encoding="utf-8")
    assert "Prefect's database: postgresql+asyncpg://passerelle:***@127.0.0.1:" in said
    for secret in (postgresql.PASSWORD, quote(postgresql.PASSWORD, safe="")):
        assert secret not in said


@pytest.mark.parametrize(
    ("driver", "password", "exit_code", "said"),
    [
        ("postgresql+asyncpg", "another", 1, "cannot be reached: password authentication failed"),
        ("postgresql+psycopg", postgresql.PASSWORD, 2, "names no database that Prefect's server can use"),
    ],
)
def test_run_6_sec_3_a_database_that_prefect_cannot_use_is_named_without_its_password(
    tmp_path, server, driver, password, exit_code, said
):
    at = installed(tmp_path, ("s", "woocommerce", tmp_path, "*.json"))
    written = quote(password, safe="")
    address = server.database(driver).replace(quote(postgresql.PASSWORD, safe=""), written)
    command = [PROGRAM, "--profiles", at.profiles, "--state", at.state, "up"]
    environment = {**os.environ, DATABASE: address, "PASSERELLE_LANG": "en"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == exit_code
    assert said in ended.stderr
    assert f"{driver}://passerelle:***@" in ended.stderr
    assert (written in ended.stderr, "Traceback" in ended.stderr) == (False, False)

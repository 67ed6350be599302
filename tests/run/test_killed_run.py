"""A run that is killed anywhere, and then run again, leaves the same files as one that was not: once."""

from __future__ import annotations

import signal

import pytest
from builders import delivered, installed
from killed import STEPS, run_killed

from passerelle.ledger.ledger import Ledger
from passerelle.run.orders import run_orders
from passerelle.run.request import Request


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, samples):
    at = installed(
        tmp_path_factory.mktemp("undisturbed"), ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json")
    )
    run_orders(Request("test"), at)
    return delivered(at)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rpartition(":")[2])
def test_rel_1_inv_3_sto_5_killed_and_run_again_gives_the_same_files_once(tmp_path, samples, undisturbed, step, moment):
    at = installed(tmp_path, ("s", "woocommerce", samples / "woocommerce-10.0-live", "*.json"))
    assert run_killed(at, step, moment) == -signal.SIGKILL
    summary = run_orders(Request("test"), at)
    assert delivered(at) == undisturbed
    assert summary.written == 51 or summary.earlier or summary.ignored == 51
    with Ledger.open(at.ledger_url) as ledger:
        assert len(ledger.exchanged("test", "order")) == 51
        assert ledger.unfinished("test") == []
        assert {run.state for run in ledger.runs("test")} <= {"delivered", "nothing_to_do", "failed"}
    assert run_orders(Request("test"), at).state == "nothing-to-do"
    assert delivered(at) == undisturbed

"""A run that is killed anywhere between picking up and putting away, then run again: each file once (STO-6, REL-1)."""

from __future__ import annotations

import signal

import pytest
from builders import delivered
from exports import ARCHIVE, ERROR, archiving, inbox, leave, lying, orders
from killed import run_killed

from passerelle.ledger.ledger import Ledger
from passerelle.run.orders import run_orders
from passerelle.run.request import Request

STEPS = (
    "passerelle.run.exports:pick_up",
    "passerelle.run.inbox:Inbox.keep",
    "passerelle.ledger.ledger:Ledger.claim",
    "passerelle.run.exports:Kind.read",
    "passerelle.ledger.ledger:Ledger.prepare",
    "passerelle.run.job:publish",
    "passerelle.ledger.ledger:Ledger.delivered",
    "passerelle.run.intake:put_away",
    "passerelle.ledger.ledger:Ledger.put_away",
)


def filled(folder, samples):
    at, place = archiving(folder, options=', done_suffix = ".ok"')
    for name, data in (("a", orders(samples, 0)), ("b", orders(samples, 1)), ("broken", b"[{")):
        leave(place, f"{name}.json", data)
        leave(place, f"{name}.json.ok", b"")
    return at, place


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, samples):
    at, place = filled(tmp_path_factory.mktemp("undisturbed"), samples)
    run_orders(Request("test"), at)
    files = [f"{ARCHIVE}/a.json", f"{ARCHIVE}/b.json", f"{ERROR}/broken.json"]
    assert list(lying(place)) == [name for file in files for name in (file, f"{file}.ok")]
    return delivered(at), lying(place)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rpartition(":")[2])
def test_sto_6_rel_1_killed_and_run_again_each_file_is_read_and_moved_once(tmp_path, samples, undisturbed, step):
    at, place = filled(tmp_path, samples)
    assert run_killed(at, step, "before" if step == STEPS[0] else "after") == -signal.SIGKILL
    run_orders(Request("test"), at)
    assert (delivered(at), lying(place)) == undisturbed
    with Ledger.open(at.ledger_url) as ledger:
        assert {(one.file.path, one.state) for one in ledger.pickups()} == {
            ("a.json", "moved"),
            ("b.json", "moved"),
            ("broken.json", "moved"),
        }
        assert len(ledger.exchanged("test", "order")) == 2
    assert inbox(at) == []

"""Runs as the journal shows them (JOU-1, RUN-4)."""

from __future__ import annotations

import pytest
from ledger_makers import parcel, records, send, spoken

from passerelle import outcome
from passerelle.ledger.entries import Prepared
from passerelle.ledger.errors import UnknownError, WrongStateError


def test_jou_1_a_run_is_told_with_its_times_parameters_counts_and_message(ledger, clock):
    run_id = ledger.start_run("demo", "orders", {"period": "last-15-days", "plan": False})
    started = clock.now
    running = ledger.run(run_id)
    assert (running.profile, running.task, running.state) == ("demo", "orders", "running")
    assert (running.started_at, running.finished_at) == (started, None)
    assert running.parameters == {"period": "last-15-days", "plan": False}
    clock.advance(seconds=90)
    ledger.finish_run(run_id, "nothing_to_do", {"total": 3, "ignored": 3}, "Rien à envoyer.")
    ended = ledger.run(run_id)
    assert (ended.state, ended.counts, ended.message) == (
        "nothing_to_do",
        {"total": 3, "ignored": 3},
        "Rien à envoyer.",
    )
    assert (ended.finished_at - ended.started_at).total_seconds() == 90
    assert ended.started_at.utcoffset().total_seconds() == 0


def test_jou_1_runs_are_listed_newest_first_also_when_the_clock_went_back(ledger, clock):
    first = ledger.start_run("demo", "orders")
    clock.advance(hours=-3)
    second = ledger.start_run("other", "orders")
    third = ledger.start_run("demo", "stocks")
    assert [run.run_id for run in ledger.runs()] == [third, second, first]
    assert [run.run_id for run in ledger.runs("demo")] == [third, first]
    assert [run.run_id for run in ledger.runs(limit=1)] == [third]


def test_run_ids_are_unique_and_sort_by_time(ledger, clock):
    ids = []
    for _ in range(20):
        ids += [ledger.start_run("demo", "orders"), ledger.start_run("demo", "orders")]
        clock.advance(milliseconds=1)
    assert len(set(ids)) == 40
    moments = [run_id.rsplit("-", 1)[0] for run_id in ids]
    assert moments == sorted(moments)
    assert len(set(moments)) == 20


def test_an_unknown_run_or_delivery_is_named(ledger):
    asked = [
        lambda: ledger.run("nowhere"),
        lambda: ledger.run_outcomes("nowhere"),
        lambda: ledger.run_files("nowhere"),
        lambda: ledger.fail_run("nowhere", ""),
        lambda: ledger.finish_run("nowhere", "delivered"),
        lambda: ledger.prepare("nowhere", Prepared()),
        lambda: ledger.delivered("nowhere"),
        lambda: ledger.delivery_failed("nowhere", ""),
        lambda: ledger.abandon("nowhere", by="me"),
    ]
    for question in asked:
        with pytest.raises(UnknownError, match="nowhere") as caught:
            question()
        assert spoken(caught.value)


def running(ledger):
    return ledger.start_run("demo", "orders")


def prepared(ledger):
    return send(ledger, "d1", records("shop/1"))


def delivered(ledger):
    run = prepared(ledger)
    ledger.delivered("d1")
    return run


def nothing_to_do(ledger):
    run = running(ledger)
    said = outcome.said("exchanged", ["shop/1"], record_type="order", stage="read")
    ledger.prepare(run, Prepared(outcomes=said))
    return run


def failed(ledger):
    run = running(ledger)
    ledger.fail_run(run, "cut")
    return run


@pytest.mark.parametrize("start", [prepared, delivered, nothing_to_do, failed])
def test_design_5_only_a_running_run_prepares(ledger, start):
    run = start(ledger)
    before = ledger.run(run)
    with pytest.raises(WrongStateError, match=before.state.replace("_", ".")) as caught:
        ledger.prepare(run, Prepared(parcel=parcel("d2"), records=records("shop/2")))
    assert spoken(caught.value)
    assert ledger.run(run) == before
    assert "shop/2" not in set(ledger.exchanged("demo", "order")["record_key"])


@pytest.mark.parametrize(
    ("start", "wanted"),
    [
        (running, "delivered"),
        (running, "prepared"),
        (prepared, "delivered"),
        (prepared, "nothing_to_do"),
        (delivered, "nothing_to_do"),
        (nothing_to_do, "delivered"),
        (failed, "delivered"),
        (failed, "nothing_to_do"),
    ],
)
def test_design_5_a_run_never_ends_as_what_did_not_happen(ledger, start, wanted):
    run = start(ledger)
    before = ledger.run(run)
    with pytest.raises(WrongStateError):
        ledger.finish_run(run, wanted)
    assert ledger.run(run) == before


@pytest.mark.parametrize("start", [delivered, nothing_to_do])
def test_a_run_that_ended_takes_its_message_later(ledger, clock, start):
    run = start(ledger)
    before = ledger.run(run)
    clock.advance(minutes=1)
    ledger.finish_run(run, before.state, {"total": 1}, "Mail envoyé.")
    after = ledger.run(run)
    assert (after.state, after.finished_at) == (before.state, before.finished_at)
    assert (after.counts, after.message) == ({"total": 1}, "Mail envoyé.")


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (running, "running"),
        (prepared, "prepared"),
        (delivered, "delivered"),
        (nothing_to_do, "nothing_to_do"),
        (failed, "running"),
    ],
)
def test_run_4_a_retried_run_goes_on_where_it_stopped(ledger, start, again):
    run = start(ledger)
    ledger.fail_run(run, "server refused")
    assert (ledger.run(run).state, ledger.run(run).message) == ("failed", "server refused")
    assert ledger.start_run("demo", "orders", run_id=run) == run
    resumed = ledger.run(run)
    assert resumed.state == again
    assert (resumed.finished_at is None) == (again in {"running", "prepared"})
    assert len(ledger.runs()) == 1


def test_run_4_a_run_whose_delivery_was_abandoned_stays_failed(ledger):
    run = prepared(ledger)
    ledger.abandon("d1", by="me")
    ledger.start_run("demo", "orders", run_id=run)
    assert ledger.run(run).state == "failed"


def test_run_4_a_run_of_another_task_is_not_retried(ledger):
    run = ledger.start_run("demo", "orders", run_id="1234")
    for profile, task in (("demo", "stocks"), ("other", "orders")):
        with pytest.raises(ValueError, match="1234"):
            ledger.start_run(profile, task, run_id=run)


def test_rel_1_runs_that_were_killed_are_told_as_failed_once_their_task_is_held(ledger):
    killed, other = ledger.start_run("demo", "orders"), ledger.start_run("demo", "stocks")
    ledger.start_run("demo", "orders")
    assert ledger.run(killed).state == "running"  # without the lease, it may well be running
    with ledger.lease("demo", "orders", "test"):
        ledger.start_run("demo", "orders")
        told = ledger.run(killed)
        assert told.state == "failed"
        assert "interrompue" in told.message
        assert told.finished_at is not None
        assert ledger.run(other).state == "running"
        ledger.start_run("demo", "orders", run_id=killed)
        assert (ledger.run(killed).state, ledger.run(killed).finished_at) == ("running", None)

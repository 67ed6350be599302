"""From prepared to delivered, or abandoned; effects in the shop; what is forgotten (ORD-9, ORD-80, REL-1)."""

from __future__ import annotations

import pytest
from ledger_makers import accounts, effects, known, parcel, records, send, spoken, table

from passerelle import outcome
from passerelle.ledger.entries import Prepared
from passerelle.ledger.errors import UndeliveredError, WrongStateError


def ids(deliveries):
    return [delivery.delivery_id for delivery in deliveries]


def test_design_5_unfinished_deliveries_come_oldest_first_also_when_the_clock_went_back(ledger, clock):
    send(ledger, "z", records("shop/1"))
    clock.advance(hours=-5)
    send(ledger, "a", records("shop/2"), profile="other")
    send(ledger, "m", records("shop/3"))
    assert ids(ledger.unfinished("demo")) == ["z", "m"]
    assert ids(ledger.unfinished("other")) == ["a"]
    assert ids(ledger.unfinished()) == ["z", "a", "m"]
    ledger.delivered("z")
    assert ids(ledger.unfinished("demo")) == ["m"]


def test_design_5_a_delivery_that_arrived_ends_its_run(ledger, clock):
    run = send(ledger, "d1", records("shop/1"), counts={"total": 1})
    clock.advance(minutes=2)
    ledger.delivered("d1")
    done = ledger.run(run)
    assert (done.state, done.finished_at, done.counts) == ("delivered", clock.now, {"total": 1})
    delivery = ledger.run_delivery(run)
    assert (delivery.state, delivery.delivered_at, delivery.attempts) == ("delivered", clock.now, 1)
    clock.advance(minutes=2)
    ledger.delivered("d1")  # two processes finished it: harmless
    assert ledger.run_delivery(run) == delivery
    assert ledger.run(run) == done


def test_design_5_a_delivery_that_failed_stays_to_be_finished(ledger):
    run = send(ledger, "d1", records("shop/1"))
    ledger.delivery_failed("d1", "421 too many connections")
    ledger.delivery_failed("d1", "timed out")
    ledger.fail_run(run, "timed out")
    [waiting] = ledger.unfinished("demo")
    assert (waiting.state, waiting.attempts, waiting.last_error) == ("prepared", 2, "timed out")
    assert known(ledger) == {"shop/1": "v1 of shop/1"}  # it will arrive: nothing may send it again
    ledger.delivered("d1")
    assert (ledger.run(run).state, ledger.run(run).message) == ("delivered", "")
    assert ledger.run_delivery(run).attempts == 3


def test_illegal_moves_of_a_delivery_are_errors(ledger):
    send(ledger, "arrived", records("shop/1"))
    ledger.delivered("arrived")
    send(ledger, "gone", records("shop/2"))
    ledger.abandon("gone", by="me")
    moves = [
        lambda: ledger.delivery_failed("arrived", "late"),
        lambda: ledger.abandon("arrived", by="me"),
        lambda: ledger.delivered("gone"),
        lambda: ledger.delivery_failed("gone", "late"),
        lambda: ledger.abandon("gone", by="me"),
    ]
    for move in moves:
        with pytest.raises(WrongStateError) as caught:
            move()
        assert spoken(caught.value)
    assert known(ledger) == {"shop/1": "v1 of shop/1"}


def test_a_delivery_without_files_is_one_too(ledger):
    """A task that writes through an API has records and a place, and no files."""
    run = ledger.start_run("demo", "stocks")
    place = parcel("d1")
    ledger.prepare(run, Prepared(parcel=type(place)("d1", "https://shop.example/api"), records=records("shop/1")))
    assert ledger.unfinished("demo")[0].files == ()
    assert table(ledger.exchanged("demo", "order"), "record_key", "files") == [("shop/1", "")]


def test_abandoned_nothing_of_it_counts_as_exchanged(ledger):
    send(ledger, "d1", records("shop/1"), accounts=accounts(alice="P1"))
    ledger.delivered("d1")
    changed = records("shop/1", content="v2", replaces="v1")
    new = records("shop/2")
    sent = type(new)({name: [*changed[name], *new[name]] for name in new}).astype(new.dtypes)
    run = send(ledger, "d2", sent, accounts=accounts(alice="P1", bob="P2"), effects=effects(o2="sent"))
    assert ledger.abandon("d2", by="compta") == 2
    assert ledger.unfinished() == []
    assert known(ledger) == {"shop/1": "v1 of shop/1"}  # the version that did arrive
    assert table(ledger.accounts("demo"), "customer_key") == [("shop/alice",)]
    assert ledger.pending_effects().empty
    failed = ledger.run(run)
    assert failed.state == "failed"
    assert "d2" in failed.message
    said = ledger.run_outcomes(run)
    assert outcome.final_states(said, ["shop/1", "shop/2"]).to_list() == ["failed", "failed"]
    assert "d2" in outcome.message(said.iloc[-1].to_dict(), "fr")
    audited = [(entry.actor, entry.action, entry.record) for entry in ledger.audit()]
    assert audited == [("compta", "abandon", "shop/1"), ("compta", "abandon", "shop/2")]
    send(ledger, "d3", sent, accounts=accounts(bob="P2"))
    ledger.delivered("d3")
    assert known(ledger) == {"shop/1": "v2 of shop/1", "shop/2": "v1 of shop/2"}


def test_ord_80_effects_wait_for_their_delivery_and_are_done_once(ledger):
    run = send(ledger, "d1", records("shop/1", "shop/2"), effects=effects(o1="sent", o2="paid"))
    send(ledger, "d2", records("shop/1"), profile="other", effects=effects(o1="sent"))
    assert ledger.pending_effects().empty
    ledger.delivered("d1")
    pending = ledger.pending_effects("demo")
    assert list(pending.columns) == ["effect", "profile", "run_id", "record_key", "kind", "value"]
    assert table(pending, "profile", "run_id", "record_key", "kind", "value") == [
        ("demo", run, "shop/1", "set_status", "sent"),
        ("demo", run, "shop/2", "set_status", "paid"),
    ]
    ledger.effects_done(pending["effect"].head(1))
    assert table(ledger.pending_effects("demo"), "record_key") == [("shop/2",)]
    ledger.effects_done(pending["effect"])
    assert ledger.pending_effects("demo").empty
    ledger.effects_done([])
    ledger.delivered("d2")
    assert table(ledger.pending_effects(), "profile") == [("other",)]


def test_ord_9_forgotten_orders_are_exchanged_again_and_it_is_audited(ledger, clock):
    send(ledger, "d1", records("shop/1", "shop/2", "shop/3"))
    ledger.delivered("d1")
    clock.advance(days=1)
    assert ledger.forget("demo", "order", ["shop/1", "shop/3", "shop/unknown", "shop/1"], by="compta") == 2
    assert known(ledger) == {"shop/2": "v1 of shop/2"}
    [first, third] = ledger.audit("demo")
    assert (first.at, first.actor, first.action, first.record_type) == (clock.now, "compta", "forget", "order")
    assert (first.record, first.detail) == ("shop/1", "d1 W1 v1 of shop/1")
    assert third.record == "shop/3"
    send(ledger, "d2", records("shop/1"))
    assert table(ledger.exchanged("demo", "order"), "record_key", "delivery_id") == [("shop/1", "d2"), ("shop/2", "d1")]


def test_ord_9_all_orders_of_one_profile_and_type_are_forgotten(ledger):
    send(ledger, "d1", records("shop/1", "shop/2"))
    send(ledger, "d2", records("shop/1"), profile="other")
    send(ledger, "d3", records("shop/1").assign(record_type="refund"))
    for delivery in ("d1", "d2", "d3"):
        ledger.delivered(delivery)
    assert ledger.forget("demo", "order", None, by="compta") == 2
    assert ledger.forget("demo", "order", None, by="compta") == 0
    assert ledger.forget("demo", "order", [], by="compta") == 0
    assert table(ledger.exchanged_counts(), "profile", "record_type") == [("demo", "refund"), ("other", "order")]
    assert len(ledger.audit()) == 2
    assert ledger.audit("other") == []


def test_ord_9_more_orders_than_a_statement_takes_parameters(ledger):
    keys = [f"shop/{number}" for number in range(40_000)]
    send(ledger, "d1", records(*keys))
    ledger.delivered("d1")
    assert ledger.forget("demo", "order", keys[1:], by="compta") == 39_999
    assert list(known(ledger)) == ["shop/0"]


@pytest.mark.parametrize("keys", [None, ["shop/1", "shop/2"], ["shop/2"]])
def test_ord_9_what_waits_in_a_delivery_is_not_forgotten(ledger, keys):
    """It will arrive: forgotten, it would be sent twice."""
    send(ledger, "d1", records("shop/1"))
    ledger.delivered("d1")
    send(ledger, "d2", records("shop/2"))
    with pytest.raises(UndeliveredError, match="d2") as caught:
        ledger.forget("demo", "order", keys, by="compta")
    assert spoken(caught.value)
    assert sorted(known(ledger)) == ["shop/1", "shop/2"]
    assert ledger.audit() == []


def test_ord_1_a_mark_is_set_moved_and_forgotten(ledger, clock):
    assert ledger.mark("demo", "orders") is None
    assert ledger.forget_mark("demo", "orders", by="compta") is False
    ledger.set_mark("demo", "orders", "2026-11-20")
    ledger.set_mark("demo", "orders", "2026-11-21")
    ledger.set_mark("other", "orders", "2025-01-01")
    assert ledger.mark("demo", "orders") == "2026-11-21"
    assert ledger.forget_mark("demo", "orders", by="compta") is True
    assert ledger.mark("demo", "orders") is None
    assert ledger.mark("other", "orders") == "2025-01-01"
    [entry] = ledger.audit()
    assert (entry.at, entry.actor, entry.profile, entry.action) == (clock.now, "compta", "demo", "forget")
    assert (entry.record_type, entry.record, entry.detail) == ("mark", "orders", "2026-11-21")

"""One process at a time does a task of a profile (RUN-3, RUN-6, REL-1)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import postgresql
import pytest
import sqlalchemy as sa
from ledger_makers import known, parcel, records, spoken, table

from passerelle.ledger.entries import Prepared
from passerelle.ledger.errors import BusyError, LeaseLostError
from passerelle.ledger.ledger import Ledger
from passerelle.ledger.schema import leases

TTL = timedelta(minutes=5)

HOLDER = """
import sys
from passerelle.ledger.errors import BusyError
from passerelle.ledger.ledger import Ledger

with Ledger.open(sys.argv[1]) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        with ledger.lease("demo", "orders", "child"):
            print("held", flush=True)
            sys.stdin.readline()
    except BusyError:
        print("busy", flush=True)
"""


class Child:
    """Another process that takes the lease of demo/orders when told, and gives it back when told again."""

    def __init__(self, url):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def hears(self):
        return self.process.stdout.readline().strip()

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def server():
    with postgresql.started() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, path):
    """One database after the other: they lock each in a way of their own."""
    return f"sqlite:///{path}" if request.param == "sqlite" else request.getfixturevalue("server").database()


@pytest.fixture
def child(url):
    started = Child(url)
    yield started
    started.end()


def altered(ledger, **values):
    with ledger._database.writing() as connection:
        connection.execute(sa.update(leases).values(**values))


def expiry(ledger):
    with ledger._database.reading() as connection:
        return connection.scalar(sa.select(leases.c.expires_at))


def test_run_6_a_held_task_is_refused_naming_who_and_since_when(ledger, clock):
    with ledger.lease("demo", "orders", "run 42", TTL):
        clock.advance(minutes=1)
        with pytest.raises(BusyError) as caught, ledger.lease("demo", "orders", "run 43", TTL):
            pytest.fail("two runs hold the task")
        error = caught.value
        for text in (error.text("fr"), error.text("en")):
            assert all(part in text for part in ("demo", "orders", "run 42", socket.gethostname(), "02:00:00"))
        assert spoken(error)
        assert table(ledger.leases(), "profile", "task", "holder") == [("demo", "orders", "run 42")]
    assert ledger.leases().empty


def test_run_6_other_tasks_and_profiles_go_on(ledger):
    with ledger.lease("demo", "orders", "a"), ledger.lease("demo", "stocks", "b"), ledger.lease("other", "orders", "c"):
        assert len(ledger.leases()) == 3


def test_run_6_a_task_given_back_is_free_also_after_an_error(ledger):
    def fail():
        with ledger.lease("demo", "orders", "a"):
            raise RuntimeError("in the run")

    with pytest.raises(RuntimeError, match="in the run"):
        fail()
    with ledger.lease("demo", "orders", "b"):
        pass


def test_run_6_a_lease_of_another_machine_that_ran_out_is_taken_over(ledger, clock):
    with ledger.lease("demo", "orders", "elsewhere", TTL):
        altered(ledger, host="another-machine", pid=1)
        clock.advance(minutes=5, seconds=-1)
        with pytest.raises(BusyError, match="another-machine"), ledger.lease("demo", "orders", "here", TTL):
            pass
        clock.advance(seconds=1)
        with ledger.lease("demo", "orders", "here", TTL) as taken:
            assert table(ledger.leases(), "holder") == [("here",)]
            assert expiry(ledger) == clock.now + TTL
            taken.renew()
    assert ledger.leases().empty


def test_run_6_a_renewed_lease_does_not_run_out(ledger, clock):
    with ledger.lease("demo", "orders", "a", TTL) as held:
        clock.advance(minutes=4)
        held.renew()
        clock.advance(minutes=4)
        with pytest.raises(BusyError), ledger.lease("demo", "orders", "b", TTL):
            pass


def test_run_6_a_lease_renews_itself(url, clock):
    """Every third of its time; the clock is asked for each renewal, which says that it happens."""
    renewed = threading.Event()

    def watched():
        if threading.current_thread() is not threading.main_thread():
            renewed.set()
        return clock()

    with Ledger.open(url, clock=watched) as ledger, ledger.lease("demo", "orders", "a", timedelta(milliseconds=30)):
        assert renewed.wait(timeout=10)


def test_run_6_who_lost_the_task_is_told_and_sends_nothing(url, clock):
    """Two machines: the first fell asleep, the second took over; the first wakes up and wants to send."""
    with Ledger.open(url, clock=clock) as first, Ledger.open(url, clock=clock) as second:
        with first.lease("demo", "orders", "first", TTL) as held:
            altered(first, host="another-machine")
            run = first.start_run("demo", "orders")
            clock.advance(minutes=6)
            with second.lease("demo", "orders", "second", TTL):
                for attempt in (
                    held.renew,
                    lambda: first.prepare(run, Prepared(parcel=parcel("d1"), records=records("shop/1"))),
                ):
                    with pytest.raises(LeaseLostError) as caught:
                        attempt()
                    assert spoken(caught.value)
                assert known(second) == {}
                assert first.run(run).state == "running"
            assert table(second.leases(), "holder") == []
        assert second.leases().empty


def test_run_6_who_lost_the_task_does_not_give_back_the_other_ones(url, clock):
    with Ledger.open(url, clock=clock) as first, Ledger.open(url, clock=clock) as second:
        outer = first.lease("demo", "orders", "first", TTL)
        outer.__enter__()
        altered(first, host="another-machine")
        clock.advance(minutes=6)
        with second.lease("demo", "orders", "second", TTL):
            outer.__exit__(None, None, None)
            assert table(second.leases(), "holder") == [("second",)]


def test_rel_1_the_lease_of_a_killed_process_is_taken_over_at_once(url, child):
    with Ledger.open(url) as ledger:
        child.go_on()
        assert [child.hears(), child.hears()] == ["ready", "held"]
        with pytest.raises(BusyError, match="child"), ledger.lease("demo", "orders", "here"):
            pass
        child.end()  # SIGKILL
        assert table(ledger.leases(), "holder") == [("child",)]
        with ledger.lease("demo", "orders", "here"):
            assert table(ledger.leases(), "holder") == [("here",)]


def test_rel_1_a_dead_process_that_had_our_number_is_no_holder(ledger):
    """In a container every process may be number 1."""
    with ledger.lease("demo", "orders", "dead"):
        altered(ledger, token="of another life")
        with ledger.lease("demo", "orders", "alive"):
            assert table(ledger.leases(), "holder") == [("alive",)]


def test_rel_1_a_process_of_another_user_is_alive(ledger):
    with ledger.lease("demo", "orders", "init"):
        altered(ledger, pid=1)
        if os.getpid() == 1:
            pytest.skip("this process is number 1")
        with pytest.raises(BusyError), ledger.lease("demo", "orders", "here"):
            pass


def test_run_6_of_processes_that_start_at_once_one_works(url):
    children = [Child(url) for _ in range(2)]
    try:
        assert [child.hears() for child in children] == ["ready"] * 2
        for child in children:
            child.go_on()
        assert sorted(child.hears() for child in children) == ["busy", "held"]
    finally:
        for child in children:
            child.end()


def test_run_6_two_threads_are_two_holders(ledger):
    told = []

    def other():
        try:
            with ledger.lease("demo", "orders", "thread"):
                told.append("held")
        except BusyError:
            told.append("busy")

    with ledger.lease("demo", "orders", "main"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert told == ["busy"]


def test_moments_without_a_zone_are_refused(url):
    with (
        Ledger.open(url, clock=lambda: datetime(2026, 11, 21)) as ledger,  # noqa: DTZ001
        pytest.raises(sa.exc.StatementError, match="time zone"),
        ledger.lease("demo", "orders", "a"),
    ):
        pass
    with Ledger.open(url, clock=lambda: datetime(2026, 11, 21, tzinfo=UTC)) as ledger:
        ledger.set_mark("demo", "m", "1")

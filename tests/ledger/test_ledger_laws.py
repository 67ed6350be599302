"""Whatever is done with the ledger, in whatever order: nothing twice, nothing lost, all of it told (ORD-81, ORD-9)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ledger_makers import known, parcel, records

from passerelle.ledger.entries import Prepared
from passerelle.ledger.errors import AlreadyExchangedError, UndeliveredError
from passerelle.ledger.ledger import Ledger

KEYS = st.sets(st.sampled_from([f"shop/{number}" for number in range(6)]), min_size=1)


class LedgerMachine(RuleBasedStateMachine):
    """The ledger beside what it should know: content by order, and by delivery what was before."""

    template: Path

    @initialize()
    def new(self):
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "ledger.db")
        self.url = f"sqlite:///{self.folder / 'ledger.db'}"
        self.ledger = Ledger.open(self.url)
        self.known: dict[str, str] = {}
        self.waiting: dict[str, dict[str, str | None]] = {}
        self.count = 0

    def teardown(self):
        self.ledger.close()
        shutil.rmtree(self.folder)

    @rule(keys=KEYS, content=st.sampled_from(["v1", "v2"]), replaces=st.sampled_from(["", "v1", "v2"]))
    def send(self, keys, content, replaces):
        """Send orders as new, or as changed; refused as a whole when one of them is not as it is said to be."""
        self.count += 1
        sent = records(*sorted(keys), content=content, replaces=replaces)
        run = self.ledger.start_run("demo", "orders")
        prepared = Prepared(parcel=parcel(f"d{self.count}"), records=sent)
        before = {key: self.known.get(key) for key in keys}
        if all(before[key] == (f"{replaces} of {key}" if replaces else None) for key in keys):
            self.ledger.prepare(run, prepared)
            self.waiting[f"d{self.count}"] = before
            self.known |= {key: f"{content} of {key}" for key in keys}
        else:
            with pytest.raises(AlreadyExchangedError):
                self.ledger.prepare(run, prepared)

    @rule(keys=KEYS)
    def send_what_is_new(self, keys):
        new = sorted(keys - set(self.known))
        if new:
            self.send(set(new), "v1", "")

    @precondition(lambda self: self.waiting)
    @rule()
    def deliver(self):
        delivery = self.ledger.unfinished("demo")[0].delivery_id
        self.ledger.delivered(delivery)
        del self.waiting[delivery]

    @precondition(lambda self: self.waiting)
    @rule()
    def fail(self):
        self.ledger.delivery_failed(self.ledger.unfinished("demo")[-1].delivery_id, "refused")

    @precondition(lambda self: self.waiting)
    @rule()
    def abandon_the_newest(self):
        delivery, before = self.waiting.popitem()
        assert self.ledger.abandon(delivery, by="law") == len(before)
        for key, content in before.items():
            if content is None:
                del self.known[key]
            else:
                self.known[key] = content

    @rule(keys=KEYS)
    def forget(self, keys):
        if any(keys & set(before) for before in self.waiting.values()):
            with pytest.raises(UndeliveredError):
                self.ledger.forget("demo", "order", keys, by="law")
        else:
            assert self.ledger.forget("demo", "order", keys, by="law") == len(keys & set(self.known))
            self.known = {key: content for key, content in self.known.items() if key not in keys}

    @rule()
    def close_and_open(self):
        self.ledger.close()
        self.ledger = Ledger.open(self.url)

    @invariant()
    def the_ledger_knows_what_it_should(self):
        assert known(self.ledger) == self.known

    @invariant()
    def what_waits_is_unfinished_in_its_order(self):
        assert [delivery.delivery_id for delivery in self.ledger.unfinished()] == list(self.waiting)


def test_ord_81_whatever_happens_the_ledger_knows_what_was_exchanged(migrated):
    class Machine(LedgerMachine):
        template = migrated

    Machine.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
    Machine.TestCase("runTest").runTest()

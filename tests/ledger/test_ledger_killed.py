"""A process killed at any step: the next run makes the same final state (REL-1)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from killed_exchange import ORDERS, exchange, made
from ledger_makers import table

from passerelle.ledger.ledger import Ledger


@pytest.fixture(scope="module")
def killed(migrated, tmp_path_factory) -> list[Path]:
    """The folders of exchanges that were killed, at every step there is."""
    folder = tmp_path_factory.mktemp("killed")
    shutil.copy(migrated, folder / "ledger.db")
    script = Path(__file__).with_name("killed_exchange.py")
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    homes = [folder / str(step) for step in range(1, int(done.stdout) + 1)]
    assert len(homes) > 20
    return homes


def final_state(home):
    with Ledger.open(f"sqlite:///{home / 'ledger.db'}") as ledger:
        sent = [line for file in (home / "place").iterdir() for line in file.read_text().splitlines()]
        return {
            "exchanged": table(ledger.exchanged("demo", "order"), "record_key", "content_hash", "document_number"),
            "accounts": table(ledger.accounts("demo"), "customer_key", "customer_code"),
            "unfinished": ledger.unfinished(),
            "pending": len(ledger.pending_effects()),
            "leases": len(ledger.leases()),
            "running": [run.run_id for run in ledger.runs() if run.state in {"running", "prepared"}],
            "delivered": Counter(run.state for run in ledger.runs())["delivered"],
            "sent": sorted(sent),
            "shop": sorted(file.name for file in (home / "shop").iterdir()),
        }


def test_rel_1_after_a_kill_the_ledger_has_all_of_what_was_prepared_or_nothing(killed):
    """Design decision 5: never a record without its delivery, or a delivery without its records."""
    seen = Counter()
    for home in killed:
        with Ledger.open(f"sqlite:///{home / 'ledger.db'}") as ledger:
            run = ledger.runs()[0] if ledger.runs() else None
            delivery = ledger.run_delivery(run.run_id) if run else None
            held = len(ledger.leases())
            count = len(ledger.run_outcomes(run.run_id)) if run else 0
            written = (
                delivery is not None,
                run is not None and run.state != "running",
                len(ledger.exchanged("demo", "order")),
                len(ledger.accounts("demo")),
                count,
            )
        assert written in {(False, False, 0, 0, 0), (True, True, 3, 3, 4)}, home
        seen[written[0]] += 1
        seen["lease left behind"] += held
    assert min(seen.values()) > 8


def test_rel_1_after_a_kill_the_next_run_makes_the_state_of_a_run_without_fault(killed, migrated, tmp_path):
    undisturbed = made(tmp_path / "undisturbed", migrated)
    exchange(undisturbed)
    expected = final_state(undisturbed)
    assert expected["sent"] == list(ORDERS)
    assert expected["delivered"] == 1
    exchange(undisturbed)
    assert final_state(undisturbed) == expected, "the same again"
    for home in killed:
        exchange(home)
        assert final_state(home) == expected, f"killed before step {home.name}"

"""The contract has teeth: a storage with any of the planted faults fails it."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("planted_faults.py")


class _Tally:
    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        suite = report.nodeid.split("::")[1]
        if report.failed:
            self.failed[suite] += 1
        elif report.when == "call":
            self.passed[suite] += 1


def test_sto_1_every_planted_fault_is_found(capfd: pytest.CaptureFixture[str]) -> None:
    tally = _Tally()
    pytest.main([str(FILE), "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:warnings"], plugins=[tally])
    capfd.readouterr()
    faults = {f"Test{fault.__name__}" for fault in sys.modules["planted_faults"].FAULTS}
    assert len(faults) > 30
    assert faults <= tally.passed.keys(), "a suite did not run"
    assert faults - tally.failed.keys() == set()

"""How often somebody may fail before being made to wait (SEC-1)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

_KEYS = 10_000
"""Callers that are remembered; of more, those that failed longest ago are forgotten."""


class FailureLimit:
    """Counts failures of callers in a stretch of time; in memory, as the console is one process.

    Args:
        allowed: failures that are let pass.
        seconds: for how long a failure counts.
        now: gives seconds that only go on.
    """

    def __init__(self, allowed: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._allowed, self._seconds, self._now = allowed, seconds, now
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> int:
        """Give the seconds that a caller has to wait; 0: none."""
        with self._lock:
            times = self._counting(key)
            return 0 if len(times) < self._allowed else int(times[0] + self._seconds - self._now()) + 1

    def failed(self, key: str) -> None:
        """Note that a caller failed."""
        with self._lock:
            self._counting(key).append(self._now())
            self._failures.move_to_end(key)
            while len(self._failures) > _KEYS:
                self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget a caller's failures."""
        with self._lock:
            self._failures.pop(key, None)

    def _counting(self, key: str) -> deque[float]:
        times = self._failures.setdefault(key, deque())
        while times and times[0] <= self._now() - self._seconds:
            times.popleft()
        return times

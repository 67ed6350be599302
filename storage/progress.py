"""How far a transfer is: files, bytes, rate, time left (STO-14). Who shows it, and where, is not known here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of a transfer.

    Attributes:
        files: how many are over.
        files_expected: of how many.
        bytes: how many are over.
        bytes_expected: of how many.
        seconds: since it began.
    """

    files: int
    files_expected: int
    bytes: int
    bytes_expected: int
    seconds: float

    @property
    def rate(self) -> float:
        """Bytes in a second."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; ``None`` while nothing moved."""
        return (self.bytes_expected - self.bytes) / self.rate if self.rate else None

    @property
    def percent(self) -> float:
        """From 0 to 100."""
        if self.bytes_expected:
            return 100 * self.bytes / self.bytes_expected
        return 100 * self.files / self.files_expected if self.files_expected else 100.0


class Progress:
    """Counts what moves, from any thread, and shows it a few times in a second.

    Args:
        show: given a snapshot: at the start, in between, and at the end.
        clock: seconds that only grow.
        every_seconds: the shortest time between two snapshots.
    """

    def __init__(
        self,
        show: Callable[[Snapshot], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        every_seconds: float = _EVERY_SECONDS,
    ) -> None:
        self._show = show
        self._clock = clock
        self._every = every_seconds
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._over: dict[str, int] = {}
        self._bytes = self._files = 0
        self._begun = self._shown = clock()

    def expect(self, sizes: Mapping[str, int]) -> None:
        """Say what is to move: the size of each file by its path."""
        with self._lock:
            self._sizes.update(sizes)
            self._show(self._snapshot())

    def moved(self, path: str, over: int) -> None:
        """Take note of how many bytes of a file are over by now; fewer than before when it began anew."""
        with self._lock:
            before, size = self._over.get(path), self._sizes.get(path, over)
            self._over[path] = over
            self._bytes += over - (before or 0)
            self._files += (over >= size) - (before is not None and before >= size)
            now = self._clock()
            if now - self._shown >= self._every or self._files == len(self._sizes):
                self._shown = now
                self._show(self._snapshot())

    def _snapshot(self) -> Snapshot:
        expected = sum(self._sizes.values())
        return Snapshot(self._files, len(self._sizes), self._bytes, expected, self._clock() - self._begun)

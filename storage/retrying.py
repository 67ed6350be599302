"""The one policy of trying again: transient errors only, waits that grow, a bounded number of attempts (STO-8)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import tenacity

from passerelle.storage.base import Entry, Features, Storage
from passerelle.storage.errors import Damaged, NotFound, Throttled, Transient
from passerelle.storage.paths import parent

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_LONGEST_WAIT_SECONDS = 60.0


class RetryingStorage:
    """Another storage, asked again when an error may go away by itself.

    A connection that is lost while a rename or a removal is answered leaves open whether it was done. The next attempt
    looks first, so that what was done is not reported as missing. An upload that arrived with another size, as when
    its connection was cut in good order, is made again too.

    Args:
        inner: the storage.
        attempts: how often a verb is tried in all.
        first_delay_seconds: wait before the second attempt; doubled each time, with as much at random on top.
            A wait that the other side asks for is kept; one of more than a minute is left to the caller.
    """

    def __init__(self, inner: Storage, *, attempts: int = 4, first_delay_seconds: float = 1.0) -> None:
        self._inner = inner
        growing = tenacity.wait_exponential(multiplier=first_delay_seconds, max=_LONGEST_WAIT_SECONDS)
        self._grown = growing + tenacity.wait_random(0, first_delay_seconds)
        self._attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(attempts),
            wait=self._wait,
            retry=tenacity.retry_if_exception(_may_go_away),
            before_sleep=_say,
            reraise=True,
        )

    @property
    def name(self) -> str:
        """See ``base.Storage.name``."""
        return self._inner.name

    @property
    def features(self) -> Features:
        """See ``base.Storage.features``."""
        return self._inner.features

    def __enter__(self) -> Self:
        self._again(lambda _: self._inner.__enter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._inner.__exit__(kind, error, trace)

    def list(self, folder: str = "") -> list[Entry]:
        """See ``base.Storage.list``."""
        return self._again(lambda _: self._inner.list(folder))

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        return self._again(lambda _: self._inner.read(path, limit_bytes=limit_bytes))

    def put(self, path: str, data: bytes) -> Entry:
        """See ``base.Storage.put``."""

        def sent(_: int) -> Entry:
            entry = self._inner.put(path, data)
            if entry.size != len(data):
                raise Damaged(self.name, path, f"{entry.size} / {len(data)}")
            return entry

        return self._again(sent)

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""

        def renamed(attempt: int) -> None:
            if attempt == 1 or self._is_there(src) or not self._is_there(dst):
                self._inner.rename(src, dst, overwrite=overwrite)

        self._again(renamed)

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""

        def deleted(attempt: int) -> None:
            if attempt == 1 or self._is_there(path):
                self._inner.delete(path)

        self._again(deleted)

    def _again(self, verb: Callable[[int], _T]) -> _T:
        for attempt in self._attempts.copy():
            with attempt:
                return verb(attempt.retry_state.attempt_number)
        raise AssertionError("tenacity either returns or raises")

    def _is_there(self, path: str) -> bool:
        try:
            return any(entry.path == path for entry in self._inner.list(parent(path)))
        except NotFound:
            return False

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, Throttled) and error.retry_after else 0.0
        return max(asked, self._grown(state))


def _say(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.warning("try %d: %s Next try in %.1f s.", state.attempt_number, error, state.upcoming_sleep)


def _may_go_away(error: BaseException) -> bool:
    if isinstance(error, Throttled) and (error.retry_after or 0) > _LONGEST_WAIT_SECONDS:
        return False
    return isinstance(error, Transient)

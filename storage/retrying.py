"""The one policy of trying again: transient errors only, waits that grow, a bounded number of attempts (STO-8)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar, cast

import tenacity

from passerelle.storage import checksums
from passerelle.storage.base import Changes, Entry, Features, LocalFile, Moved, Storage, Tracking, unwatched
from passerelle.storage.errors import AlreadyThere, Damaged, NotFound, StorageError, Throttled, Transient
from passerelle.storage.paths import parent

_T = TypeVar("_T")
_P = ParamSpec("_P")
_log = logging.getLogger(__name__)
_LONGEST_WAIT_SECONDS = 60.0


def _told(
    verb: Callable[Concatenate[RetryingStorage, _P], _T],
) -> Callable[Concatenate[RetryingStorage, _P], _T]:
    """Log what a verb was asked and what came of it, where somebody wants to know: never the content of files."""

    @wraps(verb)
    def told(self: RetryingStorage, /, *asked: _P.args, **options: _P.kwargs) -> _T:
        if not _log.isEnabledFor(logging.DEBUG):
            return verb(self, *asked, **options)
        begun = time.monotonic()
        answer: object = None
        try:
            answer = given = verb(self, *asked, **options)
        except StorageError as error:
            answer = error
            raise
        else:
            return given
        finally:
            what = ", ".join(map(_short, asked))
            seconds = time.monotonic() - begun
            _log.debug("%s: %s(%s) → %s, %.3f s", self.name, verb.__name__, what, _short(answer), seconds)

    return told


def _short(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return f"{len(value)} of them" if isinstance(value, list) else str(value)


class RetryingStorage:
    """Another storage, asked again when an error may go away by itself.

    A connection that is lost while an upload, a rename or a removal is answered leaves open whether it was done. The
    next attempt looks first, so that what was done is not reported as missing, or as somebody else's. An upload that
    arrived with another size, as when its connection was cut in good order, is made again too. Of many files, those
    that are done are not begun again, and as long as some more get done each time there is no end of attempts.

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

    @_told
    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """See ``base.Storage.list``."""
        return self._again(lambda _: self._inner.list(folder, recursive=recursive))

    @_told
    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        return self._again(lambda _: self._inner.read(path, limit_bytes=limit_bytes))

    @_told
    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """See ``base.Storage.put``."""

        def sent(attempt: int) -> Entry:
            try:
                return _whole(self._inner.put(path, data, overwrite=overwrite), len(data), self.name)
            except AlreadyThere:
                ours = attempt > 1 and self._inner.read(path, limit_bytes=len(data)) == data
                if not (ours and (entry := self._entry(path))):
                    raise
                return entry

        return self._again(sent)

    @_told
    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""

        def renamed(attempt: int) -> None:
            if attempt == 1 or self._entry(src) or not self._entry(dst):
                self._inner.rename(src, dst, overwrite=overwrite)

        self._again(renamed)

    @_told
    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""

        def deleted(attempt: int) -> None:
            if attempt == 1 or self._entry(path):
                self._inner.delete(path)

        self._again(deleted)

    @_told
    def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``."""
        return self._again(lambda _: self._inner.checksum(path))

    def put_files(
        self, files: Sequence[LocalFile], *, overwrite: bool = True, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[Entry]:
        """See ``base.Storage.put_files``."""
        left = {file.path: file for file in files}
        _log.debug("%s: puts %d files: %s", self.name, len(left), ", ".join(left))

        def arriving(attempt: int) -> Iterator[Entry]:
            if attempt > 1 and not overwrite:
                yield from [entry for file in left.values() if (entry := self._own(file))]
            for entry in self._inner.put_files(list(left.values()), overwrite=overwrite, resume=resume, moved=moved):
                yield _whole(entry, left[entry.path].size, self.name)

        for entry in self._each_again(arriving, left):
            del left[entry.path]
            yield entry

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        """See ``base.Storage.get_files``."""
        left = {file.path: file for file in files}
        _log.debug("%s: gets %d files: %s", self.name, len(left), ", ".join(left))

        def arriving(_: int) -> Iterator[LocalFile]:
            return self._inner.get_files(list(left.values()), resume=resume, moved=moved)

        for file in self._each_again(arriving, left):
            del left[file.path]
            yield file

    @_told
    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """See ``base.Storage.rename_files``."""
        left = dict(pairs)

        def renamed(attempt: int) -> None:
            if attempt > 1:
                self._forget_renamed(left)
            self._inner.rename_files(list(left.items()), overwrite=overwrite)

        self._again(renamed)

    @_told
    def changes(self, folder: str = "", cursor: str = "") -> Changes:
        """See ``base.Tracking.changes``; only where the features name it."""
        return self._again(lambda _: cast("Tracking", self._inner).changes(folder, cursor))

    def _each_again(self, given: Callable[[int], Iterator[_T]], left: dict[str, LocalFile]) -> Iterator[_T]:
        """Give what comes; after an error that may go away go on with the rest. Whatever got there counts anew."""
        policy = self._attempts.copy()
        policy.begin()
        state = tenacity.RetryCallState(policy, None, (), {})
        while True:
            before = len(left)
            try:
                yield from given(state.attempt_number)
            except StorageError as error:
                if len(left) < before:
                    state.attempt_number = 1
                state.set_exception((type(error), error, error.__traceback__))
                pause = cast("float", policy.iter(state))  # raises the error where there is no use in another try
                state.prepare_for_next_attempt()
                policy.sleep(pause)
            else:
                return

    def _forget_renamed(self, left: dict[str, str]) -> None:
        """Leave out the pairs whose source is gone and whose target is there."""
        there: set[str] = set()
        for folder in {parent(path) for pair in left.items() for path in pair}:
            try:
                there |= {entry.path for entry in self._inner.list(folder)}
            except NotFound:
                continue
        for src, dst in list(left.items()):
            if src not in there and dst in there:
                del left[src]

    def _own(self, file: LocalFile) -> Entry | None:
        """Give the entry of a file that an earlier attempt brought there, before its answer was lost."""
        entry = self._entry(file.path)
        if entry is None or entry.size != file.size:
            return None
        theirs = entry.checksum or self._inner.checksum(file.path)
        if theirs is not None and checksums.is_known(theirs):
            return entry if theirs == checksums.of_file(theirs.partition(":")[0], file.local) else None
        same = self._inner.read(file.path, limit_bytes=file.size) == file.local.read_bytes()
        return entry if same else None

    def _again(self, verb: Callable[[int], _T]) -> _T:
        for attempt in self._attempts.copy():
            with attempt:
                return verb(attempt.retry_state.attempt_number)
        raise AssertionError("tenacity either returns or raises")

    def _entry(self, path: str) -> Entry | None:
        try:
            return next((entry for entry in self._inner.list(parent(path)) if entry.path == path), None)
        except NotFound:
            return None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, Throttled) and error.retry_after else 0.0
        return max(asked, self._grown(state))


def _whole(entry: Entry, size: int, storage: str) -> Entry:
    if entry.size != size:
        raise Damaged(storage, entry.path, f"{entry.size} / {size}")
    return entry


def _say(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.warning("try %d: %s Next try in %.1f s.", state.attempt_number, error, state.upcoming_sleep)


def _may_go_away(error: BaseException) -> bool:
    if isinstance(error, Throttled) and (error.retry_after or 0) > _LONGEST_WAIT_SECONDS:
        return False
    return isinstance(error, Transient)

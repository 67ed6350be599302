"""Several things of a storage at once, for backends whose calls wait (STO-11)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def in_parallel(work: Callable[[_T], _R], items: Iterable[_T], workers: int) -> Iterator[_R]:
    """Do ``work`` for each item, at most ``workers`` at once, and give the results as they come.

    When one fails, or the caller stops asking, no other is begun; those under way are finished and given, then the
    first error is raised.
    """
    waiting = deque(items)
    under_way: set[Future[_R]] = set()
    failed: BaseException | None = None
    with ThreadPoolExecutor(max(1, min(workers, len(waiting))), thread_name_prefix="passerelle-storage") as pool:
        try:
            while under_way or (waiting and failed is None):
                while waiting and failed is None and len(under_way) < workers:
                    under_way.add(pool.submit(work, waiting.popleft()))
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    error = future.exception()
                    if error is None:
                        yield future.result()
                    else:
                        failed = failed or error
        finally:
            waiting.clear()
    if failed is not None:
        raise failed

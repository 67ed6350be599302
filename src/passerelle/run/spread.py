"""Work that may be spread over others: parts that know all they need, done anywhere, given back in their order.

Source: spec RUN-6; docs/decisions/0015-dask.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

P = TypeVar("P")
R = TypeVar("R")


class Spread(Protocol):
    """Others who do parts of a run's work, in their processes or on their machines."""

    def __call__(self, do: Callable[[P], R], parts: Sequence[P]) -> Iterator[R]:
        """Do the same with each part, several at once.

        Args:
            do: a function of a module; what it raises is raised here.
            parts: what it is given; it and its result can be pickled.

        Returns:
            What became of each, in the order of the parts.
        """

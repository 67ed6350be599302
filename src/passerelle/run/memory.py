"""Memory that a large run no longer needs."""

from __future__ import annotations

import ctypes

import pyarrow as pa


def give_back() -> None:
    """Give freed memory back to the system, which Arrow and the C library would keep for later.

    Where the C library has no ``malloc_trim`` (it is glibc's), it gives back what it will.
    """
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.pythonapi, "malloc_trim", None)
    if trim is not None:
        trim(0)

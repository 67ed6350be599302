"""Memory that a large run no longer needs."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import feather

from passerelle.exchange.catalogue import Mask


def give_back() -> None:
    """Give freed memory back to the system, which Arrow and the C library would keep for later.

    Where the C library has no ``malloc_trim`` (it is glibc's), it gives back what it will.
    """
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.pythonapi, "malloc_trim", None)
    if trim is not None:
        trim(0)


def put_away(table: pd.DataFrame, parts: Sequence[Mask], folder: Path) -> list[Path]:
    """Put parts of a table on disk, so that memory holds one of them at a time; see ``taken_out``."""
    paths = [folder / f"part-{number}.arrow" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        feather.write_feather(table[part].reset_index(drop=True), path, compression="lz4")
    return paths


def taken_out(paths: Sequence[Path]) -> Iterator[pd.DataFrame]:
    """Give tables that were put away, one after the other; what was needed for one is given back before the next."""
    for path in paths:
        yield feather.read_feather(path, memory_map=False)
        path.unlink()
        give_back()

"""Checking a file against its format, without using it.

Source: spec FMT-4.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from passerelle.formats.descriptor import Descriptor
from passerelle.formats.errors import FormatError
from passerelle.formats.reader import read


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be said of a file.

    Attributes:
        outcomes: what is wrong with it or its rows.
        rows: number of its records; ``accepted`` and ``refused`` add up to it.
        accepted: how many are right.
        refused: how many are not.
        encoding: what it is written in; empty when it could not be read.
        delimiter: what separates its cells.
        absent: fields of the format that it has no column for.
        unused: labels of its columns that the format does not name.
    """

    outcomes: pd.DataFrame
    rows: int = 0
    accepted: int = 0
    refused: int = 0
    encoding: str = ""
    delimiter: str = ""
    absent: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def check(descriptor: Descriptor, data: bytes, name: str, *, encoding: str | None = None) -> Checked:
    """Check a file; one that cannot be read at all is an outcome too."""
    try:
        found = read(descriptor, data, name=name, encoding=encoding)
    except FormatError as error:
        return Checked(error.outcomes())
    titles = {one.source: one.title for one in reversed(descriptor.fields)}
    return Checked(
        outcomes=found.outcomes,
        rows=found.rows,
        accepted=len(found.table),
        refused=found.rows - len(found.table),
        encoding=found.encoding,
        delimiter=found.delimiter,
        absent=tuple(titles[source] for source in found.absent),
        unused=found.unused,
    )

"""One file of a format made into a file of another.

Source: spec FMT-4.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from passerelle.formats.descriptor import Descriptor
from passerelle.formats.notation import DescriptorError
from passerelle.formats.reader import read
from passerelle.formats.writer import write
from passerelle.outcome import together

_ALIKE = {"datetime": "date"}


@dataclass(frozen=True, slots=True)
class Converted:
    """A file in its new format.

    Attributes:
        data: its bytes.
        outcomes: rows that were refused, when reading or writing, and remarks.
        read: number of records of the file it was made from.
        written: number of rows in it.
        empty: labels of its columns that no column of the other format fills.
    """

    data: bytes
    outcomes: pd.DataFrame
    read: int
    written: int
    empty: tuple[str, ...]


def convert(source: Descriptor, target: Descriptor, data: bytes, name: str) -> Converted:
    """Read a file of one format and write it as another; columns with the same source belong together.

    Raises:
        FormatError: see ``reader.read``.
        DescriptorError: the formats do not go together: a column is of another type, or a required one has no source.
    """
    mistakes = _misfits(source, target)
    if mistakes:
        raise DescriptorError(mistakes)
    found = read(source, data, name=name)
    table = found.table.assign(row=name + ":" + found.table["line"].astype("str"))
    written = write(target, table, record_column="row")
    sources = {one.source for one in source.fields}
    return Converted(
        data=written.data,
        outcomes=together([found.outcomes, written.outcomes]),
        read=found.rows,
        written=written.rows,
        empty=tuple(one.title for one in target.fields if one.source not in sources),
    )


def _misfits(source: Descriptor, target: Descriptor) -> list[str]:
    types = {one.source: _ALIKE.get(one.type, one.type) for one in reversed(source.fields)}
    mistakes = []
    for one in target.fields:
        if one.source not in types:
            if one.required:
                mistakes.append(f"{target.name}: {one.source} is required, but {source.name} does not have it")
        elif types[one.source] != _ALIKE.get(one.type, one.type):
            mistakes.append(f"{target.name}: {one.source} is a {one.type}, in {source.name} a {types[one.source]}")
    return mistakes

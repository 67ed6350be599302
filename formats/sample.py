"""A sample file of a format, made of the examples of its fields.

Source: spec FMT-1, FMT-4.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from passerelle.formats.descriptor import Descriptor, Field
from passerelle.formats.notation import DescriptorError
from passerelle.formats.values import neutral, parse, render
from passerelle.formats.writer import Written, write


def sample(descriptor: Descriptor) -> Written:
    """Write a file with the examples: as many rows as the field with most of them, one field's last one repeated.

    Of a format with several kinds of record, one row of each. A row whose examples break the format's own rules is in
    the outcomes, not in the file.

    Raises:
        DescriptorError: an example cannot be read.
    """
    kinds = descriptor.record_kinds
    count = len(kinds) or max(1, *(len(one.examples) for one in descriptor.fields))
    table: dict[str, pd.Series] = {}
    for one in descriptor.fields:
        examples = list(kinds) if one.name == descriptor.kind_field else list(one.examples) or [""]
        table.setdefault(one.source, _values(one, [examples[min(row, len(examples) - 1)] for row in range(count)]))
    return write(descriptor, pd.DataFrame(table))


def in_file(one: Field) -> list[str]:
    """Give the examples of a field as they stand in the file.

    Raises:
        DescriptorError: an example cannot be read.
    """
    if one.constant is not None:
        return [one.constant]
    return [str(text) for text in render(one, _values(one, one.examples)).to_pylist()]


def _values(one: Field, examples: Sequence[str]) -> pd.Series:
    """Read examples, which have the same form whatever the format's settings."""
    values, problems = parse(neutral(one), pa.array(examples, pa.string()))
    if problems:
        raise DescriptorError([f"{one.name}: example: {', '.join(examples)} cannot be read as a {one.type}"])
    return values

"""What a shop is told of a record with several fields, kept and compared as one text: compact JSON of its fields.

One text per record keeps the ledger small and the comparison whole-column; it is taken apart only for those that
differ. Fields that a shop is told once, on creation, do not belong into the text: it would differ the next night.

Source: spec STK-8, PRE-1; design.md decision 5.
"""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.exchange import texts

_ESCAPED = r'["\\\x00-\x1f]'
"""What stands otherwise in JSON."""
_LONG, _SHOWN = 200, 80
"""Characters from which on a text is kept shortened, and of it."""
PARTS = ("record", "field", "old", "new")


def as_json(table: pd.DataFrame, key: str) -> pd.Series:
    """Write the fields of each record as one text, ``{"name":"Bol","price":"12.00"}``, by its key.

    Args:
        table: text columns; a missing value is a field that the record is not told.
        key: the column whose texts tell the records apart; it is no field.
    """
    parts = pd.DataFrame(
        {name: _member(name, table[name]) for name in sorted(table.columns.difference([key]))}, index=table.index
    )
    joined = texts.replaced(texts.side_by_side(parts, ""), "^,", "")
    return ("{" + joined + "}").set_axis(pd.Index(table[key]))


def shortened(column: pd.Series) -> pd.Series:
    """Give long texts, a description's, by their beginning and their hash: enough to see that they differ."""
    long = (column.str.len() > _LONG).to_numpy(dtype=bool)
    if not long.any():
        return column
    written = [f"{text[:_SHOWN]}… #{sha256(text.encode()).hexdigest()[:16]}" for text in column[long]]
    told = column.copy()
    told[long] = written
    return told


def as_table(values: pd.DataFrame) -> pd.DataFrame:
    """Give the fields that records were told, one column each; missing where a record was not told one.

    Args:
        values: ``key``, ``value``: texts that ``as_json`` wrote.

    Returns:
        The fields as text by key.
    """
    fields = [json.loads(text) for text in values["value"]]
    return pd.DataFrame(fields, index=pd.Index(values["key"]), dtype="str")


def fields_changed(changed: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Take apart what records are told, and were told before: one row per field that differs.

    Args:
        changed: ``key``, ``value``, ``before`` (empty: never told), as ``catalogue.differing`` gives them.
        kind: name of the field where the value is a plain text.

    Returns:
        ``record``, ``field``, ``old``, ``new``, all text. A record with fields that was never told anything is one
        row without a field: all of it is new.
    """
    has_fields = changed["value"].str.startswith("{").to_numpy(dtype=bool)
    is_new = has_fields & (changed["before"] == "").to_numpy(dtype=bool)
    whole = changed[~has_fields | is_new].rename(columns={"key": "record", "before": "old", "value": "new"})
    whole = whole.assign(field=np.where(is_new[~has_fields | is_new], "", kind))
    whole["new"] = whole["new"].where(whole["field"] != "", "")
    apart = [
        (key, field, old.get(field, ""), new.get(field, ""))
        for key, old, new in (
            (row.key, json.loads(row.before), json.loads(row.value))
            for row in changed[has_fields & ~is_new].itertuples()
        )
        for field in sorted({*old, *new})
        if old.get(field) != new.get(field)
    ]
    rows = pd.concat([whole[list(PARTS)], pd.DataFrame(apart, columns=list(PARTS))], ignore_index=True)
    return rows.astype("str")


def _member(name: str, column: pd.Series) -> pd.Series:
    """Write one field of every record as a member of its JSON, a comma before it; nothing where it is missing."""
    cells = pa.array(column.astype("str"), pa.large_string(), from_pandas=True)
    begin, end, nothing = (pa.scalar(text, cells.type) for text in (f',{json.dumps(name)}:"', '"', ""))
    members = pc.binary_join_element_wise(begin, cells, end, nothing)
    escaped = pc.match_substring_regex(cells, _ESCAPED)
    if pc.any(escaped).as_py():
        written = [
            begin.as_py()[:-1] + json.dumps(text, ensure_ascii=False) for text in cells.filter(escaped).to_pylist()
        ]
        members = pc.replace_with_mask(
            members, pc.fill_null(escaped, pa.scalar(value=False)), pa.array(written, cells.type)
        )
    return pd.Series(pc.fill_null(members, nothing).to_pandas(), dtype="str").set_axis(column.index)

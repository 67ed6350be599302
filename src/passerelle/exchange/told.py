"""What a shop is told of a record with several fields, kept and compared as one text: compact JSON of its fields.

One text per record keeps the ledger small and the comparison whole-column; it is taken apart only for those that
differ. Fields that a shop is told once, on creation, do not belong into the text: it would differ the next night.

Source: spec STK-8, PRE-1; design.md decision 5.
"""

from __future__ import annotations

import json
from hashlib import sha256

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.large_string()
_ESCAPED = r'["\\\x00-\x1f]'
"""What stands otherwise in JSON."""
_LONG, _SHOWN = 200, 80
"""Characters from which on a text is kept shortened, and of it."""
PARTS = ("record", "field", "old", "new")
ROW = "table-row"
"""What outcomes and the ledger call a row of a declared table."""


def as_json(table: pd.DataFrame, key: str) -> pd.Series:
    """Write the fields of each record as one text, ``{"name":"Bol","price":"12.00"}``, by its key.

    Args:
        table: text columns; a missing value is a field that the record is not told.
        key: the column whose texts tell the records apart; it is no field.
    """
    members = [_member(name, table[name]) for name in sorted(table.columns.difference([key]))]
    begin, end, nothing = (pa.scalar(text, _TEXT) for text in ("{", "}", ""))
    if not members:
        return pd.Series("{}", pd.Index(table[key]), dtype="str")
    joined = pc.binary_join_element_wise(begin, *members, end, nothing)
    told = pc.replace_substring(joined, "{,", "{", max_replacements=1)
    return pd.Series(told.to_pandas(), dtype="str").set_axis(pd.Index(table[key]))


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
    is_new = (changed["value"].str.startswith("{") & (changed["before"] == "")).to_numpy(dtype=bool)
    fresh = pd.DataFrame({"record": changed["key"][is_new], "field": "", "old": "", "new": ""})
    # Where all are new, the texts of a whole catalogue are not copied: even taking none of its rows would do that.
    others = changed[:0] if is_new.all() else changed[~is_new]
    has_fields = others["value"].str.startswith("{").to_numpy(dtype=bool)
    plain = others[~has_fields].rename(columns={"key": "record", "before": "old", "value": "new"}).assign(field=kind)
    whole = pd.concat([fresh, plain]).sort_index(kind="stable")
    apart = [
        (key, field, old.get(field, ""), new.get(field, ""))
        for key, old, new in (
            (row.key, json.loads(row.before), json.loads(row.value)) for row in others[has_fields].itertuples()
        )
        for field in sorted({*old, *new})
        if old.get(field) != new.get(field)
    ]
    rows = pd.concat([whole[list(PARTS)], pd.DataFrame(apart, columns=list(PARTS))], ignore_index=True)
    return rows.astype("str")


def _member(name: str, column: pd.Series) -> pa.Array:
    """Write one field of every record as a member of its JSON, a comma before it; nothing where it is missing."""
    cells = pa.array(column.astype("str"), _TEXT, from_pandas=True)
    if isinstance(cells, pa.ChunkedArray):  # of tables put together; no mask may be in parts
        cells = cells.combine_chunks()
    begin, end, nothing = (pa.scalar(text, _TEXT) for text in (f',{json.dumps(name)}:"', '"', ""))
    members = pc.binary_join_element_wise(begin, cells, end, nothing)
    escaped = pc.fill_null(pc.match_substring_regex(cells, _ESCAPED), pa.scalar(value=False))
    if pc.any(escaped).as_py():
        texts = cells.filter(escaped).to_pylist()
        written = [f",{json.dumps(name)}:{json.dumps(text, ensure_ascii=False)}" for text in texts]
        members = pc.replace_with_mask(members, escaped, pa.array(written, _TEXT))
    return pc.fill_null(members, nothing)

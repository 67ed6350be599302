"""Errors are data: what became of each record, and why.

An outcomes table has one row per thing that was said of a record; a record collects all its problems. What finally
became of it is the worst state of its rows (``final_states``), and total = succeeded + failed + ignored, always.

Columns (all text):
    record_type  order, customer, refund, delivery, file, row …
    record       the record's id, unique within the profile (``shop/id`` for what a shop gave)
    stage        where it happened: read, select, map, exchange, write, deliver
    state        succeeded, failed or ignored; given by the code
    code         a code of ``passerelle.messages``
    field        the field concerned, in the words of the one who reads (empty: the whole record)
    value        the value concerned, as it was met
    params       JSON object with what else the message needs

Source: spec 00-overview (outcome), ORD-8; design decision 3.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Literal

import pandas as pd

from passerelle.messages import Code, Language, code

COLUMNS = ("record_type", "record", "stage", "state", "code", "field", "value", "params")
Stage = Literal["read", "select", "map", "exchange", "write", "deliver"]
_SEVERITY = {"succeeded": 0, "ignored": 1, "failed": 2}
_NONE = pd.DataFrame({column: pd.Series(dtype="str") for column in COLUMNS})


def none() -> pd.DataFrame:
    """Give an outcomes table without rows."""
    return _NONE.copy(deep=False)


def said(
    name: str,
    records: Iterable[str],
    /,
    *,
    record_type: str,
    stage: Stage,
    field: str | Iterable[str] = "",
    value: str | Iterable[str] = "",
    **params: object,
) -> pd.DataFrame:
    """Say the same code of several records.

    Args:
        name: a declared code; it gives the state.
        records: ids of the records, one row each.
        record_type: what kind of record it is.
        stage: where it happened.
        field: the field concerned: one for all, or one per record.
        value: the value as met: one for all, or one per record.
        params: what else the message names; a list, tuple or Series has one value per record, any other is for all.
            What JSON does not have (a ``Decimal``, a date) is kept as its text.

    Raises:
        KeyError: the code is not declared.
    """
    ids = [str(record) for record in records]
    if not ids:
        return none()
    columns = {key: _per_record(given, len(ids)) for key, given in params.items()}
    return pd.DataFrame(
        {
            "record_type": record_type,
            "record": ids,
            "stage": stage,
            "state": code(name).state,
            "code": name,
            "field": [field] * len(ids) if isinstance(field, str) else [str(one) for one in field],
            "value": [value] * len(ids) if isinstance(value, str) else [str(one) for one in value],
            "params": [
                json.dumps(
                    {key: column[row] for key, column in columns.items()},
                    ensure_ascii=False,
                    sort_keys=True,
                    default=str,
                )
                if columns
                else "{}"
                for row in range(len(ids))
            ],
        },
        columns=list(COLUMNS),
    ).astype("str")


def together(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put outcomes tables one under the other."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else none()


def final_states(outcomes: pd.DataFrame, records: Iterable[str]) -> pd.Series:
    """Tell what finally became of each record: the worst state of its rows; none said means succeeded.

    Returns:
        A text column indexed by record id, in the order given.
    """
    worst = outcomes["state"].map(_SEVERITY).astype("Int64").groupby(outcomes["record"]).max()
    names = {number: state for state, number in _SEVERITY.items()}
    states = worst.map(names).astype("str")
    return states.reindex(pd.Index(records, name="record")).fillna("succeeded").astype("str")


def refused(outcomes: pd.DataFrame) -> set[str]:
    """Give the ids of the records that go no further: failed or ignored."""
    return set(outcomes.loc[outcomes["state"] != "succeeded", "record"])


def message(row: Mapping[str, str], language: Language) -> str:
    """Say one row of an outcomes table as a sentence."""
    return _declared(row).text(language, **_parameters(row))


def todo(row: Mapping[str, str], language: Language) -> str:
    """Say what the user should do about one row of an outcomes table."""
    return _declared(row).todo(language, **_parameters(row))


def _declared(row: Mapping[str, str]) -> Code:
    return code(row["code"])


def _parameters(row: Mapping[str, str]) -> dict[str, object]:
    return {"record": row["record"], "field": row["field"], "value": row["value"], **json.loads(row["params"])}


def _per_record(given: object, count: int) -> list[object]:
    if isinstance(given, pd.Series):
        return [*given.tolist()]
    if isinstance(given, list | tuple):
        return list(given)
    return [given] * count

"""Orders out of tables with one row per line of an order, whatever the platform.

Source: spec ORD-8; contract of ``passerelle.shops.export``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import numpy as np
import pandas as pd

from passerelle.formats.descriptor import Descriptor
from passerelle.formats.errors import FormatError
from passerelle.formats.reader import read
from passerelle.shops.export import ExportFile, ReadOptions
from passerelle.shops.tables import given_again


def rows_of(file: ExportFile, descriptor: Descriptor, key: str, *others: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give all rows of a file, those marked ``unreadable`` that are wrong or that a lost row follows.

    Args:
        file: a text file or workbook.
        descriptor: its format.
        key: the field that tells which order a row belongs to.
        others: fields that are read of unreadable rows too, such as the order's id where that is not its key.

    Returns:
        The rows, with ``file``, ``line``; and what was said of them.
    """
    try:
        typed = read(descriptor, file.data, name=file.name)
        if typed.outcomes.empty:
            return typed.table.assign(file=file.name, unreadable=False), typed.outcomes
        # The table lacks a row that has a wrong cell; which order it belongs to, its key tells.
        names, *more = (
            read(replace(descriptor, fields=tuple(map(descriptor.field, wanted))), file.data, name=file.name)
            for wanted in ((key,), *((key, other) for other in others))
        )
    except FormatError as error:
        return pd.DataFrame(), error.outcomes()
    told = reduce(lambda rows, one: rows.merge(one.table, how="left", on=["line", key]), more, names.table)
    rows = told.merge(typed.table.drop(columns=[key, *others]), how="left", on="line", indicator="found")
    if rows.empty:
        return rows, typed.outcomes
    unreadable = (rows.pop("found") == "left_only").to_numpy(copy=True)
    # A row that could not be cut into cells does not even tell its key: it may belong to the order before it.
    lost = names.outcomes.loc[names.outcomes["record_type"] == "row", "record"].str.extract(r":(\d+)$")[0]
    before = np.searchsorted(rows["line"].to_numpy(), lost.dropna().astype("int64").to_numpy()) - 1
    unreadable[before.clip(min=0)] = True
    texts = rows.select_dtypes("str").columns
    return rows.assign(file=file.name, unreadable=unreadable, **rows[texts].fillna("")), typed.outcomes


def once(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep each order once, sorted by id, and say of those that stand in several places.

    Args:
        rows: with ``order_key``, ``order_id``, and ``group``: rows that follow each other and are of one order.
    """
    groups = rows.drop_duplicates("group")
    several = groups.loc[groups["order_key"].duplicated(keep=False), ["order_key", "group"]]
    contents = rows[rows["group"].isin(several["group"])].drop(columns=["group", "line", "file"]).astype("str")
    by_group = {group: part.to_numpy().tolist() for group, part in contents.groupby(rows["group"])}
    repeated: list[str] = []
    conflicting: list[str] = []
    for key, versions in several.groupby("order_key")["group"]:
        same = all(by_group[one] == by_group[versions.iloc[0]] for one in versions)
        (repeated if same else conflicting).append(str(key))
    kept = groups.loc[~groups["order_key"].duplicated() & ~groups["order_key"].isin(conflicting), "group"]
    kept_rows = rows[rows["group"].isin(kept)] if len(several) else rows
    by_id = kept_rows.sort_values("order_id", key=lambda ids: ids.str.zfill(20), kind="stable", ignore_index=True)
    return by_id, given_again(repeated, conflicting)


def local(utc: pd.Series, options: ReadOptions) -> pd.Series:
    """Give times of UTC in the profile's zone, without offset; what has none already stays."""
    if utc.dt.tz is None:
        return utc.astype("datetime64[s]")
    return utc.dt.tz_convert(options.time_zone).dt.tz_localize(None).astype("datetime64[s]")

"""Columns of text: what pandas does with loops of Python, which a run of 100 000 orders would feel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.large_string()


def among(texts: pd.Series, known: Iterable[str]) -> pd.Series:
    """Tell which texts of a column are among the known ones, same index."""
    values = known if isinstance(known, pd.Series | pd.Index) else list(known)
    found = pc.is_in(pa.array(texts, _TEXT), value_set=pa.array(values, _TEXT))
    return pd.Series(found.to_numpy(zero_copy_only=False), texts.index, dtype="bool")


def places(texts: pd.Series | pd.Index, known: pd.Series | pd.Index) -> npt.NDArray[np.int64]:
    """Tell at which place among the known ones, each of which stands there once, every text is; -1: nowhere."""
    asked, answering = pa.array(texts, _TEXT), pa.array(known, _TEXT)
    if type(asked) is type(answering) and asked.equals(answering):  # as often in tables of one row per order
        return np.arange(len(asked))
    found = pc.index_in(asked, value_set=answering)
    place: npt.NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return place


def rows_of(table: pd.DataFrame, keys: pd.Series | pd.Index) -> pd.DataFrame:
    """Give the row of each key of a table that has every one of them once, indexed by key, as ``table.loc[keys]`` does.

    Raises:
        KeyError: it lacks some.
    """
    place = places(keys, table.index)
    if (place < 0).any():
        raise KeyError(*keys[place < 0])
    return table.take(place).set_axis(pd.Index(keys))


def replaced(texts: pd.Series, pattern: str, text: str) -> pd.Series:
    r"""Replace what an RE2 pattern finds, same index; its ``\s`` knows ASCII blanks only, ``\pZ`` the others."""
    written = pc.replace_substring_regex(pa.array(texts, _TEXT), pattern, text)
    return pd.Series(written.to_pandas(), dtype="str").set_axis(texts.index)


def without_accents(texts: pd.Series) -> pd.Series:
    """Give texts without accents and cedillas, ``œ`` and ``æ`` as two letters, same index; other letters stay."""
    spelled = replaced(replaced(texts, "œ", "oe"), "æ", "ae")
    spelled = replaced(replaced(spelled, "Œ", "OE"), "Æ", "AE")
    bare = pc.replace_substring_regex(pc.utf8_normalize(pa.array(spelled, _TEXT), "NFD"), r"[\x{300}-\x{36F}]", "")
    whole = pc.utf8_normalize(bare, "NFC")
    return pd.Series(whole.to_pandas(), dtype="str").set_axis(texts.index)


def side_by_side(cells: pd.DataFrame, separator: str) -> pd.Series:
    """Join the texts of each row, same index; without any column they are empty."""
    if cells.columns.empty:
        return pd.Series("", cells.index, dtype="str")
    columns = [pa.array(cells[name], _TEXT) for name in cells]
    joined = pc.binary_join_element_wise(*columns, pa.scalar(separator, _TEXT))
    return pd.Series(joined.to_pandas(), dtype="str").set_axis(cells.index)


def by_group(texts: pd.Series, groups: pd.Series, separator: str) -> pd.Series:
    """Join the texts of each group in the order of the rows.

    Returns:
        One text per group, indexed by group, in the order of its first row.
    """
    codes, names = pd.factorize(groups)
    ordered = pa.array(texts.take(np.argsort(codes, kind="stable")), _TEXT)
    whole = joined(ordered, np.bincount(codes, minlength=len(names)), separator)
    return pd.Series(whole.to_pandas(), dtype="str").set_axis(pd.Index(names))


def joined(texts: pa.Array | pa.ChunkedArray, counts: npt.NDArray[np.int64], separator: str) -> pa.Array:
    """Join the texts of each group: as many as its count, group after group."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    bounds = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    return pc.binary_join(pa.ListArray.from_arrays(bounds, texts), pa.scalar(separator, _TEXT))

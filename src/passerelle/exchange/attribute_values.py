"""Values of attributes that a shop was told, and that none of its products has any more.

A shop's attributes are shared by its products: a value stays when the last variant that had it becomes another one.
What counts is what the shop was told, not what the ERP has tonight: a product that is refused or not active still has
its values there.

Source: spec CAT-20; seed 002 (cleaning of unused attributes).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import pandas as pd

from passerelle.exchange.told import as_json
from passerelle.exchange.variant_products import ATTRIBUTE_NAMES, ATTRIBUTE_VALUES
from passerelle.model.variants import UNUSED_VALUES


def used_values(told: Iterable[str]) -> pd.DataFrame:
    """Give the values of attributes that articles have, each once.

    Args:
        told: what a shop was last told of each article, as the ledger keeps it.

    Returns:
        ``model.variants.UNUSED_VALUES``.
    """
    has_any = f'"{ATTRIBUTE_VALUES[0]}"'
    pairs = {
        (article[name], article[value])
        for article in (json.loads(text) for text in told if has_any in text)
        for name, value in zip(ATTRIBUTE_NAMES, ATTRIBUTE_VALUES, strict=True)
        if article.get(value)
    }
    return pd.DataFrame(sorted(pairs), columns=UNUSED_VALUES.names, dtype="str")


def known_values(told: Iterable[str]) -> pd.DataFrame:
    """Give the values of attributes that a shop was told, those marked as unused apart: ``UNUSED_VALUES``."""
    rows = [json.loads(text) for text in told]
    return UNUSED_VALUES.of(row for row in rows if row["used"] == "yes")


def as_told(values: pd.DataFrame, *, used: bool) -> pd.Series:
    """Give what the ledger keeps of values of attributes, by ``attribute: value``."""
    key = values["attribute"] + ": " + values["value"]
    return as_json(values.assign(used="yes" if used else "no", key=key), "key")


def unused(known: pd.DataFrame, used: pd.DataFrame) -> pd.DataFrame:
    """Give the known values that none uses."""
    found = known.merge(used.drop_duplicates(), how="left", indicator=True)
    return UNUSED_VALUES.conform(found[found["_merge"] == "left_only"].reset_index(drop=True))

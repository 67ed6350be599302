"""Packs of a shop from the ERP's nomenclatures: only when the shop has, or gets, all of their components.

Source: spec CAT-18; facts/ebp.md 2.4 (ItemComponent).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.model.products import PACK_COMPONENTS


@dataclass(frozen=True, slots=True)
class Packs:
    """The packs among the articles.

    Attributes:
        components: ``PACK_COMPONENTS`` of those that can be made, each component once.
        outcomes: of those that cannot.
    """

    components: pd.DataFrame
    outcomes: pd.DataFrame


def packs(components: pd.DataFrame, articles: pd.Series, known: pd.Series) -> Packs:
    """Tell which articles are packs, and of what.

    Args:
        components: ``PACK_COMPONENTS``, as the ERP has them; those of other articles are passed over.
        articles: those that go to the shop.
        known: those that the shop has or gets, packs among them. A pack within a pack is known once it can be made.
    """
    own = components[texts.among(components["article"], articles)]
    if own.empty:
        return Packs(PACK_COMPONENTS.empty(), outcome.none())
    wrong = own[(own["quantity"] <= 0) | (own["article"] == own["component"])]
    odd = texts.among(own["article"], wrong["article"])
    asked = own["article"].unique()
    ready = set(known) - set(asked)
    waiting = own[~odd]
    while len(waiting):
        lacks = texts.among(waiting["article"], waiting.loc[~texts.among(waiting["component"], ready), "article"])
        if lacks.all():
            break
        ready |= set(waiting.loc[~lacks, "article"])
        waiting = waiting[lacks]
    missing = waiting[~texts.among(waiting["component"], ready)]
    named = texts.by_group(missing["component"], missing["article"], ", ") if len(missing) else pd.Series(dtype="str")
    said = [
        _said("pack-component-odd", wrong["article"], wrong["component"]),
        _said("pack-component-missing", pd.Series(named.index, dtype="str"), named),
    ]
    made = own[texts.among(own["article"], ready)]
    return Packs(_each_once(made), outcome.together(said))


def _said(code: str, packs_: pd.Series, value: pd.Series) -> pd.DataFrame:
    return outcome.said(code, packs_, record_type="article", stage="exchange", value=value)


def _each_once(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum what stands several times in a pack, and number what is left."""
    rows = rows.assign(row=np.arange(len(rows))).sort_values(["article", "position", "row"], kind="stable")
    once = rows.groupby(["article", "component"], sort=False, as_index=False).agg(
        quantity=("quantity", "sum"), row=("row", "min")
    )
    once = once.assign(position=once.groupby("article", sort=False).cumcount() + 1)
    return PACK_COMPONENTS.conform(once)

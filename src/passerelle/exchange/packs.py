"""Packs (bundles) whose order has the pack and its components: both, the pack alone, or the components alone.

Whatever is left out, its money goes to what stays: nothing is lost and nothing counted twice.

Source: spec ORD-30; user-asks A14.
"""

from __future__ import annotations

import pandas as pd

from passerelle import money
from passerelle.exchange.options import OrderOptions

_AMOUNTS = ["gross_excl", "gross_incl", "net_excl", "net_incl"]
_ECO_TAX = ["ecotax_excl", "ecotax_incl"]
"""What the amounts hold of it."""
_DEEPEST = 5
"""Packs within packs are followed so deep."""


def written(lines: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Give the lines that are written of the orders' packs.

    A pack of which lines with an amount have different VAT rates stays as the shop has it: one line cannot carry two
    rates.

    Args:
        lines: order lines that deliver something.
        options: what is written of a pack.
    """
    if options.packs == "both" or (lines["parent_line_id"] == "").all():
        return lines
    pack = _packs(lines)
    is_part = pack != ""
    is_pack = pd.MultiIndex.from_frame(lines[["order_key", "line_id"]]).isin(
        pd.MultiIndex.from_arrays([lines.loc[is_part, "order_key"], pack[is_part]])
    )
    own = pack.where(is_part, lines["line_id"].where(is_pack, ""))
    group = (lines["order_key"] + "\x1f" + own)[own != ""]
    amounts = lines.loc[group.index, _AMOUNTS]
    is_priced = (amounts.fillna(0) != 0).any(axis=1)
    rates = lines.loc[group.index, "tax_rate"].where(is_priced)
    one_rate = rates.groupby(group).transform("nunique") <= 1
    group, is_priced = group[one_rate], is_priced[one_rate]
    kept = is_pack if options.packs == "pack" else is_part
    kept = pd.Series(kept, lines.index)[group.index]
    changed = lines.copy()
    for name in (*_AMOUNTS, *_ECO_TAX):
        moved = _moved(lines.loc[group.index, name], group, kept, lines["quantity"])
        changed.loc[moved.index, name] = moved
    holds = lines.loc[group.index, _ECO_TAX].notna().any(axis=1)
    for name, told in (("tax_rate", is_priced), ("tax_name", is_priced), ("ecotax_rate", holds)):
        source = group[told].drop_duplicates()
        taxed = lines.loc[source.index, name].set_axis(source).reindex(group).set_axis(group.index)
        changed.loc[group.index, name] = taxed.fillna(lines.loc[group.index, name])
    return changed.drop(kept.index[~kept]).reset_index(drop=True)


def _packs(lines: pd.DataFrame) -> pd.Series:
    """Give the line of the outermost pack that each line is a component of; empty for others."""
    places = pd.MultiIndex.from_frame(lines[["order_key", "line_id"]])
    parents = pd.Series(lines["parent_line_id"].to_numpy(), places)
    parents = parents[~places.duplicated()]
    known = pd.MultiIndex.from_frame(lines[["order_key", "parent_line_id"]]).isin(places)
    pack = lines["parent_line_id"].where(known & (lines["parent_line_id"] != lines["line_id"]), "")
    for _ in range(_DEEPEST):
        above = parents.reindex(pd.MultiIndex.from_arrays([lines["order_key"], pack])).set_axis(lines.index).fillna("")
        outer = pd.MultiIndex.from_arrays([lines["order_key"], above]).isin(places) & (above != pack)
        pack = pack.where(~outer, above)
    return pack.astype("str")


def _moved(amounts: pd.Series, group: pd.Series, kept: pd.Series, quantity: pd.Series) -> pd.Series:
    """Give what the kept lines of each pack have with the amounts of those left out; missing where nothing tells."""
    left = amounts.where(~kept).groupby(group).transform("sum")
    own = amounts[kept].fillna(0).abs()
    idle = own.groupby(group[kept]).transform("sum") == 0
    weight = own.where(~idle, quantity[own.index].abs()).astype("int64")
    share = money.allocate(left[kept], weight, group[kept], money.SCALE)
    told = amounts.notna().groupby(group).transform("any")[kept]
    moved = amounts[kept].fillna(0) + pd.Series(share, own.index)
    return moved.astype("Int64").where(told)

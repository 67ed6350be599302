"""Articles that are variants of one product, before they are products of a shop.

Source: spec CAT-17; facts/ebp.md 2.4 (RangeItem).
"""

from __future__ import annotations

from passerelle.model.products import ATTRIBUTES
from passerelle.model.table import Column, Table

VARIANTS = Table(
    "variants",
    "article that is a variant of a product",
    (
        Column("article", "text", "article reference, exact"),
        Column("parent", "text", "reference of the product: the master reference, or the range (gamme)"),
        Column("label", "text", "label of the product; empty: not told"),
        *(
            Column(f"attribute_{number}_{part}", "text", f"{part} of the attribute {number}")
            for number in range(1, ATTRIBUTES + 1)
            for part in ("name", "value")
        ),
    ),
)

UNUSED_VALUES = Table(
    "unused_values",
    "value of an attribute that no product of the shop has any more (CAT-20)",
    (
        Column("attribute", "text", "attribute, as the shop names it"),
        Column("value", "text", "the value"),
    ),
)

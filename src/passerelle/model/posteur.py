"""What Oasis Commerce is told in files beside its products: categories, what products belong to, what packs hold.

Source: facts/ebp § 5.4; spec OAS-1.
"""

from __future__ import annotations

from passerelle.model.table import Column, Table

SHOP_CATEGORIES = Table(
    "shop_categories",
    "category that a shop is told, those above before those below",
    (
        Column("ref", "text", "its reference: what the shop knows it by"),
        Column("language", "text", "language of its title"),
        Column("title", "text", "its name"),
        Column("parent_ref", "text", "reference of the category above it; empty: none"),
        Column("position", "text", "place among those beside it; empty: the shop's own"),
        Column("is_online", "flag", "shown in the shop"),
        Column("purchases_account", "text", "accounting code of purchases"),
        Column("sales_account", "text", "accounting code of sales"),
        Column("is_deleted", "flag", "taken out of the shop"),
    ),
)

PRODUCT_ASSOCIATIONS = Table(
    "product_associations",
    "what a product is associated with: a category, a brand, a feature, what a pack is made of",
    (
        Column("article", "text", "article of the product"),
        Column(
            "ref",
            "text",
            "reference of the category or of the article in the pack, name of the brand or of the feature",
        ),
        Column("value", "text", "value of the feature"),
        Column("quantity", "quantity", "how many of it are in the pack", optional=True),
        Column("is_default", "flag", "its default category"),
        Column("is_deleted", "flag", "it is associated no longer"),
    ),
)

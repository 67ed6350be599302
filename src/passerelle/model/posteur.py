"""What Oasis Commerce is told in files of their own beside its products: categories, and what products belong to.

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
    "what a product is associated with: a category, a brand, a feature",
    (
        Column("article", "text", "article of the product"),
        Column("ref", "text", "reference of the category, name of the brand or of the feature"),
        Column("value", "text", "value of the feature"),
        Column("is_default", "flag", "its default category"),
        Column("is_deleted", "flag", "it is associated no longer"),
    ),
)

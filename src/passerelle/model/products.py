"""What a shop sells, whatever its platform: products, their variants and packs, and what belongs to them.

``PRODUCTS`` has one row per product and one per variant. Who fills what:

- ``exchange.articles`` makes one ``simple`` product of each article of the ERP, with its texts, price, tax rule, brand,
  sizes, and the long tables beside it: categories, features, links, texts in further languages;
- ``exchange.variants`` groups articles: it adds a ``variable`` product where several articles are one, and makes them
  its ``variant`` rows (``parent``, ``attribute_1_name`` … ``attribute_5_value``, ``position``); a pack becomes ``pack``
  and gets its rows of ``PACK_COMPONENTS``. What it needs of ``simple`` rows stands there already;
- ``images`` is filled by the task of images, ``quantity`` by that of stocks, where they are asked for.

How a platform writes lists in one cell is not told here: ``exchange.product_cells`` makes ``SHOP_PRODUCTS`` of these
tables, and only that has what descriptors of a shop's files name.

Source: spec CAT-1 to CAT-4, CAT-10 to CAT-18.
"""

from __future__ import annotations

from passerelle.model.table import Column, Table

SIMPLE, VARIABLE, VARIANT, PACK = "simple", "variable", "variant", "pack"
"""Kinds of products: sold as it is; sold as one of its variants; one of these; several articles sold together."""
CROSS_SELL, UP_SELL = "cross-sell", "up-sell"
ATTRIBUTES = 5
"""The most attributes that tell the variants of a product apart (CAT-17)."""
FEATURES = 10
"""The most features that a profile fills (CAT-14)."""
BETWEEN = "\x1f"
"""Stands between the names of a category and of those above it in the key of a category."""

TEXT_COLUMNS = (
    Column("name", "text", "name of the product"),
    Column("summary", "text", "short description, HTML"),
    Column("description", "text", "description, HTML"),
    Column("meta_title", "text", "title of its page, for search engines"),
    Column("meta_description", "text", "description of its page, for search engines"),
    Column("meta_keywords", "text", "key words of its page, separated by commas"),
    Column("permalink", "text", "end of its page's address (slug, handle): small letters, digits, hyphens"),
)
"""What is told of a product in each language (CAT-10)."""

PRODUCTS = Table(
    "products",
    "product, or variant of one",
    (
        Column("article", "text", "the ERP's reference, exact: the shop's SKU; of a variable product its own key"),
        Column("parent", "text", "article of the product that a variant belongs to; empty: a product itself"),
        Column("kind", "text", "simple, variable, variant or pack"),
        Column("position", "integer", "place of a variant among those of its product, from 1; 0: a product"),
        *TEXT_COLUMNS,
        Column("price", "amount", "price without promotion, with or without tax as the shop wants it", optional=True),
        Column("cost_price", "amount", "what it costs the merchant, without tax", optional=True),
        Column("vat_code", "text", "the ERP's VAT code"),
        Column("tax_rule", "text", "the shop's tax rule or class (CAT-11)"),
        Column("brand", "text", "brand or manufacturer (CAT-12)"),
        Column("supplier", "text", "main supplier"),
        Column("supplier_reference", "text", "the supplier's own reference"),
        Column("barcode", "text", "EAN, GTIN, ISBN"),
        Column("weight", "quantity", "weight, in the shop's unit (CAT-13)", optional=True),
        Column("width", "quantity", "width, in the shop's unit", optional=True),
        Column("height", "quantity", "height, in the shop's unit", optional=True),
        Column("depth", "quantity", "depth or length, in the shop's unit", optional=True),
        Column("quantity", "quantity", "quantity for sale; missing: not told with the product", optional=True),
        Column("is_active", "flag", "for sale"),
        Column("tags", "text", "words by which it is found, separated by commas"),
        Column("images", "text", "addresses of its images, the cover first, separated by blanks"),
        *(
            Column(f"attribute_{number}_{part}", "text", f"{part} of attribute {number}; of variants")
            for number in range(1, ATTRIBUTES + 1)
            for part in ("name", "value")
        ),
    ),
)

PRODUCT_TEXTS = Table(
    "product_texts",
    "product in a further language; what is empty is not told in that language",
    (
        Column("article", "text", "article of the product"),
        Column("language", "text", "language, as the shop names it: en, or a store view"),
        *TEXT_COLUMNS,
    ),
)

PRODUCT_CATEGORIES = Table(
    "product_categories",
    "category that a product is in, the default one first",
    (
        Column("article", "text", "article of the product"),
        Column("category", "text", "key of the category, or the shop's id"),
        Column("is_default", "flag", "its default category"),
        Column("by_id", "flag", "the key is the shop's id of it"),
    ),
)

PRODUCT_FEATURES = Table(
    "product_features",
    "feature of a product (caractéristique): it tells of it, and does not tell variants apart (CAT-14)",
    (
        Column("article", "text", "article of the product"),
        Column("feature", "text", "name of the feature"),
        Column("value", "text", "its value"),
        Column("position", "integer", "place among the features of the shop, from 1"),
    ),
)

PRODUCT_LINKS = Table(
    "product_links",
    "product that is proposed with another one (CAT-15)",
    (
        Column("article", "text", "article of the product"),
        Column("linked_article", "text", "article of the one proposed"),
        Column("kind", "text", "cross-sell or up-sell"),
        Column("position", "integer", "place among those of the product, from 1"),
    ),
)

PACK_COMPONENTS = Table(
    "pack_components",
    "article in a pack (CAT-18)",
    (
        Column("article", "text", "article of the pack"),
        Column("component", "text", "article in it"),
        Column("quantity", "quantity", "how many of it"),
        Column("position", "integer", "place in the pack, from 1"),
    ),
)

SHOP_PRODUCTS = Table(
    "shop_products",
    "row of a file by which a shop imports products: a product, a variant, or its texts in a further language",
    (
        *PRODUCTS.columns,
        Column("language", "text", "language of its texts, as the shop names it; empty: the shop's own"),
        Column("shop_kind", "text", "kind of the row in the platform's word: simple, configurable, Variant …"),
        Column("categories", "text", "categories in the platform's notation, the default one first"),
        Column("category_name", "text", "name of the default category alone"),
        Column("features", "text", "features in the platform's notation"),
        *(
            Column(f"feature_{number}_{part}", "text", f"{part} of the profile's feature {number}")
            for number in range(1, FEATURES + 1)
            for part in ("name", "value")
        ),
        Column("cross_sells", "text", "articles proposed beside it, in the platform's notation"),
        Column("up_sells", "text", "articles proposed instead of it, in the platform's notation"),
        Column("components", "text", "articles of a pack, in the platform's notation"),
        Column("options", "text", "what tells variants apart, in the platform's notation"),
        *(
            Column(f"attribute_{number}_type", "text", f"how the shop shows attribute {number}, in its word")
            for number in range(1, ATTRIBUTES + 1)
        ),
        Column("combination_groups", "text", "names of a variant's attributes, and how they are shown, in one cell"),
        Column("combination_values", "text", "values of a variant's attributes, in the same order in one cell"),
        Column("surcharge", "amount", "what a variant costs more than its product", optional=True),
        Column("weight_impact", "quantity", "what a variant weighs more than its product", optional=True),
        Column("is_default", "flag", "the variant that is shown first"),
        Column("cover", "text", "address of its first image"),
        Column("shop_id", "text", "the shop's own id of it, as its export has it; empty: the shop gives one"),
        Column("shop_handle", "text", "the shop's own handle of its product; of a new one what it will be"),
        Column("shop_name", "text", "name that the row needs, told or not: the new one, else the shop's own"),
    ),
)
"""Platforms write lists in one cell, each in its notation (``exchange.product_cells``)."""

LINKED_ARTICLES = Table(
    "linked_articles",
    "article that the ERP links to another one, from its extract (CAT-15)",
    (
        Column("article", "text", "article reference, exact"),
        Column("linked_article", "text", "reference of the one linked to it, exact"),
    ),
)

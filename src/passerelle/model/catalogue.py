"""What the ERP sells and has in stock, and what a shop is told of it.

``article`` is the ERP's reference, exact to the case and the blanks: the shop's SKU. Quantities in millionths of the
article's unit (``passerelle.money``).

Source: spec 20-catalogue, EBP-10; design.md decisions 1, 4.
"""

from __future__ import annotations

from passerelle.model.documents import ARTICLES
from passerelle.model.table import Column, Table

_QUANTITIES = (
    Column("real_stock", "quantity", "quantity in the depot", optional=True),
    Column(
        "ordered", "quantity", "quantity that customers have ordered and that is still to be delivered", optional=True
    ),
    Column("supplier_ordered", "quantity", "quantity ordered of suppliers and still to be received", optional=True),
    Column("booked", "quantity", "quantity that is booked, for orders or production", optional=True),
)
_MODIFIED = Column("modified", "date", "when the ERP last changed it, in the profile's time zone")

CATALOGUE = Table(
    "catalogue",
    "article of the ERP, from its extract, with what the shops need of it",
    (
        *ARTICLES.columns,
        Column("price_excl", "amount", "sale price excluding tax", optional=True),
        Column("price_incl", "amount", "sale price including tax", optional=True),
        Column("family", "text", "article family"),
        Column("is_on_web", "flag", "published on the web"),
        Column("active_state", "text", "its state in the ERP's words: active, dormant …"),
        Column("is_stocked", "flag", "kept in stock; what is not has no quantity of its own (STK-3)"),
        *_QUANTITIES,
        _MODIFIED,
    ),
)

DEPOT_STOCK = Table(
    "depot_stock",
    "article in one depot, from the ERP's extract",
    (
        Column("article", "text", "article reference, exact"),
        Column("depot", "text", "depot"),
        *_QUANTITIES,
        _MODIFIED,
    ),
)

SHOP_COLUMNS = (
    *(
        Column(name, "text", f"the shop's own {meaning}, as its export has it")
        for name, meaning in (
            ("shop_id", "id of the product or variant"),
            ("shop_handle", "handle of the product"),
            ("shop_row", "kind of the row: product, variant …"),
            ("shop_type", "type of the product"),
            ("shop_name", "name of the product"),
            ("shop_options", "options of the variant"),
            ("shop_tracking", "way in which it keeps the stock"),
            ("shop_hs_code", "customs code"),
            ("shop_origin", "country of origin"),
            ("shop_bin", "bin name"),
            ("shop_incoming", "incoming quantity"),
            ("shop_unavailable", "unavailable quantity"),
            ("shop_committed", "committed quantity"),
            ("shop_available", "available quantity"),
            ("shop_on_hand", "quantity on hand"),
        )
    ),
    *(
        Column(f"shop_option_{number}_{name}", "text", f"{name} of the product's option {number} in the shop")
        for number in range(1, 7)
        for name in ("name", "type", "value")
    ),
)
"""What only the shop knows of its articles, as its export has it."""

SHOP_STOCK = Table(
    "shop_stock",
    "article whose stock a shop is told, once per row that the shop has of it",
    (
        Column("article", "text", "article reference, exact: the shop's SKU"),
        Column("quantity", "quantity", "quantity that the shop may sell"),
        Column("in_stock", "flag", "there is some of it"),
        Column("is_visible", "flag", "shown in the shop's lists; out of stock it is hidden (STK-6)"),
        Column("is_active", "flag", "for sale; out of stock it is deactivated (STK-6)"),
        Column("location", "text", "place in the shop whose quantity it is: Shopify's location, Magento's source"),
        *SHOP_COLUMNS,
    ),
)
"""Columns from ``location`` on come of the shop's export, row by row; the others are ours."""

SHOP_ACTIVATION = Table(
    "shop_activation",
    "article that a shop is told to have for sale or not, once per row that the shop has of its product",
    (
        Column("article", "text", "article reference, exact: the shop's SKU; of a shop's own row: what stands there"),
        Column("is_active", "flag", "for sale: published on the web and not dormant (CAT-5)"),
        *SHOP_COLUMNS,
    ),
)

STORE_STOCK = Table(
    "store_stock",
    "article in one store of a shop (STK-7)",
    (
        Column("article", "text", "article reference, exact"),
        Column("store", "text", "store"),
        Column("quantity", "quantity", "quantity there"),
        Column("availability", "text", "green, orange or red"),
    ),
)

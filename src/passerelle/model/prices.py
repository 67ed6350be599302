"""Prices of the ERP for some of its customers or for a time, and what a shop is told of prices.

Amounts in millionths of the currency (``passerelle.money``).

Source: spec PRI-1 to PRI-4; facts ebp.md §2.4, shops.md.
"""

from __future__ import annotations

from passerelle.model.catalogue import SHOP_COLUMNS
from passerelle.model.table import Column, Table

ERP_PRICES = Table(
    "erp_prices",
    "price or discount of an article beside its sale price: for some customers, from a quantity, for a time",
    (
        Column("article", "text", "article reference, exact"),
        Column("price_category", "text", "price category of the customers whose price it is"),
        Column("customer_family", "text", "family of the customers whose price it is"),
        Column("customer_code", "text", "the customer whose price it is"),
        Column("quantity_from", "quantity", "from this quantity on; missing: from the first piece", optional=True),
        Column("price_excl", "amount", "price excluding tax; missing: the article's own", optional=True),
        Column("price_incl", "amount", "price including tax", optional=True),
        Column("discount_rate", "rate", "percent taken off that price", optional=True),
        Column("valid_from", "date", "first day; missing: since ever"),
        Column("valid_to", "date", "last day; missing: for ever"),
        Column("currency", "text", "currency, ISO 4217; empty: the ERP's own"),
    ),
)
"""A row without category, family and customer is for all: from the first piece on it is a promotion."""

SHOP_PRICES = Table(
    "shop_prices",
    "article whose price a shop is told, once per row that the shop has of it",
    (
        Column("article", "text", "article reference, exact: the shop's SKU"),
        Column("price", "amount", "price without promotion, as the shop wants it: with or without tax (PRI-1)"),
        Column("price_excl", "amount", "the same, of a shop whose prices exclude tax", optional=True),
        Column("price_incl", "amount", "the same, of a shop whose prices include tax", optional=True),
        Column("sale_price", "amount", "price of the promotion; missing: there is none", optional=True),
        Column("sale_from", "date", "first day of the promotion"),
        Column("sale_to", "date", "last day of the promotion"),
        Column("current_price", "amount", "price that holds today", optional=True),
        Column("compare_at_price", "amount", "price without the promotion that holds today", optional=True),
        Column("discount_amount", "amount", "what the promotion takes off, as the shop wants it; 0: nothing"),
        Column(
            "discount_amount_incl", "amount", "what it takes off, including tax, where it is a price", optional=True
        ),
        Column("discount_rate", "rate", "percent that it takes off, where it is a discount", optional=True),
        Column("discount_from", "date", "first day of the discount"),
        Column("discount_to", "date", "last day of the discount"),
        Column("discount_mode", "text", "AMOUNT"),
        Column("surcharge", "amount", "price of a variant above its product's", optional=True),
        *SHOP_COLUMNS,
    ),
)

SPECIFIC_PRICES = Table(
    "specific_prices",
    "price of an article for a group of a shop's customers, for one of them, or from a quantity on (PRI-2)",
    (
        Column("article", "text", "article reference, exact: the shop's SKU"),
        Column("group", "text", "the shop's customer group; empty: all"),
        Column("customer_code", "text", "the ERP's account code of the customer; empty: all"),
        Column("customer_email", "text", "the customer's e-mail"),
        Column("shop_customer", "text", "the shop's id of the customer; of several on one account each has a row"),
        Column("currency", "text", "currency, ISO 4217"),
        Column("quantity_from", "quantity", "from this quantity on"),
        Column("is_percent", "flag", "it is a discount in percent, else a price"),
        Column("price", "amount", "the price, as the shop wants it; of a discount: what it comes to", optional=True),
        Column("fixed_price", "amount", "the price, as the shop wants it; missing: it is a discount", optional=True),
        Column("fixed_price_excl", "amount", "the price excluding tax; missing: it is a discount", optional=True),
        Column("discount_rate", "rate", "the discount in percent; missing: it is a price", optional=True),
        Column("discount_share", "rate", "the discount as a part of one", optional=True),
        Column("amount", "amount", "the price, or the discount in percent", optional=True),
        Column("valid_from", "date", "first day; missing: since ever"),
        Column("valid_to", "date", "last day; missing: for ever"),
        Column("base_price", "amount", "the group's price of the first piece", optional=True),
        Column("tier_from", "quantity", "from this quantity on; missing: the first piece", optional=True),
        Column("tier_to", "quantity", "up to this quantity; missing: without end", optional=True),
        Column("tier_amount", "amount", "price or percent from that quantity on", optional=True),
        Column("is_removed", "flag", "the ERP has this price no more"),
    ),
)

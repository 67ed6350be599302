"""What a shop gets of the ERP's quotes: one row per line, the quote's own columns repeated.

Amounts are in the quote's currency, in millionths.

Source: spec ORD-60.
"""

from __future__ import annotations

from passerelle.model.table import Column, Table

SHOP_QUOTES = Table(
    "shop_quotes",
    "line of a quote that the ERP made for a customer of the shop",
    (
        Column("quote_number", "text", "number of the quote in the ERP; the rows of a quote follow each other"),
        Column("change", "text", "new, or changed: the quote takes the place of the one sent before under its number"),
        Column("quote_date", "date", "date of the quote"),
        Column("valid_until", "date", "last day on which it can be accepted; missing: no end"),
        Column("customer_id", "text", "the shop's customer id; empty: the e-mail tells the customer"),
        Column("customer_email", "text", "the customer's e-mail"),
        Column("customer_code", "text", "the ERP's customer account"),
        Column("reference", "text", "reference of the quote"),
        Column("currency", "text", "ISO 4217 code"),
        Column("total_excl", "amount", "total excluding VAT"),
        Column("total_incl", "amount", "total including VAT, to the cent what the ERP has"),
        Column("shipping_excl", "amount", "shipping excluding VAT; 0: none"),
        Column("shipping_tax_rate", "rate", "its VAT rate in percent"),
        Column("line_position", "integer", "rank of the line in the quote, from 1"),
        Column("article", "text", "article reference; empty for a free line"),
        Column("label", "text", "what is sold"),
        Column("quantity", "quantity", "quantity"),
        Column("tax_rate", "rate", "VAT rate of the line in percent"),
        Column("unit_price_excl", "amount", "price of one after discounts, excluding VAT, six decimals"),
        Column("unit_price_incl", "amount", "the same including VAT"),
        Column("net_excl", "amount", "amount of the line excluding VAT"),
        Column("net_incl", "amount", "the same including VAT"),
    ),
)

"""What the ERP made of a shop's orders, and what the shop is told of them.

Source: spec STA-1 to STA-5; facts ebp.md §2.3.
"""

from __future__ import annotations

from passerelle.model.table import Column, Table

SHOP_STATUSES = Table(
    "shop_statuses",
    "order of a shop whose status, tracking or documents have changed in the ERP",
    (
        Column("order_key", "text", "the order: shop name, '/', the shop's order id"),
        Column("order_id", "text", "the shop's order id"),
        Column("status", "text", "the shop's status to set; empty: it stays"),
        Column("tracking_number", "text", "the first tracking number"),
        Column("carrier", "text", "the carrier, in the ERP's words"),
        Column("document_number", "text", "number of the ERP's document that tells the status"),
        Column("delivery_date", "date", "delivery date in the ERP"),
        Column("invoice_numbers", "text", "numbers of the order's invoices whose files are delivered, a comma between"),
        Column("invoice_files", "text", "names of these files beside this one, a comma between"),
    ),
)

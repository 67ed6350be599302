"""What the ERP made of a shop's orders, and what the shop is told of them.

Source: spec STA-1 to STA-5; facts ebp.md §2.3.
"""

from __future__ import annotations

from passerelle.model.table import Column, Table

ERP_DOCUMENTS = Table(
    "erp_documents",
    "sales document of the ERP, or a row of one, from its extract",
    (
        Column("document_number", "text", "its number"),
        Column("document_type", "text", "its type, as SQL or its label has it"),
        Column("document_date", "date", "its date"),
        Column("reference", "text", "its reference; EBP writes there the number of the file that it was imported from"),
        Column("shop_order", "text", "the shop's order, in the custom field"),
        Column("state", "text", "its state, in the ERP's words"),
        Column("origin_number", "text", "number of the document that it was made from"),
        Column("delivery_date", "date", "its delivery date"),
        Column("tracking", "text", "what stands in the column of tracking numbers"),
        Column("carrier", "text", "what stands in the column of carriers"),
    ),
)

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

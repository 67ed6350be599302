"""Options of what a shop is told of its orders.

Source: spec STA-1 to STA-5.
"""

from __future__ import annotations

from pydantic import Field

from passerelle.exchange.options import Options


class StatusOptions(Options):
    """What a shop is told of its orders (STA-1 to STA-5); which status of which document, says the mapping."""

    tracking_column: str = Field(
        "",
        description="Column of the extract of documents with the tracking number; of several in one cell, separated by "
        "`;`, `,` or `|`, and of several documents the first is sent (STA-2). Empty: none is sent.",
        examples=["Document - Référence"],
    )
    tracking_status: str = Field(
        "", description="Status of an order that has a tracking number; empty: that of its document (STA-2)."
    )
    carrier_column: str = Field("", description="Column of the extract of documents with the carrier; empty: none.")
    send_number: bool = Field(default=False, description="The number of the ERP's document is sent (STA-3).")
    send_delivery_date: bool = Field(
        default=False, description="The delivery date of the ERP's document is sent; the extract must tell (STA-3)."
    )
    order: tuple[str, ...] = Field(
        (),
        description="The shop's statuses in the order of an order's life; empty: the order of the mapping. A status "
        "that does not stand there comes before all: name cancelled and refunded last (STA-5).",
        examples=[["Paiement accepté", "En cours de préparation", "Expédié", "Livré", "Annulé"]],
    )
    pull_back: bool = Field(
        default=False, description="A status later in life than the new one is pulled back all the same (STA-5)."
    )
    look_at_exports: bool = Field(
        default=True,
        description="The shop's order exports tell which status an order has there; else only what it was told does.",
    )

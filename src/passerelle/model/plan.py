"""What a run would do: the plan of any task, record by record.

Source: spec PRE-1 (Gestan's four states are the directions).
"""

from __future__ import annotations

from typing import Literal, get_args

from passerelle.model.table import Column, Table

Action = Literal["create", "update", "refuse", "ignore"]
Direction = Literal["add-to-erp", "update-erp", "add-to-shop", "update-shop", "remember", ""]
ACTIONS: tuple[Action, ...] = get_args(Action)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
"""``remember`` is what the ledger alone keeps; refused and ignored records go nowhere."""

PLAN = Table(
    "plan",
    "thing that would be done with a record, or reason why nothing would be",
    (
        Column("record_type", "text", "order, refund, customer, account, file …"),
        Column("record", "text", "the record's id, unique within profile and type"),
        Column("action", "text", "create, update, refuse or ignore; all rows of a record that goes nowhere have one"),
        Column("direction", "text", "add-to-erp, update-erp, add-to-shop, update-shop, remember; empty: nowhere"),
        Column("document_kind", "text", "kind of the document to be created; empty: none"),
        Column("document_number", "text", "its number in the file; records that share a document share it"),
        Column("document_date", "date", "its date"),
        Column("customer_code", "text", "the ERP's customer account"),
        Column("amount", "amount", "the document's total including VAT, missing: no document", optional=True),
        Column("currency", "text", "its ISO 4217 code"),
        Column("field", "text", "what of the record would be updated, or what is wrong with it"),
        Column("old", "text", "what stands there, as far as it is known"),
        Column("new", "text", "what would stand there"),
        Column("code", "text", "code of the outcome that refuses or ignores it"),
        Column("reason_fr", "text", "why, and what to do, in French"),
        Column("reason_en", "text", "the same in English"),
        Column("content", "text", "what tells two versions of what would be written apart; empty: the row tells all"),
    ),
)

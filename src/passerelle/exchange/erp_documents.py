"""What the ERP itself says of orders: the sales documents of its extract, told by the shop's order that they carry.

Source: spec ORD-63 (several invoices of one order), ORD-81 (the ERP's extract comes after the ledger), EBP-10.
"""

from __future__ import annotations

import pandas as pd

from passerelle import outcome
from passerelle.exchange import reference, texts
from passerelle.exchange.options import OrderOptions
from passerelle.model.documents import QUOTE

IMPORTED = "Document importé n° "
"""What EBP writes in the reference of a document to which it gave a number of its own (facts §2.3)."""
_INVOICES = ("2", "facture")
"""Type of an invoice, as SQL has it and as its label."""
QUOTES = ("1", "devis")
"""Type of a quote."""


def linked(
    people: pd.DataFrame, known: pd.Index, documents: pd.DataFrame | None, options: OrderOptions
) -> pd.DataFrame:
    """Say which orders the ERP has: one that the ledger does not know is not sent again, several invoices are named.

    A quote of the ERP is none of an order that becomes more than a quote (ORD-60).
    An order that shares the text of the custom field with another one is told by nothing, and passed over.

    Args:
        people: the orders with the buyer's names, and the ``document_kind`` that each becomes.
        known: keys of the orders that the ledger knows.
        documents: ``document_number``, ``document_type``, ``reference``, ``shop_order``; ``None`` without an extract.
        options: the templates of the number and of the custom field.
    """
    if documents is None or documents.empty:
        return outcome.none()
    named = [
        (documents["shop_order"], reference.fill(options.shop_order, people)),
        (documents["reference"], IMPORTED + reference.fill(options.number, people)),
    ]
    found = pd.concat([_met(documents, told, people["order_key"], asked) for told, asked in named])
    found = found.drop_duplicates(["order_key", "document_number"]).sort_values(["order_key", "document_number"])
    becomes = people.set_index("order_key")["document_kind"].reindex(found["order_key"]).to_numpy()
    found = found[~found["document_type"].str.casefold().isin(QUOTES) | (becomes == QUOTE)]
    is_known = texts.among(found["order_key"], known)
    invoices = found[is_known & found["document_type"].str.casefold().isin(_INVOICES)]
    several = invoices[invoices["order_key"].duplicated(keep=False)]
    return outcome.together([_said("already-in-erp", found[~is_known]), _said("several-erp-invoices", several)])


def _met(documents: pd.DataFrame, told: pd.Series, keys: pd.Series, asked: pd.Series) -> pd.DataFrame:
    """Give the documents whose text is that of one order, with the order's key."""
    unique = (asked != "") & ~asked.duplicated(keep=False)
    orders = pd.Series(keys[unique].to_numpy(), pd.Index(asked[unique]), dtype="str")
    rows = documents[texts.among(told, orders.index)]
    return rows.assign(order_key=orders.reindex(told[rows.index]).to_numpy())


def _said(code: str, rows: pd.DataFrame) -> pd.DataFrame:
    numbers = texts.by_group(rows["document_number"], rows["order_key"], ", ")
    return outcome.said(code, numbers.index, record_type="order", stage="select", value=numbers)

"""What the ERP's extract of documents says of orders (ORD-63, ORD-81)."""

from __future__ import annotations

import pandas as pd
from exchange_given import exchanged, exchanged_before, line, order, refund, row, said

from passerelle import outcome
from passerelle.formats.reader import read
from passerelle.formats.registry import formats

HEAD = "Numéro;Type de document;Référence;xx_atoosync_order"
SOLD = line("A", incl="12.00")


def extract(*rows: str) -> pd.DataFrame:
    """Read an extract as the ERP writes it."""
    text = "".join(f"{one}\r\n" for one in (HEAD, *rows))
    return read(formats().get("ebp/sales_documents"), text.encode("cp1252"), name="documents.csv").table


def test_ord_63_two_invoices_of_one_order_are_both_linked_to_it():
    known = exchanged_before(("boutique/187", "old", "187", "f.zip"))
    documents = extract("FA2;2;;187", "FA1;2;Document importé n° 187;", "CM1;8;;187", "FA3;2;;188")
    made = exchanged(order("187", SOLD), exchanged=known, erp_documents=documents)
    linked = row(made, "several-erp-invoices")
    assert (linked["record"], linked["state"], linked["value"]) == ("boutique/187", "succeeded", "FA1, FA2")
    assert outcome.message(linked, "fr") == "La commande a plusieurs factures dans l'ERP : FA1, FA2."


def test_ord_63_one_invoice_and_its_order_are_nothing_to_tell():
    known = exchanged_before(("boutique/187", "old", "187", "f.zip"))
    made = exchanged(order("187", SOLD), exchanged=known, erp_documents=extract("FA1;2;;187", "CM1;8;;187"))
    assert said(made) == ["changed-since-exchange"]


def test_ord_81_an_order_that_the_erp_has_is_not_sent_though_the_ledger_forgot_it():
    documents = extract("FA1;2;;187", "FA9;2;Document importé n° 188;")
    made = exchanged(order("187", SOLD), order("188", SOLD), order("189", SOLD), erp_documents=documents)
    assert made.documents["document_key"].tolist() == ["boutique/189"]
    assert said(made) == ["already-in-erp"] * 2
    assert said(made, "boutique/188") == ["already-in-erp"]


def test_ord_81_a_text_that_two_orders_share_tells_neither():
    orders = [order("187", SOLD, shop=shop, buyer=buyer) for shop, buyer in (("fr", "1"), ("be", "2"))]
    made = exchanged(*orders, number="%SH%OI", erp_documents=extract("FA1;2;;187"))
    assert len(made.documents) == 2


def test_ord_81_a_refund_of_an_order_that_the_erp_has_needs_a_person():
    made = exchanged(order("187", SOLD, refund("9", incl="1.00")), erp_documents=extract("FA1;2;;187"))
    assert said(made) == ["already-in-erp", "refund-of-order-not-exchanged"]

"""The specification's worked examples, with exactly its figures; those of ORD-26 and ORD-31 are with the VAT."""

from __future__ import annotations

from exchange_given import exchanged, line, only_document, order, row, said

GOODS = line("A", excl="10.00")


def test_ord_13_web_187_john_doe():
    made = only_document(order("187", GOODS), reference="Web %OI - %CF %CL")
    assert made["reference"] == "Web 187 - John DOE"


def test_cus_2_prefix_prest_length_9_and_id_652_make_prest0652():
    account = {"account": {"prefix": "PREST", "length": 9}}
    made = exchanged(order("1", GOODS, buyer="652"), customers=account)
    assert made.documents["customer_code"].tolist() == ["PREST0652"]
    assert made.customers[["customer_code", "is_new"]].to_numpy().tolist() == [["PREST0652", True]]
    refused = row(exchanged(order("1", GOODS, buyer="65200"), customers=account), "account-does-not-fit")
    assert refused["state"] == "failed"  # an id of five digits leaves no PREST in nine: never cut


def test_ord_42_all_amazon_orders_go_to_webamazon():
    rows = {"payment_modes": [("AMAZON", "*", "VIR", "", "", "", "WEBAMAZON"), ("*", "*", "CB")]}
    orders = [
        order("1", GOODS, buyer="1", payment_mode="AMAZON"),
        order("2", GOODS, buyer="2", payment_mode="Amazon", currency="GBP"),
        order("3", GOODS, buyer="3", payment_mode="carte"),
    ]
    made = exchanged(*orders, mappings=rows)
    assert said(made) == []
    codes = dict(zip(made.documents["shop_order"], made.documents["customer_code"], strict=True))
    assert codes == {"1": "WEBAMAZON", "2": "WEBAMAZON", "3": "PREST0003"}
    assert made.documents["settlement_mode"].tolist() == ["VIR", "VIR", "CB"]
    assert made.customers["customer_code"].tolist() == ["PREST0003"]  # the shared account is the ERP's own

"""Quotes that the ERP made, for the shop (ORD-60)."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from exchange_given import erp_customers

from passerelle.exchange.erp_quotes import QuoteOptions, Quotes, quotes_for_shop
from passerelle.exchange.options import OrderOptions
from passerelle.formats.reader import read
from passerelle.formats.registry import formats

TODAY = date(2026, 11, 21)
FRENCH = (
    "Document - Numéro du document;Document - Date;Document - Code client;Document - Etat du devis;"
    "Document - Frais de port HT;Document - Taux de TVA port;Document - Total TTC;Ligne - Code article;"
    "Ligne - Description;Ligne - Description commerciale en clair;Ligne - Quantité;Ligne - Taux de TVA;"
    "Ligne - PV HT;Ligne - Montant Net HT;Ligne - Montant Net TTC"
)
TEA = "DE1;02/11/2026;LEFE42;0;5,00;20,00;48,66;TH12;{\\rtf1 x};Théière;1,00;20,00;30,00;30,00000000;36,00"
LEAVES = "DE1;02/11/2026;LEFE42;0;5,00;20,00;48,66;0042;;Thé vert;2,00;5,5;;3,18;3,35"
FREE = "DE1;02/11/2026;LEFE42;0;5,00;20,00;48,66;;Pose;;0,50;0;6,62;;"
TEXT = "DE1;02/11/2026;LEFE42;0;5,00;20,00;48,66;;Sans engagement;;;;;;"
ACCOUNT = ("s/7", "LEFE42", "zoe@example.fr")
NOTHING = pd.DataFrame(columns=["record_key", "content_hash"], dtype="str")


def extract(*rows: str, head: str = FRENCH) -> pd.DataFrame:
    text = "".join(f"{one}\r\n" for one in (head, *rows))
    found = read(formats().get("ebp/quotes_extract"), text.encode("cp1252"), name="Devis.txt")
    assert found.outcomes.empty, found.outcomes.to_string()
    return found.table


def chosen(*rows: str, known=(ACCOUNT,), customers=None, sent=NOTHING, lost=(), head=FRENCH, **options) -> Quotes:
    accounts = pd.DataFrame(list(known), columns=["customer_key", "customer_code", "email"], dtype="str")
    wanted = QuoteOptions("s", **options)
    table = extract(*rows, head=head)
    return quotes_for_shop(table, lost, customers, accounts, sent, TODAY, wanted, OrderOptions())


def said(made: Quotes) -> list[tuple[str, str]]:
    return [(row["code"], row["record"]) for row in made.outcomes.to_dict("records")]


def test_ord_60_a_quote_goes_whole_and_exact_to_the_customer_whom_the_ledger_knows():
    # 30.00 at 20 % + port 5.00 at 20 % = 42.00; 3.18 at 5.5 % = 3.35; half an hour at 6.62 without VAT = 3.31.
    made = chosen(TEA, LEAVES, FREE, TEXT, valid_days=30)
    assert said(made) == []
    rows = made.rows
    assert rows["line_position"].tolist() == [1, 2, 3]
    assert rows["article"].tolist() == ["TH12", "0042", ""]
    assert rows["label"].tolist() == ["Théière", "Thé vert", "Pose"]
    assert rows["net_excl"].tolist() == [30_000_000, 3_180_000, 3_310_000]
    assert rows["net_incl"].tolist() == [36_000_000, 3_350_000, 3_310_000]
    assert rows["unit_price_excl"].tolist() == [30_000_000, 1_590_000, 6_620_000]
    assert rows["unit_price_incl"].tolist() == [36_000_000, 1_675_000, 6_620_000]
    first = rows.iloc[0]
    assert (first["total_excl"], first["total_incl"]) == (41_490_000, 48_660_000)
    assert (first["customer_id"], first["customer_email"], first["currency"]) == ("7", "zoe@example.fr", "EUR")
    assert (first["valid_until"], first["change"]) == (pd.Timestamp("2026-12-02"), "new")


def test_ord_60_only_what_is_new_or_has_changed_goes():
    first = chosen(TEA, LEAVES, FREE)
    sent = pd.DataFrame({"record_key": first.contents.index, "content_hash": first.contents.to_numpy()}, dtype="str")
    again = chosen(TEXT, FREE, TEA, LEAVES, sent=sent)
    assert again.rows["quote_number"].tolist() == ["DE1"] * 3, "another order of lines is another quote"
    same = chosen(TEA, LEAVES, TEXT, FREE, sent=sent)
    assert (said(same), len(same.rows), len(same.contents)) == ([("quote-already-sent", "DE1")], 0, 0)
    changed = chosen(TEA, LEAVES.replace("Thé vert", "Thé noir"), FREE, sent=sent)
    assert changed.rows["change"].tolist() == ["changed"] * 3
    assert changed.replaced.tolist() == first.contents.tolist()


@pytest.mark.parametrize(
    ("known", "customers", "told"),
    [
        ([("s/order-9", "LEFE42", "guest@example.fr")], None, ("", "guest@example.fr")),
        ([("other/7", "LEFE42", "")], erp_customers({"customer_code": "LEFE42", "email": "a@b.fr"}), ("", "a@b.fr")),
        ([("s/10", "LEFE42", ""), ("s/9", "LEFE42", "z@b.fr")], None, ("9", "z@b.fr")),
    ],
)
def test_ord_60_the_customer_is_who_the_shop_registered_else_the_erp_s_e_mail_tells(known, customers, told):
    made = chosen(TEA, LEAVES, FREE, known=known, customers=customers)
    assert tuple(made.rows.loc[0, ["customer_id", "customer_email"]]) == told


def with_cell(row: str, place: int, text: str) -> str:
    cells = row.split(";")
    return ";".join([*cells[:place], text, *cells[place + 1 :]])


@pytest.mark.parametrize(
    ("code", "rows", "told"),
    [
        ("quote-customer-unknown", (TEA, LEAVES, FREE), {"known": ()}),
        ("quote-without-lines", (TEXT,), {}),
        ("quote-line-incomplete", (with_cell(TEA, 11, ""), LEAVES, FREE), {}),
        ("quote-line-incomplete", (with_cell(TEA, 10, ""), LEAVES, FREE), {}),
        ("quote-total-differs", (TEA, LEAVES), {}),
        ("quote-number-out-of-range", (with_cell(TEA, 11, "120"), LEAVES, FREE), {}),
        ("quote-number-out-of-range", (with_cell(TEA, 13, "99999999999"), LEAVES, FREE), {}),
        ("quote-rows-differ", (TEA, with_cell(LEAVES, 2, "AUTRE"), FREE), {}),
        ("quote-row-unreadable", (TEA, LEAVES, FREE), {"lost": [5]}),
        ("quote-expired", (TEA, LEAVES, FREE), {"valid_days": 18}),
        ("quote-state-not-selected", (TEA, LEAVES, FREE), {"states": ("3",)}),
    ],
)
def test_ord_60_what_keeps_a_quote_from_going_is_said_by_code_and_none_of_it_goes(code, rows, told):
    made = chosen(*rows, "DE9;21/11/2026;LEFE42;3;0;0;36,00;A;;Thé;1;20;30;30;36", **told)
    assert (code, "DE1") in said(made)
    assert "DE1" not in made.contents
    assert "DE1" not in set(made.rows["quote_number"])
    assert ("DE9" in made.contents) == (told not in ({"known": ()}, {"lost": [5]}))


def test_ord_60_a_query_s_columns_are_read_and_documents_of_other_types_are_left_aside():
    head = (
        "DocumentNumber;DocumentType;DocumentDate;CustomerId;ItemId;DescriptionClear;Quantity;VatRate;"
        "NetAmountVatExcluded;AmountVatIncluded;CurrencyId"
    )
    rows = ["DE1;1;02/11/2026;LEFE42;A;Thé;1;20;10,005;12,01;GBP", "FA1;2;02/11/2026;LEFE42;A;Thé;1;20;10;12;"]
    made = chosen(*rows, head=head)
    assert made.rows[["quote_number", "currency"]].to_numpy().tolist() == [["DE1", "GBP"]]
    assert made.rows.loc[0, "total_incl"] == 12_010_000


def test_ord_60_prices_including_tax_come_to_their_own_total():
    # Three at 0.99 including tax: 2.97; by rate from the amounts excluding tax it would be 2.98.
    row = "DE1;02/11/2026;LEFE42;0;0;0;2,97;A;;Thé;3;20;0,825;2,48;2,97"
    made = chosen(row)
    assert said(made) == []
    assert made.rows[["total_excl", "total_incl"]].to_numpy().tolist() == [[2_480_000, 2_970_000]]

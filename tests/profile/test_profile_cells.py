"""What a cell of a mapping says."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange.selection import YES
from passerelle.model.documents import DOCUMENT_KINDS
from passerelle.profile.cells import CHOICES, chosen, plain, possible, rate, written


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (None, "General", ""),
        ("  Carte bancaire\xa0", "General", "Carte bancaire"),
        (20, "General", "20"),
        (20.0, "General", "20"),
        (5.5, "General", "5.5"),
        (5.500000000000001, "General", "5.5"),
        (0.1 + 0.2, "General", "0.3"),
        (0.2, "0%", "20"),
        (0.055, "0.0%", "5.5"),
        (42, "00000", "00042"),
        (411000000000.0, "General", "411000000000"),
        (1e21, "General", "1000000000000000000000"),
        (1e-7, "General", "0.0000001"),
        (-0.0, "General", "0"),
        (Decimal("19.60"), "General", "19.6"),
        (datetime.fromisoformat("2026-11-21"), "dd/mm/yyyy", "2026-11-21"),
        (datetime.fromisoformat("2026-11-21T08:30"), "dd/mm/yyyy hh:mm", "2026-11-21 08:30:00"),
        (date(2026, 11, 21), "General", "2026-11-21"),
        (time(8, 30), "hh:mm", "08:30:00"),
        (True, "General", "true"),
    ],
)
def test_ord_41_a_cell_is_the_text_one_sees(value, number_format, text):
    assert plain(value, number_format) == text


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_ord_41_a_number_typed_comes_back_as_typed(number):
    text = plain(float(number))
    assert Decimal(text) == Decimal(f"{float(number):.15g}")
    assert "E" not in text
    assert "." not in text or not text.endswith(("0", "."))


@given(st.integers(min_value=0, max_value=10_000))
def test_ord_41_a_percentage_is_the_number_before_the_sign(hundredths):
    typed = hundredths / 10_000  # 5.5 % is kept as 0.055
    assert Decimal(plain(typed, "0.00%")) == Decimal(hundredths) / 100


@given(st.text())
def test_ord_41_a_text_stays_but_for_outer_blanks(text):
    assert plain(text) == text.strip()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("oui", "yes"), ("OUI", "yes"), ("Yes", "yes"), ("1", "yes"), ("vrai", "yes"), ("true", "yes"), ("x", "yes"),
        ("non", "no"), ("No", "no"), ("0", "no"), ("FAUX", "no"), ("false", "no"),
        ("", ""), ("#ignore", "#ignore"), ("peut-être", None), ("ouii", None),
    ],
)  # fmt: skip
def test_ord_2_yes_and_no_in_french_and_english(text, answer):
    assert chosen("selected", text) == answer
    assert chosen("create_settlement", text) == answer


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("devis", "quote"), ("Quote", "quote"), ("Commande", "order"), ("order", "order"), ("FACTURE", "invoice"),
        ("Bon de livraison", "delivery_note"), ("BL", "delivery_note"), ("delivery note", "delivery_note"),
        ("delivery_note", "delivery_note"), ("invoice", "invoice"), ("avoir", None), ("#ignore", "#ignore"), ("", ""),
    ],
)  # fmt: skip
def test_ord_2_document_kinds_in_french_and_english(text, kind):
    assert chosen("document_kind", text) == kind


def test_ord_2_every_document_kind_can_be_written():
    assert set(CHOICES["document_kind"]) == set(DOCUMENT_KINDS)


def test_ord_2_what_the_rules_take_for_yes_is_yes_here():
    assert {chosen("selected", word) for word in YES} == {"yes"}
    assert "yes" in YES


@pytest.mark.parametrize("language", ["fr", "en"])
def test_ord_2_what_is_written_for_people_is_read_back(language):
    for column, choices in CHOICES.items():
        assert [chosen(column, text) for text in possible(column, language)] == list(choices)
    assert written("vat_code", "yes", language) == "yes"


def test_ord_41_the_percent_sign_of_a_rate_is_dropped():
    assert [rate(text) for text in ("20 %", "5,5%", "20", "*")] == ["20", "5,5", "20", "*"]

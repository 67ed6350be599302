"""Orders that changed or were cancelled after they were exchanged: reversed, and entered again (ORD-61)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from exchange_given import (
    Order,
    discount,
    exchanged,
    exchanged_before,
    line,
    order,
    refund,
    row,
    said,
    shipping,
    told,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle import money, outcome
from passerelle.exchange import changes
from passerelle.exchange.orders import Exchange

OPTIONS: dict[str, Any] = {
    "changes": "reverse",
    "cancelled_statuses": ["6"],
    "settlements": {"create": True},
    "mappings": {"statuses": [("6", "non"), ("*", "oui", "invoice")]},
}


def first(**cells: Any) -> Order:
    parts = (
        line("A", 2, incl="240.00"),
        line("B", incl="52.75", rate="5.5"),
        shipping(incl="6.00"),
        discount(incl="10.00"),
    )
    return order("187", *parts, **cells)


def second(**cells: Any) -> Order:
    return order("187", line("A", incl="120.00"), shipping(incl="6.00"), **cells)


def kept(made: Exchange) -> changes.Sent:
    return changes.to_keep(made.documents, made.lines, made.settlements, made.sources)


def known(*runs: Exchange) -> pd.DataFrame:
    """Give what the ledger knows after some runs: the last thing of each record."""
    rows: dict[str, tuple[str, str, str, str]] = {}
    for made in runs:
        numbers = made.documents.set_index("document_key")["document_number"]
        for key, content in made.contents.items():
            own = made.sources.loc[made.sources["record_key"] == key, "document_key"]
            number = ", ".join(numbers.reindex(own).dropna())
            rows[str(key)] = (str(key), str(content), number, "f.zip")
    return exchanged_before(*rows.values())


def after(*runs: Exchange, **told_: Any) -> dict[str, Any]:
    """Give the options of a run after others; the documents of the last are those that may be reversed."""
    return {**OPTIONS, "exchanged": known(*runs), "sent": kept(runs[-1]), **told_}


BEFORE = exchanged(first(), **OPTIONS)


class TestOrd61AChangedOrder:
    MADE = exchanged(second(), **after(BEFORE))

    def test_the_document_sent_is_reversed_and_the_new_one_entered(self) -> None:
        assert told(self.MADE.documents, "document_key", "document_kind", "document_number", "total_incl") == [
            ("boutique/187", "invoice", "187-V2", "126"),
            ("boutique/187/reversal-187", "credit_note", "187-R", "288.75"),
        ]

    def test_the_reversal_has_the_very_lines_that_were_sent(self) -> None:
        columns = [name for name in BEFORE.lines if name != "document_key"]
        back = self.MADE.lines[self.MADE.lines["document_key"] == "boutique/187/reversal-187"]
        pd.testing.assert_frame_equal(back[columns].reset_index(drop=True), BEFORE.lines[columns])

    def test_the_reversal_is_of_today_and_names_the_account_not_the_person(self) -> None:
        back = self.MADE.documents.iloc[1]
        sent = BEFORE.documents.iloc[0]
        assert (back["document_date"].date().isoformat(), back["reference"]) == ("2026-11-21", "Annule 187")
        assert back[["customer_code", "territory", "shop_order"]].equals(
            sent[["customer_code", "territory", "shop_order"]]
        )
        personal = [
            name for name in back.index if name.startswith(("billing_", "delivery_line", "delivery_c", "customer_n"))
        ]
        assert set(back[personal]) == {""}
        assert back["shipping_excl"] == sent["shipping_excl"]

    def test_what_was_settled_is_taken_back(self) -> None:
        assert sorted(told(self.MADE.settlements, "document_key", "amount", "label")) == [
            ("boutique/187", "126", "John DOE - 187"),
            ("boutique/187/reversal-187", "-288.75", "Annule 187"),
        ]

    def test_it_is_said_and_counts_as_one_order(self) -> None:
        assert outcome.message(row(self.MADE, "document-reversed"), "fr") == (
            "La commande a changé dans la boutique : le document 187 est contrepassé par l'avoir 187-R."
        )
        assert self.MADE.replaced.to_dict() == {"boutique/187": BEFORE.contents["boutique/187"]}
        assert list(self.MADE.contents.index) == ["boutique/187"]
        assert set(self.MADE.sources["record_key"]) == {"boutique/187"}

    def test_the_totals_by_rate_are_the_difference(self) -> None:
        assert self.MADE.reconciliation.balanced
        rates = self.MADE.reconciliation.rates
        assert (rates["difference"] == 0).all()
        total = rates["file_base"].sum() + rates["file_tax"].sum()
        assert money.decimal(total) == Decimal("126.00") - Decimal("288.75")

    def test_a_second_run_does_nothing_more(self) -> None:
        again = exchanged(second(), **after(BEFORE, self.MADE))
        assert again.documents.empty
        assert said(again) == ["already-exchanged"]

    def test_versions_have_numbers_of_their_own(self) -> None:
        third = exchanged(first(), **after(BEFORE, self.MADE))
        assert sorted(third.documents["document_number"]) == ["187-V2-R", "187-V3"]

    def test_both_documents_go_or_none(self) -> None:
        gone = self.MADE.without({"boutique/187"})
        assert [len(table) for table in (gone.documents, gone.lines, gone.settlements, gone.sources)] == [0] * 4
        assert [len(column) for column in (gone.contents, gone.replaced)] == [0] * 2
        assert gone.reconciliation.documents.empty
        assert said(gone) == []

    def test_a_new_form_that_is_refused_holds_the_reversal_back(self) -> None:
        mode = {**OPTIONS["mappings"], "payment_modes": [("carte", "*", "CB")]}
        made = exchanged(second(payment_mode="lune"), **after(BEFORE, mappings=mode))
        assert made.documents.empty
        assert said(made) == ["unmapped-payment-mode"]

    def test_a_status_that_is_not_selected_keeps_nobody_from_correcting(self) -> None:
        statuses = {"statuses": [("2", "oui", "invoice"), ("*", "non")]}
        made = exchanged(second(status="5"), **after(BEFORE, mappings=statuses))
        assert sorted(made.documents["document_number"]) == ["187-R", "187-V2"]


class TestOrd61ACancelledOrder:
    MADE = exchanged(first(status="6"), **after(BEFORE))

    def test_it_is_reversed_only(self) -> None:
        assert told(self.MADE.documents, "document_number", "document_kind", "total_incl") == [
            ("187-R", "credit_note", "288.75")
        ]
        assert self.MADE.contents.to_dict() == {"boutique/187": changes.CANCELLED}
        assert said(self.MADE) == ["document-reversed"]

    def test_a_second_run_does_nothing_more(self) -> None:
        again = exchanged(first(status="6"), **after(BEFORE, self.MADE))
        assert again.documents.empty
        assert said(again) == ["already-exchanged"]

    def test_it_may_come_back(self) -> None:
        back = exchanged(first(), **after(BEFORE, self.MADE))
        assert told(back.documents, "document_number", "document_kind") == [("187-V2", "invoice")]
        assert back.replaced.to_dict() == {"boutique/187": changes.CANCELLED}

    def test_one_that_never_was_exchanged_is_not_selected(self) -> None:
        assert said(exchanged(first(status="6"), **OPTIONS)) == ["status-not-selected"]

    def test_a_refund_of_it_gives_nothing_back_twice(self) -> None:
        refunded = first(status="6")
        refunded.parts.append(refund("9", incl="288.75"))
        made = exchanged(refunded, **after(BEFORE, self.MADE))
        assert made.documents.empty
        assert said(made) == ["already-exchanged", "refund-of-reversed-order"]


class TestOrd61WhatIsNotReversed:
    def test_without_the_option_a_change_is_a_conflict(self) -> None:
        made = exchanged(second(), **after(BEFORE, changes="conflict"))
        assert made.documents.empty
        assert said(made) == ["changed-since-exchange"]

    def test_nor_when_nobody_knows_what_was_sent(self) -> None:
        assert said(exchanged(second(), **after(BEFORE, sent=None))) == ["changed-since-exchange"]

    @pytest.mark.parametrize("kind", ["quote", "order", "delivery_note"])
    def test_nor_a_document_that_is_no_invoice(self, kind: str) -> None:
        mappings = {"statuses": [("*", "oui", kind)]}
        sent = exchanged(first(), **{**OPTIONS, "mappings": mappings})
        assert said(exchanged(second(), **after(sent, mappings=mappings))) == ["changed-since-exchange"]

    def test_nor_an_order_that_was_refunded(self) -> None:
        partly = second()
        partly.parts.append(refund("9", incl="1.00"))
        made = exchanged(partly, **after(BEFORE))
        assert said(made) == ["changed-since-exchange"]
        assert made.documents["document_number"].tolist() == ["AV9"]

    def test_cancelled_after_a_refund_of_a_part_needs_a_person(self) -> None:
        partly = first(status="6")
        partly.parts.append(refund("9", incl="1.00"))
        assert said(exchanged(partly, **after(BEFORE)), "boutique/187") == ["cancelled-since-exchange"]

    def test_cancelled_after_a_refund_of_all_is_done(self) -> None:
        whole = first(status="6")
        whole.parts.append(refund("9", incl="288.75"))
        made = exchanged(whole, **after(BEFORE))
        assert said(made, "boutique/187") == ["already-exchanged"]
        assert made.documents["document_number"].tolist() == ["AV9"]

    def test_nor_a_number_that_leaves_no_room(self) -> None:
        sent = exchanged(first(), **OPTIONS, number="12345678901234567890%OI")
        made = exchanged(second(), **after(sent, number="12345678901234567890%OI"))
        assert said(made) == ["changed-since-exchange"]

    def test_nor_what_does_not_come_to_what_was_written(self) -> None:
        lacking = kept(BEFORE)
        lacking = changes.Sent(lacking.documents, lacking.lines.iloc[1:], lacking.settlements)
        assert said(exchanged(second(), **after(BEFORE, sent=lacking))) == ["changed-since-exchange"]


def test_sec_5_what_is_kept_names_nobody():
    sent = kept(BEFORE)
    cells = {str(cell) for table in (sent.documents, sent.settlements) for column in table for cell in table[column]}
    assert not {cell for cell in cells if any(name in cell for name in ("DOE", "John", "rue", "Paris", "@"))}


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(("20", "5.5", "0")), st.integers(1, 9), st.integers(1, 99999)), min_size=1, max_size=4
    ),
    st.booleans(),
)
def test_ord_61_invoice_and_reversal_come_to_nothing(lines, includes_tax):
    parts = [line(f"A{n}", count, excl=Decimal(cents) / 100, rate=rate) for n, (rate, count, cents) in enumerate(lines)]
    options = {**OPTIONS, "includes_tax": includes_tax}
    sent = exchanged(order("1", *parts), **options)
    made = exchanged(order("1", *parts, status="6"), **{**after(sent), "includes_tax": not includes_tax})
    both = pd.concat([sent.reconciliation.parts, made.reconciliation.parts])
    assert (both.groupby("tax_rate")[["file_base", "file_tax"]].sum() == 0).all(axis=None)
    assert len(made.documents) == 1

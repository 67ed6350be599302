"""What was paid of orders after these were exchanged: booked once, or said (ORD-50, ORD-51, ORD-60)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pytest
from exchange_given import context, exchanged_before, line, order, payment, refund, row, sales, short
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.changes import CANCELLED
from passerelle.exchange.orders import Exchange, exchange_orders
from passerelle.exchange.selection import EVERYTHING, Scope
from passerelle.exchange.settlements import BOOKED

SOLD = line("A", excl="100.00")  # 120.00 with tax
ROWS = [("carte", "*", "CB", "CARTE", "BQ", "512000"), ("bon", "*", "BON", "", "", "", "", "", "", "non")]
TASKS = {
    "orders": EVERYTHING,
    "settlements": Scope(frozenset({"settlement"})),
    "credit-notes": Scope(frozenset({"credit_note"})),
}


class Ledger:
    """Remembers what was exchanged and booked, as the real one does."""

    def __init__(self, kind: str = "invoice", **options) -> None:
        self._kind = kind
        self._options = {"create": True, "amount": "payments", **options}
        self._known: dict[str, tuple[str, str, str, str, str]] = {}
        self.booked: dict[str, tuple[str, str, str, int]] = {}
        self.settlements: list[dict] = []

    def run(self, task: str, *orders, mappings=ROWS, **told) -> Exchange:
        """Run a task over an export, and remember what it sent."""
        statuses = [("devis", "oui", "quote"), ("*", "oui", self._kind)]
        known = pd.DataFrame(list(self._known.values()), columns=exchanged_before().columns, dtype="str")
        booked = pd.DataFrame(list(self.booked.values()), columns=list(BOOKED))
        given_ = context(
            exchanged=known,
            booked=booked.astype({name: "int64" if name == "total_incl" else "str" for name in BOOKED}),
            mappings={"payment_modes": mappings, "statuses": statuses},
            settlements=self._options,
            **told,
        )
        made = exchange_orders(sales(*orders), replace(given_, scope=TASKS[task]))
        kinds = made.sources.merge(made.documents, on="document_key").set_index("record_key")
        for key, content in made.contents.items():
            document = kinds.loc[[key]].iloc[0]
            assert (key in self._known) == (key in made.replaced.index), "never twice"
            numbers = document["document_number"]
            self._known[key] = (key, content, numbers, "f.zip", document["document_kind"])
        for one in made.bookings.to_dict("records"):
            before = self.booked.get(one["record_key"])
            assert one["replaces"] == (before[1] if before else ""), "as the ledger checks"
            assert before is None or before[1] == CANCELLED or one["content_hash"] == CANCELLED
            told_ = (one["record_key"], one["content_hash"], one["document_number"], one["total_incl"])
            self.booked[one["record_key"]] = told_
        self.settlements += made.settlements.to_dict("records")
        return made

    def sums(self) -> dict[str, Decimal]:
        """Add up what was settled, deposits too, by order."""
        found: dict[str, Decimal] = {}
        for one in self.settlements:
            key = one["shop_order"]
            found[key] = found.get(key, Decimal(0)) + money.decimal(one["amount"])
        return found


def said(made: Exchange) -> list[tuple[str, str]]:
    rows = made.outcomes[made.outcomes["record_type"] == "settlement"]
    return sorted(zip(rows["code"], rows["record"], strict=True))


def booked(made: Exchange) -> list[tuple[str, str, str, str]]:
    columns = ["settlement_key", "amount", "document_number", "customer_code"]
    return [tuple(short(cell) for cell in one) for one in made.settlements[columns].to_numpy()]


FIRST = payment("50.00", paid_at="2026-11-01")
SECOND = payment("70.00", paid_at="2026-11-20")


@pytest.mark.parametrize("task", ["orders", "settlements"])
def test_ord_50_a_second_instalment_is_booked_once_whichever_task_comes_first(task):
    ledger = Ledger()
    first = ledger.run("orders", order("1", SOLD, FIRST))
    assert booked(first) == [("boutique/1/payment-1", "50", "1", "PREST0652")]
    # The shop lists the newest first, and calls it so.
    again = order("1", SOLD, SECOND, FIRST)
    made = ledger.run(task, again)
    assert made.documents.empty
    assert booked(made) == [("boutique/1/payment-2", "70", "1", "PREST0652")]
    assert made.settlements["label"].tolist() == ["John DOE - 1"]
    assert made.settlements["treasury_account"].tolist() == ["512000"]
    for other in ("settlements", "orders"):
        last = ledger.run(other, again)
        assert booked(last) == []
        assert said(last) == [("settlement-already-booked", f"boutique/1/payment-{one}") for one in (1, 2)]
    assert ledger.sums() == {"1": Decimal(120)}


def test_ord_50_nothing_is_booked_of_orders_that_are_not_exchanged_or_are_quotes():
    ledger = Ledger()
    assert ledger.run("settlements", order("1", SOLD, FIRST)).settlements.empty
    quote = ledger.run("orders", order("1", SOLD, FIRST, status="devis"))
    assert quote.documents["document_kind"].tolist() == ["quote"]
    assert ledger.run("settlements", order("1", SOLD, FIRST, status="devis")).settlements.empty
    assert ledger.booked == {}


def test_ord_60_a_quote_that_becomes_an_order_is_no_duplicate_and_is_paid_then():
    ledger = Ledger()
    ledger.run("orders", order("1", SOLD, status="devis"))
    assert ledger.run("orders", order("1", SOLD, status="devis")).documents.empty
    accepted = ledger.run("orders", order("1", SOLD, FIRST, SECOND))
    assert accepted.documents[["document_kind", "document_number"]].to_numpy().tolist() == [["invoice", "1"]]
    assert len(accepted.replaced) == 1
    assert ledger.run("orders", order("1", SOLD, FIRST, SECOND)).documents.empty
    assert ledger.sums() == {"1": Decimal(120)}


def test_ord_60_a_quote_in_the_erp_is_not_the_order_it_became():
    documents = pd.DataFrame(
        [("DE1", "1", "", "187")], columns=["document_number", "document_type", "reference", "shop_order"], dtype="str"
    )
    ledger = Ledger()
    assert len(ledger.run("orders", order("187", SOLD), erp_documents=documents).documents) == 1
    quote = Ledger().run("orders", order("187", SOLD, status="devis"), erp_documents=documents)
    assert row(quote, "already-in-erp")["value"] == "DE1"


def test_ord_50_a_mode_that_is_not_mapped_refuses_its_payment_alone():
    ledger = Ledger()
    ledger.run("orders", order("1", SOLD))
    paid = order("1", SOLD, FIRST, payment("70.00", "Scalapay"), payment("1.00", "bon"))
    made = ledger.run("settlements", paid)
    assert [key for key, *_ in booked(made)] == ["boutique/1/payment-1"]
    assert ("unmapped-payment-mode", "boutique/1/payment-2") in said(made)
    assert ("settlement-not-wanted", "boutique/1/payment-3") in said(made)
    assert made.new_values["payment_modes"].to_numpy().tolist() == [["Scalapay", "EUR"]]
    mended = ledger.run("orders", paid, mappings=[*ROWS, ("Scalapay", "*", "SCA", "SCA")])
    assert [key for key, *_ in booked(mended)] == ["boutique/1/payment-2"]


def test_ord_50_a_payment_that_changes_or_disappears_is_said_and_nothing_is_booked():
    ledger = Ledger()
    ledger.run("orders", order("1", SOLD, FIRST, SECOND))
    made = ledger.run("settlements", order("1", SOLD, payment("60.00", paid_at="2026-11-01")))
    assert booked(made) == []
    assert said(made) == [
        ("settlement-changed", "boutique/1/payment-1"),
        ("settlement-gone", "boutique/1/payment-2"),
    ]
    changed = row(made, "settlement-changed")
    assert (changed["state"], changed["value"]) == ("failed", "EUR 60.000000 carte")
    assert '"booked": "EUR 50.000000 carte"' in changed["params"]


def test_ord_50_what_was_given_back_is_booked_once_on_its_credit_note():
    ledger = Ledger()
    ledger.run("orders", order("1", SOLD, FIRST))
    back = order("1", SOLD, FIRST, refund("9", incl="12.00"))
    made = ledger.run("credit-notes", back)
    assert booked(made) == [("boutique/1/refund-9/payment-1", "-12", "AV9", "PREST0652")]
    assert booked(ledger.run("settlements", back)) == []
    # A credit note that went out while settlements were off is booked later.
    del ledger.booked["boutique/1/refund-9/payment-1"]
    assert booked(ledger.run("settlements", back)) == [("boutique/1/refund-9/payment-1", "-12", "AV9", "PREST0652")]


def test_ord_50_what_is_booked_of_the_total_is_not_booked_of_payments_too():
    ledger = Ledger(amount="order")
    assert [key for key, *_ in booked(ledger.run("orders", order("1", SOLD, FIRST)))] == ["boutique/1/total"]
    ledger._options["amount"] = "payments"
    assert booked(ledger.run("settlements", order("1", SOLD, FIRST, SECOND))) == []
    assert ledger.sums() == {"1": Decimal(120)}


def test_ord_51_a_difference_is_taken_back_by_what_is_paid_later():
    ledger = Ledger(difference=True)
    first = ledger.run("orders", order("1", SOLD, payment("119.50")))
    assert [one[:2] for one in booked(first)] == [("boutique/1/payment-1", "119.5"), ("boutique/1/difference-1", "0.5")]
    paid = order("1", SOLD, payment("119.50"), payment("0.50", paid_at="2026-11-21"))
    made = ledger.run("settlements", paid)
    assert [one[:2] for one in booked(made)] == [("boutique/1/payment-2", "0.5"), ("boutique/1/difference-2", "-0.5")]
    assert booked(ledger.run("orders", paid)) == []
    assert ledger.sums() == {"1": Decimal(120)}


def test_ord_52_what_is_paid_after_an_order_document_is_no_deposit_any_more():
    ledger = Ledger(kind="order")
    first = ledger.run("orders", order("1", SOLD, FIRST))
    assert first.settlements["is_deposit"].tolist() == [True]
    made = ledger.run("settlements", order("1", SOLD, FIRST, SECOND))
    assert made.settlements["is_deposit"].tolist() == [False]
    assert ledger.sums() == {"1": Decimal(120)}


CENTS = st.integers(1, 30_000)


@settings(max_examples=12)
@given(
    instalments=st.lists(CENTS, min_size=1, max_size=4),
    steps=st.lists(st.tuples(st.sampled_from(sorted(TASKS)), st.integers(0, 2)), min_size=1, max_size=6),
    kind=st.sampled_from(["invoice", "order"]),
    difference=st.booleans(),
)
def test_ord_50_and_51_settlements_come_to_what_was_paid_under_any_sequence_of_tasks(
    instalments, steps, kind, difference
):
    """Payments come one after the other while tasks run; at the end everything paid is booked, once."""
    ledger = Ledger(kind=kind, difference=difference)
    parts = [payment(f"{cents / 100:.2f}", paid_at=f"2026-11-{day:02}") for day, cents in enumerate(instalments, 1)]
    come = 0
    for task, more in [*steps, ("orders", len(parts)), ("settlements", 0), ("orders", 0)]:
        come = min(come + more, len(parts))
        ledger.run(task, order("1", SOLD, *reversed(parts[:come])))
    paid = Decimal(sum(instalments)) / 100
    assert [key for key in ledger.booked if "payment" in key] == [
        f"boutique/1/payment-{rank}" for rank in range(1, len(parts) + 1)
    ]
    of_differences = [money.decimal(total) for key, *_, total in ledger.booked.values() if "difference" in key]
    assert ledger.sums()["1"] == paid + sum(of_differences)
    assert ledger.sums()["1"] == (120 if difference and abs(paid - 120) <= 1 else paid)

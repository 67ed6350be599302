"""Every order ends as a document or with an outcome that says why not; every refund is said."""

from __future__ import annotations

import pandas as pd
import pytest
from exchange_given import (
    UNCHECKED,
    address,
    amount,
    context,
    discount,
    erp_customers,
    exchanged,
    line,
    order,
    payment,
    refund,
    said,
    sales,
    shipping,
    told,
)

from passerelle import outcome
from passerelle.exchange import limits
from passerelle.exchange.orders import exchange_orders
from passerelle.model.documents import CUSTOMERS, DOCUMENT_LINES, DOCUMENTS, SETTLEMENTS
from passerelle.model.orders import no_orders

SOLD = line("A", excl="10.00")  # 12.00 with tax


def test_ord_8_an_order_collects_all_its_problems():
    bad = order(
        "1",
        line("NO", excl="10.00"),
        line("NO-2", excl="1.00", rate="8.5"),
        address(country="ZZ"),
        buyer="123456",
        payment_mode="Scalapay",
        carrier="UPS",
        currency="GBP",
        status="42",
    )
    rows = {
        "statuses": [("2", "oui", "invoice")],
        "territories": [("FR", "*", "FRANCE")],
        "payment_modes": [("cb", "*", "CB")],
        "carriers": [("7", "COLIS")],
        "currencies": [],
    }
    made = exchanged(bad, order("2", line("A", excl="1.00")), mappings=rows, articles=None, document_date="invoice")
    assert said(made, "boutique/1") == [
        "account-does-not-fit",
        "document-without-date",
        "unmapped-carrier",
        "unmapped-currency",
        "unmapped-payment-mode",
        "unmapped-status",
        "unmapped-tax",
        "unmapped-tax",
        "unmapped-territory",
        "vat-rate-of-unknown-country",
        "vat-rate-of-unknown-country",
    ]
    assert said(made, "boutique/2") == ["document-without-date", "unmapped-payment-mode"]


def test_ord_8_what_an_order_is_refused_for_names_what_to_do_in_both_languages():
    made = exchanged(order("1", payment_mode="x"), mappings={"payment_modes": []})
    for one in made.outcomes.to_dict("records"):
        for language in ("fr", "en"):
            assert "{" not in outcome.message(one, language) + outcome.todo(one, language)
            assert outcome.todo(one, language)


def test_ord_8_the_totals_of_an_order_that_is_refused_anyway_are_not_said():
    made = exchanged(order("1", SOLD, total="99.00", payment_mode="x"), mappings={"payment_modes": []})
    assert said(made) == ["unmapped-payment-mode"]


def test_ord_8_paid_in_full_where_the_profile_requires_it():
    paid = {"1": "12.00", "2": "11.99", "3": None, "4": "12.004", "5": "12.01"}
    orders = [order(key, SOLD, paid_total=amount(value)) for key, value in paid.items()]
    made = exchanged(*orders, paid_in_full=True)
    assert made.documents["shop_order"].tolist() == ["1", "4"]
    assert said(made) == ["not-paid-in-full"] * 3
    first = made.outcomes.iloc[0]
    assert (first["record"], outcome.message(first, "fr")) == ("boutique/2", "Payé 11.99 EUR pour 12.00 EUR commandés.")
    assert len(exchanged(*orders).documents) == 5


@pytest.mark.parametrize(
    ("sold", "fields"),
    [
        (order("1", line("A", excl="10000000001.00"), total="1.00"), ["net_excl", "net_incl"]),
        (order("1", line("A", "0.000001", excl="20000.00", only=True)), ["net_excl"]),
        (order("1", line("A", 0, excl="5.00")), ["quantity"]),
        (order("1", line("A", "1000000001", excl="5.00")), ["quantity"]),
        (order("1", line("A", excl="5.00", incl="5.00", rate="-20")), ["tax_rate"]),
        (order("1", line("A", excl="5.00", incl="5.00", rate="100.000001")), ["tax_rate"]),
        (order("1", SOLD, shipping(incl="-10000000000.01", only=True), total="1"), ["amount_incl"]),
        (order("1", SOLD, total="90000000000"), ["charged_total"]),
        (order("1", SOLD, currency="GBP", currency_rate=0), ["currency_rate"]),
        (order("1", SOLD, currency="GBP", currency_rate=-860_000), ["currency_rate"]),
        (order("1", SOLD, payment("10000000001")), ["amount"]),
    ],
)
def test_ord_8_a_number_that_cannot_be_true_is_bad_data(sold, fields):
    refused = limits.out_of_range(sales(sold))
    assert set(refused["code"]) == {"number-out-of-range"}
    assert refused["field"].tolist() == fields


def test_ord_8_bad_data_is_refused_before_the_arithmetic_and_leaves_the_others_alone():
    wild = order("1", line("A", "0.000001", excl="9000000000.00", incl="9000000000.00", rate="0"), payment_mode="x")
    unselected = order("2", line("A", 0, excl="5.00"), status="no")
    rows = {"statuses": [("no", "non"), ("*", "oui", "invoice")]}
    made = exchanged(wild, unselected, order("3", SOLD), mappings=rows)
    assert made.documents["shop_order"].tolist() == ["3"]
    assert said(made, "boutique/2") == ["status-not-selected"]
    refused = made.outcomes[made.outcomes["record"] == "boutique/1"]
    assert set(refused["state"]) == {"failed"}
    assert outcome.message(refused.iloc[0], "fr") == "Le nombre 9000000000 (net_excl) ne peut pas être vrai."


def test_ord_8_the_largest_numbers_that_may_be_true_go_through():
    sold = order(
        "1",
        line("A", "1000000000", excl="8000000000.00", incl="8000000000.00", rate="0"),
        line("B", "0.000001", excl="0.01", incl="0.01", rate="0"),
        line("C", excl="5.00", incl="10.00", rate="100"),
        currency_rate=0,
    )
    made = exchanged(sold, mappings={"taxes": [("*", "*", "*", "V")]}, vat=UNCHECKED)
    assert said(made) == []
    assert made.reconciliation.balanced


def test_ord_8_every_refund_is_said_also_of_an_order_that_goes_no_further():
    orders = [
        order("1", SOLD, refund("9", incl="12.00"), refund("10", incl="5.00")),
        order("2", SOLD, refund("9", incl="2.00"), status="no"),
    ]
    made = exchanged(*orders, refunds="ignore", mappings={"statuses": [("no", "non"), ("*", "oui", "invoice")]})
    refunds = made.outcomes[made.outcomes["record_type"] == "refund"]
    assert refunds[["record", "code", "state", "value"]].to_numpy().tolist() == [
        ["boutique/1/refund-10", "refund-not-selected", "ignored", "5.00"],
        ["boutique/1/refund-9", "refund-not-selected", "ignored", "12.00"],
        ["boutique/2/refund-9", "refund-not-selected", "ignored", "2.00"],
    ]
    assert made.documents["document_key"].tolist() == ["boutique/1"]


def test_ord_30_a_negative_discount_adds_to_the_total():
    sold = order("1", SOLD, discount(incl="-6.00"))
    made = exchanged(sold)
    assert told(made, "article", "net_excl", "net_incl", kind="discount") == [("REMISE", "5", "6")]
    assert made.reconciliation.balanced


def test_ord_80_the_status_afterwards_is_an_effect_of_what_went_out_only():
    rows = [("2", "oui", "invoice", "", "Exporté"), ("3", "oui", "invoice")]
    made = exchanged(
        order("1", SOLD),
        order("2", SOLD, total="99.00"),
        order("3", SOLD, status="3"),
        mappings={"statuses": rows},
    )
    assert made.effects.to_dict("records") == [{"order_key": "boutique/1", "kind": "set-status", "value": "Exporté"}]


def test_what_could_not_be_read_is_kept_among_the_outcomes():
    unread = outcome.said("no-deliverable-line", ["boutique/9"], record_type="order", stage="read")
    made = exchange_orders(sales(order("1", SOLD), outcomes=unread), context())
    assert said(made, "boutique/9") == ["no-deliverable-line"]
    assert len(made.documents) == 1


def test_without_any_order_every_table_has_its_columns():
    made = exchange_orders(no_orders(), context(erp_customers=erp_customers()))
    for declared, table in (
        (DOCUMENTS, made.documents),
        (DOCUMENT_LINES, made.lines),
        (CUSTOMERS, made.customers),
        (CUSTOMERS, made.addresses),
        (SETTLEMENTS, made.settlements),
    ):
        assert declared.check(table).empty
    assert made.outcomes.empty
    assert made.new_values == {}
    assert made.reconciliation.balanced
    assert made.reconciliation.rates.empty


def test_every_table_that_goes_out_is_as_declared():
    made = exchanged(
        order("1", SOLD, discount(incl="1.00"), shipping("5.00"), payment("1.00")),
        order("2", SOLD, currency="GBP", currency_rate=860_000),
        mappings={"statuses": [("*", "oui", "order")]},
        settlements={"create": True},
    )
    for declared, table in (
        (DOCUMENTS, made.documents),
        (DOCUMENT_LINES, made.lines),
        (CUSTOMERS, made.customers),
        (CUSTOMERS, made.addresses),
        (SETTLEMENTS, made.settlements),
    ):
        declared.check(table)
    texts = made.documents.select_dtypes("str")
    assert not texts.isna().to_numpy().any()
    assert not made.lines.isna().to_numpy().any()


def test_inv_3_the_same_input_gives_the_same_tables():
    orders = [
        order(str(number), SOLD, shipping("1.00"), discount(incl="1.00"), buyer=str(number % 3)) for number in range(6)
    ]
    first, second = (exchanged(*orders, settlements={"create": True}) for _ in range(2))
    for name in ("documents", "lines", "customers", "addresses", "settlements", "accounts", "outcomes", "effects"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))
    pd.testing.assert_series_equal(first.contents, second.contents)


class TestWithout:
    MADE = exchanged(
        order("1", SOLD, buyer="1"),
        order("2", SOLD, buyer="1"),
        order("3", SOLD, buyer="3"),
        order("4", SOLD, buyer={"customer_id": "4", "email": "boutique/3@example.fr"}),
        mappings={"statuses": [("*", "oui", "invoice", "", "Exporté")]},
        settlements={"create": True},
    )

    def test_an_order_goes_with_all_that_only_it_needs(self):
        kept = self.MADE.without({"boutique/3", "boutique/4"})
        keys = ["boutique/1", "boutique/2"]
        assert kept.documents["document_key"].tolist() == keys
        assert kept.lines["document_key"].tolist() == keys
        assert kept.settlements["document_key"].tolist() == keys
        assert kept.effects["order_key"].tolist() == keys
        assert kept.contents.index.tolist() == keys
        assert kept.reconciliation.documents["order_key"].tolist() == keys
        assert set(kept.reconciliation.parts["order_key"]) == set(keys)
        assert kept.customers["customer_code"].tolist() == ["PREST0001"]
        assert kept.addresses["customer_code"].tolist() == ["PREST0001"]
        assert kept.accounts["customer_code"].tolist() == ["PREST0001"]

    def test_a_customer_that_another_order_needs_stays(self):
        kept = self.MADE.without({"boutique/1", "boutique/3"})
        assert kept.customers["customer_code"].tolist() == ["PREST0001", "PREST0003"]
        assert kept.accounts["customer_key"].tolist() == ["boutique/1", "boutique/3", "boutique/4"]

    def test_what_was_never_there_changes_nothing(self):
        pd.testing.assert_frame_equal(self.MADE.without({"boutique/99"}).documents, self.MADE.documents)

"""Wix documents: the samples, and orders made to show one rule each."""

from __future__ import annotations

import copy
import json
from functools import partial
from typing import Any

import documents_given as docs
import pandas as pd
import pytest
from documents_given import exchanged, places, refusals, said, spoiled, told, totals
from hypothesis import given, settings
from hypothesis import strategies as st

read = partial(docs.read, "wix")
AMOUNTS = ("gross_excl", "gross_incl", "net_excl", "net_incl", "tax_rate")


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "formattedAmount": f"{amount} €"}


LINE = {
    "id": "00000000-0000-0000-0000-000000000001",
    "productName": {"original": "Théière", "translated": "Teapot"},
    "physicalProperties": {"sku": "TH-1"},
    "quantity": 2,
    "price": euros("50.0"),
    "totalDiscount": euros("0"),
    "totalPriceBeforeTax": euros("100.0"),
    "totalPriceAfterTax": euros("120.0"),
    "taxDetails": {"taxRate": "0.2", "totalTax": euros("20.0")},
}
PLACE = {
    "address": {
        "country": "FR",
        "subdivision": "FR-75",
        "city": "Paris",
        "postalCode": "75002",
        "streetAddress": {"number": "1", "name": "rue de la Paix"},
        "addressLine2": "Bât. B",
    },
    "contactDetails": {"firstName": "Zoé", "lastName": "Garçon", "company": "Chez Zoé", "phone": "0102030405"},
}
ORDER = {
    "id": "265c7d98-a7c3-48c4-89cd-bbdc00921eab",
    "number": "10108",
    "createdDate": "2026-03-29T00:30:00.718Z",
    "updatedDate": "2026-03-29T01:30:00.130Z",
    "status": "APPROVED",
    "paymentStatus": "PAID",
    "fulfillmentStatus": "FULFILLED",
    "currency": "EUR",
    "taxIncludedInPrices": False,
    "lineItems": [LINE],
    "buyerInfo": {"contactId": "f61f30cd-7474-47b7-95a2-339c0fcacbd3", "email": "zoe@example.com"},
    "buyerLanguage": "fr",
    "buyerNote": "Sonner 2 fois",
    "billingInfo": PLACE,
    "shippingInfo": {
        "code": "a0fde0a4",
        "title": "Colissimo",
        "logistics": {"shippingDestination": PLACE},
        "cost": {
            "price": euros("5"),
            "discount": euros("0"),
            "totalPriceBeforeTax": euros("5"),
            "totalPriceAfterTax": euros("6"),
            "taxDetails": {"taxRate": "0.2", "totalTax": euros("1")},
        },
    },
    "priceSummary": {"discount": euros("0"), "tax": euros("21"), "total": euros("126")},
    "taxSummary": {"totalTax": euros("21")},
    "appliedDiscounts": [],
    "additionalFees": [],
    "customFields": [{"title": "SIRET", "value": "73282932000074"}],
}
PAYMENT = {
    "id": "b2215acc",
    "regularPaymentDetails": {"paymentMethod": "CreditCard", "providerTransactionId": "T-1", "status": "APPROVED"},
    "createdDate": "2026-03-29T00:31:00Z",
    "amount": euros("126"),
}
REFUND = {
    "id": "39681184",
    "createdDate": "2026-04-02T10:00:00Z",
    "transactions": [{"paymentId": "b2215acc", "amount": euros("60"), "refundStatus": "SUCCEEDED"}],
    "details": {"items": [{"lineItemId": LINE["id"], "quantity": 1}], "shippingIncluded": False, "reason": "Abîmé"},
}


def order(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(ORDER), **changes}


def line(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(LINE), **changes}


def transactions(*refunds: Any, payments: Any = (PAYMENT,)) -> dict[str, Any]:
    return {"orderTransactions": [{"orderId": ORDER["id"], "payments": list(payments), "refunds": list(refunds)}]}


class TestSamples:
    @pytest.mark.parametrize("includes_tax", [False, True])
    def test_ord_27_every_order_becomes_a_document_of_what_was_charged(self, samples, includes_tax):
        sales = docs.sample(samples, "wix", "ecom_order.json", "ecom_order_updated_event.json")
        made = exchanged(sales, includes_tax=includes_tax)
        assert refusals(made) == []
        assert totals(made) == {"boutique/10108": ("215.66", "0"), "boutique/10001": ("25", "0")}

    def test_ecommerce_order(self, samples):
        sales = docs.sample(samples, "wix", "ecom_order.json")
        assert sales.outcomes.empty
        header = sales.orders.iloc[0]
        assert (header["order_key"], header["order_reference"], header["status"]) == ("boutique/10108", "10108", "PAID")
        assert header["created_at"] == pd.Timestamp("2021-05-25 15:51:01")
        assert header["customer_key"] == "boutique/f61f30cd-7474-47b7-95a2-339c0fcacbd3"
        # taxRate is "0" beside a tax: the rate is the one that the owner typed in
        assert told(sales.lines, "label", "quantity", *AMOUNTS) == [
            ("Indonesian Blend", "2", "70", None, "66.5", "69.16", "4"),
            ("Brazilian Arabica", "3", "146.25", None, "138.94", "144.5", "4"),
        ]
        assert told(sales.charges, "label", "amount_excl", "amount_incl", "tax_rate") == [
            ("U.S Shipping", "2", "2", "0")
        ]
        assert sales.allowances.empty  # 10.81 stands three times in appliedDiscounts, and is in the lines
        assert told(sales.taxes, "tax_rate", "tax_amount") == [("4", "8.22")]
        assert told(sales.addresses, "kind", "line_1", "line_2", "postcode", "state", "country") == [
            (kind, "235 West 23rd Street", "3rd floor", "10011", "NY", "US") for kind in ("billing", "delivery")
        ]

    def test_ord_61_payments_and_refunds_of_another_file(self, samples):
        sales = docs.sample(samples, "wix", "ecom_order.json", "order_transactions_list.json")
        unknown = "orderTransactions.refunds.details.items.lineItemId"
        assert said(sales) == [
            ("boutique/d1748680-7fd5-401e-9f71-cd3b9ea70bdb", "export-order-missing", "orderTransactions", ""),
            ("boutique/10108", "refund-line-unknown", unknown, "2c204c9d-033c-c63c-9d7c-df791f553624"),
        ]
        assert told(sales.payments, "payment_mode", "amount") == [("offline", "13")]
        assert told(sales.orders, "charged_total", "paid_total") == [("215.66", "13")]
        assert told(sales.refunds, "amount_incl") == [("13",)]
        assert told(sales.refund_lines, "kind", "amount_incl") == [("shipping", "2"), ("amount", "11")]

    def test_orders_of_stores_v2_are_read_alike(self, samples):
        new = docs.sample(samples, "wix", "ecom_order.json")
        old = docs.sample(samples, "wix", "stores_v2_orders_query.json")
        same = ["order_key", "status", "created_at", "charged_total", "charged_total_excl", "carrier"]
        assert old.orders[same].equals(new.orders[same])
        amounts = ["label", "quantity", *AMOUNTS[:-1]]
        assert old.lines[amounts].equals(new.lines[amounts])
        places_ = ["kind", "last_name", "line_1", "line_2", "postcode", "city", "state", "country"]
        assert old.addresses[places_].equals(new.addresses[places_])
        assert told(old.payments, "payment_mode", "amount", "paid_at") == [
            ("offline", "215.66", pd.Timestamp("2021-05-25 15:55:55"))
        ]

    def test_ord_41_stores_v2_tells_no_rate(self, samples):
        sales = docs.sample(samples, "wix", "stores_v2_orders_query.json")
        assert refusals(exchanged(sales)) == [("boutique/10108", "unknown-tax-rate")] * 2
        sales.lines["reference"] = "CAFE"
        assert totals(exchanged(sales, rates={"CAFE": "4"})) == {"boutique/10108": ("215.66", "0")}

    def test_ord_27_an_order_that_does_not_add_up_is_refused(self, samples):
        """9.00 + 1.00 + 3.00 + 1.00 is not 15.00."""
        sales = docs.sample(samples, "wix", "stores_v2_fulfillment_update.json")
        sales.lines["tax_rate"] = 10_000_000
        sales.charges["tax_rate"] = 20_000_000
        made = exchanged(sales, rounding_ceiling="0.5")
        assert refusals(made) == [("boutique/10096", "total-mismatch")]

    def test_a_fulfilment_event_has_the_whole_order(self, samples):
        sales = docs.sample(samples, "wix", "ecom_fulfillment_event.json")
        assert sales.orders["order_id"].tolist() == ["10001"]
        assert told(sales.addresses, "kind") == [("billing",)]

    def test_what_holds_no_order_is_told(self, samples):
        sales = docs.sample(samples, "wix", "inventory_query.json", "product_v1.json")
        assert [one[:2] for one in said(sales)] == [("f0.json", "export-unused"), ("f1.json", "export-unused")]


class TestHeader:
    def test_buyer_address_and_notes(self):
        sales = read({"orders": [order()]})
        header = sales.orders.iloc[0]
        assert header["updated_at"] == pd.Timestamp("2026-03-29 03:30")  # the clock went forward
        assert (header["note"], header["carrier_id"], header["carrier"]) == ("Sonner 2 fois", "a0fde0a4", "Colissimo")
        assert told(sales.parties, "is_guest", "last_name", "company", "email", "siret", "language") == [
            (True, "Garçon", "Chez Zoé", "zoe@example.com", "73282932000074", "fr")
        ]
        assert told(sales.addresses, "kind", "line_1", "line_2", "state") == [
            ("billing", "1 rue de la Paix", "Bât. B", "75"),
            ("delivery", "1 rue de la Paix", "Bât. B", "75"),
        ]
        assert totals(exchanged(sales)) == {"boutique/10108": ("126", "0")}

    def test_cus_2_a_buyer_s_account_comes_from_the_number_of_the_first_order(self):
        sales = read([order(number="9"), order(number="10")])
        assert told(sales.parties, "customer_key", "customer_id") == [
            ("boutique/f61f30cd-7474-47b7-95a2-339c0fcacbd3", "9")
        ]
        assert set(exchanged(sales).documents["customer_code"]) == {"C00000000009"}

    def test_ord_7_a_member_is_no_guest_and_a_visitor_is_a_buyer_per_order(self):
        member = order(number="1", buyerInfo={"memberId": "m", "contactId": "c"})
        visitor = order(number="2", buyerInfo={"visitorId": "v"})
        sales = read([member, visitor])
        assert told(sales.parties, "customer_key", "is_guest") == [("boutique/c", False), ("boutique/order-2", True)]

    @pytest.mark.parametrize(
        ("state", "payment", "status", "paid"),
        [
            ("APPROVED", "PAID", "PAID", "126"),
            ("CANCELED", "PAID", "CANCELED", "126"),
            ("APPROVED", "NOT_PAID", "NOT_PAID", "0"),
            ("APPROVED", "PARTIALLY_PAID", "PARTIALLY_PAID", "100"),
        ],
    )
    def test_ord_2_status_and_what_was_paid(self, state, payment, status, paid):
        sales = read(order(status=state, paymentStatus=payment, balanceSummary={"balance": euros("26")}))
        assert told(sales.orders, "status", "paid_total") == [(status, paid)]

    def test_ord_50_payments_that_went_through(self):
        declined = {**PAYMENT, "id": "x", "regularPaymentDetails": {"status": "DECLINED"}}
        card = {"id": "g", "giftcardPaymentDetails": {"voided": False}, "amount": euros("26")}
        voided = {"id": "h", "giftcardPaymentDetails": {"voided": True}, "amount": euros("26")}
        sales = read(order(), transactions(payments=[{**PAYMENT, "amount": euros("100")}, declined, card, voided]))
        assert told(sales.payments, "payment_mode", "amount", "transaction_id") == [
            ("CreditCard", "100", "T-1"),
            ("giftCard", "26", "g"),
        ]
        assert told(sales.orders, "payment_mode", "paid_total", "paid_at") == [
            ("CreditCard", "126", pd.Timestamp("2026-03-29 01:31"))
        ]


class TestAmounts:
    def test_ord_22_prices_with_tax(self):
        discounted = line(totalDiscount=euros("12"), totalPriceBeforeTax=euros("90"), totalPriceAfterTax=euros("108"))
        summary = {"discount": euros("12"), "tax": euros("19"), "total": euros("114")}
        sales = read(order(lineItems=[discounted], taxIncludedInPrices=True, priceSummary=summary))
        assert told(sales.lines, *AMOUNTS) == [(None, "120", "90", "108", "20")]
        assert totals(exchanged(sales, includes_tax=True)) == {"boutique/10108": ("114", "0")}

    @pytest.mark.parametrize(("included", "excl", "incl"), [(False, "95", "114"), (True, "76", "95")])
    def test_amounts_that_are_not_told_come_from_price_discount_and_tax(self, included, excl, incl):
        untold = line(
            totalPriceBeforeTax=None,
            totalPriceAfterTax=None,
            totalDiscount=euros("5"),
            taxDetails={"taxRate": "0.2", "totalTax": euros("19")},
        )
        sales = read(order(lineItems=[untold], taxIncludedInPrices=included))
        assert told(sales.lines, "net_excl", "net_incl") == [(excl, incl)]

    @pytest.mark.parametrize(("manual", "expected"), [("0.2", "20"), ("0.1", None), (None, None)])
    def test_ord_41_the_owner_s_rate_counts_where_it_explains_the_tax(self, manual, expected):
        silent = line(taxDetails={"taxRate": "", "totalTax": euros("20")})
        sales = read(order(lineItems=[silent], taxSummary={"totalTax": euros("21"), "manualTaxRate": manual}))
        assert told(sales.lines, "tax_rate") == [(expected,)]

    def test_ord_25_fees_and_those_that_are_gift_wrapping(self):
        fees = [
            {"id": "1", "name": "Emballage", "price": euros("2"), "taxDetails": {"taxRate": "0.2", "totalTax": "0.4"}},
            {"id": "2", "code": "small-order", "priceBeforeTax": euros("1"), "priceAfterTax": euros("1.2")},
        ]
        summary = {"discount": euros("0"), "tax": euros("21.6"), "total": euros("129.6")}
        sales = read(order(additionalFees=fees, priceSummary=summary), wrapping_labels=("Emballage",))
        assert told(sales.charges, "kind", "label", "amount_excl", "amount_incl", "tax_rate") == [
            ("shipping", "Colissimo", "5", "6", "20"),
            ("wrapping", "Emballage", "2", "2.4", "20"),
            ("fee", "small-order", "1", "1.2", None),
        ]
        assert totals(exchanged(sales)) == {"boutique/10108": ("129.6", "0")}

    def test_ord_26_what_the_lines_lack_of_the_discount_is_an_allowance(self):
        summary = {"discount": euros("10"), "tax": euros("19"), "total": euros("114")}
        coupon = {"discountType": "GLOBAL", "coupon": {"id": "1", "code": "ETE", "amount": euros("10")}}
        sales = read(order(priceSummary=summary, appliedDiscounts=[coupon]))
        assert told(sales.allowances, "label", "amount_excl", "amount_incl") == [("ETE", "10", None)]
        assert totals(exchanged(sales)) == {"boutique/10108": ("114", "0")}


class TestRefunds:
    def test_ord_61_lines_have_their_share(self):
        sales = read(order(), transactions(REFUND))
        assert sales.outcomes.empty
        assert told(sales.refunds, "refund_id", "refunded_at", "amount_excl", "amount_incl", "reason") == [
            ("39681184", pd.Timestamp("2026-04-02 12:00"), "50", "60", "Abîmé")
        ]
        assert told(sales.refund_lines, "kind", "quantity", "amount_excl", "amount_incl", "tax_rate") == [
            ("article", "1", "50", "60", "20")
        ]

    def test_ord_61_shipping_given_back(self):
        moved = [{"amount": euros("126"), "refundStatus": "SUCCEEDED"}]
        details = {"items": [{"lineItemId": LINE["id"], "quantity": 2}], "shippingIncluded": True}
        sales = read(order(), transactions({**REFUND, "transactions": moved, "details": details}))
        assert told(sales.refund_lines, "kind", "amount_incl", "tax_rate") == [
            ("article", "120", "20"),
            ("shipping", "6", "20"),
        ]

    @pytest.mark.parametrize("status", ["PENDING", "FAILED"])
    def test_ord_61_a_refund_that_was_not_carried_out_is_none(self, status):
        moved = [{"amount": euros("60"), "refundStatus": status}]
        sales = read(order(), transactions({**REFUND, "transactions": moved}))
        assert said(sales) == [("boutique/10108", "refund-not-carried-out", "refunds", "39681184")]
        assert sales.refunds.empty

    def test_ord_61_a_refunded_order_without_transactions_is_said(self):
        sales = read(order(paymentStatus="PARTIALLY_REFUNDED"))
        assert said(sales) == [("boutique/10108", "refunds-not-given", "orderTransactions", "PARTIALLY_REFUNDED")]

    def test_ord_61_refunds_of_stores_v2_stand_in_the_order(self, samples):
        content = json.loads((samples / "wix/stores_v2_orders_query.json").read_bytes())
        content["orders"][0]["refunds"] = [{"id": "r1", "dateCreated": "2021-06-01T10:00:00Z", "amount": "10.0"}]
        sales = read(content)
        assert told(sales.refunds, "refund_id", "refunded_at", "amount_incl") == [
            ("r1", pd.Timestamp("2021-06-01 12:00"), "10")
        ]


class TestFiles:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"priceSummary": {}}, ("export-value-missing", "priceSummary.total", "")),
            ({"priceSummary": {"total": euros("douze")}}, ("export-value-wrong", "priceSummary.total", "douze")),
            ({"createdDate": "hier"}, ("export-value-wrong", "createdDate", "hier")),
            ({"currency": ""}, ("export-value-missing", "currency", "")),
            ({"lineItems": None}, ("export-value-missing", "lineItems", "")),
            ({"lineItems": [line(quantity="deux")]}, ("export-value-wrong", "lineItems.quantity", "deux")),
            ({"lineItems": [line(price=None)]}, ("export-value-missing", "lineItems.price", "")),
            (
                {"lineItems": [line(taxDetails={"taxRate": "20"})]},
                ("export-value-wrong", "lineItems.taxDetails.taxRate", "20"),
            ),
            ({"billingInfo": "Zoé"}, ("export-value-wrong", "billingInfo", "Zoé")),
        ],
        ids=lambda one: one[1] if isinstance(one, tuple) else "",
    )
    def test_ord_8_a_bad_value_refuses_its_order_with_field_and_value(self, changes, expected):
        sales = read({"orders": [order(**changes), order(number="11")]})
        assert said(sales)[0] == ("boutique/10108", *expected)
        assert set(sales.outcomes["record"]) == {"boutique/10108"}
        for name in ("orders", "lines", "charges", "payments", "addresses"):
            assert set(getattr(sales, name)["order_key"]) == {"boutique/11"}

    def test_sec_4_an_error_of_the_shop_is_told(self):
        answer = {"message": "Site not found", "details": {}}
        assert said(read(answer)) == [("f0.json", "export-webservice-error", "", "Site not found")]

    def test_the_same_order_of_two_events_counts_once(self):
        sales = read({"order": order()}, {"updatedEvent": {"currentEntity": order()}})
        assert said(sales) == [("boutique/10108", "repeated-order", "", "")]


FULL = order(
    lineItems=[line(), line(id="2", totalDiscount=euros("5"), taxDetails={"taxRate": "0", "totalTax": euros("20")})],
    additionalFees=[{"id": "1", "name": "Emballage", "price": euros("2")}],
    appliedDiscounts=[{"discountType": "GLOBAL", "coupon": {"code": "ETE", "amount": euros("10")}}],
    priceSummary={"discount": euros("10"), "tax": euros("21"), "total": euros("126")},
    taxSummary={"totalTax": euros("21"), "manualTaxRate": "0.2"},
    balanceSummary={"balance": euros("26")},
)
MOVED = transactions(REFUND)["orderTransactions"][0]


OTHER = "boutique/987654321"
"""An order beside the spoiled ones; no value is that number by chance."""


class TestAnything:
    @settings(max_examples=4, deadline=None)
    @given(changes=st.lists(st.tuples(st.sampled_from(places(FULL)), docs.VALUES), min_size=30, max_size=30))
    def test_ord_8_any_value_anywhere_ends_as_order_or_outcome(self, changes):
        orders = [spoiled({**FULL, "number": str(100 + rank)}, *change) for rank, change in enumerate(changes)]
        sales = read({"orders": [order(number="987654321"), *orders]})
        refused = set(sales.outcomes.loc[sales.outcomes["state"] == "failed", "record"])
        told_ = refused | set(sales.orders["order_key"])
        assert OTHER in set(sales.orders["order_key"])
        expected = {f"boutique/{100 + rank}" for rank, (path, _) in enumerate(changes) if path[0] != "number"}
        assert expected <= told_
        assert len(told_) >= 1 + len(expected)
        exchanged(sales)

    @settings(max_examples=3, deadline=None)
    @given(changes=st.lists(st.tuples(st.sampled_from(places(MOVED)), docs.VALUES), min_size=10, max_size=10))
    def test_ord_8_any_value_in_transactions_too(self, changes):
        files = [{"orderTransactions": [spoiled(MOVED, *change)]} for change in changes]
        for file in files:
            sales = read(order(), order(number="987654321", id="other"), file)
            assert OTHER in set(sales.orders["order_key"])
            assert len(sales.orders) == 2 or "boutique/10108" in set(sales.outcomes["record"])

    @settings(max_examples=3, deadline=None)
    @given(data=st.data())
    def test_ord_8_any_value_in_stores_v2_too(self, samples, data):
        whole = json.loads((samples / "wix/stores_v2_orders_query.json").read_bytes())["orders"][0]
        paths = [path for path in places(whole) if path[0] not in {"number", "id"}]
        changes = data.draw(st.lists(st.tuples(st.sampled_from(paths), docs.VALUES), min_size=20, max_size=20))
        orders = [spoiled({**whole, "number": str(rank)}, *change) for rank, change in enumerate(changes)]
        sales = read({"orders": orders})
        refused = set(sales.outcomes.loc[sales.outcomes["state"] == "failed", "record"])
        assert refused | set(sales.orders["order_key"]) == {f"boutique/{rank}" for rank in range(20)}

    @settings(max_examples=10, deadline=None)
    @given(data=st.data())
    def test_a_damaged_file_never_raises(self, data):
        text = json.dumps({"orders": [FULL]}, ensure_ascii=False).encode()
        place = data.draw(st.integers(0, len(text) - 1))
        damaged = data.draw(st.sampled_from([text[:place], text[:place] + b"\xff" + text[place + 1 :]]))
        sales = read(damaged)
        assert len(sales.orders) or len(sales.outcomes)

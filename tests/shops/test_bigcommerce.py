"""BigCommerce documents: the samples, and orders made to show one rule each."""

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

from passerelle import money

read = partial(docs.read, "bigcommerce")
AMOUNTS = ("gross_excl", "gross_incl", "net_excl", "net_incl", "tax_rate")
PLACE = {
    "id": 51,
    "order_id": 10,
    "first_name": "Zoé",
    "last_name": "Garçon",
    "company": "",
    "street_1": "1 rue de la Paix",
    "street_2": "Bât. B",
    "city": "Paris",
    "state": "Paris",
    "zip": "75002",
    "country": "France",
    "country_iso2": "FR",
    "phone": "0102030405",
    "email": "zoe@example.com",
    "items_total": 2,
    "shipping_method": "Colissimo",
    "cost_ex_tax": "5.0000",
    "cost_inc_tax": "6.0000",
}
PRODUCT = {
    "id": 65,
    "order_id": 10,
    "product_id": 77,
    "order_address_id": 51,
    "name": "Théière",
    "sku": "TH-1",
    "base_price": "50.0000",
    "total_ex_tax": "100.0000",
    "total_inc_tax": "120.0000",
    "total_tax": "20.0000",
    "quantity": 2,
    "parent_order_product_id": None,
    "applied_discounts": [],
}
TAX = {
    "id": 1,
    "order_id": 10,
    "order_address_id": 51,
    "name": "TVA",
    "class": "Default Tax Class",
    "rate": "20.0000",
    "priority": 0,
    "priority_amount": "21.0000",
    "line_amount": "21.0000",
}
ORDER = {
    "id": 10,
    "customer_id": 5,
    "date_created": "Sun, 29 Mar 2026 00:30:00 +0000",
    "date_modified": "Sun, 29 Mar 2026 01:30:00 +0000",
    "status_id": 11,
    "status": "Awaiting Fulfillment",
    "subtotal_ex_tax": "100.0000",
    "subtotal_inc_tax": "120.0000",
    "shipping_cost_ex_tax": "5.0000",
    "shipping_cost_inc_tax": "6.0000",
    "handling_cost_ex_tax": "0.0000",
    "handling_cost_inc_tax": "0.0000",
    "wrapping_cost_ex_tax": "0.0000",
    "wrapping_cost_inc_tax": "0.0000",
    "total_ex_tax": "105.0000",
    "total_inc_tax": "126.0000",
    "is_tax_inclusive_pricing": False,
    "payment_method": "Carte bancaire",
    "payment_status": "captured",
    "store_credit_amount": "0.0000",
    "gift_certificate_amount": "0.0000",
    "currency_code": "EUR",
    "default_currency_code": "EUR",
    "store_default_currency_code": "EUR",
    "store_default_to_transactional_exchange_rate": "1.0000000000",
    "customer_message": "Sonner 2 fois",
    "customer_locale": "fr",
    "discount_amount": "0.0000",
    "coupon_discount": "0.0000",
    "shipping_address_count": 1,
    "is_deleted": False,
    "billing_address": {**PLACE, "form_fields": [{"name": "N° TVA", "value": "FR44732829320"}]},
    "products": {"url": "https://api.example.com/v2/orders/10/products", "resource": "/orders/10/products"},
}
TRANSACTION = {
    "id": 9,
    "order_id": "10",
    "event": "purchase",
    "method": "credit_card",
    "amount": 126,
    "currency": "EUR",
    "gateway": "stripe",
    "gateway_transaction_id": "pi_1",
    "status": "ok",
    "date_created": "2026-03-29T00:31:00+00:00",
}
REFUND = {
    "id": 3,
    "order_id": 10,
    "created": "2026-04-02T10:00:00+00:00",
    "reason": "Abîmé",
    "total_amount": 60.0,
    "items": [{"item_type": "PRODUCT", "item_id": 65, "quantity": 1, "requested_amount": None}],
    "payments": [{"id": 1, "amount": 60.0, "is_declined": False}],
}


def order(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(ORDER), **changes}


def product(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(PRODUCT), **changes}


def whole(products: list[Any] | None = None, taxes: list[Any] | None = None, **changes: Any) -> Any:
    """Read an order with its parts in it."""
    parts = {
        "products": products or [product()],
        "shipping_addresses": [PLACE],
        "taxes": [TAX] if taxes is None else taxes,
    }
    return read(order(**{**parts, **changes}))


class TestSamples:
    def test_ord_8_an_order_alone_is_refused_for_what_it_lacks(self, samples):
        sales = docs.sample(samples, "bigcommerce", "orders_v2__101__get.json", "orders_v2__218__get.json")
        assert sales.orders.empty
        assert sorted(one[:3] for one in said(sales)) == [
            (f"boutique/{number}", "export-file-missing", part)
            for number in (101, 218)
            for part in ("products", "shipping_addresses")
        ]

    def test_parts_without_their_order_are_told(self, samples):
        names = (
            "orders_v2__149__products__get_all",
            "docs_order_taxes",
            "docs_order_fees",
            "orders__order_refunds__get_all",
            "orders__transactions__get",
            "customers__get_all",
            "docs_order_shipments",
            "price_lists__3__records__get_all",
            "catalog__products__variants__get_all",
        )
        sales = docs.sample(samples, "bigcommerce", *(f"{name}.json" for name in names))
        assert sales.orders.empty
        assert sorted(one[:3] for one in said(sales)) == [
            ("boutique/1", "export-order-missing", "refunds"),
            ("boutique/121", "export-order-missing", "transactions"),
            ("boutique/138", "export-order-missing", "taxes"),
            ("boutique/149", "export-order-missing", "products"),
            ("f2.json", "records-without-order", ""),
            *((f"f{number}.json", "export-unused", "") for number in (5, 6, 7, 8)),
        ]
        assert read((samples / "bigcommerce/tracking_carrier_values.csv").read_bytes()).outcomes["code"].tolist() == [
            "export-not-recognised"
        ]

    @pytest.mark.parametrize("includes_tax", [False, True])
    def test_ord_27_sample_218_comes_to_what_was_charged_with_lines_of_its_subtotal(self, samples, includes_tax):
        """67.84 + 12.00 - 5.00 - 5.00 = 69.84: prices include tax, though the order does not say so."""
        head = json.loads((samples / "bigcommerce/orders_v2__218__get.json").read_bytes())
        goods = product(order_id=218, quantity=4, total_ex_tax="62.6700", total_inc_tax="67.8400")
        taxes = [{**TAX, "order_id": 218, "rate": "8.2500"}]
        coupons = [{"id": 1, "coupon_id": 4, "order_id": 218, "code": "S2549JM0Y", "discount": "5.0000"}]
        sales = read(head, [goods], [{**PLACE, "order_id": 218}], taxes, coupons)
        assert sales.outcomes.empty
        assert told(sales.orders, "charged_total", "charged_total_excl", "prices_include_tax", "paid_total") == [
            ("69.84", "64.53", True, "0")
        ]
        assert told(sales.allowances, "label", "amount_excl", "amount_incl") == [("S2549JM0Y", None, "10")]
        made = exchanged(sales, includes_tax=includes_tax)
        assert refusals(made) == []
        assert totals(made)["boutique/218"][0] == "69.84"

    def test_ord_30_a_picked_part_of_sample_149_is_a_free_line_at_its_product_s_rate(self, samples):
        products = json.loads((samples / "bigcommerce/orders_v2__149__products__get_all.json").read_bytes())
        head = order(
            id=149,
            subtotal_ex_tax="55.9900",
            subtotal_inc_tax="65.2300",
            shipping_cost_ex_tax="0",
            shipping_cost_inc_tax="0",
            discount_amount="1.5900",
            total_ex_tax="54.4000",
            total_inc_tax="63.3800",
        )
        taxes = [{**TAX, "order_id": 149, "rate": "16.5"}]
        sales = read(head, products, [{**PLACE, "order_id": 149}], taxes)
        assert told(sales.lines, "reference", "parent_line_id", *AMOUNTS) == [
            ("S-ORAN", "", "55.99", None, "54.4", None, "16.5"),
            ("ABS", "65", "0", "0", "0", "0", "16.5"),
        ]
        assert sales.allowances.empty  # the lines have it
        assert totals(exchanged(sales)) == {"boutique/149": ("63.38", "0")}


class TestHeader:
    def test_dates_buyer_addresses_and_payment(self):
        sales = whole()
        header = sales.orders.iloc[0]
        assert header["created_at"] == pd.Timestamp("2026-03-29 01:30")
        assert header["updated_at"] == pd.Timestamp("2026-03-29 03:30")  # the clock went forward in between
        assert (header["customer_key"], header["carrier"], header["note"]) == (
            "boutique/5",
            "Colissimo",
            "Sonner 2 fois",
        )
        assert told(sales.parties, "is_guest", "vat_number", "language") == [(False, "FR44732829320", "fr")]
        assert told(sales.addresses, "kind", "line_1", "line_2", "postcode", "country") == [
            ("billing", "1 rue de la Paix", "Bât. B", "75002", "FR"),
            ("delivery", "1 rue de la Paix", "Bât. B", "75002", "FR"),
        ]
        assert told(sales.payments, "payment_mode", "amount") == [("Carte bancaire", "126")]
        assert totals(exchanged(sales)) == {"boutique/10": ("126", "0")}

    def test_ord_44_the_currency_is_the_one_charged(self):
        sales = whole(
            currency_code="GBP", default_currency_code="USD", store_default_to_transactional_exchange_rate="1.1"
        )
        assert told(sales.orders, "currency", "shop_currency", "currency_rate") == [("USD", "EUR", "1.1")]

    def test_a_guest_is_a_buyer_per_order_and_a_deleted_order_has_its_status(self):
        sales = whole(customer_id=0, is_deleted=True)
        assert told(sales.orders, "customer_key", "status") == [("boutique/order-10", "Deleted")]

    def test_ord_50_transactions_gift_certificates_and_store_credit_are_payments(self):
        transactions = [
            {**TRANSACTION, "amount": 96},
            {**TRANSACTION, "id": 10, "method": "store_credit", "amount": 10, "gateway": "storecredit"},
            {**TRANSACTION, "id": 11, "status": "error"},
            {**TRANSACTION, "id": 12, "event": "authorization"},
            {**TRANSACTION, "id": 13, "currency": "USD"},
        ]
        sales = whole(transactions=transactions, store_credit_amount="10", gift_certificate_amount="20.0000")
        assert told(sales.payments, "payment_mode", "amount", "transaction_id") == [
            ("Carte bancaire", "96", "pi_1"),
            ("store_credit", "10", "pi_1"),
            ("gift_certificate", "20", ""),
        ]
        assert told(sales.orders, "charged_total", "paid_total", "paid_at") == [
            ("126", "126", pd.Timestamp("2026-03-29 01:31"))
        ]
        assert said(sales) == [("boutique/10", "payment-other-currency", "transactions.currency", "USD")]

    def test_ord_50_a_gift_certificate_of_an_order_without_transactions(self):
        sales = whole(gift_certificate_amount="20.0000")
        assert told(sales.payments, "payment_mode", "amount") == [("Carte bancaire", "106"), ("gift_certificate", "20")]
        assert told(sales.orders, "paid_total") == [("126",)]

    @pytest.mark.parametrize(
        ("status", "paid"), [("captured", "126"), ("partially refunded", "126"), ("authorized", "0"), ("", None)]
    )
    def test_without_transactions_the_payment_status_tells(self, status, paid):
        assert told(whole(payment_status=status).orders, "paid_total") == [(paid,)]


class TestParts:
    def test_parts_come_from_files_in_any_order(self):
        parts = ([product()], [PLACE], [TAX], {"data": [TRANSACTION]}, {"data": [REFUND]})
        sales = read(order(), *parts)
        assert sales.outcomes.empty
        assert len(sales.payments) == len(sales.refunds) == len(sales.lines) == 1
        assert docs.same_tables(sales, read(*reversed(parts), [order()]))

    def test_parts_by_order_number(self):
        sales = read([order()], {"10": [product()]}, {"10": [PLACE]}, {"10": {"fees": [FEE]}})
        assert told(sales.charges, "kind", "label", "amount_excl", "amount_incl") == [
            ("shipping", "Colissimo", "5", "6"),
            ("fee", "Frais de dossier", "4", "4.8"),
        ]

    def test_ord_25_handling_and_gift_wrapping(self):
        sales = whole(
            handling_cost_ex_tax="1",
            handling_cost_inc_tax="1.2",
            wrapping_cost_ex_tax="2",
            wrapping_cost_inc_tax="2.4",
            total_ex_tax="108",
            total_inc_tax="129.6",
        )
        assert told(sales.charges, "kind", "label", "amount_incl") == [
            ("shipping", "Colissimo", "6"),
            ("fee", "Frais de traitement", "1.2"),
            ("wrapping", "Emballage cadeau", "2.4"),
        ]
        assert totals(exchanged(sales)) == {"boutique/10": ("129.6", "0")}

    def test_ord_73_lines_and_shipping_go_with_their_delivery_address(self):
        other = {
            **PLACE,
            "id": 52,
            "city": "Lyon",
            "shipping_method": "Chronopost",
            "cost_ex_tax": "10",
            "cost_inc_tax": "12",
        }
        sales = whole(
            [product(), product(id=66, order_address_id=52, total_ex_tax="50", total_inc_tax="60")],
            shipping_addresses=[PLACE, other],
            shipping_address_count=2,
            shipping_cost_ex_tax="15",
            shipping_cost_inc_tax="18",
            total_ex_tax="165",
            total_inc_tax="198",
        )
        assert sales.outcomes.empty
        assert told(sales.lines, "line_id", "address_id") == [("65", "51"), ("66", "52")]
        assert told(sales.charges, "label", "amount_incl", "address_id") == [
            ("Colissimo", "6", "51"),
            ("Chronopost", "12", "52"),
        ]
        assert told(sales.addresses, "kind", "city", "address_id") == [
            ("billing", "Paris", ""),
            ("delivery", "Paris", "51"),
            ("delivery", "Lyon", "52"),
        ]

    def test_ord_73_shipping_that_the_addresses_do_not_explain_is_the_order_s(self):
        sales = whole(shipping_addresses=[{**PLACE, "cost_inc_tax": "7"}])
        assert told(sales.charges, "label", "amount_incl", "address_id") == [("Colissimo", "6", "")]

    def test_ord_73_an_address_that_is_not_given_refuses_the_order(self):
        assert said(whole(shipping_address_count=2)) == [
            ("boutique/10", "export-file-missing", "shipping_addresses", "")
        ]
        sales = whole([product(order_address_id=99)], shipping_addresses=[PLACE, {**PLACE, "id": 52}])
        assert said(sales) == [("boutique/10", "export-record-missing", "shipping_addresses", "99")]

    def test_ord_6_messages_of_buyer_and_shop(self):
        message = {"id": 2, "order_id": 10, "subject": "Livraison", "message": "Quand ?", "status": "read"}
        sales = whole(messages=[{**message, "date_created": "Mon, 30 Mar 2026 10:00:00 +0000"}])
        assert told(sales.messages, "written_at", "text") == [(pd.Timestamp("2026-03-30 12:00"), "Livraison\nQuand ?")]

    def test_a_digital_order_needs_no_address(self):
        assert len(read(order(products=[product()], shipping_address_count=0)).orders) == 1


FEE = {
    "id": 1,
    "base_cost": "4",
    "cost_exc_tax": "4",
    "cost_inc_tax": "4.8",
    "display_name_customer": "Frais de dossier",
}


class TestTaxes:
    @pytest.mark.parametrize(("priorities", "total"), [((0, 0), "123.2"), ((0, 1), "123.84")])
    def test_ord_31_equal_priorities_add_and_different_ones_compound(self, priorities, total):
        first, second = priorities
        taxes = [
            {
                **TAX,
                "id": 1,
                "name": "Éco",
                "rate": "3.2",
                "priority": first,
                "line_item_type": "item",
                "order_product_id": 65,
            },
            {**TAX, "id": 2, "rate": "20", "priority": second, "line_item_type": "item", "order_product_id": 65},
        ]
        sales = whole(
            [product(quantity=1, total_inc_tax=total)],
            taxes,
            subtotal_inc_tax=total,
            shipping_cost_ex_tax="0",
            shipping_cost_inc_tax="0",
            total_ex_tax="100",
            total_inc_tax=total,
        )
        rate = money.shortest(money.of(total) - 100 * money.ONE)
        assert told(sales.lines, "tax_rate", "tax_name") == [(rate, "Éco + TVA")]
        assert told(sales.taxes, "tax_name", "tax_rate") == [("Éco", "3.2"), ("TVA", "20")]
        assert totals(exchanged(sales)) == {"boutique/10": (total, "0")}

    def test_ord_41_the_class_that_explains_a_line_s_amounts_gives_its_rate(self):
        book = product(id=66, sku="L-1", total_ex_tax="10.0000", total_inc_tax="10.5500", quantity=1)
        free = product(id=67, sku="G-1", total_ex_tax="8", total_inc_tax="8", quantity=1)
        taxes = [TAX, {**TAX, "id": 2, "name": "TVA réduite", "class": "Livres", "rate": "5.5"}]
        lines = whole([product(), book, free], taxes).lines
        assert told(lines, "reference", "tax_rate", "tax_name") == [
            ("TH-1", "20", "TVA"),
            ("L-1", "5.5", "TVA réduite"),
            ("G-1", "0", ""),
        ]

    def test_a_rate_that_nobody_tells_is_not_invented(self):
        sales = whole(taxes=[])
        assert sales.lines["tax_rate"].isna().all()
        assert ("boutique/10", "unknown-tax-rate") in refusals(exchanged(sales))
        assert totals(exchanged(sales, rates={"TH-1": "20"})) == {"boutique/10": ("126", "0")}

    def test_ord_26_a_discount_comes_off_the_amounts_that_are_exact(self):
        discount = {"id": "manual-discount", "amount": "12", "target": "order"}
        changes = {"discount_amount": "12", "total_ex_tax": "95.00", "total_inc_tax": "114"}
        inclusive = whole([product(applied_discounts=[discount])], is_tax_inclusive_pricing=True, **changes)
        assert told(inclusive.lines, *AMOUNTS) == [(None, "120", None, "108", "20")]
        assert totals(exchanged(inclusive)) == {"boutique/10": ("114", "0")}
        changes |= {"total_ex_tax": "93", "total_inc_tax": "111.6"}
        exclusive = whole([product(applied_discounts=[discount])], **changes)
        assert told(exclusive.lines, *AMOUNTS) == [("100", None, "88", None, "20")]
        assert totals(exchanged(exclusive)) == {"boutique/10": ("111.6", "0")}

    def test_ord_26_discounts_beyond_what_the_order_deducts_are_not_used(self):
        discount = {"id": "x", "amount": "30", "target": "order"}
        sales = whole([product(applied_discounts=[discount])], coupon_discount="12")
        assert told(sales.lines, "net_excl") == [("100",)]
        assert told(sales.allowances, "amount_excl", "amount_incl") == [("12", None)]

    def test_amounts_of_which_neither_family_adds_up_refuse_the_order(self):
        sales = whole(is_tax_inclusive_pricing=None, total_ex_tax="1", total_inc_tax="2")
        assert said(sales) == [("boutique/10", "exact-amounts-unclear", "is_tax_inclusive_pricing", "")]
        assert json.loads(sales.outcomes["params"].iloc[0]) == {"ex": "1", "inc": "2"}


class TestRefunds:
    def test_ord_61_lines_have_their_share_and_shipping_its_rate(self):
        items = [*REFUND["items"], {"item_type": "SHIPPING", "item_id": 51, "requested_amount": 6}]
        sales = whole(refunds=[{**REFUND, "total_amount": 66.5, "items": items}])
        assert told(sales.refunds, "refund_id", "refunded_at", "amount_incl", "reason") == [
            ("3", pd.Timestamp("2026-04-02 12:00"), "66.5", "Abîmé")
        ]
        assert told(sales.refund_lines, "line_id", "kind", "quantity", "amount_excl", "amount_incl", "tax_rate") == [
            ("65", "article", "1", "50", "60", "20"),
            ("", "shipping", "1", None, "6", None),
            ("", "amount", "0", None, "0.5", None),
        ]

    def test_ord_61_a_refund_that_was_declined_is_none(self):
        sales = whole(refunds=[{**REFUND, "payments": [{"is_declined": True}]}])
        assert said(sales) == [("boutique/10", "refund-not-carried-out", "refunds", "3")]
        assert sales.refunds.empty
        assert len(sales.orders) == 1

    def test_ord_61_a_line_that_the_order_does_not_have(self):
        sales = whole(refunds=[{**REFUND, "items": [{"item_type": "PRODUCT", "item_id": 99, "quantity": 1}]}])
        assert said(sales) == [("boutique/10", "refund-line-unknown", "refunds.items.item_id", "99")]
        assert told(sales.refund_lines, "kind", "amount_incl") == [("amount", "60")]

    def test_ord_61_a_refunded_order_without_refunds_is_said(self):
        sales = whole(status_id=14, status="Partially Refunded")
        assert said(sales) == [("boutique/10", "refunds-not-given", "refunds", "Partially Refunded")]


class TestFiles:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"total_inc_tax": ""}, ("export-value-missing", "total_inc_tax", "")),
            ({"total_inc_tax": "douze"}, ("export-value-wrong", "total_inc_tax", "douze")),
            ({"date_created": "hier"}, ("export-value-wrong", "date_created", "hier")),
            (
                {"date_created": "Sun, 31 Feb 2026 00:30:00 +0000"},
                ("export-value-wrong", "date_created", "2026-02-31T00:30:00+0000"),
            ),
            ({"default_currency_code": "", "currency_code": ""}, ("export-value-missing", "default_currency_code", "")),
            ({"products": [product(quantity="deux")]}, ("export-value-wrong", "products.quantity", "deux")),
            ({"products": [product(total_ex_tax=None)]}, ("export-value-missing", "products.total_ex_tax", "")),
            ({"products": [product(applied_discounts="x")]}, ("export-value-wrong", "products.applied_discounts", "x")),
            ({"taxes": [{**TAX, "rate": "vingt"}]}, ("export-value-wrong", "taxes.rate", "vingt")),
            ({"billing_address": "Zoé"}, ("export-value-wrong", "billing_address", "Zoé")),
            ({"refunds": [{**REFUND, "total_amount": "?"}]}, ("export-value-wrong", "refunds.total_amount", "?")),
        ],
        ids=lambda one: one[1] if isinstance(one, tuple) else "",
    )
    def test_ord_8_a_bad_value_refuses_its_order_with_field_and_value(self, changes, expected):
        parts = {"products": [product()], "shipping_addresses": [PLACE], "taxes": [TAX]}
        sales = read([order(**{**parts, **changes}), order(id=11, **parts)])
        assert said(sales)[0] == ("boutique/10", *expected)
        assert set(sales.outcomes["record"]) == {"boutique/10"}
        for name in ("orders", "lines", "charges", "payments", "addresses"):
            assert set(getattr(sales, name)["order_key"]) == {"boutique/11"}

    @pytest.mark.parametrize(
        "answer",
        [
            [{"status": 404, "message": "The requested resource was not found."}],
            {"status": 404, "title": "The requested resource was not found.", "type": "x", "instance": ""},
        ],
    )
    def test_sec_4_an_error_of_the_shop_is_told(self, answer):
        assert said(read(answer)) == [
            ("f0.json", "export-webservice-error", "", "The requested resource was not found.")
        ]

    def test_an_empty_answer_is_nothing(self):
        assert read([], {"data": [], "meta": {}}).outcomes.empty

    def test_two_versions_of_a_part_refuse_the_order(self):
        sales = read(order(), [product()], [product(quantity=3)], [PLACE])
        assert said(sales)[0] == ("boutique/10", "export-record-conflict", "products", "65")


FULL = order(
    products=[
        product(applied_discounts=[{"id": "c", "amount": "5", "code": "X"}]),
        product(id=66, total_ex_tax="0", total_inc_tax="0", parent_order_product_id=65),
    ],
    shipping_addresses=[PLACE],
    taxes=[TAX, {**TAX, "id": 2, "name": "Éco", "rate": "3.2", "priority": 1}],
    coupons=[{"id": 1, "coupon_id": 4, "order_id": 10, "code": "X", "discount": "5.0000"}],
    fees=[FEE],
    transactions=[TRANSACTION],
    refunds=[REFUND],
    coupon_discount="5",
)


OTHER = "boutique/987654321"
"""An order beside the spoiled ones; no value is that number by chance."""


class TestAnything:
    @settings(max_examples=4, deadline=None)
    @given(changes=st.lists(st.tuples(st.sampled_from(places(FULL)[1:]), docs.VALUES), min_size=30, max_size=30))
    def test_ord_8_any_value_anywhere_ends_as_order_or_outcome(self, changes):
        orders = [spoiled({**FULL, "id": 100 + rank}, *change) for rank, change in enumerate(changes)]
        sales = read([order(id=987654321, products=[product()], shipping_addresses=[PLACE]), *orders])
        refused = set(sales.outcomes.loc[sales.outcomes["state"] == "failed", "record"])
        assert OTHER in set(sales.orders["order_key"])
        assert refused | set(sales.orders["order_key"]) == {f"boutique/{one['id']}" for one in orders} | {OTHER}
        exchanged(sales)

    @settings(max_examples=3, deadline=None)
    @given(
        changes=st.lists(
            st.tuples(st.sampled_from(places([PRODUCT, PLACE, TAX, FEE, TRANSACTION, REFUND])), docs.VALUES),
            min_size=10,
            max_size=10,
        )
    )
    def test_ord_8_any_value_in_a_file_of_parts_too(self, changes):
        parts = [PRODUCT, PLACE, TAX, FEE, TRANSACTION, REFUND]
        files = [[spoiled({"parts": parts}, ("parts", *path), value)["parts"][path[0]]] for path, value in changes]
        sales = read(order(), order(id=987654321, products=[product()], shipping_addresses=[PLACE]), *files)
        assert OTHER in set(sales.orders["order_key"])
        assert len(sales.orders) == 2 or "boutique/10" in set(sales.outcomes["record"])

    @settings(max_examples=10, deadline=None)
    @given(data=st.data())
    def test_a_damaged_file_never_raises(self, data):
        text = json.dumps([FULL], ensure_ascii=False).encode()
        place = data.draw(st.integers(0, len(text) - 1))
        damaged = data.draw(st.sampled_from([text[:place], text[:place] + b"\xff" + text[place + 1 :]]))
        sales = read(damaged)
        assert len(sales.orders) or len(sales.outcomes)

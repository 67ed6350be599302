"""Magento documents: the samples, and orders made to show one rule each."""

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

read = partial(docs.read, "magento")
AMOUNTS = ("gross_excl", "gross_incl", "net_excl", "net_incl", "tax_rate")

ITEM = {
    "item_id": 1,
    "sku": "TH-1",
    "name": "Théière",
    "product_type": "simple",
    "qty_ordered": 2,
    "row_total": 100,
    "row_total_incl_tax": 120,
    "tax_amount": 20,
    "tax_percent": 20,
    "discount_amount": 0,
    "discount_tax_compensation_amount": 0,
}
ADDRESS = {
    "firstname": "Zoé",
    "lastname": "Garçon",
    "street": ["1 rue de la Paix", "Bât. B", "Étage 2", "Porte 3"],
    "postcode": "75002",
    "city": "Paris",
    "region_code": "75",
    "country_id": "FR",
    "telephone": "0102030405",
    "email": "zoe@example.com",
    "vat_id": "FR44732829320",
}
ORDER = {
    "entity_id": 10,
    "increment_id": "000000010",
    "state": "processing",
    "status": "processing",
    "created_at": "2026-03-29 00:30:00",
    "updated_at": "2026-03-29 01:30:00",
    "base_currency_code": "EUR",
    "order_currency_code": "EUR",
    "base_to_order_rate": 1,
    "grand_total": 126,
    "tax_amount": 21,
    "total_paid": 126,
    "customer_is_guest": 0,
    "customer_id": 5,
    "customer_group_id": 1,
    "customer_firstname": "Zoé",
    "customer_lastname": "Garçon",
    "customer_email": "zoe@example.com",
    "shipping_description": "Colissimo - Domicile",
    "shipping_amount": 5,
    "shipping_tax_amount": 1,
    "shipping_incl_tax": 6,
    "items": [ITEM],
    "billing_address": ADDRESS,
    "payment": {"method": "payzen", "last_trans_id": "T-1", "additional_information": ["CB"]},
    "status_histories": [],
    "extension_attributes": {"shipping_assignments": [{"shipping": {"address": ADDRESS, "method": "colissimo_home"}}]},
}


def order(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(ORDER), **changes}


def item(**changes: Any) -> dict[str, Any]:
    return {**ITEM, **changes}


def memo(**changes: Any) -> dict[str, Any]:
    """A credit memo of everything but the shipping."""
    line = {"order_item_id": 1, "qty": 2, "row_total": 100, "tax_amount": 20, "discount_amount": 0}
    return {
        "entity_id": 7,
        "order_id": 10,
        "created_at": "2026-04-01 10:00:00",
        "grand_total": 120,
        "adjustment": 0,
        "items": [line],
        **changes,
    }


BUNDLE = [
    item(item_id=1, sku="KIT-A-B", name="Kit", product_type="bundle", tax_percent=None, row_total_incl_tax=None),
    item(
        item_id=2, parent_item_id=1, sku="A", name="Pain", row_total=60, tax_amount=3.3, tax_percent=5.5, qty_ordered=1
    ),
    item(item_id=3, parent_item_id=1, sku="B", name="Verre", row_total=40, tax_amount=8, tax_percent=20, qty_ordered=4),
]


class TestSamples:
    def test_ord_27_every_order_becomes_a_document_of_what_was_charged(self, samples):
        names = ("rest_orders_search.json", "event_order.json", "event_creditmemo.json")
        sales = docs.sample(samples, "magento", *names)
        assert sales.outcomes.empty
        for includes_tax in (False, True):
            made = exchanged(sales, includes_tax=includes_tax)
            assert totals(made) == {"boutique/102": ("28", "0"), "boutique/3": ("68", "0"), "boutique/4": ("68", "0")}
            assert refusals(made) == []

    def test_rest_search_of_a_guest(self, samples):
        sales = docs.sample(samples, "magento", "rest_orders_search.json")
        header = sales.orders.iloc[0]
        assert (header["order_id"], header["order_reference"], header["status"]) == ("102", "000000102", "pending")
        assert header["created_at"] == pd.Timestamp("2018-01-23 16:30:04")
        assert (header["payment_mode"], header["carrier_id"]) == ("cashondelivery", "flatrate_flatrate")
        assert (money.shortest(header["charged_total_excl"]), header["paid_total"]) == ("23.7", 0)
        assert told(sales.lines, *AMOUNTS) == [("22", "27.06", "18.7", "23", "23")]
        assert told(sales.charges, "kind", "amount_incl", "tax_rate") == [("shipping", "5", "0")]
        assert told(sales.parties, "customer_key", "is_guest", "company", "vat_number", "customer_group") == [
            ("boutique/order-102", True, "Divante", "PL8951930748", "0")
        ]
        assert told(sales.addresses, "kind", "line_1", "line_2", "postcode", "country") == [
            ("billing", "XYZ", "17", "50-203", "PL"),
            ("delivery", "XYZ", "13", "51-169", "PL"),
        ]
        assert sales.payments.empty

    def test_ord_30_a_configurable_and_its_child_are_one_line(self, samples):
        sales = docs.sample(samples, "magento", "event_order.json")
        assert told(sales.lines, "line_id", "reference", "label", "quantity", "net_incl") == [
            ("3", "WS03-XS-Blue", "Iris Workout Top", "1", "58")
        ]

    def test_ord_44_amounts_are_in_the_order_s_currency_with_its_rate(self, samples):
        sales = docs.sample(samples, "magento", "event_order.json")
        assert told(sales.orders, "currency", "shop_currency", "currency_rate", "charged_total") == [
            ("UGX", "USD", "2", "68")
        ]
        other = docs.read("magento", (samples / "magento/event_order.json").read_bytes(), shop_currency="EUR")
        assert told(other.orders, "shop_currency", "currency_rate") == [("EUR", None)]

    def test_ord_61_a_credit_memo_gives_back_lines_and_shipping(self, samples):
        sales = docs.sample(samples, "magento", "event_creditmemo.json")
        assert told(sales.refunds, "refund_id", "amount_excl", "amount_incl") == [("2", "68", "68")]
        assert told(sales.refund_lines, "line_id", "kind", "quantity", "amount_incl", "tax_rate") == [
            ("5", "article", "1", "58", "0"),
            ("", "shipping", "1", "10", "0"),
        ]
        assert told(sales.payments, "payment_mode", "amount") == [("checkmo", "68")]

    def test_what_holds_no_order_is_told(self, samples):
        names = ("rest_invoice_discount.json", "rest_negotiable_quote.json", "rest_product_configurable.json")
        sales = docs.sample(samples, "magento", *names, "sample_orders.csv")
        assert sales.orders.empty
        assert sorted(one[:3] for one in said(sales)) == [
            ("boutique/3", "export-order-missing", "invoices"),
            ("f1.json", "export-unused", ""),
            ("f2.json", "export-unused", ""),
            ("f3.json", "export-not-recognised", ""),
        ]


class TestHeader:
    def test_customer_address_and_times(self):
        sales = read(order())
        header = sales.orders.iloc[0]
        assert header["created_at"] == pd.Timestamp("2026-03-29 01:30")
        assert header["updated_at"] == pd.Timestamp("2026-03-29 03:30")  # the clock went forward in between
        assert (header["customer_key"], header["carrier"]) == ("boutique/5", "Colissimo - Domicile")
        assert told(sales.parties, "is_guest", "first_name", "vat_number", "customer_group") == [
            (False, "Zoé", "FR44732829320", "1")
        ]
        assert told(sales.addresses, "kind", "line_1", "line_2", "line_3", "state") == [
            ("billing", "1 rue de la Paix", "Bât. B", "Étage 2 Porte 3", "75"),
            ("delivery", "1 rue de la Paix", "Bât. B", "Étage 2 Porte 3", "75"),
        ]

    def test_ord_13_number_and_date_of_the_first_invoice(self):
        invoices = [
            {"entity_id": 9, "order_id": 10, "increment_id": "F-9", "created_at": "2026-04-02", "grand_total": 26},
            {"entity_id": 8, "order_id": 10, "increment_id": "F-8", "created_at": "2026-04-01", "grand_total": 100},
        ]
        sales = read(order(), {"items": invoices, "total_count": 2})
        assert told(sales.orders, "invoice_number", "invoiced_at") == [("F-8", pd.Timestamp("2026-04-01 02:00"))]

    def test_ord_6_messages_are_what_the_buyer_sees(self):
        histories = [
            {"comment": "Expédié", "is_visible_on_front": 1, "created_at": "2026-03-30 10:00:00"},
            {"comment": "Merci", "is_visible_on_front": 1, "created_at": "2026-03-29 10:00:00"},
            {"comment": "client pénible", "is_visible_on_front": 0},
            {"comment": None, "is_visible_on_front": 1},
        ]
        sales = read(order(customer_note="Sonner 2 fois", status_histories=histories))
        assert sales.orders["note"].tolist() == ["Sonner 2 fois"]
        assert told(sales.messages, "written_at", "text") == [
            (pd.Timestamp("2026-03-29 12:00"), "Merci"),
            (pd.Timestamp("2026-03-30 12:00"), "Expédié"),
        ]

    def test_what_is_due_tells_what_was_paid(self):
        sales = read(order(total_paid=None, total_due=100))
        assert told(sales.payments, "payment_mode", "amount", "transaction_id") == [("payzen", "26", "T-1")]
        assert read(order(total_paid=None)).orders["paid_total"].isna().all()

    def test_inv_1_gift_card_and_store_credit_are_payments_not_discounts(self):
        extension = {"gift_cards_amount": 20, "customer_balance_amount": "6.0000", "reward_currency_amount": None}
        sales = read(order(grand_total=100, total_paid=100, extension_attributes=extension))
        assert told(sales.orders, "charged_total", "charged_total_excl", "paid_total") == [("126", "105", "126")]
        assert told(sales.payments, "payment_mode", "amount") == [
            ("payzen", "100"),
            ("giftcardaccount", "20"),
            ("customerbalance", "6"),
        ]
        assert totals(exchanged(sales)) == {"boutique/10": ("126", "0")}
        untold = read(order(grand_total=100, total_paid=None, extension_attributes=extension))
        assert told(untold.payments, "payment_mode", "amount") == [("giftcardaccount", "20"), ("customerbalance", "6")]


class TestLines:
    def test_a14_a_configurable_s_variant_is_looked_up_before_the_article(self):
        child = item(item_id=2, parent_item_id=1, sku="TH-1-BLEU", row_total=0, tax_amount=0, tax_percent=0)
        sales = read(order(items=[item(product_type="configurable"), child]))
        assert told(sales.lines, "line_id", "reference", "parent_reference", "net_incl") == [
            ("1", "TH-1-BLEU", "TH-1", "120")
        ]

    @pytest.mark.parametrize("includes_tax", [False, True])
    def test_a14_a_bundle_s_parts_count_where_they_have_the_money(self, includes_tax):
        sales = read(order(items=BUNDLE, grand_total=117.3))
        assert told(sales.lines, "line_id", "reference", "quantity", "net_excl", "tax_rate", "parent_line_id") == [
            ("1", "KIT-A-B", "2", "0", "5.5", ""),
            ("2", "A", "1", "60", "5.5", "1"),
            ("3", "B", "4", "40", "20", "1"),
        ]
        assert totals(exchanged(sales, includes_tax=includes_tax)) == {"boutique/10": ("117.3", "0")}

    def test_a14_a_bundle_with_a_price_of_its_own_is_a_line_and_its_parts_are_free(self):
        parts = [{**part, "row_total": 0, "tax_amount": 0, "tax_percent": 0} for part in BUNDLE[1:]]
        sales = read(order(items=[item(product_type="bundle", sku="KIT"), *parts]))
        assert told(sales.lines, "reference", "quantity", "net_incl", "tax_rate", "parent_line_id") == [
            ("KIT", "2", "120", "20", ""),
            ("A", "1", "0", "20", "1"),
            ("B", "4", "0", "20", "1"),
        ]
        assert totals(exchanged(sales)) == {"boutique/10": ("126", "0")}

    def test_a_row_whose_parent_is_absent_refuses_the_order(self):
        sales = read([order(items=[item(parent_item_id=99)]), order(entity_id=11)])
        assert said(sales) == [("boutique/10", "export-record-missing", "items.item_id", "99")]
        assert sales.orders["order_id"].tolist() == ["11"]

    def test_ord_26_a_discount_on_prices_with_tax_has_tax_in_it(self):
        """120.00 incl. less 12.00 incl.: 90.00 + 18.00."""
        taxed = item(discount_amount=12, discount_tax_compensation_amount=2, tax_amount=18)
        sales = read(order(items=[taxed], grand_total=114))
        assert told(sales.lines, *AMOUNTS) == [("100", "120", "90", "108", "20")]
        assert totals(exchanged(sales, includes_tax=True)) == {"boutique/10": ("114", "0")}

    def test_ord_30_eco_tax_is_part_of_the_line(self):
        taxed = item(weee_tax_applied_row_amount=3)
        sales = read(order(items=[taxed], grand_total=129))
        assert told(sales.lines, *AMOUNTS) == [("103", "123", "103", "123", "20")]
        applied = json.dumps([{"title": "Éco-participation", "row_amount": 3, "row_amount_incl_tax": 3.6}])
        sales = read(order(items=[{**taxed, "weee_tax_applied": applied}], grand_total=129.6))
        assert told(sales.lines, *AMOUNTS) == [("103", "123.6", "103", "123.6", "20")]
        assert told(sales.lines, "ecotax_excl", "ecotax_incl") == [("3", "3.6")]
        assert sales.lines["ecotax_rate"].isna().all()
        assert totals(exchanged(sales)) == {"boutique/10": ("129.6", "0")}
        untaxed = read(order(items=[taxed], grand_total=129))
        assert told(untaxed.lines, "ecotax_excl", "ecotax_incl", "ecotax_rate") == [("3", "3", "0")]

    def test_ord_41_rates_of_the_order_s_applied_taxes(self):
        extension = {
            "applied_taxes": [{"code": "FR20", "title": "TVA 20 %", "percent": 20, "amount": 21}],
            "item_applied_taxes": [
                {"type": "product", "item_id": 1, "applied_taxes": [{"title": "TVA 20 %", "percent": 20}]},
                {"type": "shipping", "applied_taxes": [{"code": "FR20", "percent": 20}]},
            ],
        }
        sales = read(order(items=[item(tax_percent=0)], extension_attributes=extension))
        assert told(sales.lines, "tax_rate", "tax_name") == [("20", "TVA 20 %")]
        assert told(sales.charges, "tax_rate", "tax_name") == [("20", "FR20")]
        assert told(sales.taxes, "tax_name", "tax_rate", "tax_amount") == [("TVA 20 %", "20", "21")]

    def test_a_rate_that_nobody_tells_is_not_invented(self):
        sales = read(order(items=[item(tax_percent=0)]))
        assert sales.lines["tax_rate"].isna().all()
        assert ("boutique/10", "unknown-tax-rate") in refusals(exchanged(sales))
        assert totals(exchanged(sales, rates={"TH-1": "20"})) == {"boutique/10": ("126", "0")}


class TestCharges:
    def test_ord_24_shipping_is_what_was_charged_after_its_discount(self):
        sales = read(order(shipping_discount_amount=2.4, shipping_discount_tax_compensation_amount=0.4))
        assert told(sales.charges, "label", "amount_excl", "amount_incl") == [("Colissimo - Domicile", "3", "4")]

    def test_ord_25_gift_wrapping_of_order_items_and_card(self):
        extension = {
            "gw_price": "2.0000",
            "gw_tax_amount": "0.4000",
            "gw_items_price": 1,
            "gw_items_tax_amount": 0.2,
            "gw_card_price": "0.0000",
        }
        sales = read(order(extension_attributes=extension, grand_total=129.6))
        assert told(sales.charges, "kind", "label", "amount_excl", "amount_incl") == [
            ("shipping", "Colissimo - Domicile", "5", "6"),
            ("wrapping", "Emballage cadeau de la commande", "2", "2.4"),
            ("wrapping", "Emballage cadeau des articles", "1", "1.2"),
        ]
        assert totals(exchanged(sales)) == {"boutique/10": ("129.6", "0")}

    def test_free_shipping_is_no_charge(self):
        assert read(order(shipping_amount=0, shipping_tax_amount=0)).charges.empty


class TestRefunds:
    def test_ord_61_what_lines_do_not_explain_is_an_amount(self):
        partial_memo = memo(
            grand_total=62.5,
            adjustment=2.5,
            items=[{"order_item_id": 1, "qty": 1, "row_total": 50, "tax_amount": 10}],
        )
        sales = read({"items": [order(total_refunded=62.5)]}, partial_memo)
        assert sales.outcomes.empty
        assert told(sales.refund_lines, "kind", "quantity", "amount_excl", "amount_incl", "tax_rate") == [
            ("article", "1", "50", "60", "20"),
            ("amount", "0", None, "2.5", None),
        ]

    def test_ord_61_shipping_given_back_has_the_shipping_s_rate(self):
        shipped = memo(grand_total=126, shipping_amount=5, shipping_tax_amount=1)
        sales = read(order(shipping_tax_amount=0, shipping_amount=6), shipped)
        assert told(sales.refund_lines, "kind", "amount_incl", "tax_rate") == [
            ("article", "120", "20"),
            ("shipping", "6", "0"),
        ]

    def test_ord_61_a_bundle_s_parts_are_given_back(self):
        rows = [
            {"order_item_id": 1, "qty": 2},
            {"order_item_id": 2, "qty": 1, "row_total": 60, "tax_amount": 3.3},
            {"order_item_id": 3, "qty": 0, "row_total": 0},
        ]
        sales = read(order(items=BUNDLE), memo(grand_total=63.3, items=rows))
        assert told(sales.refund_lines, "line_id", "amount_incl", "tax_rate") == [
            ("1", "0", "5.5"),
            ("2", "63.3", "5.5"),
        ]

    def test_ord_61_money_given_back_without_credit_memo_is_said(self):
        sales = read(order(total_refunded=70), memo(grand_total=60))
        assert said(sales) == [("boutique/10", "refunds-not-given", "creditmemos", "10.00")]
        assert len(sales.orders) == 1

    def test_memos_of_other_orders_are_said(self):
        sales = read([order()], [memo(order_id=99)])
        assert said(sales) == [("boutique/99", "export-order-missing", "creditmemos", "")]

    def test_two_versions_of_a_memo_refuse_its_order(self):
        sales = read(order(), memo(), memo(grand_total=1))
        assert said(sales) == [("boutique/10", "export-record-conflict", "creditmemos", "7")]
        assert sales.orders.empty


class TestFiles:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"grand_total": None}, ("export-value-missing", "grand_total", "")),
            ({"grand_total": "douze"}, ("export-value-wrong", "grand_total", "douze")),
            ({"created_at": "hier"}, ("export-value-wrong", "created_at", "hier")),
            ({"created_at": None}, ("export-value-missing", "created_at", "")),
            (
                {"order_currency_code": "", "base_currency_code": None},
                ("export-value-missing", "order_currency_code", ""),
            ),
            ({"items": None}, ("export-value-missing", "items", "")),
            ({"items": [item(qty_ordered="deux")]}, ("export-value-wrong", "items.qty_ordered", "deux")),
            ({"items": [item(row_total="x")]}, ("export-value-wrong", "items.row_total", "x")),
            ({"items": [item(tax_percent="2000")]}, ("export-value-wrong", "items.tax_percent", "2000")),
            ({"items": [item(item_id=None)]}, ("export-value-missing", "items.item_id", "")),
            ({"items": [item(), item(name="autre")]}, ("line-conflict", "items.item_id", "1")),
            ({"billing_address": {"street": [{}]}}, ("export-value-wrong", "billing_address.street", "[{}]")),
            ({"payment": "CB"}, ("export-value-wrong", "payment", "CB")),
            ({"items": [item(weee_tax_applied="[{")]}, ("export-value-wrong", "items.weee_tax_applied", "[{")),
            ({"total_refunded": "?"}, ("export-value-wrong", "total_refunded", "?")),
        ],
        ids=lambda one: one[1] if isinstance(one, tuple) else "",
    )
    def test_ord_8_a_bad_value_refuses_its_order_with_field_and_value(self, changes, expected):
        sales = read({"items": [order(**changes), order(entity_id=11)]})
        assert said(sales) == [("boutique/10", *expected)]
        for name in ("orders", "lines", "charges", "payments", "addresses"):
            assert set(getattr(sales, name)["order_key"]) == {"boutique/11"}

    def test_sec_4_an_error_of_the_shop_is_told(self):
        sales = read({"message": "The consumer isn't authorized", "parameters": {}}, order())
        assert said(sales) == [("f0.json", "export-webservice-error", "", "The consumer isn't authorized")]
        assert len(sales.orders) == 1

    def test_orders_without_id_are_counted(self):
        assert said(read([order(entity_id=None), order(), 5])) == [
            ("f0.json", "export-record-without-id", "", "orders")
        ]

    def test_the_last_page_given_twice_counts_once(self):
        sales = read({"items": [order()], "total_count": 1}, {"items": [order()], "total_count": 1})
        assert said(sales) == [("boutique/10", "repeated-order", "", "")]
        assert len(sales.lines) == 1


FULL = order(
    items=[
        *BUNDLE,
        item(item_id=9, weee_tax_applied_row_amount="1.0", weee_tax_applied='[{"row_amount_incl_tax": 1.2}]'),
    ],
    status_histories=[{"comment": "Merci", "is_visible_on_front": 1}],
    customer_note="Sonner",
    total_refunded=1,
    extension_attributes={
        **ORDER["extension_attributes"],
        "gw_price": "2.0",
        "gift_cards_amount": 1,
        "applied_taxes": [{"code": "FR20", "percent": 20, "amount": 21}],
        "item_applied_taxes": [{"type": "product", "item_id": 9, "applied_taxes": [{"title": "TVA", "percent": 20}]}],
    },
)
MEMO = memo(items=[{"order_item_id": 9, "qty": 1, "row_total": 50, "tax_amount": 10}], shipping_amount=1)


OTHER = "boutique/987654321"
"""An order beside the spoiled ones; no value is that number by chance."""


class TestAnything:
    @settings(max_examples=4, deadline=None)
    @given(changes=st.lists(st.tuples(st.sampled_from(places(FULL)[1:]), docs.VALUES), min_size=30, max_size=30))
    def test_ord_8_any_value_anywhere_ends_as_order_or_outcome(self, changes):
        orders = [spoiled({**FULL, "entity_id": 100 + rank}, *change) for rank, change in enumerate(changes)]
        sales = read({"items": [order(entity_id=987654321), *orders]})
        refused = set(sales.outcomes.loc[sales.outcomes["state"] == "failed", "record"])
        assert OTHER in set(sales.orders["order_key"])
        assert refused | set(sales.orders["order_key"]) == {f"boutique/{one['entity_id']}" for one in orders} | {OTHER}
        exchanged(sales)

    @settings(max_examples=3, deadline=None)
    @given(changes=st.lists(st.tuples(st.sampled_from(places(MEMO)), docs.VALUES), min_size=20, max_size=20))
    def test_ord_8_any_value_in_a_credit_memo_too(self, changes):
        memos = [spoiled({**MEMO, "entity_id": 100 + rank}, *change) for rank, change in enumerate(changes)]
        sales = read(FULL, order(entity_id=987654321), {"items": memos})
        assert OTHER in set(sales.orders["order_key"])
        assert len(sales.orders) == 2 or "boutique/10" in set(sales.outcomes["record"])

    @settings(max_examples=10, deadline=None)
    @given(data=st.data())
    def test_a_damaged_file_never_raises(self, data):
        whole = json.dumps({"items": [FULL]}, ensure_ascii=False).encode()
        place = data.draw(st.integers(0, len(whole) - 1))
        damaged = data.draw(st.sampled_from([whole[:place], whole[:place] + b"\xff" + whole[place + 1 :]]))
        sales = read(damaged)
        assert len(sales.orders) or len(sales.outcomes)

    def test_inv_3_the_order_of_files_and_rows_says_nothing(self):
        one, other = order(), order(entity_id=987654321)
        memos = [memo(), memo(entity_id=8, grand_total=6, items=[], shipping_amount=5, shipping_tax_amount=1)]
        assert docs.same_tables(
            read({"items": [one, other]}, {"items": memos}), read(memos[1], {"items": [other, one]}, memos[0])
        )

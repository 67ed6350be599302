"""Shopify orders as its APIs give them: the real samples, and orders made to show one rule each."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle import money
from passerelle.model.orders import TABLES, SalesOrders
from passerelle.shops.export import ExportFile, ReadOptions, read_export

LINES = [
    {
        "id": 11,
        "name": "Théière - fonte",
        "sku": "0012-TH",
        "quantity": 2,
        "price": "40.00",
        "taxable": True,
        "total_discount": "0.00",
        "discount_allocations": [{"amount": "8.00"}],
        "tax_lines": [{"title": "TVA", "rate": 0.2, "price": "12.00"}],
    },
    {
        "id": 12,
        "name": "Thé",
        "sku": "TE-1",
        "quantity": 1,
        "price": "20.00",
        "taxable": True,
        "total_discount": "0.00",
        "discount_allocations": [{"amount": "2.00"}],
        "tax_lines": [{"title": "TVA réduite", "rate": 0.055, "price": "0.94"}],
    },
]
SHIPPING = {
    "title": "Colissimo",
    "code": "COL",
    "price": "5.00",
    "discounted_price": "5.00",
    "discount_allocations": [],
    "tax_lines": [{"title": "TVA", "rate": 0.2, "price": "0.83"}],
}
ADDRESS = {
    "first_name": "Claire",
    "last_name": "Dupont",
    "company": "SARL Dupont",
    "address1": "12 rue de l'Église",
    "address2": "",
    "zip": "30000",
    "city": "Nîmes",
    "province": "Gard",
    "province_code": "30",
    "country_code": "FR",
    "phone": "+33 4 66 00 00 00",
}
ORDER = {
    "id": 5001,
    "name": "#1001",
    "created_at": "2026-01-31T23:30:00-05:00",
    "updated_at": "2026-02-01T06:00:00+01:00",
    "cancelled_at": None,
    "currency": "EUR",
    "financial_status": "paid",
    "taxes_included": True,
    "total_price": "95.00",
    "total_tax": "13.77",
    "total_discounts": "10.00",
    "discount_codes": [{"code": "NOEL", "amount": "10.00", "type": "fixed_amount"}],
    "tax_lines": [
        {"title": "TVA", "rate": 0.2, "price": "12.83"},
        {"title": "TVA réduite", "rate": 0.055, "price": "0.94"},
    ],
    "line_items": LINES,
    "shipping_lines": [SHIPPING],
    "payment_gateway_names": ["shopify_payments"],
    "customer": {"id": 77, "first_name": "Claire", "last_name": "Dupont", "email": "claire@example.com"},
    "email": "claire@example.com",
    "customer_locale": "fr-FR",
    "billing_address": ADDRESS,
    "shipping_address": {**ADDRESS, "company": None},
    "note": "Sonner ; merci 🙂",
    "refunds": [],
}


def order(**changes: object) -> dict[str, Any]:
    return {**copy.deepcopy(ORDER), **changes}


def line(number: int = 0, **changes: object) -> dict[str, Any]:
    return {**copy.deepcopy(LINES[number]), **changes}


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def read(*documents: object, **options: str) -> SalesOrders:
    files = [
        ExportFile(f"f{rank}.json", one if isinstance(one, bytes) else json.dumps(one).encode())
        for rank, one in enumerate(documents)
    ]
    return read_export("shopify", files, ReadOptions("boutique", **options))


def row(table: pd.DataFrame, number: int = 0) -> dict[str, Any]:
    return dict(table.iloc[number])


def said(sales: SalesOrders) -> list[tuple[str, ...]]:
    return [tuple(one) for one in sales.outcomes[["record", "code", "field", "value"]].to_numpy().tolist()]


def shown(column: pd.Series) -> list[str | None]:
    return [None if pd.isna(one) else money.shortest(one) for one in column]


class TestSamples:
    @pytest.fixture(scope="class")
    @classmethod
    def sales(cls, samples: Path) -> SalesOrders:
        names = sorted((samples / "shopify").glob("*.json"))
        return read_export(
            "shopify", [ExportFile(one.name, one.read_bytes()) for one in names], ReadOptions("boutique")
        )

    def test_an_order_is_read_as_it_stands(self, sales):
        """It does not add up (three lines of 199.00, 409.94 charged): the exchange compares and says so."""
        header = row(sales.orders)
        assert (header["order_key"], header["order_reference"]) == ("boutique/450789469", "#1001")
        assert header["created_at"] == pd.Timestamp("2008-01-10 17:00:00")
        assert (header["status"], header["payment_mode"]) == ("authorized", "authorize_net")
        assert shown(sales.orders["charged_total"]) == ["409.94"]
        assert shown(sales.lines["net_excl"]) == ["199", "199", "199"]
        assert shown(sales.lines["net_incl"]) == [None, None, None]  # no tax on the lines: the rate is the order's
        assert shown(sales.lines["tax_rate"]) == ["6", "6", "6"]
        assert set(sales.lines["tax_name"]) == {"State Tax"}
        assert shown(sales.taxes["tax_amount"]) == ["11.94"]
        assert sales.allowances.empty  # total_discounts is 0.00
        assert sales.lines["label"].iloc[0] == "IPod Nano - 8gb - green"

    def test_an_authorization_is_no_payment(self, sales):
        assert sales.payments.empty
        assert shown(sales.orders["paid_total"]) == ["0"]

    def test_ord_61_a_refund_of_its_own_file(self, sales):
        refund = row(sales.refunds)
        assert (refund["refund_id"], refund["reason"]) == ("509562969", "it broke during shipping")
        assert refund["refunded_at"] == pd.Timestamp("2016-06-20 19:35:06")
        assert shown(sales.refunds["amount_incl"]) == ["209"]
        assert sales.refund_lines["line_id"].tolist() == ["703073504", "466157049"]
        assert shown(sales.refund_lines["amount_excl"]) == ["199", "199"]

    def test_what_orders_do_not_need_is_remarked(self, sales):
        assert said(sales) == [
            ("rest_customer.json", "export-unused", "", "customer"),
            ("rest_inventory_levels.json", "export-unused", "", "inventory_levels"),
            ("rest_product.json", "export-unused", "", "product"),
        ]

    @pytest.mark.parametrize("name", ["apparel.csv", "product_template.csv"])
    def test_product_files_are_not_ours(self, samples, name):
        sales = read_export("shopify", [ExportFile(name, (samples / "shopify" / name).read_bytes())], ReadOptions("b"))
        assert sales.outcomes["code"].tolist() == ["file-header-not-ours"]


class TestAmounts:
    def test_inv_1_prices_including_tax(self):
        sales = read({"orders": [order()]})
        assert sales.outcomes.empty
        assert shown(sales.lines["gross_incl"]) == ["80", "20"]
        assert shown(sales.lines["gross_excl"]) == [None, None]
        assert shown(sales.lines["net_incl"]) == ["72", "18"]
        assert shown(sales.lines["net_excl"]) == ["60", "17.06"]
        assert shown(sales.lines["tax_rate"]) == ["20", "5.5"]
        assert shown(sales.charges["amount_incl"]) + shown(sales.charges["amount_excl"]) == ["5", "4.17"]
        total = sales.lines["net_incl"].sum() + sales.charges["amount_incl"].sum()
        assert total == sales.orders["charged_total"].iloc[0]
        excluding = sales.lines["net_excl"].sum() + sales.charges["amount_excl"].sum()
        assert excluding == sales.orders["charged_total_excl"].iloc[0]
        assert sales.allowances.empty  # the cart discount is allocated to the lines
        assert shown(sales.taxes["tax_rate"]) == ["20", "5.5"]

    def test_inv_1_prices_excluding_tax(self):
        sales = read({"order": order(taxes_included=False, total_price="108.77")})
        assert shown(sales.lines["net_excl"]) == ["72", "18"]
        assert shown(sales.lines["net_incl"]) == ["84", "18.94"]
        assert shown(sales.lines["gross_excl"]) == ["80", "20"]
        assert shown(sales.charges["amount_incl"]) == ["5.83"]
        total = sales.lines["net_incl"].sum() + sales.charges["amount_incl"].sum()
        assert total == sales.orders["charged_total"].iloc[0]

    def test_without_discount_the_gross_is_the_net(self):
        sales = read([order(line_items=[line(discount_allocations=[])])])
        assert shown(sales.lines["gross_excl"]) == shown(sales.lines["net_excl"]) == ["68"]

    def test_exports_without_allocations_have_the_line_s_own_discount(self):
        given_ = order(
            line_items=[without(line(total_discount="3.00"), "discount_allocations"), line(1)], total_discounts="15.00"
        )
        sales = read([given_])
        assert shown(sales.lines["net_incl"]) == ["77", "18"]
        assert shown(sales.allowances["amount_incl"]) == ["10"]  # 15.00, less 3.00 and 2.00 that the lines have
        allowance = row(sales.allowances)
        assert (allowance["target"], allowance["label"], allowance["amount_excl"]) == ("lines", "NOEL", pd.NA)

    def test_a_shipping_code_of_such_an_export_reduces_the_shipping(self):
        given_ = order(
            shipping_lines=[without(SHIPPING, "discounted_price", "discount_allocations")],
            total_discounts="15.00",
            discount_codes=[{"code": "PORT", "type": "shipping"}],
        )
        allowance = row(read([given_]).allowances)
        assert (allowance["target"], allowance["amount_incl"]) == ("shipping", 5_000_000)

    @pytest.mark.parametrize(
        ("changes", "amount"),
        [
            ({"discounted_price": "2.00"}, "2"),
            ({"discounted_price": None, "discount_allocations": [{"amount": "1.00"}, {"amount": "0.50"}]}, "3.5"),
            ({"is_removed": True}, None),
        ],
    )
    def test_shipping_is_what_was_charged(self, changes, amount):
        charges = read([order(shipping_lines=[{**SHIPPING, **changes}])]).charges
        assert shown(charges["amount_incl"]) == ([amount] if amount else [])

    @pytest.mark.parametrize(
        ("changes", "rate", "incl"),
        [
            ({"tax_lines": []}, "0", "72"),
            ({"taxable": False, "tax_lines": None}, "0", "72"),
            ({"tax_lines": None}, None, None),
            (
                {
                    "tax_lines": [
                        {"title": "A", "rate": 0.05, "price": "3.60"},
                        {"title": "B", "rate": 0.09975, "price": "7.18"},
                    ]
                },
                "14.975",
                "82.78",
            ),
            ({"tax_lines": [{"title": "A", "rate": None, "rate_percentage": 8.5, "price": "6.12"}]}, "8.5", "78.12"),
            ({"tax_lines": [{"title": "A", "price": "6.12"}]}, None, "78.12"),
        ],
    )
    def test_ord_31_a_line_s_own_taxes(self, changes, rate, incl):
        lines = read([order(taxes_included=False, line_items=[line(**changes)])]).lines
        assert (shown(lines["tax_rate"]), shown(lines["net_incl"])) == ([rate], [incl])

    def test_an_untaxed_order_without_tax_lines(self):
        sales = read([order(total_tax="0.00", tax_lines=[], line_items=[without(line(), "tax_lines")])])
        assert shown(sales.lines["tax_rate"]) == ["0"]

    def test_json_numbers_are_never_floats(self):
        data = json.dumps([order()]).replace('"95.00"', "0.1000000000000000055511151231257827").encode()
        assert shown(read(data).orders["charged_total"]) == ["0.1"]


class TestHeader:
    def test_header(self):
        header = row(read([order()]).orders)
        assert (header["order_key"], header["order_id"], header["order_reference"]) == (
            "boutique/5001",
            "5001",
            "#1001",
        )
        assert header["created_at"] == pd.Timestamp("2026-02-01 05:30:00")
        assert header["updated_at"] == pd.Timestamp("2026-02-01 06:00:00")
        assert (header["customer_key"], header["currency"], header["shop_currency"]) == ("boutique/77", "EUR", "EUR")
        assert (header["carrier_id"], header["carrier"], header["note"]) == ("COL", "Colissimo", "Sonner ; merci 🙂")
        assert header["prices_include_tax"]

    @pytest.mark.parametrize(
        ("status", "cancelled_at", "outstanding", "expected", "paid"),
        [
            ("PAID", None, None, "paid", "95"),
            ("partially_refunded", None, None, "partially_refunded", "95"),
            ("pending", None, "95.00", "pending", "0"),
            ("partially_paid", None, "35.00", "partially_paid", "60"),
            ("partially_paid", None, None, "partially_paid", None),
            ("voided", "2026-02-02T00:00:00Z", None, "cancelled", "0"),
        ],
    )
    def test_ord_2_status_and_what_was_paid(self, status, cancelled_at, outstanding, expected, paid):
        sales = read([order(financial_status=status, cancelled_at=cancelled_at, total_outstanding=outstanding)])
        assert row(sales.orders)["status"] == expected
        assert shown(sales.orders["paid_total"]) == [paid]
        assert shown(sales.payments["amount"]) == ([paid] if paid not in {None, "0"} else [])

    def test_buyer_and_addresses(self):
        attributes = [{"name": "SIRET", "value": "73282932000074"}, {"name": "N° TVA", "value": "FR44732829320"}]
        sales = read([order(note_attributes=attributes)])
        party = row(sales.parties)
        assert (party["customer_id"], party["is_guest"], party["language"]) == ("77", False, "fr")
        assert (party["first_name"], party["last_name"], party["company"]) == ("Claire", "Dupont", "SARL Dupont")
        assert (party["siret"], party["vat_number"]) == ("73282932000074", "FR44732829320")
        billing, delivery = row(sales.addresses), row(sales.addresses, 1)
        assert (billing["kind"], billing["state"], billing["postcode"]) == ("billing", "30", "30000")
        assert (delivery["kind"], delivery["company"], delivery["city"]) == ("delivery", "", "Nîmes")

    def test_ord_7_a_sale_without_customer_is_a_guest_s(self):
        sales = read([order(customer=None)])
        assert row(sales.parties)["is_guest"]
        assert row(sales.orders)["customer_key"] == "boutique/order-5001"

    def test_half_a_surrogate_pair_is_no_obstacle(self):
        sales = read([order(payment_gateway_names=["paypal", "\udc00", 5], note="\ud83d")])
        assert (row(sales.orders)["payment_mode"], row(sales.orders)["note"]) == ("paypal + ? + 5", "?")

    def test_ord_42_payments_are_the_transactions_that_went_through(self):
        sale = {"kind": "sale", "status": "success", "gateway": "paypal", "currency": "EUR"}
        transactions = [
            {**sale, "id": 1, "order_id": 5001, "amount": "60.00", "processed_at": "2026-02-01T10:00:00Z"},
            {**sale, "id": 2, "order_id": 5001, "amount": "35.00", "status": "failure"},
            {**sale, "id": 3, "order_id": 5001, "amount": "35.00", "kind": "capture", "authorization": "A1"},
            {**sale, "id": 4, "order_id": 5001, "amount": "12.00", "currency": "USD"},
            {**sale, "id": 5, "order_id": 9, "amount": "12.00"},
        ]
        sales = read([order(transactions=transactions[:1])], {"transactions": transactions})
        assert shown(sales.payments["amount"]) == ["60", "35"]
        assert sales.payments[["position", "payment_mode", "transaction_id"]].to_numpy().tolist() == [
            [1, "paypal", "1"],
            [2, "paypal", "A1"],
        ]
        assert row(sales.orders)["paid_at"] == pd.Timestamp("2026-02-01 11:00:00")
        assert shown(sales.orders["paid_total"]) == ["95"]
        assert said(sales) == [
            ("boutique/9", "export-order-missing", "transactions", ""),
            ("boutique/5001", "payment-other-currency", "transactions.currency", "USD"),
        ]


class TestRefunds:
    REFUND = {  # noqa: RUF012
        "id": 900,
        "created_at": "2026-02-03T09:00:00Z",
        "note": "Cassé",
        "refund_line_items": [{"id": 1, "line_item_id": 11, "quantity": 1, "subtotal": "36.00", "total_tax": "6.00"}],
        "order_adjustments": [{"id": 2, "kind": "shipping_refund", "amount": "-4.17", "tax_amount": "-0.83"}],
        "transactions": [{"id": 3, "kind": "refund", "status": "success", "amount": "41.00"}],
    }

    def refunded(self, **changes: object) -> SalesOrders:
        return read([order(refunds=[{**self.REFUND, **changes}])])

    def test_ord_61_lines_and_shipping(self):
        sales = self.refunded()
        assert shown(sales.refunds["amount_incl"]) + shown(sales.refunds["amount_excl"]) == ["41", "34.17"]
        assert sales.refund_lines[["kind", "line_id"]].to_numpy().tolist() == [["article", "11"], ["shipping", ""]]
        assert shown(sales.refund_lines["amount_excl"]) == ["30", "4.17"]
        assert shown(sales.refund_lines["amount_incl"]) == ["36", "5"]
        assert shown(sales.refund_lines["tax_rate"]) == ["20", None]
        assert shown(sales.refund_lines["quantity"]) == ["1", "1"]

    @pytest.mark.parametrize(("given_back", "rest"), [("50.00", "9"), ("31.00", "-10")])
    def test_what_the_lines_do_not_explain_is_one_more_line(self, given_back, rest):
        sales = self.refunded(transactions=[{"kind": "refund", "status": "success", "amount": given_back}])
        assert sales.refund_lines["kind"].tolist() == ["article", "shipping", "amount"]
        assert shown(sales.refund_lines["amount_incl"])[2] == rest
        assert shown(sales.refunds["amount_excl"]) == [None]

    def test_a_refund_of_an_amount_alone(self):
        sales = self.refunded(refund_line_items=[], order_adjustments=[])
        assert sales.refund_lines["kind"].tolist() == ["amount"]
        assert shown(sales.refund_lines["amount_incl"]) == ["41"]

    def test_without_transactions_the_lines_tell_the_amount(self):
        assert shown(self.refunded(transactions=[]).refunds["amount_incl"]) == ["41"]

    @pytest.mark.parametrize(
        ("transactions", "paid"),
        [
            ([{"kind": "refund", "status": "success", "amount": "41.00"}], "41"),
            ([{"kind": "refund", "status": "pending", "amount": "41.00"}], "0"),
            ([], "0"),
            ([{"kind": "refund", "status": "success", "amount": "45.10", "currency": "USD"}], None),
            (None, None),
        ],
    )
    def test_ord_50_a_line_taken_out_of_an_order_gives_no_money_back_yet(self, transactions, paid):
        refunds = self.refunded(transactions=transactions).refunds
        assert shown(refunds["amount_incl"]) + shown(refunds["paid_total"]) == ["41", paid]

    def test_a_line_without_amount_gives_back_its_share(self):
        lines = [{"id": 1, "line_item_id": 11, "quantity": 1}, {"id": 2, "line_item": {"id": 12}, "quantity": 1}]
        sales = self.refunded(refund_line_items=lines, order_adjustments=[], transactions=[])
        assert shown(sales.refund_lines["amount_incl"]) == ["36", "18"]
        assert shown(sales.refund_lines["amount_excl"]) == ["30", "17.06"]


def graphql(value: Any) -> Any:
    """Give the REST order above as GraphQL answers it: connections, money bags, global ids, camel case."""
    bag = lambda amount: {"shopMoney": {"amount": amount, "currencyCode": "EUR"}, "presentmentMoney": {"amount": "1.0"}}  # noqa: E731
    taxes = lambda rows: [{"title": one["title"], "rate": one["rate"], "priceSet": bag(one["price"])} for one in rows]  # noqa: E731
    allocations = lambda rows: [{"allocatedAmountSet": bag(one["amount"])} for one in rows]  # noqa: E731
    camel = {
        "first_name": "firstName",
        "last_name": "lastName",
        "province_code": "provinceCode",
        "country_code": "countryCodeV2",
    }
    address = lambda one: {camel.get(name, name): part for name, part in one.items()}  # noqa: E731
    shipping = value["shipping_lines"][0]
    return {
        "id": f"gid://shopify/Order/{value['id']}",
        "name": value["name"],
        "createdAt": value["created_at"],
        "updatedAt": value["updated_at"],
        "cancelledAt": None,
        "currencyCode": "EUR",
        "displayFinancialStatus": "PAID",
        "taxesIncluded": True,
        "totalPriceSet": bag(value["total_price"]),
        "totalTaxSet": bag(value["total_tax"]),
        "totalDiscountsSet": bag(value["total_discounts"]),
        "discountCodes": [one["code"] for one in value["discount_codes"]],
        "taxLines": taxes(value["tax_lines"]),
        "lineItems": {
            "edges": [
                {
                    "node": {
                        "id": f"gid://shopify/LineItem/{one['id']}",
                        "name": one["name"],
                        "sku": one["sku"],
                        "quantity": one["quantity"],
                        "originalUnitPriceSet": bag(one["price"]),
                        "discountAllocations": allocations(one["discount_allocations"]),
                        "taxLines": taxes(one["tax_lines"]),
                    }
                }
                for one in value["line_items"]
            ]
        },
        "shippingLine": {
            "title": shipping["title"],
            "code": shipping["code"],
            "originalPriceSet": bag(shipping["price"]),
            "discountedPriceSet": bag(shipping["discounted_price"]),
            "discountAllocations": [],
            "taxLines": taxes(shipping["tax_lines"]),
        },
        "paymentGatewayNames": value["payment_gateway_names"],
        "customer": {"id": "gid://shopify/Customer/77", "firstName": "Claire", "lastName": "Dupont"},
        "email": value["email"],
        "customerLocale": value["customer_locale"],
        "billingAddress": address(value["billing_address"]),
        "shippingAddress": address(value["shipping_address"]),
        "note": value["note"],
        "refunds": [],
        "transactions": [],
    }


class TestGraphql:
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda one: {"data": {"orders": {"edges": [{"node": one}], "pageInfo": {"hasNextPage": False}}}},
            lambda one: {"data": {"orders": {"nodes": [one]}}},
            lambda one: {"data": {"order": one}},
        ],
    )
    def test_a_graphql_order_is_read_as_its_rest_twin(self, wrap):
        rest, sales = read([order()]), read(wrap(graphql(order())))
        assert sales.outcomes.empty
        for name in TABLES:
            pd.testing.assert_frame_equal(getattr(sales, name), getattr(rest, name))

    def test_a_code_of_an_unallocated_discount_is_its_label(self):
        given_ = graphql(order(total_discounts="12.00"))
        allowance = row(read({"data": {"order": given_}}).allowances)
        assert (allowance["label"], allowance["target"], allowance["amount_incl"]) == ("NOEL", "lines", 2_000_000)

    def test_errors_are_told(self):
        sales = read({"errors": [{"message": "Throttled"}], "data": None})
        assert said(sales) == [("f0.json", "export-webservice-error", "", '[{"message": "Throttled"}]')]


class TestProblems:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"total_price": "x"}, ("export-value-wrong", "total_price", "x")),
            ({"total_price": None}, ("export-value-missing", "total_price", "")),
            ({"line_items": [line(quantity=10**9)]}, ("export-value-wrong", "line_items.quantity", "1000000000")),
            ({"tax_lines": [{"rate": 11, "price": "1"}]}, ("export-value-wrong", "tax_lines.rate", "11")),
            ({"currency": None}, ("export-value-missing", "currency", "")),
            ({"created_at": None}, ("export-value-missing", "created_at", "")),
            ({"created_at": "2026-13-01T00:00:00Z"}, ("export-value-wrong", "created_at", "2026-13-01T00:00:00Z")),
            ({"line_items": [line(quantity=None)]}, ("export-value-missing", "line_items.quantity", "")),
            ({"line_items": [line(price="4O")]}, ("export-value-wrong", "line_items.price", "4O")),
            ({"line_items": [line(), line(sku="?")]}, ("line-conflict", "line_items.id", "11")),
            ({"tax_lines": [{"rate": "x", "price": "1"}]}, ("export-value-wrong", "tax_lines.rate", "x")),
            ({"shipping_lines": [{"title": "Colissimo"}]}, ("export-value-missing", "shipping_lines.price", "")),
            ({"billing_address": [1]}, ("export-value-wrong", "billing_address", '["1"]')),
        ],
    )
    def test_ord_8_a_bad_value_refuses_its_order_with_field_and_value(self, changes, expected):
        sales = read([order(**changes), order(id=5002)])
        assert said(sales) == [("boutique/5001", *expected)]
        assert sales.orders["order_id"].tolist() == ["5002"]
        assert set(sales.lines["order_key"]) == {"boutique/5002"}

    def test_lines_without_id_are_no_obstacle_to_refunds(self):
        lines = [without(line(), "id"), without(line(1), "id")]
        sales = read([order(line_items=lines, refunds=[TestRefunds.REFUND]), order(id=5002)])
        assert said(sales) == [("boutique/5001", "export-value-missing", "line_items.id", "")]
        assert sales.orders["order_id"].tolist() == ["5002"]

    @pytest.mark.parametrize("depth", [300, 900])
    def test_sec_4_nested_without_end(self, depth):
        data = b'{"data": {"order": ' + b'{"a": [' * depth + b"]}" * depth + b"}}"
        sales = read(data, [order()])
        assert sales.orders["order_id"].tolist() == ["5001"]
        assert [one[:2] for one in said(sales)] == [("f0.json", "export-broken")]

    def test_given_again(self):
        sales = read({"orders": [order(), order(id=7)]}, {"order": order()}, [order(id=7, note="autre")])
        assert said(sales) == [
            ("boutique/5001", "repeated-order", "", ""),
            ("boutique/7", "duplicate-order", "", ""),
        ]
        assert sales.orders["order_id"].tolist() == ["5001"]

    @pytest.mark.parametrize("data", [b"[]", b'{"orders": []}', b'{"orders": [], "refunds": []}'])
    def test_an_empty_page_says_nothing(self, data):
        assert read(data, [order()]).outcomes.empty

    def test_orders_without_id_are_counted(self):
        assert said(read([without(order(), "id"), order()])) == [("f0.json", "export-record-without-id", "", "orders")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["-1", "1e5", "0"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [one for key, part in inner for one in [(*path, key), *places(part, (*path, key))]]


def changed(record: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    """Give a copy with another value at a place."""
    copied: Any = copy.deepcopy(record)
    target = copied
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return copied


def accounted(document: object) -> set[str]:
    """Read a document, and give the orders that are in the tables or refused; the order 7 must be read."""
    sales = read(document)
    assert "boutique/7" in set(sales.orders["order_key"])
    return {*sales.orders["order_key"], *sales.outcomes.loc[sales.outcomes["state"] == "failed", "record"]}


FULL = order(
    refunds=[TestRefunds.REFUND],
    transactions=[{"id": 1, "kind": "sale", "status": "success", "amount": "95.00", "gateway": "x"}],
    note_attributes=[{"name": "siret", "value": "1"}],
)


class TestAnything:
    @settings(max_examples=5, deadline=None)
    @given(changes=st.lists(st.tuples(st.sampled_from(places(FULL)[1:]), VALUES), min_size=20, max_size=20))
    def test_ord_8_any_value_anywhere_ends_as_order_or_outcome(self, changes):
        orders = [changed({**FULL, "id": 100 + rank}, *change) for rank, change in enumerate(changes)]
        assert accounted([order(id=7), *orders]) == {f"boutique/{number}" for number in (7, *range(100, 120))}

    @settings(max_examples=4, deadline=None)
    @given(changes=st.lists(st.tuples(st.sampled_from(places(graphql(ORDER))[1:]), VALUES), min_size=20, max_size=20))
    def test_any_graphql_is_an_order_or_an_outcome(self, changes):
        orders = [changed(graphql(order(id=100 + rank)), *change) for rank, change in enumerate(changes)]
        given_ = {"data": {"orders": {"nodes": [graphql(order(id=7)), *orders]}}}
        assert accounted(given_) == {f"boutique/{number}" for number in (7, *range(100, 120))}

    @settings(max_examples=8, deadline=None)
    @given(data=st.data())
    def test_a_damaged_file_never_raises(self, data):
        whole = json.dumps([FULL], ensure_ascii=False).encode()
        place = data.draw(st.integers(0, len(whole) - 1))
        damaged = data.draw(
            st.sampled_from(
                [whole[:place], whole[:place] + b"\xff" + whole[place + 1 :], whole[:place] + whole[place + 1 :]]
            )
        )
        sales = read(damaged)
        assert len(sales.orders) <= 1
        assert len(sales.orders) or len(sales.outcomes)

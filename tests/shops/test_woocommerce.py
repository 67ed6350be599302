"""WooCommerce exports: the real samples, and orders made to show one rule each."""

from __future__ import annotations

import copy
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle import money
from passerelle.model.orders import SalesOrders
from passerelle.shops.export import ExportFile, ReadOptions, read_export

LINE = {
    "id": 1,
    "name": "Théière",
    "sku": "TH-1",
    "quantity": 2,
    "subtotal": "100.00",
    "subtotal_tax": "20.00",
    "total": "100.00",
    "total_tax": "20.00",
    "taxes": [{"id": 1, "total": "20", "subtotal": "20"}],
    "meta_data": [],
}
TAX_20 = {"rate_id": 1, "label": "TVA 20 %", "compound": False, "tax_total": "20.00", "rate_percent": 20}
ORDER = {
    "id": 10,
    "number": "10",
    "status": "processing",
    "currency": "EUR",
    "prices_include_tax": True,
    "date_created": "2026-03-29T01:30:00",
    "date_created_gmt": "2026-03-29T00:30:00",
    "date_paid_gmt": "2026-03-29T01:30:00",
    "total": "120.00",
    "total_tax": "20.00",
    "customer_id": 0,
    "billing": {"first_name": "Zoé", "last_name": "Garçon", "country": "FR", "email": "zoe@example.com"},
    "shipping": {"first_name": "", "last_name": "", "country": ""},
    "payment_method": "cheque",
    "payment_method_title": "Chèque",
    "customer_note": "",
    "line_items": [LINE],
    "tax_lines": [TAX_20],
    "shipping_lines": [],
    "fee_lines": [],
    "refunds": [],
    "meta_data": [],
}


def order(**changes: object) -> dict[str, object]:
    return {**copy.deepcopy(ORDER), **changes}


def line(**changes: object) -> dict[str, object]:
    return {**copy.deepcopy(LINE), **changes}


def read(*documents: object, **options: str) -> SalesOrders:
    files = [
        ExportFile(f"f{rank}.json", one if isinstance(one, bytes) else json.dumps(one).encode())
        for rank, one in enumerate(documents)
    ]
    return read_export("woocommerce", files, ReadOptions("boutique", **options))


def sample(samples: Path, *names: str) -> SalesOrders:
    return read(*((samples / name).read_bytes() for name in names))


def row(table: pd.DataFrame, number: int = 0) -> dict[str, object]:
    return dict(table.iloc[number])


def said(sales: SalesOrders) -> list[tuple[str, ...]]:
    return [tuple(one) for one in sales.outcomes[["record", "code", "field", "value"]].to_numpy().tolist()]


def euros(amount: object) -> str:
    return money.shortest(amount)


def charged(sales: SalesOrders, *, cents: bool) -> pd.Series:
    """What lines and charges come to by order, each rounded to the cent or only their sum."""
    parts = pd.concat(
        [
            sales.lines[["order_key", "net_incl"]].rename(columns={"net_incl": "amount"}),
            sales.charges[["order_key", "amount_incl"]].rename(columns={"amount_incl": "amount"}),
        ]
    )
    if cents:
        parts["amount"] = money.rounded_half_up(parts["amount"], 2)
    summed = parts.groupby("order_key")["amount"].sum().reindex(sales.orders["order_key"])
    return pd.Series(money.rounded_half_up(summed, 2), sales.orders["order_key"])


def totals(sales: SalesOrders) -> pd.Series:
    return sales.orders.set_index("order_key")["charged_total"]


LIVE = "woocommerce-10.0-live"


class TestLiveShop:
    """51 orders of a real WooCommerce 10.0.2, exported with dp=6."""

    @pytest.fixture(scope="class")
    @classmethod
    def live(cls, samples: Path) -> SalesOrders:
        return sample(samples, f"{LIVE}/orders.json", f"{LIVE}/refunds_by_order.json", f"{LIVE}/taxes.json")

    def test_ord_8_every_order_is_read(self, live):
        assert len(live.orders) == 51
        assert live.outcomes.empty
        assert live.orders["order_id"].astype(int).is_monotonic_increasing

    @pytest.mark.parametrize("cents", [True, False])
    def test_inv_1_lines_and_charges_come_to_what_was_charged_in_all_51(self, live, cents):
        assert (charged(live, cents=cents) == totals(live)).sum() == 51

    @pytest.mark.parametrize("cents", [True, False])
    def test_inv_1_also_when_the_export_has_two_decimals(self, samples, cents):
        """Without dp=6 all amounts have two decimals, those of ``taxes`` excepted."""
        orders = json.loads((samples / LIVE / "orders.json").read_bytes())
        for one in orders:
            for item in [*one["line_items"], *one["shipping_lines"], *one["fee_lines"]]:
                for name in {"total", "total_tax", "subtotal", "subtotal_tax"} & item.keys():
                    item[name] = f"{money.decimal(money.rounded_half_up(money.of(item[name]), 2)):.2f}"
        sales = read(orders)
        assert (charged(sales, cents=cents) == totals(sales)).sum() == 51

    def test_rates_are_those_of_the_tax_class(self, live, samples):
        orders = json.loads((samples / LIVE / "orders.json").read_bytes())
        classes = {str(item["id"]): item["tax_class"] for one in orders for item in one["line_items"]}
        expected = live.lines["line_id"].map(classes).map({"": 20_000_000, "reduced-rate": 5_500_000})
        assert (live.lines["tax_rate"] == expected).all()
        assert set(live.charges["tax_rate"]) == {20_000_000, 0}  # no tax on shipping beside reduced rates alone
        assert set(live.taxes["tax_name"]) == {"TVA 20 %", "TVA 5,5 %"}

    def test_rates_come_from_the_taxes_document_where_the_order_has_none(self, samples):
        orders = json.loads((samples / LIVE / "orders.json").read_bytes())
        for one in orders:
            for tax in one["tax_lines"]:
                del tax["rate_percent"], tax["label"]
                tax["rate_code"] = "FR-1"
        rates = set(read(orders, (samples / LIVE / "taxes.json").read_bytes()).lines["tax_rate"])
        assert rates == {20_000_000, 5_500_000}
        assert read(orders).lines["tax_rate"].isna().all()

    def test_counts_by_status_are_the_shops_own(self, live, samples):
        counts = {one["slug"]: one["total"] for one in json.loads((samples / LIVE / "order_totals.json").read_bytes())}
        assert live.orders["status"].value_counts().to_dict() == {name: n for name, n in counts.items() if n}

    def test_header_of_an_order(self, live):
        header = row(live.orders)
        assert header["order_key"] == "boutique/35"
        assert (header["order_reference"], header["status"], header["currency"]) == ("35", "completed", "EUR")
        assert header["created_at"] == header["paid_at"] == pd.Timestamp("2026-11-21 02:02:42")
        assert (euros(header["charged_total"]), euros(header["charged_total_excl"])) == ("185.9", "154.92")
        assert euros(header["paid_total"]) == "185.9"
        assert (header["payment_mode"], header["carrier_id"], header["carrier"]) == (
            "Virement bancaire",
            "flat_rate",
            "Colissimo",
        )
        assert header["prices_include_tax"]
        assert (header["shop_currency"], header["currency_rate"]) == ("EUR", money.ONE)
        assert header["customer_key"] == "boutique/order-35"

    def test_times_are_those_of_the_profile_s_zone(self, samples):
        sales = read((samples / LIVE / "orders.json").read_bytes(), time_zone="America/New_York")
        assert sales.orders["created_at"].iloc[0] == pd.Timestamp("2026-11-20 20:02:42")

    def test_only_paid_orders_have_a_payment(self, live):
        paid = live.orders[live.orders["paid_at"].notna()]
        assert live.payments["order_key"].tolist() == paid["order_key"].tolist()
        assert live.payments["amount"].tolist() == paid["charged_total"].tolist() == paid["paid_total"].tolist()
        assert (live.orders.loc[live.orders["paid_at"].isna(), "paid_total"] == 0).all()

    def test_names_notes_and_addresses_keep_their_characters(self, live):
        notes = set(live.orders["note"]) - {""}
        assert 'Sonner 2 fois ;\nmerci "beaucoup" 🙂' in notes
        assert {"Noël", "Éloïse", "Jean-François"} <= set(live.parties["first_name"])
        assert "SARL « Dupont ; Fils »" in set(live.parties["company"])
        address = row(live.addresses)
        assert (address["kind"], address["line_1"], address["postcode"]) == ("billing", "88 rue de l'Église", "42000")
        assert (address["city"], address["country"], address["email"]) == ("Saint-Étienne", "FR", "client1@example.com")

    def test_ord_25_a_fee_under_the_profile_s_label_is_gift_wrapping(self, live, samples):
        file = ExportFile("orders.json", (samples / LIVE / "orders.json").read_bytes())
        options = ReadOptions("s", wrapping_labels=("Emballage cadeau",))
        wrapped = read_export("woocommerce", [file], options).charges
        assert (wrapped["kind"] == "wrapping").sum() == (live.charges["kind"] == "fee").sum() > 0
        assert not (wrapped["kind"] == "fee").any()

    def test_gift_wrapping_is_a_fee_without_label(self, live):
        fees = live.charges[live.charges["kind"] == "fee"]
        assert set(fees["label"]) == {"Emballage cadeau"}
        assert (fees["position"] == 2).all()
        assert set(fees["amount_incl"]) == {3_000_000}

    def test_ord_61_refunds_of_an_amount(self, live):
        assert live.refunds["amount_incl"].map(euros).tolist() == ["90", "4", "45", "35", "35"]
        assert set(live.refunds["reason"]) == {"Article abîmé"}
        assert live.refunds["refunded_at"].notna().all()
        assert set(live.refund_lines["kind"]) == {"amount"}
        assert live.refund_lines["amount_incl"].tolist() == live.refunds["amount_incl"].tolist()

    def test_ord_61_the_order_alone_tells_the_same_amounts(self, live, samples):
        alone = sample(samples, f"{LIVE}/orders.json").refunds
        assert alone[["order_key", "refund_id", "amount_incl"]].equals(
            live.refunds[["order_key", "refund_id", "amount_incl"]]
        )

    def test_other_answers_of_the_shop_are_remarked(self, samples):
        names = sorted((samples / LIVE).glob("*.json"))
        sales = read_export(
            "woocommerce", [ExportFile(path.name, path.read_bytes()) for path in names], ReadOptions("boutique")
        )
        assert len(sales.orders) == 51
        assert said(sales)[0] == ("currency.json", "export-unused", "", "code, name, symbol, _links")
        assert set(sales.outcomes["state"]) == {"ignored"}
        assert set(sales.outcomes["record"]) == {
            "currency.json",
            "order_totals.json",
            "payment_gateways.json",
            "products.json",
            "shipping_methods.json",
        }

    def test_packed_files_are_read(self, live, samples):
        data = gzip.compress((samples / LIVE / "orders.json").read_bytes())
        assert read(data).orders.equals(live.orders)


class TestSamples:
    """Orders that other projects keep for their tests."""

    @pytest.mark.parametrize(
        ("name", "count"),
        [("docs_order_727.json", 1), ("order-with-charge.json", 1), ("broken-orders-mark-2.json", 6)],
    )
    def test_inv_1_totals_agree(self, samples, name, count):
        sales = sample(samples, f"woocommerce/{name}")
        assert len(sales.orders) == count
        assert (charged(sales, cents=True) == totals(sales)).all()

    def test_a_contradictory_order_is_read_as_it_stands(self, samples):
        """The exchange compares the totals: 31.20 charged, but fee and shipping are not in it."""
        sales = sample(samples, "woocommerce/order.json")
        assert sales.outcomes.empty
        assert (euros(totals(sales).iloc[0]), euros(charged(sales, cents=True).iloc[0])) == ("31.2", "290.32")
        first, second = (row(sales.lines, number) for number in (0, 1))
        assert (euros(first["gross_excl"]), euros(first["net_excl"]), euros(first["net_incl"])) == ("50", "30", "31.2")
        assert (euros(second["quantity"]), euros(second["net_incl"])) == ("1.5", "0")
        assert sales.lines["tax_rate"].isna().all()  # rate 1 is told nowhere
        assert sales.allowances.empty  # the coupon is in the lines

    def test_an_order_without_shipping_lines_has_its_shipping_total(self, samples):
        sales = sample(samples, "woocommerce/wc-orders-response-success.json")
        shipping = sales.charges[sales.charges["kind"] == "shipping"]
        assert shipping["amount_incl"].map(euros).tolist() == ["7.59", "7", "4", "4"]
        assert (shipping["tax_rate"] == 0).all()
        agree = charged(sales, cents=True) == totals(sales)
        assert agree.to_dict() == {
            "boutique/786": True,
            "boutique/937": True,
            "boutique/939": True,
            "boutique/949": False,
        }
        assert sales.orders["order_reference"].tolist() == ["56AQ", "937", "939", "949"]
        assert sales.refunds[["order_key", "reason"]].to_numpy().tolist() == [["boutique/937", "Order fully refunded"]]

    def test_a_line_given_twice_counts_once(self, samples):
        sales = sample(samples, "woocommerce/broken-orders-mark-2.json")
        assert said(sales)[0] == ("boutique/159", "line-repeated", "line_items.id", "3")
        assert (sales.outcomes["state"] == "succeeded").all()
        assert sales.lines["reference"].eq("").all()  # the products are deleted
        assert set(sales.addresses["kind"]) == {"billing"}

    def test_an_order_of_an_old_version_has_no_rate(self, samples):
        sales = sample(samples, "woocommerce/docs_order_727.json")
        assert sales.lines["tax_rate"].isna().all()
        assert sales.lines["tax_name"].tolist() == ["State Tax", "State Tax"]
        assert sales.lines["label"].iloc[1] == "Ship Your Idea – Color: Black, Size: M Test"
        assert row(sales.charges)["tax_rate"] == 0

    def test_refunds_without_their_order(self, samples):
        sales = sample(samples, "woocommerce/order-560-all-refunds.json", "woocommerce/docs_refund.json")
        assert said(sales) == [
            ("boutique/560", "export-order-missing", "refunds", ""),
            ("boutique/723", "export-order-missing", "refunds", ""),
        ]

    def test_refunds_name_the_lines_they_give_back(self, samples):
        refunds = (samples / "woocommerce/order-560-all-refunds.json").read_bytes()
        sales = read([order(id=560, total="999.00")], refunds)
        assert sales.refunds["refund_id"].tolist() == ["562", "590", "1025", "1172"]
        assert sales.refunds["amount_incl"].map(euros).tolist() == ["27", "18", "117", "63"]
        assert sales.refunds["amount_excl"].equals(sales.refunds["amount_incl"])
        lines = sales.refund_lines[["refund_id", "line_id", "kind", "quantity", "amount_incl"]]
        shown = [[*one[:3], euros(one[3]), euros(one[4])] for one in lines.to_numpy().tolist()]
        assert shown[0] == ["562", "65", "article", "1", "27"]
        assert shown[-1] == ["1172", "64", "article", "2", "63"]
        assert len(shown) == 6

    @pytest.mark.parametrize(
        "name", ["docs_customers_list", "product-variations-load-all", "shipment_tracking_multiple"]
    )
    def test_what_is_no_order_is_left_aside(self, samples, name):
        sales = sample(samples, f"woocommerce/{name}.json")
        assert sales.outcomes["code"].tolist() == ["export-unused"]

    @pytest.mark.parametrize("name", ["importer_sample.csv", "sample_products_bom_lbs.csv", "sample_tax_rates.csv"])
    def test_tables_of_products_are_not_recognised(self, samples, name):
        assert sample(samples, f"woocommerce/{name}").outcomes["code"].tolist() == ["export-not-recognised"]


class TestTax:
    @pytest.mark.parametrize(
        ("rates", "expected"),
        [
            (((20, False), (3.2, False)), "23.2"),
            (((3.2, False), (20, True)), "23.84"),
            (((20, True), (3.2, False)), "23.84"),
            (((5, False), (9.975, True)), "15.47375"),
            (((20, False), (None, False)), None),
        ],
    )
    def test_ord_31_rates_add_and_compound_rates_multiply(self, rates, expected):
        lines = [{"id": n, "total": "1.00", "subtotal": "1.00"} for n, _ in enumerate(rates)]
        taxes = [
            {"rate_id": n, "label": f"T{n}", "compound": compound, "tax_total": "1", "rate_percent": percent}
            for n, (percent, compound) in enumerate(rates)
        ]
        sales = read([order(line_items=[line(taxes=lines)], tax_lines=taxes)])
        rate = sales.lines["tax_rate"].iloc[0]
        assert (None if pd.isna(rate) else euros(rate)) == expected
        assert sales.lines["tax_name"].iloc[0] == "T0 + T1"
        assert euros(sales.lines["net_incl"].iloc[0]) == "102"

    def test_rates_beyond_measure_are_none(self):
        many = [{"id": n, "total": "1.00"} for n in range(20)]
        taxes = [{"rate_id": n, "compound": True, "rate_percent": 1000, "label": "x"} for n in range(20)]
        assert read([order(line_items=[line(taxes=many)], tax_lines=taxes)]).lines["tax_rate"].isna().all()

    @pytest.mark.parametrize(
        ("taxes", "total_tax", "expected"),
        [
            ([], "0.00", "0"),
            ([], "20.00", None),
            ([{"id": 1, "total": "", "subtotal": ""}], "0.00", "0"),
            ([{"id": 1, "total": "0", "subtotal": "0"}], "0.00", "20"),
            ([{"id": 1, "total": "20", "subtotal": "20"}, {"id": 2, "total": "0", "subtotal": ""}], "20.00", "20"),
            ([{"id": 1, "total": "0", "subtotal": "0"}, {"id": 2, "total": "0", "subtotal": "0"}], "0.00", None),
        ],
        ids=["none", "untold", "not applied", "free", "one of two applied", "free, one of two"],
    )
    def test_the_rate_is_the_one_that_was_applied(self, taxes, total_tax, expected):
        reduced = {"rate_id": 2, "label": "TVA 5,5 %", "rate_percent": 5.5}
        sales = read([order(line_items=[line(taxes=taxes, total_tax=total_tax)], tax_lines=[TAX_20, reduced])])
        rate = sales.lines["tax_rate"].iloc[0]
        assert (None if pd.isna(rate) else euros(rate)) == expected

    @pytest.mark.parametrize(
        ("tax", "expected"),
        [
            ({"rate_percent": 5.5, "label": "VAT"}, "5.5"),
            ({"label": "TVA 8,5 %"}, "8.5"),
            ({"rate_percent": None, "label": "TVA", "rate_code": "FR-TVA 2.1%-1"}, "2.1"),
            ({"label": "TVA"}, None),
        ],
    )
    def test_versions_before_3_7_tell_the_rate_in_the_label_at_best(self, tax, expected):
        sales = read([order(tax_lines=[{"rate_id": 1, "tax_total": "20", **tax}])])
        rate = sales.lines["tax_rate"].iloc[0]
        assert (None if pd.isna(rate) else euros(rate)) == expected
        assert sales.taxes["tax_rate"].isna().iloc[0] == (expected is None)

    def test_the_exact_tax_counts_as_far_as_the_amount_is_exact(self):
        taxes = [{"id": 1, "total": "3.33333333333333", "subtotal": "3.33333333333333"}]
        exact, cents = line(total="16.666667", taxes=taxes), line(id=2, total="16.67", total_tax="3.33", taxes=taxes)
        lines = read([order(line_items=[exact, cents])]).lines
        assert lines["net_incl"].map(euros).tolist() == ["20", "20"]
        assert lines["net_excl"].map(euros).tolist() == ["16.666667", "16.67"]


class TestFields:
    def test_ord_30_free_lines_negative_fees_and_fractions_survive(self):
        items = [line(quantity=1.5, total="0", taxes=[], total_tax="0.00")]
        fees = [{"id": 3, "name": "Remise fidélité", "total": "-5.00", "total_tax": "-1.00", "taxes": TAXED_5}]
        sales = read([order(line_items=items, fee_lines=fees)])
        assert (euros(sales.lines["quantity"].iloc[0]), euros(sales.lines["net_incl"].iloc[0])) == ("1.5", "0")
        fee = row(sales.charges)
        assert (fee["kind"], fee["label"], euros(fee["amount_excl"]), euros(fee["amount_incl"])) == (
            "fee",
            "Remise fidélité",
            "-5",
            "-6",
        )

    def test_meta_data_hold_vat_number_and_siret(self):
        meta = [
            {"id": 1, "key": "_billing_siret", "value": "73282932000074"},
            {"id": 2, "key": "_vat_number", "value": ""},
            {"id": 3, "key": "billing_eu_vat_number", "value": "FR44732829320"},
            {"id": 4, "key": "_odd", "value": {"a": [1]}},
        ]
        sales = read([order(meta_data=meta)])
        party = row(sales.parties)
        assert (party["siret"], party["vat_number"]) == ("73282932000074", "FR44732829320")
        assert row(sales.addresses)["vat_number"] == "FR44732829320"

    def test_ord_7_guests_are_one_by_one_and_customers_once(self):
        billing = {**ORDER["billing"], "first_name": "Zoë"}
        sales = read([order(), order(id=11, customer_id=7), order(id=12, customer_id=7, billing=billing)])
        assert sales.orders["customer_key"].tolist() == ["boutique/order-10", "boutique/7", "boutique/7"]
        shown = sales.parties[["customer_key", "customer_id", "is_guest", "first_name"]].to_numpy().tolist()
        assert shown == [["boutique/order-10", "10", True, "Zoé"], ["boutique/7", "7", False, "Zoë"]]

    def test_entities_are_characters(self):
        sales = read([order(line_items=[line(name="Tasse &amp; soucoupe &#8211; l&rsquo;ensemble")])])
        assert sales.lines["label"].iloc[0] == "Tasse & soucoupe – l’ensemble"

    def test_times_without_utc_are_the_sites_own(self):
        given = order(date_created_gmt=None, date_paid_gmt=None, date_paid="2026-03-30T08:00:00")
        header = row(read([given]).orders)
        assert header["created_at"] == pd.Timestamp("2026-03-29 01:30:00")
        assert header["paid_at"] == pd.Timestamp("2026-03-30 08:00:00")

    def test_utc_times_keep_daylight_saving(self):
        header = row(read([order()]).orders)
        assert header["created_at"] == pd.Timestamp("2026-03-29 01:30:00")
        assert header["paid_at"] == pd.Timestamp("2026-03-29 03:30:00")

    def test_ord_44_another_currency_than_the_shops_has_no_rate(self):
        header = row(read([order(currency="GBP")], shop_currency="EUR").orders)
        assert (header["shop_currency"], header["currency_rate"]) == ("EUR", pd.NA)

    def test_sales_read_in_the_order_of_ids(self):
        sales = read([order(id=100), order(id=9)], [order(id=20)])
        assert sales.orders["order_id"].tolist() == sales.lines["order_key"].str.slice(9).tolist() == ["9", "20", "100"]

    def test_half_a_surrogate_pair_is_no_obstacle(self):
        assert read([order(customer_note="a\ud83db")]).orders["note"].iloc[0] == "a?b"

    def test_json_numbers_are_never_floats(self):
        sales = read(
            b"[" + json.dumps(order()).replace('"total": "120.00"', '"total": 120.0049999999999999999').encode() + b"]"
        )
        assert sales.orders["charged_total"].iloc[0] == 120_005_000
        sales = read(b"[" + json.dumps(order()).replace('"total": "120.00"', '"total": 1.2E+2').encode() + b"]")
        assert sales.orders["charged_total"].iloc[0] == 120_000_000


TAXED_5 = [{"id": 1, "total": "-1", "subtotal": ""}]


class TestRefunds:
    LINES: ClassVar = {
        "line_items": [
            {
                "id": 90,
                "quantity": -1,
                "total": "-50.00",
                "total_tax": "-10.00",
                "taxes": [{"id": 1, "total": "-10", "subtotal": "-10"}],
                "meta_data": [{"key": "_refunded_item_id", "value": "1"}, {"key": "x", "value": []}],
            }
        ],
        "shipping_lines": [{"id": 91, "total": "-5.00", "total_tax": "-1.00", "taxes": TAXED_5}],
    }

    def refund(self, **changes: object) -> dict[str, object]:
        given = {"id": 40, "date_created_gmt": "2026-04-01T10:00:00", "amount": "66.00", "reason": "Cassé"}
        return {**given, "refunded_by": 1, **self.LINES, **changes}

    def test_ord_61_lines_shipping_and_what_they_do_not_explain(self):
        sales = read([order()], {"10": [self.refund(amount="70.00")]})
        assert row(sales.refunds)["amount_incl"] == 70_000_000
        assert pd.isna(row(sales.refunds)["amount_excl"])
        lines = sales.refund_lines[["kind", "line_id", "quantity", "amount_excl", "amount_incl", "tax_rate"]]
        assert [[None if pd.isna(one) else one for one in values] for values in lines.to_numpy().tolist()] == [
            ["article", "1", 1_000_000, 50_000_000, 60_000_000, 20_000_000],
            ["shipping", "", 1_000_000, 5_000_000, 6_000_000, 20_000_000],
            ["amount", "", 0, None, 4_000_000, None],
        ]

    def test_an_explained_refund_has_no_rest(self):
        sales = read([order()], [self.refund(parent_id=10)])
        assert sales.refund_lines["kind"].tolist() == ["article", "shipping"]
        assert euros(row(sales.refunds)["amount_excl"]) == "55"
        assert row(sales.refunds)["refunded_at"] == pd.Timestamp("2026-04-01 12:00:00")

    def test_the_document_counts_before_the_order_s_own_summary(self):
        given = order(
            refunds=[{"id": 40, "reason": "", "total": "-66.00"}, {"id": 41, "reason": "x", "total": "-1.00"}]
        )
        sales = read([given], {"10": [self.refund()]})
        assert sales.refunds["reason"].tolist() == ["Cassé", "x"]
        assert sales.refund_lines["refund_id"].tolist() == ["40", "40", "41"]

    def test_a_line_that_names_two_lines_is_the_first_s(self):
        entries = [{"key": "_refunded_item_id", "value": one} for one in ("1", "2")]
        lines = [{**self.LINES["line_items"][0], "meta_data": entries}]
        assert read([order()], {"10": [self.refund(line_items=lines)]}).refund_lines["line_id"].tolist()[0] == "1"

    def test_a_refund_that_does_not_name_its_order_is_told(self):
        sales = read([order()], [self.refund()])
        assert said(sales) == [("f1.json", "refunds-without-order", "", "")]
        assert json.loads(sales.outcomes["params"].iloc[0]) == {"count": 1}
        assert len(sales.orders) == 1

    def test_two_versions_of_a_refund_refuse_the_order(self):
        sales = read([order()], {"10": [self.refund()]}, {"10": [self.refund(amount="1.00")]})
        assert said(sales) == [("boutique/10", "export-record-conflict", "refunds", "40")]
        assert sales.orders.empty
        assert sales.refund_lines.empty


DEEP: list[object] = []
for _ in range(800):
    DEEP = [DEEP]


class TestProblems:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"total": "12O.00"}, ("export-value-wrong", "total", "12O.00")),
            ({"total": None}, ("export-value-missing", "total", "")),
            ({"total": "NaN"}, ("export-value-wrong", "total", "NaN")),
            ({"total": "1e999999999"}, ("export-value-wrong", "total", "1e999999999")),
            ({"total": "99999999999"}, ("export-value-wrong", "total", "99999999999")),
            (
                {"tax_lines": [{"rate_id": 1, "rate_percent": "1001"}]},
                ("export-value-wrong", "tax_lines.rate_percent", "1001"),
            ),
            ({"meta_data": {"a": DEEP}}, ("export-value-wrong", "meta_data", None)),
            ({"total": True}, ("export-value-wrong", "total", "true")),
            ({"currency": ""}, ("export-value-missing", "currency", "")),
            ({"date_created_gmt": "hier"}, ("export-value-wrong", "date_created_gmt", "hier")),
            (
                {"date_created_gmt": "2026-02-30T00:00:00"},
                ("export-value-wrong", "date_created_gmt", "2026-02-30T00:00:00"),
            ),
            ({"date_created": "", "date_created_gmt": None}, ("export-value-missing", "date_created", "")),
            ({"line_items": None}, ("export-value-missing", "line_items", "")),
            ({"line_items": "abc"}, ("export-value-wrong", "line_items", "abc")),
            ({"line_items": [1]}, ("export-value-wrong", "line_items", '["1"]')),
            ({"line_items": [line(quantity="deux")]}, ("export-value-wrong", "line_items.quantity", "deux")),
            ({"line_items": [line(total=None)]}, ("export-value-missing", "line_items.total", "")),
            ({"line_items": [line(id=None)]}, ("export-value-missing", "line_items.id", "")),
            ({"line_items": [line(sku=["a"])]}, ("export-value-wrong", "line_items.sku", '["a"]')),
            (
                {"line_items": [line(taxes=[{"id": 1, "total": "x"}])]},
                ("export-value-wrong", "line_items.taxes.total", "x"),
            ),
            ({"line_items": [line(), line(name="autre")]}, ("line-conflict", "line_items.id", "1")),
            ({"billing": "Zoé"}, ("export-value-wrong", "billing", "Zoé")),
            (
                {"tax_lines": [{"rate_id": 1, "rate_percent": "vingt"}]},
                ("export-value-wrong", "tax_lines.rate_percent", "vingt"),
            ),
            ({"refunds": [{"id": 1, "total": "?"}]}, ("export-value-wrong", "refunds.total", "?")),
        ],
        ids=lambda one: one[1] if isinstance(one, tuple) else "",
    )
    def test_ord_8_a_bad_value_refuses_its_order_with_field_and_value(self, changes, expected):
        sales = read([order(**changes), order(id=11)])
        code, field, value = expected
        assert [one[:3] for one in said(sales)] == [("boutique/10", code, field)]
        assert value is None or said(sales)[0][3] == value
        assert sales.outcomes["state"].tolist() == ["failed"]
        for name in ("orders", "lines", "taxes", "payments", "addresses"):
            assert set(getattr(sales, name)["order_key"]) == {"boutique/11"}

    @pytest.mark.parametrize("empty", [[], "", False, None, {}])
    def test_what_php_writes_for_nothing_is_nothing(self, empty):
        sales = read([order(shipping=empty, fee_lines=empty, meta_data=empty, refunds=empty, customer_note=empty)])
        assert sales.outcomes.empty
        assert len(sales.orders) == 1

    def test_orders_without_id_are_counted(self):
        sales = read([order(), order(id=None), 5])
        assert said(sales) == [("f0.json", "export-record-without-id", "", "orders")]
        assert json.loads(sales.outcomes["params"].iloc[0]) == {"count": 2}

    def test_the_same_order_twice_counts_once(self):
        sales = read([order()], {"data": [order()]})
        assert said(sales) == [("boutique/10", "repeated-order", "", "")]
        assert len(sales.lines) == 1

    def test_two_versions_of_an_order_are_none(self):
        sales = read([order()], [order(total="1.00"), order(id=11)])
        assert said(sales) == [("boutique/10", "duplicate-order", "", "")]
        assert sales.orders["order_id"].tolist() == ["11"]

    @pytest.mark.parametrize(
        ("data", "code", "value"),
        [
            (b"", "export-empty", ""),
            (b"  \n", "export-empty", ""),
            (b"<!DOCTYPE html><html><body>Connexion", "export-web-page", ""),
            (b"id;total", "export-not-recognised", ""),
            (b'[{"id": 1,', "export-broken", None),
            (b"[" * 100_000, "export-broken", None),
            (b'["\xff\xfe"]', "export-broken", None),
            (
                b'{"code":"rest_forbidden","message":"D\xc3\xa9sol\xc3\xa9","data":{"status":401}}',
                "export-webservice-error",
                "Désolé",
            ),
            (b"[]", None, None),
        ],
    )
    def test_sec_4_a_file_that_is_no_export_is_told(self, data, code, value):
        sales = read(data, [order()])
        assert len(sales.orders) == 1
        assert [one[:2] for one in said(sales)] == ([("f0.json", code)] if code else [])
        if value is not None:
            assert said(sales)[0][3] == value


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["-1", "1e5", "0"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
FULL = order(
    shipping_lines=[
        {"id": 5, "method_title": "Colissimo", "method_id": "flat_rate", "total": "5.00", "taxes": TAXED_5}
    ],
    fee_lines=[{"id": 6, "name": "Emballage", "total": "1.00", "total_tax": "0.20", "taxes": []}],
    refunds=[{"id": 7, "reason": "", "total": "-1.00"}],
    meta_data=[{"id": 8, "key": "_vat_number", "value": "FR44732829320"}],
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Give the ways to all values within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [one for key, part in inner for one in [(*path, key), *places(part, (*path, key))]]


class TestAnything:
    @settings(max_examples=5, deadline=None)
    @given(changes=st.lists(st.tuples(st.sampled_from(places(FULL)[1:]), values), min_size=20, max_size=20))
    def test_ord_8_any_value_anywhere_ends_as_order_or_outcome(self, changes):
        orders = [order(id=11)]
        for number, (path, value) in enumerate(changes):
            orders.append(copy.deepcopy({**FULL, "id": 100 + number}))
            target = orders[-1]
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = value
        sales = read(orders)
        refused = set(sales.outcomes.loc[sales.outcomes["state"] == "failed", "record"])
        assert "boutique/11" in set(sales.orders["order_key"])
        assert refused | set(sales.orders["order_key"]) == {f"boutique/{one['id']}" for one in orders}

    @settings(max_examples=10, deadline=None)
    @given(data=st.data())
    def test_a_damaged_file_never_raises(self, data):
        whole = json.dumps([FULL, {"10": []}], ensure_ascii=False).encode()
        place = data.draw(st.integers(0, len(whole) - 1))
        damaged = data.draw(
            st.sampled_from(
                [whole[:place], whole[:place] + b"\xff" + whole[place + 1 :], whole[:place] + whole[place + 1 :]]
            )
        )
        sales = read(damaged)
        assert len(sales.orders) <= 1
        assert len(sales.orders) or len(sales.outcomes)

    @settings(max_examples=3, deadline=None)
    @given(baskets=st.lists(st.lists(st.decimals("0.01", "9999.99", places=2), min_size=1, max_size=8), min_size=20))
    def test_inv_1_taxed_prices_come_back_to_the_cent(self, baskets):
        """Prices entered including 20 % of tax, as WooCommerce stores them with dp=6."""
        orders = []
        for rank, prices in enumerate(baskets):
            items = []
            for number, price in enumerate(prices):
                excl = (price / Decimal("1.2")).quantize(Decimal("0.000001"), rounding="ROUND_HALF_UP")
                tax = f"{price - excl:f}"
                items.append(line(id=number + 1, total=f"{excl:f}", taxes=[{"id": 1, "total": tax, "subtotal": tax}]))
            orders.append(order(id=rank + 1, line_items=items, total=str(sum(prices))))
        sales = read(orders)
        assert len(sales.orders) == len(baskets)
        assert (charged(sales, cents=True) == totals(sales)).all()

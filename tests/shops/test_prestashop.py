"""PrestaShop exports: what a real shop gave (8.2), and what may be otherwise in it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from prestashop_given import OPTIONS, Given, codes, live_files, read, said

from passerelle import money
from passerelle.model.orders import TABLES, SalesOrders
from passerelle.shops.export import ReadOptions

OFF_BY_A_CENT = ["237", "260", "263", "272", "276", "282"]


@pytest.fixture(scope="module")
def live(samples: Path) -> SalesOrders:
    return read(live_files(samples, "json"))


@pytest.fixture
def shop(samples: Path) -> Given:
    """Give four orders: pounds with 15 % off, gift wrapping, shipping offered, a credit slip with shipping."""
    return Given(samples, [229, 240, 241, 260])


def sums(table: pd.DataFrame, column: str, sales: SalesOrders) -> pd.Series:
    """Sum up by order, in the order of the orders table."""
    return table.groupby("order_key")[column].sum().reindex(sales.orders["order_key"], fill_value=0)


def row(table: pd.DataFrame, order: int, **equal: object) -> pd.Series:
    found = table[table["order_key"] == f"boutique/{order}"]
    for name, value in equal.items():
        found = found[found[name] == value]
    assert len(found) == 1
    return found.iloc[0]


def test_reads_the_60_real_orders_whole(live: SalesOrders) -> None:
    assert len(live.orders) == 60
    assert len(live.lines) == 184
    assert len(live.parties) == 60
    assert len(live.addresses) == 120
    assert live.orders["order_id"].tolist() == [str(number) for number in range(229, 289)]
    assert set(live.outcomes["code"]) == {"export-unused", "state-not-given"}


@pytest.mark.parametrize("table", TABLES)
def test_xml_and_json_give_the_same_tables(samples: Path, live: SalesOrders, table: str) -> None:
    pd.testing.assert_frame_equal(getattr(_xml(samples), table), getattr(live, table))


def test_xml_and_json_of_the_same_orders_together_are_read_once(samples: Path, live: SalesOrders) -> None:
    sales = read([*live_files(samples, "xml"), *live_files(samples, "json")])
    pd.testing.assert_frame_equal(sales.lines, live.lines)
    assert len(said(sales, "repeated-order")) == 60
    assert said(sales, "duplicate-order") == []


def _xml(samples: Path, cache: dict[Path, SalesOrders] = {}) -> SalesOrders:  # noqa: B006  read once for all tables
    if samples not in cache:
        cache[samples] = read(live_files(samples, "xml"))
    return cache[samples]


def test_lines_add_up_to_the_products_of_each_order(samples: Path, live: SalesOrders) -> None:
    given = Given(samples)
    for column, total in (("net_incl", "total_products_wt"), ("net_excl", "total_products")):
        told = [money.of(order[total]) for order in given["orders"]]
        assert sums(live.lines, column, live).tolist() == told


def test_lines_are_to_the_cent(live: SalesOrders) -> None:
    for column in ("net_excl", "net_incl", "gross_excl", "gross_incl"):
        assert (live.lines[column] % money.of("0.01") == 0).all()


def test_only_six_orders_are_a_cent_off_their_parts(live: SalesOrders) -> None:
    parts = (
        sums(live.lines, "net_incl", live)
        + sums(live.charges, "amount_incl", live)
        - sums(live.allowances, "amount_incl", live)
    )
    gap = (parts - live.orders.set_index("order_key")["charged_total"]).abs()
    assert gap[gap != 0].index.tolist() == [f"boutique/{order}" for order in OFF_BY_A_CENT]
    assert set(gap) == {0, money.of("0.01")}


def test_ord_26_allowances_add_up_to_what_was_deducted(samples: Path, live: SalesOrders) -> None:
    given = Given(samples)
    for tax in ("excl", "incl"):
        told = [money.of(order[f"total_discounts_tax_{tax}"]) for order in given["orders"]]
        assert sums(live.allowances, f"amount_{tax}", live).tolist() == told
    assert set(live.allowances["target"]) == {"lines", "shipping"}
    offered = live.allowances[live.allowances["label"] == "Port offert"]
    assert set(offered["target"]) == {"shipping"}
    shipping = live.charges[live.charges["kind"] == "shipping"].set_index("order_key")
    assert (offered["amount_incl"].to_numpy() == shipping.loc[offered["order_key"], "amount_incl"].to_numpy()).all()


def test_every_line_and_charge_has_its_rate(live: SalesOrders) -> None:
    assert live.lines["tax_rate"].notna().all()
    assert live.charges["tax_rate"].notna().all()
    reproduced = money.including(live.charges["amount_excl"], live.charges["tax_rate"], 2)
    assert (abs(reproduced - live.charges["amount_incl"]) <= money.of("0.01")).all()
    british = live.addresses[(live.addresses["country"] == "GB") & (live.addresses["kind"] == "delivery")]
    untaxed = live.lines[live.lines["order_key"].isin(british["order_key"])]
    assert len(untaxed) > 10
    assert set(untaxed["tax_rate"]) == {0}
    assert set(untaxed["tax_name"]) == {""}


def test_wrapping_takes_the_rate_that_its_amounts_show(live: SalesOrders) -> None:
    wrapping = live.charges[(live.charges["kind"] == "wrapping") & (live.charges["tax_rate"] != 0)]
    assert len(wrapping) > 5
    elsewhere = pd.concat([live.lines, live.charges[live.charges["kind"] == "shipping"]])
    rates = {*zip(elsewhere["order_key"], elsewhere["tax_rate"], strict=True)}
    assert all(pair in rates for pair in zip(wrapping["order_key"], wrapping["tax_rate"], strict=True))


def test_ord_41_charges_name_the_tax_of_the_country(live: SalesOrders) -> None:
    taxed = live.charges[live.charges["tax_rate"] != 0]
    countries = live.addresses[live.addresses["kind"] == "delivery"].set_index("order_key")["country"]
    prefix = taxed["tax_name"].str.extract(r"^(?:TVA|IVA|USt\.) ([A-Z]{2}) ")[0]
    assert prefix.tolist() == countries[taxed["order_key"]].tolist()


def test_a_reduced_line_keeps_its_gross_amount(live: SalesOrders) -> None:
    line = row(live.lines, 229, line_id="481")
    assert (line["gross_excl"], line["net_excl"]) == (money.of("15.36"), money.of("12.30"))
    assert (line["gross_incl"], line["net_incl"]) == (money.of("18.27"), money.of("14.64"))
    plain = row(live.lines, 229, line_id="483")
    assert (plain["gross_excl"], plain["gross_incl"]) == (plain["net_excl"], plain["net_incl"])
    assert (live.lines["gross_excl"] >= live.lines["net_excl"]).all()


def test_header_of_an_order_in_pounds(live: SalesOrders) -> None:
    order = row(live.orders, 229)
    assert order["order_reference"] == "KHBWZNBWR"
    assert (order["currency"], order["shop_currency"]) == ("GBP", "EUR")
    assert order["currency_rate"] == money.of("0.8531")
    assert (order["charged_total"], order["charged_total_excl"]) == (money.of("579.64"), money.of("535.56"))
    assert order["paid_total"] == money.of("579.64")
    assert order["payment_mode"] == "Chèque"
    assert order["status"] == "2"
    assert order["store"] == ""
    assert order["invoice_number"] == "168"
    assert order["created_at"] == order["invoiced_at"] == order["paid_at"] == pd.Timestamp("2026-11-21 03:01:34")
    assert (order["carrier_id"], order["carrier"]) == ("2", "My carrier")
    assert order["prices_include_tax"]


def test_no_date_and_no_number_are_missing(live: SalesOrders) -> None:
    order = row(live.orders, 230)
    assert pd.isna(order["invoiced_at"])
    assert pd.isna(order["paid_at"])
    assert order["invoice_number"] == ""


def test_payments_are_those_of_the_reference(live: SalesOrders) -> None:
    assert len(live.payments) == 29
    paid = live.orders.set_index("order_key")["paid_total"]
    assert sums(live.payments, "amount", live).tolist() == paid.tolist()
    payment = row(live.payments, 229)
    assert (payment["payment_mode"], payment["amount"]) == ("Chèque", money.of("579.64"))


def test_ord_61_refunds_are_products_and_shipping(live: SalesOrders) -> None:
    assert live.refunds["refund_id"].tolist() == ["2", "3", "4", "5", "6", "7"]
    refund = row(live.refunds, 260)
    assert (refund["amount_excl"], refund["amount_incl"]) == (money.of("9.40"), money.of("11.28"))
    article, shipping = (row(live.refund_lines, 260, kind=kind) for kind in ("article", "shipping"))
    assert (article["line_id"], article["quantity"], article["tax_rate"]) == ("578", money.ONE, money.of(20))
    assert (shipping["line_id"], shipping["amount_incl"], shipping["tax_rate"]) == ("", money.of("8.40"), money.of(20))
    unrounded = row(live.refunds, 245)
    assert unrounded["amount_excl"] == money.of("65.75")


def test_buyers_and_addresses(live: SalesOrders) -> None:
    buyer = live.parties.set_index("customer_key").loc["boutique/232"]
    assert (buyer["company"], buyer["siret"]) == ('SARL Dupont & Fils ; "Atelier"', "73282932000074")
    assert (buyer["last_name"], buyer["vat_number"]) == ("Łukasz", "DE136695976")
    assert (buyer["language"], buyer["customer_group"], buyer["is_guest"]) == ("fr", "Client", False)
    guest = live.parties.set_index("customer_key").loc["boutique/228"]
    assert (guest["is_guest"], guest["customer_id"]) == (True, "228")
    address = row(live.addresses, 230, kind="billing")
    assert (address["line_2"], address["postcode"], address["country"]) == ("Bât. B; 2ᵉ étage", "97400", "RE")
    apart = live.addresses.pivot_table(index="order_key", columns="kind", values="line_1", aggfunc="first")
    assert (apart["billing"] != apart["delivery"]).sum() > 5


def test_ord_6_private_messages_stay_out_and_gift_messages_come(live: SalesOrders) -> None:
    notes = set(live.orders["note"])
    assert notes == {"", 'Joyeux Noël ! 🎁 "bises"'}


def test_says_which_state_is_not_given(live: SalesOrders) -> None:
    told = said(live, "state-not-given")
    assert len(told) == 10
    assert {(field, value) for _, field, value in told} == {("addresses.id_state", "126")}


# What is refused


def test_names_each_file_that_is_absent(shop: Given) -> None:
    sales = shop.without("currencies", "customers", "addresses", "order_details").read(
        options=ReadOptions("boutique", shop_currency="EUR")
    )
    assert len(sales.orders) == 0
    told = {field for record, field, _ in said(sales, "export-file-missing") if record == "boutique/229"}
    assert told == {"currencies", "customers", "addresses"}


NEEDED_RECORDS = [
    ("currencies", 2, 231),
    ("customers", 228, 229),
    ("addresses", 235, 230),
    ("countries", 17, 232),
    ("order_details", 495, 233),
    ("taxes", 34, 240),
]


def test_names_each_record_that_is_not_given(samples: Path) -> None:
    shop = Given(samples)
    for resource, identifier, _ in NEEDED_RECORDS:
        shop.lists[resource] = [record for record in shop[resource] if record["id"] != identifier]
    sales = shop.read()
    told = said(sales, "export-record-missing")
    for resource, identifier, order in NEEDED_RECORDS:
        assert (f"boutique/{order}", resource, str(identifier)) in told
    refused = {record for record, _, _ in told}
    assert refused.isdisjoint(sales.orders["order_key"])
    assert len(refused) + len(sales.orders) == 60
    assert len(sales.orders) > 10


RUBBISH = [
    ("orders", "total_paid_tax_incl", "twelve"),
    ("orders", "total_shipping_tax_excl", "NaN"),
    ("orders", "conversion_rate", "1,5"),
    ("orders", "conversion_rate", "0.000000"),
    ("orders", "date_add", "2026-13-45 00:00:00"),
    ("order_details", "product_quantity", "0x10"),
    ("order_details", "total_price_tax_incl", "99999999999999999999"),
    ("order_cart_rules", "value", "--"),
    ("order_payments", "amount", "Infinity"),
    ("order_slips", "total_products_tax_incl", "e"),
]


def test_rubbish_is_said_of_its_order(samples: Path) -> None:
    shop = Given(samples)
    references = {order["reference"]: str(order["id"]) for order in shop["orders"]}
    expected: dict[str, tuple[str, str]] = {}
    for resource, field, value in RUBBISH:
        for record in shop[resource]:
            order = record.get("id_order") or references.get(record.get("order_reference", "")) or str(record["id"])
            if order not in expected:
                expected[order] = (f"{resource}.{field}", value)
                record[field] = value
                break
    sales = shop.read()
    assert set(said(sales, "export-value-wrong")) == {(f"boutique/{order}", *told) for order, told in expected.items()}
    assert set(sales.orders["order_id"]) == set(references.values()) - set(expected)


def test_a_field_that_lacks_is_said_of_its_order(samples: Path) -> None:
    shop = Given(samples)
    fields = [
        "total_paid_tax_incl",
        "total_paid",
        "current_state",
        "date_add",
        "id_currency",
        "total_discounts_tax_excl",
    ]
    for order, field in zip(shop["orders"], fields, strict=False):
        del order[field]
    sales = shop.read()
    assert set(said(sales, "export-value-missing")) == {
        (f"boutique/{order['id']}", f"orders.{field}", "") for order, field in zip(shop["orders"], fields, strict=False)
    }
    assert len(sales.orders) == 60 - len(fields)


def test_an_order_that_contradicts_itself_is_refused_with_both_totals(shop: Given) -> None:
    shop.order(240)["total_paid"] = "61.800000"
    shop.order(240)["total_paid_tax_incl"] = "68.200000"
    sales = shop.read()
    assert said(sales, "contradictory-totals") == [("boutique/240", "total_paid", "61.80")]
    assert "68.20" in sales.outcomes.loc[sales.outcomes["code"] == "contradictory-totals", "params"].item()
    assert "boutique/240" not in set(sales.orders["order_key"])


def test_the_same_order_twice_is_kept_once_with_a_remark(shop: Given) -> None:
    shop["orders"].append(shop.copy_of(240))
    sales = shop.read()
    assert codes(sales, "boutique/240") == ["repeated-order"]
    assert len(sales.orders) == 4


def test_of_an_order_in_two_versions_neither_goes_out(shop: Given) -> None:
    shop["orders"].append(shop.copy_of(240, current_state="5"))
    sales = shop.read()
    assert codes(sales, "boutique/240") == ["duplicate-order"]
    assert sales.orders["order_id"].tolist() == ["229", "241", "260"]


def test_a_record_in_two_versions_stops_the_orders_that_need_it(samples: Path) -> None:
    shop = Given(samples)
    fields = {"customers": "email", "addresses": "city", "order_details": "product_quantity"}
    fields |= {"currencies": "iso_code", "taxes": "rate", "order_cart_rules": "value"}
    for resource, identifier, _ in [*NEEDED_RECORDS, ("order_cart_rules", 8, 234)]:
        if resource in fields:
            record = next(one for one in shop[resource] if one["id"] == identifier)
            shop[resource].append({**record, fields[resource]: "7"})
    sales = shop.read()
    told = said(sales, "export-record-conflict")
    for resource, identifier, order in [*NEEDED_RECORDS, ("order_cart_rules", 8, 234)]:
        if resource in fields:
            assert (f"boutique/{order}", resource, str(identifier)) in told
    refused = {record for record, _, _ in told}
    assert refused.isdisjoint(sales.orders["order_key"])
    assert len(refused) + len(sales.orders) == 60


def test_a_difference_in_what_is_not_read_is_none(shop: Given) -> None:
    shop["customers"].append({**shop["customers"][0], "last_passwd_gen": "2027-01-01 00:00:00"})
    assert len(shop.read().orders) == 4


def test_details_without_their_order_are_said(samples: Path) -> None:
    shop = Given(samples)
    shop.lists["orders"] = shop["orders"][1:]
    sales = shop.read()
    assert ("boutique/229", "order_details", "") in said(sales, "export-order-missing")
    assert len(sales.orders) == 59
    assert "boutique/229" not in set(sales.lines["order_key"])


# Lines


def test_without_details_the_rows_of_the_order_stand_in(shop: Given, live: SalesOrders) -> None:
    sales = shop.without("order_details", "order_slips").read()
    assert len(sales.orders) == 4
    assert sales.lines["tax_rate"].isna().all()
    whole = live.lines[live.lines["order_key"].isin(sales.orders["order_key"])].reset_index(drop=True)
    same = ["order_key", "line_id", "position", "reference", "label", "quantity"]
    pd.testing.assert_frame_equal(sales.lines[same], whole[same])
    assert sums(sales.lines, "net_incl", sales).tolist() == sums(whole, "net_incl", sales).tolist()
    assert (sales.lines["net_excl"] - whole["net_excl"]).abs().max() <= money.of("0.02")


def test_lines_that_miss_the_total_by_far_are_rounded_one_by_one(shop: Given) -> None:
    order = shop.order(240)
    order["associations"]["order_rows"][0] |= {"product_quantity": "3", "unit_price_tax_excl": "1.235000"}
    lines = shop.without("order_details", "order_slips").read().lines
    assert lines.loc[lines["order_key"] == "boutique/240", "net_excl"].iloc[0] == money.of("3.71")


def test_a_broken_details_file_is_not_replaced_by_the_rows(shop: Given) -> None:
    files = shop.files()
    files = [
        file if file.name != "order_details.json" else type(file)(file.name, file.data[: len(file.data) // 2])
        for file in files
    ]
    sales = read(files)
    assert len(sales.orders) == 0
    assert codes(sales, "order_details.json") == ["export-broken"]
    assert said(sales, "export-file-missing")


def test_a_broken_second_page_of_details_stops_its_orders_only(shop: Given) -> None:
    details = shop["order_details"]
    shop.lists["order_details"] = [row for row in details if row["id_order"] != "260"]
    second = Given.__new__(Given)
    second.lists = {"order_details": [row for row in details if row["id_order"] == "260"]}
    page = second.files()[0]
    sales = shop.read(type(page)("order_details_2.json", page.data[:-200]))
    assert sales.orders["order_id"].tolist() == ["229", "240", "241"]
    assert {record for record, _, _ in said(sales, "export-record-missing")} == {"boutique/260"}


def test_several_taxes_on_a_line_add_up(shop: Given) -> None:
    detail = shop.of_order("order_details", 240)[0]
    detail["associations"]["taxes"] = [{"id": "1"}, {"id": "3"}, {"id": "1"}]
    line = shop.read().lines.set_index("line_id").loc[str(detail["id"])]
    assert line["tax_rate"] == money.of("25.5")
    assert line["tax_name"] == "TVA FR 20% + TVA FR 5.5%"


def test_a_line_without_tax_whose_amounts_differ_has_no_rate(shop: Given) -> None:
    detail = shop.of_order("order_details", 240)[0]
    del detail["associations"]
    line = shop.read().lines.set_index("line_id").loc[str(detail["id"])]
    assert pd.isna(line["tax_rate"])
    assert line["tax_name"] == ""


def test_ord_30_gifts_and_negative_lines_survive(shop: Given) -> None:
    gift, back = shop.of_order("order_details", 240)[:2]
    gift |= {"total_price_tax_excl": "0.000000", "total_price_tax_incl": "0.000000", "associations": {}}
    back |= {"product_quantity": "-1", "total_price_tax_excl": "-10.000000", "total_price_tax_incl": "-12.000000"}
    lines = shop.read().lines.set_index("line_id")
    assert tuple(lines.loc[str(gift["id"]), ["net_incl", "tax_rate"]]) == (0, 0)
    assert tuple(lines.loc[str(back["id"]), ["quantity", "net_incl"]]) == (-money.ONE, money.of(-12))


def test_ord_30_eco_tax_of_a_piece_is_that_of_the_line(shop: Given) -> None:
    sofa, other = shop.of_order("order_details", 229)[:2]
    sofa |= {"product_quantity": "6", "ecotax": "0.333333", "ecotax_tax_rate": "5.500"}
    lines = shop.read().lines.set_index("line_id")
    held = lines.loc[str(sofa["id"]), ["ecotax_excl", "ecotax_rate"]]
    assert held.tolist() == [1_999_998, 5_500_000]
    assert lines.loc[str(other["id"]), ["ecotax_excl", "ecotax_incl", "ecotax_rate"]].isna().all()


def test_the_article_stands_beside_its_variant(shop: Given) -> None:
    detail = shop.of_order("order_details", 229)[0]
    detail["product_reference"] = "demo_1-S"
    shop.lists["products"] = [{"id": 1, "reference": "demo_1"}]
    lines = shop.read().lines.set_index("line_id")
    assert tuple(lines.loc[str(detail["id"]), ["reference", "parent_reference"]]) == ("demo_1-S", "demo_1")
    assert (lines["parent_reference"] != "").sum() == 1


def test_prices_of_a_shop_without_tax(shop: Given) -> None:
    for detail in shop.of_order("order_details", 240):
        detail["tax_computation_method"] = "1"
    orders = shop.read().orders.set_index("order_id")
    assert orders["prices_include_tax"].to_dict() == {"229": True, "240": False, "241": True, "260": True}


# Charges and allowances


def test_a_shipping_without_told_rate_shows_it(shop: Given) -> None:
    shop.order(229)["carrier_tax_rate"] = "0.000"
    shipping = row(shop.read().charges, 229, kind="shipping")
    assert (shipping["tax_rate"], shipping["tax_name"]) == (money.of(19), "TVA DE 19%")


def test_a_charge_that_no_rate_explains_has_none(shop: Given) -> None:
    shop.order(240)["total_wrapping_tax_excl"] = "10.000000"
    shop.order(240)["total_wrapping_tax_incl"] = "19.990000"
    assert pd.isna(row(shop.read().charges, 240, kind="wrapping")["tax_rate"])


def _discount(shop: Given, order: int, incl: str, excl: str, *rules: tuple[str, str, str]) -> pd.DataFrame:
    shop.order(order).update(total_discounts_tax_incl=incl, total_discounts_tax_excl=excl)
    shop.lists["order_cart_rules"] = [
        {
            "id": 900 + number,
            "id_order": str(order),
            "name": f"rule {number}",
            "value": value,
            "value_tax_excl": value_excl,
            "free_shipping": free,
            "deleted": "0",
        }
        for number, (value, value_excl, free) in enumerate(rules)
    ]
    allowances = shop.read().allowances
    found = allowances[allowances["order_key"] == f"boutique/{order}"]
    return found[["target", "label", "amount_excl", "amount_incl"]].reset_index(drop=True)


def _allowance(target: str, label: str, excl: str, incl: str) -> list[object]:
    return [target, label, money.of(excl), money.of(incl)]


def test_without_cart_rules_the_discount_is_one_allowance_on_the_lines(shop: Given) -> None:
    allowances = shop.without("order_cart_rules").read().allowances
    found = row(allowances, 229)
    assert (found["target"], found["amount_excl"], found["amount_incl"]) == (
        "lines",
        money.of("93.46"),
        money.of("101.04"),
    )


def test_a_rule_may_offer_the_shipping_and_an_amount(shop: Given) -> None:
    found = _discount(shop, 241, "17.60", "15.33", ("17.600000", "15.333333", "1"))
    assert found.to_numpy().tolist() == [
        _allowance("shipping", "rule 0", "7.00", "7.60"),
        _allowance("lines", "rule 0", "8.33", "10.00"),
    ]


def test_the_shipping_is_offered_once(shop: Given) -> None:
    found = _discount(shop, 241, "15.20", "14.00", ("7.60", "7.00", "1"), ("7.60", "7.00", "1"))
    assert found["target"].tolist() == ["shipping", "lines"]
    assert found["amount_incl"].tolist() == [money.of("7.60"), money.of("7.60")]


def test_unrounded_rules_share_the_cents(shop: Given) -> None:
    thirds = [("3.333333", "2.777777", "0")] * 3
    found = _discount(shop, 241, "10.00", "8.33", *thirds)
    assert sorted(found["amount_incl"]) == [money.of("3.33"), money.of("3.33"), money.of("3.34")]
    assert sorted(found["amount_excl"]) == [money.of("2.77"), money.of("2.78"), money.of("2.78")]


def test_a_cent_of_an_offered_shipping_is_rounding(shop: Given) -> None:
    found = _discount(shop, 241, "7.61", "7.00", ("7.60", "7.00", "1"))
    assert found.to_numpy().tolist() == [_allowance("shipping", "rule 0", "7.00", "7.61")]


def test_what_no_rule_explains_is_on_the_lines(shop: Given) -> None:
    found = _discount(shop, 241, "12.60", "11.17", ("7.60", "7.00", "1"))
    assert found.to_numpy().tolist() == [
        _allowance("shipping", "rule 0", "7.00", "7.60"),
        _allowance("lines", "", "4.17", "5.00"),
    ]


def test_rules_that_exceed_what_was_deducted_are_cut_with_a_remark(shop: Given) -> None:
    found = _discount(shop, 241, "20.00", "16.67", ("30.00", "25.00", "0"), ("10.00", "8.33", "0"))
    assert found["amount_incl"].tolist() == [money.of("15.00"), money.of("5.00")]
    assert said(shop.read(), "allowances-adjusted") == [("boutique/241", "order_cart_rules.value", "40.00")]


def test_ord_62_a_rule_of_a_negative_value_takes_a_voucher_back(shop: Given) -> None:
    found = _discount(shop, 241, "4.00", "3.33", ("10.00", "8.33", "0"), ("-6.00", "-5.00", "0"))
    assert found.to_numpy().tolist() == [
        _allowance("lines", "rule 0", "8.33", "10.00"),
        _allowance("lines", "rule 1", "-5.00", "-6.00"),
    ]
    alone = _discount(shop, 241, "-7.00", "-5.83", ("-6.00", "-5.00", "0"))
    assert sorted(alone["amount_incl"]) == [money.of("-6.00"), money.of("-1.00")]  # the shop's total is the truth


@pytest.mark.parametrize(
    ("order", "amount", "incl", "paid_back"),
    [
        (233, "2.860000", "1", ("0.00", "-2.86")),
        (233, "2.400000", "0", ("0.00", "-2.86")),
        (260, "11.280000", "1", ("0.00", "-11.28")),  # the shipping too
        (260, "2.880000", "1", ("8.40", "-2.88")),  # the shipping in money
        (260, "5.000000", "1", ("11.28", None)),  # another voucher
    ],
)
def test_ord_62_what_a_slip_gave_as_a_voucher_is_taken_back(
    samples: Path, order: int, amount: str, incl: str, paid_back: tuple[str, str | None]
) -> None:
    shop = Given(samples, [233, 260])
    voucher = {"id": 9, "code": f"V9C232O{order}", "reduction_amount": amount, "reduction_tax": incl}
    other = {"id": 8, "code": "BIENVENUE", "reduction_amount": amount, "reduction_tax": incl}
    shop.lists["cart_rules"] = [other, voucher]
    sales = shop.read()
    assert sales.outcomes.empty, sales.outcomes.to_string()
    refund = row(sales.refunds, order)
    lines = sales.refund_lines[sales.refund_lines["order_key"] == f"boutique/{order}"]
    taken = lines.loc[lines["kind"] == "amount", "amount_incl"].tolist()
    total, back = paid_back
    assert (refund["amount_incl"], taken) == (money.of(total), [] if back is None else [money.of(back)])
    assert refund["reason"] == ("" if back is None else f"V9C232O{order}")


def test_a_deleted_rule_is_none(shop: Given) -> None:
    shop["order_cart_rules"].append(
        {
            "id": 999,
            "id_order": "240",
            "name": "x",
            "value": "5",
            "value_tax_excl": "5",
            "free_shipping": "0",
            "deleted": "1",
        }
    )
    sales = shop.read()
    assert codes(sales, "boutique/240") == []
    assert "x" not in set(sales.allowances["label"])


# Payments


def test_orders_of_one_reference_get_the_payments_of_their_amounts(shop: Given) -> None:
    for number in (240, 260):
        shop.order(number)["reference"] = "SHAREDREF"
    totals = [shop.order(number)["total_paid"] for number in (240, 260)]
    shop.lists["order_payments"] = [
        {"id": 7 + rank, "order_reference": "SHAREDREF", "id_currency": "1", "amount": total, "payment_method": "CB"}
        for rank, total in enumerate(reversed(totals))
    ]
    sales = shop.read()
    assert sales.payments["order_key"].tolist() == ["boutique/240", "boutique/260"]
    assert sales.payments["amount"].tolist() == [money.of(total) for total in totals]
    assert said(sales, "payments-shared") == []


def test_a_payment_shared_by_orders_is_not_split(shop: Given) -> None:
    for number in (240, 260):
        shop.order(number)["reference"] = "SHAREDREF"
    shop.lists["order_payments"] = [
        {"id": 7, "order_reference": "SHAREDREF", "id_currency": "1", "amount": "2000.00", "payment_method": "CB"}
    ]
    sales = shop.read()
    assert len(sales.payments) == 0
    assert [(record, value) for record, _, value in said(sales, "payments-shared")] == [
        ("boutique/240", "SHAREDREF"),
        ("boutique/260", "SHAREDREF"),
    ]
    assert len(sales.orders) == 4


def test_equal_orders_with_one_payment_do_not_tell_whose_it_is(shop: Given) -> None:
    twin = shop.copy_of(240, id=1240)
    twin["associations"] = {}
    shop["orders"].append(twin)
    shop["order_details"].append({**shop.of_order("order_details", 240)[0], "id": 99999, "id_order": "1240"})
    sales = shop.read()
    assert {record for record, _, _ in said(sales, "payments-shared")} == {"boutique/240", "boutique/1240"}
    assert "boutique/240" not in set(sales.payments["order_key"])


def test_a_payment_in_another_currency_is_told_and_left_out(shop: Given) -> None:
    reference = shop.order(229)["reference"]
    payment = next(one for one in shop["order_payments"] if one["order_reference"] == reference)
    payment["id_currency"] = "1"
    sales = shop.read()
    assert said(sales, "payment-other-currency") == [("boutique/229", "order_payments", "EUR")]
    assert "boutique/229" not in set(sales.payments["order_key"])


# Refunds


def test_a_slip_without_lines_is_an_amount(shop: Given) -> None:
    slip = shop.of_order("order_slips", 260)[0]
    slip["associations"] = {}
    lines = shop.read().refund_lines
    assert lines["kind"].tolist() == ["amount", "shipping"]
    assert lines["amount_incl"].tolist() == [money.of("2.88"), money.of("8.40")]


def test_a_slip_of_a_chosen_amount_is_refused_but_not_its_order(shop: Given) -> None:
    shop.of_order("order_slips", 260)[0]["amount"] = "5.000000"
    sales = shop.read()
    assert said(sales, "refund-amount-unclear") == [("boutique/260/4", "order_slips.amount", "5.00")]
    assert len(sales.refunds) == len(sales.refund_lines) == 0
    assert len(sales.orders) == 4


def test_a_slip_of_an_unknown_line_is_said(shop: Given) -> None:
    shop.of_order("order_slips", 260)[0]["associations"]["order_slip_details"][0]["id_order_detail"] = "1"
    sales = shop.read()
    assert ("boutique/260", "order_details", "1") in said(sales, "export-record-missing")
    assert "260" not in set(sales.orders["order_id"])


# Buyers, messages, currencies, stores


def test_the_first_message_of_the_buyer_is_the_note(shop: Given) -> None:
    at = "2026-11-21 0{}:00:00"
    common = {"id_order": "240", "id_employee": "0", "private": "0"}
    shop.lists["messages"] = [
        {"id": 1, **common, "message": "secret", "private": "1", "date_add": at.format(1)},
        {"id": 2, **common, "message": "answer", "id_employee": "3", "date_add": at.format(2)},
        {"id": 4, **common, "message": "later", "date_add": at.format(5)},
    ]
    shop.lists["customer_threads"] = [{"id": 9, "id_order": "240"}]
    shop.lists["customer_messages"] = [
        {"id": 1, "id_customer_thread": "9", "id_employee": "0", "private": "0", "message": "Sonner\r\n2 fois"}
        | {"date_add": at.format(4)}
    ]
    shop.order(240)["gift_message"] = "Bravo !"
    assert row(shop.read().orders, 240)["note"] == "Sonner\n2 fois\nBravo !"


def test_cus_7_a_guest_without_account_is_known_by_the_order(shop: Given) -> None:
    shop.order(240)["id_customer"] = "0"
    sales = shop.read()
    assert row(sales.orders, 240)["customer_key"] == "boutique/order-240"
    buyer = sales.parties.set_index("customer_key").loc["boutique/order-240"]
    billing = row(sales.addresses, 240, kind="billing")
    assert buyer["is_guest"]
    assert (buyer["last_name"], buyer["customer_id"]) == (billing["last_name"], "240")


def test_a_buyer_stands_once_as_of_the_last_order(shop: Given) -> None:
    shop.order(260)["id_customer"] = shop.order(240)["id_customer"]
    shop["addresses"][-1]["vat_number"] = "FR40303265045"
    shop.order(260)["id_address_invoice"] = str(shop["addresses"][-1]["id"])
    sales = shop.read()
    assert len(sales.parties) == 3
    buyer = sales.parties.set_index("customer_key").loc[f"boutique/{shop.order(240)['id_customer']}"]
    assert buyer["vat_number"] == "FR40303265045"


def test_titles_states_and_translated_names(shop: Given) -> None:
    shop["languages"].append({"id": 2, "iso_code": "en"})
    shop.lists["genders"] = [{"id": 1, "name": [{"id": "1", "value": "M."}, {"id": "2", "value": "Mr"}]}]
    shop["customers"][0]["id_gender"] = "1"
    shop["addresses"][0]["id_state"] = "5"
    shop.lists["states"] = [{"id": 5, "iso_code": "BE-01", "name": "Berlin"}]
    for language, title in (("EN", "Mr"), ("2", "Mr"), ("de", "M.")):
        sales = shop.read(options=ReadOptions("boutique", language=language))
        assert sales.parties.set_index("customer_key").loc["boutique/228", "title"] == title
    assert row(sales.addresses, 229, kind="billing")["state"] == "BE-01"
    assert shop.without("genders").read().parties.set_index("customer_key").loc["boutique/228", "title"] == "1"


def test_the_shops_own_currency_is_told_or_known(shop: Given) -> None:
    for currency in shop["currencies"]:
        currency["conversion_rate"] = "1.000000"
    assert {code for _, code in _of_orders(shop.read())} == {"shop-currency-unknown"}
    sales = shop.read(options=ReadOptions("boutique", shop_currency="EUR"))
    assert set(sales.orders["shop_currency"]) == {"EUR"}
    assert len(sales.orders) == 4


def _of_orders(sales: SalesOrders) -> list[tuple[str, str]]:
    rows = sales.outcomes[sales.outcomes["record_type"] == "order"]
    return list(zip(rows["record"], rows["code"], strict=True))


def test_ord_3_the_store_is_told_where_there_are_several(shop: Given) -> None:
    shop["shops"].append({"id": 2, "name": "Autre"})
    shop.order(240)["id_shop"] = "2"
    assert shop.read().orders["store"].tolist() == ["1", "2", "1", "1"]


def test_a_billing_or_delivery_address_may_stand_for_both(shop: Given) -> None:
    shop.order(240)["id_address_delivery"] = "0"
    addresses = shop.read().addresses
    same = [row(addresses, 240, kind=kind)["line_1"] for kind in ("billing", "delivery")]
    assert same[0] == same[1] != ""
    shop.order(240)["id_address_invoice"] = "0"
    assert ("boutique/240", "orders.id_address_invoice", "") in said(shop.read(), "export-value-missing")


def test_the_payment_module_stands_in_for_a_lacking_label(shop: Given) -> None:
    shop.order(240)["payment"] = ""
    assert row(shop.read().orders, 240)["payment_mode"] == shop.order(240)["module"]


def test_rows_stand_in_the_order_of_their_ids(shop: Given) -> None:
    twin = shop.copy_of(240, id=1000, reference="OTHER")
    twin["associations"] = {}
    shop["orders"].insert(0, twin)
    shop["order_details"].append({**shop.of_order("order_details", 240)[0], "id": 99999, "id_order": "1000"})
    sales = shop.read(options=OPTIONS)
    assert sales.orders["order_id"].tolist() == ["229", "240", "241", "260", "1000"]
    assert sales.lines["order_key"].drop_duplicates().tolist() == sales.orders["order_key"].tolist()
    assert (sales.lines.groupby("order_key")["position"].min() == 1).all()

"""Orders of PrestaShop out of its SQL manager, compared with the same orders out of its webservice."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prestashop_given import Given, codes, live_files, read, said

from passerelle import money
from passerelle.formats.registry import formats
from passerelle.model.orders import SalesOrders
from passerelle.shops.export import ExportFile, ReadOptions

ADDRESS = [
    "company",
    "firstname",
    "lastname",
    "address1",
    "address2",
    "postcode",
    "city",
    "phone",
    "phone_mobile",
    "vat_number",
    "other",
]
Rows = list[dict[str, str]]


def rows_of(given: Given) -> Rows:
    """Do what the query of the format's documentation does, on the webservice's records."""
    tables = {name: {str(record["id"]): record for record in records} for name, records in given.lists.items()}
    paid = {payment["order_reference"]: payment["date_add"] for payment in reversed(given["order_payments"])}
    rows = []
    for detail in sorted(given["order_details"], key=lambda one: (int(one["id_order"]), one["id"])):
        order = tables["orders"][detail["id_order"]]
        customer = tables["customers"][order["id_customer"]]
        language = tables["languages"][order["id_lang"]]["iso_code"]
        rules = given.of_order("order_cart_rules", order["id"])
        offers = any(int(rule["free_shipping"]) for rule in rules)
        taxes = [tables["taxes"][tax["id"]] for tax in detail.get("associations", {}).get("taxes", [])]
        row: dict[str, Any] = {
            **order,
            **detail,
            "id_order": order["id"],
            "id_order_detail": detail["id"],
            "date_add": order["date_add"],
            "date_upd": order["date_upd"],
            "id_shop": order["id_shop"],
            "payment_date": paid.get(order["reference"], ""),
            "currency": tables["currencies"][order["id_currency"]]["iso_code"],
            "shop_currency": "EUR",
            "carrier": tables["carriers"][order["id_carrier"]]["name"],
            "customer_title": "",
            **{f"customer_{name}": customer[name] for name in ("firstname", "lastname", "email", "company", "siret")},
            "customer_is_guest": customer["is_guest"],
            "customer_language": language,
            "customer_group": tables["groups"][customer["id_default_group"]]["name"],
            "tax_rate": sum(Decimal(tax["rate"]) for tax in taxes) if taxes else "",
            "tax_name": ",".join(tax["name"] for tax in taxes),
            "parent_reference": detail["product_reference"],
        }
        for column, free in (("discount_shipping_name", "1"), ("discount_name", "0")):
            row[column] = ",".join(rule["name"] for rule in rules if rule["free_shipping"] == free)
        for kind, name in (("billing", "id_address_invoice"), ("delivery", "id_address_delivery")):
            address = tables["addresses"][order[name]]
            row |= {f"{kind}_{part}": address[part] for part in ADDRESS}
            row |= {f"{kind}_state": "", f"{kind}_country": tables["countries"][address["id_country"]]["iso_code"]}
        for tax in ("incl", "excl"):
            shipping, discount = (Decimal(order[f"total_{name}_tax_{tax}"]) for name in ("shipping", "discounts"))
            row[f"discount_shipping_tax_{tax}"] = min(shipping, discount) if offers else 0
        rows.append(
            {field.name: str(row.get(field.name) or "") for field in formats().get("prestashop/orders_sql").fields}
        )
    return rows


def as_csv(rows: Rows, delimiter: str = ";", encoding: str = "utf-8") -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode(encoding)


@pytest.fixture(scope="module")
def rows(samples: Path) -> Rows:
    return rows_of(Given(samples))


@pytest.fixture(scope="module")
def few(rows: Rows) -> Rows:
    return [row for row in rows if "238" <= row["id_order"] <= "242"]


@pytest.fixture(scope="module")
def by_sql(rows: Rows) -> SalesOrders:
    return read([ExportFile("orders.csv", as_csv(rows))])


@pytest.fixture(scope="module")
def by_webservice(samples: Path) -> SalesOrders:
    return read(live_files(samples, "json"))


def test_says_nothing_of_a_good_file(by_sql: SalesOrders) -> None:
    assert by_sql.outcomes.empty


@pytest.mark.parametrize(
    ("table", "untold"),
    [
        ("orders", ["note", "store"]),  # the shops and messages are not in the rows
        ("lines", ["gross_excl", "gross_incl", "net_excl", "net_incl"]),  # nor the reductions, nor the sums of lines
        ("charges", ["tax_name"]),  # nor the tax rules
        ("payments", []),
        ("parties", []),
        ("addresses", []),
    ],
)
def test_sql_and_webservice_give_the_same(
    by_sql: SalesOrders, by_webservice: SalesOrders, table: str, untold: list[str]
) -> None:
    pd.testing.assert_frame_equal(
        getattr(by_sql, table).drop(columns=untold), getattr(by_webservice, table).drop(columns=untold)
    )


def test_lines_differ_by_a_cent_at_most(by_sql: SalesOrders, by_webservice: SalesOrders) -> None:
    for column in ("net_excl", "net_incl"):
        assert (by_sql.lines[column] - by_webservice.lines[column]).abs().max() <= money.of("0.01")


def test_ord_26_allowances_are_the_same_with_their_names(by_sql: SalesOrders, by_webservice: SalesOrders) -> None:
    by = ["order_key", "target", "label"]
    amounts = ["amount_excl", "amount_incl"]
    pd.testing.assert_frame_equal(
        by_sql.allowances.groupby(by)[amounts].sum(), by_webservice.allowances.groupby(by)[amounts].sum()
    )


def test_no_rows_no_refunds(by_sql: SalesOrders) -> None:
    assert len(by_sql.refunds) == 0


def test_a_workbook_is_read_by_content(few: Rows) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(few[0]))
    for row in few:
        sheet.append(list(row.values()))
    stream = io.BytesIO()
    book.save(stream)
    sales = read([ExportFile("orders", stream.getvalue())])
    pd.testing.assert_frame_equal(sales.lines, read([ExportFile("orders.csv", as_csv(few))]).lines)


def test_a_spreadsheets_marks_are_a_setting(few: Rows) -> None:
    numbers = {field.name for field in formats().get("prestashop/orders_sql").fields if field.type == "number"}
    comma = [
        {name: value.replace(".", ",") if name in numbers else value for name, value in row.items()} for row in few
    ]
    options = ReadOptions("boutique", format_settings={"prestashop/orders_sql": {"decimal_mark": ","}})
    sales = read([ExportFile("orders.csv", as_csv(comma, encoding="utf-8-sig"))], options)
    pd.testing.assert_frame_equal(sales.orders, read([ExportFile("orders.csv", as_csv(few))]).orders)


def test_a_bad_cell_stops_its_order_only(few: Rows) -> None:
    changed = [dict(row) for row in few]
    changed[1]["total_price_tax_excl"] = "abc"
    order = changed[1]["id_order"]
    sales = read([ExportFile("orders.csv", as_csv(changed))])
    assert codes(sales, "orders.csv:3") == ["cell-no-number"]
    assert codes(sales, f"boutique/{order}") == ["order-rows-unreadable"]
    assert len(sales.orders) == 4
    assert order not in set(sales.orders["order_id"])


def test_a_cut_row_stops_the_orders_beside_it(few: Rows) -> None:
    lines = as_csv(few).split(b"\n")
    first = next(number for number, row in enumerate(few) if row["id_order"] == "240")
    lines[first + 1] = lines[first + 1][:30]
    sales = read([ExportFile("orders.csv", b"\n".join(lines))])
    assert {record for record, _, _ in said(sales, "order-rows-unreadable")} == {"boutique/239", "boutique/240"}
    assert len(sales.orders) == 3


def test_a_cut_row_of_an_unordered_file_stops_all(few: Rows) -> None:
    lines = as_csv(sorted(few, key=lambda row: row["product_reference"])).split(b"\n")
    lines[5] = lines[5][:30]
    sales = read([ExportFile("orders.csv", b"\n".join(lines))])
    assert len(sales.orders) == 0
    assert len(said(sales, "order-rows-unreadable")) == 5


def test_an_order_whose_rows_disagree_is_refused(few: Rows) -> None:
    changed = [dict(row) for row in few]
    changed[1]["payment"] = "Autre"
    sales = read([ExportFile("orders.csv", as_csv(changed))])
    assert said(sales, "duplicate-order") == [(f"boutique/{changed[1]['id_order']}", "", "")]


def test_the_same_file_twice_is_read_once(few: Rows) -> None:
    data = as_csv(few)
    sales = read([ExportFile("a.csv", data), ExportFile("b.csv", data)])
    pd.testing.assert_frame_equal(sales.lines, read([ExportFile("orders.csv", as_csv(few))]).lines)
    assert len(said(sales, "repeated-order")) == 5


def test_a_shop_currency_that_no_row_tells_is_asked_for(few: Rows) -> None:
    data = as_csv([{**row, "shop_currency": ""} for row in few])
    assert len(said(read([ExportFile("a.csv", data)]), "shop-currency-unknown")) == 5
    sales = read([ExportFile("a.csv", data)], ReadOptions("boutique", shop_currency="EUR"))
    assert set(sales.orders["shop_currency"]) == {"EUR"}


def test_the_article_stands_beside_its_variant(few: Rows) -> None:
    data = as_csv([{**row, "parent_reference": "T-SHIRT"} if row is few[0] else row for row in few])
    lines = read([ExportFile("a.csv", data)]).lines
    variants = lines[lines["parent_reference"] != ""]
    assert variants[["line_id", "parent_reference"]].to_numpy().tolist() == [[few[0]["id_order_detail"], "T-SHIRT"]]


def test_a_guest_without_account(few: Rows) -> None:
    data = as_csv([{**row, "id_customer": "0"} if row["id_order"] == "240" else row for row in few])
    orders = read([ExportFile("a.csv", data)]).orders
    assert orders.loc[orders["order_id"] == "240", "customer_key"].item() == "boutique/order-240"


def test_optional_columns_may_be_left_out(few: Rows) -> None:
    left_out = {"wrapping_tax_rate", "customer_title", "carrier", "discount_shipping_tax_excl", "billing_other"}
    data = as_csv([{name: value for name, value in row.items() if name not in left_out} for row in few])
    sales = read([ExportFile("a.csv", data)])
    assert len(sales.orders) == 5
    assert set(sales.orders["carrier"]) == {""}


def test_a_header_alone_is_no_order(few: Rows) -> None:
    sales = read([ExportFile("a.csv", as_csv(few).split(b"\n")[0] + b"\n")])
    assert len(sales.orders) == 0
    assert codes(sales, "a.csv") == ["file-without-rows"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_or_changed_files_never_raise(few: Rows, data: st.DataObject) -> None:
    content = as_csv(few)
    place = data.draw(st.integers(0, len(content)))
    noise = data.draw(st.binary(max_size=3) | st.sampled_from([b'"', b";", b"\n", b"-", b"\xff", b"\0"]))
    changed = content[:place] + noise + data.draw(st.sampled_from([content[place + len(noise) :], b""]))
    sales = read([ExportFile("orders.csv", changed)]).check()
    assert set(sales.lines["order_key"]) <= set(sales.orders["order_key"])

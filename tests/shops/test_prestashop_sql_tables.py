"""The SQL export read in whole columns gives what its records give, one by one."""

from __future__ import annotations

import csv
import io
from random import Random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.formats.registry import formats
from passerelle.model.orders import TABLES, SalesOrders
from passerelle.shops.export import ExportFile, ReadOptions, read_export
from passerelle.shops.prestashop import sql_rows, sql_tables
from passerelle.shops.prestashop.orders import orders_of
from passerelle.shops.prestashop.reading import Reading
from passerelle.shops.prestashop.records import joined

NAMES = [field.name for field in formats().get("prestashop/orders_sql").fields]
OPTIONS = ReadOptions("boutique")
ODD_CELLS = ["", " ", "0", "1", "-1", "12.345678", "99999999999", "abc", "1900-01-01 00:00:00", "2", " Zoé ", "USD"]
Rows = list[dict[str, str]]


def cents(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}0000"


def order_rows(number: int, random: Random) -> Rows:
    """Give the rows of one order as a shop may have it: vouchers, wrapping, guests, currencies, several rates."""
    foreign = random.random() < 0.2
    customer = random.choice(["0", str(random.randint(1, 9))])
    shipping, wrapping, offered, voucher = (random.choice([0, 0, 500, 590]) for _ in range(4))
    order = {
        "id_order": str(number),
        "reference": f"R{number if random.random() < 0.8 else number // 2}",
        "current_state": "2",
        "date_add": f"2026-10-{number % 28 + 1:02} 10:00:00",
        "invoice_number": random.choice(["0", "17"]),
        "payment": random.choice(["Carte", ""]),
        "module": "ps_checkout",
        "payment_date": random.choice(["", "2026-10-30 12:00:00"]),
        "currency": "CHF" if foreign else "EUR",
        "conversion_rate": "0.93" if foreign else "1.000000",
        "shop_currency": "EUR",
        "id_carrier": "2",
        "carrier": "Colissimo",
        "id_customer": customer,
        "customer_title": random.choice(["", "Mme"]),
        "customer_lastname": f"Nom{customer}",
        "customer_firstname": f"Prénom{customer}",
        "customer_is_guest": random.choice(["", "0", "1"]),
        "customer_language": random.choice(["", "fr"]),
        "customer_group": random.choice(["", "Client"]),
        "total_discounts_tax_incl": cents((offered and shipping) + voucher),
        "total_discounts_tax_excl": cents((offered and shipping * 5 // 6) + voucher * 5 // 6),
        "discount_shipping_tax_incl": cents(offered and shipping),
        "discount_shipping_tax_excl": cents(offered and shipping * 5 // 6),
        "total_shipping_tax_incl": cents(shipping),
        "total_shipping_tax_excl": cents(shipping * 5 // 6),
        "total_wrapping_tax_incl": cents(wrapping),
        "total_wrapping_tax_excl": cents(wrapping * 5 // 6),
        "carrier_tax_rate": random.choice(["20.000", "20.000", "", "0"]),
        "total_paid_tax_incl": "120.000000",
        "total_paid_tax_excl": "100.000000",
        "total_paid_real": random.choice(["120.000000", "0.000000", "60"]),
    }
    for kind in ("billing", "delivery"):
        country, state = random.choice([("FR", ""), ("US", "Texas"), ("", "")]) if random.random() < 0.3 else ("FR", "")
        order |= {f"{kind}_country": country, f"{kind}_state": state, f"{kind}_city": " Nice ", f"{kind}_other": "a\nb"}
    rows = []
    for line in range(random.randint(1, 3)):
        rate, tax = random.choice(
            [("20.000", "TVA 20"), ("5.500", "TVA 5,5"), ("5.500", ""), ("", ""), ("20", "DE 20")]
        )
        reference, excl = random.choice(["A", "A-ROUGE", ""]), random.randint(0, 9999)
        own = {
            "id_order_detail": str(10 * number + line),
            "product_reference": reference,
            "parent_reference": random.choice(["A", ""]),
            "product_name": "Thé",
            "product_quantity": str(random.randint(1, 3)),
            "total_price_tax_excl": f"{cents(excl)[:-4]}{random.choice(['0000', '4999'])}",
            "total_price_tax_incl": cents(excl + round(excl * float(rate or 0) / 100)),
            "tax_rate": rate,
            "tax_name": tax,
        }
        rows.append({name: {**order, **own}.get(name, "") for name in NAMES})
    return rows


def export(seed: int) -> bytes:
    """Give an export: of some seeds shuffled, with rows given again, cells that are odd, columns left out."""
    random = Random(seed)
    rows = [row for number in range(1, 40) for row in order_rows(number, random)]
    names = list(NAMES)
    if seed % 2:
        rows += [dict(random.choice(rows)) for _ in range(5)]
        for _ in range(25):
            random.choice(rows)[random.choice(NAMES)] = random.choice(ODD_CELLS)
    if seed % 3 == 0:
        random.shuffle(rows)
    if seed % 4 == 0:
        optional = [one.name for one in formats().get("prestashop/orders_sql").fields if not one.required]
        names = [name for name in names if name not in random.sample(optional, 12)]
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, names, delimiter=";", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def by_records(file: ExportFile) -> SalesOrders:
    return orders_of(Reading(joined([sql_rows.found_in(file, OPTIONS)]), OPTIONS)).check()


@pytest.mark.parametrize("seed", range(12))
def test_whole_columns_and_single_records_give_the_same(seed: int) -> None:
    file = ExportFile("orders.csv", export(seed))
    by_columns, one_by_one = read_export("prestashop", [file], OPTIONS), by_records(file)
    for name in (*TABLES, "outcomes"):
        pd.testing.assert_frame_equal(getattr(by_columns, name), getattr(one_by_one, name), obj=name)


def test_the_exports_have_what_orders_can_have() -> None:
    sales = [read_export("prestashop", [ExportFile("orders.csv", export(seed))], OPTIONS) for seed in range(12)]
    assert sum(len(one.orders) for one in sales) > 100
    said = {code for one in sales for code in one.outcomes["code"]}
    assert {"duplicate-order", "payments-shared", "export-value-wrong", "order-rows-unreadable"} <= said
    assert {target for one in sales for target in one.allowances["target"]} == {"lines", "shipping"}
    assert {kind for one in sales for kind in one.charges["kind"]} == {"shipping", "wrapping"}
    assert any((one.lines["parent_reference"] != "").any() for one in sales)
    assert {currency for one in sales for currency in one.orders["currency"]} == {"EUR", "CHF"}


CELL = st.sampled_from(["1", "1 ", "2", " "])
ORDER_ROWS = st.lists(st.tuples(CELL, CELL, st.sampled_from([1, 2, None]), st.sampled_from([None, "2026-10-01"])))


@given(ORDER_ROWS)
def test_each_content_of_an_order_comes_once(rows: list[tuple[str, str, int | None, str | None]]) -> None:
    table = pd.DataFrame(rows, columns=["id_order", "name", "total", "day"])
    table = table.astype({"id_order": "str", "name": "str", "total": "Int64", "day": "datetime64[s]"})
    stripped = table.assign(id_order=table["id_order"].str.strip(), name=table["name"].str.strip())
    pd.testing.assert_frame_equal(sql_tables._distinct_orders(table), stripped.drop_duplicates(ignore_index=True))

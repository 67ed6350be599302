"""An order with several delivery addresses: one document each, and together exactly the order."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest
from exchange_given import address, discount, exchanged, line, order, payment, said, sales, shipping, told
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange import deliveries
from passerelle.exchange.options import OrderOptions

LYON, NICE = ({"kind": "delivery", "city": city, "address_id": city} for city in ("Lyon", "Nice"))


def places(*cities: str):
    """Give the billing address and a delivery address per city."""
    return [address(), *(address("delivery", city=city, address_id=city) for city in cities)]


def documents(made) -> list[tuple]:
    return [
        (row.document_number, row.delivery_city, money.shortest(row.total_incl)) for row in made.documents.itertuples()
    ]


class TestOrd73:
    def test_each_address_has_a_document_with_its_lines(self):
        made = exchanged(
            order(
                "187",
                line("A", excl="100", address_id="Lyon"),
                line("B", excl="50", address_id="Nice"),
                line("C", excl="25", address_id="Nice"),
                *places("Lyon", "Nice"),
            )
        )
        assert said(made) == []
        assert documents(made) == [("187-1", "Lyon", "120"), ("187-2", "Nice", "90")]
        assert told(made, "document_key", "article") == [
            ("boutique/187/delivery-1", "A"),
            ("boutique/187/delivery-2", "B"),
            ("boutique/187/delivery-2", "C"),
        ]
        assert made.documents["billing_city"].tolist() == ["Paris", "Paris"]
        assert made.documents["shop_order"].tolist() == ["187", "187"]

    def test_the_order_is_told_and_remembered_once(self):
        made = exchanged(
            order(
                "1",
                line("A", excl="1", address_id="Lyon"),
                line("B", excl="1", address_id="Nice"),
                *places("Lyon", "Nice"),
            )
        )
        assert made.contents.index.tolist() == ["boutique/1"]
        assert made.sources["record_key"].tolist() == ["boutique/1", "boutique/1"]
        assert len(made.customers) == 1

    def test_one_address_makes_one_document_under_the_order_s_own_key(self):
        made = exchanged(order("1", line("A", excl="1"), address(), address("delivery", city="Lyon")))
        assert made.documents["document_key"].tolist() == ["boutique/1"]
        assert made.documents["document_number"].tolist() == ["1"]

    def test_an_address_without_line_has_no_document(self):
        made = exchanged(
            order("1", line("A", excl="1", address_id="Nice"), line("B", 0, address_id="Lyon"), *places("Lyon", "Nice"))
        )
        assert len(made.documents) == 1

    def test_what_names_no_address_goes_with_the_first(self):
        made = exchanged(
            order(
                "1",
                line("A", excl="10", address_id="Nice"),
                line("B", excl="20"),
                line("C", excl="30", address_id="elsewhere"),
                *places("Lyon", "Nice"),
            )
        )
        assert documents(made) == [("1-1", "Lyon", "60"), ("1-2", "Nice", "12")]

    def test_shipping_goes_with_its_address_else_with_the_first(self):
        lines_ = [line("A", excl="10", address_id="Lyon"), line("B", excl="10", address_id="Nice")]
        of_each = [shipping(excl="5", address_id="Lyon"), shipping(excl="3", address_id="Nice")]
        both = exchanged(order("1", *lines_, *of_each, *places("Lyon", "Nice")))
        one = exchanged(order("1", *lines_, shipping(excl="8"), *places("Lyon", "Nice")))
        assert [money.shortest(value) for value in both.documents["shipping_excl"]] == ["5", "3"]
        assert [money.shortest(value) for value in one.documents["shipping_excl"]] == ["8", "0"]

    def test_a_discount_is_spread_over_the_documents(self):
        made = exchanged(
            order(
                "1",
                line("A", excl="100", address_id="Lyon"),
                line("B", excl="50", address_id="Nice"),
                discount(excl="10", incl="12"),
                *places("Lyon", "Nice"),
            )
        )
        assert said(made) == []
        assert told(made, "net_excl", kind="discount") == [("-6.67",), ("-3.33",)]

    def test_what_the_shop_charged_beyond_is_the_first_document_s(self):
        made = exchanged(
            order(
                "1",
                line("A", excl="10", address_id="Lyon"),
                line("B", excl="10", address_id="Nice"),
                *places("Lyon", "Nice"),
                total="24.03",
            )
        )
        assert documents(made) == [("1-1", "Lyon", "12.03"), ("1-2", "Nice", "12")]

    def test_a_problem_of_one_part_refuses_the_order_and_is_said_once(self):
        made = exchanged(
            order(
                "1",
                line("A", excl="10", address_id="Lyon"),
                line("", excl="10", address_id="Nice"),
                *places("Lyon", "Nice"),
                payment_mode="inconnu",
            ),
            order("2", line("A", excl="10")),
            mappings={"payment_modes": [("carte", "*", "CB")]},
        )
        assert said(made) == ["unknown-article", "unmapped-payment-mode"]
        assert made.outcomes["record"].unique().tolist() == ["boutique/1"]
        assert made.sources["record_key"].tolist() == ["boutique/2"]

    def test_a_file_that_cannot_hold_one_document_takes_both_out(self):
        made = exchanged(
            order(
                "1",
                line("A", excl="1", address_id="Lyon"),
                line("B", excl="1", address_id="Nice"),
                *places("Lyon", "Nice"),
            )
        )
        assert made.without({"boutique/1"}).documents.empty

    def test_payments_are_shared_in_proportion(self):
        made = exchanged(
            order(
                "1",
                line("A", excl="100", address_id="Lyon"),
                line("B", excl="50", address_id="Nice"),
                payment("180"),
                *places("Lyon", "Nice"),
            ),
            settlements={"create": True, "amount": "payments"},
        )
        assert [money.shortest(value) for value in made.settlements["amount"]] == ["120", "60"]

    def test_grouped_orders_are_not_parted(self):
        made = exchanged(
            order(
                "1",
                line("A", excl="1", address_id="Lyon"),
                line("B", excl="1", address_id="Nice"),
                *places("Lyon", "Nice"),
            ),
            grouping={"orders": "all", "account": "WEB"},
        )
        assert made.documents["document_number"].tolist() == ["J20261120"]


@st.composite
def parted_orders(draw):
    cities = ["Lyon", "Nice", "Brest"][: draw(st.integers(2, 3))]
    parts = []
    for _ in range(draw(st.integers(2, 6))):
        price = Decimal(draw(st.integers(1, 90_000))) / 100
        sides = {"incl": price} if draw(st.booleans()) else {"excl": price, "only": draw(st.booleans())}
        rate = draw(st.sampled_from(("20", "5.5")))
        parts.append(
            line("A", draw(st.integers(1, 3)), rate=rate, address_id=draw(st.sampled_from([*cities, ""])), **sides)
        )
    if draw(st.booleans()):
        parts.append(
            shipping(excl=Decimal(draw(st.integers(0, 3000))) / 100, address_id=draw(st.sampled_from([*cities, ""])))
        )
    if draw(st.booleans()):
        parts.append(discount(incl=Decimal(draw(st.integers(1, 900))) / 100))
    total = Decimal(draw(st.integers(1, 200_000))) / 100
    return order("1", *parts, payment(total), *places(*cities), total=total, paid_total=money.of(total))


@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(parted_orders())
def test_ord_73_the_parts_add_up_to_the_order_to_the_cent(one):
    whole = sales(one)
    parted = deliveries.parted(whole, (), OrderOptions())
    parts = parted.sales.check()
    assert set(parted.of_orders(parts.orders["order_key"])) == {"boutique/1"}
    for table, columns in (
        ("orders", ["charged_total", "paid_total"]),
        ("lines", ["quantity", "net_excl", "net_incl", "gross_excl", "gross_incl"]),
        ("charges", ["amount_excl", "amount_incl"]),
        ("allowances", ["amount_excl", "amount_incl"]),
        ("payments", ["amount"]),
    ):
        for column in columns:
            assert getattr(parts, table)[column].sum() == getattr(whole, table)[column].sum(), (table, column)
    by_part = parts.orders.set_index("order_key")["charged_total"]
    assert (by_part.iloc[1:] % money.of("0.01") == 0).all()
    assert len(parts.lines) == len(whole.lines)


@pytest.mark.parametrize("kept", ["refunds", "refund_lines"])
def test_ord_73_other_orders_stay_as_they_are(kept):
    alone = order("2", line("A", excl="1"))
    both = sales(
        alone,
        order(
            "1", line("A", excl="1", address_id="Lyon"), line("B", excl="1", address_id="Nice"), *places("Lyon", "Nice")
        ),
    )
    parts = deliveries.parted(both, (), OrderOptions()).sales
    single = sales(alone)
    pd.testing.assert_frame_equal(getattr(parts, kept), getattr(single, kept))
    assert parts.orders["order_key"].tolist()[0] == "boutique/2"

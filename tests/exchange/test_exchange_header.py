"""The header of a document: date, number, reference, addresses."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from exchange_given import (
    TODAY,
    address,
    at,
    discount,
    exchanged,
    line,
    only_document,
    order,
    priced,
    said,
    sales,
    short,
    told,
)
from pydantic import ValidationError

from passerelle.exchange import documents, reference
from passerelle.exchange.options import OrderOptions

NAMES = ["first_name", "last_name", "company"]
DATES = {"created_at": at("2026-11-18 23:30"), "invoiced_at": at("2026-11-19 08:00")}


def people(*orders):
    """Give orders with their buyer's names, as the templates want them."""
    names = pd.DataFrame([{name: one.buyer.get(name, "") for name in NAMES} for one in orders], dtype="str")
    return pd.concat([sales(*orders).orders, names], axis=1).assign(part="")


def numbered(*orders, kinds=None, **options):
    """Give the numbers of orders, and the codes said."""
    told = people(*orders)
    written, said = documents.numbers(told, pd.Series(kinds or ["invoice"] * len(orders)), OrderOptions(**options))
    return written, said["code"].tolist()


@pytest.mark.parametrize(
    ("option", "expected"), [("order", date(2026, 11, 18)), ("invoice", date(2026, 11, 19)), ("today", TODAY)]
)
def test_ord_10_the_document_date_is_the_order_s_the_invoice_s_or_today(option, expected):
    dated, said = documents.dates(sales(order("1", **DATES)).orders, TODAY, OrderOptions(document_date=option))
    assert dated.tolist() == [pd.Timestamp(expected)]
    assert said.empty


@pytest.mark.parametrize(("option", "column"), [("order", "created_at"), ("invoice", "invoiced_at")])
def test_ord_10_an_order_without_that_date_is_refused(option, column):
    undated = order("1", **{**DATES, column: None})
    _, said = documents.dates(sales(undated).orders, TODAY, OrderOptions(document_date=option))
    assert said[["record", "code", "state", "field"]].to_numpy().tolist() == [
        ["boutique/1", "document-without-date", "failed", column]
    ]


@pytest.mark.parametrize(
    ("decimals", "price"), [(2, "3.33"), (3, "3.333"), (4, "3.3333"), (5, "3.33333"), (6, "3.333333")]
)
def test_ord_11_unit_prices_have_two_to_six_decimals(decimals, price):
    assert told(priced(line("A", 3, excl="10.00"), price_decimals=decimals), "unit_price_excl") == [(price,)]


@pytest.mark.parametrize("decimals", [1, 7])
def test_ord_11_other_decimals_are_a_configuration_error(decimals):
    with pytest.raises(ValidationError, match="price_decimals"):
        OrderOptions(price_decimals=decimals)


def test_ord_12_number_series_depot_and_delivery_date():
    sold = order("1", line("A", excl="1.00"), **DATES)
    document = only_document(sold, number_series="WEB", depot="D01", delivery_date=True)
    assert (document["number_series"], document["depot"]) == ("WEB", "D01")
    assert document["delivery_date"] == document["document_date"] == at("2026-11-18")


def test_ord_12_and_13_without_options_no_delivery_date_and_the_reference_of_the_specification():
    document = only_document(order("187", line("A", excl="1.00")))
    assert document["delivery_date"] is pd.NaT
    assert document["reference"] == "Web 187 - John DOE"


def test_ord_13_every_code_is_filled():
    sold = order(
        "187",
        shop="boutique",
        order_reference="XKBKNABJK",
        invoice_number="FA000042",
        payment_mode="Carte bancaire",
        buyer={"first_name": "John", "last_name": "DOE", "company": "ACME"},
    )
    template = "%OI|%OR|%IN|%CF|%CL|%CO|%PM|%SH|100%%|%"
    expected = "187|XKBKNABJK|FA000042|John|DOE|ACME|Carte bancaire|boutique|100%|%"
    assert reference.fill(template, people(sold)).tolist() == [expected]


def test_ord_13_blanks_that_an_empty_value_leaves_are_taken_out():
    sold = people(order("187", buyer={"first_name": "", "last_name": "DOE\u00a0 JR"}))
    assert reference.fill(" %IN Web %CF %CL ", sold).tolist() == ["Web DOE JR"]


@pytest.mark.parametrize(("template", "code"), [("Web %XX", "%XX"), ("%OI%ZZ", "%ZZ"), ("%OI %OX-%CF", "%OX")])
def test_ord_13_an_unknown_code_is_an_error_that_names_it_and_the_known_ones(template, code):
    with pytest.raises(
        reference.UnknownTemplateCodeError, match=rf"{code} is no template code; known: %OI, %OR"
    ) as error:
        reference.check(template)
    assert error.value.code == code
    with pytest.raises(reference.UnknownTemplateCodeError, match=code):
        reference.fill(template, people(order("1")))


def test_ord_13_a_doubled_percent_sign_is_no_code():
    assert reference.fill("%%OX %OI 5 %%", people(order("1"))).tolist() == ["%OX 1 5 %"]


def test_ord_13_names_come_from_the_billing_address_where_the_buyer_has_none():
    nameless = {"customer_id": "652", "first_name": "", "last_name": ""}
    sold = order("187", line("A", excl="1.00"), address(first_name="Ada", last_name="LOVELACE"), buyer=nameless)
    assert only_document(sold)["reference"] == "Web 187 - Ada LOVELACE"


def test_ord_14_the_shop_s_own_number_can_be_the_document_s():
    sold = order("187", line("A", excl="1.00"), invoice_number="FA000042")
    assert numbered(sold)[0]["document_number"].tolist() == ["187"]
    own = only_document(sold, number="%IN", use_own_number=True)
    assert (own["document_number"], own["use_own_number"]) == ("FA000042", True)


def test_ord_14_a_number_that_is_empty_or_too_long_refuses_the_order():
    orders = [order(str(size), line("A", excl="1.00"), invoice_number="X" * size) for size in (0, 24, 25)]
    made = exchanged(*orders, number="%IN")
    assert made.documents["shop_order"].tolist() == ["24"]
    assert said(made, "boutique/0") == said(made, "boutique/25") == ["document-number-unusable"]


def test_ord_14_two_orders_with_one_number_are_both_refused_unless_their_kinds_differ():
    orders = [order("7", shop=shop) for shop in ("a", "b")]
    assert numbered(*orders)[1] == ["document-number-not-unique"] * 2
    assert numbered(*orders, kinds=["order", "invoice"])[1] == []
    assert numbered(*orders, number="%SH%OI")[1] == []


def test_ord_15_the_shop_s_order_id_stands_in_the_custom_field():
    assert numbered(order("187"))[0]["shop_order"].tolist() == ["187"]
    assert numbered(order("187"), shop_order="%SH/%OI")[0]["shop_order"].tolist() == ["boutique/187"]


@pytest.mark.parametrize(("length", "codes"), [(32, []), (33, ["shop-order-too-long"])])
def test_ord_15_a_custom_field_of_more_than_32_characters_refuses_the_order(length, codes):
    assert numbered(order("1", order_reference="R" * length), shop_order="%OR")[1] == codes


class TestOrd16Addresses:
    SOLD = order(
        "1",
        line("A", excl="1.00"),
        address("billing", city="Paris", line_1="1 rue A"),
        address("delivery", city="Lyon", line_1="2 rue B", last_name="ROE"),
    )

    def sides(self, sold):
        given = sales(sold)
        return documents.addresses_by_order(given.orders, given.addresses, given.parties.set_index("customer_key"))

    def document(self, kind, **chosen):
        sides = self.sides(self.SOLD)
        kinds = pd.Series([kind], sides.index)
        return documents.chosen_addresses(sides, kinds, OrderOptions(addresses=chosen)).iloc[0]

    def cities(self, kind, **chosen):
        document = self.document(kind, **{kind: chosen})
        return document["billing_city"], document["delivery_city"]

    @pytest.mark.parametrize("kind", ["quote", "order", "delivery_note", "invoice"])
    def test_each_document_kind_chooses(self, kind):
        assert self.cities(kind) == ("Paris", "Lyon")
        assert self.cities(kind, billing="delivery", delivery="billing") == ("Lyon", "Paris")
        assert self.cities(kind, billing="erp") == ("", "Lyon")
        assert self.cities(kind, billing="billing", delivery="erp") == ("Paris", "")

    def test_the_choice_of_one_kind_leaves_the_others_alone(self):
        document = self.document("order", invoice={"delivery": "billing"})
        assert (document["billing_city"], document["delivery_city"]) == ("Paris", "Lyon")

    def test_the_whole_address_goes_along(self):
        document = only_document(self.SOLD, addresses={"invoice": {"billing": "delivery"}})
        assert (document["billing_line_1"], document["billing_name"]) == ("2 rue B", "ROE John")
        assert document["billing_contact_name"] == "ROE"

    def test_an_order_with_one_address_has_it_twice(self):
        document = self.sides(order("1", address("delivery", city="Nantes"))).iloc[0]
        assert (document["billing_city"], document["delivery_city"]) == ("Nantes", "Nantes")

    def test_what_the_address_does_not_say_the_buyer_does(self):
        buyer = {
            "first_name": "Ada",
            "last_name": "LOVELACE",
            "company": "ANALYTICAL",
            "email": "ada@example.fr",
            "phone": "01",
        }
        bare = address("billing", first_name="", last_name="")
        document = self.sides(order("1", bare, buyer=buyer)).iloc[0]
        assert (document["billing_name"], document["billing_contact_name"]) == ("ANALYTICAL", "LOVELACE")
        assert (document["billing_email"], document["billing_phone"]) == ("ada@example.fr", "01")

    def test_an_order_without_any_address_keeps_the_buyer_s_name(self):
        sold = order("1", line("A", excl="1.00"))
        sold.parts = sold.parts[:1]
        made = exchanged(sold, mappings={"territories": [("*", "*", "FRANCE"), ("", "", "FRANCE")]})
        assert made.documents["billing_name"].tolist() == ["DOE John"]
        assert made.documents["billing_city"].tolist() == [""]


def test_ord_22_totals_of_the_header_are_those_of_the_erp():
    sold = order("1", line("A", excl="100.00"), line("B", excl="50.00", rate="5.5"), discount(incl="15.00"))
    document = only_document(sold)
    assert (short(document["total_excl"]), short(document["total_incl"])) == ("136.98", "157.75")


def test_documents_are_sorted_by_date_shop_and_order():
    days = {"b/1": "2026-11-19", "a/2": "2026-11-20", "a/1": "2026-11-20"}
    orders = [
        order(key[2:], line("A", excl="1.00"), shop=key[0], buyer=key[0] + key[2], created_at=at(f"{day} 12:00"))
        for key, day in days.items()
    ]
    made = exchanged(*orders, number="%SH%OI")
    assert made.documents["document_key"].tolist() == ["b/1", "a/1", "a/2"]
    assert made.lines["document_key"].tolist() == ["b/1", "a/1", "a/2"]

"""Orders of one day as one document: which, how, and that nothing of them is lost or counted twice."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pandas as pd
import pytest
from exchange_given import (
    address,
    discount,
    erp_customers,
    exchanged,
    exchanged_before,
    guest,
    line,
    order,
    payment,
    row,
    said,
    shipping,
    told,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from passerelle import money, outcome
from passerelle.exchange.options import OrderOptions

ALL = {"orders": "all", "account": "CAISSE"}
YESTERDAY = "2026-11-20 18:00"
NOBODY = {"customer_id": "9", "first_name": "", "last_name": "", "email": ""}


def grouped(*orders, **told):
    """Group all orders of a day."""
    return exchanged(*orders, **{"grouping": ALL, **told})


def sources(made) -> dict[str, list[str]]:
    """Give the orders of each document."""
    by_document = made.sources.groupby("document_key")["record_key"]
    return {str(key): sorted(records) for key, records in by_document}


def days(made) -> list[tuple]:
    """Give day, number and total of the documents."""
    return [
        (str(row.document_date.date()), row.document_number, money.shortest(row.total_incl))
        for row in made.documents.itertuples()
    ]


class TestOrd70WhichOrders:
    ORDERS = (
        order("1", line("A", excl="10"), buyer="1"),
        order("2", line("A", excl="10"), buyer=guest("2", first_name="Zoé", last_name="L")),
        order("3", line("A", excl="10"), buyer=NOBODY),
        order("4", line("A", excl="10"), buyer={"customer_id": "77", "last_name": "COMPTOIR"}),
        order("5", line("A", excl="10"), buyer=None, customer_key="boutique/0"),
    )

    @pytest.mark.parametrize(
        ("which", "together"),
        [
            ("all", ["1", "2", "3", "4", "5"]),
            ("guests", ["2", "5"]),
            ("anonymous", ["3", "4", "5"]),
        ],
    )
    def test_all_those_of_guests_or_those_of_nobody(self, which, together):
        options = {"orders": which, "account": "CAISSE", "anonymous_customers": ["77"]}
        alone = [one for one in self.ORDERS if one.cells["order_id"] not in together]
        made = exchanged(*self.ORDERS, grouping=options)
        assert sources(made) == {
            "boutique/J20261120": [f"boutique/{one}" for one in together],
            **{one.key: [one.key] for one in alone},
        }

    def test_none_is_grouped_unless_asked(self):
        made = exchanged(*self.ORDERS[:4])
        assert len(made.documents) == 4

    def test_every_order_is_told_and_remembered_by_itself(self):
        made = grouped(*self.ORDERS)
        assert made.outcomes.empty
        assert sorted(made.contents.index) == [one.key for one in self.ORDERS]
        assert made.contents.notna().all()

    def test_an_account_that_is_not_set_is_a_configuration_error(self):
        with pytest.raises(ValidationError, match="account"):
            OrderOptions(grouping={"orders": "all"})

    def test_a_group_cannot_do_without_rounding_line(self):
        with pytest.raises(ValidationError, match="rounding_line"):
            OrderOptions(grouping=ALL, rounding_line=False)


class TestOrd70Day:
    def test_a_day_waits_for_its_end(self):
        made = grouped(
            order("1", line("A", excl="10"), created_at=pd.Timestamp("2026-11-20 23:59:59")),
            order("2", line("A", excl="10"), created_at=pd.Timestamp("2026-11-21 00:00:00")),
        )
        assert sources(made) == {"boutique/J20261120": ["boutique/1"]}
        waiting = row(made, "day-not-finished")
        assert (waiting["record"], waiting["state"], waiting["value"]) == ("boutique/2", "ignored", "2026-11-21")

    def test_only_orders_that_are_grouped_wait(self):
        today = pd.Timestamp("2026-11-21 09:00")
        made = exchanged(
            order("1", line("A", excl="10"), buyer="1", created_at=today),
            grouping={"orders": "guests", "account": "CAISSE"},
        )
        assert said(made) == []
        assert len(made.documents) == 1

    def test_each_day_and_each_shop_has_a_document(self):
        made = grouped(
            order("1", line("A", excl="10"), created_at=pd.Timestamp("2026-11-18 10:00")),
            order("2", line("A", excl="10"), created_at=pd.Timestamp("2026-11-18 23:00")),
            order("3", line("A", excl="10"), created_at=pd.Timestamp("2026-11-19 00:00")),
            order("1", line("A", excl="10"), shop="autre", created_at=pd.Timestamp("2026-11-19 11:00")),
            number="%SH-%OI",
        )
        assert days(made) == [
            ("2026-11-18", "boutique-J20261118", "24"),
            ("2026-11-19", "autre-J20261119", "12"),
            ("2026-11-19", "boutique-J20261119", "12"),
        ]

    def test_an_order_that_comes_late_has_a_second_document(self):
        sent = exchanged_before(("boutique/1", "x", "J20261120", "a.zip"), ("boutique/2", "y", "J20261120-2", "b.zip"))
        made = grouped(order("3", line("A", excl="10")), exchanged=sent)
        assert sources(made) == {"boutique/J20261120-3": ["boutique/3"]}
        assert made.documents["document_number"].tolist() == ["J20261120-3"]

    @pytest.mark.parametrize("number", ["%IN", "%OR", "V%OI"])
    def test_the_day_is_the_number_by_any_template(self, number):
        made = grouped(order("1", line("A", excl="10"), invoice_number="F1"), number=number)
        assert made.documents["document_number"].tolist() == [number.replace(number[-3:], "J20261120")]

    def test_a_number_without_anything_of_the_order_ends(self):
        made = grouped(
            order("1", line("A", excl="10")),
            number="CAISSE",
            exchanged=exchanged_before(("boutique/0", "x", "CAISSE", "a.zip")),
        )
        assert made.documents["document_number"].tolist() == ["CAISSE"]

    def test_what_a_header_has_only_once_makes_documents_of_their_own(self):
        made = grouped(
            order("1", line("A", excl="10")),
            order("2", line("A", excl="10"), address(state="2A")),
            order("3", line("A", excl="10"), currency="USD"),
            order("4", line("A", excl="10"), status="devis"),
            mappings={
                "territories": [("FR", "2A", "CORSE"), ("FR", "*", "FRANCE")],
                "statuses": [("devis", "yes", "quote", ""), ("*", "yes", "invoice", "")],
            },
            state_in_territory=True,
        )
        assert said(made) == []
        assert sorted(len(records) for records in sources(made).values()) == [1, 1, 1, 1]
        assert sorted(made.documents["document_number"]) == [
            "J20261120",
            "J20261120-2",
            "J20261120-3",
            "J20261120-4",
        ]


class TestOrd70Header:
    def test_the_account_is_the_configured_one_and_nobody_is_created(self):
        made = grouped(order("1", line("A", excl="10")), order("2", line("A", excl="10"), buyer=None))
        assert made.documents["customer_code"].tolist() == ["CAISSE"]
        assert made.customers.empty
        assert made.accounts.empty

    def test_an_account_that_the_erp_lacks_refuses_its_orders(self):
        made = grouped(order("1", line("A", excl="10")), erp_customers=erp_customers({"customer_code": "WEB"}))
        assert said(made, "boutique/1") == ["unknown-account"]

    def test_an_account_that_the_payment_mode_imposes_stays(self):
        made = grouped(
            order("1", line("A", excl="10"), payment_mode="amazon"),
            order("2", line("A", excl="10")),
            mappings={"payment_modes": [("amazon", "*", "CB", "", "", "", "WEBAMAZON"), ("*", "*", "CB")]},
        )
        assert made.documents["customer_code"].tolist() == ["CAISSE", "WEBAMAZON"]

    def test_it_has_what_its_orders_agree_on_and_lists_them(self):
        made = grouped(
            order("1", line("A", excl="10"), address(city="Lyon", postcode="69001")),
            order("2", line("A", excl="10"), address(city="Lyon", postcode="69002"), payment_mode="chèque"),
            mappings={"payment_modes": [("carte", "*", "CB"), ("chèque", "*", "CHQ")]},
            grouping={**ALL, "reference": "Caisse %OI"},
        )
        document = made.documents.iloc[0]
        assert (document["billing_city"], document["billing_postcode"]) == ("Lyon", "")
        assert (document["settlement_mode"], document["territory"]) == ("", "FRANCE")
        assert document["notes"] == "Commandes : R1, R2"
        assert document["reference"] == "Caisse J20261120"
        assert document["shop_order"] == "J20261120"


class TestOrd70OneByOne:
    def test_a_refused_order_leaves_the_others_alone(self):
        made = grouped(
            order("1", line("A", excl="10")),
            order("2", line("", excl="10")),
            order("3", line("A", excl="10"), total="99"),
            order("4", line("A", excl="10")),
        )
        assert sources(made) == {"boutique/J20261120": ["boutique/1", "boutique/4"]}
        assert said(made, "boutique/2") == ["unknown-article"]
        assert said(made, "boutique/3") == ["total-mismatch"]
        assert days(made) == [("2026-11-20", "J20261120", "24")]

    def test_what_is_wrong_with_the_document_is_said_of_each_of_its_orders(self):
        made = grouped(
            order("1", line("A", excl="10")),
            order("2", line("A", excl="10")),
            number="UN-NUMERO-BIEN-TROP-LONG-%OI",
        )
        assert said(made, "boutique/1") == said(made, "boutique/2") == ["document-number-unusable"]
        assert made.documents.empty

    def test_a_file_that_cannot_hold_the_document_refuses_its_orders(self):
        made = grouped(order("1", line("A", excl="10")), order("2", line("A", excl="10")))
        refused = outcome.said("cell-too-long", ["boutique/J20261120"], record_type="order", stage="write")
        assert sorted(made.of_records(refused)["record"]) == ["boutique/1", "boutique/2"]
        left = made.without({"boutique/1", "boutique/2"})
        for table in (left.documents, left.lines, left.sources, left.contents, left.effects):
            assert table.empty

    def test_a_missing_rounding_article_refuses_them_only_if_it_is_needed(self):
        orders = [order(str(number), line("A", excl="0.07", incl="0.08")) for number in range(3)]
        made = grouped(*orders, special_articles={"rounding": ""})
        assert {*said(made)} == {"missing-special-article"}
        assert len(said(made)) == 3
        assert said(grouped(*orders)) == []


class TestOrd71Lines:
    def lines_of(self, *orders, **told_options):
        made = grouped(*orders, **told_options)
        assert len(made.documents) == 1
        return told(made, "article", "quantity", "unit_price_excl", "unit_discount_excl", "net_excl")

    def test_same_article_price_discount_and_vat_make_one_line(self):
        assert self.lines_of(
            order("1", line("A", 2, excl="20"), line("B", excl="5")), order("2", line("A", 3, excl="30"))
        ) == [("A", "5", "10", "0", "50"), ("B", "1", "5", "0", "5")]

    def test_another_price_discount_or_rate_does_not(self):
        rows = self.lines_of(
            order("1", line("A", excl="10"), line("A", excl="9")),
            order("2", line("A", excl="10", gross_excl="12"), line("A", excl="10", rate="5.5")),
            order("3", line("A", excl="10", tracking_number="LOT1")),
        )
        assert rows == [
            ("A", "1", "10", "0", "10"),
            ("A", "1", "9", "0", "9"),
            ("A", "1", "12", "2", "10"),
            ("A", "1", "10", "0", "10"),
            ("A", "1", "10", "0", "10"),
        ]

    def test_unknown_articles_are_the_same_with_the_same_label_only(self):
        rows = self.lines_of(
            order("1", line("", excl="10", label="Pain"), line("", excl="10", label="Vin")),
            order("2", line("", excl="10", label="Pain")),
            unknown_article="misc",
        )
        assert [row[:2] for row in rows] == [("DIVERS", "2"), ("DIVERS", "1")]

    def test_lines_stay_apart_when_their_sum_would_be_rounded_otherwise(self):
        orders = [order(str(n), line("A", 3, excl="1.00")) for n in range(6_000)]
        rows = self.lines_of(*orders)
        assert len(rows) == 6_000
        assert {row[4] for row in rows} == {"1"}

    def test_a_return_takes_from_the_quantity(self):
        assert self.lines_of(order("1", line("A", 3, excl="30")), order("2", line("A", -1, excl="-10"))) == [
            ("A", "2", "10", "0", "20")
        ]

    def test_it_is_an_option(self):
        rows = self.lines_of(
            order("1", line("A", excl="10")),
            order("2", line("A", excl="10")),
            grouping={**ALL, "merge_lines": False},
        )
        assert len(rows) == 2


OF_MODES = {"payment_modes": [("carte", "*", "CB", "CARTE"), ("espèces", "*", "ESP", "CAISSE")]}


class TestOrd72Settlements:
    def settled(self, *orders, **options):
        made = grouped(*orders, mappings=OF_MODES, settlements={"create": True, "amount": "payments"}, **options)
        return [
            (row.position, row.settlement_mode, money.shortest(row.amount), row.label)
            for row in made.settlements.itertuples()
        ]

    def orders(self):
        return [
            order("1", line("A", excl="10"), payment("12")),
            order("2", line("A", excl="10"), payment("5"), payment("7", "espèces")),
            order("3", line("A", excl="10"), payment("12", "espèces")),
        ]

    def test_one_by_payment_mode(self):
        assert self.settled(*self.orders()) == [
            (1, "CB", "17", "Ventes du J20261120"),
            (2, "ESP", "19", "Ventes du J20261120"),
        ]

    def test_it_is_an_option(self):
        rows = self.settled(*self.orders(), grouping={**ALL, "merge_payments": False})
        assert [row[:3] for row in rows] == [(1, "CB", "12"), (2, "CB", "5"), (3, "ESP", "7"), (4, "ESP", "12")]

    def test_on_an_order_document_they_are_its_deposit(self):
        made = grouped(
            *self.orders(),
            mappings={**OF_MODES, "statuses": [("*", "yes", "order", "")]},
            settlements={"create": True, "amount": "payments"},
        )
        assert money.shortest(made.documents["deposit_amount"].iloc[0]) == "36"


class TestFooter:
    def test_shipping_of_one_rate_is_added_up(self):
        made = grouped(
            order("1", line("A", excl="10"), shipping(excl="5")), order("2", line("A", excl="10"), shipping(excl="4"))
        )
        document = made.documents.iloc[0]
        assert money.shortest(document["shipping_excl"]) == "9"
        assert (money.shortest(document["total_incl"]), document["shipping_vat_code"]) == ("34.8", "V20")

    def test_shipping_of_several_rates_becomes_lines(self):
        made = grouped(
            order("1", line("A", excl="10"), shipping(excl="5")),
            order("2", line("A", excl="10"), shipping(excl="4", rate="5.5")),
            order("3", line("A", excl="10"), shipping(excl="5")),
        )
        assert told(made, "article", "quantity", "net_excl", "tax_rate", kind="shipping") == [
            ("PORT", "2", "10", "20"),
            ("PORT", "1", "4", "5.5"),
        ]
        assert made.documents["shipping_excl"].tolist() == [0]

    def test_a_missing_shipping_article_refuses_them(self):
        made = grouped(
            order("1", line("A", excl="10"), shipping(excl="5")),
            order("2", line("A", excl="10"), shipping(excl="4", rate="5.5")),
            special_articles={"shipping": ""},
        )
        assert said(made) == ["missing-special-article", "missing-special-article"]

    def test_a_discount_falls_on_its_own_order_s_rates(self):
        made = grouped(
            order("1", line("A", excl="100"), discount(excl="10", incl="12")),
            order("2", line("B", excl="100", rate="5.5")),
        )
        assert told(made, "net_excl", "tax_rate", kind="discount") == [("-10", "20")]


MODES = ("carte", "espèces", "chèque")
PRICES = st.integers(1, 20_000).map(lambda cents: Decimal(cents) / 100)


@st.composite
def tills(draw):
    """Make the orders of a day, with a few prices that come back."""
    prices = draw(st.lists(PRICES, min_size=1, max_size=3))
    orders = []
    for number in range(draw(st.integers(1, 8))):
        parts = []
        for _ in range(draw(st.integers(1, 3))):
            incl = draw(st.sampled_from(prices)) * (quantity := draw(st.integers(1, 4)))
            parts.append(
                line(draw(st.sampled_from("AB")), quantity, incl=incl, rate=draw(st.sampled_from(("20", "5.5"))))
            )
        if draw(st.booleans()):
            parts.append(shipping(excl=draw(PRICES), rate=draw(st.sampled_from(("20", "5.5")))))
        if draw(st.booleans()):
            parts.append(discount(incl="0.01"))
        made = order(str(number), *parts, buyer=NOBODY)
        charged = money.decimal(made.cells["charged_total"])
        first = min(charged, draw(PRICES))
        made.parts += [payment(first, draw(st.sampled_from(MODES)))]
        made.parts += [payment(charged - first, draw(st.sampled_from(MODES)))] if charged != first else []
        orders.append(made)
    return orders


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(tills(), st.booleans(), st.booleans())
def test_ord_70_ord_71_ord_72_a_group_has_all_of_its_orders_and_nothing_else(orders, includes_tax, merge):
    options = {
        "includes_tax": includes_tax,
        "settlements": {"create": True, "amount": "payments"},
        "mappings": {"payment_modes": [(mode, "*", mode.upper()) for mode in MODES]},
    }
    alone = exchanged(*orders, customers={"guest_account": "CAISSE"}, **options)
    made = grouped(*orders, **options, grouping={**ALL, "merge_lines": merge, "merge_payments": merge})
    assert made.outcomes.empty
    assert len(made.documents) == 1
    document = made.documents.iloc[0]
    assert document["total_incl"] == sum(one.cells["charged_total"] for one in orders)
    assert made.reconciliation.balanced
    assert by_rate(made, includes_tax) == by_rate(alone, includes_tax)
    assert quantities(made) == quantities(alone)
    assert by_mode(made) == by_mode(alone)
    assert shop_rates(made) == shop_rates(alone)
    merged = made.lines[made.lines["kind"] == "article"]
    if merge and len(merged) < len(alone.lines):
        same = ["article", "tax_rate", "unit_price_excl", "unit_discount_excl"]
        assert not merged.duplicated(same).any()


def by_rate(made, includes_tax) -> dict:
    """Add up lines and footers by VAT rate, without the Écart; what is left is in the mode of the documents."""
    side = "incl" if includes_tax else "excl"
    sums: dict[str, int] = defaultdict(int)
    for one in made.lines[made.lines["kind"] != "rounding"].to_dict("records"):
        sums[money.shortest(one["tax_rate"])] += one[f"net_{side}"]
    for one in made.documents[made.documents["shipping_excl"] != 0].to_dict("records"):
        excl, rate = one["shipping_excl"], one["shipping_tax_rate"]
        amount = int(money.including([excl], [rate], 2)[0]) if includes_tax else excl
        sums[money.shortest(rate)] += amount
    return {rate: amount for rate, amount in sums.items() if amount}


def shop_rates(made) -> list:
    rates = made.reconciliation.rates
    return rates.loc[rates["shop_base"] != 0, ["tax_rate", "shop_base", "shop_tax"]].to_numpy().tolist()


def quantities(made) -> dict:
    sold = made.lines[made.lines["kind"] == "article"]
    return sold.groupby(["article", "tax_rate"])["quantity"].sum().to_dict()


def by_mode(made) -> dict:
    return made.settlements.groupby("settlement_mode")["amount"].sum().to_dict()

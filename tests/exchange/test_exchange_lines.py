"""Lines of a document: articles, labels, prices, shipping and other charges."""

from __future__ import annotations

import pytest
from exchange_given import (
    articles,
    charge,
    discount,
    exchanged,
    line,
    only_document,
    order,
    priced,
    row,
    said,
    sales,
    shipping,
    short,
    told,
)

from passerelle.exchange import lines
from passerelle.exchange.mappings import IGNORE
from passerelle.exchange.options import OrderOptions, SpecialArticles
from passerelle.outcome import message

ERP = articles("MUG", "MUG-RED", "TEE", "GIFT", tax_rate=20_000_000)


def looked_up(*parts, extract=ERP, **options):
    """Give article and label of each line, and what was said."""
    found, said = lines.with_articles(sales(order("1", *parts)).lines, extract, OrderOptions(**options))
    return found[["article", "label"]].to_numpy().tolist(), said


class TestOrd20Articles:
    def test_the_variant_s_reference_comes_before_the_article_s(self):
        found, said = looked_up(
            line("MUG-RED", parent_reference="MUG"),
            line("TEE-XL", parent_reference="TEE"),
            line("TEE"),
        )
        assert [article for article, _ in found] == ["MUG-RED", "TEE", "TEE"]
        assert said.empty

    def test_an_unknown_article_refuses_the_document_and_all_unknown_references_are_named_once(self):
        made = exchanged(
            order("1", line("NO-1", excl="1"), line("MUG", excl="1"), line("NO-2", excl="1"), line("NO-1", excl="1")),
            order("2", line("MUG", excl="1")),
            articles=ERP,
        )
        assert made.documents["document_key"].tolist() == ["boutique/2"]
        refused = row(made, "unknown-article")
        assert (refused["record"], refused["state"], refused["value"]) == ("boutique/1", "failed", "NO-1, NO-2")
        assert message(refused, "fr") == "Article inconnu dans l'ERP : NO-1, NO-2."

    def test_a_line_without_reference_is_named_by_its_label(self):
        assert looked_up(line("", label="Don libre"))[1]["value"].tolist() == ["« Don libre »"]

    def test_divers_takes_the_place_of_an_unknown_article_with_the_shop_s_label_and_price(self):
        sold = order("1", line("NO", 2, excl="10.00", label="Vase bleu"), line("MUG", excl="1.00", label="Tasse"))
        made = exchanged(sold, articles=ERP, unknown_article="misc", label="erp")
        assert told(made, "article", "label", "unit_price_excl", "quantity") == [
            ("DIVERS", "Vase bleu", "5", "2"),
            ("MUG", "ERP MUG", "1", "1"),
        ]

    def test_divers_that_is_not_set_refuses_the_document(self):
        said = looked_up(line("NO"), unknown_article="misc")[1]
        assert said[["code", "value"]].to_numpy().tolist() == [["missing-special-article", "misc"]]

    def test_without_extract_every_reference_is_taken_as_it_is(self):
        found, said = looked_up(line("ANY", parent_reference="P"), line("", parent_reference="P"), extract=None)
        assert [article for article, _ in found] == ["ANY", "P"]
        assert said.empty

    def test_without_extract_a_line_without_reference_is_unknown_or_divers(self):
        assert looked_up(line("", label="Pourboire"), extract=None)[1]["code"].tolist() == ["unknown-article"]
        found, said = looked_up(
            line("", label="Pourboire"),
            extract=None,
            unknown_article="misc",
            special_articles=SpecialArticles(misc="DIVERS"),
        )
        assert (found, said.empty) == ([["DIVERS", "Pourboire"]], True)


def test_ord_21_labels_come_from_the_shop_or_from_the_erp():
    parts = line("MUG", label="Tasse"), line("MUG-GREEN", parent_reference="MUG", label="Tasse verte")
    assert [label for _, label in looked_up(*parts)[0]] == ["Tasse", "Tasse verte"]
    assert [label for _, label in looked_up(*parts, label="erp")[0]] == ["ERP MUG", "ERP MUG"]


def test_ord_21_an_article_that_has_no_label_in_the_erp_keeps_the_shop_s():
    nameless = articles("MUG", label="")
    assert looked_up(line("MUG", label="Tasse"), extract=nameless, label="erp")[0] == [["MUG", "Tasse"]]


def test_ord_22_amounts_excluding_or_including_tax():
    parts = line("A", 3, excl="25.00", incl="30.00"), line("B", 2, excl="18.96", incl="20.00", rate="5.5")
    columns = "unit_price_excl", "unit_price_incl", "net_excl", "net_incl"
    assert told(priced(*parts), *columns) == [("8.333333", "10", "25", "30"), ("9.48", "10.0014", "18.96", "20")]
    with_tax = priced(*parts, includes_tax=True)
    assert told(with_tax, *columns) == [("8.333333", "10", "25", "30"), ("9.478673", "10", "18.96", "20")]


@pytest.mark.parametrize("includes_tax", [False, True])
def test_ord_22_the_side_that_the_shop_does_not_give_follows_from_the_rate(includes_tax):
    one_side = {False: {"incl": "30.00"}, True: {"excl": "25.00"}}[includes_tax]
    made = priced(line("A", 3, **one_side, only=True), includes_tax=includes_tax)
    assert told(made, "net_excl", "net_incl") == [("25", "30")]


class TestOrd23LineDiscounts:
    SOLD = line("A", 2, excl="80.00", gross_excl="100.00"), line("B", excl="10.00")

    def test_they_are_kept_beside_the_gross_price(self):
        columns = "unit_price_excl", "unit_discount_excl", "net_excl"
        assert told(priced(*self.SOLD), *columns) == [("50", "10", "80"), ("10", "0", "10")]

    def test_they_are_written_excluding_tax_in_both_tax_modes(self):
        columns = "unit_price_incl", "unit_discount_excl", "net_incl"
        made = priced(*self.SOLD, includes_tax=True)
        assert told(made, *columns) == [("60", "10", "96"), ("12", "0", "12")]

    def test_ord_27_the_net_amount_is_what_the_erp_makes_of_few_decimals(self):
        """A discount of 10.00 including 20 % is written 8.33, to which the ERP adds the tax: 9.996."""
        sold = line("A", 250, incl="22500.00", gross_incl="25000.00")
        columns = "unit_price_incl", "unit_discount_excl", "net_incl"
        assert told(priced(sold, includes_tax=True, price_decimals=2), *columns) == [("100", "8.33", "22501")]
        assert told(priced(sold, includes_tax=True), *columns) == [("100", "8.333333", "22500")]
        made = exchanged(order("1", sold), includes_tax=True, price_decimals=2)
        assert told(made, "net_incl", kind="rounding") == [("-1",)]
        assert said(
            exchanged(order("1", line("A", 500, incl="45000", gross_incl="50000")), includes_tax=True, price_decimals=2)
        ) == ["total-mismatch"]

    def test_they_are_folded_into_the_net_price(self):
        made = priced(*self.SOLD, line_discounts="fold")
        columns = "unit_price_excl", "unit_discount_excl", "net_excl"
        assert told(made, *columns) == [("40", "0", "80"), ("10", "0", "10")]

    def test_a_gross_amount_below_the_net_one_is_no_discount(self):
        made = priced(line("A", 2, excl="80.00", gross_excl="60.00"))
        assert told(made, "unit_price_excl", "unit_discount_excl") == [("40", "0")]


class TestOrd24Shipping:
    GOODS = line("A", excl="10.00")

    def test_stands_in_the_footer(self):
        made = exchanged(order("1", self.GOODS, shipping(excl="5.90")))
        document = made.documents.iloc[0]
        assert short(document["shipping_excl"]) == "5.9"
        assert (short(document["shipping_tax_rate"]), document["shipping_vat_code"]) == ("20", "V20")
        assert told(made, "kind") == [("article",)]

    def test_is_a_line_with_its_article_where_the_option_says_so(self):
        made = exchanged(order("1", self.GOODS, shipping(excl="5.90", label="Colissimo")), shipping="line")
        assert told(made, "article", "label", "quantity", "net_excl", kind="shipping") == [
            ("PORT", "Colissimo", "1", "5.9")
        ]
        document = made.documents.iloc[0]
        assert (document["shipping_excl"], document["shipping_vat_code"]) == (0, "")
        assert short(document["total_incl"]) == "19.08"

    def test_of_several_rates_is_lines_because_the_footer_holds_one(self):
        made = exchanged(
            order("1", self.GOODS, shipping(excl="4.00"), shipping(excl="1.00", rate="5.5")),
            order("2", self.GOODS, shipping(excl="4.00"), shipping(excl="1.00")),
        )
        assert told(made, "article", "net_excl", "vat_code", kind="shipping") == [
            ("PORT", "4", "V20"),
            ("PORT", "1", "V5.5"),
        ]
        assert [short(value) for value in made.documents["shipping_excl"]] == ["0", "5"]

    def test_free_of_charge_needs_no_rate_and_no_article(self):
        free = shipping(excl="0.00", rate=None, only=True)
        made = exchanged(order("1", self.GOODS, free), shipping="line", special_articles={"shipping": ""})
        assert said(made) == []
        assert told(made, "kind") == [("article",)]

    def test_including_tax_comes_back_to_what_the_shop_charged(self):
        document = only_document(order("1", self.GOODS, shipping(incl="4.99")), includes_tax=True)
        assert document["includes_tax"]
        assert short(document["shipping_excl"]) == "4.158333"
        assert short(document["total_incl"]) == "16.99"


def test_ord_25_gift_wrapping_and_fees_are_lines_with_their_articles():
    sold = order("1", line("A", excl="10.00"), charge("wrapping", excl="2.00"), charge("fee", excl="1.50"))
    made = exchanged(sold)
    assert told(made, "kind", "article", "net_excl", "vat_code")[1:] == [
        ("wrapping", "EMBALLAGE", "2", "V20"),
        ("fee", "FRAIS", "1.5", "V20"),
    ]


def test_ord_28_every_missing_special_article_is_named_and_only_when_needed():
    made = exchanged(
        order("1", line("A", excl="10.00"), shipping(excl="5.00"), charge("wrapping", excl="2.00"), charge("fee", "1")),
        order("2", line("A", excl="10.00"), discount(incl="1.00")),
        order("3", line("A", excl="10.00"), total="12.01"),
        order("4", line("A", excl="10.00")),
        shipping="line",
        special_articles=dict.fromkeys(("shipping", "wrapping", "fee", "discount", "rounding"), ""),
    )
    refused = made.outcomes[made.outcomes["code"] == "missing-special-article"]
    assert sorted(zip(refused["record"], refused["value"], strict=True)) == [
        ("boutique/1", "fee"),
        ("boutique/1", "shipping"),
        ("boutique/1", "wrapping"),
        ("boutique/2", "discount"),
        ("boutique/3", "rounding"),
    ]
    assert set(refused["state"]) == {"failed"}
    assert made.documents["document_key"].tolist() == ["boutique/4"]


def test_ord_29_the_lot_or_serial_number_reaches_the_line():
    made = exchanged(order("1", line("A", excl="10.00", tracking_number="LOT-7"), line("B", excl="1.00")))
    assert told(made, "tracking_number") == [("LOT-7",), ("",)]


def test_ord_30_gifts_negative_zero_price_and_fractional_lines_survive():
    sold = order(
        "1",
        line("A", 2, excl="20.00"),
        line("GIFT", 1, excl="0.00", gross_excl="15.00"),
        line("FREE", 3, excl="0.00"),
        line("BACK", -1, excl="-5.00"),
        line("ECO", 2, excl="0.10"),
        line("CHEESE", "0.375", excl="7.13", rate="5.5"),
    )
    made = exchanged(sold)
    assert said(made) == []
    assert told(made, "article", "quantity", "unit_price_excl", "unit_discount_excl", "net_excl") == [
        ("A", "2", "10", "0", "20"),
        ("GIFT", "1", "15", "15", "0"),
        ("FREE", "3", "0", "0", "0"),
        ("BACK", "-1", "5", "0", "-5"),
        ("ECO", "2", "0.05", "0", "0.1"),
        ("CHEESE", "0.375", "19.013333", "0", "7.13"),
    ]


def test_ord_30_lines_keep_the_order_of_the_shop_and_are_numbered():
    sold = order("1", line("C", excl="1"), line("A", excl="1"), line("B", excl="1"), discount(incl="1"))
    made = exchanged(sold)
    assert made.lines[["position", "article"]].to_numpy().tolist() == [[1, "C"], [2, "A"], [3, "B"], [4, "REMISE"]]


def test_ord_8_an_order_without_a_line_to_deliver_is_refused():
    made = exchanged(
        order("1"),
        order("2", line("A", 0, excl="0.00")),
        order("3", shipping(excl="5.00")),
        order("4", line("A", 0, excl="0.00"), line("B", 1, excl="0.00")),
    )
    assert made.documents["document_key"].tolist() == ["boutique/4"]
    assert [said(made, f"boutique/{number}") for number in (1, 2, 3)] == [["no-deliverable-line"]] * 3
    assert told(made, "article") == [("B",)]


class TestOrd28TheSheetOfSpecialArticles:
    def test_it_stands_before_the_profile_and_what_both_lack_is_a_new_value_of_it(self):
        made = exchanged(
            order("1", line("A", excl="10.00"), charge("wrapping", excl="2.00"), discount(incl="1.20")),
            order("2", line("A", excl="10.00"), charge("fee", excl="1.50")),
            mappings={"special_articles": [("wrapping", "PAPIER"), ("discount", "RABAIS")]},
            special_articles={"fee": ""},
        )
        assert told(made, "document_key", "article") == [
            ("boutique/1", "A"),
            ("boutique/1", "PAPIER"),
            ("boutique/1", "RABAIS"),
        ]
        assert made.new_values["special_articles"].to_dict("list") == {"special_article": ["fee"]}
        assert message(row(made, "missing-special-article"), "fr").startswith("L'article spécial « Frais » est nécess")

    @pytest.mark.parametrize(
        "mappings", [{"special_articles": [("discount", IGNORE)]}, {"discount_articles": [("*", IGNORE)]}]
    )
    def test_ignore_ignores_the_order_that_needs_it_and_is_never_an_article(self, mappings):
        made = exchanged(
            order("1", line("A", excl="10.00"), discount(incl="1.20")),
            order("2", line("A", excl="1")),
            mappings=mappings,
        )
        assert made.documents["document_key"].tolist() == ["boutique/2"]
        assert said(made, "boutique/1") == ["ignored-by-mapping"]

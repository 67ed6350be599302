"""Mappings from shop values to ERP values, and what documents take from them."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest
from exchange_given import (
    ROWS,
    UNCHECKED,
    address,
    articles,
    charge,
    erp_customers,
    exchanged,
    line,
    mapping,
    only_document,
    order,
    row,
    said,
    sales,
    shipping,
    short,
)

from passerelle.exchange import lines, territory, vat
from passerelle.exchange.mappings import MAPPINGS, find
from passerelle.exchange.options import OrderOptions
from passerelle.outcome import message

SOLD = line("A", excl="10.00")
ABROAD = {"currency": "GBP", "currency_rate": 860_000}


def asked(name, *keys):
    return pd.DataFrame(list(keys), columns=MAPPINGS[name].key_names, dtype="str")


def answers(name, rows, *keys, default=None):
    """Give what a mapping answers: its first value by key, none where it does not answer."""
    found = find(MAPPINGS[name], mapping(name, *rows), asked(name, *keys), default)
    first = found.answers[MAPPINGS[name].value_names[0]]
    return [value if answered else None for value, answered in zip(first, found.answered, strict=True)]


class TestOrd40To45Finding:
    def test_an_exact_row_comes_before_a_star(self):
        rows = [("*", "ANY"), ("colissimo", "COL")]
        assert answers("carriers", rows, ("colissimo",), ("ups",)) == ["COL", "ANY"]

    def test_keys_are_compared_without_case_or_outer_blanks(self):
        rows = [(" Mondial Relay ", "MR")]
        assert answers("carriers", rows, ("MONDIAL RELAY",), ("mondial relay ",), ("mondialrelay",)) == [
            "MR",
            "MR",
            None,
        ]

    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            (("TVA", "20", "FR"), "exact"),
            (("TVA", "20", "BE"), "name and rate"),
            (("TVA", "10", "FR"), "name and country"),
            (("USt", "20", "FR"), "rate and country"),
            (("TVA", "5.5", "BE"), "name"),
            (("USt", "20", "BE"), "rate"),
            (("USt", "10", "FR"), "country"),
            (("USt", "10", "BE"), "any"),
        ],
    )
    def test_the_fewest_stars_win_then_the_first_keys(self, key, expected):
        rows = [
            ("*", "*", "*", "any"),
            ("*", "*", "FR", "country"),
            ("*", "20", "*", "rate"),
            ("TVA", "*", "*", "name"),
            ("*", "20", "FR", "rate and country"),
            ("TVA", "*", "FR", "name and country"),
            ("TVA", "20", "*", "name and rate"),
            ("TVA", "20", "FR", "exact"),
        ]
        assert answers("taxes", rows, key) == [expected]
        assert answers("taxes", rows[::-1], key) == [expected]

    def test_a_star_asked_by_the_shop_is_a_text_like_another(self):
        assert answers("carriers", [("ups", "UPS")], ("*",)) == [None]

    def test_the_default_answers_where_no_row_does(self):
        found = answers(
            "payment_modes", [("cb", "*", "CB")], ("cb", "EUR"), ("x", "EUR"), default={"settlement_mode": "DIV"}
        )
        assert found == ["CB", "DIV"]

    def test_an_empty_row_waits_and_answers_nothing(self):
        rows = [("ups", ""), ("*", "ANY")]
        assert answers("carriers", rows, ("ups",)) == ["ANY"]
        assert answers("carriers", rows[:1], ("ups",)) == [None]

    def test_ignore_is_an_answer_that_ignores(self):
        found = find(
            MAPPINGS["carriers"], mapping("carriers", ("pickup", "#ignore")), asked("carriers", ("pickup",), ("x",))
        )
        assert found.ignored.tolist() == [True, False]
        assert found.answered.tolist() == [True, False]

    def test_new_values_are_listed_once_as_met_and_not_those_that_wait(self):
        rows = [("waiting", ""), ("ups", "UPS")]
        keys = [("DHL",), ("ups",), ("dhl",), ("Chronopost",), ("Waiting",), ("DHL",)]
        found = find(MAPPINGS["carriers"], mapping("carriers", *rows), asked("carriers", *keys))
        assert found.unknown.to_numpy().tolist() == [["DHL"], ["Chronopost"]]

    def test_answers_stand_in_the_order_asked_with_its_index(self):
        keys = asked("carriers", ("b",), ("a",), ("b",), ("c",)).set_axis([7, 3, 9, 1])
        found = find(MAPPINGS["carriers"], mapping("carriers", ("a", "A"), ("b", "B")), keys)
        assert found.answers["shipping_code"].to_dict() == {7: "B", 3: "A", 9: "B", 1: ""}
        assert found.answered.to_dict() == {7: True, 3: True, 9: True, 1: False}

    def test_nothing_asked_nothing_answered(self):
        for rows in ((), [("*", "ANY")]):
            found = find(MAPPINGS["carriers"], mapping("carriers", *rows), asked("carriers"), {"shipping_code": "D"})
            assert found.answers.empty
            assert found.unknown.empty

    @pytest.mark.parametrize("written", ["20", "20.0", "20.000", "20,0", " 20 "])
    def test_ord_41_rates_are_compared_as_numbers_are_written(self, written):
        assert answers("taxes", [("*", written, "*", "V20")], ("", "20", "FR")) == ["V20"]
        assert answers("taxes", [("*", "2", "*", "V2")], ("", "20", "FR")) == [None]


class TestOrd40Territories:
    ROWS = (("FR", "*", "FRANCE", "EXO"), ("CA", "QC", "QUEBEC"), ("CA", "*", "EXPORT"), ("*", "*", "CEE", "INTRA"))

    def territories(self, *orders, **options):
        taxes = [*ROWS["taxes"], ("*", "20", "CA", "V20")]
        made = exchanged(*orders, mappings={"territories": self.ROWS, "taxes": taxes}, vat=UNCHECKED, **options)
        return dict(zip(made.documents["shop_order"], made.documents["territory"], strict=True))

    def sold(self, order_id, *places, rate="20"):
        return order(order_id, line("A", excl="10.00", rate=rate), *places)

    def test_country_and_tax_give_the_territory(self):
        found = self.territories(
            self.sold("1", address(country="FR")),
            self.sold("2", address(country="FR"), rate="0"),
            self.sold("3", address(country="DE")),
            self.sold("4", address(country="DE"), rate="0"),
            self.sold("5", address(country="FR"), address("delivery", country="DE"), rate="0"),
            self.sold("6", address(country="DE"), address("delivery", country=""), rate="20"),
            self.sold("7", address(country="CA", state="QC"), rate="0"),
        )
        assert found == {
            "1": "FRANCE",
            "2": "EXO",
            "3": "CEE",
            "4": "INTRA",
            "5": "INTRA",  # where the goods go
            "6": "CEE",
            "7": "EXPORT",  # the state counts only when the profile says so; no territory without tax: the one with
        }

    def test_without_any_country_it_is_sold_at_the_seller_s(self):
        """A till's sales have no address; a row for all other countries would make exports of them."""
        rows = {"taxes": [("*", "20", "FR", "V20")]}
        made = exchanged(self.sold("1", address(country="")), mappings={"territories": self.ROWS, **rows})
        assert (said(made), made.documents["territory"].tolist()) == ([], ["FRANCE"])
        assert made.lines["vat_code"].tolist() == ["V20"]

    def test_the_state_counts_where_the_profile_says_so(self):
        found = self.territories(
            self.sold("1", address(country="CA", state="QC")),
            self.sold("2", address(country="CA", state="ON")),
            state_in_territory=True,
        )
        assert found == {"1": "QUEBEC", "2": "EXPORT"}

    def test_a_country_that_is_not_mapped_refuses_and_is_new(self):
        rows = {"territories": [("FR", "*", "FRANCE")]}
        orders = [self.sold("1", address(country="BE")), self.sold("2", address(country="be"))]
        made = exchanged(*orders, mappings=rows, vat=UNCHECKED)
        assert said(made) == ["unmapped-territory"] * 2
        assert made.new_values["territories"]["country"].tolist() == ["BE"]


class TestOrd41Taxes:
    def codes(self, *parts, rows=None, articles=None, **options):
        """Give what the rule alone says of an order's parts, and the VAT codes of its lines and charges."""
        given, wanted = sales(order("1", *parts)), OrderOptions.model_validate(options)
        places = territory.of_sale(given.orders, given.addresses, mapping("vat_zones"), wanted.vat.country)
        sold, _ = lines.with_articles(given.lines.assign(decimals=2), articles, wanted)
        table = mapping("taxes", *(rows or ROWS["taxes"]))
        nowhere = pd.Series(data=False, index=places.index)
        coded = vat.coded(sold, given.charges.assign(decimals=2), places, nowhere, table, wanted)
        return coded, [*coded.lines["vat_code"], *coded.charges["vat_code"]]

    def test_name_rate_and_country_give_the_vat_code(self):
        rows = [("TVA", "20", "FR", "FR20"), ("USt", "20", "*", "AT20"), ("*", "5.5", "*", "V55")]
        made, codes = self.codes(
            line("A", excl="1", tax_name="TVA"),
            line("A", excl="1", tax_name="USt"),
            line("A", excl="1", rate="5.5", tax_name="?"),
            rows=rows,
        )
        assert made.outcomes.empty
        assert codes == ["FR20", "AT20", "V55"]

    def test_a_part_without_name_has_the_one_that_its_order_has_at_that_rate(self):
        rows = [("TVA", "20", "FR", "FR20")]
        made, codes = self.codes(line("A", excl="1", tax_name="TVA"), charge("wrapping", "1"), shipping("1"), rows=rows)
        assert made.outcomes.empty
        assert codes == ["FR20", "FR20", "FR20"]

    def test_a_tax_that_is_not_mapped_refuses_with_its_name_rate_and_country_once(self):
        made, _ = self.codes(
            line("A", excl="1", rate="8.5", tax_name="DOM"), line("B", excl="1", rate="8.5", tax_name="DOM")
        )
        assert made.outcomes[["record", "code"]].to_numpy().tolist() == [["boutique/1", "unmapped-tax"]]
        assert message(made.outcomes.iloc[0], "fr") == "Aucun code TVA pour la taxe « DOM / 8.5 / FR »."
        assert made.unknown.to_numpy().tolist() == [["DOM", "8.5", "FR"]]

    def test_the_default_vat_code(self):
        default = {"taxes": {"vat_code": "VDEF"}}
        assert self.codes(line("A", excl="1", rate="8.5"), defaults=default)[1] == ["VDEF"]

    def test_a_rate_that_the_shop_does_not_tell_is_the_erp_article_s(self):
        extract = articles("A", tax_rate=5_500_000)
        made, codes = self.codes(line("A", excl="10.00", incl="10.55", rate=None, only=True), articles=extract)
        assert made.outcomes.empty
        assert codes == ["V5.5"]

    def test_a_rate_that_nobody_tells_refuses_the_order(self):
        made, _ = self.codes(line("A", excl="10.00", incl="10.55", rate=None, only=True))
        assert made.outcomes[["code", "value"]].to_numpy().tolist() == [["unknown-tax-rate", "Article A"]]

    def test_a_charge_without_rate_has_the_one_of_its_order_that_explains_its_amounts(self):
        made = exchanged(
            order(
                "1",
                line("A", excl="10"),
                line("B", excl="10", rate="5.5"),
                charge("shipping", "5.00", "6.00", None, only=True),
            ),
            order(
                "2",
                line("A", excl="10"),
                line("B", excl="10", rate="5.5"),
                charge("shipping", "5.00", "5.28", None, only=True),
            ),
            order("3", line("A", excl="10"), charge("shipping", "5.00", "5.00", None, only=True)),
            order("4", line("A", excl="10"), charge("shipping", "5.00", "5.50", None, only=True)),
            order("5", line("A", excl="10"), charge("shipping", "5.00", None, None, only=True)),
        )
        rates = dict(zip(made.documents["shop_order"], made.documents["shipping_tax_rate"], strict=True))
        assert {key: short(rate) for key, rate in rates.items()} == {"1": "20", "2": "5.5", "3": "0"}
        assert said(made, "boutique/4") == said(made, "boutique/5") == ["unknown-tax-rate"]

    def test_else_the_profile_s_rate_of_charges(self):
        sold = order("1", line("A", excl="10"), charge("shipping", "5.00", None, None, only=True), total="18.00")
        document = only_document(sold, charge_tax_rate=Decimal(20))
        assert (short(document["shipping_tax_rate"]), short(document["total_incl"])) == ("20", "18")


class TestOrd42PaymentModes:
    def test_mode_and_currency_give_the_settlement_mode(self):
        rows = [("PayPal", "EUR", "PP"), ("PayPal", "*", "PPD"), ("*", "*", "DIV")]
        made = exchanged(
            order("1", SOLD, payment_mode="PayPal"),
            order("2", SOLD, payment_mode="paypal", currency="GBP"),
            order("3", SOLD, payment_mode="Chèque"),
            mappings={"payment_modes": rows},
        )
        assert made.documents["settlement_mode"].tolist() == ["PP", "PPD", "DIV"]

    def test_a_mode_that_is_not_mapped_refuses_and_one_mapped_to_ignore_ignores(self):
        rows = {"payment_modes": [("cb", "*", "CB"), ("test", "*", "#ignore")]}
        made = exchanged(
            order("1", SOLD, payment_mode="Scalapay"), order("2", SOLD, payment_mode="test"), mappings=rows
        )
        assert (
            message(row(made, "unmapped-payment-mode"), "fr")
            == "Mode de paiement sans correspondance : « Scalapay / EUR »."
        )
        ignored = row(made, "ignored-by-mapping")
        assert (ignored["record"], ignored["state"]) == ("boutique/2", "ignored")
        assert message(ignored, "fr") == "Ignorée : la feuille Modes de paiement dit #ignore pour « test / EUR »."
        assert made.new_values["payment_modes"].to_numpy().tolist() == [["Scalapay", "EUR"]]

    def test_all_amazon_orders_go_to_the_customer_webamazon(self):
        rows = {
            "payment_modes": [("amazon", "*", "AMZ", "", "", "", "WEBAMAZON", "411AMAZON", "PAYAMZ"), ("*", "*", "CB")]
        }
        made = exchanged(
            order("1", SOLD, payment_mode="AMAZON", buyer="1"),
            order("2", SOLD, payment_mode="amazon", buyer=None),
            order("3", SOLD, buyer="3"),
            mappings=rows,
            erp_customers=erp_customers({"customer_code": "WEBAMAZON"}),
        )
        assert made.documents["customer_code"].tolist() == ["WEBAMAZON", "WEBAMAZON", "PREST0003"]
        assert made.customers["customer_code"].tolist() == ["PREST0003"]
        assert made.accounts["customer_code"].tolist() == ["PREST0003"]


class TestOrd43Carriers:
    def test_by_id_before_name_and_none_where_there_is_no_carrier(self):
        rows = {"carriers": [("7", "BYID"), ("Colissimo", "COL"), ("*", "ANY")]}
        made = exchanged(
            order("1", SOLD, carrier_id="7", carrier="Colissimo"),
            order("2", SOLD, carrier_id="8", carrier="colissimo"),
            order("3", SOLD, carrier_id="8", carrier="UPS"),
            order("4", SOLD),
            order("5", SOLD, carrier_id="9"),
            mappings=rows,
        )
        assert made.documents["shipping_code"].tolist() == ["BYID", "COL", "ANY", "", "ANY"]
        assert "carriers" not in made.new_values

    def test_one_that_is_not_mapped_refuses_and_is_new_by_its_name(self):
        rows = {"carriers": [("7", "BYID"), ("8", "")]}
        made = exchanged(
            order("1", SOLD, carrier_id="12", carrier="UPS"),
            order("2", SOLD, carrier_id="8"),
            order("3", SOLD, carrier_id="7", carrier="Renamed"),
            mappings=rows,
        )
        assert said(made) == ["unmapped-carrier"] * 2
        assert made.new_values["carriers"]["carrier"].tolist() == ["UPS"]
        assert made.documents["shipping_code"].tolist() == ["BYID"]

    def test_ignore_by_id_and_by_name(self):
        rows = {"carriers": [("7", "#ignore"), ("Retrait", "#ignore"), ("*", "ANY")]}
        made = exchanged(
            order("1", SOLD, carrier_id="7", carrier="UPS"), order("2", SOLD, carrier="retrait"), mappings=rows
        )
        assert said(made) == ["ignored-by-mapping"] * 2


class TestOrd44Currencies:
    def test_documents_in_currency_carry_the_erp_s_code_and_the_order_s_own_rate(self):
        made = exchanged(
            order("1", SOLD),
            order("2", SOLD, **ABROAD),
            order("3", SOLD, currency="GBP"),
            # The shop counts in pounds: its rate says nothing of euros.
            order("4", SOLD, currency="GBP", shop_currency="GBP", currency_rate=1_000_000),
            mappings={"currencies": [("GBP", "LIVRE")]},
        )
        assert made.documents["currency"].tolist() == ["EUR", "GBP", "GBP", "GBP"]
        assert made.documents["erp_currency"].tolist() == ["", "LIVRE", "LIVRE", "LIVRE"]
        assert [None if pd.isna(rate) else short(rate) for rate in made.documents["currency_rate"]] == [
            None,
            "0.86",
            None,
            None,
        ]

    def test_without_the_option_the_erp_takes_its_own_rate(self):
        assert pd.isna(only_document(order("1", SOLD, **ABROAD), own_rate=False)["currency_rate"])

    def test_a_currency_that_is_not_mapped_refuses(self):
        made = exchanged(order("1", SOLD, **ABROAD), mappings={"currencies": []})
        assert message(row(made, "unmapped-currency"), "fr") == "Devise sans correspondance : « GBP »."
        assert made.new_values["currencies"]["currency"].tolist() == ["GBP"]


def test_ord_45_new_values_are_listed_by_mapping_and_nothing_is_invented():
    strange = {"payment_mode": "Scalapay", "carrier": "UPS", "currency": "GBP", "status": "42"}
    made = exchanged(
        order("1", line("A", excl="1", rate="8.5"), address(country="RE"), buyer={"title": "Dr"}, **strange),
        mappings={name: [] for name in MAPPINGS},
    )
    assert made.documents.empty
    assert {name: rows.to_numpy().tolist() for name, rows in made.new_values.items()} == {
        "statuses": [["42"]],
        "taxes": [["", "8.5", "RE"]],
        "titles": [["Dr"]],
        "territories": [["RE", ""]],
        "payment_modes": [["Scalapay", "GBP"]],
        "carriers": [["UPS"]],
        "currencies": [["GBP"]],
    }


def test_ord_45_nothing_is_new_where_every_value_is_known():
    assert exchanged(order("1", SOLD, buyer={"title": "M"})).new_values == {}

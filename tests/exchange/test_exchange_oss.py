"""Is the VAT charged one that exists: by country, zone of a post code, day, and by the buyer's VAT number."""

from __future__ import annotations

import csv
import itertools
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files

import pandas as pd
import pytest
from exchange_given import address, at, exchanged, guest, line, mapping, order, refund, row, said
from stdnum.eu.vat import MEMBER_STATES

from passerelle import money
from passerelle.exchange import oss, territory

ANY_TAX = {"taxes": [("*", "*", "*", "V")], "territories": [("*", "*", "FRANCE", "EXO")]}
VALID = {"DE": "DE136695976", "FR": "FR40303265045", "IT": "IT00743110157"}


def packaged(name):
    text = (files("passerelle.exchange") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter=";", strict=True))


RATES, ZONES = packaged("vat_rates.csv"), packaged("vat_zones.csv")
EU = sorted(rule["country"] for rule in ZONES if not rule["postcode"] and rule["zone"] == rule["vat_country"] != "XI")


def in_force(zone, day, kind=None):
    """Read the table without the program: the rates of a zone on a day."""
    return sorted(
        Decimal(one["tax_rate"])
        for one in RATES
        if one["zone"] == zone
        and kind in {None, one["kind"]}
        and (one["valid_from"] or "0") <= day <= (one["valid_to"] or "9")
    )


def sold(order_id="1", rate="20", created="2026-11-20", invoiced=None, vat_number="", **place):
    """Tell an order of one line, sold to a place."""
    return order(
        order_id,
        line("A", excl="100.00", rate=rate),
        address("delivery", **{"country": "FR", "postcode": "75002", "vat_number": vat_number, **place}),
        created_at=at(created),
        invoiced_at=at(invoiced) if invoiced else pd.NaT,
    )


def codes(*orders, mappings=None, **options):
    return said(exchanged(*orders, mappings={**ANY_TAX, **(mappings or {})}, **options))


class TestTheTable:
    def test_ord_41_it_has_every_member_state_once(self):
        # The library counts Northern Ireland in and calls Greece EL.
        assert {"GR" if state == "el" else state.upper() for state in MEMBER_STATES} - {"XI"} == set(EU)
        assert len(EU) == 27

    @pytest.mark.parametrize("state", EU)
    def test_ord_41_every_member_state_has_one_standard_rate_every_day(self, state):
        day = date(2020, 1, 1)
        while day <= date(2026, 12, 31):
            assert len(in_force(state, str(day), "standard")) == 1, day
            assert in_force(state, str(day), "standard")[0] == max(in_force(state, str(day)))
            day += timedelta(days=7) if day.day != 31 and day.day > 3 else timedelta(days=1)

    @pytest.mark.parametrize(
        ("zone", "day", "rates"),
        [
            ("FI", "2024-08-31", "10 14 24"),
            ("FI", "2024-09-01", "10 14 25.5"),
            ("FI", "2026-01-01", "10 13.5 25.5"),
            ("SK", "2024-12-31", "5 10 20"),
            ("SK", "2025-01-01", "5 19 23"),
            ("EE", "2025-06-30", "9 13 22"),
            ("EE", "2025-07-01", "9 13 24"),
            ("RO", "2025-07-31", "5 9 19"),
            ("RO", "2025-08-01", "11 21"),
            ("LT", "2025-12-31", "5 9 21"),
            ("LT", "2026-01-01", "5 12 21"),
            ("LU", "2023-06-01", "3 7 13 16"),
            ("LU", "2024-01-01", "3 8 14 17"),
            ("CZ", "2023-12-31", "10 15 21"),
            ("CZ", "2024-01-01", "12 21"),
            ("AT", "2026-07-01", "4.9 10 13 20"),
            ("DE", "2026-11-21", "7 19"),
            ("FR", "2026-11-21", "2.1 5.5 10 20"),
            ("RE", "2026-11-21", "1.05 1.75 2.1 8.5"),
            ("FR-20R", "2026-11-21", "0.9 2.1 5.5 10 13 20"),
            ("PT-30", "2024-10-01", "4 12 22"),
            ("PT-20", "2026-11-21", "4 9 16"),
        ],
    )
    def test_ord_41_rates_change_on_their_day(self, zone, day, rates):
        assert in_force(zone, day) == [Decimal(rate) for rate in rates.split()]

    def test_every_row_can_be_read_and_says_where_it_is_from(self):
        table, unreadable = oss.known_rates(mapping("vat_rates"))
        assert unreadable.empty
        assert len(table) == len(RATES)
        assert all(one["source"] for one in RATES + ZONES)
        assert all(set(one) == {"zone", "tax_rate", "kind", "valid_from", "valid_to", "source"} for one in RATES)

    def test_no_two_rows_say_different_things(self):
        assert len({(rule["country"], rule["postcode"]) for rule in ZONES}) == len(ZONES)
        for one in RATES:
            others = [two for two in RATES if (two["zone"], two["tax_rate"]) == (one["zone"], one["tax_rate"])]
            periods = sorted((two["valid_from"] or "0", two["valid_to"] or "9") for two in others)
            assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(periods))
        assert {one["zone"] for one in RATES} <= {rule["zone"] for rule in ZONES} | {"GB", "CH", "NO"}


class TestOrd40Zones:
    @pytest.mark.parametrize(
        ("country", "postcode", "zone", "vat_country"),
        [
            ("FR", "75002", "FR", "FR"),
            ("fr", " 20 000 ", "FR-20R", "FR"),
            ("FR", "F-20200", "FR-20R", "FR"),
            ("FR", "02000", "FR", "FR"),
            ("FR", "97100", "GP", ""),
            ("FR", "97133", "BL", ""),
            ("FR", "97200", "MQ", ""),
            ("FR", "97300", "GF", ""),
            ("FR", "97400", "RE", ""),
            ("FR", "97600", "YT", ""),
            ("RE", "97400", "RE", ""),
            ("FR", "98000", "MC", "FR"),
            ("MC", "98000", "MC", "FR"),
            ("FR", "98800", "NC", ""),
            ("GB", "BT1 5GS", "XI", "XI"),
            ("GB", "bt15gs", "XI", "XI"),
            ("GB", "B1 1AA", "GB", ""),
            ("ES", "35001", "IC", ""),
            ("ES", "38670", "IC", ""),
            ("ES", "28001", "ES", "ES"),
            ("ES", "51001", "EA", ""),
            ("ES", "52001", "EA", ""),
            ("FI", "22100", "AX", ""),
            ("FI", "AX-22100", "AX", ""),
            ("FI", "00100", "FI", "FI"),
            ("IT", "23041", "IT-LIV", ""),
            ("IT", "I-23030", "IT-LIV", ""),
            ("IT", "22061", "IT-CAM", ""),
            ("IT", "23040", "IT", "IT"),
            ("DE", "78266", "DE-BUE", ""),
            ("DE", "27498", "DE-HGL", ""),
            ("DE", "78267", "DE", "DE"),
            ("PT", "9500-321", "PT-20", "PT"),
            ("PT", "9000-001", "PT-30", "PT"),
            ("PT", "1000-001", "PT", "PT"),
            ("AT", "6991", "AT-JM", "AT"),
            ("GR", "630 86", "GR-69", ""),
            ("US", "35201", "US", ""),
            ("US", "", "US", ""),
            ("", "", "", ""),
        ],
    )
    def test_the_post_code_tells_the_zone(self, country, postcode, zone, vat_country):
        places = pd.DataFrame({"country": [country], "postcode": [postcode]}, dtype="str")
        found = territory.zones(places, territory.rules(mapping("vat_zones")))
        assert found.to_dict("records") == [{"zone": zone, "vat_country": vat_country}]

    def test_the_profile_s_zones_come_first(self):
        own = mapping("vat_zones", ("fr", "200 90", "FR-X", "FR"), ("FR", "201", "", ""), ("GI", "*", "GI", "ES"))
        places = pd.DataFrame({"country": ["FR", "FR", "GI"], "postcode": ["20090", "20100", "GX11"]}, dtype="str")
        assert territory.zones(places, territory.rules(own))["zone"].tolist() == ["FR-X", "FR-20R", "GI"]
        assert territory.zones(places, territory.rules(own))["vat_country"].tolist() == ["FR", "FR", "ES"]

    def territories(self, rows, *orders):
        made = exchanged(*orders, mappings={**ANY_TAX, "territories": rows})
        return dict(zip(made.documents["shop_order"], made.documents["territory"], strict=True)), said(made)

    def test_a_zone_of_its_own_vat_is_mapped_by_its_own_code(self):
        rows = [("FR", "*", "FRANCE"), ("ES", "*", "CEE", "INTRA"), ("RE", "*", "DOM"), ("IC", "*", "EXPORT")]
        found, problems = self.territories(
            rows,
            sold("1", rate="8.5", postcode="97400"),
            sold("2", rate="0", country="ES", postcode="35001"),
            sold("3", rate="21", country="ES", postcode="28001"),
            sold("4", rate="0", postcode="97300"),
        )
        assert found == {"1": "DOM", "2": "EXPORT", "3": "CEE"}
        assert problems == ["unmapped-territory"]  # Guyane is not France for VAT, and nothing is made of it

    def test_what_has_the_vat_of_a_country_is_mapped_as_that_country_unless_a_row_names_it(self):
        corsica, monaco = sold("1", rate="2.1", postcode="20000"), sold("2", country="MC", postcode="98000")
        assert self.territories([("FR", "*", "FRANCE")], corsica, monaco) == ({"1": "FRANCE", "2": "FRANCE"}, [])
        rows = [("FR", "*", "FRANCE"), ("fr-20r", "*", "CORSE")]
        assert self.territories(rows, corsica, monaco) == ({"1": "CORSE", "2": "FRANCE"}, [])

    def test_ord_41_the_zone_is_the_country_of_the_tax_mapping_too(self):
        taxes = [("*", "8.5", "RE", "DOM85"), ("*", "20", "FR", "FR20"), ("*", "13", "FR", "FR13")]
        orders = [sold("1", rate="8.5", postcode="97400"), sold("2", postcode="20000"), sold("3")]
        made = exchanged(*orders, mappings={**ANY_TAX, "taxes": taxes})
        assert made.lines["vat_code"].tolist() == ["DOM85", "FR20", "FR20"]


class TestOrd41Rates:
    def test_a_rate_is_one_of_the_place_of_the_sale(self):
        monaco, belfast, azores = (
            {"country": "MC", "postcode": "98000"},
            {"country": "GB", "postcode": "BT1 5GS"},
            {"country": "PT", "postcode": "9500-321"},
        )
        good: list[tuple[dict[str, str], str]] = [
            ({}, "20"),
            ({"country": "DE"}, "19"),
            ({"country": ""}, "20"),  # nobody says where: at the seller's
            ({"postcode": "20000"}, "0.9"),
            ({"postcode": "97400"}, "8.5"),
            (monaco, "5.5"),
            (belfast, "20"),
            (azores, "16"),
            ({"country": "US"}, "0"),
            ({"country": "CH"}, "8.1"),
        ]
        wrong = [
            ({}, "19"),
            ({"country": "DE"}, "20"),
            ({"postcode": "97400"}, "20"),
            (belfast, "23"),
            (azores, "23"),
            ({"country": "ES", "postcode": "35001"}, "21"),
            ({"country": "CH"}, "7.7"),
            ({"country": "NO"}, "20"),
        ]
        cases = [*good, *wrong]
        orders = [sold(str(number), rate=rate, **place) for number, (place, rate) in enumerate(cases)]
        made = exchanged(*orders, mappings=ANY_TAX)
        refused = made.outcomes.set_index("record")["code"]
        assert set(refused) == {"unknown-vat-rate"}
        assert set(refused.index) == {f"boutique/{number}" for number in range(len(good), len(cases))}

    def test_the_refusal_names_rate_place_day_and_what_there_is(self):
        made = exchanged(sold(rate="20", country="EE", postcode="10111", created="2025-07-01"), mappings=ANY_TAX)
        told = row(made, "unknown-vat-rate")
        assert (told["value"], told["state"]) == ("20", "failed")
        assert told["params"] == '{"country": "EE", "day": "2025-07-01", "known": "24, 13, 9"}'
        assert made.documents.empty

    def test_the_rate_is_one_of_the_day(self):
        cases = [
            ("2025-07-31 23:59", None, "19", True),
            ("2025-08-01", None, "19", False),
            ("2025-08-01", None, "21", True),
            ("2025-07-31", None, "21", False),
            ("2025-07-30", "2025-08-02", "21", True),  # the day of the invoice counts as well
            ("2025-07-30", "2025-08-02", "19", True),
            ("2025-08-02", "2025-07-31", "19", True),
        ]
        orders = [
            sold(str(number), rate=rate, country="RO", postcode="010011", created=created, invoiced=invoiced)
            for number, (created, invoiced, rate, _) in enumerate(cases)
        ]
        made = exchanged(*orders, mappings=ANY_TAX)
        wrong = {f"boutique/{number}" for number, case in enumerate(cases) if not case[-1]}
        assert set(made.outcomes["record"]) == wrong
        assert set(made.outcomes["code"]) == {"unknown-vat-rate"}

    def test_an_order_without_date_has_the_rates_of_no_end(self):
        good, wrong = (sold(rate, rate=rate, country="RO", postcode="010011") for rate in ("21", "19"))
        for one in (good, wrong):
            one.cells |= {"created_at": pd.NaT, "invoiced_at": pd.NaT}
        made = exchanged(good, wrong, mappings=ANY_TAX, document_date="today")
        told = row(made, "unknown-vat-rate")
        assert told["params"] == '{"country": "RO", "day": "?", "known": "21, 11"}'
        assert made.new_values["vat_rates"].to_numpy().tolist() == [["RO", "19", ""]]

    def test_the_profile_can_have_it_remarked_or_leave_it(self):
        wrong = sold(rate="20", country="DE")
        assert codes(wrong, vat={"unknown_rate": "remark"}) == ["vat-rate-to-check"]
        assert codes(wrong, vat={"unknown_rate": "accept"}) == []
        made = exchanged(wrong, mappings=ANY_TAX, vat={"unknown_rate": "remark"})
        assert made.lines["tax_rate"].tolist() == [20_000_000]  # the rate applied is taken, whatever is said of it

    def test_below_the_threshold_the_seller_s_own_rates_are_charged(self):
        below = {"distance_sales": "origin"}
        assert codes(sold(rate="20", country="DE"), vat=below) == []
        assert codes(sold(rate="19", country="DE"), vat=below) == ["unknown-vat-rate"]
        assert codes(sold(rate="20", country="CH"), vat=below) == ["unknown-vat-rate"]
        assert codes(sold(rate="19", country="FR"), vat={**below, "country": "DE"}) == []

    def test_a_refund_has_the_rate_of_its_order(self):
        old = order(
            "1",
            line("A", excl="100.00", rate="19"),
            address(country="RO", postcode="010011"),
            refund("9", incl="119.00"),
            created_at=at("2025-07-20"),
        )
        [part] = [part for part in old.parts if part.table == "refunds"]
        part.cells["refunded_at"] = at("2025-09-01")
        made = exchanged(old, mappings=ANY_TAX)
        assert said(made) == []
        assert made.documents["document_kind"].tolist() == ["invoice", "credit_note"]

    def test_ord_45_what_is_not_known_waits_in_the_mapping_and_is_asked_once(self):
        orders = [
            sold("1", rate="7.5", country="DE", created="2026-11-20"),
            sold("2", rate="7.5", country="DE", created="2026-11-02"),
            sold("3", rate="20", country="DE"),
        ]
        made = exchanged(*orders, mappings=ANY_TAX)
        rows = made.new_values["vat_rates"].to_numpy().tolist()
        assert rows == [["DE", "20", "2026-11-20"], ["DE", "7.5", "2026-11-02"]]
        waiting = {"vat_rates": [(*rows[0], ""), ("de", "7,50", "", "")]}
        again = exchanged(*orders, mappings={**ANY_TAX, **waiting})
        assert "vat_rates" not in again.new_values
        assert said(again) == ["unknown-vat-rate"] * 3

    def test_the_profile_s_rates_add_to_the_table_and_replace_a_rate_s_dates(self):
        rows = {
            "vat_rates": [
                ("DE", "7,5", "2026-11-01", "réduit"),
                ("DE", "19", "", "normal", "31/10/2026"),
                ("IC", "7", "*", "IGIC"),
            ]
        }
        assert codes(sold(rate="7.5", country="DE", created="2026-11-01"), mappings=rows) == []
        assert codes(sold(rate="7.5", country="DE", created="2026-10-31"), mappings=rows) == ["unknown-vat-rate"]
        assert codes(sold(rate="19", country="DE", created="2026-10-31"), mappings=rows) == []
        assert codes(sold(rate="19", country="DE", created="2026-11-01"), mappings=rows) == ["unknown-vat-rate"]
        assert codes(sold(rate="7", country="DE"), mappings=rows) == []
        assert codes(sold(rate="7", country="ES", postcode="35001"), mappings=rows) == []

    @pytest.mark.parametrize(
        "cells", [("x", "2026-01-01", ""), ("20", "demain", ""), ("20", "", "31/02/2026"), ("", "", "")]
    )
    def test_a_row_that_cannot_be_read_is_said_and_not_used(self, cells):
        rate, first, last = cells
        rows = {"vat_rates": [("DE", rate, first, "normal", last)]}
        assert codes(sold(rate="20", country="DE"), mappings=rows) == ["unknown-vat-rate", "vat-rate-row-unreadable"]

    def test_three_rates_of_one_order_are_said_apart(self):
        parts = [line("A", excl="1", rate=rate) for rate in ("20", "19", "16", "19")]
        made = exchanged(order("1", *parts), mappings=ANY_TAX)
        assert sorted(made.outcomes["value"]) == ["16", "19"]


class TestOrd41CountriesThatNoTableKnows:
    TEXAN = sold(rate="8.25", country="US", postcode="75001")

    def test_the_shop_s_rate_is_taken_where_a_row_names_the_country_and_remarked(self):
        rows = {"taxes": [("*", "*", "*", "FR20"), ("*", "*", "US", "SALES")]}
        made = exchanged(self.TEXAN, sold("2"), mappings={**ANY_TAX, **rows})
        assert made.lines["vat_code"].tolist() == ["SALES", "FR20"]
        assert [money.shortest(total) for total in made.documents["total_incl"]] == ["108.25", "120"]
        remark = row(made, "vat-rate-of-unknown-country")
        assert (remark["record"], remark["state"], remark["value"]) == ("boutique/1", "succeeded", "8.25")
        assert codes(self.TEXAN, mappings=rows, vat={"unknown_rate": "accept"}) == []
        assert "vat_rates" not in made.new_values

    @pytest.mark.parametrize("default", [{}, {"defaults": {"taxes": {"vat_code": "FR20"}}}])
    def test_no_row_for_all_countries_and_no_default_answers(self, default):
        """20 % there is not the 20 % of here."""
        moroccan = sold(rate="20", country="MA", postcode="20000")
        rows = {"taxes": [("*", "20", "*", "FR20"), ("*", "*", "US", "SALES")]}
        made = exchanged(moroccan, mappings={**ANY_TAX, **rows}, **default)
        assert said(made) == ["unmapped-tax", "vat-rate-of-unknown-country"]
        assert made.documents.empty
        assert made.new_values["taxes"].to_numpy().tolist() == [["", "20", "MA"]]
        answered = {"taxes": [*rows["taxes"], ("", "20", "MA", "MA20")]}
        assert codes(moroccan, mappings=answered) == ["vat-rate-of-unknown-country"]

    def test_without_tax_nothing_is_asked(self):
        assert codes(sold(rate="0", country="US")) == []

    def test_rows_of_the_profile_make_the_country_known(self):
        rows = {"taxes": [("*", "*", "US", "SALES")], "vat_rates": [("US", "8.25", "", "Texas", "")]}
        assert codes(self.TEXAN, mappings=rows) == []
        assert codes(sold(rate="9", country="US"), mappings={**ANY_TAX, "vat_rates": rows["vat_rates"]}) == [
            "unknown-vat-rate"
        ]


class TestOrd40WithoutVat:
    def test_a_valid_number_of_another_state_is_the_territory_without_vat(self):
        numbers = [VALID["DE"], "DE 136 695 976", VALID["IT"], "136695976"]
        orders = [sold(number, rate="0", country="DE", vat_number=number) for number in numbers]
        made = exchanged(*orders, mappings=ANY_TAX)
        assert said(made) == []
        assert made.documents["territory"].tolist() == ["EXO"] * len(numbers)

    def test_the_buyer_s_own_number_counts_as_well(self):
        business = {"customer_id": "7", "company": "GmbH", "vat_number": VALID["DE"]}
        parts = (line("A", excl="1", rate="0"), address(country="DE", postcode="10115"))
        assert codes(order("1", *parts, buyer=business)) == []
        assert codes(order("1", *parts, buyer=guest("1", vat_number=VALID["FR"]))) == ["untaxed-without-vat-number"]

    def test_without_one_it_is_refused_remarked_or_left(self):
        numbers = ["", "DE136695977", "GB980780684", VALID["FR"], "pas de numéro"]
        sales_ = [sold(str(number), rate="0", country="DE", vat_number=one) for number, one in enumerate(numbers)]
        made = exchanged(*sales_, mappings=ANY_TAX)
        assert set(made.outcomes["code"]) == {"untaxed-without-vat-number"}
        assert made.outcomes.sort_values("record")["value"].tolist() == ["—", *numbers[1:]]
        assert set(made.outcomes["params"]) == {'{"country": "DE"}'}
        remarked = exchanged(*sales_, mappings=ANY_TAX, vat={"untaxed_without_number": "remark"})
        assert said(remarked) == ["untaxed-sale-to-check"] * len(numbers)
        assert len(remarked.documents) == len(numbers)
        assert codes(*sales_, vat={"untaxed_without_number": "accept"}) == []

    def test_at_home_and_outside_the_eu_none_is_needed(self):
        places: list[dict[str, str]] = [
            {},
            {"postcode": "20000"},
            {"country": "MC", "postcode": "98000"},
            {"postcode": "97300"},
            {"country": "US"},
            {"country": "ES", "postcode": "35001"},
            {"country": "GB", "postcode": "B1 1AA"},
            {"country": ""},
        ]
        assert codes(*[sold(str(number), rate="0", **place) for number, place in enumerate(places)]) == []

    def test_northern_ireland_is_in_the_eu_for_goods(self):
        sale = sold(rate="0", country="GB", postcode="BT1 5GS")
        assert codes(sale) == ["untaxed-without-vat-number"]

    def test_what_costs_nothing_needs_none_and_zero_rated_goods_where_a_row_says_so(self):
        free = order("1", line("A", excl="0.00", rate="0"), address(country="IE", postcode="D01"))
        assert codes(free) == []
        rows = {"vat_rates": [("IE", "0", "", "zéro (livres, vêtements d'enfants)")]}
        assert codes(sold(rate="0", country="IE", postcode="D01"), mappings=rows) == []
        assert codes(sold(rate="0", country="IE", postcode="D01")) == ["untaxed-without-vat-number"]

    def test_one_taxed_line_is_enough(self):
        parts = (line("A", excl="1", rate="0"), line("B", excl="1", rate="19"))
        assert codes(order("1", *parts, address(country="DE", postcode="10115"))) == []

    def test_a_seller_outside_the_eu_sells_no_intra_community(self):
        assert codes(sold(rate="0", country="DE"), vat={"country": "CH"}) == []

    @pytest.mark.parametrize(
        ("number", "country", "state"),
        [
            ("EL094259216", "GR", "GR"),
            ("GR094259216", "GR", "GR"),
            ("094259216", "GR", "GR"),
            ("303265045", "MC", ""),
            ("", "DE", ""),
        ],
    )
    def test_the_state_of_a_number(self, number, country, state):
        assert oss.member_state(number, country) == state


def test_ord_41_rates_are_exact_numbers():
    table, _ = oss.known_rates(mapping("vat_rates"))
    assert money.of("25.5") in set(table.loc[table["country"] == "FI", "tax_rate"])

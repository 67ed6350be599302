"""VAT of what was sold: the specification's worked examples, and what several VAT rates make of an order."""

from __future__ import annotations

import pandas as pd
import pytest
from exchange_given import UNCHECKED, address, amount, discount, exchanged, line, order, said, short, told

from passerelle import money
from passerelle.shops.cells import combined_rate

ANY_TAX = {"taxes": [("*", "*", "*", "V")]}


def totals(made):
    """Give base, VAT and total of the one document."""
    document = made.documents.iloc[0]
    tax = document["total_incl"] - document["total_excl"]
    return short(document["total_excl"]), short(tax), short(document["total_incl"])


class TestOrd26WorkedExample:
    GOODS = (line("A", excl="100.00", rate="20"), line("B", excl="50.00", rate="5.5"))

    def test_15_00_excluding_tax_is_10_00_and_5_00(self):
        made = exchanged(order("1", *self.GOODS, discount(excl="15.00"), total="155.48"))
        assert told(made, "tax_rate", "net_excl", kind="discount") == [("20", "-10"), ("5.5", "-5")]
        # 90.00 + 18.00 at 20 %, 45.00 + 2.48 at 5.5 %.
        assert totals(made) == ("135", "20.48", "155.48")

    def test_15_00_including_tax_is_8_68_and_4_34_excluding_10_42_and_4_58_including(self):
        sold = order("1", *self.GOODS, discount(incl="15.00"))
        excluding, including = exchanged(sold), exchanged(sold, includes_tax=True)
        assert told(excluding, "net_excl", kind="discount") == [("-8.68",), ("-4.34",)]
        assert told(including, "net_incl", kind="discount") == [("-10.42",), ("-4.58",)]


class TestOrd31WorkedExample:
    """20 % and 3.2 % on 100.00."""

    @pytest.mark.parametrize(
        ("rates", "priorities", "total"),
        [
            (("20", "3.2"), (0, 0), "123.2"),
            (("3.2", "20"), (0, 1), "123.84"),
            (("20", "3.2"), (1, 0), "123.84"),
            (("20",), (0,), "120"),
            (("10", "5", "2"), (0, 0, 1), "117.3"),
        ],
    )
    @pytest.mark.parametrize("includes_tax", [False, True])
    def test_equal_priorities_add_and_different_ones_compound(self, rates, priorities, total, includes_tax):
        taxes = pd.Series([amount(rate) for rate in rates], dtype="Int64")
        combined = money.shortest(combined_rate(taxes, pd.Series(priorities)))
        sold = order("1", line("A", excl="100.00", rate=combined))
        made = exchanged(sold, mappings=ANY_TAX, vat=UNCHECKED, includes_tax=includes_tax)
        assert said(made) == []
        assert totals(made) == ("100", short(money.of(total) - money.of("100")), total)
        assert told(made, "kind") == [("article",)]  # to the cent, no Écart line

    def test_a_combined_rate_is_confirmed_once_in_the_table_of_rates(self):
        sold = order("1", line("A", excl="100.00", rate="23.84"))
        made = exchanged(sold, mappings=ANY_TAX)
        assert said(made) == ["unknown-vat-rate"]
        confirmed = {"vat_rates": [(*made.new_values["vat_rates"].iloc[0], "taxe composée")]}
        assert said(exchanged(sold, mappings={**ANY_TAX, **confirmed})) == []


def test_inv_1_every_rate_is_rounded_once_and_the_rates_make_the_total():
    rates = ("20", "10", "5.5", "2.1")
    sold = order("1", *[line("A", excl="0.33", rate=rate) for rate in rates for _ in range(7)], total="10.09")
    made = exchanged(sold)
    columns = ("tax_rate", "file_base", "file_tax")
    assert told(made.reconciliation.parts, *columns) == [
        ("0", "-0.02", "0"),  # the Écart line
        ("2.1", "2.31", "0.05"),
        ("5.5", "2.31", "0.13"),
        ("10", "2.31", "0.23"),
        ("20", "2.31", "0.46"),
    ]
    assert totals(made)[2] == "10.09"


def test_ord_40_oss_sales_of_one_run_each_with_the_rates_of_their_country():
    taxes = [("*", "*", country, f"OSS-{country}") for country in ("DE", "FI", "SK", "EE", "RO", "LT")]
    places = {"DE": "7", "FI": "13.5", "SK": "19", "EE": "24", "RO": "11", "LT": "12"}
    orders = [
        order(country, line("A", excl="10.00", rate=rate), address(country=country, postcode="1"), buyer=str(number))
        for number, (country, rate) in enumerate(places.items(), 1)
    ]
    made = exchanged(*orders, mappings={"taxes": taxes}, number="%OI")
    assert said(made) == []
    codes = dict(zip(made.lines["document_key"].str[-2:], made.lines["vat_code"], strict=True))
    assert codes == {country: f"OSS-{country}" for country in places}

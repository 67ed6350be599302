"""Amounts have the decimals of their currency, in every place of a document."""

from __future__ import annotations

import pytest
from exchange_given import Part, address, exchanged, line, order, said, shipping, short, told

from passerelle import money
from passerelle.exchange import currencies
from passerelle.exchange.options import OrderOptions


class TestOrd44Decimals:
    @pytest.mark.parametrize(
        ("currency", "count"),
        [("EUR", 2), ("USD", 2), ("HUF", 2), ("JPY", 0), ("XPF", 0), ("TND", 3), ("KWD", 3), ("CLF", 4), ("", 2)],
    )
    def test_they_are_those_of_iso_4217(self, currency, count):
        assert currencies.of(currency, OrderOptions()) == count

    def test_the_profile_can_say_otherwise(self):
        options = {"currency_decimals": {"HUF": 0, "JPY": 2}}
        sold = order("1", line("A", excl="1000", rate="27"), address(country="HU"), total="1270.40", currency="HUF")
        made = exchanged(sold, mappings={"taxes": [("*", "*", "*", "V")]}, **options)
        assert short(made.documents["total_incl"].iloc[0]) == "1270"
        assert currencies.of("JPY", OrderOptions.model_validate(options)) == 2

    def test_documents_without_decimals_have_none_anywhere(self):
        sold = order(
            "1",
            line("A", 3, excl="999"),
            line("B", excl="455", rate="10"),
            shipping(excl="501"),
            Part("allowances", {"target": "lines", "label": "BON", "amount_excl": money.of("100")}),
            currency="JPY",
            total="2184",
        )
        made = exchanged(sold, price_decimals=2)
        assert said(made) == []
        assert told(made, "kind", "net_excl", "net_incl") == [
            ("article", "999", "1199"),
            ("article", "455", "501"),
            ("discount", "-69", "-83"),
            ("discount", "-31", "-34"),
            ("rounding", "1", "1"),
        ]
        # 999 − 69 + shipping 501 at 20 %, 455 − 31 at 10 %: VAT of 286 and 42, each rounded once.
        totals = made.documents[["total_excl", "total_incl"]].iloc[0]
        assert [short(total) for total in totals] == ["1856", "2184"]

    def test_ord_50_settlements_and_ord_52_deposits_have_them_too(self):
        sold = order("1", line("A", excl="10.0004"), currency="TND", total="12.0006", currency_rate=money.of("3.4"))
        made = exchanged(
            sold,
            settlements={"create": True},
            mappings={"statuses": [("*", "oui", "order")]},
        )
        assert made.settlements["amount"].tolist() == [money.of("12.001")]
        deposit = made.documents.iloc[0]
        assert deposit["deposit_currency_amount"] == money.of("12.001")
        assert deposit["deposit_amount"] == money.of("3.53")

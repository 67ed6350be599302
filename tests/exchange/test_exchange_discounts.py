"""Order discounts spread over the VAT rates, and the Écart line that makes both totals agree."""

from __future__ import annotations

from decimal import Decimal

import pytest
from exchange_given import (
    UNCHECKED,
    charge,
    discount,
    exchanged,
    line,
    order,
    said,
    shipping,
    short,
    told,
)

from passerelle.outcome import message

TWO_RATES = line("A", excl="100.00"), line("B", excl="50.00", rate="5.5")


def parts(made, record="boutique/1"):
    """Give the Remise lines of an order: rate, amount without and with tax."""
    rows = made.lines[(made.lines["kind"] == "discount") & (made.lines["document_key"] == record)]
    return [tuple(short(row[name]) for name in ("tax_rate", "net_excl", "net_incl")) for row in rows.to_dict("records")]


class TestOrd26Discounts:
    def test_the_examples_of_the_specification(self):
        made = exchanged(
            order("1", *TWO_RATES, discount(excl="15.00"), total="155.47"),
            order("2", *TWO_RATES, discount(incl="15.00")),
            # The parts of each side add up where the shop gives both.
            order("3", *TWO_RATES, discount(excl="13.03", incl="15.00")),
            mappings={"discount_articles": [("V20", "REM20"), ("V5.5", "REM55")]},
        )
        assert said(made) == []
        assert told(made, "document_key", "article", "quantity", "unit_price_excl", "net_excl", kind="discount")[
            :2
        ] == [
            ("boutique/1", "REM20", "1", "-10", "-10"),
            ("boutique/1", "REM55", "1", "-5", "-5"),
        ]
        assert parts(made, "boutique/2") == [("20", "-8.68", "-10.42"), ("5.5", "-4.34", "-4.58")]
        assert [short(total) for total in made.documents["total_incl"]] == ["155.47", "157.75", "157.75"]
        assert [part[1] for part in parts(made, "boutique/3")] == ["-8.69", "-4.34"]

    def test_the_examples_in_documents_including_tax(self):
        made = exchanged(
            order("1", *TWO_RATES, discount(incl="15.00")),
            order("2", *TWO_RATES, discount(excl="13.03", incl="15.00")),
            includes_tax=True,
            mappings={"discount_articles": [("V5.5", "REM55")]},  # the others have the profile's
        )
        for key in ("boutique/1", "boutique/2"):
            assert parts(made, key) == [("20", "-8.68", "-10.42"), ("5.5", "-4.34", "-4.58")]
        assert [short(total) for total in made.documents["total_incl"]] == ["157.75", "157.75"]
        assert told(made, "article", "vat_code", kind="discount")[:2] == [("REMISE", "V20"), ("REM55", "V5.5")]

    def test_several_orders_and_several_discounts_at_once(self):
        made = exchanged(
            # Free shipping belongs to the shipping's rate, not to the goods'.
            order(
                "1", line("B", excl="50.00", rate="5.5"), shipping(excl="5.00"), discount(incl="6.00", on="shipping")
            ),
            # Without shipping it is a discount on the goods.
            order("2", line("B", excl="50.00", rate="5.5"), discount(incl="6.00", on="shipping")),
            # Shipping of two rates takes its share by amount.
            order(
                "3",
                line("B", excl="50.00", rate="10"),
                shipping(excl="8.00"),
                shipping(excl="2.00", rate="5.5"),
                discount(excl="10.00", on="shipping"),
                total="55.00",
            ),
            # One Remise line per rate, whatever the number of discounts; each named once.
            order("4", line("A", excl="50.00"), *[discount(incl="1.20", label=name) for name in ("X", "Y", "X")]),
            # A negative line (return) takes no share of the discount, a free one neither.
            order(
                "5",
                line("A", excl="100.00"),
                line("B", -1, excl="-40.00", rate="5.5"),
                line("C", excl="0.00", rate="10"),
                discount(incl="12.00"),
            ),
            # The cent that is left goes to the largest remainder: 0.05 on three equal rates.
            order(
                "6",
                *[line("A", excl="10.00", rate=rate) for rate in ("20", "10", "5.5")],
                discount(excl="0.05"),
                total="33.49",
            ),
            # Wrapping and fees take no share.
            order("8", line("A", excl="10.00", rate="5.5"), charge("wrapping", excl="90.00"), discount(incl="1.06")),
            # Nothing but gifts: the discount stands on their rate.
            order("7", line("A", excl="0.00", rate="10"), discount(incl="1.10"), total="-1.10"),
        )
        assert said(made) == []
        assert parts(made, "boutique/1") == [("20", "-5", "-6")]
        assert parts(made, "boutique/2") == [("5.5", "-5.69", "-6")]
        assert parts(made, "boutique/3") == [("20", "-8", "-9.6"), ("5.5", "-2", "-2.11")]
        assert parts(made, "boutique/4") == [("20", "-3", "-3.6")]
        assert told(made, "document_key", "label", kind="discount").count(("boutique/4", "X + Y")) == 1
        assert parts(made, "boutique/5") == [("20", "-10", "-12")]
        assert [part[1] for part in parts(made, "boutique/6")] == ["-0.02", "-0.02", "-0.01"]
        assert parts(made, "boutique/7") == [("10", "-1", "-1.1")]
        assert parts(made, "boutique/8") == [("5.5", "-1", "-1.06")]


class TestOrd27Rounding:
    """Goods of 10.00 + 20 % make 12.00; the shop charged something else."""

    def charged(self, *totals, **options):
        orders = [order(str(number), line("A", excl="10.00"), total=total) for number, total in enumerate(totals, 1)]
        return exchanged(*orders, **options)

    @pytest.mark.parametrize("includes_tax", [False, True])
    def test_the_line_carries_the_difference_with_its_sign(self, includes_tax):
        made = self.charged("12.03", "11.98", "12.00", includes_tax=includes_tax, rounding_vat_code="EXO")
        columns = "document_key", "article", "label", "quantity", "tax_rate", "vat_code", "net_excl", "net_incl"
        assert told(made, *columns, kind="rounding") == [
            ("boutique/1", "ECART", "Écart d'arrondi", "1", "0", "EXO", "0.03", "0.03"),
            ("boutique/2", "ECART", "Écart d'arrondi", "1", "0", "EXO", "-0.02", "-0.02"),
        ]
        assert [short(total) for total in made.documents["total_incl"]] == ["12.03", "11.98", "12"]
        assert [short(value) for value in made.reconciliation.documents["rounding"]] == ["0.03", "-0.02", "0"]
        assert made.reconciliation.balanced

    def test_up_to_the_ceiling_and_beyond_it_the_order_is_refused_with_both_totals(self):
        made = self.charged("13.00", "13.01", "11.00", "10.99", "12.004", "12.005")
        assert made.documents["document_key"].tolist() == [f"boutique/{number}" for number in (1, 3, 5, 6)]
        assert [short(total) for total in made.documents["total_incl"]] == ["13", "11", "12", "12.01"]
        refused = made.outcomes.to_dict("records")
        assert [(one["record"], one["code"], one["state"]) for one in refused] == [
            ("boutique/2", "total-mismatch", "failed"),
            ("boutique/4", "total-mismatch", "failed"),
        ]
        expected = "La boutique a facturé 13.01 EUR, l'ERP calculerait 12.00 EUR : écart 1.01."
        assert message(refused[0], "fr") == expected

    @pytest.mark.parametrize("options", [{"rounding_line": False}, {"rounding_ceiling": Decimal(0)}])
    def test_without_the_option_every_difference_refuses(self, options):
        made = self.charged("12.01", "12.00", **options)
        assert made.documents["document_key"].tolist() == ["boutique/2"]
        assert said(made) == ["total-mismatch"]
        assert "rounding" not in set(made.lines["kind"])

    def test_the_erp_rounds_once_per_rate_where_the_shop_rounded_each_line(self):
        # PrestaShop#33912: 4 × 15.59 at 9 % is 5.60 of tax by line and 5.61 in all.
        sold = order("1", *[line("A", excl="15.59", incl="16.99", rate="9") for _ in range(4)])
        made = exchanged(sold, mappings={"taxes": [("*", "9", "*", "V9")]}, vat=UNCHECKED)
        assert short(made.documents["total_incl"].iloc[0]) == "67.96"
        assert told(made, "net_incl", kind="rounding") == [("-0.01",)]

    def test_few_price_decimals_are_made_up_for(self):
        made = exchanged(order("1", line("A", 7, excl="10.00")), price_decimals=2)
        assert told(made, "kind", "unit_price_excl", "net_excl") == [
            ("article", "1.43", "10.01"),
            ("rounding", "-0.01", "-0.01"),
        ]
        assert short(made.documents["total_incl"].iloc[0]) == "12"


def test_jou_5_shop_and_file_are_compared_by_rate():
    made = exchanged(
        order("1", *TWO_RATES, discount(incl="15.00"), shipping(excl="5.00")),
        order("2", line("A", excl="10.00"), total="12.02"),
    )
    rates = made.reconciliation.rates
    rows = [
        tuple(short(row[name]) for name in ("tax_rate", "shop_base", "shop_tax", "file_base", "file_tax", "difference"))
        for row in rates.to_dict("records")
    ]
    assert rows == [
        ("20", "106.32", "21.26", "106.32", "21.26", "0"),
        ("5.5", "45.66", "2.51", "45.66", "2.51", "0"),
        ("0", "0", "0", "0.02", "0", "0.02"),
    ]

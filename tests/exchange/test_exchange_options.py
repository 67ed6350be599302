"""Store views, age, ids, messages, packs, settlement differences, customers: the smaller options of a profile."""

from __future__ import annotations

import dataclasses
from datetime import date

import pandas as pd
import pytest
from exchange_given import (
    accounts,
    address,
    at,
    context,
    erp_customers,
    exchanged,
    line,
    only_document,
    order,
    payment,
    refund,
    row,
    said,
    sales,
    told,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange import packs, texts
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.orders import exchange_orders
from passerelle.exchange.selection import Window, window
from passerelle.model.orders import MESSAGES

TODAY = date(2026, 11, 21)
UNBOUNDED = window("since-last-import", TODAY)


class TestOrd3:
    ORDERS = (
        order("1", line("A", excl="1"), store="fr"),
        order("2", line("A", excl="1"), store="be"),
        order("3", line("A", excl="1"), store=""),
        order("4", line("A", excl="1"), shop="autre", store="fr", buyer="4"),
    )

    @pytest.mark.parametrize(
        ("stores", "left_out"),
        [
            ([], []),
            (["fr"], ["boutique/2"]),
            (["boutique/fr"], ["autre/4", "boutique/2"]),
            (["be", "autre/fr"], ["boutique/1"]),
        ],
    )
    def test_only_the_chosen_store_views_are_read(self, stores, left_out):
        made = exchanged(*self.ORDERS, stores=stores, number="%SH%OI")
        refused = made.outcomes[made.outcomes["code"] == "store-not-selected"]
        assert refused["record"].tolist() == left_out
        assert set(refused["state"]) <= {"ignored"}
        assert len(made.documents) == 4 - len(left_out)


class TestOrd5:
    @pytest.mark.parametrize(
        ("created", "days", "limit", "taken"),
        [
            ("2026-08-23 00:00", UNBOUNDED, None, True),
            ("2026-08-22 23:59", UNBOUNDED, None, False),
            ("2020-01-01", UNBOUNDED, 0, True),
            ("2020-01-01", Window(), None, True),
            ("2020-01-01", Window(), 90, False),
            ("2026-11-19", Window(), 1, False),
            ("2026-11-20", Window(), 1, True),
        ],
    )
    def test_orders_too_old_are_ignored_with_the_reason(self, created, days, limit, taken):
        made = exchanged(order("1", line("A", excl="1"), created_at=at(created)), days=days, max_age_days=limit)
        assert len(made.documents) == taken
        if not taken:
            assert row(made, "order-too-old")["value"] == created[:10]

    @pytest.mark.parametrize(
        ("order_id", "options", "taken"),
        [
            ("99", {"minimum_id": 100}, False),
            ("100", {"minimum_id": 100}, True),
            ("SO-7", {"minimum_id": 100}, True),
            ("99", {"minimum_id": 100, "minimum_ids": {"boutique": 5}}, True),
            ("4", {"minimum_ids": {"boutique": 5}}, False),
        ],
    )
    def test_ids_too_low_are_ignored_with_the_reason(self, order_id, options, taken):
        made = exchanged(order(order_id, line("A", excl="1")), **options)
        assert len(made.documents) == taken
        assert said(made) == ([] if taken else ["order-id-too-low"])


class TestOrd6:
    def notes(self, note: str, *messages: str, **options) -> str:
        written = [
            {"order_key": "boutique/1", "position": number, "text": text} for number, text in enumerate(messages, 1)
        ]
        given_ = dataclasses.replace(sales(order("1", line("A", excl="1"), note=note)), messages=MESSAGES.of(written))
        return exchange_orders(given_, context(**options)).documents["notes"].iloc[0]

    @pytest.mark.parametrize(
        ("which", "notes"), [("none", ""), ("first", "Bonjour"), ("all", "Bonjour\nEt la facture ?\nJointe")]
    )
    def test_none_the_first_or_all_become_notes(self, which, notes):
        assert self.notes("Bonjour", "Et la facture ?", "Jointe", messages=which) == notes

    def test_without_note_the_first_message_is_the_oldest(self):
        assert self.notes("", "Et la facture ?", "Jointe") == "Et la facture ?"
        assert self.notes("", "Et la facture ?", "Jointe", messages="all") == "Et la facture ?\nJointe"

    def test_an_order_without_message_has_no_notes(self):
        assert self.notes("", messages="all") == ""


PACK = (
    line("PACK", 1, excl="30", line_id="1"),
    line("A", 2, excl="0", line_id="2", parent_line_id="1"),
    line("B", 1, excl="0", line_id="3", parent_line_id="1"),
    line("C", 1, excl="5", line_id="4"),
)


class TestOrd30Packs:
    @pytest.mark.parametrize(
        ("which", "lines"),
        [
            ("both", [("PACK", "1", "30"), ("A", "2", "0"), ("B", "1", "0"), ("C", "1", "5")]),
            ("pack", [("PACK", "1", "30"), ("C", "1", "5")]),
            ("components", [("A", "2", "20"), ("B", "1", "10"), ("C", "1", "5")]),
        ],
    )
    def test_both_the_pack_or_its_components(self, which, lines):
        made = exchanged(order("1", *PACK), packs=which)
        assert said(made) == []
        assert told(made, "article", "quantity", "net_excl") == lines

    def test_a_pack_without_price_gets_that_of_its_components(self):
        parts = (
            line("PACK", 1, excl="0", line_id="1"),
            line("A", 1, excl="12", line_id="2", parent_line_id="1"),
            line("B", 1, excl="8", line_id="3", parent_line_id="1"),
        )
        assert told(exchanged(order("1", *parts), packs="pack"), "article", "net_excl") == [("PACK", "20")]
        assert told(exchanged(order("1", *parts), packs="components"), "article", "net_excl") == [
            ("A", "12"),
            ("B", "8"),
        ]

    def test_the_vat_goes_with_the_money(self):
        parts = (
            line("PACK", 1, excl="0", rate="20", tax_name="normal", line_id="1"),
            line("A", 1, excl="12", rate="5.5", tax_name="livre", line_id="2", parent_line_id="1"),
        )
        made = exchanged(order("1", *parts), packs="pack", mappings={"taxes": [("livre", "*", "*", "LIVRES")]})
        assert told(made, "article", "tax_rate", "vat_code") == [("PACK", "5.5", "LIVRES")]

    def test_two_rates_cannot_be_one_line(self):
        parts = (
            line("PACK", 1, excl="0", line_id="1"),
            line("A", 1, excl="12", line_id="2", parent_line_id="1"),
            line("B", 1, excl="8", rate="5.5", line_id="3", parent_line_id="1"),
        )
        assert len(exchanged(order("1", *parts), packs="pack").lines) == 3

    def test_packs_in_packs_go_to_the_outermost(self):
        parts = (
            line("OUTER", 1, excl="30", line_id="1"),
            line("INNER", 1, excl="0", line_id="2", parent_line_id="1"),
            line("A", 1, excl="0", line_id="3", parent_line_id="2"),
        )
        assert told(exchanged(order("1", *parts), packs="pack"), "article", "net_excl") == [("OUTER", "30")]

    def test_a_pack_that_is_not_in_the_order_is_none(self):
        made = exchanged(order("1", line("A", excl="1", parent_line_id="9")), packs="components")
        assert told(made, "article") == [("A",)]

    def test_a_free_gift_stays_a_line_of_no_price(self):
        made = exchanged(order("1", line("A", excl="10"), line("CADEAU", excl="0")))
        assert told(made, "article", "quantity", "net_excl")[1] == ("CADEAU", "1", "0")


@st.composite
def lines_with_packs(draw):
    parts = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        parent = draw(st.sampled_from(["", "", *map(str, range(1, 9))]))
        cents = draw(st.sampled_from((0, 0, 1, 999, 1234)))
        parts.append(
            line("A", draw(st.integers(1, 3)), excl=f"{cents / 100:.2f}", line_id=str(number), parent_line_id=parent)
        )
    return sales(order("1", *parts)).lines


@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(lines_with_packs(), st.sampled_from(("pack", "components")))
def test_ord_30_packs_keep_every_cent(given_, which):
    written = packs.written(given_, OrderOptions(packs=which))
    for name in ("net_excl", "net_incl"):
        assert written[name].sum() == given_[name].sum()
    assert set(written["line_id"]) <= set(given_["line_id"])


class TestPro4Batches:
    OLDEST_LAST = tuple(
        order(number, line("A", incl="12"), buyer=number, created_at=at(f"2026-11-{day}"))
        for number, day in (("1", 18), ("2", 17), ("3", 16))
    )

    @pytest.mark.parametrize(
        ("size", "left"), [(None, []), (3, []), (2, ["boutique/1"]), (1, ["boutique/1", "boutique/2"])]
    )
    def test_pro_4_the_oldest_documents_go_and_the_others_wait(self, size, left):
        made = exchanged(*self.OLDEST_LAST, batch_size=size)
        waiting = made.outcomes[made.outcomes["code"] == "beyond-batch"]
        assert (waiting["record"].tolist(), set(waiting["state"])) == (left, {"ignored"} if left else set())
        assert len(made.documents) == len(made.customers) == len(made.contents) == 3 - len(left)

    def test_pro_4_a_refused_order_takes_nobodys_place(self):
        refused = order("0", line("unknown", incl="12"), created_at=at("2026-11-01"))
        made = exchanged(refused, *self.OLDEST_LAST, batch_size=3)
        assert len(made.documents) == 3

    def test_pro_4_a_credit_note_waits_with_its_order(self):
        newest = order("4", line("A", incl="12"), refund("9", incl="12"), created_at=at("2026-11-19"))
        made = exchanged(*self.OLDEST_LAST, newest, batch_size=3)
        waiting = made.outcomes[made.outcomes["code"] == "beyond-batch"]
        assert list(zip(waiting["record_type"], waiting["record"], strict=True)) == [
            ("order", "boutique/4"),
            ("refund", "boutique/4/refund-9"),
        ]
        assert len(made.documents) == 3


class TestOrd51:
    def settled(self, *payments, total="12", **options):
        made = exchanged(
            order("1", line("A", excl="10"), *payments, total=total),
            settlements={"create": True, "amount": "payments", "difference": True, **options},
        )
        return [
            (row.position, row.settlement_mode, money.shortest(row.amount), row.label)
            for row in made.settlements.itertuples()
        ]

    @pytest.mark.parametrize(("paid", "rest"), [("11.99", "0.01"), ("12.40", "-0.4"), ("11", "1")])
    def test_what_the_payments_lack_or_exceed_becomes_a_settlement(self, paid, rest):
        assert self.settled(payment(paid))[1:] == [(2, "CB", rest, "Écart de règlement - 1")]

    @pytest.mark.parametrize("paid", ["12", "10.99", "24"])
    def test_no_rest_or_a_large_one_makes_none(self, paid):
        assert len(self.settled(payment(paid))) == 1

    def test_an_unpaid_order_has_none(self):
        assert self.settled(total="12") == []

    def test_its_mode_and_ceiling_are_options(self):
        rows = self.settled(payment("10"), difference_mode="ECART", difference_ceiling="2")
        assert [row[:3] for row in rows] == [(1, "CB", "10"), (2, "ECART", "2")]

    def test_it_is_an_option(self):
        assert len(self.settled(payment("11.99"), difference=False)) == 1


ZOE = {"customer_id": "1", "first_name": "Zoé", "last_name": "Lefèvre", "email": "zoe@example.fr"}
ZOE_IN_ERP = {"customer_code": "CLI1", "email": "zoe@example.fr"}


class TestCus4:
    def customer(self, **options):
        place = address(line_1="12 rue de l'Église", city="Nîmes", first_name="Zoé", last_name="Lefèvre")
        made = exchanged(order("1", line("A", excl="1"), place, buyer=ZOE), customers=options)
        return made.customers.iloc[0]

    def test_representative_family_and_group(self):
        one = self.customer(representative="REP", family="WEB", group="PARTIC")
        assert (one["representative"], one["family"], one["price_category"]) == ("REP", "WEB", "PARTIC")

    def test_accents_and_capitals(self):
        plain = self.customer()
        assert (plain["name"], plain["billing_city"]) == ("Lefèvre Zoé", "Nîmes")
        bare = self.customer(strip_accents=True)
        assert (bare["name"], bare["billing_line_1"]) == ("Lefevre Zoe", "12 rue de l'Eglise")
        assert (bare["billing_city"], bare["delivery_city"]) == ("Nimes", "Nimes")
        loud = self.customer(upper_case_name=True)
        assert (loud["name"], loud["billing_city"]) == ("LEFÈVRE ZOÉ", "Nîmes")
        streets = self.customer(upper_case_addresses=True)
        assert (streets["name"], streets["billing_city"], streets["billing_country"]) == ("Lefèvre Zoé", "NÎMES", "FR")
        assert streets["billing_email"] == "zoe@example.fr"

    def test_ligatures_and_letters_that_are_no_accents(self):
        words = pd.Series(["Œuvre cæcum Œ Æ", "ñandú Ångström", "straße", "Ελλάς 東京"], dtype="str")
        assert texts.without_accents(words).tolist() == [
            "OEuvre caecum OE AE",
            "nandu Angstrom",
            "straße",
            "Ελλας 東京",
        ]

    def test_the_territory_of_the_document(self):
        assert self.customer()["territory"] == "FRANCE"
        assert self.customer(take_territory=False)["territory"] == ""

    @pytest.mark.parametrize(
        ("updated", "filled"),
        [
            ([], None),
            (["billing"], ("Nîmes", "")),
            (["delivery"], ("", "Lyon")),
            (["billing", "delivery"], ("Nîmes", "Lyon")),
        ],
    )
    def test_addresses_of_customers_that_the_erp_has(self, updated, filled):
        made = exchanged(
            order(
                "1",
                line("A", excl="1"),
                address(city="Nîmes"),
                address("delivery", city="Lyon"),
                buyer=ZOE,
            ),
            erp_customers=erp_customers(ZOE_IN_ERP),
            customers={f"update_{side}_address": True for side in updated},
        )
        assert made.customers.empty
        rows = [tuple(row) for row in made.addresses[["billing_city", "delivery_city"]].to_numpy()]
        assert rows == ([filled] if filled else [])
        assert set(made.addresses["customer_code"]) <= {"CLI1"}

    def test_the_latest_order_gives_the_address(self):
        made = exchanged(
            order("1", line("A", excl="1"), address(city="Lyon"), buyer=ZOE, created_at=at("2026-11-20")),
            order("2", line("A", excl="1"), address(city="Nice"), buyer=ZOE, created_at=at("2026-11-19")),
            erp_customers=erp_customers(ZOE_IN_ERP),
            customers={"update_billing_address": True},
        )
        assert made.addresses["billing_city"].tolist() == ["Lyon"]


ON_AMAZON = {"marketplaces": ["Amazon"], "marketplace_account": "WEBAMAZON"}


class TestCus7:
    def account(self, mode: str, group: str = "", **options) -> str:
        buyer = {"customer_id": "1", "customer_group": group}
        one = order("1", line("A", excl="1"), buyer=buyer, payment_mode=mode)
        return only_document(one, customers={**ON_AMAZON, **options})["customer_code"]

    def test_buyers_of_a_marketplace_are_not_ours(self):
        assert self.account("amazon") == "WEBAMAZON"
        made = exchanged(order("1", line("A", excl="1"), payment_mode="AMAZON"), customers=ON_AMAZON)
        assert made.customers.empty
        assert made.accounts.empty

    def test_unless_they_are_in_one_of_our_groups(self):
        assert self.account("amazon", "Clients LCV") == "PREST0001"
        assert self.account("amazon", "Pros", own_groups=["Pros"]) == "PREST0001"

    def test_other_payment_modes_are_our_own(self):
        assert self.account("carte") == "PREST0001"

    def test_without_account_they_are_as_any_other(self):
        assert self.account("amazon", marketplace_account="") == "PREST0001"

    def test_a_remembered_account_does_not_come_before(self):
        known = accounts({"customer_key": "boutique/1", "customer_code": "VIEUX"})
        one = order("1", line("A", excl="1"), buyer={"customer_id": "1"}, payment_mode="amazon")
        assert only_document(one, customers=ON_AMAZON, accounts=known)["customer_code"] == "WEBAMAZON"

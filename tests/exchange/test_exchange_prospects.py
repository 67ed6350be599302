"""Which accounts become prospects, and under which accounts of the ERP."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest
from exchange_given import ROWS, accounts, at, erp_customers, line, mapping, order, row, sales
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from passerelle import outcome
from passerelle.exchange.options import CustomerOptions, OrderOptions, ProspectOptions
from passerelle.exchange.prospects import Context, Prospects, exchange_prospects
from passerelle.model.customers import CUSTOMER_ADDRESSES, SHOP_CUSTOMERS, ShopCustomers

SOLD = line("A", excl="10.00")
SIRET = "73282932000074"


def account(customer_id: str = "652", **cells: Any) -> dict[str, Any]:
    """Tell an account by its id; what is not told has a plain default."""
    return {
        "customer_key": f"boutique/{customer_id}",
        "shop": "boutique",
        "customer_id": customer_id,
        "first_name": "Zoé",
        "last_name": f"Garçon{customer_id}",
        "email": f"{customer_id}@example.fr",
        **cells,
    }


def living(customer_id: str = "652", **cells: Any) -> dict[str, Any]:
    """Tell the address of an account."""
    place = {"line_1": "3 quai Rauba-Capeù", "postcode": "06000", "city": "Nice", "country": "FR"}
    return {"customer_key": f"boutique/{customer_id}", "kind": "billing", **place, **cells}


def made_of(
    *people: dict[str, Any],
    addresses: tuple[dict[str, Any], ...] = (),
    orders: tuple[Any, ...] = (),
    customers: dict[str, Any] | None = None,
    known: pd.DataFrame | None = None,
    erp: pd.DataFrame | None = None,
    sent: tuple[tuple[str, str, str, str], ...] = (),
    since: date | None = None,
    **options: Any,
) -> Prospects:
    """Send accounts through the rule; options are those of prospects."""
    return exchange_prospects(
        ShopCustomers(SHOP_CUSTOMERS.of(people), CUSTOMER_ADDRESSES.of(addresses)).check(),
        sales(*orders),
        Context(
            prospects=ProspectOptions.model_validate(options),
            customers=CustomerOptions.model_validate(
                {"account": {"prefix": "PREST", "length": 9}, **(customers or {})}
            ),
            orders=OrderOptions(),
            titles=mapping("titles", *ROWS["titles"]),
            erp_customers=erp,
            accounts=accounts() if known is None else known,
            sent=pd.DataFrame(
                sent, columns=["record_key", "content_hash", "document_number", "file_name"], dtype="str"
            ),
            since=since,
        ),
    )


def codes(made: Prospects) -> dict[str, list[str]]:
    """Give the codes said by the account's id."""
    of = made.outcomes.groupby("record")["code"].agg(list).to_dict()
    return {key.removeprefix("boutique/"): said for key, said in of.items()}


def out(made: Prospects) -> list[str]:
    return made.accounts["customer_key"].str.removeprefix("boutique/").tolist()


class TestWho:
    def test_cus_6_an_account_without_an_order_is_a_prospect(self):
        made = made_of(account(), account("653"), orders=(order("1", SOLD, buyer="653"),))
        assert out(made) == ["652"]
        assert row(made, "prospect-has-ordered")["value"] == "2026-11-20"
        assert codes(made) == {"653": ["prospect-has-ordered"]}

    def test_cus_6_the_account_itself_may_tell_that_it_has_ordered(self):
        made = made_of(
            account("1", order_count=2),
            account("2", last_order_at=at("2026-01-02")),
            account("3", order_count=0),
            account("4"),
        )
        assert out(made) == ["3", "4"]
        assert made.outcomes["value"].tolist() == ["?", "2026-01-02"]

    def test_cus_6_no_order_since_a_day(self):
        people = (
            account("1", last_order_at=at("2026-05-31 23:59")),
            account("2", last_order_at=at("2026-06-01 00:00")),
            account("3", order_count=1),  # nobody knows when
            account("4", last_order_at=at("2020-01-01")),
        )
        later = order("9", SOLD, buyer="4", created_at=at("2026-07-01"))
        made = made_of(*people, orders=(later,), since=date(2026, 6, 1))
        assert out(made) == ["1"]
        assert set(codes(made)) == {"2", "3", "4"}

    def test_cus_6_who_ordered_as_a_guest_with_the_same_e_mail_is_none(self):
        as_guest = order("1", SOLD, buyer={"customer_id": "order-1", "email": "652@EXAMPLE.fr "})
        assert codes(made_of(account(), orders=(as_guest,))) == {"652": ["prospect-has-ordered"]}
        assert out(made_of(account(), orders=(as_guest,), customers={"match": ["known"]})) == ["652"]

    def test_cus_6_guests_and_closed_accounts_are_none(self):
        made = made_of(account("1", is_guest=True, is_closed=True), account("2", is_closed=True))
        assert codes(made) == {"1": ["prospect-is-guest"], "2": ["prospect-account-closed"]}

    def test_cus_6_an_account_must_have_a_name_and_what_the_profile_asks(self):
        people = (
            account("1", last_name="", first_name="Zoé"),
            account("2", last_name="", company="Atelier"),
            account("3", email=""),
            account("4", phone="06"),
        )
        made = made_of(*people)
        assert out(made) == ["2", "4"]
        assert made.outcomes["field"].tolist() == ["name", "email"]
        strict = made_of(*people, addresses=(living("2"),), required=["phone", "address"])
        fields = dict(zip(strict.outcomes["record"], strict.outcomes["field"], strict=True))
        assert fields == {
            "boutique/1": "name, phone, address",
            "boutique/2": "phone",
            "boutique/3": "phone, address",
            "boutique/4": "address",
        }
        with pytest.raises(ValidationError):
            ProspectOptions.model_validate({"required": ["fax"]})

    def test_cus_7_lcv_takes_accounts_without_a_purchase_of_its_own_group_only(self):
        made = made_of(account("1", customer_group="Clients LCV"), account("2"), only_groups=["Clients LCV"])
        assert out(made) == ["1"]
        assert codes(made) == {"2": ["prospect-not-in-group"]}

    def test_cus_7_who_bought_through_a_marketplace_alone_is_none_unless_in_one_of_our_groups(self):
        old = {"created_at": at("2020-01-01"), "payment_mode": "Amazon"}
        orders = [order(one, SOLD, buyer=one, **old) for one in ("1", "2", "3")]
        orders.append(order("4", SOLD, buyer="3", created_at=at("2020-02-01")))
        made = made_of(
            account("1"),
            account("2", customer_group="Clients LCV"),
            account("3"),
            orders=tuple(orders),
            customers={"marketplaces": ["AMAZON"]},
            since=date(2026, 1, 1),
        )
        assert out(made) == ["2", "3"]
        assert row(made, "prospect-of-marketplace")["value"] == "Amazon"


class TestAccounts:
    def test_cus_1_cus_6_who_is_a_customer_already_is_left_alone(self):
        made = made_of(
            account("1", siret=SIRET),
            account("2"),
            account("3", vat_number="FR83404833048"),
            account("4"),
            erp=erp_customers(
                {"customer_code": "DUPONT", "siren": SIRET[:9]},
                {"customer_code": "ZOE", "email": "2@EXAMPLE.FR"},
                {"customer_code": "TVA", "vat_number": "FR 83404833048"},
            ),
            known=accounts({"customer_key": "boutique/4", "customer_code": "VIEUX"}),
        )
        assert made.customers.empty
        assert made.outcomes["code"].tolist() == ["prospect-is-customer"] * 4
        assert made.outcomes["value"].tolist() == ["DUPONT", "ZOE", "TVA", "VIEUX"]

    def test_cus_2_cus_3_cus_4_cus_6_a_prospect_is_written_like_any_new_customer(self):
        made = made_of(
            account(title="M", phone="0493", siret="123", company="Atelier été"),
            addresses=(living(email="achats@example.fr"),),
            customers={
                "family": "WEB",
                "group": "T1",
                "representative": "CO1",
                "upper_case_name": True,
                "strip_accents": True,
                "accounting": {"mode": "per-customer", "prefix": "411"},
            },
        )
        [written] = made.customers.to_dict("records")
        wanted = {
            "customer_code": "PREST0652",
            "is_new": True,
            "typology": "Entreprise",
            "name": "ATELIER ETE",
            "family": "WEB",
            "price_category": "T1",
            "representative": "CO1",
            "accounting_account": "411PREST0652",
            "territory": "",
            "title": "Monsieur",
            "notes": "SIRET non valide : 123",
            "billing_city": "Nice",
            "delivery_city": "Nice",
            "billing_email": "achats@example.fr",
            "email": "652@example.fr",
        }
        assert {name: written[name] for name in wanted} == wanted
        assert codes(made) == {"652": ["invalid-siret"]}
        assert made.accounts.to_dict("records") == [
            {
                "customer_key": "boutique/652",
                "customer_code": "PREST0652",
                "accounting_account": "411PREST0652",
                "email": "652@example.fr",
                "siret": "",
                "vat_number": "",
            }
        ]

    def test_cus_2_an_account_that_does_not_fit_or_is_somebody_elses_is_refused(self):
        made = made_of(
            account("12345"),
            account("7"),
            account("8"),
            erp=erp_customers({"customer_code": "PREST0007", "email": "other@example.fr"}),
        )
        assert codes(made) == {"12345": ["account-does-not-fit"], "7": ["account-collision"]}
        assert set(made.outcomes["record_type"]) == {"prospect"}
        assert out(made) == ["8"]

    def test_cus_2_accounts_of_one_person_are_one_customer_and_each_is_remembered(self):
        made = made_of(account("1", email="a@b.fr"), account("2", email="A@b.fr"), account("3"))
        assert made.customers["customer_code"].tolist() == ["PREST0001", "PREST0003"]
        assert dict(zip(out(made), made.accounts["customer_code"], strict=True)) == {
            "1": "PREST0001",
            "2": "PREST0001",
            "3": "PREST0003",
        }
        left = made.without({"PREST0001"})
        assert (out(left), left.contents.index.tolist()) == (["3"], ["boutique/3"])

    def test_cus_8_a_title_that_is_not_mapped_stays_empty(self):
        made = made_of(account(title="Mx"))
        assert made.customers["title"].tolist() == [""]
        assert codes(made) == {"652": ["unmapped-title"]}
        assert made.new_values["titles"]["title"].tolist() == ["Mx"]

    def test_cus_6_who_was_sent_is_not_sent_again_and_a_change_is_said(self):
        first = made_of(account(), addresses=(living(),))
        sent = (("boutique/652", first.contents["boutique/652"], "PREST0652", "erpFiles.zip"),)
        known = first.accounts
        again = made_of(account(customer_group="3"), addresses=(living(),), sent=sent, known=known)
        assert row(again, "prospect-already-sent")["value"] == "PREST0652"
        for changed in (made_of(account(phone="06"), addresses=(living(),), sent=sent, known=known),
                        made_of(account(), addresses=(living(city="Cannes"),), sent=sent, known=known)):  # fmt: skip
            assert outcome.message(row(changed, "prospect-changed"), "en").endswith(
                "(account PREST0652 in erpFiles.zip)."
            )
            assert changed.customers.empty


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "email": st.sampled_from(["", "a@b.fr", "c@d.fr", "e@f.fr"]),
                "last_name": st.sampled_from(["", "Roux"]),
                "customer_group": st.sampled_from(["", "Clients LCV"]),
                "is_guest": st.booleans(),
                "is_closed": st.booleans(),
                "order_count": st.sampled_from([None, 0, 1]),
                "siret": st.sampled_from(["", SIRET, "1"]),
            }
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_inv_2_every_account_goes_out_or_says_why_not(people, are_known):
    named = [account(str(number), **cells) for number, cells in enumerate(people)]
    known = accounts({"customer_key": "boutique/0", "customer_code": "VIEUX", "email": "a@b.fr"}) if are_known else None
    made = made_of(*named, known=known)
    told = set(outcome.refused(made.outcomes))
    assert set(made.accounts["customer_key"]) | told == {one["customer_key"] for one in named}
    assert not set(made.accounts["customer_key"]) & told
    assert set(made.customers["customer_code"]) == set(made.accounts["customer_code"])
    assert made.contents.index.tolist() == made.accounts["customer_key"].tolist()

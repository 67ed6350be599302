"""The ERP's customers as logins of a shop (CLI-1 to CLI-5)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange import accounts, emails
from passerelle.exchange.accounts import Known
from passerelle.exchange.shop_options.accounts import AccountOptions, GroupOptions
from passerelle.model.accounts import ERP_ACCOUNTS, ERP_CONTACTS, SHOP_ACCOUNTS


def customer(code="C1", **more):
    return {"customer_code": code, "name": "Atelier", "email": f"{code}@example.com", **more}


def people(*rows, contacts=None, groups=None, **options):
    table = None if contacts is None else ERP_CONTACTS.of(contacts)
    return accounts.logins(ERP_ACCOUNTS.of(rows), table, AccountOptions(**options), groups)


@pytest.mark.parametrize("email", ["a@b.fr", "o'neil+web@sub.example.com", "é@example.com", "a@b", "a b@c.fr", "@c.fr"])
def test_cli_1_an_email_is_one_or_not(email):
    assert emails.valid(pd.Series([email], dtype="str")).tolist() == [email in {"a@b.fr", "o'neil+web@sub.example.com"}]


def test_cli_1_long_and_odd_emails_are_none():
    odd = [
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".fr",
        "a@-b.fr",
        "a@b..fr",
        "",
        "a@b.fr\n",
        "x" * 60 + "@" + "y." * 100 + "fr",
    ]
    assert not emails.valid(pd.Series(odd, dtype="str")).any()


def test_cli_5_names_company_and_numbers_come_from_the_erps_fields():
    found = people(
        customer("C1", siren="303 265 045", establishment="00017", billing_contact_name="Dupont"),
        customer("C2", is_person=True, name="Lefèvre", siren="303265045", active_state="1"),
    ).set_index("account")
    shown = ["last_name", "first_name", "company", "siret", "is_active", "title_id"]
    assert found.loc["C1", shown].tolist() == ["Dupont", "-", "Atelier", "30326504500017", True, "0"]
    assert found.loc["C2", shown].tolist() == ["Lefèvre", "-", "", "303265045", False, "0"]


def test_cli_3_groups_are_families_and_price_categories_and_the_first_is_the_default():
    options = GroupOptions(kinds=("family", "price-category"), ids={"PRO": "4", "WEB": "9"})
    rows = [
        customer("C1", family="WEB", family_label="Site", price_category="PRO", price_category_label="Pros"),
        customer("C2", price_category="PRO"),
        customer("C3", family="X", family_label="Autres", price_category="PRO"),
    ]
    found = people(*rows, groups=options).set_index("account")
    assert found["groups"].to_dict() == {"C1": "9,4", "C2": "4", "C3": "Autres,4"}
    assert found["default_group"].to_dict() == {"C1": "9", "C2": "4", "C3": ""}
    assert found["needed_groups"].to_dict() == {"C1": "", "C2": "", "C3": "family/X"}
    table, wrong = accounts.groups(ERP_ACCOUNTS.of(rows), options)
    assert table["group"].tolist() == ["family/WEB", "family/X", "price-category/PRO"]
    assert wrong.empty


def test_cli_3_groups_whose_names_would_be_taken_for_others_are_refused():
    rows = [customer("C1", price_category="A", price_category_label="Pro")]
    rows += [customer("C2", price_category="B", price_category_label="PRO")]
    rows += [customer("C3", price_category="C", price_category_label="Un, deux")]
    _, wrong = accounts.groups(ERP_ACCOUNTS.of(rows), GroupOptions())
    assert wrong.groupby("code")["record"].apply(list).to_dict() == {
        "group-name-shared": ["price-category/A", "price-category/B"],
        "group-name-comma": ["price-category/C"],
    }
    assert accounts.groups(ERP_ACCOUNTS.of(rows), GroupOptions(named_by="code"))[1].empty
    assert accounts.groups(ERP_ACCOUNTS.of(rows), GroupOptions(ids={"A": "4", "C": "5"}))[1].empty


def test_cli_2_a_contact_has_its_own_address_and_the_customers_only_when_it_is_copied():
    rows = customer(billing_line_1="1 rue A", billing_postcode="06000", billing_city="Nice", billing_country="FR")
    contact = {"customer_code": "C1", "email": "b@example.com", "line_1": "2 rue B", "country": "fr"}
    shown = ["billing_line_1", "billing_city", "billing_country_name"]
    for options, wanted in (
        ({}, ["2 rue B", "", "France"]),
        ({"copy_addresses": True}, ["1 rue A", "Nice", "France"]),
        ({"addresses": False}, ["", "", ""]),
    ):
        found = people(rows, contacts=[contact], **options)
        assert found.loc[1, shown].tolist() == wanted
        assert found["account"].is_unique


def test_cli_2_addresses_are_complete_and_the_delivery_address_only_where_it_is_another():
    place = {
        "line_1": "1 rue A",
        "line_2": "bât. B",
        "postcode": "06000",
        "city": "Nice",
        "country": "FR",
        "state": "06",
    }
    other = {**place, "line_1": "2 quai", "postcode": "13002"}
    billing = {f"billing_{name}": text for name, text in place.items()}
    rows = people(
        customer("C1", **billing, **{f"delivery_{name}": text for name, text in place.items()}),
        customer("C2", **billing, **{f"delivery_{name}": text for name, text in other.items()}),
        customer("C3", billing_line_1="1 rue A"),
        customer("C4", **{f"delivery_{name}": text for name, text in other.items()}),
    )
    found = accounts.addresses(rows, {"billing": "F", "delivery": "L"})
    columns = ["account", "alias", "line_1", "is_billing", "is_delivery"]
    assert [tuple(row) for row in found[columns].itertuples(index=False)] == [
        ("C1", "F", "1 rue A", True, True),
        ("C2", "F", "1 rue A", True, False),
        ("C2", "L", "2 quai", False, True),
        ("C4", "L", "2 quai", True, True),
    ]
    assert set(found["state"]) == {""}
    assert found.loc[0, "street"] == "1 rue A\nbât. B"


EMAILS = st.sampled_from(["a@x.fr", "A@x.fr", "b@x.fr", "", "nope"])


@given(st.lists(st.tuples(EMAILS, st.booleans()), max_size=6))
def test_cli_1_no_two_logins_that_go_have_the_same_email(given_):
    rows = people(*(customer(f"C{n}", email=email) for n, (email, _) in enumerate(given_)))
    goes = np.array([goes for _, goes in given_], dtype=bool) & (rows["email"] != "").to_numpy()
    refused = set(accounts.refused(rows, goes)["record"])
    left = rows[goes & ~rows["account"].isin(refused).to_numpy()]["email"]
    assert left.str.casefold().is_unique
    assert emails.valid(left).all()
    # Nobody is refused for one that does not go.
    alone = rows.loc[goes, "email"].str.casefold()
    for account, email in zip(rows.loc[goes, "account"], rows.loc[goes, "email"], strict=True):
        assert (account in refused) == (email == "nope" or (alone == email.casefold()).sum() > 1)


def test_cli_5_an_account_is_found_by_the_email_it_was_told_and_keeps_it_unless_permitted():
    rows = people(customer("C1", email="new@x.fr"), customer("C2", email="Two@x.fr"), customer("C3"))
    told = pd.DataFrame({"email": ["old@x.fr"]}, index=pd.Index(["C1"]), dtype="str")
    ids = pd.Series({"old@x.fr": "11", "two@x.fr": "12"})
    found = accounts.existing(rows, Known(told, ids), changes_email=False).set_index("account")
    assert found["shop_id"].to_dict() == {"C1": "11", "C2": "12", "C3": ""}
    assert found["exists"].to_dict() == {"C1": True, "C2": True, "C3": False}
    assert found["email"].to_dict() == {"C1": "old@x.fr", "C2": "two@x.fr".replace("t", "T", 1), "C3": "C3@example.com"}
    assert accounts.existing(rows, Known(told, ids), changes_email=True).loc[0, "email"] == "new@x.fr"
    # All again: what the shop's list has not is created again.
    again = accounts.existing(rows, Known(told, ids.iloc[1:], is_full=True), changes_email=False)
    assert again["exists"].tolist() == [False, True, False]


def test_cli_5_every_permission_is_about_columns_of_the_table():
    assert accounts.permitted(["email", "names", "groups", "default-group", "addresses", "notes", "b2b"]) <= {
        *SHOP_ACCOUNTS.names
    }

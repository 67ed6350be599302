"""Buyers as customer accounts: found, created, refused."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest
from exchange_given import (
    accounts,
    address,
    erp_customers,
    exchanged,
    guest,
    line,
    only_document,
    order,
    row,
    said,
    sales,
)
from pydantic import ValidationError

from passerelle import outcome
from passerelle.exchange import customers
from passerelle.exchange.options import CustomerOptions
from passerelle.outcome import message

SOLD = line("A", excl="10.00")
SIRET = "73282932000074"
OTHER_SIRET = "35600000000048"
VAT = "FR83404833048"


def buyer(customer_id="652", **cells):
    return {"customer_id": customer_id, "email": f"{customer_id}@example.fr", **cells}


def codes(made):
    return dict(zip(made.documents["shop_order"], made.documents["customer_code"], strict=True))


@dataclass
class Accounted:
    """What the rule of accounts alone makes of orders: the account of each that is not refused."""

    codes: dict[str, str]
    accounting: list[str]
    created: pd.DataFrame
    outcomes: pd.DataFrame
    said: list[str]


def accounted(*orders, imposed=None, erp_customers=None, known=None, **options):
    given = sales(*orders)
    keys = given.orders["order_key"]
    overrides = pd.DataFrame({"customer_account": "", "accounting_account": "", **(imposed or {})}, index=keys)
    wanted = CustomerOptions.model_validate({"account": {"prefix": "PREST", "length": 9}, **options})
    found = customers.accounts(
        given.orders, given.parties, overrides, erp_customers, accounts() if known is None else known, wanted
    )
    kept = found.by_order[~found.by_order.index.isin(outcome.refused(found.outcomes))]
    return Accounted(
        codes={key.partition("/")[2]: value for key, value in kept["customer_code"].items()},
        accounting=kept["accounting_account"].tolist(),
        created=found.created,
        outcomes=found.outcomes,
        said=sorted(found.outcomes["code"]),
    )


class TestCus1Matching:
    ERP = erp_customers(
        {"customer_code": "BYSIRET", "siren": "732 829 320"},
        {"customer_code": "BYMAIL", "email": " Jean.Dupont@Example.FR "},
        {"customer_code": "BYVAT", "vat_number": "FR 83 404 833 048"},
        {"customer_code": "NOTHING"},
    )
    KNOWN = accounts(
        {"customer_key": "boutique/5", "customer_code": "BYLEDGER"},
        {"customer_key": "boutique/90", "customer_code": "LEDGERMAIL", "email": "elle@example.fr"},
        {"customer_key": "boutique/91", "customer_code": "OLDER", "email": "jean.dupont@example.fr"},
    )
    BUYERS = (
        buyer("1", siret=SIRET, email="jean.dupont@example.fr", vat_number=VAT),
        buyer("2", email="JEAN.DUPONT@example.fr", vat_number=VAT),
        buyer("3", vat_number="fr83 404833048"),
        buyer("4", email=""),
        buyer("5"),
        buyer("6", email="Elle@example.fr"),
    )

    def found(self, match=("siret", "email", "vat", "known")):
        orders = [order(one["customer_id"], SOLD, buyer=one) for one in self.BUYERS]
        account = {"prefix": "N", "length": 9}
        return accounted(*orders, match=match, account=account, erp_customers=self.ERP, known=self.KNOWN)

    def test_by_siret_then_e_mail_then_vat_number_then_ledger(self):
        made = self.found()
        assert made.said == []
        assert made.codes == {
            "1": "BYSIRET",  # the ERP keeps a SIREN with blanks, the shop a SIRET
            "2": "BYMAIL",  # without case or blanks; the ERP's extract before the ledger
            "3": "BYVAT",
            "4": "N00000004",
            "5": "BYLEDGER",
            "6": "LEDGERMAIL",
        }

    def test_in_the_order_that_the_profile_says(self):
        assert self.found(("vat", "email")).codes["1"] == "BYVAT"
        found = self.found(("email",)).codes
        assert (found["1"], found["3"], found["5"]) == ("BYMAIL", "N00000003", "N00000005")

    def test_the_account_s_own_buyer_is_no_collision_where_the_ledger_is_not_asked(self):
        known = accounts({"customer_key": "boutique/652", "customer_code": "PREST0652"})
        assert accounted(order("1"), match=(), known=known).codes == {"1": "PREST0652"}

    def test_an_invalid_number_finds_nobody(self):
        extract = erp_customers({"customer_code": "WRONG", "siren": "123456789", "vat_number": "FR00"})
        nobody = buyer(siret="12345678900000", vat_number="FR00")
        assert accounted(order("1", buyer=nobody), erp_customers=extract).codes == {"1": "PREST0652"}

    def test_a_found_account_is_used_and_not_written(self):
        orders = [order(one["customer_id"], SOLD, buyer=one) for one in self.BUYERS]
        account = {"prefix": "N", "length": 9}
        made = exchanged(*orders, customers={"account": account}, erp_customers=self.ERP, accounts=self.KNOWN)
        assert made.customers["customer_code"].tolist() == ["BYLEDGER", "LEDGERMAIL", "N00000004"]
        assert made.customers["is_new"].tolist() == [False, False, True]


class TestCus2NewAccounts:
    def test_the_example_of_the_specification(self):
        made = exchanged(order("1", SOLD))
        assert made.documents["customer_code"].tolist() == ["PREST0652"]
        assert made.customers[["customer_code", "is_new"]].to_numpy().tolist() == [["PREST0652", True]]

    def test_an_id_that_does_not_fit_is_refused_and_never_cut(self):
        made = exchanged(order("1", SOLD, buyer="1234"), order("2", SOLD, buyer="12345"))
        assert codes(made) == {"1": "PREST1234"}
        refused = row(made, "account-does-not-fit")
        assert (refused["record"], refused["state"]) == ("boutique/2", "failed")
        expected = "L'identifiant client « 12345 » ne tient pas dans un compte de 9 caractères (PREST12345)."
        assert message(refused, "fr") == expected

    def test_an_account_that_another_customer_has_in_the_erp_or_the_ledger_is_refused(self):
        made = accounted(
            *[order(number, buyer=number) for number in "1234"],
            erp_customers=erp_customers({"customer_code": "PREST0001"}),
            known=accounts({"customer_key": "autre/2", "customer_code": "PREST0002"}),
            guest_account="PREST0003",
        )
        assert made.codes == {"4": "PREST0004"}
        assert made.said == ["account-collision"] * 3
        first = made.outcomes.iloc[0]
        assert message(first, "fr") == "Le compte client « PREST0001 » appartient déjà à un autre client."

    def test_two_shops_with_the_same_id_are_both_refused_until_they_have_prefixes(self):
        orders = [order(f"{shop}1", SOLD, shop=shop) for shop in ("a", "b")]
        made = exchanged(*orders)
        assert made.documents.empty
        assert sorted(made.outcomes["record"]) == ["a/a1", "b/b1"]
        assert said(made) == ["account-collision"] * 2
        account = {"prefix": "P", "prefixes": {"b": "B"}, "length": 9}
        assert accounted(*orders, account=account).codes == {"a1": "P00000652", "b1": "B00000652"}

    def test_a_buyer_who_needs_no_account_of_his_own_collides_with_nobody(self):
        orders = order("1", shop="a", buyer="652"), order("2", shop="b", buyer="652")
        made = accounted(*orders, imposed={"customer_account": ["WEBAMAZON", ""]})
        assert (made.codes, made.said) == ({"1": "WEBAMAZON", "2": "PREST0652"}, [])

    def test_who_is_the_same_as_a_buyer_without_account_still_collides(self):
        orders = (
            order("1", shop="a", buyer=buyer("652", email="x@example.fr")),
            order("2", shop="a", buyer=buyer("700", email="x@example.fr")),
            order("3", shop="b", buyer=buyer("652", email="y@example.fr")),
        )
        made = accounted(*orders, imposed={"customer_account": ["WEBAMAZON", "", ""]})
        assert (made.codes, made.said) == ({"1": "WEBAMAZON"}, ["account-collision"] * 2)

    def test_every_order_of_a_refused_buyer_is_refused(self):
        made = accounted(order("1", buyer="12345"), order("2", buyer="12345"))
        assert (made.codes, made.said) == ({}, ["account-does-not-fit"] * 2)

    def test_two_guest_orders_with_one_e_mail_share_one_account(self):
        made = exchanged(
            order("31", SOLD, buyer=guest("31", email="Ada@example.fr")),
            order("32", SOLD, buyer=guest("32", email="ada@example.fr ")),
            order("33", SOLD, buyer=guest("33", email="")),
            order("34", SOLD, buyer=guest("34", email="")),
        )
        assert codes(made) == {"31": "PREST0031", "32": "PREST0031", "33": "PREST0033", "34": "PREST0034"}
        assert made.customers["customer_code"].tolist() == ["PREST0031", "PREST0033", "PREST0034"]
        assert made.accounts["customer_key"].tolist() == [f"boutique/order-{number}" for number in (31, 32, 33, 34)]

    def test_who_is_the_same_by_one_key_as_another_by_the_next_is_one_customer(self):
        made = accounted(
            order("1", buyer=buyer("1", siret=SIRET)),
            order("2", buyer=buyer("2", siret=SIRET, email="x@example.fr")),
            order("3", buyer=buyer("3", siret=OTHER_SIRET, email="x@example.fr", vat_number=VAT)),
            order("4", buyer=buyer("4", vat_number=VAT)),
        )
        assert list(made.codes.values()) == ["PREST0001"] * 4

    def test_guests_can_have_a_prefix_so_that_order_ids_meet_no_customer_ids(self):
        orders = order("7", SOLD, buyer=guest("7", email="")), order("8", SOLD, buyer="7")
        assert accounted(*orders).said == ["account-collision"] * 2
        account = {"prefix": "PREST", "guest_prefix": "INV", "length": 9}
        assert accounted(*orders, account=account).codes == {"7": "INV000007", "8": "PREST0007"}

    def test_one_account_for_all(self):
        single = {"account": {"mode": "single", "single": "WEB"}, "match": ("siret",)}
        extract = erp_customers({"customer_code": "WEB"}, {"customer_code": "FIRM", "siren": SIRET[:9]})
        made = exchanged(
            order("1", SOLD, buyer="1"),
            order("2", SOLD, buyer=buyer("2", siret=SIRET)),
            order("3", SOLD, buyer=None),
            customers=single,
            erp_customers=extract,
        )
        assert codes(made) == {"1": "WEB", "2": "FIRM", "3": "WEB"}
        assert made.customers.empty

    def test_an_order_without_buyer_is_refused_where_it_needs_an_account_of_its_own(self):
        made = exchanged(order("1", SOLD, buyer=None), order("2", SOLD, buyer=None))
        assert made.documents.empty
        assert said(made) == ["order-without-customer"] * 2

    @pytest.mark.parametrize(
        "account",
        [
            {"mode": "single"},
            {"prefix": "PRESTASHOP", "length": 9},
            {"prefix": "P", "length": 9, "prefixes": {"b": "BOUTIQUE9"}},
            {"prefix": "P", "length": 9, "guest_prefix": "INVITEES9"},
        ],
    )
    def test_options_that_can_name_no_account_are_a_configuration_error(self, account):
        with pytest.raises(ValidationError, match=r"account|prefix"):
            CustomerOptions.model_validate({"account": account})


class TestCus3AccountingAccounts:
    def test_none_one_for_all_or_one_per_customer(self):
        assert accounted(order("1")).accounting == [""]
        assert accounted(order("1"), accounting={"mode": "single", "single": "411000"}).accounting == ["411000"]
        own = accounted(order("1"), accounting={"mode": "per-customer", "prefix": "411"})
        assert own.accounting == ["411PREST0652"]
        assert own.created["accounting_account"].tolist() == ["411PREST0652"]

    def test_per_customer_up_to_its_length_and_never_cut(self):
        long = accounted(order("1"), accounting={"mode": "per-customer", "prefix": "411", "length": 14})
        assert long.accounting == ["41100PREST0652"]
        short = accounted(order("1"), accounting={"mode": "per-customer", "prefix": "411", "length": 11})
        assert short.outcomes[["record", "code", "field"]].to_numpy().tolist() == [
            ["boutique/1", "account-does-not-fit", "accounting_account"]
        ]

    def test_the_payment_mode_can_impose_another_which_the_customer_file_has(self):
        rows = {"payment_modes": [("*", "*", "CB", "", "", "", "", "411CB")]}
        options = {"accounting": {"mode": "single", "single": "411000"}}
        made = exchanged(order("1", SOLD), customers=options, mappings=rows)
        assert made.customers["accounting_account"].tolist() == ["411CB"]
        assert made.accounts["accounting_account"].tolist() == ["411CB"]


class TestCus5OnlyWhatDocumentsNeed:
    def test_once_per_account_with_every_distinct_pair_of_addresses(self):
        lyon = address("billing", city="Lyon")
        made = exchanged(
            order("1", SOLD),
            order("2", SOLD, lyon),
            order("3", SOLD),
            order("4", SOLD, buyer="9", total="99.00"),  # refused
            order("5", SOLD, buyer="8"),
            erp_customers=erp_customers({"customer_code": "OLD", "email": "boutique/8@example.fr"}),
        )
        assert made.customers["customer_code"].tolist() == ["PREST0652"]
        assert made.addresses[["customer_code", "billing_city"]].to_numpy().tolist() == [
            ["PREST0652", "Paris"],
            ["PREST0652", "Lyon"],
        ]
        assert made.accounts["customer_code"].tolist() == ["PREST0652", "OLD"]

    def test_inv_2_every_account_of_a_document_is_written_or_in_the_extract(self):
        shared = {"guest_account": "INVITES"}
        rows = {"payment_modes": [("amazon", "*", "A", "", "", "", "WEBAMAZON"), ("*", "*", "CB")]}
        orders = [
            order("1", SOLD, buyer=guest("1")),
            order("2", SOLD, payment_mode="amazon"),
            order("3", SOLD),
        ]
        made = exchanged(*orders, customers=shared, mappings=rows, erp_customers=erp_customers({"customer_code": "X"}))
        assert codes(made) == {"3": "PREST0652"}
        assert [(one["record"], one["code"], one["value"]) for one in made.outcomes.to_dict("records")] == [
            ("boutique/1", "unknown-account", "INVITES"),
            ("boutique/2", "unknown-account", "WEBAMAZON"),
        ]

    def test_person_or_company(self):
        options = {
            "company_typology": "Société",
            "person_typology": "Particulier",
            "family": "WEB",
            "representative": "JM",
        }
        made = exchanged(
            order("1", SOLD, buyer=buyer("1", company="ACME")),
            order("2", SOLD, buyer=buyer("2")),
            order("3", SOLD, address(company="BETA"), buyer=buyer("3")),
            order("4", SOLD, buyer=buyer("4", siret=SIRET)),
            customers=options,
        )
        written = made.customers[["typology", "natural_person", "name", "family", "representative", "siren"]]
        assert written.to_numpy().tolist() == [
            ["Société", False, "ACME", "WEB", "JM", ""],
            ["Particulier", True, "DOE John", "WEB", "JM", ""],
            ["Société", False, "BETA", "WEB", "JM", ""],
            ["Société", False, "DOE John", "WEB", "JM", SIRET[:9]],
        ]
        assert made.documents["representative"].tolist() == ["JM"] * 4


class TestCus8TitlesAndNumbers:
    def test_titles_are_mapped_and_one_that_is_not_is_remarked(self):
        made = exchanged(
            order("1", SOLD, buyer=buyer("1", title="M")),
            order("2", SOLD, buyer=buyer("2", title="Maître")),
            order("3", SOLD, buyer=buyer("3", title="")),
            order("4", SOLD, buyer=buyer("4", title="Divers")),
            mappings={"titles": [("m", "Monsieur"), ("divers", "#ignore")]},
        )
        assert made.documents["customer_title"].tolist() == ["Monsieur", "", "", ""]
        assert made.customers["title"].tolist() == ["Monsieur", "", "", ""]
        remark = row(made, "unmapped-title")
        assert (remark["record"], remark["state"], remark["value"]) == ("boutique/2", "succeeded", "Maître")
        assert made.new_values["titles"]["title"].tolist() == ["Maître"]

    def test_valid_numbers_are_sent(self):
        made = exchanged(order("1", SOLD, buyer=buyer(siret="732 829 320 00074", vat_number="fr 83 404 833 048")))
        assert made.customers[["siren", "vat_number", "notes"]].to_numpy().tolist() == [[SIRET[:9], VAT, ""]]
        assert made.documents["vat_number"].tolist() == [VAT]

    def test_la_poste_has_its_own_key(self):
        checked = customers.checked(sales(order("1", buyer=buyer(siret=OTHER_SIRET))).parties)
        assert checked[["siren", "notes"]].to_numpy().tolist() == [["356000000", ""]]

    def test_invalid_ones_are_kept_in_the_notes_and_remarked(self):
        made = exchanged(order("1", SOLD, buyer=buyer(siret="73282932000075", vat_number="FR00404833048")))
        assert made.customers[["siren", "vat_number"]].to_numpy().tolist() == [["", ""]]
        assert made.customers["notes"].tolist() == [
            "SIRET non valide : 73282932000075  N° de TVA non valide : FR00404833048"
        ]
        remarks = [row(made, code) for code in ("invalid-siret", "invalid-vat-number")]
        assert [(one["state"], one["value"]) for one in remarks] == [
            ("succeeded", "73282932000075"),
            ("succeeded", "FR00404833048"),
        ]
        assert made.documents["vat_number"].tolist() == [""]


class TestOrd7Guests:
    def test_go_to_the_configured_account_and_are_not_written(self):
        made = exchanged(
            order("1", SOLD, buyer=guest("1", email="a@example.fr")),
            order("2", SOLD, buyer=guest("2", customer_key="boutique/9", customer_id="9")),
            order("3", SOLD),
            customers={"guest_account": "INVITES"},
            erp_customers=erp_customers(
                {"customer_code": "INVITES"}, {"customer_code": "KNOWN", "email": "a@example.fr"}
            ),
        )
        assert codes(made) == {"1": "INVITES", "2": "INVITES", "3": "PREST0652"}
        assert made.customers["customer_code"].tolist() == ["PREST0652"]

    def test_who_has_no_name_at_all_is_refused_where_a_customer_would_be_made(self):
        """A till's sale has neither buyer nor address."""
        nobody = guest("41", first_name="", last_name="", email="")
        bare, sent = address(first_name="", last_name=""), address("delivery", last_name="BYRON")
        told = order("41", SOLD, bare, buyer=nobody), order("42", SOLD, sent, buyer={**nobody, "customer_id": "42"})
        assert said(exchanged(told[0])) == ["customer-without-name"]
        assert said(exchanged(told[1])) == []
        account = {
            "customers": {"guest_account": "INVITES"},
            "erp_customers": erp_customers({"customer_code": "INVITES"}),
        }
        assert codes(exchanged(*told, **account)) == {"41": "INVITES", "42": "INVITES"}

    def test_else_become_customers_from_their_address(self):
        sold = order(
            "41",
            SOLD,
            address(first_name="Ada", last_name="BYRON", city="Nantes"),
            buyer=guest("41", first_name="", last_name=""),
        )
        made = exchanged(sold)
        assert made.customers[["customer_code", "name", "billing_city"]].to_numpy().tolist() == [
            ["PREST0041", "BYRON Ada", "Nantes"]
        ]
        assert only_document(sold)["customer_name"] == "BYRON Ada"

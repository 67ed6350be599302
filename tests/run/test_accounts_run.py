"""The ERP's customers told to shops: who gets a login, only what differs, and no password anywhere but in the file."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from account_shops import CONTACTS, NOW, codes, customer, customers, has, home, leave, lines, run, shop, told
from killed import ACCOUNT_STEPS, run_killed
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ledger.ledger import Ledger
from passerelle.profile.check import check
from passerelle.profile.loader import load
from passerelle.run.accounts import CUSTOMER_GROUPS, CUSTOMERS
from passerelle.run.errors import RunError
from passerelle.run.statuses import STATUSES_TO_SHOP

PRESTASHOP = '[shops.accounts]\nlisting = { place = "listing" }\n'
SHOPIFY = "[shops.accounts]\n"


def test_cli_1_new_customers_of_prestashop_are_created_once_with_their_addresses(tmp_path):
    at = shop(tmp_path, tables=PRESTASHOP)
    has(at, {12: "Known@Example.com"})
    leave(
        at,
        "clients.csv",
        customers(
            customer("C1", "Lefèvre Zoé", "zoe@example.com", last="Lefèvre", first="Zoé"),
            customer("C2", "Atelier", "achats@example.com", person="0", title=""),
            customer("C3", "Connu", "known@example.com"),
            customer("C4", "Endormi", "dort@example.com", state="1"),
            customer("C5", "Sans", ""),
            customer("C6", "Faux", "pas une adresse"),
            customer("C7", "Sept 7", "sept@example.com"),
        ),
    )
    summary = run(at, CUSTOMERS)
    assert codes(summary) == {
        "customer-dormant": 1,
        "customer-without-email": 1,
        "customer-email-invalid": 1,
        "customer-update-loses-password": 1,
        "cell-unlike-pattern": 1,
    }
    assert (summary.read, summary.written, summary.failed, summary.ignored) == (7, 2, 2, 3)
    rows = told(at, "customers")
    assert [row["Email *"] for row in rows] == ["zoe@example.com", "achats@example.com"]
    assert "Customer ID" not in rows[0]
    assert [(row["Last Name *"], row["First Name *"]) for row in rows] == [("Lefèvre", "Zoé"), ("Atelier", "-")]
    assert [row["Titles ID (Mr = 1, Ms = 2, else 0)"] for row in rows] == ["2", "0"]
    assert [(row["Newsletter (0/1)"], row["Opt-in (0/1)"]) for row in rows] == [("0", "0")] * 2
    places = told(at, "addresses")
    assert [(row["Customer e-mail*"], row["Company"], row["Country*"]) for row in places] == [
        ("zoe@example.com", "", "France"),
        ("achats@example.com", "Atelier", "France"),
    ]
    assert run(at, CUSTOMERS).state == "nothing-to-do"
    # Created or not yet in its export: never a second time, until all is asked for.
    assert run(at, CUSTOMERS, full=True).written == 2


def test_cli_5_a_password_is_random_and_stands_in_the_delivered_file_alone(tmp_path):
    at = shop(tmp_path, tables=PRESTASHOP)
    has(at, {})
    leave(at, "clients.csv", customers(*(customer(f"C{n}", "Nom", f"n{n}@example.com") for n in range(5))))
    plan = run(at, CUSTOMERS, plan=True)
    summary = run(at, CUSTOMERS, apply=plan.plan)
    assert summary.written == 5
    passwords = {row["Password *"] for row in told(at, "customers")}
    assert len(passwords) == 5
    assert min(map(len, passwords)) >= 20
    kept = [at.run_folder(summary.run_id), at.plan_folder(plan.plan)]
    written = b"".join(file.read_bytes() for folder in kept for file in folder.rglob("*") if file.is_file())
    with Ledger.open(at.ledger_url) as ledger:
        written += ledger.sent_values("test", "a", "customer").to_csv().encode()
    assert not [password for password in passwords if password.encode() in written]


def test_cli_1_and_5_prestashop_changes_and_switches_off_by_its_own_id_only_when_the_loss_is_accepted(tmp_path):
    at = shop(tmp_path, tables=PRESTASHOP + "accept_password_loss = true\n")
    has(at, {12: "zoe@example.com"})
    zoe = customer("C1", "Lefèvre", "zoe@example.com", first="Zoé")
    leave(at, "clients.csv", customers(zoe))
    assert run(at, CUSTOMERS).written == 1
    [row] = told(at, "customers-changed")
    assert (row["Customer ID"], row["Active (0/1)"], row["First Name *"]) == ("12", "1", "Zoé")
    assert "Newsletter (0/1)" not in row
    assert len(row["Password *"]) >= 20
    assert told(at, "customers") == told(at, "addresses") == []
    leave(at, "clients.csv", customers(customer("C1", "Lefèvre", "zoe@example.com", first="Zoé", state="1")))
    assert run(at, CUSTOMERS).written == 1
    assert [row["Active (0/1)"] for row in told(at, "customers-changed")] == ["0"]
    leave(at, "clients.csv", customers(zoe))
    assert run(at, CUSTOMERS).written == 1
    assert [row["Active (0/1)"] for row in told(at, "customers-changed")] == ["1"]
    assert run(at, CUSTOMERS).state == "nothing-to-do"
    # Created by us, and not in the shop's export yet: its id is lacking.
    leave(at, "clients.csv", customers(zoe, customer("C2", "Neuf", "neuf@example.com")))
    assert run(at, CUSTOMERS).written == 1
    leave(at, "clients.csv", customers(zoe, customer("C2", "Vieux", "neuf@example.com")))
    assert codes(run(at, CUSTOMERS)) == {"customer-not-in-listing": 1, "customer-unchanged": 1}
    # With permission the e-mail changes too; the account is found by the one it has.
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("accept_pass", 'update = ["email"]\naccept_pass'))
    moved = customer("C1", "Lefèvre", "zoe@new.example", first="Zoé")
    leave(at, "clients.csv", customers(moved, customer("C2", "Vieux", "neuf@example.com")))
    told(at, "customers-changed")
    assert run(at, CUSTOMERS).written == 1
    [row] = told(at, "customers-changed")
    assert (row["Customer ID"], row["Email *"]) == ("12", "zoe@new.example")
    assert "Last Name *" not in row


NIGHTS = ({"C1": "Nice", "C2": "Paris"}, {"C1": "Lyon", "C2": "Paris", "C3": "Brest"}, {"C1": "Lyon", "C2": "Metz"})


def extract(at, places) -> None:
    rows = (customer(code, f"Nom {code}", f"{code}@example.com", city=city) for code, city in places.items())
    leave(at, "clients.csv", customers(*rows, customer("C9", "Neuf", "n9@example.com"), customer("C8", "H", "")))


@pytest.mark.parametrize(("lost", "full", "sent"), [(None, False, [3, 2, 1]), (1, False, [3, 2]), (1, True, [3, 3])])
def test_cli_1_a_lost_night_is_caught_up_and_a_full_run_ends_in_the_same_state(tmp_path, lost, full, sent):
    at = shop(tmp_path, "shopify", SHOPIFY)
    state, counts = {}, []
    for night, places in enumerate(NIGHTS):
        if night != lost:
            extract(at, places)
            counts.append(run(at, CUSTOMERS, full=full and night == 2).written)
            state |= {row["Email"]: row["City"] for row in told(at, "customers") + told(at, "customers-changed")}
    assert counts == sent
    assert {"C1@example.com": "Lyon", "C2@example.com": "Metz", "n9@example.com": "Nice"}.items() <= state.items()
    assert run(at, CUSTOMERS).state == "nothing-to-do"


def test_cli_5_only_what_is_permitted_is_changed_and_a_plan_says_old_and_new(tmp_path):
    at = shop(tmp_path, "shopify", SHOPIFY + 'update = ["names"]\n')
    leave(at, "clients.csv", customers(customer("C1", "Un", "un@example.com")))
    run(at, CUSTOMERS)
    [created] = told(at, "customers")
    assert (created["City"], created["Accepts Email Marketing"]) == ("Nice", "no")
    leave(at, "clients.csv", customers(customer("C1", "Un", "un@example.com", city="Lyon")))
    assert run(at, CUSTOMERS).state == "nothing-to-do"
    leave(at, "clients.csv", customers(customer("C1", "Deux", "deux@example.com", city="Lyon")))
    plan = run(at, CUSTOMERS, plan=True)
    assert [(row.record, row.field, row.old, row.new) for row in plan.plan_rows] == [("C1", "last_name", "Un", "Deux")]
    assert run(at, CUSTOMERS).written == 1
    # Shopify knows the account by its e-mail: that stays.
    assert told(at, "customers-changed") == [{"First Name": "-", "Last Name": "Deux", "Email": "un@example.com"}]


def test_cli_2_contacts_are_further_logins_of_their_customer(tmp_path):
    at = shop(
        tmp_path, "woocommerce", '[shops.accounts]\nformat = "shop/accounts"\ncontacts = true\ncopy_addresses = true\n'
    )
    leave(
        at,
        "clients.csv",
        customers(
            customer("C1", "Atelier", "achats@example.com", person="0"),
            customer("C2", "Deux", "Same@example.com"),
            customer("C3", "Dort", "dort@example.com", state="1"),
        ),
    )
    contacts = ["C1;7;Martin;Luc;luc@example.com", "C1;8;Sans;;", "C1;9;Achats;;ACHATS@example.com"]
    contacts += ["C1;;Autre;;same@EXAMPLE.com", "C3;;Dort;;d@example.com", "C9;;Perdu;;perdu@example.com"]
    leave(at, "contacts.csv", lines(CONTACTS, *contacts))
    summary = run(at, CUSTOMERS)
    assert codes(summary) == {
        "customer-email-shared": 2,
        "contact-without-customer": 1,
        "contact-without-email": 1,
        "contact-is-customer": 1,
        "customer-dormant": 2,
    }
    assert (summary.read, summary.written, summary.failed, summary.ignored) == (9, 2, 3, 4)
    shared = next(reason for reason in summary.reasons if reason.code == "customer-email-shared")
    assert "C2, C1/" in shared.message
    assert "@" not in shared.message + shared.example
    rows = {row["account"]: row for row in told(at, "customers")}
    assert list(rows) == ["C1", "C1/7"]
    contact = rows["C1/7"]
    assert (contact["customer_code"], contact["company"], contact["first_name"]) == ("C1", "Atelier", "Luc")
    assert (contact["billing_line_1"], contact["billing_city"]) == ("1 rue A", "Nice")
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("copy_addresses = true", "addresses = false"))
    run(at, CUSTOMERS, full=True)
    assert not {text for row in told(at, "customers-changed") for name, text in row.items() if "billing" in name} - {""}


def test_cli_3_a_customer_waits_for_his_group_and_ids_of_the_profile_are_taken(tmp_path):
    tables = PRESTASHOP + '[shops.groups]\nids = { VIP = "7" }\n'
    at = shop(tmp_path, tables=tables)
    has(at, {})
    leave(
        at,
        "clients.csv",
        customers(
            customer("C1", "Un", "un@example.com", group="PRO", group_label="Professionnels"),
            customer("C2", "Deux", "deux@example.com", group="VIP", group_label="Privilège"),
            customer("C3", "Trois", "trois@example.com"),
        ),
    )
    assert codes(run(at, CUSTOMERS)) == {"customer-group-not-there": 1}
    rows = {row["Email *"]: (row["Groups (x,y,z...)"], row["Default group ID"]) for row in told(at, "customers")}
    assert rows == {"deux@example.com": ("7", "7"), "trois@example.com": ("", "")}
    summary = run(at, CUSTOMER_GROUPS)
    assert (summary.read, summary.written, codes(summary)) == (2, 1, {"group-known-by-id": 1})
    assert told(at, "groups") == [{"kind": "price-category", "code": "PRO", "name": "Professionnels"}]
    assert run(at, CUSTOMER_GROUPS).state == "nothing-to-do"
    assert run(at, CUSTOMERS).written == 1
    assert [(row["Email *"], row["Groups (x,y,z...)"]) for row in told(at, "customers")] == [
        ("un@example.com", "Professionnels")
    ]


def test_cli_4_a_criterion_and_the_last_transfer_choose_customers(tmp_path):
    at = shop(tmp_path, "shopify", SHOPIFY + "criterion = \"ID LIKE 'C%' AND xx_vip = 'oui'\"\nchanged_only = true\n")
    header = "Code (tiers);Nom;E-mail (facturation);Statut;xx_vip;sysModifiedDate"
    rows = [
        "C1;Un;un@example.com;0;oui;{day}",
        "C2;Deux;deux@example.com;0;non;{day}",
        "D1;T;t@example.com;0;oui;{day}",
    ]
    old, new = "19/11/2026 10:00:00", "22/11/2026 01:00:00"
    leave(at, "clients.csv", lines(header, *(row.format(day=old) for row in rows)))
    assert codes(run(at, CUSTOMERS)) == {"customer-criterion": 2}
    assert [row["Email"] for row in told(at, "customers")] == ["un@example.com"]
    changed = [row.replace("Un;", "Une;").format(day=old) for row in rows]
    leave(at, "clients.csv", lines(header, *changed), NOW + timedelta(hours=1))
    assert codes(run(at, CUSTOMERS)) == {"customer-criterion": 2, "customer-not-changed": 1}
    leave(at, "clients.csv", lines(header, *(row.replace("Un;", "Une;").format(day=new) for row in rows)))
    assert run(at, CUSTOMERS).written == 1


def test_cli_3_and_4_who_waits_for_his_group_goes_afterwards_though_the_erp_has_not_changed_him(tmp_path):
    at = shop(tmp_path, "shopify", SHOPIFY + "changed_only = true\n\n[shops.groups]\n")
    header = "Code (tiers);Nom;E-mail (facturation);Statut;Code de la catégorie tarifaire;sysModifiedDate"
    leave(at, "clients.csv", lines(header, "C1;Un;un@example.com;0;PRO;19/11/2026 10:00:00"))
    assert codes(run(at, CUSTOMERS)) == {"customer-group-not-there": 1}
    run(at, CUSTOMER_GROUPS)
    assert run(at, CUSTOMERS).written == 1
    assert codes(run(at, CUSTOMERS)) == {"customer-not-changed": 1}


def test_cli_1_a_dormant_record_leaves_its_login_to_the_active_one_that_has_its_e_mail_now(tmp_path):
    """Two records of one customer: the older one was told, and is put to sleep, as the refusal of both advises."""
    at = shop(tmp_path, "woocommerce", '[shops.accounts]\nformat = "shop/accounts"\n')
    leave(at, "clients.csv", customers(customer("C1", "Un", "un@example.com")))
    run(at, CUSTOMERS)
    told(at, "customers")
    rows = customer("C1", "Un", "un@example.com", state="1"), customer("C2", "Un", "UN@example.com")
    leave(at, "clients.csv", customers(*rows))
    assert codes(run(at, CUSTOMERS)) == {"customer-dormant": 1}
    assert [(row["account"], row["is_active"]) for row in told(at, "customers")] == [("C2", "1")]
    # Both sleep: the shop is told so, once.
    leave(at, "clients.csv", customers(rows[0], customer("C2", "Un", "UN@example.com", state="1")))
    assert codes(run(at, CUSTOMERS)) == {"customer-dormant": 1}
    assert [(row["account"], row["is_active"]) for row in told(at, "customers-changed")] == [("C2", "0")]


def test_cli_1_and_4_who_shared_an_e_mail_goes_once_the_other_has_his_own(tmp_path):
    """Only the other one's record changes, and so does the criterion, by which a third one comes in."""
    at = shop(tmp_path, "shopify", SHOPIFY + "changed_only = true\ncriterion = \"ID <> 'C3'\"\n")
    header, old = "Code (tiers);Nom;E-mail (facturation);Statut;sysModifiedDate", "19/11/2026 10:00:00"
    third = f"C3;Tri;tri@example.com;0;{old}"
    leave(at, "clients.csv", lines(header, f"C1;Un;un@example.com;0;{old}", f"C2;Du;un@example.com;0;{old}", third))
    assert codes(run(at, CUSTOMERS)) == {"customer-criterion": 1, "customer-email-shared": 2}
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace("criterion = \"ID <> 'C3'\"\n", ""))
    moved = "C2;Du;du@example.com;0;20/11/2026 22:00:00"
    leave(at, "clients.csv", lines(header, f"C1;Un;un@example.com;0;{old}", moved, third))
    assert run(at, CUSTOMERS).written == 3
    assert codes(run(at, CUSTOMERS)) == {"customer-not-changed": 3}


@pytest.mark.parametrize(
    ("platform", "tables", "code"),
    [
        ("woocommerce", SHOPIFY, "run-no-accounts-import"),
        ("wix", SHOPIFY, "run-no-accounts-import"),
        ("prestashop", SHOPIFY, "run-accounts-listing-not-set"),
        ("magento", SHOPIFY, "run-accounts-location-not-set"),
        ("shopify", SHOPIFY + "always_password = true\n", "run-accounts-no-password"),
    ],
)
def test_cli_1_what_a_shop_cannot_be_told_is_said_before_anything_is_read(tmp_path, platform, tables, code):
    at = shop(tmp_path, platform, tables)
    with pytest.raises(RunError) as error:
        run(at, CUSTOMERS)
    assert (error.value.code, error.value.is_usage) == (code, True)
    assert "{" not in error.value.text("fr") + error.value.todo("fr") + error.value.text("en")


def test_cli_1_magento_gets_its_website_and_a_file_of_addresses(tmp_path):
    at = shop(tmp_path, "magento", SHOPIFY + 'location = "base"\n')
    row = customer("C1", "Un", "un@example.com")
    leave(at, "clients.csv", customers(row, customer("C2", "Dort", "dort@example.com", state="1")))
    assert codes(run(at, CUSTOMERS)) == {"customer-dormant": 1}
    [created] = told(at, "customers")
    assert (created["email"], created["_website"], created["lastname"]) == ("un@example.com", "base", "Un")
    assert "password" not in created
    [place] = told(at, "addresses")
    assert (place["_email"], place["country_id"], place["street"]) == ("un@example.com", "FR", "1 rue A")
    assert (place["_address_default_billing_"], place["_address_default_shipping_"]) == ("1", "1")
    # Magento's file cannot say that an account is dormant: it stays.
    rows = (customer(code, "Un", f"{code}@example.com", state="1") for code in ("C1", "C2"))
    leave(at, "clients.csv", customers(*rows))
    assert codes(run(at, CUSTOMERS)) == {"customer-dormant": 2}


def test_cli_1_a_listing_that_is_missing_or_damaged_creates_nobody_a_second_time(tmp_path):
    at = shop(tmp_path, tables=PRESTASHOP)
    leave(at, "clients.csv", customers(customer("C1", "Un", "un@example.com")))
    with pytest.raises(RunError) as error:
        run(at, CUSTOMERS)
    assert error.value.code == "run-accounts-listing-missing"
    (home(at) / "listing" / "customers.json").write_text('{"customers": [{"id": 1, "email": "a@example.com"')
    with pytest.raises(RunError) as error:
        run(at, CUSTOMERS)
    assert error.value.code == "run-accounts-listing-damaged"
    assert told(at, "customers") == []


def test_cli_1_a_country_without_the_shops_name_is_refused_by_name(tmp_path):
    at = shop(tmp_path, tables=PRESTASHOP)
    has(at, {})
    leave(at, "clients.csv", customers(customer("C1", "Un", "un@example.com", country="BE")))
    summary = run(at, CUSTOMERS)
    assert (summary.failed, codes(summary)) == (1, {"customer-country-unnamed": 1})


@pytest.mark.parametrize("step", ACCOUNT_STEPS, ids=lambda step: step.rpartition(":")[2])
def test_cli_1_rel_1_killed_anywhere_and_run_again_creates_each_customer_once(tmp_path, step):
    at = shop(tmp_path, tables=PRESTASHOP)
    has(at, {})
    leave(at, "clients.csv", customers(customer("C1", "Un", "un@example.com")))
    assert run_killed(at, step, "after", CUSTOMERS, "a") == -signal.SIGKILL
    run(at, CUSTOMERS)
    assert [row["Email *"] for row in told(at, "customers")] == ["un@example.com"]
    assert run(at, CUSTOMERS).state == "nothing-to-do"


@pytest.mark.parametrize("step", ACCOUNT_STEPS, ids=lambda step: step.rpartition(":")[2])
def test_cli_3_rel_1_killed_anywhere_and_run_again_tells_each_group_once(tmp_path, step):
    at = shop(tmp_path, "shopify", '[shops.groups]\nkinds = ["price-category"]\n')
    rows = customer("C1", "Un", "un@example.com", group="PRO"), customer("C2", "Deux", "deux@example.com", group="WEB")
    leave(at, "clients.csv", customers(*rows))
    assert run_killed(at, step, "after", CUSTOMER_GROUPS, "a") == -signal.SIGKILL
    run(at, CUSTOMER_GROUPS)
    assert [(row["kind"], row["code"]) for row in told(at, "groups")] == [
        ("price-category", "PRO"), ("price-category", "WEB")
    ]  # fmt: skip
    assert run(at, CUSTOMER_GROUPS).state == "nothing-to-do"


@pytest.mark.parametrize(("task", "name"), [(CUSTOMER_GROUPS, "groups"), (STATUSES_TO_SHOP, "statuses")])
def test_oas_1_nothing_goes_by_a_format_that_is_declared_a_guess(tmp_path, task, name):
    at = shop(tmp_path, "shopify", "[shops.groups]\n\n[shops.statuses]\n")
    (home(at) / "formats" / "shop").mkdir(parents=True)
    guess = f"name: shop/{name}\npasserelle: {{extends: shop/{name}, assumed: true}}\n"
    (home(at) / "formats" / "shop" / f"{name}.yaml").write_text(guess)
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text() + '\n[erp]\nformats_folder = "formats"\n')
    leave(at, "clients.csv", customers(customer("C1", "Un", "un@example.com", group="PRO")))
    leave(at, "documents.csv", lines("Numéro;Type de document", "CM1;8"))
    with pytest.raises(RunError) as error:
        run(at, task)
    assert error.value.code == "run-format-assumed"


def test_cli_1_run_5_the_commands_tell_groups_customers_and_statuses(tmp_path):
    at = shop(tmp_path, "shopify", SHOPIFY + "criterion = \"xx_vip = 'oui'\"\n\n[shops.groups]\n\n[shops.statuses]\n")
    rows = customer("C1", "Un", "un@example.com", group="PRO", vip="oui"), customer("C2", "Deux", "faux", vip="oui")
    (home(at) / "clients.csv").write_bytes(customers(*rows))  # written now: commands look at the real clock
    (home(at) / "documents.csv").write_bytes(lines("Numéro;Type de document", "CM1;8"))
    folders = ["--profiles", str(at.profiles), "--state", str(at.state), "run"]

    def command(*arguments):
        return CliRunner().invoke(app, [*folders, *arguments], env={"PASSERELLE_LANG": "en"})

    assert command("customers", "-p", "test", "--plan").exit_code == 3
    assert command("customer-groups", "-p", "test").exit_code == 0
    assert command("customers", "-p", "test", "--shop", "a").exit_code == 3
    assert [row["Email"] for row in told(at, "customers")] == ["un@example.com"]
    assert command("statuses", "-p", "test").exit_code == 0
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("xx_vip = 'oui'", "xx_vip = ("))
    assert command("customers", "-p", "test").exit_code == 2
    wrong = check(load("test", profiles_folder=at.profiles))
    assert "check-criterion" in set(wrong["code"])

"""The ERP's customers told to shops: who gets a login, only what differs, and no password anywhere but in the file."""

from __future__ import annotations

from account_shops import codes, customer, customers, has, leave, run, shop, told

from passerelle.run.accounts import CUSTOMERS

PRESTASHOP = '[shops.accounts]\nlisting = { place = "listing" }\n'


def test_cli_1_new_customers_of_prestashop_are_created_once_with_their_addresses(tmp_path):
    at = shop(tmp_path, tables=PRESTASHOP)
    has(at, n12="Known@Example.com")
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
        ),
    )
    summary = run(at, CUSTOMERS)
    assert codes(summary) == {
        "customer-dormant": 1,
        "customer-without-email": 1,
        "customer-email-invalid": 1,
        "customer-update-loses-password": 1,
    }
    assert (summary.read, summary.written, summary.failed, summary.ignored) == (6, 2, 1, 3)
    rows = told(at, "customers")
    assert [row["Email *"] for row in rows] == ["zoe@example.com", "achats@example.com"]
    assert "Customer ID" not in rows[0]
    assert [(row["Last Name *"], row["First Name *"]) for row in rows] == [("Lefèvre", "Zoé"), ("Atelier", "-")]
    assert [(row["Newsletter (0/1)"], row["Opt-in (0/1)"]) for row in rows] == [("0", "0")] * 2
    places = told(at, "addresses")
    assert [(row["Customer e-mail*"], row["Company"], row["Country*"]) for row in places] == [
        ("zoe@example.com", "", "France"),
        ("achats@example.com", "Atelier", "France"),
    ]
    assert run(at, CUSTOMERS).state == "nothing-to-do"

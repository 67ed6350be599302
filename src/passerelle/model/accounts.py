"""Who may log in to a shop: the ERP's customers and contacts, and what a shop is told of them.

A *login* is one e-mail with which somebody enters the shop: a customer of the ERP, or one of its contacts (CLI-2).

Source: spec CLI-1 to CLI-5; facts ebp.md §2.1, §2.2.
"""

from __future__ import annotations

from passerelle.model.documents import ERP_CUSTOMERS
from passerelle.model.table import Column, Table

_MODIFIED = Column("modified", "date", "when the ERP last changed it, in the profile's time zone")
_SHORT_ADDRESS = (
    ("last_name", "last name"),
    ("first_name", "first name"),
    ("company", "company"),
    ("line_1", "street"),
    ("line_2", "second line"),
    ("postcode", "post code"),
    ("city", "city"),
    ("state", "state or province, of countries that have some"),
    ("country", "country code, ISO 3166-1 alpha-2"),
    ("country_name", "name of the country as the shop has it"),
    ("phone", "phone"),
    ("mobile", "mobile phone"),
)

ERP_ACCOUNTS = Table(
    "erp_accounts",
    "customer of the ERP, from its extract, with what the shops need of it",
    (
        *ERP_CUSTOMERS.columns,
        Column("title", "text", "civility"),
        Column("language", "text", "language, in the ERP's words"),
        Column("family", "text", "customer family"),
        Column("family_label", "text", "its caption"),
        Column("price_category", "text", "price category"),
        Column("price_category_label", "text", "its caption"),
        Column("active_state", "text", "its state in the ERP's words: active, dormant, blocked …"),
        Column("is_person", "flag", "a person, not a company"),
        Column("establishment", "text", "NIC: the five digits that make a SIRET of the SIREN"),
        Column("activity", "text", "NAF (APE) code"),
        Column("notes", "text", "notes, plain text"),
        _MODIFIED,
    ),
)

ERP_CONTACTS = Table(
    "erp_contacts",
    "contact of a customer, from the ERP's extract",
    (
        Column("customer_code", "text", "the customer's account code"),
        Column("contact_id", "text", "the contact's own id, where the extract has one"),
        Column("title", "text", "civility"),
        Column("last_name", "text", "last name"),
        Column("first_name", "text", "first name"),
        Column("email", "text", "e-mail"),
        Column("phone", "text", "phone"),
        Column("mobile", "text", "mobile phone"),
        *(
            Column(name, "text", f"own address: {meaning}")
            for name, meaning in (
                ("line_1", "street"),
                ("line_2", "second line"),
                ("line_3", "third line"),
                ("line_4", "fourth line"),
                ("postcode", "post code"),
                ("city", "city"),
                ("state", "state, province or département"),
                ("country", "country code, ISO 3166-1 alpha-2"),
            )
        ),
        _MODIFIED,
    ),
)

SHOP_ACCOUNTS = Table(
    "shop_accounts",
    "login of a shop",
    (
        Column("account", "text", "the login: account code; of a contact also '/' and what tells it from the others"),
        Column("customer_code", "text", "the ERP's account code, which the customer's contacts share"),
        Column("shop_id", "text", "the shop's own id of the account; empty: it is created"),
        Column("email", "text", "e-mail that it logs in with"),
        Column("password", "text", "random first password; empty: the customer chooses one"),
        Column("is_active", "flag", "may log in; dormant customers may not (CLI-1)"),
        Column("title", "text", "civility, in the ERP's words"),
        Column("title_id", "text", "the shop's id of the civility; 0: none"),
        Column("last_name", "text", "last name"),
        Column("first_name", "text", "first name"),
        Column("company", "text", "company"),
        Column("siret", "text", "SIRET, or the SIREN alone"),
        Column("activity", "text", "NAF (APE) code"),
        Column("vat_number", "text", "VAT number"),
        Column("language", "text", "language, in the ERP's words"),
        Column("groups", "text", "customer groups, a comma between: the shop's id, else the name"),
        Column("default_group", "text", "the shop's id of the default group"),
        Column("notes", "text", "notes"),
        Column("newsletter", "flag", "gets the newsletter; only said of new accounts"),
        Column("opt_in", "flag", "gets partners' offers; only said of new accounts"),
        Column("location", "text", "the shop's own name of the site that the account is of: Magento's website"),
        *(
            Column(f"{kind}_{name}", "text", f"{kind} address: {meaning}")
            for kind in ("billing", "delivery")
            for name, meaning in _SHORT_ADDRESS
        ),
    ),
)

ACCOUNT_ADDRESSES = Table(
    "account_addresses",
    "address of a login of a shop",
    (
        Column("account", "text", "the login"),
        Column("email", "text", "its e-mail"),
        Column("alias", "text", "name of the address"),
        Column("is_active", "flag", "in use"),
        Column("is_billing", "flag", "the billing address that the shop proposes"),
        Column("is_delivery", "flag", "the delivery address that the shop proposes"),
        Column("vat_number", "text", "VAT number"),
        Column("location", "text", "the shop's own name of the site that the account is of"),
        *(Column(name, "text", meaning) for name, meaning in _SHORT_ADDRESS),
        Column("street", "text", "both lines of the street, a line break between"),
    ),
)

SHOP_GROUPS = Table(
    "shop_groups",
    "customer group of a shop, made of a customer family or a price category of the ERP",
    (
        Column("group", "text", "what it is made of, '/', its code in the ERP"),
        Column("kind", "text", "family or price-category"),
        Column("code", "text", "its code in the ERP"),
        Column("name", "text", "its name in the shop"),
    ),
)

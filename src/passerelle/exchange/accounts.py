"""The ERP's customers and contacts as logins of a shop: who gets one, and what the shop is told of each.

Source: spec CLI-1, CLI-2, CLI-3, CLI-5; facts ebp.md §2.1, §2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pandas as pd

from passerelle import outcome
from passerelle.exchange import emails, texts
from passerelle.exchange.catalogue import Mask
from passerelle.exchange.shop_options.accounts import AccountOptions, GroupOptions
from passerelle.model.accounts import ACCOUNT_ADDRESSES, SHOP_ACCOUNTS, SHOP_GROUPS

CUSTOMER = "customer"
"""What outcomes call a login."""
KINDS = ("billing", "delivery")
_ADDRESS = (
    *("last_name", "first_name", "company", "line_1", "line_2", "postcode", "city", "state", "country"),
    *("country_name", "phone", "mobile"),
)
_COMPLETE = ("line_1", "postcode", "city", "country")
"""What an address must have: no shop takes it without."""
_LINES = ("line_1", "line_2", "line_3", "line_4")
_OF_CUSTOMER = ("company", "siret", "activity", "vat_number", "language", "is_active", "modified")
"""What a contact has of its customer."""
_WITH_STATES = ("US", "CA", "AU", "BR", "MX", "AR", "IN", "ID", "JP", "IT", "ES", "IE")
"""Countries whose addresses have a state or province; a French département is none."""
_GROUP_COLUMNS = {"family": ("family", "family_label"), "price-category": ("price_category", "price_category_label")}
FIELDS: Mapping[str, tuple[str, ...]] = {
    "email": ("email",),
    "names": ("title", "title_id", "last_name", "first_name"),
    "groups": ("groups",),
    "default-group": ("default_group",),
    "addresses": tuple(f"{kind}_{name}" for kind in KINDS for name in _ADDRESS),
    "notes": ("notes",),
    "b2b": ("company", "siret", "activity", "vat_number"),
}
"""The columns of ``SHOP_ACCOUNTS`` that each permission to update is about (CLI-5)."""
ALWAYS = ("customer_code", "email", "is_active")
"""What a shop is told of every account, permission or not; the e-mail is that which it logs in with."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a shop has.

    Attributes:
        told: by login, the fields that the shop was told last, as text.
        ids: by e-mail in small letters, the shop's id of the account; ``None``: the shop's list is not read.
        is_full: what was told does not count where the list does.
    """

    told: pd.DataFrame
    ids: pd.Series | None = None
    is_full: bool = False


def groups(customers: pd.DataFrame, options: GroupOptions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the groups that the customers are in (CLI-3).

    Args:
        customers: ``model.accounts.ERP_ACCOUNTS``.
        options: the shop's.

    Returns:
        ``SHOP_GROUPS``, each once, and outcomes of those whose name cannot be told from another's.
    """
    parts = [SHOP_GROUPS.empty()]
    for kind in options.kinds:
        code, label = (customers[column] for column in _GROUP_COLUMNS[kind])
        name = label.where((label != "") & (options.named_by == "label"), code)
        rows = pd.DataFrame({"group": kind + "/" + code, "kind": kind, "code": code, "name": name})
        parts.append(rows[code != ""].drop_duplicates("group"))
    found = SHOP_GROUPS.conform(pd.concat(parts, ignore_index=True))
    named = found[~texts.among(found["code"], options.ids)]
    shared = named[named["name"].str.casefold().duplicated(keep=False)]
    comma = named[named["name"].str.contains(",", regex=False)]
    said = (("group-name-shared", shared), ("group-name-comma", comma))
    return found, outcome.together(
        outcome.said(code, rows["group"], record_type="group", stage="select", value=rows["name"])
        for code, rows in said
    )


def logins(
    customers: pd.DataFrame, contacts: pd.DataFrame | None, options: AccountOptions, of_groups: GroupOptions | None
) -> pd.DataFrame:
    """Give the logins that customers, and their contacts, would have.

    Args:
        customers: ``ERP_ACCOUNTS``, each once.
        contacts: ``ERP_CONTACTS``; ``None``: contacts get no logins (CLI-2).
        options: the shop's.
        of_groups: which groups it has; ``None``: customers are in none.

    Returns:
        ``SHOP_ACCOUNTS``, and ``modified``, ``name`` of the customer, ``is_contact``, ``needed_groups`` (their keys, a
        line break between), ``has_customer`` (false of a contact whose customer is not there).
    """
    own = _of_customers(customers, options, of_groups)
    parts = [own]
    if contacts is not None:
        parts.append(_of_contacts(contacts, own, options))
    return pd.concat(parts, ignore_index=True)


def refused(people: pd.DataFrame, goes: Mask) -> pd.DataFrame:
    """Refuse logins whose e-mail is none, or is another one's too, and contacts of nobody (CLI-1, CLI-2).

    Args:
        people: as ``logins`` gives them.
        goes: which of them would go.

    Returns:
        Outcomes by login; no e-mail stands in them.
    """
    email = people["email"]
    filled = goes & (email != "").to_numpy()
    nobody = people.loc[goes & ~people["has_customer"].to_numpy(), "account"]
    invalid = people.loc[filled & ~emails.valid(email).to_numpy(), "account"]
    met = people[filled]
    shared = met[met["email"].str.casefold().duplicated(keep=False)]
    others = texts.by_group(shared["account"], shared["email"].str.casefold(), ", ")
    named = others.reindex(shared["email"].str.casefold())
    return outcome.together(
        [
            _said("contact-without-customer", nobody),
            _said("customer-email-invalid", invalid),
            _said("customer-email-shared", shared["account"], value=named),
        ]
    )


def same_login(people: pd.DataFrame) -> Mask:
    """Tell which contacts have their own customer's e-mail: that login is there already."""
    of_customer = people[~people["is_contact"]].drop_duplicates("customer_code").set_index("customer_code")["email"]
    theirs = of_customer.reindex(people["customer_code"]).fillna("").str.casefold().to_numpy()
    same: Mask = (people["is_contact"] & (people["email"].str.casefold() == theirs)).to_numpy()
    return same


def existing(people: pd.DataFrame, known: Known, *, changes_email: bool) -> pd.DataFrame:
    """Tell which logins the shop has, and by which e-mail and id.

    Args:
        people: as ``logins`` gives them.
        known: what the shop has.
        changes_email: an account that the shop has gets the ERP's e-mail; else it keeps the one it was told (CLI-5).

    Returns:
        The people with ``exists`` and ``shop_id``, and the e-mail that each logs in with.
    """
    was_told = texts.among(people["account"], known.told.index)
    told = known.told.reindex(people["account"]).set_axis(people.index)
    email = told["email"].fillna(people["email"]) if "email" in told else people["email"]
    exists = was_told & ~(known.is_full and known.ids is not None)
    shop_id = pd.Series("", people.index, dtype="str")
    if known.ids is not None:
        by_told = _looked_up(known.ids, email)
        shop_id = by_told.where(by_told != "", _looked_up(known.ids, people["email"]))
        exists = exists | (shop_id != "")
    login = people["email"] if changes_email else people["email"].where(~exists, email)
    return people.assign(exists=exists, shop_id=shop_id, email=login)


def permitted(update: Iterable[str]) -> set[str]:
    """Give the columns of ``SHOP_ACCOUNTS`` that the ERP may change of accounts that the shop has (CLI-5)."""
    return {name for permission in update for name in FIELDS[permission]}


def addresses(people: pd.DataFrame, aliases: Mapping[str, str]) -> pd.DataFrame:
    """Give the addresses of logins, those that a shop takes: one per kind, the delivery address where it is another.

    Args:
        people: ``SHOP_ACCOUNTS``.
        aliases: names of the addresses, by kind.

    Returns:
        ``ACCOUNT_ADDRESSES``, login by login.
    """
    parts, before = [], None
    for kind in KINDS:
        own = people[[f"{kind}_{name}" for name in _ADDRESS]].set_axis(list(_ADDRESS), axis=1)
        complete = (own[list(_COMPLETE)] != "").all(axis=1)
        differs = complete if before is None else complete & (own != before).any(axis=1)
        rows = people[["account", "email", "vat_number", "location"]].join(own)[differs]
        alone = before is None or (before.loc[rows.index, "line_1"] == "")
        parts.append(
            rows.assign(
                alias=aliases[kind],
                is_active=True,
                is_billing=kind == "billing" or alone,
                is_delivery=kind == "delivery",
            )
        )
        before = own
    both = pd.concat(parts).sort_index(kind="stable")
    delivered = both.loc[both["is_delivery"], "account"]
    both["is_delivery"] |= ~texts.among(both["account"], delivered)
    both["street"] = _joined([both["line_1"], both["line_2"]], "\n")
    return ACCOUNT_ADDRESSES.conform(both.reset_index(drop=True))


def as_text(people: pd.DataFrame) -> pd.DataFrame:
    """Give the table with flags as the texts 1 and 0."""
    flags = people.select_dtypes("bool").columns
    return people.assign(**{name: people[name].map({True: "1", False: "0"}).astype("str") for name in flags})


def _said(code: str, logins: Iterable[str], **params: Iterable[str]) -> pd.DataFrame:
    return outcome.said(code, logins, record_type=CUSTOMER, stage="select", **params)


def _looked_up(ids: pd.Series, emails_: pd.Series) -> pd.Series:
    return ids.reindex(emails_.str.casefold()).fillna("").astype("str").set_axis(emails_.index)


def _given(texts_: pd.Series, names: Mapping[str, str]) -> pd.Series:
    """Give what the profile says of each text; empty where it says nothing."""
    return pd.Series([names.get(text, "") for text in texts_], texts_.index, dtype="str")


def _of_customers(customers: pd.DataFrame, options: AccountOptions, of_groups: GroupOptions | None) -> pd.DataFrame:
    is_person = customers["is_person"].to_numpy()
    last_name = customers["billing_contact_name"].where(customers["billing_contact_name"] != "", customers["name"])
    siren = texts.replaced(customers["siren"], r"\s", "")
    establishment = customers["establishment"].where(siren.str.len() == 9, "")
    people = pd.DataFrame(
        {
            "account": customers["customer_code"],
            "customer_code": customers["customer_code"],
            "email": customers["email"].str.strip(),
            "is_active": texts.among(customers["active_state"], options.active_states),
            "last_name": last_name,
            "first_name": customers["billing_contact_first_name"],
            "company": customers["name"].where(~is_person, ""),
            "siret": siren + establishment,
            **{name: customers[name] for name in ("title", "activity", "vat_number", "language", "notes", "modified")},
            "name": customers["name"],
            "is_contact": False,
            "has_customer": True,
        }
    )
    people = people.join(_groups_of(customers, of_groups))
    if options.addresses:
        for kind in KINDS:
            people = people.join(_address(customers, f"{kind}_", people).add_prefix(f"{kind}_"))
    return _completed(people, options)


def _groups_of(customers: pd.DataFrame, options: GroupOptions | None) -> pd.DataFrame:
    """Give the groups of each customer: their keys, what the shop calls them, the id of the first one."""
    table = pd.DataFrame({"needed_groups": "", "groups": "", "default_group": ""}, customers.index, dtype="str")
    if options is None:
        return table
    found, _ = groups(customers, options)
    names = found.set_index("group")["name"]
    needed: list[pd.Series] = []
    shown: list[pd.Series] = []
    for kind in options.kinds:
        code = customers[_GROUP_COLUMNS[kind][0]]
        key = (kind + "/" + code).where(code != "", "")
        ids = _given(code, options.ids)
        named = names.reindex(key).fillna("").astype("str").set_axis(key.index)
        is_first = (table["groups"] == "") & (key != "")
        needed.append(key.where(ids == "", ""))
        shown.append(ids.where(ids != "", named))
        table["default_group"] = table["default_group"].where(~is_first, ids)
        table["groups"] = _joined(shown, ",")
    return table.assign(needed_groups=_joined(needed, "\n"))


def _joined(columns: list[pd.Series], separator: str) -> pd.Series:
    """Join the texts of several columns, the empty ones left out."""
    text = columns[0]
    for column in columns[1:]:
        between = np.where((text != "") & (column != ""), separator, "")
        text = text + pd.Series(between, text.index, dtype="str") + column
    return text


def _address(rows: pd.DataFrame, prefix: str, people: pd.DataFrame) -> pd.DataFrame:
    """Give an address in a shop's lines; who receives it is who it names, else the customer."""
    lines = [rows[prefix + name].str.strip() for name in _LINES]
    country = rows[prefix + "country"].str.upper()
    named = rows[prefix + "contact_name"]
    return pd.DataFrame(
        {
            "last_name": named.where(named != "", people["last_name"]),
            "first_name": rows[prefix + "contact_first_name"].where(named != "", people["first_name"]),
            "company": people["company"],
            "line_1": lines[0],
            "line_2": _joined(lines[1:], ", "),
            "postcode": rows[prefix + "postcode"],
            "city": rows[prefix + "city"],
            "state": rows[prefix + "state"].where(texts.among(country, _WITH_STATES), ""),
            "country": country,
            "phone": rows[prefix + "phone"],
            "mobile": rows[prefix + "mobile"],
        }
    )


def _of_contacts(contacts: pd.DataFrame, customers: pd.DataFrame, options: AccountOptions) -> pd.DataFrame:
    """Give the contacts as further logins: the account, the groups and the company are the customer's (CLI-2)."""
    own = customers.set_index("customer_code").reindex(contacts["customer_code"]).set_axis(contacts.index)
    has_customer = texts.among(contacts["customer_code"], customers["customer_code"])
    email = contacts["email"].str.strip()
    # An e-mail tells contacts apart, but must stand in no log: its hash does as well.
    digests = {text: sha256(text.encode()).hexdigest()[:8] for text in email.str.casefold().unique()}
    told_apart = contacts["contact_id"].where(contacts["contact_id"] != "", email.str.casefold().map(digests))
    account = contacts["customer_code"] + "/" + told_apart.astype("str")
    again = account.groupby(account).cumcount()
    account = account + ("-" + (again + 1).astype("str")).where(again > 0, "").astype("str")
    of_customer = [name for name in (*_OF_CUSTOMER, "groups", "default_group", "needed_groups", "name") if name in own]
    people = own[of_customer].assign(
        account=account,
        customer_code=contacts["customer_code"],
        email=email,
        title=contacts["title"],
        last_name=contacts["last_name"],
        first_name=contacts["first_name"],
        is_active=own["is_active"].eq(other=True),
        is_contact=True,
        has_customer=has_customer,
        modified=own["modified"]
        .where(own["modified"] > contacts["modified"], contacts["modified"])
        .where(own["modified"].notna() & contacts["modified"].notna()),
    )
    if options.addresses and options.copy_addresses:
        copied = [name for name in own if name.startswith(("billing_", "delivery_"))]
        people = people.join(own[copied])
    elif options.addresses:
        rows = contacts.assign(contact_name="", contact_first_name="")
        people = people.join(_address(rows, "", people).add_prefix("billing_"))
    return _completed(people, options)


def _completed(people: pd.DataFrame, options: AccountOptions) -> pd.DataFrame:
    """Give the columns of ``SHOP_ACCOUNTS``: what stands for a missing first name, the shop's ids and names."""
    names = [name for name in people if name.endswith("first_name")]
    people = people.assign(
        **{name: people[name].fillna("").replace("", options.missing_name) for name in names},
        **{
            f"{kind}_country_name": _given(people[f"{kind}_country"], options.country_names)
            for kind in KINDS
            if f"{kind}_country" in people
        },
        title_id=_given(people["title"], options.title_ids).replace("", "0"),
        newsletter=options.newsletter,
        opt_in=options.opt_in,
        location=options.location,
    )
    texts_ = [column.name for column in SHOP_ACCOUNTS.columns if column.kind == "text" and column.name in people]
    people[texts_] = people[texts_].fillna("").astype("str")
    further = people[["modified", "name", "is_contact", "needed_groups", "has_customer"]]
    return SHOP_ACCOUNTS.conform(people).join(further.fillna({"name": "", "needed_groups": ""}))

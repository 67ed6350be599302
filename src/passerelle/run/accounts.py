"""The tasks that tell a shop the ERP's customers, and before them their groups: only what differs.

A run is of one shop: what stops one does not stop the others.

Source: spec CLI-1 to CLI-5; design.md decision 5.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import PurePath

import pandas as pd

from passerelle import outcome
from passerelle.exchange import accounts, texts
from passerelle.exchange.accounts import ALWAYS, CUSTOMER, Known
from passerelle.exchange.catalogue import filtered
from passerelle.exchange.shop_options.accounts import GroupOptions
from passerelle.exchange.told import as_json, as_table
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.writer import write
from passerelle.messages import Language
from passerelle.profile.shop_settings import ShopAccounts, Source
from passerelle.run.erp_catalogue import ErpCatalogue
from passerelle.run.erp_customers import read_contacts, read_customers
from passerelle.run.errors import RunError
from passerelle.run.exports import CUSTOMERS as LISTED
from passerelle.run.fates import Fates
from passerelle.run.job import Desk, Package
from passerelle.run.to_shops import shops_with
from passerelle.run.told import Told, differing, ever_told

ACCOUNTS, GROUPS = "accounts", "groups"
"""The shop's tables in the profile."""
GROUP = "group"
_GROUPS_FORMAT = "shop/groups"
_NEUTRAL = "shop/accounts"
_PLATFORMS = ("prestashop", "shopify", "magento", "oasis")
"""Platforms that have an import of customers."""
_GROUP_COLUMN = {"family": "family", "price-category": "price_category"}
_ALIASES: dict[Language, dict[str, str]] = {
    "fr": {"billing": "Facturation", "delivery": "Livraison"},
    "en": {"billing": "Billing", "delivery": "Delivery"},
}
_PASSWORD_BYTES = 15
_WAITING = {"customer-group-not-there", "customer-not-in-listing", "customer-country-unnamed"}
_KEYS = ("account", "customer_code", "shop_id", "email", "location", "is_active")
"""What the file of changed accounts has, permission or not."""


@dataclass(frozen=True, slots=True)
class CustomerGroupsTask:
    """The ERP's customer families or price categories to a shop, as customer groups (CLI-3)."""

    name: str = "customer-groups"

    def make(self, desk: Desk) -> Told:
        """Read the customers, choose the groups that are new or have another name, write them.

        Raises:
            RunError: the shop gets no groups, or the extract cannot be believed.
            FormatError: a file is not of its format.
        """
        shops_with(desk.loaded, GROUPS, desk.shop.name)
        options = desk.shop.groups or GroupOptions()
        erp = ErpCatalogue(desk, self.name)
        customers = read_customers(erp, [_GROUP_COLUMN[kind] for kind in options.kinds])
        table, wrong = accounts.groups(customers.table, options)
        fates = Fates(table["group"], GROUP)
        fates.refuse(wrong)
        fates.leave("group-known-by-id", texts.among(table["code"], options.ids).to_numpy())
        changed = differing(desk, GROUP, table.loc[fates.go].set_index("group")["name"])
        fates.leave("group-unchanged", ~texts.among(fates.references, changed["key"]).to_numpy())
        descriptor = desk.shop_format(_GROUPS_FORMAT)
        written = write(descriptor, table[fates.go], record_column="group", record_type=GROUP)
        fates.refuse(written.outcomes)
        changed = changed[texts.among(changed["key"], fates.references[fates.go])].reset_index(drop=True)
        known = desk.ledger.sent_values(desk.profile.name, desk.shop.name, GROUP)
        return Told(
            desk,
            read=len(table),
            fates=fates,
            outcomes=outcome.together([customers.outcomes, *fates.said]),
            changed={GROUP: changed},
            labels=table.set_index("group")["name"],
            packages=_packages(Package(descriptor.path, written.data, written.rows)),
            marks=erp.marks,
            created=set(changed["key"]) - set(known["key"]),
        ).checked()


@dataclass(frozen=True, slots=True)
class CustomersTask:
    """The ERP's customers, and their contacts, to a shop."""

    name: str = "customers"

    def make(self, desk: Desk) -> Told:
        """Read the extracts and the shop's own customers, write who is new and who has changed.

        Raises:
            RunError: an extract cannot be believed, or the shop's import cannot do what the options want.
            CriterionError: the shop's criterion cannot be used.
            StorageError: the shop's own customers could not be fetched.
            FormatError: a file is not of its format.
        """
        shops_with(desk.loaded, ACCOUNTS, desk.shop.name)
        options = desk.shop.accounts or ShopAccounts()
        target = _Target.of(desk, options)
        erp = ErpCatalogue(desk, self.name)
        of_groups = desk.shop.groups
        needed = {"email", "active_state", *(_GROUP_COLUMN[kind] for kind in (of_groups.kinds if of_groups else ()))}
        customers = read_customers(erp, needed, options.criterion)
        contacts = read_contacts(erp) if options.contacts else None
        read = customers.extract.read.rows + (contacts.read.rows if contacts else 0)
        known = _known(desk, options)
        people = accounts.logins(customers.table, contacts.table if contacts else None, options, of_groups)
        people = accounts.existing(people, known, changes_email=target.by_id and "email" in options.update)
        fates = Fates(people["account"], CUSTOMER)
        since = erp.since() if options.changed_only else None
        of_customer = texts.places(people["customer_code"], customers.table["customer_code"])
        holds = None if customers.holds is None else customers.holds[of_customer] & (of_customer >= 0)
        told = ever_told(desk, options, CUSTOMER)
        was_told = None if told is None else texts.among(people["account"], told)
        reasons = filtered(
            people, since, holds, outside="customer-criterion", unchanged="customer-not-changed", told=was_told
        )
        for code, mask in reasons.items():
            fates.leave(code, mask)
        _leave(fates, people, target, options, _groups_there(desk))
        values = target.values(people)
        changed = differing(desk, CUSTOMER, values[fates.go])
        fates.leave("customer-unchanged", ~texts.among(fates.references, changed["key"]).to_numpy())
        exists = people["exists"].to_numpy()
        if target.needs_listing:
            fates.leave("customer-not-in-listing", exists & (people["shop_id"] == "").to_numpy())
            if not options.accept_password_loss:
                fates.leave("customer-update-loses-password", exists)
        packages = target.written(people, fates)
        # Who waits for the shop or the profile has to be looked at again, though the ERP does not change him.
        if not _WAITING & {*fates.left, *outcome.together(fates.said)["code"]}:
            erp.transferred(min(extract.made_at for extract in (customers.extract, contacts) if extract))
        changed = changed[texts.among(changed["key"], fates.references[fates.go])].reset_index(drop=True)
        said = [customers.outcomes, *([contacts.read.outcomes] if contacts else []), *fates.said]
        return Told(
            desk,
            read=read,
            fates=fates,
            outcomes=outcome.together(said),
            changed={CUSTOMER: changed},
            labels=people.set_index("account")["name"],
            packages=packages,
            marks=erp.marks,
            created=people.loc[~exists, "account"],
        ).checked()


CUSTOMER_GROUPS, CUSTOMERS = CustomerGroupsTask(), CustomersTask()


@dataclass(frozen=True, slots=True)
class _Target:
    """The files by which a shop is told its customers, and what its import can do.

    Attributes:
        accounts: format of the customers' file.
        addresses: format of a file of addresses, which are added to new accounts; ``None``: they are in the former, or
            not told.
        needs_listing: the import knows accounts by an id that only the shop knows, and gives those that it changes
            another password.
        by_id: accounts are named by their code in the ERP, or by ids of the shop's that are known, so that an e-mail
            can be changed.
    """

    accounts: Descriptor
    addresses: Descriptor | None
    needs_listing: bool
    by_id: bool
    options: ShopAccounts
    aliases: dict[str, str]

    @classmethod
    def of(cls, desk: Desk, options: ShopAccounts) -> _Target:
        """Choose the files, and see that they can say what the options want.

        Raises:
            RunError: the platform has no import of customers, or something that it needs is not set.
        """
        platform = desk.shop.platform
        if not options.format and platform not in _PLATFORMS:
            raise RunError("run-no-accounts-import", is_usage=True, value=platform, neutral=_NEUTRAL)
        descriptor = desk.shop_format("accounts", options.format, options.format_settings)
        sources = {one.source for one in descriptor.fields}
        needs_listing = platform == "prestashop" and options.format != _NEUTRAL
        if needs_listing and not options.listing:
            raise RunError("run-accounts-listing-not-set", is_usage=True, format=descriptor.name)
        if "location" in sources and not options.location:
            raise RunError("run-accounts-location-not-set", is_usage=True, format=descriptor.name)
        if options.always_password and "password" not in sources:
            raise RunError("run-accounts-no-password", is_usage=True, format=descriptor.name)
        own = options.addresses_format or f"{platform}/account_addresses"
        is_apart = options.addresses and options.format != _NEUTRAL and "billing_line_1" not in sources
        addresses = desk.shop_format(own) if is_apart and own in desk.formats.names() else None
        by_id = options.listing is not None if "shop_id" in sources else "account" in sources
        return cls(descriptor, addresses, needs_listing, by_id, options, _ALIASES[desk.profile.language])

    @property
    def tells_activity(self) -> bool:
        """Whether the file has a column for accounts that may not log in."""
        return "is_active" in self._sources

    @property
    def wants_country_names(self) -> bool:
        """Whether addresses cannot be told without the shop's own names of countries."""
        return self.addresses is not None and any(one.source == "country_name" for one in self.addresses.fields)

    @property
    def _sources(self) -> set[str]:
        return {one.source for one in self.accounts.fields}

    def values(self, people: pd.DataFrame) -> pd.Series:
        """Give what the shop is told of each login as one text: what may be changed of it."""
        told = {*ALWAYS, *accounts.permitted(self.options.update)} & self._sources
        return as_json(accounts.as_text(people[["account", *sorted(told)]]), "account")

    def written(self, people: pd.DataFrame, fates: Fates) -> tuple[Package, ...]:
        """Write the accounts that go, new ones and changed ones apart, and the new ones' addresses.

        What a file cannot take is refused in all of them.
        """
        if self.addresses:
            rows = accounts.addresses(people[fates.go & ~people["exists"]], self.aliases)
            fates.refuse(write(self.addresses, rows, record_column="account", record_type=CUSTOMER).outcomes)
        parts = {"": fates.go & ~people["exists"].to_numpy(), "-changed": fates.go & people["exists"].to_numpy()}
        packages = []
        for suffix, which in parts.items():
            rows = people[which].reset_index(drop=True)
            packages.append(self._package(rows.drop(columns="exists"), suffix, fates))
        if self.addresses:
            rows = accounts.addresses(people[fates.go & ~people["exists"]], self.aliases)
            written = write(self.addresses, rows, record_column="account", record_type=CUSTOMER)
            packages.append(Package(self.addresses.path, written.data, written.rows))
        return _packages(*packages)

    def _package(self, rows: pd.DataFrame, suffix: str, fates: Fates) -> Package:
        required = any(one.source == "password" and one.required for one in self.accounts.fields)
        with_password = required or (self.options.always_password and not suffix)
        if suffix:
            kept = {*_KEYS, "password", *accounts.permitted(self.options.update)}
        else:
            kept = {*rows.columns} - {"shop_id"}
        kept -= set() if with_password else {"password"}
        fields = tuple(one for one in self.accounts.fields if one.constant is not None or one.source in kept)
        descriptor = replace(self.accounts, fields=fields)
        # A password is random and is kept nowhere but in the file: a plan compares the file without.
        blank = rows.assign(password="-" if with_password else "")
        compared = write(descriptor, blank, record_column="account", record_type=CUSTOMER)
        fates.refuse(compared.outcomes)
        path = PurePath(self.accounts.path)
        name = path.stem + suffix + path.suffix
        if not with_password:
            return Package(name, compared.data, compared.rows)
        drawn = pd.Series([secrets.token_urlsafe(_PASSWORD_BYTES) for _ in range(len(rows))], rows.index, dtype="str")
        written = write(descriptor, rows.assign(password=drawn), record_column="account", record_type=CUSTOMER)
        return Package(name, written.data, written.rows, compared=compared.data)


def _leave(
    fates: Fates, people: pd.DataFrame, target: _Target, options: ShopAccounts, groups_there: Collection[str]
) -> None:
    """Leave and refuse who gets no login, or not yet."""
    exists, is_active = people["exists"].to_numpy(), people["is_active"].to_numpy()
    no_email = (people["email"] == "").to_numpy()
    is_contact = people["is_contact"].to_numpy()
    fates.leave("contact-without-email", no_email & is_contact)
    fates.leave("customer-without-email", no_email)
    is_dormant = ~is_active & people["has_customer"].to_numpy()
    login = people["email"].str.casefold()
    # Where another record has the login from now on, it is that one's; of several that sleep one is told.
    again = login.where(is_dormant & exists).duplicated(keep="last").to_numpy()
    is_followed = texts.among(login, login[is_active]).to_numpy() | again
    fates.leave("customer-dormant", is_dormant & (~(exists & target.tells_activity) | is_followed))
    fates.leave("contact-is-customer", accounts.same_login(people))
    fates.refuse(accounts.refused(people, fates.go.copy()))
    if options.new_only:
        fates.leave("customer-in-shop", exists)
    needed = people["needed_groups"].str.split("\n").explode()
    lacking = (needed != "") & ~texts.among(needed, groups_there)
    waits = lacking.groupby(level=0).any().to_numpy()
    tells_groups = ~exists | bool({"groups", "default-group"} & {*options.update})
    fates.leave("customer-group-not-there", waits & is_active & tells_groups)
    if target.wants_country_names:
        unnamed = [
            (people[f"{kind}_country"] != "") & (people[f"{kind}_country_name"] == "") for kind in accounts.KINDS
        ]
        rows = people[fates.go & ~exists & (unnamed[0] | unnamed[1]).to_numpy()]
        country = rows["billing_country"].where(rows["billing_country_name"] == "", rows["delivery_country"])
        fates.refuse(
            outcome.said("customer-country-unnamed", rows["account"], record_type=CUSTOMER, stage="map", value=country)
        )


def _groups_there(desk: Desk) -> set[str]:
    return {*desk.ledger.sent_values(desk.profile.name, desk.shop.name, GROUP)["key"]}


def _known(desk: Desk, options: ShopAccounts) -> Known:
    """Give what the shop has, by the ledger and by its own export.

    Raises:
        RunError: the export is not there, or something of it cannot be read: who that is would be created again.
        StorageError: it cannot be fetched.
    """
    sent = desk.ledger.sent_values(desk.profile.name, desk.shop.name, CUSTOMER)
    told = as_table(sent)
    if options.listing is None:
        return Known(told)
    source = Source(place=options.listing.place, files=options.listing.files)
    where = options.listing.place.name
    found = LISTED.read_all(desk.shop, source, desk.loaded)
    if (found.outcomes["code"] == "no-export-file").any():
        raise RunError("run-accounts-listing-missing", place=where)
    unread = found.outcomes[found.outcomes["state"] == "failed"]
    if len(unread):
        first = unread.iloc[0].to_dict()
        raise RunError("run-accounts-listing-damaged", place=where, count=unread["record"].nunique(), reason=first)
    own = found.customers[~found.customers["is_guest"] & (found.customers["email"] != "")]
    ids = own.set_index(own["email"].str.strip().str.casefold())["customer_id"]
    return Known(told, ids[~ids.index.duplicated()], desk.request.full)


def _packages(*packages: Package) -> tuple[Package, ...]:
    return tuple(package for package in packages if package.record_count)

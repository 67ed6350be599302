"""Options of the customers and customer groups that a shop is told.

Source: spec CLI-1 to CLI-5.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from passerelle.exchange.options import Country, Options

GroupKind = Literal["family", "price-category"]
Updated = Literal["email", "names", "groups", "default-group", "addresses", "notes", "b2b"]


class GroupOptions(Options):
    """Which customer groups a shop gets, and what they are made of (CLI-3)."""

    kinds: tuple[GroupKind, ...] = Field(
        ("price-category",),
        description="What groups are made of: customer families, price categories, or both; of several groups the "
        "first is the customer's default group (CLI-3).",
    )
    named_by: Literal["label", "code"] = Field(
        "label", description="Name of a group in the shop: its caption in the ERP, else its code; or always its code."
    )
    ids: dict[str, str] = Field(
        default_factory=dict,
        description="The shop's own ids of groups that it has, by code in the ERP: they are not created. PrestaShop "
        "and Magento take a default group by its id only.",
        examples=[{"PRO": "4"}],
    )


class AccountOptions(Options):
    """Which customers a shop gets, and what it is told of them (CLI-1 to CLI-5)."""

    changed_only: bool = Field(
        default=False,
        description="Only customers that the ERP has changed since the task last transferred to this shop; those whose "
        "date of change is not known are taken (CLI-4).",
    )
    criterion: str = Field(
        "",
        description="Only customers for which this holds: SQL as after `WHERE`, on any column of the customer extract "
        "by its label or SQL name (CLI-4).",
        examples=["ID LIKE 'B%'"],
    )
    new_only: bool = Field(
        default=False, description="Only customers that the shop does not have yet are sent (CLI-1)."
    )
    active_states: tuple[str, ...] = Field(
        ("", "0", "A", "Actif"),
        description="States of the ERP that are neither dormant nor blocked, in its extract's words (CLI-1).",
    )
    contacts: bool = Field(
        default=False,
        description="Contacts become further logins of their customer; needs `erp.extracts.contacts` (CLI-2).",
    )
    copy_addresses: bool = Field(
        default=False, description="Contacts get the addresses of their customer instead of their own (CLI-2)."
    )
    addresses: bool = Field(default=True, description="Addresses are sent (CLI-2).")
    update: tuple[Updated, ...] = Field(
        ("names", "groups", "default-group", "addresses", "notes", "b2b"),
        description="What the ERP may change of accounts that the shop has. `email`: the customer logs in with "
        "another one afterwards, if the shop's import can change it at all (CLI-5).",
    )
    accept_password_loss: bool = Field(
        default=False,
        description="PrestaShop's import gives every account that it changes another password. Without this, accounts "
        "that a PrestaShop has are left as they are; with it, their customers have to ask for a new password.",
    )
    always_password: bool = Field(
        default=False,
        description="New accounts get a random password even where the import demands none; PrestaShop's does. It "
        "stands in the delivered file and nowhere else: customers choose their own by “forgotten password” (CLI-5).",
    )
    newsletter: bool = Field(default=False, description="New accounts get the newsletter (CLI-5).")
    opt_in: bool = Field(default=False, description="New accounts get partners' offers (CLI-5).")
    missing_name: Annotated[str, Field(min_length=1, max_length=20)] = Field(
        "-", description="What stands for a first name that the ERP does not have: shops demand one."
    )
    title_ids: dict[str, str] = Field(
        {"Monsieur": "1", "M.": "1", "Madame": "2", "Mme": "2", "Mademoiselle": "2"},
        description="PrestaShop's ids of civilities, by the ERP's word; any other is 0.",
    )
    country_names: dict[Country, str] = Field(
        {"FR": "France"},
        description="Names of countries as the shop has them, by ISO code. PrestaShop's address import knows countries "
        "by name and creates one that it does not know.",
    )
    location: str = Field("", description="Site in the shop that accounts are of: Magento's website, often `base`.")

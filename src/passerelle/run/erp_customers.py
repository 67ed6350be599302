"""The ERP's customers as a task for a shop reads them: whole and fresh, or not at all.

Source: spec EBP-10, CLI-2, CLI-4.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.catalogue import Mask, twice
from passerelle.model.accounts import ERP_ACCOUNTS, ERP_CONTACTS
from passerelle.run.erp_catalogue import ErpCatalogue, Extract
from passerelle.run.errors import RunError

CUSTOMERS, CONTACTS = "ebp/accounts", "ebp/contacts"


@dataclass(frozen=True, slots=True)
class Customers:
    """The customers of the ERP, each once.

    Attributes:
        extract: the extract they are of.
        table: ``ERP_ACCOUNTS``.
        holds: for which of them the shop's criterion is true; ``None``: it has none.
        outcomes: what was refused.
    """

    extract: Extract
    table: pd.DataFrame
    holds: Mask | None
    outcomes: pd.DataFrame


def read_customers(erp: ErpCatalogue, needed: Collection[str], condition: str = "") -> Customers:
    """Read the customers.

    Args:
        erp: the run's extracts.
        needed: columns of ``ERP_ACCOUNTS`` that the task cannot do without.
        condition: the shop's criterion; empty: none.

    Raises:
        RunError: the profile names no extract; or it is missing, empty, stale or shrunken, or lacks a column.
        CriterionError: the criterion cannot be used.
        FormatError: the file is not of the format.
    """
    path = erp.desk.profile.erp.extracts.customers
    if path is None:
        raise RunError("run-extract-not-set", is_usage=True, setting="erp.extracts.customers")
    sources = ERP_ACCOUNTS.names
    extract, holds = erp.filtered("customers", path, erp.format(CUSTOMERS), sources, ERP_ACCOUNTS, needed, condition)
    doubled = twice(extract.table["customer_code"], "customer-twice", "customer")
    once = ~texts.among(extract.table["customer_code"], doubled["record"]).to_numpy()
    outcomes = outcome.together([extract.read.outcomes, doubled])
    table = extract.table[once].reset_index(drop=True)
    return Customers(extract, table, None if holds is None else holds[once], outcomes)


def read_contacts(erp: ErpCatalogue) -> Extract:
    """Read the customers' contacts.

    Raises:
        RunError, FormatError: as ``read_customers``.
    """
    path = erp.desk.profile.erp.extracts.contacts
    if path is None:
        raise RunError("run-extract-not-set", is_usage=True, setting="erp.extracts.contacts")
    return erp.extract("contacts", path, erp.format(CONTACTS), ERP_CONTACTS, {"email"})

"""What the readers of shops' customers share: accounts in JSON files, and the canonical tables made of them.

Source: spec CUS-6; contract of ``passerelle.shops.export``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from passerelle.model.customers import CUSTOMER_ADDRESSES, PROSPECT, SHOP_CUSTOMERS, ShopCustomers
from passerelle.outcome import together
from passerelle.shops.cells import Problems
from passerelle.shops.export import ExportFile, ReadOptions, order_key, unpacked
from passerelle.shops.json_records import (
    Object,
    Records,
    UnreadableError,
    identity,
    numbered,
    once,
    shown,
    take_all,
    unused,
)

_ERRORS = ("errors", "message", "title")
"""Where platforms say why they do not answer."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What is particular to a platform's customers in JSON.

    Attributes:
        name: named in the outcomes.
        is_customer: tells an account from all else that the platform gives.
        tables: the columns of ``SHOP_CUSTOMERS`` that the accounts tell but for their keys, and their addresses, each
            with ``kind`` and the account as ``order_key``, the first of a kind counting.
        prepared: brings a document into the shape that ``is_customer`` and ``tables`` know.
    """

    name: str
    is_customer: Callable[[Object], bool]
    tables: Callable[[Records], tuple[pd.DataFrame, Sequence[pd.DataFrame]]]
    prepared: Callable[[Any], Any] = lambda content: content


def read_documents(platform: Platform, files: Iterable[ExportFile], options: ReadOptions) -> ShopCustomers:
    """Read a platform's customers from JSON files, packed or not."""
    plain, packing = unpacked(files)
    read = read_plain(platform, plain, options)
    return ShopCustomers(read.customers, read.addresses, together([packing, read.outcomes]))


def read_plain(platform: Platform, files: Iterable[ExportFile], options: ReadOptions) -> ShopCustomers:
    """Read a platform's customers from JSON files that are not packed."""
    given = _Given(platform)
    unreadable = take_all(files, platform.name, given.take)
    records, again = once(given.customers, options.shop, PROSPECT)
    problems = Problems(PROSPECT)
    keys = pd.Series([order_key(options.shop, identity(record)) for record in records], dtype="str")
    customers = Records(records, keys, problems)
    people, addresses = platform.tables(customers)
    people = people.assign(customer_key=keys, shop=options.shop, customer_id=customers.text("id"))
    outcomes = together([unreadable, *given.remarks, again, problems.outcomes()])
    return tables(people, addresses, outcomes, problems.refused())


def tables(
    people: pd.DataFrame, addresses: Iterable[pd.DataFrame], outcomes: pd.DataFrame, refused: set[str]
) -> ShopCustomers:
    """Make the canonical tables of accounts and addresses, without those that cannot be read.

    Args:
        people: accounts with their keys, in the order wanted.
        addresses: see ``Platform.tables``.
        outcomes: all that was said.
        refused: keys of the accounts that cannot be read.
    """
    parts = [CUSTOMER_ADDRESSES.conform(part.rename(columns={"order_key": "customer_key"})) for part in addresses]
    rank = pd.Series(range(len(people)), people["customer_key"])
    joined = pd.concat([CUSTOMER_ADDRESSES.empty(), *parts], ignore_index=True)
    places = joined.drop_duplicates(["customer_key", "kind"]).sort_values(
        "customer_key", key=lambda keys: keys.map(rank), kind="stable", ignore_index=True
    )
    made = ShopCustomers(SHOP_CUSTOMERS.conform(people).reset_index(drop=True), places, outcomes)
    return made.only(set(made.keys) - refused) if refused else made


@dataclass(slots=True)
class _Given:
    """What all files hold."""

    platform: Platform
    customers: list[Object] = field(default_factory=list)
    remarks: list[pd.DataFrame] = field(default_factory=list)

    def take(self, name: str, content: Any) -> None:
        """Take in what one file holds.

        Raises:
            UnreadableError: it holds an error of the shop.
        """
        content = self.platform.prepared(content)
        lists = self._lists(content)
        with_customers = [records for records in lists if any(map(self._is_customer, records))]
        for records in with_customers:
            kept, remark = numbered(records, name, "customers")
            self.customers += kept
            self.remarks.append(remark)
        if with_customers:
            return
        if isinstance(content, dict) and (told := next((content[one] for one in _ERRORS if content.get(one)), None)):
            raise UnreadableError("export-webservice-error", shown(told))
        if any(lists):
            self.remarks.append(unused(name, content))

    def _lists(self, content: Any) -> list[list[Any]]:
        """Give the lists of records that a document may hold: itself, or what stands under its keys."""
        if isinstance(content, list):
            return [content]
        if not isinstance(content, dict) or self._is_customer(content):
            return [[content]]
        return [one if isinstance(one, list) else [one] for one in content.values() if isinstance(one, list | dict)]

    def _is_customer(self, record: Any) -> bool:
        return isinstance(record, dict) and self.platform.is_customer(record)

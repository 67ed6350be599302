"""Who has an account in a shop, whether or not he ordered: accounts with their addresses.

The columns are those of the buyers and addresses of orders (``passerelle.model.orders``), so that the same rules make
customers of the ERP of both.

Source: spec CUS-6; design.md decisions 1, 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from passerelle.model.orders import ADDRESSES, PARTIES
from passerelle.model.table import Column, Table
from passerelle.outcome import together

PROSPECT = "prospect"
"""What outcomes and the ledger call an account that is read to become a prospect."""

SHOP_CUSTOMERS = Table(
    "shop_customers",
    "account of a shop's customer",
    (
        *PARTIES.columns,
        Column("is_closed", "flag", "deleted, or switched off by the shop"),
        Column("created_at", "date", "when the account was opened, where the shop tells"),
        Column("last_order_at", "date", "when its last order was placed, where the account tells"),
        Column(
            "order_count", "integer", "number of its orders, where the account tells; 1: at least one", optional=True
        ),
    ),
)

CUSTOMER_ADDRESSES = Table(
    "customer_addresses",
    "address of an account, the one that the shop proposes first: one per kind at most",
    (
        Column("customer_key", "text", "the account"),
        *(column for column in ADDRESSES.columns if column.name not in {"order_key", "address_id"}),
    ),
)


@dataclass(frozen=True, slots=True)
class ShopCustomers:
    """All that was read of some accounts.

    ``outcomes`` has what was wrong with records that could not be read (stage ``read``, record type ``prospect``);
    such an account is in no table.
    """

    customers: pd.DataFrame = field(default_factory=SHOP_CUSTOMERS.empty)
    addresses: pd.DataFrame = field(default_factory=CUSTOMER_ADDRESSES.empty)
    outcomes: pd.DataFrame = field(default_factory=lambda: together([]))

    @property
    def keys(self) -> pd.Series:
        """The accounts' keys."""
        return self.customers["customer_key"]

    def check(self) -> ShopCustomers:
        """Give itself back if both tables have their declared columns and types.

        Raises:
            TypeError: see ``Table.check``.
        """
        SHOP_CUSTOMERS.check(self.customers)
        CUSTOMER_ADDRESSES.check(self.addresses)
        return self

    def only(self, customer_keys: set[str]) -> ShopCustomers:
        """Keep some of the accounts; the outcomes stay."""
        customers, addresses = (
            table[table["customer_key"].isin(customer_keys)].reset_index(drop=True)
            for table in (self.customers, self.addresses)
        )
        return ShopCustomers(customers, addresses, self.outcomes)


def join_customers(parts: list[ShopCustomers]) -> ShopCustomers:
    """Put what several files or shops gave one under the other."""
    if not parts:
        return ShopCustomers()
    customers, addresses = (
        pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in ("customers", "addresses")
    )
    return ShopCustomers(customers, addresses, together(part.outcomes for part in parts))

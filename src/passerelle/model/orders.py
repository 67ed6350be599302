"""What a shop sold: orders with their lines, charges, allowances, VAT, payments, refunds, buyers and addresses.

The terms are those of EN 16931 where it has one (the BT/BG numbers in the meanings), else the platforms' own.
``order_key`` is ``shop/id``: unique within a profile, also when several shops feed it.
Amounts are in the order's currency, in millionths (``passerelle.money``); ``_excl``, ``_incl``: without, with VAT.

Source: design.md decisions 1, 8, 9; spec 10-orders.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from passerelle.model.table import Column, Table
from passerelle.outcome import together

_KEY = Column("order_key", "text", "the order: shop name, '/', the shop's order id")

ORDERS = Table(
    "orders",
    "order",
    (
        _KEY,
        Column("shop", "text", "name of the shop in the profile (%SH)"),
        Column("order_id", "text", "the shop's own id of the order (%OI)"),
        Column("order_reference", "text", "the number or reference that the buyer sees (%OR)"),
        Column("store", "text", "store view of the shop; empty when it has one only"),
        Column("status", "text", "the shop's status value, as the status table names it"),
        Column("created_at", "date", "when the order was placed"),
        Column("updated_at", "date", "when it was last changed"),
        Column("invoiced_at", "date", "when the shop invoiced it; missing when it did not"),
        Column("paid_at", "date", "when it was paid; missing when it was not, or when the shop does not tell"),
        Column("invoice_number", "text", "number of the shop's invoice (%IN)"),
        Column("customer_key", "text", "the buyer in the parties table"),
        Column("currency", "text", "document currency code, ISO 4217 (BT-5)"),
        Column("shop_currency", "text", "the shop's own currency, ISO 4217"),
        Column(
            "currency_rate",
            "rate",
            "units of the order's currency for one unit of the shop's; missing: unknown",
            optional=True,
        ),
        Column("prices_include_tax", "flag", "the shop's prices are entered including tax"),
        Column("charged_total", "amount", "what the shop charged, including VAT (BT-112)"),
        Column("charged_total_excl", "amount", "the same excluding VAT (BT-109), where the shop tells", optional=True),
        Column("paid_total", "amount", "paid so far (BT-113), where the shop tells", optional=True),
        Column("payment_mode", "text", "the payment mode as the mapping names it (%PM)"),
        Column("carrier_id", "text", "the shop's id of the carrier or shipping method"),
        Column("carrier", "text", "its name"),
        Column("note", "text", "what the buyer wrote"),
    ),
)

ORDER_LINES = Table(
    "order_lines",
    "article line of an order (BG-25)",
    (
        _KEY,
        Column("line_id", "text", "the shop's id of the line, unique within the order (BT-126)"),
        Column("position", "integer", "rank of the line in the order, from 1"),
        Column("reference", "text", "article reference: the variant's, or the article's (BT-155)"),
        Column("parent_reference", "text", "reference of the article when `reference` is the variant's; else empty"),
        Column("label", "text", "item name as sold (BT-153)"),
        Column("quantity", "quantity", "invoiced quantity (BT-129); negative on a returned line"),
        Column("gross_excl", "amount", "quantity × price before the line's discounts, excluding VAT", optional=True),
        Column("gross_incl", "amount", "the same including VAT", optional=True),
        Column(
            "net_excl", "amount", "line net amount after the line's discounts (BT-131), excluding VAT", optional=True
        ),
        Column("net_incl", "amount", "the same including VAT", optional=True),
        Column(
            "tax_rate",
            "rate",
            "VAT rate of the line in percent (BT-152); missing: the shop does not tell",
            optional=True,
        ),
        Column("tax_name", "text", "the shop's own name or id of the tax, as the tax mapping names it"),
        Column(
            "ecotax_excl",
            "amount",
            "eco-tax of the whole quantity, excluding VAT; part of the amounts above, where the shop tells",
            optional=True,
        ),
        Column("ecotax_incl", "amount", "the same including VAT", optional=True),
        Column("ecotax_rate", "rate", "its VAT rate in percent; missing: the line's", optional=True),
        Column("tracking_number", "text", "lot or serial number, where the shop has one"),
        Column("parent_line_id", "text", "line of the pack (bundle) that this one is a component of; else empty"),
        Column("address_id", "text", "delivery address that it goes to, where the order has several; else empty"),
    ),
)

ORDER_CHARGES = Table(
    "order_charges",
    "document level charge (BG-21): shipping, gift wrapping, fee",
    (
        _KEY,
        Column("position", "integer", "rank within the order, from 1"),
        Column("kind", "text", "shipping, wrapping or fee; in a credit note also refund"),
        Column("label", "text", "charge reason (BT-104)"),
        Column("amount_excl", "amount", "charge amount (BT-99), excluding VAT", optional=True),
        Column("amount_incl", "amount", "the same including VAT", optional=True),
        Column("tax_rate", "rate", "VAT rate in percent (BT-103); missing: the shop does not tell", optional=True),
        Column("tax_name", "text", "the shop's own name or id of the tax"),
        Column("address_id", "text", "delivery address that it is for, where the order has several and it is for one"),
    ),
)

ORDER_ALLOWANCES = Table(
    "order_allowances",
    "document level allowance (BG-20): voucher, cart rule, order discount; not what a line's net amount already has",
    (
        _KEY,
        Column("position", "integer", "rank within the order, from 1"),
        Column(
            "target", "text", "what it reduces: lines, or shipping (free shipping belongs to the shipping's VAT rate)"
        ),
        Column("label", "text", "allowance reason (BT-97): name or code of the voucher"),
        Column("amount_excl", "amount", "allowance amount (BT-92), positive, excluding VAT", optional=True),
        Column("amount_incl", "amount", "the same including VAT", optional=True),
    ),
)

ORDER_TAXES = Table(
    "order_taxes",
    "VAT breakdown of an order as the shop gives it (BG-23); empty when the shop gives none",
    (
        _KEY,
        Column("tax_name", "text", "the shop's own name or id of the tax"),
        Column("tax_rate", "rate", "VAT rate in percent (BT-119); missing: not told", optional=True),
        Column("taxable_amount", "amount", "VAT base (BT-116), where the shop tells", optional=True),
        Column("tax_amount", "amount", "VAT amount (BT-117)"),
    ),
)

PAYMENTS = Table(
    "payments",
    "payment of an order",
    (
        _KEY,
        Column("position", "integer", "rank within the order, from 1"),
        Column("payment_mode", "text", "payment mode as the mapping names it"),
        Column("amount", "amount", "amount paid, in the order's currency"),
        Column("paid_at", "date", "when it was paid"),
        Column("transaction_id", "text", "the provider's id of the payment"),
    ),
)

REFUNDS = Table(
    "refunds",
    "refund (credit slip) of an order",
    (
        _KEY,
        Column("refund_id", "text", "the shop's id of the refund"),
        Column("refunded_at", "date", "when it was made"),
        Column("amount_excl", "amount", "amount given back excluding VAT, positive", optional=True),
        Column("amount_incl", "amount", "amount given back including VAT, positive", optional=True),
        Column("paid_total", "amount", "money given back so far, positive; missing: all of the amount", optional=True),
        Column("reason", "text", "why"),
    ),
)

REFUND_LINES = Table(
    "refund_lines",
    "line or charge given back by a refund",
    (
        _KEY,
        Column("refund_id", "text", "the refund"),
        Column("line_id", "text", "line of the order that is given back; empty for a charge or an amount without line"),
        Column("kind", "text", "article, shipping or amount"),
        Column("quantity", "quantity", "quantity given back, positive"),
        Column("amount_excl", "amount", "amount excluding VAT, positive", optional=True),
        Column("amount_incl", "amount", "amount including VAT, positive", optional=True),
        Column("tax_rate", "rate", "VAT rate in percent", optional=True),
    ),
)

PARTIES = Table(
    "parties",
    "buyer (BG-7), once per shop account, or once per order for a guest",
    (
        Column(
            "customer_key",
            "text",
            "shop name, '/', the shop's customer id; for a guest without account shop/order-<order id>",
        ),
        Column("shop", "text", "name of the shop in the profile"),
        Column("customer_id", "text", "the shop's customer id; for a guest without account the order id"),
        Column("is_guest", "flag", "ordered without an account"),
        Column("title", "text", "civility as the shop names it"),
        Column("first_name", "text", "first name (%CF)"),
        Column("last_name", "text", "last name (%CL)"),
        Column("company", "text", "company (%CO)"),
        Column("email", "text", "e-mail"),
        Column("phone", "text", "phone"),
        Column("siret", "text", "SIRET as the shop holds it (BT-47)"),
        Column("vat_number", "text", "VAT number as the shop holds it (BT-48)"),
        Column("language", "text", "ISO 639-1 code"),
        Column("customer_group", "text", "the shop's customer group"),
    ),
)

ADDRESSES = Table(
    "addresses",
    "address of an order as it stood when ordered",
    (
        _KEY,
        Column("kind", "text", "billing (BG-8) or delivery (BG-15)"),
        Column("title", "text", "civility"),
        Column("first_name", "text", "first name"),
        Column("last_name", "text", "last name"),
        Column("company", "text", "company"),
        Column("line_1", "text", "street (BT-50)"),
        Column("line_2", "text", "second line (BT-51)"),
        Column("line_3", "text", "third line (BT-163)"),
        Column("postcode", "text", "post code (BT-53)"),
        Column("city", "text", "city (BT-52)"),
        Column("state", "text", "state or province: code where the shop has one, else its name (BT-54)"),
        Column("country", "text", "country code, ISO 3166-1 alpha-2 (BT-55)"),
        Column("phone", "text", "phone"),
        Column("mobile", "text", "mobile phone"),
        Column("email", "text", "e-mail"),
        Column("vat_number", "text", "VAT number held by the address"),
        Column("address_id", "text", "the shop's id of it, where an order has several to deliver to; else empty"),
    ),
)

MESSAGES = Table(
    "messages",
    "message of an order, beyond its note, that buyer and shop both read",
    (
        _KEY,
        Column("position", "integer", "rank within the order, from 1: oldest first"),
        Column("written_at", "date", "when it was written"),
        Column("text", "text", "the message"),
    ),
)


@dataclass(frozen=True, slots=True)
class SalesOrders:
    """All that was read of some orders; every table's ``order_key`` stands in ``orders``.

    ``outcomes`` has what was wrong with records that could not be read (stage ``read``); such an order is in no table.
    """

    orders: pd.DataFrame
    lines: pd.DataFrame
    charges: pd.DataFrame
    allowances: pd.DataFrame
    taxes: pd.DataFrame
    payments: pd.DataFrame
    refunds: pd.DataFrame
    refund_lines: pd.DataFrame
    parties: pd.DataFrame
    addresses: pd.DataFrame
    outcomes: pd.DataFrame
    messages: pd.DataFrame = field(default_factory=MESSAGES.empty)

    @property
    def keys(self) -> pd.Series:
        """The orders' keys."""
        return self.orders["order_key"]

    def check(self) -> SalesOrders:
        """Give itself back if every table has its declared columns and types.

        Raises:
            TypeError: see ``Table.check``.
        """
        for name, table in TABLES.items():
            table.check(getattr(self, name))
        return self

    def only(self, order_keys: set[str]) -> SalesOrders:
        """Keep some of the orders with all that belongs to them; the outcomes stay."""
        if self.orders["order_key"].isin(order_keys).all():
            return self
        kept = {
            name: (
                self.parties
                if name == "parties"
                else (table := getattr(self, name))[table["order_key"].isin(order_keys)].reset_index(drop=True)
            )
            for name in TABLES
        }
        buyers = set(kept["orders"]["customer_key"])
        kept["parties"] = self.parties[self.parties["customer_key"].isin(buyers)].reset_index(drop=True)
        return SalesOrders(**kept, outcomes=self.outcomes)


TABLES: dict[str, Table] = {
    "orders": ORDERS,
    "lines": ORDER_LINES,
    "charges": ORDER_CHARGES,
    "allowances": ORDER_ALLOWANCES,
    "taxes": ORDER_TAXES,
    "payments": PAYMENTS,
    "refunds": REFUNDS,
    "refund_lines": REFUND_LINES,
    "parties": PARTIES,
    "addresses": ADDRESSES,
    "messages": MESSAGES,
}


def refund_keys(refunds: pd.DataFrame) -> pd.Series:
    """Give the record key of each refund, which is also that of the credit note made of it.

    Args:
        refunds: rows with ``order_key`` and ``refund_id``.
    """
    return refunds["order_key"] + "/refund-" + refunds["refund_id"]


def no_orders(outcomes: pd.DataFrame | None = None) -> SalesOrders:
    """Give the tables without rows."""
    empty = {name: table.empty() for name, table in TABLES.items()}
    return SalesOrders(**empty, outcomes=together([] if outcomes is None else [outcomes]))


def join_orders(parts: list[SalesOrders]) -> SalesOrders:
    """Put what several files or shops gave one under the other; a buyer met twice stands once (the first)."""
    if not parts:
        return no_orders()
    if len(parts) == 1:
        return parts[0]
    joined = {name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in TABLES}
    joined["parties"] = joined["parties"].drop_duplicates("customer_key", ignore_index=True)
    return SalesOrders(**joined, outcomes=together(part.outcomes for part in parts))

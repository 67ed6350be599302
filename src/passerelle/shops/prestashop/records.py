"""What orders are made of in PrestaShop: the records that are read, and those of all files put together.

Source: facts/shops § 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from passerelle.outcome import together

Record = dict[str, Any]
"""A record's fields: texts, ``{language id: text}`` where translated, a list of records where nested."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of record: its name alone, the fields that are read, those that may be translated, nested rows."""

    single: str
    fields: tuple[str, ...]
    translated: tuple[str, ...] = ()
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


RESOURCES: Mapping[str, Resource] = {
    "orders": Resource(
        "order",
        (
            "reference",
            "id_shop",
            "id_customer",
            "id_address_invoice",
            "id_address_delivery",
            "id_currency",
            "id_carrier",
            "id_lang",
            "current_state",
            "payment",
            "module",
            "date_add",
            "date_upd",
            "invoice_date",
            "invoice_number",
            "gift_message",
            "conversion_rate",
            "carrier_tax_rate",
            "total_paid",
            "total_paid_tax_incl",
            "total_paid_tax_excl",
            "total_paid_real",
            "total_products",
            "total_products_wt",
            "total_discounts_tax_incl",
            "total_discounts_tax_excl",
            "total_shipping_tax_incl",
            "total_shipping_tax_excl",
            "total_wrapping_tax_incl",
            "total_wrapping_tax_excl",
        ),
        rows={
            "order_rows": (
                "id",
                "product_id",
                "product_attribute_id",
                "product_name",
                "product_reference",
                "product_quantity",
                "unit_price_tax_excl",
                "unit_price_tax_incl",
            )
        },
    ),
    "order_details": Resource(
        "order_detail",
        (
            "id_order",
            "product_id",
            "product_attribute_id",
            "product_name",
            "product_reference",
            "product_quantity",
            "total_price_tax_excl",
            "total_price_tax_incl",
            "reduction_percent",
            "reduction_amount",
            "original_product_price",
            "ecotax",
            "ecotax_tax_rate",
            "tax_computation_method",
        ),
        rows={"taxes": ("id",)},
    ),
    "order_cart_rules": Resource(
        "order_cart_rule", ("id_order", "name", "value", "value_tax_excl", "free_shipping", "deleted")
    ),
    "order_payments": Resource(
        "order_payment", ("order_reference", "id_currency", "amount", "payment_method", "transaction_id", "date_add")
    ),
    "order_slips": Resource(
        "order_slip",
        (
            "id_order",
            "date_add",
            "amount",
            "total_products_tax_excl",
            "total_products_tax_incl",
            "total_shipping_tax_excl",
            "total_shipping_tax_incl",
        ),
        rows={"order_slip_details": ("id_order_detail", "product_quantity", "amount_tax_excl", "amount_tax_incl")},
    ),
    "cart_rules": Resource("cart_rule", ("code", "reduction_amount", "reduction_tax")),
    "taxes": Resource("tax", ("rate", "name"), translated=("name",)),
    "tax_rules": Resource("tax_rule", ("id_tax_rules_group", "id_country", "id_tax")),
    "currencies": Resource("currency", ("iso_code", "conversion_rate")),
    "customers": Resource(
        "customer",
        (
            "lastname",
            "firstname",
            "email",
            "company",
            "siret",
            "id_gender",
            "id_lang",
            "id_default_group",
            "is_guest",
        ),
    ),
    "addresses": Resource(
        "address",
        (
            "lastname",
            "firstname",
            "company",
            "address1",
            "address2",
            "other",
            "postcode",
            "city",
            "id_state",
            "id_country",
            "phone",
            "phone_mobile",
            "vat_number",
        ),
    ),
    "countries": Resource("country", ("iso_code",)),
    "states": Resource("state", ("iso_code", "name")),
    "carriers": Resource("carrier", ("name", "id_tax_rules_group")),
    "languages": Resource("language", ("iso_code",)),
    "groups": Resource("group", ("name",), translated=("name",)),
    "genders": Resource("gender", ("name",), translated=("name",)),
    "products": Resource("product", ("reference",)),
    "shops": Resource("shop", ()),
    "messages": Resource("message", ("id_order", "id_employee", "private", "message", "date_add")),
    "customer_threads": Resource("customer_thread", ("id_order",)),
    "customer_messages": Resource(
        "customer_message", ("id_customer_thread", "id_employee", "private", "message", "date_add")
    ),
}
"""What orders are made of, by the name of the list."""

Sections = list[tuple[str, list[Record]]]
"""Records under the name of their resource; the same name may come again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one file gave.

    Attributes:
        sections: its records.
        outcomes: what is to be said of the file and its rows.
        unreadable: resources that it held and that could not be read; ``""`` where that is not known.
        incomplete: ids of orders of which some rows could not be read.
    """

    sections: Sections = field(default_factory=list)
    outcomes: tuple[pd.DataFrame, ...] = ()
    unreadable: frozenset[str] = frozenset()
    incomplete: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Export:
    """All that some files gave together, by resource and id.

    Attributes:
        records: every resource that was given, also those without records.
        conflicts: records given several times with different contents (the first version); not in ``records``.
        repeated: ids of the orders given several times with the same content.
        unreadable, incomplete: as in ``Found``.
        outcomes: what is to be said of files and rows.
    """

    records: Mapping[str, Mapping[str, Record]]
    conflicts: Mapping[str, Mapping[str, Record]]
    repeated: frozenset[str]
    unreadable: frozenset[str]
    incomplete: frozenset[str]
    outcomes: pd.DataFrame

    def damaged(self, resource: str) -> bool:
        """Tell whether records of a resource may have been lost with a file that could not be read."""
        return not self.unreadable.isdisjoint((resource, ""))


def joined(parts: Sequence[Found]) -> Export:
    """Put the records of all files together: several pages of a resource, records given several times."""
    records: dict[str, dict[str, Record]] = {}
    conflicts: dict[str, dict[str, Record]] = {}
    repeated: set[str] = set()
    for resource, given in (section for part in parts for section in part.sections):
        known = records.setdefault(resource, {})
        for record in given:
            first = known.setdefault(record["id"], record)
            if first != record:
                conflicts.setdefault(resource, {})[record["id"]] = first
            elif first is not record and resource == "orders":
                repeated.add(record["id"])
    for resource, versions in conflicts.items():
        for identifier in versions:
            del records[resource][identifier]
    return Export(
        records=records,
        conflicts=conflicts,
        repeated=frozenset(repeated - conflicts.get("orders", {}).keys()),
        unreadable=frozenset().union(*(part.unreadable for part in parts)),
        incomplete=frozenset().union(*(part.incomplete for part in parts)),
        outcomes=together(outcomes for part in parts for outcomes in part.outcomes),
    )

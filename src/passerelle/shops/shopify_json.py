"""Shopify orders, refunds and transactions as its REST and GraphQL APIs give them, saved as JSON files.

GraphQL objects are given the names of REST first (``shopMoney`` of each amount), so that both are read alike. What each
field becomes is in docs/shops/shopify.md.

Source: facts/shops § 3, § 13; spec ORD-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.model.orders import (
    ADDRESSES,
    ORDER_ALLOWANCES,
    ORDER_CHARGES,
    ORDER_LINES,
    ORDER_TAXES,
    ORDERS,
    PARTIES,
    PAYMENTS,
    SalesOrders,
    no_orders,
)
from passerelle.outcome import together
from passerelle.shops.buyer_numbers import buyer_numbers
from passerelle.shops.cells import LARGEST_RATE, Problems, too_large
from passerelle.shops.export import ExportFile, ReadOptions, order_key
from passerelle.shops.json_records import (
    Object,
    Records,
    UnreadableError,
    each_once,
    identity,
    numbered,
    once,
    shown,
    take_all,
    unused,
)
from passerelle.shops.shopify_terms import paid_total, status_of
from passerelle.shops.tables import (
    by_order,
    explained_refunds,
    filled,
    first_filled,
    looked_up,
    ranked,
    share_of_lines,
    whole_payments,
    without,
)

PLATFORM = "Shopify"

_FIELDS_OF = {
    "orders": {"line_items"},
    "refunds": {"refund_line_items"},
    "transactions": {"kind", "amount", "order_id"},
}
"""The fields that tell what an object is."""
_REST_NAMES = {
    "currency_code": "currency",
    "display_financial_status": "financial_status",
    "country_code_v2": "country_code",
    "original_unit_price": "price",
    "original_price": "price",
    "allocated_amount": "amount",
    "custom_attributes": "note_attributes",
    "key": "name",
}


def read(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read JSON files, not packed. See ``passerelle.shops.export.OrderReader``."""
    given = _Given()
    unreadable = take_all(files, PLATFORM, given.take)
    if not (given.orders or given.refunds or given.transactions):
        return no_orders(together([unreadable, *given.remarks]))
    records, repeated = once(given.orders, options.shop)
    problems = Problems()
    keys = pd.Series([order_key(options.shop, identity(record)) for record in records], dtype="str")
    orders = Records(records, keys, problems)
    tables = _tables(orders, given, options)
    remarks = [unreadable, *given.remarks, repeated, problems.outcomes()]
    sales = SalesOrders(**tables, outcomes=together(remarks))
    return without(sales, problems.refused()).check()


@dataclass(slots=True)
class _Given:
    """What all files hold."""

    orders: list[Object] = field(default_factory=list)
    refunds: list[Object] = field(default_factory=list)
    transactions: list[Object] = field(default_factory=list)
    remarks: list[pd.DataFrame] = field(default_factory=list)

    def take(self, name: str, content: Any) -> None:
        """Take in what one file holds.

        Raises:
            UnreadableError: it holds an error of the shop.
        """
        content = content_of(content)
        taken = False
        for items in _lists(content):
            kind = next((kind for kind in _FIELDS_OF if any(_is(kind, one) for one in items)), "")
            if kind:
                kept, remark = numbered(items, name, kind)
                getattr(self, kind).extend(kept)
                self.remarks.append(remark)
                taken = True
        if not taken and any(_lists(content)):
            self.remarks.append(unused(name, content))


def content_of(document: Any) -> Any:
    """Give what a document says, GraphQL's under the names of REST.

    Raises:
        UnreadableError: it holds an error of the shop.
    """
    if isinstance(document, dict) and document.get("errors"):
        raise UnreadableError("export-webservice-error", shown(document["errors"]))
    return as_rest(document["data"]) if isinstance(document, dict) and "data" in document else document


def _is(kind: str, item: Any) -> bool:
    return isinstance(item, dict) and _FIELDS_OF[kind] <= item.keys()


def _lists(content: Any) -> list[list[Any]]:
    """Give the lists of objects that a document may hold: itself, or what stands under its keys."""
    if isinstance(content, list):
        return [content]
    if not isinstance(content, dict) or any(_is(kind, content) for kind in _FIELDS_OF):
        return [[content]]
    return [one if isinstance(one, list) else [one] for one in content.values()]


def as_rest(value: Any) -> Any:
    """Give a GraphQL value the shape and the names that REST has."""
    if isinstance(value, str):
        return re.sub(r"^gid://shopify/\w+/(\d+).*$", r"\1", value)
    if isinstance(value, list):
        return [as_rest(one) for one in value]
    return _object_as_rest(value) if isinstance(value, dict) else value


def _object_as_rest(value: Object) -> Any:
    money_, nodes, edges = (value.get(name) for name in ("shopMoney", "nodes", "edges"))
    if isinstance(money_, dict):
        return money_.get("amount")
    if isinstance(nodes, list):
        return as_rest(nodes)
    if isinstance(edges, list):
        return [as_rest(edge.get("node") if isinstance(edge, dict) else edge) for edge in edges]
    renamed = {_rest_name(name): as_rest(one) for name, one in value.items()}
    if isinstance(codes := renamed.get("discount_codes"), list):
        renamed["discount_codes"] = [{"code": code} if isinstance(code, str) else code for code in codes]
    if "shipping_line" in renamed and "shipping_lines" not in renamed:
        renamed["shipping_lines"] = [renamed["shipping_line"]] if renamed["shipping_line"] else []
    return renamed


def _rest_name(name: str) -> str:
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().removesuffix("_set")
    return _REST_NAMES.get(snake, snake)


def _tables(orders: Records, given: _Given, options: ReadOptions) -> dict[str, pd.DataFrame]:
    includes_tax = orders.flag("taxes_included").set_axis(orders.keys)
    taxes = _order_taxes(orders)
    common = _common_taxes(orders, taxes)
    lines = _lines(orders, includes_tax, common)
    charges = _shipping(orders, includes_tax, common)
    payments = _payments(orders, given.transactions, options)
    header = _header(orders, payments, options)
    refunds, refund_lines = _refunds(orders, given.refunds, lines, includes_tax, options)
    return {
        "orders": ORDERS.conform(header),
        "lines": ORDER_LINES.conform(lines),
        "charges": ORDER_CHARGES.conform(charges[charges["charged"] != 0].reset_index(drop=True)),
        "allowances": _allowances(orders, lines, charges, includes_tax),
        "taxes": ORDER_TAXES.conform(taxes),
        "payments": by_order(PAYMENTS, [payments, whole_payments(header, payments)], orders.keys),
        "refunds": refunds,
        "refund_lines": refund_lines,
        "parties": _parties(orders, header),
        "addresses": _addresses(orders),
    }


def _header(orders: Records, payments: pd.DataFrame, options: ReadOptions) -> pd.DataFrame:
    """Give the orders table, undeclared columns included."""
    order_id, name = orders.text("id"), orders.text("name")
    currency = orders.text("currency", required=True)
    shop_currency = currency.mask(currency != "", options.shop_currency) if options.shop_currency else currency
    total = orders.number("total_price", required=True)
    status = status_of(orders.text("financial_status"), orders.text("cancelled_at") != "")
    customer = orders.part("customer").text("id")
    shipping = orders.each("shipping_lines")
    first = shipping.only(shipping.position == 1)
    received = payments.groupby("order_key")["amount"].sum().reindex(orders.keys).reset_index(drop=True).astype("Int64")
    by_status = paid_total(total, orders.text("financial_status"), orders.number("total_outstanding"))
    first_paid = payments.groupby("order_key")["paid_at"].min().reindex(orders.keys).reset_index(drop=True)
    return pd.DataFrame(
        {
            "order_key": orders.keys,
            "shop": options.shop,
            "order_id": order_id,
            "order_reference": first_filled(name, order_id),
            "status": status,
            "created_at": orders.time("created_at", options.time_zone, required=True),
            "updated_at": orders.time("updated_at", options.time_zone),
            "paid_at": first_paid,
            "is_guest": customer == "",
            "customer_id": customer.where(customer != "", order_id),
            "customer_key": options.shop + "/" + customer.where(customer != "", "order-" + order_id),
            "currency": currency,
            "shop_currency": shop_currency,
            # Amounts are those of ``shopMoney``; the buyer's own currency has no rate in the export.
            "currency_rate": pd.Series(money.ONE, orders.keys.index, dtype="Int64").where(currency == shop_currency),
            "prices_include_tax": orders.flag("taxes_included"),
            "charged_total": total.fillna(0),
            "charged_total_excl": total - orders.number("total_tax"),
            "paid_total": received.fillna(by_status),
            "payment_mode": first_filled(orders.joined("payment_gateway_names"), orders.text("gateway")),
            "carrier_id": looked_up(orders.keys, first.text("code").set_axis(first.keys)),
            "carrier": looked_up(orders.keys, first.text("title").set_axis(first.keys)),
            "note": orders.text("note"),
        }
    )


def _order_taxes(orders: Records) -> pd.DataFrame:
    taxes = orders.each("tax_lines")
    return pd.DataFrame(
        {
            "order_key": taxes.keys,
            "tax_name": taxes.text("title"),
            "tax_rate": _rate(taxes),
            "tax_amount": taxes.number("price", required=True).fillna(0),
        }
    )


def _common_taxes(orders: Records, order_taxes: pd.DataFrame) -> pd.DataFrame:
    """Give the tax that all of an order has: none where it is untaxed, its only one where it has one.

    Returns:
        ``tax_rate`` and ``tax_name`` by order key; an order with several taxes is not in it.
    """
    untaxed = pd.DataFrame({"tax_rate": 0, "tax_name": ""}, index=orders.keys[orders.number("total_tax") == 0])
    alone = order_taxes.drop_duplicates("order_key", keep=False).set_index("order_key")[["tax_rate", "tax_name"]]
    return pd.concat([untaxed, alone[~alone.index.isin(untaxed.index)]])


def _rate(taxes: Records) -> pd.Series:
    """Give the rate of tax lines in percent; the export has it as a fraction."""
    fraction = taxes.number("rate", most=LARGEST_RATE // 100)
    return (fraction * 100).fillna(taxes.number("rate_percentage", most=LARGEST_RATE))


def _lines(orders: Records, includes_tax: pd.Series, common: pd.DataFrame) -> pd.DataFrame:
    """Give the lines, undeclared column ``discount`` included."""
    items = each_once(orders.each("line_items", required=True))
    quantity = items.number("quantity", required=True).fillna(0)
    price = items.number("price", required=True).fillna(0)
    beyond = too_large(price, quantity)
    items.say_wrong("quantity", beyond, items.text("quantity"))
    price = price.mask(beyond, 0)
    gross = pd.Series(money.product(price, quantity, money.SCALE), price.index, dtype="Int64")
    discount = _allocated(items).fillna(items.number("total_discount")).fillna(0)
    net = _sides(gross - discount, items, includes_tax, common)
    name, title = items.text("name"), items.text("title")
    undiscounted = discount == 0
    known = items.keys.map(includes_tax).astype(bool)
    return pd.DataFrame(
        {
            "order_key": items.keys,
            "line_id": items.text("id"),
            "position": items.position,
            "reference": items.text("sku"),
            "label": first_filled(name, title),
            "quantity": quantity,
            "gross_excl": gross.where(~known, net["excl"].where(undiscounted)),
            "gross_incl": gross.where(known, net["incl"].where(undiscounted)),
            "net_excl": net["excl"],
            "net_incl": net["incl"],
            "tax_rate": net["tax_rate"],
            "tax_name": net["tax_name"],
            "discount": discount,
        }
    )


def _shipping(orders: Records, includes_tax: pd.Series, common: pd.DataFrame) -> pd.DataFrame:
    """Give the shipping charges, undeclared columns ``charged`` and ``discount`` included."""
    items = orders.each("shipping_lines")
    items = items.only(~items.flag("is_removed"))
    price = items.number("price", required=True)
    charged = items.number("discounted_price").fillna(price - _allocated(items).fillna(0)).fillna(0)
    sides = _sides(charged, items, includes_tax, common)
    return pd.DataFrame(
        {
            "order_key": items.keys,
            "position": items.keys.groupby(items.keys).cumcount() + 1,
            "kind": "shipping",
            "label": items.text("title"),
            "amount_excl": sides["excl"],
            "amount_incl": sides["incl"],
            "tax_rate": sides["tax_rate"],
            "tax_name": sides["tax_name"],
            "charged": charged,
            "discount": price - charged,
        }
    )


def _allocated(items: Records) -> pd.Series:
    """Give the discount that was allocated to each item; missing where the export has no allocations."""
    shares = items.each("discount_allocations")
    summed = shares.number("amount").fillna(0).groupby(shares.parent).sum()
    return summed.reindex(range(len(items)), fill_value=0).astype("Int64").where(items.has("discount_allocations"))


def _sides(known: pd.Series, items: Records, includes_tax: pd.Series, common: pd.DataFrame) -> pd.DataFrame:
    """Give amounts with and without tax, of which the shop's setting says which one is given.

    The other comes from the amounts of the item's own tax lines; of an export without those it is left missing, and
    the rate is the order's if it has one only.

    Returns:
        ``excl``, ``incl`` (``Int64``), ``tax_rate``, ``tax_name``; same rows as ``items``.
    """
    lines = items.each("tax_lines")
    amounts = {"rate": _rate(lines), "price": lines.number("price", required=True), "name": lines.text("title")}
    taxes = pd.DataFrame({"item": lines.parent, **amounts}).groupby("item")
    told = items.has("tax_lines") | pd.Series([row.get("taxable") is False for row in items.rows], dtype="bool")
    rows = range(len(items))
    tax = taxes["price"].sum().reindex(rows, fill_value=0).astype("Int64").where(told)
    rate = taxes["rate"].sum(skipna=False).reindex(rows, fill_value=0).astype("Int64").where(told)
    names = taxes["name"].agg(" + ".join).reindex(rows)
    includes = items.keys.map(includes_tax).astype(bool)
    return pd.DataFrame(
        {
            "excl": known - tax.where(includes, 0),
            "incl": known + tax.mask(includes, 0),
            "tax_rate": rate.fillna(items.keys.map(common["tax_rate"]).astype("Int64")),
            "tax_name": names.mask(~told, items.keys.map(common["tax_name"])).fillna("").astype("str"),
        }
    )


def _allowances(orders: Records, lines: pd.DataFrame, charges: pd.DataFrame, includes_tax: pd.Series) -> pd.DataFrame:
    """Give what the lines and the shipping do not have of an order's discounts; nothing in exports since 2018."""
    allocated = pd.concat([lines, charges]).groupby("order_key")["discount"].sum()
    total = orders.number("total_discounts").fillna(0).set_axis(orders.keys)
    rest = total - allocated.reindex(orders.keys).fillna(0)
    rest = rest[rest > 0]
    codes = orders.each("discount_codes")
    code = pd.DataFrame(
        {"order_key": codes.keys, "label": codes.text("code"), "other": codes.text("type") != "shipping"}
    )
    code = code[codes.keys.isin(rest.index)].groupby("order_key").agg({"label": " + ".join, "other": "any"})
    code = code.reindex(rest.index)
    known = includes_tax.loc[rest.index]
    return ORDER_ALLOWANCES.conform(
        pd.DataFrame(
            {
                "order_key": rest.index,
                "position": 1,
                "target": np.where(code["other"].eq(other=False), "shipping", "lines"),
                "label": code["label"].fillna("").to_numpy(),
                "amount_excl": rest.mask(known).to_numpy(),
                "amount_incl": rest.where(known).to_numpy(),
            }
        )
    )


def _payments(orders: Records, given: Iterable[Object], options: ReadOptions) -> pd.DataFrame:
    """Give the payments that went through, from transactions of the order or of a file of their own."""
    nested = orders.each("transactions")
    known = set(orders.keys)
    keyed = [(order_key(options.shop, identity(one, "order_id")), one) for one in given]
    of_files = [(key, one) for key, one in keyed if key in known]
    _say_strangers(orders, "transactions", (key for key, _ in keyed if key not in known))
    keys = pd.Series([*nested.keys, *(key for key, _ in of_files)], dtype="str")
    rows = [*nested.rows, *(one for _, one in of_files)]
    all_ = Records(rows, keys, orders.problems, place="transactions.")
    done = all_.text("kind").str.lower().isin(["sale", "capture"]) & (all_.text("status").str.lower() == "success")
    paid = all_.only(done & ~pd.DataFrame({"key": keys, "id": all_.text("id")}).duplicated())
    payments = pd.DataFrame(
        {
            "order_key": paid.keys,
            "payment_mode": paid.text("gateway"),
            "amount": paid.number("amount", required=True).fillna(0),
            "paid_at": paid.time("processed_at", options.time_zone).fillna(paid.time("created_at", options.time_zone)),
            "transaction_id": first_filled(paid.text("authorization"), paid.text("id")),
        }
    )
    own = paid.text("currency").isin([""]) | (paid.text("currency") == _of_orders(orders, "currency", paid.keys))
    _say_other_currency(orders, paid, ~own)
    payments = by_order(PAYMENTS, [payments[own]], orders.keys)
    return ranked(payments)


def _say_strangers(orders: Records, kind: str, keys: Iterable[str]) -> None:
    orders.problems.say("export-order-missing", pd.Series(sorted(set(keys)), dtype="str"), field=kind)


def _of_orders(orders: Records, name: str, keys: pd.Series) -> pd.Series:
    """Give a text of the order of each key."""
    return looked_up(keys, orders.text(name).set_axis(orders.keys))


def _say_other_currency(orders: Records, paid: Records, other: pd.Series) -> None:
    orders.problems.say(
        "payment-other-currency",
        paid.keys[other],
        field="transactions.currency",
        value=paid.text("currency")[other],
        amount=paid.text("amount")[other],
    )


def _parties(orders: Records, header: pd.DataFrame) -> pd.DataFrame:
    """Give each buyer once, as the latest order has them."""
    customer, billing = orders.part("customer"), orders.part("billing_address")
    email, phone = orders.text("email"), orders.text("phone")
    buyers = pd.DataFrame(
        {
            **header[["customer_key", "shop", "customer_id", "is_guest"]],
            "first_name": first_filled(customer.text("first_name"), billing.text("first_name")),
            "last_name": first_filled(customer.text("last_name"), billing.text("last_name"), billing.text("name")),
            "company": billing.text("company"),
            "email": first_filled(email, customer.text("email")),
            "phone": first_filled(phone, customer.text("phone"), billing.text("phone")),
            "language": orders.text("customer_locale").str.slice(0, 2).str.lower(),
            **buyer_numbers(orders.each("note_attributes"), orders.keys),
        }
    )
    return PARTIES.conform(buyers.drop_duplicates("customer_key", keep="last", ignore_index=True))


def _addresses(orders: Records) -> pd.DataFrame:
    parts = []
    for field_, kind in (("billing_address", "billing"), ("shipping_address", "delivery")):
        part = orders.part(field_)
        parts.append(filled(address_of(part), part.keys, kind))
    return by_order(ADDRESSES, parts, orders.keys)


def address_of(part: Records) -> pd.DataFrame:
    """Give addresses, of orders or accounts; same rows."""
    last_name = part.text("last_name")
    nameless = (last_name == "") & (part.text("first_name") == "")
    return pd.DataFrame(
        {
            "first_name": part.text("first_name"),
            "last_name": last_name.mask(nameless, part.text("name")),
            "company": part.text("company"),
            "line_1": part.text("address1"),
            "line_2": part.text("address2"),
            "postcode": part.text("zip"),
            "city": part.text("city"),
            "state": first_filled(part.text("province_code"), part.text("province")),
            "country": part.text("country_code"),
            "phone": part.text("phone"),
        }
    )


def _refunds(
    orders: Records, given: Sequence[Object], lines: pd.DataFrame, includes_tax: pd.Series, options: ReadOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give refunds and their lines.

    The amount is what the refund's transactions gave back; of one that gave no money back (a line taken out of an
    order, a transaction that is pending), what its lines come to.
    """
    refunds = _refund_records(orders, given, options)
    transactions = refunds.each("transactions")
    gave = transactions.text("kind").str.lower().eq("refund") & transactions.text("status").str.lower().eq("success")
    currency = transactions.text("currency")
    own = (currency == "") | (currency == _of_orders(orders, "currency", transactions.keys))
    given_back = transactions.only(gave & own)
    amounts = given_back.number("amount", required=True).groupby(given_back.parent).sum()
    paid = amounts.reindex(range(len(refunds))).astype("Int64")
    told = refunds.has("transactions") & ~paid.index.isin(transactions.only(gave & ~own).parent)
    table = pd.DataFrame(
        {
            "order_key": refunds.keys,
            "refund_id": refunds.text("id", required=True),
            "refunded_at": refunds.time("created_at", options.time_zone),
            "amount_incl": paid,
            "paid_total": paid.fillna(0).where(told),
            "reason": refunds.text("note"),
        }
    )
    parts = [_refunded_lines(refunds, lines, includes_tax), _refunded_shipping(refunds)]
    return explained_refunds(table, parts, orders.keys)


def _refund_records(orders: Records, given: Sequence[Object], options: ReadOptions) -> Records:
    """Give the refunds that the orders hold, then those of files of their own that they do not hold."""
    nested = orders.each("refunds")
    rank = {key: place for place, key in enumerate(orders.keys)}
    by_id = {(key, identity(row)): row for key, row in zip(nested.keys, nested.rows, strict=True)}
    keyed = [(order_key(options.shop, identity(one, "order_id")), one) for one in given]
    _say_strangers(orders, "refunds", (key for key, _ in keyed if key not in rank))
    for key, one in keyed:
        if key in rank:
            by_id.setdefault((key, identity(one)), one)
    places = sorted(by_id, key=lambda place: (rank[place[0]], place[1].zfill(20)))
    keys = pd.Series([key for key, _ in places], dtype="str")
    return Records([by_id[place] for place in places], keys, orders.problems, place="refunds.")


def _refunded_lines(refunds: Records, lines: pd.DataFrame, includes_tax: pd.Series) -> pd.DataFrame:
    """Give the lines given back; an amount the refund does not tell is the line's share by quantity."""
    items = refunds.each("refund_line_items")
    quantity = items.number("quantity", required=True).fillna(0)
    subtotal, tax = items.number("subtotal"), items.number("total_tax").fillna(0)
    line_id = first_filled(items.text("line_item_id"), items.part("line_item").text("id"))
    share = share_of_lines(lines, items.keys, line_id, quantity)
    includes = items.keys.map(includes_tax).astype(bool)
    return pd.DataFrame(
        {
            "order_key": items.keys,
            "refund_id": _refund_ids(refunds, items),
            "line_id": line_id,
            "kind": "article",
            "quantity": quantity,
            "amount_excl": (subtotal - tax.where(includes, 0)).fillna(share["amount_excl"]),
            "amount_incl": (subtotal + tax.mask(includes, 0)).fillna(share["amount_incl"]),
            "tax_rate": share["tax_rate"],
        }
    )


def _refund_ids(refunds: Records, items: Records) -> pd.Series:
    """Give of each item of refunds the refund's id."""
    return refunds.text("id").reindex(items.parent).reset_index(drop=True)


def _refunded_shipping(refunds: Records) -> pd.DataFrame:
    """Give the shipping given back; the export has it negative, without tax beside its tax."""
    items = refunds.each("order_adjustments")
    about = items.text("kind").str.lower() + " " + items.text("reason").str.lower()
    items = items.only(about.str.contains("shipping"))
    excl = -items.number("amount", required=True)
    return pd.DataFrame(
        {
            "order_key": items.keys,
            "refund_id": _refund_ids(refunds, items),
            "kind": "shipping",
            "amount_excl": excl,
            "amount_incl": excl - items.number("tax_amount").fillna(0),
            "quantity": money.ONE,
        }
    )

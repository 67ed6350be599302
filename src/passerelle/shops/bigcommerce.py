"""BigCommerce orders as its APIs give them, saved as JSON files: v2 orders with their parts, v3 payments and refunds.

An order and its parts (products, delivery addresses, taxes, coupons, fees, transactions, refunds) are answers of their
own; they are put together by ``order_id``, or stand in the order. What each field becomes is in
docs/shops/bigcommerce.md.

Source: facts/shops § 5; spec ORD-8, ORD-31, ORD-73.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.model.orders import (
    ADDRESSES,
    MESSAGES,
    ORDER_ALLOWANCES,
    ORDER_CHARGES,
    ORDER_LINES,
    ORDER_TAXES,
    ORDERS,
    PARTIES,
    PAYMENTS,
    SalesOrders,
)
from passerelle.shops.buyer_numbers import buyer_numbers
from passerelle.shops.cells import LARGEST_RATE, combined_rate
from passerelle.shops.export import ExportFile, ReadOptions, of_file
from passerelle.shops.json_records import (
    Object,
    Records,
    UnreadableError,
    attached,
    each_once,
    identity,
    numbered,
    read_documents,
    shown,
    unused,
)
from passerelle.shops.tables import (
    by_order,
    explained_refunds,
    filled,
    first_filled,
    looked_up,
    ranked,
    share_of_lines,
    shipping_rates,
    whole_payments,
)

HANDLING = "Frais de traitement"
"""Label of the handling cost, which has none in the shop."""
WRAPPING = "Emballage cadeau"
"""Label of the gift wrapping of all lines together."""

_FIELDS_OF = {
    "orders": {"status_id", "customer_id"},
    "products": {"product_id", "quantity", "base_price"},
    "shipping_addresses": {"street_1", "items_total"},
    "taxes": {"rate", "priority"},
    "coupons": {"coupon_id", "code"},
    "fees": {"base_cost", "cost_inc_tax"},
    "messages": {"subject", "message"},
    "transactions": {"event", "amount"},
    "refunds": {"total_amount", "payments"},
}
"""The fields that tell what a record is."""
_PARTS = [kind for kind in _FIELDS_OF if kind != "orders"]
_CREDITS = {"gift_certificate": "gift_certificate_amount", "store_credit": "store_credit_amount"}
"""Payments that stand in the order itself: BigCommerce's method of their transaction, and the order's field."""
_PAID = ("captured", "paid", "refunded", "partially refunded")
_UNPAID = ("authorized", "declined", "pending", "void", "void pending", "capture pending", "held for review")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC_2822 = re.compile(r"(?:\w{3}, )?(\d{1,2}) (\w{3}) (\d{4}) (\d\d:\d\d:\d\d) ([+-]\d{4})")
_CENT = money.ONE // 100


def read_orders(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read BigCommerce orders with their parts, payments and refunds.

    Returns:
        See ``passerelle.shops.export.OrderReader``.
    """
    given = _Given()
    return read_documents("BigCommerce", files, options, given, lambda orders: _tables(orders, given, options))


@dataclass(slots=True)
class _Given:
    """What all files hold: orders, and the parts of orders with the id of their order."""

    orders: list[Object] = field(default_factory=list)
    parts: dict[str, list[tuple[str, Object]]] = field(default_factory=lambda: {kind: [] for kind in _PARTS})
    remarks: list[pd.DataFrame] = field(default_factory=list)

    def take(self, name: str, content: Any) -> None:
        """Take in what one file holds.

        Raises:
            UnreadableError: it holds an error of the shop.
        """
        taken = empty = False
        for order_id, records in _lists(content):
            first = next((record for record in records if isinstance(record, dict)), {})
            if "status" in first and "id" not in first and (text := first.get("message") or first.get("title")):
                raise UnreadableError("export-webservice-error", shown(text))
            kind = next((kind for kind in map(_kind, records) if kind), "")
            empty = empty or not records
            if kind:
                taken = True
                kept, remark = numbered(records, name, kind)
                self.remarks.append(remark)
                self._keep(name, kind, kept, order_id)
        if not (taken or empty):
            self.remarks.append(unused(name, content))

    def _keep(self, name: str, kind: str, records: list[Object], order_id: str) -> None:
        if kind == "orders":
            self.orders += [_with_iso_dates(record) for record in records]
            return
        placed = [(identity(record, "order_id") or order_id, record) for record in records]
        self.parts[kind] += [(of, record) for of, record in placed if of]
        if lost := sum(not of for of, _ in placed):
            self.remarks.append(of_file("records-without-order", name, value=kind, count=lost))


def _lists(content: Any) -> Iterator[tuple[str, list[Any]]]:
    """Give the lists of records that a document may hold, each with the id of its order where it tells."""
    if isinstance(content, dict) and "data" in content:
        content = content["data"]
    if isinstance(content, list):
        yield "", content
    elif not isinstance(content, dict) or _kind(content):
        yield "", [content]
    elif isinstance(fees := content.get("fees"), list):
        yield "", fees
    elif content and all(name.isdecimal() for name in content):
        for order_id, inner in content.items():
            for _, records in _lists(inner):
                yield order_id, records
    else:
        yield "", [content]


def _kind(record: Any) -> str:
    """Tell what a record is; empty where it is nothing that orders need."""
    if not isinstance(record, dict):
        return ""
    return next((kind for kind, fields in _FIELDS_OF.items() if fields <= record.keys()), "")


def _with_iso_dates(order: Object) -> Object:
    """Write the dates of an order, which v2 writes as e-mails do, as all else does."""
    dates = {name: order.get(name) for name in ("date_created", "date_modified")}
    return {**order, **{name: _iso(date) for name, date in dates.items() if isinstance(date, str)}}


def _iso(text: str) -> str:
    found = _RFC_2822.fullmatch(text.strip())
    if found is None or found[2] not in _MONTHS:
        return text
    return f"{found[3]}-{_MONTHS.index(found[2]) + 1:02}-{int(found[1]):02}T{found[4]}{found[5]}"


def _tables(orders: Records, given: _Given, options: ReadOptions) -> dict[str, pd.DataFrame]:
    parts = {kind: attached(orders, given.parts[kind], kind, options.shop, _nested(orders, kind)) for kind in _PARTS}
    _say_missing(orders, parts)
    fees = _fees(parts["fees"])
    side = _exact_side(orders, fees)
    taxes = _taxes(parts["taxes"])
    places = parts["shipping_addresses"]
    lines, rest = _lines(orders, parts["products"], places, taxes, side)
    charges = ranked(by_order(ORDER_CHARGES, [*_charges(orders, places, taxes), fees], orders.keys))
    moved = _transactions(orders, parts["transactions"], options)
    credits_ = _credits(orders, moved)
    header = _header(orders, places, moved, credits_, side, options)
    refunds, refund_lines = _refunds(orders, parts["refunds"], lines, charges, options)
    return {
        "orders": ORDERS.conform(header),
        "lines": ORDER_LINES.conform(lines),
        "charges": charges,
        "allowances": _allowances(rest, parts["coupons"], side),
        "taxes": by_order(ORDER_TAXES, [taxes], orders.keys),
        "payments": ranked(by_order(PAYMENTS, [moved, _untold(header, moved, credits_), credits_], orders.keys)),
        "refunds": refunds,
        "refund_lines": refund_lines,
        "parties": _parties(orders, header),
        "addresses": _addresses(orders, places),
        "messages": _messages(orders, parts["messages"], options),
    }


def _nested(orders: Records, kind: str) -> Records | None:
    """Give the parts that stand in the orders; most orders have a link to them instead."""
    lists = pd.Series([isinstance(row.get(kind), list) for row in orders.rows], dtype="bool")
    return orders.only(lists).each(kind) if lists.any() else None


def _say_missing(orders: Records, parts: dict[str, Records]) -> None:
    """Refuse the orders of which products or delivery addresses are not given."""
    embedded = pd.Series([isinstance(row.get("products"), list) for row in orders.rows], dtype="bool")
    places = parts["shipping_addresses"].keys.value_counts().reindex(orders.keys).fillna(0).array * money.ONE
    lacking = {
        "products": ~embedded & ~orders.keys.isin(parts["products"].keys),
        "shipping_addresses": orders.number("shipping_address_count").fillna(0) > places,
    }
    for kind, is_lacking in lacking.items():
        orders.problems.say("export-file-missing", orders.keys[is_lacking], field=kind)


def _address_ids(items: Records, places: Records, name: str) -> pd.Series:
    """Give the address that each item goes to, where its order has several (ORD-73)."""
    several = items.keys.isin(places.keys[places.keys.duplicated()])
    wanted = items.text(name).where(several, "")
    known = pd.MultiIndex.from_arrays([items.keys, wanted]).isin(
        pd.MultiIndex.from_arrays([places.keys, places.text("id")])
    )
    lost = several & ~known
    items.problems.say("export-record-missing", items.keys[lost], field="shipping_addresses", value=wanted[lost])
    return wanted


def _exact_side(orders: Records, fees: pd.DataFrame) -> pd.Series:
    """Tell which family of amounts is exact, the other being an estimate: ``inc`` or ``ex``.

    The order says so; of an older one that does not, it is the family that adds up to the order's total.
    """
    discounts = _discounts(orders)
    fits = {}
    for side, column in (("inc", "amount_incl"), ("ex", "amount_excl")):
        names = ("subtotal", "shipping_cost", "handling_cost", "wrapping_cost")
        parts = sum((orders.number(f"{name}_{side}_tax").fillna(0) for name in names), -discounts)
        fee = fees.groupby("order_key")[column].sum().reindex(orders.keys).fillna(0).array
        fits[side] = (parts + fee - orders.number(f"total_{side}_tax").fillna(0)).abs() <= _CENT
    told = orders.has("is_tax_inclusive_pricing")
    inclusive = orders.flag("is_tax_inclusive_pricing").where(told, fits["inc"])
    unclear = ~told & ~fits["inc"] & ~fits["ex"]
    orders.problems.say(
        "exact-amounts-unclear",
        orders.keys[unclear],
        field="is_tax_inclusive_pricing",
        inc=orders.text("total_inc_tax")[unclear],
        ex=orders.text("total_ex_tax")[unclear],
    )
    return pd.Series(np.where(inclusive, "inc", "ex"), orders.keys, dtype="str")


def _discounts(orders: Records) -> pd.Series:
    return orders.number("discount_amount").fillna(0) + orders.number("coupon_discount").fillna(0)


def _sides(records: Records, name: str, *, required: bool = False) -> tuple[pd.Series, pd.Series]:
    """Give an amount without and with tax, as told."""
    return (
        records.number(f"{name}_ex_tax", required=required),
        records.number(f"{name}_inc_tax", required=required),
    )


def _header(
    orders: Records,
    places: Records,
    moved: pd.DataFrame,
    credits_: pd.DataFrame,
    side: pd.Series,
    options: ReadOptions,
) -> pd.DataFrame:
    """Give the orders table, undeclared columns included."""
    order_id, customer = orders.text("id"), orders.text("customer_id")
    is_guest = customer.isin(["", "0"])
    currency = first_filled(orders.text("default_currency_code"), orders.text("currency_code"))
    orders.problems.say("export-value-missing", orders.keys[currency == ""], field="default_currency_code")
    own = first_filled(orders.text("store_default_currency_code"), currency)
    shop_currency = own.mask(currency != "", options.shop_currency) if options.shop_currency else own
    rate = orders.number("store_default_to_transactional_exchange_rate").where(shop_currency == own)
    total = orders.number("total_inc_tax", required=True)
    received = _summed(moved, orders.keys) + _summed(credits_, orders.keys).fillna(0)
    first_paid = moved.groupby("order_key")["paid_at"].min().reindex(orders.keys)
    method = places.text("shipping_method").set_axis(places.keys)
    return pd.DataFrame(
        {
            "order_key": orders.keys,
            "shop": options.shop,
            "order_id": order_id,
            "order_reference": order_id,
            "status": orders.text("status").mask(orders.flag("is_deleted"), "Deleted"),
            "created_at": orders.time("date_created", options.time_zone, required=True),
            "updated_at": orders.time("date_modified", options.time_zone),
            "paid_at": first_paid.array,
            "is_guest": is_guest,
            "customer_id": customer.where(~is_guest, order_id),
            "customer_key": options.shop + "/" + customer.where(~is_guest, "order-" + order_id),
            "currency": currency,
            "shop_currency": shop_currency,
            "currency_rate": rate.mask((currency == shop_currency) & (currency != ""), money.ONE),
            "prices_include_tax": (side == "inc").array,
            "charged_total": total.fillna(0),
            "charged_total_excl": orders.number("total_ex_tax"),
            "paid_total": received.fillna(_paid_by_status(orders, total)),
            "payment_mode": orders.text("payment_method"),
            "carrier": looked_up(orders.keys, method[~method.index.duplicated()]),
            "note": orders.text("customer_message"),
        }
    )


def _paid_by_status(orders: Records, total: pd.Series) -> pd.Series:
    """Give what was paid by the payment status; missing where that does not tell, as with manual payments."""
    status = orders.text("payment_status").str.lower()
    return total.where(status.isin(_PAID)).mask(status.isin(_UNPAID), 0)


def _taxes(records: Records) -> pd.DataFrame:
    """Give the tax rows as told, undeclared columns included; with ``details=true`` they are one per line and rate."""
    return pd.DataFrame(
        {
            "order_key": records.keys,
            "tax_name": records.text("name"),
            "tax_rate": records.number("rate", required=True, most=LARGEST_RATE),
            "tax_amount": records.number("line_amount").fillna(0),
            "priority": records.text("priority"),
            "tax_class": records.text("class"),
            "address_id": records.text("order_address_id"),
            "kind": records.text("line_item_type").str.lower(),
            "line_id": records.text("order_product_id").replace("0", ""),
        }
    )


def _combined(taxes: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Combine tax rows that fall on the same thing (ORD-31): ``tax_rate`` and ``tax_name`` by the columns."""
    distinct = taxes.drop_duplicates([*by, "tax_name", "tax_rate", "priority"])
    several = distinct.duplicated(by, keep=False)
    rows = [
        {
            **dict(zip(by, place, strict=True)),
            "tax_rate": combined_rate(rates["tax_rate"], rates["priority"].str.zfill(12)),
            "tax_name": " + ".join(rates["tax_name"]),
        }
        for place, rates in distinct[several].groupby(by)
    ]
    columns = [*by, "tax_rate", "tax_name"]
    joined = pd.concat([distinct.loc[~several, columns], pd.DataFrame(rows, columns=columns)]) if rows else distinct
    return joined[columns].astype({"tax_rate": "Int64"}).set_index(by)


def _line_taxes(taxes: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Give ``tax_rate`` and ``tax_name`` of each line.

    They are those of the line's own tax rows. Without such rows, they are those of its delivery address: the tax class
    that explains the line's two amounts, if it is one only. A line whose two amounts are the same has none.
    """
    own = _combined(taxes[(taxes["line_id"] != "") & taxes["kind"].isin(["", "item"])], ["order_key", "line_id"])
    found = own.reindex(pd.MultiIndex.from_frame(items[["order_key", "line_id"]])).set_axis(items.index)
    summed = taxes[(taxes["line_id"] == "") & taxes["kind"].isin(["", "item"])]
    by_class = _combined(summed, ["order_key", "address_id", "tax_class"]).reset_index()
    tried = items.reset_index().merge(by_class, on=["order_key", "address_id"])
    computed = money.including(tried["excl"].fillna(0), tried["tax_rate"].fillna(0), money.SCALE)
    near = (tried["incl"] - computed).abs() <= np.maximum(_CENT, tried["quantity"].abs() // 100)
    explained = tried[near.fillna(value=False)].drop_duplicates(["index", "tax_rate"])
    explained = explained.drop_duplicates("index", keep=False).set_index("index")[["tax_rate", "tax_name"]]
    untaxed = found["tax_rate"].isna() & (items["incl"] == items["excl"]) & (items["incl"] != 0)
    rate = found["tax_rate"].fillna(explained["tax_rate"].reindex(items.index))
    name = found["tax_name"].fillna(explained["tax_name"].reindex(items.index)).fillna("")
    return pd.DataFrame({"tax_rate": rate.mask(untaxed, 0), "tax_name": name.mask(untaxed, "").astype("str")})


def _lines(
    orders: Records, products: Records, places: Records, taxes: pd.DataFrame, side: pd.Series
) -> tuple[pd.DataFrame, pd.Series]:
    """Give the lines, and by order the discount that they do not have.

    The line's totals are before discounts. What its ``applied_discounts`` say is taken off the exact amount; the other
    one of a discounted line follows from the rate. Where they say more than the order deducts, they are not used.
    A part that was picked with a product has price 0 and stays a line: it leaves the stock.
    """
    items = each_once(products)
    excl, incl = _sides(items, "total", required=True)
    quantity = items.number("quantity", required=True).fillna(0)
    shares = items.each("applied_discounts")
    applied = shares.number("amount", required=True).fillna(0).groupby(shares.parent).sum()
    discount = applied.reindex(range(len(items)), fill_value=0).astype("Int64")
    deducted = _discounts(orders).set_axis(orders.keys)
    rest = deducted - discount.groupby(items.keys).sum().reindex(orders.keys).fillna(0)
    overdrawn = items.keys.map(rest < -_CENT).astype(bool)
    discount = discount.mask(overdrawn, 0)
    inclusive = items.keys.map(side) == "inc"
    line_id = items.text("id")
    columns = {"order_key": items.keys, "line_id": line_id, "address_id": items.text("order_address_id")}
    priced = pd.DataFrame({**columns, "excl": excl, "incl": incl, "quantity": quantity})
    tax = _line_taxes(taxes, priced)
    discounted = discount != 0
    lines = pd.DataFrame(
        {
            "order_key": items.keys,
            "line_id": line_id,
            "reference": items.text("sku"),
            "label": items.text("name"),
            "quantity": quantity,
            "gross_excl": excl.mask(discounted & inclusive),
            "gross_incl": incl.mask(discounted & ~inclusive),
            "net_excl": (excl - discount).mask(discounted & inclusive),
            "net_incl": (incl - discount).mask(discounted & ~inclusive),
            "tax_rate": tax["tax_rate"].fillna(_parent_rates(items, line_id, tax["tax_rate"])),
            "tax_name": tax["tax_name"],
            "parent_line_id": items.text("parent_order_product_id").replace("0", ""),
            "address_id": _address_ids(items, places, "order_address_id"),
        }
    )
    return ranked(lines), rest.mask(rest < -_CENT, deducted)


def _parent_rates(items: Records, line_id: pd.Series, rates: pd.Series) -> pd.Series:
    """Give of a line that belongs to another one that one's rate."""
    by_line = pd.Series(rates.array, pd.MultiIndex.from_arrays([items.keys, line_id]), dtype="Int64")
    parents = pd.MultiIndex.from_arrays([items.keys, items.text("parent_order_product_id")])
    return by_line[~by_line.index.duplicated()].reindex(parents).set_axis(rates.index)


def _allowances(rest: pd.Series, coupons: Records, side: pd.Series) -> pd.DataFrame:
    """Give the discount that the lines do not have."""
    rest = rest[rest > 0]
    code = coupons.text("code").groupby(coupons.keys).agg(" + ".join)
    inclusive = (side.reindex(rest.index) == "inc").array
    return ORDER_ALLOWANCES.conform(
        pd.DataFrame(
            {
                "order_key": rest.index,
                "position": 1,
                "target": "lines",
                "label": looked_up(pd.Series(rest.index), code).array,
                "amount_excl": rest.mask(inclusive).array,
                "amount_incl": rest.where(inclusive).array,
            }
        )
    )


def _charges(orders: Records, places: Records, taxes: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Give shipping, handling and gift wrapping that are not free.

    Shipping is charged by delivery address, where what the addresses cost is what the order charges.
    """
    excl, incl = _sides(orders, "shipping_cost")
    by_place = pd.DataFrame(dict(zip(("excl", "incl"), _sides(places, "cost"), strict=True)))
    summed = by_place.groupby(places.keys).sum(min_count=1).reindex(orders.keys).set_axis(orders.keys.index)
    agree = ((summed["excl"] == excl) & (summed["incl"] == incl)).fillna(value=False)
    placed = places.only(places.keys.isin(orders.keys[agree]))
    ids = _address_ids(placed, places, "id")
    rates = _combined(taxes[taxes["kind"] == "shipping"], ["order_key", "address_id"])
    found = rates.reindex(pd.MultiIndex.from_arrays([placed.keys, placed.text("id")]))
    yield _charge("shipping", placed, "cost", placed.text("shipping_method"), found).assign(address_id=ids)
    rest = orders.only(~agree)
    method = places.text("shipping_method").set_axis(places.keys)
    label = looked_up(rest.keys, method[~method.index.duplicated()])
    charges = (
        ("shipping", rest, "shipping_cost", label),
        ("fee", orders, "handling_cost", HANDLING),
        ("wrapping", orders, "wrapping_cost", WRAPPING),
    )
    for kind, records, name, text in charges:
        rates = _combined(taxes[taxes["kind"].isin(_TAX_KINDS[name])], ["order_key"])
        yield _charge(kind, records, name, text, rates.reindex(records.keys))


def _charge(kind: str, records: Records, name: str, label: str | pd.Series, rates: pd.DataFrame) -> pd.DataFrame:
    excl, incl = _sides(records, name)
    charge = pd.DataFrame(
        {
            "order_key": records.keys,
            "kind": kind,
            "label": label,
            "amount_excl": excl,
            "amount_incl": incl,
            "tax_rate": rates["tax_rate"].array,
            "tax_name": rates["tax_name"].fillna("").astype("str").array,
        }
    )
    return charge[(excl.fillna(0) != 0) | (incl.fillna(0) != 0)]


_TAX_KINDS = {
    "shipping_cost": ("shipping",),
    "handling_cost": ("handling",),
    "wrapping_cost": ("gift-wrapping", "wrapping"),
}
"""What tax rows call the charges."""


def _fees(records: Records) -> pd.DataFrame:
    """Give the fees; of the two names that the field without tax has, the one that is filled."""
    excl = records.number("cost_ex_tax").fillna(records.number("cost_exc_tax"))
    incl = records.number("cost_inc_tax", required=True)
    label = first_filled(records.text("display_name_customer"), records.text("display_name_merchant"))
    return pd.DataFrame(
        {
            "order_key": records.keys,
            "kind": "fee",
            "label": label,
            "amount_excl": excl,
            "amount_incl": incl,
            "tax_rate": pd.Series(0, incl.index, dtype="Int64").where((excl == incl).fillna(value=False)),
        }
    )


def _transactions(orders: Records, transactions: Records, options: ReadOptions) -> pd.DataFrame:
    """Give the transactions that went through.

    Their mode is the order's payment method; gift certificates and store credit have their own.
    """
    done = transactions.text("event").str.lower().isin(["purchase", "capture"])
    paid = transactions.only(done & (transactions.text("status").str.lower() == "ok"))
    method = paid.text("method")
    own = looked_up(paid.keys, orders.text("payment_method").set_axis(orders.keys))
    payments = pd.DataFrame(
        {
            "order_key": paid.keys,
            "payment_mode": method.where(method.isin(_CREDITS), first_filled(own, paid.text("gateway"))),
            "amount": paid.number("amount", required=True).fillna(0),
            "paid_at": paid.time("date_created", options.time_zone),
            "transaction_id": first_filled(paid.text("gateway_transaction_id"), paid.text("id")),
        }
    )
    charged = first_filled(orders.text("default_currency_code"), orders.text("currency_code")).set_axis(orders.keys)
    currency = paid.text("currency")
    foreign = (currency != "") & (currency != looked_up(paid.keys, charged))
    orders.problems.say(
        "payment-other-currency",
        paid.keys[foreign],
        field="transactions.currency",
        value=currency[foreign],
        amount=paid.text("amount")[foreign],
    )
    return by_order(PAYMENTS, [payments[~foreign]], orders.keys)


def _credits(orders: Records, moved: pd.DataFrame) -> pd.DataFrame:
    """Give the gift certificates and the store credit of orders that no transaction tells."""
    used = []
    for mode, name in _CREDITS.items():
        amount = orders.number(name).fillna(0)
        told = orders.keys.isin(moved.loc[moved["payment_mode"] == mode, "order_key"])
        credit = pd.DataFrame({"order_key": orders.keys, "payment_mode": mode, "amount": amount})
        used.append(credit[(amount != 0) & ~told])
    return by_order(PAYMENTS, used, orders.keys)


def _untold(header: pd.DataFrame, moved: pd.DataFrame, credits_: pd.DataFrame) -> pd.DataFrame:
    """Give as one payment what was paid beside the credits of orders without transactions."""
    rest = header["paid_total"] - _summed(credits_, header["order_key"]).fillna(0)
    return whole_payments(header.assign(paid_total=rest.clip(lower=0)), moved)


def _summed(payments: pd.DataFrame, keys: pd.Series) -> pd.Series:
    """Give what payments come to by order; missing where there is none."""
    sums = payments.groupby("order_key")["amount"].sum().reindex(keys)
    return sums.set_axis(keys.index).astype("Int64")


def _parties(orders: Records, header: pd.DataFrame) -> pd.DataFrame:
    """Give each buyer once, as the latest order has them."""
    billing = orders.part("billing_address")
    people = {name: billing.text(name) for name in ("first_name", "last_name", "company", "email", "phone")}
    buyers = header[["customer_key", "shop", "customer_id", "is_guest"]].assign(
        **people,
        **buyer_numbers(billing.each("form_fields"), orders.keys),
        language=orders.text("customer_locale").str.slice(0, 2).str.lower(),
    )
    return PARTIES.conform(buyers.drop_duplicates("customer_key", keep="last", ignore_index=True))


def _addresses(orders: Records, places: Records) -> pd.DataFrame:
    billing = orders.part("billing_address")
    delivery = filled(_address(places), places.keys, "delivery")
    delivery["address_id"] = _address_ids(places, places, "id").loc[delivery.index]
    return by_order(ADDRESSES, [filled(_address(billing), orders.keys, "billing"), delivery], orders.keys)


def _messages(orders: Records, records: Records, options: ReadOptions) -> pd.DataFrame:
    """Give what buyer and shop wrote to each other, oldest first."""
    written = [{**row, "date_created": _iso(str(row.get("date_created") or ""))} for row in records.rows]
    records = replace(records, rows=written)
    messages = pd.DataFrame(
        {
            "order_key": records.keys,
            "written_at": records.time("date_created", options.time_zone),
            "text": (records.text("subject") + "\n" + records.text("message")).str.strip(),
        }
    ).sort_values("written_at", kind="stable")
    return ranked(by_order(MESSAGES, [messages[messages["text"] != ""]], orders.keys))


def _address(part: Records) -> pd.DataFrame:
    names = {"line_1": "street_1", "line_2": "street_2", "postcode": "zip", "country": "country_iso2"}
    same = ("first_name", "last_name", "company", "city", "state", "phone", "email")
    return pd.DataFrame({**{name: part.text(name) for name in same}, **{to: part.text(of) for to, of in names.items()}})


def _refunds(
    orders: Records, records: Records, lines: pd.DataFrame, charges: pd.DataFrame, options: ReadOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give refunds and their lines; one of which every payment was declined gave nothing back."""
    payments = records.each("payments")
    declined = payments.flag("is_declined").groupby(payments.parent).all().reindex(range(len(records)))
    undone = declined.fillna(value=False).astype(bool)
    records.problems.say(
        "refund-not-carried-out", records.keys[undone], field="refunds", value=records.text("id")[undone]
    )
    done = records.only(~undone)
    table = pd.DataFrame(
        {
            "order_key": done.keys,
            "refund_id": done.text("id"),
            "refunded_at": done.time("created", options.time_zone),
            "amount_incl": done.number("total_amount", required=True),
            "reason": done.text("reason"),
        }
    )
    untold = orders.text("status_id").isin(["4", "14"]) & ~orders.keys.isin(records.keys)
    orders.problems.say("refunds-not-given", orders.keys[untold], field="refunds", value=orders.text("status")[untold])
    return explained_refunds(table, [_refunded_items(done, lines, charges)], orders.keys)


def _refunded_items(refunds: Records, lines: pd.DataFrame, charges: pd.DataFrame) -> pd.DataFrame:
    """Give the lines and the shipping given back; an amount the refund does not tell is the line's by quantity."""
    items = refunds.each("items")
    item_type, line_id = items.text("item_type").str.upper(), items.text("item_id")
    quantity = items.number("quantity").fillna(money.ONE)
    share = share_of_lines(lines, items.keys, line_id, quantity)
    asked = items.number("requested_amount")
    is_article, is_shipping = item_type == "PRODUCT", item_type == "SHIPPING"
    lost = is_article & ~share["is_sold"]
    items.problems.say("refund-line-unknown", items.keys[lost], field=f"{items.place}item_id", value=line_id[lost])
    rows = pd.DataFrame(
        {
            "order_key": items.keys,
            "refund_id": refunds.text("id").reindex(items.parent).to_numpy(),
            "line_id": line_id.where(is_article, ""),
            "kind": np.where(is_article, "article", "shipping"),
            "quantity": quantity,
            "amount_excl": share["amount_excl"].mask(asked.notna() | is_shipping),
            "amount_incl": asked.fillna(share["amount_incl"].mask(is_shipping)),
            "tax_rate": share["tax_rate"].where(is_article, shipping_rates(charges, items.keys)),
        }
    )
    return rows[(is_article & share["is_sold"]) | is_shipping]

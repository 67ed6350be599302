"""Magento orders, credit memos and invoices as its REST API gives them, saved as JSON files.

Also read: the documents of its events (``{"order": …, "creditmemo": …}``), which have the same fields. What each field
becomes is in docs/shops/magento.md.

Source: facts/shops § 4; user-asks A14; spec ORD-8, ORD-30.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
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
from passerelle.shops.cells import LARGEST_RATE
from passerelle.shops.export import ExportFile, ReadOptions
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
    shipping_rates,
)

CREDITS = {
    "giftcardaccount": "gift_cards_amount",
    "customerbalance": "customer_balance_amount",
    "reward": "reward_currency_amount",
}
"""What Adobe Commerce takes off ``grand_total`` though it is a payment: Magento's code of it, and its field."""
WRAPPINGS = {
    "gw": "Emballage cadeau de la commande",
    "gw_items": "Emballage cadeau des articles",
    "gw_card": "Carte imprimée",
}
"""Gift wrapping of Adobe Commerce: the start of its fields' names, and the label that it has none of."""
_KINDS = ("orders", "creditmemos", "invoices")
_ADJUSTMENTS = {"adjustment", "adjustment_positive", "adjustment_negative"}


def read_orders(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read Magento orders with their credit memos and invoices.

    Returns:
        See ``passerelle.shops.export.OrderReader``.
    """
    given = _Given()
    return read_documents("Magento", files, options, given, lambda orders: _tables(orders, given, options))


@dataclass(slots=True)
class _Given:
    """What all files hold."""

    orders: list[Object] = field(default_factory=list)
    creditmemos: list[Object] = field(default_factory=list)
    invoices: list[Object] = field(default_factory=list)
    remarks: list[pd.DataFrame] = field(default_factory=list)

    def take(self, name: str, content: Any) -> None:
        """Take in what one file holds.

        Raises:
            UnreadableError: it holds an error of the shop.
        """
        if isinstance(content, dict) and "message" in content and "items" not in content:
            raise UnreadableError("export-webservice-error", shown(content["message"]))
        taken = False
        for records in _lists(content):
            kind = next((kind for kind in map(_kind, records) if kind), "")
            if kind:
                kept, remark = numbered(map(_with_id, records), name, kind)
                getattr(self, kind).extend(kept)
                self.remarks.append(remark)
                taken = True
        if not taken and any(_lists(content)):
            self.remarks.append(unused(name, content))


def _lists(content: Any) -> list[list[Any]]:
    """Give the lists of records that a document may hold: itself, a search result's, or those of an event."""
    if isinstance(content, list):
        return [content]
    if not isinstance(content, dict) or _kind(content):
        return [[content]]
    if isinstance(items := content.get("items"), list):
        return [items]
    return [[one] for one in content.values() if _kind(one)] or [[content]]


def _kind(record: Any) -> str:
    """Tell what a record is; empty where it is nothing that orders need."""
    if not isinstance(record, dict):
        return ""
    if "order_id" in record:
        if _ADJUSTMENTS & record.keys():
            return "creditmemos"
        return "invoices" if "grand_total" in record else ""
    is_order = "increment_id" in record or {"grand_total", "items"} <= record.keys()
    return "orders" if is_order else ""


def _with_id(record: Any) -> Any:
    """Give a record its id under the name that ids have elsewhere."""
    return {**record, "id": record.get("entity_id", record.get("id"))} if isinstance(record, dict) else record


def _tables(orders: Records, given: _Given, options: ReadOptions) -> dict[str, pd.DataFrame]:
    extension = orders.part("extension_attributes")
    applied = _applied_taxes(extension)
    credits_ = _credits(orders)
    invoices = _of_orders(orders, given.invoices, "invoices", options)
    header = _header(orders, extension, credits_, invoices, options)
    lines = _lines(orders, applied)
    memos = _of_orders(orders, given.creditmemos, "creditmemos", options)
    charges = _charges(orders, extension, applied)
    refunds, refund_lines = _refunds(orders, memos, lines, charges, options)
    return {
        "orders": ORDERS.conform(header),
        "lines": ORDER_LINES.conform(lines),
        "charges": charges,
        "allowances": ORDER_ALLOWANCES.empty(),  # discounts are in the lines and in the shipping
        "taxes": _order_taxes(extension),
        "payments": _payments(header, orders, credits_),
        "refunds": refunds,
        "refund_lines": refund_lines,
        "parties": _parties(orders, header),
        "addresses": _addresses(orders, extension),
        "messages": _messages(orders, options),
    }


def _of_orders(orders: Records, given: Iterable[Object], name: str, options: ReadOptions) -> Records:
    placed = [(identity(record, "order_id"), record) for record in given]
    return attached(orders, placed, name, options.shop)


def _header(
    orders: Records, extension: Records, credits_: pd.DataFrame, invoices: Records, options: ReadOptions
) -> pd.DataFrame:
    """Give the orders table, undeclared columns included."""
    order_id = orders.text("id")
    customer = orders.text("customer_id")
    is_guest = customer.isin(["", "0"]) | orders.flag("customer_is_guest")
    base = orders.text("base_currency_code")
    currency = first_filled(orders.text("order_currency_code"), base)
    orders.problems.say("export-value-missing", orders.keys[currency == ""], field="order_currency_code")
    shop_currency = base.mask(currency != "", options.shop_currency) if options.shop_currency else base
    rate = orders.number("base_to_order_rate").where(shop_currency == base)
    other_payments = credits_.sum(axis=1)
    total = orders.number("grand_total", required=True) + other_payments
    due = orders.number("total_due")
    paid = orders.number("total_paid").fillna(orders.number("grand_total") - due) + other_payments
    shipping = extension.each("shipping_assignments").part("shipping")
    method = shipping.text("method").set_axis(shipping.keys)
    return pd.DataFrame(
        {
            "order_key": orders.keys,
            "shop": options.shop,
            "order_id": order_id,
            "order_reference": first_filled(orders.text("increment_id"), order_id),
            "store": orders.text("store_id"),
            "status": first_filled(orders.text("status"), orders.text("state")),
            "created_at": orders.time("created_at", options.time_zone, required=True),
            "updated_at": orders.time("updated_at", options.time_zone),
            **_invoiced(orders, invoices, options),
            "is_guest": is_guest,
            "customer_id": customer.where(~is_guest, order_id),
            "customer_key": options.shop + "/" + customer.where(~is_guest, "order-" + order_id),
            "currency": currency,
            "shop_currency": shop_currency,
            "currency_rate": rate.mask((currency == shop_currency) & (currency != ""), money.ONE),
            "charged_total": total.fillna(0),
            "charged_total_excl": total - orders.number("tax_amount"),
            "paid_total": paid,
            "payment_mode": orders.part("payment").text("method"),
            "carrier_id": first_filled(
                looked_up(orders.keys, method[~method.index.duplicated()]), orders.text("shipping_method")
            ),
            "carrier": orders.text("shipping_description"),
            "note": orders.text("customer_note"),
        }
    )


def _invoiced(orders: Records, invoices: Records, options: ReadOptions) -> pd.DataFrame:
    """Give number and date of each order's first invoice."""
    first = invoices.only(~invoices.keys.duplicated())
    made_at = first.time("created_at", options.time_zone).set_axis(first.keys)
    return pd.DataFrame(
        {
            "invoiced_at": made_at.reindex(orders.keys).set_axis(orders.keys.index),
            "invoice_number": looked_up(orders.keys, first.text("increment_id").set_axis(first.keys)),
        }
    )


def _messages(orders: Records, options: ReadOptions) -> pd.DataFrame:
    """Give the comments that the buyer sees too, oldest first."""
    comments = orders.each("status_histories")
    messages = pd.DataFrame(
        {
            "order_key": comments.keys,
            "written_at": comments.time("created_at", options.time_zone),
            "text": comments.text("comment"),
        }
    )
    seen = messages[comments.flag("is_visible_on_front") & (messages["text"] != "")]
    return ranked(by_order(MESSAGES, [seen.sort_values("written_at", kind="stable")], orders.keys))


def _credits(orders: Records) -> pd.DataFrame:
    """Give what was paid by gift card, store credit and points, one column by payment mode; 0 where none was."""
    extension = orders.part("extension_attributes")
    return pd.DataFrame(
        {
            mode: extension.number(name).fillna(orders.number(name)).fillna(0).abs().astype("int64")
            for mode, name in CREDITS.items()
        }
    )


def _applied_taxes(extension: Records) -> pd.DataFrame:
    """Give the taxes of items and shipping where the order tells them.

    Returns:
        ``percent`` (missing where there are several: they may compound) and ``tax_name`` by order key and item id;
        the shipping's item id is ``shipping``.
    """
    items = extension.each("item_applied_taxes")
    taxes = items.each("applied_taxes")
    item_id = items.text("item_id").where(items.text("type") != "shipping", "shipping")
    table = pd.DataFrame(
        {
            "order_key": taxes.keys,
            "item_id": item_id.reindex(taxes.parent).to_numpy(),
            "percent": taxes.number("percent", most=LARGEST_RATE),
            "tax_name": first_filled(taxes.text("title"), taxes.text("code")),
        }
    )
    by_item = table.groupby(["order_key", "item_id"])
    alone = by_item["percent"].agg("first").where(by_item.size() == 1).astype("Int64")
    return pd.DataFrame({"percent": alone, "tax_name": by_item["tax_name"].agg(" + ".join).astype("str")})


def _of_applied(applied: pd.DataFrame, keys: pd.Series, item_id: pd.Series) -> pd.DataFrame:
    return applied.reindex(pd.MultiIndex.from_arrays([keys, item_id])).set_axis(keys.index)


def _rate(percent: pd.Series, tax: pd.Series, applied: pd.Series) -> pd.Series:
    """Give the rate: the item's own percentage, unless it is none beside a tax; else the one tax applied to it.

    What neither tells is 0 where there is no tax, else not told.
    """
    told = percent.mask((percent == 0) & (tax != 0)).fillna(applied)
    return told.mask(told.isna() & (tax == 0), 0)


def _order_taxes(extension: Records) -> pd.DataFrame:
    taxes = extension.each("applied_taxes")
    return ORDER_TAXES.conform(
        pd.DataFrame(
            {
                "order_key": taxes.keys,
                "tax_name": first_filled(taxes.text("title"), taxes.text("code")),
                "tax_rate": taxes.number("percent", most=LARGEST_RATE),
                "tax_amount": taxes.number("amount", required=True).fillna(0),
            }
        )
    )


def _amounts(items: Records) -> pd.DataFrame:
    """Give what rows of an order or a credit memo cost: before discount ``gross_…``, after it ``net_…``; ``tax``.

    Magento takes the discount off once for the whole row. Where prices include tax, the discount does too, and
    ``discount_tax_compensation_amount`` is the tax in it. Eco-tax (fixed product tax, ``weee``) stands beside the row's
    price; it is part of what the article costs.
    """
    amount = {
        name: items.number(name).fillna(0)
        for name in ("tax_amount", "discount_amount", "discount_tax_compensation_amount")
    }
    row_total = items.number("row_total").fillna(0)
    weee, weee_incl = _weee(items)
    excl, tax = row_total + weee, amount["tax_amount"] + weee_incl - weee
    net = excl - amount["discount_amount"].abs() + amount["discount_tax_compensation_amount"]
    gross_incl = items.number("row_total_incl_tax")
    return pd.DataFrame(
        {
            "row_total": row_total,
            "tax": tax,
            "gross_excl": excl,
            "gross_incl": gross_incl + weee_incl,
            "net_excl": net,
            "net_incl": net + tax,
            "ecotax_excl": weee.where(weee != 0),
            "ecotax_incl": weee_incl.where(weee != 0),
            "ecotax_rate": pd.Series(0, weee.index, dtype="Int64").where((weee != 0) & (weee == weee_incl)),
        }
    )


def _weee(items: Records) -> tuple[pd.Series, pd.Series]:
    """Give the eco-tax of rows without and with tax; the tax on it stands in a JSON text only."""
    excl = items.number("weee_tax_applied_row_amount")
    details = [{"weee_tax_applied": _parsed(text)} for text in items.text("weee_tax_applied")]
    applied = replace(items, rows=details).each("weee_tax_applied")
    incl = applied.number("row_amount_incl_tax").groupby(applied.parent).sum(min_count=1).reindex(range(len(items)))
    return excl.fillna(0), incl.fillna(excl).fillna(0)


def _parsed(text: str) -> Any:
    """Read a JSON text, numbers as text; what is none stays, to be said."""
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str) if text else None
    except (ValueError, RecursionError):
        return text


def _lines(orders: Records, applied: pd.DataFrame) -> pd.DataFrame:
    """Give the articles sold, each amount counted once (user-asks A14).

    A configurable article is two rows: the parent has the price, the child the article that was taken. They are one
    line. A bundle is a pack and its components, all of them lines: of the two, only those count that Magento computes
    the price of. These are the components where their sum is the pack's price (dynamic price), else the pack.
    """
    items = each_once(orders.each("items", required=True), "item_id")
    item_id, parent_id = items.text("item_id"), items.text("parent_item_id").replace("0", "")
    sku, amounts = items.text("sku"), _amounts(items)
    parent = _parents(items, item_id, parent_id)
    children = _children(parent, sku, amounts["row_total"])
    is_child, of = parent >= 0, parent.clip(lower=0).to_numpy()
    is_bundle = items.text("product_type") == "bundle"
    by_parts = is_bundle & (children["row_total"] == amounts["row_total"]) & (amounts["row_total"] != 0)
    in_bundle = is_child & is_bundle.to_numpy()[of]
    is_variant = ~is_bundle & (children["skus"] == 1) & (children["sku"] != "")
    by_parts = by_parts.fillna(value=False).astype(bool)
    uncounted = by_parts.where(~is_child, ~by_parts.to_numpy()[of])
    taxes = _of_applied(applied, items.keys, item_id)
    rate = _rate(items.number("tax_percent", most=LARGEST_RATE), amounts["tax"], taxes["percent"])
    columns = {name: amounts[name].mask(uncounted, 0) for name in ("gross_excl", "gross_incl", "net_excl", "net_incl")}
    ecotax = {name: amounts[name].mask(uncounted) for name in ("ecotax_excl", "ecotax_incl", "ecotax_rate")}
    lines = pd.DataFrame(
        {
            "order_key": items.keys,
            "line_id": item_id,
            "reference": sku.mask(is_variant, children["sku"]),
            "parent_reference": sku.where(is_variant & (sku != children["sku"]), ""),
            "label": items.text("name"),
            "quantity": items.number("qty_ordered", required=True).fillna(0),
            **columns,
            **ecotax,
            # What counts nothing has the rate of what counts, for the ERP to have no other one.
            "tax_rate": rate.mask(uncounted, _rate_beside(rate, parent)),
            "tax_name": taxes["tax_name"].fillna("").astype("str"),
            "parent_line_id": parent_id.where(in_bundle, ""),
        }
    )
    return ranked(lines[(~is_child | in_bundle).to_numpy(dtype=bool)].reset_index(drop=True))


def _children(parent: pd.Series, sku: pd.Series, row_total: pd.Series) -> pd.DataFrame:
    """Give by row what its children have: ``row_total`` together, the first ``sku``, how many ``skus``."""
    table = pd.DataFrame({"parent": parent, "sku": sku, "row_total": row_total})[parent >= 0]
    groups = table.groupby("parent")
    told = groups.agg(row_total=("row_total", "sum"), sku=("sku", "first"), skus=("sku", "nunique"))
    return told.astype({"row_total": "Int64"}).reindex(range(len(parent)))


def _rate_beside(rate: pd.Series, parent: pd.Series) -> pd.Series:
    """Give a child its parent's rate, and a parent its first child's."""
    first = rate[parent >= 0].groupby(parent[parent >= 0]).first().reindex(range(len(rate)))
    return rate.reindex(parent).set_axis(rate.index).where(parent >= 0, first).astype("Int64")


def _parents(items: Records, item_id: pd.Series, parent_id: pd.Series) -> pd.Series:
    """Give of each row the number of the row that it is a child of, -1 where of none."""
    places = pd.MultiIndex.from_arrays([items.keys, item_id])
    rows = pd.Series(np.arange(len(items)), places)
    found = rows[~places.duplicated()].reindex(pd.MultiIndex.from_arrays([items.keys, parent_id]))
    lost = found.isna().to_numpy() & (parent_id != "").to_numpy()
    items.problems.say("export-record-missing", items.keys[lost], field=f"{items.place}item_id", value=parent_id[lost])
    return pd.Series(found.fillna(-1).to_numpy(dtype=np.int64)).mask(parent_id == "", -1)


def _charges(orders: Records, extension: Records, applied: pd.DataFrame) -> pd.DataFrame:
    """Give shipping and gift wrapping that are not free."""
    excl, tax = _shipping(orders)
    taxes = _of_applied(applied, orders.keys, pd.Series("shipping", orders.keys.index, dtype="str"))
    shipping = pd.DataFrame(
        {
            "order_key": orders.keys,
            "kind": "shipping",
            "label": orders.text("shipping_description"),
            "amount_excl": excl,
            "amount_incl": excl + tax,
            "tax_rate": _rate(pd.Series(pd.NA, excl.index, dtype="Int64"), tax, taxes["percent"]),
            "tax_name": taxes["tax_name"].fillna("").astype("str"),
        }
    )
    parts = [shipping, *(_wrapping(extension, start, label) for start, label in WRAPPINGS.items())]
    charged = [part[(part["amount_excl"] != 0) | (part["amount_incl"] != 0)] for part in parts]
    return ranked(by_order(ORDER_CHARGES, charged, orders.keys))


def _shipping(records: Records) -> tuple[pd.Series, pd.Series]:
    """Give the shipping of orders or credit memos without tax, after its own discount, and the tax on it."""
    discount = records.number("shipping_discount_amount").fillna(0).abs()
    compensation = records.number("shipping_discount_tax_compensation_amount").fillna(0)
    tax = records.number("shipping_tax_amount").fillna(0)
    return records.number("shipping_amount").fillna(0) - discount + compensation, tax


def _wrapping(extension: Records, start: str, label: str) -> pd.DataFrame:
    excl = extension.number(f"{start}_price").fillna(0)
    tax = extension.number(f"{start}_tax_amount").fillna(0)
    return pd.DataFrame(
        {
            "order_key": extension.keys,
            "kind": "wrapping",
            "label": label,
            "amount_excl": excl,
            "amount_incl": excl + tax,
            "tax_rate": pd.Series(0, excl.index, dtype="Int64").where(tax == 0),
        }
    )


def _payments(header: pd.DataFrame, orders: Records, credits_: pd.DataFrame) -> pd.DataFrame:
    """Give what was paid, by the order's payment mode and by what counts as a payment beside it."""
    rest = (header["paid_total"] - credits_.sum(axis=1)).fillna(0)
    by_mode = header[["order_key", "payment_mode"]].assign(
        amount=rest, transaction_id=orders.part("payment").text("last_trans_id")
    )
    others = [
        pd.DataFrame({"order_key": orders.keys, "payment_mode": mode, "amount": credits_[mode]}) for mode in credits_
    ]
    paid = [part[part["amount"] != 0] for part in (by_mode, *others)]
    return ranked(by_order(PAYMENTS, paid, orders.keys))


def _parties(orders: Records, header: pd.DataFrame) -> pd.DataFrame:
    """Give each buyer once, as the latest order has them."""
    billing = _billing(orders)
    own = {name: orders.text(f"customer_{name}") for name in ("firstname", "lastname", "prefix", "email", "taxvat")}
    nameless = own["lastname"] == ""
    buyers = header[["customer_key", "shop", "customer_id", "is_guest"]].assign(
        title=first_filled(own["prefix"], billing["title"]),
        first_name=own["firstname"].mask(nameless, billing["first_name"]),
        last_name=own["lastname"].mask(nameless, billing["last_name"]),
        company=billing["company"],
        email=first_filled(own["email"], billing["email"]),
        phone=billing["phone"],
        vat_number=first_filled(own["taxvat"], billing["vat_number"]),
        customer_group=orders.text("customer_group_id"),
    )
    return PARTIES.conform(buyers.drop_duplicates("customer_key", keep="last", ignore_index=True))


def _billing(orders: Records) -> pd.DataFrame:
    """Give the billing address of each order: its own field, or the one that events have."""
    own, of_event = (
        address_of(part) for part in (orders.part("billing_address"), orders.part("addresses").part("billing"))
    )
    return own.where((own != "").any(axis=1), of_event, axis=0)


def _addresses(orders: Records, extension: Records) -> pd.DataFrame:
    assignments = extension.each("shipping_assignments").part("shipping").part("address")
    of_event = orders.part("addresses").part("shipping")
    parts = [
        filled(_billing(orders), orders.keys, "billing"),
        filled(address_of(assignments), assignments.keys, "delivery"),
        filled(address_of(of_event), of_event.keys, "delivery"),
    ]
    return by_order(ADDRESSES, parts, orders.keys).drop_duplicates(["order_key", "kind"], ignore_index=True)


def address_of(part: Records) -> pd.DataFrame:
    """Give addresses, of orders or accounts; same rows."""
    streets = [row.get("street") for row in part.rows]
    joined = ["\n".join(one) if isinstance(one, list) and _all_texts(one) else one for one in streets]
    lines = replace(part, rows=[{"street": one} for one in joined]).text("street").str.split("\n", n=2, expand=True)
    lines = lines.reindex(columns=range(3)).astype("str").fillna("")
    return pd.DataFrame(
        {
            "title": part.text("prefix"),
            "first_name": part.text("firstname"),
            "last_name": part.text("lastname"),
            "company": part.text("company"),
            "line_1": lines[0].str.strip(),
            "line_2": lines[1].str.strip(),
            "line_3": lines[2].str.replace("\n", " ").str.strip(),
            "postcode": part.text("postcode"),
            "city": part.text("city"),
            "state": first_filled(part.text("region_code"), part.text("region")),
            "country": part.text("country_id"),
            "phone": part.text("telephone"),
            "email": part.text("email"),
            "vat_number": part.text("vat_id"),
        }
    )


def _all_texts(values: list[Any]) -> bool:
    return all(isinstance(one, str) for one in values)


def _refunds(
    orders: Records, memos: Records, lines: pd.DataFrame, charges: pd.DataFrame, options: ReadOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give credit memos and their lines.

    What an order says was given back, and no credit memo at hand explains, is said: its lines and date are not known.
    """
    amount = memos.number("grand_total", required=True) + _credits(memos).sum(axis=1)
    table = pd.DataFrame(
        {
            "order_key": memos.keys,
            "refund_id": memos.text("id"),
            "refunded_at": memos.time("created_at", options.time_zone),
            "amount_incl": amount,
            "reason": memos.text("customer_note"),
        }
    )
    known = memos.number("grand_total").fillna(0).groupby(memos.keys).sum().reindex(orders.keys).fillna(0)
    lost = orders.number("total_refunded").fillna(0) - known.set_axis(orders.keys.index)
    orders.problems.say(
        "refunds-not-given",
        orders.keys[lost > 0],
        field="creditmemos",
        value=money.to_text(lost[lost > 0], 2),
    )
    return explained_refunds(table, [_refunded_items(memos, lines), _refunded_shipping(memos, charges)], orders.keys)


def _refunded_items(memos: Records, lines: pd.DataFrame) -> pd.DataFrame:
    """Give the lines given back; rows that are no line of the order are its other half, without money."""
    items = memos.each("items")
    line_id = items.text("order_item_id")
    amounts = _amounts(items)
    sold = lines.drop_duplicates(["order_key", "line_id"]).set_index(["order_key", "line_id"])["tax_rate"]
    places = pd.MultiIndex.from_arrays([items.keys, line_id])
    quantity = items.number("qty", required=True).fillna(0)
    rows = pd.DataFrame(
        {
            "order_key": items.keys,
            "refund_id": memos.text("id").reindex(items.parent).to_numpy(),
            "line_id": line_id,
            "kind": "article",
            "quantity": quantity,
            "amount_excl": amounts["net_excl"],
            "amount_incl": amounts["net_incl"],
            "tax_rate": sold.reindex(places).array,
        }
    )
    return rows[places.isin(sold.index) & (quantity != 0)]


def _refunded_shipping(memos: Records, charges: pd.DataFrame) -> pd.DataFrame:
    excl, tax = _shipping(memos)
    rows = pd.DataFrame(
        {
            "order_key": memos.keys,
            "refund_id": memos.text("id"),
            "kind": "shipping",
            "quantity": money.ONE,
            "amount_excl": excl,
            "amount_incl": excl + tax,
            "tax_rate": shipping_rates(charges, memos.keys),
        }
    )
    return rows[rows["amount_incl"] != 0]

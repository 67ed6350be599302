"""WooCommerce orders and refunds, as its REST API (v3) gives them, saved as JSON files.

Files are recognised by what they hold: orders (a list, one, or either under ``data``), refunds (a list, one, or lists
by order id) and tax rates. What each field becomes is in docs/shops/woocommerce.md.

Source: facts/shops § 2, § 12; facts/seen-against-real-systems; spec ORD-8, ORD-31.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

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
    REFUND_LINES,
    SalesOrders,
    no_orders,
)
from passerelle.outcome import together
from passerelle.shops.cells import LARGEST_RATE, Problems, combined_rate, rate_in_name, rounded
from passerelle.shops.export import ExportFile, ReadOptions, of_file, order_key, unpacked
from passerelle.shops.json_records import (
    Object,
    Records,
    UnreadableError,
    attached,
    each_once,
    identity,
    numbered,
    once,
    shown,
    take_all,
    unused,
)
from passerelle.shops.tables import by_order, explained_refunds, filled, first_filled, looked_up, ranked, without

VAT_NUMBER_KEYS = (
    "_billing_vat_number",
    "billing_vat_number",
    "_vat_number",
    "vat_number",
    "_billing_eu_vat_number",
    "billing_eu_vat_number",
    "_billing_vat",
    "billing_vat",
)
"""Where plugins keep the buyer's VAT number in an order's ``meta_data``, the first that is filled counts."""
SIRET_KEYS = ("_billing_siret", "billing_siret", "_siret", "siret")
"""Where plugins keep the buyer's SIRET."""
_RATE = ["order_key", "rate_id"]
_REFUNDED_LINE = "_refunded_item_id"
_OWN_CART_KEYS = ("_bundle_cart_key", "_composite_cart_key")
_PARENT_CART_KEYS = ("_bundled_by", "_composite_parent")
"""Where the plugins Product Bundles and Composite Products keep the cart key of a line and of its parent."""
_REFUNDED = (("line_items", "article"), ("shipping_lines", "shipping"), ("fee_lines", "amount"))


def read_orders(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read WooCommerce orders with their refunds.

    Returns:
        See ``passerelle.shops.export.OrderReader``.
    """
    plain, packing = unpacked(files)
    given = _Given()
    unreadable = take_all(plain, "WooCommerce", given.take)
    if not (given.orders or given.refunds):
        return no_orders(together([packing, unreadable, *given.remarks]))
    records, repeated = once(given.orders, options.shop)
    remarks = together([packing, unreadable, *given.remarks, repeated])
    return _read(records, given, options, remarks)


@dataclass(slots=True)
class _Given:
    """What all files hold: orders, refunds and notes with the id of their order, tax rates."""

    orders: list[Object] = field(default_factory=list)
    refunds: list[tuple[str, Object]] = field(default_factory=list)
    notes: list[tuple[str, Object]] = field(default_factory=list)
    rates: list[Object] = field(default_factory=list)
    remarks: list[pd.DataFrame] = field(default_factory=list)

    def take(self, name: str, content: Any) -> None:
        """Take in what one file holds.

        Raises:
            UnreadableError: it holds an error of the shop.
        """
        if _has(content, "code", "message"):
            raise UnreadableError("export-webservice-error", shown(content["message"]))
        content = content["data"] if _has(content, "data") else content
        if _is_by_order(content):
            self.refunds += [(order_id, refund) for order_id, refunds in content.items() for refund in refunds]
            return
        items = content if isinstance(content, list) else [content]
        if any(_is_order(item) for item in items):
            self.orders += self._numbered(name, "orders", items)
        elif any(_is_refund(item) for item in items):
            self._take_refunds(name, self._numbered(name, "refunds", items))
        elif any(_has(item, "note", "customer_note") for item in items):
            notes = self._numbered(name, "notes", items)
            self.notes += [(order_id, note) for note in notes if (order_id := _order_of(note))]
        elif any(_has(item, "rate", "compound") for item in items):
            self.rates += self._numbered(name, "taxes", items)
        elif items:
            self.remarks.append(unused(name, items))

    def _take_refunds(self, name: str, refunds: list[Object]) -> None:
        placed = [(_order_of(refund), refund) for refund in refunds]
        self.refunds += [(order_id, refund) for order_id, refund in placed if order_id]
        if lost := sum(not order_id for order_id, _ in placed):
            self.remarks.append(of_file("refunds-without-order", name, count=lost))

    def _numbered(self, name: str, kind: str, items: list[Any]) -> list[Object]:
        kept, remark = numbered(items, name, kind)
        self.remarks.append(remark)
        return kept


def _has(item: Any, *names: str) -> bool:
    return isinstance(item, dict) and all(name in item for name in names)


def _is_order(item: Any) -> bool:
    return not _is_refund(item) and (_has(item, "line_items") or _has(item, "order_key"))


def _is_refund(item: Any) -> bool:
    return _has(item, "amount", "refunded_by") or _has(item, "amount", "reason", "line_items")


def _is_by_order(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and len(content) > 0
        and all(key.isdecimal() for key in content)
        and all(isinstance(one, list) and all(isinstance(item, dict) for item in one) for one in content.values())
    )


def _order_of(refund: Object) -> str:
    """Give the id of the order of a refund or note: its parent, else from the link to it; empty where neither tells."""
    parent = identity(refund, "parent_id")
    if parent not in {"", "0"}:
        return parent
    found = re.search(r"/orders/(\d+)", str(refund.get("_links")))
    return found[1] if found else ""


def _read(records: list[Object], given: _Given, options: ReadOptions, remarks: pd.DataFrame) -> SalesOrders:
    problems = Problems()
    keys = pd.Series([order_key(options.shop, identity(record)) for record in records], dtype="str")
    orders = Records(records, keys, problems, entities=True)
    rates = _rates(orders, given.rates)
    header, meta = _header(orders, options), buyer_numbers(orders)
    billing = orders.part("billing")
    refunds, refund_lines = _refunds(orders, given.refunds, rates, options)
    messages = _messages(orders, given.notes, options)
    tables = SalesOrders(
        orders=ORDERS.conform(header),
        lines=_lines(orders, rates),
        charges=_charges(orders, rates, options),
        allowances=ORDER_ALLOWANCES.empty(),  # coupons are in the lines
        taxes=ORDER_TAXES.conform(rates.rename(columns={"percent": "tax_rate"})),
        payments=_payments(orders, header),
        refunds=refunds,
        refund_lines=refund_lines,
        parties=_parties(header, billing, meta),
        addresses=_addresses(orders, billing, meta),
        messages=messages,
        outcomes=together([remarks, problems.outcomes()]),
    )
    return without(tables, problems.refused()).check()


def _header(orders: Records, options: ReadOptions) -> pd.DataFrame:
    """Give the orders table, undeclared columns included."""
    currency = orders.text("currency", required=True)
    shop_currency = currency.mask(currency != "", options.shop_currency) if options.shop_currency else currency
    total = orders.number("total", required=True)
    customer = orders.text("customer_id")
    order_id = orders.text("id")
    is_guest = customer.isin(["", "0"])
    created_at = time_of(orders, "date_created", options)
    undated = created_at.isna() & (orders.text("date_created") == "") & (orders.text("date_created_gmt") == "")
    orders.problems.say("export-value-missing", orders.keys[undated], field="date_created")
    paid_at = time_of(orders, "date_paid", options)
    shipping = orders.each("shipping_lines")
    first = shipping.only(shipping.position == 1)
    return pd.DataFrame(
        {
            "order_key": orders.keys,
            "shop": options.shop,
            "order_id": order_id,
            "order_reference": first_filled(orders.text("number"), order_id),
            "status": orders.text("status"),
            "created_at": created_at,
            "updated_at": time_of(orders, "date_modified", options),
            "paid_at": paid_at,
            "is_guest": is_guest,
            "customer_id": customer.where(~is_guest, order_id),
            "customer_key": options.shop + "/" + customer.where(~is_guest, "order-" + order_id),
            "currency": currency,
            "shop_currency": shop_currency,
            # WooCommerce itself sells in one currency and tells no rate.
            "currency_rate": pd.Series(money.ONE, orders.keys.index, dtype="Int64").where(currency == shop_currency),
            "prices_include_tax": orders.flag("prices_include_tax"),
            "charged_total": total.fillna(0),
            "charged_total_excl": total - orders.number("total_tax"),
            "paid_total": total.where(paid_at.notna(), 0),
            "payment_mode": first_filled(orders.text("payment_method_title"), orders.text("payment_method")),
            "carrier_id": looked_up(orders.keys, first.text("method_id").set_axis(first.keys)),
            "carrier": looked_up(orders.keys, first.text("method_title").set_axis(first.keys)),
            "note": orders.text("customer_note"),
        }
    )


def time_of(records: Records, name: str, options: ReadOptions) -> pd.Series:
    """Give a time: of the UTC field where it is filled, else of the one in the site's own time."""
    utc = records.time(f"{name}_gmt", options.time_zone)
    return utc.where(utc.notna(), records.time(name, options.time_zone, naive="local"))


def _rates(orders: Records, documents: list[Object]) -> pd.DataFrame:
    """Give the tax rates that each order names.

    Returns:
        ``order_key``, ``rate_id``, ``percent`` (missing: not told), ``compound``, ``tax_name``, ``tax_amount``; one row
        per rate of an order.
    """
    lines = orders.each("tax_lines")
    known = {identity(document): document for document in documents}
    told = [known.get(identity(row, "rate_id"), {}) for row in lines.rows]
    table = Records(told, lines.keys, orders.problems, place="taxes.", entities=True)
    label, code = lines.text("label"), lines.text("rate_code")
    percents = [
        lines.number("rate_percent", most=LARGEST_RATE),
        table.number("rate", most=LARGEST_RATE),
        rate_in_name(label),
        rate_in_name(code),
    ]
    return pd.DataFrame(
        {
            "order_key": lines.keys,
            "rate_id": lines.text("rate_id"),
            "percent": reduce(lambda first, other: first.fillna(other), percents),
            "compound": lines.flag("compound") | table.flag("compound"),
            "tax_name": first_filled(label, table.text("name"), code),
            "tax_amount": lines.number("tax_total").fillna(0) + lines.number("shipping_tax_total").fillna(0),
        }
    )


def _amounts(items: Records, rates: pd.DataFrame) -> pd.DataFrame:
    """Give what lines, shipping or fees cost, with their tax.

    Returns:
        ``excl``, ``incl``, of lines also ``gross_excl``, ``gross_incl`` (before coupons; ``Int64``), ``tax_rate``
        (percent, missing: not told), ``tax_name``; same rows as ``items``.
    """
    taxes = items.each("taxes")
    shares = pd.DataFrame({"item": taxes.parent, "order_key": taxes.keys, "rate_id": taxes.text("id")})
    shares = shares.assign(amount=taxes.number("total"), gross=taxes.number("subtotal"))
    shares = shares.merge(rates.drop_duplicates(_RATE), how="left", on=_RATE)
    excl, tax = items.number("total", required=True), _tax(items, "total", shares["amount"], shares["item"])
    gross, gross_tax = items.number("subtotal"), _tax(items, "subtotal", shares["gross"], shares["item"])
    applied = shares[shares["amount"].notna()]
    combined = _combined(applied).reindex(excl.index)
    untaxed = ~excl.index.isin(applied["item"]) & (tax == 0)
    return pd.DataFrame(
        {
            "excl": excl,
            "incl": excl + tax,
            "gross_excl": gross,
            "gross_incl": gross + gross_tax,
            "tax_rate": combined["percent"].mask(untaxed, 0),
            "tax_name": combined["tax_name"].fillna("").astype("str"),
        }
    )


def _tax(items: Records, name: str, shares: pd.Series, item: pd.Series) -> pd.Series:
    """Give the tax on an amount of the items: what stands for it in their ``taxes``, else the field's own sum.

    WooCommerce rounds ``total_tax`` to cents before it writes it with more decimals; ``taxes[].total`` is not rounded.
    So the shares are taken, rounded to the decimals that ``total`` is written with: exact where the export was asked
    with ``dp=6``, the cents of ``total_tax`` where it was not.
    """
    text = items.text(name)
    point = text.str.find(".")
    decimals = (text.str.len() - point - 1).where(point >= 0, 0).clip(upper=money.SCALE)
    told = shares.notna()
    exact = rounded(shares[told], decimals[item[told]].set_axis(item.index[told]))
    return exact.groupby(item[told]).sum().reindex(decimals.index).fillna(items.number(f"{name}_tax")).fillna(0)


def _combined(shares: pd.DataFrame) -> pd.DataFrame:
    """Give the rate of each item: its own, or its rates combined; ``percent`` and ``tax_name`` by item.

    Rates add; a compound rate is charged on the price with the taxes before it (ORD-31). A rate without amount beside
    one that has an amount was not applied.
    """
    taxed = shares["item"].isin(shares.loc[shares["amount"] != 0, "item"])
    applied = shares[(shares["amount"] != 0) | ~taxed]
    several = applied["item"].duplicated(keep=False)
    rows = [
        {
            "item": item,
            # A compound rate has a priority of its own, the others have the first one in common.
            "percent": combined_rate(rates["percent"], rates["compound"].astype(bool).cumsum() * rates["compound"])
            if (rates["amount"] != 0).any()
            else pd.NA,
            "tax_name": " + ".join(rates["tax_name"].dropna()),
        }
        for item, rates in applied[several].groupby("item")
    ]
    alone = applied.loc[~several, ["item", "percent", "tax_name"]]
    joined = pd.concat([alone, pd.DataFrame(rows, columns=alone.columns)]) if rows else alone
    return joined.astype({"percent": "Int64"}).set_index("item")


def _lines(orders: Records, rates: pd.DataFrame) -> pd.DataFrame:
    items = each_once(orders.each("line_items", required=True))
    amounts = _amounts(items, rates)
    return ORDER_LINES.conform(
        pd.DataFrame(
            {
                "order_key": items.keys,
                "line_id": items.text("id"),
                "position": items.position,
                "reference": items.text("sku"),
                "label": items.text("name"),
                "quantity": items.number("quantity", required=True).fillna(0),
                "gross_excl": amounts["gross_excl"],
                "gross_incl": amounts["gross_incl"],
                "net_excl": amounts["excl"],
                "net_incl": amounts["incl"],
                "tax_rate": amounts["tax_rate"],
                "tax_name": amounts["tax_name"],
                "parent_line_id": _packs(items),
            }
        )
    )


def _messages(orders: Records, given: list[tuple[str, Object]], options: ReadOptions) -> pd.DataFrame:
    """Give the order notes that the buyer reads too, oldest first (ORD-6); those that the shop wrote for itself not."""
    notes = attached(orders, given, "notes", options.shop)
    written = pd.DataFrame(
        {
            "order_key": notes.keys,
            "text": notes.text("note"),
            "written_at": time_of(notes, "date_created", options),
            "for_buyer": notes.flag("customer_note"),
        }
    )
    kept = written[written["for_buyer"] & (written["text"] != "")].sort_values("written_at", kind="stable")
    return ranked(by_order(MESSAGES, [kept], orders.keys))


def _packs(items: Records) -> pd.Series:
    """Give the line of the bundle or composite that each line is a component of (ORD-30), as the plugins link them.

    Their REST fields name the line; their ``meta_data`` names the key that they gave it in the cart.
    """
    named = first_filled(items.text("bundled_by"), items.text("composite_parent"))
    entries = items.each("meta_data")
    is_text = pd.Series([isinstance(row.get("value"), str) for row in entries.rows], dtype="bool")
    texts = entries.only(is_text & entries.text("key").isin([*_OWN_CART_KEYS, *_PARENT_CART_KEYS]))
    found = pd.DataFrame({"line": texts.parent, "key": texts.text("key"), "value": texts.text("value")})
    found = found.assign(order=items.keys.reindex(found["line"]).to_numpy())
    own, parent = (found[found["key"].isin(keys)] for keys in (_OWN_CART_KEYS, _PARENT_CART_KEYS))
    own = own.assign(parent_line=items.text("id").reindex(own["line"]).to_numpy())
    linked = parent.merge(own[["order", "value", "parent_line"]], on=["order", "value"]).drop_duplicates("line")
    by_key = looked_up(pd.Series(range(len(items))), linked.set_index("line")["parent_line"])
    return first_filled(named, by_key)


def _charges(orders: Records, rates: pd.DataFrame, options: ReadOptions) -> pd.DataFrame:
    """Give shipping and fees that are not free; of an export without ``shipping_lines``, the order's total shipping.

    A fee under one of the profile's labels is gift wrapping (ORD-25).
    """
    shipping, fees = orders.each("shipping_lines"), orders.each("fee_lines")
    summed = orders.only(~orders.has("shipping_lines"))
    excl, tax = summed.number("shipping_total").fillna(0), summed.number("shipping_tax").fillna(0)
    undetailed = pd.DataFrame(
        {
            "order_key": summed.keys,
            "kind": "shipping",
            "amount_excl": excl,
            "amount_incl": excl + tax,
            "tax_rate": pd.Series(0, excl.index, dtype="Int64").where(tax == 0),
        }
    )
    parts = [
        _charge(shipping, "shipping", "method_title", rates),
        undetailed[(excl != 0) | (tax != 0)],
        _charge(fees, "fee", "name", rates),
    ]
    charges = by_order(ORDER_CHARGES, parts, orders.keys)
    is_wrapping = (charges["kind"] == "fee") & charges["label"].isin(options.wrapping_labels)
    charges["kind"] = charges["kind"].mask(is_wrapping, "wrapping")
    return ranked(charges)


def _charge(items: Records, kind: str, label: str, rates: pd.DataFrame) -> pd.DataFrame:
    if not items.rows:
        return ORDER_CHARGES.empty()
    amounts = _amounts(items, rates).rename(columns={"excl": "amount_excl", "incl": "amount_incl"})
    charges = amounts.assign(order_key=items.keys, kind=kind, label=items.text(label))
    return charges[(amounts["amount_incl"] != 0).fillna(value=True)]


def _payments(orders: Records, header: pd.DataFrame) -> pd.DataFrame:
    """Give the one payment that WooCommerce knows of a paid order."""
    payments = header[["order_key", "payment_mode", "paid_at"]].assign(
        position=1, amount=header["charged_total"], transaction_id=orders.text("transaction_id")
    )
    paid = header["paid_at"].notna() & (header["charged_total"] != 0)
    return PAYMENTS.conform(payments[paid].reset_index(drop=True))


def buyer_numbers(orders: Records) -> pd.DataFrame:
    """Give VAT number and SIRET that plugins keep with orders or accounts: ``vat_number``, ``siret``; same rows."""
    entries = orders.each("meta_data")
    is_text = pd.Series([isinstance(row.get("value"), str) for row in entries.rows], dtype="bool")
    texts = entries.only(entries.text("key").isin([*VAT_NUMBER_KEYS, *SIRET_KEYS]) & is_text)
    found = pd.DataFrame({"order_key": texts.keys, "name": texts.text("key"), "value": texts.text("value")})
    found = found[found["value"] != ""]
    columns = {}
    for column, names in (("vat_number", VAT_NUMBER_KEYS), ("siret", SIRET_KEYS)):
        rank = found["name"].map({name: place for place, name in enumerate(names)})
        ranked = found.assign(rank=rank)[rank.notna()].sort_values("rank", kind="stable")
        values = ranked.drop_duplicates("order_key").set_index("order_key")["value"]
        columns[column] = looked_up(orders.keys, values)
    return pd.DataFrame(columns)


def _parties(header: pd.DataFrame, billing: Records, meta: pd.DataFrame) -> pd.DataFrame:
    """Give each buyer once, as the latest order has them."""
    people = {name: billing.text(name) for name in ("first_name", "last_name", "company", "email", "phone")}
    buyers = header[["customer_key", "shop", "customer_id", "is_guest"]].assign(**people, **meta)
    return PARTIES.conform(buyers.drop_duplicates("customer_key", keep="last", ignore_index=True))


def _addresses(orders: Records, billing: Records, meta: pd.DataFrame) -> pd.DataFrame:
    """Give billing and delivery address; one of which every field is empty is none."""
    billed = address_of(billing).assign(email=billing.text("email"), vat_number=meta["vat_number"])
    sent = address_of(orders.part("shipping"))
    return by_order(
        ADDRESSES, [filled(billed, orders.keys, "billing"), filled(sent, orders.keys, "delivery")], orders.keys
    )


def address_of(part: Records) -> pd.DataFrame:
    """Give addresses, of orders or accounts; same rows."""
    names = ("first_name", "last_name", "company", "postcode", "city", "state", "country", "phone")
    columns = {name: part.text(name) for name in names}
    lines = {"line_1": part.text("address_1"), "line_2": part.text("address_2")}
    return pd.DataFrame({**columns, **lines})


def _refunds(
    orders: Records, given: list[tuple[str, Object]], rates: pd.DataFrame, options: ReadOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give refunds and their lines: from refund documents, else the amount that the order itself has of a refund."""
    detailed = attached(orders, given, "refunds", options.shop)
    summary = orders.each("refunds")
    refunds = pd.concat(
        [
            pd.DataFrame(
                {
                    "order_key": detailed.keys,
                    "refund_id": detailed.text("id"),
                    "refunded_at": time_of(detailed, "date_created", options),
                    "amount_incl": detailed.number("amount", required=True).abs(),
                    "reason": detailed.text("reason"),
                }
            ),
            pd.DataFrame(
                {
                    "order_key": summary.keys,
                    "refund_id": summary.text("id", required=True),
                    "amount_incl": summary.number("total", required=True).abs(),
                    "reason": first_filled(summary.text("reason"), summary.text("refund")),
                }
            ),
        ]
    ).drop_duplicates(["order_key", "refund_id"])
    parts = [_refund_lines(detailed, name, kind, rates) for name, kind in _REFUNDED]
    return explained_refunds(refunds, parts, orders.keys)


def _refund_lines(refunds: Records, name: str, kind: str, rates: pd.DataFrame) -> pd.DataFrame:
    """Give what a refund gives back of lines, shipping or fees; the shop has it negative."""
    items = refunds.each(name)
    if not items.rows:
        return REFUND_LINES.empty()
    amounts = _amounts(items, rates)
    refund_id = refunds.text("id")
    return pd.DataFrame(
        {
            "order_key": items.keys,
            "refund_id": refund_id[items.parent].reset_index(drop=True),
            "line_id": _refunded_lines(items) if kind == "article" else "",
            "kind": kind,
            "quantity": -items.number("quantity").fillna(-money.ONE),
            "amount_excl": -amounts["excl"],
            "amount_incl": -amounts["incl"],
            "tax_rate": amounts["tax_rate"],
        }
    )


def _refunded_lines(items: Records) -> pd.Series:
    """Give of each refunded line the id of the order's line."""
    entries = items.each("meta_data")
    links = entries.only(entries.text("key") == _REFUNDED_LINE)
    ids = links.text("value").set_axis(links.parent)
    return looked_up(pd.Series(range(len(items))), ids[~ids.index.duplicated()])

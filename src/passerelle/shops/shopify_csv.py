"""The orders export of the Shopify admin: a CSV file with one row per line of an order.

What concerns an order as a whole stands on its first row only; the rows of an order share its Name and follow each
other. The file says neither whether prices include VAT nor the VAT of a line: what is deduced, and how, is in
docs/shops/shopify.md.

Source: facts/shops § 13; spec ORD-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pandas as pd

from passerelle import money
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.registry import formats
from passerelle.model.orders import (
    ADDRESSES,
    ORDER_ALLOWANCES,
    ORDER_CHARGES,
    ORDER_LINES,
    ORDER_TAXES,
    ORDERS,
    PARTIES,
    PAYMENTS,
    REFUND_LINES,
    REFUNDS,
    SalesOrders,
    no_orders,
)
from passerelle.outcome import together
from passerelle.shops.cells import Problems, rate_in_name, too_large
from passerelle.shops.export import ExportFile, ReadOptions, order_key
from passerelle.shops.order_rows import local, once, rows_of
from passerelle.shops.shopify_rates import rates, tax_names
from passerelle.shops.shopify_terms import paid_total, status_of
from passerelle.shops.tables import by_order, first_filled, without

_NEEDED = ("currency", "subtotal", "shipping", "taxes", "total", "created_at")
"""What the first row of an order must have."""
_NEEDED_ON_LINES = ("lineitem_quantity", "lineitem_price")
_TAXES = tuple((f"tax_{number}_name", f"tax_{number}_value") for number in range(1, 6))
_AMOUNTS = ("subtotal", "shipping", "taxes", "total", "discount_amount")
_CENTS = 2


def read(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read CSV files or workbooks, not packed. See ``passerelle.shops.export.OrderReader``."""
    descriptor = _descriptor()
    parts = [rows_of(file, descriptor, "name", "id") for file in files]
    outcomes = [outcomes for _, outcomes in parts]
    filled = [rows for rows, _ in parts if len(rows)]
    if not filled:
        return no_orders(together(outcomes))
    rows, again = once(_keyed(filled, options))
    problems = Problems()
    sales = _sales(rows, descriptor, problems, options)
    all_outcomes = together([*outcomes, again, problems.outcomes()])
    return replace(without(sales, problems.refused()), outcomes=all_outcomes).check()


@cache
def _descriptor() -> Descriptor:
    return formats().get("shopify/orders")


def _keyed(tables: Sequence[pd.DataFrame], options: ReadOptions) -> pd.DataFrame:
    """Give the rows of all files with ``order_key``, ``order_id`` and ``group``: consecutive rows with the same Name.

    An older export without the column Id is keyed by the order's name.
    """
    rows = pd.concat(tables, ignore_index=True)
    first = (rows["name"] != rows["name"].shift()) | (rows["file"] != rows["file"].shift())
    group = first.cumsum()
    order_id = first_filled(rows["id"], rows["name"].str.removeprefix("#"))[first].set_axis(group[first])
    rows = rows.assign(group=group, order_id=group.map(order_id).astype("str"))
    keys = {one: order_key(options.shop, one) for one in order_id.unique()}
    return rows.assign(order_key=rows["order_id"].map(keys).astype("str"))


def _sales(rows: pd.DataFrame, descriptor: Descriptor, problems: Problems, options: ReadOptions) -> SalesOrders:
    heads = rows.drop_duplicates("order_key", ignore_index=True)
    _say_missing(rows, heads, descriptor, problems)
    taxes = _taxes(heads)
    lines = _lines(rows, problems)
    totals = _totals(heads, lines, taxes, problems)
    line_rates, shipping_rates = rates(lines, totals, taxes)
    lines = _with_tax(lines, line_rates, totals, taxes)
    orders = _orders(heads, totals, options)
    refunds, refund_lines = _refunds(heads)
    return SalesOrders(
        orders=ORDERS.conform(orders),
        lines=ORDER_LINES.conform(lines),
        charges=_charges(heads, shipping_rates, totals, taxes),
        allowances=_allowances(heads, totals),
        taxes=ORDER_TAXES.conform(taxes),
        payments=_payments(heads, orders),
        refunds=refunds,
        refund_lines=refund_lines,
        parties=_parties(heads, orders),
        addresses=_addresses(heads),
        outcomes=no_orders().outcomes,
    )


def _say_missing(rows: pd.DataFrame, heads: pd.DataFrame, descriptor: Descriptor, problems: Problems) -> None:
    unreadable = rows[rows["unreadable"]]
    place = unreadable["file"] + ":" + unreadable["line"].astype("str")
    problems.say("order-row-unreadable", unreadable["order_key"], value=place)
    for where, names in ((heads, _NEEDED), (rows, _NEEDED_ON_LINES)):
        for name in names:
            lacking = (where[name].isna() | (where[name] == "").fillna(value=False)) & ~where["unreadable"]
            problems.say("export-value-missing", where.loc[lacking, "order_key"], field=descriptor.field(name).title)


def _taxes(heads: pd.DataFrame) -> pd.DataFrame:
    """Give the VAT amounts of the orders by name, with the rate that the name says."""
    parts = [
        pd.DataFrame({"order_key": heads["order_key"], "tax_name": heads[name], "tax_amount": heads[value]})
        for name, value in _TAXES
    ]
    taxes = pd.concat(parts, ignore_index=True)
    taxes = taxes[(taxes["tax_name"] != "") | (taxes["tax_amount"].fillna(0) != 0)]
    taxes = taxes.assign(tax_amount=taxes["tax_amount"].fillna(0), tax_rate=rate_in_name(taxes["tax_name"]))
    return by_order(ORDER_TAXES, [taxes], heads["order_key"])


def _lines(rows: pd.DataFrame, problems: Problems) -> pd.DataFrame:
    """Give the lines with ``gross`` and ``net``, with or without tax as the shop's prices are."""
    quantity, price = rows["lineitem_quantity"].fillna(0), rows["lineitem_price"].fillna(0)
    beyond = too_large(price, quantity)
    shown = money.to_text(quantity[beyond], 0)
    problems.say("export-value-wrong", rows.loc[beyond, "order_key"], field="Lineitem quantity", value=shown)
    price = price.mask(beyond, 0)
    gross = pd.Series(money.product(price, quantity, money.SCALE), rows.index)
    position = rows.groupby("order_key").cumcount() + 1
    return pd.DataFrame(
        {
            "order_key": rows["order_key"],
            "line_id": position.astype("str"),
            "position": position,
            "reference": rows["lineitem_sku"],
            "label": rows["lineitem_name"],
            "quantity": quantity,
            "gross": gross,
            "net": gross - rows["lineitem_discount"].fillna(0).astype("int64"),
            "taxable": rows["lineitem_taxable"].str.lower() != "false",
        }
    )


def _totals(heads: pd.DataFrame, lines: pd.DataFrame, taxes: pd.DataFrame, problems: Problems) -> pd.DataFrame:
    """Deduce by order what the export does not say, from its totals.

    The discount on the lines is what Subtotal lacks of them. Total = Subtotal + Shipping + Taxes: prices exclude tax;
    Total = Subtotal + Shipping: they include it. Either less the rest of Discount Amount: that is the shipping's.

    Returns:
        By order key: ``includes_tax``; ``net`` of all lines; ``shipping``; ``on_lines`` and ``on_shipping``
        (allowances); ``tax``; ``tax_rate`` and ``tax_name`` of an order with one tax.
    """
    heads = heads.set_index("order_key")
    amounts = {name: heads[name].fillna(0).astype("int64") for name in _AMOUNTS}
    subtotal, shipping, tax, total, discount = (amounts[name] for name in _AMOUNTS)
    by_order_ = lines.groupby("order_key")
    net = pd.Series(money.rounded_half_up(by_order_["net"].sum().reindex(heads.index), _CENTS), heads.index)
    line_discounts = (by_order_["gross"].sum() - by_order_["net"].sum()).reindex(heads.index)
    on_lines = net - subtotal
    rest = discount - on_lines
    excluding, including = (subtotal + shipping + added - total for added in (tax, 0))
    fits = [
        (gap == 0) | ((gap > 0) & ((gap == rest) | (gap == rest - line_discounts))) for gap in (excluding, including)
    ]
    includes_tax = fits[1] & (~fits[0] | (tax == 0))
    complete = heads[[*_NEEDED]].notna().all(axis=1) & ~heads.index.isin(problems.refused())
    contradiction = complete & ((on_lines < 0) | (rest < 0))
    unclear = complete & ~contradiction & (fits[0] == fits[1]) & ~(fits[0] & (tax == 0))
    _say_contradictions(subtotal[contradiction], (net - discount)[contradiction], problems)
    problems.say(
        "tax-mode-unclear",
        pd.Series(heads.index[unclear]),
        field="Total",
        **{name: money.to_text(amounts[name][unclear], _CENTS) for name in _AMOUNTS},
    )
    charged = taxes[taxes["tax_amount"] != 0].drop_duplicates("order_key", keep=False).set_index("order_key")
    return pd.DataFrame(
        {
            "includes_tax": includes_tax,
            "net": net,
            "shipping": shipping,
            "on_lines": on_lines,
            "on_shipping": including.where(includes_tax, excluding),
            "tax": tax,
            "tax_rate": charged["tax_rate"].reindex(heads.index).mask(tax == 0, 0),
            "tax_name": charged["tax_name"].reindex(heads.index).fillna(""),
        }
    )


def _say_contradictions(subtotal: pd.Series, expected: pd.Series, problems: Problems) -> None:
    problems.say(
        "contradictory-totals",
        pd.Series(subtotal.index),
        field="Subtotal",
        value=money.to_text(subtotal, _CENTS),
        other_field="Lineitem price × Lineitem quantity − Lineitem discount − Discount Amount",
        other=money.to_text(expected, _CENTS),
    )


def _with_tax(lines: pd.DataFrame, rates: pd.Series, totals: pd.DataFrame, taxes: pd.DataFrame) -> pd.DataFrame:
    """Give the lines their rate and the amounts that are known."""
    includes_tax = totals["includes_tax"].reindex(lines["order_key"]).set_axis(lines.index)
    return lines.assign(
        **_sides("gross", lines["gross"], includes_tax, rates),
        **_sides("net", lines["net"], includes_tax, rates),
        tax_rate=rates,
        tax_name=tax_names(lines["order_key"], rates, totals, taxes),
    )


def _sides(name: str, known: pd.Series, includes_tax: pd.Series, rate: pd.Series) -> dict[str, pd.Series]:
    """Give an amount on the side that the shop's prices have; on both where there is no tax."""
    untaxed = (rate == 0).fillna(value=False)
    amount = known.astype("Int64")
    return {f"{name}_excl": amount.where(~includes_tax | untaxed), f"{name}_incl": amount.where(includes_tax | untaxed)}


def _charges(heads: pd.DataFrame, rates: pd.Series, totals: pd.DataFrame, taxes: pd.DataFrame) -> pd.DataFrame:
    """Give the shipping that was charged; free shipping is none."""
    shipping = totals["shipping"].set_axis(heads.index)
    includes_tax = totals["includes_tax"].set_axis(heads.index)
    rates = rates.set_axis(heads.index)
    charges = pd.DataFrame(
        {
            "order_key": heads["order_key"],
            "position": 1,
            "kind": "shipping",
            "label": heads["shipping_method"],
            **_sides("amount", shipping, includes_tax, rates),
            "tax_rate": rates,
            "tax_name": tax_names(heads["order_key"], rates, totals, taxes),
        }
    )
    return ORDER_CHARGES.conform(charges[shipping != 0].reset_index(drop=True))


def _allowances(heads: pd.DataFrame, totals: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for target, column in (("lines", "on_lines"), ("shipping", "on_shipping")):
        amount = totals[column].astype("Int64")
        untaxed = totals["tax"] == 0
        part = pd.DataFrame(
            {
                "order_key": totals.index,
                "target": target,
                "label": heads["discount_code"].to_numpy(),
                "amount_excl": amount.where(~totals["includes_tax"] | untaxed).to_numpy(),
                "amount_incl": amount.where(totals["includes_tax"] | untaxed).to_numpy(),
            }
        )
        parts.append(part[(amount > 0).to_numpy()])
    allowances = by_order(ORDER_ALLOWANCES, parts, heads["order_key"])
    return allowances.assign(position=allowances.groupby("order_key").cumcount() + 1)


def _orders(heads: pd.DataFrame, totals: pd.DataFrame, options: ReadOptions) -> pd.DataFrame:
    currency = heads["currency"]
    shop_currency = currency.mask(currency != "", options.shop_currency) if options.shop_currency else currency
    total = heads["total"].fillna(0).astype("int64")
    paid_at = local(heads["paid_at"], options)
    return pd.DataFrame(
        {
            "order_key": heads["order_key"],
            "shop": options.shop,
            "order_id": heads["order_id"],
            "order_reference": heads["name"],
            "status": status_of(heads["financial_status"], heads["cancelled_at"].notna()),
            "created_at": local(heads["created_at"], options),
            "paid_at": paid_at,
            # The export has no id of the buyer: each order is a guest's, whom the e-mail may find in the ERP.
            "customer_key": [order_key(options.shop, f"order-{one}") for one in heads["order_id"]],
            "currency": currency,
            "shop_currency": shop_currency,
            "currency_rate": pd.Series(money.ONE, heads.index, dtype="Int64").where(currency == shop_currency),
            "prices_include_tax": totals["includes_tax"].to_numpy(),
            "charged_total": total,
            "charged_total_excl": total - heads["taxes"].fillna(0),
            "paid_total": paid_total(total, heads["financial_status"], heads["outstanding_balance"]),
            "payment_mode": heads["payment_method"],
            "carrier": heads["shipping_method"],
            "note": heads["notes"],
        }
    )


def _payments(heads: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    payments = orders[["order_key", "payment_mode", "paid_at"]].assign(
        position=1,
        amount=orders["paid_total"].fillna(0),
        transaction_id=first_filled(heads["payment_reference"], heads["payment_references"], heads["payment_id"]),
    )
    return PAYMENTS.conform(payments[payments["amount"] != 0].reset_index(drop=True))


def _refunds(heads: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give what was refunded of an order as one refund: the export has the sum only, neither dates nor lines."""
    given_back = heads["refunded_amount"].fillna(0) > 0
    refunds = pd.DataFrame(
        {"order_key": heads["order_key"], "refund_id": heads["order_id"], "amount_incl": heads["refunded_amount"]}
    )[given_back].reset_index(drop=True)
    return REFUNDS.conform(refunds), REFUND_LINES.conform(refunds.assign(kind="amount"))


def _parties(heads: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    first, last = _names(first_filled(heads["billing_name"], heads["shipping_name"]))
    buyers = orders[["customer_key", "shop"]].assign(
        customer_id=orders["order_id"],
        is_guest=True,
        first_name=first,
        last_name=last,
        company=first_filled(heads["billing_company"], heads["shipping_company"]),
        email=heads["email"],
        phone=_unquoted(first_filled(heads["phone"], heads["billing_phone"], heads["shipping_phone"])),
    )
    return PARTIES.conform(buyers)


def _names(full: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Cut a name into first and last name at the first blank; a single word is a last name."""
    text = full.str.strip()
    first = text.str.replace(r"\s[\s\S]*$", "", regex=True).where(text.str.contains(r"\s"), "")
    return first, text.str.replace(r"^\S+\s+", "", regex=True)


def _unquoted(text: pd.Series) -> pd.Series:
    """Take the apostrophe off that keeps spreadsheets from making a number of it."""
    return text.str.removeprefix("'")


def _addresses(heads: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for prefix, kind in (("billing", "billing"), ("shipping", "delivery")):
        cell = {name: heads[f"{prefix}_{name}"] for name in _ADDRESS}
        first, last = _names(cell["name"])
        address = pd.DataFrame(
            {
                "first_name": first,
                "last_name": last,
                "company": cell["company"],
                "line_1": first_filled(cell["address1"], cell["street"]),
                "line_2": cell["address2"],
                "postcode": _unquoted(cell["zip"]),
                "city": cell["city"],
                "state": first_filled(cell["province"], cell["province_name"]),
                "country": cell["country"],
                "phone": _unquoted(cell["phone"]),
            }
        )
        filled = (address != "").any(axis=1)
        parts.append(address.assign(order_key=heads["order_key"], kind=kind)[filled])
    return by_order(ADDRESSES, parts, heads["order_key"])


_ADDRESS = (
    "name",
    "street",
    "address1",
    "address2",
    "company",
    "city",
    "zip",
    "province",
    "province_name",
    "country",
    "phone",
)

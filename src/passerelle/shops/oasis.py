"""Oasis Commerce: orders out of the files that its *posteur* writes.

The columns of its models are told inside each shop only. Ours is the layout of the format ``oasis/orders``; a profile's
own descriptor of that name says what they are called in the shop.

Source: facts/ebp § 5.4; spec OAS-1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from passerelle import money
from passerelle.model.orders import (
    ADDRESSES,
    ORDER_ALLOWANCES,
    ORDER_CHARGES,
    ORDER_LINES,
    ORDERS,
    PARTIES,
    PAYMENTS,
    SalesOrders,
    no_orders,
)
from passerelle.outcome import together
from passerelle.shops.cells import Problems
from passerelle.shops.export import ExportFile, ReadOptions, order_key, unpacked
from passerelle.shops.order_rows import local, once, rows_of
from passerelle.shops.tables import by_order, filled, ranked, whole_payments, without

FORMAT = "oasis/orders"
_TIMES = ("created_at", "updated_at", "paid_at", "invoiced_at")


def read_orders(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read orders of one row per line.

    Returns:
        See ``passerelle.shops.export.OrderReader``.
    """
    plain, packing = unpacked(files)
    descriptor = options.formats.get(FORMAT, options.format_settings.get(FORMAT))
    parts = [rows_of(file, descriptor, "order_id") for file in plain]
    said = [packing, *(outcomes for _, outcomes in parts)]
    tables = [rows for rows, _ in parts if len(rows)]
    if not tables:
        return no_orders(together(said))
    rows, again = once(_keyed(tables, options))
    problems = Problems()
    sales = _sales(rows, problems, options)
    outcomes = together([*said, again, problems.outcomes()])
    return replace(without(sales, problems.refused()), outcomes=outcomes).check()


def _keyed(tables: Sequence[pd.DataFrame], options: ReadOptions) -> pd.DataFrame:
    """Give the rows of all files with ``order_key`` and ``group``: rows that follow each other and are of one order."""
    rows = pd.concat(tables, ignore_index=True)
    rows["order_id"] = rows["order_id"].str.strip()
    first = (rows["order_id"] != rows["order_id"].shift()) | (rows["file"] != rows["file"].shift())
    keys = {one: order_key(options.shop, one) for one in rows["order_id"].unique()}
    return rows.assign(group=first.cumsum(), order_key=rows["order_id"].map(keys).astype("str"))


def _sales(rows: pd.DataFrame, problems: Problems, options: ReadOptions) -> SalesOrders:
    unreadable = rows["unreadable"]
    place = rows["file"] + ":" + rows["line"].astype("str")
    problems.say("order-row-unreadable", rows.loc[unreadable, "order_key"], value=place[unreadable])
    lines = _lines(rows)
    lacking = ~unreadable & lines["net_incl"].isna() & lines["net_excl"].isna()
    problems.say("export-value-missing", rows.loc[lacking, "order_key"], field="line_net_incl, line_net_excl")
    twice = lines.duplicated(["order_key", "line_id"])
    problems.say(
        "export-value-wrong", lines.loc[twice, "order_key"], field="line_line_id", value=lines.loc[twice, "line_id"]
    )
    heads = rows.drop_duplicates("order_key", ignore_index=True)
    orders = _orders(heads, options)
    keys = heads["order_key"]
    nothing = no_orders()
    return replace(
        nothing,
        orders=ORDERS.conform(orders),
        lines=ORDER_LINES.conform(lines),
        charges=_charges(heads),
        allowances=_allowances(heads),
        payments=by_order(PAYMENTS, [whole_payments(orders, nothing.payments)], keys),
        parties=_parties(heads, orders),
        addresses=by_order(
            ADDRESSES, [filled(_part(heads, f"{kind}_"), keys, kind) for kind in ("billing", "delivery")], keys
        ),
    )


def _part(rows: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Give the columns of one of the tables that stand side by side in a row."""
    own = rows[[name for name in rows if str(name).startswith(prefix)]]
    return own.rename(columns=lambda name: name.removeprefix(prefix))


def _lines(rows: pd.DataFrame) -> pd.DataFrame:
    lines = ranked(_part(rows, "line_").assign(order_key=rows["order_key"], quantity=rows["line_quantity"].fillna(0)))
    return lines.assign(line_id=lines["line_id"].where(lines["line_id"] != "", lines["position"].astype("str")))


def _orders(heads: pd.DataFrame, options: ReadOptions) -> pd.DataFrame:
    own = heads[[name for name in ORDERS.names if name in heads]]
    currency = heads["currency"].where(heads["currency"] != "", options.shop_currency)
    shop_currency = options.shop_currency or currency
    is_guest = heads["buyer_customer_id"] == ""
    buyer = heads["buyer_customer_id"].where(~is_guest, "order-" + heads["order_id"])
    return own.assign(
        **{name: local(heads[name], options) for name in _TIMES},
        shop=options.shop,
        customer_key=[order_key(options.shop, one) for one in buyer],
        currency=currency,
        shop_currency=shop_currency,
        currency_rate=pd.Series(money.ONE, heads.index, dtype="Int64").where(currency == shop_currency),
        prices_include_tax=heads["prices_include_tax"].fillna(heads["line_net_incl"].notna()),
        charged_total=heads["charged_total"].fillna(0),
    )


def _charges(heads: pd.DataFrame) -> pd.DataFrame:
    """Give the shipping that was charged; free shipping is none."""
    shipping = _part(heads, "shipping_").assign(
        order_key=heads["order_key"], position=1, kind="shipping", label=heads["carrier"]
    )
    return ORDER_CHARGES.conform(shipping[_is_amount(shipping)].reset_index(drop=True))


def _allowances(heads: pd.DataFrame) -> pd.DataFrame:
    discount = _part(heads, "discount_").assign(order_key=heads["order_key"], position=1, target="lines")
    return ORDER_ALLOWANCES.conform(discount[_is_amount(discount)].reset_index(drop=True))


def _is_amount(rows: pd.DataFrame) -> pd.Series:
    return (rows["amount_incl"].fillna(0) != 0) | (rows["amount_excl"].fillna(0) != 0)


def _parties(heads: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Give the buyers, each as his last order has him."""
    is_guest = heads["buyer_customer_id"] == ""
    buyers = _part(heads, "buyer_").assign(
        customer_key=orders["customer_key"],
        shop=orders["shop"],
        customer_id=heads["buyer_customer_id"].where(~is_guest, heads["order_id"]),
        is_guest=is_guest,
    )
    return PARTIES.conform(buyers.drop_duplicates("customer_key", keep="last", ignore_index=True))

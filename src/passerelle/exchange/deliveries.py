"""An order that goes to several addresses: one document per delivery address.

Each part is an order of its own under its own key, with the lines that go to its address; the rules then make a
document of it as of any other. The parts add up to the order, to the cent.

Source: spec ORD-73.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from passerelle import money
from passerelle.exchange import currencies, texts
from passerelle.exchange.options import OrderOptions
from passerelle.model.orders import TABLES, SalesOrders

_PART = ["order_key", "address_id"]


@dataclass(frozen=True, slots=True)
class Parted:
    """Orders, those with several delivery addresses in parts.

    Attributes:
        sales: the orders; a part has a key of its own.
        order_of: by key of a part, the order it is one of.
        number: by key of a part, its rank within the order, from 1.
    """

    sales: SalesOrders
    order_of: pd.Series
    number: pd.Series

    def of_orders(self, keys: pd.Series) -> pd.Series:
        """Give the order of each key: a part's own, or the key itself; same index."""
        return keys.map(self.order_of).fillna(keys).astype("str") if len(self.order_of) else keys

    def said(self, outcomes: pd.DataFrame) -> pd.DataFrame:
        """Say of the orders what was said of their parts, once each."""
        if self.order_of.empty:
            return outcomes
        return outcomes.assign(record=self.of_orders(outcomes["record"])).drop_duplicates(ignore_index=True)


def parted(sales: SalesOrders, whole: Iterable[str], options: OrderOptions) -> Parted:
    """Part the orders whose lines go to several addresses.

    Lines and charges go with their address; those that name none, with the first. A discount is spread over the parts
    in proportion to what they have of what it reduces. What the order charges beyond its lines, charges and discounts
    is charged by its first part. Payments are shared in proportion to what the parts charge.

    Args:
        sales: orders whose refunds are dealt with elsewhere.
        whole: keys of orders that are not parted.
        options: how many decimals amounts have.
    """
    parts = _parts(sales, whole)
    if parts.empty:
        nothing = pd.Series(dtype="str")
        return Parted(sales, nothing, pd.Series(dtype="int64"))
    decimals = currencies.decimals(sales.orders.set_index("order_key")["currency"], options)
    parts["decimals"] = decimals.reindex(parts["order_key"]).to_numpy()
    rest = sales.only(set(sales.orders["order_key"]) - set(parts["order_key"]))
    return Parted(
        _joined(rest, replace(sales, orders=currencies.charged(sales.orders, options)), parts),
        parts.set_index("part_key")["order_key"],
        parts.set_index("part_key")["number"],
    )


def _parts(sales: SalesOrders, whole: Iterable[str]) -> pd.DataFrame:
    """Give the parts: ``order_key``, ``address_id``, ``number``, ``part_key``; none of an order with one only."""
    places = sales.addresses.loc[sales.addresses["kind"] == "delivery", _PART]
    if not places["order_key"].duplicated().any():
        return places.iloc[:0]
    places = places.drop_duplicates()
    places = places[places["order_key"].duplicated(keep=False) & ~texts.among(places["order_key"], whole)]
    lines = sales.lines[texts.among(sales.lines["order_key"], places["order_key"]) & (sales.lines["quantity"] != 0)]
    used = _placed(lines, places)[_PART].drop_duplicates()
    parts = places.merge(used, on=_PART)
    parts = parts[parts["order_key"].duplicated(keep=False)].reset_index(drop=True)
    parts["number"] = parts.groupby("order_key", sort=False).cumcount() + 1
    return parts.assign(part_key=parts["order_key"] + "/delivery-" + parts["number"].astype("str"))


def _placed(rows: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Give rows with the address that they go to: their own where it is one of the order's, else the first."""
    known = pd.MultiIndex.from_frame(rows[_PART]).isin(pd.MultiIndex.from_frame(places[_PART]))
    first = places.drop_duplicates("order_key").set_index("order_key")["address_id"]
    return rows.assign(address_id=rows["address_id"].where(known, rows["order_key"].map(first)))


def _joined(rest: SalesOrders, sales: SalesOrders, parts: pd.DataFrame) -> SalesOrders:
    """Put the parts beside the orders that have none."""
    lines, charges = (_own(table, parts) for table in (sales.lines, sales.charges))
    goods, shipping = _sum(lines, "net"), _sum(charges[charges["kind"] == "shipping"], "amount")
    allowances = _shared_allowances(sales.allowances, parts, goods, shipping)
    reduced = _sum(allowances.assign(tax_rate=_mean_rates(lines, goods, allowances["order_key"])), "amount")
    own = goods.add(_sum(charges, "amount"), fill_value=0).sub(reduced, fill_value=0)
    orders = _orders(sales.orders, parts, own)
    charged = orders.set_index("order_key")["charged_total"]
    new = {
        "orders": orders,
        "lines": lines,
        "charges": charges,
        "allowances": allowances,
        "taxes": _shared(sales.taxes, parts, charged, ["taxable_amount", "tax_amount"]),
        "payments": _shared(sales.payments, parts, charged, ["amount"]),
        "addresses": _addresses(sales.addresses, parts),
        "messages": _each(sales.messages, parts),
    }
    joined = {
        name: pd.concat([getattr(rest, name), TABLES[name].conform(rows)], ignore_index=True)
        for name, rows in new.items()
    }
    return SalesOrders(
        **joined,
        refunds=rest.refunds,
        refund_lines=rest.refund_lines,
        parties=sales.parties,
        outcomes=sales.outcomes,
    )


def _own(rows: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of parted orders under the key of the part that they go to; those of no part to the first."""
    of_parted = rows[texts.among(rows["order_key"], parts["order_key"])]
    return _keyed(_placed(of_parted, parts).merge(parts, on=_PART))


def _each(rows: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of parted orders once for each part, with its ``number``."""
    return _keyed(rows.merge(parts.drop(columns=["address_id"]), on="order_key"))


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=["order_key"]).rename(columns={"part_key": "order_key"})


def _sum(rows: pd.DataFrame, name: str) -> pd.Series:
    """Add up amounts including tax by part; an amount that the shop tells on one side only counts by its rate."""
    excl, rate = rows[f"{name}_excl"].fillna(0), rows["tax_rate"].fillna(0)
    computed = pd.Series(money.including(excl, rate, rows["decimals"]), rows.index, dtype="Int64")
    amount = rows[f"{name}_incl"].fillna(computed).astype("int64")
    return pd.Series(money.rounded_half_up(amount, rows["decimals"]), rows.index).groupby(rows["order_key"]).sum()


def _mean_rates(lines: pd.DataFrame, goods: pd.Series, keys: pd.Series) -> pd.Series:
    """Give the rate between a part's goods without and with tax, for each of some rows."""
    excl = lines.groupby("order_key")["net_excl"].sum().reindex(goods.index).fillna(0).astype("int64")
    rate = pd.Series(money.quotient(100 * (goods - excl), excl, money.SCALE), goods.index)
    return rate.reindex(keys).set_axis(keys.index)


def _shared_allowances(
    allowances: pd.DataFrame, parts: pd.DataFrame, goods: pd.Series, shipping: pd.Series
) -> pd.DataFrame:
    """Share each allowance over the parts that have what it reduces."""
    free = allowances["target"] == "shipping"
    on_goods = _shared(allowances[~free], parts, goods, ["amount_excl", "amount_incl"])
    on_shipping = _shared(allowances[free], parts, shipping, ["amount_excl", "amount_incl"])
    shared = pd.concat([on_goods, on_shipping], ignore_index=True)
    return shared[(shared[["amount_excl", "amount_incl"]].fillna(0) != 0).any(axis=1)]


def _shared(rows: pd.DataFrame, parts: pd.DataFrame, weights: pd.Series, amounts: list[str]) -> pd.DataFrame:
    """Share the amounts of each row over the parts of its order in proportion to their weights."""
    numbered = _each(rows.assign(row=range(len(rows))), parts)
    weight = weights.reindex(numbered["order_key"]).fillna(0).clip(lower=0).to_numpy(dtype="int64")
    for name in amounts:
        total = numbered[name]
        share = money.allocate(total.fillna(0), weight, numbered["row"], numbered["decimals"])
        numbered[name] = pd.Series(share, numbered.index, dtype="Int64").where(total.notna())
    return numbered


def _orders(orders: pd.DataFrame, parts: pd.DataFrame, own: pd.Series) -> pd.DataFrame:
    """Give a row per part with what it charges; the first one also what the order charges beyond its rows."""
    rows = _each(orders.assign(whole=orders["order_key"]).drop(columns=["decimals"]), parts)
    charged = own.reindex(rows["order_key"]).fillna(0).astype("int64").set_axis(rows.index)
    beyond = rows["charged_total"] - charged.groupby(rows["whole"]).transform("sum")
    charged = charged.add(beyond.where(rows["number"] == 1, 0))
    shares = {
        name: pd.Series(
            money.allocate(rows[name].fillna(0), charged.clip(lower=0), rows["whole"], rows["decimals"]),
            rows.index,
            dtype="Int64",
        ).where(rows[name].notna())
        for name in ("charged_total_excl", "paid_total")
    }
    return rows.assign(charged_total=charged, **shares)


def _addresses(addresses: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """Give each part the order's billing address and its own delivery address."""
    is_delivery = addresses["kind"] == "delivery"
    delivery = _keyed(addresses[is_delivery].merge(parts, on=_PART)).drop_duplicates("order_key")
    return pd.concat([_each(addresses[~is_delivery], parts), delivery], ignore_index=True)

"""What stands beside the lines of orders: shipping, gift wrapping, vouchers.

Source: facts/shops § 1; spec ORD-24, ORD-25, ORD-26, ORD-41.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from passerelle import money
from passerelle.shops.cells import numbers
from passerelle.shops.prestashop.amounts import CENT, DECIMALS, as_deducted, rate_between
from passerelle.shops.prestashop.reading import Reading, among, ranked

_ANY_GROUP = ""
Taxes = dict[int, set[str]]
"""Rates in percent with the names of their taxes."""


def charges_of(reading: Reading, header: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Give shipping and gift wrapping, with the rate that is told or the one that the amounts show."""
    group = reading.field_of("carriers", header["carrier_id"], "id_tax_rules_group")
    country = reading.field_of("addresses", header["id_delivery"], "id_country")
    charges = pd.concat(
        [
            pd.DataFrame(
                {
                    "order_key": header["order_key"],
                    "kind": kind,
                    "label": header["carrier"] if kind == "shipping" else "",
                    "amount_excl": header[f"{kind}_excl"],
                    "amount_incl": header[f"{kind}_incl"],
                    "told": header["carrier_tax_rate"].fillna(0) if kind == "shipping" else 0,
                    "group": group if kind == "shipping" else _ANY_GROUP,
                    "country": country,
                }
            )
            for kind in ("shipping", "wrapping")
        ]
    )
    charges = ranked(charges[(charges["amount_excl"] != 0) | (charges["amount_incl"] != 0)], header)
    told = charges["told"].where(charges["told"] > 0)
    rate = told.mask(charges["amount_excl"] == charges["amount_incl"], 0).astype("Int64")
    name = _name_on_lines(charges["order_key"], rate, lines)
    open_ones = rate.isna() | (name == "")
    if open_ones.any():
        of_orders = _taxes_of_orders(lines, charges[among(charges["order_key"], charges.loc[open_ones, "order_key"])])
        searched = charges.assign(tax_rate=rate)[open_ones]
        rate[open_ones], name[open_ones] = _looked_for(reading, searched, of_orders)
    return charges.assign(tax_rate=rate, tax_name=name)


def _name_on_lines(owners: pd.Series, rates: pd.Series, lines: pd.DataFrame) -> pd.Series:
    """Give the name that the tax of a rate has on the lines of an order; empty where there is none, or several."""
    named = lines.loc[lines["tax_rate"].notna() & (lines["tax_name"] != ""), ["order_key", "tax_rate", "tax_name"]]
    named = named.drop_duplicates()
    named = named[~named.duplicated(["order_key", "tax_rate"], keep=False)]
    charges = pd.DataFrame({"order_key": owners, "tax_rate": rates})
    return charges.merge(named, how="left", on=["order_key", "tax_rate"])["tax_name"].fillna("").set_axis(owners.index)


def _looked_for(reading: Reading, charges: pd.DataFrame, of_orders: Mapping[str, Taxes]) -> tuple[pd.Series, pd.Series]:
    """Give rate and tax name of charges, where amounts or the shop's tax rules show what the order does not tell."""
    of_shop, by_rule = _taxes_of_shop(reading)
    rates: list[int | None] = []
    names: list[str] = []
    for charge in charges.itertuples(index=False):
        rules = [by_rule.get((group, charge.country), {}) for group in (charge.group, _ANY_GROUP)]
        known = [of_orders[charge.order_key], *rules, of_shop]
        rate = charge.tax_rate if pd.notna(charge.tax_rate) else None
        if rate is None:
            rate = _shown_rate(charge.amount_excl, charge.amount_incl, known)
        named = [taxes[rate] for taxes in known if rate is not None and len(taxes.get(rate, ())) == 1]
        rates.append(rate)
        names.append(min(named[0]) if named else "")
    return pd.Series(rates, index=charges.index, dtype="Int64"), pd.Series(names, index=charges.index, dtype="str")


def _shown_rate(excl: int, incl: int, known: Iterable[Taxes]) -> int | None:
    """Give the first rate that the amounts show."""
    found = (rate_between(excl, incl, taxes) for taxes in known)
    return next((rate for rate in found if rate is not None), None)


def _taxes_of_orders(lines: pd.DataFrame, charges: pd.DataFrame) -> dict[str, Taxes]:
    """Give the taxes that each order with a charge has on its lines and its shipping."""
    of_orders: dict[str, Taxes] = {key: {} for key in charges["order_key"]}
    taxed = lines[lines["tax_rate"].notna() & among(lines["order_key"], charges["order_key"])]
    for key, rate, name in taxed[["order_key", "tax_rate", "tax_name"]].itertuples(index=False):
        of_orders[key].setdefault(rate, set()).update([name] if name else [])
    for key, rate in charges.loc[charges["told"] > 0, ["order_key", "told"]].itertuples(index=False):
        of_orders[key].setdefault(rate, set())
    return of_orders


def _taxes_of_shop(reading: Reading) -> tuple[Taxes, dict[tuple[str, str], Taxes]]:
    """Give all taxes of the shop, and, where the tax rules were exported, those of each group of rules and country."""
    ids = pd.Series([tax["id"] for tax in reading.rows("taxes")], dtype="str")
    taxes = reading.referred("taxes", ids)
    rates, _ = numbers(taxes["rate"])
    told = {one: (rate, name) for one, rate, name in zip(ids, rates, taxes["name"], strict=True) if rate is not pd.NA}
    of_shop: Taxes = {}
    for rate, name in told.values():
        of_shop.setdefault(rate, set()).add(name)
    by_rule: dict[tuple[str, str], Taxes] = {}
    for rule in reading.rows("tax_rules"):
        if rule["id_tax"] in told:
            rate, name = told[rule["id_tax"]]
            for group in (rule["id_tax_rules_group"], _ANY_GROUP):
                by_rule.setdefault((group, rule["id_country"]), {}).setdefault(rate, set()).add(name)
    return of_shop, by_rule


def allowances_of(reading: Reading, header: pd.DataFrame) -> pd.DataFrame:
    """Give the cart rules of the orders as they were charged."""
    records = reading.of_orders("order_cart_rules", header["order_key"])
    records = records.only(~records.flag("deleted"))
    rules = pd.DataFrame(
        {
            "order_key": records.keys,
            "label": records.text("name"),
            "free_shipping": records.flag("free_shipping"),
            "value_excl": records.number("value_tax_excl", required=True).fillna(0).astype("int64"),
            "value_incl": records.number("value", required=True).fillna(0).astype("int64"),
        }
    )
    rank = pd.Series(header.index, index=header["order_key"])
    rules["order"] = rules["order_key"].map(rank).astype("int64")
    if reading.export.damaged("order_cart_rules"):
        undiscounted = (header[["discounts_excl", "discounts_incl"]] == 0).all(axis="columns")
        lost = header["order_key"][~undiscounted & ~among(header["order_key"], rules["order_key"])]
        reading.problems.say("export-file-missing", lost, field="order_cart_rules")
    _say_adjusted(reading, header, rules)
    return ranked(as_deducted(rules.sort_values("order", kind="stable", ignore_index=True), header), header)


def _say_adjusted(reading: Reading, header: pd.DataFrame, rules: pd.DataFrame) -> None:
    """Say where the rules differ from what was deducted by more than rounding."""
    by_order = rules.groupby("order")["value_incl"].agg(["sum", "size"])
    deducted = header.loc[by_order.index, "discounts_incl"]
    far = (by_order["sum"] - deducted).abs() > CENT * (by_order["size"] + 1)
    reading.problems.say(
        "allowances-adjusted",
        header.loc[by_order.index[far], "order_key"],
        field="order_cart_rules.value",
        value=money.to_text(by_order.loc[far, "sum"], DECIMALS),
        charged=money.to_text(deducted[far], DECIMALS),
    )

"""The payments of orders, and what was given back.

Source: facts/shops § 1; spec ORD-50, ORD-61.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.exchange.texts import places
from passerelle.model.orders import REFUND_LINES
from passerelle.outcome import said
from passerelle.shops.json_records import Records
from passerelle.shops.prestashop.amounts import CENT, DECIMALS, to_the_cent
from passerelle.shops.prestashop.reading import Reading, among, filled, id_of, ranked

_REFUND_VOUCHER = r"^V[0-9]+C[0-9]+O([0-9]+)$"


def payments_of(reading: Reading, header: pd.DataFrame) -> pd.DataFrame:
    """Give the payments; of orders that share a reference, those that tell by their amount which order they are of."""
    payments = _recorded(reading, header)
    orders = header[["order_key", "order_reference", "id_currency", "payment_mode"]].assign(
        amount=header["charged_total"].fillna(0).astype("int64")
    )
    of_refused = [order["reference"] for order in reading.export.conflicts.get("orders", {}).values()]
    shared = orders["order_reference"].duplicated(keep=False) | orders["order_reference"].isin(of_refused)
    is_shared = among(payments["order_reference"], orders.loc[shared, "order_reference"])
    alone = payments[~is_shared].merge(orders[~shared].drop(columns="amount"), on="order_reference")
    told = _paired(payments[is_shared], orders[shared])
    untold = told[told["order_key"].isna()][["order_reference", "amount"]].merge(orders.drop(columns="amount"))
    reading.problems.say(
        "payments-shared",
        untold["order_key"],
        field="order_payments",
        value=untold["order_reference"],
        amount=money.to_text(untold["amount"], DECIMALS),
    )
    found = ranked(pd.concat([alone, told[told["order_key"].notna()]]), header)
    foreign = (found["id_payment_currency"] != "") & (found["id_payment_currency"] != found["id_currency"])
    reading.problems.say(
        "payment-other-currency",
        found.loc[foreign, "order_key"],
        field="order_payments",
        value=reading.field_of("currencies", found.loc[foreign, "id_payment_currency"], "iso_code"),
        amount=money.to_text(found.loc[foreign, "amount"], DECIMALS),
    )
    return ranked(found[~foreign].assign(payment_mode=filled(found["mode"], found["payment_mode"])), header)


def _recorded(reading: Reading, header: pd.DataFrame) -> pd.DataFrame:
    """Give the payments of the references of orders, by date; what is wrong with one is said of the first order."""
    named = header[header["order_reference"] != ""].drop_duplicates("order_reference")
    for record in reading.export.conflicts.get("order_payments", {}).values():
        owner = named.loc[named["order_reference"] == record["order_reference"], "order_key"]
        if len(owner):
            reading.problems.say("export-record-conflict", owner, field="order_payments", value=record["id"])
    found = reading.every("order_payments", "order_reference")
    place = places(found.keys, reading.keys(named["order_reference"]))
    known = pd.Series(place >= 0, found.keys.index)
    keys = named["order_key"].take(place[place >= 0]).reset_index(drop=True)
    records = replace(found.only(known), keys=keys)
    return pd.DataFrame(
        {
            "order_reference": records.text("order_reference"),
            "id_payment_currency": id_of(records, "id_currency"),
            "mode": records.text("payment_method"),
            "amount": records.number("amount", required=True).fillna(0).astype("int64"),
            "paid_at": records.time("date_add", reading.options.time_zone, naive="local"),
            "transaction_id": records.text("transaction_id"),
        }
    ).sort_values("paid_at", kind="stable", ignore_index=True)


def _paired(payments: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Pair payments and orders of the same reference and amount, where there are as many of each."""
    by = ["order_reference", "amount"]
    payments, orders = (
        frame.assign(rank=frame.groupby(by).cumcount(), count=frame.groupby(by)["amount"].transform("size"))
        for frame in (payments, orders)
    )
    return payments.merge(orders, how="left", on=[*by, "rank", "count"])


def paid_at(header: pd.DataFrame, payments: pd.DataFrame) -> pd.Series:
    """Give the time of the last payment of the orders that are paid."""
    last = payments.groupby("order_key")["paid_at"].max().reindex(header["order_key"]).set_axis(header.index)
    paid = header["paid_total"].ge(header["charged_total"]).fillna(value=False).astype(bool)
    return last.where(paid).astype("datetime64[s]")


def refunds_of(
    reading: Reading, header: pd.DataFrame, lines: pd.DataFrame, charges: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Give the credit slips, what they give back, and what is to be said of them.

    A slip gives back products and, beside them, shipping. One whose own amount is neither (the employee chose it)
    does not tell its VAT: it is refused. What was given as a voucher is taken back: no money left the shop.
    """
    slips = reading.of_orders("order_slips", header["order_key"])
    refunds = pd.DataFrame(
        {
            "order_key": slips.keys,
            "refund_id": slips.text("id"),
            "refunded_at": slips.time("date_add", reading.options.time_zone, naive="local"),
            "amount": slips.number("amount"),
        }
    )
    for part in ("products", "shipping"):
        for tax in ("excl", "incl"):
            refunds[f"{part}_{tax}"] = slips.number(f"total_{part}_tax_{tax}", required=True).fillna(0).astype("int64")
    articles = _refunded_articles(reading, slips, lines)
    unclear = _is_unclear(refunds, articles)
    outcomes = said(
        "refund-amount-unclear",
        refunds.loc[unclear, "order_key"] + "/" + refunds.loc[unclear, "refund_id"],
        record_type="refund",
        stage="read",
        field="order_slips.amount",
        value=money.to_text(refunds.loc[unclear, "amount"], DECIMALS),
        lines=money.to_text(refunds.loc[unclear, "products_incl"], DECIMALS),
    )
    refunds = ranked(refunds[~unclear], header)
    vouchers = _vouchers(reading, refunds)
    refunds = refunds.merge(vouchers[["refund_id", "reason"]], how="left", on="refund_id").fillna({"reason": ""})
    given_back = [articles, _refunded_amounts(refunds, articles), _refunded_shipping(refunds, charges)]
    back = pd.concat([*given_back, REFUND_LINES.conform(vouchers)])
    back = back.merge(refunds[["refund_id"]].assign(rank=refunds.index)).sort_values("rank", kind="stable")
    sums = back.groupby("refund_id")[["amount_excl", "amount_incl"]].sum()
    sums = sums.reindex(refunds["refund_id"], fill_value=0).set_axis(refunds.index)
    return refunds.assign(amount_excl=sums["amount_excl"], amount_incl=sums["amount_incl"]), back, outcomes


def _vouchers(reading: Reading, refunds: pd.DataFrame) -> pd.DataFrame:
    """Give the vouchers that slips were paid with: no money was given back, and the voucher will reduce a later order.

    PrestaShop names such a cart rule ``V<id>C<customer>O<order>``; the slip is the one of that order whose products,
    with or without its shipping, come to the voucher's amount.

    Returns:
        The refund lines that take the amounts back: negative; with ``reason``, the voucher's code.
    """
    rules = reading.every("cart_rules", "code")
    order = rules.text("code").str.extract(_REFUND_VOUCHER, expand=False)
    amount = to_the_cent(rules.number("reduction_amount").fillna(0))
    side = np.where(rules.flag("reduction_tax"), "incl", "excl")
    left = {slip.refund_id: slip for slip in refunds.itertuples(index=False)}
    paid = []
    for code, key, value, tax in zip(rules.text("code"), reading.keys(order.fillna("")), amount, side, strict=True):
        for slip, with_shipping in ((slip, part) for slip in left.values() if slip.order_key == key for part in (0, 1)):
            total = {t: _total(slip, t, with_shipping=bool(with_shipping)) for t in ("excl", "incl")}
            if value and abs(total[tax] - value) <= CENT:
                amounts = {f"amount_{name}": -one for name, one in total.items()}
                paid.append(
                    {"order_key": key, "refund_id": slip.refund_id, "kind": "amount", "reason": code, **amounts}
                )
                del left[slip.refund_id]
                break
    columns = ["order_key", "refund_id", "kind", "reason", "amount_excl", "amount_incl"]
    return pd.DataFrame(paid, columns=columns).assign(quantity=money.ONE)


def _total(slip: Any, tax: str, *, with_shipping: bool) -> int:
    """Give what a slip gives back of products, and of shipping, to the cent."""
    amount = getattr(slip, f"products_{tax}") + with_shipping * getattr(slip, f"shipping_{tax}")
    return int(money.rounded_half_up(amount, DECIMALS))


def _is_unclear(refunds: pd.DataFrame, articles: pd.DataFrame) -> pd.Series:
    """Tell the slips whose amount is not what they give back, but for rounding."""
    by_slip = articles.groupby("refund_id")["amount_incl"].agg(["sum", "size"])
    by_slip = by_slip.reindex(refunds["refund_id"], fill_value=0).set_axis(refunds.index)
    gap = (by_slip["sum"] - refunds["products_incl"]).abs()
    unlike_lines = (by_slip["size"] > 0) & (gap > CENT * by_slip["size"])
    unlike_totals = refunds["amount"].notna()
    for tax in ("excl", "incl"):
        for total in (refunds[f"products_{tax}"], refunds[f"products_{tax}"] + refunds[f"shipping_{tax}"]):
            unlike_totals &= (refunds["amount"] - total).abs().gt(CENT).fillna(value=False).astype(bool)
    return unlike_lines | unlike_totals


def _refunded_articles(reading: Reading, slips: Records, lines: pd.DataFrame) -> pd.DataFrame:
    rows = slips.each("order_slip_details")
    articles = pd.DataFrame(
        {
            "order_key": rows.keys,
            "refund_id": slips.text("id").take(rows.parent).to_numpy(),
            "line_id": rows.text("id_order_detail"),
            "kind": "article",
            "quantity": rows.number("product_quantity", required=True).fillna(0),
            "amount_excl": to_the_cent(rows.number("amount_tax_excl", required=True).fillna(0)),
            "amount_incl": to_the_cent(rows.number("amount_tax_incl", required=True).fillna(0)),
        }
    )
    sold = lines[["order_key", "line_id", "tax_rate"]]
    found = articles.merge(sold, how="left", on=["order_key", "line_id"], indicator="met")
    unknown = found["met"] == "left_only"
    reading.problems.say(
        "export-record-missing",
        found.loc[unknown, "order_key"],
        field="order_details",
        value=found.loc[unknown, "line_id"],
    )
    return found


def _refunded_amounts(refunds: pd.DataFrame, articles: pd.DataFrame) -> pd.DataFrame:
    """Give what slips without lines give back."""
    without_lines = refunds[~among(refunds["refund_id"], articles["refund_id"]) & (refunds["products_incl"] != 0)]
    return _refunded_part(without_lines, "amount", "products")


def _refunded_shipping(refunds: pd.DataFrame, charges: pd.DataFrame) -> pd.DataFrame:
    shipping = _refunded_part(refunds[refunds["shipping_incl"] != 0], "shipping", "shipping")
    rates = charges.loc[charges["kind"] == "shipping", ["order_key", "tax_rate"]]
    return shipping.merge(rates, how="left", on="order_key")


def _refunded_part(refunds: pd.DataFrame, kind: str, part: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_key": refunds["order_key"],
            "refund_id": refunds["refund_id"],
            "line_id": "",
            "kind": kind,
            "quantity": money.ONE,
            "amount_excl": to_the_cent(refunds[f"{part}_excl"]),
            "amount_incl": to_the_cent(refunds[f"{part}_incl"]),
        }
    )

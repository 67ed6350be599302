"""Refunds as credit notes: each refund is a sale of its own, which takes the very road that orders take.

A refund keeps the buyer, the addresses and the numbers of its order, and has its own date, amount and lines. So the
same rules tell articles, VAT codes, discounts, the Écart line, accounts and settlements, and what the credit note comes
to is checked against what was given back, to the cent. Amounts are positive, as in the ERP's own credit notes.

Source: spec ORD-61, ORD-62; user-asks A9 (a document, an id and a date of its own; VAT prorated from the order).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import discounts, limits, texts, vat
from passerelle.exchange.changes import CANCELLED
from passerelle.exchange.lines import CENTS
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.selection import Scope, Window
from passerelle.model.documents import CREDIT_NOTE
from passerelle.model.orders import (
    ADDRESSES,
    ORDER_ALLOWANCES,
    ORDER_CHARGES,
    ORDER_LINES,
    ORDERS,
    PAYMENTS,
    REFUND_LINES,
    SalesOrders,
    no_orders,
    refund_keys,
)

_AMOUNTS = ["amount_excl", "amount_incl"]
_NET = {"amount_excl": "net_excl", "amount_incl": "net_incl"}
_LINE = ["reference", "parent_reference", "label", "tax_rate", "tax_name", "tracking_number"]
"""What a part takes from the order's line that it gives back."""
_ECO_TAX = ["ecotax_excl", "ecotax_incl", "ecotax_rate"]
"""The eco-tax that the line holds."""


@dataclass(frozen=True, slots=True)
class CreditNotes:
    """Refunds that become credit notes.

    Attributes:
        sales: one order per refund, under the refund's key, with what is given back.
        refunds: ``refund_key``, ``order_key``, ``refund_id``, ``content`` (what makes two versions of it the same).
        taxed: by refund key, whether the order it belongs to was charged any VAT.
    """

    sales: SalesOrders
    refunds: pd.DataFrame
    taxed: pd.Series

    @property
    def answers(self) -> pd.DataFrame:
        """What a status makes of an order, for these: a credit note, and nothing to do in the shop."""
        columns = {"document_kind": CREDIT_NOTE, "document_state": "", "status_after": ""}
        return pd.DataFrame(columns, index=pd.Index(self.refunds["refund_key"]), dtype="str")

    @property
    def parents(self) -> pd.Series:
        """By refund key, the order it belongs to."""
        return self.refunds.set_index("refund_key")["order_key"]

    def without(self, keys: set[str]) -> CreditNotes:
        """Leave some refunds out."""
        kept = self.refunds[~self.refunds["refund_key"].isin(keys)].reset_index(drop=True)
        return CreditNotes(self.sales.only(set(kept["refund_key"])), kept, self.taxed)


def no_credit_notes(sales: SalesOrders) -> CreditNotes:
    """Give what stands for orders without refunds."""
    return CreditNotes(no_orders(), _none_of(sales.refunds), pd.Series(dtype="bool"))


def _none_of(refunds: pd.DataFrame) -> pd.DataFrame:
    return refunds.iloc[:0].assign(refund_key="", amount=0, content="")


def sound(sales: SalesOrders) -> tuple[SalesOrders, pd.DataFrame]:
    """Leave out the orders with numbers that cannot be true, and say so of their refunds."""
    wild = limits.out_of_range(sales)
    if wild.empty:
        return sales, wild
    keyed = sales.refunds.assign(refund_key=refund_keys(sales.refunds))[["order_key", "refund_key"]].drop_duplicates()
    return sales.only(set(sales.orders["order_key"]) - set(wild["record"])), of_refunds(wild, keyed)


def of_refunds(outcomes: pd.DataFrame, refunds: pd.DataFrame) -> pd.DataFrame:
    """Say of refunds what was said of the orders that they belong to.

    Args:
        outcomes: of orders.
        refunds: ``refund_key``, ``order_key``.
    """
    told = outcomes.merge(refunds[["order_key", "refund_key"]], left_on="record", right_on="order_key")
    return told.assign(record=told["refund_key"], record_type="refund")[list(outcome.COLUMNS)]


def amounts(sales: SalesOrders) -> pd.DataFrame:
    """Give the refunds, each once, with ``refund_key``, ``amount`` (given back including tax) and ``content``."""
    if sales.refunds.empty:
        return _none_of(sales.refunds)
    keyed = sales.refunds.assign(refund_key=refund_keys(sales.refunds)).drop_duplicates("refund_key")
    refunds = keyed.sort_values("refund_key", ignore_index=True)
    summed = _parts(sales).groupby("refund_key")["amount_incl"].sum(skipna=False).reindex(refunds["refund_key"])
    refunds["amount"] = refunds["amount_incl"].fillna(summed.set_axis(refunds.index))
    currency = sales.orders.set_index("order_key")["currency"].reindex(refunds["order_key"]).to_numpy()
    refunds["content"] = currency + " " + money.to_text(refunds["amount"], money.SCALE)
    return refunds


def selected(
    sales: SalesOrders,
    exchanged: pd.DataFrame,
    fresh: pd.Series,
    said: pd.DataFrame,
    days: Window,
    scope: Scope,
    options: OrderOptions,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose the refunds that become credit notes, and say of the others why they do not.

    A refund belongs to an order that was exchanged before or is one of this run; its own date selects it, where the
    shop tells one.

    Args:
        sales: all that was read.
        exchanged: what the ledger knows of orders and refunds.
        fresh: keys of the orders of this run.
        said: what was said of orders so far.
        days: the days that are exchanged.
        scope: the part of them that the run exchanges.
        options: whether refunds are exchanged.

    Returns:
        The refunds as ``amounts`` gives them; the outcomes of the others.
    """
    refunds = amounts(sales)
    if refunds.empty:
        return refunds, outcome.none()
    parts = _parts(sales)
    known = exchanged.drop_duplicates("record_key").set_index("record_key")
    before = known.reindex(refunds["refund_key"]).reset_index(drop=True)
    is_known = before["content_hash"].notna()
    has_order = texts.among(refunds["order_key"], known.index) | texts.among(refunds["order_key"], fresh)
    reversed_ = known.index[known["content_hash"] == CANCELLED]
    failed = said.loc[said["state"] == "failed", "record"]
    something = parts[(parts["quantity"] != 0) | (parts[_AMOUNTS].fillna(0) != 0).any(axis=1)]
    nothing = (refunds["amount"] == 0) & ~texts.among(refunds["refund_key"], something["refund_key"])
    reasons: list[tuple[str, Any]] = [
        ("not-asked-for", scope.leaves_out(refunds["refund_key"], CREDIT_NOTE)),
        ("refund-already-exchanged", is_known & (before["content_hash"] == refunds["content"])),
        ("refund-changed-since-exchange", is_known),
        ("refund-of-reversed-order", texts.among(refunds["order_key"], reversed_)),
        ("refund-not-selected", options.refunds == "ignore"),
        ("refund-outside-period", ~days.holds(refunds["refunded_at"]) & refunds["refunded_at"].notna()),
        ("refund-without-amount", refunds["amount"].isna()),
        ("refund-of-nothing", nothing.fillna(value=False)),
        ("refund-of-refused-order", ~has_order & texts.among(refunds["order_key"], failed)),
        ("refund-of-order-not-exchanged", ~has_order),
    ]
    conditions = [np.broadcast_to(np.asarray(which, dtype=bool), len(refunds)) for _, which in reasons]
    reason = np.select(conditions, [code for code, _ in reasons], default="")
    told = [
        outcome.said(
            code,
            rows["refund_key"],
            record_type="refund",
            stage="select",
            value=money.to_text(rows["amount"], CENTS),
            order=rows["order_key"],
            document=before.loc[rows.index, "document_number"].fillna(""),
            file=before.loc[rows.index, "file_name"].fillna(""),
            date=rows["refunded_at"].dt.strftime("%Y-%m-%d").fillna(""),
        )
        for code, rows in refunds.groupby(reason)
        if code
    ]
    return refunds[reason == ""].reset_index(drop=True), outcome.together(told)


def credit_notes(refunds: pd.DataFrame, sales: SalesOrders, coded: vat.Coded) -> CreditNotes:
    """Make a sale of each refund.

    Lines give back what they say of the order's lines; shipping gives back shipping. An amount without line is a charge
    of kind ``refund``, spread over the VAT rates of what is left of the order. What the shop kept of the goods given
    back (a fee, a voucher given instead, ORD-62) is a discount on them.

    Args:
        refunds: what ``selected`` gave.
        sales: the orders that they belong to, with all their refunds.
        coded: lines and charges of these orders with their VAT rates.
    """
    if refunds.empty:
        return CreditNotes(no_orders(), refunds, pd.Series(dtype="bool"))
    parts = _traced(_parts(sales), coded)
    has_lines = texts.among(parts["refund_key"], parts.loc[parts["is_line"], "refund_key"])
    is_kept = parts["is_open"] & parts["amount_incl"].lt(0) & has_lines
    spread = _over_rates(parts[~is_kept], _bases(sales, coded))
    charges = pd.concat([parts[~parts["is_line"] & ~parts["is_open"]], spread])
    rates = pd.concat([part[["order_key", "tax_rate"]] for part in (coded.lines, coded.charges)])
    taxed = rates.groupby("order_key")["tax_rate"].max().reindex(refunds["order_key"]).fillna(0) > 0
    kept = parts[is_kept]
    reason = kept["reason"].where(kept["reason"] != "", "Retenue")
    kept = kept.assign(target="lines", label=reason, amount_excl=-kept["amount_excl"], amount_incl=-kept["amount_incl"])
    given = {
        "lines": ORDER_LINES.conform(_of(refunds, parts[parts["is_line"]].rename(columns=_NET))),
        "charges": ORDER_CHARGES.conform(_of(refunds, charges)),
        "allowances": ORDER_ALLOWANCES.conform(_of(refunds, kept)),
    }
    return CreditNotes(
        replace(no_orders(), **headers(refunds, sales), **given), refunds, taxed.set_axis(refunds["refund_key"])
    )


def headers(refunds: pd.DataFrame, sales: SalesOrders) -> dict[str, pd.DataFrame]:
    """Give orders, payments, addresses and buyers of refunds: their order's, but for date, amount and carrier."""
    orders = sales.orders.set_index("order_key").loc[refunds["order_key"]].reset_index(drop=True)
    day = refunds["refunded_at"].fillna(orders["updated_at"]).fillna(orders["created_at"])
    own = {
        "order_key": refunds["refund_key"],
        **dict.fromkeys(("created_at", "updated_at", "invoiced_at", "paid_at"), day),
        **dict.fromkeys(("charged_total", "paid_total"), refunds["amount"]),
        "charged_total_excl": pd.NA,
        "carrier_id": "",
        "carrier": "",
        "note": refunds["reason"],
    }
    given_back = refunds["paid_total"].fillna(refunds["amount"])
    paid = {"order_key": refunds["refund_key"], "position": 1, "amount": given_back, "paid_at": day}
    places = refunds[["refund_key", "order_key"]].merge(sales.addresses, on="order_key")
    return {
        "orders": ORDERS.conform(orders.assign(**own)),
        "payments": PAYMENTS.conform(orders[["payment_mode"]].assign(**paid)),
        "addresses": ADDRESSES.conform(places.assign(order_key=places["refund_key"])),
        "parties": sales.parties,
    }


def _parts(sales: SalesOrders) -> pd.DataFrame:
    """Give what every refund gives back, refund by refund as they were made; one that does not tell gives an amount."""
    keyed = sales.refunds.assign(refund_key=refund_keys(sales.refunds))
    told = sales.refund_lines.assign(refund_key=refund_keys(sales.refund_lines))
    untold = keyed[~texts.among(keyed["refund_key"], told["refund_key"])].assign(kind="amount")
    parts = pd.concat([told, REFUND_LINES.conform(untold).assign(refund_key=untold["refund_key"])], ignore_index=True)
    dates = keyed.drop_duplicates("refund_key").set_index("refund_key")[["refunded_at", "reason"]]
    parts = parts.join(dates, on="refund_key", how="inner")
    both_sides = vat.completed(parts, [("amount_excl", "amount_incl")])[_AMOUNTS]
    parts[_AMOUNTS] = parts[_AMOUNTS].where(parts["tax_rate"].isna(), both_sides)
    return parts.sort_values(["order_key", "refunded_at", "refund_id"], kind="stable", ignore_index=True)


def _traced(parts: pd.DataFrame, coded: vat.Coded) -> pd.DataFrame:
    """Give the parts what they take from the order's lines and shipping: article, label, VAT rate.

    ``is_line``: it gives back a quantity of an article; ``is_open``: it is an amount whose VAT nobody tells.
    """
    shipping = coded.charges[coded.charges["kind"] == "shipping"]
    one_rate = shipping.groupby("order_key")["tax_rate"].transform("nunique") == 1
    sold = pd.concat(
        [
            coded.lines[coded.lines["kind"] == "article"],
            shipping[one_rate].assign(line_id=""),
        ]
    )
    by = ["order_key", "kind", "line_id"]
    sold = sold[[*by, *_LINE, *_ECO_TAX, "quantity"]].drop_duplicates(by)
    traced = parts.merge(sold, how="left", on=by, suffixes=("", "_sold"), indicator="met")
    rate = traced["tax_rate"].fillna(traced["tax_rate_sold"].astype("Int64"))
    is_line = (traced["kind"] == "article") & (traced["met"] == "both") & (traced["quantity"] != 0)
    is_shipping = traced["kind"] == "shipping"
    label = traced["label"].where(traced["met"] == "both", traced["reason"]).fillna("")
    return traced.assign(
        **{name: traced[name].fillna("") for name in ("reference", "parent_reference", "tax_name", "tracking_number")},
        **{name: _part_of(traced, name) for name in ("ecotax_excl", "ecotax_incl")},
        label=label.where(label != "", "Remboursement"),
        kind=np.where(is_shipping, "shipping", "refund"),
        tax_rate=rate,
        is_line=is_line,
        is_open=~is_line & ~is_shipping & rate.isna(),
    )


def _part_of(traced: pd.DataFrame, name: str) -> pd.Series:
    """Give what a quantity given back has of an amount of the order's line; missing where the line has none."""
    back, sold = traced["quantity"], traced["quantity_sold"].fillna(0).astype("int64")
    part = money.share(traced[name].fillna(0), back, sold, money.SCALE)
    return pd.Series(part, traced.index, dtype="Int64").where(traced[name].notna())


def _bases(sales: SalesOrders, coded: vat.Coded) -> pd.DataFrame:
    """Give what the orders charged by VAT rate, including tax, with the tax's name."""
    reduced = discounts.spread(sales.allowances, coded.lines, coded.charges)
    columns = ["order_key", "tax_rate", "tax_name", "charged", "decimals"]
    charged = pd.concat(
        [
            coded.lines.rename(columns={"net_incl": "charged"})[columns],
            coded.charges.rename(columns={"amount_incl": "charged"})[columns],
            reduced.assign(charged=-reduced["amount_incl"], tax_name="")[columns],
        ]
    ).sort_values("tax_name", ascending=False, kind="stable")
    rates = charged.groupby(["order_key", "tax_rate"], as_index=False).agg(
        charged=("charged", "sum"), tax_name=("tax_name", "first"), decimals=("decimals", "first")
    )
    return rates.assign(charged=money.rounded_half_up(rates["charged"].fillna(0), rates["decimals"]))


def _over_rates(parts: pd.DataFrame, bases: pd.DataFrame) -> pd.DataFrame:
    """Spread the open amounts over the VAT rates of what is left of their orders, largest remainder.

    What earlier refunds, and the same one, give back at a known rate is no longer left: the parts of an order come in
    turn, and the orders all at once. Of an order that charged nothing, nobody tells the rates of its amounts either.
    """
    is_sharing = texts.among(parts["order_key"], parts.loc[parts["is_open"], "order_key"])
    in_turn = parts[is_sharing].sort_values(["order_key", "refunded_at", "refund_id", "is_open"], kind="stable")
    can_be_spread = texts.among(in_turn["order_key"], bases["order_key"]) & in_turn["amount_incl"].notna()
    spread = [in_turn[in_turn["is_open"] & ~can_be_spread]]
    bases = bases.assign(charged=bases["charged"].clip(lower=0), left=bases["charged"].clip(lower=0))
    in_turn = in_turn[can_be_spread]
    for _, turn in in_turn.groupby(in_turn.groupby("order_key").cumcount()):
        shares = _shares(turn[turn["is_open"]], bases)
        spread.append(shares)
        taken = pd.concat([turn[~turn["is_open"]], shares]).groupby(["order_key", "tax_rate"])["amount_incl"].sum()
        told = (
            taken.reindex(pd.MultiIndex.from_frame(bases[["order_key", "tax_rate"]])).fillna(0).to_numpy(dtype=np.int64)
        )
        bases["left"] = (bases["left"] - told).clip(lower=0)
    return pd.concat(spread, ignore_index=True)


def _shares(parts: pd.DataFrame, bases: pd.DataFrame) -> pd.DataFrame:
    """Spread one part of each order in proportion to what is left at each rate, or was charged when nothing is."""
    names = ["tax_rate", "tax_name", "charged", "left", "decimals"]
    rows = parts.drop(columns=["tax_rate", "tax_name"]).merge(bases[["order_key", *names]], on="order_key")
    left = rows.groupby("refund_key")["left"].transform("sum") > 0
    weights = rows["left"].where(left, rows["charged"])
    shares = money.allocate(rows["amount_incl"], weights, rows["order_key"], rows["decimals"])
    return rows.assign(amount_incl=pd.array(shares, dtype="Int64"))[[*parts.columns]]


def _of(refunds: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """Keep the parts of some refunds, under the refund's key and numbered."""
    own = parts[texts.among(parts["refund_key"].astype("str"), refunds["refund_key"])].reset_index(drop=True)
    return own.assign(order_key=own["refund_key"], position=own.groupby("refund_key").cumcount() + 1)


def waiting(parents: pd.Series, refused: set[str]) -> pd.DataFrame:
    """Say which credit notes wait because the order they belong to does not go out in this run.

    Args:
        parents: by document key, the order of this run that it belongs to.
        refused: keys of the orders that do not go out.
    """
    held = parents[texts.among(parents, refused)]
    return outcome.said("refund-of-refused-order", held.index, record_type="refund", stage="exchange", order=held)


def named(outcomes: pd.DataFrame, keys: pd.Series) -> pd.DataFrame:
    """Call what was said of refunds as if they were orders by its name."""
    return outcomes.assign(record_type=outcomes["record_type"].mask(texts.among(outcomes["record"], keys), "refund"))

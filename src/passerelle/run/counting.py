"""Counting what became of what a run read, in records and in amounts.

Source: spec JOU-1, JOU-5, ORD-45; user-asks A5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import currencies
from passerelle.exchange.mappings import MAPPINGS
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.selection import Window
from passerelle.messages import Language, code
from passerelle.model.customers import PROSPECT
from passerelle.model.documents import SETTLEMENT
from passerelle.profile.settings import Profile
from passerelle.run.summary import Balance, Rate, Reason, State, Summary

if TYPE_CHECKING:  # a task of the catalogue counts too, and need not load the rules of orders
    from passerelle.exchange.orders import Exchange


def summarised(
    run_id: str,
    profile: Profile,
    orders: pd.DataFrame,
    refunds: pd.DataFrame,
    exchange: Exchange,
    outcomes: pd.DataFrame,
    *,
    state: State,
    days: Window,
) -> Summary:
    """Count what became of what was read.

    Args:
        run_id: the run.
        profile: its profile.
        orders: all orders read.
        refunds: all refunds read: ``refund_key``, ``currency``, ``amount_incl``.
        exchange: the documents that go out.
        outcomes: all that was said.
        state: what became of the run.
        days: the days exchanged.
    """
    of_orders = outcomes[outcomes["record_type"] == "order"]
    keys = pd.concat([orders["order_key"], of_orders["record"]]).unique()
    final = outcome.final_states(of_orders, keys)
    of_refunds = outcomes[outcomes["record_type"] == "refund"]
    back = outcome.final_states(of_refunds, list(dict.fromkeys([*refunds["refund_key"], *of_refunds["record"]])))
    compared = exchange.reconciliation.documents
    roundings = compared["rounding"].abs()
    largest = compared.loc[roundings.nlargest(1).index]
    return Summary(
        run_id=run_id,
        profile=profile.name,
        language=profile.language,
        state=state,
        read=len(final),
        written=int((final == "succeeded").sum()),
        failed=int((final == "failed").sum()),
        ignored=int((final == "ignored").sum()),
        unread_files=unread(outcomes),
        documents=exchange.documents["document_kind"].value_counts().to_dict(),
        customers=len(exchange.customers),
        roundings=int((roundings != 0).sum()),
        largest_rounding=amount_text(
            int(roundings.max()) if len(largest) else 0, "".join(largest["currency"]), profile.orders
        ),
        balances=balances(orders.set_index("order_key"), "charged_total", final, profile.orders),
        refunds_failed=int((back == "failed").sum()),
        refund_balances=balances(refunds.set_index("refund_key"), "amount_incl", back, profile.orders),
        settlements=_settled(exchange, profile.orders),
        settlements_failed=_refused_settlements(outcomes),
        rates=_rates(exchange, profile.orders),
        reasons=reasons(outcomes, profile.language),
        new_values={MAPPINGS[name].fr: len(rows) for name, rows in exchange.new_values.items()},
        period=f"{days.first or '…'} → {days.last or '…'}",
    )


def _settled(exchange: Exchange, options: OrderOptions) -> dict[str, str]:
    """Sum the settlements by currency, deposits too."""
    summed = exchange.settlements.groupby("currency")["amount"].sum()
    return {str(currency): amount_text(amount, str(currency), options) for currency, amount in summed.items()}


def _refused_settlements(outcomes: pd.DataFrame) -> int:
    failed = outcomes[(outcomes["record_type"] == SETTLEMENT) & (outcomes["state"] == "failed")]
    return int(failed["record"].nunique())


def unread(outcomes: pd.DataFrame) -> int:
    """Count files and rows that were refused as such: their records are not known."""
    records = outcomes["record_type"].isin(["order", "refund", SETTLEMENT, PROSPECT])
    refused = outcomes[(outcomes["state"] == "failed") & ~records]
    return int(refused.drop_duplicates(["record_type", "record"]).shape[0])


def balances(records: pd.DataFrame, total: str, final: pd.Series, options: OrderOptions) -> tuple[Balance, ...]:
    """Sum orders or refunds, by their key, by currency and final state."""
    rows = []
    for currency, group in records.assign(state=final.reindex(records.index)).groupby("currency"):
        count = group["state"].value_counts()
        amount = {"read": group[total].sum(), **group.groupby("state")[total].sum()}
        written = {state: amount_text(sum_, str(currency), options) for state, sum_ in amount.items()}
        nothing = amount_text(0, str(currency), options)
        rows.append(
            Balance(
                currency=str(currency),
                read=len(group),
                written=int(count.get("succeeded", 0)),
                failed=int(count.get("failed", 0)),
                ignored=int(count.get("ignored", 0)),
                amount_read=written["read"],
                amount_written=written.get("succeeded", nothing),
                amount_failed=written.get("failed", nothing),
                amount_ignored=written.get("ignored", nothing),
            )
        )
    return tuple(rows)


def _rates(exchange: Exchange, options: OrderOptions) -> tuple[Rate, ...]:
    return tuple(
        Rate(
            currency=row["currency"],
            tax_rate=money.shortest(row["tax_rate"]),
            **{
                name: amount_text(row[name], row["currency"], options)
                for name in ("shop_base", "shop_tax", "file_base", "file_tax", "difference")
            },
        )
        for row in exchange.reconciliation.rates.to_dict("records")
    )


def reasons(
    outcomes: pd.DataFrame, language: Language, counted: Mapping[str, tuple[int, str]] | None = None
) -> tuple[Reason, ...]:
    """Count the outcomes by code, refusals first, each with an example.

    Args:
        outcomes: what was said.
        language: of the messages.
        counted: what holds for so many records that it is not said of each: by code, how many and one of them.
    """
    rows = [
        _reason({"code": name, "record": example, "field": "", "value": "", "params": "{}"}, count, language)
        for name, (count, example) in (counted or {}).items()
        if count
    ]
    for _, group in outcomes.groupby(["state", "code"], sort=False):
        rows.append(_reason(group.iloc[0].to_dict(), int(group["record"].nunique()), language))
    order = ["failed", "ignored", "succeeded"]
    return tuple(sorted(rows, key=lambda row: (order.index(row.state), row.code)))


def _reason(first: dict[str, str], count: int, language: Language) -> Reason:
    return Reason(
        state=code(first["code"]).state,
        code=first["code"],
        count=count,
        example=first["record"],
        message=outcome.message(first, language),
        todo=outcome.todo(first, language),
    )


def amount_text(value: int, currency: str, options: OrderOptions) -> str:
    """Write an amount of a table with the decimals of its currency, two at least."""
    decimals = currencies.shown(pd.Series([currency], dtype="str"), options)
    return str(money.to_text(pd.Series([value], dtype="int64"), decimals).iloc[0])

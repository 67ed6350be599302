"""What the mappings say of each order: territory, settlement, shipping, currency, civility.

Source: spec ORD-40, ORD-42 to ORD-45, CUS-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from passerelle import outcome
from passerelle.exchange import mappings, vat
from passerelle.exchange.options import OrderOptions


@dataclass(frozen=True, slots=True)
class Lookups:
    """The mappings' answers.

    Attributes:
        territory: by order key.
        payment: the payment mapping's values by order key.
        of_payment: the same for each payment that makes a settlement, with its index among the payments.
        shipping_code: by order key; empty without carrier.
        erp_currency: by order key; empty for the ERP's own currency.
        outcomes: of orders that a mapping does not answer.
        unknown: by mapping, values that it has no row for (ORD-45).
    """

    territory: pd.Series
    payment: pd.DataFrame
    of_payment: pd.DataFrame
    shipping_code: pd.Series
    erp_currency: pd.Series
    outcomes: pd.DataFrame
    unknown: dict[str, pd.DataFrame]


def look_up(
    orders: pd.DataFrame,
    payments: pd.DataFrame,
    countries: pd.DataFrame,
    taxed: pd.Series,
    tables: Mapping[str, pd.DataFrame],
    options: OrderOptions,
) -> Lookups:
    """Ask every mapping that a document's header needs.

    Args:
        orders: the orders.
        payments: their payments.
        countries: where each order is sold to, by order key (``territory.of_sale``).
        taxed: by order key, whether any VAT was charged.
        tables: rows of the mappings by name; one that is lacking is empty.
        options: the profile's defaults and own currency.
    """
    territory, no_territory, new_territories = vat.territories(orders, countries, taxed, tables["territories"], options)
    payment = _found(mappings.PAYMENT_MODES, tables, orders[["payment_mode", "currency"]], options)
    of_payment, payment_problems = _payments(orders, payments, tables, options)
    carrier, asked_carrier = _carriers(orders, tables["carriers"], options)
    foreign = orders[orders["currency"] != options.currency]
    erp_currency = _found(mappings.CURRENCIES, tables, foreign[["currency"]], options)
    keys = orders["order_key"]
    return Lookups(
        territory=territory,
        payment=payment.answers.set_axis(keys),
        of_payment=of_payment.answers,
        shipping_code=carrier.answers["shipping_code"].set_axis(keys),
        erp_currency=erp_currency.answers["erp_currency"].reindex(orders.index).fillna("").astype("str").set_axis(keys),
        outcomes=outcome.together(
            [
                no_territory,
                mappings.refusals(mappings.PAYMENT_MODES, payment, orders[["payment_mode", "currency"]], keys),
                payment_problems,
                mappings.refusals(mappings.CARRIERS, carrier, asked_carrier, keys),
                mappings.refusals(mappings.CURRENCIES, erp_currency, foreign[["currency"]], foreign["order_key"]),
            ]
        ).drop_duplicates(ignore_index=True),  # a payment of the order's own mode says the same
        unknown={
            "territories": new_territories,
            "payment_modes": pd.concat([payment.unknown, of_payment.unknown]).drop_duplicates(ignore_index=True),
            "carriers": carrier.unknown,
            "currencies": erp_currency.unknown,
        },
    )


def special_articles(rows: pd.DataFrame, options: OrderOptions) -> OrderOptions:
    """Give the options with the special articles of the mapping in the place of the profile's own."""
    named = rows[rows["article"] != ""].drop_duplicates("special_article").set_index("special_article")["article"]
    articles = options.special_articles.model_copy(update=named.to_dict())
    return options.model_copy(update={"special_articles": articles})


def titles(
    orders: pd.DataFrame, buyers: pd.DataFrame, table: pd.DataFrame, options: OrderOptions
) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """Give the ERP's civility of each order's buyer (CUS-8); one that is not mapped is remarked and refuses nobody.

    Returns:
        Civility by order key; outcomes; new values.
    """
    asked = buyers.loc[orders["customer_key"], ["title"]].set_axis(orders.index)
    found = mappings.find(mappings.TITLES, table, asked, options.defaults.get("titles"))
    unmapped = ~found.answered & (asked["title"] != "")
    said = outcome.said(
        mappings.TITLES.code,
        orders.loc[unmapped, "order_key"],
        record_type="order",
        stage="map",
        field=mappings.TITLES.fr,
        value=asked.loc[unmapped, "title"],
    )
    civility = found.answers["civility"].where(~found.ignored, "").set_axis(orders["order_key"])
    return civility, said, found.unknown[found.unknown["title"] != ""]


def _found(
    mapping: mappings.MappingTable, tables: Mapping[str, pd.DataFrame], asked: pd.DataFrame, options: OrderOptions
) -> mappings.Found:
    return mappings.find(mapping, tables[mapping.name], asked, options.defaults.get(mapping.name))


def _payments(
    orders: pd.DataFrame, payments: pd.DataFrame, tables: Mapping[str, pd.DataFrame], options: OrderOptions
) -> tuple[mappings.Found, pd.DataFrame]:
    """Ask for each payment what the mapping says of its mode, if settlements are made of them (ORD-50)."""
    booked = options.settlements.create and options.settlements.amount == "payments"
    paid = payments[(payments["amount"] != 0) & booked]
    currency = orders.set_index("order_key")["currency"].reindex(paid["order_key"]).to_numpy()
    asked = paid[["payment_mode"]].assign(currency=currency)
    found = _found(mappings.PAYMENT_MODES, tables, asked, options)
    return found, mappings.refusals(mappings.PAYMENT_MODES, found, asked, paid["order_key"])


def _carriers(orders: pd.DataFrame, table: pd.DataFrame, options: OrderOptions) -> tuple[mappings.Found, pd.DataFrame]:
    """Find the shipping code by the carrier's id, else by its name (ORD-43); an order without carrier needs none."""
    by_id = mappings.find(mappings.CARRIERS, table, orders[["carrier_id"]].set_axis(["carrier"], axis=1))
    named_row = orders["carrier_id"].str.casefold().isin(table["carrier"].str.strip().str.casefold())
    exact = by_id.answered & named_row & (orders["carrier_id"] != "")
    asked = orders["carrier"].where(orders["carrier"] != "", orders["carrier_id"]).to_frame("carrier")
    by_name = mappings.find(mappings.CARRIERS, table, asked, options.defaults.get("carriers"))
    without = asked["carrier"] == ""
    unanswered = asked.loc[~exact & ~by_name.answered & ~without, "carrier"]
    found = mappings.Found(
        answers=by_id.answers.where(exact, by_name.answers, axis=0).where(~without, "", axis=0),
        answered=exact | by_name.answered | without,
        ignored=((by_id.ignored & exact) | (by_name.ignored & ~exact)) & ~without,
        unknown=by_name.unknown[by_name.unknown["carrier"].isin(unanswered)],
    )
    return found, asked

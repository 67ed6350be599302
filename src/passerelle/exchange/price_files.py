"""What the ledger keeps of the prices that a shop is told, and the rows of the files that tell them.

Source: spec PRI-1, PRI-2, STK-8, SHP-1.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import date

import pandas as pd

from passerelle import money
from passerelle.exchange import texts
from passerelle.exchange.activation import first_changed, products_of
from passerelle.exchange.prices import LOGIN, Ability, plain
from passerelle.exchange.told import as_json
from passerelle.model.prices import SPECIFIC_PRICES

ENDED = pd.Timestamp("2000-01-01")
"""The day of a discount that is over, for a shop whose import cannot take one away."""
_BETWEEN = " / "
_OPEN = "…"
_LOGIN = "#"
"""Stands before the shop's id of a customer, where prices are told by it."""
LISTED = ("price", "sale_price", "current_price", "compare_at_price", "surcharge", "discount_mode", "discount_amount")
"""What a shop has of an article that the ERP does not tell, where all rows of a product go."""
_OF_PRODUCT = ("discount_mode", "discount_amount")
"""What a product has for all its variants."""


def price_values(prices: pd.DataFrame, sales: pd.DataFrame, ability: Ability) -> pd.Series:
    """Write price and promotion of each article as one text (``exchange.told``).

    Args:
        prices: ``article``, ``price``, ``incl``.
        sales: of ``Special``.
        ability: what the file can say of promotions.
    """
    rows = _with_sales(prices, sales)
    told = {"article": rows["article"], "price": plain(rows["price"]), "sale_price": plain(rows["sale_price"])}
    days = {"sale_from": ability.ahead, "sale_to": ability.ends}
    told |= {name: rows[name].dt.strftime("%Y-%m-%d").astype("str") for name, is_told in days.items() if is_told}
    if ability.reduction:  # it changes with the rate, though the prices do not
        told["reduction"] = plain(rows["incl"] - rows["sale_incl"])
    return as_json(pd.DataFrame(told), "article")


def price_rows(
    prices: pd.DataFrame, sales: pd.DataFrame | None, before: pd.Series, *, includes_tax: bool, today: date
) -> pd.DataFrame:
    """Give all that some file says of prices and promotions, article by article (``model.prices.SHOP_PRICES``).

    Args:
        prices: ``article``, ``price``, ``incl``.
        sales: of ``Special``; ``None``: promotions are the shop's own, and the rows do not speak of them.
        before: by article, what the shop was told, as ``price_values`` writes it; empty: nothing.
        includes_tax: of the shop's prices.
        today: the day of the run.
    """
    day = pd.Timestamp(today)
    own = {"price_incl" if includes_tax else "price_excl": prices["price"]}
    if sales is None:
        return prices[["article", "price"]].assign(**own, current_price=prices["price"])
    rows = _with_sales(prices.assign(**own), sales)
    price, sale = rows["price"], rows["sale_price"]
    is_on = sale.notna() & ~(rows["sale_from"] > day)
    is_over = sale.isna() & _had_sale(rows["article"], before, day)
    ended = pd.Series(ENDED, rows.index).astype("datetime64[s]").where(is_over)
    return rows.assign(
        current_price=price.mask(is_on, sale),
        compare_at_price=price.where(is_on),
        discount_amount=(price - sale).where(is_on, 0),
        discount_amount_incl=rows["incl"] - rows["sale_incl"],
        discount_rate=rows["discount_rate"].mask(is_over, money.ONE),
        discount_from=rows["sale_from"].mask(is_over, ended),
        discount_to=rows["sale_to"].mask(is_over, ended),
        discount_mode="AMOUNT",
    )


def whole_products(listed: pd.DataFrame, rows: pd.DataFrame, changed: Collection[str]) -> pd.DataFrame:
    """Give all rows of those products of a shop one of whose articles is told a price, as the shop has them.

    Variants that the ERP does not tell keep the price that the shop has: rows that are lacking could be taken for
    variants that are no more. The price of a variant that is told as a surcharge is above its product's.

    Args:
        listed: the shop's own rows, with the prices that it has.
        rows: of ``price_rows``, of all articles that the ERP tells.
        changed: the articles that the shop is told.

    Returns:
        The rows with ``record``, the product's article that stands first among the changed ones.
    """
    listed, product = products_of(listed)
    record = first_changed(listed, product, changed)
    places = texts.places(listed["article"], rows["article"])
    known = pd.Series(places >= 0, listed.index)
    ours = rows.take(places).reset_index(drop=True)
    kind = listed.get("shop_row", pd.Series("", listed.index, dtype="str"))
    is_variant = kind.str.casefold() == "variant"
    has_variants = is_variant.groupby(product).transform("any")
    told = {name: ours[name].where(known, listed[name]) for name in LISTED if name in ours and name in listed}
    if "surcharge" in listed:
        price = told["price"].where(~is_variant).groupby(product).transform("first")
        told["price"] = told["price"].where(~is_variant)
        told["surcharge"] = (ours["current_price"] - price).where(known & is_variant, listed["surcharge"])
        own = known & ~has_variants
        told |= {name: ours[name].where(own, listed[name]) for name in _OF_PRODUCT if name in ours and name in listed}
    return listed.assign(record=record, **told)[record.notna()].reset_index(drop=True)


def specific_values(specific: pd.DataFrame) -> pd.Series:
    """Write the prices of each article for some customers or quantities as one text, a field for each of them.

    Args:
        specific: ``SPECIFIC_PRICES``, those of an article together.
    """
    days = {
        name: specific[name].dt.strftime("%Y-%m-%d").fillna("").astype("str") for name in ("valid_from", "valid_to")
    }
    period = texts.side_by_side(pd.DataFrame(days), _OPEN)
    whose = pd.Series("all", specific.index, dtype="str")
    login = (_LOGIN + specific[LOGIN]).where(specific[LOGIN] != "", "")
    for kind, column in (("group", specific["group"]), ("customer", specific["customer_code"] + login)):
        whose = whose.mask(column != "", f"{kind} " + column)
    names = pd.DataFrame({"quantity": plain(specific["quantity_from"]), "period": period, "whose": whose})
    amounts = plain(specific["amount"])
    amounts = amounts.mask(specific["is_percent"], "-" + amounts + " %")
    members = {"name": _quoted(texts.side_by_side(names, _BETWEEN)), "amount": _quoted(amounts)}
    told = texts.by_group(texts.side_by_side(pd.DataFrame(members), ":"), specific["article"], ",")
    return "{" + told + "}"


def removed(changed: pd.DataFrame, emails: Mapping[str, str], *, by_login: bool, currency: str) -> pd.DataFrame:
    """Give the prices that a shop was told and that the ERP has no more.

    Args:
        changed: ``key``, ``value``, ``before``, as ``specific_values`` writes them.
        emails: of customers, by account code.
        by_login: customers were told by the shop's ids of them.
        currency: the shop's.

    Returns:
        ``SPECIFIC_PRICES``: article, whose it was, from which quantity and for which days.
    """
    rows = []
    for row in changed[changed["before"] != ""].itertuples():
        now = json.loads(row.value)
        for name in json.loads(row.before):
            if name not in now:
                quantity, period, whose = name.split(_BETWEEN, 2)
                first, last = period.split(_OPEN)
                kind, _, who = whose.partition(" ")
                code, login = (who, "") if kind == "customer" else ("", "")
                if by_login and _LOGIN in code:
                    code, _, login = who.rpartition(_LOGIN)
                rows.append(
                    {
                        "article": row.key,
                        "group": who if kind == "group" else "",
                        "customer_code": code,
                        "customer_email": emails.get(code, ""),
                        "shop_customer": login,
                        "currency": currency,
                        "quantity_from": money.of(quantity),
                        "tier_from": money.of(quantity) if money.of(quantity) > money.ONE else None,
                        "valid_from": pd.Timestamp(first) if first else None,
                        "valid_to": pd.Timestamp(last) if last else None,
                        "is_removed": True,
                    }
                )
    return SPECIFIC_PRICES.of(rows)


def _with_sales(prices: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    named = sales.rename(columns={"valid_from": "sale_from", "valid_to": "sale_to"})
    return prices.merge(named, on="article", how="left", sort=False)


def _had_sale(references: pd.Series, before: pd.Series, day: pd.Timestamp) -> pd.Series:
    """Tell which articles a shop was told a promotion of that has not ended by itself."""
    told = before[before.str.contains('"sale_price"', regex=False).to_numpy(bool)].map(json.loads)
    last = told.map(lambda fields: fields.get("sale_to", "")).astype("str")
    still = last[((last == "") | (last >= f"{day:%Y-%m-%d}")).to_numpy(bool)].index
    return texts.among(references, still)


def _quoted(cells: pd.Series) -> pd.Series:
    """Write texts as they stand in JSON; equal ones once."""
    codes, distinct = pd.factorize(cells)
    written = pd.Series([json.dumps(text, ensure_ascii=False) for text in distinct], dtype="str")
    return written.take(codes).set_axis(cells.index)

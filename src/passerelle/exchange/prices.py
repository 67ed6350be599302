"""From the ERP's prices to those of a shop: with or without tax, promotions, prices of groups and of customers.

A price that the ERP tells as the shop wants it is taken; else it is computed of the other one by the rate of the
article, rounded once. Of several prices for the same customers, quantity and days the lowest holds.

Source: spec PRI-1 to PRI-4; user-asks A1, 17.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import texts
from passerelle.exchange.shop_options.prices import PriceOptions
from passerelle.model.prices import SPECIFIC_PRICES

PRICE = "price"
"""What a price beside the article's own is called in outcomes; its record is article, quantity, customers."""
LOGIN = "shop_customer"
"""The column of the shop's own id of a customer."""
_CENTS = 2
_HUNDRED = 100 * money.ONE
_TARGETS = {"price_category": "price-category", "customer_family": "family", "customer_code": "customer"}
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Buyers:
    """Who of the ERP's customers the shop knows.

    Attributes:
        groups: the shop's customer groups, as the file wants them, by ``price-category/`` or ``family/`` and code.
        emails: of customers, by account code.
        ids: the shop's ids of customers, by account code: of all who buy on that account.
    """

    groups: Mapping[str, str]
    emails: Mapping[str, str]
    ids: Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Ability:
    """What a shop's file can say of a price.

    Attributes:
        ahead: days to come; else only what holds today is told.
        ends: the last day.
        groups: customer groups.
        customers: which columns tell a customer; none: it cannot.
        everybody: a price from a quantity on for all customers.
        logins: the shop's own ids of customers, each of an account.
        reduction: what a promotion takes off, including tax, instead of its price.
    """

    ahead: bool
    ends: bool
    groups: bool = True
    customers: Collection[str] = ()
    everybody: bool = True
    logins: bool = False
    reduction: bool = False


@dataclass(frozen=True, slots=True)
class Special:
    """Prices beside those of the articles.

    Attributes:
        sales: promotions, one of an article: ``article``, ``sale_price``, ``sale_incl`` (including tax, of a price),
            ``discount_rate`` (of a discount), ``valid_from``, ``valid_to``.
        specific: ``SPECIFIC_PRICES``, those of an article together, by group, customer, quantity and day.
        outcomes: what was said of single prices, of groups and of customers.
    """

    sales: pd.DataFrame
    specific: pd.DataFrame
    outcomes: pd.DataFrame


def with_tax_as(
    excl: pd.Series,
    incl: pd.Series,
    rate: pd.Series,
    *,
    includes_tax: bool,
    decimals: int,
    less: pd.Series | None = None,
) -> pd.Series:
    """Give prices with or without tax: as they are told, else computed of the other one; rounded half up, once.

    Args:
        excl: excluding tax; missing where it is not told.
        incl: including tax; likewise.
        rate: VAT rate in percent; missing where it is not known.
        includes_tax: which of the two is wanted.
        decimals: of the result.
        less: percent that are taken off.

    Returns:
        The prices (``Int64``), missing where neither is told, or only the other one and not the rate.
    """
    told, other = (incl, excl) if includes_tax else (excl, incl)
    is_told, is_known = told.notna().to_numpy(bool), (told.notna() | (other.notna() & rate.notna())).to_numpy(bool)
    base = told.where(told.notna(), other).fillna(0).to_numpy(np.int64)
    taxed = _HUNDRED + rate.fillna(0).to_numpy(np.int64)
    whole = np.full(len(base), _HUNDRED)
    part, divisor = (taxed, whole) if includes_tax else (whole, taxed)
    part, divisor = np.where(is_told, whole, part), np.where(is_told, whole, divisor)
    if less is not None:
        part, divisor = part * (_HUNDRED - less.to_numpy(np.int64)), divisor * _HUNDRED
    prices = money.share(base, part, divisor, decimals)
    return pd.Series(prices, told.index).astype("Int64").where(is_known)


def article_prices(articles: pd.DataFrame, options: PriceOptions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the price of each article as the shop wants it, and including tax.

    Args:
        articles: ``model.catalogue.CATALOGUE``, with the rates of the articles where they are known.
        options: the shop's.

    Returns:
        ``article``, ``price``, ``incl`` (missing where the rate is not known), ``tax_rate``; and outcomes by article:
        without a price above zero nothing is told of it, as it would be given away.
    """
    sides = (articles["price_excl"], articles["price_incl"], articles["tax_rate"])
    price = with_tax_as(*sides, includes_tax=options.includes_tax, decimals=options.price_decimals)
    has_none = sides[0].isna() & sides[1].isna()
    wrong = {
        "price-rate-unknown": price.isna() & ~has_none,
        "price-missing": has_none,
        "price-not-positive": (price <= 0).fillna(value=False),
    }
    said = [
        outcome.said(code, articles.loc[mask, "article"], record_type="article", stage="exchange")
        for code, mask in wrong.items()
    ]
    incl = with_tax_as(*sides, includes_tax=True, decimals=_CENTS)
    table = {"article": articles["article"], "price": price, "incl": incl, "tax_rate": sides[2]}
    return pd.DataFrame(table), outcome.together(said)


def special_prices(
    rows: pd.DataFrame,
    prices: pd.DataFrame,
    options: PriceOptions,
    buyers: Buyers,
    sale: Ability,
    specific: Ability | None,
    *,
    today: date,
    currency: str,
) -> Special:
    """Give the promotions, and the prices of groups, customers and quantities, of some articles (PRI-2).

    Args:
        rows: ``model.prices.ERP_PRICES``; those of other articles are passed over; what has ended is no price any more.
        prices: of the articles, as ``article_prices`` gives them.
        options: the shop's.
        buyers: whom the shop knows.
        sale: what the shop's file can say of promotions.
        specific: what its file of other prices can say; ``None``: it has none.
        today: the day of the run.
        currency: the shop's.
    """
    day = pd.Timestamp(today)
    rows = rows[~(rows["valid_to"] < day)].reset_index(drop=True)
    places = texts.places(rows["article"], prices["article"])
    rows, own = rows[places >= 0].reset_index(drop=True), prices.take(places[places >= 0]).reset_index(drop=True)
    valued = _valued(rows, own, options)
    said: list[pd.DataFrame] = []
    valued = _without(valued, _wrong(valued, currency), said)
    is_sale = (valued["target"] == _ALL) & (valued["quantity_from"] <= money.ONE)
    sales = _sales(valued[is_sale & options.promotions].reset_index(drop=True), sale, day, said)
    others = valued[~is_sale].reset_index(drop=True)
    if specific is None:
        said.append(_once(others, "price-no-format"))
        return Special(sales, SPECIFIC_PRICES.empty(), outcome.together(said))
    others = _for_buyers(others, buyers, options, specific, said)
    return Special(sales, _specific(others, specific, day, currency), outcome.together(said))


def _valued(rows: pd.DataFrame, own: pd.DataFrame, options: PriceOptions) -> pd.DataFrame:
    """Compute each price as the shop wants it, and tell for whom it is."""
    sides = (rows["price_excl"], rows["price_incl"], own["tax_rate"])
    less = rows["discount_rate"].fillna(0)
    is_percent = sides[0].isna() & sides[1].isna()
    fixed = with_tax_as(*sides, includes_tax=options.includes_tax, decimals=options.price_decimals, less=less)
    off_own = money.share(own["price"], _HUNDRED - less.to_numpy(np.int64), _HUNDRED, options.price_decimals)
    filled = rows[[*_TARGETS]] != ""
    target = pd.Series(_ALL, rows.index, dtype="str")
    for column, kind in _TARGETS.items():
        target = target.mask(filled[column], kind + "/" + rows[column])
    quantity = rows["quantity_from"].fillna(0).astype("int64")
    quantity = quantity.where(quantity > 0, money.ONE)
    record = pd.DataFrame({"article": rows["article"], "quantity": plain(quantity), "target": target})
    exact = money.SCALE if options.includes_tax else options.price_decimals
    return rows.assign(
        quantity_from=quantity,
        price=fixed.mask(is_percent, pd.Series(off_own, rows.index)),
        fixed_excl=with_tax_as(*sides, includes_tax=False, decimals=exact, less=less),
        fixed_incl=with_tax_as(*sides, includes_tax=True, decimals=_CENTS, less=less),
        own_price=own["price"],
        is_percent=is_percent,
        less=less,
        target=target,
        targets=filled.sum(axis=1),
        record=texts.side_by_side(record, " / "),
    )


def _wrong(rows: pd.DataFrame, currency: str) -> dict[str, pd.Series]:
    """Tell which rows are no prices, by the code of the reason."""
    less = rows["less"]
    nothing = rows["is_percent"] & (less == 0)
    return {
        "price-other-currency": ~texts.among(rows["currency"], ["", currency]),
        "price-several-targets": rows["targets"] > 1,
        "price-row-empty": nothing,
        "price-bad-discount": (less < 0) | (less >= _HUNDRED),
        "price-dates-reversed": rows["valid_to"] < rows["valid_from"],
        "price-row-rate-unknown": rows["price"].isna(),
        "price-row-not-positive": (rows["price"] <= 0).fillna(value=False) & ~nothing,
    }


def _without(rows: pd.DataFrame, wrong: Mapping[str, pd.Series], said: list[pd.DataFrame]) -> pd.DataFrame:
    """Take out the rows that are wrong, each for one reason, and say so."""
    left = pd.Series(data=True, index=rows.index)
    for code, mask in wrong.items():
        _leave(rows[mask & left], code, said)
        left &= ~mask
    return rows[left].reset_index(drop=True)


def _leave(rows: pd.DataFrame, code: str, said: list[pd.DataFrame]) -> None:
    value = rows["currency"] if code == "price-other-currency" else plain(rows["price"]).fillna("")
    said.append(outcome.said(code, rows["record"], record_type=PRICE, stage="exchange", value=value))


def _sales(rows: pd.DataFrame, ability: Ability, day: pd.Timestamp, said: list[pd.DataFrame]) -> pd.DataFrame:
    """Choose one promotion of each article: the lowest of today, else the one that begins next."""
    rows = _in_time(rows, ability, day)
    rows = _without(rows, {"price-sale-not-lower": rows["price"] >= rows["own_price"]}, said)
    later = rows["valid_from"].where(rows["valid_from"] > day)
    order = rows.assign(later=later).sort_values(["later", "price", "valid_to"], na_position="first", kind="stable")
    first = order.drop_duplicates("article")
    sales = first[["article", "price", "fixed_incl", "valid_from", "valid_to"]].rename(
        columns={"price": "sale_price", "fixed_incl": "sale_incl"}
    )
    return sales.assign(discount_rate=first["discount_rate"].where(first["is_percent"])).reset_index(drop=True)


def _in_time(rows: pd.DataFrame, ability: Ability, day: pd.Timestamp) -> pd.DataFrame:
    """Leave what is to come to a later run where the shop cannot be told it now, and days that it cannot be told."""
    if not ability.ahead:
        rows = rows[~(rows["valid_from"] > day)].assign(valid_from=pd.NaT)
    if not ability.ends:
        rows = rows.assign(valid_to=pd.NaT)
    return rows.astype({"valid_from": "datetime64[s]", "valid_to": "datetime64[s]"}).reset_index(drop=True)


def _for_buyers(
    rows: pd.DataFrame, buyers: Buyers, options: PriceOptions, ability: Ability, said: list[pd.DataFrame]
) -> pd.DataFrame:
    """Keep the prices whose customers the shop knows, and its file can tell; say once of each group and customer."""
    is_customer = rows["target"].str.startswith("customer/").to_numpy(bool)
    is_all = (rows["target"] == _ALL).to_numpy(bool)
    is_group = ~is_customer & ~is_all
    kept = ~((is_customer & (not options.customer_prices)) | (is_group & (not options.group_prices)))
    rows, is_customer, is_all, is_group = rows[kept], is_customer[kept], is_all[kept], is_group[kept]
    able = np.where(is_customer, bool(ability.customers), np.where(is_all, ability.everybody, ability.groups))
    said.append(_once(rows[~able], "price-target-not-told"))
    rows = rows[able].assign(is_group=is_group[able], is_customer=is_customer[able])
    rows = _of_each(rows, buyers.ids if ability.logins else {})
    is_group, is_customer = rows.pop("is_group").to_numpy(), rows.pop("is_customer").to_numpy()
    rows["group"] = _named(rows["target"], buyers.groups)
    rows["customer_email"] = _named(rows["customer_code"], buyers.emails)
    no_group = is_group & (rows["group"] == "").to_numpy()
    no_customer = is_customer & (rows[[*ability.customers]] == "").any(axis=1).to_numpy()
    said += [_once(rows[no_group], "price-group-unknown"), _once(rows[no_customer], "price-customer-unknown")]
    return rows[~(no_group | no_customer)].reset_index(drop=True)


def _of_each(rows: pd.DataFrame, ids: Mapping[str, Collection[str]]) -> pd.DataFrame:
    """Give the prices of a customer once for each of the shop's customers who buy on that account."""
    pairs = [(code, one) for code, those in ids.items() for one in those]
    known = pd.DataFrame(pairs, columns=["customer_code", LOGIN], dtype="str")
    return rows.merge(known, on="customer_code", how="left", sort=False).fillna({LOGIN: ""})


def _named(keys: pd.Series, names: Mapping[str, str]) -> pd.Series:
    """Give what each key is called; nothing where it has no name."""
    known = pd.Series([*names.values()], pd.Index([*names], dtype="str"), dtype="str")
    return known.reindex(keys).fillna("").set_axis(keys.index)


def _once(rows: pd.DataFrame, code: str) -> pd.DataFrame:
    """Say something once of each group and customer whose prices these are, not of each price."""
    met = rows["target"].value_counts(sort=False)
    who = met.index.str.split("/", n=1).str[-1]
    return outcome.said(code, met.index, record_type=PRICE, stage="map", value=who, count=met)


def _specific(rows: pd.DataFrame, ability: Ability, day: pd.Timestamp, currency: str) -> pd.DataFrame:
    """Give the prices in order, each once: of several of the same the lowest."""
    rows = _in_time(rows, ability, day)
    same = ["article", "group", "customer_code", LOGIN, "quantity_from", "valid_from", "valid_to"]
    rows = rows.sort_values([*same, "price"], kind="stable").drop_duplicates(same).reset_index(drop=True)
    percent = rows["is_percent"]
    rate = rows["discount_rate"].astype("Int64").where(percent)
    fixed = rows["price"].where(~percent)
    rows = rows.assign(
        currency=currency,
        fixed_price=fixed,
        fixed_price_excl=rows["fixed_excl"],
        discount_rate=rate,
        discount_share=pd.Series(money.quotient(rate.fillna(0), _HUNDRED, money.SCALE), rows.index)
        .astype("Int64")
        .where(percent),
        amount=fixed.where(~percent, rate),
    )
    return SPECIFIC_PRICES.conform(_tiered(rows))


def _tiered(rows: pd.DataFrame) -> pd.DataFrame:
    """Tell of each price up to which quantity it holds, and the price of the first piece of those whose it is."""
    whose = [rows[name] for name in ("article", "group", "customer_code", LOGIN)]
    first = rows["quantity_from"] <= money.ONE
    following = rows.groupby(whose, sort=False)["quantity_from"].shift(-1).astype("Int64") - money.ONE
    base = rows["price"].where(first).groupby(whose, sort=False).transform("first")
    return rows.assign(
        base_price=base.fillna(rows["own_price"]),
        tier_from=rows["quantity_from"].astype("Int64").where(~first),
        tier_to=following.where(~first),
        tier_amount=rows["amount"].where(~first),
    )


def plain(values: pd.Series) -> pd.Series:
    """Write numbers without trailing zeros; missing ones are missing."""
    return money.to_shortest_text(values).where(values.notna().to_numpy())

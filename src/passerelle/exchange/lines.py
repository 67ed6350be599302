"""Article lines and charges of an order as lines of its document.

Source: spec ORD-11, ORD-20 to ORD-25, ORD-29, ORD-30.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import mappings, texts
from passerelle.exchange.options import OrderOptions
from passerelle.model.documents import ARTICLES, DOCUMENT_LINES

CENTS = 2
"""Decimals of amounts in the ERP's documents."""

_SPECIAL = {"shipping": "shipping", "wrapping": "wrapping", "fee": "fee", "refund": "misc"}
"""The special article of each kind of charge."""
_COLUMNS = [
    "order_key",
    "kind",
    "article",
    "label",
    "quantity",
    "tax_rate",
    "vat_code",
    "net",
    "gross",
    "decimals",
    "tracking_number",
]


def with_articles(
    lines: pd.DataFrame, articles: pd.DataFrame | None, options: OrderOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Look each line's article up in the ERP's extract, the variant's reference first (ORD-20, ORD-21).

    Args:
        lines: order lines.
        articles: the ERP's articles; ``None`` when there is no extract: every reference is taken as it is, and
            only a line without one is unknown.
        options: what an unknown article does, where labels come from.

    Returns:
        The lines with ``kind``, ``article``, ``article_tax_rate`` (missing where the extract does not tell) and label;
        the outcomes of orders with unknown articles, one per order, naming all of them.
    """
    is_variant, is_parent = lines["reference"] != "", lines["parent_reference"] != ""
    if articles is None:
        articles = ARTICLES.empty()
    else:
        is_variant &= texts.among(lines["reference"], articles["article"])
        is_parent &= texts.among(lines["parent_reference"], articles["article"])
    article = lines["reference"].where(is_variant, lines["parent_reference"].where(is_parent, ""))
    found = is_variant | is_parent
    erp = (
        articles.drop_duplicates("article")
        .set_index("article")[["label", "tax_rate"]]
        .reindex(article)
        .set_axis(lines.index)
    )
    label = lines["label"]
    if options.label == "erp":
        label = label.where(~found | (erp["label"].fillna("") == ""), erp["label"])
    rate = erp["tax_rate"].astype("Int64")
    joined = lines.assign(kind="article", article=article, article_tax_rate=rate, label=label)
    misc = options.special_articles.misc
    if options.unknown_article == "misc" and misc:
        joined["article"] = article.where(found, misc)
        return joined, outcome.none()
    return joined, _unknown_articles(lines[~found], wants_misc=options.unknown_article == "misc")


def _unknown_articles(lines: pd.DataFrame, *, wants_misc: bool) -> pd.DataFrame:
    named = lines["reference"].where(lines["reference"] != "", "« " + lines["label"] + " »")
    distinct = pd.DataFrame({"order_key": lines["order_key"], "named": named}).drop_duplicates()
    by_order = texts.by_group(distinct["named"], distinct["order_key"], ", ")
    if wants_misc:
        return missing_article(by_order.index, "misc")
    return outcome.said(
        "unknown-article",
        by_order.index,
        record_type="order",
        stage="exchange",
        field="reference",
        value=by_order,
    )


def missing_article(order_keys: pd.Index | pd.Series, name: str) -> pd.DataFrame:
    """Say that orders need a special article that the profile does not name (ORD-8, ORD-28)."""
    french, english = mappings.SPECIAL_NAMES[name]
    return outcome.said(
        "missing-special-article",
        pd.unique(pd.Series(order_keys)),
        record_type="order",
        stage="exchange",
        field=f"special_articles.{name}",
        value=name,
        name_fr=french,
        name_en=english,
    )


def lacking_articles(said: pd.DataFrame) -> pd.DataFrame:
    """Give the special articles that orders lacked, as keys of their mapping (ORD-45)."""
    lacking = said.loc[said["code"] == mappings.SPECIAL_ARTICLES.code, "value"].drop_duplicates()
    return pd.DataFrame({"special_article": lacking.sort_values(ignore_index=True)})


def ignored(lines: pd.DataFrame) -> pd.DataFrame:
    """Say which orders have a line whose special article is ``#ignore``."""
    met = lines.loc[lines["article"] == mappings.IGNORE, ["order_key", "label"]].drop_duplicates()
    sheet = mappings.SPECIAL_ARTICLES.fr
    return outcome.said(
        "ignored-by-mapping",
        met["order_key"],
        record_type="order",
        stage="map",
        field=sheet,
        value=met["label"],
        mapping=sheet,
    )


def deliverable(lines: pd.DataFrame) -> pd.DataFrame:
    """Keep the lines that deliver something; ORD-30 keeps zero prices and negative quantities."""
    return lines[lines["quantity"] != 0]


def charged(charges: pd.DataFrame) -> pd.DataFrame:
    """Keep the charges that charge something: free shipping needs neither VAT code nor article."""
    return charges[(charges["amount_excl"].fillna(0) != 0) | (charges["amount_incl"].fillna(0) != 0)]


def article_lines(lines: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Give the order's lines as priced lines: net and gross in the document's tax mode (ORD-22)."""
    side = "incl" if options.includes_tax else "excl"
    return lines.assign(
        net=money.rounded_half_up(lines[f"net_{side}"].fillna(0), lines["decimals"]),
        gross=lines[f"gross_{side}"].fillna(lines[f"net_{side}"]).fillna(0).astype("int64"),
    )[[*_COLUMNS]]


def charge_lines(charges: pd.DataFrame, options: OrderOptions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the charges that are written as lines, each with its special article (ORD-24, ORD-25).

    Args:
        charges: the charges that do not stand in the footer.
        options: the special articles, the documents' tax mode.

    Returns:
        Priced lines; the outcomes of orders whose special article is not set.
    """
    side = "incl" if options.includes_tax else "excl"
    special = options.special_articles
    references = {name: getattr(special, article) for name, article in _SPECIAL.items()}
    amount = money.rounded_half_up(charges[f"amount_{side}"].fillna(0), charges["decimals"])
    priced = charges.assign(
        article=charges["kind"].map(references).astype("str"),
        quantity=money.ONE,
        net=amount,
        gross=amount,
        tracking_number="",
    )[[*_COLUMNS]]
    priced = priced[priced["net"] != 0]
    lacking = priced[priced["article"] == ""]
    said = [missing_article(rows["order_key"], _SPECIAL[str(kind)]) for kind, rows in lacking.groupby("kind")]
    return priced, outcome.together(said)


def in_footer(charges: pd.DataFrame, with_lines: pd.Series, options: OrderOptions) -> pd.Series:
    """Tell which charges stand in the document's footer: shipping, unless the profile wants lines (ORD-24).

    The footer holds one VAT rate only, and a document without any line would not be written: shipping of several rates,
    and shipping that is all there is (given back alone), are lines all the same.

    Args:
        charges: charges of documents.
        with_lines: keys of the documents that have lines of articles.
        options: where shipping is written.
    """
    if options.shipping == "line":
        return pd.Series(data=False, index=charges.index)
    shipping = (charges["kind"] == "shipping") & (charges["amount_excl"].fillna(0) != 0)
    others = pd.concat([with_lines, charges.loc[~shipping, "order_key"]])
    shipping &= texts.among(charges["order_key"], others)
    if not charges.loc[shipping, "order_key"].duplicated().any():
        return shipping
    rates = charges[shipping].groupby("order_key")[["tax_rate", "vat_code"]].nunique().max(axis=1)
    return shipping & (charges["order_key"].map(rates).fillna(0) <= 1)


def footer_shipping(footer: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Give the footer's shipping by order, of the charges that stand there (ORD-24).

    The footer holds an amount excluding tax; with prices including tax it keeps as many decimals as prices do, so that
    the ERP comes back to the amount the shop charged.

    Returns:
        ``shipping_excl``, ``shipping_incl``, ``tax_rate``, ``vat_code``, ``decimals`` by order key.
    """
    by_order = footer.groupby("order_key").agg(
        amount_excl=("amount_excl", "sum"),
        amount_incl=("amount_incl", "sum"),
        tax_rate=("tax_rate", "first"),
        vat_code=("vat_code", "first"),
        decimals=("decimals", "first"),
    )
    decimals = by_order["decimals"]
    rate = by_order["tax_rate"].to_numpy(dtype=np.int64)
    if options.includes_tax:
        charged = money.rounded_half_up(by_order["amount_incl"], decimals)
        excl = money.excluding(charged, rate, _price_decimals(decimals, options))
    else:
        excl = money.rounded_half_up(by_order["amount_excl"], decimals)
    return by_order.assign(shipping_excl=excl, shipping_incl=money.including(excl, rate, decimals))[
        ["shipping_excl", "shipping_incl", "tax_rate", "vat_code", "decimals"]
    ]


def priced(lines: pd.DataFrame, options: OrderOptions) -> pd.DataFrame:
    """Give priced lines their unit prices, discounts and net amounts as the ERP computes them.

    The unit price is the net amount over the quantity at the price decimals (ORD-11), never the shop's displayed price;
    a discount is kept per unit beside the gross price, or folded in (ORD-23). The net amount is what the ERP computes
    of what is written (``erp_net``): with few price decimals it may differ from the shop's, and the Écart line then
    says so.

    Returns:
        Lines with the columns of ``DOCUMENT_LINES`` but ``document_key`` and ``position``, with ``order_key`` and
        ``decimals``.
    """
    quantity = lines["quantity"].to_numpy(dtype=np.int64)
    rate = lines["tax_rate"].to_numpy(dtype=np.int64)
    of_amounts = lines["decimals"]
    of_prices = _price_decimals(of_amounts, options)
    net_unit = money.quotient(lines["net"], quantity, of_prices)
    gross_unit = money.quotient(lines["gross"], quantity, of_prices)
    reduced = (np.abs(gross_unit) > np.abs(net_unit)) & (options.line_discounts == "keep")
    unit = np.where(reduced, gross_unit, net_unit)
    discount = unit - net_unit
    if options.includes_tax:
        discount = money.excluding(discount, rate, of_prices)
    net = erp_net(unit, discount, rate, quantity, of_amounts, options)
    if options.includes_tax:
        incl, excl = unit, money.excluding(unit, rate, of_prices)
        net_incl, net_excl = net, money.excluding(net, rate, of_amounts)
    else:
        excl, incl = unit, money.including(unit, rate, of_prices)
        net_excl, net_incl = net, money.including(net, rate, of_amounts)
    result = lines.assign(
        unit_price_excl=excl,
        unit_price_incl=incl,
        unit_discount_excl=discount,
        net_excl=net_excl,
        net_incl=net_incl,
    )
    return result[["order_key", "decimals", *[name for name in DOCUMENT_LINES.names if name in result]]]


def erp_net(
    price: npt.ArrayLike,
    discount: npt.ArrayLike,
    rate: npt.ArrayLike,
    quantity: npt.ArrayLike,
    decimals: npt.ArrayLike,
    options: OrderOptions,
) -> money.Ints:
    """Give net amounts as the ERP computes them of a written row: quantity × (unit price − discount), rounded once.

    The discount per unit is written excluding tax in both tax modes: with prices including tax the ERP adds its tax to
    it, which few price decimals may not bring back to the discount that the shop gave.
    """
    price, discount = np.asarray(price, dtype=np.int64), np.asarray(discount, dtype=np.int64)
    net = money.product(price - discount, quantity, decimals)
    if not options.includes_tax:
        return net
    reduced = np.flatnonzero(discount)
    of_row = (np.broadcast_to(np.asarray(column), price.shape)[reduced] for column in (rate, quantity, decimals))
    net[reduced] = money.net_of_discount(price[reduced], discount[reduced], *of_row)
    return net


def _price_decimals(of_amounts: pd.Series, options: OrderOptions) -> money.Ints:
    """Give the decimals of unit prices (ORD-11): never fewer than amounts have, or a price could not be an amount."""
    decimals: money.Ints = np.maximum(of_amounts.to_numpy(dtype=np.int64), options.price_decimals)
    return decimals

"""Which articles a shop has for sale: those that the ERP publishes on the web and that are not dormant.

Articles are switched on and off, never deleted.

Source: spec CAT-5, STK-6.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from passerelle.exchange import texts

_TEXTS = {True: "active", False: "inactive"}
_SOLD_OUT = "^-|^0$|^0 "
"""How the text begins that says of an article that there is none (``exchange.stock.stock_values``)."""


def for_sale(articles: pd.DataFrame, active_states: Collection[str]) -> pd.Series:
    """Tell which articles are published on the web and not dormant, same index (CAT-5).

    Args:
        articles: ``model.catalogue.CATALOGUE``.
        active_states: the ERP's words for what is not dormant.
    """
    return articles["is_on_web"] & texts.among(articles["active_state"], active_states)


def sold_out(told: pd.DataFrame) -> pd.Series:
    """Give the articles of which a shop was told last that there are none.

    What the shop knows counts, not what the ERP has meanwhile: it is the task of the stock that tells it otherwise, and
    switches such an article on again (STK-6).

    Args:
        told: ``key``, ``value``: the stock that it was told.
    """
    return told["key"][told["value"].str.contains(_SOLD_OUT, regex=True)]


def activity_values(references: pd.Series, is_active: pd.Series) -> pd.Series:
    """Write what a shop is told of each article as a text, by article: ``active`` or ``inactive``."""
    return is_active.map(_TEXTS).astype("str").set_axis(pd.Index(references))


def product_rows(
    listed: pd.DataFrame, references: pd.Series, is_active: pd.Series, changed: Collection[str]
) -> pd.DataFrame:
    """Give the rows of those products of a shop one of whose articles is switched.

    Such a shop switches products: one is for sale as long as one of its articles is. All its rows go, as the shop has
    them, as it may take those that are lacking for variants that are no more.

    Args:
        listed: the shop's own rows, those of a product one after the other.
        references: articles of the ERP.
        is_active: of each of these, whether it is for sale.
        changed: those that the shop is told.

    Returns:
        The rows with ``record``, the product's article that stands first among the changed ones, and ``is_active``.
    """
    listed, product = products_of(listed)
    known = texts.among(listed["article"], references).to_numpy()
    active = texts.among(listed["article"], references[is_active.to_numpy()])
    whole = active.groupby(product).transform("any")
    own = pd.Series(np.where(known, active, whole), listed.index)
    record = first_changed(listed, product, changed)
    rows = listed.assign(record=record, is_active=own.where(product.duplicated(), whole))
    return rows[record.notna()].reset_index(drop=True)


def under_products(listed: pd.DataFrame, told: pd.DataFrame, changed: Collection[str]) -> pd.DataFrame:
    """Give the rows of changed articles, those of variants under the row of their product.

    Such an import takes a variant for one of the product whose row stands above it. Of a product that the ERP does not
    tell the row is as the shop has it.

    Args:
        listed: the shop's own rows, those of a product one after the other.
        told: ``article``, and what the shop is told of it; of all articles of the ERP.
        changed: those that the shop is told.

    Returns:
        The rows with ``record``, the product's article that stands first among the changed ones.
    """
    listed, product = products_of(listed)
    record = first_changed(listed, product, changed)
    known = texts.among(listed["article"], told["article"])
    ours = told.set_index("article").convert_dtypes().reindex(listed["article"]).set_axis(listed.index)
    cells = {name: ours[name].where(known, listed.get(name)) for name in ours}
    if "is_active" in cells:
        # A product is for sale as long as one of its articles is; of those that the ERP does not tell the shop knows.
        whole = ours["is_active"].where(known, other=False).groupby(product).transform("any")
        has_others = (~known & (listed["article"] != "")).groupby(product).transform("any")
        of_product = whole.mask(~whole & has_others, listed.get("is_active"))
        cells["is_active"] = cells["is_active"].where(product.duplicated(), of_product)
    goes = texts.among(listed["article"], changed) | (record.notna() & ~product.duplicated())
    return listed.assign(record=record, **cells)[goes].reset_index(drop=True)


def first_changed(listed: pd.DataFrame, product: pd.Series, changed: Collection[str]) -> pd.Series:
    """Give of each row's product (``products_of``) the changed article that stands first; missing: none is changed."""
    is_changed = texts.among(listed["article"], changed)
    return listed["article"].where(is_changed).groupby(product).transform("first")


def products_of(listed: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Tell which product each row of a shop is of: by its handle, or by the rows that begin one.

    Returns:
        The rows without those that have nothing but their product, which are of further images; and the products.
    """
    cells = listed.select_dtypes("str").drop(columns="shop_handle", errors="ignore")
    listed = listed[(cells != "").any(axis=1)].reset_index(drop=True)
    if "shop_handle" in listed:
        return listed, pd.Series(pd.factorize(listed["shop_handle"])[0], listed.index)
    return listed, (listed["shop_row"].str.casefold() == "product").cumsum()

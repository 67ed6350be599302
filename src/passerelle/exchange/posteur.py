"""What products belong to, as records of their own: for platforms that take it in files beside the products.

Source: facts/ebp § 5.4; spec OAS-1, CAT-12, CAT-14, CAT-16.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pandas as pd

from passerelle import money
from passerelle.exchange import texts
from passerelle.exchange.articles import Content, slug
from passerelle.exchange.told import as_json
from passerelle.model.posteur import PRODUCT_ASSOCIATIONS, SHOP_CATEGORIES
from passerelle.model.products import BETWEEN

BELOW = "."
"""Stands in a category's reference between it and the category above it."""
TOLD_BY: Mapping[str, str] = {
    "product_categories": "categories",
    "product_brands": "brand",
    "product_features": "features",
    "pack_articles": "components",
    "pack_variants": "components",
}
"""By kind of association, the column of ``model.products.SHOP_PRODUCTS`` that says the same in one cell."""


def category_refs(keys: pd.Series) -> pd.Series:
    """Give the references of categories by their keys: ``vaisselle.bols``; the shop's own ids stay."""
    codes, distinct = pd.factorize(keys)
    names = pd.Series(distinct, dtype="str").str.split(BETWEEN).explode().astype("str")
    refs = slug(names).mask(lambda ref: ref == "", names).groupby(level=0).agg(BELOW.join)
    return pd.Series(refs.to_numpy(), dtype="str").take(codes).set_axis(keys.index)


def shop_categories(keys: pd.Series, language: str) -> pd.DataFrame:
    """Give categories and all above them, each once, those above first.

    Args:
        keys: keys of categories by their names, as of ``PRODUCT_CATEGORIES``.
        language: of their names.

    Returns:
        ``SHOP_CATEGORIES``; of several names that make one reference the first.
    """
    paths = [key.split(BETWEEN) for key in keys.unique()]
    above = dict.fromkeys(BETWEEN.join(path[:depth]) for path in paths for depth in range(1, len(path) + 1))
    own = pd.Series(sorted(above, key=lambda key: key.count(BETWEEN)), dtype="str")
    rows = pd.DataFrame(
        {
            "ref": category_refs(own),
            "language": language,
            "title": texts.replaced(own, f"^.*{BETWEEN}", ""),
            "parent_ref": category_refs(texts.replaced(own, f"{BETWEEN}?[^{BETWEEN}]*$", "")),
            "is_online": True,
        }
    )
    return SHOP_CATEGORIES.conform(rows.drop_duplicates("ref", ignore_index=True))


def associations(content: Content, kind: str, parents: pd.Series) -> pd.DataFrame:
    """Give what products are associated with.

    Args:
        content: the products.
        kind: of ``TOLD_BY``.
        parents: by article, also of those that do not go, the product that it is a variant of.

    Returns:
        ``PRODUCT_ASSOCIATIONS``, each once.
    """
    rows = _pack_articles(content, parents) if kind == "pack_articles" else _MADE[kind](content)
    return PRODUCT_ASSOCIATIONS.conform(rows.drop_duplicates(["article", "ref"], ignore_index=True))


def _categories(content: Content) -> pd.DataFrame:
    return content.categories.assign(ref=category_refs(content.categories["category"]))


def _brands(content: Content) -> pd.DataFrame:
    return content.products[content.products["brand"] != ""].rename(columns={"brand": "ref"})


def _features(content: Content) -> pd.DataFrame:
    return content.features.rename(columns={"feature": "ref"})


def _pack_variants(content: Content) -> pd.DataFrame:
    """Give what packs are made of as it is sold: variants."""
    return content.components.rename(columns={"component": "ref"})


def _pack_articles(content: Content, parents: pd.Series) -> pd.DataFrame:
    """Give the products that packs are made of; of several variants of one product their quantities together."""
    going = content.products.set_index("article")["parent"]
    known = pd.concat([going, parents[~parents.index.isin(going.index)]])
    own = _pack_variants(content)
    for column in ("article", "ref"):
        parent = known.reindex(own[column]).fillna("").set_axis(own.index)
        own[column] = own[column].where(parent == "", parent)
    return own.groupby(["article", "ref"], sort=False, as_index=False)["quantity"].sum()


_MADE: Mapping[str, Callable[[Content], pd.DataFrame]] = {
    "product_categories": _categories,
    "product_brands": _brands,
    "product_features": _features,
    "pack_variants": _pack_variants,
}


def association_values(rows: pd.DataFrame) -> pd.Series:
    """Write each association as one text, by its article and reference."""
    told = rows[["article", "ref", "value"]].assign(
        quantity=money.to_text(rows["quantity"], money.SCALE),
        is_default=rows["is_default"].astype("str").str.lower(),
        key=texts.side_by_side(rows[["article", "ref"]], " → "),
    )
    return as_json(told, "key")


def no_longer(known: pd.DataFrame, articles: pd.Series, current: pd.Series) -> pd.DataFrame:
    """Give the associations of some articles that the shop was told and that hold no longer.

    Args:
        known: ``key``, ``value``: what the shop was told.
        articles: the articles.
        current: keys of the associations that hold.

    Returns:
        ``key``, ``value`` (empty), ``before``; and ``PRODUCT_ASSOCIATIONS``' columns, deleted.
    """
    gone = known[(known["value"] != "") & ~texts.among(known["key"], current)]
    told = pd.DataFrame(
        [json.loads(value) for value in gone["value"]], columns=["article", "ref", "value"], dtype="str"
    )
    rows = pd.DataFrame({"key": gone["key"].to_numpy(), "before": gone["value"].to_numpy()}).assign(
        **told.rename(columns={"value": "told_value"}), value="", is_default=False, is_deleted=True
    )
    return rows[texts.among(rows["article"], articles)].reset_index(drop=True)

"""Products of a shop that have variants, and packs: made of the simple ones that articles are.

What tells of the product as a whole, its texts, brand, categories, features, is that of its last article; what tells of
one variant, price, barcode, weight, stays with it.

Source: spec CAT-17, CAT-18; seed 001 (a product takes the label of its last article).
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.articles import Content
from passerelle.model.products import ATTRIBUTES, PACK, PRODUCTS, SIMPLE, TEXT_COLUMNS, VARIABLE, VARIANT

ATTRIBUTE_NAMES = tuple(f"attribute_{number}_name" for number in range(1, ATTRIBUTES + 1))
ATTRIBUTE_VALUES = tuple(f"attribute_{number}_value" for number in range(1, ATTRIBUTES + 1))
BETWEEN_VALUES = "\x1f"
"""Stands between the values of an attribute of a product with variants."""
_OF_PRODUCT = (*(column.name for column in TEXT_COLUMNS if column.name != "name"), "brand", "tags")
"""What is told of the product only."""
_OF_VARIANT = ("cost_price", "supplier_reference", "barcode", "width", "height", "depth", "quantity")
"""What is told of the variants only."""


def with_variants(content: Content, variants: pd.DataFrame) -> Content:
    """Make variants of simple products, and the products that they are of.

    Args:
        content: simple products.
        variants: ``model.variants.VARIANTS``; articles that are not among the products are passed over.

    Returns:
        The same with a ``variable`` product before the first of its variants. Its price and weight are the least of
        theirs, so that none costs less; categories, features, links and texts of the last one are the product's.
    """
    known = content.products.reset_index(drop=True)
    own = variants.set_index("article")
    mine = texts.among(known["article"], own.index)
    if not mine.any():
        return content
    made = known[mine].copy()
    told = own.loc[made["article"]]
    parent = told["parent"].set_axis(made.index)
    made["parent"], made["kind"] = parent, VARIANT
    made["position"] = parent.groupby(parent, sort=False).cumcount() + 1
    for name in (*ATTRIBUTE_NAMES, *ATTRIBUTE_VALUES):
        made[name] = told[name].to_numpy()
    products = _parents(made, told["label"].set_axis(made.index))
    rows = pd.concat([known[~mine], products, made.assign(**dict.fromkeys(_OF_PRODUCT, ""))])
    rows = rows.sort_index(kind="stable").reset_index(drop=True)
    last = made.drop_duplicates("parent", keep="last")[["article", "parent"]]
    gone = made.loc[~texts.among(made["article"], last["article"]), "article"]
    links = _moved(content.links, last, gone)
    links["linked_article"] = _of_products(links["linked_article"], variants)
    itself = links["linked_article"] == links["article"]
    return replace(
        content,
        products=PRODUCTS.conform(rows),
        texts=_moved(content.texts, last, gone),
        categories=_moved(content.categories, last, gone),
        features=_moved(content.features, last, gone),
        links=links[~itself].drop_duplicates(["article", "linked_article"]).reset_index(drop=True),
    )


def with_packs(content: Content, components: pd.DataFrame) -> Content:
    """Make packs of the products that have components; a product with variants, or one of these, is none."""
    is_pack = (content.products["kind"] == SIMPLE) & texts.among(content.products["article"], components["article"])
    products = content.products.assign(kind=content.products["kind"].mask(is_pack, PACK))
    return replace(content, products=products, components=components)


def whole_products(rows: pd.DataFrame, refused: set[str]) -> pd.DataFrame:
    """Refuse what belongs to a product of which a variant, or the product itself, is refused (CAT-17).

    Args:
        rows: ``PRODUCTS``.
        refused: articles and products.

    Returns:
        Outcomes of the articles beside them.
    """
    family = rows["parent"].where(rows["parent"] != "", rows["article"])
    touched = texts.among(family, family[texts.among(rows["article"], refused)])
    beside = rows[touched & (rows["kind"] == VARIANT) & ~texts.among(rows["article"], refused)]
    return outcome.said(
        "variant-product-refused",
        beside["article"],
        record_type="article",
        stage="exchange",
        value=beside["parent"],
    )


def _parents(made: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Give the products of variants, at the place of the first one."""
    by = made.groupby("parent", sort=False)
    last = made.drop_duplicates("parent", keep="last").set_index("parent")
    first = made.drop_duplicates("parent")
    rows = last.loc[first["parent"]].assign(
        article=first["parent"].to_numpy(),
        parent="",
        kind=VARIABLE,
        position=0,
        name=labels[first.index].to_numpy(),
        price=by["price"].min(),
        weight=by["weight"].min(),
        is_active=by["is_active"].any(),
        **dict.fromkeys(ATTRIBUTE_VALUES, ""),
    )
    rows = PRODUCTS.conform(rows.drop(columns=list(_OF_VARIANT)).set_axis(first.index))
    for name, value in zip(ATTRIBUTE_NAMES, ATTRIBUTE_VALUES, strict=True):
        rows[name] = first[name]
        rows[value] = _distinct(made, value).reindex(rows["article"]).fillna("").astype("str").set_axis(rows.index)
    return rows


def _distinct(made: pd.DataFrame, column: str) -> pd.Series:
    """Give the values that the variants of each product have, in the order they are met."""
    met = made.loc[made[column] != "", ["parent", column]].drop_duplicates()
    return texts.by_group(met[column], met["parent"], BETWEEN_VALUES) if len(met) else pd.Series(dtype="str")


def _moved(rows: pd.DataFrame, last: pd.DataFrame, gone: pd.Series) -> pd.DataFrame:
    """Give what is told of articles to the products that they are the last variants of; of others nothing is."""
    kept = rows[~texts.among(rows["article"], gone)]
    return kept.assign(article=_of_products(kept["article"], last)).reset_index(drop=True)


def _of_products(articles: pd.Series, variants: pd.DataFrame) -> pd.Series:
    """Give the products of those that are variants, the others themselves."""
    place = texts.places(articles, variants["article"])
    if not (place >= 0).any():
        return articles
    parents = variants["parent"].take(place).set_axis(articles.index)
    return parents.where(place >= 0, articles)

"""Which categories of a shop the ERP's articles are in: a tree from their own columns, and further ones by name or id.

Source: spec CAT-16; seed 001 (articles, categories).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.catalogue import Mask
from passerelle.exchange.shop_options.articles import CategoryOptions
from passerelle.model.products import BETWEEN, PRODUCT_CATEGORIES

BELOW = "/"
"""Stands before the name of a category below another one, where people write it."""
_IS_ID = r"^[0-9]+$"


def product_categories(articles: pd.DataFrame, options: CategoryOptions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the categories that each product is in: its default one, those above it, further ones.

    Args:
        articles: ``article``, each once, and the columns that the options name, as text.
        options: the shop's.

    Returns:
        ``model.products.PRODUCT_CATEGORIES`` in the order of the articles, and outcomes: of articles whose column names
        a category by something else than an id, or that have a name below a level that is empty.
    """
    columns = {number: tidy(articles[label]) for number, label in enumerate(options.levels)}
    levels = pd.DataFrame(columns, index=articles.index)
    filled = (levels != "").to_numpy(dtype=bool)
    reached = np.logical_and.accumulate(filled, axis=1)
    depth = reached.sum(axis=1)
    places = pd.Series(np.arange(len(articles)))
    parts = [_default(places[depth == 0], options.default)]
    for count in range(1, len(options.levels) + 1):
        # Of deep categories first: the deepest is an article's default one.
        deep = len(options.levels) + 1 - count
        there = (depth >= deep) if options.parents else (depth == deep)
        keys = texts.side_by_side(levels.loc[there].iloc[:, :deep], BETWEEN)
        parts.append(_rows(places[there], keys, is_default=depth[there] == deep))
    further, said = _supplementary(articles, options)
    found = pd.concat([*parts, further], ignore_index=True)
    found = found.sort_values("place", kind="stable").drop_duplicates(["place", "category"])
    found["article"] = articles["article"].take(found["place"]).to_numpy()
    gaps = filled.sum(axis=1) > depth
    said.append(_gaps(articles.loc[gaps, "article"], levels[gaps]))
    return PRODUCT_CATEGORIES.conform(found.reset_index(drop=True)), outcome.together(said)


def named(rows: pd.DataFrame, further: pd.DataFrame) -> pd.DataFrame:
    """Give products further categories by name: the first one is the default of those that had none.

    Args:
        rows: ``PRODUCT_CATEGORIES``.
        further: ``article``, ``category`` with ``BELOW`` between a category and the one below it.
    """
    keys = texts.replaced(tidy(further["category"]), rf" ?{BELOW} ?", BETWEEN)
    first = ~further["article"].duplicated() & ~texts.among(further["article"], rows["article"])
    added = further.assign(category=keys, is_default=first, by_id=keys.str.fullmatch(_IS_ID))
    both = pd.concat([rows, PRODUCT_CATEGORIES.conform(added)], ignore_index=True)
    return both.drop_duplicates(["article", "category"]).reset_index(drop=True)


def tidy(column: pd.Series) -> pd.Series:
    """Give texts on one line, without blanks around them or several side by side."""
    return texts.replaced(texts.replaced(column, r"[\s\pZ]+", " "), r"^ | $", "")


def _default(places: pd.Series, category: str) -> pd.DataFrame:
    """Give the category of articles that have none of their own."""
    if not category:
        return _rows(places[:0], pd.Series(dtype="str"), is_default=np.zeros(0, bool))
    key = BETWEEN.join(part.strip() for part in category.split(BELOW))
    by_id = category.isdecimal()
    return _rows(places, pd.Series(key, places.index), is_default=np.ones(len(places), bool), by_id=by_id)


def _supplementary(articles: pd.DataFrame, options: CategoryOptions) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    if not options.supplementary:
        nothing = pd.Series(dtype="int64")
        return _rows(nothing, pd.Series(dtype="str"), is_default=np.zeros(0, bool)), []
    cells = pa.array(articles[options.supplementary], pa.large_string())
    lists = pc.split_pattern(cells, options.separator)
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.combine_chunks()
    places = pd.Series(pc.list_parent_indices(lists).to_numpy())
    names = tidy(pd.Series(pc.list_flatten(lists).to_pandas(), dtype="str"))
    by_id = options.supplementary_by == "id"
    wrong = by_id & (names != "") & ~names.str.fullmatch(_IS_ID)
    said = outcome.said(
        "article-category-no-id",
        articles["article"].take(places[wrong]),
        record_type="article",
        stage="map",
        field=options.supplementary,
        value=names[wrong],
    )
    there = (names != "") & ~wrong
    keys = texts.replaced(names[there], rf" ?{BELOW} ?", BETWEEN)
    return _rows(places[there], keys, is_default=np.zeros(int(there.sum()), bool), by_id=by_id), [said]


def _rows(places: pd.Series, keys: pd.Series, *, is_default: Mask, by_id: bool = False) -> pd.DataFrame:
    rows = {"place": places.to_numpy(), "category": keys.to_numpy(), "is_default": is_default, "by_id": by_id}
    return pd.DataFrame(rows).astype({"place": "int64", "category": "str", "is_default": "bool", "by_id": "bool"})


def _gaps(references: pd.Series, levels: pd.DataFrame) -> pd.DataFrame:
    shown = texts.side_by_side(levels, " > ")
    return outcome.said(
        "article-category-gap", references, record_type="article", stage="map", value=shown, field="levels"
    )

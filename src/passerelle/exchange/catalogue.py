"""Which articles of the ERP a task takes to a shop, and which of them differ from what the shop was told.

Source: spec CAT-2, CAT-5 (references), STK-8.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.shop_options.articles import ArticleChoice

Mask = npt.NDArray[np.bool_]


def left_out(
    articles: pd.DataFrame,
    options: ArticleChoice,
    *,
    since: datetime | None,
    holds: Mask | None,
    told: pd.Series | None = None,
) -> dict[str, Mask]:
    """Tell which articles a task leaves on purpose, by the code of the reason; each once (CAT-2).

    Args:
        articles: ``model.catalogue.CATALOGUE``.
        options: the shop's filter.
        since: when the task last transferred; ``None``: never.
        holds: for which articles the shop's criterion is true; ``None``: it has none.
        told: the articles that the shop was told of: another one is taken though it has not changed; ``None``: all.
    """
    reasons: dict[str, Mask] = {}
    if options.leaves_unpublished:
        reasons["article-not-on-web"] = ~articles["is_on_web"].to_numpy()
    since = since if options.changed_only else None
    known = None if told is None else texts.among(articles["article"], told)
    reasons |= filtered(
        articles, since, holds, outside="article-criterion", unchanged="article-not-changed", told=known
    )
    taken = np.ones(len(articles), bool)
    for code, mask in reasons.items():
        reasons[code] = mask & taken
        taken &= ~mask
    return reasons


def filtered(
    records: pd.DataFrame,
    since: datetime | None,
    holds: Mask | None,
    *,
    outside: str,
    unchanged: str,
    told: pd.Series | None = None,
) -> dict[str, Mask]:
    """Tell which records of the ERP a filter leaves, by the code of the reason (CAT-2).

    Args:
        records: with ``modified``, when the ERP last changed each.
        since: only what has changed since is taken, and what is not known to have changed; ``None``: all.
        holds: for which records the shop's criterion is true; ``None``: it has none.
        outside: code of those for which it is not.
        unchanged: code of those that have not changed.
        told: which of them the shop was told of, so that they can be left as unchanged; ``None``: all.
    """
    reasons: dict[str, Mask] = {}
    if holds is not None:
        reasons[outside] = ~holds
    if since is not None:
        is_old = records["modified"] < since
        reasons[unchanged] = (is_old if told is None else is_old & told).to_numpy()
    return reasons


def last_changed(articles: pd.DataFrame, levels: pd.DataFrame) -> pd.Series:
    """Give when each article or its stock was last changed; missing where that is not known of one of them.

    Args:
        articles: ``CATALOGUE``, each article once.
        levels: ``DEPOT_STOCK``.
    """
    of_stock = levels.groupby("article", sort=False)["modified"].agg(["max", "size", "count"])
    of_stock = of_stock.reindex(articles["article"]).reset_index(drop=True)
    known = (of_stock["size"] == of_stock["count"]) & articles["modified"].notna()
    return of_stock["max"].where(of_stock["max"] > articles["modified"], articles["modified"]).where(known)


def twice(references: pd.Series, code: str = "article-twice", record_type: str = "article") -> pd.DataFrame:
    """Refuse references that stand on several rows: which of them is meant cannot be known.

    Returns:
        Outcomes by reference.
    """
    doubled = references[references.duplicated(keep=False)].unique()
    return outcome.said(code, doubled, record_type=record_type, stage="select", value=doubled)


def near_misses(references: pd.Series, known: pd.Series) -> pd.DataFrame:
    """Refuse references that the shop only has in another case or with other blanks around: they must be exact (CAT-5).

    Args:
        references: those that the shop does not have.
        known: those that it has.

    Returns:
        Outcomes by reference; the value is what the shop has.
    """
    likely = pd.Series(known.to_numpy(), _loose(known)).groupby(level=0).first()
    near = likely.reindex(_loose(references))
    found = near.notna().to_numpy()
    return outcome.said(
        "article-near-miss",
        references[found],
        record_type="article",
        stage="select",
        field=references[found],
        value=near[found].astype("str").to_list(),
    )


def alike(references: pd.Series, known: pd.Series) -> pd.DataFrame:
    """Refuse new references that only case or blanks around tell from another one: imports of shops do not (CAT-5).

    Args:
        references: of new articles, each once.
        known: of those that the shop has.

    Returns:
        Outcomes by reference; the value is the other one.
    """
    if references.empty:
        return outcome.none()
    both = pd.concat([known, references], ignore_index=True)
    key = _loose(both)
    double = key.duplicated(keep=False)
    group = both[double].groupby(key[double], sort=False)
    other = group.transform("first").mask(lambda first: first == both[double], group.transform("last"))
    found = other[texts.among(both[double], references)]
    return outcome.said(
        "article-references-alike",
        both[found.index],
        record_type="article",
        stage="select",
        field=both[found.index],
        value=found,
    )


def _loose(references: pd.Series) -> pd.Index:
    bare = pc.utf8_lower(pc.utf8_trim_whitespace(pa.array(references, pa.large_string())))
    return pd.Index(bare.to_pandas())


def in_order_of(references: pd.Series | pd.Index, acknowledged: pd.DataFrame) -> pd.DataFrame:
    """Give what the shop has acknowledged of each article, in their order.

    Args:
        references: of the articles.
        acknowledged: ``key``, ``value``: what it was told.

    Returns:
        ``key``, ``value``; the value is empty where it was told nothing.
    """
    key = pd.Series(references.array)
    if acknowledged.empty:
        return pd.DataFrame({"key": key, "value": pd.Series("", key.index, dtype="str")})
    told = texts.places(key, acknowledged["key"])
    return pd.DataFrame({"key": key, "value": acknowledged["value"].take(told).set_axis(key.index).mask(told < 0, "")})


def differing(values: pd.Series, acknowledged: pd.DataFrame, *, full: bool) -> pd.DataFrame:
    """Give the values that differ from what the shop has acknowledged (STK-8).

    Args:
        values: by article, what the shop is to be told; texts.
        acknowledged: ``key``, ``value``: what it was told.
        full: give all of them, for a full resynchronisation.

    Returns:
        ``key``, ``value``, ``before`` (empty: never told), in the order given.
    """
    before = in_order_of(values.index, acknowledged)["value"]
    columns = {"key": values.index.array, "value": values.array, "before": before.array}  # as they are, not as objects
    rows = pd.DataFrame(columns).astype("str")
    return rows if full else rows[rows["value"] != rows["before"]].reset_index(drop=True)

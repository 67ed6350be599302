"""Files beside that of the products, for platforms that take in files of their own what others take in one row.

A platform has them by having their formats: ``oasis/categories``, ``oasis/product_categories`` … What was told of each
category and of each association is kept, so that only what is new goes, and what holds no longer is taken back.

Source: spec OAS-1, STK-8.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import pandas as pd

from passerelle import outcome
from passerelle.exchange import posteur, texts
from passerelle.exchange.articles import Content
from passerelle.exchange.told import as_json
from passerelle.formats.writer import write
from passerelle.model.posteur import PRODUCT_ASSOCIATIONS
from passerelle.run.job import Desk, Package
from passerelle.run.told import differing

CATEGORIES = "categories"


@dataclass(frozen=True, slots=True)
class Beside:
    """The files beside the products.

    Attributes:
        changed: by kind, what the shop is told and what it was told.
        packages: the files.
        outcomes: of what a file could not hold; its product goes nevertheless.
    """

    changed: dict[str, pd.DataFrame] = field(default_factory=dict)
    packages: list[Package] = field(default_factory=list)
    outcomes: list[pd.DataFrame] = field(default_factory=list)


def columns_beside(desk: Desk) -> set[str]:
    """Give the columns of products that the shop is told in files beside theirs."""
    return {column for kind, column in posteur.TOLD_BY.items() if _has(desk, kind)}


def files_beside(
    desk: Desk,
    content: Content,
    parents: pd.Series,
    new: pd.Series,
    changed: pd.Series,
    permitted: Collection[str],
) -> Beside:
    """Write what differs of what products are associated with.

    Args:
        desk: the run's.
        content: the products.
        parents: by article, the product that it is a variant of.
        new: articles of new products.
        changed: articles of those that the shop has, and that go.
        permitted: columns of these that may be changed.

    Raises:
        RunError: nobody has declared the columns of a file yet.
    """
    beside = Beside()
    for kind, column in posteur.TOLD_BY.items():
        if _has(desk, kind):
            articles = pd.concat([new, changed]) if column in permitted else new
            rows = posteur.associations(content, kind, parents)
            rows = rows[texts.among(rows["article"], articles)].reset_index(drop=True)
            if kind == "product_categories":
                _categories(desk, content, articles, beside)
            _associations(desk, kind, rows, articles, beside)
    return beside


def _has(desk: Desk, kind: str) -> bool:
    return f"{desk.shop.platform}/{kind}" in desk.formats.names()


def _categories(desk: Desk, content: Content, articles: pd.Series, beside: Beside) -> None:
    """Write the categories that the shop does not have yet, of those that products are put in."""
    own = content.categories[~content.categories["by_id"]]
    own = own.loc[texts.among(own["article"], articles), "category"]
    language = (desk.shop.language or desk.profile.language).upper()
    categories = posteur.shop_categories(own, language)
    changed = differing(desk, CATEGORIES, as_json(categories[["ref", "title", "parent_ref"]], "ref"))
    _write(desk, CATEGORIES, categories.assign(key=categories["ref"]), changed, beside)


def _associations(desk: Desk, kind: str, rows: pd.DataFrame, articles: pd.Series, beside: Beside) -> None:
    """Write the associations that are new or differ, and take back those that hold no longer."""
    values = posteur.association_values(rows)
    known = desk.ledger.sent_values(desk.profile.name, desk.shop.name, kind)
    gone = posteur.no_longer(known, articles, values.index.to_series())
    changed = pd.concat([differing(desk, kind, values), gone[["key", "value", "before"]]], ignore_index=True)
    rows = pd.concat([rows.assign(key=values.index), gone.assign(value=gone["told_value"])], ignore_index=True)
    _write(desk, kind, PRODUCT_ASSOCIATIONS.conform(rows).assign(key=rows["key"]), changed, beside)


def _write(desk: Desk, kind: str, rows: pd.DataFrame, changed: pd.DataFrame, beside: Beside) -> None:
    rows = rows[texts.among(rows["key"], changed["key"])].reset_index(drop=True)
    if rows.empty:
        return
    descriptor = desk.shop_format(kind)
    written = write(descriptor, rows, record_column="key", record_type=kind)
    beside.outcomes.append(written.outcomes)
    beside.changed[kind] = changed[~texts.among(changed["key"], outcome.refused(written.outcomes))]
    if written.rows:
        beside.packages.append(Package(descriptor.path, written.data, written.rows))

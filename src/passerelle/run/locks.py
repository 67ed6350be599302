"""Locked articles, of which a shop is told prices, promotions and stocks only.

Source: spec CAT-4.
"""

from __future__ import annotations

import pandas as pd

from passerelle.exchange.articles import locked
from passerelle.profile.shop_settings import ShopArticles
from passerelle.run.fates import Fates
from passerelle.run.job import Desk


def lock_columns(desk: Desk) -> list[str]:
    """Give the column of the article extract that tells which articles of a shop are locked, if any does."""
    column = (desk.shop.articles or ShopArticles()).locked_column
    return [column] if column else []


def leave_locked(desk: Desk, fates: Fates, articles: pd.DataFrame) -> None:
    """Leave the articles that are locked.

    Args:
        desk: the run's.
        fates: what becomes of the articles.
        articles: the same, with the column of ``lock_columns``.
    """
    fates.leave("article-locked", locked(articles, desk.shop.articles or ShopArticles()))

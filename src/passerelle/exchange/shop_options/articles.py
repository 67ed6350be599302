"""Options of the articles that go to a shop.

Source: spec CAT-2.
"""

from __future__ import annotations

from pydantic import Field

from passerelle.exchange.options import Options


class ArticleFilter(Options):
    """Which articles a task takes to a shop (CAT-2)."""

    published_only: bool = Field(
        default=True, description="Only articles that the ERP publishes on the web; the extract must tell (CAT-2)."
    )
    changed_only: bool = Field(
        default=False,
        description="Only articles that the ERP has changed since the task last transferred to this shop; those whose "
        "date of change is not known are taken (CAT-2).",
    )
    criterion: str = Field(
        "",
        description="Only articles for which this holds: SQL as after `WHERE`, on any column of the article extract "
        "by its label or SQL name (CAT-2).",
        examples=["\"Code article\" LIKE 'EM%' AND xx_couleur <> 'rouge'"],
    )

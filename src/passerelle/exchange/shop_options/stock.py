"""Options of the stock that a shop is told.

Source: spec STK-1 to STK-8.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from passerelle.exchange.options import Options
from passerelle.exchange.shop_options.articles import ArticleFilter


class StoreOptions(Options):
    """One store whose availability a shop shows (STK-7)."""

    depots: tuple[str, ...] = Field(description="Its depots.")
    green_from: Annotated[Decimal, Field(ge=0)] = Field(Decimal(5), description="From this quantity on it is green.")
    orange_from: Annotated[Decimal, Field(ge=0)] = Field(
        Decimal(1), description="From this quantity on it is orange, below red."
    )


class StockOptions(ArticleFilter):
    """What a shop is told of the stock (STK-1 to STK-8)."""

    depots: tuple[str, ...] = Field(
        ("*",), description="Depots that are summed; `*`: all; none: the shop's stock is not updated (STK-1)."
    )
    kind: Literal["real", "real-less-orders", "real-less-booked", "forward"] = Field(
        "real",
        description="The real stock; the real stock less what customers have ordered, or less what is booked; or the "
        "forward stock (à terme): less what customers and plus what we have ordered (STK-2).",
    )
    untracked_quantity: Annotated[Decimal, Field(ge=0)] = Field(
        Decimal(0), description="Quantity of articles that the ERP does not keep in stock (STK-3)."
    )
    negative: Literal["zero", "send"] = Field("zero", description="What a negative quantity becomes (STK-4).")
    safety_stock: Annotated[Decimal, Field(ge=0)] = Field(
        Decimal(0), description="Quantity of each article or size that is kept back, never below 0 (STK-5)."
    )
    safety_column: str = Field(
        "",
        description="Column of the article extract with an article's own safety stock; empty cell: the above (STK-5).",
    )
    decimals: Annotated[int, Field(ge=0, le=6)] = Field(
        0, description="Decimals of quantities; what lies between is rounded down: never more than there is."
    )
    out_of_stock: Literal["keep", "hide", "deactivate"] = Field(
        "keep",
        description="What becomes of an article that is out of stock, and back when it is not: nothing; it is hidden "
        "from the shop's lists; or it is deactivated, and active again if it is published and not dormant (STK-6).",
    )
    location: str = Field(
        "", description="Place in the shop whose quantities these are: Shopify's location, Magento's source."
    )
    stores: dict[str, StoreOptions] = Field(
        default_factory=dict, description="By store of the shop, how its availability is told (STK-7)."
    )

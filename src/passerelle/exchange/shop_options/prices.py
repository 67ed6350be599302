"""Options of the prices that a shop is told.

Source: spec PRI-1 to PRI-4.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from passerelle.exchange.shop_options.articles import ArticleFilter

_EXACT, _CENTS = 6, 2


class PriceOptions(ArticleFilter):
    """What a shop is told of prices (PRI-1 to PRI-4)."""

    includes_tax: bool = Field(default=False, description="The shop's prices include tax (PRI-1).")
    decimals: Annotated[int | None, Field(ge=0, le=6)] = Field(
        None,
        description="Decimals of prices; not set: 2 of prices that include tax, 6 of those that do not, so that the "
        "shop finds the price including tax again (PRI-1).",
    )
    promotions: bool = Field(
        default=True,
        description="Promotions are the ERP's: those of `erp.extracts.prices` are sent, and ended. Else, and without "
        "that extract, they are the shop's own (PRI-2).",
    )
    group_prices: bool = Field(
        default=True,
        description="Prices of customer groups are sent, where the shop takes some; switched off, it is told that they "
        "are no more (PRI-2).",
    )
    customer_prices: bool = Field(default=True, description="Prices of single customers are sent; likewise (PRI-2).")
    groups: dict[str, str] = Field(
        default_factory=dict,
        description="Customer groups that the shop has, by the ERP's code of the price category or family: the "
        "name or id that the file wants; for BigCommerce, the id of the price list. Those that `customer-groups` has "
        "told the shop are known by their names (PRI-4).",
        examples=[{"PRO": "Professionnels"}],
    )

    @property
    def price_decimals(self) -> int:
        """Decimals of prices as the shop wants them."""
        if self.decimals is not None:
            return self.decimals
        return _CENTS if self.includes_tax else _EXACT

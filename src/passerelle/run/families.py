"""Which articles of the ERP are one product of a shop, or a pack, as the task of articles needs to know.

Source: spec CAT-17 to CAT-19.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from passerelle import outcome
from passerelle.exchange import lcv, nomenclatures, texts
from passerelle.exchange import variants as rules
from passerelle.exchange.articles import Content, text_of
from passerelle.exchange.catalogue import Mask
from passerelle.exchange.categories import named
from passerelle.exchange.variant_cells import LAYOUTS, Layout
from passerelle.exchange.variant_products import with_packs, with_variants
from passerelle.model.products import PACK_COMPONENTS
from passerelle.model.variants import VARIANTS
from passerelle.profile.shop_settings import ShopVariants
from passerelle.run.erp_catalogue import ErpCatalogue
from passerelle.run.fates import Fates
from passerelle.run.job import Desk

ARTICLE = "article"
"""The ledger's word for what a shop was told of an article."""


@dataclass(frozen=True, slots=True)
class Families:
    """Articles that belong together.

    Attributes:
        options: the shop's.
        shop: its name.
        tables: rows of the mappings.
        variants: ``VARIANTS`` of the articles that are variants.
        components: ``PACK_COMPONENTS``, as the ERP has them.
        outcomes: of articles that cannot be told apart.
        new_values: by mapping, what it has no row for.
    """

    options: ShopVariants
    shop: str
    tables: Mapping[str, pd.DataFrame]
    variants: pd.DataFrame
    components: pd.DataFrame
    outcomes: pd.DataFrame
    new_values: Mapping[str, pd.DataFrame]

    @classmethod
    def read(cls, erp: ErpCatalogue, articles: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> Families:
        """Group the articles of a shop; without options none belong together.

        When an article of a product has changed, all of the product counts as changed: it is told as one.

        Raises:
            RunError: an extract that the options need cannot be believed.
        """
        shop = erp.desk.shop
        options = shop.variants or ShopVariants()
        if shop.variants is None:
            return cls(options, shop.name, tables, VARIANTS.empty(), PACK_COMPONENTS.empty(), outcome.none(), {})
        labels = [label for label in rules.columns(options) if label in articles]
        shown = articles.assign(**{label: text_of(articles[label]) for label in labels})
        by_column = rules.of_columns(shown, options, tables["size_grids"], shop=shop.name)
        both = pd.concat([by_column.rows, erp.ranges()], ignore_index=True)
        found = rules.grouped(both, articles, options, tables, shop=shop.name)
        components = erp.components() if options.packs else PACK_COMPONENTS.empty()
        parent = found.rows.set_index("article")["parent"].reindex(articles["article"]).set_axis(articles.index)
        newest = articles.groupby(parent.fillna(articles["article"]))["modified"]
        unknown = articles["modified"].isna().groupby(parent.fillna(articles["article"])).transform("any")
        articles["modified"] = newest.transform("max").mask(unknown)
        return cls(
            options,
            shop.name,
            tables,
            found.rows,
            components,
            outcome.together([by_column.outcomes, found.outcomes]),
            {**by_column.new_values, **found.new_values},
        )

    @property
    def types(self) -> dict[str, str]:
        """How the shop shows attributes, by name without case."""
        return rules.attribute_types(self.tables, shop=self.shop)

    def variants_among(self, references: pd.Series) -> Mask:
        """Tell which articles are variants: their product may be new where they are not."""
        found: Mask = texts.among(references, self.variants["article"]).to_numpy()
        return found

    def blocks(self, references: pd.Series, taken: Mask, size: int) -> Iterator[Mask]:
        """Give the articles taken, about so many at a time and all of a product together; one of none where none is.

        Packs are made when it is known of all articles which of them go: then all are one block.
        """
        number = np.arange(len(references)) // size if self.components.empty else np.zeros(len(references), np.int64)
        place = texts.places(references, self.variants["article"])
        if (place >= 0).any():
            first = pd.Series(number[place >= 0]).groupby(self.variants["parent"].to_numpy()[place[place >= 0]])
            number[place >= 0] = first.transform("min").to_numpy()
        for one in np.unique(number[taken]) if taken.any() else [0]:
            yield taken & (number == one)

    def with_siblings(self, references: pd.Series, go: Mask, selected: Mask) -> Mask:
        """Tell which articles have to be looked at: those that go, and of their products the others selected."""
        parent = self.variants.set_index("article")["parent"].reindex(references).fillna("").astype("str")
        going = parent[go][parent[go] != ""]
        sibling: Mask = texts.among(parent, going).to_numpy()
        return go | (sibling & selected)

    def applied(self, content: Content, articles: pd.DataFrame, known: pd.Series) -> Content:
        """Make variants, products and packs of the simple products, in the words of LCV's mappings.

        Args:
            content: simple products.
            articles: the articles they are of, row for row.
            known: articles that the shop has or gets.

        Returns:
            The same with these, and with what was said of them.
        """
        shown = articles.assign(
            **{label: text_of(articles[label]) for label in rules.columns(self.options) if label in articles}
        )
        shown = shown.reset_index(drop=True)
        mapped = lcv.mapped(shown, content.products["brand"], self.options, self.tables, shop=self.shop)
        weights = content.products["weight"]
        weightless = weights.isna() | (weights == 0)
        products = content.products.assign(brand=mapped.brands, weight=weights.mask(weightless, mapped.default_weights))
        categories = content.categories
        further = pd.concat([mapped.categories, self._of_last(mapped.promotions, products["article"])])
        if len(further):
            categories = named(categories, further.drop_duplicates(ignore_index=True))
        packs = nomenclatures.packs(self.components, products["article"], known)
        made = replace(content, products=products, categories=categories)
        made = with_packs(with_variants(made, self.variants), packs.components)
        new = dict(content.new_values) | dict(self.new_values)
        return replace(
            made,
            outcomes=outcome.together([mapped.outcomes, packs.outcomes]),
            new_values=new | mapped.new_values,
        )

    def _of_last(self, rows: pd.DataFrame, articles: pd.Series) -> pd.DataFrame:
        """Give what is told of any variant to the last one of its product, whose categories the product has."""
        own = self.variants[texts.among(self.variants["article"], articles)]
        last = own.groupby("parent", sort=False)["article"].transform("last").set_axis(own["article"])
        return rows.assign(article=rows["article"].map(last).fillna(rows["article"]).astype("str"))


def leave_combinations(desk: Desk, fates: Fates) -> None:
    """Leave the articles that the shop was told as combinations, where these have a file of their own.

    By its import of products they would become products; by that of combinations all else of them would be emptied.
    """
    if desk.shop.variants is None or not LAYOUTS.get(desk.shop.platform, Layout()).apart:
        return
    told = desk.ledger.sent_values(desk.profile.name, desk.shop.name, ARTICLE)
    combinations = told.loc[told["value"].str.contains('"parent":', regex=False), "key"]
    fates.leave("article-is-combination", texts.among(fates.references, combinations).to_numpy())

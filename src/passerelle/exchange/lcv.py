"""What LCV's shops are told of brands, categories and weights: by the profile's mappings.

Every mapping answers by its exact row, else by ``*``; ``#ignore`` leaves the articles out.

Source: spec CAT-19; seed 002 (mappings, default weight, promotions).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import mappings, texts
from passerelle.exchange.mappings import BRANDS, CATEGORIES, PROMOTIONS, Found, MappingTable
from passerelle.exchange.shop_options.variants import VariantOptions

_SEPARATOR = ","


@dataclass(frozen=True, slots=True)
class Mapped:
    """What the mappings say of articles.

    Attributes:
        brands: of each article, in their order; as given where brands are not mapped.
        categories: ``article``, ``category``: names of the shop's categories as the sheets have them, each once.
        promotions: the same, of the promotion that an article is in.
        default_weights: of each article, the heaviest of its categories (``Int64``); missing: none has one.
        outcomes: of articles that a mapping does not answer, or leaves out.
        new_values: by mapping, what it has no row for.
    """

    brands: pd.Series
    categories: pd.DataFrame
    promotions: pd.DataFrame
    default_weights: pd.Series
    outcomes: pd.DataFrame
    new_values: dict[str, pd.DataFrame]


def mapped(
    articles: pd.DataFrame,
    brands: pd.Series,
    options: VariantOptions,
    tables: Mapping[str, pd.DataFrame],
    *,
    shop: str,
) -> Mapped:
    """Ask the mappings of brands, categories and promotions.

    Args:
        articles: ``article``, each once, and the columns that the options name, text, under their labels.
        brands: their brands, same index.
        options: the shop's.
        tables: rows of the mappings by name.
        shop: its name.
    """
    asking = _Asking(articles["article"], tables, shop)
    if options.map_brands:
        brands = asking.ask(BRANDS, brands).answers["shop_brand"]
    cells = [articles[column] for column in options.category_columns]
    if options.rfs_columns:
        parts = articles[list(options.rfs_columns)].apply(lambda column: column.str.strip())
        cells.append(texts.side_by_side(parts, "/").where((parts != "").any(axis=1), ""))
    found = [asking.ask(CATEGORIES, column).answers for column in cells]
    names = [answers["shop_categories"] for answers in found]
    weights = pd.DataFrame({number: _weights(answers["default_weight"]) for number, answers in enumerate(found)})
    promoted = []
    if options.promotion_column:
        promoted = [
            asking.ask(PROMOTIONS, articles[options.promotion_column], must_answer=False).answers["shop_categories"]
        ]
    heaviest = weights.max(axis=1).astype("Int64") if found else pd.Series(pd.NA, articles.index, dtype="Int64")
    categories, promotions = (_one_by_one(articles["article"], each) for each in (names, promoted))
    return Mapped(brands, categories, promotions, heaviest, outcome.together(asking.said), asking.new)


def columns_filled(options: VariantOptions) -> set[str]:
    """Give what of a product the options fill: columns of ``model.products.SHOP_PRODUCTS``."""
    by_category = bool(options.category_columns or options.rfs_columns)
    categories = {"categories", "category_name"} if by_category or options.promotion_column else set()
    return categories | ({"weight"} if by_category else set())


class _Asking:
    """Asks mappings of articles and collects what they lack."""

    def __init__(self, references: pd.Series, tables: Mapping[str, pd.DataFrame], shop: str) -> None:
        self._references = references
        self._shop = shop
        self._tables = tables
        self.said: list[pd.DataFrame] = []
        self.new: dict[str, pd.DataFrame] = {}

    def ask(self, mapping: MappingTable, values: pd.Series, *, must_answer: bool = True) -> Found:
        """Ask for the values that are not empty; answers have the index of all, empty where nothing is answered.

        Where a mapping need not answer, ``#ignore`` is no answer either.
        """
        there = values[values.str.strip() != ""]
        asked = pd.DataFrame(dict(zip(mapping.key_names, (self._shop, there), strict=True)))
        found = mappings.find(mapping, self._tables[mapping.name], asked)
        if must_answer:
            refused = mappings.refusals(mapping, found, asked, self._references[asked.index], record_type="article")
            self.said.append(refused)
        if len(found.unknown):
            both = pd.concat([self.new.get(mapping.name), found.unknown])
            self.new[mapping.name] = both.drop_duplicates(ignore_index=True)
        answers = found.answers.where(found.answered & ~found.ignored, "", axis=0)
        return Found(
            answers.reindex(values.index).fillna("").astype("str"), found.answered, found.ignored, found.unknown
        )


def _weights(written: pd.Series) -> pd.Series:
    known = {text: money.of(text.replace(",", ".")) for text in written.unique() if text}
    return written.map(known).astype("Int64")


def _one_by_one(references: pd.Series, names: list[pd.Series]) -> pd.DataFrame:
    """Give the categories of lists one by one, in the order of the articles and of their lists."""
    rows = pd.concat(
        [pd.DataFrame({"article": references, "category": column}) for column in names]
        or [pd.DataFrame({"article": references[:0], "category": references[:0]})]
    )
    rows = rows.assign(category=rows["category"].str.split(_SEPARATOR)).explode("category")
    rows["category"] = rows["category"].str.strip()
    rows = rows[rows["category"] != ""].sort_index(kind="stable")
    return rows.drop_duplicates().reset_index(drop=True).astype("str")

"""What a shop sells of the ERP's articles: each article one simple product, with all that belongs to it.

Which of it a shop is told is not decided here: see ``permitted`` for what may be changed of a product that the shop
has, and ``exchange.variants`` for articles that are one product together.

Source: spec CAT-3, CAT-4, CAT-10 to CAT-16; seed 001 (articles).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import gcd

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import mappings, rich_text, texts
from passerelle.exchange.catalogue import Mask
from passerelle.exchange.categories import product_categories, tidy
from passerelle.exchange.shop_options.articles import ArticleOptions, ProductTexts, UpdateFields
from passerelle.model.products import (
    CROSS_SELL,
    FEATURES,
    PACK_COMPONENTS,
    PRODUCT_FEATURES,
    PRODUCT_LINKS,
    PRODUCT_TEXTS,
    PRODUCTS,
    SIMPLE,
    TEXT_COLUMNS,
    UP_SELL,
)

TEXTS = tuple(column.name for column in TEXT_COLUMNS)
NUMBERS = ("price", "cost_price", "weight", "width", "height", "depth")
"""What of a product is a number in the ERP's extract."""
_MARKUP = ("summary", "description")
_RTF = "{\\rtf"
_LENGTHS = ("width", "height", "depth")
_GRAMS: Mapping[str, int] = {
    "t": 10**15,
    "kg": 10**12,
    "g": 10**9,
    "mg": 10**6,
    "lb": 453_592_370_000,
    "oz": 28_349_523_125,
}
"""Units of weight in thousand millionths of a gram: exact."""
_METRES: Mapping[str, int] = {"m": 10**6, "cm": 10**4, "mm": 10**3, "in": 25_400, "ft": 304_800}
"""Units of length in millionths of a metre: exact."""
_UNIT_WORDS: Mapping[str, str] = {
    "t": "t", "tonne": "t", "tonnes": "t", "kg": "kg", "kgs": "kg", "kilo": "kg", "kilogramme": "kg", "g": "g",
    "gr": "g", "gramme": "g", "mg": "mg", "lb": "lb", "lbs": "lb", "livre": "lb", "oz": "oz", "once": "oz",
}  # fmt: skip
_TRUE = ("1", "true", "vrai", "oui", "yes", "o", "x")
FEATURE_COLUMNS = tuple(
    f"feature_{position}_{part}" for position in range(1, FEATURES + 1) for part in ("name", "value")
)
FIELDS: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "summary": ("summary",),
    "description": ("description",),
    "meta": ("meta_title", "meta_description", "meta_keywords"),
    "permalink": ("permalink",),
    "price": ("price", "cost_price"),
    "tax_rule": ("tax_rule",),
    "weight": ("weight",),
    "dimensions": _LENGTHS,
    "barcode": ("barcode",),
    "brand": ("brand",),
    "supplier": ("supplier", "supplier_reference"),
    "features": ("features", *FEATURE_COLUMNS),
    "categories": ("categories", "category_name"),
    "tags": ("tags",),
}
"""Of each permission of ``UpdateFields``, what of a product it is about."""


@dataclass(frozen=True, slots=True)
class Content:
    """What there is to tell of products.

    Attributes:
        products: ``PRODUCTS``.
        texts: ``PRODUCT_TEXTS``: the further languages.
        categories: ``PRODUCT_CATEGORIES``.
        features: ``PRODUCT_FEATURES``.
        links: ``PRODUCT_LINKS``.
        outcomes: of articles that are refused, or of which something is not told.
        new_values: by mapping, VAT codes that it has no row for.
        components: ``PACK_COMPONENTS``.
    """

    products: pd.DataFrame
    texts: pd.DataFrame
    categories: pd.DataFrame
    features: pd.DataFrame
    links: pd.DataFrame
    outcomes: pd.DataFrame
    new_values: dict[str, pd.DataFrame]
    components: pd.DataFrame = field(default_factory=PACK_COMPONENTS.empty)


def columns_named(options: ArticleOptions) -> tuple[set[str], set[str]]:
    """Give the columns of the article extract that the options name: texts, numbers."""
    fields = options.fields.model_dump()
    numbers = {fields[name] for name in NUMBERS}
    named = [label for name, label in fields.items() if name not in NUMBERS]
    named += [label for own in options.languages.values() for label in own.model_dump().values()]
    named += [*options.features.values(), *options.categories.levels, options.categories.supplementary]
    named += [options.locked_column, options.weight_unit_column, *options.twins.values()]
    return {label for label in named if label}, {label for label in numbers if label}


def columns_filled(options: ArticleOptions) -> set[str]:
    """Give what of a product the options fill: columns of ``model.products.SHOP_PRODUCTS``."""
    filled = {name for name, label in options.fields.model_dump().items() if label and name != "vat_code"}
    if options.fields.vat_code:
        filled.add("tax_rule")
    chosen = options.categories
    if chosen.levels or chosen.supplementary or chosen.default:
        filled |= {"categories", "category_name"}
    if options.features:
        filled |= {"features", *FEATURE_COLUMNS[: 2 * len(options.features)]}
    return {*filled, "is_active"}


def permitted(update: UpdateFields) -> set[str]:
    """Give what of a product that the shop has may be changed; nothing else of it is ever told (CAT-3)."""
    return {column for name, columns in FIELDS.items() if getattr(update, name) for column in columns}


def locked(articles: pd.DataFrame, options: ArticleOptions) -> Mask:
    """Tell which articles are locked: a shop is told their prices, promotions and stocks only (CAT-4)."""
    if not options.locked_column:
        return np.zeros(len(articles), bool)
    told: Mask = texts.among(text_of(articles[options.locked_column]).str.casefold(), _TRUE).to_numpy()
    return told


def content(
    articles: pd.DataFrame,
    tax_rules: pd.DataFrame,
    options: ArticleOptions,
    *,
    shop: str,
    has_tax_rule: bool = True,
    there: Mask | None = None,
) -> Content:
    """Make products of articles.

    Args:
        articles: ``model.catalogue.CATALOGUE``, each article once, with the columns of ``columns_named`` by their
            label: texts, and numbers as ``Int64`` millionths.
        tax_rules: rows of the mapping ``tax_rules``.
        options: the shop's.
        shop: its name.
        has_tax_rule: the shop is told a tax rule.
        there: which of the articles the shop has. Descriptions that it is not told are not made: that takes time.
    """
    articles = articles.reset_index(drop=True)
    made = _made(there, options.update)
    fields = options.fields.model_dump()
    named = {name: label for name, label in fields.items() if label}
    columns: dict[str, object] = {"article": articles["article"], "kind": SIMPLE, "is_active": options.active}
    columns |= _texts(articles, options.fields, options, made)
    for name in ("vat_code", "brand", "supplier", "supplier_reference", "barcode", "tags"):
        if name in named:
            columns[name] = tidy(text_of(articles[named[name]]))
    for name in NUMBERS:
        if name in named:
            columns[name] = articles[named[name]]
    said = [
        _nameless(articles["article"], columns.get("name")),
        _given_away(articles["article"], columns.get("price"), there, options.update),
    ]
    if "weight" in named:
        columns["weight"], wrong = _weights(articles, named["weight"], options)
        said.append(wrong)
    for name in _LENGTHS:
        if name in named:
            columns[name] = _converted(
                articles[named[name]], _METRES[options.erp_length_unit], _METRES[options.length_unit]
            )
    new_values: dict[str, pd.DataFrame] = {}
    if has_tax_rule and "vat_code" in named:
        rule, wrong, unknown = _tax_rule(articles["article"], columns["vat_code"], tax_rules, options, shop)
        columns["tax_rule"] = rule
        said.append(wrong)
        if len(unknown):
            new_values["tax_rules"] = unknown
    in_categories, wrong = product_categories(_as_texts(articles, options), options.categories)
    said.append(wrong)
    return Content(
        products=PRODUCTS.conform(pd.DataFrame(columns, index=articles.index)),
        texts=_languages(articles, options, made),
        categories=in_categories,
        features=_features(articles, options),
        links=PRODUCT_LINKS.empty(),
        outcomes=outcome.together(said),
        new_values=new_values,
    )


def links(
    linked: pd.DataFrame, articles: pd.Series, there: Collection[str] | pd.Series, kind: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the products that are proposed with others: both must be in the shop (CAT-15).

    Args:
        linked: ``model.products.LINKED_ARTICLES``.
        articles: the articles that go to the shop.
        there: those that the shop has.
        kind: ``cross-sell`` or ``up-sell``.

    Returns:
        ``PRODUCT_LINKS``; and outcomes of the articles of which a linked one is not there yet. The next run asks again.
    """
    told = linked[texts.among(linked["article"], articles) & (linked["article"] != linked["linked_article"])]
    told = told.drop_duplicates(["article", "linked_article"])
    both = texts.among(told["linked_article"], there) & texts.among(told["article"], there)
    lacking = told[~both]
    said = outcome.said(
        "linked-article-missing",
        lacking["article"],
        record_type="article",
        stage="map",
        field="linked_article",
        value=lacking["linked_article"],
    )
    found = told[both].assign(kind=UP_SELL if kind == UP_SELL else CROSS_SELL)
    found["position"] = found.groupby("article", sort=False).cumcount() + 1
    return PRODUCT_LINKS.conform(found.reset_index(drop=True)), said


def slug(column: pd.Series) -> pd.Series:
    """Write texts as the end of an address: small letters, digits, single hyphens."""
    plain = texts.without_accents(column).str.lower()
    return texts.replaced(texts.replaced(plain, r"[^a-z0-9]+", "-"), r"^-+|-+$", "")


def text_of(column: pd.Series) -> pd.Series:
    """Give a column of the extract as texts, numbers without needless zeros."""
    if str(column.dtype) == "Int64":
        return money.to_shortest_text(column)
    return column.astype("str").fillna("")


def _as_texts(articles: pd.DataFrame, options: ArticleOptions) -> pd.DataFrame:
    labels = [*options.categories.levels, options.categories.supplementary]
    return pd.DataFrame(
        {"article": articles["article"]} | {label: text_of(articles[label]) for label in labels if label}
    )


def _made(there: Mask | None, update: UpdateFields) -> dict[str, Mask | None]:
    """Give of which articles a text with markup is wanted: new ones, and all where it may be changed."""
    return {name: None if there is None or getattr(update, name) else ~there for name in _MARKUP}


def _texts(
    articles: pd.DataFrame, chosen: ProductTexts, options: ArticleOptions, made: Mapping[str, Mask | None]
) -> dict[str, pd.Series]:
    """Give a product's texts in one language, of the columns chosen for it."""
    found = {}
    for name in TEXTS:
        label = getattr(chosen, name)
        if label:
            text = text_of(articles[label])
            if name in _MARKUP:
                twin = text_of(articles[options.twins[label]]) if label in options.twins else text
                both = (text, twin) if options.styles else (twin, text)
                wanted = made[name]
                found[name] = rich_text.either_as_html(
                    *(one if wanted is None else one.where(wanted, "") for one in both)
                )
                continue
            found[name] = slug(_plain(text)) if name == "permalink" else tidy(_plain(text))
    return found


def _plain(text: pd.Series) -> pd.Series:
    """Give texts without styles, where the ERP keeps them with some."""
    return rich_text.to_text(text) if text.str.contains(_RTF, regex=False).any() else text


def _languages(articles: pd.DataFrame, options: ArticleOptions, made: Mapping[str, Mask | None]) -> pd.DataFrame:
    """Give the texts of the further languages, of products that have any in it."""
    parts = [PRODUCT_TEXTS.empty()]
    for language, chosen in options.languages.items():
        rows = pd.DataFrame(_texts(articles, chosen, options, made), index=articles.index)
        there = (rows != "").any(axis=1)
        own = rows[there].assign(article=articles.loc[there, "article"], language=language)
        parts.append(PRODUCT_TEXTS.conform(own))
    return pd.concat(parts, ignore_index=True)


def _features(articles: pd.DataFrame, options: ArticleOptions) -> pd.DataFrame:
    """Give the features of the products, in the order of the products; those without a value are not told."""
    parts = [PRODUCT_FEATURES.empty()]
    for position, (feature, label) in enumerate(options.features.items(), 1):
        value = tidy(_plain(text_of(articles[label])))
        rows = pd.DataFrame({"article": articles["article"], "feature": feature, "value": value, "position": position})
        parts.append(PRODUCT_FEATURES.conform(rows[value != ""]))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


def _given_away(references: pd.Series, price: object, there: Mask | None, update: UpdateFields) -> pd.DataFrame:
    """Refuse articles whose price is told and is none: they would be given away."""
    if not isinstance(price, pd.Series):
        return outcome.none()
    is_told = np.ones(len(price), bool) if there is None or update.price else ~there
    wrong = {"price-missing": price.isna(), "price-not-positive": (price <= 0).fillna(value=False)}
    return outcome.together(
        outcome.said(code, references[is_told & mask], record_type="article", stage="exchange")
        for code, mask in wrong.items()
    )


def _nameless(references: pd.Series, names: object) -> pd.DataFrame:
    empty = references[names == ""] if isinstance(names, pd.Series) else references
    return outcome.said("article-without-name", empty, record_type="article", stage="map", field="name")


def _weights(articles: pd.DataFrame, label: str, options: ArticleOptions) -> tuple[pd.Series, pd.DataFrame]:
    """Give the weights in the shop's unit; one whose own unit nobody knows refuses its article (CAT-13)."""
    weights, wanted = articles[label], _GRAMS[options.weight_unit]
    if not options.weight_unit_column:
        return _converted(weights, _GRAMS[options.erp_weight_unit], wanted), outcome.none()
    words = tidy(text_of(articles[options.weight_unit_column]))
    units = words.str.casefold().map(_UNIT_WORDS).mask(words == "", options.erp_weight_unit)
    converted = pd.Series(pd.NA, articles.index, dtype="Int64")
    for unit in units.dropna().unique():
        mine = (units == unit).to_numpy()
        converted[mine] = _converted(weights[mine], _GRAMS[unit], wanted)
    wrong = units.isna() & weights.notna()
    said = outcome.said(
        "article-unknown-unit",
        articles.loc[wrong, "article"],
        record_type="article",
        stage="map",
        field=options.weight_unit_column,
        value=words[wrong],
        known=", ".join(sorted(_GRAMS)),
    )
    return converted, said


def _converted(values: pd.Series, own: int, wanted: int) -> pd.Series:
    """Convert from one unit to another, exactly; what is beyond a millionth is rounded half up."""
    common = gcd(own, wanted)
    numbers = values.fillna(0).to_numpy(dtype=np.int64)
    converted = pd.Series(money.share(numbers, own // common, wanted // common, money.SCALE), values.index)
    return converted.astype("Int64").mask(values.isna())


def _tax_rule(
    references: pd.Series, codes: object, rows: pd.DataFrame, options: ArticleOptions, shop: str
) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """Give the shop's tax rule of each VAT code (CAT-11)."""
    asked = pd.DataFrame({"shop": shop, "vat_code": codes})
    found = mappings.find(mappings.TAX_RULES, rows, asked, {"tax_rule": options.default_tax_rule})
    wrong = mappings.refusals(mappings.TAX_RULES, found, asked, references, record_type="article")
    return found.answers["tax_rule"], wrong, found.unknown

"""Products as the rows of the file by which a platform imports them: lists in one cell, kinds in its own words.

What a platform's notation cannot hold within a name, because it stands between two of them, is escaped where the
platform has an escape, else replaced by a blank and remarked.

Source: spec SHP-1, CAT-14 to CAT-18; vendors' pages on their imports (facts on shops, file layouts).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.articles import Content
from passerelle.model.products import (
    BETWEEN,
    CROSS_SELL,
    FEATURES,
    PACK,
    SIMPLE,
    UP_SELL,
    VARIABLE,
    VARIANT,
)


@dataclass(frozen=True, slots=True)
class Notation:
    """How a platform's import writes what is more than one value.

    Attributes:
        kinds: its words for the kinds of products.
        between: stands between categories, between references, between images.
        below: stands between a category and the one below it; empty: only its own name is told.
        root: category above all others.
        feature: stands between a feature and its value; empty: features have columns of their own.
        between_features: stands between features.
        positions: a feature's place stands behind its value.
        escape: stands before a mark that is part of a name; empty: there is none.
        by_id: whether categories are known by id too, or only.
        refused: signs that the import does not take in some columns; a blank stands for them.
        numbers_are_ids: references and categories that are numbers would be taken for the shop's ids of others.
        languages: texts in further languages can be told.
        key: column by which the shop knows a product, and which only the shop's own export has; empty: its reference.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    between: str = ","
    below: str = ""
    root: str = ""
    feature: str = ""
    between_features: str = ","
    positions: bool = False
    escape: str = ""
    by_id: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    numbers_are_ids: bool = False
    languages: bool = False
    key: str = ""


_CATALOGUE_NAME, _GENERIC_NAME = "<>;=#{}", "<>={}"
"""What PrestaShop's own checks refuse in names of the catalogue, and in other short texts."""
_IS_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""What PHP takes for a number."""
NOTATIONS: Mapping[str, Notation] = {
    "prestashop": Notation(
        below="/",
        feature=":",
        positions=True,
        by_id="too",
        refused={
            **dict.fromkeys(("name", "brand", "supplier", "categories"), _CATALOGUE_NAME),
            **dict.fromkeys(("meta_title", "meta_description", "meta_keywords", "features"), _GENERIC_NAME),
            "supplier_reference": "<>;={}",
            "tags": '!<>;?=+#"°{}_$%',
        },
        numbers_are_ids=True,
        languages=True,
    ),
    "woocommerce": Notation(
        {SIMPLE: "simple", VARIABLE: "variable", VARIANT: "variation", PACK: "grouped"},
        between=", ",
        below=" > ",
        escape="\\",
        refused={"brand": ",>"},
    ),
    "shopify": Notation(between=", ", key="shop_handle"),
    "magento": Notation(
        {SIMPLE: "simple", VARIABLE: "configurable", VARIANT: "simple", PACK: "grouped"},
        below="/",
        root="Default Category",
        feature="=",
        languages=True,
    ),
    "bigcommerce": Notation(
        {SIMPLE: "Product", VARIABLE: "Product", VARIANT: "Variant", PACK: "Product"},
        between=";",
        by_id="only",
        key="shop_id",
    ),
    "wix": Notation(
        {SIMPLE: "Product", VARIABLE: "Product", VARIANT: "Variant", PACK: "Product"}, between=";", key="shop_handle"
    ),
    "oasis": Notation(below="/", feature=":", by_id="too", languages=True),
}
"""Of each platform."""


def shop_rows(content: Content, notation: Notation) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the rows of products as a platform's import takes them.

    Args:
        content: the products and what belongs to them.
        notation: the platform's.

    Returns:
        Columns of ``model.products.SHOP_PRODUCTS`` without those that only a shop's own export knows, row for row of
        the products; and outcomes of names that had to be written otherwise.
    """
    products = content.products
    keys = products["article"]
    said: list[pd.DataFrame] = []
    categories, names, wrong = _categories(content.categories, notation)
    features, wrong_features = _features(content.features, notation)
    links, unsayable = _sayable(content.links, notation)
    said += [wrong, wrong_features, unsayable]
    columns = {
        "shop_kind": products["kind"].map(notation.kinds).fillna("") if notation.kinds else "",
        "categories": _of(categories, keys),
        "category_name": _of(names, keys),
        "features": _of(features, keys),
        "cross_sells": _of(_links(links, CROSS_SELL, notation), keys),
        "up_sells": _of(_links(links, UP_SELL, notation), keys),
        "images": texts.replaced(products["images"], " +", notation.between),
        "cover": texts.replaced(products["images"], " .*", ""),
    }
    columns |= _feature_columns(content.features, keys, notation)
    rows = products.assign(**columns)
    for column, signs in notation.refused.items():
        rows[column], wrong = _without(rows[column], keys, signs, column)
        said.append(wrong)
    return rows, outcome.together(said)


def texts_as_taken(rows: pd.DataFrame, notation: Notation) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give ``model.products.PRODUCT_TEXTS`` without signs that the import does not take, and what was changed."""
    said = []
    written = {}
    for column in notation.refused.keys() & {*rows}:
        written[column], wrong = _without(rows[column], rows["article"], notation.refused[column], column)
        said.append(wrong)
    return rows.assign(**written), outcome.together(said)


def lacking(columns: Collection[str], offered: Collection[str]) -> list[str]:
    """Give the columns that are to be told and that a file has no way of telling."""
    instead = {"name": "shop_name", "categories": "category_name", "category_name": "categories"}
    values = {name for name in columns if name.startswith("feature_") and name.endswith("_value")}
    if "features" in offered:
        instead |= {name: "features" for name in columns if name.startswith("feature_")}
    elif values <= {*offered}:  # a column of one feature need not tell its name
        instead |= {"features": "feature_1_value"} | {name.replace("_value", "_name"): name for name in values}
    return sorted(name for name in columns if name not in offered and instead.get(name) not in offered)


def _of(cells: pd.Series, keys: pd.Series) -> pd.Series:
    """Give the cell of each product, by article; empty where it has none."""
    return cells.reindex(keys).fillna("").astype("str").set_axis(keys.index)


def _categories(rows: pd.DataFrame, notation: Notation) -> tuple[pd.Series, pd.Series, pd.DataFrame]:
    """Give by article the cell of its categories, and the name of its default one."""
    is_number = rows["category"].str.fullmatch(_IS_NUMBER) & ~rows["by_id"] & notation.numbers_are_ids
    numbers = outcome.said(
        "category-not-told",
        rows.loc[is_number, "article"],
        record_type="article",
        stage="write",
        value=rows.loc[is_number, "category"],
    )
    rows = rows[~is_number]
    own = rows["category"]
    names = texts.replaced(own, f"^.*{BETWEEN}", "")
    told = own if notation.below else names
    marks = {notation.between.strip(), notation.below.strip()} - {""}
    told, said = _held(told, rows["article"], marks, notation, "categories")
    path = texts.replaced(told, BETWEEN, notation.below)
    if notation.root:
        path = (notation.root + notation.below + path).where(~rows["by_id"], path)
    defaults = names[rows["is_default"].to_numpy()].set_axis(rows.loc[rows["is_default"], "article"])
    return texts.by_group(path, rows["article"], notation.between), defaults, outcome.together([numbers, said])


def _features(rows: pd.DataFrame, notation: Notation) -> tuple[pd.Series, pd.DataFrame]:
    """Give by article the cell of its features; none where the platform has columns for them."""
    if not notation.feature:
        return pd.Series(dtype="str"), outcome.none()
    marks = {notation.feature, notation.between_features}
    values, said = _held(rows["value"], rows["article"], marks, notation, "features")
    parts = {"feature": rows["feature"], "value": values}
    if notation.positions:
        parts["position"] = rows["position"].astype("str")
    cells = texts.side_by_side(pd.DataFrame(parts), notation.feature)
    return texts.by_group(cells, rows["article"], notation.between_features), said


def _feature_columns(rows: pd.DataFrame, keys: pd.Series, notation: Notation) -> dict[str, pd.Series]:
    """Give the features in columns of their own, each in that of its place; empty where no product has it."""
    columns: dict[str, pd.Series] = {}
    nothing = pd.Series("", keys.index, dtype="str")
    for position in range(1, FEATURES + 1):
        own = rows[rows["position"] == position].set_index("article")
        if own.empty:  # of a million products even looking for nothing takes long
            columns |= dict.fromkeys((f"feature_{position}_name", f"feature_{position}_value"), nothing)
            continue
        columns[f"feature_{position}_name"] = _of(own["feature"], keys)
        columns[f"feature_{position}_value"] = _of(_escaped(own["value"], notation), keys)
    return columns


def _sayable(links: pd.DataFrame, notation: Notation) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave links to articles whose reference the import would take for something else, and remark them."""
    linked = links["linked_article"]
    wrong = pd.Series(data=False, index=links.index)
    if not notation.escape:
        wrong |= linked.str.contains(notation.between.strip(), regex=False)
    if notation.numbers_are_ids:
        wrong |= linked.str.fullmatch(_IS_NUMBER)
    said = outcome.said(
        "link-not-told", links.loc[wrong, "article"], record_type="article", stage="write", value=linked[wrong]
    )
    return links[~wrong], said


def _links(rows: pd.DataFrame, kind: str, notation: Notation) -> pd.Series:
    own = rows[rows["kind"] == kind]
    return texts.by_group(_escaped(own["linked_article"], notation), own["article"], notation.between)


def _held(
    names: pd.Series, articles: pd.Series, marks: Collection[str], notation: Notation, column: str
) -> tuple[pd.Series, pd.DataFrame]:
    """Write names so that a notation's marks in them do not split them."""
    if notation.escape:
        marks = {*marks} - {notation.between.strip()}
    return _without(_escaped(names, notation), articles, "".join(sorted(marks)), column)


def _escaped(names: pd.Series, notation: Notation) -> pd.Series:
    """Write names so that what stands between two of them does not split them, where the platform has an escape."""
    if not notation.escape:
        return names
    return texts.replaced(names, f"({re.escape(notation.between.strip())})", re.escape(notation.escape) + r"\1")


def _without(column: pd.Series, articles: pd.Series, signs: str, name: str) -> tuple[pd.Series, pd.DataFrame]:
    """Write texts with a blank for some signs, and remark those that had one."""
    pattern = "[" + "".join(map(re.escape, signs)) + "]"
    written = texts.replaced(texts.replaced(column, f" *(?:{pattern} *)+", " "), r"^ | $", "")
    changed = (written != column).to_numpy()
    said = outcome.said(
        "product-mark-replaced",
        articles[changed],
        record_type="article",
        stage="write",
        field=name,
        value=texts.replaced(column[changed], BETWEEN, " > "),
        marks=" ".join(signs),
    )
    return written, said

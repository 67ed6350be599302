"""Products with variants, and packs, as the rows of the file by which a platform imports them.

Each platform has its own way: PrestaShop a file of combinations, WooCommerce and Wix the values of each attribute on
the product's row, Shopify no row of the product, BigCommerce a notation in one cell, Magento a list of the variants.

Source: spec SHP-1, CAT-17, CAT-18; vendors' pages on their imports (facts on shops, file layouts).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import texts
from passerelle.exchange.variant_products import ATTRIBUTE_NAMES, ATTRIBUTE_VALUES, BETWEEN_VALUES
from passerelle.model.products import PACK, SIMPLE, VARIABLE, VARIANT


@dataclass(frozen=True, slots=True)
class Layout:
    """How a platform's import tells of variants.

    Attributes:
        attributes: the most that tell variants apart; 0: they have no columns of their own.
        between: stands between the values of an attribute in the product's row.
        escape: stands before it within a value; empty: a blank takes its place there.
        marks: what no name or value may hold.
        apart: combinations are in a file of their own.
        together: a product has no row: its first variant's is it.
        whole: rows of a product stand by themselves only with those of all its variants.
        after: the product's row stands behind its variants', which it lists; these have their attributes as features.
        unpriced: a product with variants has neither price nor weight.
        nameless: a variant has no name of its own.
        shared: attributes and their values are the shop's, not each product's.
        impacts: a variant is told how its price and weight differ from its product's.
        closed: a product that the shop has gets no further variants.
        attributes_at_once: the import replaces all attributes of a product, its features too.
        of_variants: fixed values of the file that variants have otherwise.
        packs: stands between components; empty: the file cannot tell of packs.
        pack_quantity: stands between a component and how many of it; empty: always one.
    """

    attributes: int = 0
    between: str = ""
    escape: str = ""
    marks: str = ""
    apart: bool = False
    together: bool = False
    whole: bool = False
    after: bool = False
    unpriced: bool = False
    nameless: bool = False
    shared: bool = False
    impacts: bool = False
    closed: bool = False
    attributes_at_once: bool = False
    of_variants: Mapping[str, str] = field(default_factory=dict)
    packs: str = ""
    pack_quantity: str = ""


LAYOUTS: Mapping[str, Layout] = {
    "prestashop": Layout(marks=",:", apart=True, shared=True, impacts=True),
    "woocommerce": Layout(
        attributes=5, between=", ", escape="\\", shared=True, unpriced=True, attributes_at_once=True, packs=", "
    ),
    "shopify": Layout(attributes=3, together=True, whole=True),
    "magento": Layout(
        marks=",|=",
        after=True,
        shared=True,
        packs=",",
        pack_quantity="=",
        of_variants={"visibility": "Not Visible Individually"},
    ),
    "bigcommerce": Layout(marks="|=", whole=True, closed=True, nameless=True, of_variants={"product_type": ""}),
    "wix": Layout(attributes=5, between=";", whole=True, nameless=True, impacts=True),
    "oasis": Layout(attributes=5, between=", ", packs=",", pack_quantity="="),
}
"""Of each platform."""
COMBINATION = {"price", "cost_price", "weight", "barcode", "supplier_reference"}
"""What PrestaShop's rows of combinations hold of an article, all of which its import replaces."""
_IMPACTS = {"price": "surcharge", "weight": "weight_impact"}
_TYPE = "DROP_DOWN"
"""Wix's way to show an attribute; colours would need their codes."""
_OF_PRODUCT_ROW = (
    "summary", "description", "meta_title", "meta_description", "meta_keywords", "permalink", "brand", "tags",
    "categories", "category_name", "features", "cross_sells", "up_sells", "images", "cover",
)  # fmt: skip
"""What a product without a row of its own tells by its first variant."""


def laid_out(
    rows: pd.DataFrame, components: pd.DataFrame, layout: Layout, types: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the rows of products with variants, and packs, in a platform's way.

    Args:
        rows: ``SHOP_PRODUCTS``, as ``product_cells.shop_rows`` gives them.
        components: ``PACK_COMPONENTS``.
        layout: the platform's.
        types: by attribute without case, how the shop shows it (``variants.attribute_types``).

    Returns:
        The rows with ``options``, ``components`` and the columns of attributes, combinations and surcharges filled; and
        outcomes: of articles that the platform cannot tell apart, and of what had to be written otherwise.
    """
    rows, said = _with_components(rows.assign(components=""), components, layout)
    is_variant, is_product = rows["kind"] == VARIANT, rows["kind"] == VARIABLE
    if not is_variant.any():
        return rows, said
    rows, marked = _held(rows, layout)
    parents = rows[is_product].set_index("article")
    price = parents["price"].reindex(rows["parent"]).set_axis(rows.index)
    weight = parents["weight"].reindex(rows["parent"]).set_axis(rows.index)
    rows["surcharge"] = (rows["price"] - price).where(is_variant)
    rows["weight_impact"] = (rows["weight"] - weight).where(is_variant)
    rows["is_default"] = is_variant & (rows["position"] == 1)
    rows["combination_groups"] = _joined(rows, ", ", lambda name, _: name + ":" + _kind(name, types))
    rows["combination_values"] = _joined(rows, ", ", lambda _, value: value)
    said = outcome.together([said, marked, _beyond(rows[is_variant], layout)])
    if layout is LAYOUTS["bigcommerce"]:
        rows["options"] = _joined(rows, "|", lambda name, value: "Type=Dropdown|Name=" + name + "|Value=" + value)
    if layout is LAYOUTS["magento"]:
        rows, marked = _configurable(rows)
        said = outcome.together([said, marked])
    for name, value in zip(ATTRIBUTE_NAMES, ATTRIBUTE_VALUES, strict=True):
        rows[value] = rows[value].str.replace(BETWEEN_VALUES, layout.between or ", ", regex=False)
        rows[name.replace("name", "type")] = pd.Series(_TYPE, rows.index).where(rows[name] != "", "")
    if layout.nameless:
        rows["name"] = rows["name"].mask(is_variant, "")
    if layout.impacts:
        rows["price"] = rows["price"].mask(is_variant)
    if layout.unpriced:
        rows[["price", "weight"]] = rows[["price", "weight"]].mask(is_product)
    if layout.together:
        rows = _together(rows)
    if layout.after:
        family = rows["parent"].where(rows["parent"] != "", rows["article"])
        first = pd.Series(range(len(rows)), rows.index).groupby(family, sort=False).transform("min")
        rows = rows.assign(_first=first, _last=rows["kind"] == VARIABLE).sort_values(["_first", "_last"], kind="stable")
        rows = rows.drop(columns=["_first", "_last"]).reset_index(drop=True)
    return rows, said


def _with_components(rows: pd.DataFrame, components: pd.DataFrame, layout: Layout) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fill the cell of the components of packs; where the file has none, a pack goes as an article like others."""
    is_pack = rows["kind"] == PACK
    if not is_pack.any():
        return rows, outcome.none()
    if not layout.packs:
        said = outcome.said("pack-not-told", rows.loc[is_pack, "article"], record_type="article", stage="write")
        return rows.assign(kind=rows["kind"].mask(is_pack, SIMPLE)), said
    cells = components["component"]
    if layout.escape:
        cells = texts.replaced(cells, f"({layout.packs.strip()})", re.escape(layout.escape) + r"\1")
    splits = "".join({layout.packs, layout.pack_quantity} & {*layout.marks})
    odd = components[cells.str.contains(f"[{splits}]")] if splits else components[:0]
    odd = odd[texts.among(odd["article"], rows.loc[is_pack, "article"])]
    said = outcome.said(
        "pack-reference-mark", odd["article"], record_type="article", stage="write", value=odd["component"]
    )
    if layout.pack_quantity:
        count = money.to_shortest_text(components["quantity"])
        cells = cells + layout.pack_quantity + count
    of_pack = texts.by_group(cells, components["article"], layout.packs)
    filled = of_pack.reindex(rows["article"]).fillna("").astype("str").set_axis(rows.index)
    return rows.assign(components=filled.where(is_pack, "")), said


def _held(rows: pd.DataFrame, layout: Layout) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write names and values so that a notation's marks in them do not split them."""
    rows = rows.copy()
    between = layout.between.strip()
    marks = layout.marks + ("" if layout.escape else between)
    changed = pd.Series(data=False, index=rows.index)
    for column in (*ATTRIBUTE_NAMES, *ATTRIBUTE_VALUES):
        written = rows[column]
        if marks:
            written = texts.replaced(written, " *(?:[" + re.escape(marks) + "] *)+", " ")
            written = texts.replaced(written, f"^ | $| ?({BETWEEN_VALUES}) ?", r"\1")
            changed |= written != rows[column]
        if layout.escape and column in ATTRIBUTE_VALUES:
            written = texts.replaced(written, between, "\\\\" + between)
        rows[column] = written
    told = rows[changed & (rows["kind"] == VARIANT)]
    said = outcome.said(
        "product-mark-replaced",
        told["article"],
        record_type="article",
        stage="write",
        field="attributes",
        value=told[list(ATTRIBUTE_VALUES)].agg(" ".join, axis=1).str.strip() if len(told) else "",
        marks=" ".join(marks),
    )
    return rows, said


def _beyond(variants: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Refuse variants with more attributes than the platform's file has columns for."""
    if not layout.attributes or layout.attributes == len(ATTRIBUTE_NAMES):
        return outcome.none()
    more = variants[variants[ATTRIBUTE_NAMES[layout.attributes]] != ""]
    return outcome.said(
        "variant-too-many-attributes",
        more["article"],
        record_type="article",
        stage="write",
        value=more["parent"],
        limit=layout.attributes,
    )


def _joined(rows: pd.DataFrame, between: str, write: Callable[[pd.Series, pd.Series], pd.Series]) -> pd.Series:
    """Write the attributes of each variant one after the other; empty for other rows."""
    cell = pd.Series("", rows.index, dtype="str")
    for name, value in zip(ATTRIBUTE_NAMES, ATTRIBUTE_VALUES, strict=True):
        has = (rows[name] != "") & (rows["kind"] == VARIANT)
        part = write(rows.loc[has, name], rows.loc[has, value])
        cell[has] = cell[has] + pd.Series(between, cell[has].index).where(cell[has] != "", "") + part
    return cell


def _kind(names: pd.Series, types: Mapping[str, str]) -> pd.Series:
    """Give how the shop shows attributes: as chosen in the mappings, else as a list."""
    return names.map({name: types.get(name.casefold(), "select") for name in names.unique()}).astype("str")


def _configurable(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write Magento's list of the variants of a product, and the attributes of each by its code."""
    is_variant = rows["kind"] == VARIANT
    own = _joined(rows, ",", lambda name, value: name.str.lower() + "=" + value)
    variants = rows[is_variant]
    listed = texts.by_group("sku=" + variants["article"] + "," + own[is_variant], variants["parent"], "|")
    rows["options"] = listed.reindex(rows["article"]).fillna("").astype("str").set_axis(rows.index)
    both = rows["features"] + pd.Series(",", rows.index).where((rows["features"] != "") & (own != ""), "") + own
    rows["features"] = both
    odd = variants[variants["article"].str.contains(r"[,|=]")]
    said = outcome.said(
        "variant-reference-mark", odd["article"], record_type="article", stage="write", value=odd["article"]
    )
    return rows, said


def _together(rows: pd.DataFrame) -> pd.DataFrame:
    """Give variants what is told of their product, which has no row."""
    is_variant = rows["kind"] == VARIANT
    products = rows[rows["kind"] == VARIABLE].set_index("article")
    for name in (*_OF_PRODUCT_ROW, "name"):
        told = products[name].reindex(rows["parent"]).set_axis(rows.index)
        rows[name] = rows[name].where(~is_variant, told)
    return rows[rows["kind"] != VARIABLE].reset_index(drop=True)


def first_alone(rows: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Leave what is told of a product as a whole on its first row only, where it has no row of its own.

    Args:
        rows: ``SHOP_PRODUCTS``, and ``is_added``: a further variant of a product that the shop has.
        layout: the platform's.
    """
    if not layout.together:
        return rows
    later = (rows["kind"] == VARIANT) & rows["parent"].duplicated()
    told = {name: rows[name].mask(later | rows["is_added"], "") for name in _OF_PRODUCT_ROW}
    return rows.assign(**told, shop_name=rows["shop_name"].mask(later, ""))


def base_columns(columns: Collection[str], layout: Layout) -> list[str]:
    """Give what of a product its variants differ from, as far as it is told: their impacts say by how much."""
    names = [*_IMPACTS] if layout.apart else ["price"]
    return [name for name in names if layout.impacts and name in columns]


def on_told_base(rows: pd.DataFrame, told: pd.DataFrame, names: Collection[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write impacts against what the shop was told of the product, where that stays as it is.

    Args:
        rows: ``SHOP_PRODUCTS`` and ``is_new``.
        told: the texts that the shop was told, by product that it has; those it was never told of are not there.
        names: of ``base_columns``.

    Returns:
        The rows; and outcomes of new variants of products that the shop was told nothing of: nobody knows their price.
    """
    rows = rows.copy()
    family = rows["parent"].where(rows["parent"] != "", rows["article"])
    is_product = rows["kind"] == VARIABLE
    old = texts.among(family, rows.loc[is_product & ~rows["is_new"], "article"])
    has = texts.among(family, told.index)
    for name in names:
        amounts, _ = money.parse(told[name].fillna(""))
        base = amounts.reindex(family).set_axis(rows.index)
        own = rows.loc[is_product].set_index("article")[name].reindex(family).set_axis(rows.index)
        is_kept = old & has
        rows[_IMPACTS[name]] = rows[_IMPACTS[name]].mask(is_kept, rows[_IMPACTS[name]] + own - base)
        rows[name] = rows[name].mask(is_kept & is_product, base)
    added = rows[old & ~has & rows["is_new"] & (rows["kind"] == VARIANT)]
    said = outcome.said(
        "variant-base-unknown", added["article"], record_type="article", stage="write", value=added["parent"]
    )
    return rows, said


def variant_columns_of(columns: Collection[str], layout: Layout, *, is_new: bool) -> set[str]:
    """Give the columns that tell of variants and packs, beside those of products."""
    told = {"parent", "position", "options", "components", "combination_groups", "combination_values", "is_default"}
    told |= {*ATTRIBUTE_NAMES, *ATTRIBUTE_VALUES, *(name.replace("name", "type") for name in ATTRIBUTE_NAMES)}
    told |= {"shop_kind"} | ({"features"} if layout.after and is_new else set())
    return told | {_IMPACTS[name] for name in columns if name in _IMPACTS and layout.impacts}


def variant_texts(rows: pd.DataFrame, permitted: Collection[str], layout: Layout) -> pd.DataFrame:
    """Give what the ledger keeps of products with variants, of these and of packs, as text; missing for others.

    Args:
        rows: ``SHOP_PRODUCTS``.
        permitted: what of products that the shop has may be changed.
        layout: the platform's.
    """
    # A product whose combinations have a file of their own is told nothing of them.
    apart = rows["kind"].isin([VARIANT] if layout.apart else [VARIABLE, VARIANT, PACK])
    if not apart.any():
        return pd.DataFrame(index=rows.index)
    told = {name: rows[name] for name in ("parent", "components", *ATTRIBUTE_NAMES, *ATTRIBUTE_VALUES)}
    if layout.impacts and "surcharge" in rows:
        impacts = [_IMPACTS[name] for name in sorted(_IMPACTS) if name in permitted]
        told |= {name: money.to_shortest_text(rows[name]) for name in impacts}
    return pd.DataFrame({name: column.where(apart & (column != "")) for name, column in told.items()}, rows.index)

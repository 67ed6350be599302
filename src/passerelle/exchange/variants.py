"""Articles that are variants of one product: grouped, checked, and told apart by attributes.

A product goes with all its articles or not at all: one that cannot be told apart from the others would take their place
in the shop. Its combinations are looked at before any filter: they must exist in the ERP, not in tonight's file.

Source: spec CAT-17, CAT-19; seeds 001 (grouping by master reference), 002 (discriminating attributes).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
import pandas as pd

from passerelle import outcome
from passerelle.exchange import mappings, texts
from passerelle.exchange.colours import generic_colours
from passerelle.exchange.shop_options.variants import VariantOptions
from passerelle.model.products import ATTRIBUTES
from passerelle.model.variants import VARIANTS

_NAMED = 10
"""Combinations that are lacking are named up to so many."""
_BETWEEN = "\x1f"
"""Between the values of a combination."""
_KEY = ["product", "axis"]


@dataclass(frozen=True, slots=True)
class Grouped:
    """The variants among the articles.

    Attributes:
        rows: ``model.variants.VARIANTS`` of the articles that are variants, in their order; parent and label are those
            of the shop's product, attributes the shop's, in the same place in every article of a product.
        outcomes: of articles; those that failed are not among the rows.
        new_values: by mapping, what it has no row for.
    """

    rows: pd.DataFrame
    outcomes: pd.DataFrame
    new_values: dict[str, pd.DataFrame]


def columns(options: VariantOptions) -> set[str]:
    """Give the columns of the article extract that the options name."""
    named = [options.master_column, options.label_column, options.promotion_column]
    named += [label for one in options.attributes for label in (one.name_column, one.value_column)]
    return {label for label in (*named, *options.category_columns, *options.rfs_columns) if label}


def of_columns(articles: pd.DataFrame, options: VariantOptions, size_grids: pd.DataFrame, *, shop: str) -> Grouped:
    """Give the variants that the article extract tells of by its columns (CAT-17 a); not checked yet.

    Args:
        articles: ``CATALOGUE``, and the columns that the options name, text, under their labels.
        options: the shop's.
        size_grids: rows of this mapping, which names the attribute of the size.
        shop: its name.
    """
    if not options.master_column:
        return Grouped(VARIANTS.empty(), outcome.none(), {})
    parent = articles[options.master_column].str.strip()
    among = articles[parent != ""]
    rows = pd.DataFrame({"article": among["article"], "parent": parent[parent != ""]})
    if options.label_column:
        rows["label"] = among[options.label_column].str.strip()
    said, new = outcome.none(), {}
    for number, one in enumerate(options.attributes, 1):
        value = among[one.value_column].str.strip()
        name = among[one.name_column].str.strip() if one.name_column else pd.Series(one.name, among.index, dtype="str")
        if one.size_grid:
            asked = pd.DataFrame({"shop": shop, "size_grid": name[value != ""]})
            found = mappings.find(mappings.SIZE_GRIDS, size_grids, asked)
            lacking = mappings.refusals(
                mappings.SIZE_GRIDS, found, asked, rows["article"][asked.index], record_type="article"
            )
            said, new[mappings.SIZE_GRIDS.name] = outcome.together([said, lacking]), found.unknown
            name = found.answers["shop_attribute"].reindex(among.index).fillna("")
        rows[f"attribute_{number}_name"], rows[f"attribute_{number}_value"] = name, value
    rows = VARIANTS.conform(rows)
    gone = texts.among(rows["article"], outcome.refused(said))
    return Grouped(rows[~gone].reset_index(drop=True), said, {name: rows for name, rows in new.items() if len(rows)})


def grouped(
    variants: pd.DataFrame,
    articles: pd.DataFrame,
    options: VariantOptions,
    tables: Mapping[str, pd.DataFrame],
    *,
    shop: str,
) -> Grouped:
    """Make the products that the variants are of.

    Args:
        variants: ``VARIANTS``, as the ERP has them; articles that are not among the others are passed over.
        articles: all ``article`` and their ``label``, each once, filtered ones too.
        options: the shop's.
        tables: rows of the mappings ``attributes`` and ``colours``.
        shop: its name.
    """
    several = variants["article"].duplicated(keep=False)
    doubled = _said("variant-of-several", variants.loc[several, "article"].unique())
    place = texts.places(variants["article"], articles["article"])
    known = variants[(place >= 0) & ~several.to_numpy()]
    order = place[(place >= 0) & ~several.to_numpy()]
    known = known.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)
    own_label = articles["label"].iloc[np.sort(order)].reset_index(drop=True)
    long = _spelled(_long(known))
    unmet = _unmet(long, (*options.discriminating, *options.generic_colours))
    known, long, undecided = _split(known, long, options)
    long, new_names = _named(long, tables["attributes"], shop)
    alone = ~known["product"].duplicated(keep=False) & ~known.index.isin(long["row"])
    wrong = outcome.together([undecided, *_problems(known[~alone], long, articles["article"])])
    failed = texts.among(known["product"], known.loc[texts.among(known["article"], wrong["record"]), "product"])
    beside = known[failed & ~texts.among(known["article"], wrong["record"])]
    refused = _said("variant-product-refused", beside["article"], value=beside["product"])
    lacking = _incomplete(known[~failed & ~alone], long, options)
    failed |= texts.among(known["article"], outcome.refused(lacking))
    long, colours = _coloured(known[~failed], long[~failed.reindex(long["row"]).to_numpy()], options, tables["colours"])
    known, own_label = known[~failed & ~alone], own_label[~failed & ~alone]
    known = known[~texts.among(known["article"], outcome.refused(colours.outcomes))]
    rows = _wide(known, long).assign(label=_labels(known, own_label[known.index]))
    return Grouped(
        VARIANTS.conform(rows).reset_index(drop=True),
        outcome.together([unmet, doubled, wrong, refused, lacking, colours.outcomes]),
        {name: rows for name, rows in {"attributes": new_names, **colours.new_values}.items() if len(rows)},
    )


def attribute_types(tables: Mapping[str, pd.DataFrame], *, shop: str) -> dict[str, str]:
    """Give how a shop shows its attributes, by name without case: ``select``, ``radio`` or ``color``."""
    sheets = pd.concat([tables[mapping.name] for mapping in (mappings.ATTRIBUTES, mappings.SIZE_GRIDS)])
    its_own = texts.among(sheets["shop"].str.strip().str.casefold(), (shop.casefold(), mappings.ANY))
    told = sheets[(sheets["attribute_type"] != "") & its_own]
    return dict(zip(told["shop_attribute"].str.casefold(), told["attribute_type"], strict=True))


def _said(code: str, records: pd.Series | list[str], **told: object) -> pd.DataFrame:
    return outcome.said(code, records, record_type="article", stage="exchange", **told)  # type: ignore[arg-type]


def _unmet(long: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Remark attributes that an option names and no article has: else a slip of the pen would do nothing."""
    keys = {*long["key"]}
    wrong = [name for name in dict.fromkeys(names) if keys and name.strip().casefold() not in keys]
    return outcome.said("attribute-not-met", wrong, record_type="setting", stage="map", value=wrong)


def _long(known: pd.DataFrame) -> pd.DataFrame:
    """Give the attributes one by one: row of the article, name, value; in the order of articles and attributes."""
    parts = []
    for number in range(1, ATTRIBUTES + 1):
        part = known[[f"attribute_{number}_name", f"attribute_{number}_value"]].set_axis(["name", "value"], axis=1)
        parts.append(part[part["value"].str.strip() != ""].assign(number=number))
    long = pd.concat(parts).rename_axis("row").reset_index()
    long = long.sort_values(["row", "number"], kind="stable", ignore_index=True)
    long["parent"] = known["parent"].reindex(long["row"]).to_numpy()
    for column in ("name", "value"):
        long[column] = long[column].str.strip()
    return long


def _spelled(long: pd.DataFrame) -> pd.DataFrame:
    """Spell names and values that differ by case only as they are met first in their product."""
    name = long["name"].str.casefold()
    value = long["value"].str.casefold()
    return long.assign(
        key=name,
        name=long.groupby(["parent", name], sort=False)["name"].transform("first"),
        value=long.groupby(["parent", name, value], sort=False)["value"].transform("first"),
    )


def _split(
    known: pd.DataFrame, long: pd.DataFrame, options: VariantOptions
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Make a product of each value of the discriminating attributes (CAT-17 c).

    Returns:
        The articles with ``product`` and ``apart``, the values that tell it apart from the others of its parent; the
        attributes that are left; outcomes of articles that lack one of the discriminating ones.
    """
    known = known.assign(product=known["parent"], apart="")
    said = []
    for wanted in options.discriminating:
        these = long[long["key"] == wanted.strip().casefold()].drop_duplicates("row")
        value = these.set_index("row")["value"].reindex(known.index).fillna("")
        lacking = (value == "") & texts.among(known["parent"], these["parent"])
        said.append(
            _said(
                "variant-attribute-missing",
                known.loc[lacking, "article"],
                field=wanted,
                value=known.loc[lacking, "parent"],
            )
        )
        has = value != ""
        known["product"] = known["product"].where(~has, known["product"] + "-" + value)
        known["apart"] = known["apart"].where(~has, (known["apart"] + " " + value).str.strip())
        long = long[long["key"] != wanted.strip().casefold()]
    return known, long.assign(product=known["product"].reindex(long["row"]).to_numpy()), outcome.together(said)


def _named(long: pd.DataFrame, rows: pd.DataFrame, shop: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the attributes the shop's names; those that the mapping does not have keep their own.

    Returns:
        The same with ``axis``, the name without case; and, where the mapping is used, what it has no row for.
    """
    found = mappings.find(mappings.ATTRIBUTES, rows, pd.DataFrame({"shop": shop, "attribute": long["name"]}))
    name = found.answers["shop_attribute"].where(found.answered, long["name"])
    new = found.unknown if (rows["shop_attribute"] != "").any() else found.unknown[:0]
    return long.assign(name=name, axis=name.str.casefold(), ignored=found.ignored), new


def _problems(known: pd.DataFrame, long: pd.DataFrame, references: pd.Series) -> Iterator[pd.DataFrame]:
    """Say which articles cannot be told apart from the others of their product."""
    of = known["article"]
    ignored = long[long["ignored"]]
    yield _said(
        "ignored-by-mapping",
        of.reindex(ignored["row"]).dropna().unique(),
        mapping=mappings.ATTRIBUTES.fr,
        value=mappings.IGNORE,
    )
    unnamed = long[long["name"] == ""]
    yield _said("variant-attribute-unnamed", of.reindex(unnamed["row"]), value=unnamed["value"])
    again = long[long.duplicated(["row", "axis"])]
    yield _said("variant-attribute-twice", of.reindex(again["row"]), field=again["name"])
    axes = long.drop_duplicates(_KEY)
    wanted = known[["article", "product"]].rename_axis("row").reset_index().merge(axes[[*_KEY, "name"]], on="product")
    has = pd.MultiIndex.from_frame(wanted[["row", "axis"]]).isin(pd.MultiIndex.from_frame(long[["row", "axis"]]))
    lacking = wanted[~has]
    yield _said("variant-attribute-missing", lacking["article"], field=lacking["name"], value=lacking["product"])
    bare = known[~texts.among(known["product"], axes["product"])]
    yield _said("variant-without-attribute", bare["article"], value=bare["product"])
    combination = _combinations(known, long)
    double = known.assign(combination=combination).duplicated(["product", "combination"], keep=False)
    double &= texts.among(known["product"], axes["product"])
    yield _said("variant-twice", of[double], field=known.loc[double, "product"], value=_shown(combination[double]))
    taken = known[texts.among(known["product"], references)]
    yield _said("variant-parent-is-article", taken["article"], value=taken["product"])


def _combinations(known: pd.DataFrame, long: pd.DataFrame) -> pd.Series:
    """Give the values of each article in the order of its product's attributes, ``_BETWEEN`` between them."""
    place = long.groupby(_KEY, sort=False).ngroup()
    ordered = long.assign(place=place).sort_values(["row", "place"], kind="stable")
    joined = texts.by_group(ordered["value"], ordered["row"], _BETWEEN) if len(ordered) else pd.Series(dtype="str")
    return joined.reindex(known.index).fillna("").astype("str")


def _shown(combinations: pd.Series) -> pd.Series:
    return combinations.str.replace(_BETWEEN, ", ", regex=False)


def _incomplete(known: pd.DataFrame, long: pd.DataFrame, options: VariantOptions) -> pd.DataFrame:
    """Say which combinations the ERP lacks: of every article of the product, which is refused, or once."""
    values = long[long["row"].isin(known.index)].drop_duplicates([*_KEY, "value"])
    sizes = values.groupby(_KEY, sort=False).size().astype("float64")  # the product of five may be huge
    counts = sizes.groupby(level="product", sort=False).prod()
    there = known.groupby("product", sort=False).size()
    short = counts.index[counts > there.reindex(counts.index)]
    short_ones = known[texts.among(known["product"], short)]
    missing = _missing(short_ones, values[texts.among(values["product"], short)], _combinations(short_ones, long))
    counts = (counts - there.reindex(counts.index)).clip(upper=1e18)
    code, of = "combinations-missing", short_ones
    if options.incomplete == "send":
        code, of = "combinations-missing-sent", short_ones.drop_duplicates("product")
    count = of["product"].map(counts.astype("int64"))
    return _said(code, of["article"], field=of["product"], value=of["product"].map(missing), count=count)


def _missing(known: pd.DataFrame, values: pd.DataFrame, combination: pd.Series) -> dict[str, str]:
    """Name combinations that products lack, the first ones, by product: few products, one by one."""
    axes: dict[str, dict[str, list[str]]] = {}
    for name, axis, value in zip(values["product"], values["axis"], values["value"], strict=True):
        axes.setdefault(name, {}).setdefault(axis, []).append(value)
    has: dict[str, set[str]] = {}
    for name, own in zip(known["product"], combination, strict=True):
        has.setdefault(name, set()).add(own)
    told = {}
    for name, own in has.items():
        lacking = (each for each in product(*axes[name].values()) if _BETWEEN.join(each) not in own)
        first = [", ".join(each) for each in islice(lacking, _NAMED + 1)]
        told[name] = " ; ".join(first[:_NAMED]) + (" …" if len(first) > _NAMED else "")
    return told


def _coloured(
    known: pd.DataFrame, long: pd.DataFrame, options: VariantOptions, rows: pd.DataFrame
) -> tuple[pd.DataFrame, Grouped]:
    """Give colours their generic names, but for products of which two articles would be one then (CAT-19)."""
    nothing = Grouped(known, outcome.none(), {})
    is_colour = long["key"].isin([name.strip().casefold() for name in options.generic_colours])
    if not is_colour.any():
        return long, nothing
    asked = long.loc[is_colour, "value"]
    found = generic_colours(asked, rows)
    answer = found.answers["generic_colour"].where(found.answered & ~found.ignored, asked)
    told = long.assign(value=answer.reindex(long.index).where(is_colour, long["value"]))
    told = _spelled(told.assign(parent=told["product"]))
    combination = known.assign(combination=_combinations(known, told))
    double = combination.loc[combination.duplicated(["product", "combination"], keep=False), "product"].unique()
    kept = texts.among(told["product"], double)
    told["value"] = told["value"].where(~kept, long["value"])
    articles = known["article"]
    ignored = articles.reindex(long.loc[found.ignored[found.ignored].index, "row"]).unique()
    first = known[texts.among(known["product"], double)].drop_duplicates("product")
    unmapped = long.loc[found.answered[~found.answered].index].drop_duplicates("value")
    said = [
        _said("ignored-by-mapping", ignored, mapping=mappings.COLOURS.fr, value=mappings.IGNORE),
        _said("colours-kept", first["article"], value=first["product"]),
        _said("unmapped-colour", articles.reindex(unmapped["row"]), value=unmapped["value"]),
    ]
    return told, Grouped(known, outcome.together(said), {mappings.COLOURS.name: found.unknown})


def _wide(known: pd.DataFrame, long: pd.DataFrame) -> pd.DataFrame:
    """Give the articles with their attributes side by side, each in the same place within a product."""
    axes = long[_KEY].drop_duplicates()
    number = (axes.groupby("product", sort=False).cumcount() + 1).set_axis(pd.MultiIndex.from_frame(axes))
    placed = long.assign(number=number.reindex(pd.MultiIndex.from_frame(long[_KEY])).to_numpy())
    rows = pd.DataFrame({"article": known["article"], "parent": known["product"]})
    for at in range(1, ATTRIBUTES + 1):
        these = placed[placed["number"] == at].set_index("row")
        for part in ("name", "value"):
            rows[f"attribute_{at}_{part}"] = these[part].reindex(known.index).fillna("").astype("str")
    return rows


def _labels(known: pd.DataFrame, own: pd.Series) -> pd.Series:
    """Give the label of each article's product: the last one told of it, else that of its last article."""
    told = known["label"].mask(known["label"] == "").groupby(known["product"], sort=False).transform("last")
    label = told.fillna(own.groupby(known["product"], sort=False).transform("last")).astype("str")
    split = known.loc[known["apart"] != "", "apart"]
    says = [apart.casefold() in text.casefold() for apart, text in zip(split, label[split.index], strict=True)]
    label[split.index] = label[split.index].where(says, label[split.index] + " " + split)
    return label

"""Packs of a shop from the ERP's nomenclatures (CAT-18)."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.nomenclatures import Packs, packs
from passerelle.model.products import PACK_COMPONENTS


def of(*rows: tuple[str, str, int], articles: str, known: str) -> Packs:
    components = PACK_COMPONENTS.of(
        {"article": pack, "component": component, "quantity": money.of(count), "position": 0}
        for pack, component, count in rows
    )
    return packs(components, pd.Series(list(articles), dtype="str"), pd.Series(list(known), dtype="str"))


def made(found: Packs) -> list[tuple[str, str, int, int]]:
    rows = found.components.assign(quantity=found.components["quantity"] // money.of(1))
    return list(rows[["article", "component", "quantity", "position"]].itertuples(index=False, name=None))


def said(found: Packs) -> dict[str, tuple[str, str]]:
    return {row["record"]: (row["code"], row["value"]) for row in found.outcomes.to_dict("records")}


def test_cat_18_a_pack_is_made_when_the_shop_has_all_its_components():
    found = of(("S", "a", 2), ("S", "b", 1), ("T", "a", 1), ("T", "z", 1), ("U", "a", 1), articles="STab", known="STab")
    assert made(found) == [("S", "a", 2, 1), ("S", "b", 1, 2)]
    assert said(found) == {"T": ("pack-component-missing", "z")}


def test_cat_18_a_pack_of_packs_is_made_once_these_are_and_never_of_itself():
    rows = (("A", "B", 1), ("B", "x", 1), ("C", "D", 1), ("D", "C", 1), ("E", "E", 1), ("F", "x", 0), ("G", "F", 1))
    found = of(*rows, articles="ABCDEFG", known="ABCDEFGx")
    assert made(found) == [("A", "B", 1, 1), ("B", "x", 1, 1)]
    assert said(found) == {
        "C": ("pack-component-missing", "D"),
        "D": ("pack-component-missing", "C"),
        "E": ("pack-component-odd", "E"),
        "F": ("pack-component-odd", "x"),
        "G": ("pack-component-missing", "F"),
    }


def test_cat_18_a_component_that_stands_twice_is_summed():
    assert made(of(("S", "a", 2), ("S", "b", 1), ("S", "a", 1), articles="S", known="Sab")) == [
        ("S", "a", 3, 1),
        ("S", "b", 1, 2),
    ]


NAMES = st.sampled_from("ABCDxy")


@given(st.lists(st.tuples(NAMES, NAMES, st.integers(-1, 3)), max_size=8), st.sets(NAMES))
def test_cat_18_every_article_with_components_is_a_pack_of_known_ones_or_refused(rows, known):
    found = of(*rows, articles="".join(sorted(known)), known="".join(sorted(known)))
    asked = {pack for pack, _, _ in rows} & known
    whole = set(found.components["article"])
    assert whole | set(said(found)) == asked
    assert not whole & set(said(found))
    assert set(found.components["component"]) <= (known - asked) | whole
    for pack in whole:
        parts = {component for one, component, _ in rows if one == pack}
        assert set(found.components.loc[found.components["article"] == pack, "component"]) == parts

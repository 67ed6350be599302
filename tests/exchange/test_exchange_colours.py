"""Colours of articles become the few that a shop filters by (CAT-19)."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange.colours import GENERIC, MULTICOLOUR, generic_colours
from passerelle.exchange.mappings import COLOURS


def generic(*colours: str, **own: str) -> list[str]:
    rows = pd.DataFrame({"colour": list(own), "generic_colour": list(own.values())}, dtype="str")
    found = generic_colours(pd.Series(colours, dtype="str"), rows)
    return found.answers["generic_colour"].to_list()


@pytest.mark.parametrize(
    ("colour", "wanted"),
    [
        *((name, name) for name in GENERIC),
        ("moutarde", "jaune"),
        ("paille", "jaune"),
        ("or", "jaune"),
        ("doré", "jaune"),
        ("noir&blanc", MULTICOLOUR),
        ("noir/blanc", MULTICOLOUR),
        ("Noir et Blanche", MULTICOLOUR),
        ("noir blanc", MULTICOLOUR),
        ("rouge/rouge", "rouge"),
        ("noir/mat", "noir"),
        ("BLEU MARINE", "bleu"),
        ("bleu-ciel", "bleu"),
        ("bleu doré", "bleu"),
        ("bleu/doré", MULTICOLOUR),
        ("Vert d'eau", "vert"),
        ("vert-de-gris", "vert"),
        ("lie de vin", "rouge"),
        ("Violettes", "violet"),
        ("navy / white", MULTICOLOUR),
        ("arc-en-ciel", MULTICOLOUR),
        ("Écru", "beige"),
        ("orage", ""),
        ("décoré", ""),
        ("", ""),
    ],
)
def test_cat_19_a_colour_is_one_of_the_twelve_or_multicolore(colour, wanted):
    assert generic(colour) == [wanted]


def test_cat_19_the_profiles_own_equivalences_come_first_and_may_name_other_colours():
    own = {"moutarde": "marron", "orage": "gris", "Turquoise": "turquoise"}
    assert generic("Moutarde", "orage/gris", "orage/noir", "bleu turquoise", "turquoise", "or", **own) == [
        "marron", "gris", MULTICOLOUR, "bleu", "turquoise", "jaune"
    ]  # fmt: skip


def test_cat_19_a_star_answers_what_nothing_knows_and_a_colour_may_be_ignored():
    rows = pd.DataFrame({"colour": ["*", "mat", "zèbre"], "generic_colour": ["autre", "#ignore", ""]}, dtype="str")
    found = generic_colours(pd.Series(["xyz", "doré", "mat", "", "zèbre"], dtype="str", index=[4, 5, 6, 7, 8]), rows)
    assert found.answers["generic_colour"].to_dict() == {4: "autre", 5: "jaune", 6: "#ignore", 7: "", 8: "autre"}
    assert found.ignored[found.ignored].index.to_list() == [6]
    assert found.answered.all()
    assert found.unknown.empty
    nothing = generic_colours(pd.Series(["xyz"], dtype="str"), COLOURS.empty())
    assert (nothing.answered.to_list(), nothing.unknown["colour"].to_list()) == ([False], ["xyz"])


@given(st.lists(st.sampled_from(GENERIC), min_size=1, max_size=4), st.sampled_from(["&", "/", " et ", "+", ", "]))
def test_cat_19_several_colours_are_multicolore_in_whatever_order(colours, between):
    assert generic(between.join(colours)) == [colours[0] if len(set(colours)) == 1 else MULTICOLOUR]


@given(st.text(max_size=20))
def test_cat_19_any_text_is_answered_by_a_generic_colour_or_not_at_all(text):
    assert generic(text)[0] in {*GENERIC, MULTICOLOUR, ""}

"""Articles that are variants of one product (CAT-17), and what LCV wants of them (CAT-19)."""

from __future__ import annotations

from itertools import product as combined

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange.mappings import MAPPINGS
from passerelle.exchange.shop_options.variants import VariantOptions
from passerelle.exchange.variants import attribute_types, grouped, of_columns
from passerelle.model.products import ATTRIBUTES
from passerelle.model.variants import VARIANTS
from passerelle.outcome import message


def variants(*rows: tuple[str, str, dict[str, str]], label: str = "") -> pd.DataFrame:
    """Give variants as an extract has them: article, parent, attributes."""
    return VARIANTS.of(
        {"article": article, "parent": parent, "label": label}
        | {
            f"attribute_{number}_{part}": text
            for number, pair in enumerate(attributes.items(), 1)
            for part, text in zip(("name", "value"), pair, strict=True)
        }
        for article, parent, attributes in rows
    )


def tables(**rows: list[tuple[str, ...]]) -> dict[str, pd.DataFrame]:
    found = {name: mapping.empty() for name, mapping in MAPPINGS.items()}
    for name, given_ in rows.items():
        columns = MAPPINGS[name].key_names + MAPPINGS[name].value_names
        found[name] = pd.DataFrame(given_, columns=columns, dtype="str")
    return found


def group(rows: pd.DataFrame, *others: str, mapped=None, **options):
    articles = pd.DataFrame({"article": [*rows["article"], *others]}, dtype="str").drop_duplicates(ignore_index=True)
    articles["label"] = "Label of " + articles["article"]
    return grouped(rows, articles, VariantOptions(**options), mapped or tables(), shop="fr")


def attributes(found) -> dict[str, tuple[str, dict[str, str]]]:
    pairs = [
        [row[f"attribute_{n}_{part}"] for part in ("name", "value")]
        for row in found.rows.to_dict("records")
        for n in range(1, 6)
    ]
    rows = found.rows.to_dict("records")
    return {
        row["article"]: (row["parent"], dict(pair for pair in pairs[at * 5 : at * 5 + 5] if pair[0]))
        for at, row in enumerate(rows)
    }


def codes(found) -> dict[str, str]:
    return dict(zip(found.outcomes["record"], found.outcomes["code"], strict=True))


GAMES = pd.DataFrame(
    {
        "article": ["JEU00001", "JEU00002", "JEU00003", "TH-012"],
        "label": ["JEUX DE DAMES", "JEUX D'ECHECS", "MASTER MIND", "Théière"],
        "xx_REFERENCE_MAITRE": ["JEU", "JEU", "JEU", ""],
        "xx_LIBELLE": ["", "Jeux de société", "", ""],
        "xx_NOM_ATTRIBUT_1": ["TYPE", "TYPE", "TYPE", ""],
        "xx_VALEUR_ATTRIBUT_1": ["DAME", "ECHEC", "MEMOIRE", ""],
    },
    dtype="str",
)
MASTER = {
    "master_column": "xx_REFERENCE_MAITRE",
    "attributes": [{"name_column": "xx_NOM_ATTRIBUT_1", "value_column": "xx_VALEUR_ATTRIBUT_1"}],
}


@pytest.mark.parametrize(("column", "label"), [("", "MASTER MIND"), ("xx_LIBELLE", "Jeux de société")])
def test_cat_17_articles_are_grouped_by_their_master_reference_and_named_by_a_field_or_the_last(column, label):
    options = VariantOptions(**MASTER, label_column=column)
    rows = of_columns(GAMES, options, tables()["size_grids"], shop="fr").rows
    found = grouped(rows, GAMES[["article", "label"]], options, tables(), shop="fr")
    assert attributes(found) == {
        "JEU00001": ("JEU", {"TYPE": "DAME"}),
        "JEU00002": ("JEU", {"TYPE": "ECHEC"}),
        "JEU00003": ("JEU", {"TYPE": "MEMOIRE"}),
    }
    assert set(found.rows["label"]) == {label}
    assert found.outcomes.empty
    assert found.new_values == {}


SHIRTS = variants(
    ("R-S", "SHIRT", {"Couleur": "Rouge", "Taille": "S"}),
    ("R-M", "SHIRT", {"Taille": "M", "couleur": "rouge "}),
    ("B-S", "SHIRT", {"Couleur": "Bleu", "Taille": "S"}),
    ("B-M", "SHIRT", {"Couleur": "Bleu", "Taille": "M"}),
)


def test_cat_17_attributes_stand_in_the_same_place_and_spelling_in_every_variant():
    found = group(SHIRTS)
    assert found.outcomes.empty
    assert found.rows["attribute_1_name"].to_list() == ["Couleur"] * 4
    assert found.rows["attribute_1_value"].to_list() == ["Rouge", "Rouge", "Bleu", "Bleu"]
    assert found.rows["attribute_2_value"].to_list() == ["S", "M", "S", "M"]
    assert set(found.rows["label"]) == {"Label of B-M"}


def test_cat_17_combinations_that_are_missing_are_named_and_the_product_waits_or_goes():
    rows = SHIRTS.iloc[:3]
    found = group(rows)
    assert (len(found.rows), set(found.outcomes["code"])) == (0, {"combinations-missing"})
    assert set(found.outcomes["record"]) == {"R-S", "R-M", "B-S"}
    assert (
        message(found.outcomes.iloc[0].to_dict(), "en")
        == "1 combination(s) of the product “SHIRT” are missing: Bleu, M."
    )
    found = group(rows, incomplete="send")
    assert (len(found.rows), found.outcomes["code"].to_list()) == (3, ["combinations-missing-sent"])


def test_cat_17_of_very_many_missing_combinations_only_some_are_named():
    rows = variants(*((f"A{n}", "P", {f"axis {axis}": f"{n}" for axis in range(5)}) for n in range(300)))
    [first, *_] = found = group(rows).outcomes["params"].to_list()
    assert len(found) == 300
    assert '"count": 2429999999700' in first
    assert len(group(rows).outcomes["value"].iloc[0].split(" ; ")) == 10


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (("X", "SHIRT", {"Couleur": "Rouge", "Taille": "S"}), "variant-twice"),
        (("X", "SHIRT", {"Couleur": "Vert"}), "variant-attribute-missing"),
        (("X", "SHIRT", {}), "variant-attribute-missing"),
        (("X", "SHIRT", {"Couleur": "Vert", "Taille": "S", "": "Lin"}), "variant-attribute-unnamed"),
        (("X", "SHIRT", {"Couleur": "Vert", "Taille": "S", "taille": "M"}), "variant-attribute-twice"),
        (("SHIRT", "SHIRT", {"Couleur": "Vert", "Taille": "S"}), "variant-parent-is-article"),
    ],
)
def test_cat_17_a_product_goes_whole_or_not_at_all(wrong, code):
    rows = pd.concat([SHIRTS, variants(wrong, ("T", "THE", {"Poids": "100 g"}))], ignore_index=True)
    found = group(rows)
    assert found.rows["article"].to_list() == ["T"]
    assert codes(found)[wrong[0]] == code
    assert set(codes(found)) == {"R-S", "R-M", "B-S", "B-M", wrong[0]}
    assert set(found.outcomes["state"]) == {"failed"}


def test_cat_17_what_no_attribute_tells_apart_is_refused_unless_it_is_alone():
    found = group(variants(("A", "P", {}), ("B", "P", {}), ("C", "Q", {})))
    assert codes(found) == {"A": "variant-without-attribute", "B": "variant-without-attribute"}
    assert found.rows.empty


def test_cat_17_an_article_of_two_ranges_is_refused_and_one_that_is_not_there_passed_over():
    rows = variants(("A", "P", {"T": "1"}), ("B", "P", {"T": "2"}), ("A", "Q", {"T": "1"}))
    articles = pd.DataFrame({"article": ["A"], "label": ["a"]}, dtype="str")
    found = grouped(rows, articles, VariantOptions(), tables(), shop="fr")
    assert (codes(found), len(found.rows)) == ({"A": "variant-of-several"}, 0)


def test_cat_17_each_value_of_a_discriminating_attribute_is_a_product():
    found = group(SHIRTS.iloc[[0, 1, 2]].assign(label="Chemise"), discriminating=["couleur"])
    assert found.outcomes.empty
    # The blue one has a size alone; nothing is missing, for the red sizes are another product's.
    assert attributes(found) == {
        "R-S": ("SHIRT-Rouge", {"Taille": "S"}),
        "R-M": ("SHIRT-Rouge", {"Taille": "M"}),
        "B-S": ("SHIRT-Bleu", {"Taille": "S"}),
    }
    assert found.rows["label"].to_list() == ["Chemise Rouge", "Chemise Rouge", "Chemise Bleu"]


def test_cat_17_with_all_attributes_discriminating_every_article_is_a_product_of_its_own():
    found = group(SHIRTS, discriminating=["Couleur", "Taille"])
    assert (found.rows.empty, found.outcomes.empty) == (True, True)
    lacking = group(pd.concat([SHIRTS, variants(("X", "SHIRT", {"Taille": "L"}))]), discriminating=["Couleur"])
    assert codes(lacking) == {"X": "variant-attribute-missing"}
    assert len(lacking.rows) == 4


def test_cat_19_attributes_and_size_grids_take_the_shops_names():
    articles = pd.DataFrame(
        {
            "article": ["A", "B", "C", "D", "E"],
            "label": "x",
            "m": ["P", "P", "Q", "Z", "I"],
            "grid": ["Pointures", "Pointures", "Adulte", "", "Bébé"],
            "size": ["38", "39", "S", "", "3M"],
            "colour": ["rouge", "rouge", "vert", "", ""],
        },
        dtype="str",
    )
    options = VariantOptions(
        master_column="m",
        attributes=[
            {"name": "Coloris", "value_column": "colour"},
            {"name_column": "grid", "value_column": "size", "size_grid": True},
        ],
    )
    sheets = tables(
        size_grids=[("*", "pointures", "Pointure", "radio"), ("fr", "Bébé", "#ignore", "")],
        attributes=[("FR", "coloris", "Couleur", "color"), ("de", "coloris", "Farbe", "")],
    )
    found = of_columns(articles, options, sheets["size_grids"], shop="fr")
    assert codes(found) == {"C": "unmapped-size-grid", "E": "ignored-by-mapping"}
    assert found.new_values["size_grids"]["size_grid"].to_list() == ["Adulte"]
    made = grouped(found.rows, articles[["article", "label"]], options, sheets, shop="fr")
    assert attributes(made) == {
        "A": ("P", {"Couleur": "rouge", "Pointure": "38"}),
        "B": ("P", {"Couleur": "rouge", "Pointure": "39"}),
    }
    assert attribute_types(sheets, shop="fr") == {"couleur": "color", "pointure": "radio"}
    anyway = tables(size_grids=[("*", "*", "Taille", "")])["size_grids"]
    assert codes(of_columns(articles, options, anyway, shop="fr")) == {}


def test_cat_19_colours_are_generic_unless_two_variants_would_be_one():
    rows = variants(
        ("A", "P", {"Couleur": "Moutarde"}),
        ("B", "P", {"Couleur": "Noir&Blanc"}),
        ("C", "P", {"Couleur": "zèbre"}),
        ("D", "Q", {"Couleur": "Paille"}),
        ("E", "Q", {"Couleur": "Doré"}),
        ("F", "R", {"Couleur": "mat"}),
        ("G", "R", {"Couleur": "Écru"}),
    )
    found = group(rows, generic_colours=["Couleur"], mapped=tables(colours=[("mat", "#ignore")]))
    assert dict(zip(found.rows["article"], found.rows["attribute_1_value"], strict=True)) == {
        "A": "jaune", "B": "multicolore", "C": "zèbre", "D": "Paille", "E": "Doré", "G": "beige"
    }  # fmt: skip
    assert codes(found) == {"C": "unmapped-colour", "D": "colours-kept", "F": "ignored-by-mapping"}
    assert found.new_values["colours"]["colour"].to_list() == ["zèbre"]


PARENTS = st.sampled_from(["", "P", "Q"])
VALUES = st.sampled_from(["", "a", "A", "b"])
ROWS = st.lists(
    st.tuples(PARENTS, st.sampled_from(["X", "x", "Y"]), VALUES, st.sampled_from(["Y", "Z"]), VALUES), max_size=7
)


@given(ROWS, st.sampled_from(["refuse", "send"]), st.sampled_from([(), ("X",), ("Y", "Z")]))
def test_cat_17_every_article_is_a_product_a_variant_or_told_of(rows, incomplete, discriminating):
    table = pd.DataFrame(
        [(f"A{n}", f"Label {n}", *row) for n, row in enumerate(rows)],
        columns=["article", "label", "m", "n1", "v1", "n2", "v2"],
        dtype="str",
    )
    pairs = [{"name_column": f"n{n}", "value_column": f"v{n}"} for n in (1, 2)]
    options = VariantOptions(master_column="m", attributes=pairs, incomplete=incomplete, discriminating=discriminating)
    found = grouped(
        of_columns(table, options, tables()["size_grids"], shop="fr").rows,
        table[["article", "label"]],
        options,
        tables(),
        shop="fr",
    )
    failed = set(found.outcomes.loc[found.outcomes["state"] == "failed", "record"])
    assert not failed & set(found.rows["article"])
    assert found.rows["article"].is_unique
    told = failed | set(found.rows["article"])
    # Who has a master, and is neither a variant nor refused, is alone in its product without an attribute.
    for row in table[~table["article"].isin(told)].to_dict("records"):
        others = [other for other in table[table["m"] == row["m"]]["article"] if other != row["article"]]
        assert not row["m"] or not others or discriminating
    for parent, of in found.rows.groupby("parent"):
        axes = [f"attribute_{n}" for n in range(1, ATTRIBUTES + 1) if (of[f"attribute_{n}_name"] != "").any()]
        names, values = of[[f"{axis}_name" for axis in axes]], of[[f"{axis}_value" for axis in axes]]
        assert axes
        assert names.drop_duplicates().shape[0] == 1
        assert not values.duplicated().any()
        assert (values != "").all(axis=None)
        complete = len(of) == len(list(combined(*(values[name].unique() for name in values))))
        reported = parent in set(found.outcomes.loc[found.outcomes["code"] == "combinations-missing-sent", "field"])
        assert complete != reported

"""Which files belong to which article, and what a shop is told of them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange.catalogue import differing
from passerelle.exchange.file_names import escaped
from passerelle.exchange.images import by_article, matched, named, shop_files, told_names, told_texts, too_long
from passerelle.exchange.shop_options.images import ImageOptions
from passerelle.outcome import message

SUFFIXES = (".jpg", ".png")
URL = "https://shop.example/import"


def texts(*given: str) -> pd.Series:
    return pd.Series(given, dtype="str")


def found(references, paths, cells=None, **options):
    return matched(
        texts(*references),
        texts(*paths),
        ImageOptions(base_url=URL, **options),
        suffixes=SUFFIXES,
        cells=None if cells is None else texts(*cells),
    )


def lists(matches) -> dict[str, list[str]]:
    assert (
        matches.files.groupby("article")["position"].agg(list).map(lambda own: own == [*range(1, len(own) + 1)])
    ).all()
    return matches.files.groupby("article", sort=False)["path"].agg(list).to_dict()


def codes(matches) -> list[tuple[str, str, str]]:
    said = pd.concat([matches.near, matches.said])
    return list(said[["code", "record", "value"]].itertuples(index=False, name=None))


def test_img_2_a_sub_folder_has_the_images_of_its_reference_in_natural_order():
    matches = found(
        ["B", "A", "C"],
        ["A/10.jpg", "A/2.JPG", "A/1.jpg", "B/x.png", "A/notice.pdf", "A/.DS_Store", "A/old/1.jpg", "1.jpg", "D/1.jpg"],
    )
    assert lists(matches) == {"B": ["B/x.png"], "A": ["A/1.jpg", "A/2.JPG", "A/10.jpg"]}
    assert codes(matches) == [("article-file-without-article", "D", "")]
    assert dict(matches.unused.itertuples(index=False)) == {
        "A/notice.pdf": "article-file-other-kind",
        "A/.DS_Store": "article-file-clutter",
        "A/old/1.jpg": "article-file-elsewhere",
        "1.jpg": "article-file-elsewhere",
        "D/1.jpg": "article-file-without-article",
    }


def test_img_2_flat_names_are_the_reference_and_its_numbers():
    matches = found(
        ["TH", "TH-2", "X_Y"],
        ["TH_10.jpg", "TH-1.jpg", "TH_2.png", "TH.jpg", "TH-2.jpg", "TH-2_1.jpg", "X_Y-3.jpg", "X_Z-3.jpg", "TH/1.jpg"],
        by_folder=False,
    )
    assert lists(matches) == {
        "TH": ["TH.jpg", "TH-1.jpg", "TH_2.png", "TH_10.jpg"],
        "TH-2": ["TH-2.jpg", "TH-2_1.jpg"],
        "X_Y": ["X_Y-3.jpg"],
    }
    assert codes(matches) == [("article-file-without-article", "X_Z-3", "")]


@pytest.mark.parametrize("folder", ["été 01", "ÉTÉ  01", "ÉTÉ 01=20", "ÉＴÉ 01"])
def test_img_2_a_near_miss_is_refused_and_named_not_taken(folder):
    matches = found(["ÉTÉ 01", "A"], [f"{folder}/1.jpg", "A/1.jpg"])
    assert lists(matches) == {"A": ["A/1.jpg"]}
    assert codes(matches) == [("article-file-near-miss", "ÉTÉ 01", folder)]


@pytest.mark.parametrize("by_folder", [True, False])
def test_img_2_decomposed_accents_are_told_in_words_as_nobody_sees_them(by_folder):
    name = "E\u0301TE\u0301 01"
    paths = [f"{name}/1.jpg", "bis/1.jpg"] if by_folder else [f"{name}_2.jpg", "bis.jpg"]
    matches = found(["ÉTÉ 01", "BIS"], paths, by_folder=by_folder)
    assert lists(matches) == {}
    key = name if by_folder else f"{name}_2"
    assert codes(matches) == [("article-file-decomposed", "ÉTÉ 01", key), ("article-file-near-miss", "BIS", "bis")]
    assert "macOS" in message(matches.near.iloc[0], "fr")


def test_img_2_hostile_references_find_their_escaped_folder_and_nothing_else():
    references = ["../../etc/x", "CON", "a/b", "ÉTÉ 01 ", "é" * 300]
    folders = ["=2E.=2F..=2Fetc=2Fx", "=43ON", "a=2Fb", "ÉTÉ 01=20"]
    matches = found(references, [f"{folder}/1.jpg" for folder in folders])
    assert lists(matches) == {
        reference: [f"{folder}/1.jpg"] for reference, folder in zip(references, folders, strict=False)
    }
    assert too_long(texts(*references)).tolist() == [False, False, False, False, True]
    assert lists(found(references, ["etc/x/1.jpg", "a/b/1.jpg", "x/1.jpg"])) == {}


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5, unique=True), st.booleans())
def test_img_2_law_whatever_the_references_each_finds_what_is_escaped_for_it(references, by_folder):
    ends = "/1.jpg" if by_folder else ".jpg"
    paths = [f"{escaped(one)}{ends}" for one in references]
    assert lists(found(references, paths, by_folder=by_folder)) == {
        one: [path] for one, path in zip(references, paths, strict=True)
    }


def test_img_1_files_named_in_the_extract_come_first_and_none_is_looked_for_elsewhere():
    matches = found(
        ["A", "B", "C"],
        ["A/1.jpg", "A/2.jpg", "shared/label.png", "B/1.jpg", "B/run.exe"],
        ["A\\2.jpg; shared/label.png ;;", "../../etc/passwd; B/run.exe", ""],
    )
    assert lists(matches) == {"A": ["A/2.jpg", "shared/label.png", "A/1.jpg"], "B": ["B/1.jpg"]}
    assert codes(matches) == [
        ("article-file-named-not-there", "../../etc/passwd", ""),
        ("article-file-other-kind", "B/run.exe", ""),
    ]


def test_img_1_a_named_file_that_is_there_in_other_letters_is_told_and_not_taken():
    matches = found(["A"], ["Vues/bol.jpg", "A/1.jpg"], ["vues\\BOL.JPG;A/2.jpg"])
    assert lists(matches) == {"A": ["A/1.jpg"]}
    assert codes(matches) == [
        ("article-file-named-not-there", "A/2.jpg", ""),
        ("article-file-named-near-miss", "vues/BOL.JPG", "Vues/bol.jpg"),
        ("article-file-without-article", "Vues", ""),
    ]


def test_img_3_a_shop_is_told_of_articles_whose_files_have_changed():
    files = found(["A", "B", "C"], ["A/1.jpg", "A/2.jpg", "B/1.jpg", "C/1.jpg"]).files
    contents = {"A/1.jpg": "1.jpg", "A/2.jpg": "2.jpg", "B/1.jpg": "3.jpg"}
    told = told_texts(named(files, contents))
    assert told.to_dict() == {"A": '{"1": "a-1.jpg", "2": "a-2.jpg"}', "B": '{"1": "b-3.jpg"}'}
    before = pd.DataFrame({"key": ["A", "B"], "value": ['{"1": "a-0.jpg", "2": "a-2.jpg"}', told["B"]]}, dtype="str")
    changed = differing(told, before, full=False)
    assert changed["key"].tolist() == ["A"]
    assert told_names(changed["before"][0]) == ["a-0.jpg", "a-2.jpg"]

    rows = shop_files(changed, texts("Bol, bleu"), URL, known=True, delete=True)
    assert rows[["url", "position", "is_cover"]].to_numpy().tolist() == [
        [f"{URL}/a-1.jpg", 1, True],
        [f"{URL}/a-2.jpg", 2, False],
    ]
    [joined] = by_article(rows, ",").to_dict("records")
    assert joined["urls"] == f"{URL}/a-1.jpg,{URL}/a-2.jpg"
    assert joined["alt_texts"] == "Bol  bleu,Bol  bleu"
    assert (joined["cover"], joined["further"]) == (f"{URL}/a-1.jpg", f"{URL}/a-2.jpg")
    assert joined["delete_existing"]
    # PrestaShop drops an image with a text that it refuses.
    [joined] = by_article(shop_files(changed, texts("Bol <20 cm> {=}" + "x" * 200), URL, known=True, delete=True), ",")[
        "alt_texts"
    ]
    assert joined.split(",") == ["Bol  20 cm     " + "x" * 113] * 2
    # Where the import can only add, what it was told before is not listed again.
    [new] = by_article(shop_files(changed, texts("Bol"), URL, known=False, delete=False), ",").to_dict("records")
    assert (new["urls"], new["further"], new["delete_existing"]) == (f"{URL}/a-1.jpg", "", False)

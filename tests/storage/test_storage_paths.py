"""Which paths are good (STO-12)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.messages import code
from passerelle.storage.contract import HOSTILE, NAMES
from passerelle.storage.errors import BadPath
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, join, parent

REASONS = [
    ("", "storage-path-escapes"),
    ("../x", "storage-path-escapes"),
    ("a/../../x", "storage-path-escapes"),
    ("/x", "storage-path-escapes"),
    ("a\\b", "storage-path-escapes"),
    ("C:x", "storage-path-escapes"),
    ("a//b", "storage-path-escapes"),
    (" .. ", "storage-path-escapes"),
    ("a\uff0fb", "storage-path-escapes"),
    ("x\x00", "storage-path-characters"),
    ("x\r\nQUIT", "storage-path-characters"),
    ("x\u202ecsv", "storage-path-characters"),
    ("x\u200bcsv", "storage-path-characters"),
    ("x\udce9csv", "storage-path-characters"),
    ("con", "storage-path-reserved"),
    ("a/Aux.tar.gz", "storage-path-reserved"),
    ("NUL .txt", "storage-path-reserved"),
    ("x.", "storage-path-reserved"),
    ("ab:stream", "storage-path-reserved"),
    ("a?", "storage-path-reserved"),
    ("x" * 256, "storage-path-too-long"),
    ("é" * 128, "storage-path-too-long"),
    ("/".join(["x" * 200] * 6), "storage-path-too-long"),
]


@pytest.mark.parametrize(("path", "reason"), REASONS)
def test_sto_12_a_bad_path_is_refused_with_its_reason(path: str, reason: str) -> None:
    with pytest.raises(BadPath) as found:
        clean_path(path, storage="here")
    assert found.value.code == reason
    assert found.value.storage == "here"
    assert code(reason).fr != code(reason).en
    assert str(found.value).isprintable()


@pytest.mark.parametrize("path", HOSTILE)
def test_sto_12_hostile_paths_are_bad(path: str) -> None:
    with pytest.raises(BadPath):
        clean_path(path)


@pytest.mark.parametrize("name", [*NAMES, "console.txt", "com10.csv", "a.b.c", "x" * 255, "½ prix….csv", "...x"])
def test_sto_12_ordinary_names_are_good_and_stay_as_they_are(name: str) -> None:
    assert clean_path(name) == name
    assert clean_path(f"in/{name}") == f"in/{name}"
    assert is_good_name(name)
    assert not is_good_name(f"in/{name}")


def test_sto_12_a_folder_may_be_the_root_and_end_with_a_slash() -> None:
    assert clean_folder("") == ""
    assert clean_folder("in/") == clean_folder("in") == "in"
    for bad in ("/", "..", "in//", "../"):
        with pytest.raises(BadPath):
            clean_folder(bad)


@given(st.text(max_size=40) | st.lists(st.sampled_from([*"./\\:\0 \u2024\u2025\uff0e\uff0f", "..", "a"])).map("".join))
def test_sto_12_no_good_path_leaves_its_folder_however_it_is_normalised(path: str) -> None:
    try:
        clean_path(path)
    except BadPath:
        return
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        normal = unicodedata.normalize(form, path)
        assert not normal.startswith("/")
        assert "\\" not in normal
        assert not {name.strip() for name in normal.split("/")} & {"", ".", ".."}
        assert not {unicodedata.category(char) for char in normal} & {"Cc", "Cf", "Cs"}
    assert not {"\n", "\r", "\0"} & set(path)


def test_sto_12_paths_are_taken_apart_and_put_together() -> None:
    assert [parent("a/b/c"), parent("a"), join("", "a"), join("a/b", "c")] == ["a/b", "", "a", "a/b/c"]

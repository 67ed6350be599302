"""References as names of files: what no file system takes is escaped, and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange.file_names import escaped, natural_key, public_name, unescaped
from passerelle.storage.paths import LONGEST_NAME, clean_path

ODD = st.text(st.sampled_from("aA1. =/\\:CONconul~é٪⁄／．‥\u200b\u3000\x00\x7fﷺ"), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("TH-012-ROUGE", "TH-012-ROUGE"),
        ("ÉTÉ 01 ", "ÉTÉ 01=20"),
        ("a/b", "a=2Fb"),
        ("../../etc/x", "=2E.=2F..=2Fetc=2Fx"),
        ("CON", "=43ON"),
        ("con.txt", "=63on.txt"),
        ("A=B", "A=3DB"),
        (".", "=2E"),
        (" ", "=20"),
        ("C:\\x", "C=3A=5Cx"),
    ],
)
def test_img_2_what_no_file_system_takes_is_escaped(reference, name):
    assert escaped(reference) == name
    assert unescaped(name) == reference


@given(st.one_of(ODD, st.text(min_size=1, max_size=60)))
def test_img_2_law_an_escaped_reference_is_one_good_name_and_comes_back(reference):
    name = escaped(reference)
    assert unescaped(name) == reference
    assert "/" not in name
    if len(name.encode("utf-8")) <= LONGEST_NAME:
        assert clean_path(name) == name


def test_img_2_what_is_no_escape_is_itself():
    assert [unescaped(name) for name in ("A=B", "A=", "=FF", "A=zz")] == ["A=B", "A=", "=FF", "A=zz"]


def test_img_2_natural_order():
    names = ["10.jpg", "2.jpg", "1.jpg", "vue 2.jpg", "Vue 10.jpg", "a.jpg", "02b.jpg"]
    assert sorted(names, key=natural_key) == ["1.jpg", "2.jpg", "02b.jpg", "10.jpg", "a.jpg", "vue 2.jpg", "Vue 10.jpg"]


@given(st.text(max_size=400))
def test_img_2_law_a_public_name_is_plain_and_short(reference):
    name = public_name(reference, "0123456789abcdef.jpg")
    assert name.isascii()
    assert name == name.lower()
    assert len(name) < 100
    assert clean_path(name) == name

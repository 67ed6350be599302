"""Texts of the ERP as HTML of a shop (CAT-10)."""

from __future__ import annotations

import re
import time

import nh3
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.exchange import rich_text
from passerelle.exchange.rich_text import SCHEMES, TAGS, either_as_html, to_html, to_text

RICH_EDIT = (
    r"{\rtf1\ansi\ansicpg1252\deff0\deflang1036{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fnil\fcharset2 Symbol;}}"
    "\r\n"
    r"{\colortbl ;\red192\green0\blue0;}"
    r"{\*\generator Riched20 10.0.19041}\viewkind4\uc1 "
)
"""As the editor that Windows gives its programs begins."""


def html(text):
    return to_html(pd.Series([text], dtype="str"))[0]


@pytest.mark.parametrize(
    ("rtf", "expected"),
    [
        (r"\pard\f0\fs20 Table en ch\'eane\par", "<p>Table en chêne</p>"),
        (r"\pard L\u8217?\'e9t\'e9 \endash  20\'a0\'80\par", "<p>L’été – 20&nbsp;€</p>"),
        (
            r"\pard\b gras \i tout\b0  et\i0  fin\par",
            "<p><strong>gras </strong><em><strong>tout</strong></em><em> et</em> fin</p>",
        ),
        (r"\pard {\ul soulign\'e9} {\strike 12} x{\super 2}\par", "<p><u>souligné</u> <s>12</s> x<sup>2</sup></p>"),
        (r"\pard un\line deux\par\par trois\par", "<p>un<br>deux</p><p>trois</p>"),
        (
            (
                r"\pard{\pntext\f1\'B7\tab}{\*\pn\pnlvlblt\pnf1\pnindent0{\pntxtb\'B7}}\fi-360\li720 un\par"
                "\r\n"
                r"{\pntext\f1\'B7\tab}deux\par"
                "\r\n"
                r"\pard\sa200 apr\'e8s\par"
            ),
            "<ul><li>un</li><li>deux</li></ul><p>après</p>",
        ),
        (
            (
                r"{\listtext\pard\plain\f0 1.\tab}\pard\plain\ls1\ilvl0 A\par{\listtext\'a7\tab}\ilvl1 a\par"
                r"{\listtext 2.\tab}\pard\ls1 B\par"
            ),
            "<ol><li>A<ul><li>a</li></ul></li><li>B</li></ol>",
        ),
        (
            (
                r"\trowd\trgaph70\cellx100\cellx200\pard\intbl Taille\cell\b Poids\b0\cell\row"
                r"\trowd\cellx100\cellx200\pard\intbl S\par M\cell 2 < 3\cell\row\pard\par"
            ),
            (
                "<table><tbody><tr><td>Taille</td><td><strong>Poids</strong></td></tr>"
                "<tr><td><p>S</p><p>M</p></td><td>2 &lt; 3</td></tr></tbody></table>"
            ),
        ),
        (
            r'\pard Voir {\field{\*\fldinst{HYPERLINK "https://x.fr/?a=1&b=2"}}{\fldrslt{\ul\cf1 la notice}}}.\par',
            '<p>Voir <a href="https://x.fr/?a=1&amp;b=2">la notice</a>.</p>',
        ),
        (r'{\field{\*\fldinst{HYPERLINK "javascript:alert(1)"}}{\fldrslt clic}}', "<p>clic</p>"),
        (
            r"{{\field{\*\fldinst{HYPERLINK http://www.x.fr }}{\fldrslt{http://www.x.fr\ul0\cf0}}}}\f0\fs22  ici\par",
            '<p><a href="http://www.x.fr">http://www.x.fr</a> ici</p>',
        ),
        (
            r'{\field{\*\fldinst{HYPERLINK \\\\l "haut"}}{\fldrslt haut}}{\field{\*\fldinst HYPERLINK}{\fldrslt e}}',
            "<p>haute</p>",
        ),
        (r"a{\*\unknown{\b never} shown}b{\pict\wmetafile8 0102}{\info{\author X}}c", "<p>abc</p>"),
        (r"a{\pict\bin4 }}}}}b\v cach\'e9\v0 c", "<p>abc</p>"),
        (r"{\uc2 \u233\'c3\'a9}{\uc0\u232 }\u-10179?\u-8704?", "<p>éè😀</p>"),
        (r"{\fonttbl{\f7\fcharset161 Arial;}}\f7\'d9\f0\'d9", "<p>ΩÙ</p>"),
        (r"<script>alert(1)</script> \{\\\}", r"<p>&lt;script&gt;alert(1)&lt;/script&gt; {\}</p>"),
    ],
)
def test_cat_10_rich_text_becomes_html(rtf, expected):
    assert html(RICH_EDIT + rtf + "}\r\n") == expected


def test_cat_10_plain_text_is_escaped_and_keeps_its_line_breaks():
    texts = pd.Series(
        ["3 < 4 & 5\r\nsuite\nfin\n", "", "  \n", None, RICH_EDIT + r"\pard\f0\par}", r"{\rtf1\b\u0 \'00}"], dtype="str"
    )
    texts.index = list("abcdef")
    assert to_html(texts).to_dict() == {
        "a": "<p>3 &lt; 4 &amp; 5<br>suite<br>fin</p>",
        "b": "",
        "c": "",
        "d": "",
        "e": "",
        "f": "",
    }


@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
    | st.text(alphabet=" \t\r\n\x0b\x85\xa0<>&'\"a", max_size=9)
)
def test_cat_10_plain_texts_are_written_at_once_as_each_would_be(text):
    assert html(text) == rich_text._html(text)


def test_cat_10_text_without_styles():
    rtf = RICH_EDIT + r"\b Lampe\b0\par{\pntext\'b7\tab}LED\par\pard\trowd\intbl 5 W\cell E27\cell\row}"
    assert to_text(pd.Series([rtf, "a\nb"], dtype="str")).tolist() == ["Lampe\n- LED\n5 W | E27", "a\nb"]


def test_cat_10_a_text_that_says_nothing_is_taken_from_its_twin():
    rich = pd.Series([r"{\rtf1 \b r\b0}", r"{\rtf1\par}", r"{\rtf1 \b r}"], dtype="str", index=[7, 8, 9])
    plain = pd.Series(["p", "p", " "], dtype="str", index=[7, 8, 9])
    bold = "<p><strong>r</strong></p>"
    assert either_as_html(rich, plain).to_dict() == {7: bold, 8: "<p>p</p>", 9: bold}
    assert either_as_html(plain, rich).to_dict() == {7: "<p>p</p>", 8: "<p>p</p>", 9: bold}


WORDS = r"""
    \rtf1 \ansi \ansicpg1252 \ansicpg65001 \ansicpg99999 \b \b0 \i \ul \ulnone \super \v \v0 \par \pard \plain \line
    \cell \row \intbl \trowd \nestcell \ls1 \ls0 \ilvl0 \ilvl3 \ilvl-7 \pntext \listtext \fonttbl \f0 \f1 \fcharset2
    \fcharset128 \uc0 \uc9999999999 \uc-1 \u233 \u-10179 \u-8704 \u9999999999 \u0 \u11 \u65535 \field \fldinst \fldrslt
    \* \bin3 \bin-1 \pict \'e9 \'0 \'zz \'00 \~ \- \_ \ \\ \{ \} { } {{ }} < > & " ; <script> </script> <svg/onload=1>
    \tab 1. a) HYPERLINK "https://x.fr/" "javascript:1" "data:text/html,x" ' &lt; &#60; 🙂"""
PIECES = st.one_of(st.sampled_from(WORDS.split()), st.just(" "), st.just("\r\n"), st.text(max_size=6))


@given(st.lists(PIECES, max_size=60).map("".join), st.booleans())
def test_cat_10_whatever_the_erp_holds_is_clean_html(pieces, is_rtf):
    text = ("{\\rtf1" if is_rtf else "") + pieces
    written = html(text)
    cleaner = nh3.Cleaner(tags=set(TAGS), attributes={"a": {"href"}}, url_schemes=set(SCHEMES), link_rel=None)
    assert cleaner.clean(written) == written
    assert set(re.findall(r"<\s*/?([^\s/>]*)", written)) <= TAGS
    assert all(
        re.match(r'a href="(https?|mailto):[^"<>]*"$', tag, re.IGNORECASE)
        for tag in re.findall(r"<(\w+ [^>]*)>", written)
    )
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", written)
    to_text(pd.Series([text], dtype="str"))


@pytest.mark.parametrize(
    "part", ["{", "}", r"{\b x", r"\ls1\ilvl8 x\par", r"\intbl x\cell", r"{\field{\*\fldinst ", r"\u233", r"\'e9", "\\"]
)
def test_cat_10_long_texts_take_time_by_their_length_only(part):
    began = time.process_time()
    html(r"{\rtf1 " + part * 30_000)
    assert time.process_time() - began < 10


def test_cat_10_a_long_instruction_is_not_read_again_for_every_result():
    began = time.process_time()
    html(r"{\rtf1{\field{\*\fldinst " + "a" * 1_000_000 + "}" + r"{\fldrslt x}" * 50_000 + "}}")
    assert time.process_time() - began < 10

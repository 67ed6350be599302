"""The colours of articles as a few generic ones, so that a shop's filters stay short.

The profile's mapping comes first, then the project's list (``colours.csv``). A text in which several generic colours
are found, as ``noir&blanc``, is ``multicolore``. A word that only shades another one does not count: ``bleu doré`` is
blue, ``bleu/doré`` is two colours.

Source: spec CAT-19; seed 002 (mapping of colours).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import pandas as pd

from passerelle.exchange import mappings, texts
from passerelle.exchange.mappings import COLOURS, Found
from passerelle.exchange.territory import packaged

GENERIC = (
    "noir", "blanc", "beige", "gris", "bleu", "rouge", "orange", "marron", "vert", "jaune", "violet", "rose",
)  # fmt: skip
MULTICOLOUR = "multicolore"
_ENDINGS = ("", "s", "e", "es", "he", "hes", "te", "tes")
"""Of the feminine and the plural: blanche, violettes."""
_NAMES = {name + ending: name for name in GENERIC for ending in _ENDINGS}
_BETWEEN = re.compile(r"[&/+,;|\\]|\b(?:et|ou|and)\b")
"""What stands between two colours."""


def generic_colours(colours: pd.Series, rows: pd.DataFrame) -> Found:
    """Give the generic colour of each colour.

    Args:
        colours: as the ERP has them; an empty one is none, and answered by the empty text.
        rows: of the mapping ``COLOURS``. A row with ``*`` answers what nothing else does.

    Returns:
        ``generic_colour``; unknown: colours that neither the mapping nor the list knows.
    """
    asked = pd.DataFrame({"colour": colours.astype("str")})
    others = rows["colour"].str.strip() == mappings.ANY
    own = mappings.find(COLOURS, rows[~others], asked)
    known = _known(rows[~others & (rows["generic_colour"] != mappings.IGNORE)])
    named = {colour: _named(_plain(colour), known) for colour in asked["colour"].unique()}
    found = asked["colour"].map(named).astype("str")
    for_all = mappings.find(COLOURS, rows[others], asked)
    answer = own.answers["generic_colour"].where(own.answered, found)
    by_all = (answer == "") & (asked["colour"] != "") & for_all.answered
    answer = answer.where(~by_all, for_all.answers["generic_colour"])
    answered = (answer != "") | (asked["colour"] == "")
    unknown = own.unknown[texts.among(own.unknown["colour"], asked.loc[~answered, "colour"])]
    return Found(answer.to_frame("generic_colour"), answered, answer == mappings.IGNORE, unknown.reset_index(drop=True))


def _known(rows: pd.DataFrame) -> dict[str, str]:
    """Give the generic colour of every word or phrase that is known: the profile's own, the names, the list."""
    answered = rows[rows["generic_colour"] != ""]
    own = {
        _plain(colour): generic for colour, generic in zip(answered["colour"], answered["generic_colour"], strict=True)
    }
    return {**_listed(), **own}


@cache
def _listed() -> Mapping[str, str]:
    table = packaged("colours.csv")
    return dict(zip(table["colour"], table["generic_colour"], strict=True)) | _NAMES


def _named(text: str, known: Mapping[str, str]) -> str:
    """Give the generic colour that a text names; empty: none."""
    if text in known:
        return known[text]
    found = {generic for part in _BETWEEN.split(text) for generic in _of_part(part.split(), known)}
    return found.pop() if len(found) == 1 else MULTICOLOUR if found else ""


def _of_part(words: list[str], known: Mapping[str, str]) -> set[str]:
    """Give the generic colours of words without anything between: those that are named, else the first shade."""
    phrases, at = [], 0
    while at < len(words):
        ends = [end for end in range(len(words), at, -1) if " ".join(words[at:end]) in known]
        if ends:
            phrases.append(" ".join(words[at : ends[0]]))
        at = ends[0] if ends else at + 1
    named = {known[phrase] for phrase in phrases if phrase in _NAMES}
    return named or {known[phrase] for phrase in phrases[:1]}


def _plain(text: str) -> str:
    """Give a colour as it is compared: without case, accents, hyphens and doubled blanks."""
    bare = texts.without_accents(pd.Series([text.casefold()], dtype="str")).iloc[0]
    return " ".join(re.sub(r"[-'’.()_]", " ", str(bare)).split())

"""Which characters an encoding has, and what is written for those it lacks.

Source: spec FMT-3.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

_SIMPLER = {
    **dict(zip("ŁłĐđĦħŦŧØøıŊŋĸſ", "LlDdHhTtOoiNnks", strict=True)),
    "Æ": "AE",
    "æ": "ae",
    "Œ": "OE",
    "œ": "oe",
    "ß": "ss",
    "ẞ": "SS",
    "Ð": "D",
    "ð": "d",
    "Þ": "Th",
    "þ": "th",
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("‘’‚‛′ʼʹ`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    "⁄": "/",
    "∕": "/",
    "×": "x",
    "•": "-",
    "€": "EUR",
    "·": ".",
}
"""What stands for a character that neither the encoding has nor Unicode takes apart."""

_EMOJI = (range(0x2300, 0x2400), range(0x2600, 0x27C0), range(0x2B00, 0x2C00), range(0x1F000, 0x20000))
_BLANK = {"Cc", "Zl", "Zp"}
_SILENT = {"Mn", "Me", "Cf"}
"""Accents left over, joiners, direction marks: nothing a reader would miss."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text in the characters of an encoding.

    Attributes:
        text: what is written.
        replaced: the characters for which a ``?`` stands.
        dropped: the emoji left out.
    """

    text: str
    replaced: str
    dropped: str


@dataclass(frozen=True, slots=True)
class Repertoire:
    """The characters of an encoding.

    Attributes:
        encoding: its name.
        foreign: regular expression (RE2) of a character it lacks; empty: it has all.
        suspects: the bytes of UTF-8 that begin a character it may lack.
    """

    encoding: str
    foreign: str
    suspects: frozenset[int]

    def written(self, text: str) -> Fitted:
        """Write a text with the characters the encoding has.

        Accents are joined with their letter, or left out with it kept; letters and signs are simplified (Ł is L, ″ is
        "); emoji are left out with the blanks around them; for anything else stands ``?``.
        """
        parts, replaced, dropped = [], [], []
        for character in unicodedata.normalize("NFC", text):
            if self._has(character):
                parts.append(character)
            elif any(ord(character) in block for block in _EMOJI):
                dropped.append(character)
            elif unicodedata.category(character) in _BLANK:
                parts.append(" ")
            elif unicodedata.category(character) not in _SILENT:
                simpler = self._simpler(character)
                if not simpler:
                    replaced.append(character)
                parts.append(simpler or "?")
        fitted = "".join(parts)
        if dropped:  # and the blanks around them: of a name of emoji nothing is left
            fitted = re.sub(" {2,}", " ", fitted).strip(" ")
        return Fitted(fitted, "".join(dict.fromkeys(replaced)), "".join(dict.fromkeys(dropped)))

    def _simpler(self, character: str) -> str:
        apart = unicodedata.normalize("NFKD", _SIMPLER.get(character, character))
        letters = "".join(
            _SIMPLER.get(part, part) if not self._has(part) else part
            for part in apart
            if unicodedata.category(part) not in _SILENT
        )
        return letters if all(self._has(letter) for letter in letters) else ""

    def _has(self, character: str) -> bool:
        try:
            character.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True


@cache
def repertoire(encoding: str) -> Repertoire:
    """Give the characters of an encoding."""
    if encoding.startswith("utf-"):
        return Repertoire(encoding, "", frozenset())
    own = {bytes([byte]).decode(encoding, errors="ignore") for byte in range(256)} - {""}
    following = [bytes([byte]) for byte in range(0x80, 0xC0)]
    known = {lead for lead in (0xC2, 0xC3) if all((bytes([lead]) + byte).decode() in own for byte in following)}
    listed = "".join(f"\\x{{{ord(character):x}}}" for character in sorted(own))
    return Repertoire(encoding, f"[^{listed}]", frozenset(range(0xC2, 0xF5)) - known)

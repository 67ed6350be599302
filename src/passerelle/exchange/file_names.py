"""References as names of files and folders, and their natural order.

A reference may hold what no file system takes: ``a/b``, ``CON``, a blank at its end. In a name such a character is
written as ``=`` and two hexadecimal digits for each of its bytes in UTF-8: ``a=2Fb``, ``=43ON``, ``ETE 01=20``. Unlike
``%``, ``=`` is good on all storages that we know, and means nothing in a URL.

Source: spec IMG-2, STO-12.
"""

from __future__ import annotations

import re
import unicodedata

_FORBIDDEN = frozenset('=/\\:*?"<>|⁄∕∖⧵⧸⧹╱╲')
"""The escape itself, what Windows refuses, and what looks like a slash."""
_INVISIBLE = frozenset(["Cc", "Cf", "Cs", "Zl", "Zp"])
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])\Z", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:=[0-9A-Fa-f]{2})+")
_NUMBER = re.compile(r"([0-9]+)")
_UNSAFE = re.compile(r"[^a-z0-9._]+")
_LONGEST_STEM = 60


def escaped(reference: str) -> str:
    """Write a reference as a name that every file system takes, if it is not too long; ``unescaped`` reads it back."""
    name = "".join(_escape(one) if _is_forbidden(one) else one for one in reference)
    if name[:1] in {" ", "."}:
        name = _escape(name[0]) + name[1:]
    if name[-1:] in {" ", "."}:
        name = name[:-1] + _escape(name[-1])
    seen_as = unicodedata.normalize("NFKC", name).strip()
    device = _DEVICE.match(name.partition(".")[0].rstrip(" "))
    return _escape(name[0]) + name[1:] if name and (device or seen_as in {"", ".", ".."}) else name


def unescaped(name: str) -> str:
    """Read the reference that a name means; ``=`` without two hexadecimal digits is itself."""
    return _ESCAPED.sub(lambda found: _decoded(found[0]), name)


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Give what sorts names as people count: ``1``, ``2``, ``10``; without regard to case, then with it."""
    parts = _NUMBER.split(unicodedata.normalize("NFC", name).casefold())
    return tuple(int(part) if number % 2 else part for number, part in enumerate(parts)), name


def public_name(reference: str, content: str) -> str:
    """Name a content where a shop fetches it: of one name there is only ever one content.

    Small letters, digits, ``.``, ``_`` and ``-``, so that its URL is the same everywhere.

    Args:
        reference: of the article, for people and search engines.
        content: the beginning of its SHA-256, and its suffix.
    """
    plain = unicodedata.normalize("NFKD", reference).encode("ascii", "ignore").decode().lower()
    stem = _UNSAFE.sub("-", plain)[:_LONGEST_STEM].strip("-._")
    return f"{stem}-{content}" if stem else content


def _is_forbidden(character: str) -> bool:
    if character in _FORBIDDEN or unicodedata.category(character) in _INVISIBLE:
        return True
    return any(mark in unicodedata.normalize("NFKC", character) for mark in "/\\")


def _escape(character: str) -> str:
    return "".join(f"={byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _decoded(marks: str) -> str:
    try:
        return bytes.fromhex(marks.replace("=", "")).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return marks

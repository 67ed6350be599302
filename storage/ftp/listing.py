"""How FTP servers list a folder: MLSD (RFC 3659) and the two customary forms of LIST (Unix, DOS).

Lines are texts of one character per byte (Latin-1): which encoding a name has is decided by whoever uses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a listing; ``name`` has one character per byte; ``unique`` is the same for a folder and its links."""

    name: str
    kind: Kind
    size: int | None = None
    modified_utc: datetime | None = None
    unique: str = ""


# Between the rights and the size stand links, owner and group, which may have blanks or be left out.
_UNIX = re.compile(
    r"([-dlbcps])[-rwxsStTlL]{9}\S?\s.*?(?<!\S)(\d+)\s+(?:\S{3,6}\s+\d{1,2}|\d{1,2}\s+\S{3,6})\s+[\d:]{4,5} (.+)"
)
_DOS = re.compile(r"\d\d[-/.]\d\d[-/.]\d\d(?:\d\d)?\s+\d\d:\d\d\s?(?:[AP]M)?\s+(<DIR>|\d+)\s+(.+)")
_STAMP = re.compile(r"(\d{4})" + r"(\d\d)" * 5)
_KINDS: dict[str, Kind] = {"-": "file", "d": "folder", "l": "link"}


def mlsd(line: str) -> Listed | None:
    """Read a line of MLSD; ``None`` for the folder itself and its parent.

    LIST has no such certainty: its times have no zone and often no year, they are not read.
    """
    facts_text, _, name = line.partition(" ")
    facts = {key.lower(): value for key, _, value in (fact.partition("=") for fact in facts_text.split(";"))}
    kind = facts.get("type", "file").lower()
    if kind in {"cdir", "pdir"} or name in {"", ".", ".."}:
        return None
    size = facts.get("size", "")
    return Listed(
        name,
        "file" if kind == "file" else "folder" if kind == "dir" else "link" if "link" in kind else "other",
        int(size) if size.isdecimal() else None,
        _utc(facts.get("modify", "")),
        facts.get("unique", ""),
    )


def list_lines(lines: list[str]) -> list[Listed] | None:
    """Read what LIST gave; ``None`` when a line has a form that we do not know."""
    found = []
    for line in lines:
        if unix := _UNIX.fullmatch(line):
            letter, size, name = unix.groups()
            kind = _KINDS.get(letter, "other")
            if kind == "link":
                name = name.partition(" -> ")[0]
            found.append(Listed(name, kind, int(size)))
        elif dos := _DOS.fullmatch(line):
            size, name = dos.groups()
            found.append(Listed(name, "folder") if size == "<DIR>" else Listed(name, "file", int(size)))
        elif not re.fullmatch(r"total \d+|\s*", line):
            return None
    return [one for one in found if one.name not in {".", ".."}]


def _utc(stamp: str) -> datetime | None:
    """Read ``YYYYMMDDHHMMSS``, in UTC by RFC 3659; a fraction is left out."""
    digits = _STAMP.match(stamp)
    if not digits:
        return None
    try:
        year, month, day, hour, minute, second = (int(part) for part in digits.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None

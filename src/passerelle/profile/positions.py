"""On which line of a TOML text each setting stands.

Python's TOML reader tells no positions. The text is cut into its statements, each the fewest lines that are valid by
themselves, and each is read alone: what it holds stands on its first line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Key = tuple[str | int, ...]
"""A setting: names of tables and keys, positions in lists from 0."""


def key_lines(text: str) -> dict[Key, int]:
    """Give the line, from 1, of every table, key and list element of a valid TOML text."""
    found: dict[Key, int] = {}
    tables: dict[Key, int] = {}
    table: Key = ()
    for line, statement in _statements(text):
        document = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _table(document, tables)
            for length in range(1, len(table) + 1):
                found.setdefault(table[:length], line)
        else:
            for key in _keys(document, table):
                found.setdefault(key, line)
    return found


def line_of(lines: Mapping[Key, int], key: Key) -> int:
    """Give the line of a setting, or of the nearest table around one that is not in the file; else the first."""
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    return 1


def _statements(text: str) -> Iterator[tuple[int, str]]:
    start, lines = 1, list[str]()
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        lines.append(line)
        try:
            tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError:
            continue
        yield start, "\n".join(lines)
        start, lines = number + 1, []


def _table(document: Any, tables: dict[Key, int]) -> Key:
    """Give the full key of a ``[table]`` or ``[[table]]`` header; a table within a list belongs to its last element."""
    key: Key = ()
    while document:
        (name,) = document
        key, document = (*key, name), document[name]
        if isinstance(document, list):
            tables[key] = tables.get(key, -1) + 1
            document = None
        if key in tables:
            key = (*key, tables[key])
    return key


def _keys(value: Any, key: Key) -> Iterator[Key]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, held in inner:
        yield (*key, name)
        yield from _keys(held, (*key, name))

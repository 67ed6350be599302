"""How descriptor files are read: YAML in which every value knows the file and line it stands at.

Scalars stay texts whatever YAML would make of them (``0123``, ``2026-01-31``, ``no``): the property that is asked for
says what they mean. All that is wrong in a file is collected, so that its author sees it at once.

Source: design.md decision 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self, TypeAlias, TypeVar

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REFERENCE = re.compile(r"\$(?:\$|([a-z][a-z0-9_]*)|\{([a-z][a-z0-9_]*)\})")
_Choice = TypeVar("_Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a descriptor file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class DescriptorError(ValueError):
    """A descriptor file cannot be used.

    Attributes:
        mistakes: everything wrong with it, each as ``file:line: property: what is wrong, what is allowed``.
    """

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(dict.fromkeys(mistakes))
        super().__init__("\n".join(self.mistakes))


class Scalar(str):
    """A text of a descriptor file, exactly as written there."""

    __slots__ = ("place",)
    place: Place

    def __new__(cls, text: str, place: Place) -> Self:
        """Remember where the text stands."""
        self = super().__new__(cls, text)
        self.place = place
        return self


class Items(list["Node"]):
    """A list of a descriptor file."""

    def __init__(self, items: Iterable[Node], place: Place) -> None:
        super().__init__(items)
        self.place = place


class Section(dict[str, "Node"]):
    """A mapping of a descriptor file; ``keys_at`` tells where each of its keys stands."""

    def __init__(self, entries: Mapping[str, Node], place: Place, keys_at: Mapping[str, Place]) -> None:
        super().__init__(entries)
        self.place = place
        self.keys_at = keys_at


Node: TypeAlias = Scalar | Items | Section


@lru_cache
def parse(text: str, file: str) -> Section:
    """Read one descriptor file; what it gives is shared, and changed by nobody.

    Raises:
        DescriptorError: no YAML, or no mapping at its top, or a property stands twice.
    """
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or str(error)
        raise DescriptorError([f"{file}:{line}: not YAML: {problem}"]) from error
    finally:
        loader.dispose()
    if not isinstance(root, yaml.MappingNode):
        raise DescriptorError([f"{file}:1: not a descriptor: a mapping with name, schema … is expected"])
    mistakes: list[str] = []
    section = _node(root, file, mistakes)
    if mistakes:
        raise DescriptorError(mistakes)
    assert isinstance(section, Section)  # noqa: S101 - tells mypy what the test above proved
    return section


def _node(node: yaml.Node, file: str, mistakes: list[str]) -> Node:
    place = Place(file, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        entries: dict[str, Node] = {}
        keys_at: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            at = Place(file, key_node.start_mark.line + 1)
            if key in entries:
                mistakes.append(f"{at}: {key}: stands twice")
            entries[key], keys_at[key] = _node(value_node, file, mistakes), at
        return Section(entries, place, keys_at)
    if isinstance(node, yaml.SequenceNode):
        return Items([_node(item, file, mistakes) for item in node.value], place)
    return Scalar(str(node.value), place)


def merged(base: Section, over: Section) -> Section:
    """Put a descriptor over the one it extends: its properties win; in lists of named entries, entry by entry."""
    result = dict(base)
    for key, value in over.items():
        below = base.get(key)
        if isinstance(value, Section) and isinstance(below, Section):
            result[key] = merged(below, value)
        elif isinstance(value, Items) and isinstance(below, Items) and all("name" in _keys(item) for item in value):
            result[key] = _merged_items(below, value)
        else:
            result[key] = value
    return Section(result, over.place, {**base.keys_at, **over.keys_at})


def _merged_items(base: Items, over: Items) -> Items:
    result = list(base)
    at = {item["name"]: index for index, item in enumerate(result) if isinstance(item, Section) and "name" in item}
    for item in over:
        name = item["name"] if isinstance(item, Section) else None
        if isinstance(item, Section) and name in at:
            below = result[at[name]]
            result[at[name]] = merged(below, item) if isinstance(below, Section) else item
        else:
            result.append(item)
    return Items(result, over.place)


def _keys(node: Node) -> Iterable[str]:
    return node.keys() if isinstance(node, Section) else ()


@dataclass(slots=True)
class Scope:
    """What all entries of one descriptor share: the values of its settings, and the mistakes met."""

    settings: Mapping[str, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)


class Entry:
    """A mapping of a descriptor, asked property by property; a wrong value is noted and its default given."""

    def __init__(self, section: Section, path: str, scope: Scope) -> None:
        self._section = section
        self._path = path
        self._scope = scope
        self._asked: list[str] = []

    def wrong(self, key: str, problem: str) -> None:
        """Note a mistake of one property (of the entry as a whole when ``key`` is empty)."""
        node = self._section.get(key)
        place = node.place if node is not None else self._section.place
        path = ".".join(part for part in (self._path, key) if part)
        self._scope.mistakes.append(f"{place}: {path}: {problem}" if path else f"{place}: {problem}")

    def has(self, key: str) -> bool:
        """Tell whether the property stands there."""
        return key in self._section

    def text(self, key: str, default: str = "") -> str:
        """Give a text, with the settings it names filled in."""
        node = self._ask(key)
        if node is None:
            return default
        if not isinstance(node, Scalar):
            self.wrong(key, "one value is expected, not a list or mapping")
            return default
        return self._filled(key, node)

    def mandatory(self, key: str) -> str:
        """Give a text that must stand there."""
        value = self.text(key)
        if not value:
            self.wrong(key, "is missing")
        return value

    def choice(self, key: str, allowed: Iterable[_Choice], default: _Choice) -> _Choice:
        """Give one of the allowed values."""
        options = list(allowed)
        value = self.text(key, default)
        for option in options:
            if option == value:
                return option
        self.wrong(key, f"{value!r} is not possible; allowed: {', '.join(options)}")
        return default

    def flag(self, key: str, *, default: bool) -> bool:
        """Give true or false."""
        return self.choice(key, ("true", "false"), "true" if default else "false") == "true"

    def count(self, key: str, *, minimum: int = 0, maximum: int = 1_000_000) -> int | None:
        """Give a whole number; None when it is not there."""
        value = self.text(key)
        if not value:
            return None
        if re.fullmatch(r"[0-9]{1,7}", value) and minimum <= int(value) <= maximum:
            return int(value)
        self.wrong(key, f"{value!r} is not possible; allowed: a whole number from {minimum} to {maximum}")
        return None

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Give a list of texts; one text alone is a list of one."""
        node = self._ask(key)
        if node is None:
            return default
        if isinstance(node, Scalar):
            return (self._filled(key, node),)
        if isinstance(node, Items) and all(isinstance(item, Scalar) for item in node):
            return tuple(self._filled(key, item) for item in node if isinstance(item, Scalar))
        self.wrong(key, "a list of values is expected")
        return default

    def entry(self, key: str) -> Entry:
        """Give a mapping; an empty one when it is not there."""
        node = self._ask(key)
        path = f"{self._path}.{key}" if self._path else key
        if isinstance(node, Section):
            return Entry(node, path, self._scope)
        if node is not None:
            self.wrong(key, "a mapping is expected")
        return Entry(Section({}, self._section.place, {}), path, self._scope)

    def entries(self, key: str) -> list[Entry]:
        """Give a list of mappings."""
        node = self._ask(key)
        if node is None:
            return []
        if isinstance(node, Items) and all(isinstance(item, Section) for item in node):
            return [
                Entry(item, f"{self._path}.{key}[{item.get('name', index + 1)}]", self._scope)
                for index, item in enumerate(node)
                if isinstance(item, Section)
            ]
        self.wrong(key, "a list of mappings is expected")
        return []

    def mapping(self, key: str) -> dict[str, str]:
        """Give a mapping of texts."""
        inner = self.entry(key)
        return {name: inner.text(name) for name in inner.names()}

    def names(self) -> list[str]:
        """Give the properties that stand there."""
        return list(self._section)

    def ignore(self, *keys: str) -> None:
        """Accept properties of the standard that change nothing here."""
        self._asked += keys

    def close(self) -> None:
        """Note every property that nobody asked for."""
        allowed = ", ".join(sorted(set(self._asked)))
        for key in self._section:
            if key not in self._asked:
                path = ".".join(part for part in (self._path, key) if part)
                self._scope.mistakes.append(
                    f"{self._section.keys_at[key]}: {path}: unknown property; allowed: {allowed}"
                )

    def _ask(self, key: str) -> Node | None:
        self._asked.append(key)
        return self._section.get(key)

    def _filled(self, key: str, text: Scalar) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if not name:
                return "$"
            if name not in self._scope.settings:
                declared = ", ".join(sorted(self._scope.settings)) or "none"
                self.wrong(key, f"no setting is named {name}; declared: {declared}")
                return ""
            return self._scope.settings[name]

        return _REFERENCE.sub(value, text)

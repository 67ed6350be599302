"""Every setting of a profile as it stands, also those that its file leaves at their default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from passerelle.profile.loader import LoadedProfile, dotted
from passerelle.profile.positions import Key


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting: its name as ``orders.period``, its value as text, whether the file gives it."""

    name: str
    value: str
    is_given: bool


def settings(loaded: LoadedProfile) -> Iterator[Shown]:
    """Give each setting; a list of texts is one setting, a list of tables has several."""
    for key, value in _settings(loaded.profile.model_dump(mode="json"), ()):
        is_given = key in loaded.lines or (key[-1] == "url" and key[:-1] in loaded.lines)
        yield Shown(dotted(key), json.dumps(value, ensure_ascii=False), is_given)


def _settings(value: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _settings(inner, (*key, name))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for position, inner in enumerate(value):
            yield from _settings(inner, (*key, position))
    elif value is not None:
        yield key, value

"""What users are told: every outcome code with its French and English text and what to do about it.

Each code is declared once, in one of the YAML files beside this one (one file per area):

    unknown-article:
      state: failed    # what becomes of the record: failed, ignored, or succeeded (a remark, nothing lost)
      fr: "Article inconnu dans l'ERP : {value}."
      en: "Article unknown to the ERP: {value}."
      todo_fr: "Créez l'article dans l'ERP ou activez l'article Divers."
      todo_en: "Create the article in the ERP, or switch the Divers article on."

Texts may name ``{record}``, ``{field}``, ``{value}`` and the outcome's own parameters.
Codes are stable, texts may improve.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

Language = Literal["fr", "en"]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Code:
    """One thing that can be said of a record."""

    id: str
    area: str
    state: Literal["succeeded", "failed", "ignored"]
    fr: str
    en: str
    todo_fr: str
    todo_en: str

    def text(self, language: Language, **parameters: object) -> str:
        """Say what happened, in one sentence."""
        return _filled(self.fr if language == "fr" else self.en, parameters)

    def todo(self, language: Language, **parameters: object) -> str:
        """Say what the user should do; empty when there is nothing to do."""
        return _filled(self.todo_fr if language == "fr" else self.todo_en, parameters)


class _Parameters(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _filled(text: str, parameters: dict[str, object]) -> str:
    return text.format_map(_Parameters(parameters))


@cache
def codes() -> dict[str, Code]:
    """Give every declared code by its id.

    Raises:
        ValueError: a code is declared twice.
    """
    found: dict[str, Code] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".yaml"):
            continue
        area = file.name.removesuffix(".yaml")
        for name, entry in _LOADER(file.read_text(encoding="utf-8")).get_single_data().items():
            if name in found:
                raise ValueError(f"outcome code {name} is declared in {found[name].area} and in {area}")
            found[name] = Code(
                id=name,
                area=area,
                state=entry["state"],
                fr=entry["fr"],
                en=entry["en"],
                todo_fr=entry.get("todo_fr", ""),
                todo_en=entry.get("todo_en", ""),
            )
    return found


def code(name: str) -> Code:
    """Give one declared code.

    Raises:
        KeyError: no such code is declared.
    """
    return codes()[name]

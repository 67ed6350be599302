"""The console's own words in French and English; what is said of records and errors is in ``passerelle.messages``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

from passerelle.console.commands import Parameter
from passerelle.messages import Language

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def words() -> dict[str, dict[Language, str]]:
    """Give every word by its name and language."""
    text = files(__package__).joinpath("words.yaml").read_text(encoding="utf-8")
    declared: dict[str, dict[Language, str]] = _LOADER(text).get_single_data()
    return declared


class Words:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, name: str, /, **parameters: object) -> str:
        """Give a word, its parameters filled in.

        Raises:
            KeyError: it is not declared.
        """
        return words()[name][self.language].format(**parameters)

    def known(self, prefix: str, name: str, otherwise: str = "") -> str:
        """Give the word of something that may be newer than the console; else its own name."""
        found = words().get(f"{prefix}.{name}")
        return found[self.language] if found else otherwise or name

    def size(self, octets: int) -> str:
        """Give the size of a file with its unit, to a tenth."""
        power = min(max(octets.bit_length() - 1, 0) // 10, 3)
        number = f"{octets / 1024**power:.1f}" if power else str(octets)
        return f"{number} {self('run.sizes').split()[power]}"

    def option(self, command: str, parameter: Parameter) -> str:
        """Give the word of a command's parameter; one that means something else elsewhere has a word of its own."""
        name = parameter.name
        return self.known("option", f"{command}.{name}", self.known("option", name, parameter.help))

"""The tasks that the console starts, as their commands declare them: what one can ask for, the other can (CON-2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from passerelle.run.errors import RunError

_NO = {"0", "false", "no", "non"}


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a task's command, by its name as a parameter of the flow; a flag has no value."""

    name: str
    is_flag: bool
    help: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task: its name, what its command's help says, its options but for the profile."""

    name: str
    help: str
    options: tuple[Option, ...]

    @property
    def goes_to_shops(self) -> bool:
        """Whether it tells shops something; else it brings something to the ERP."""
        return any(option.name == "shop" for option in self.options)

    def asked(self, given: Mapping[str, str]) -> dict[str, str | bool]:
        """Give the options asked for, of what a form or an address says; what is empty is not asked.

        Raises:
            RunError: the task has no such option.
        """
        known = {option.name: option for option in self.options}
        wanted = {name.replace("-", "_"): value.strip() for name, value in given.items() if value.strip()}
        for name in wanted:
            if name not in known:
                raise RunError("console-unknown-option", is_usage=True, value=name, known=", ".join(known))
        flags = {name for name in wanted if known[name].is_flag}
        no = {name for name in flags if wanted[name].lower() in _NO}
        return {name: True if name in flags else value for name, value in wanted.items() if name not in no}


Tasks = Mapping[str, Task]

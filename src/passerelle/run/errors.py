"""What stops a run, by a declared code; everything less is an outcome of a record."""

from __future__ import annotations

from functools import partial
from typing import Any

from passerelle import outcome
from passerelle.messages import Language, code


class RunError(Exception):
    """A run cannot go on.

    A parameter that is a row of an outcomes table is told as its message, in the language asked for, and its record.

    Attributes:
        code: a code of ``messages/run.yaml``.
        is_usage: the command or the configuration is wrong, nothing was tried.
    """

    def __init__(self, name: str, /, *, is_usage: bool = False, **parameters: object) -> None:
        self.code = name
        self.is_usage = is_usage
        self.parameters = parameters
        super().__init__(self.text("en"))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self.code, is_usage=self.is_usage, **self.parameters), ()

    def text(self, language: Language) -> str:
        """Say what happened."""
        return code(self.code).text(language, **self._said(language))

    def todo(self, language: Language) -> str:
        """Say what the user should do."""
        return code(self.code).todo(language, **self._said(language))

    def _said(self, language: Language) -> dict[str, object]:
        return {
            name: f"{outcome.message(value, language)} ({value['record']})" if isinstance(value, dict) else value
            for name, value in self.parameters.items()
        }

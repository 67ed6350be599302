"""What stops a whole file; everything less is an outcome of a row."""

from __future__ import annotations

from typing import Any

import pandas as pd

from passerelle.messages import Language, code
from passerelle.outcome import said


class FormatError(Exception):
    """A file cannot be read as the format it should have.

    Attributes:
        file: its name.
        format: name of the format.
        code: the message code.
        parameters: what else the message names.
    """

    def __init__(self, name: str, *, file: str, format_name: str, **parameters: Any) -> None:
        self.code = name
        self.file = file
        self.format = format_name
        self.parameters: dict[str, Any] = {"format": format_name, **parameters}
        super().__init__(self.text("en"))

    def text(self, language: Language) -> str:
        """Say what is wrong with the file."""
        return f"{self.file}: {code(self.code).text(language, **self._named())}"

    def todo(self, language: Language) -> str:
        """Say what the user should do."""
        return code(self.code).todo(language, **self._named())

    def outcomes(self) -> pd.DataFrame:
        """Give it as an outcome of the file."""
        return said(self.code, [self.file], record_type="file", stage="read", **self.parameters)

    def _named(self) -> dict[str, Any]:
        return {"record": self.file, **self.parameters}


class NotReadableError(FormatError):
    """Nothing in the file can be decoded: no text, no spreadsheet, or an archive that is broken or too large."""


class NotOursError(FormatError):
    """The header is not that of the format."""


class CriterionError(Exception):
    """A condition of a profile cannot be used: it is no condition, or more than one.

    Attributes:
        code: the message code.
        criterion: the condition as it was written.
        parameters: what else the message names.
    """

    is_usage = True

    def __init__(self, name: str, criterion: str, **parameters: Any) -> None:
        super().__init__(code(name).text("en", value=criterion, **parameters))
        self.code = name
        self.criterion = criterion
        self.parameters: dict[str, Any] = {"value": criterion, **parameters}

    def text(self, language: Language) -> str:
        """Say what is wrong with it."""
        return code(self.code).text(language, **self.parameters)

    def todo(self, language: Language) -> str:
        """Say what the user should do."""
        return code(self.code).todo(language, **self.parameters)

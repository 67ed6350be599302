"""What users are told of an error that they can act on, by commands and by the console."""

from __future__ import annotations

from dataclasses import dataclass

from passerelle.formats.errors import CriterionError, FormatError
from passerelle.formats.notation import DescriptorError
from passerelle.formats.registry import UnknownFormatError
from passerelle.ledger.errors import LedgerError, WrongUrlError
from passerelle.messages import Language, code, system
from passerelle.profile.loader import ProfileError
from passerelle.run.errors import RunError
from passerelle.storage.errors import BadPlace, StorageError


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong and what to do about it; ``is_usage``: what was asked, or the configuration, is wrong."""

    text: str
    todo: str
    is_usage: bool = False


def told(error: Exception, language: Language) -> Fault | None:
    """Say an error in a user's language; none: it is nobody's but ours, and must be reported with its traceback."""
    for kind, name in ((DescriptorError, "format-unusable"), (UnknownFormatError, "format-unknown")):
        if isinstance(error, kind):
            reason = str(error.args[0] if error.args else error)
            return Fault(code(name).text(language, reason=reason), code(name).todo(language), is_usage=True)
    if isinstance(error, StorageError | LedgerError | FormatError | CriterionError | ProfileError | RunError):
        usage = isinstance(error, BadPlace | WrongUrlError | ProfileError) or getattr(error, "is_usage", False)
        return Fault(error.text(language), error.todo(language), is_usage=usage)
    if isinstance(error, OSError):
        said = system.texts(error)
        return Fault(said[f"reason_{language}"], said[f"todo_{language}"])
    return None


def said(error: Exception, language: Language) -> str:
    """Say an error and what to do about it; one that only we can mend in its own words."""
    fault = told(error, language)
    return f"{fault.text} {fault.todo}".strip() if fault else str(error)

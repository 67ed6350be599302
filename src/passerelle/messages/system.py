"""What the operating system refuses, in the users' languages: its own words are in English, and say no remedy."""

from __future__ import annotations

import errno

from passerelle.messages import Language, codes

_SAME = {"EPERM": "EACCES"}


def texts(error: OSError, file: object = None) -> dict[str, str]:
    """Say what an error means and what to do, as messages take it: ``reason_fr``, ``todo_fr`` and in English.

    Args:
        error: the error.
        file: what it was about, where the error does not name it as users do.
    """
    name = errno.errorcode.get(error.errno or 0, "")
    code = codes().get(f"system-{_SAME.get(name, name).lower()}", codes()["system-other"])
    params = {"file": file or error.filename or "?", "reason": error.strerror or str(error) or type(error).__name__}
    return {
        "reason_fr": code.text("fr", **params),
        "reason_en": code.text("en", **params),
        "todo_fr": code.todo("fr", **params),
        "todo_en": code.todo("en", **params),
    }


def text(error: OSError, language: Language) -> str:
    """Say what an error means and what to do, a line each."""
    said = texts(error)
    return f"{said[f'reason_{language}']}\n{said[f'todo_{language}']}"

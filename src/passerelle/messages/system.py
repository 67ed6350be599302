"""What the operating system refuses, in the users' languages: its own words are in English, and say no remedy."""

from __future__ import annotations

import errno

from passerelle.messages import Language, code

_CODES = {
    errno.ENOENT: "system-enoent",
    errno.EACCES: "system-eacces",
    errno.EISDIR: "system-eisdir",
    errno.ENOTDIR: "system-enotdir",
    errno.ENAMETOOLONG: "system-enametoolong",
    errno.ENOSPC: "system-enospc",
    errno.EROFS: "system-erofs",
    errno.EPERM: "system-eacces",
}


def texts(error: OSError, file: object = None) -> dict[str, str]:
    """Say what an error means and what to do, as messages take it: ``reason_fr``, ``todo_fr`` and in English.

    Args:
        error: the error.
        file: what it was about, where the error does not name it as users do.
    """
    declared = code(_CODES.get(error.errno or 0, "system-other"))
    params = {"file": file or error.filename or "?", "reason": error.strerror or str(error) or type(error).__name__}
    return {
        "reason_fr": declared.text("fr", **params),
        "reason_en": declared.text("en", **params),
        "todo_fr": declared.todo("fr", **params),
        "todo_en": declared.todo("en", **params),
    }


def text(error: OSError, language: Language) -> str:
    """Say what an error means and what to do, a line each."""
    said = texts(error)
    return f"{said[f'reason_{language}']}\n{said[f'todo_{language}']}"

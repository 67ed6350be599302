"""Secrets are configured by name; here a name becomes its value, which never shows in a log or an error.

Looked up in this order: the environment variable of that name, then the secrets file, a TOML file of lines
``NAME = "value"`` that nobody but its owner may read (mode 0600).

Source: spec STO-2, SEC-3; design decision 11.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from stat import S_IMODE

from pydantic import SecretStr

from passerelle.storage.errors import BadPlace

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def secrets_file() -> Path:
    """Give the secrets file: ``PASSERELLE_SECRETS``, else ``passerelle/secrets.toml`` in the user's settings."""
    settings = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(os.environ.get("PASSERELLE_SECRETS") or f"{settings}/passerelle/secrets.toml").expanduser()


def check_name(name: str) -> str:
    """Give the name of a secret back if it can be one.

    Raises:
        BadPlace: it cannot; as it may be the secret itself, it is not repeated.
    """
    if not _NAME.fullmatch(name):
        raise BadPlace("", code="storage-secret-name")
    return name


def resolve(name: str, *, file: Path | None = None) -> SecretStr:
    """Give the secret of that name.

    Args:
        name: capitals, digits, underscores.
        file: the secrets file; by default ``secrets_file()``.

    Raises:
        BadPlace: no such secret, it is empty or has a line break, or the file is readable by others or broken.
    """
    file = file or secrets_file()
    value = os.environ.get(check_name(name))
    if value is None:
        value = _stored(file).get(name)
    if value is None:
        raise BadPlace(str(file), "", name, "storage-secret-missing")
    if not value or not value.isprintable():
        raise BadPlace(str(file), "", name, "storage-secret-broken")
    return SecretStr(value)


def _stored(file: Path) -> dict[str, str]:
    try:
        with file.open("rb") as opened:
            known = os.fstat(opened.fileno())
            if os.name == "posix" and (S_IMODE(known.st_mode) & 0o077 or known.st_uid not in {0, os.geteuid()}):
                raise BadPlace(str(file), code="storage-secrets-exposed")
            entries = tomllib.load(opened)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadPlace(str(file), "", error.strerror or "", "storage-secrets-unreadable") from error
    except ValueError as error:  # its text quotes no value
        raise BadPlace(str(file), "", str(error), "storage-secrets-unreadable") from None
    return {name: value for name, value in entries.items() if isinstance(value, str)}

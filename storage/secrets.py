"""Secrets are configured by name; here a name becomes its value, which never shows in a log or an error.

Looked up in this order: the environment variable of that name; the secrets file, a TOML file of lines
``NAME = "value"`` that nobody but its owner may read (mode 0600); what ``also_from`` added: flows add Prefect's blocks.

Source: spec STO-2, SEC-3; design decision 11.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from stat import S_IMODE
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

from passerelle.storage.errors import BadPlace

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_MASK = "***"
_SHORTEST = 4
"""Shorter values are never masked: they stand in every text, which would be unreadable without hiding anything."""
_resolved: set[str] = set()
"""The values that were asked for in this process, which no log may repeat; see ``_SHORTEST``."""
_further: ContextVar[Callable[[str], str | None] | None] = ContextVar("further secrets", default=None)


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
    if value is None and (further := _further.get()):
        value = further(name)
    if value is None:
        raise BadPlace(str(file), "", name, "storage-secret-missing")
    if not value or not value.isprintable():
        raise BadPlace(str(file), "", name, "storage-secret-broken")
    if len(value) >= _SHORTEST:
        _resolved.add(value)
    return SecretStr(value)


def resolved() -> frozenset[str]:
    """Give the values of all secrets that this process has used: what it writes may hold none of them."""
    return frozenset(_resolved)


def masked(text: str, values: Collection[str] | None = None) -> str:
    """Give a text without secrets, as they are, in an address or in JSON.

    Args:
        text: any.
        values: the secrets; by default all that this process has used.
    """
    for value in sorted(_resolved if values is None else values, key=len, reverse=True):
        for written in {value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}:
            text = text.replace(written, _MASK)
    return text


@contextmanager
def also_from(source: Callable[[str], str | None]) -> Iterator[None]:
    """Look secrets up in one more source, the last, within ``with``.

    Args:
        source: gives the secret of a name; ``None`` where it has none.
    """
    token = _further.set(source)
    try:
        yield
    finally:
        _further.reset(token)


def store(name: str, value: SecretStr, *, file: Path | None = None) -> None:
    """Write a secret into the secrets file, which is made if need be; its other lines stay as they are.

    An environment variable of that name still goes before it.

    Args:
        name: as in ``resolve``.
        value: one line of text.
        file: as in ``resolve``.

    Raises:
        BadPlace: the file is readable by others, broken, or cannot be written.
    """
    file = Path(os.path.realpath(file or secrets_file()))
    check_name(name)
    if not value.get_secret_value() or not value.get_secret_value().isprintable():
        raise BadPlace(str(file), "", name, "storage-secret-broken")
    _stored(file)  # not into one that others read
    try:
        old = file.read_bytes().decode() if file.exists() else ""
        _replace(file, _with_line(file, old, name, json.dumps(value.get_secret_value(), ensure_ascii=False)))
    except OSError as error:
        raise BadPlace(str(file), "", error.strerror or "", "storage-secrets-unwritable") from error
    if name in os.environ:
        _log.warning("%s was stored, but the environment variable of that name goes before it", name)


def _with_line(file: Path, text: str, name: str, value: str) -> str:
    """Put the line into the text: in its old one's place, or before all, where it belongs to no table."""
    line = f"{name} = {value}\n"
    changed, found = re.subn(rf"(?m)^[ \t]*\"?{name}\"?[ \t]*=.*(\n|\Z)", lambda _: line, text, count=1)
    changed = changed if found else line + text
    try:
        right = tomllib.loads(changed) == {**tomllib.loads(text), name: json.loads(value)}
    except tomllib.TOMLDecodeError:
        right = False
    if not right:  # its old value has several lines, or stands in a table
        raise BadPlace(str(file), "", name, "storage-secrets-unreadable")
    return changed


def _replace(file: Path, text: str) -> None:
    """Write the file anew, for its owner alone, so that it is whole at any moment."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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

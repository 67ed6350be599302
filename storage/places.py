"""All kinds of places, by the scheme of their URL; each is looked up in its module only when it is used.

Source: spec STO-1, STO-2.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from pydantic import SecretStr, ValidationError

from passerelle.messages import code
from passerelle.storage import secrets
from passerelle.storage.base import Storage
from passerelle.storage.errors import BadPlace
from passerelle.storage.place import Place, Secret
from passerelle.storage.retrying import RetryingStorage

BACKENDS = {
    "file": "local.LocalPlace",
    "ftp": "ftp.FtpPlace",
    "ftpes": "ftp.FtpPlace",
    "ftps": "ftp.FtpPlace",
    "sftp": "sftp.SftpPlace",
    "dropbox": "dropbox.DropboxPlace",
    "pcloud": "pcloud.PcloudPlace",
    "cloudinary": "cloudinary.CloudinaryPlace",
    "s3": "s3.S3Place",
}
"""Module and class of each scheme. A new kind of place is a line here, its module, and a test with the contract."""

_log = logging.getLogger(__name__)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""Two letters at least: ``C:`` is a drive."""
_PASSWORD = re.compile(r"/{0,2}[^/?#@\[]*:(?!\d*/)[^@]*@")
"""``user:anything@``, but not ``host:port/folder@x``."""


def as_place(given: Place | str | Mapping[str, object]) -> Place:
    """Read a place: its URL alone, or a table with ``url`` and options.

    Raises:
        BadPlace: the URL or an option is wrong.
        ValidationError: an option has a wrong value, as pydantic says it.
    """
    if isinstance(given, Place):
        return given
    options = {"url": given} if isinstance(given, str) else dict(given)
    url = options.get("url")
    kind = kind_of(_scheme(url)) if isinstance(url, str) else kind_of("file")
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        unknown = {str(one["loc"][0]) for one in error.errors() if one["type"] == "extra_forbidden"}
        foreign = sorted(name for name in unknown if any(name in kind_of(other).model_fields for other in BACKENDS))
        if foreign:
            raise BadPlace(kind.form, "", ", ".join(foreign), "storage-option-of-other-kind") from None
        raise


@cache
def kind_of(scheme: str) -> type[Place]:
    """Give the class of the places with a scheme.

    Raises:
        BadPlace: nobody knows the scheme.
    """
    if scheme not in BACKENDS:
        raise BadPlace(f"{scheme}:…", "", scheme)
    module, _, name = BACKENDS[scheme].rpartition(".")
    kind: type[Place] = getattr(import_module(f"passerelle.storage.{module}"), name)
    return kind


def open_place(place: Place, *, base_folder: Path | None = None, secrets_file: Path | None = None) -> Storage:
    """Give the storage of a place, to be used within ``with``; it tries again what may go away by itself.

    Args:
        place: where.
        base_folder: what relative paths of local folders and key files are relative to (the profile's folder);
            by default the current one.
        secrets_file: see ``secrets.resolve``.

    Raises:
        BadPlace: a secret is missing.
    """
    for warning in place.warnings:
        _log.warning("%s: %s", place.name, code(warning).text("en", where=place.name))
    backend = place.storage(base_folder or Path(), secrets_of(secrets_file))
    return RetryingStorage(backend, attempts=place.attempts, first_delay_seconds=place.first_delay_seconds)


def secrets_of(file: Path | None = None) -> Secret:
    """Give what turns the names of secrets into their values; see ``secrets.resolve``."""

    def secret(name: str) -> SecretStr | None:
        return secrets.resolve(name, file=file) if name else None

    return secret


def _scheme(url: str) -> str:
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else "file"
    if found and scheme != "file" and _PASSWORD.match(url, found.end()):
        raise BadPlace("", code="storage-password-in-url")
    if not url or not url.isprintable():
        raise BadPlace(f"{scheme}:…", "", "?")
    return scheme

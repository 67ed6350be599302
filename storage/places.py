"""Where files come from or go to, as people configure it: one URL, a few options, secrets by name.

Source: spec STO-1, STO-2, STO-9.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from passerelle.storage import secrets
from passerelle.storage.base import Storage
from passerelle.storage.errors import BadPlace
from passerelle.storage.local import LocalStorage
from passerelle.storage.retrying import RetryingStorage

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
"""Two letters at least: ``C:`` is a drive."""
_PASSWORD = re.compile(r"/{0,2}[^/?#@\[]*:(?!\d*/)[^@]*@")
"""``user:anything@``, but not ``host:port/folder@x``."""
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_PORTS = {"ftp": 21, "sftp": 22}
_OWN_OPTIONS = {
    "ftp": {"password", "passive"},
    "sftp": {"password", "key_file", "key_passphrase", "agent", "known_hosts", "host_key_fingerprint"},
}


class Address(NamedTuple):
    """The parts of a place's URL.

    ``folder`` is relative to the folder that the login leads to (``ftp://host/in``), absolute with a leading ``/``
    (``ftp://host//in``); of a local folder it is the path as written.
    """

    scheme: Literal["file", "ftp", "sftp"]
    user: str
    host: str
    port: int
    folder: str


class Place(BaseModel):
    """A configured place. Its ``repr`` and its errors hold no secret: it has only their names.

    Raises:
        BadPlace: (not pydantic's error, which would repeat the input) the URL or an option is wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = Field(description="A folder, file:///path, ftp://user@host:21/folder or sftp://user@host:22/folder.")
    password: str = Field("", description="Name of the secret that holds the password.")
    key_file: Path | None = Field(None, description="SFTP: private key.")
    key_passphrase: str = Field("", description="SFTP: name of the secret that opens the private key.")
    agent: bool = Field(default=False, description="SFTP: also try the keys of the SSH agent.")
    known_hosts: Path | None = Field(None, description="SFTP: host keys to trust; by default ~/.ssh/known_hosts.")
    host_key_fingerprint: tuple[str, ...] = Field(
        (), description="SFTP: host keys to trust, as SHA256:…; one or several. Then known_hosts is not read."
    )
    passive: Literal["auto", "epsv", "pasv"] = Field("auto", description="FTP: how data connections are asked for.")
    timeout_seconds: float = Field(30, gt=0, le=600, description="For the connection and for every single answer.")
    attempts: int = Field(4, ge=1, le=10, description="How often a call is tried when an error may go away by itself.")
    first_delay_seconds: float = Field(1, ge=0, le=60, description="Wait before the second try; doubled each time.")

    @field_validator("url")
    @classmethod
    def _url_is_good(cls, url: str) -> str:
        _parsed(url)
        return url

    @field_validator("password", "key_passphrase")
    @classmethod
    def _is_name_of_secret(cls, name: str) -> str:
        return name and secrets.check_name(name)

    @field_validator("host_key_fingerprint", mode="before")
    @classmethod
    def _fingerprints_are_good(cls, given: object) -> object:
        fingerprints = [given] if isinstance(given, str) else given
        if not isinstance(fingerprints, list | tuple):
            return given
        trimmed = tuple(str(one).rstrip("=") for one in fingerprints)
        for one in trimmed:
            if not _FINGERPRINT.fullmatch(one):
                raise BadPlace("", "", one, "storage-bad-fingerprint")
        return trimmed

    @model_validator(mode="after")
    def _options_suit_the_scheme(self) -> Self:
        foreign = set().union(*_OWN_OPTIONS.values()) - _OWN_OPTIONS.get(self.address.scheme, set())
        fields = type(self).model_fields
        if wrong := sorted(name for name in foreign if getattr(self, name) != fields[name].default):
            raise BadPlace(self.name, "", ", ".join(wrong), "storage-option-of-other-kind")
        return self

    @property
    def address(self) -> Address:
        """The parts of the URL."""
        return _parsed(self.url)

    @property
    def name(self) -> str:
        """The place for people: no secret."""
        scheme, user, host, port, folder = self.address
        if scheme == "file":
            return folder
        where = f"[{host}]" if ":" in host else host
        return f"{scheme}://{user}@{where}:{port}/{folder}"


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
    base = base_folder or Path()
    address = place.address
    if address.scheme == "file":
        backend: Storage = LocalStorage(base / Path(address.folder).expanduser())
    elif address.scheme == "ftp":
        backend = _ftp(place, address, secrets_file)
    else:
        backend = _sftp(place, address, base, secrets_file)
    return RetryingStorage(backend, attempts=place.attempts, first_delay_seconds=place.first_delay_seconds)


def _ftp(place: Place, address: Address, secrets_file: Path | None) -> Storage:
    from passerelle.storage.ftp import FtpStorage  # noqa: PLC0415 - slow to import, often not needed

    return FtpStorage(
        place.name,
        address.host,
        port=address.port,
        user=address.user,
        password=_secret(place.password, secrets_file),
        folder=address.folder,
        passive=place.passive,
        timeout_seconds=place.timeout_seconds,
    )


def _sftp(place: Place, address: Address, base: Path, secrets_file: Path | None) -> Storage:
    from passerelle.storage.sftp import SftpStorage  # noqa: PLC0415 - slow to import, often not needed

    return SftpStorage(
        place.name,
        address.host,
        port=address.port,
        user=address.user,
        folder=address.folder,
        password=_secret(place.password, secrets_file),
        key_file=place.key_file and base / place.key_file.expanduser(),
        key_passphrase=_secret(place.key_passphrase, secrets_file),
        agent=place.agent,
        known_hosts=place.known_hosts and base / place.known_hosts.expanduser(),
        fingerprints=place.host_key_fingerprint,
        timeout_seconds=place.timeout_seconds,
    )


def _secret(name: str, secrets_file: Path | None) -> SecretStr | None:
    return secrets.resolve(name, file=secrets_file) if name else None


def _parsed(url: str) -> Address:
    scheme_found = _SCHEME.match(url)
    scheme = scheme_found[1].lower() if scheme_found else "file"
    if scheme_found and scheme != "file" and _PASSWORD.match(url, scheme_found.end()):
        raise BadPlace("", code="storage-password-in-url")
    if not url or not url.isprintable():
        raise BadPlace(f"{scheme}:…", "", "?")
    if scheme_found is None:
        return Address("file", "", "", 0, url)
    if scheme == "file":
        parts = urlsplit(url)
        if parts.netloc not in {"", "localhost"} or not parts.path or parts.query or parts.fragment:
            raise BadPlace(url, "", "file:///…")
        return Address("file", "", "", 0, unquote(parts.path))
    if scheme not in _PORTS:
        raise BadPlace(f"{scheme}:…", "", scheme)
    return _parsed_server("ftp" if scheme == "ftp" else "sftp", url)


def _parsed_server(scheme: Literal["ftp", "sftp"], url: str) -> Address:
    """Read the URL of a server; what is wrong is named, but not repeated: it might be a password gone astray."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[scheme]
    except ValueError:
        raise BadPlace(f"{scheme}://…", "", "host:port ?") from None
    user = unquote(parts.username or "") or ("anonymous" if scheme == "ftp" else "")
    if not parts.hostname or not user:
        raise BadPlace(f"{scheme}://…", "", "user@host ?")
    written = unquote(parts.path.removeprefix("/"))
    if parts.query or parts.fragment or ".." in written.split("/") or not (user + written).isprintable():
        raise BadPlace(f"{scheme}://…", "", "/folder ?")
    folder = written.rstrip("/") or written[:1]
    return Address(scheme, user, parts.hostname, port, folder)

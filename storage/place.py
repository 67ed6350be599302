"""What every configured place has: one URL, a few options, secrets by name. Each backend adds its own class.

Source: spec STO-1, STO-2, STO-8, STO-11.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from passerelle.storage import secrets
from passerelle.storage.base import Storage
from passerelle.storage.errors import BadPath, BadPlace
from passerelle.storage.paths import clean_folder

Secret = Callable[[str], SecretStr | None]
"""Gives the secret of a name; ``None`` for the name ``""``.

Raises:
    BadPlace: there is no such secret.
"""


class _NameOfSecret:
    """Marks the options that name a secret."""


SecretName = Annotated[str, AfterValidator(lambda name: name and secrets.check_name(name)), _NameOfSecret()]
"""An option that names a secret; ``""``: none."""


class Place(BaseModel, ABC):
    """A configured place. Its ``repr`` and its errors hold no secret: it has only their names.

    Raises:
        BadPlace: (not pydantic's error, which would repeat the input) the URL or an option is wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    form: ClassVar[str]
    """The URL's form, for people: ``ftp://user@host:21/folder``."""
    opening: ClassVar[tuple[str, ...]]
    """Codes of the steps that opening takes, in order (STO-3)."""

    url: str
    timeout_seconds: float = Field(30, gt=0, le=600, description="For the connection and for every single answer.")
    attempts: int = Field(4, ge=1, le=10, description="How often a call is tried when an error may go away by itself.")
    first_delay_seconds: float = Field(1, ge=0, le=60, description="Wait before the second try; doubled each time.")
    connections: int = Field(4, ge=1, le=16, description="How many connections may be used at once.")

    @field_validator("url")
    @classmethod
    def _url_is_good(cls, url: str) -> str:
        cls.check_url(url)
        return url

    @classmethod
    @abstractmethod
    def check_url(cls, url: str) -> None:
        """See that a URL of one of the class's schemes can be read.

        Raises:
            BadPlace: it cannot; it is not repeated, it might hold a password gone astray.
        """

    @property
    def name(self) -> str:
        """The place for people: no secret."""
        return self.url

    @property
    def server(self) -> tuple[str, int] | None:
        """Host and port that are connected to; ``None`` where there is no one server."""
        return None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of what is said at each use of the place: a protection that was switched off (STO-9)."""
        return ()

    @property
    def secret_names(self) -> dict[str, str]:
        """Names of the secrets it needs, by option."""
        fields = type(self).model_fields.items()
        named = [option for option, field in fields if any(isinstance(one, _NameOfSecret) for one in field.metadata)]
        return {option: name for option in named if (name := getattr(self, option))}

    @property
    def local_files(self) -> dict[str, Path]:
        """Files of this machine that it needs, by option."""
        options = type(self).model_fields
        return {option: path for option in options if isinstance(path := getattr(self, option), Path)}

    @abstractmethod
    def storage(self, base_folder: Path, secret: Secret) -> Storage:
        """Give the storage of this place, not opened yet.

        Args:
            base_folder: what relative paths of local folders and files are relative to.
            secret: gives the secrets by their names.

        Raises:
            BadPlace: a secret is missing, or a file cannot be used.
        """


class ServerAddress(NamedTuple):
    """The parts of a server's URL.

    ``folder`` is relative to the folder that the login leads to (``ftp://host/in``), absolute with a leading ``/``
    (``ftp://host//in``).
    """

    scheme: str
    user: str
    host: str
    port: int
    folder: str

    @property
    def name(self) -> str:
        """The address in its full form."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{self.user}@{host}:{self.port}/{self.folder}"


def server_address(url: str, *, port: int, user: str = "") -> ServerAddress:
    """Read ``scheme://user@host:port/folder``.

    Args:
        url: whatever stands in a profile or on the command line.
        port: where the URL tells none.
        user: where the URL tells none; ``""``: it must.

    Raises:
        BadPlace: it is none.
    """
    scheme = url.partition(":")[0].lower()
    try:
        parts = urlsplit(url)
        port = parts.port or port
    except ValueError:
        raise BadPlace(f"{scheme}://…", "", "host:port ?") from None
    user = unquote(parts.username or "") or user
    if not parts.hostname or not user:
        raise BadPlace(f"{scheme}://…", "", "user@host ?")
    folder = unquote(parts.path.removeprefix("/"))
    if parts.query or parts.fragment or ".." in folder.split("/") or not (user + folder).isprintable():
        raise BadPlace(f"{scheme}://…", "", "/folder ?")
    return ServerAddress(scheme, user, parts.hostname, port, folder.rstrip("/") or folder[:1])


def cloud_folder(url: str) -> str:
    """Read ``scheme:/folder``: the folder without ``/`` at its ends; ``""`` is the account's root.

    Raises:
        BadPlace: it is no such URL, or no clean folder.
    """
    scheme, _, rest = url.partition(":")
    if rest.startswith("//") or "?" in rest or "#" in rest:
        raise BadPlace(f"{scheme}:…", "", f"{scheme}:/folder")
    try:
        return clean_folder(unquote(rest).strip("/"))
    except BadPath:
        raise BadPlace(f"{scheme}:…", "", f"{scheme}:/folder") from None

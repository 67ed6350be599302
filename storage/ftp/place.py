"""A configured FTP server: plain, or in TLS (explicit and implicit).

Source: spec STO-1, STO-2, STO-9.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from passerelle.storage.base import Storage
from passerelle.storage.errors import BadPlace
from passerelle.storage.ftp.client import DataConnections
from passerelle.storage.ftp.storage import FtpStorage
from passerelle.storage.ftp.tls import Tls, clean_fingerprint
from passerelle.storage.place import Place, Secret, SecretName, ServerAddress, server_address

_PORTS = {"ftp": 21, "ftpes": 21, "ftps": 990}
_OF_TLS = ("ca_file", "certificate_fingerprint", "verify_certificate")


class FtpPlace(Place):
    """A folder of an FTP server: ``ftp`` in plain text, ``ftpes`` with explicit and ``ftps`` with implicit TLS."""

    form: ClassVar[str] = "ftp://user@host:21/folder, ftpes://user@host:21/folder, ftps://user@host:990/folder"

    password: SecretName = Field("", description="FTP: name of the secret that holds the password.")
    data_connections: DataConnections = Field(
        "auto",
        description="FTP: how data connections are opened. epsv, pasv: by us (passive); active: by the server.",
    )
    ca_file: Path | None = Field(None, description="FTPS: file with the only authorities (PEM) to trust.")
    certificate_fingerprint: tuple[str, ...] = Field(
        (), description="FTPS: SHA-256 of the certificates to trust; then no authority is asked."
    )
    verify_certificate: bool = Field(
        default=True,
        description="FTPS: false: trust any server. Anybody on the way can then read and change everything.",
    )

    @classmethod
    def check_url(cls, url: str) -> None:
        """See ``Place.check_url``."""
        _address(url)

    @field_validator("certificate_fingerprint", mode="before")
    @classmethod
    def _one_or_more(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @field_validator("certificate_fingerprint")
    @classmethod
    def _fingerprints_are_good(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(clean_fingerprint(one) for one in given)

    @model_validator(mode="after")
    def _tls_options_are_for_tls(self) -> Self:
        foreign = sorted(self.model_fields_set.intersection(_OF_TLS))
        if foreign and not self._has_tls:
            raise BadPlace("ftp:…", "", ", ".join(foreign), "storage-option-of-other-kind")
        return self

    @property
    def opening(self) -> tuple[str, ...]:  # type: ignore[override]  # only some of these places have TLS
        """See ``Place.opening``."""
        certificate = ("storage-step-certificate",) if self._has_tls else ()
        return ("storage-step-connected", *certificate, "storage-step-logged-in", "storage-step-folder")

    @property
    def name(self) -> str:
        """The address in its full form."""
        return _address(self.url).name

    @property
    def server(self) -> tuple[str, int]:
        """Host and port."""
        address = _address(self.url)
        return address.host, address.port

    @property
    def warnings(self) -> tuple[str, ...]:
        """See ``Place.warnings``."""
        return () if self.verify_certificate else ("storage-certificate-unverified",)

    def storage(self, base_folder: Path, secret: Secret) -> Storage:
        """See ``Place.storage``."""
        address = _address(self.url)
        tls = None
        if self._has_tls:
            ca_file = base_folder / self.ca_file if self.ca_file else None
            tls = Tls(address.scheme == "ftps", ca_file, self.certificate_fingerprint, self.verify_certificate)
            _ = tls.context  # its file can be read, or we say so now
        return FtpStorage(
            address.name,
            address.host,
            port=address.port,
            user=address.user,
            password=secret(self.password),
            folder=address.folder,
            tls=tls,
            data_connections=self.data_connections,
            timeout_seconds=self.timeout_seconds,
            connections=self.connections,
        )

    @property
    def _has_tls(self) -> bool:
        return _address(self.url).scheme != "ftp"


def _address(url: str) -> ServerAddress:
    return server_address(url, port=_PORTS[url.partition(":")[0].lower()], user="anonymous")

"""Whom we trust: the certificate of a server must be vouched for, or be one that was pinned (STO-9).

Source: spec STO-9; RFC 4217.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from passerelle.storage.errors import BadPlace, UntrustedHost

_FINGERPRINT = re.compile(r"(?:SHA256[:=])?((?:[0-9A-F]{2}:?){31}[0-9A-F]{2})", re.IGNORECASE)


def fingerprint_of(certificate: bytes) -> str:
    """Give the SHA-256 of a certificate as ``openssl x509 -fingerprint -sha256`` shows it: ``AB:CD:…``."""
    return hashlib.sha256(certificate).digest().hex(":").upper()


def clean_fingerprint(given: str) -> str:
    """Read a fingerprint with or without colons, in any case.

    Raises:
        BadPlace: it is none.
    """
    found = _FINGERPRINT.fullmatch(given.strip())
    if not found:
        raise BadPlace("certificate_fingerprint", "", given, "storage-bad-certificate-fingerprint")
    return bytes.fromhex(found[1].replace(":", "")).hex(":").upper()


@dataclass(frozen=True)
class Tls:
    """How TLS is begun with a server, and what makes us trust it.

    Attributes:
        implicit: TLS from the first byte on, instead of asking for it by AUTH TLS.
        ca_file: the only authorities to trust, in PEM; by default those of the system.
        fingerprints: certificates to trust, as ``fingerprint_of`` gives them; then no authority is asked.
        verify: whether the certificate is looked at at all.
    """

    implicit: bool = False
    ca_file: Path | None = None
    fingerprints: tuple[str, ...] = ()
    verify: bool = True

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The one context of all connections: a TLS session can only be taken up within it.

        Raises:
            BadPlace: the file of authorities cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            detail = f"{self.ca_file}: {error.strerror or error}"
            raise BadPlace(str(self.ca_file), "", detail, "storage-ca-unreadable") from None
        if self.fingerprints or not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def check(self, connection: ssl.SSLObject | ssl.SSLSocket, storage: str) -> None:
        """See that the certificate is one of the pinned ones, if any are; before anything is told to the server.

        Raises:
            UntrustedHost: it is none of them.
        """
        if self.fingerprints:
            seen = fingerprint_of(connection.getpeercert(binary_form=True) or b"")
            if seen not in self.fingerprints:
                raise UntrustedHost(storage, "", "", "storage-certificate-changed", seen)

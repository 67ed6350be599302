"""Certificates for the TLS servers of the tests: good ones, and each kind of bad one."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_NOW = dt.datetime.now(dt.UTC)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate in a file together with its key, as servers want it; and its SHA-256, as openssl shows it."""

    file: Path
    fingerprint: str


class Authority:
    """An authority of the test's own; ``file`` has its certificate, for whoever trusts it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(f"Passerelle test authority {x509.random_serial_number() % 10**9}")
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        own = (
            _begun(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def certificate(
        self,
        name: str = "good",
        *,
        host: str = "localhost",
        address: str = "127.0.0.1",
        expired: bool = False,
        self_signed: bool = False,
    ) -> Certificate:
        """Give a new certificate for a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(host)
        names = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(address))])
        certificate = (
            _begun(subject, subject if self_signed else self._name, key, -_DAY if expired else 30 * _DAY)
            .add_extension(names, critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(key if self_signed else self._key, hashes.SHA256())
        )
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return Certificate(file, certificate.fingerprint(hashes.SHA256()).hex(":").upper())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lasting: dt.timedelta = 30 * _DAY
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=_NOW - 10 * _DAY,
        not_valid_after=_NOW + lasting,
    )

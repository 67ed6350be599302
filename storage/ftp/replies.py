"""What an FTP server's replies mean, and how the names in them are written.

Texts on the control connection have one character per byte (Latin-1): *wire* below. Names are UTF-8, unless a folder
holds that very name in Latin-1.

Source: spec STO-8, STO-10; RFC 959 §4.2, RFC 2640.
"""

from __future__ import annotations

import ssl

from aioftp import StatusCodeError

from passerelle.storage.errors import (
    Denied,
    NoSpace,
    StorageError,
    Throttled,
    Unexpected,
    Unreachable,
    UntrustedHost,
)

UNCLEAR = frozenset(["450", "451", "501", "550", "551", "553"])
"""Replies that may mean absent as well as denied."""
_MEANINGS: dict[str, type[StorageError]] = {
    "421": Throttled,
    "425": Unreachable,
    "426": Unreachable,
    "450": Throttled,
    "452": NoSpace,
    "552": NoSpace,
    "430": Denied,
    "530": Denied,
    "532": Denied,
    "550": Denied,
    "551": Denied,
    "553": Denied,
}
_FULL = (
    "no space left",
    "disk full",
    "quota exceeded",
    "not enough space",
    # Of a full disk ProFTPD says so, with 452; these two, that they could not write a file which they had opened.
    "failure writing to local file",  # vsftpd
    "error during write to file",  # Pure-FTPd
)


def translate(error: Exception, storage: str, path: str) -> StorageError:
    """Say what a reply (RFC 959 §4.2.1) or a broken connection means.

    Whether a reply of ``UNCLEAR`` means absent must have been looked at before.
    """
    if isinstance(error, StatusCodeError):
        number, said = parts(error)
        kind = _MEANINGS.get(number, Unexpected)
        if number[0] in "45" and any(words in said.lower() for words in _FULL):
            kind = NoSpace
        elif number == "451" and "transfer aborted" in said.lower():  # Pure-FTPd, of a data connection that was cut
            kind = Unreachable
        return kind(storage, path, said)
    if isinstance(error, ssl.SSLCertVerificationError):
        return UntrustedHost(storage, path, error.verify_message, "storage-certificate-refused")
    if isinstance(error, TimeoutError):
        return Unreachable(storage, path, "no answer in time", "storage-timeout")
    if isinstance(error, OSError | EOFError):
        return Unreachable(storage, path, str(error) or type(error).__name__)
    return Unexpected(storage, path, f"{type(error).__name__}: {error}")


def parts(refusal: StatusCodeError) -> tuple[str, str]:
    """Give the number of a reply, and all of it on one line."""
    number = str(refusal.received_codes[-1])
    lines = [refusal.info] if isinstance(refusal.info, str) else refusal.info
    return number, decoded(" ".join([number, *(line.strip(" -") for line in lines)]))


def is_unknown_command(refusal: StatusCodeError) -> bool:
    """Tell whether the server does not know a command, or not with that parameter."""
    return parts(refusal)[0].startswith("50")


def encoded(name: str) -> str:
    """Write a name for the wire."""
    return name.encode().decode("latin-1")


def decoded(wire: str) -> str:
    """Read a name from the wire."""
    try:
        return wire.encode("latin-1").decode()
    except UnicodeDecodeError:
        return wire

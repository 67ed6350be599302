"""What can go wrong with a storage: a closed tree, by what has to be done about it.

Everything under ``Transient`` may go away by itself: try again. All the rest is final: somebody has to change
something first, and the error says who and what. An answer that no backend knows is ``Unexpected``, never guessed at.

Source: spec STO-8; style 1 §1.
"""

# ruff: noqa: N818 - the names say the consequence

from __future__ import annotations

from passerelle.messages import Language, code

_LONGEST_DETAIL = 300


class StorageError(Exception):
    """A storage could not do what it was asked.

    Attributes:
        storage: name of the storage, without any secret; for a configuration, what is wrong with it.
        path: what was asked for, relative to the storage's folder.
        detail: what the other side said, on one line; never a secret.
        code: a code of ``messages/storage.yaml``.
    """

    code = "storage-unexpected"

    def __init__(self, storage: str, path: str = "", detail: str = "", code: str = "") -> None:
        super().__init__(storage, path, detail, code)
        self.storage = storage
        self.path = path
        self.detail = printable(detail)[:_LONGEST_DETAIL]
        if code:
            self.code = code

    @property
    def parameters(self) -> dict[str, object]:
        """What the texts of the code may name."""
        where = "/".join(part for part in (self.storage.rstrip("/"), printable(self.path)) if part)
        return {"where": where, "storage": self.storage, "detail": self.detail or "—"}

    def text(self, language: Language) -> str:
        """Say what happened, in one sentence."""
        return code(self.code).text(language, **self.parameters)

    def todo(self, language: Language) -> str:
        """Say what the user should do about it."""
        return code(self.code).todo(language, **self.parameters)

    def __str__(self) -> str:
        return f"{self.text('en')} {self.todo('en')}"


class BadPlace(StorageError):
    """The configuration of a place or of its secrets is wrong; nothing was tried."""

    code = "storage-bad-url"


class BadPath(StorageError):
    """The path could leave the storage's folder, or not every system can hold it (STO-12)."""

    code = "storage-path-escapes"


class NotFound(StorageError):
    """There is no such file, or no such folder."""

    code = "storage-not-found"


class AlreadyThere(StorageError):
    """Something else has that name already; it was left as it was."""

    code = "storage-already-there"


class Denied(StorageError):
    """The login, or the right to do this, was refused."""

    code = "storage-denied"


class NoSpace(StorageError):
    """The disk or the quota is full."""

    code = "storage-no-space"


class TooLarge(StorageError):
    """The file is larger than the limit given; nothing of it was kept."""

    code = "storage-too-large"


class UntrustedHost(StorageError):
    """The server did not show a host key or certificate that we trust; no password was sent (STO-9)."""

    code = "storage-host-unknown"

    def __init__(self, storage: str, path: str = "", detail: str = "", code: str = "", fingerprint: str = "") -> None:
        super().__init__(storage, path, detail, code)
        self.args = (storage, path, detail, code, fingerprint)
        self.fingerprint = fingerprint

    @property
    def parameters(self) -> dict[str, object]:
        """What the texts of the code may name."""
        return {**super().parameters, "fingerprint": self.fingerprint or "—"}


class Unexpected(StorageError):
    """The other side answered what we do not know; its words are in ``detail``."""


class Transient(StorageError):
    """It may go away by itself: the same call may be made again."""


class Unreachable(Transient):
    """No connection, or it was lost on the way."""

    code = "storage-unreachable"


class Damaged(Transient):
    """What arrived is not what was sent; it was taken away again."""

    code = "storage-damaged"


class Throttled(Transient):
    """The other side asks to come back later; after ``retry_after`` seconds where it says so."""

    code = "storage-busy"

    def __init__(
        self, storage: str, path: str = "", detail: str = "", code: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(storage, path, detail, code)
        self.args = (storage, path, detail, code, retry_after)
        self.retry_after = retry_after


def printable(text: str) -> str:
    """Put a text from outside on one line that no terminal obeys."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)

"""What can go wrong with the ledger itself, by what the user has to do about it."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from passerelle.messages import Code, Language, code


class LedgerError(Exception):
    """The ledger cannot do what was asked.

    Args:
        parameters: what the message of the error's code names. None of them is a secret or a buyer's name.
    """

    code: ClassVar[str]

    def __init__(self, **parameters: object) -> None:
        super().__init__(code(self.code).text("en", **parameters))
        self.parameters = parameters

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **self.parameters), ()

    def text(self, language: Language) -> str:
        """Say what happened."""
        return self._declared.text(language, **self.parameters)

    def todo(self, language: Language) -> str:
        """Say what the user should do."""
        return self._declared.todo(language, **self.parameters)

    @property
    def _declared(self) -> Code:
        return code(self.code)


class WrongUrlError(LedgerError):
    """The ledger's address names no database this installation can open."""

    code = "ledger-wrong-url"


class NoLedgerError(LedgerError):
    """There is no ledger there, and none was to be made."""

    code = "ledger-missing"


class NotALedgerError(LedgerError):
    """The file or database belongs to something else."""

    code = "ledger-not-a-ledger"


class NewerLedgerError(LedgerError):
    """A newer version of the program has written the ledger."""

    code = "ledger-newer"


class DamagedError(LedgerError):
    """The database file is corrupt."""

    code = "ledger-damaged"


class LockedError(LedgerError):
    """Another program kept the database locked for longer than we wait."""

    code = "ledger-locked"


class NoSpaceError(LedgerError):
    """The disk is full."""

    code = "ledger-no-space"


class UnreachableError(LedgerError):
    """The database cannot be reached, read or written."""

    code = "ledger-unreachable"


class BusyError(LedgerError):
    """Another process does this task for this profile now."""

    code = "ledger-busy"


class LeaseLostError(LedgerError):
    """Another process has taken the task over: this one was taken for dead."""

    code = "ledger-lease-lost"


class UnknownError(LedgerError):
    """No such run or delivery."""

    code = "ledger-unknown"


class WrongStateError(LedgerError):
    """The run or delivery is in a state that does not allow this."""

    code = "ledger-wrong-state"


class AlreadyExchangedError(LedgerError):
    """A record to send was exchanged already, or has another content than the one it was to replace."""

    code = "ledger-already-exchanged"


class PickupLostError(LedgerError):
    """Another run has taken over files that this one had claimed: it was taken for dead."""

    code = "ledger-pickup-lost"


class UndeliveredError(LedgerError):
    """Records cannot be forgotten while their delivery is still to be sent."""

    code = "ledger-undelivered"


class StoredFileMissingError(LedgerError):
    """A file of a delivery is no longer in the outbox."""

    code = "ledger-stored-file-missing"


class StoredFileChangedError(LedgerError):
    """A file in the outbox is not the one that was prepared."""

    code = "ledger-stored-file-changed"


class BadUserNameError(LedgerError):
    """A user of the console cannot have this name."""

    code = "console-bad-user-name"


class BadPasswordError(LedgerError):
    """A password is too short or too long."""

    code = "console-bad-password"


class UserExistsError(LedgerError):
    """There is a user of this name."""

    code = "console-user-exists"


class UserUnknownError(LedgerError):
    """There is no such user."""

    code = "console-user-unknown"

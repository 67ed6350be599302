"""Who may use the console, and which programs may start tasks by its trigger URL.

Passwords are kept as bcrypt hashes. Tokens, of sessions and of programs, are 256 random bits, so that their SHA-256
says nothing of them; they are looked up by it, which takes as long for one that is almost right as for any other.

Source: spec SEC-1, SEC-2.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

import bcrypt
import sqlalchemy as sa

from passerelle.ledger.database import Database
from passerelle.ledger.errors import BadPasswordError, BadUserNameError, UserExistsError, UserUnknownError
from passerelle.ledger.leases import Clock
from passerelle.ledger.schema import audit, sessions, tokens, users

PASSWORD_LENGTH = 12
PASSWORD_BYTES = 72
"""bcrypt takes no more."""
SESSION = timedelta(hours=12)
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may use the console."""

    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """What lets a program start tasks; ``profile`` is empty when it may those of all."""

    number: int
    label: str
    profile: str
    created_by: str
    created_at: datetime
    used_at: datetime | None


class Access:
    """Users, sessions and tokens of an installation; see ``Ledger.access``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def users(self) -> list[User]:
        """Give the users, by name."""
        with self._database.reading() as connection:
            found = connection.execute(sa.select(users.c.name, users.c.created_at).order_by(users.c.name))
            return [User(*row) for row in found]

    def add_user(self, name: str, password: str, *, by: str) -> None:
        """Add a user.

        Raises:
            BadUserNameError, BadPasswordError: they cannot be taken.
            UserExistsError: there is one of this name.
        """
        if not _NAME.fullmatch(name):
            raise BadUserNameError(name=name)
        hashed = _hashed(password)
        with self._database.writing() as connection:
            if connection.scalar(sa.select(users.c.name).where(users.c.name == name)):
                raise UserExistsError(name=name)
            row = {"name": name, "password_hash": hashed, "created_at": self._clock()}
            connection.execute(sa.insert(users), row)
            self._note(connection, by, "add", "user", name)

    def set_password(self, name: str, password: str, *, by: str) -> None:
        """Give a user another password; all who are logged in as this user are logged out.

        Raises:
            BadPasswordError: it cannot be taken.
            UserUnknownError: there is no such user.
        """
        hashed = _hashed(password)
        with self._database.writing() as connection:
            changed = connection.execute(sa.update(users).where(users.c.name == name).values(password_hash=hashed))
            if not changed.rowcount:
                raise UserUnknownError(name=name)
            connection.execute(sa.delete(sessions).where(sessions.c.user_name == name))
            self._note(connection, by, "password", "user", name)

    def remove_user(self, name: str, *, by: str) -> None:
        """Remove a user, who is logged out.

        Raises:
            UserUnknownError: there is no such user.
        """
        with self._database.writing() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.user_name == name))
            if not connection.execute(sa.delete(users).where(users.c.name == name)).rowcount:
                raise UserUnknownError(name=name)
            self._note(connection, by, "remove", "user", name)

    def log_in(self, name: str, password: str) -> str | None:
        """Give the token of a new session, or none: there is no such user, or the password is another one."""
        with self._database.reading() as connection:
            hashed = connection.scalar(sa.select(users.c.password_hash).where(users.c.name == name))
        # Somebody unknown takes as long to refuse as a wrong password.
        if not _is_password(password, hashed or _nobody()) or hashed is None:
            return None
        token, now = secrets.token_urlsafe(32), self._clock()
        row = {"token_hash": _digest(token), "user_name": name, "expires_at": now + SESSION}
        with self._database.writing() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.expires_at < now))
            connection.execute(sa.insert(sessions), row)
        return token

    def user_of(self, token: str) -> str | None:
        """Give the user of a session; none: there is no such session, or it has run out."""
        this = (sessions.c.token_hash == _digest(token)) & (sessions.c.expires_at > self._clock())
        with self._database.reading() as connection:
            return connection.scalar(sa.select(sessions.c.user_name).where(this))

    def log_out(self, token: str) -> None:
        """End a session."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.token_hash == _digest(token)))

    def tokens(self) -> list[Token]:
        """Give the tokens of programs, oldest first."""
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(sa.select(tokens).order_by(tokens.c.number))]

    def add_token(self, label: str, profile: str, *, by: str) -> str:
        """Make a token that starts tasks of a profile, or of all (empty); it is never told again."""
        token = secrets.token_urlsafe(32)
        row = {"label": label, "profile": profile, "created_by": by, "created_at": self._clock()}
        with self._database.writing() as connection:
            connection.execute(sa.insert(tokens), {**row, "token_hash": _digest(token)})
            self._note(connection, by, "add", "token", label)
        return token

    def remove_token(self, number: int, *, by: str) -> bool:
        """Remove a token; tells whether there was one."""
        this = tokens.c.number == number
        with self._database.writing() as connection:
            label = connection.scalar(sa.select(tokens.c.label).where(this))
            if label is None:
                return False
            connection.execute(sa.delete(tokens).where(this))
            self._note(connection, by, "remove", "token", label)
            return True

    def token_of(self, token: str, profile: str) -> Token | None:
        """Give the token that a program shows, if it may start tasks of a profile; it is noted as used."""
        this = tokens.c.token_hash == _digest(token)
        with self._database.writing() as connection:
            row = connection.execute(sa.select(tokens).where(this)).one_or_none()
            if row is None or row.profile not in {"", profile}:
                return None
            connection.execute(sa.update(tokens).where(this).values(used_at=self._clock()))
            return _token(row)

    def note(self, actor: str, action: str, record_type: str, record: str, profile: str = "", detail: str = "") -> None:
        """Write into the audit what somebody did (JOU-4)."""
        with self._database.writing() as connection:
            self._note(connection, actor, action, record_type, record, profile, detail)

    def _note(
        self,
        connection: sa.Connection,
        actor: str,
        action: str,
        record_type: str,
        record: str,
        profile: str = "",
        detail: str = "",
    ) -> None:
        who = {"at": self._clock(), "actor": actor, "profile": profile, "action": action}
        connection.execute(sa.insert(audit), {**who, "record_type": record_type, "record": record, "detail": detail})


def _token(row: sa.Row[Any]) -> Token:
    return Token(*(getattr(row, field.name) for field in fields(Token)))


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _hashed(password: str) -> str:
    if len(password) < PASSWORD_LENGTH or len(password.encode()) > PASSWORD_BYTES:
        raise BadPasswordError(shortest=PASSWORD_LENGTH, longest=PASSWORD_BYTES)
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt()).decode()


def _is_password(password: str, hashed: str) -> bool:
    return len(password.encode()) <= PASSWORD_BYTES and bcrypt.checkpw(password.encode(), hashed.encode())


@cache
def _nobody() -> str:
    return bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt()).decode()

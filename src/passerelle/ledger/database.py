"""The ledger's database: opened safely, brought to the newest schema, its failures named.

Source: design.md decisions 5, 7; spec REL-1, RUN-6.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event, exc

from passerelle.ledger.errors import (
    DamagedError,
    LedgerError,
    LockedError,
    NewerLedgerError,
    NoLedgerError,
    NoSpaceError,
    NotALedgerError,
    UnreachableError,
    WrongUrlError,
)
from passerelle.ledger.migrations import versions
from passerelle.ledger.schema import metadata

VERSION_TABLE = "ledger_version"
_LOCK_SECONDS = 30
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",  # a committed transaction outlives a power cut, also in WAL mode
    "foreign_keys = ON",
    "cache_size = -65536",  # KiB; the default of 2 MiB makes inserts of a large run several times slower
)
_SQLITE_ERRORS: dict[int, type[LedgerError]] = {
    sqlite3.SQLITE_BUSY: LockedError,
    sqlite3.SQLITE_LOCKED: LockedError,
    sqlite3.SQLITE_FULL: NoSpaceError,
    sqlite3.SQLITE_NOTADB: NotALedgerError,
    sqlite3.SQLITE_CORRUPT: DamagedError,
    sqlite3.SQLITE_CANTOPEN: UnreachableError,
    sqlite3.SQLITE_READONLY: UnreachableError,
    sqlite3.SQLITE_IOERR: UnreachableError,
    sqlite3.SQLITE_PERM: UnreachableError,
}
"""By primary result code (https://www.sqlite.org/rescode.html)."""
_SQLSTATE_ERRORS: dict[str, type[LedgerError]] = {
    "55P03": LockedError,
    "40P01": LockedError,
    "53100": NoSpaceError,
    "08": UnreachableError,
    "28": UnreachableError,
    "3D000": UnreachableError,
    "53": UnreachableError,
    "57P": UnreachableError,
}
"""By the longest fitting start of the SQLSTATE (PostgreSQL documentation, appendix A)."""


class Database:
    """A database of which the ledger knows the tables. Use ``open_database``."""

    def __init__(self, engine: sa.Engine, url: str) -> None:
        self._writing = engine
        one_state = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        self._reading = engine.execution_options(reads_only=True, **one_state)
        self.url = url
        """Its address, without password."""

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that writes: all of it or, on any error, nothing.

        SQLite lets one in at a time: what is read inside stays true until the end.

        Raises:
            LedgerError: the database is locked, full, damaged or gone.
        """
        with self._errors_named(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that reads one state of the ledger, also while another process writes.

        Raises:
            LedgerError: the database is locked, damaged or gone.
        """
        with self._errors_named(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        """Turn the database's own errors into the ledger's; what is no fault of the surroundings stays as it is."""
        try:
            yield
        except (exc.DBAPIError, self._writing.dialect.loaded_dbapi.Error) as error:
            told = error.orig if isinstance(error, exc.DBAPIError) else error
            named = _error_class(told)
            if named is None:
                raise
            raise named(url=self.url, where=self.url, reason=str(told).strip()) from error

    def upgrade(self) -> None:
        """Bring the schema to the newest version; several processes may try at once.

        Raises:
            NewerLedgerError: a newer version of the program has written it.
            NotALedgerError: the tables there are not the ledger's.
        """
        with self.reading() as connection:
            found = self._version(connection)
        if found == newest_version():
            return
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x1ED6E4)))
            if self._version(connection) is None:
                _create(connection)
                return
            # Alembic takes a third of a second to import: only those pay who have an older ledger.
            from alembic import command  # noqa: PLC0415
            from alembic.config import Config  # noqa: PLC0415

            config = Config()
            config.set_main_option("script_location", "passerelle.ledger:migrations")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Give the connections back."""
        self._writing.dispose()

    def _version(self, connection: sa.Connection) -> str | None:
        """Give the version of the schema; none for an empty database."""
        tables = sa.inspect(connection).get_table_names()
        if VERSION_TABLE not in tables:
            if tables and connection.dialect.name == "sqlite":  # a PostgreSQL database may hold others' tables too
                raise NotALedgerError(url=self.url)
            return None
        found = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE)))
        if found is not None and found > newest_version():
            raise NewerLedgerError(url=self.url, found=found, known=newest_version())
        return found


def newest_version() -> str:
    """Give the newest version of the schema this program knows; migrations are named ``v0001_…`` in their order."""
    return max(module.name for module in iter_modules(versions.__path__))[1:5]


def _create(connection: sa.Connection) -> None:
    """Make the tables of an empty database as they are declared, which is what the migrations come to."""
    number = sa.Column("version_num", sa.String(32), nullable=False)
    version = sa.Table(
        VERSION_TABLE, sa.MetaData(), number, sa.PrimaryKeyConstraint(number, name=f"{VERSION_TABLE}_pkc")
    )
    metadata.create_all(connection, checkfirst=False)
    version.create(connection)
    connection.execute(sa.insert(version).values(version_num=newest_version()))


def open_database(url: str, *, create: bool) -> Database:
    """Open the ledger's database and bring it to the newest schema.

    Args:
        url: an SQLAlchemy URL: ``sqlite:///var/ledger.db``, ``postgresql+psycopg://user@host/ledger``. For SQLite
            ``?timeout=5`` changes the seconds to wait for a lock.
        create: make the SQLite file, which only its owner may read, when it is not there.

    Raises:
        LedgerError: see ``passerelle.ledger.errors``.
    """
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError as error:
        # The text may hold a password that could not be told from the rest: it is not repeated.
        raise WrongUrlError(url="…", reason="not a URL") from error
    public = parsed.render_as_string(hide_password=True)
    try:
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite(parsed, public, create=create)
        else:
            engine = sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    except (exc.ArgumentError, exc.NoSuchModuleError, ImportError, ValueError) as error:
        raise WrongUrlError(url=public, reason=str(error)) from error
    database = Database(engine, public)
    try:
        database.upgrade()
    except BaseException:
        database.close()
        raise
    return database


def _sqlite(url: sa.URL, public: str, *, create: bool) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("the ledger must be a file")
    seconds = float(str(url.query.get("timeout", _LOCK_SECONDS)))
    path = Path(url.database).resolve()
    try:
        if create:
            _create_file(path)
        elif not path.exists():
            raise NoLedgerError(url=public)
    except OSError as error:
        raise UnreachableError(url=public, reason=error.strerror) from error
    # mode=rw: a file deleted under a running program is an error, never silently an empty ledger.
    query = {**url.query, "timeout": str(seconds), "mode": "rw", "uri": "true"}
    file = url.set(database=f"file:{quote(str(path))}", query=query)
    engine = sa.create_engine(file, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, those of schema changes too
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        record.info["file"] = _identity(path)

    @event.listens_for(engine, "checkout")
    def same_file(_connection: sqlite3.Connection, record: Any, _proxy: Any) -> None:
        # A deleted or replaced file would go on taking our transactions, and nobody would ever see them.
        if record.info["file"] != _identity(path):
            raise exc.DisconnectionError

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reads_only = connection.get_execution_options().get("reads_only", False)
        # A transaction that reads first and locks when it writes could fail half way, without waiting.
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def _create_file(path: Path) -> None:
    """Make the file, which only its owner may read; one that is there is let alone.

    Opening and closing that one would take its locks from all our other connections.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _error_class(error: BaseException | None) -> type[LedgerError] | None:
    if isinstance(error, sqlite3.Error):
        return _SQLITE_ERRORS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    state = getattr(error, "sqlstate", None)
    if state is None:
        # A driver that could not connect has no state to tell.
        return UnreachableError if type(error).__name__ == "OperationalError" else None
    fitting = (start for start in sorted(_SQLSTATE_ERRORS, key=len, reverse=True) if state.startswith(start))
    return next((_SQLSTATE_ERRORS[start] for start in fitting), None)

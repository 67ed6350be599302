"""A real PostgreSQL server of the tests' own: one per session, a new database for each test that asks."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

PASSWORD = "tr@p/of-passwords"
"""It must be written otherwise in an address, and seen in none."""
_USER = "passerelle"
_SEARCHED = Path("/usr/lib/postgresql")
"""Debian puts the programs of each version below it, on nobody's PATH."""


class PostgreSql:
    """A server on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count(1)

    def database(self, driver: str = "postgresql+psycopg") -> str:
        """Make a database; give its address."""
        name = f"test{next(self._numbers)}"
        engine = sa.create_engine(self._at("postgresql+psycopg", "postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._at(driver, name)

    def _at(self, driver: str, name: str) -> str:
        return f"{driver}://{_USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self._port}/{name}"


@contextmanager
def started(certificate: Path | None = None) -> Iterator[PostgreSql]:
    """Run a server until the end of the ``with``; the test is left out where there is none, but not in CI.

    With a certificate, its key in the same file, it takes nobody who does not speak TLS.
    """
    programs = _programs()
    home = Path(tempfile.mkdtemp(prefix="passerelle-postgresql-"))
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root

    def call(program: str, *arguments: str) -> None:
        command = [programs / program, *arguments]
        done = subprocess.run(command, user=user, cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout

    try:
        (home / "password").write_text(PASSWORD, encoding="utf-8")
        if user:
            for path in (home, home / "password"):
                shutil.chown(path, user)
        data = str(home / "data")
        call("initdb", f"--pgdata={data}", f"--username={_USER}", f"--pwfile={home / 'password'}",
             "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync")  # fmt: skip
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        if certificate:
            options += f" -c ssl=on -c ssl_cert_file={_own(certificate, home, user)} -c ssl_key_file={home / 'tls.pem'}"
            (home / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
        try:
            call("pg_ctl", "start", "--wait", f"--pgdata={data}", f"--log={home / 'log'}", f"--options={options}")
            yield PostgreSql(port)
        finally:
            call("pg_ctl", "stop", "--wait", "--mode=immediate", f"--pgdata={data}")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _own(certificate: Path, home: Path, user: str | None) -> Path:
    """Give the server a copy that nobody else can read, as it wants it."""
    own = home / "tls.pem"
    shutil.copy(certificate, own)
    own.chmod(0o600)
    if user:
        shutil.chown(own, user)
    return own


def _programs() -> Path:
    """Give the folder of the newest server installed."""
    found = sorted(_SEARCHED.glob("*/bin/pg_ctl"), key=lambda path: int(path.parents[1].name))
    on_path = shutil.which("pg_ctl")
    if not found and on_path is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL must be installed in CI")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""One machine that does everything: Prefect's server, the schedules, the runner that works them off, the console.

The server listens on loopback only; its results and the key that encrypts its secrets lie in the installation's state
folder, as does its database, unless the environment names one in PostgreSQL.

Source: design.md decisions 6 and 7; spec RUN-2, RUN-6; facts prefect.md §0, §2, §5, §6.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import create_async_engine

from passerelle.run.errors import RunError
from passerelle.run.installation import Installation

HOST = "127.0.0.1"
START_SECONDS = 120
"""How long a first start may take: it makes the database."""
DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
"""Prefect's own name of the variable that says where its server keeps everything."""
_DRIVERS = ("postgresql+asyncpg", "sqlite+aiosqlite")
"""What Prefect's server can use."""
_CONNECT_SECONDS = 20


def database() -> sa.URL | None:
    """Give the database that the environment names for Prefect's server; ``None``: a file of its own.

    Raises:
        RunError: it is none that the server can use, or cannot be reached; no password is repeated.
    """
    given = os.environ.get(DATABASE)
    if not given:
        return None
    try:
        url = sa.make_url(given)
    except exc.ArgumentError:
        raise RunError("up-database-wrong", is_usage=True, url="…", drivers=" | ".join(_DRIVERS)) from None
    if url.drivername not in _DRIVERS:
        public = url.render_as_string(hide_password=True)
        raise RunError("up-database-wrong", is_usage=True, url=public, drivers=" | ".join(_DRIVERS))
    if url.get_backend_name() == "postgresql":
        try:
            asyncio.run(_connected(url))
        except (exc.SQLAlchemyError, OSError, TimeoutError, TypeError) as error:
            reason = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
            public = url.render_as_string(hide_password=True)
            raise RunError("up-database-unreachable", url=public, reason=reason) from None
    return url


async def _connected(url: sa.URL) -> None:
    engine = create_async_engine(url, hide_parameters=True)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS), engine.connect():
            pass
    finally:
        await engine.dispose()


def environment(installation: Installation, port: int, console_port: int) -> dict[str, str]:
    """Give the environment that server, runner, flow runs and console share."""
    home = installation.state / "prefect"
    return {
        **installation.variables,
        "PASSERELLE_CONSOLE": os.environ.get("PASSERELLE_CONSOLE", f"http://{HOST}:{console_port}"),
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ENCRYPTION_KEY": _key(home / "encryption.key"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    }


@contextmanager
def server(variables: Mapping[str, str], kept_in: sa.URL | None = None) -> Iterator[str]:
    """Run Prefect's server until the end of the ``with``.

    Args:
        variables: see ``environment``.
        kept_in: its database, which nobody else is told; ``None``: a file of its own.

    Yields:
        The address of its pages.

    Raises:
        RunError: it stopped or did not answer in time.
    """
    command = ["prefect", "server", "start"]
    api = variables["PREFECT_API_URL"]
    if kept_in is not None:
        variables = {**variables, DATABASE: kept_in.render_as_string(hide_password=False)}
    with _started(command, variables, Path(variables["PREFECT_HOME"]) / "server.log", f"{api}/health"):
        yield api.removesuffix("/api")


@contextmanager
def console(variables: Mapping[str, str], port: int) -> Iterator[str]:
    """Run the console until the end of the ``with``; runs that it has started go on.

    Yields:
        Its address.

    Raises:
        RunError: it stopped or did not answer in time.
    """
    address = f"http://{HOST}:{port}"
    log = Path(variables["PASSERELLE_STATE"]) / "console.log"
    with _started(["passerelle", "console", f"--port={port}"], variables, log, f"{address}/health"):
        yield address


@contextmanager
def _started(command: list[str], variables: Mapping[str, str], log_path: Path, health: str) -> Iterator[None]:
    """Run a module of Python that serves, as a group of processes that is ended as a whole."""
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, **variables},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, health, log_path)
        yield
    finally:
        _stop(process)


def _wait(process: subprocess.Popen[bytes], health: str, log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RunError("up-not-started", name=log_path.stem, log=log_path)
        try:
            if httpx.get(health, timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RunError("up-not-started", name=log_path.stem, log=log_path)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _key(path: Path) -> str:
    """Give the key that encrypts the server's secrets, made once and readable by its owner only (SEC-3)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(Fernet.generate_key().decode("ascii"))
    return path.read_text(encoding="ascii")

"""The console as an ASGI application.

Source: spec CON-1, SEC-1; design.md decision 12.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from passerelle.console.commands import Commands
from passerelle.console.guard import Guard, Network
from passerelle.console.pages import commands as command_pages
from passerelle.console.pages import dashboard, entry, mappings, profiles, runs, starts
from passerelle.console.site import ForgedError, NotLoggedInError, NotThereError, Site, visitor
from passerelle.console.starting import Prefect, Starter
from passerelle.console.tasks import Tasks
from passerelle.formats.errors import FormatError
from passerelle.formats.registry import UnknownFormatError
from passerelle.ledger.errors import LedgerError, UnknownError
from passerelle.ledger.ledger import Ledger
from passerelle.profile.loader import ProfileError
from passerelle.run.errors import RunError
from passerelle.run.faults import told
from passerelle.run.installation import Installation
from passerelle.storage.errors import StorageError

_log = logging.getLogger(__name__)
PARTS = (entry, dashboard, runs, starts, profiles, mappings, command_pages)
"""The pages."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Doors:
    """Who may come, and how.

    Attributes:
        hosts: names that the console is called by.
        addresses: whose requests are answered; none: everybody's that can reach it.
        proxies: proxies whose word is taken for who asks.
    """

    hosts: Sequence[str] = LOOPBACK
    addresses: Sequence[Network] = ()
    proxies: Sequence[Network] = ()


@contextmanager
def opened(installation: Installation, tasks: Tasks, commands: Commands, prefect_api: str = "") -> Iterator[Site]:
    """Open the ledger of an installation for its console.

    Raises:
        LedgerError: it cannot be opened.
    """
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        prefect = Prefect(prefect_api)
        starter = Starter(installation, ledger, tasks, prefect)
        yield Site(installation, ledger, tasks, commands, starter, prefect.pages)


def application(site: Site, doors: Doors) -> Guard:
    """Make the console of a site."""
    app = FastAPI(title="Passerelle", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    for part in PARTS:
        app.include_router(part.router)
    app.get("/health", response_model=None)(_health)
    # A checkout that is installed for development is a tree of links; the folder is ours, nobody else puts any there.
    folder = Path(str(files(__package__))) / "static"
    app.mount("/static", StaticFiles(directory=folder, follow_symlink=True), "static")
    handlers: dict[type[Exception], Callable[[Request, Any], Response]] = {
        NotLoggedInError: _to_login,
        ForgedError: _forged,
        **dict.fromkeys((NotThereError, UnknownError, HTTPException, RequestValidationError), _not_there),
        **dict.fromkeys((LedgerError, RunError, ProfileError, StorageError, OSError), _told),
        **dict.fromkeys((FormatError, UnknownFormatError), _told),
        Exception: _failed,
    }
    for kind, answer in handlers.items():
        app.add_exception_handler(kind, answer)
    return Guard(app, doors.hosts, doors.addresses, doors.proxies)


def server(site: Site, doors: Doors, host: str, port: int) -> uvicorn.Server:
    """Give what serves a console; addresses of requests may hold tokens, so that they are not logged."""
    return uvicorn.Server(
        uvicorn.Config(
            application(site, doors),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )


def _health() -> PlainTextResponse:
    """Say that the console answers."""
    return PlainTextResponse("ok\n")


def _to_login(request: Request, _error: Exception) -> Response:
    """Let the visitor log in and come back; a part of a page cannot, so that the whole page goes there."""
    to = f"/login?{urlencode({'after': visitor(request).path if request.method == 'GET' else '/'})}"
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"hx-redirect": "/login"})
    return RedirectResponse(to, status_code=303)


def _forged(request: Request, _error: Exception) -> Response:
    return visitor(request).page("error.html", 403, kind="forged", fault=None)


def _not_there(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return visitor(request).page("error.html", status, kind="not-there", fault=None)


def _told(request: Request, error: Exception) -> Response:
    """Say what went wrong, and what to do."""
    who = visitor(request)
    fault = told(error, who.language)
    return who.page("error.html", 400 if fault and fault.is_usage else 409, kind="told", fault=fault)


def _failed(_request: Request, error: Exception) -> Response:
    """Say that the program is wrong; its log tells where."""
    _log.error("a page failed", exc_info=error)
    return PlainTextResponse("Erreur du programme, voir le journal. Program error, see the log.\n", 500)

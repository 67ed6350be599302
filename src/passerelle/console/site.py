"""What all pages share: the installation, its ledger, the visitor, and how a page is made.

Source: spec CON-1, SEC-1.
"""

from __future__ import annotations

import hmac
import io
import secrets
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup

from passerelle import __version__
from passerelle.console.commands import Commands
from passerelle.console.forms import Posted, read
from passerelle.console.limits import FailureLimit
from passerelle.console.starting import Starter
from passerelle.console.tasks import Tasks
from passerelle.console.words import Words
from passerelle.ledger.history import Counts
from passerelle.ledger.ledger import Ledger
from passerelle.messages import Language
from passerelle.profile.loader import LoadedProfile, ProfileError, load, names
from passerelle.run.installation import Installation

SESSION, LANGUAGE = "passerelle_session", "passerelle_language"
_QUARTER = 15 * 60.0
_SETTLED = timedelta(days=3)
"""How long after its start a run may still change: it is retried, or delivered."""
_YEAR = 365 * 24 * 3600
Days = tuple[date, date]
_LANGUAGES: tuple[Language, ...] = ("fr", "en")


class NotLoggedInError(Exception):
    """The page is for users."""


class ForgedError(Exception):
    """A form came without the token of its page."""


class NotThereError(Exception):
    """There is no such page, profile or file."""


@dataclass(frozen=True)
class Site:
    """The console of an installation."""

    installation: Installation
    ledger: Ledger
    tasks: Tasks
    commands: Commands
    starter: Starter
    prefect_pages: str = ""
    logins: FailureLimit = field(default_factory=lambda: FailureLimit(5, _QUARTER))
    """By address and user."""
    callers: FailureLimit = field(default_factory=lambda: FailureLimit(20, _QUARTER))
    """By address: logins, and tokens of the trigger URL."""
    _counted: dict[tuple[Days, str], tuple[Counts, Counts]] = field(default_factory=dict)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone that times are shown in: that of the first profile that can be read."""
        return ZoneInfo(next((one.profile.time_zone for one in self.profiles()), "UTC"))

    @property
    def names(self) -> list[str]:
        """Names of the profiles."""
        return names(self.installation.profiles)

    def profile(self, name: str) -> LoadedProfile:
        """Read a profile of the installation's folder.

        Raises:
            NotThereError: there is none of this name.
            ProfileError: it has mistakes.
        """
        if name not in self.names:
            raise NotThereError
        return load(name, profiles_folder=self.installation.profiles)

    def profiles(self) -> list[LoadedProfile]:
        """Read the profiles that can be used."""
        found = []
        for name in self.names:
            try:
                found.append(self.profile(name))
            except ProfileError:
                continue
        return found

    def counted(self, stretches: Sequence[Days], profile: str) -> list[tuple[Counts, Counts]]:
        """Count what the runs did in stretches of days; of days long over that is counted once.

        Args:
            stretches: the first day of each, and the day after its last.
            profile: of which profile; empty: of all.

        Returns:
            Of each, to the shops and to the ERP.
        """
        wanted = [days for days in stretches if (days, profile) not in self._counted]
        moments = [(self._midnight(first), self._midnight(end)) for first, end in wanted]
        to_shops = [task.name for task in self.tasks.values() if task.goes_to_shops]
        found = dict(zip(wanted, self.ledger.journal.counts(moments, to_shops, profile or None), strict=True))
        settled = self.installation.clock() - _SETTLED
        self._counted.update({(days, profile): found[days] for days in wanted if self._midnight(days[1]) < settled})
        return [found[days] if days in found else self._counted[days, profile] for days in stretches]

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone)

    def local(self, moment: datetime | None) -> str:
        """Show a moment in the console's time zone."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M:%S}" if moment else "—"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks for a page.

    Attributes:
        site: of which console.
        user: the user; empty: nobody who has logged in.
        token: what the browser keeps; a session's, or one that only guards the login form.
        language: which pages are shown in.
        address: where the request came from.
        is_tls: whether it came by TLS.
        path: what was asked for.
    """

    site: Site
    user: str
    token: str
    language: Language
    address: str
    is_tls: bool
    path: str

    @property
    def csrf(self) -> str:
        """What a form of this visitor carries, which no other site can know."""
        return hmac.digest(self.token.encode(), b"passerelle form", "sha256").hex()

    def page(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """Make a page.

        Args:
            template: its template.
            status: of the answer.
            context: what the template shows.
        """
        shared = {"visitor": self, "site": self.site, "t": Words(self.language), "version": __version__}
        response = HTMLResponse(_ENVIRONMENT.get_template(template).render(**shared, **context), status)
        self.keep(response, self.token)
        return response

    def keep(self, response: HTMLResponse | RedirectResponse, token: str) -> None:
        """Let the browser keep a token."""
        response.set_cookie(SESSION, token, httponly=True, samesite="lax", secure=self.is_tls)

    def keep_language(self, response: RedirectResponse, language: Language) -> None:
        """Let the browser keep a language."""
        response.set_cookie(LANGUAGE, language, max_age=_YEAR, httponly=True, samesite="lax", secure=self.is_tls)


def visitor(request: Request) -> Visitor:
    """Tell who asks."""
    site: Site = request.app.state.site
    token = request.cookies.get(SESSION, "")
    user = site.ledger.access.user_of(token) if token else None
    query = f"?{request.url.query}" if request.url.query else ""
    return Visitor(
        site,
        user or "",
        token or secrets.token_urlsafe(32),
        _language(request),
        request.client.host if request.client else "",
        request.url.scheme == "https",
        request.url.path + query,
    )


AnyVisitor = Annotated[Visitor, Depends(visitor)]


def member(anyone: AnyVisitor) -> Visitor:
    """Let users pass.

    Raises:
        NotLoggedInError: nobody has logged in.
    """
    if not anyone.user:
        raise NotLoggedInError
    return anyone


Member = Annotated[Visitor, Depends(member)]


async def received(request: Request, anyone: AnyVisitor) -> Posted:
    """Give what a form says, and its files, once it is certain that it is one of ours.

    Raises:
        ForgedError: it does not carry the visitor's token.
        RunError: a file did not arrive whole.
    """
    given = read(await request.body(), request.headers.get("content-type", ""))
    if not hmac.compare_digest(given.fields.pop("csrf", "").encode(), anyone.csrf.encode()):
        raise ForgedError
    return given


Received = Annotated[Posted, Depends(received)]


def posted(given: Received) -> dict[str, str]:
    """Give what a form of ours says."""
    return given.fields


Form = Annotated[dict[str, str], Depends(posted)]


def go(path: str, **query: str) -> RedirectResponse:
    """Send the browser on, after a form."""
    return RedirectResponse(path + (f"?{urlencode(query)}" if query else ""), status_code=303)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def download(name: str, data: bytes) -> Response:
    """Give a file to be kept."""
    kind = "application/zip" if name.endswith(".zip") else "application/octet-stream"
    return Response(
        data, media_type=kind, headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    )


def own_path(path: str) -> str:
    """Give a path of this site; of any other address the start page."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"


def _language(request: Request) -> Language:
    chosen = request.cookies.get(LANGUAGE, "")
    wanted = [chosen, *_accepted(request.headers.get("accept-language", ""))]
    return next((one for text in wanted for one in _LANGUAGES if text == one), "fr")


def _accepted(header: str) -> list[str]:
    """Give the languages that a browser accepts, the most wanted first: ``en-GB;q=0.8`` is ``en``."""
    weighted: list[tuple[float, str]] = []
    for part in header.split(",")[:20]:
        name, _, weight = part.partition(";q=")
        try:
            weighted.append((float(weight or 1), name.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return [name for _, name in sorted(weighted, key=lambda one: -one[0])]


def _query(given: Mapping[str, object], /, **changed: object) -> str:
    """Give the query of an address with some values changed; what is empty is left out."""
    return urlencode({name: value for name, value in {**given, **changed}.items() if value})


@pass_context
def _guard(context: Context) -> Markup:
    """Give the field by which a form is known to be ours."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(context["visitor"].csrf)


def _lines(text: str) -> Markup:
    """Show a text with its lines."""
    return Markup("<br>").join(text.splitlines())


_ENVIRONMENT = Environment(
    loader=PackageLoader("passerelle.console"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {"query": _query, "guard": _guard}
_ENVIRONMENT.filters["lines"] = _lines

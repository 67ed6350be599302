"""Logging in and out, the language, and who else may come: users and tokens.

Source: spec SEC-1, SEC-2.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, RedirectResponse

from passerelle.console.site import AnyVisitor, Form, Member, go, own_path
from passerelle.ledger.errors import LedgerError
from passerelle.run.faults import Fault, told

_log = logging.getLogger(__name__)
router = APIRouter()
Number = Annotated[int, Path(ge=0, le=2**31 - 1)]


@router.get("/login", response_model=None)
def login_page(visitor: AnyVisitor, after: str = "/") -> HTMLResponse | RedirectResponse:
    """Ask for name and password."""
    if visitor.user:
        return go(own_path(after))
    has_users = bool(visitor.site.ledger.access.users())
    return visitor.page("login.html", after=own_path(after), has_users=has_users, name="", wait=0, is_refused=False)


@router.post("/login", response_model=None)
def login(visitor: AnyVisitor, form: Form) -> HTMLResponse | RedirectResponse:
    """Let a user in, under a token of its own; who fails too often has to wait."""
    site, name, after = visitor.site, form.get("name", ""), own_path(form.get("after", "/"))
    keys = {site.logins: f"{visitor.address} {name}", site.callers: visitor.address}
    wait = max(limit.wait(key) for limit, key in keys.items())
    token = None if wait else site.ledger.access.log_in(name, form.get("password", ""))
    if token:
        for limit, key in keys.items():
            limit.succeeded(key)
        response = go(after)
        visitor.keep(response, token)
        return response
    if not wait:
        for limit, key in keys.items():
            limit.failed(key)
        _log.warning("a login from %s was refused", visitor.address)
    context = {"after": after, "has_users": True, "name": name, "wait": (wait + 59) // 60, "is_refused": not wait}
    return visitor.page("login.html", 429 if wait else 401, **context)


@router.post("/logout", response_model=None)
def logout(visitor: Member, form: Form) -> RedirectResponse:  # noqa: ARG001 - it guards
    """End the session."""
    visitor.site.ledger.access.log_out(visitor.token)
    return go("/login")


@router.post("/language", response_model=None)
def language(visitor: AnyVisitor, form: Form) -> RedirectResponse:
    """Keep the language chosen."""
    response = go(own_path(form.get("after", "/")))
    visitor.keep_language(response, "en" if form.get("language") == "en" else "fr")
    return response


@router.get("/access", response_model=None)
def access_page(visitor: Member) -> HTMLResponse:
    """Show users and tokens."""
    return _access(visitor)


@router.post("/access/users", response_model=None)
def add_user(visitor: Member, form: Form) -> HTMLResponse | RedirectResponse:
    """Add a user."""
    try:
        visitor.site.ledger.access.add_user(form.get("name", ""), form.get("password", ""), by=visitor.user)
    except LedgerError as error:
        return _access(visitor, 400, fault=told(error, visitor.language))
    return go("/access")


@router.post("/access/users/{name}/remove", response_model=None)
def remove_user(visitor: Member, form: Form, name: str) -> RedirectResponse:  # noqa: ARG001 - it guards
    """Remove a user; who removes oneself is logged out."""
    visitor.site.ledger.access.remove_user(name, by=visitor.user)
    return go("/access")


@router.post("/access/password", response_model=None)
def change_password(visitor: Member, form: Form) -> HTMLResponse | RedirectResponse:
    """Give oneself another password, by the one in use; then log in again."""
    access, language = visitor.site.ledger.access, visitor.language
    waits = visitor.site.callers.wait(visitor.address)
    token = None if waits else access.log_in(visitor.user, form.get("old", ""))
    if token is None:
        visitor.site.callers.failed(visitor.address)
        return _access(visitor, 401, is_refused=True)
    access.log_out(token)
    try:
        access.set_password(visitor.user, form.get("new", ""), by=visitor.user)
    except LedgerError as error:
        return _access(visitor, 400, fault=told(error, language))
    return go("/login")


@router.post("/access/tokens", response_model=None)
def add_token(visitor: Member, form: Form) -> HTMLResponse:
    """Make a token; this answer alone shows it."""
    profile, label = form.get("profile", ""), form.get("label", "").strip()[:80]
    known = profile if profile in visitor.site.names else ""
    if profile != known or not label:
        return _access(visitor, 400)
    token = visitor.site.ledger.access.add_token(label, known, by=visitor.user)
    return _access(visitor, token=token, token_profile=known)


@router.post("/access/tokens/{number}/remove", response_model=None)
def remove_token(visitor: Member, form: Form, number: Number) -> RedirectResponse:  # noqa: ARG001 - it guards
    """Remove a token."""
    visitor.site.ledger.access.remove_token(number, by=visitor.user)
    return go("/access")


def _access(visitor: Member, status: int = 200, *, fault: Fault | None = None, **context: Any) -> HTMLResponse:
    access = visitor.site.ledger.access
    shown = {"token": "", "token_profile": "", "is_refused": False, **context}
    return visitor.page("access.html", status, users=access.users(), tokens=access.tokens(), fault=fault, **shown)

"""Starting tasks: by a form, and by the trigger URL.

Source: spec CON-1, CON-2, RUN-3, SEC-2.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from json import JSONDecoder
from typing import Annotated, get_args

from fastapi import APIRouter, Header, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse

from passerelle.console.forms import spelled
from passerelle.console.site import AnyVisitor, Form, Member, NotThereError, go
from passerelle.console.starting import Start
from passerelle.exchange.options import Period
from passerelle.profile.features import TABLES, offers
from passerelle.run import journal
from passerelle.run.errors import RunError
from passerelle.run.faults import told
from passerelle.run.summary import Summary

_log = logging.getLogger(__name__)
router = APIRouter()


@router.get("/start", response_model=None)
def choose(visitor: Member) -> HTMLResponse:
    """Show what can be started."""
    offered = [
        (loaded, [task for task in visitor.site.tasks.values() if offers(loaded.profile, task.name)])
        for loaded in visitor.site.profiles()
    ]
    return visitor.page("start.html", offered=offered)


@router.get("/start/{profile}/{task}", response_model=None)
def ask(visitor: Member, request: Request, profile: str, task: str) -> HTMLResponse:
    """Show the task's options; those in the address are filled in."""
    loaded = visitor.site.profile(profile)
    if task not in visitor.site.tasks:
        raise NotThereError
    table = TABLES.get(task)
    return visitor.page(
        "start_task.html",
        task=visitor.site.tasks[task],
        loaded=loaded,
        given=dict(request.query_params),
        periods=get_args(Period),
        shops=[shop.name for shop in loaded.profile.shops if table is None or getattr(shop, table)],
    )


@router.post("/start/{profile}/{task}", response_model=None)
def start(visitor: Member, form: Form, profile: str, task: str) -> RedirectResponse:
    """Start the task."""
    if profile not in visitor.site.names or task not in visitor.site.tasks:
        raise NotThereError
    options = visitor.site.tasks[task].asked(form)
    started = visitor.site.starter.start(task, profile, options, by=visitor.user, language=visitor.language)
    return go(f"/started/{started.id}")


@router.get("/started/{start_id}", response_model=None)
def started_page(visitor: Member, start_id: str) -> HTMLResponse:
    """Show how far a start has come."""
    site = visitor.site
    started = site.starter.started(start_id)
    if started is None:
        raise NotThereError
    return visitor.page(
        "started.html",
        start=started,
        runs=site.ledger.journal.of_start(start_id),
        is_over=site.starter.is_over(started),
        plans=_plans(started),
        is_paused=any(one.state == "paused" for one in _summaries(started)),
    )


@router.get("/started/{start_id}/{plan_id}/{name}", response_model=None)
def plan_file(visitor: Member, start_id: str, plan_id: str, name: str) -> FileResponse:
    """Give a file of a plan that a start has made."""
    started = visitor.site.starter.started(start_id)
    made = {plan.plan: plan for plan in _plans(started)} if started else {}
    kept = journal.within(visitor.site.installation, made[plan_id].files) if plan_id in made else {}
    if name not in kept:
        raise NotThereError
    return FileResponse(kept[name], filename=name)


@router.api_route("/run/{profile}/{task}", methods=["GET", "POST"], response_model=None)
def trigger(
    visitor: AnyVisitor,
    request: Request,
    profile: str,
    task: str,
    authorization: Annotated[str, Header()] = "",
) -> JSONResponse:
    """Start a task for a program that shows a token; never a second one beside one that works."""
    site, given = visitor.site, {name: spelled(value) for name, value in request.query_params.items()}
    token = authorization.removeprefix("Bearer ").strip() or given.get("token", "")
    given.pop("token", "")
    if wait := site.callers.wait(visitor.address):
        return JSONResponse({"error": "too-many-failures"}, 429, {"retry-after": str(wait)})
    known = site.ledger.access.token_of(token, profile) if token else None
    if known is None:
        site.callers.failed(visitor.address)
        _log.warning("a trigger from %s was refused", visitor.address)
        return JSONResponse({"error": "token-refused"}, 401, {"www-authenticate": "Bearer"})
    if profile not in site.names or task not in site.tasks:
        return JSONResponse({"error": "unknown-profile-or-task"}, 404)
    try:
        started = site.starter.start(task, profile, site.tasks[task].asked(given), by=f"token {known.number}")
    except RunError as error:
        fault = told(error, visitor.language)
        answer = {"error": error.code, "message": fault.text if fault else "", "run": error.parameters.get("run", "")}
        return JSONResponse(answer, 409 if error.code == "console-busy" else 400 if error.is_usage else 502)
    return JSONResponse({"run": started.id, "profile": profile, "task": task}, 202)


def _plans(start: Start) -> list[Summary]:
    """Give the plans that a start has made, one per shop where it goes to shops, once it is over."""
    return [one for one in _summaries(start) if one.state == "planned"] if start.is_plan else []


def _summaries(start: Start) -> list[Summary]:
    """Give what a start said of its runs, once it is over; of one that Prefect works off that is in its runs."""
    if start.exit_code is None:
        return []
    found, rest = [], start.output.strip()
    with suppress(ValueError, TypeError, KeyError):
        while rest:
            _, end = JSONDecoder().raw_decode(rest)
            found.append(Summary.from_json(rest[:end]))
            rest = rest[end:].strip()
    return found

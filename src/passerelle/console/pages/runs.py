"""The journal: runs, what became of their records, their files; and stopping one.

Source: spec JOU-1, JOU-2, JOU-5, CON-1.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from passerelle import outcome
from passerelle.console.site import Form, Member, NotThereError, go
from passerelle.console.starting import flow_run
from passerelle.ledger.entries import Run
from passerelle.ledger.journal import ORDERS, STATES, Order, Wanted
from passerelle.run import folder, journal, log
from passerelle.run.summary import Reason, Summary

RUNS, OUTCOMES = 50, 100
"""Rows of a page."""
_LOOKED_AT = 2000
"""Outcomes among which a reason is looked for in another language."""
_FORMATS = {".zip": "application/zip", ".json": "application/json", ".csv": "text/csv; charset=utf-8"}

router = APIRouter()
Text = Annotated[str, Query(max_length=200)]
Position = Annotated[int, Query(ge=-1, le=2**31 - 1)]


@router.get("/runs", response_model=None)
def runs_page(
    visitor: Member,
    profile: Text = "",
    task: Text = "",
    state: Text = "",
    first: Text = "",
    last: Text = "",
    text: Text = "",
    order: Text = "started",
    up: Text = "",
    after: Text = "",
    before: Text = "",
) -> HTMLResponse:
    """Show the runs wanted, a page of them."""
    zone = visitor.site.zone
    days = {"first": _day(first), "last": _day(last)}
    wanted = Wanted(
        profile,
        task,
        state if state in STATES else "",
        datetime.combine(days["first"], time(), zone) if days["first"] else None,
        datetime.combine(days["last"] + timedelta(days=1), time(), zone) if days["last"] else None,
        text.strip(),
    )
    asked = {"profile": profile, "task": task, "state": wanted.state, "text": text}
    asked |= {name: day.isoformat() if day else "" for name, day in days.items()}
    by = cast("Order", order) if order in ORDERS else "started"
    questions = visitor.site.ledger.journal
    page = questions.page(wanted, order=by, ascending=bool(up), after=after, before=before, limit=RUNS)
    known = questions.tasks()
    return visitor.page(
        "runs.html",
        page=page,
        asked=asked,
        sorting={"order": by, "up": "1" if up else ""},
        place={"after": after, "before": before},
        profiles=sorted({*visitor.site.names, *(one for one, _ in known)}),
        tasks=sorted({one for _, one in known}),
        states=STATES,
    )


@router.get("/runs/{run_id}", response_model=None)
def run_page(
    visitor: Member, run_id: str, said: Text = "failed", after: Position = -1, lines: Text = "all"
) -> HTMLResponse:
    """Show a run: what it did, what it refused and why, its files, its log."""
    site = visitor.site
    run = site.ledger.run(run_id)
    summary = _summary(visitor, run)
    rows = site.ledger.journal.outcomes(run_id, only_failed=said != "all", after=after, limit=OUTCOMES + 1)
    return visitor.page(
        "run.html",
        run=run,
        summary=summary,
        reasons=_reasons(visitor, summary) if summary else [],
        files=journal.kept_files(site.installation, run_id),
        delivery=site.ledger.run_delivery(run_id),
        outcomes=[_told(row, visitor) for row in rows[:OUTCOMES]],
        said="all" if said == "all" else "failed",
        after=after,
        next_after=rows[OUTCOMES - 1]["position"] if len(rows) > OUTCOMES else None,
        lines="wrong" if lines == "wrong" else "all",
        logged=log.read(site.installation.run_folder(run.run_id), only_wrong=lines == "wrong"),
        can_stop=site.starter.can_stop(run),
        is_known=run.task in site.tasks and run.profile in site.names,
        prefect=f"{site.prefect_pages}/runs/flow-run/{flow_run(run_id)}"
        if site.prefect_pages and flow_run(run_id)
        else "",
    )


@router.get("/runs/{run_id}/files/{name}", response_model=None)
def file(visitor: Member, run_id: str, name: str) -> FileResponse:
    """Give a file of a run; no other of the machine."""
    visitor.site.ledger.run(run_id)
    kept = journal.kept_files(visitor.site.installation, run_id)
    if name not in kept:
        raise NotThereError
    kind = _FORMATS.get(kept[name].suffix, "application/octet-stream")
    return FileResponse(kept[name], media_type=kind, filename=name)


@router.post("/runs/{run_id}/stop", response_model=None)
def stop(visitor: Member, form: Form, run_id: str) -> RedirectResponse:  # noqa: ARG001 - it guards
    """Stop a run."""
    visitor.site.starter.stop(run_id, by=visitor.user)
    return go(f"/runs/{run_id}")


def _summary(visitor: Member, run: Run) -> Summary | None:
    try:
        return folder.read_summary(visitor.site.installation.run_folder(run.run_id))
    except FileNotFoundError:
        return None


def _reasons(visitor: Member, summary: Summary) -> list[Reason]:
    """Give the reasons in the visitor's language: the summary has them in the profile's, the ledger in both."""
    if summary.language == visitor.language:
        return list(summary.reasons)
    rows = visitor.site.ledger.journal.outcomes(summary.run_id, limit=_LOOKED_AT)
    told = {row["code"]: _told(row, visitor) for row in reversed(rows)}
    return [
        replace(reason, message=told[reason.code]["message"], todo=told[reason.code]["todo"])
        if reason.code in told
        else reason
        for reason in summary.reasons
    ]


def _told(row: dict[str, Any], visitor: Member) -> dict[str, Any]:
    language = visitor.language
    return {**row, "message": outcome.message(row, language), "todo": outcome.todo(row, language)}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

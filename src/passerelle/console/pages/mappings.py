"""The mappings to fill: what waits for an answer first.

Source: spec CON-1, ORD-45, PRO-1.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from passerelle import outcome
from passerelle.console.site import Form, Member, NotThereError, Visitor
from passerelle.profile.answers import answer, answerable

_CELL = re.compile(r"cell-(\d{1,7})-([a-z_]+)")
SHOWN = 200
"""Rows of a mapping that a page shows."""

router = APIRouter()


@router.get("/profiles/{name}/mappings", response_model=None)
def mappings_page(visitor: Member, name: str) -> HTMLResponse:
    """Show the mappings, and how many rows of each wait for an answer."""
    profile = visitor.site.profile(name).profile
    found, problems = answerable(profile.mappings)
    found.sort(key=lambda one: -one.waiting)
    return visitor.page("mappings.html", profile=profile, found=found, problems=_said(visitor, problems))


@router.get("/profiles/{name}/mappings/{mapping}", response_model=None)
def mapping_page(visitor: Member, name: str, mapping: str) -> HTMLResponse:
    """Show a mapping to be answered."""
    return _page(visitor, name, mapping)


@router.post("/profiles/{name}/mappings/{mapping}", response_model=None)
def answer_page(visitor: Member, form: Form, name: str, mapping: str) -> HTMLResponse:
    """Write what was answered; while the file is not as it was shown, nothing."""
    cells = {(int(cell[1]), cell[2]): text for key, text in form.items() if (cell := _CELL.fullmatch(key))}
    said = answer(visitor.site.profile(name).profile.mappings, mapping, form.get("state", ""), cells)
    is_written = bool((said["state"] == "succeeded").all())
    if is_written and len(said):
        visitor.site.ledger.access.note(visitor.user, "answer", "mapping", mapping, name)
    return _page(visitor, name, mapping, 200 if is_written else 409, said=_said(visitor, said), typed=form)


def _page(visitor: Visitor, name: str, mapping: str, status: int = 200, **results: Any) -> HTMLResponse:
    profile = visitor.site.profile(name).profile
    found = {one.mapping.name: one for one in answerable(profile.mappings)[0]}
    if mapping not in found:
        raise NotThereError
    shown = {"said": [], "typed": {}, **results}
    return visitor.page("mapping.html", status, profile=profile, sheet=found[mapping], limit=SHOWN, **shown)


def _said(visitor: Visitor, outcomes: Any) -> list[dict[str, str]]:
    language = visitor.language
    return [
        {"state": row["state"], "message": outcome.message(row, language), "todo": outcome.todo(row, language)}
        for row in outcomes.to_dict("records")
    ]

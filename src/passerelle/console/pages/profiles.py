"""Profiles: what they say, what they lack, whether their places and mails work; files to set the ERP up with.

Source: spec CON-1, PRO-2, STO-3, EBP-4, EBP-5.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from passerelle import outcome
from passerelle.console.site import Form, Member, NotThereError, Visitor, download, go, zipped
from passerelle.ebp.chosen import Chosen
from passerelle.ebp.import_formats import import_formats, written
from passerelle.messages import Language, code
from passerelle.profile.check import check
from passerelle.profile.default import default, make_default
from passerelle.profile.loader import LoadedProfile, ProfileError
from passerelle.profile.mapping_files import mapping_files
from passerelle.profile.settings import Profile
from passerelle.profile.shown import settings
from passerelle.run.errors import RunError
from passerelle.run.mail import send_trial
from passerelle.run.samples import SAMPLES_NAME, sample_files
from passerelle.storage.check import check_place
from passerelle.storage.errors import StorageError
from passerelle.storage.places import open_place

router = APIRouter()


@router.get("/profiles", response_model=None)
def profiles_page(visitor: Member) -> HTMLResponse:
    """Show the profiles, also those that cannot be used."""
    found: list[tuple[str, Profile | None]] = []
    for name in visitor.site.names:
        try:
            found.append((name, visitor.site.profile(name).profile))
        except ProfileError:
            found.append((name, None))
    return visitor.page("profiles.html", profiles=found, default=default(visitor.site.installation.profiles))


@router.get("/profiles/{name}", response_model=None)
def profile_page(visitor: Member, name: str) -> HTMLResponse:
    """Show a profile and its settings; of one that cannot be used, why."""
    return _page(visitor, name)


@router.post("/profiles/{name}/check", response_model=None)
def check_profile(visitor: Member, form: Form, name: str) -> HTMLResponse:  # noqa: ARG001 - it guards
    """Say all that is missing."""
    rows = check(visitor.site.profile(name)).to_dict("records")
    language = visitor.language
    said = [
        {"state": row["state"], "message": outcome.message(row, language), "todo": outcome.todo(row, language)}
        for row in rows
    ]
    return _page(visitor, name, checked=said)


@router.post("/profiles/{name}/places", response_model=None)
def try_places(visitor: Member, form: Form, name: str) -> HTMLResponse:
    """Say step by step what works at a place of the profile, or at all of them."""
    loaded = visitor.site.profile(name)
    places = loaded.profile.places
    wanted = [form["place"]] if form.get("place") in places else list(places)
    tried = [_tried(visitor, loaded, one, write=bool(form.get("write"))) for one in wanted]
    return _page(visitor, name, tried=tried)


@router.post("/profiles/{name}/mail", response_model=None)
def try_mail(visitor: Member, form: Form, name: str) -> HTMLResponse:  # noqa: ARG001 - it guards
    """Send a mail that only shows that mails arrive."""
    profile = visitor.site.profile(name).profile
    if profile.mail is None:
        raise RunError("mail-not-set", is_usage=True, profile=name)
    send_trial(profile)
    return _page(visitor, name, mailed=profile.mail.recipients)


@router.post("/profiles/{name}/default", response_model=None)
def choose_default(visitor: Member, form: Form, name: str) -> RedirectResponse:
    """Make a profile the one that commands take which are given none, or no longer."""
    if name not in visitor.site.names:
        raise NotThereError
    make_default("" if form.get("unset") else name, visitor.site.installation.profiles)
    return go(f"/profiles/{name}")


@router.get("/profiles/{name}/files/{kind}", response_model=None)
def file(visitor: Member, name: str, kind: str) -> Response:
    """Give example documents, what to set up in EBP, or the mappings as they are."""
    loaded = visitor.site.profile(name)
    if kind == "samples":
        made = sample_files(loaded, visitor.site.installation.today(loaded.profile.time_zone))
        if made.data:
            return download(SAMPLES_NAME, made.data)
        rows = made.outcomes.to_dict("records")
        said = [{"state": "failed", "message": outcome.message(row, visitor.language),
                 "todo": outcome.todo(row, visitor.language)} for row in rows]  # fmt: skip
        return _page(visitor, name, checked=said)
    if kind == "import-formats":
        return download(f"import-formats-{name}.zip", zipped(written(import_formats(Chosen.by(loaded)))))
    files = mapping_files(loaded.profile.mappings)
    if kind != "mappings" or not files:
        raise NotThereError
    if loaded.profile.mappings.is_file():
        return FileResponse(files[0], filename=files[0].name)
    return download(f"mappings-{name}.zip", zipped({one.name: one.read_bytes() for one in files}))


def _page(visitor: Visitor, name: str, **results: Any) -> HTMLResponse:
    """Make the page of a profile, with the result of what was tried."""
    shown = {"checked": None, "tried": None, "mailed": "", **results}
    try:
        loaded = visitor.site.profile(name)
    except ProfileError as error:
        problems = error.problems.to_dict("records")
        language = visitor.language
        said = [(outcome.message(row, language), outcome.todo(row, language)) for row in problems]
        return visitor.page("profile_wrong.html", name=name, problems=said)
    runs = visitor.site.ledger.runs(name, 5)
    shown |= {"is_default": default(visitor.site.installation.profiles) == name}
    return visitor.page("profile.html", loaded=loaded, settings=list(settings(loaded)), runs=runs, **shown)


def _tried(visitor: Visitor, loaded: LoadedProfile, name: str, *, write: bool) -> dict[str, Any]:
    """Try a place, once; one that cannot even be tried, such as for want of its password, says so too."""
    place, language = loaded.profile.places[name], visitor.language
    steps: list[dict[str, Any]] = []
    try:
        once = open_place(place.model_copy(update={"attempts": 1}), base_folder=loaded.folder)
        steps.extend(
            _step(code(step.code).text(language, detail=step.detail or "?"), step.error, language)
            for step in check_place(place, once, write=write)
        )
    except StorageError as error:
        steps.append(_step("", error, language))
    warnings = [code(one).text(language, where=place.name) for one in place.warnings]
    return {"name": name, "where": place.name, "warnings": warnings, "steps": steps}


def _step(text: str, error: StorageError | None, language: Language) -> dict[str, Any]:
    said = (error.text(language), error.todo(language)) if error else ("", "")
    return {"is_good": error is None, "text": text, "error": said[0], "todo": said[1]}

"""The commands that have no page of their own: a form made of their parameters, and what they say.

What changes something is shown first, as far as it can be: by the command's own question or plan, else in words.

Source: spec CON-2, JOU-4, SEC-4, SEC-5.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from markdown_it import MarkdownIt
from markupsafe import Markup

from passerelle.console import commands
from passerelle.console.commands import ASKED, OFFERED, Command, Offer, Said, asked_for, kind, slug
from passerelle.console.forms import Posted
from passerelle.console.site import Member, NotThereError, Received, Visitor, download, zipped
from passerelle.formats.registry import formats
from passerelle.run import journal

MESSAGES = "messages.txt"
_SHOWN = 200_000
"""Characters of what a command says that a page shows."""
_REFUSED = 3
_ERP_FILES = "erpFiles.zip"
_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable(["image", "link", "autolink"])
)

router = APIRouter()


@router.get("/commands", response_model=None)
def commands_page(visitor: Member) -> HTMLResponse:
    """Show the commands by what they are about."""
    groups: dict[str, list[Command]] = {}
    for path, offer in OFFERED.items():
        groups.setdefault(offer.group, []).append(visitor.site.commands[path])
    return visitor.page("commands.html", groups=groups)


@router.get("/commands/{name}", response_model=None)
def command_page(visitor: Member, request: Request, name: str) -> HTMLResponse:
    """Show a command's form; what stands in the address is filled in."""
    command, offer = _offered(visitor, name)
    return _page(visitor, command, offer, dict(request.query_params))


@router.post("/commands/{name}", response_model=None)
def run_command(visitor: Member, posted: Received, name: str) -> Response:
    """Do it; what is to be confirmed first says what it would do."""
    command, offer = _offered(visitor, name)
    given = {one.name: posted.fields.get(one.name, "").strip() for one in asked_for(command, offer)}
    given |= {"run": posted.fields["run"]} if posted.fields.get("run") else {}
    is_confirmed = bool(posted.fields.get("confirmed"))
    if offer.confirm == "words" and not is_confirmed:
        return _page(visitor, command, offer, given, confirms=True)
    more = [*offer.always, *_confirming(offer, is_confirmed=is_confirmed)]
    if not (offer.reads or (offer.confirm and not is_confirmed)):
        profile = next((given[one.name] for one in asked_for(command, offer) if kind(offer, one) == "profile"), "")
        visitor.site.ledger.access.note(visitor.user, "run", "command", command.path, profile)
    said = _run(visitor, command, offer, posted, given, more)
    if said.made and said.exit_code in {0, _REFUSED}:
        return _made(said)
    return _page(visitor, command, offer, given, said=said, confirms=_asks(offer, said, is_confirmed=is_confirmed))


def _offered(visitor: Visitor, name: str) -> tuple[Command, Offer]:
    path = next((one for one in OFFERED if slug(one) == name), "")
    if not path:
        raise NotThereError
    return visitor.site.commands[path], OFFERED[path]


def _confirming(offer: Offer, *, is_confirmed: bool) -> list[str]:
    """Give the option that makes a command only say what it would do, or do it without asking."""
    match offer.confirm:
        case "question" if is_confirmed:
            return ["--yes"]
        case "plan" if not is_confirmed:
            return ["--plan"]
    return []


def _asks(offer: Offer, said: Said, *, is_confirmed: bool) -> bool:
    """Tell whether what was said waits for a yes."""
    return not is_confirmed and said.exit_code == {"question": ASKED, "plan": 0}.get(offer.confirm)


def _run(
    visitor: Visitor, command: Command, offer: Offer, posted: Posted, given: dict[str, str], more: list[str]
) -> Said:
    site = visitor.site
    kinds = {one.name: kind(offer, one) for one in asked_for(command, offer)}
    for one in asked_for(command, offer):
        if kinds[one.name] == "profile" and (given[one.name] or one.is_needed) and given[one.name] not in site.names:
            raise NotThereError
    with site.installation.workshop() as folder:
        for part in ("given", "made"):
            (folder / part).mkdir()
        files = {name: _given(visitor, posted, name, folder / "given") for name in kinds if kinds[name] == "upload"}
        files |= {
            one.name: folder / "made" / _name(offer, given)
            for one in asked_for(command, offer)
            if kinds[one.name] == "made" and (one.is_needed or given[one.name])
        }
        return commands.run(
            site.installation,
            command,
            given,
            {name: path for name, path in files.items() if path},
            more=more,
            made=folder / "made",
            actor=visitor.user,
            language=visitor.language,
        )


def _given(visitor: Visitor, posted: Posted, name: str, folder: Path) -> Path | None:
    """Give the file that was attached, or a run's ``erpFiles.zip``."""
    if name in posted.files:
        path = folder / posted.files[name].name
        path.write_bytes(posted.files[name].data)
        return path
    run = posted.fields.get("run", "")
    return (
        journal.kept_files(visitor.site.installation, visitor.site.ledger.run(run).run_id).get(_ERP_FILES)
        if run
        else None
    )


def _name(offer: Offer, given: dict[str, str]) -> str:
    """Name the file that a command makes."""
    if offer.made != "format":
        return offer.made
    return PurePath(formats().get(given.get("target_format") or given.get("name", "")).path).name


def _made(said: Said) -> Response:
    """Give the file that was made; with what was said of it, where something was refused."""
    ((name, data),) = said.made.items()
    if said.exit_code != _REFUSED:
        return download(name, data)
    text = f"{said.output}\n{said.errors}".strip().encode()
    return download(f"{PurePath(name).stem}.zip", zipped({name: data, MESSAGES: text}))


def _page(
    visitor: Visitor,
    command: Command,
    offer: Offer,
    given: dict[str, str],
    *,
    said: Said | None = None,
    confirms: bool = False,
) -> HTMLResponse:
    output = said.output[:_SHOWN] if said else ""
    is_markdown = offer.markdown and not given.get("descriptor")
    return visitor.page(
        "command.html",
        command=command,
        slug=slug(command.path),
        fields=[(one, kind(offer, one), offer.choices.get(one.name, one.choices)) for one in asked_for(command, offer)],
        given=given,
        said=said,
        output=Markup(_MARKDOWN.render(output)) if is_markdown else output,  # noqa: S704 - rendered without HTML
        is_markdown=is_markdown,
        confirms=confirms,
        format_names=formats().names(),
    )

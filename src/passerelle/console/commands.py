"""The commands as the console offers them: what one can do, the other can (CON-2).

Every command has its place in the console: a page made for it (``PAGES``), or the page of commands, whose form is made
of the command's own parameters and which runs the command itself (``OFFERED``); those that are for a terminal alone say
why (``TERMINAL``). A command without a place fails the tests.

Source: spec CON-2, JOU-4, SEC-4.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from passerelle.messages import Language
from passerelle.profile.making import ASKED as ASKED_TASKS
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation

Confirm = Literal["", "question", "plan", "words"]
"""What is shown before something is done: nothing, the command's own question, its plan, the console's words."""
Kind = Literal["text", "flag", "choice", "many", "number", "day", "profile", "format", "upload", "made"]
ASKED = 4
"""Exit code of a command that wants a yes (``passerelle.cli.session``)."""
STOPPED = -9
_SECONDS = 600
_BETWEEN = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a command.

    Attributes:
        name: as the command's function has it.
        option: ``--name``; empty: an argument.
        is_flag: it has no value.
        is_many: it has any number of them.
        is_needed: it has no default.
        default: what holds when it is not given.
        choices: the values that are possible; empty: any.
        help: what the command says of it.
    """

    name: str
    option: str
    is_flag: bool
    is_many: bool
    is_needed: bool
    default: str
    choices: Sequence[str]
    help: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its words (``ledger reset``), what its help says, its parameters."""

    path: str
    help: str
    parameters: Sequence[Parameter]


Commands = Mapping[str, Command]


@dataclass(frozen=True, slots=True)
class Offer:
    """How the page of commands offers a command.

    Attributes:
        group: under which heading.
        confirm: what is shown first.
        reads: it only shows something; it is not audited.
        always: options that the console gives.
        kinds: of parameters, where their name alone does not tell.
        made: name of the file that it makes; ``format`` the one of the format asked for.
        choices: of parameters that have any number of values.
        needs: parameters that the console cannot do without, though the command can.
        markdown: what it says is Markdown, not lines.
    """

    group: str
    confirm: Confirm = ""
    reads: bool = False
    always: Sequence[str] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    made: str = ""
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    needs: Sequence[str] = ()
    markdown: bool = False


_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("profile",), "profile"),
    **dict.fromkeys(("day", "since", "until"), "day"),
    **dict.fromkeys(("last", "days", "count"), "number"),
    **dict.fromkeys(("file", "source"), "upload"),
    **dict.fromkeys(("output", "target"), "made"),
    **dict.fromkeys(("source_format", "target_format"), "format"),
}
_HIDDEN = {"url", "json", "yes", "lang", "formats_folder", "extracts", "option", "help"}
"""What the console decides, or what names a place of this machine."""
_PROFILE = ("profile",)
_OF_PROFILE: Mapping[str, Kind] = {"name": "profile"}
_OF_FORMAT: Mapping[str, Kind] = {"name": "format"}

OFFERED: Mapping[str, Offer] = {
    "ledger status": Offer("ledger", reads=True, markdown=True),
    "ledger audit": Offer("ledger", reads=True, made="audit.csv"),
    "ledger pickups": Offer("ledger", reads=True),
    "ledger reset": Offer("ledger", "question", needs=_PROFILE),
    "ledger close": Offer("ledger", "words", needs=_PROFILE),
    "ledger abandon": Offer("ledger", "question"),
    "ledger forget-pickup": Offer("ledger", "words", needs=_PROFILE),
    "ledger forget-mark": Offer("ledger", "words", needs=_PROFILE),
    "ledger set-mark": Offer("ledger", "words", needs=_PROFILE),
    "stats": Offer("keeping", reads=True, made="stats.csv", markdown=True, needs=_PROFILE),
    "purge": Offer("keeping", "plan", needs=_PROFILE),
    "people find": Offer("keeping", needs=_PROFILE),
    "people export": Offer("keeping", made="person.json", needs=_PROFILE),
    "people erase": Offer("keeping", "question", needs=_PROFILE),
    "profile new": Offer("profiles", always=("--yes",), choices={"task": ASKED_TASKS}, needs=("name",)),
    "profile duplicate": Offer("profiles", kinds=_OF_PROFILE, needs=("name",)),
    "profile pause": Offer("profiles", kinds=_OF_PROFILE, needs=("name",)),
    "profile resume": Offer("profiles", kinds=_OF_PROFILE, needs=("name",)),
    "profile delete": Offer("profiles", "question", kinds=_OF_PROFILE, needs=("name",)),
    "profile schedule": Offer("profiles", reads=True, kinds=_OF_PROFILE, needs=("name",)),
    "profile refresh": Offer("profiles", kinds=_OF_PROFILE, needs=("name",)),
    "storage ls": Offer("profiles", reads=True, needs=_PROFILE),
    "ebp import-check": Offer("files", reads=True, markdown=True),
    "format list": Offer("files", reads=True),
    "format show": Offer("files", reads=True, kinds=_OF_FORMAT, markdown=True),
    "format check": Offer("files", reads=True, kinds=_OF_FORMAT),
    "format sample": Offer("files", reads=True, kinds=_OF_FORMAT, made="format", needs=("output",)),
    "format convert": Offer("files", reads=True, made="format"),
}
PAGES: Mapping[str, str] = {
    "run": "POST /start/{profile}/{task}",
    "stop": "POST /runs/{run_id}/stop",
    "runs": "GET /runs",
    "run-show": "GET /runs/{run_id}",
    "rejects": "GET /runs/{run_id}",
    "download": "GET /runs/{run_id}/files/{name}",
    "profile list": "GET /profiles",
    "profile show": "GET /profiles/{name}",
    "profile check": "POST /profiles/{name}/check",
    "profile default": "POST /profiles/{name}/default",
    "profile mail": "POST /profiles/{name}/mail",
    "storage test": "POST /profiles/{name}/places",
    "ebp samples": "GET /profiles/{name}/files/{kind}",
    "ebp import-formats": "GET /profiles/{name}/files/{kind}",
    "console-user list": "GET /access",
    "console-user add": "POST /access/users",
    "console-user remove": "POST /access/users/{name}/remove",
    "console-user password": "POST /access/password",
    "console-token list": "GET /access",
    "console-token add": "POST /access/tokens",
    "console-token remove": "POST /access/tokens/{number}/remove",
}
"""The pages of commands, or of all commands of a group, that have one of their own."""
TERMINAL: Mapping[str, str] = {
    "up": "it starts the console",
    "deploy": "it sets machines up, from an environment that names their server",
    "console": "it starts the console",
    "demo": "it plays on sample files of its own, in the folder that one stands in",
    "storage login": "the provider sends the browser back to this very machine",
}
"""The commands that the console has not, and why."""
BROWSER: Mapping[str, str] = {
    "POST /login": "of the browser's session",
    "POST /logout": "of the browser's session",
    "POST /language": "of the browser; PASSERELLE_LANG in a terminal",
    "POST /profiles/{name}/mappings/{mapping}": "in a terminal the workbook itself is filled in",
    "POST /run/{profile}/{task}": "the trigger URL, for programs: `run`",
}
"""What the console does and no command, and why."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said.

    Attributes:
        output: on its standard output.
        errors: on its error output.
        exit_code: how it ended.
        made: the files it made, by name.
    """

    output: str
    errors: str
    exit_code: int
    made: Mapping[str, bytes]


def slug(path: str) -> str:
    """Give a command's part of an address: ``ledger reset`` is ``ledger-reset``."""
    return path.replace(" ", "-")


def kind(offer: Offer, parameter: Parameter) -> Kind:
    """Tell what a parameter is in a form."""
    if parameter.is_flag:
        return "flag"
    if parameter.name in offer.choices:
        return "many"
    if parameter.choices:
        return "choice"
    return offer.kinds.get(parameter.name) or _KINDS.get(parameter.name, "text")


def asked_for(command: Command, offer: Offer) -> list[Parameter]:
    """Give the parameters that a form asks for."""
    planned = {"plan"} if offer.confirm == "plan" else set()
    asked = [one for one in command.parameters if one.name not in _HIDDEN | planned]
    return [replace(one, is_needed=one.is_needed or one.name in offer.needs) for one in asked]


def run(
    installation: Installation,
    command: Command,
    given: Mapping[str, str],
    files: Mapping[str, Path],
    *,
    more: Sequence[str],
    made: Path,
    actor: str,
    language: Language,
) -> Said:
    """Run a command for a user, and wait for it.

    Args:
        installation: where.
        command: one that is offered.
        given: values of its parameters; what is empty is not given.
        files: files of its parameters, those it reads and those it makes.
        more: further options.
        made: folder of the files that it makes.
        actor: the user, for the audit.
        language: of what it says.

    Raises:
        RunError: a parameter that it needs is not given.
    """
    words = _words(command, given, files)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "passerelle", *command.path.split(), *more, *words],
            env={**os.environ, **installation.variables, "PASSERELLE_LANG": language, "PASSERELLE_FOR": actor},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Said("", "", STOPPED, {})
    output, errors = (one.decode("utf-8", "replace") for one in (done.stdout, done.stderr))
    kept = {path.name: path.read_bytes() for path in sorted(made.iterdir())}
    return Said(output, errors, done.returncode, kept)


def _words(command: Command, given: Mapping[str, str], files: Mapping[str, Path]) -> list[str]:
    """Give a command's parameters as its words; nothing that is given can be taken for an option."""
    options, arguments = list[str](), list[str]()
    for one in command.parameters:
        value = str(files[one.name]) if one.name in files else given.get(one.name, "").strip()
        if one.is_needed and not value:
            raise RunError("console-not-given", is_usage=True, value=one.name)
        values = [part for part in _BETWEEN.split(value) if part] if one.is_many else [value]
        if not one.option:
            arguments += values
        elif value and one.name not in _HIDDEN:
            options += [one.option] if one.is_flag else [f"{one.option}={part}" for part in values]
    while arguments and not arguments[-1]:
        arguments.pop()
    return [*options, "--", *arguments]

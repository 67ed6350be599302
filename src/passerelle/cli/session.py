"""What every command shares: the installation it works on, the user's language, how it says what went wrong.

Source: spec RUN-5 (exit codes), SEC-3 (no secret in an error).
"""

from __future__ import annotations

import getpass
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from passerelle.run.installation import Installation

FAILED = 1
WRONG_USAGE = 2
ASKED = 4
"""It wants a yes: the console asks its user, and runs the command again with ``--yes``."""
FOR = "PASSERELLE_FOR"
"""The console's user for whom a command runs."""

_folders: dict[str, Path | None] = {"profiles": None, "state": None}


def language() -> Literal["fr", "en"]:
    """Give the user's language: ``PASSERELLE_LANG``, else that of the environment, else English."""
    named = os.environ.get("PASSERELLE_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return "fr" if named.lower().startswith("fr") else "en"


def actor() -> str:
    """Give who wants something done, for the audit: the console's user, else this machine's."""
    return os.environ.get(FOR) or getpass.getuser()


def remember(profiles: Path | None, state: Path | None) -> None:
    """Keep the folders given before the sub-command."""
    _folders.update(profiles=profiles, state=state)


def installation() -> Installation:
    """Give the installation that the command works on."""
    from passerelle.run.installation import Installation  # noqa: PLC0415

    return Installation.of_environment(_folders["profiles"], _folders["state"])


def _named_or_default(context: typer.Context, name: str) -> str:
    """Give the profile that is named, else the default one, and say which: nobody works on other books unawares."""
    if name or context.resilient_parsing:
        return name
    with failing():
        from passerelle.profile.default import taken  # noqa: PLC0415

        name = taken(installation().profiles)
    typer.echo({"fr": f"Profil : {name}", "en": f"Profile: {name}"}[language()], err=True)
    return name


ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile",
        "-p",
        callback=_named_or_default,
        show_default=False,
        help="Name or file of the profile; missing: the default one.",
    ),
]
"""The profile that a command works on; commands that forget or remove something want it named."""
ProfileArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        callback=_named_or_default,
        show_default=False,
        help="Name or file of the profile; missing: the default one.",
    ),
]


def print_anyhow() -> None:
    """Let the output stop no command, nor change its exit code (RUN-5).

    What its encoding lacks is a question mark, as in a pipe on Windows; a closed output (``>&-``) takes everything.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the command ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(markdown: str) -> None:
    """Print Markdown: laid out on a terminal, as it is into a file or pipe."""
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415
        from rich.markdown import Markdown  # noqa: PLC0415

        Console().print(Markdown(markdown))
    else:
        typer.echo(markdown)


def confirm(question: str) -> None:
    """Ask before something is done that cannot be undone.

    Raises:
        typer.Exit: the answer is not yes, or nobody is there to answer.
    """
    if FOR in os.environ:
        typer.echo(question)
        raise typer.Exit(ASKED)
    try:
        letters = "o/N" if language() == "fr" else "y/N"
        answer = typer.prompt(f"{question} [{letters}]", default="", show_default=False, prompt_suffix=" ")
    except typer.Abort:
        answer = ""
    if answer.strip().casefold() not in {"o", "oui", "y", "yes"}:
        typer.echo({"fr": "Rien n'a été fait.", "en": "Nothing was done."}[language()], err=True)
        raise typer.Exit(FAILED)


@contextmanager
def failing() -> Iterator[None]:
    """Turn a failure into a message with what to do, in the user's language, and its exit code (RUN-5).

    Exit code 2 is for usage and configuration, 1 for everything else. An error that is nobody's but ours keeps its
    traceback: it must be reported. A reader who has gone (``passerelle runs | head``) is no failure to tell.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        message, code = told
        typer.echo(message, err=True)
        raise typer.Exit(code) from None


def _told(error: Exception) -> tuple[str, int] | None:
    """Give message and exit code of an error that users can act on."""
    from passerelle.run.faults import told  # noqa: PLC0415

    fault = told(error, language())
    if fault is None:
        return None
    return "\n".join(filter(None, (fault.text, fault.todo))), WRONG_USAGE if fault.is_usage else FAILED

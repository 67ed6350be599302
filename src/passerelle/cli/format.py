"""``passerelle format``: what formats there are, and files against them (spec FMT-4).

Exit codes: 0 all well, 1 a file could not be read or written, 2 wrong usage or configuration, 3 rows were refused.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passerelle.cli.session import FAILED, failing, language, say

if TYPE_CHECKING:
    import pandas as pd

    from passerelle.formats.registry import Formats

REFUSED = 3
_SHOWN = 100
"""Outcomes that are printed; a file may have a wrong cell on each of its rows."""

app = typer.Typer(no_args_is_help=True, help="File formats: list, show, check, sample, convert. Formats de fichiers.")


class Lang(StrEnum):
    """The languages the messages are in."""

    FR = "fr"
    EN = "en"


def _speak(chosen: Lang | None) -> None:
    if chosen is not None:
        os.environ["PASSERELLE_LANG"] = chosen


FolderOption = Annotated[
    Path | None, typer.Option("--formats-folder", help="Folder of your own descriptors, before the built-in ones.")
]
LangOption = Annotated[
    Lang | None, typer.Option("--lang", callback=_speak, help="Language of the messages; default: the environment's.")
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of a format, such as ebp/orders.")]


@app.command("list")
def list_formats(formats_folder: FolderOption = None, lang: LangOption = None) -> None:  # noqa: ARG001 - its callback
    """List the formats. Lister les formats."""
    with failing():
        known = _formats(formats_folder)
        descriptors = [known.get(name) for name in known.names()]
        width = max(len(one.name) for one in descriptors)
        for one in descriptors:
            typer.echo(f"{one.name:<{width}}  {one.title}")


@app.command("show")
def show(
    name: NameArgument,
    descriptor: Annotated[bool, typer.Option("--descriptor", help="Print the descriptor file, to start from.")] = False,
    formats_folder: FolderOption = None,
    lang: LangOption = None,  # noqa: ARG001 - its callback
) -> None:
    """Show the columns of a format. Montrer les colonnes d'un format."""
    with failing():
        from passerelle.formats.documentation import page  # noqa: PLC0415

        known = _formats(formats_folder)
        if descriptor:
            typer.echo(known.text(name), nl=False)
        else:
            say(page(known.get(name)))


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="The file to check.")],
    name: Annotated[str, typer.Option("--format", help="Name of its format.")],
    encoding: Annotated[str | None, typer.Option(help="Its encoding, if neither declared nor to be detected.")] = None,
    formats_folder: FolderOption = None,
    lang: LangOption = None,  # noqa: ARG001 - its callback
) -> None:
    """Check a file against a format. Vérifier un fichier."""
    with failing():
        from passerelle.formats.checker import check as checked  # noqa: PLC0415
        from passerelle.formats.descriptor import ENCODINGS  # noqa: PLC0415

        if encoding and encoding not in ENCODINGS:
            raise typer.BadParameter(f"{encoding} is not possible; allowed: {', '.join(ENCODINGS)}")
        found = checked(_formats(formats_folder).get(name), file.read_bytes(), file.name, encoding=encoding)
        _say_outcomes(found.outcomes)
        for code, labels in (("format-columns-absent", found.absent), ("format-columns-unused", found.unused)):
            if labels:
                _say(code, columns=", ".join(labels))
        if found.encoding:
            _say(
                "format-checked",
                record=file.name,
                rows=found.rows,
                accepted=found.accepted,
                refused=found.refused,
                encoding=found.encoding,
                delimiter=repr(found.delimiter) if found.delimiter else "-",
            )
    raise typer.Exit(_exit_code(found.outcomes) if found.encoding else FAILED)


@app.command("sample")
def sample(
    name: NameArgument,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write; default: print it.")] = None,
    formats_folder: FolderOption = None,
    lang: LangOption = None,  # noqa: ARG001 - its callback
) -> None:
    """Write a sample file of a format. Écrire un fichier d'exemple."""
    with failing():
        from passerelle.formats.sample import sample as sampled  # noqa: PLC0415

        written = sampled(_formats(formats_folder).get(name))
        _say_outcomes(written.outcomes)
        if output is None:
            sys.stdout.buffer.write(written.data)
            sys.stdout.flush()
        else:
            output.write_bytes(written.data)
    raise typer.Exit(_exit_code(written.outcomes))


@app.command("convert")
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The file to convert.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    source_format: Annotated[str, typer.Option("--from", help="Format of the file to convert.")],
    target_format: Annotated[str, typer.Option("--to", help="Format of the file to write.")],
    formats_folder: FolderOption = None,
    lang: LangOption = None,  # noqa: ARG001 - its callback
) -> None:
    """Make a file of one format into another. Convertir un fichier."""
    with failing():
        from passerelle.formats.converter import convert as converted  # noqa: PLC0415

        known = _formats(formats_folder)
        made = converted(known.get(source_format), known.get(target_format), source.read_bytes(), source.name)
        target.write_bytes(made.data)
        _say_outcomes(made.outcomes)
        if made.empty:
            _say("format-columns-empty", columns=", ".join(made.empty))
        _say("format-converted", record=target.name, rows=made.written, read=made.read)
    raise typer.Exit(_exit_code(made.outcomes))


def _formats(folder: Path | None) -> Formats:
    from passerelle.formats.registry import formats  # noqa: PLC0415

    return formats(folder)


def _say(name: str, **parameters: object) -> None:
    from passerelle.messages import code  # noqa: PLC0415

    typer.echo(code(name).text(language(), **parameters), err=True)


def _say_outcomes(outcomes: pd.DataFrame) -> None:
    """Print what is wrong, one line each, with what to do said once for each code."""
    from passerelle.outcome import message, todo  # noqa: PLC0415

    told: set[str] = set()
    rows = outcomes.head(_SHOWN).to_dict("records")
    for row in rows:
        advice = "" if row["code"] in told else todo(row, language())
        told.add(row["code"])
        typer.echo(" ".join(filter(None, (f"{row['record']}: {message(row, language())}", advice))), err=True)
    if len(outcomes) > _SHOWN:
        _say("format-more-outcomes", count=len(outcomes) - _SHOWN)


def _exit_code(outcomes: pd.DataFrame) -> int:
    return REFUSED if (outcomes["state"] == "failed").any() else 0

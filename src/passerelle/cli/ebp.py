"""``passerelle ebp``: EBP's import played before EBP sees it, example files, what to set up there (EBP-3 to EBP-5)."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from passerelle.cli.session import WRONG_USAGE, ProfileOption, failing, installation, language, say

if TYPE_CHECKING:
    import pandas as pd

    from passerelle.ebp.check import ImportCheck
    from passerelle.ebp.chosen import Chosen
    from passerelle.ebp.extracts import Extracts
    from passerelle.profile.loader import LoadedProfile

_SHOWN = 100
"""Documents and findings that are printed; ``--json`` gives all."""
_REMARKS = 3
_HEADS = {
    "fr": ("Type", "Numéro", "Date", "Client", "Lignes", "HT", "TVA", "TTC", "Acompte"),
    "en": ("Kind", "Number", "Date", "Customer", "Lines", "Excl. VAT", "VAT", "Incl. VAT", "Deposit"),
}

app = typer.Typer(no_args_is_help=True, help="EBP: check the files, samples, import formats. Autour d'EBP.")

ChosenOption = Annotated[
    str | None, typer.Option("--profile", "-p", help="Name or file of the profile; missing: EBP as it comes.")
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")]


@app.command("import-check")
def import_check(
    file: Annotated[Path, typer.Argument(metavar="erpFiles.zip", help="The zip to check.")],
    extracts: Annotated[
        Path | None, typer.Option(help="Folder with EBP's extracts, named after what they hold.")
    ] = None,
    profile: ChosenOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Play EBP's import on the files. Jouer l'import d'EBP sur les fichiers.

    Exit codes: 0 nothing to say, 1 would not import as it stands, 2 wrong usage, 3 remarks only.
    """
    with failing():
        from passerelle.ebp.check import import_check as checked  # noqa: PLC0415

        chosen = _chosen(profile)
        data = _given(file)
        known = _extracts(chosen, extracts)
        check = checked(data, known, chosen.conventions(), name=file.name)
        if json:
            typer.echo(_as_json(check, known.outcomes))
        else:
            _report(check, known.outcomes, chosen, file.name)
    raise typer.Exit(check.exit_code or (_REMARKS if len(known.outcomes) else 0))


@app.command("samples")
def samples(output: OutputOption, profile: ProfileOption = "") -> None:
    """Write example documents for a first import. Fichiers d'exemple pour un premier import.

    Exit codes: 0 all well, 1 nothing could be written, 2 wrong usage, 3 some were refused.
    """
    with failing():
        from passerelle.messages import Language, code  # noqa: PLC0415
        from passerelle.run.samples import SAMPLES_NAME, sample_files  # noqa: PLC0415

        loaded = _loaded(profile)
        made = sample_files(loaded, installation().today(loaded.profile.time_zone))
        _say_outcomes(made.outcomes)
        refused = bool((made.outcomes["state"] == "failed").any())
        if made.data:
            output.mkdir(parents=True, exist_ok=True)
            (output / SAMPLES_NAME).write_bytes(made.data)
            typer.echo(str(output / SAMPLES_NAME))
            for one in get_args(Language):
                typer.echo(code("ebp-samples-warning").text(one))
    raise typer.Exit((_REMARKS if refused else 0) if made.data else 1)


@app.command("import-formats")
def import_formats(output: OutputOption, profile: ChosenOption = None) -> None:
    """Write what to set up in EBP's import wizard, file by file. Pages pour paramétrer les imports dans EBP."""
    with failing():
        from passerelle.ebp.import_formats import import_formats as described  # noqa: PLC0415
        from passerelle.ebp.import_formats import written  # noqa: PLC0415

        files = written(described(_chosen(profile)))
        output.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (output / name).write_bytes(data)
            typer.echo(str(output / name))


def _loaded(profile: str) -> LoadedProfile:
    from passerelle.profile.loader import load  # noqa: PLC0415

    return load(profile, profiles_folder=installation().profiles)


def _chosen(profile: str | None) -> Chosen:
    from passerelle.ebp.chosen import Chosen  # noqa: PLC0415

    return Chosen.by(None if profile is None else _loaded(profile))


def _given(file: Path) -> bytes:
    from passerelle.messages import system  # noqa: PLC0415

    try:
        return file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(system.texts(error, file)[f"reason_{language()}"]) from None


def _extracts(chosen: Chosen, folder: Path | None) -> Extracts:
    """Read the extracts; one that cannot be read is no fault of the files that are checked."""
    from passerelle.formats.errors import FormatError  # noqa: PLC0415
    from passerelle.messages import system  # noqa: PLC0415

    try:
        return chosen.read_extracts(folder)
    except FormatError as error:
        typer.echo("\n".join(filter(None, (error.text(language()), error.todo(language())))), err=True)
    except OSError as error:
        typer.echo(system.text(error, language()), err=True)
    raise typer.Exit(WRONG_USAGE)


def _report(check: ImportCheck, of_extracts: pd.DataFrame, chosen: Chosen, name: str) -> None:
    """Print what EBP would make, then what it would say."""
    say(f"{_made(check)}\n")
    _say_outcomes(of_extracts)
    _say_outcomes(check.findings)
    if check.unchecked:
        from passerelle.ebp.extracts import LISTS  # noqa: PLC0415

        files = [chosen.formats.get(LISTS[one].format).path for one in check.unchecked]
        _say("ebp-check-unchecked", lists=", ".join(Path(file).stem for file in files))
    failed = int((check.findings["state"] == "failed").sum())
    counts = {"documents": len(check.documents), "customers": len(check.customers)}
    _say("ebp-check-done", record=name, failed=failed, remarks=len(check.findings) - failed, **counts)


def _made(check: ImportCheck) -> str:
    """Give a table of the documents that EBP would make."""
    from passerelle.ebp.labels import FILES  # noqa: PLC0415

    heads, mark = _HEADS[language()], "," if language() == "fr" else "."
    lines = [heads, ("---",) * len(heads)]
    for one in check.documents[:_SHOWN]:
        amounts = (one.total_excl, one.total_tax, one.total_incl, one.deposit or None)
        texts = ["" if amount is None else f"{amount:f}".replace(".", mark) for amount in amounts]
        kind = FILES[one.file].wizard
        lines.append((kind, one.number, one.date, one.customer, str(one.lines), *texts))
    more = [f"… + {len(check.documents) - _SHOWN}"] if len(check.documents) > _SHOWN else []
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), *more])


def _as_json(check: ImportCheck, of_extracts: pd.DataFrame) -> str:
    """Give everything as JSON; amounts are texts with a point."""
    from passerelle.outcome import message, todo, together  # noqa: PLC0415

    findings = [
        {name: row[name] for name in ("record", "code", "state", "field", "value")}
        | {f"message_{one}": message(row, one) for one in ("fr", "en")}
        | {f"todo_{one}": todo(row, one) for one in ("fr", "en")}
        for row in together([of_extracts, check.findings]).to_dict("records")
    ]
    told = {
        "exit_code": check.exit_code,
        "rows": dict(check.rows),
        "customers": list(check.customers),
        "documents": [asdict(one) for one in check.documents],
        "unchecked": list(check.unchecked),
        "findings": findings,
    }
    return dumps(told, ensure_ascii=False, indent=2, default=str)


def _say(name: str, **parameters: object) -> None:
    from passerelle.messages import code  # noqa: PLC0415

    said = code(name)
    typer.echo(" ".join(filter(None, (said.text(language(), **parameters), said.todo(language())))))


def _say_outcomes(outcomes: pd.DataFrame) -> None:
    """Print what is wrong, one line each, with what to do said once for each code."""
    from passerelle.outcome import message, todo  # noqa: PLC0415

    told: set[str] = set()
    for row in outcomes.head(_SHOWN).to_dict("records"):
        advice = "" if row["code"] in told else todo(row, language())
        told.add(row["code"])
        typer.echo(" ".join(filter(None, (f"{row['record']}: {message(row, language())}", advice))), err=True)
    if len(outcomes) > _SHOWN:
        _say("format-more-outcomes", count=len(outcomes) - _SHOWN)

"""``passerelle demo``: orders of sample shops to the ERP, or its catalogue to shops, over an FTP server of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passerelle.cli.session import failing, language, say

if TYPE_CHECKING:
    from passerelle.run.demo import Shown


def demo(
    samples: Annotated[Path | None, typer.Option(help="Folder of a sample profile of your own.")] = None,
    output: Annotated[Path, typer.Option(help="Folder the demonstration works in.")] = Path("out"),
    catalogue: Annotated[bool, typer.Option("--catalogue", help="The ERP's catalogue to its shops.")] = False,
) -> None:
    """Run the nightly jobs on sample files. Démonstration sur des fichiers d'exemple.

    What the ledger remembers stays in the folder: the second time there is nothing to send. Delete the folder to begin
    again.
    """
    with failing():
        from passerelle.run.demo import CATALOGUE, PROFILE, SAMPLES, run_catalogue, run_demo  # noqa: PLC0415

        folder = samples or SAMPLES / (CATALOGUE if catalogue else PROFILE)
        fr = language() == "fr"
        if catalogue:
            shown = run_catalogue(folder, output)
            say(_runs(shown, fr=fr))
        else:
            from passerelle.run.summary import markdown  # noqa: PLC0415

            shown = run_demo(folder, output)
            [(_, summary)] = shown.runs
            say(markdown(summary))
            typer.echo(f"{'Fichiers ERP' if fr else 'ERP files'}: {shown.zip_path or '—'}")
        typer.echo(f"{'Sur le serveur FTP' if fr else 'On the FTP server'}:")
        typer.echo("\n".join(f"  {file}" for file in shown.delivered) or "  —")
        if all(summary.state == "nothing-to-do" for _, summary in shown.runs):
            typer.echo(
                "Tout était déjà échangé : rien à envoyer. Pour recommencer, supprimez le dossier."
                if fr
                else "Everything was exchanged before: nothing to send. Delete the folder to begin again."
            )


def _runs(shown: Shown, *, fr: bool) -> str:
    """Write what each task told each shop, and why something was not told."""
    heads = (
        ("Tâche", "Boutique", "Lus", "Envoyés", "Refusés", "Laissés")
        if fr
        else ("Task", "Shop", "Read", "Sent", "Refused", "Left")
    )
    rows = [
        (task, run.shop, str(run.read), str(run.written), str(run.failed), str(run.ignored)) for task, run in shown.runs
    ]
    refused = dict.fromkeys(
        f"- {reason.message} {reason.todo}"
        for _, run in shown.runs
        for reason in run.reasons
        if reason.state == "failed"
    )
    table = ["| " + " | ".join(row) + " |" for row in (heads, ("---",) * len(heads), *rows)]
    return "\n".join([*table, "", *refused])

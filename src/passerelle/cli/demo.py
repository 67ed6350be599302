"""``passerelle demo``: the orders job on the sample shops, delivered to an FTP server of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from passerelle.cli.session import failing, language, say


def demo(
    samples: Annotated[Path, typer.Option(help="Folder of the sample profile.")] = Path("sample_files/demo"),
    output: Annotated[Path, typer.Option(help="Folder the demonstration works in.")] = Path("out"),
) -> None:
    """Run the nightly orders job on sample files. Démonstration sur des fichiers d'exemple.

    What the ledger remembers stays in the folder: the second time there is nothing to send. Delete the folder to begin
    again.
    """
    with failing():
        from passerelle.run.demo import run_demo  # noqa: PLC0415
        from passerelle.run.summary import markdown  # noqa: PLC0415

        shown = run_demo(samples, output)
        say(markdown(shown.summary))
        fr = language() == "fr"
        typer.echo(f"{'Fichiers ERP' if fr else 'ERP files'}: {shown.zip_path or '—'}")
        typer.echo(f"{'Sur le serveur FTP' if fr else 'On the FTP server'}: {', '.join(shown.delivered) or '—'}")
        if shown.summary.state == "nothing-to-do":
            typer.echo(
                "Tout était déjà échangé : rien à envoyer. Pour recommencer, supprimez le dossier."
                if fr
                else "Everything was exchanged before: nothing to send. Delete the folder to begin again."
            )

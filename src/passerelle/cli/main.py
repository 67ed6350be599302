"""The ``passerelle`` command: its sub-commands and their order in the help.

Modules of commands import nothing heavy at their top, so that ``--help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from passerelle import __version__
from passerelle.cli import console, demo, deploy, ebp, ledger, people, profile, purge, run, stats, storage, up
from passerelle.cli.format import app as format_app
from passerelle.cli.session import print_anyhow, remember

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Exchange between French ERPs and web shops. Échanges entre ERP et boutiques.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    profiles: Annotated[
        Path | None, typer.Option(help="Folder of the profiles (PASSERELLE_PROFILES, default ./profiles).")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder of ledger, outbox and runs (PASSERELLE_STATE, default ./var).")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep the folders for the sub-command, and let it print whatever the output is."""
    print_anyhow()
    remember(profiles, state)


app.add_typer(run.app, name="run")
app.add_typer(profile.app, name="profile")
run.register(app)
app.command("stats")(stats.stats)
app.command("purge")(purge.purge)
app.add_typer(people.app, name="people")
app.command("stop")(console.stop)
app.command("up")(up.up)
app.command("deploy")(deploy.deploy)
app.command("console")(console.console)
app.add_typer(console.users, name="console-user")
app.add_typer(console.tokens, name="console-token")
app.command("demo")(demo.demo)
app.add_typer(format_app, name="format")
app.add_typer(ebp.app, name="ebp")
app.add_typer(ledger.app, name="ledger")
app.add_typer(storage.app, name="storage")

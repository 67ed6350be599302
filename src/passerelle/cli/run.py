"""``passerelle run``, and the journal's commands: ``runs``, ``run-show``, ``download``, ``rejects``."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from passerelle.cli.session import failing, installation, language, say

app = typer.Typer(no_args_is_help=True, help="Run a task now. Lancer une tâche.")

ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="Name or file of the profile.")]
Periods = (
    "this-week, last-15-days, this-month, last-month, last-3-months, last-6-months, this-year, last-year, all, "
    "since-last-import"
)


@app.command("orders")
def orders(
    profile: ProfileOption,
    period: Annotated[str | None, typer.Option(help=f"One of: {Periods}.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done; send and record nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Shop orders to ERP documents. Commandes des boutiques vers l'ERP.

    Exit codes: 0 all well, 1 the run failed, 2 wrong usage or configuration, 3 finished with refused records.
    """
    with failing():
        from passerelle.cli.transfers import shown_on_terminal  # noqa: PLC0415
        from passerelle.run.orders import Request, run_orders  # noqa: PLC0415
        from passerelle.run.summary import markdown  # noqa: PLC0415

        request = Request.asked(
            profile=profile,
            period=period,
            since=since.date() if since else None,
            until=until.date() if until else None,
            plan=plan,
        )
        with shown_on_terminal() as progress:
            summary = run_orders(request, installation(), progress)
        if json:
            typer.echo(summary.to_json())
        else:
            say(markdown(summary))
    raise typer.Exit(summary.exit_code)


def register(root: typer.Typer) -> None:
    """Add the journal's commands to the top level."""
    root.command("runs")(runs)
    root.command("run-show")(run_show)
    root.command("download")(download)
    root.command("rejects")(rejects)


def runs(
    profile: Annotated[str | None, typer.Option("--profile", "-p", help="Only this profile's.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
) -> None:
    """List the latest runs. Dernières exécutions."""
    with failing():
        from passerelle.run.journal import latest_runs  # noqa: PLC0415

        for line in latest_runs(installation(), profile, limit):
            typer.echo(line)


def run_show(run: Annotated[str, typer.Argument(help="The run.")]) -> None:
    """Show the summary of a run. Résumé d'une exécution."""
    with failing():
        from passerelle.run import journal  # noqa: PLC0415

        say(journal.summary_text(installation(), run))


def download(
    run: Annotated[str, typer.Argument(help="The run.")],
    name: Annotated[str, typer.Argument(help="The file, such as erpFiles.zip or rejects.xlsx.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to put it; default: this folder.")
    ] = None,
) -> None:
    """Copy a file of a run. Récupérer un fichier d'une exécution."""
    with failing():
        from passerelle.run import journal  # noqa: PLC0415

        source = journal.run_file(installation(), run, name)
        target = output or Path(name)
        shutil.copyfile(source, target / name if target.is_dir() else target)


def rejects(run: Annotated[str, typer.Argument(help="The run.")]) -> None:
    """Say what a run refused, why, and what to do. Ce qui a été refusé, pourquoi, que faire."""
    with failing():
        from passerelle.run import journal  # noqa: PLC0415

        lines = journal.reject_lines(installation(), run, language())
        for line in lines:
            typer.echo(line)
    raise typer.Exit(3 if lines else 0)

"""``passerelle up``: server, schedules, runner and console on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from passerelle.cli.session import WRONG_USAGE, failing, installation, language

if TYPE_CHECKING:
    from passerelle.profile.loader import LoadedProfile
    from passerelle.run.installation import Installation


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Prefect's server, on loopback.")] = 4200,
    console_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the console.", envvar="PASSERELLE_CONSOLE_PORT")
    ] = 4280,
    limit: Annotated[int, typer.Option(min=1, help="How many runs work at once.")] = 2,
) -> None:
    """Start everything on this machine: Prefect's server, the schedules, the runner, the console. Ctrl-C stops it.

    Tout démarrer sur cette machine : serveur Prefect, planifications, exécutions, console.
    """
    with failing():
        from passerelle.flows.server import DATABASE, console, database, environment, server  # noqa: PLC0415

        chosen = installation()
        found = _usable(chosen)
        kept_in = database()
        os.environ.pop(DATABASE, None)  # the server's alone: runs need no password of it
        variables = environment(chosen, port, console_port)
        # Before Prefect is imported: it reads its settings then.
        os.environ.update(variables)
        with server(variables, kept_in) as address, console(variables, console_port) as pages:
            from prefect import serve  # noqa: PLC0415

            from passerelle.flows.deployments import deployments, install_automations  # noqa: PLC0415

            install_automations()
            typer.echo(f"Console: {pages}")
            typer.echo(f"Prefect: {address}  —  {', '.join(each.profile.name for each in found)}")
            if kept_in is not None:
                typer.echo(f"Prefect's database: {kept_in.render_as_string(hide_password=True)}")
            serve(*deployments(found, chosen.today), limit=limit, pause_on_shutdown=False, print_starting_message=False)


def _usable(chosen: Installation) -> list[LoadedProfile]:
    """Read the profiles; one with mistakes is told, and keeps no other from its night.

    Raises:
        ProfileError: there is none.
        typer.Exit: there is none that can be used.
    """
    from passerelle.profile.default import taken  # noqa: PLC0415
    from passerelle.profile.loader import ProfileError, load, names  # noqa: PLC0415

    found: list[LoadedProfile] = []
    for name in names(chosen.profiles) or [taken(chosen.profiles)]:
        try:
            found.append(load(name, profiles_folder=chosen.profiles))
        except ProfileError as error:
            typer.echo(f"{error.text(language())}\n{error.todo(language())}", err=True)
    if not found:
        raise typer.Exit(WRONG_USAGE)
    return found

"""``passerelle deploy``: all tasks of all profiles to a work pool, for workers on several machines."""

from __future__ import annotations

from typing import Annotated

import typer

from passerelle.cli.session import failing, installation


def deploy(
    pool: Annotated[
        str, typer.Option(help="The work pool; made, of type process, when it is not there.")
    ] = "passerelle",
) -> None:
    """Deploy all tasks of all profiles, with their schedules, to the server at PREFECT_API_URL.

    Déployer toutes les tâches de tous les profils sur un serveur Prefect, pour plusieurs machines.
    """
    with failing():
        from passerelle.flows import deployments  # noqa: PLC0415
        from passerelle.profile.default import taken  # noqa: PLC0415
        from passerelle.profile.loader import load, names  # noqa: PLC0415

        chosen = installation()
        known = names(chosen.profiles) or [taken(chosen.profiles)]
        found = [load(name, profiles_folder=chosen.profiles) for name in known]
        for name in deployments.deploy(found, chosen.today, pool):
            typer.echo(name)

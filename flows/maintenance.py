"""The flow that removes what is old: ``purge``.

Source: spec SEC-5, RUN-1.
"""

from __future__ import annotations

from prefect import flow, get_run_logger, runtime

from passerelle.run import purge as steps
from passerelle.run.installation import Installation


@flow(name=steps.NAME)
def purge(profile: str, days: int | None = None, plan: bool = False) -> None:
    """Retirer ce qui est ancien : fichiers des exécutions, livraisons, plans, et ce qui en a été dit.

    Args:
        profile: nom du profil.
        days: jours gardés, au lieu de ceux du profil.
        plan: dire ce qui serait retiré, sans rien retirer.
    """
    purged = steps.purge(Installation.of_environment(), profile, by=str(runtime.flow_run.id), days=days, plan=plan)
    get_run_logger().info("%s", purged)

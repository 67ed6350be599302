"""The flow ``prospects``: shop accounts that have not ordered, to customers of the ERP.

Source: spec RUN-1, CUS-6.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.prospects import PROSPECTS
from passerelle.run.request import Request


@flow(name=PROSPECTS.name)
def prospects(profile: str, since: date | None = None, plan: bool = False, apply: str = "") -> State[Any]:
    """Comptes des boutiques sans commande vers l'ERP.

    Args:
        profile: nom du profil.
        since: sans commande depuis ce jour, à la place du réglage du profil.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    run_id = str(runtime.flow_run.id)
    return shell.run(PROSPECTS, Request.asked(profile, since=since, plan=plan, run_id=run_id, apply=apply))

"""The flow that tells shops the ERP's stock: ``stocks``.

Source: spec RUN-1, STK-8.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed

from passerelle.flows import shell
from passerelle.run.installation import Installation
from passerelle.run.stocks import STOCKS, requests


@flow(name=STOCKS.name)
def stocks(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Stocks de l'ERP vers les boutiques, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    asked = requests(Installation.of_environment(), profile, shop, full=full, plan=plan, apply=apply)
    states: list[State[Any]] = []
    failed: list[Exception] = []
    for one in asked:
        try:
            states.append(shell.run(STOCKS, replace(one, run_id=f"{runtime.flow_run.id}-{one.shop}")))
        except Exception as error:  # noqa: BLE001 - what stops one shop does not stop the others; it is raised below
            failed.append(error)
    if failed:
        raise failed[0]
    return next((state for state in states if state.name != "Completed"), Completed(message=STOCKS.name))

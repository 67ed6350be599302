"""The flow that tells shops what became of their orders in the ERP: ``statuses``.

Source: spec RUN-1, STA-1.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.statuses import STATUSES, STATUSES_TO_SHOP


@flow(name=STATUSES_TO_SHOP.name)
def statuses(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Statuts des commandes de l'ERP vers les boutiques, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return shell.run_to_shops(STATUSES_TO_SHOP, STATUSES, profile, shop, full=full, plan=plan, apply=apply)

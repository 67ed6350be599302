"""The flow that tells shops the ERP's prices: ``prices``.

Source: spec RUN-1, PRI-1 to PRI-4.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.prices import PRICES, TABLE


@flow(name=PRICES.name)
def prices(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Prix et tarifs de l'ERP vers les boutiques, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return shell.run_to_shops(PRICES, TABLE, profile, shop, full=full, plan=plan, apply=apply)

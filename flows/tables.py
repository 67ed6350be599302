"""The flow that tells shops further tables of the ERP: ``tables``.

Source: spec RUN-1, OAS-1.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.tables import TABLES, TABLES_TO_SHOP


@flow(name=TABLES_TO_SHOP.name)
def tables(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Autres tables de l'ERP vers les boutiques, aux formats déclarés, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return shell.run_to_shops(TABLES_TO_SHOP, TABLES, profile, shop, full=full, plan=plan, apply=apply)

"""The flow that sends the ERP's quotes to shops: ``quotes-to-shop``.

Source: spec RUN-1, ORD-60.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.quotes import QUOTES_TO_SHOP, TABLE


@flow(name=QUOTES_TO_SHOP.name)
def quotes_to_shop(profile: str, shop: str = "", plan: bool = False, apply: str = "") -> State[Any]:
    """Devis de l'ERP vers les boutiques, les nouveaux et ceux qui ont changé ; une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return shell.run_to_shops(QUOTES_TO_SHOP, TABLE, profile, shop, plan=plan, apply=apply)

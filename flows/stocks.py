"""The flow that tells shops the ERP's stock: ``stocks``.

Source: spec RUN-1, STK-8.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.stocks import STOCK, STOCKS


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
    return shell.run_to_shops(STOCKS, STOCK, profile, shop, full=full, plan=plan, apply=apply)

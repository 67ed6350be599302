"""The flow that switches the articles of shops on and off: ``activation``.

Source: spec RUN-1, CAT-5.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.activation import ACTIVATE
from passerelle.run.stocks import ACTIVATION


@flow(name=ACTIVATE.name)
def activation(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Articles des boutiques activés et désactivés selon l'ERP, jamais supprimés ; une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return shell.run_to_shops(ACTIVATE, ACTIVATION, profile, shop, full=full, plan=plan, apply=apply)

"""The flows that tell shops the ERP's customers and their groups: ``customer-groups`` and ``customers``.

Source: spec RUN-1, CLI-1, CLI-3.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.accounts import ACCOUNTS, CUSTOMER_GROUPS, CUSTOMERS, GROUPS


@flow(name=CUSTOMER_GROUPS.name)
def customer_groups(
    profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = ""
) -> State[Any]:
    """Familles ou catégories tarifaires de l'ERP vers les boutiques, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return shell.run_to_shops(CUSTOMER_GROUPS, GROUPS, profile, shop, full=full, plan=plan, apply=apply)


@flow(name=CUSTOMERS.name)
def customers(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Clients de l'ERP vers les boutiques, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return shell.run_to_shops(CUSTOMERS, ACCOUNTS, profile, shop, full=full, plan=plan, apply=apply)

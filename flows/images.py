"""The flows that give shops the images and documents of articles: ``images`` and ``documents``.

Source: spec RUN-1, IMG-1 to IMG-5, DOC-1.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.images import DOCUMENTS, IMAGES


@flow(name=IMAGES.name)
def images(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Images des articles vers les boutiques, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return shell.run_to_shops(IMAGES, IMAGES.name, profile, shop, full=full, plan=plan, apply=apply, in_parts=True)


@flow(name=DOCUMENTS.name)
def documents(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Documents des articles vers les boutiques, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return shell.run_to_shops(
        DOCUMENTS, DOCUMENTS.name, profile, shop, full=full, plan=plan, apply=apply, in_parts=True
    )

"""The flows that tell shops the ERP's articles: ``articles`` and ``new-articles``.

Source: spec RUN-1, CAT-1.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from passerelle.flows import shell
from passerelle.run.articles import ARTICLES, NEW_ARTICLES, TABLE, ArticlesTask
from passerelle.run.installation import Installation
from passerelle.run.to_shops import requests


@flow(name=ARTICLES.name)
def articles(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Articles de l'ERP vers les boutiques, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: tout envoyer, quoi que la boutique ait déjà reçu.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return _run(ARTICLES, profile, shop, full=full, plan=plan, apply=apply)


@flow(name=NEW_ARTICLES.name)
def new_articles(profile: str, shop: str = "", full: bool = False, plan: bool = False, apply: str = "") -> State[Any]:
    """Nouveaux articles de l'ERP vers les boutiques, seuls, une exécution par boutique.

    Args:
        profile: nom du profil.
        shop: une boutique seulement.
        full: créer aussi ce que la boutique a reçu et n'a plus.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        apply: plan à exécuter tel quel, s'il est encore vrai.
    """
    return _run(NEW_ARTICLES, profile, shop, full=full, plan=plan, apply=apply)


def _run(task: ArticlesTask, profile: str, shop: str, *, full: bool, plan: bool, apply: str) -> State[Any]:
    asked = requests(Installation.of_environment(), profile, TABLE, shop, full=full, plan=plan, apply=apply)
    return shell.run_each(task, asked)

"""The flows that make ERP documents of what shops sold: ``orders``, and ``quotes`` and ``credit-notes`` alone.

Source: spec RUN-1, ORD-60, ORD-61.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from passerelle.exchange.options import Period
from passerelle.flows import shell
from passerelle.run.orders import CREDIT_NOTES, ORDERS, QUOTES
from passerelle.run.request import Request


@flow(name=ORDERS.name)
def orders(
    profile: str,
    period: Period | None = None,
    since: date | None = None,
    until: date | None = None,
    plan: bool = False,
    only_rejects: str = "",
) -> State[Any]:
    """Commandes des boutiques vers l'ERP.

    Args:
        profile: nom du profil.
        period: période à la place de celle du profil.
        since: premier jour, pour des dates au choix.
        until: dernier jour.
        plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
        only_rejects: exécution dont seuls les refus sont repris.
    """
    return shell.run(ORDERS, _asked(profile, period, since, until, plan=plan, only_rejects=only_rejects))


@flow(name=QUOTES.name)
def quotes(
    profile: str,
    period: Period | None = None,
    since: date | None = None,
    until: date | None = None,
    plan: bool = False,
    only_rejects: str = "",
) -> State[Any]:
    """Demandes de devis des boutiques vers l'ERP, seules ; paramètres de `orders`."""
    return shell.run(QUOTES, _asked(profile, period, since, until, plan=plan, only_rejects=only_rejects))


@flow(name=CREDIT_NOTES.name)
def credit_notes(
    profile: str,
    period: Period | None = None,
    since: date | None = None,
    until: date | None = None,
    plan: bool = False,
    only_rejects: str = "",
) -> State[Any]:
    """Remboursements de commandes déjà envoyées vers l'ERP, seuls ; paramètres de `orders`."""
    return shell.run(CREDIT_NOTES, _asked(profile, period, since, until, plan=plan, only_rejects=only_rejects))


def _asked(
    profile: str, period: Period | None, since: date | None, until: date | None, *, plan: bool, only_rejects: str
) -> Request:
    run_id = str(runtime.flow_run.id)
    return Request.asked(profile, period, since, until, plan=plan, only_rejects=only_rejects, run_id=run_id)

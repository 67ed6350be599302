"""The flows of what shops sold, for the ERP: ``orders``; ``quotes``, ``credit-notes`` and ``settlements`` alone.

Source: spec RUN-1, ORD-50, ORD-60, ORD-61.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import Flow, flow, runtime
from prefect.client.schemas.objects import State

from passerelle.exchange.options import Period
from passerelle.flows import shell
from passerelle.run.orders import CREDIT_NOTES, ORDERS, QUOTES, SETTLEMENTS, OrdersTask
from passerelle.run.request import Request

_PARAMETERS = """

Args:
    profile: nom du profil.
    period: période à la place de celle du profil.
    since: premier jour, pour des dates au choix.
    until: dernier jour.
    plan: dire ce qui serait fait, sans rien envoyer ni enregistrer.
    only_rejects: exécution dont seuls les refus sont repris.
    apply: plan à exécuter tel quel, s'il est encore vrai ; il dit lui-même quels jours et quels refus sont repris.
"""


def _flow_of(task: OrdersTask, name: str, what: str) -> Flow[..., Any]:
    """Make the flow of a task; its name in this module is how Prefect finds it again."""

    def run(
        profile: str,
        period: Period | None = None,
        since: date | None = None,
        until: date | None = None,
        plan: bool = False,
        only_rejects: str = "",
        apply: str = "",
    ) -> State[Any]:
        run_id = str(runtime.flow_run.id)
        days = (period, since, until)
        asked = Request.asked(profile, *days, plan=plan, only_rejects=only_rejects, run_id=run_id, apply=apply)
        return shell.run(task, asked)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = what + _PARAMETERS
    return flow(name=task.name)(run)


orders = _flow_of(ORDERS, "orders", "Commandes des boutiques vers l'ERP.")
quotes = _flow_of(QUOTES, "quotes", "Demandes de devis des boutiques vers l'ERP, seules.")
credit_notes = _flow_of(CREDIT_NOTES, "credit_notes", "Remboursements de commandes envoyées vers l'ERP, seuls.")
settlements = _flow_of(SETTLEMENTS, "settlements", "Règlements de commandes envoyées, payées depuis, seuls.")

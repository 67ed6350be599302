"""``passerelle purge``: what is old is removed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from passerelle.cli.session import actor, failing, installation, language

_SAID = {
    "fr": "Avant le {before:%Y-%m-%d} : {runs} exécution(s), {deliveries} livraison(s), {plans} plan(s), {audit} "
    "fichier(s) d'audit, {outcomes} remarque(s), {mib:.1f} Mio.",
    "en": "Before {before:%Y-%m-%d}: {runs} run(s), {deliveries} delivery(ies), {plans} plan(s), {audit} "
    "audit file(s), {outcomes} outcome(s), {mib:.1f} MiB.",
}


def purge(
    profile: Annotated[str, typer.Option("--profile", "-p", help="The profile.")],
    days: Annotated[
        int | None, typer.Option("--days", min=1, help="Days that are kept, instead of the profile's keep_days.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be removed; remove nothing.")] = False,
) -> None:
    """Remove old files of runs, deliveries and plans, and what was said of records. Retirer ce qui est ancien.

    What was exchanged stays known: nothing is sent twice.
    """
    with failing():
        from passerelle.run.purge import purge as purged  # noqa: PLC0415

        done = purged(installation(), profile, by=actor(), days=days, plan=plan)
        typer.echo(_SAID[language()].format(mib=done.bytes / 2**20, **asdict(done)))

"""``passerelle purge``: what is old is removed."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from passerelle.cli.session import failing, installation, language

_SAID = {
    "fr": "Avant le {before:%Y-%m-%d} : {runs} exécution(s), {deliveries} livraison(s), {plans} plan(s), {outcomes} "
    "remarque(s), {mib:.1f} Mio.",
    "en": "Before {before:%Y-%m-%d}: {runs} run(s), {deliveries} delivery(ies), {plans} plan(s), {outcomes} "
    "outcome(s), {mib:.1f} MiB.",
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

        done = purged(installation(), profile, by=getpass.getuser(), days=days, plan=plan)
        counts = {"runs": done.runs, "deliveries": done.deliveries, "plans": done.plans, "outcomes": done.outcomes}
        typer.echo(_SAID[language()].format(before=done.before, mib=done.bytes / 2**20, **counts))

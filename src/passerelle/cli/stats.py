"""``passerelle stats``: how much went each way, by day or month."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from passerelle.cli.session import ProfileOption, failing, installation, language, say

_HEADS = {
    "fr": "Période | Sens | Boutique | Quoi | Nombre",
    "en": "Period | Direction | Shop | What | Count",
}
_NOTHING = {"fr": "Rien n'a été transmis.", "en": "Nothing was exchanged."}
_NO_QUOTA = {"fr": "Le profil ne fixe pas de quota.", "en": "The profile sets no quota."}


class Step(StrEnum):
    """By what is counted."""

    DAY = "day"
    MONTH = "month"


def stats(
    profile: ProfileOption = "",
    by: Annotated[Step, typer.Option("--by", help="Count by day (the last 30) or month (the last 12).")] = Step.MONTH,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day.")] = None,
    quotas: Annotated[bool, typer.Option("--quotas", help="Instead, how much of this month's quotas is used.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it as a CSV file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Count what was delivered, by kind, and what is used of quotas. Statistiques des échanges, quotas."""
    with failing():
        from passerelle.run.folder import csv_bytes  # noqa: PLC0415
        from passerelle.run.statistics import quota_table, statistics, used_quotas  # noqa: PLC0415

        first, last = (day.date() if day else None for day in (since, until))
        used = used_quotas(installation(), profile)
        table = quota_table(used) if quotas else statistics(installation(), profile, by.value, first, last)
        if output:
            output.write_bytes(csv_bytes(table))
        elif json:
            typer.echo(table.to_json(orient="records", force_ascii=False, indent=2))
        elif not quotas and table.empty:
            typer.echo(_NOTHING[language()])
        elif not quotas:
            heads = _HEADS[language()]
            rows = [f"| {' | '.join(map(str, row))} |" for row in table.itertuples(index=False)]
            say("\n".join([f"| {heads} |", "|---|---|---|---|---:|", *rows]))
        if not (output or json):
            typer.echo("\n".join(use.text(language()) for use in used) or (_NO_QUOTA[language()] if quotas else ""))

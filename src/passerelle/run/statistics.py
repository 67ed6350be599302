"""How much went each way, by day or month, in the profile's time zone.

Source: spec JOU-3.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pandas as pd

from passerelle.ledger.ledger import Ledger
from passerelle.profile.loader import load
from passerelle.run import quotas
from passerelle.run.installation import Installation

Step = Literal["day", "month"]
COLUMNS = ("period", "direction", "shop", "kind", "records")
_DAYS, _MONTHS = 30, 12


def statistics(
    installation: Installation, name: str, step: Step = "month", since: date | None = None, until: date | None = None
) -> pd.DataFrame:
    """Count what was delivered: documents by kind, customers, settlements; to shops articles, prices and so on.

    Refusals are not counted: a record that stays refused is refused by every run.

    Args:
        installation: where.
        name: the profile.
        step: by what.
        since: from that day on; missing: the last 30 days, or the last 12 months.
        until: up to that day.

    Returns:
        ``period`` (``2026-11-21`` or ``2026-11``), ``direction`` (to-erp, to-shop), ``shop``, ``kind`` and
        ``records``, by period, direction, shop and kind.

    Raises:
        ProfileError: the profile cannot be used.
    """
    profile = load(name, profiles_folder=installation.profiles).profile
    zone = ZoneInfo(profile.time_zone)
    since = since or _beginning(installation.today(profile.time_zone), step)
    first = datetime.combine(since, time(), zone)
    last = datetime.combine(until + timedelta(days=1), time(), zone) if until else None
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        sent = ledger.sent_counts(profile.name, first, last)
    written = "%Y-%m-%d" if step == "day" else "%Y-%m"
    table = sent.assign(
        period=pd.Series([f"{at.astimezone(zone):{written}}" for at in sent["delivered_at"]], dtype="str"),
        direction=sent["shop"].ne("").map({True: "to-shop", False: "to-erp"}).astype("str"),
    )
    return table.groupby(list(COLUMNS[:-1]), as_index=False)["records"].sum()


def used_quotas(installation: Installation, name: str) -> tuple[quotas.Use, ...]:
    """Give what is used this month of the quotas of a profile.

    Raises:
        ProfileError: the profile cannot be used.
    """
    profile = load(name, profiles_folder=installation.profiles).profile
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        return quotas.uses(profile, ledger, installation.today(profile.time_zone))


def quota_table(used: tuple[quotas.Use, ...]) -> pd.DataFrame:
    """Give quotas as a table: ``month``, ``quota`` (its name), ``used``, ``limit``, ``percent``."""
    rows = [(use.month, use.name, use.used, use.limit, use.percent) for use in used]
    return pd.DataFrame(rows, columns=["month", "quota", "used", "limit", "percent"])


def _beginning(today: date, step: Step) -> date:
    if step == "day":
        return today - timedelta(days=_DAYS - 1)
    number = today.year * 12 + today.month - _MONTHS
    return date(number // 12, number % 12 + 1, 1)

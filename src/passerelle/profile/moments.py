"""The moments at which a schedule comes round, in a time zone with its clock changes.

As Prefect does: a time that the clock leaves out in spring comes as much earlier (02:30 at 01:30), one that it shows
twice in autumn comes once, the first time; two that fall together are one.

Source: spec RUN-3; facts prefect.md §3.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from passerelle.profile.schedules import Schedule, rules

_LONGEST = timedelta(days=366 * 60)
"""Nothing is further away: 29 February every eleven months."""


def moments(schedule: Schedule, time_zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Give the moments from ``start`` until before ``end``, both with their time zone, in the schedule's time zone."""
    zone = ZoneInfo(time_zone)
    first, last = (edge.astimezone(zone).replace(tzinfo=None) for edge in (start, end))
    # What a clock change brings forward was later by less than a day.
    last += timedelta(days=1)
    found = {
        _moment(local, zone) for rule in rules(schedule, first.date()) for local in rule.between(first, last, inc=True)
    }
    return sorted(moment for moment in found if start <= moment < end)


def next_moments(schedule: Schedule, time_zone: str, start: datetime, count: int) -> list[datetime]:
    """Give the first moments from ``start`` on; fewer when there are no more."""
    ahead, found = timedelta(days=1), list[datetime]()
    while len(found) < count and ahead < _LONGEST:
        found = moments(schedule, time_zone, start, start + ahead)
        ahead *= 4
    return found[:count]


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        moment = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return moment.astimezone(zone)

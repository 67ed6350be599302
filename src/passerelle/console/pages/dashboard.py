"""The first page: what ran last, what needs somebody, how much went each way.

Source: spec CON-1, JOU-3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from passerelle.console.site import Member, Site
from passerelle.ledger.journal import Counts, Wanted

DAYS, MONTHS = 30, 12
_ATTENTION = 8
_LATEST_DAYS = 60
_HEIGHT, _STEP = 120, 24

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Bar:
    """A day or a month of a chart; heights are of the drawing."""

    label: str
    succeeded: int
    failed: int
    left: int
    height: int
    failed_height: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Records that succeeded and were refused, by day or month, one way."""

    name: str
    bars: Sequence[Bar]
    width: int
    highest: int
    total: int

    @property
    def height(self) -> int:
        """Height of the drawing."""
        return _HEIGHT


@router.get("/", response_model=None)
def dashboard(visitor: Member, profile: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
    """Show what ran last, what needs somebody, and the charts."""
    site = visitor.site
    now = site.installation.clock()
    questions = site.ledger.journal
    week = now - timedelta(days=7)
    failed, refused = (
        questions.page(Wanted(profile=profile, state=state, first=week), limit=_ATTENTION).runs
        for state in ("failed", "refusals")
    )
    latest = [run for run in questions.latest(now - timedelta(days=_LATEST_DAYS)) if profile in {"", run.profile}]
    return visitor.page(
        "dashboard.html",
        latest=latest,
        failed=failed,
        refused=refused,
        charts=charts(site, profile),
        profile=profile,
        profiles=site.names,
    )


def charts(site: Site, profile: str) -> list[Chart]:
    """Give the charts: to the ERP and to the shops, by day and by month, as the profiles' zone counts days."""
    today = site.installation.clock().astimezone(site.zone).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    months = [_months_before(today, ago) for ago in reversed(range(MONTHS))]
    since = site.installation.clock() - timedelta(days=31 * MONTHS)
    counted = [one for one in site.ledger.journal.counts(since) if profile in {"", one.profile}]
    found = []
    for way, to_shops in (("to-erp", False), ("to-shops", True)):
        of_way = [one for one in counted if _goes_to_shops(site, one.task) == to_shops]
        by_day = [(one.hour.astimezone(site.zone).date(), one) for one in of_way]
        by_month = [(day.replace(day=1), one) for day, one in by_day]
        found.append(_chart(f"{way}-days", [(day, f"{day:%d/%m}") for day in days], by_day))
        found.append(_chart(f"{way}-months", [(day, f"{day:%m/%y}") for day in months], by_month))
    return found


def _chart(name: str, places: Sequence[tuple[date, str]], counted: Iterable[tuple[date, Counts]]) -> Chart:
    sums = {place: [0, 0] for place, _ in places}
    for place, one in counted:
        if place in sums:
            sums[place][0] += one.succeeded
            sums[place][1] += one.failed
    highest = max((good + bad for good, bad in sums.values()), default=0)
    bars = []
    for position, (place, label) in enumerate(places):
        good, bad = sums[place]
        bars.append(Bar(label, good, bad, position * _STEP, _of(good, highest), _of(bad, highest)))
    return Chart(name, bars, len(bars) * _STEP, highest, sum(good for good, _ in sums.values()))


def _of(count: int, highest: int) -> int:
    """Give the height of a bar: something that is there is seen."""
    return max(1, round(count * _HEIGHT / highest)) if count else 0


def _goes_to_shops(site: Site, task: str) -> bool:
    return task in site.tasks and site.tasks[task].goes_to_shops


def _months_before(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)

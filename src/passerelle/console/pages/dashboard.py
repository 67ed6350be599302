"""The first page: what ran last, what needs somebody, how much went each way.

Source: spec CON-1, JOU-3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from passerelle.console.site import Member, Site
from passerelle.ledger.history import Counts
from passerelle.ledger.journal import Wanted
from passerelle.run.quotas import Use, uses

DAYS, MONTHS = 30, 12
_ATTENTION = 8
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
    latest = [run for run in questions.latest() if profile in {"", run.profile}]
    return visitor.page(
        "dashboard.html",
        latest=latest,
        failed=failed,
        refused=refused,
        charts=charts(site, profile),
        quotas=used_quotas(site, profile),
        profile=profile,
        profiles=site.names,
    )


def used_quotas(site: Site, profile: str) -> list[tuple[str, Use]]:
    """Give what is used this month of the quotas of the profiles, with the profile's name."""
    return [
        (one.profile.name, use)
        for one in site.profiles()
        if profile in {"", one.profile.name}
        for use in uses(one.profile, site.ledger, site.installation.today(one.profile.time_zone))
    ]


def charts(site: Site, profile: str) -> list[Chart]:
    """Give the charts: to the ERP and to the shops, by day and by month, as the profiles' zone counts days."""
    today = site.installation.clock().astimezone(site.zone).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    months = [_months_before(today, ago) for ago in reversed(range(MONTHS))]
    stretches = {
        "days": {f"{day:%d/%m}": (day, day + timedelta(days=1)) for day in days},
        "months": {f"{first:%m/%y}": (first, _months_before(first, -1)) for first in months},
    }
    counted = {name: site.counted([*of.values()], profile) for name, of in stretches.items()}
    return [
        _chart(f"{way}-{name}", [(label, both[at]) for label, both in zip(of, counted[name], strict=True)])
        for at, way in ((1, "to-erp"), (0, "to-shops"))
        for name, of in stretches.items()
    ]


def _chart(name: str, counted: Sequence[tuple[str, Counts]]) -> Chart:
    sums = [(label, of.succeeded, of.failed) for label, of in counted]
    highest = max(good + bad for _, good, bad in sums)
    bars = [
        Bar(label, good, bad, position * _STEP, _of(good, highest), _of(bad, highest))
        for position, (label, good, bad) in enumerate(sums)
    ]
    return Chart(name, bars, len(bars) * _STEP, highest, sum(good for _, good, _ in sums))


def _of(count: int, highest: int) -> int:
    """Give the height of a bar: something that is there is seen."""
    return max(1, round(count * _HEIGHT / highest)) if count else 0


def _months_before(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)

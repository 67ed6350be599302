"""Quotas: how much of what a profile may exchange in a month is exchanged, and who is told.

What counts is what was delivered (``run.statistics``), by the month of the profile's time zone. Nothing is kept back
unless the profile says so, and then a run that begins below its quota sends all it has: none is cut in two.

Source: spec JOU-3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from passerelle.ledger.ledger import Ledger
from passerelle.messages import Language, code
from passerelle.profile.settings import Profile
from passerelle.run.errors import RunError

Name = Literal["orders", "to-erp", "to-shops"]
_ORDERS = ("order", "delivery_note", "invoice")
"""Documents that orders become."""
_WORDS: dict[Name, dict[Language, str]] = {
    "orders": {"fr": "commandes", "en": "orders"},
    "to-erp": {"fr": "vers l'ERP", "en": "to the ERP"},
    "to-shops": {"fr": "vers les boutiques", "en": "to the shops"},
}
_CODES = {"": "quota-used", "near": "quota-near", "reached": "quota-reached"}


@dataclass(frozen=True, slots=True)
class Use:
    """What is used of a quota.

    Attributes:
        name: ``orders``, ``to-erp`` or ``to-shops``.
        month: as ``2026-11``.
        used: records delivered in it.
        limit: the quota.
        warn_at: per cent from which it is told.
    """

    name: Name
    month: str
    used: int
    limit: int
    warn_at: int

    @property
    def percent(self) -> int:
        """How much is used; 100 only once all of it is."""
        return self.used * 100 // self.limit

    @property
    def level(self) -> Literal["", "near", "reached"]:
        """What it is worth telling: nothing, that little is left, that nothing is."""
        if self.used >= self.limit:
            return "reached"
        return "near" if self.percent >= self.warn_at else ""

    def words(self, language: Language) -> str:
        """Say what it counts."""
        return _WORDS[self.name][language]

    def text(self, language: Language) -> str:
        """Say how much is used."""
        return code(_CODES[self.level]).text(language, **self._parameters)

    def stops(self) -> RunError:
        """Give what a run fails with that it keeps back."""
        return RunError("quota-stops", is_usage=False, **self._parameters)

    @property
    def _parameters(self) -> dict[str, object]:
        named = {f"what_{language}": self.words(language) for language in ("fr", "en")}
        numbers = {"used": self.used, "limit": self.limit, "percent": self.percent, "month": self.month}
        return {**named, **numbers}


def uses(profile: Profile, ledger: Ledger, today: date) -> tuple[Use, ...]:
    """Give what is used this month of each quota that the profile sets.

    Args:
        profile: the profile.
        ledger: open.
        today: the day in the profile's time zone.
    """
    quotas = profile.quotas
    limits: dict[Name, int | None] = {
        "orders": quotas.orders_per_month,
        "to-erp": quotas.to_erp_per_month,
        "to-shops": quotas.to_shops_per_month,
    }
    if not any(limits.values()):
        return ()
    first = datetime.combine(today.replace(day=1), time(), ZoneInfo(profile.time_zone))
    sent = ledger.sent_counts(profile.name, first)
    masks = {"orders": sent["kind"].isin(_ORDERS), "to-erp": sent["shop"] == "", "to-shops": sent["shop"] != ""}
    return tuple(
        Use(name, f"{today:%Y-%m}", int(sent.loc[masks[name], "records"].sum()), limit, quotas.warn_at)
        for name, limit in limits.items()
        if limit
    )


def check(profile: Profile, ledger: Ledger, today: date, task: str, shop: str) -> None:
    """Keep a run back whose quota is used up, where the profile says so.

    Args:
        profile: the profile.
        ledger: open.
        today: the day in the profile's time zone.
        task: the run's.
        shop: that it tells something; empty: the ERP.

    Raises:
        RunError: it is kept back.
    """
    if profile.quotas.when_reached == "warn":
        return
    concerned = {"to-shops"} if shop else {"to-erp", *(["orders"] if task == "orders" else [])}
    for use in uses(profile, ledger, today):
        if use.name in concerned and use.level == "reached":
            raise use.stops()


def told(profile: Profile, ledger: Ledger, today: date) -> Iterator[Use]:
    """Give the quotas of which little or nothing is left."""
    return (use for use in uses(profile, ledger, today) if use.level)

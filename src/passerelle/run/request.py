"""What a run of a task is asked to do, whoever asks: a command, a flow, a schedule.

Source: spec ORD-1, PRE-1, RUN-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import cast, get_args

from passerelle.exchange.options import Period
from passerelle.exchange.selection import Window, window
from passerelle.profile.loader import LoadedProfile
from passerelle.run.errors import RunError


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked to do.

    Attributes:
        profile: name or path of the profile.
        period: a named period instead of the profile's.
        since: first day of an explicit range.
        until: last day of an explicit range.
        plan: say what would be done; record and send nothing.
        apply: the saved plan that is done for real, if what would be done is still what it says; empty: none.
        window: the days of that plan; ``None``: those asked for.
        only_rejects: the run whose refused records alone are exchanged, whatever their day; empty: all records.
        run_id: the run to go on with (a flow's retry); empty: a new one.
        shop: the shop that something goes to; empty: the ERP.
        full: tell the shop everything, whatever it has acknowledged (STK-8).
        debug: keep what is read and asked for, whatever the profile says (PRO-4).
    """

    profile: str
    period: Period | None = None
    since: date | None = None
    until: date | None = None
    plan: bool = False
    only_rejects: str = ""
    run_id: str = ""
    apply: str = ""
    window: Window | None = None
    shop: str = ""
    full: bool = False
    debug: bool = False

    @classmethod
    def asked(
        cls,
        profile: str,
        period: str | None = None,
        since: date | None = None,
        until: date | None = None,
        *,
        plan: bool = False,
        only_rejects: str = "",
        run_id: str = "",
        apply: str = "",
    ) -> Request:
        """Check what a person asked for.

        Raises:
            RunError: no such period, the first day is after the last, days are asked for beside rejects, or anything
                beside the plan that is applied.
        """
        known = get_args(Period)
        if period is not None and period not in known:
            raise RunError("run-unknown-period", is_usage=True, value=period, known=", ".join(known))
        if since and until and since > until:
            raise RunError("run-bad-dates", is_usage=True, since=since, until=until)
        if only_rejects and (period or since or until):
            raise RunError("run-rejects-and-days", is_usage=True, value=only_rejects)
        if apply and (plan or period or since or until or only_rejects):
            raise RunError("run-plan-alone", is_usage=True, value=apply)
        return cls(profile, cast("Period | None", period), since, until, plan, only_rejects, run_id, apply)

    def days(self, loaded: LoadedProfile, today: date, last_import: date | None) -> Window:
        """Give the days whose orders are exchanged (ORD-1); rejects are of any day (JOU-2)."""
        if self.window is not None:
            return self.window
        if self.only_rejects:
            return Window()
        if self.since or self.until:
            return Window(self.since, self.until)
        return window(self.period or loaded.profile.orders.period, today, last_import)

    @property
    def parameters(self) -> dict[str, str]:
        """What was asked, as the journal shows it."""
        given = {
            "profile": self.profile,
            "period": self.period,
            "since": self.since,
            "until": self.until,
            "only_rejects": self.only_rejects,
            "apply": self.apply,
            "shop": self.shop,
            "full": self.full or "",
            "debug": self.debug or "",
        }
        return {name: str(value) for name, value in given.items() if value}

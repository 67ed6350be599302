"""The audit on disk: a file per day of a profile that is over, never changed afterwards.

Each run writes the days that are over and have no file yet, so that missed days are caught up; a day on which nothing
was done has a file too, so that a file that lacks is seen to lack. The ledger has all of it: ``Ledger.actions``.

Source: spec JOU-4.
"""

from __future__ import annotations

import logging
from dataclasses import astuple, fields
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from passerelle.ledger.entries import AuditEntry
from passerelle.ledger.errors import BusyError
from passerelle.ledger.ledger import Ledger
from passerelle.messages import code, system
from passerelle.profile.settings import Profile
from passerelle.run import folder
from passerelle.run.installation import Installation

_log = logging.getLogger(__name__)
_LEASE = "audit"
_SETTLED = timedelta(hours=1)
"""A transaction that began before midnight is over by then."""


def write_days(installation: Installation, profile: Profile, ledger: Ledger) -> list[Path]:
    """Write the files of the days that are over and have none; no run fails because they cannot be written.

    Args:
        installation: where.
        profile: whose.
        ledger: open.

    Returns:
        The files written, oldest first.
    """
    yesterday = _today(installation, profile) - timedelta(days=1)
    if _file(installation, profile, yesterday).is_file():
        return []
    try:
        with ledger.lease(profile.name, _LEASE, _LEASE):
            return [_write(installation, profile, ledger, day) for day in _lacking(installation, profile, ledger)]
    except BusyError:
        return []  # another run writes them
    except OSError as error:
        said = code("audit-not-written")
        given = {"place": installation.audit(profile.name), "reason": system.text(error, profile.language)}
        _log.warning("%s %s", said.text(profile.language, **given), said.todo(profile.language))
        return []


def older(installation: Installation, profile: Profile) -> list[Path]:
    """Give the files of days that are kept no longer."""
    first = _first_kept(installation, profile)
    return [path for path in sorted(installation.audit(profile.name).glob("*.csv")) if path.stem < first.isoformat()]


def table(entries: list[AuditEntry], zone: ZoneInfo | None = None) -> pd.DataFrame:
    """Give entries as a table of text, times in a zone; none: this machine's."""
    rows = [(f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S%z}", *texts) for at, *texts in map(astuple, entries)]
    return pd.DataFrame(rows, columns=[field.name for field in fields(AuditEntry)], dtype="str")


def _lacking(installation: Installation, profile: Profile, ledger: Ledger) -> list[date]:
    begun = ledger.first_action(profile.name)
    if begun is None:
        return []
    first = max(begun.astimezone(ZoneInfo(profile.time_zone)).date(), _first_kept(installation, profile))
    days = [first + timedelta(days=number) for number in range((_today(installation, profile) - first).days)]
    return [day for day in days if not _file(installation, profile, day).is_file()]


def _write(installation: Installation, profile: Profile, ledger: Ledger, day: date) -> Path:
    zone = ZoneInfo(profile.time_zone)
    first, last = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    path = _file(installation, profile, day)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    entries = ledger.actions(profile.name, first, last)
    folder.write(path, folder.csv_bytes(table(entries, zone)))
    path.chmod(0o400)
    return path


def _today(installation: Installation, profile: Profile) -> date:
    return (installation.clock() - _SETTLED).astimezone(ZoneInfo(profile.time_zone)).date()


def _first_kept(installation: Installation, profile: Profile) -> date:
    days = max(profile.keep_days, profile.keep_audit_days)
    return _today(installation, profile) - timedelta(days=days)


def _file(installation: Installation, profile: Profile, day: date) -> Path:
    return installation.audit(profile.name) / f"{day}.csv"

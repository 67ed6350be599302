"""Removes what is old: files of runs, deliveries and plans, and what was said of records; personal data.

What was exchanged stays in the ledger, so that nothing is sent twice; so does what was sent of orders, without
anybody's name, by which they can be reversed (ORD-61), and the ledger's audit; its files are kept longer (JOU-4).

Source: spec SEC-5.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from passerelle.ledger.ledger import Ledger
from passerelle.profile.loader import load
from passerelle.run import audit, inputs, plans, sent
from passerelle.run.installation import Installation

NAME = "purge"


@dataclass(frozen=True, slots=True)
class Purged:
    """What was removed, or would be.

    Attributes:
        before: the moment, in UTC, before which runs ended and plans were made that are removed.
        runs: runs whose files were removed.
        deliveries: deliveries whose files were removed.
        plans: saved plans.
        audit: files of the audit, which are kept longer.
        outcomes: what was said of records.
        bytes: of all files.
    """

    before: datetime
    runs: int = 0
    deliveries: int = 0
    plans: int = 0
    audit: int = 0
    outcomes: int = 0
    bytes: int = 0


def purge(installation: Installation, name: str, *, by: str, days: int | None = None, plan: bool = False) -> Purged:
    """Remove what is older than a profile keeps.

    Args:
        installation: where.
        name: the profile.
        by: who wants it: a user or a run.
        days: days that are kept instead of the profile's.
        plan: only say what would be removed; outcomes are not counted.

    Raises:
        ProfileError: the profile cannot be used.
        OSError: something cannot be removed; it can be run again.
    """
    profile = load(name, profiles_folder=installation.profiles).profile
    before = installation.clock().astimezone(UTC) - timedelta(days=days or profile.keep_days)
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        old = ledger.old_runs(profile.name, before)
        of_runs = [part for run in old for part in _named(installation.run_folder(run.run_id))]
        of_deliveries = [installation.outbox / run.delivery_id for run in old if run.delivery_id]
        of_plans = plans.older(installation, profile.name, before)
        of_audit = audit.older(installation, profile)
        old_starts = started(installation, profile.name, before)
        folders = [*of_runs, *of_deliveries, *of_plans, *of_audit, *old_starts]
        size = sum(map(_size, folders))
        counts = (_homes(of_runs), sum(folder.is_dir() for folder in of_deliveries), len(of_plans), len(of_audit))
        if plan:
            return Purged(before, *counts, bytes=size)
        for folder in folders:
            _remove(folder)
        for archive in inputs.unused(installation.exports):
            archive.unlink(missing_ok=True)
        return Purged(before, *counts, ledger.forget_said(profile.name, old, by=by), size)


def _named(run_folder: Path) -> list[Path]:
    """Give what of a run's folder may name people: all but what was sent."""
    return [path for path in run_folder.glob("*") if path.name != sent.FOLDER]


def started(installation: Installation, profile: str, before: datetime) -> Iterator[Path]:
    """Give what the console has kept of its starts of a profile's tasks."""
    for asked in installation.started_folder("").glob("*/asked.json"):
        is_old = asked.stat().st_mtime < before.timestamp()
        if is_old and json.loads(asked.read_text(encoding="utf-8"))["profile"] == profile:
            yield asked.parent


def _homes(paths: Iterable[Path]) -> int:
    return len({path.parent for path in paths})


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())


def _remove(path: Path) -> None:
    """Remove a file or folder, and the run's folder once it is empty."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()) and path.parent.parent.name == "runs":
        path.parent.rmdir()

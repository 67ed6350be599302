"""Where this installation keeps its profiles and its state, and what time it is.

Source: design.md decisions 7 and 11.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

_WORKSHOP = "workshop-"
_LEFT_SECONDS = 24 * 3600


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Installation:
    """Folders and clock of an installation.

    Attributes:
        profiles: folder of the profiles (``PASSERELLE_PROFILES``, default ``profiles``).
        state: folder of ledger, inbox, outbox and runs (``PASSERELLE_STATE``, default ``var``); personal data.
        ledger_url: the ledger (``PASSERELLE_LEDGER``, default an SQLite file in ``state``).
        clock: gives the time in UTC.
    """

    profiles: Path
    state: Path
    ledger_url: str
    clock: Callable[[], datetime] = field(default=_now, repr=False)

    @classmethod
    def of_environment(cls, profiles: Path | None = None, state: Path | None = None) -> Installation:
        """Take what is not given from the environment, else the defaults below the current folder."""
        profiles = profiles or Path(os.environ.get("PASSERELLE_PROFILES", "profiles"))
        state = (state or Path(os.environ.get("PASSERELLE_STATE", "var"))).absolute()
        url = os.environ.get("PASSERELLE_LEDGER", f"sqlite:///{state / 'ledger.sqlite'}")
        return cls(profiles.absolute(), state, url)

    @property
    def variables(self) -> dict[str, str]:
        """Give the environment by which a process works on this installation."""
        return {
            "PASSERELLE_PROFILES": str(self.profiles),
            "PASSERELLE_STATE": str(self.state),
            "PASSERELLE_LEDGER": self.ledger_url,
        }

    @property
    def outbox(self) -> Path:
        """Files that wait for their delivery, kept afterwards."""
        return self.state / "outbox"

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """Give a folder for what a run fetches and makes, on the outbox's own disk; it is gone afterwards.

        What a killed run left is removed by another one, a day later.
        """
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self.state.glob(f"{_WORKSHOP}*"):
            with suppress(FileNotFoundError):  # another run is done with it meanwhile
                if time.time() - left.stat().st_mtime > _LEFT_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
        with TemporaryDirectory(prefix=_WORKSHOP, dir=self.state, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    @property
    def listings(self) -> Path:
        """What places had when they were last listed."""
        return self.state / "listings"

    @property
    def exports(self) -> Path:
        """Archives of exports that runs have read, shared by those that read the same."""
        return self.state / "exports"

    def inbox(self, profile: str) -> Path:
        """Give the folder of what was picked up for a profile."""
        return self.state / "inbox" / profile

    def audit(self, profile: str) -> Path:
        """Give the folder of a profile's audit, a file per day."""
        return self.state / "audit" / profile

    def run_folder(self, run_id: str) -> Path:
        """Give the folder of a run's reports."""
        return self.state / "runs" / run_id

    def started_folder(self, start_id: str) -> Path:
        """Give the folder of what the console started and what was said then; personal data."""
        return self.state / "started" / start_id

    def plan_folder(self, plan_id: str) -> Path:
        """Give the folder of a saved plan; personal data."""
        return self.state / "plans" / plan_id

    def today(self, time_zone: str) -> date:
        """Give the day in a profile's time zone."""
        return self.clock().astimezone(ZoneInfo(time_zone)).date()

"""What runs left in their outboxes, for EBP's import to be played on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from checked import assert_imports

from passerelle.ebp.chosen import Chosen
from passerelle.profile.loader import ProfileError, load


@dataclass(frozen=True)
class LeftZip:
    """A zip in the outbox of an installation."""

    path: Path

    def assert_imports(self, *, but: tuple[str, ...] = ()) -> None:
        """Assert that EBP would take it, with the conventions and extracts of the profile that it is of."""
        chosen = self._chosen()
        assert_imports(self.path.read_bytes(), chosen.read_extracts(), chosen.conventions(), but=but)

    def _chosen(self) -> Chosen:
        """Give what the profile of its name says; without it, as a test may have changed it since, the defaults."""
        home = self.path.parents[3]
        name = self.path.name.removeprefix("erpFiles-").rsplit("-", 2)[0]
        for profile in (home / "profiles" / name / "profile.toml", home / "profile.toml"):
            try:
                return Chosen.by(load(profile))
            except ProfileError:
                continue
        return Chosen()


def zips_below(folder: Path) -> Iterator[LeftZip]:
    """Give every zip for EBP that lies in an outbox below a folder; environments are not looked into."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted({*folders} - {".venv", "node_modules"})
        if Path(here).parent.name == "outbox":
            yield from (LeftZip(Path(here, name)) for name in sorted(files) if fnmatch(name, "erpFiles-*-*.zip"))

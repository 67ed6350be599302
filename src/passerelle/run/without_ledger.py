"""What was told while the ledger, which else knows that, could not be opened: a file without content remembers it.

An empty file can be made on most disks that are full. Where the state's folder takes none, the system's folder for
temporary files does.

Source: spec JOU-6, REL-1.
"""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path

from passerelle.run.installation import Installation


def remember(installation: Installation, profile: str) -> bool:
    """Remember that a profile's failure is told; false: it was, or nothing remembers, so that it would be again."""
    files = _files(installation, profile)
    if any(file.exists() for file in files):
        return False
    for file in files:
        try:
            file.touch(mode=0o600, exist_ok=False)
        except OSError:
            continue
        return True
    return False


def is_told(installation: Installation, profile: str) -> bool:
    """Tell whether a profile's failure was told."""
    return any(file.exists() for file in _files(installation, profile))


def forget(installation: Installation, profile: str) -> None:
    """Forget that a profile's failure was told: it is over, or the mail could not be sent."""
    for file in _files(installation, profile):
        file.unlink(missing_ok=True)


def _files(installation: Installation, profile: str) -> tuple[Path, Path]:
    state = sha256(str(installation.state).encode()).hexdigest()[:16]
    there = Path(tempfile.gettempdir()) / f"passerelle-{state}-ledger-failure-told.{profile}"
    return installation.state / f"ledger-failure-told.{profile}", there

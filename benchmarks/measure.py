"""Run a program and tell how long it took and how much memory it had at most."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = """\
import os, sys, time
begun = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as told:
    told.write(f"{time.perf_counter() - begun} {usage.ru_maxrss}")
sys.exit(os.waitstatus_to_exitcode(status) % 256)
"""
"""Starts the program from a small process: its peak memory counts from its parent's on."""


@dataclass(frozen=True)
class Measure:
    """Wall time in seconds, peak resident memory in MiB."""

    seconds: float
    peak_mib: float


def measured(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Measure:
    """Run a program to its end; it keeps the bytecode of what it imports, as an installed package has it.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    with tempfile.NamedTemporaryFile("r") as told:
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, told.name]
        subprocess.run(
            [*launcher, *map(str, command)],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
            capture_output=True,
            check=True,
        )
        seconds, kibibytes = map(float, told.read().split())
    return Measure(seconds, kibibytes / 1024)

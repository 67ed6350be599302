"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT.parent / "shared" / "samples"


@pytest.fixture(scope="session")
def samples() -> Path:
    """Give the folder of real files of shops that nobody of this project wrote; it stands beside the checkout."""
    if not SAMPLES.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"the real samples must be at {SAMPLES} in CI")
        pytest.skip(f"no real samples at {SAMPLES}")
    return SAMPLES

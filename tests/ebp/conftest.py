"""What the tests of EBP's side share: the demonstration's zip and what EBP knows of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from passerelle.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("ebp", "exchange", "run", "flows", "storage")]


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    """Give the folder of a demonstration that ran."""
    output = tmp_path_factory.mktemp("demo")
    result = CliRunner().invoke(
        app, ["demo", "--samples", str(ROOT / "sample_files" / "demo"), "--output", str(output)]
    )
    assert result.exit_code == 0, result.output
    return output


@pytest.fixture(scope="session")
def demo_zip(demo) -> bytes:
    """Give the zip that the demonstration leaves."""
    return (demo / "erpFiles.zip").read_bytes()

"""Consoles over small installations, and the builders of the other folders."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "run")]

from consoles import Served, serve, shop_installation  # noqa: E402


@pytest.fixture(scope="session")
def served(tmp_path_factory, request) -> Iterator[Served]:
    """A console for tests that change nothing that others look at."""
    with serve(shop_installation(tmp_path_factory.mktemp("console"), request.config.rootpath)) as console:
        yield console


@pytest.fixture
def own(tmp_path, request) -> Iterator[Served]:
    """A console of a test's own."""
    with serve(shop_installation(tmp_path, request.config.rootpath)) as console:
        yield console

"""What all tests share."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT.parent / "shared" / "samples"
sys.path.append(str(ROOT / "tests" / "ebp"))
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
            "--disable-sync"]  # fmt: skip
_played: set[Path] = set()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of tests whose zips are wrong on purpose."""
    config.addinivalue_line("markers", "imports_but(*codes): codes of what EBP refuses of this test's zips on purpose")


@pytest.fixture(scope="session")
def samples() -> Path:
    """Give the folder of real files of shops that nobody of this project wrote; it stands beside the checkout."""
    if not SAMPLES.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"the real samples must be at {SAMPLES} in CI")
        pytest.skip(f"no real samples at {SAMPLES}")
    return SAMPLES


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Give a real browser."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "these tests need Chromium (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def ebp_takes_every_zip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Play EBP's import on every zip that a run of this test left in an outbox, in any process (EBP-3).

    The outbox is where every run keeps what it delivers, whatever the place. Folders that earlier tests made were
    looked at after them.
    """
    yield
    from outboxes import zips_below

    home = tmp_path_factory.getbasetemp()
    made = set(home.iterdir()) - _played  # thousands towards the end: only the new ones are looked at
    _played.update(made)
    folders = [folder for folder in sorted(made) if folder.is_dir() and not folder.is_symlink()]
    found = [left for folder in folders for left in zips_below(folder)]
    marker = request.node.get_closest_marker("imports_but")
    for left in found:
        left.assert_imports(but=marker.args if marker else ())

"""A disk that fills while images are collected, really: the run fails with the reason, the next one tells each once."""

from __future__ import annotations

import io
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_shops import put, run, sent, shop, told
from PIL import Image
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ledger.ledger import Ledger
from passerelle.run.installation import Installation

ARTICLES = [f"A{number}" for number in range(8)]
SMALL, LARGE = "size=3m", "size=64m"


def noise(seed: int) -> bytes:
    """Give a photo of some 500 KB, which nothing makes smaller."""
    data = io.BytesIO()
    pixels = random.Random(seed).randbytes(400 * 400 * 3)
    Image.frombytes("RGB", (400, 400), pixels).save(data, "PNG")
    return data.getvalue()


def mount(folder: Path, options: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True)


@pytest.fixture
def at(tmp_path) -> Iterator[Installation]:
    """A shop with photos whose state, ledger too, lies on a disk that cannot hold them."""
    given = shop(tmp_path, *ARTICLES)
    for number, article in enumerate(ARTICLES):
        put(given, **{f"{article}__1": noise(number)})
    given.state.mkdir()
    mounted = mount(given.state, SMALL)
    if mounted.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"cannot mount a small disk: {mounted.stderr!r}")
        pytest.skip("only root can mount a small disk")
    yield given
    subprocess.run(["umount", given.state], check=True)


def test_rel_1_img_3_a_disk_that_fills_while_images_are_collected_fails_the_run_and_the_next_one_tells_each_once(at):
    command = ["--profiles", str(at.profiles), "--state", str(at.state), "run", "images", "-p", "test"]
    (at.profiles / "test" / "articles.csv").touch()
    for _ in range(2):
        failed = CliRunner().invoke(app, command)
        assert failed.exit_code == 1, failed.output
        assert "No space" in failed.output
        assert told(at) == {}
        assert not list(at.state.glob("workshop-*"))
    with Ledger.open(at.ledger_url) as ledger:
        assert [run.state for run in ledger.runs("test")] == ["failed", "failed"]
        assert all(run.message for run in ledger.runs("test"))
    assert mount(at.state, f"remount,{LARGE}").returncode == 0
    assert run(at).written == len(ARTICLES)
    assert told(at) == {article: [noise(number)] for number, article in enumerate(ARTICLES)}
    assert len(sent(at)) == len(ARTICLES)
    assert run(at).state == "nothing-to-do"

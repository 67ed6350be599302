"""``passerelle run images`` and ``run documents``: exit codes, plan, reports (CAT-1, RUN-5, PRE-1)."""

from __future__ import annotations

import json

from image_shops import photo, put, rows, shop
from typer.testing import CliRunner

from passerelle.cli.main import app


def command(at, *words: str):
    return CliRunner().invoke(app, ["--profiles", str(at.profiles), "--state", str(at.state), *words])


def test_cat_1_run_5_the_commands_say_how_it_ended(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at = shop(tmp_path, "A", "B")
    extract = at.profiles / "test" / "articles.csv"
    extract.touch()  # the command has the real time
    put(at, A__1=photo(1))
    planned = command(at, "run", "images", "-p", "test", "--plan", "--json")
    assert planned.exit_code == 0, planned.output
    assert json.loads(planned.stdout)["written"] == 1
    assert rows(at) == []
    assert command(at, "run", "images", "-p", "test").exit_code == 0
    assert len(rows(at)) == 1
    put(at, B__1=b"no image")
    ended = command(at, "run", "images", "-p", "test", "--json")
    assert ended.exit_code == 3
    run = json.loads(ended.stdout)["run_id"]
    assert command(at, "download", run, "unused-files.csv").exit_code == 0
    assert "“B/1.jpg” (article B) is no image that can be read: 6e 6f 20 69" in command(at, "rejects", run).stdout
    assert command(at, "run", "documents", "-p", "test").exit_code == 2  # the shop has no such table

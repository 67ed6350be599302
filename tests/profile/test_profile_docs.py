"""The settings reference and the JSON Schema are what the models say."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def validator():
    schema = json.loads((DOCS / "profile.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_pro_1_reference_and_schema_are_current():
    ended = subprocess.run(
        [sys.executable, "profile_pages.py", "--check"], cwd=DOCS, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_pro_1_the_schema_takes_what_the_loader_takes(demo, validator):
    demo.load()
    assert list(validator.iter_errors(tomllib.loads(demo.text))) == []
    demo.replace('place = "in"', 'place = { url = "sftp://u@h/in", password = "SECRET" }\nfiles = ["*.csv"]')
    assert list(validator.iter_errors(tomllib.loads(demo.text))) == []


def test_run_3_the_schedules_of_the_page_are_taken(demo, validator):
    page = (DOCS / "running.md").read_text(encoding="utf-8")
    example = page.partition("## Schedules\n")[2].partition("```toml\n")[2].partition("```")[0]
    demo.replace("[orders]", f"{example}\n[orders]")
    assert demo.load().profile.schedules.stocks.during == "12h"
    # TOML's own dates are texts to the schema.
    assert list(validator.iter_errors(json.loads(json.dumps(tomllib.loads(demo.text), default=str)))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "demo"', 'name = "dé mo"'),
        ('place = "in"', 'place = "in"\nfiles = []'),
        ("[orders]", "[orders]\nperiod = 'sometimes'"),
        ("[orders]", "[orders]\nprice_decimals = 9"),
        ("[orders]", "[orders]\nunknown = 1"),
        ("[orders]", "[schedules]\nstocks = { every_days = 1, at = '8:00' }\n[orders]"),
        ('place = "out"', ""),
    ],
)
def test_pro_1_the_schema_refuses_what_the_loader_refuses(demo, validator, old, new):
    demo.replace(old, new)
    assert len(list(validator.iter_errors(tomllib.loads(demo.text)))) == 1


def test_pro_1_the_example_of_the_page_is_a_profile(tmp_path, validator):
    from passerelle.profile.loader import load

    example = (DOCS / "profile.md").read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "demo.toml").write_text(example, encoding="utf-8")
    assert load(tmp_path / "demo.toml").profile.name == "demo"
    assert list(validator.iter_errors(tomllib.loads(example))) == []

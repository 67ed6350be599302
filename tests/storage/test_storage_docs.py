"""The examples of docs/storage.md are what they say: places that can be used as they stand."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from passerelle.storage.places import BACKENDS, as_place

PAGE = Path(__file__).parents[2] / "docs" / "storage.md"
EXAMPLES = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)]
PLACES = [example.get("delivery", example)["place"] for example in EXAMPLES]


@pytest.mark.parametrize("written", PLACES, ids=lambda place: place["url"] if isinstance(place, dict) else place)
def test_sto_2_every_example_is_a_place(written: str | dict[str, object]) -> None:
    place = as_place(written)
    assert place.name
    assert place.opening


def test_sto_1_every_kind_of_place_has_an_example() -> None:
    urls = [written["url"] if isinstance(written, dict) else written for written in PLACES]
    schemes = {url.partition(":")[0] if ":" in url else "file" for url in urls}
    assert schemes == set(BACKENDS)

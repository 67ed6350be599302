"""Exports of a shop in a folder of their own, from which they are put away once they were read."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from builders import ALL_MAPPED, installed, mapping_rows

from passerelle.profile.workbook import create_workbook
from passerelle.run.installation import Installation

UNMAPPED = {**ALL_MAPPED, "payment_modes": [("none", "*", "CB", "CB", "", "", "", "", "", "")]}
ARCHIVE = "archive/2026/11/21"
ERROR = "error/2026/11/21"


@cache
def real_orders(samples: Path) -> list[dict[str, Any]]:
    """Give the orders of a real shop, without what was refunded of them."""
    orders = json.loads((samples / "woocommerce-10.0-live" / "orders.json").read_text())
    return [{**order, "refunds": []} for order in orders]


def orders(samples: Path, *numbers: int, **changed: Any) -> bytes:
    """Give some of them as an export."""
    return json.dumps([{**real_orders(samples)[number], **changed} for number in numbers]).encode()


def key(samples: Path, number: int) -> str:
    return f"s/{real_orders(samples)[number]['id']}"


def leave(place: Path, name: str, data: bytes, *, at: int = 1_790_000_000) -> Path:
    """Leave a file at the place, last changed at a given time, long ago: it is not waited for."""
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (at, at))
    return path


def archiving(
    folder: Path, *, options: str = "", platform: str = "woocommerce", **given: Any
) -> tuple[Installation, Path]:
    """Make an installation whose shop's files are put away; give it and the place where the shop leaves them."""
    place = folder / "shop"
    place.mkdir()
    at = installed(folder, ("s", platform, place, "*"), **given)
    profile = at.profiles / "test" / "profile.toml"
    source = f'files = ["*.json", "*.zip"], after = "archive"{options} }}'
    profile.write_text(profile.read_text().replace('files = ["*"] }', source))
    return at, place


def remap(at: Installation, mapped: Any) -> None:
    """Replace the mappings, as the bookkeeper does."""
    (at.profiles / "test" / "mappings.xlsx").unlink()
    create_workbook(at.profiles / "test" / "mappings.xlsx", mapping_rows(mapped))


def lying(place: Path) -> dict[str, bytes]:
    """Give all files of the place by their paths."""
    return {str(file.relative_to(place)): file.read_bytes() for file in sorted(place.rglob("*")) if file.is_file()}


def inbox(at: Installation) -> list[bytes]:
    """Give the contents that the inbox holds."""
    folder = at.inbox("test")
    return sorted(file.read_bytes() for file in folder.iterdir()) if folder.is_dir() else []

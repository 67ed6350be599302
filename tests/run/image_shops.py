"""Installations whose shops get the images of articles: photos made for the tests, collected where a profile says."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from PIL import Image
from stock_shops import NOW, articles, home, leave

from passerelle.profile.workbook import create_workbook
from passerelle.run.images import IMAGES
from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.request import Request

URL = "https://shop.example/import"
PROFILE = """\
name = "test"
language = "fr"

[erp.extracts]
articles = "articles.csv"

[[shops]]
name = "a"
platform = "{platform}"
source = {{ place = "exports" }}
delivery = {{ place = "out-a" }}

[shops.{table}]
place = {place}
base_url = "https://shop.example/import"
{options}
[delivery]
place = "erp"
"""


def photo(shade: int, kind: str = "JPEG", size: tuple[int, int] = (24, 16), **options) -> bytes:
    """Give an image of one colour, each shade another content."""
    data = io.BytesIO()
    Image.new("RGB", size, (shade % 16 * 16, shade // 16 % 16 * 16, 90)).save(data, kind, **options)
    return data.getvalue()


def shop(
    folder: Path, *references: str, platform="prestashop", place="photos", options="", table="images", header=""
) -> Installation:
    """Make an installation whose articles have these references and are published."""
    (folder / "profiles" / "test").mkdir(parents=True)
    at = Installation(folder / "profiles", folder / "var", f"sqlite:///{folder / 'var' / 'ledger.sqlite'}", lambda: NOW)
    for name in ("exports", "erp", "out-a", "photos"):
        (home(at) / name).mkdir()
    given = place if isinstance(place, dict) else {"url": place}
    written = "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in given.items()) + " }"
    text = PROFILE.format(platform=platform, table=table, place=written, options=options)
    (home(at) / "profile.toml").write_text(text, encoding="utf-8")
    create_workbook(home(at) / "mappings.xlsx", {})
    extract(at, *references)
    return at


def extract(at: Installation, *references: str) -> None:
    rows = [f"{reference};Article {reference.strip()};1;0;;" for reference in references]
    leave(at, "articles.csv", articles(*rows))


def put(at: Installation, **photos: bytes) -> None:
    """Put photos where they are collected; ``A__1`` is ``A/1.jpg``."""
    for name, data in photos.items():
        put_at(at, f"{name.replace('__', '/')}.jpg", data)


def put_at(at: Installation, path: str, data: bytes) -> None:
    local = home(at) / "photos" / path
    local.parent.mkdir(parents=True, exist_ok=True)
    local.write_bytes(data)


def run(at: Installation, task=IMAGES, **asked):
    return run_task(task, Request("test", shop="a", **asked), at)


def rows(at: Installation, name: str = "images") -> list[dict[str, str]]:
    """Give the rows of the files that the shop was told, and take the files away."""
    found = []
    for file in sorted((home(at) / "out-a").glob(f"{name}-*.csv")):
        text = file.read_text("utf-8-sig")
        found += csv.DictReader(io.StringIO(text), delimiter=";" if ";" in text.splitlines()[0] else ",")
        file.unlink()
    return found


def told(at: Installation) -> dict[str, list[bytes]]:
    """Give what a PrestaShop would fetch, by reference: every URL must be there by now."""
    found = {}
    for row in rows(at):
        urls = row["Image URLs (x,y,z...)"].split(",")
        assert all(url.startswith(f"{URL}/images/") for url in urls)
        found[row["Reference #"]] = [(home(at) / "out-a" / url.removeprefix(f"{URL}/")).read_bytes() for url in urls]
    return found


def sent(at: Installation) -> set[str]:
    """Give the names of the images that lie at the shop's."""
    return {file.name for file in (home(at) / "out-a" / "images").glob("*")}


def codes(summary) -> dict[str, int]:
    return {reason.code: reason.count for reason in summary.reasons}

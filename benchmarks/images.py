"""Images of articles to a shop, against rclone copying the same files from the same server.

    python benchmarks/images.py [--scale 0.1] [--server OpenSSH ProFTPD] [--clouds 0.1]

At scale 1: 10,000 references, each with 5 photos of about 20 KB in a folder of its own. ``passerelle run images`` lists
the place, fetches the photos, looks at every pixel, names them after their content, keeps them on disk for certain, and
delivers them with the table to a folder; rclone copies them into a folder. Then a night without news, and one in which
1 % of the articles have a new photo. Requests for listing are those of SFTP and FTP as they go over the line.

The second table counts the calls that stand-ins of the cloud services get for listing, at ``--clouds`` of the size.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import measured
from PIL import Image
from pydantic import SecretStr
from transfer import KINDS, SECRET, Bench

from passerelle.profile.workbook import create_workbook
from passerelle.storage.base import LocalFile, Storage
from passerelle.storage.cloudinary import CloudinaryStorage
from passerelle.storage.cursors import listed
from passerelle.storage.dropbox import DropboxStorage
from passerelle.storage.pcloud import PcloudStorage

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import storage_servers as servers
from standins.cloudinary_api import CloudinaryApi
from standins.dropbox_api import APP_KEY, DropboxApi
from standins.pcloud_api import TOKEN, Pcloud, certificate

PHOTOS = 5
PROFILE = """\
name = "bench"
[erp.extracts]
articles = "articles.csv"
[[shops]]
name = "a"
platform = "prestashop"
source = {{ place = "." }}
delivery = {{ place = "out" }}
[shops.images]
folder = "{folder}"
place = {place}
base_url = "https://shop.example/import"
published_only = false
[delivery]
place = "erp"
"""
OURS = """\
import json, sys, time
from pathlib import Path
from passerelle.run import images, job
from passerelle.run.installation import Installation
from passerelle.run.request import Request
from passerelle.storage.ftp.client import Client
from passerelle.storage.sftp_channel import SftpChannel
home, told = map(Path, sys.argv[1:])
requests = listing = 0
def counted(verb, weight):
    def ask(self, *arguments, **options):
        global requests
        requests += weight(*arguments)
        return verb(self, *arguments, **options)
    return ask
SftpChannel.ask = counted(SftpChannel.ask, lambda *_: 1)
Client._send = counted(Client._send, len)
real = images.listed
def listed(*arguments, **options):
    global listing
    before = requests
    found = real(*arguments, **options)
    listing = requests - before
    return found
images.listed = listed
begun = time.perf_counter()
at = Installation(home / "profiles", home / "var", f"sqlite:///{home / 'var' / 'ledger.sqlite'}")
summary = job.run_task(images.IMAGES, Request("bench", shop="a"), at)
told.write_text(json.dumps([time.perf_counter() - begun, listing, summary.written]))
"""


@dataclass(frozen=True)
class Night:
    """One run of ours: seconds, peak memory in MiB, requests for listing, articles told."""

    seconds: float
    peak_mib: float
    listing: int
    written: int


def make_photos(folder: Path, references: int) -> None:
    """Write photos, no two alike: noise, so that each is about 20 KB."""
    source = random.Random(20261128)
    noise = Image.frombytes("RGB", (150, 100), source.randbytes(45_000))
    for number in range(references):
        own = folder / f"REF-{number:05}"
        own.mkdir(parents=True)
        for view in range(1, PHOTOS + 1):
            make_photo(own / f"{view}.jpg", noise, number * PHOTOS + view)


def make_photo(path: Path, noise: Image.Image, number: int) -> None:
    """Write a photo of its own."""
    data = io.BytesIO()
    noise.save(data, "JPEG", quality=90, comment=f"{number}".encode())
    path.write_bytes(data.getvalue())


def install(home: Path, bench: Bench, folder: str, references: int) -> None:
    """Make an installation that collects from the server."""
    profile = home / "profiles" / "bench"
    for name in ("out", "erp"):
        (profile / name).mkdir(parents=True)
    place = "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in bench.place.items()) + " }"
    (profile / "profile.toml").write_text(PROFILE.format(place=place, folder=folder), "utf-8")
    rows = [f"REF-{number:05};Article {number}" for number in range(references)]
    (profile / "articles.csv").write_text("\r\n".join(["Code article;Libellé", *rows, ""]), "cp1252")
    create_workbook(profile / "mappings.xlsx", {})


def night(home: Path, bench: Bench) -> Night:
    """Run ours once, in a process of its own."""
    told = home / "told"
    measure = measured([sys.executable, "-c", OURS, home, told], {SECRET: bench.secret})
    seconds, listing, written = json.loads(told.read_text())
    return Night(seconds, measure.peak_mib, listing, written)


def compare(asked: argparse.Namespace, work: Path) -> None:
    """Print the table of nights."""
    references = max(1, int(10_000 * asked.scale))
    print(f"{references * PHOTOS:,} photos of {references:,} articles:\n")
    print("| server | night | told | listing requests | passerelle s | MiB | rclone s | MiB | speed to rclone |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in asked.server:
        kind = KINDS[name]
        with kind.start() as server, tempfile.TemporaryDirectory(dir=work) as own:
            folder = servers.new_folder(server.folder).replace(" ", "-")
            photos = server.folder / folder
            make_photos(photos, references)
            bench = Bench(kind, server, Path(own))
            install(Path(own), bench, folder, references)
            for label in ("first", "nothing new", "1 % new"):
                if label == "1 % new":
                    noise = Image.frombytes("RGB", (150, 100), random.Random(1).randbytes(45_000))
                    for number in range(0, references, 100):
                        make_photo(photos / f"REF-{number:05}" / "6.jpg", noise, number)
                ours = night(Path(own), bench)
                copy = Path(own) / "copy"
                copy.mkdir(exist_ok=True)
                theirs = bench.rclone("get", copy, folder)
                cells = f"{ours.written:,} | {ours.listing:,} | {ours.seconds:.1f} | {ours.peak_mib:.0f}"
                ratio = f"{theirs.seconds:.1f} | {theirs.peak_mib:.0f} | {theirs.seconds / ours.seconds:.2f}"
                print(f"| {name} | {label} | {cells} | {ratio} |", flush=True)
            shutil.rmtree(photos)


@contextmanager
def dropbox() -> Iterator[tuple[Storage, Callable[[], int]]]:
    """A Dropbox, and how often it was asked to list."""
    with DropboxApi() as api:
        api.page = 2000
        token = SecretStr(api.new_refresh_token())
        with DropboxStorage("dropbox:/", "", app_key=APP_KEY, refresh_token=token, sessions=api.session) as storage:
            yield storage, lambda: sum(route.startswith("files/list_folder") for route in api.asked)


@contextmanager
def pcloud() -> Iterator[tuple[Storage, Callable[[], int]]]:
    """A pCloud, likewise."""
    os.environ["REQUESTS_CA_BUNDLE"] = str(certificate())
    with Pcloud() as api:
        api.createfolder({"folderid": "0", "name": "in"})
        with PcloudStorage("pcloud:/in", SecretStr(TOKEN), host=api.host, folder="in") as storage:
            yield storage, lambda: api.calls["listfolder"]


@contextmanager
def cloudinary() -> Iterator[tuple[Storage, Callable[[], int]]]:
    """A Cloudinary cloud, likewise: its calls of the Admin API."""
    with CloudinaryApi("dynamic") as api:
        options = {"api_key": api.api_key, "api_secret": SecretStr(api.api_secret), "endpoint": api.url}
        with CloudinaryStorage("cloudinary:", api.cloud, **options) as storage:
            yield storage, lambda: len(api.admin_calls)


CLOUDS: dict[str, Callable[[], AbstractContextManager[tuple[Storage, Callable[[], int]]]]] = {
    "Dropbox": dropbox,
    "pCloud": pcloud,
    "Cloudinary": cloudinary,
}


def count_calls(scale: float, work: Path) -> None:
    """Print the table of listing calls."""
    print("\n| service | photos | calls, first night | second night |\n|---|---|---|---|")
    local = work / "photo.jpg"
    make_photo(local, Image.new("RGB", (8, 8)), 0)
    for name, started in CLOUDS.items():
        for references in (max(1, int(1000 * scale)), max(1, int(10_000 * scale))):
            paths = [f"REF-{number:05}/{view}.jpg" for number in range(references) for view in range(1, PHOTOS + 1)]
            with started() as (storage, count), tempfile.TemporaryDirectory(dir=work) as kept:
                list(storage.put_files([LocalFile(path, local, local.stat().st_size) for path in paths]))
                calls = []
                for _ in range(2):
                    before = count()
                    assert len(listed(storage, "", Path(kept))) == len(paths)
                    calls.append(count() - before)
            print(f"| {name} | {len(paths):,} | {calls[0]} | {calls[1]} |", flush=True)


def main() -> None:
    """Print tables of figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--clouds", type=float, default=0.1)
    parser.add_argument("--server", nargs="*", choices=KINDS, default=["OpenSSH", "ProFTPD"])
    asked = parser.parse_args()
    with servers.shared_folder() as folder:
        compare(asked, folder)
        count_calls(asked.clouds, folder)


if __name__ == "__main__":
    main()

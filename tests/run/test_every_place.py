"""The orders job delivers to, and picks up from, any kind of place: only the places in the profile differ (STO-1)."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import boto3
import pytest
import storage_servers
from builders import installed
from moto.server import ThreadedMotoServer
from pydantic import SecretStr
from standins.cloudinary_api import CloudinaryApi
from standins.dropbox_api import APP_KEY, DropboxApi
from standins.pcloud_api import TOKEN, Pcloud
from standins.pcloud_api import certificate as pcloud_certificate
from storage_servers import PASSWORD, USER, Server, new_folder

from passerelle.run.orders import run_orders
from passerelle.run.request import Request
from passerelle.storage import pcloud
from passerelle.storage.dropbox import DropboxPlace, DropboxStorage
from passerelle.storage.place import cloud_folder
from passerelle.storage.places import as_place, open_place

Table = dict[str, str]
At = Callable[[str], Table]
"""Gives the place of one of the two folders that are there: ``in`` and ``out``."""
Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Kind:
    """A kind of place, and what starts its server."""

    name: str
    started: Callable[[Path, Patch], contextlib.AbstractContextManager[At]]


@contextlib.contextmanager
def local(folder: Path, _: Patch) -> Iterator[At]:
    for name in ("in", "out"):
        (folder / "place" / name).mkdir(parents=True)
    yield lambda name: {"url": str(folder / "place" / name)}


def ftp(scheme: str, start: Callable[[], contextlib.AbstractContextManager[Server]]) -> Callable[[Path, Patch], object]:
    @contextlib.contextmanager
    def started(_: Path, patch: Patch) -> Iterator[At]:
        patch.setenv("PLACE_PASSWORD", PASSWORD)
        with start() as server:
            folders = {"in": new_folder(server.folder), "out": new_folder(server.folder)}
            options = {"ca_file": str(server.ca_file)} if server.ca_file else {}
            if server.user == USER:
                options["password"] = "PLACE_PASSWORD"
            yield lambda name: {
                "url": f"{scheme}://{server.user}@127.0.0.1:{server.port}/{quote(folders[name])}",
                **options,
            }

    return started


@contextlib.contextmanager
def sftp(_: Path, __: Patch) -> Iterator[At]:
    with storage_servers.sshd() as server:
        base = str(server.folder).lstrip("/")
        folders = {"in": new_folder(server.folder), "out": new_folder(server.folder)}
        yield lambda name: {
            "url": f"sftp://{server.user}@127.0.0.1:{server.port}//{base}/{quote(folders[name])}",
            "key_file": str(server.key_file),
            "host_key_fingerprint": server.fingerprint,
        }


@contextlib.contextmanager
def dropbox(_: Path, patch: Patch) -> Iterator[At]:
    def storage(place: DropboxPlace, *_: object) -> DropboxStorage:
        token = SecretStr(api.new_refresh_token())
        folder = cloud_folder(place.url)
        return DropboxStorage(place.name, folder, app_key=APP_KEY, refresh_token=token, sessions=api.session)

    patch.setattr(DropboxPlace, "storage", storage)
    with DropboxApi() as api:
        api.make_folders("/in")
        api.make_folders("/out")
        yield lambda name: {"url": f"dropbox:/{name}", "app_key": APP_KEY, "refresh_token": "PLACE_TOKEN"}


@contextlib.contextmanager
def in_pcloud(_: Path, patch: Patch) -> Iterator[At]:
    patch.setenv("PLACE_TOKEN", TOKEN)
    patch.setenv("REQUESTS_CA_BUNDLE", str(pcloud_certificate()))
    with Pcloud() as server:
        patch.setitem(pcloud.HOSTS, "eu", server.host)
        for name in ("in", "out"):
            server.createfolder({"folderid": "0", "name": name})
        yield lambda name: {"url": f"pcloud:/{name}", "access_token": "PLACE_TOKEN"}


@contextlib.contextmanager
def cloudinary(_: Path, patch: Patch) -> Iterator[At]:
    with CloudinaryApi("dynamic") as api:
        patch.setenv("PLACE_SECRET", api.api_secret)
        for name in ("in", "out"):
            api.make_folder(name)
        yield lambda name: {
            "url": f"cloudinary://{api.cloud}/{name}",
            "api_key": api.api_key,
            "api_secret": "PLACE_SECRET",
            "endpoint": api.url,
        }


@contextlib.contextmanager
def s3(_: Path, patch: Patch) -> Iterator[At]:
    patch.setenv("PLACE_SECRET", "secret")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )
    bucket = f"exchange-{secrets.token_hex(4)}"  # the servers of one process share what they hold
    client.create_bucket(Bucket=bucket)
    yield lambda name: {
        "url": f"s3://{bucket}/{name}",
        "endpoint": endpoint,
        "access_key_id": "key",
        "secret_access_key": "PLACE_SECRET",
    }
    server.stop()


KINDS = [
    Kind("ftp", ftp("ftp", storage_servers.proftpd)),
    Kind("ftpes", ftp("ftpes", storage_servers.vsftpd_tls)),
    Kind("ftps", ftp("ftps", lambda: storage_servers.vsftpd_tls(implicit=True))),
    Kind("sftp", sftp),
    Kind("dropbox", dropbox),
    Kind("pcloud", in_pcloud),
    Kind("cloudinary", cloudinary),
    Kind("s3", s3),
]


def toml(table: Table) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()) + " }"


def exchanged(folder: Path, samples: Path, at: At) -> dict[str, bytes]:
    """Put a shop's exports into one folder, run twice, and give what lies in the two folders then."""
    installation = installed(folder, ("s", "woocommerce", Path("IN"), "*.json"), place=toml(at("out")))
    profile = installation.profiles / "test" / "profile.toml"
    source = f'place = {toml(at("in"))}, after = "archive"'
    profile.write_text(profile.read_text("utf-8").replace('place = "IN"', source), encoding="utf-8")
    with open_place(as_place(at("in"))) as storage:
        for file in sorted((samples / "woocommerce-10.0-live").glob("*.json")):
            storage.put(file.name, file.read_bytes())
    first = run_orders(Request("test"), installation)
    assert first.written == 51
    again = run_orders(Request("test"), installation)
    assert (again.written, again.failed) == (0, 0)
    found = {}
    for name in ("in", "out"):
        with open_place(as_place(at(name))) as storage:
            found |= {f"{name}/{entry.path}": storage.read(entry.path) for entry in storage.list(recursive=True)}
    return found


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> dict[str, bytes]:
    """What the job leaves in folders of this machine."""
    folder = tmp_path_factory.mktemp("local")
    with local(folder, pytest.MonkeyPatch()) as at:
        return exchanged(folder / "installation", samples, at)


def test_sto_1_the_job_takes_its_input_and_delivers(expected: dict[str, bytes]) -> None:
    delivered = sorted(path for path in expected if path.startswith("out/"))
    assert [path.rpartition(".")[2] for path in delivered] == ["json", "zip"]
    assert all(path.startswith("in/archive/2026/11/21/") for path in expected.keys() - set(delivered))
    assert len(expected) > 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_sto_1_the_orders_job_leaves_the_same_at_every_kind_of_place(
    kind: Kind, tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, bytes]
) -> None:
    with kind.started(tmp_path, monkeypatch) as at:
        found = exchanged(tmp_path / "installation", samples, at)
    assert found.keys() == expected.keys()
    assert found == expected

"""The demonstrations: sample profiles, run against an FTP server in this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from passerelle.run.accounts import CUSTOMER_GROUPS, CUSTOMERS
from passerelle.run.activation import ACTIVATE
from passerelle.run.articles import ARTICLES
from passerelle.run.erp_files import ZIP_NAME
from passerelle.run.errors import RunError
from passerelle.run.images import DOCUMENTS, IMAGES
from passerelle.run.installation import Installation
from passerelle.run.job import Task, run_task
from passerelle.run.orders import run_orders
from passerelle.run.prices import PRICES
from passerelle.run.request import Request
from passerelle.run.statuses import STATUSES_TO_SHOP
from passerelle.run.stocks import STOCKS
from passerelle.run.summary import Summary
from passerelle.run.tables import TABLES_TO_SHOP
from passerelle.run.to_shops import requests

SAMPLES = Path(str(files("passerelle"))) / "sample_files"
"""The folder of the sample profiles, installed with the program."""
PROFILE, CATALOGUE = "demo", "catalogue"
"""The sample profiles: what comes from shops, and what goes to them."""
CATALOGUE_TASKS: tuple[tuple[Task, str], ...] = (
    (ARTICLES, "articles"),
    (PRICES, "prices"),
    (STOCKS, "stock"),
    (ACTIVATE, "activation"),
    (IMAGES, "images"),
    (DOCUMENTS, "documents"),
    (CUSTOMER_GROUPS, "groups"),
    (CUSTOMERS, "accounts"),
    (TABLES_TO_SHOP, "tables"),
    (STATUSES_TO_SHOP, "statuses"),
)
"""The tasks that tell shops the catalogue, in the order of a night, and the table of a shop that asks for each."""
_USER = "demo"
_FTP_VARIABLE = "PASSERELLE_DEMO_FTP"
_SERVER = "127.0.0.1:2121"
"""The FTP server as the sample profiles name it; the port is replaced by the real one."""
_FOLDERS = {
    PROFILE: ("in",),
    CATALOGUE: ("erp", "vitrine/import", "oasis/in", "oasis/out", "pro/export", "pro/import"),
}
"""The folders that each profile delivers to, and shops leave their exports in."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a demonstration did.

    Attributes:
        runs: name of the task and the run's summary, in their order.
        zip_path: the zip for the ERP on this machine; ``None``: there is none.
        delivered: the files on the FTP server, by their paths.
    """

    runs: tuple[tuple[str, Summary], ...]
    zip_path: Path | None
    delivered: tuple[str, ...]


def run_demo(samples: Path, output: Path) -> Shown:
    """Run the orders job of the sample profile.

    The profile is copied to ``output/demo`` the first time; its mapping workbook is then the user's. The ledger lies in
    ``output/demo/var``, the FTP server's files in ``output/demo/ftp``; the zip is copied to ``output/erpFiles.zip``.

    Raises:
        RunError: there is no sample profile, or pyftpdlib is not installed.
    """
    with _installed(PROFILE, samples, output) as installation:
        summary = run_orders(Request(PROFILE), installation)
    zip_path = None
    if ZIP_NAME in summary.files:
        zip_path = Path(shutil.copyfile(summary.files[ZIP_NAME], output / ZIP_NAME))
    return Shown((("orders", summary),), zip_path, _delivered(PROFILE, output))


def run_catalogue(samples: Path, output: Path) -> Shown:
    """Tell the shops of the sample profile what its ERP's extracts say, task by task and shop by shop.

    The profile is copied to ``output/catalogue`` the first time; its extracts are then the user's, to be changed and
    run again.

    Raises:
        RunError: as above.
    """
    with _installed(CATALOGUE, samples, output) as installation:
        for extract in (output / CATALOGUE / "extracts").iterdir():
            extract.touch()  # as the ERP's export of tonight: what is old is not believed
        runs = tuple(
            (task.name, run_task(task, request, installation))
            for task, table in CATALOGUE_TASKS
            for request in requests(installation, CATALOGUE, table)
        )
    return Shown(runs, None, _delivered(CATALOGUE, output))


@contextmanager
def _installed(profile: str, samples: Path, output: Path) -> Iterator[Installation]:
    """Copy a sample profile and run the FTP server that it names."""
    if not (samples / "profile.toml").is_file():
        raise RunError("run-no-samples", is_usage=True, folder=samples)
    home = output / profile
    shutil.copytree(samples, home, dirs_exist_ok=True, copy_function=_copy_if_absent)
    for folder in _FOLDERS[profile]:
        (home / "ftp" / folder).mkdir(parents=True, exist_ok=True)
    with _ftp_server(home / "ftp") as port:
        text = (samples / "profile.toml").read_text(encoding="utf-8")
        (home / "profile.toml").write_text(text.replace(_SERVER, f"127.0.0.1:{port}"), encoding="utf-8")
        yield Installation.of_environment(output, home / "var")


def _delivered(profile: str, output: Path) -> tuple[str, ...]:
    server = output / profile / "ftp"
    found = (file for folder in _FOLDERS[profile] for file in (server / folder).rglob("*") if file.is_file())
    return tuple(sorted(file.relative_to(server).as_posix() for file in found if not file.name.startswith(".")))


def _copy_if_absent(source: str, target: str) -> str:
    return target if Path(target).exists() else str(shutil.copy2(source, target))


@contextmanager
def _ftp_server(folder: Path) -> Iterator[int]:
    try:
        from passerelle.run.demo_server import ftp_server  # noqa: PLC0415
    except ImportError:
        raise RunError("run-no-demo-server", is_usage=True) from None
    password = os.urandom(12).hex()
    os.environ[_FTP_VARIABLE] = password
    with ftp_server(folder, _USER, password) as port:
        yield port

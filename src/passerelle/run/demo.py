"""The demonstration: the sample profile, run against an FTP server in this process."""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from passerelle.run.erp_files import ZIP_NAME
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.orders import run_orders
from passerelle.run.request import Request
from passerelle.run.summary import Summary

PROFILE = "demo"
_USER = "demo"
_FTP_VARIABLE = "PASSERELLE_DEMO_FTP"
_PLACE = "ftp://demo@127.0.0.1:2121/in"
"""The delivery place as the sample profile names it; the port is replaced by the server's."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demonstration did: the run's summary, the zip on this machine, the names on the FTP server."""

    summary: Summary
    zip_path: Path | None
    delivered: tuple[str, ...]


def run_demo(samples: Path, output: Path) -> Shown:
    """Run the orders job of the sample profile.

    The profile is copied to ``output/demo`` the first time; its mapping workbook is then the user's. The ledger lies in
    ``output/demo/var``, the FTP server's files in ``output/demo/ftp``; the zip is copied to ``output/erpFiles.zip``.

    Raises:
        RunError: there is no sample profile, or pyftpdlib is not installed.
    """
    if not (samples / "profile.toml").is_file():
        raise RunError("run-no-samples", is_usage=True, folder=samples)
    home = output / PROFILE
    shutil.copytree(samples, home, dirs_exist_ok=True, copy_function=_copy_if_absent)
    inbox = home / "ftp" / "in"
    inbox.mkdir(parents=True, exist_ok=True)
    with _ftp_server(home / "ftp") as port:
        text = (samples / "profile.toml").read_text(encoding="utf-8")
        (home / "profile.toml").write_text(text.replace(_PLACE, _PLACE.replace("2121", str(port))), encoding="utf-8")
        installation = Installation.of_environment(output, home / "var")
        summary = run_orders(Request(PROFILE), installation)
    delivered = tuple(sorted(file.name for file in inbox.iterdir() if not file.name.startswith(".")))
    zip_path = None
    if ZIP_NAME in summary.files:
        zip_path = Path(shutil.copyfile(summary.files[ZIP_NAME], output / ZIP_NAME))
    return Shown(summary, zip_path, delivered)


def _copy_if_absent(source: str, target: str) -> str:
    return target if Path(target).exists() else str(shutil.copy2(source, target))


def _ftp_server(folder: Path) -> AbstractContextManager[int]:
    try:
        from passerelle.run.demo_server import ftp_server  # noqa: PLC0415
    except ImportError:
        raise RunError("run-no-demo-server", is_usage=True) from None
    password = os.urandom(12).hex()
    os.environ[_FTP_VARIABLE] = password
    return ftp_server(folder, _USER, password)

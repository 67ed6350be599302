"""Consoles over a small installation, served by uvicorn and asked over HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
from builders import ALL_MAPPED, installed

from passerelle.cli.console import commands, tasks
from passerelle.console.app import Doors, opened, server
from passerelle.ledger.ledger import Ledger
from passerelle.run.installation import Installation

NAME, PASSWORD = "anne", "correct horse battery"
TAXES = [("*", "20", "*", "TVA20"), ("*", "5.5", "*", "TVA55")]
"""What is mapped: the demonstration's shop has a third rate too."""


@dataclass
class Served:
    """A console that is being served."""

    installation: Installation
    url: str
    pid: int = 0
    """Of its own process, if it has one."""

    def browser(self, language: str = "fr", **headers: str) -> Browser:
        return Browser(self.url, language, headers)

    def member(self, language: str = "fr") -> Browser:
        browser = self.browser(language)
        assert browser.log_in(NAME, PASSWORD).headers["location"] == "/"
        return browser

    def ledger(self) -> Ledger:
        return Ledger.open(self.installation.ledger_url)


class Browser(httpx.Client):
    """What a browser does with a form: it sends the token of the page that it stands on."""

    def __init__(self, url: str, language: str = "fr", headers: dict[str, str] | None = None) -> None:
        super().__init__(base_url=url, headers={"accept-language": language, **(headers or {})}, timeout=60)
        self.csrf = ""

    def page(self, path: str, status: int = 200) -> str:
        answer = self.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:500]}"
        self.csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', answer.text)[1]
        return answer.text

    def submit(self, path: str, **form: str) -> httpx.Response:
        return self.post(path, data={"csrf": self.csrf, **form})

    def log_in(self, name: str, password: str, after: str = "/") -> httpx.Response:
        self.page("/login")
        return self.submit("/login", name=name, password=password, after=after)


def variables(installation: Installation) -> dict[str, str]:
    told = {
        "PASSERELLE_PROFILES": str(installation.profiles),
        "PASSERELLE_STATE": str(installation.state),
        "PASSERELLE_LEDGER": installation.ledger_url,
        "PASSERELLE_LANG": "en",
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")} | told


@contextmanager
def serve(installation: Installation) -> Iterator[Served]:
    """Serve a console by uvicorn, from this process."""
    with opened(installation, tasks(), commands()) as site:
        serving = server(site, Doors(), "127.0.0.1", 0)
        thread = threading.Thread(target=serving.run, daemon=True)
        thread.start()
        while not serving.started:
            time.sleep(0.01)
        port = serving.servers[0].sockets[0].getsockname()[1]
        try:
            yield Served(installation, f"http://127.0.0.1:{port}")
        finally:
            serving.should_exit = True
            thread.join()
            site.starter.wait()


@contextmanager
def command(installation: Installation, *options: str) -> Iterator[Served]:
    """Serve a console by its command."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with (installation.state / "console.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "passerelle", "console", f"--port={port}", *options],
            env=variables(installation),
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/health")
            break
        except httpx.TransportError:
            time.sleep(0.1)
    try:
        yield Served(installation, url, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, (installation.state / "console.log").read_text(encoding="utf-8")


def shop_installation(folder: Path, root: Path) -> Installation:
    """An installation with a real shop's orders, some of which nothing is mapped for, and a user."""
    source = root / "sample_files/demo/shops/web"
    made = installed(folder, ("s", "woocommerce", source, "*.json"), mapped={**ALL_MAPPED, "taxes": TAXES})
    made.state.mkdir(parents=True)
    with Ledger.open(made.ledger_url) as ledger:
        ledger.access.add_user(NAME, PASSWORD, by="test")
    return replace(made, clock=lambda: datetime.now(UTC))

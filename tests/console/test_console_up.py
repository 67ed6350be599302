"""``passerelle up`` as a whole: Prefect and the console beside each other, each knowing of the other (RUN-2, CON-1)."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time

import httpx
from consoles import NAME, PASSWORD, Browser, shop_installation, variables
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ledger.ledger import Ledger


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_run_2_and_con_1_up_starts_the_console_which_starts_tasks_by_prefect(tmp_path, request):
    made = shop_installation(tmp_path, request.config.rootpath)
    (made.profiles / "broken.toml").write_text("name = 1\n", encoding="utf-8")
    prefect, console = free_port(), free_port()
    command = [sys.executable, "-m", "passerelle", "up", f"--port={prefect}", f"--console-port={console}"]
    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen(command, env=variables(made), stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 240
        while b"Console:" not in (tmp_path / "up.log").read_bytes():
            assert time.monotonic() < deadline, (tmp_path / "up.log").read_text(encoding="utf-8")
            assert up.poll() is None, (tmp_path / "up.log").read_text(encoding="utf-8")
            time.sleep(0.5)
        assert b"broken.toml, line 1: " in (tmp_path / "up.log").read_bytes()  # and keeps no other profile out
        browser = Browser(f"http://127.0.0.1:{console}")
        assert browser.log_in(NAME, PASSWORD).status_code == 303
        api = f"http://127.0.0.1:{prefect}/api"
        while httpx.get(f"{api}/deployments/name/orders/test").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        browser.page("/start/test/orders")
        answer = browser.submit("/start/test/orders", period="all")
        assert answer.status_code == 303, answer.text
        run_id = answer.headers["location"].rpartition("/")[2]
        while (run := _run(made, run_id)) is None or run.state in {"running", "prepared"}:
            assert time.monotonic() < deadline, (tmp_path / "up.log").read_text(encoding="utf-8")
            time.sleep(1)
        assert (run.state, run.task, run.parameters["period"]) == ("delivered", "orders", "all")
        page = browser.page(f"/runs/{run_id}")
        assert f"http://127.0.0.1:{prefect}/runs/flow-run/{run_id}" in page
        artifacts = httpx.post(f"{api}/artifacts/filter", json={}).json()
        links = [one["data"] for one in artifacts if one["key"] == "orders-test-console"]
        assert [re.search(r"\((http[^)]+)\)", link)[1] for link in links] == [
            f"http://127.0.0.1:{console}/runs/{run_id}"
        ]
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
    for port in (prefect, console):
        with socket.socket() as one:
            assert one.connect_ex(("127.0.0.1", port)) != 0, port


def _run(made, run_id):
    with Ledger.open(made.ledger_url) as ledger:
        return next((run for run in ledger.runs() if run.run_id == run_id), None)


def test_run_2_up_without_a_profile_says_so_at_once(tmp_path):
    told = {"PASSERELLE_PROFILES": str(tmp_path), "PASSERELLE_STATE": str(tmp_path / "var"), "PASSERELLE_LANG": "fr"}
    for command in ("up", "deploy"):
        refused = CliRunner().invoke(app, [command], env=told)
        assert (refused.exit_code, refused.stderr.splitlines()[0]) == (2, f"Il n'y a pas de profil dans {tmp_path}.")
    (tmp_path / "broken.toml").write_text("name = 1\n", encoding="utf-8")
    refused = CliRunner().invoke(app, ["up"], env=told)
    assert (refused.exit_code, "name doit être un texte" in refused.stderr) == (2, True)
    assert not (tmp_path / "var").exists()

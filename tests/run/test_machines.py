"""Several machines with one ledger in PostgreSQL: starts at once, deliveries that another one ends (REL-1, RUN-6)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import article_shops
import postgresql
import pytest
import stock_shops
from ftp_server import FtpServer
from killed import run_killed
from prefect_server import PROGRAM, START, until
from stock_shops import home

from passerelle.ledger.errors import StoredFileMissingError
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.request import Request
from passerelle.run.stocks import STOCKS


@pytest.fixture(scope="module")
def server() -> Iterator[postgresql.PostgreSql]:
    with postgresql.started() as running:
        yield running


@pytest.fixture
def ftp(tmp_path) -> Iterator[FtpServer]:
    with FtpServer(tmp_path / "ftp") as running:
        yield running
        running.let_go()


def stocks(folder: Path) -> Installation:
    at = stock_shops.shops(folder, ("a", "woocommerce", ""))
    # Written now: commands look at the real clock.
    (home(at) / "articles.csv").write_bytes(stock_shops.articles("A1;Bol;1;0;;", "A2;Tasse;1;0;;"))
    (home(at) / "stock.csv").write_bytes(stock_shops.levels("A1;Nice;4", "A2;Nice;2"))
    return at


def articles(folder: Path) -> Installation:
    at = article_shops.shops(folder, ("a", "prestashop", article_shops.options()))
    rows = ("A1;Bol;1;T20;12,5;Kyusu;Maison;Fonte;0;Bowl", "A2;Tasse;1;T20;3;;Maison;;0;Cup")
    (home(at) / "articles.csv").write_bytes(article_shops.extract(*rows))
    return at


@pytest.mark.parametrize("made", [stocks, articles], ids=lambda made: made.__name__)
def test_rel_1_run_6_of_two_starts_at_once_one_tells_the_shop_and_the_other_says_who_does(server, ftp, tmp_path, made):
    at = made(tmp_path)
    profile = home(at) / "profile.toml"
    place = f'{{ url = "ftp://boss@127.0.0.1:{ftp.port}/in", password = "TEST_FTP", attempts = 1 }}'
    profile.write_text(profile.read_text("utf-8").replace('"out-a"', place), "utf-8")
    own = {"PASSERELLE_LEDGER": server.database(), "TEST_FTP": ftp.password, "PASSERELLE_LANG": "en"}
    command = [PROGRAM, "--profiles", at.profiles, "--state", at.state, "run", made.__name__, "-p", "test"]

    def start() -> subprocess.Popen[str]:
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, env={**os.environ, **own}, **output)

    ftp.hold()
    both = [start(), start()]
    assert ftp.wait_for_login(START.total_seconds())  # one is about to deliver, and waits for the server's answer
    second = until(lambda: next((each for each in both if each.poll() is not None), None), START, "none has ended")
    [first] = [each for each in both if each is not second]
    said = second.stdout.read()
    assert second.returncode == 1, said
    assert f"Task to-shop a of profile test is already running (passerelle run {made.__name__}" in said
    assert socket.gethostname() in said
    assert ftp.files() == []
    ftp.let_go()
    assert first.wait(START.total_seconds()) == 0, first.stdout.read()
    sent = ftp.files()
    assert [Path(name).suffix for name in sent] == [".csv", ".json"]
    assert start().wait(START.total_seconds()) == 0  # the second is started again: there is nothing to do
    assert (ftp.files(), ftp.stored("csv")) == (sent, 1)


@pytest.mark.parametrize(("again", "refused"), [(False, StoredFileMissingError), (True, RunError)])
def test_rel_1_run_6_what_a_killed_machine_prepared_another_one_delivers_from_the_folder_they_share(
    server, tmp_path, again, refused
):
    """By its next run, or by the very same one (Retry); a machine with a folder of its own says what it lacks."""
    at = replace(stocks(tmp_path), ledger_url=server.database(), clock=lambda: datetime.now(UTC))
    assert run_killed(at, "passerelle.run.job:publish", "before", STOCKS, "a") == -signal.SIGKILL
    [prepared] = at.outbox.glob("*/stock-*.csv")
    with Ledger.open(at.ledger_url) as ledger:
        [killed] = ledger.runs("test")
    request = Request("test", shop="a", run_id=killed.run_id if again else "")
    alone = replace(at, state=tmp_path / "of-another-machine")
    at.state.rename(tmp_path / "out-of-its-reach")
    with pytest.raises(refused) as caught:
        run_task(STOCKS, request, alone)
    for language in ("fr", "en"):
        said = caught.value.text(language) + caught.value.todo(language)
        assert all(part in said for part in (killed.run_id, socket.gethostname(), "PASSERELLE_STATE"))
    assert not list((home(at) / "out-a").iterdir())
    (tmp_path / "out-of-its-reach").rename(at.state)
    assert run_task(STOCKS, request, at).state == ("delivered" if again else "nothing-to-do")
    assert run_task(STOCKS, Request("test", shop="a"), alone).state == "nothing-to-do"
    assert [file.read_bytes() for file in (home(at) / "out-a").glob("*.csv")] == [prepared.read_bytes()]

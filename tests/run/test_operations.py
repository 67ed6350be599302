"""What docs/operations.md promises: a backup that was put back, or moved elsewhere, goes on where it was."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from builders import NOW
from exports import archiving, leave, lying, orders
from ftp_server import FtpServer

from passerelle.ledger.ledger import Ledger
from passerelle.run.installation import Installation
from passerelle.run.journal import run_file
from passerelle.run.orders import run_orders
from passerelle.run.request import Request
from passerelle.storage.errors import Denied


def at_place(folder: Path) -> Installation:
    state = folder / "var"
    return Installation(folder / "profiles", state, f"sqlite:///{state / 'ledger.sqlite'}", lambda: NOW)


def test_rel_1_run_4_moved_to_another_machine_it_delivers_what_was_under_way(tmp_path, samples, monkeypatch):
    """Exports were taken, files made, the server refused: on the new machine, with other paths, all arrives once."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    with FtpServer(tmp_path / "ftp") as server:
        monkeypatch.setenv("TEST_FTP", "not the password")
        place = f'{{ url = "ftp://boss@127.0.0.1:{server.port}/in", password = "TEST_FTP", attempts = 1 }}'
        made, shop = archiving(old, place=place)
        leave(shop, "orders-1.json", orders(samples, 1, 2))
        with pytest.raises(Denied):
            run_orders(Request("test"), made)
        shutil.move(old, new)
        profile = new / "profiles" / "test" / "profile.toml"
        profile.write_text(profile.read_text().replace(str(old), str(new)))
        monkeypatch.setenv("TEST_FTP", server.password)
        arrived = run_orders(Request("test"), at_place(new))
        assert server.stored("zip") == 1
        assert run_orders(Request("test"), at_place(new)).state == "nothing-to-do"
        assert server.stored("zip") == 1
    assert run_file(at_place(new), arrived.run_id, "outcomes.csv").is_relative_to(new)
    assert [Path(path).parts[0] for path in lying(new / "shop")] == ["archive"]


def test_ord_81_a_ledger_copied_while_in_use_and_put_back_sends_nothing_again(tmp_path, samples):
    """As the page says: the ledger first, by SQLite itself; then the folders; then without the log of the old one."""
    home = tmp_path / "here"
    home.mkdir()
    made, shop = archiving(home)
    leave(shop, "orders-1.json", orders(samples, 1, 2))
    first = run_orders(Request("test"), made)
    with Ledger.open(made.ledger_url) as ledger, ledger.lease("test", "orders", holder="another run"):
        with sqlite3.connect(made.state / "ledger.sqlite") as source, sqlite3.connect(tmp_path / "ledger") as target:
            source.backup(target)
        shutil.copytree(home, tmp_path / "copy", ignore=shutil.ignore_patterns("ledger.sqlite*", "workshop-*"))
    shutil.rmtree(home)
    shutil.move(tmp_path / "copy", home)
    shutil.move(tmp_path / "ledger", made.state / "ledger.sqlite")
    assert run_orders(Request("test"), made).state == "nothing-to-do"
    assert run_file(made, first.run_id, "erpFiles.zip").is_file()

"""The ERP's quotes through the whole job: to the shop's own place, once, finished after a fault (ORD-60)."""

from __future__ import annotations

import csv
import io
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from builders import delivered, installed
from exports import orders, real_orders
from killed import run_killed

from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.orders import run_orders
from passerelle.run.quotes import QUOTES_TO_SHOP
from passerelle.run.request import Request
from passerelle.run.to_shops import requests
from passerelle.storage.errors import StorageError

ASKED = Request("test", shop="s")
HEAD = (
    "Document - Numéro du document;Document - Date;Document - Code client;Document - Total TTC;"
    "Ligne - Code article;Ligne - Description commerciale en clair;Ligne - Quantité;Ligne - Taux de TVA;"
    "Ligne - Montant Net HT;Ligne - Montant Net TTC"
)


def quote(number: str, customer: str, *, total: str = "36,00", label: str = "Théière") -> str:
    return f"{number};02/11/2026;{customer};{total};TH12;{label};1;20;30;36"


def set_up(tmp_path: Path, samples: Path) -> tuple[Installation, Path, str]:
    """Exchange an order, so that the ledger knows its customer; give the shop's place and the account too."""
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, 0))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"))
    home = at.profiles / "test"
    profile = home / "profile.toml"
    text = profile.read_text().replace("\n[delivery]", 'delivery = { place = "to-shop" }\nquotes = {}\n\n[delivery]')
    profile.write_text(text.replace('articles = "articles.csv"', 'articles = "articles.csv"\nquotes = "Devis.txt"'))
    (home / "to-shop").mkdir()
    run_orders(Request("test"), at)
    with Ledger.open(at.ledger_url) as ledger:
        [account] = ledger.accounts("test")["customer_code"]
    return at, home / "to-shop", account


def leave(at: Installation, *quotes: str) -> None:
    text = "".join(f"{row}\r\n" for row in (HEAD, *quotes))
    (at.profiles / "test" / "Devis.txt").write_bytes(text.encode("cp1252"))


def sent(place: Path) -> list[dict[str, str]]:
    files = [file for file in sorted(place.iterdir()) if file.suffix == ".csv"]
    return [row for file in files for row in csv.DictReader(io.StringIO(file.read_text("utf-8"), newline=""))]


def test_ord_60_quotes_go_to_the_shop_s_place_once_and_again_when_they_change(tmp_path, samples):
    at, place, account = set_up(tmp_path, samples)
    to_erp = delivered(at)
    leave(at, quote("DE1", account), quote("DE2", "INCONNU"), quote("DE3", account, total="99,00"))
    first = run_task(QUOTES_TO_SHOP, ASKED, at)
    assert (first.read, first.written, first.failed, first.exit_code) == (3, 1, 2, 3)
    assert {reason.code for reason in first.reasons} == {"quote-customer-unknown", "quote-total-differs"}
    [row] = sent(place)
    assert (row["quote_number"], row["change"], row["total_incl"], row["net_excl"]) == ("DE1", "new", "36", "30")
    customer = real_orders(samples)[0]
    assert row["customer_email"] == customer["billing"]["email"]
    assert row["customer_id"] == (str(customer["customer_id"]) if customer["customer_id"] else "")
    assert delivered(at) == to_erp, "nothing of it goes to the ERP"
    assert run_task(QUOTES_TO_SHOP, ASKED, at).state == "nothing-to-do"
    leave(at, quote("DE1", account, label="Théière rouge"))
    planned = run_task(QUOTES_TO_SHOP, replace(ASKED, plan=True), at)
    assert [(one.action, one.direction, one.count) for one in planned.planned] == [("update", "update-shop", 1)]
    changed = run_task(QUOTES_TO_SHOP, replace(ASKED, apply=planned.plan), at)
    assert changed.written == 1
    assert sorted((row["change"], row["label"]) for row in sent(place)) == [
        ("changed", "Théière rouge"),
        ("new", "Théière"),
    ]


def test_sto_5_a_delivery_that_waits_is_finished_at_the_shop_s_place_before_anything_new(tmp_path, samples):
    at, place, account = set_up(tmp_path, samples)
    to_erp = delivered(at)
    leave(at, quote("DE1", account))
    place.rmdir()
    with pytest.raises(StorageError):
        run_task(QUOTES_TO_SHOP, replace(ASKED, run_id="flow-run"), at)
    place.mkdir()
    assert run_orders(Request("test"), at).earlier == (), "what waits for the shop is not the ERP's"
    leave(at, quote("DE1", account), quote("DE2", account))
    other = run_task(QUOTES_TO_SHOP, ASKED, at)
    assert (len(other.earlier), other.written, other.ignored) == (1, 1, 1)
    assert sorted(row["quote_number"] for row in sent(place)) == ["DE1", "DE2"]
    assert delivered(at) == to_erp
    # The failed run is retried, as Prefect does: it has nothing left to do.
    run_task(QUOTES_TO_SHOP, replace(ASKED, run_id="flow-run"), at)
    assert len(sent(place)) == 2


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["passerelle.ledger.ledger:Ledger.prepare", "passerelle.run.job:publish"])
def test_rel_1_a_killed_run_sends_its_quotes_once(tmp_path, samples, step, moment):
    at, place, account = set_up(tmp_path, samples)
    leave(at, quote("DE1", account))
    assert run_killed(at, step, moment, QUOTES_TO_SHOP, "s") == -signal.SIGKILL
    run_task(QUOTES_TO_SHOP, ASKED, at)
    assert [row["quote_number"] for row in sent(place)] == ["DE1"]
    assert run_task(QUOTES_TO_SHOP, ASKED, at).state == "nothing-to-do"


def test_run_5_quotes_need_a_shop_that_gets_them_and_their_extract(tmp_path, samples):
    at, _, _ = set_up(tmp_path, samples)
    profile = at.profiles / "test" / "profile.toml"
    kept = profile.read_text()
    for without, code in (("quotes = {}", "run-no-shop-with"), ('quotes = "Devis.txt"', "run-extract-not-set")):
        profile.write_text(kept.replace(without, ""))
        with pytest.raises(RunError) as error:
            run_task(QUOTES_TO_SHOP, ASKED, at)
        assert (error.value.code, error.value.is_usage) == (code, True)
    profile.write_text(kept)
    [asked] = requests(at, "test", "quotes")
    assert asked == ASKED

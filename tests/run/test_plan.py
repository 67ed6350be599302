"""A plan does nothing, says what the run then does, and is applied as it is or not at all (PRE-1)."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from builders import ALL_MAPPED, delivered, installed
from erp import documents, rows, total, unzipped
from exports import UNMAPPED, archiving, key, leave, lying, orders, real_orders, remap
from typer.testing import CliRunner, Result

from passerelle.cli.main import app
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.job import run_task
from passerelle.run.orders import ORDERS, QUOTES, run_orders
from passerelle.run.request import Request
from passerelle.run.summary import Summary, markdown

NAMES = ('=HYPERLINK("http://evil")', "Größe-Müller", "Lefèvre 🎁\x07", "-cmd")
"""Last names: a formula, German and French letters, a picture and a control character."""
MARKED = 'afterwards = { mark = { by = "tag" }, send_number = true }\n'


def exported(samples: Path) -> bytes:
    """Give orders of a real shop: four that go out, one of them with a refund, one refused, one left out."""
    real = real_orders(samples)
    refund = {"refunds": [{"id": 7, "reason": "", "total": "-1.00"}]}
    named = [
        {**one, "billing": {**one["billing"], "last_name": name}, "payment_method_title": "none"}
        for one, name in zip(real, NAMES, strict=False)
    ]
    refused = {**real[4], "payment_method_title": "Chèque cadeau"}
    left = {**real[5], "status": "pending"}
    return json.dumps([{**named[0], **refund}, *named[1:], refused, left]).encode()


MAPPED = {**UNMAPPED, "statuses": [("pending", "no", "", "", ""), *ALL_MAPPED["statuses"]]}


def passerelle(at: Installation, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(
        app, ["--profiles", str(at.profiles), "--state", str(at.state), *arguments], env={"PASSERELLE_LANG": "en"}
    )
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def kept(at: Installation, place: Path) -> dict[str, Any]:
    """Give all that a run may change: the ledger's rows, the files at both places, the mappings, our own folders."""
    engine = sa.create_engine(at.ledger_url)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        ledger = {table.name: connection.execute(sa.select(table)).all() for table in metadata.sorted_tables}
    engine.dispose()
    folders = sorted(
        str(path.relative_to(at.state))
        for path in at.state.rglob("*")
        if path.is_file()
        and path.name != "log.txt"  # which a run that is refused leaves too
        and path.relative_to(at.state).parts[0]
        not in {"plans", "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"}
    )
    mappings = (at.profiles / "test" / "mappings.xlsx").read_bytes()
    return {**ledger, "place": lying(place), "there": delivered(at), "mappings": mappings, "state": folders}


def plan_rows(plan: Summary, **wanted: str) -> list[dict[str, str]]:
    """Give the rows of a plan's JSON."""
    said = json.loads(Path(plan.files["plan.json"]).read_text())
    found = [dict(zip(said["columns"], row, strict=True)) for row in said["rows"]]
    return [row for row in found if all(row[name] == value for name, value in wanted.items())]


@pytest.fixture
def shop(tmp_path, samples) -> tuple[Installation, Path]:
    at, place = archiving(tmp_path, mapped=MAPPED, orders=MARKED)
    leave(place, "orders.json", exported(samples))
    Ledger.open(at.ledger_url).close()
    return at, place


def test_pre_1_a_plan_changes_nothing_and_says_what_its_application_then_does(shop, samples):
    at, place = shop
    before = kept(at, place)
    plan = run_orders(Request("test", plan=True), at)
    assert kept(at, place) == before
    assert (plan.state, plan.read, plan.written, plan.failed, plan.ignored) == ("planned", 6, 4, 1, 1)
    done = run_orders(Request("test", apply=plan.plan), at)
    assert (done.state, done.plan, done.counts) == ("delivered", plan.plan, plan.counts)
    assert (done.documents, done.customers, done.balances) == (plan.documents, plan.customers, plan.balances)

    files = unzipped(next(data for name, data in delivered(at).items() if name.endswith(".zip")))
    sent = {number: total(found, includes_tax=False) for number, found in documents(files).items()}
    [note, *_] = rows(files["Credit Notes.txt"])
    assert {row["document_number"]: Decimal(row["amount"]) for row in plan_rows(plan, document_kind="invoice")} == sent
    assert [row["document_number"] for row in plan_rows(plan, document_kind="credit_note")] == [
        note["Document - Numéro du document"]
    ]
    created = {row["Code (tiers)"] for row in rows(files["Customers.txt"])}
    assert {row["customer_code"] for row in plan_rows(plan, record_type="customer")} == created
    with Ledger.open(at.ledger_url) as ledger:
        exchanged = [ledger.exchanged("test", kind) for kind in ("order", "refund")]
        effects = ledger.pending_effects("test")
        said = ledger.run_outcomes(done.run_id)
    known = {(row["record_key"], row["document_number"]) for part in exchanged for row in part.to_dict("records")}
    planned = {
        (row["record"], row["document_number"]) for row in plan_rows(plan, action="create") if row["document_kind"]
    }
    assert planned == known
    shown = Counter((row["record"], row["field"], row["new"]) for row in plan_rows(plan, direction="update-shop"))
    assert shown == Counter(zip(effects["record_key"], effects["kind"], effects["value"], strict=True))
    for action, state in (("refuse", "failed"), ("ignore", "ignored")):
        told = {(row["record"], row["code"]) for row in plan_rows(plan, action=action)}
        assert told == set(said.loc[said["state"] == state, ["record", "code"]].itertuples(index=False, name=None))
    assert passerelle(at, "download", done.run_id, "plan.xlsx", "-o", str(place))
    assert (place / "plan.xlsx").read_bytes() == Path(plan.files["plan.xlsx"]).read_bytes()


def test_pre_1_sec_4_the_files_of_a_plan_are_whole_and_compute_nothing(shop, tmp_path):
    at, _ = shop
    wanted = tmp_path / "à relire.xlsx"
    told = passerelle(at, "run", "orders", "-p", "test", "--plan", "-o", str(wanted), "--json", code=3)
    plan = Summary.from_json(told.stdout)
    everything = plan_rows(plan)
    sheet = openpyxl.load_workbook(wanted)["Plan"]
    heads, *cells = sheet.iter_rows()
    assert len(cells) == plan.plan_length == len(everything)
    assert "f" not in {cell.data_type for row in cells for cell in row}
    names = [head.value for head in heads]
    table = [dict(zip(names, (cell.value for cell in row), strict=True)) for row in cells]
    new = {row["new"] for row in table}
    assert not [name for name in new if name and name[0] in "=+-@"]
    assert {name[:2] for name in new if name and ("HYPERLINK" in name or "cmd" in name)} == {"'=", "'-"}
    assert any("Größe-Müller" in (name or "") for name in new)
    assert any("Lefèvre 🎁" in (name or "") for name in new)
    amounts = [row["amount"] for row in table if row["what_fr"] == "ajouter à l'ERP : facture"]
    invoices = [row["amount"] for row in everything if row["document_kind"] == "invoice"]
    assert [f"{amount:.2f}" for amount in amounts] == invoices
    text = Path(plan.files["plan.csv"]).read_bytes().decode("utf-8-sig")
    listed = list(csv.DictReader(text.splitlines(), delimiter=";"))
    assert [row["record"] for row in listed] == [row["record"] for row in everything]
    assert {row["what_en"] for row in listed} >= {"add to ERP: invoice", "add to ERP: credit note", "refuse: order"}


def test_pre_1_sec_5_what_prefect_shows_of_a_plan_names_nobody(shop, samples):
    at, _ = shop
    plan = run_orders(Request("test", plan=True), at)
    shown = markdown(plan, values=False)
    assert "refuser : commande" in shown
    assert "unmapped-payment-mode" in shown
    assert "Größe" in markdown(plan)
    assert not [name for name in ("Größe", "Lefèvre", "HYPERLINK", "Chèque cadeau") if name in shown]


def test_pre_1_a_plan_that_is_no_longer_true_is_refused_and_says_why(shop, samples):
    at, place = shop
    plan = run_orders(Request("test", plan=True), at)
    first = key(samples, 0)

    def refused(*records: str) -> None:
        before = kept(at, place)
        result = passerelle(at, "run", "orders", "-p", "test", "--apply", plan.plan, code=1)
        assert plan.plan in result.output
        assert all(record in result.output for record in records), result.output
        after = kept(at, place)
        assert {name for name in after if after[name] != before[name]} <= {"runs", "leases"}

    changed = json.loads(exported(samples))
    changed[0]["line_items"][0]["name"] = "Autre chose"
    leave(place, "orders.json", json.dumps(changed).encode(), at=1_790_000_100)
    refused("1 records would be dealt with otherwise", first)
    leave(place, "orders.json", json.dumps(json.loads(exported(samples))[1:]).encode(), at=1_790_000_200)
    leave(place, "new.json", orders(samples, 7, payment_method_title="none"), at=1_790_000_200)
    refused(first, key(samples, 7))
    (place / "new.json").unlink()
    leave(place, "orders.json", exported(samples))
    remap(at, {**MAPPED, "payment_modes": [("none", "*", "VIR", "CB", "", "", "", "", "", "")]})
    refused("5 records would be dealt with otherwise, 0 no longer, 0 besides", first)
    with Ledger.open(at.ledger_url) as ledger:
        assert {run.state for run in ledger.runs("test")} == {"failed"}
    remap(at, MAPPED)
    assert run_orders(Request("test", apply=plan.plan), at).counts == plan.counts


def test_pre_1_a_plan_is_applied_once_and_its_interrupted_delivery_by_the_same_command(tmp_path, samples):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "orders.json").write_bytes(orders(samples, 0, 1))
    there = tmp_path / "later"
    at = installed(tmp_path, ("s", "woocommerce", tmp_path / "shop", "*.json"), place=f'"{there}"')
    plan = run_orders(Request("test", since=date(2026, 1, 1), until=date(2026, 12, 31), plan=True), at)
    apply = ("run", "orders", "-p", "test", "--apply", plan.plan)
    passerelle(at, *apply, code=1)
    there.mkdir()
    told = Summary.from_json(passerelle(at, *apply, "--json").stdout)
    assert (told.state, told.documents, told.earlier, told.period) == ("delivered", {"invoice": 2}, (), plan.period)
    assert sorted(path.suffix for path in there.iterdir()) == [".json", ".zip"]
    assert told.run_id in passerelle(at, *apply, code=2).output
    again = run_orders(Request("test", apply=plan.plan, run_id=told.run_id), at)
    assert (again.run_id, again.documents) == (told.run_id, told.documents)
    assert len(list(there.iterdir())) == 2


def test_jou_2_pre_1_a_plan_of_rejects_is_applied_to_these_alone(tmp_path, samples):
    source = tmp_path / "shop"
    source.mkdir()
    (source / "orders.json").write_bytes(orders(samples, 0))
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), mapped=UNMAPPED)
    refused = run_orders(Request("test"), at)
    remap(at, ALL_MAPPED)
    (source / "more.json").write_bytes(orders(samples, 1))
    plan = run_orders(Request("test", only_rejects=refused.run_id, plan=True), at)
    assert run_orders(Request("test", apply=plan.plan), at).counts == plan.counts
    assert plan.written == 1


def test_run_5_pre_1_a_plan_that_cannot_be_applied_here_is_wrong_usage(tmp_path, samples):
    (tmp_path / "shop").mkdir()
    at = installed(tmp_path, ("s", "woocommerce", tmp_path / "shop", "*.json"))
    plan = run_orders(Request("test", plan=True), at)
    shutil.copytree(at.profiles / "test", at.profiles / "other")
    other = at.profiles / "other" / "profile.toml"
    other.write_text(other.read_text().replace('name = "test"', 'name = "other"'))
    wrong = {
        "run-plan-unknown": (ORDERS, Request("test", apply="20261121T023000-00000000")),
        "run-plan-of-other-task": (QUOTES, Request("test", apply=plan.plan)),
        "run-plan-of-other-profile": (ORDERS, Request("other", apply=plan.plan)),
    }
    for code, (task, request) in wrong.items():
        with pytest.raises(RunError) as error:
            run_task(task, request, at)
        assert (error.value.code, error.value.is_usage) == (code, True)
    hidden = at.state / "runs" / "plan.json"
    hidden.parent.mkdir()
    shutil.copy(plan.files["plan.json"], hidden)
    passerelle(at, "run", "orders", "-p", "test", "--apply", "../runs", code=2)
    for more in (["--plan"], ["--period", "all"], ["--since", "2026-11-01"], ["--only-rejects", "x"]):
        passerelle(at, "run", "orders", "-p", "test", "--apply", plan.plan, *more, code=2)
    passerelle(at, "run", "orders", "-p", "test", "-o", "plan.xlsx", code=2)
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.runs() == []

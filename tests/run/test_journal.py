"""The journal's commands, and forgetting what was exchanged."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from builders import ALL_MAPPED, delivered, installed
from exports import remap
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.run.installation import Installation
from passerelle.run.orders import run_orders
from passerelle.run.request import Request
from passerelle.run.summary import Summary

DEMO_SHOPS = "sample_files/demo/shops"


@pytest.fixture
def at(tmp_path, request) -> Installation:
    source = request.config.rootpath / DEMO_SHOPS / "web"
    return installed(tmp_path, ("s", "woocommerce", source, "*.json"), mapped={**_mapped()})


def told(summary: Summary) -> dict[str, int]:
    """Give how often each code was said."""
    return {reason.code: reason.count for reason in summary.reasons}


def _mapped():
    return {**ALL_MAPPED, "taxes": [("*", "20", "*", "TVA20"), ("*", "5.5", "*", "TVA55")]}


def passerelle(at: Installation, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(
        app, ["--profiles", str(at.profiles), "--state", str(at.state), *arguments], env={"PASSERELLE_LANG": "fr"}
    )
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.output


def table(path: str) -> list[dict[str, str]]:
    """Read a report as a French spreadsheet does."""
    text = Path(path).read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def test_jou_1_jou_2_a_run_is_listed_shown_and_its_files_downloaded(at, tmp_path):
    summary = run_orders(Request("test"), at)
    assert summary.exit_code == 3
    assert f"{summary.run_id}  test/orders  delivered" in passerelle(at, "runs")
    assert summary.run_id in passerelle(at, "runs", "--task", "orders", "--state", "refusals", "--text", "202")
    for other in (("--task", "stocks"), ("--state", "failed"), ("--text", "nothing like that")):
        assert passerelle(at, "runs", *other) == ""
    assert "refusals" in passerelle(at, "runs", "--state", "lost", code=2)
    assert "Refusées" in passerelle(at, "run-show", summary.run_id)
    refused = passerelle(at, "rejects", summary.run_id, code=3)
    assert "s/203" in refused
    assert "Complétez cette taxe" in refused
    passerelle(at, "download", summary.run_id, "erpFiles.zip", "-o", str(tmp_path))
    [sent] = [data for name, data in delivered(at).items() if name.endswith(".zip")]
    assert (tmp_path / "erpFiles.zip").read_bytes() == sent
    assert "erpFiles.zip" in passerelle(at, "download", summary.run_id, "nothing.txt", code=1)
    passerelle(at, "run-show", "no-such-run", code=1)


def test_jou_2_what_the_shop_gave_is_downloaded_and_runs_that_read_the_same_share_it(at, tmp_path, request):
    first = run_orders(Request("test"), at)
    passerelle(at, "download", first.run_id, "exports.zip", "-o", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "exports.zip") as archive:
        given = {name: archive.read(name) for name in archive.namelist()}
    source = request.config.rootpath / DEMO_SHOPS / "web"
    assert given == {f"s/{path.name}": path.read_bytes() for path in source.glob("*.json")}
    again = run_orders(Request("test"), at)
    assert (again.state, again.failed > 0) == ("nothing-to-do", True)
    kept = [at.run_folder(run.run_id) / "exports.zip" for run in (first, again)]
    assert kept[0].samefile(kept[1])
    assert [path.stat().st_mode & 0o777 for path in at.exports.iterdir()] == [0o600]


def test_jou_2_a_poll_that_finds_nothing_keeps_nothing_and_a_plan_neither(at):
    run_orders(Request("test", plan=True), at)
    assert not at.exports.exists()
    remap(at, {**_mapped(), "statuses": [("*", "no", "", "", "")]})
    assert run_orders(Request("test"), at).failed == 0
    assert not at.exports.exists()


def test_pro_2_a_task_without_profile_takes_the_default_one_and_says_so_but_nothing_is_forgotten_unnamed(at):
    run = ["--profiles", str(at.profiles), "--state", str(at.state), "run", "orders", "--json"]
    ran = CliRunner().invoke(app, run)
    assert (ran.exit_code, ran.stderr.strip()) == (3, "Profile: test")
    assert json.loads(ran.stdout)["profile"] == "test"
    assert "to-erp" in passerelle(at, "stats")
    for command in (["purge"], ["ledger", "reset", "s/201"], ["people", "erase", "s/31"]):
        assert "--profile" in passerelle(at, *command, code=2)


def _in_shell(at: Installation, words: str, encoding: str = "utf-8") -> tuple[int, str, str]:
    """Run a command as a shell does; ``words`` may redirect its output."""
    command = f"{sys.executable} -m passerelle --profiles {at.profiles} --state {at.state} {words}"
    told = {"PASSERELLE_LANG": "fr", "PYTHONIOENCODING": encoding}
    done = subprocess.run(["bash", "-c", command], env={**os.environ, **told}, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


def test_run_5_no_output_changes_how_a_command_ends(at):
    code, said, _ = _in_shell(at, "profile check test", "cp1252")  # a pipe on Windows
    assert (code, said.splitlines()[-1]) == (0, "Profil test : 0 manque(s), 3 remarque(s).")
    assert _in_shell(at, "run orders -p test >&- 2>&-") == (3, "", "")
    assert _in_shell(at, "run orders -p nobody 2>&-") == (2, "", "")
    gone = _in_shell(at, "profile check test | true; exit ${PIPESTATUS[0]}")
    assert gone == (1, "", "")  # said by nobody: there is no fault


def test_jou_2_rejects_say_in_both_languages_what_to_do(at):
    summary = run_orders(Request("test"), at)
    rows = table(summary.files["rejects.csv"])
    [row] = [row for row in rows if row["record"] == "s/203"]
    assert row["code"] == "unmapped-tax"
    assert all(row[f"{part}_{language}"] for part in ("message", "todo") for language in ("fr", "en"))
    sheet = openpyxl.load_workbook(summary.files["rejects.xlsx"]).active
    assert [cell.value for cell in next(sheet.iter_rows())] == list(rows[0])
    assert sheet.max_row == len(rows) + 1


def test_jou_5_the_reconciliation_agrees_document_by_document(at):
    summary = run_orders(Request("test"), at)
    rows = table(summary.files["reconciliation.csv"])
    assert len(rows) == summary.written
    assert {row["difference"] for row in rows} == {"0,00"}
    assert all(row["shop_total"] == row["file_total"] for row in rows)


def test_jou_5_ord_44_amounts_have_the_decimals_of_their_currency(tmp_path, request):
    [order, *_] = json.loads((request.config.rootpath / DEMO_SHOPS / "web" / "orders.json").read_text())
    line = {
        **order["line_items"][0],
        "quantity": 1,
        "total": "12.345",
        "subtotal": "12.345",
        "total_tax": "0",
        "taxes": [],
    }
    changed = {"currency": "TND", "total": "12.345", "line_items": [line], "tax_lines": [], "shipping_lines": []}
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "orders.json").write_text(json.dumps([{**order, **changed}]))
    mapped = {**ALL_MAPPED, "currencies": [("TND", "TND")]}
    summary = run_orders(Request("test"), installed(tmp_path, ("s", "woocommerce", shop, "*.json"), mapped=mapped))
    assert [(row["shop_total"], row["difference"]) for row in table(summary.files["reconciliation.csv"])] == [
        ("12,345", "0,000")
    ]
    [rate] = table(summary.files["reconciliation_rates.csv"])
    assert (rate["tax_rate"], rate["file_base"]) == ("0,00", "12,345")
    assert (summary.balances[0].amount_written, summary.balances[0].amount_failed) == ("12.345", "0.000")
    assert (summary.rates[0].file_base, summary.largest_rounding) == ("12.345", "0.000")


def test_ord_9_ord_81_a_reset_order_is_sent_again_alone(at):
    run_orders(Request("test"), at)
    assert run_orders(Request("test"), at).written == 0
    assert "1 commande(s)" in passerelle(at, "ledger", "reset", "s/201", "-p", "test", "--yes")
    again = run_orders(Request("test"), at)
    assert (again.state, again.written) == ("delivered", 1)
    assert len([name for name in delivered(at) if name.endswith(".zip")]) == 2


def test_ord_9_a_reset_of_everything_sends_the_same_files_again_harmlessly(at):
    run_orders(Request("test"), at)
    before = delivered(at)
    passerelle(at, "ledger", "reset", "ALL", "-p", "test", "--yes")
    assert run_orders(Request("test"), at).state == "delivered"
    assert {name: data for name, data in delivered(at).items() if name.endswith(".zip")} == {
        name: data for name, data in before.items() if name.endswith(".zip")
    }


def test_ord_1_since_the_last_import_and_its_forgetting(at):
    first = run_orders(Request("test", period="since-last-import"), at)
    assert first.written + first.failed + first.ignored == first.read == 5
    # What was refused is read again until it is mended, here an order of the 13th; what is older is not.
    second = run_orders(Request("test", period="since-last-import"), at)
    assert (second.failed, second.written) == (first.failed, 0)
    assert told(second)["outside-period"] == 2
    remap(at, {**ALL_MAPPED, "taxes": [("*", "*", "*", "TVA")]})
    assert run_orders(Request("test", period="since-last-import"), at).written == 1
    last = run_orders(Request("test", period="since-last-import"), at)
    assert set(told(last)) == {"outside-period", "refund-already-exchanged"}
    assert "oublié" in passerelle(at, "ledger", "forget-mark", "-p", "test")
    again = run_orders(Request("test", period="since-last-import"), at)
    assert told(again)["already-exchanged"] == 5


def test_ord_1_the_mark_of_the_last_import_is_set_by_hand_and_no_other_by_mistake(at):
    remap(at, {**ALL_MAPPED, "taxes": [("*", "*", "*", "TVA")]})
    set_mark = ("ledger", "set-mark", "-p", "test", "--mark")
    assert run_orders(Request("test", period="since-last-import"), at).written == 5
    said = passerelle(at, *set_mark, "orders.last-import", "2026-11-13T23:30:00Z")  # the 14th in Paris
    assert said == "orders.last-import = 2026-11-14\n"
    later = run_orders(Request("test", period="since-last-import"), at)
    assert (later.state, told(later)["outside-period"]) == ("nothing-to-do", 3)
    for wrong in ("stock.last-transfer.s", "stocks.last-transfer.other", "orders.failures"):
        assert "orders.last-import" in passerelle(at, *set_mark, wrong, "2026-11-14", code=2)


def test_ord_1_days_asked_for_by_hand_leave_the_mark_of_the_last_import_where_it_is(at):
    remap(at, {**ALL_MAPPED, "taxes": [("*", "*", "*", "TVA")]})
    run_orders(Request("test", since=date(2026, 11, 14), until=date(2026, 11, 14)), at)
    assert run_orders(Request("test", period="since-last-import"), at).written == 4


def test_jou_2_sec_4_a_cell_that_a_spreadsheet_would_compute_is_text(tmp_path):

    from passerelle import outcome
    from passerelle.run.folder import write_reports

    said = outcome.said("unknown-article", ["s/1"], record_type="order", stage="exchange", value='=HYPERLINK("x")\x07')
    files = write_reports(tmp_path, said, {})
    assert "\"'=HYPERLINK" in files["rejects.csv"].read_text("utf-8-sig")
    sheet = openpyxl.load_workbook(files["rejects.xlsx"]).active
    assert {cell.data_type for cell in sheet[2]} <= {"s", "inlineStr"}

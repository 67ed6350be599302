"""Declared tables to shops: the models of Oasis Commerce that no other task fills, and files kept by hand."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from killed import TABLE_STEPS as STEPS
from killed import run_killed
from stock_shops import NOW, codes, home, leave, levels, shops, told
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.formats.errors import CriterionError
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.job import run_task
from passerelle.run.request import Request
from passerelle.run.tables import OF_ERP, TABLES_TO_SHOP
from passerelle.storage.errors import StorageError

STAFF = '\n[[shops.tables]]\nformat = "oasis/staff"\nmax_drop_percent = 50\n'
HEADER = "Code commercial/collaborateur;Nom commercial/collaborateur;Prénom;E-mail"
ZOE, LUC = "CO00001;Lefèvre;Zoé;zoe@example.com", "CO00002;Martin;Luc;luc@example.com"


def compare(at, **formats: str) -> None:
    """Declare formats as an integrator does who has compared them with the shop; with what he changes of each."""
    folder = home(at) / "formats"
    for given, more in formats.items():
        name = given.replace("__", "/")
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"name: {name}\npasserelle: {{extends: {name}, assumed: false}}\n{more}", encoding="utf-8")
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text() + '\n[erp]\nformats_folder = "formats"\n')


def shop(folder: Path, tables: str = STAFF, **formats: str):
    at = shops(folder, ("a", "oasis", tables))
    profile = home(at) / "profile.toml"
    extracts = '[erp.extracts]\nstaff = "staff.csv"\nsupplier_articles = "suppliers.csv"'
    profile.write_text(profile.read_text().replace("[erp.extracts]", extracts))
    compare(at, **formats or {"oasis__staff": ""})
    leave(at, "staff.csv", levels(ZOE, LUC, header=HEADER))
    return at


def run(at, **asked):
    return run_task(TABLES_TO_SHOP, Request("test", shop="a", **asked), at)


def staff(at) -> list[tuple[str, ...]]:
    rows = told(at, name="collaborateurs")
    return [(row["ref"], row["lastname"], row["email"], row["delete"]) for row in rows]


def out(at) -> list[str]:
    return sorted(file.name for file in (home(at) / "out-a").iterdir())


def test_oas_1_nothing_of_a_table_goes_on_a_guess_of_its_columns(tmp_path):
    at = shop(tmp_path, oasis__comments="")
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == ("run-format-assumed", True)
    assert out(at) == []


def test_oas_1_stk_8_staff_goes_once_what_changes_again_and_who_leaves_is_taken_out(tmp_path):
    at = shop(tmp_path)
    first = run(at)
    assert (first.read, first.written, first.failed, first.ignored) == (2, 2, 0, 0)
    assert staff(at) == [("CO00001", "Lefèvre", "zoe@example.com", "0"), ("CO00002", "Martin", "luc@example.com", "0")]
    assert run(at).state == "nothing-to-do"
    # Night two: one has another name, one is gone, one is new.
    changed = ZOE.replace("Lefèvre", "Durand")
    leave(at, "staff.csv", levels(changed, "CO00003;Petit;Ana;ana@example.com", header=HEADER))
    second = run(at)
    assert (second.read, second.written) == (3, 3)
    assert staff(at) == [
        ("CO00001", "Durand", "zoe@example.com", "0"),
        ("CO00003", "Petit", "ana@example.com", "0"),
        ("CO00002", "Martin", "luc@example.com", "1"),
    ]
    assert run(at).state == "nothing-to-do"
    # Everything again ends in the same state; who comes back is told again.
    assert run(at, full=True).written == 2
    assert [row[0] for row in staff(at)] == ["CO00001", "CO00003"]
    leave(at, "staff.csv", levels(changed, LUC, "CO00003;Petit;Ana;ana@example.com", header=HEADER))
    assert run(at).written == 1
    assert staff(at) == [("CO00002", "Martin", "luc@example.com", "0")]


def test_oas_1_a_lost_night_is_caught_up(tmp_path):
    at = shop(tmp_path)
    (home(at) / "out-a").rmdir()
    (home(at) / "out-a").write_text("no folder")
    with pytest.raises(StorageError):
        run(at)
    (home(at) / "out-a").unlink()
    (home(at) / "out-a").mkdir()
    with Ledger.open(at.ledger_url, clock=at.clock) as ledger:
        [waiting] = ledger.unfinished("test")
        ledger.abandon(waiting.delivery_id, by="test")
    leave(at, "staff.csv", levels(ZOE, "CO00003;Petit;Ana;ana@example.com", header=HEADER))
    assert run(at).written == 2
    assert staff(at) == [("CO00001", "Lefèvre", "zoe@example.com", "0"), ("CO00003", "Petit", "ana@example.com", "0")]


def test_oas_1_pre_1_the_plan_says_old_and_new_and_is_applied(tmp_path):
    at = shop(tmp_path)
    run(at)
    staff(at)
    leave(at, "staff.csv", levels(ZOE.replace("zoe@", "z.lefevre@"), header=HEADER))
    planned = run(at, plan=True)
    assert out(at) == [name for name in out(at) if name.endswith(".manifest.json")]
    rows = {row.record: (row.field, row.old, row.new) for row in planned.plan_rows}
    assert rows["oasis/staff: CO00001"] == ("email", "zoe@example.com", "z.lefevre@example.com")
    assert rows["oasis/staff: CO00002"][2] == ""
    assert run(at, apply=planned.plan).written == 2
    assert [row[::3] for row in staff(at)] == [("CO00001", "0"), ("CO00002", "1")]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rpartition(":")[2])
def test_oas_1_rel_1_killed_anywhere_and_run_again_tells_each_row_once(tmp_path, step):
    at = shop(tmp_path)
    assert run_killed(at, step, "after", TABLES_TO_SHOP, "a") == -signal.SIGKILL
    run(at)
    assert [row[0] for row in staff(at)] == ["CO00001", "CO00002"]
    assert run(at).state == "nothing-to-do"


def test_oas_1_every_model_that_the_erp_has_the_rows_of(tmp_path):
    tables = "".join(f'\n[[shops.tables]]\nformat = "{name}"\n' for name in OF_ERP)
    at = shop(tmp_path, tables, **{name.replace("/", "__"): "" for name in OF_ERP})
    header = "Id;Caption;AllowPublishOnWeb;EcotaxId;EcotaxFurnitureId"
    leave(at, "articles.csv", levels("A1;Lampe;1;D3E00028;", "A2;Table;1;;MOB00001", "A3;Bol;1;;", header=header))
    header = "SupplierId;ItemId;PublicPurchasePrice;DiscountRate;NetPurchasePrice;DeliveryDelay;MainSupplier"
    leave(at, "suppliers.csv", levels("FR1;A1;21,50;10;19,35;5;1", "FR2;A1;20;;20;;0", header=header))
    summary = run(at)
    assert (summary.read, summary.written, summary.ignored) == (10, 6, 4)
    assert codes(summary) == {"table-row-without-key": 4}
    [manifest] = [name for name in out(at) if name.endswith("manifest.json")]
    assert len(out(at)) == 5, manifest  # one delivery
    assert told(at, name="ecotaxes_variantes") == [{"ref": "A1", "ecotax_ref": "D3E00028", "delete": "0"}]
    assert told(at, name="eco_mobilier_variantes") == [{"ref": "A2", "ecotax_ref": "MOB00001", "delete": "0"}]
    first, second = told(at, name="tarifs_fournisseurs")
    assert (first["supplier_ref"], first["ref"], first["price"], first["net_price"]) == ("FR1", "A1", "21.5", "19.35")
    assert (first["discount"], first["delivery_delay"], first["main"], second["main"]) == ("10", "5", "1", "0")
    assert "minimum_quantity" not in first  # the extract does not tell it: the shop keeps what it has there
    assert run(at).state == "nothing-to-do"


OWN_WARNINGS = """
schema:
  fields:
    - {name: ref, title: message_avertissement}
    - {name: lang, title: lang, description: language, passerelle: {constant: FR}}
"""
CUSTOM_FIELD = """
name: ebp/warnings
path: Articles.txt
passerelle: {extends: ebp/article_ecotaxes}
schema:
  fields: [{name: ref, title: xx_avertissement}]
"""


def test_oas_1_cat_2_a_code_of_a_custom_field_by_a_descriptor_of_the_integrator(tmp_path):
    table = 'format = "oasis/product_warnings"\nextract = "articles.csv"\nextract_format = "ebp/warnings"'
    table += "\ncriterion = \"AllowPublishOnWeb = '1'\""
    at = shop(tmp_path, f"\n[[shops.tables]]\n{table}\n", oasis__product_warnings=OWN_WARNINGS)
    (home(at) / "formats" / "ebp").mkdir()
    (home(at) / "formats" / "ebp" / "warnings.yaml").write_text(CUSTOM_FIELD, encoding="utf-8")
    header = "Code article;AllowPublishOnWeb;xx_avertissement"
    leave(at, "articles.csv", levels("A1;1;FRAGILE", "A2;1;", "A3;0;CHAUD", header=header))
    summary = run(at)
    assert codes(summary) == {"table-row-without-key": 1, "table-row-criterion": 1}
    assert told(at, name="avertissements_articles") == [
        {"ref": "A1", "message_avertissement": "FRAGILE", "delete": "0", "lang": "FR"}
    ]
    # Another warning is another row: the one that holds no longer is taken back, the other article keeps what it had.
    leave(at, "articles.csv", levels("A1;1;CHAUD", "A2;1;", "A3;1;CHAUD", header=header))
    run(at)
    assert [tuple(row.values())[:3] for row in told(at, name="avertissements_articles")] == [
        ("A1", "CHAUD", "0"), ("A3", "CHAUD", "0"), ("A1", "FRAGILE", "1")
    ]  # fmt: skip
    leave(at, "articles.csv", levels("A1;1;CHAUD", "A2;1;", "A3;0;CHAUD", header=header))
    assert run(at).state == "nothing-to-do"
    text = (home(at) / "profile.toml").read_text()
    (home(at) / "profile.toml").write_text(text.replace("AllowPublishOnWeb", "NoSuchColumn"))
    with pytest.raises(CriterionError):
        run(at)


def test_oas_1_a_workbook_kept_by_hand_has_the_model_s_own_columns_and_does_not_age(tmp_path):
    at = shop(
        tmp_path,
        '\n[[shops.tables]]\nformat = "oasis/comments"\nextract = "comments.xlsx"\nby_hand = true\n',
        oasis__comments="",
    )
    book = openpyxl.Workbook()
    for row in (("ref", "comment"), ("CL1", "Rappeler lundi"), ("CL1", "x" * 300)):
        book.active.append(row)
    book.save(tmp_path / "comments.xlsx")
    leave(at, "comments.xlsx", (tmp_path / "comments.xlsx").read_bytes(), NOW - timedelta(days=400))
    assert run(at).written == 2
    assert [(row["ref"], row["comment"][:8]) for row in told(at, name="commentaires")] == [
        ("CL1", "Rappeler"), ("CL1", "xxxxxxxx")
    ]  # fmt: skip
    assert run(at).state == "nothing-to-do"
    # The model takes nothing back: a comment that is gone stays in the shop.
    book.active.delete_rows(2)
    book.save(tmp_path / "comments.xlsx")
    leave(at, "comments.xlsx", (tmp_path / "comments.xlsx").read_bytes())
    assert run(at).state == "nothing-to-do"


def test_oas_1_bad_rows_are_refused_by_name_and_take_nothing_out_of_the_shop(tmp_path):
    tables = '\n[[shops.tables]]\nformat = "oasis/supplier_prices"\n'
    at = shop(tmp_path, tables, oasis__supplier_prices="schema: {fields: [{name: price, constraints: {minimum: 0}}]}")
    header = "Code fournisseur;Code article;Prix d'achat public"
    good = [f"FR1;A{number};5,00" for number in range(1, 9)]
    leave(at, "suppliers.csv", levels(*good, header=header))
    run(at)
    told(at, name="tarifs")
    bad = ["FR1;A3;cinq", ";A4;5,00", "FR1;A5;5,00", "FR1;A5;6,00", "FR1;A6;-1"]
    leave(at, "suppliers.csv", levels("FR1;A1;5,50", "FR1;A2;5,00", *bad, header=header))
    summary = run(at)
    assert (summary.read, summary.written, summary.failed, summary.ignored) == (7, 1, 5, 1)
    assert codes(summary) == {
        "cell-no-number": 1, "cell-missing": 1, "table-row-twice": 1, "cell-too-small": 1,
        "table-row-unchanged": 1, "table-rows-kept": 1,
    }  # fmt: skip
    assert [(row["ref"], row["price"], row["delete"]) for row in told(at, name="tarifs")] == [("A1", "5.5", "0")]
    # Once all of it can be read, what is gone is taken out, as the shop was told it.
    leave(at, "suppliers.csv", levels("FR1;A1;5,50", *good[1:7], header=header))
    assert run(at).written == 1
    assert [(row["ref"], row["price"], row["delete"]) for row in told(at, name="tarifs")] == [("A8", "5", "1")]


def test_oas_1_ebp_10_what_is_lacking_is_said_before_anything_goes(tmp_path):
    table = '\n[[shops.tables]]\nformat = "{}"\n{}\n'
    cases = {
        "run-table-without-key ": (STAFF, {"oasis__staff": "schema: {primaryKey: [is_deleted]}"}),
        "run-table-without-key": (table.format("shop/groups", 'extract = "staff.csv"'), {"shop__groups": ""}),
        "run-extract-not-set": (table.format("oasis/comments", ""), {"oasis__comments": ""}),
        "run-table-lacks": (
            table.format("oasis/comments", 'extract = "staff.csv"\nextract_format = "ebp/staff"'),
            {"oasis__comments": ""},
        ),
        "run-extract-stale": (STAFF, {"oasis__staff": ""}),
        "run-extract-shrunken": (STAFF, {"oasis__staff": ""}),
        "run-no-shop-with": ("", {"oasis__staff": ""}),
    }
    for code, (tables, formats) in cases.items():
        at = shop(tmp_path / code, tables, **formats)
        if code == "run-extract-stale":
            leave(at, "staff.csv", levels(ZOE, header=HEADER), NOW - timedelta(days=3))
        if code == "run-extract-shrunken":
            leave(at, "staff.csv", levels(*[ZOE.replace("1;", f"{number};") for number in range(5)], header=HEADER))
            run(at)
            leave(at, "staff.csv", levels(ZOE, LUC, header=HEADER))
            staff(at)
        with pytest.raises(RunError) as error:
            run(at)
        assert error.value.code == code.strip()
        assert told(at, name="") == []


def test_oas_1_pro_1_the_command_and_two_tables_of_one_format(tmp_path):
    at = shop(tmp_path)
    (home(at) / "staff.csv").touch()
    folders = ["--profiles", str(at.profiles), "--state", str(at.state)]
    ended = CliRunner().invoke(app, [*folders, "run", "tables", "-p", "test", "--json"], env={"PASSERELLE_LANG": "en"})
    assert ended.exit_code == 0, ended.output
    assert len(staff(at)) == 2
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace(STAFF, STAFF + STAFF))
    ended = CliRunner().invoke(app, [*folders, "run", "tables", "-p", "test"], env={"PASSERELLE_LANG": "en"})
    assert ended.exit_code == 2
    assert "two tables of the shop have the format “oasis/staff”" in ended.output

"""``passerelle run stocks`` and what belongs to it: shop after shop, marks by hand (CAT-1, CAT-2, RUN-5)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from stock_shops import articles, home, levels, quantities, shops, told
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ledger.ledger import Ledger
from passerelle.outcome import message
from passerelle.profile.check import check
from passerelle.profile.loader import ProfileError, load


def command(at, *arguments):
    folders = ["--profiles", str(at.profiles), "--state", str(at.state)]
    return CliRunner().invoke(app, [*folders, *arguments], env={"PASSERELLE_LANG": "en"})


@pytest.fixture
def three(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""), ("b", "magento", ""), ("c", "prestashop", ""), more="")
    data = articles("A1;Bol;1;0;;", "A2;Tasse;1;0;;")
    # Written now: commands look at the real clock.
    (home(at) / "articles.csv").write_bytes(data)
    (home(at) / "stock.csv").write_bytes(levels("A1;Nice;4", "A2;Nice;x"))
    return at


def test_cat_1_run_5_the_command_goes_through_all_shops_and_one_does_not_stop_another(three):
    planned = command(three, "run", "stocks", "-p", "test", "--shop", "a", "--plan", "--json")
    assert planned.exit_code == 3
    assert json.loads(planned.stdout)["written"] == 1
    ended = command(three, "run", "stocks", "-p", "test")
    assert ended.exit_code == 2
    assert "location" in ended.output
    assert "# test → a — livré" in ended.output
    assert quantities(three) == {"A1": "4"}
    assert [row["Reference #"] for row in told(three, "c")] == ["A1"]
    assert command(three, "run", "stocks", "-p", "test", "--shop", "c").exit_code == 3
    (home(three) / "stock.csv").write_bytes(levels("A1;Nice;4", "A2;Nice;1"))
    assert command(three, "run", "stocks", "-p", "test", "--shop", "c").exit_code == 0
    assert command(three, "run", "stocks", "-p", "test", "--shop", "c", "--full").exit_code == 0
    assert [row["Reference #"] for row in told(three, "c")] == ["A2", "A1", "A2"]
    wrong = command(three, "run", "stocks", "-p", "test", "--shop", "x")
    assert (wrong.exit_code, "no shop has a table [shops.stock]" in wrong.output) == (2, True)
    runs = command(three, "runs").output.splitlines()
    run_id = runs[0].split()[0]
    assert "test/stocks" in runs[0]
    target = three.state / "changes.csv"
    assert command(three, "download", run_id, "changes.csv", "-o", str(target)).exit_code == 0
    said = ["article;label;field;before;after", "A1;Bol;stock;4;4", "A2;Tasse;stock;1;1"]
    assert target.read_text("utf-8-sig").splitlines() == said


def test_cat_2_the_mark_is_set_and_forgotten_by_hand(three):
    mark = "stocks.last-transfer.c"
    assert command(three, "run", "stocks", "-p", "test", "--shop", "c").exit_code == 3
    for written in ("2026-11-20", "2026-11-20T03:00:00"):
        assert command(three, "ledger", "set-mark", written, "-p", "test", "--mark", mark).exit_code == 0
        with Ledger.open(three.ledger_url) as ledger:
            assert ledger.mark("test", mark) == written
    assert command(three, "ledger", "set-mark", "yesterday", "-p", "test", "--mark", mark).exit_code == 2
    assert command(three, "ledger", "forget-mark", "-p", "test", "--mark", mark).exit_code == 0
    with Ledger.open(three.ledger_url) as ledger:
        assert ledger.mark("test", mark) is None


def test_cat_2_pro_2_the_check_sees_a_condition_that_is_none_and_a_place_that_is_not_there(three):
    profile = home(three) / "profile.toml"
    text = profile.read_text().replace("[shops.stock]\n", '[shops.stock]\ncriterion = "COPY x TO 1"\n', 1)
    profile.write_text(text.replace('"out-b"', '"nowhere"'))
    said = check(load("test", profiles_folder=three.profiles))
    found = said.set_index("code")["field"]
    assert found["check-criterion"] == "shops[1].stock.criterion"
    assert found["check-folder-missing"] == "shops[2].delivery.place"
    profile.write_text(text.replace("COPY x TO 1", "Id = 5 AND xx_any = 'a'"))
    [wrong] = check(load("test", profiles_folder=three.profiles)).query("code == 'check-criterion'").to_dict("records")
    assert "« 5 » n'est pas un texte" in message(wrong, "fr")


def test_pro_1_a_shop_that_is_told_something_needs_a_place(three):
    profile = home(three) / "profile.toml"
    profile.write_text(profile.read_text().replace('delivery = { place = "out-b" }\n', ""))
    with pytest.raises(ProfileError) as error:
        load("test", profiles_folder=three.profiles)
    assert "shops[2].delivery" in error.value.text("en")
    assert "delivery = { place" in error.value.todo("en")


def test_pre_1_stk_8_a_plan_says_old_and_new_and_is_applied_while_it_holds(three):
    (home(three) / "stock.csv").write_bytes(levels("A1;Nice;4", "A2;Nice;1"))
    assert command(three, "run", "stocks", "-p", "test", "--shop", "c").exit_code == 0
    told(three, "c")
    (home(three) / "stock.csv").write_bytes(levels("A1;Nice;6", "A2;Nice;1"))
    planned = json.loads(command(three, "run", "stocks", "-p", "test", "--shop", "c", "--plan", "--json").stdout)
    [row] = planned["plan_rows"]
    assert (row["record"], row["field"], row["old"], row["new"]) == ("A1", "stock", "4", "6")
    assert row["what"] == "mettre à jour la boutique : article"
    assert told(three, "c") == []
    (home(three) / "stock.csv").write_bytes(levels("A1;Nice;7", "A2;Nice;1"))
    moved = command(three, "run", "stocks", "-p", "test", "--apply", planned["plan"])
    assert (moved.exit_code, "A1" in moved.output) == (1, True)
    assert command(three, "run", "stocks", "-p", "test", "--shop", "a", "--apply", planned["plan"]).exit_code == 2
    assert command(three, "run", "stocks", "-p", "test", "--full", "--apply", planned["plan"]).exit_code == 2
    (home(three) / "stock.csv").write_bytes(levels("A1;Nice;6", "A2;Nice;1"))
    assert command(three, "run", "stocks", "-p", "test", "--apply", planned["plan"]).exit_code == 0
    assert [(row["Reference #"], row["Quantity"]) for row in told(three, "c")] == [("A1", "6")]


def test_stk_8_a_night_of_stocks_loads_neither_workbooks_nor_the_rules_of_orders(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""), more="")
    (home(at) / "articles.csv").write_bytes(articles("A1;Bol;1;0;;"))
    (home(at) / "stock.csv").write_bytes(levels("A1;Nice;4"))
    code = (
        "import atexit, sys; from passerelle.cli.main import app; "
        "slow = {'openpyxl', 'duckdb', 'sqlglot', 'prefect', 'passerelle.exchange.orders'}; "
        "atexit.register(lambda: print('loaded', sorted(slow & set(sys.modules)))); app()"
    )
    folders = ["--profiles", at.profiles, "--state", at.state]
    asked = [sys.executable, "-c", code, *folders, "run", "stocks", "-p", "test", "--shop", "a"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded []"
    assert quantities(at) == {"A1": "4"}

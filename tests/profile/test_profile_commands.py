"""``passerelle profile``, as people use it."""

from __future__ import annotations

import shutil

import pytest
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.profile.workbook import read_mappings


@pytest.fixture
def passerelle(demo, monkeypatch):
    monkeypatch.setenv("PASSERELLE_LANG", "fr")
    monkeypatch.setenv("PASSERELLE_SECRETS", str(demo.folder / "none.toml"))
    monkeypatch.setenv("PASSERELLE_PROFILES", str(demo.profiles))

    def run(*arguments: str):
        return CliRunner().invoke(app, ["profile", *arguments], catch_exceptions=False)

    demo.write()
    return run


def test_pro_2_list_shows_the_profiles_and_which_need_work(demo, passerelle):
    (demo.profiles / "broken.toml").write_text("name = 1")
    result = passerelle("list")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "| Profil | Nom | ERP | Boutiques | État |"
    assert lines[2] == "| broken |  |  |  | à corriger : passerelle profile check broken |"
    assert lines[3] == "| demo | Boutique de démonstration | ebp | web (prestashop) | actif |"


def test_pro_2_the_only_profile_is_taken_and_named_but_of_several_none_is_guessed(demo, passerelle):
    shown = passerelle("show")
    assert (shown.exit_code, shown.stderr) == (0, "Profil : demo\n")
    assert f"# {demo.path}" in shown.stdout
    passerelle("duplicate", "demo", "other")
    refused = passerelle("show")
    assert refused.exit_code == 2
    assert "demo, other ; aucun n'est celui par défaut" in refused.output
    assert passerelle("default").exit_code == 2


def test_pro_2_the_default_profile_is_chosen_shown_deleted_and_missed_when_it_is_gone(demo, passerelle):
    for name in ("other", "third"):
        passerelle("duplicate", "demo", name)
    assert passerelle("default", "nobody").exit_code == 2
    assert passerelle("default", "other").output == passerelle("default").output == "other\n"
    assert 'name = "other"' in passerelle("show").stdout
    listed = [line for line in passerelle("list").output.splitlines() if line.endswith("par défaut |")]
    assert [line.split()[1] for line in listed] == ["other"]
    passerelle("delete", "other", "--yes")
    assert "aucun n'est celui par défaut" in passerelle("check").output
    passerelle("default", "third")
    (demo.profiles / "third").rename(demo.profiles / "fourth")
    gone = passerelle("check")
    assert gone.exit_code == 2
    assert "Le profil par défaut « third » n'est plus dans" in gone.output
    passerelle("default", "--unset")
    assert "Il y a plusieurs profils" in passerelle("check").output


def test_pro_4_list_shows_what_is_paused(demo, passerelle):
    demo.replace('name = "demo"', 'name = "demo"\npaused = true')
    demo.write()
    assert "| en pause |" in passerelle("list").output


def test_pro_2_show_gives_every_setting(demo, passerelle):
    demo.replace('place = "out"', 'place = { url = "ftp://u@host/in", password = "FTP_PASSWORD" }')
    demo.write()
    lines = passerelle("show", "demo").output.splitlines()
    assert lines[0] == f"# {demo.path}"
    assert 'name = "demo"' in lines
    assert 'language = "fr"  # par défaut' in lines
    assert 'shops[1].source.place.url = "in"' in lines
    assert 'shops[1].source.files = ["*"]  # par défaut' in lines
    assert 'delivery.place.password = "FTP_PASSWORD"' in lines
    assert 'orders.special_articles.rounding = "ECART"' in lines
    assert 'erp.batch.imports.quotes.category = "SaleQuotes"  # par défaut' in lines


def test_run_3_schedule_says_when_the_tasks_run_next(demo, passerelle):
    week = '{ every_weeks = 2, on = ["mon"], at = "08:00", repeat = "30m", during = "1h", start = 2035-01-01 }'
    demo.replace("[orders]", f"[schedules]\nquotes = {week}\nstocks = '* * * * *'\norders = '30 5 1 * *'\n[orders]")
    demo.write()
    result = passerelle("schedule", "demo", "--next", "3")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "# demo, Europe/Paris"
    assert lines[2] == "orders : attend que la précédente soit finie"
    assert [line[14:23] for line in lines[3:6]] == ["-01 05:30"] * 3
    assert lines[7:] == [
        "quotes : sautée si la précédente n'est pas finie",
        "  lun. 2035-01-01 08:00 +0100",
        "  lun. 2035-01-01 08:30 +0100",
        "  lun. 2035-01-15 08:00 +0100",
        "",
        "stocks : aucune boutique n'a la table de cette tâche",
    ]


def test_pro_2_check_prints_remarks_and_ends_well(demo, passerelle):
    result = passerelle("check", "demo")
    assert result.exit_code == 0
    assert "- orders.special_articles.fee (ligne 19) n'est pas réglé" in result.output
    assert "  → Donnez la référence de cet article" in result.output
    assert result.output.splitlines()[-1] == "Profil demo : 0 manque(s), 4 remarque(s)."


def test_ord_28_check_prints_what_is_missing_and_ends_with_2(demo, passerelle, monkeypatch):
    shutil.rmtree(demo.folder / "out")
    result = passerelle("check", "demo")
    assert result.exit_code == 2
    assert f"✗ Le dossier {demo.folder / 'out'} (delivery.place, ligne 15) n'existe pas." in result.output
    monkeypatch.setenv("PASSERELLE_LANG", "en")
    result = passerelle("check", "demo")
    assert f"✗ The folder {demo.folder / 'out'} (delivery.place, line 15) does not exist." in result.output
    assert result.output.splitlines()[-1] == "Profile demo: 1 missing, 4 remark(s)."


@pytest.mark.parametrize("command", ["check", "show", "refresh"])
def test_run_5_a_profile_that_cannot_be_used_ends_with_2(demo, passerelle, command):
    demo.replace("[orders]", "[orders]\nprice_decimals = 9")
    demo.path.write_text(demo.text, encoding="utf-8")
    result = passerelle(command, "demo")
    assert result.exit_code == 2
    assert f"{demo.path}, ligne 18 : orders.price_decimals = 9 n'est pas ≤ 6." in result.output
    assert passerelle(command, "demoo").exit_code == 2


@pytest.fixture
def orders(demo, samples):
    """A shop with real exports waiting, and mappings that know nothing of it yet."""
    for name in ("orders.json", "taxes.json"):
        shutil.copy(samples / "woocommerce-10.0-live" / name, demo.folder / "in")
    demo.replace('platform = "prestashop"', 'platform = "woocommerce"')
    demo.rows = {}
    demo.write()
    return demo


def test_ord_45_refresh_adds_the_values_met(orders, passerelle):
    result = passerelle("refresh", "demo")
    assert result.exit_code == 0, result.output
    rows, problems = read_mappings(orders.folder / "mappings.xlsx")
    assert problems.empty
    assert rows["statuses"]["status"].tolist() == ["completed", "on-hold", "processing", "cancelled"]
    assert ["TVA 5,5 %", "5.5", "FR", ""] in rows["taxes"].to_numpy().tolist()
    assert rows["carriers"]["carrier"].tolist() == ["Colissimo"]
    assert result.output.count("Remplissez la ligne marquée") == 1
    count = sum(len(table) for table in rows.values())
    assert result.output.splitlines()[-1].endswith(f", {count} nouvelle(s) valeur(s).")
    again = passerelle("refresh", "demo")
    assert again.output.splitlines()[-1].endswith(", 0 nouvelle(s) valeur(s).")
    assert sorted(file.name for file in (orders.folder / "in").iterdir())


def test_ord_45_refresh_makes_the_workbook_when_there_is_none(orders, passerelle):
    (orders.folder / "mappings.xlsx").unlink()
    assert passerelle("refresh", "demo").exit_code == 0
    assert len(read_mappings(orders.folder / "mappings.xlsx")[0]["statuses"])


def test_ord_45_refresh_of_an_open_workbook_says_so(orders, passerelle):
    (orders.folder / "~$mappings.xlsx").touch()
    result = passerelle("refresh", "demo")
    assert result.exit_code == 1
    assert "est ouvert ailleurs" in result.output


def test_pro_4_refresh_of_a_paused_profile_does_nothing(orders, passerelle):
    orders.replace('name = "demo"', 'name = "demo"\npaused = true')
    orders.write()
    before = (orders.folder / "mappings.xlsx").read_bytes()
    assert "en pause" in passerelle("refresh", "demo").output
    assert (orders.folder / "mappings.xlsx").read_bytes() == before


def test_run_5_refresh_of_exports_that_cannot_be_read_ends_with_3(orders, passerelle):
    (orders.folder / "in" / "orders.json").write_text("{")
    result = passerelle("refresh", "demo")
    assert result.exit_code == 3
    assert result.output.startswith("✗ ")


def test_run_5_refresh_of_a_broken_workbook_ends_with_2(orders, passerelle):
    (orders.folder / "mappings.xlsx").write_bytes(b"typed by people")
    result = passerelle("refresh", "demo")
    assert result.exit_code == 2
    assert "mappings.xlsx" in result.output
    assert (orders.folder / "mappings.xlsx").read_bytes() == b"typed by people"
